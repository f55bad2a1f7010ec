"""GPU leases: who gets which GPU when several runs share them, and that none is lost when a run is killed."""

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lib import engine, params, paths
from lib.engine import EngineError, Request, gpus
from lib.engine.data_parallel import Copies
from lib.engine.gpus import DevicesError
from lib.params.settings import Model

HOLD = """
import sys
from lib.engine import gpus
with gpus.lease(["0", "1"], int(sys.argv[1]), sys.argv[2]) as names:
    print(",".join(names), flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def locks(tmp_path, monkeypatch):
    monkeypatch.setenv(gpus.LOCKS, str(tmp_path / "locks"))
    for name in (gpus.GPUS, gpus.CONCURRENT_RUNS):
        monkeypatch.delenv(name, raising=False)


def needing(**options) -> Model:
    return dataclasses.replace(params.load_model("qwen3-8b"), options=options)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("  ", []),
        ("2, 0,1", ["2", "0", "1"]),
        ("GPU-8b5e-f1,MIG-GPU-8b5e/1/0", ["GPU-8b5e-f1", "MIG-GPU-8b5e/1/0"]),
    ],
)
def test_gpus_are_read_in_order(monkeypatch, text, names):
    monkeypatch.setenv(gpus.GPUS, text)
    assert gpus.visible_gpus() == names
    assert gpus.shared() == bool(names)


@pytest.mark.parametrize("text", ["0,0", "all", "0;1", "0,", "-1"])
def test_what_names_no_gpus_is_refused(monkeypatch, text):
    monkeypatch.setenv(gpus.GPUS, text)
    message = "GPUS: expected devices with commas between, each once, such as 0,1,2,3"
    with pytest.raises(EngineError, match=message), engine.open(params.load_model("tiny-lrm-s")):
        pass


@pytest.mark.parametrize("text", ["0", "two"])
def test_a_number_of_runs_that_is_none_is_refused(monkeypatch, text):
    assert gpus.concurrent_runs() == 1
    monkeypatch.setenv(gpus.CONCURRENT_RUNS, text)
    with pytest.raises(DevicesError, match="MIDTHOUGHT_CONCURRENT_RUNS: expected how many runs"):
        gpus.concurrent_runs()


# (GPUs, concurrent runs, options of the model, copies)
@pytest.mark.parametrize(
    ("count", "runs", "options", "copies"),
    [
        (1, 1, {}, 1),
        (4, 1, {}, 4),  # one model has them all
        (4, 2, {}, 2),
        (4, 3, {}, 1),
        (2, 5, {}, 1),  # more runs than GPUs: each needs one, and waits for it
        (8, 2, {"tensor_parallel_size": 2}, 2),
        (4, 4, {"tensor_parallel_size": 2}, 1),  # two of four run at a time
        (8, 1, {"tensor_parallel_size": 2, "pipeline_parallel_size": 2}, 2),
        (8, 1, {"data_parallel_size": 3}, 3),  # its file says so
        (8, 1, {"data_parallel_size": 1}, 1),
    ],
)
def test_a_model_gets_its_share(count, runs, options, copies):
    assert gpus.copies(needing(**options), count, runs) == copies


def test_what_does_not_fit_is_refused():
    with pytest.raises(DevicesError, match=r"params/models/qwen3-8b\.yaml: needs 4 GPUs, there are 2"):
        gpus.copies(needing(tensor_parallel_size=4), 2)
    with pytest.raises(DevicesError, match="data_parallel_size: 3 copies of 2 need 6 GPUs, there are 4"):
        gpus.copies(needing(tensor_parallel_size=2, data_parallel_size=3), 4)
    for size in (0, "2", True):
        with pytest.raises(DevicesError, match=f"tensor_parallel_size: should be a count, got {size!r}"):
            gpus.gpus_per_copy(needing(tensor_parallel_size=size))
        with pytest.raises(DevicesError, match=f"data_parallel_size: should be a count, got {size!r}"):
            gpus.copies(needing(data_parallel_size=size), 4)


@pytest.fixture
def hold() -> Iterator:
    """Processes that lease some of two GPUs and keep them until they are let go."""
    running = []

    def start(count: int, name: str) -> subprocess.Popen:
        env = os.environ | {"PYTHONPATH": str(paths.ROOT)}
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        running.append(subprocess.Popen([sys.executable, "-c", HOLD, str(count), name], env=env, text=True, **pipes))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_runs_lease_free_gpus_and_get_those_of_one_that_is_killed(hold):
    first, second = hold(1, "a"), hold(1, "b")
    names = {first.stdout.readline().strip(), second.stdout.readline().strip()}
    assert names == {"0", "1"}
    third = hold(1, "c")
    assert third.stderr.readline() == "c: waits for 1 of the GPUs 0,1, which other runs have\n"
    assert third.poll() is None
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert third.stdout.readline().strip() in names
    third.communicate("")
    assert third.returncode == 0


def test_a_run_that_needs_many_is_not_passed_by(hold):
    first = hold(1, "a")
    assert first.stdout.readline() == "0\n"
    large = hold(2, "large")
    assert "waits for 1 of the GPUs" in large.stderr.readline()  # it has the other one already
    small = hold(1, "small")
    first.communicate("")
    assert large.stdout.readline() == "0,1\n"
    assert small.poll() is None
    large.communicate("")
    assert small.stdout.readline() == "0\n"


def test_a_folder_that_cannot_be_made_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(gpus.LOCKS, str(tmp_path / "file" / "locks"))
    with pytest.raises(DevicesError, match="expected a folder to keep locks in"), gpus.lease(["0"], 1, "a"):
        pass


@pytest.mark.engine
def test_an_engine_has_its_gpus_as_long_as_it_is_open(monkeypatch, tmp_path):
    monkeypatch.setenv(gpus.GPUS, "5,3")
    monkeypatch.setenv(gpus.CONCURRENT_RUNS, "2")  # so that it gets one; the engine for the CPU does not look at it
    with engine.when_needed(params.load_model("tiny-lrm-s")) as ready:
        assert not (tmp_path / "locks").exists()  # what is answered already needs no GPU
        assert [done.key for done in ready.generate([Request("a", [10, 11], 0, max_tokens=3)])] == ["a"]
        assert isinstance(ready._engine, Copies) and ready._engine._shares == ["5"]
        with gpus.lease(["5", "3"], 1, "other") as left:
            assert left == ["3"]
    with gpus.lease(["5", "3"], 2, "other") as both:
        assert both == ["5", "3"]


# (what make is given, concurrent runs)
@pytest.mark.make
@pytest.mark.parametrize(
    ("given", "runs"),
    [
        ([], "2"),  # as many as there are models and jobs
        (["JOBS=1"], "1"),
        (["GPUS=0,1,2"], "2"),
        (["GPUS=0"], "1"),
        (["GPUS=0,1,2", "MODELS=tiny-lrm-s"], "1"),
    ],
)
def test_make_sets_how_many_runs_share_the_gpus(given, runs):
    command = ["make", "-pnq", "results", "EXTRA=cpu", *given]
    printed = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True).stdout.splitlines()
    assert f"MIDTHOUGHT_CONCURRENT_RUNS := {runs}" in printed
    names = next((text.removeprefix("GPUS=") for text in given if text.startswith("GPUS=")), "")
    assert f"MIDTHOUGHT_GPUS := {names}" in printed
