"""The scheduler without workers: requests are shared out, done again when a worker is lost, answered once."""

import random

import pytest

from lib import params
from lib.engine import Completion, EngineError, Request, scheduler
from lib.engine.scheduler import Scheduler

MODEL = params.load_model("tiny-lrm-s")


def requests(count: int, alike: int = 1) -> list[Request]:
    return [Request(f"{i} {k}", [10 + i, 11], k) for i in range(count) for k in range(alike)]


def of(source, *windows: int) -> Scheduler:
    made = Scheduler(MODEL, source)
    for worker, window in enumerate(windows, 1):
        made.add_worker(worker, window)
    return made


def answer(request: Request) -> Completion:
    return Completion(request.key, [1], "stop", 0)


def keys(assigned: dict[int, list[Request]]) -> dict[int, list[str]]:
    return {worker: [request.key for request in given] for worker, given in assigned.items()}


def test_requests_go_to_the_least_busy_worker_and_those_of_one_prefix_to_the_same():
    made = of(requests(5), 8, 8)
    assert keys(made.assign()) == {1: ["0 0", "2 0", "4 0"], 2: ["1 0", "3 0"]}
    assert (made.pending(1), made.pending(2), made.busy) == (3, 2, True)
    assert keys(of(requests(4, alike=3), 50, 50).assign()) == {
        1: [f"{i} {k}" for i in (0, 2) for k in range(3)],
        2: [f"{i} {k}" for i in (1, 3) for k in range(3)],
    }


def test_no_more_is_taken_than_there_is_room_for():
    source = iter(requests(9))
    made = of(source)
    assert made.assign() == {} and not made.busy  # no worker
    made = of(source, 2, 3)
    given = made.assign()
    assert sum(map(len, given.values())) == 5
    assert made.assign() == {}
    assert made.accept(1, answer(given[1][0]))
    assert keys(made.assign()) == {1: ["5 0"]}
    assert len(list(source)) == 3


def test_what_a_lost_worker_had_goes_to_others_before_anything_new():
    made = of(requests(8), 2, 2)
    given = made.assign()
    made.accept(2, answer(given[2][0]))
    assert made.remove_worker(2) == 1
    assert (made.pending(2), made.busy) == (0, True)
    assert made.assign() == {}  # the other one has no room
    made.add_worker(3, 4)
    assert keys(made.assign()) == {3: ["3 0", "4 0", "5 0", "6 0"]}


def test_an_answer_counts_once_and_only_of_the_worker_that_has_the_request():
    made = of(requests(2), 1, 1)
    given = made.assign()
    first = answer(given[1][0])
    assert [made.accept(worker, first) for worker in (2, 1, 1)] == [False, True, False]
    assert not made.accept(1, Completion("never asked", [1], "stop", 0))
    made.remove_worker(2)
    assert not made.accept(2, answer(given[2][0]))  # it comes after its worker was given up
    made.assign()
    assert made.accept(1, answer(given[2][0])) and not made.busy


def test_what_is_refused_is_named():
    twice = [*requests(1), *requests(1)]
    made = of(twice, 1)
    made.assign()
    made.remove_worker(1)
    made.add_worker(2, 9)
    for refusing in (of(twice, 9), made):  # also while the first waits for a worker
        with pytest.raises(EngineError, match="0 0: two requests with this key"):
            refusing.assign()
    with pytest.raises(EngineError, match="long: prompt of 768 tokens, expected fewer"):
        of([Request("long", [10] * 768, 0)], 1).assign()
    made = of(requests(1))
    with pytest.raises(EngineError, match=r"0 0: 5 workers have ended while they had it in hand"):
        for number in range(scheduler.LOSSES + 1):
            made.add_worker(number, 1)
            made.assign()
            made.remove_worker(number)
    assert number == scheduler.LOSSES - 1


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_each_key_is_answered_once(seed, monkeypatch):
    monkeypatch.setattr(scheduler, "LOSSES", 10**6)
    rng = random.Random(seed)
    asked = requests(40, alike=3)
    made, alive, number, answered = of(iter(asked)), {}, 0, []
    while len(answered) < len(asked):
        if rng.random() < 0.1 or not alive:
            number += 1
            alive[number] = []
            made.add_worker(number, rng.randint(1, 20))
        for worker, given in made.assign().items():
            alive[worker] += given
        worker = rng.choice(list(alive))
        if rng.random() < 0.05:
            assert made.remove_worker(worker) == len(alive.pop(worker))
        elif alive[worker]:
            done = answer(alive[worker].pop(rng.randrange(len(alive[worker]))))
            assert made.accept(worker, done)
            answered.append(done.key)
    assert sorted(answered) == sorted(request.key for request in asked)
    assert not made.busy and made.assign() == {}
