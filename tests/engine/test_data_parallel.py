"""Copies of a model in processes of their own: the same ids as one copy, shared out, and no silence when one dies."""

import dataclasses
import os
import re
import signal
from collections.abc import Iterator

import pytest

from lib import engine, markup, params, problems
from lib.engine import EngineError, Request, data_parallel, request_key
from lib.engine.data_parallel import Copies
from lib.params.settings import Model

COUNT = 2


def several(count=COUNT, **options) -> Model:
    model = params.load_model("tiny-lrm-s")
    return dataclasses.replace(model, options=model.options | {"data_parallel_size": count} | options)


def asked(count: int, **changes) -> list[Request]:
    model = params.load_model("tiny-lrm-s")
    prompts = [markup.prompt_ids(text, model) for text in problems.load("tiny").head(count)["problem"]]
    return [Request(f"{i} {k}", ids, 10 * i + k, **changes) for i, ids in enumerate(prompts) for k in range(3)]


@pytest.fixture(scope="module")
def ready() -> Iterator[Copies]:
    with engine.open(several()) as opened:
        yield opened


def test_copies_give_the_ids_of_one(ready):
    assert isinstance(ready, Copies)
    together = {done.key: done for done in ready.generate(iter(asked(20)))}
    with engine.open(params.load_model("tiny-lrm-s")) as alone:
        single = {done.key: done for done in alone.generate(asked(20))}
    assert together.keys() == single.keys()
    for key, done in single.items():
        assert (together[key].token_ids, together[key].finish_reason) == (done.token_ids, done.finish_reason)


def test_requests_that_begin_alike_go_to_one_copy_and_the_others_to_both(ready):
    sent = []
    tell = ready._tell
    ready._tell = lambda i, what: sent.append((i, what)) or tell(i, what)
    try:
        list(ready.generate(asked(8)))
    finally:
        ready._tell = tell
    where = {request.key: i for i, request in sent}
    assert all(where[f"{i} 0"] == where[f"{i} 1"] == where[f"{i} 2"] for i in range(8))
    assert set(where.values()) == {0, 1}


def test_a_caller_that_stops_early_leaves_nothing_running(ready):
    several = ready.generate(asked(10))
    next(several)
    several.close()
    left = list(ready.generate([Request("after", [10, 11], 0, max_tokens=3)]))
    assert [done.key for done in left] == ["after"]


def test_what_a_copy_refuses_is_told(ready):
    with pytest.raises(EngineError, match="long: prompt of 768 tokens, expected fewer"):
        list(ready.generate([*asked(2), Request("long", [10] * 768, 0)]))
    assert len(list(ready.generate(asked(1)))) == 3


@pytest.mark.parametrize("killed", [[1], [0, 1]])
def test_a_copy_that_dies_is_replaced_and_what_it_had_not_answered_is_asked_again(ready, killed, capfd):
    requests, sent, answers = asked(30), [], []
    tell = ready._tell
    ready._tell = lambda i, what: sent.append((i, what)) or tell(i, what)
    processes = [process for process, _ in ready._copies]
    try:
        for done in ready.generate(requests):
            answers.append(done)
            if len(answers) == 6:
                before = len(sent)
                for i in killed:
                    os.kill(processes[i].pid, signal.SIGKILL)
    finally:
        ready._tell = tell
    assert before == len(requests)  # all were given out at once
    assert sorted(done.key for done in answers) == sorted(request.key for request in requests)
    again = [request.key for _, request in sent[before:]]
    of_the_killed = {request.key for i, request in sent[:before] if i in killed}
    assert again and of_the_killed >= set(again) and len(set(again)) == len(again)
    told = capfd.readouterr().err
    owed = re.findall(r"it is started again, and (\d+) requests are asked again", told)
    assert len(owed) == len(killed) and sum(map(int, owed)) == len(again)
    for i in killed:
        assert told.count(f"TinyLRM-S: copy {i} of 2 has ended (exit code -9)") == 1
    with engine.open(params.load_model("tiny-lrm-s")) as alone:
        single = {done.key: done.token_ids for done in alone.generate(requests)}
    assert {done.key: done.token_ids for done in answers} == single


def test_a_copy_that_was_started_again_works_in_the_next_run(ready):
    while len(ready._ready) < COUNT:  # it may still load, and is counted on when it has
        assert len(list(ready.generate(asked(4)))) == 12
    test_requests_that_begin_alike_go_to_one_copy_and_the_others_to_both(ready)


def test_a_copy_that_dies_again_and_again_is_told_and_the_other_is_ended(monkeypatch, ready):
    monkeypatch.setattr(data_parallel, "LIVES", 1)
    processes = [process for process, _ in ready._copies]
    with pytest.raises(EngineError, match=r"TinyLRM-S: copy 1 of 2 has ended \(exit code -9\)"):
        for i, _ in enumerate(ready.generate(asked(30))):
            if i == 5:
                processes[1].kill()
    ready.close()
    assert not any(process.is_alive() for process in processes)


@pytest.mark.parametrize(
    ("visible", "options", "dealt"),
    [
        ("0,1,2,3", {}, ["0", "1"]),
        ("4, 5,6,7", {"tensor_parallel_size": 2}, ["4,5", "6,7"]),
        ("0,1,2,3,4,5,6,7", {"tensor_parallel_size": 2, "pipeline_parallel_size": 2}, ["0,1,2,3", "4,5,6,7"]),
        ("GPU-a,GPU-b", {}, ["GPU-a", "GPU-b"]),
        ("", {}, [None, None]),
    ],
)
def test_devices_are_dealt_out_in_order(monkeypatch, visible, options, dealt):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert data_parallel.shares(several(**options)) == dealt


def test_too_few_devices_are_told(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    with pytest.raises(EngineError, match=r"options\.data_parallel_size: 2 copies of 2 need 4 GPUs, there are 3"):
        data_parallel.shares(several(tensor_parallel_size=2))
    for count in (0, "2", True):
        with pytest.raises(EngineError, match=r"options\.data_parallel_size: should be a count"):
            data_parallel.shares(several(count))


def test_the_number_of_copies_is_no_part_of_a_key():
    model = params.load_model("tiny-lrm-s")
    assert request_key(several(), [1, 2], 3) == request_key(model, [1, 2], 3)
