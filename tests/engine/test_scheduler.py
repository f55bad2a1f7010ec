"""Who of several workers does which request, without a worker: shared out, done again, answered once."""

import random

import pytest

from lib import params
from lib.engine import Completion, EngineError, Request, scheduler
from lib.engine.scheduler import Scheduler

MODEL = params.load_model("tiny-lrm-s")


def asked(count: int, alike: int = 1) -> list[Request]:
    return [Request(f"{i} {k}", [10 + i, 11], k) for i in range(count) for k in range(alike)]


def of(requests, **windows) -> Scheduler:
    made = Scheduler(MODEL, requests)
    for name, window in windows.items():
        made.join(int(name[1:]), window)
    return made


def answer(request: Request) -> Completion:
    return Completion(request.key, [1], "stop", 0)


def keys(given: dict[int, list[Request]]) -> dict[int, list[str]]:
    return {worker: [request.key for request in requests] for worker, requests in given.items()}


def test_requests_go_to_the_worker_with_the_least_to_do():
    made = of(asked(5), w1=8, w2=8)
    assert keys(made.deal()) == {1: ["0 0", "2 0", "4 0"], 2: ["1 0", "3 0"]}
    assert (made.owes(1), made.owes(2), made.busy) == (3, 2, True)


def test_requests_that_begin_alike_go_to_one_worker():
    given = keys(of(asked(4, alike=3), w1=50, w2=50).deal())
    assert given == {
        1: [f"{i} {k}" for i in (0, 2) for k in range(3)],
        2: [f"{i} {k}" for i in (1, 3) for k in range(3)],
    }


def test_no_more_is_taken_than_there_is_room_for():
    source = iter(asked(9))
    made = of(source, w1=2, w2=3)
    given = made.deal()
    assert sum(map(len, given.values())) == 5
    assert made.deal() == {}
    assert made.accept(1, answer(given[1][0]))
    assert keys(made.deal()) == {1: ["5 0"]}
    assert len(list(source)) == 3


def test_nothing_is_taken_without_a_worker():
    source = iter(asked(2))
    made = of(source)
    assert made.deal() == {} and not made.busy
    assert len(list(source)) == 2


def test_what_a_lost_worker_owed_goes_to_others_before_anything_new():
    made = of(asked(8), w1=2, w2=2)
    given = made.deal()
    made.accept(2, answer(given[2][0]))
    assert made.lose(2) == 1
    assert (made.owes(2), made.busy) == (0, True)
    assert made.deal() == {}  # the other one has no room
    made.join(3, 4)
    assert keys(made.deal()) == {3: ["3 0", "4 0", "5 0", "6 0"]}


def test_an_answer_counts_once_and_only_of_the_worker_that_owes_it():
    made = of(asked(2), w1=1, w2=1)
    given = made.deal()
    first = answer(given[1][0])
    assert not made.accept(2, first)
    assert made.accept(1, first)
    assert not made.accept(1, first)
    assert not made.accept(1, Completion("never asked", [1], "stop", 0))
    made.lose(2)
    assert not made.accept(2, answer(given[2][0]))  # it comes after its worker was given up
    made.deal()
    assert made.accept(1, answer(given[2][0])) and not made.busy


def test_a_key_twice_and_a_prompt_too_long_are_refused_also_while_they_wait_for_a_worker():
    twice = [*asked(1), *asked(1)]
    with pytest.raises(EngineError, match="0 0: two requests with this key"):
        of(twice, w1=9).deal()
    made = of(twice, w1=1)
    made.deal()
    made.lose(1)
    made.join(2, 9)
    with pytest.raises(EngineError, match="0 0: two requests with this key"):
        made.deal()
    with pytest.raises(EngineError, match="long: prompt of 768 tokens, expected fewer"):
        of([Request("long", [10] * 768, 0)], w1=1).deal()


def test_a_request_that_ends_its_workers_is_named():
    made = of(asked(1))
    with pytest.raises(EngineError, match=r"0 0: 5 workers have ended while they had it in hand"):
        for number in range(scheduler.LOSSES + 1):
            made.join(number, 1)
            made.deal()
            made.lose(number)
    assert number == scheduler.LOSSES - 1


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_each_key_is_answered_once(seed, monkeypatch):
    monkeypatch.setattr(scheduler, "LOSSES", 10**6)
    rng = random.Random(seed)
    requests = asked(40, alike=3)
    made, alive, number, answered = of(iter(requests)), {}, 0, []
    while len(answered) < len(requests):
        if rng.random() < 0.1 or not alive:
            number += 1
            alive[number] = []
            made.join(number, rng.randint(1, 20))
        for worker, given in made.deal().items():
            alive[worker] += given
        worker = rng.choice(list(alive))
        if rng.random() < 0.05:
            assert made.lose(worker) == len(alive.pop(worker))
        elif alive[worker]:
            done = answer(alive[worker].pop(rng.randrange(len(alive[worker]))))
            assert made.accept(worker, done)
            answered.append(done.key)
    assert sorted(answered) == sorted(request.key for request in requests)
    assert not made.busy and made.deal() == {}
