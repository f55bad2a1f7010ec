"""Copies of a model in processes: the same ids as one copy, shared out, and nothing lost when one dies."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from lib import engine
from lib.engine import EngineError, Request, data_parallel
from lib.engine.data_parallel import Copies
from tests.engine.conftest import leaves_nothing_running, outcomes, several


@pytest.fixture(scope="module")
def ready() -> Iterator[Copies]:
    with engine.open(several()) as opened:
        yield opened


@pytest.fixture
def sent(ready, monkeypatch) -> list[tuple[int, Request]]:
    """What is sent to which copy."""
    log, send = [], ready._send
    monkeypatch.setattr(ready, "_send", lambda i, message: log.append((i, message)) or send(i, message))
    return log


@pytest.mark.engine
def test_copies_give_the_ids_of_one_and_requests_of_one_prefix_go_to_the_same(ready, sent, sampled, expected):
    assert isinstance(ready, Copies)
    assert outcomes(ready, sampled) == expected
    where = {request.key: i for i, request in sent}
    assert all(where[f"{i} 0"] == where[f"{i} 1"] == where[f"{i} 2"] for i in range(8))
    assert set(where.values()) == {0, 1}


@pytest.mark.engine
def test_what_a_copy_refuses_and_a_caller_that_stops_early_leave_nothing_running(ready, sampled):
    assert leaves_nothing_running(ready, sampled)


@pytest.mark.engine
@pytest.mark.slow
@pytest.mark.parametrize("killed", [[1], [0, 1]])
def test_a_copy_that_dies_is_replaced_and_its_requests_are_done_again(ready, sent, sampled, expected, killed, capfd):
    answers, processes = [], [process for process, _ in ready._copies]
    for done in ready.generate(sampled):
        answers.append((done.key, list(done.token_ids), done.finish_reason))
        if len(answers) == 6:
            before = len(sent)
            for i in killed:
                os.kill(processes[i].pid, signal.SIGKILL)
    assert before == len(sampled)  # all were given out at once
    assert sorted(answers) == sorted(expected.values())
    again = [request.key for _, request in sent[before:]]
    of_the_killed = {request.key for i, request in sent[:before] if i in killed}
    assert again and of_the_killed >= set(again) and len(set(again)) == len(again)
    printed = capfd.readouterr().err
    pending = re.findall(r"it is started again, and (\d+) requests are asked again", printed)
    assert len(pending) == len(killed) and sum(map(int, pending)) == len(again)
    for i in killed:
        assert printed.count(f"TinyLRM-S: copy {i} of 2 has ended (exit code -9)") == 1


@pytest.mark.engine
@pytest.mark.slow
def test_a_copy_that_dies_again_and_again_ends_the_run(ready, sampled, monkeypatch):
    while len(ready._ready) < 2:  # one that was started again may still load, and is counted on when it has
        assert len(list(ready.generate(sampled[:12]))) == 12
    monkeypatch.setattr(data_parallel, "LIVES", 1)
    processes = [process for process, _ in ready._copies]
    with pytest.raises(EngineError, match=r"TinyLRM-S: copy 1 of 2 has ended \(exit code -9\)"):
        for i, _ in enumerate(ready.generate(sampled)):
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
def test_gpus_are_dealt_out_in_order(monkeypatch, visible, options, dealt):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert data_parallel.shares(several(**options), ExitStack()) == dealt
