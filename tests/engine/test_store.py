"""Completions on disk: nothing written is lost, nothing torn is taken for whole, nothing is paid for twice."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from lib import params, paths
from lib.engine import Completion, EngineError, Request, Usage
from lib.engine import store as parts

STUDY, MODEL = "s", "m"


def completion(i: int) -> Completion:
    rng = np.random.default_rng(i)
    return Completion(f"key{i:05}", rng.integers(0, 1536, i % 40), ("stop", "length")[i % 2], i % 7)


def same(a: Completion, b: Completion) -> bool:
    return np.array_equal(a.token_ids, b.token_ids) and (a.finish_reason, a.cached_tokens) == (
        b.finish_reason,
        b.cached_tokens,
    )


def stored() -> dict[str, Completion]:
    with parts.open(STUDY, MODEL) as store:
        return store.completions()


def fill(count: int, rows: int, first: int = 0) -> None:
    with parts.open(STUDY, MODEL, rows=rows) as store:
        for i in range(first, first + count):
            store.add(completion(i))


def files() -> list:
    return sorted(paths.parts(STUDY, MODEL).glob("*.parquet"))


def test_what_was_added_is_found_again_by_key(outputs):
    assert stored() == {}
    fill(100, rows=16)
    found = stored()
    assert sorted(found) == [f"key{i:05}" for i in range(100)]
    assert all(same(found[f"key{i:05}"], completion(i)) for i in range(100))
    assert len(files()) == 7  # six full ones and what was left at the end


def test_what_waits_is_written_after_some_seconds_and_when_the_run_fails(outputs, monkeypatch):
    monkeypatch.setattr(parts, "SECONDS", 0.05)
    with pytest.raises(KeyboardInterrupt), parts.open(STUDY, MODEL) as store:
        store.add(completion(0))
        assert files() == []
        time.sleep(0.06)
        store.add(completion(1))
        assert len(files()) == 1 and sorted(store.completions()) == ["key00000", "key00001"]
        store.add(completion(2))
        raise KeyboardInterrupt
    assert sorted(stored()) == ["key00000", "key00001", "key00002"]


def script(outputs, code: str) -> subprocess.Popen:
    env = os.environ | {"PYTHONPATH": str(paths.ROOT), paths.OUTPUTS_VARIABLE: str(outputs)}
    return subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True)


WRITER = """
from tests.engine import test_store as t
with t.parts.open(t.STUDY, t.MODEL, rows=5) as store:
    known = set(store.completions())
    for i in range(400):
        if f"key{i:05}" not in known:
            store.add(t.completion(i))
            if not store._waiting:
                print(i, flush=True)
"""


@pytest.mark.slow
def test_kill_minus_nine_at_any_moment_loses_nothing_that_was_written(outputs):
    rng = random.Random(7)
    reported = -1
    for _ in range(6):
        process = script(outputs, WRITER)
        lines = []
        for _ in range(rng.randint(1, 12)):  # killed as soon as so many parts are reported written
            lines.append(process.stdout.readline())
        time.sleep(rng.uniform(0, 0.01))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        reported = max([reported, *(int(line) for line in lines if line.strip())])
        found = stored()
        assert all(f"key{i:05}" in found for i in range(reported + 1))
        assert all(same(done, completion(int(key[3:]))) for key, done in found.items())
    assert 0 <= reported < 399  # it was never killed after its end
    last = script(outputs, WRITER)
    last.communicate(timeout=60)
    found = stored()
    assert sorted(found) == [f"key{i:05}" for i in range(400)]
    assert all(same(found[f"key{i:05}"], completion(i)) for i in range(400))


@pytest.mark.parametrize("harm", ["empty", "half", "last byte", "flipped", "not parquet"])
def test_a_torn_part_is_set_aside_by_name_and_the_rest_stays(outputs, harm, capsys):
    fill(30, rows=10)
    victim = files()[1]
    data = bytearray(victim.read_bytes())
    if harm == "flipped":
        data[len(data) // 2] ^= 1
    harmed = {"empty": b"", "half": data[: len(data) // 2], "last byte": data[:-1], "not parquet": b"x" * 900}
    victim.write_bytes(bytes(harmed.get(harm, data)))
    found = stored()
    assert sorted(found) == [f"key{i:05}" for i in [*range(10), *range(20, 30)]]
    warned = capsys.readouterr().err.splitlines()
    assert len(warned) == 1 and f"{victim.name}.torn: set aside" in warned[0]
    assert victim.with_name(f"{victim.name}.torn").exists() and not victim.exists()
    fill(10, rows=10, first=10)
    assert len(stored()) == 30 and capsys.readouterr().err == ""


def test_a_completion_that_stands_twice_counts_once_and_differing_ones_are_told(outputs, capsys):
    fill(3, rows=3)
    with parts.open(STUDY, MODEL) as store:
        store.add(completion(1))
        store.add(Completion("key00002", np.array([1, 2, 3]), "stop", 0))
    found = stored()
    assert len(found) == 3 and same(found["key00002"], completion(2))
    assert "1 requests were answered twice, differently; the first counts" in capsys.readouterr().err


def test_many_parts_are_merged_and_a_merge_that_is_killed_half_way_loses_nothing(outputs, monkeypatch):
    fill(parts.MOST + 5, rows=1)
    assert len(files()) == parts.MOST + 5
    removed = []

    def killed(file, missing_ok=False):
        removed.append(file)
        if len(removed) == 10:
            raise SystemExit
        os.remove(file)

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.unlink", killed)
        with pytest.raises(SystemExit):
            stored()
    assert len(stored()) == parts.MOST + 5
    fill(9, rows=1, first=1000)
    assert len(stored()) == parts.MOST + 14 and len(files()) == 1


def test_what_a_killed_process_left_half_written_is_removed(outputs):
    fill(2, rows=2)
    left = paths.parts(STUDY, MODEL) / ".00001-abc.parquet.99.part"
    left.write_bytes(b"half")
    assert len(stored()) == 2 and not left.exists()


HOLDER = """
import time
from tests.engine import test_store as t
with t.parts.open(t.STUDY, t.MODEL):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_by_name(outputs):
    with script(outputs, HOLDER) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(parts.PartsError, match=rf"parts/m: in use by process {process.pid} on \S+ since 20"):
            stored()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert stored() == {}  # a dead process holds nothing


def test_a_full_disk_is_told_and_what_waits_is_kept(outputs, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    with parts.open(STUDY, MODEL, rows=3) as store:
        store.add(completion(0))
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(parts.PartsError, match="No space left on device"):
                store.flush()
        assert files() == []
    assert list(stored()) == ["key00000"]


class Echo:
    """A FAKE engine that answers with the seed; a request with a seed of `failing` ends all that runs, as in others."""

    def __init__(self, failing=()):
        self.model, self.failing, self.sent = params.load_model("tiny-lrm-s"), failing, []

    def generate(self, requests):
        requests, running = iter(requests), []
        while True:
            running += itertools.islice(requests, 4 - len(running))
            if not running:
                return
            request = running.pop(0)
            self.sent.append(request.key)
            if request.seed in self.failing:
                raise EngineError(f"{request.key}: on purpose")
            yield Completion(request.key, [request.seed], "stop", 1)


def request(seed: int, length: int = 3) -> Request:
    return Request(f"key {seed}", [1] * length, seed)


def test_equal_requests_are_sent_once_and_those_in_the_store_never(outputs):
    planned = [(i, request(i % 3)) for i in range(6)]
    with parts.open(STUDY, MODEL) as store:
        ready, usage = Echo(), Usage()
        first = {i: list(done.token_ids) for i, done in parts.completed(ready, planned, store, usage)}
        again = {i: list(done.token_ids) for i, done in parts.completed(ready, iter(planned), store, usage, total=6)}
    assert first == again == {i: [i % 3] for i in range(6)} and len(ready.sent) == 3
    assert (usage.requests, usage.kept, usage.prompt, usage.generated, usage.computed) == (6, 3, 18, 6, 12)


def test_a_request_that_fails_or_is_too_long_takes_no_other_with_it_and_is_not_kept(outputs):
    planned = [*((i, request(i)) for i in range(20)), (20, request(20, length=5000))]
    with parts.open(STUDY, MODEL) as store:
        done = dict(parts.completed(Echo(failing=(3, 7)), planned, store))
        assert set(store.completions()) == {f"key {i}" for i in range(20) if i not in (3, 7)}
    assert {i: one.error for i, one in done.items() if one.error} == {
        3: "on purpose",
        7: "on purpose",
        20: "prompt of 5000 tokens, expected fewer than max_model_len 768 of params/models/tiny-lrm-s.yaml",
    }
    assert len(done) == 21
    with pytest.raises(EngineError, match=r"^key 3: on purpose$"):
        done[3].raise_for_error()


def test_an_engine_that_fails_as_a_whole_ends_the_run(monkeypatch):
    def broken(requests):
        raise EngineError("Fake: out of memory")

    monkeypatch.setattr(ready := Echo(), "generate", broken)
    with pytest.raises(EngineError, match=r"^Fake: out of memory$"):
        list(parts.completed(ready, [(0, request(0))]))


def test_what_cannot_be_used_is_asked_again_with_another_seed():
    replies = set()

    def read(item, done):
        replies.add((item, done.error or int(done.token_ids[0])))
        return not done.error and (item == 0 or done.token_ids[0] >= 20)

    parts.ask(Echo(failing=(12,)), [0, 1, 2], lambda item, attempt: request(10 * attempt + item), read, attempts=3)
    assert replies == {(0, 0), (1, 1), (2, 2), (1, 11), (2, "on purpose"), (1, 21), (2, 22)}
