"""A cluster of Ray on this machine: the rows, keys and bytes of one process, whatever dies, and verdicts likewise."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from lib import cluster as ray_cluster
from lib import engine, grade, paths
from lib.engine import EngineError, Request
from lib.engine import ray as ray_engine
from lib.engine.ray import RayEngine
from lib.grade import cluster as graders
from tests.bench.pass_through import through
from tests.engine.conftest import leaves_nothing_running, outcomes, several

pytestmark = pytest.mark.ray
STUDY, PROBLEMS = "smoke", 4


@pytest.fixture(scope="module")
def special(prompts) -> list[Request]:
    """Requests with a thinking budget, and such as a judge makes, held to a schema."""
    schema = {"type": "object", "properties": {"right": {"type": "boolean"}}, "required": ["right"]}
    schema["additionalProperties"] = False
    budgets = [Request(f"{i} budget", ids, i, None, 10) for i, ids in enumerate(prompts[:8])]
    return budgets + [Request(f"{i} schema", ids, i, json_schema=schema) for i, ids in enumerate(prompts[:8])]


def living(*tops: int) -> set[int]:
    """The processes below some, but those that are dead and only not yet waited for."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            if state != "Z":
                parents[int(folder.name)] = int(parent)
    found, todo = set(), set(tops)
    while todo:
        todo = {process for process, parent in parents.items() if parent in todo}
        found |= todo
    return found


def until(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A cluster of this machine alone; its processes are all gone at the end."""
    assert not os.environ.get(ray_cluster.ADDRESS)
    ray = ray_cluster.join()
    yield
    ours = {process for process in living(os.getpid()) if of_ray(process)}
    ours |= living(*ours)
    assert ours
    ray_cluster.leave()
    assert not ray.is_initialized()
    until(lambda: not ours & (living(os.getpid()) | living(1)))


def of_ray(process: int) -> bool:
    """Whether a process runs a program of Ray's."""
    try:
        program = Path(f"/proc/{process}/cmdline").read_text().split("\0")[:3]
    except OSError:
        return False
    return program[0].startswith("ray::") or any(part.startswith("/") and "/ray/" in part for part in program)


@pytest.fixture(scope="module")
def ready(cluster) -> Iterator[RayEngine]:
    with engine.open(several(engine="ray")) as opened:
        yield opened


def tables(opened: engine.Engine, folder: Path) -> dict[str, bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(paths.OUTPUTS_VARIABLE, str(folder))
        through(opened, STUDY, PROBLEMS)
    return {file.name: file.read_bytes() for file in folder.rglob("tables/**/*.parquet")}


def test_two_workers_give_the_tables_of_one_process_to_the_byte(ready, tiny_lrm, tmp_path):
    assert isinstance(ready, RayEngine) and len({worker.ready.process for worker in ready._workers.values()}) == 2
    together = tables(ready, tmp_path / "together")
    assert sorted(together) == ["continuations.parquet", "traces.parquet"]
    assert together == tables(tiny_lrm, tmp_path / "alone")


@pytest.mark.slow
def test_a_worker_killed_in_mid_run_loses_and_repeats_nothing(ready, sampled, expected, capfd):
    capfd.readouterr()
    killed = ready._workers[2].ready.process
    given = []
    for done in ready.generate(sampled):
        given.append((done.key, list(done.token_ids), done.finish_reason))
        if len(given) == 1:
            os.kill(killed, signal.SIGKILL)
    assert sorted(given) == sorted(expected.values())
    until(lambda: ready._workers[2].ready or ready._receive(None, 1.0))
    assert ready._workers[2].ready.process != killed
    printed = capfd.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith(f"TinyLRM-S: worker 2 of 2 (process {killed} on ")
    assert "has ended: its process was killed, or ran out of memory; another one takes its place, and " in line
    assert " and 0 requests" not in line


def test_thinking_budgets_and_schemas_are_kept_alike(ready, tiny_lrm, special):
    assert outcomes(ready, special) == outcomes(tiny_lrm, special)


def test_what_a_worker_refuses_and_a_caller_that_stops_early_leave_nothing_running(ready, sampled):
    with pytest.raises(EngineError, match="no schema: vLLM refuses it: "):
        list(ready.generate([*sampled[:6], Request("no schema", [10, 11], 0, json_schema={"type": "no such type"})]))
    assert leaves_nothing_running(ready, sampled)


def test_a_worker_with_other_packages_is_refused(ready):
    known = ready._workers[1].ready
    other = dataclasses.replace(known, host="box7", versions=known.versions | {"torch": "0.1"})
    with pytest.raises(EngineError, match=r"TinyLRM-S: box7 has torch 0\.1, expected .* as here"):
        ready._refuse_other_versions(other)
    ready._refuse_other_versions(known)


def test_the_cluster_hears_this_machine_only(ready):
    listening = {}
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                listening[fields[9]] = fields[1].split(":")[0]
    own = {os.getpid(), *filter(of_ray, living(os.getpid()))}
    files = (file for process in own for file in Path(f"/proc/{process}/fd").glob("*"))
    heard = {listening[inode] for inode in set(map(socket_of, files)) & listening.keys()}
    assert heard and heard <= {"0100007F", "0000000000000000FFFF00000100007F"}


def socket_of(file: Path) -> str:
    """The number of the socket that an open file of a process is; empty if it is none."""
    try:
        kind, _, number = os.readlink(file).partition(":")
    except OSError:
        return ""
    return number.strip("[]") if kind == "socket" else ""


ANSWERS = [
    (r"\boxed{\frac{14}{4}}", "3.5"),
    (r"\boxed{x^2+2x+1}", "(x+1)^2"),
    (r"\boxed{x^2+2x}", "(x+1)^2"),
    (r"\boxed{\sqrt{8}}", r"2\sqrt{2}"),
    (r"\boxed{\{1,2\}}", r"\{2,1\}"),
    ("no answer", "3"),
    (None, "3"),
]
TESTS = '{"inputs": ["1\\n", "5\\n"], "outputs": ["2\\n", "6\\n"]}'
CODES = ["print(int(input()) + 1)", "print(2)", "print(", None, "import os\nos.abort()", "print(int(input()) + 1)"]


def test_verdicts_of_the_cluster_are_those_of_this_machine(cluster, monkeypatch):
    math = pd.DataFrame(ANSWERS * 3, columns=["text", "gold"]).assign(source="math500")
    code = pd.DataFrame({"code": CODES, "tests": TESTS}, index=range(7, 13))
    here = grade.math(math), grade.code(code)
    monkeypatch.setenv(graders.VARIABLE, "ray")
    called = []
    scatter = graders.scatter
    monkeypatch.setattr(graders, "scatter", lambda *args: called.append(args[-1]) or scatter(*args))
    monkeypatch.setattr(graders, "PROGRAMS", 2)
    pd.testing.assert_frame_equal(grade.math(math), here[0])
    pd.testing.assert_frame_equal(grade.code(code), here[1])
    assert called == ["answers", "programs"]
    assert {"correct", "incorrect", "no_answer"} <= set(here[0]["status"]) & set(here[1]["status"])


def test_an_error_of_grading_is_the_same_on_a_cluster(cluster, monkeypatch):
    frame = pd.DataFrame({"code": ["print(1)"], "tests": [TESTS]})
    monkeypatch.setenv(graders.VARIABLE, "ray")
    with pytest.raises(ValueError, match="profile: expected one of exact, lcb, got 'loose'"):
        grade.code(frame, profile="loose")


def test_a_place_for_graders_that_does_not_exist_is_told(monkeypatch):
    monkeypatch.setenv(graders.VARIABLE, "slurm")
    with pytest.raises(graders.GradersError, match="MIDTHOUGHT_GRADERS should be local or ray, got 'slurm'"):
        grade.math(pd.DataFrame([(r"\boxed{\sqrt{8}}", "3", "math500")], columns=["text", "gold", "source"]))


def test_a_cluster_that_is_there_is_joined_and_left_alone(cluster):
    address = ray_cluster.join().get_runtime_context().gcs_address
    code = "\n".join(
        [
            "import pandas as pd",
            "from lib import cluster, grade",
            f"math = pd.DataFrame({ANSWERS!r}, columns=['text', 'gold']).assign(source='math500')",
            "print(grade.math(math)['status'].tolist())",
            "print(cluster.join().get_runtime_context().gcs_address)",
        ]
    )
    env = os.environ | {"PYTHONPATH": str(paths.ROOT), ray_cluster.ADDRESS: address, graders.VARIABLE: "ray"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    here = grade.math(pd.DataFrame(ANSWERS, columns=["text", "gold"]).assign(source="math500"))["status"].tolist()
    assert done.stdout.splitlines() == [str(here), address]
    assert ray_cluster.join().is_initialized()


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EngineError, match=r"TinyLRM-S: Ray is not installed .* extra `cluster`.* `make env`"):
        RayEngine(several(engine="ray"))
    monkeypatch.setenv(graders.VARIABLE, "ray")
    with pytest.raises(graders.GradersError, match="MIDTHOUGHT_GRADERS=ray: Ray is not installed"):
        graders.scatter(list, [1], 1, None, "answers")


def test_options_that_cannot_be_met_are_told(cluster, monkeypatch):
    with pytest.raises(EngineError, match=r"options\.data_parallel_size: should be a count"):
        RayEngine(several("2", "ray"))
    monkeypatch.setattr(ray_engine, "version", lambda name: "none")  # as with vLLM's build for GPUs
    with pytest.raises(EngineError, match=r"data_parallel_size: 2 workers of 2 need 4 GPUs, there are \d"):
        RayEngine(several(engine="ray", tensor_parallel_size=2))


@pytest.mark.slow
def test_workers_that_end_in_a_row_without_a_completion_end_the_run(ready, sampled, monkeypatch):
    monkeypatch.setattr(ray_engine, "FRUITLESS", 1)
    os.kill(ready._workers[1].ready.process, signal.SIGKILL)
    with pytest.raises(EngineError, match=r"TinyLRM-S: worker 1 of 2 .* has ended: .*; 1 workers in a row have ended"):
        list(ready.generate(sampled))
