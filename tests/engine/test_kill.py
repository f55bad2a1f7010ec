"""A run with the real engine that is killed in the middle ends, when started again, as if it had been left alone."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from lib import paths

COMMAND = [sys.executable, str(paths.ROOT / "tests" / "bench" / "pass_through.py"), "smoke", "tiny-lrm-s", "6"]
KILLS = 2  # `make bench ARGS="--only kills --runs 20"` kills more often


def started(folder: Path) -> subprocess.Popen:
    env = os.environ | {"PYTHONPATH": str(paths.ROOT), paths.OUTPUTS_VARIABLE: str(folder)}
    return subprocess.Popen(COMMAND, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(folder: Path) -> str:
    process = started(folder)
    told, wrong = process.communicate(timeout=300)
    assert process.returncode == 0, wrong
    return told


def written(folder: Path) -> int:
    return len(list(folder.rglob("parts/**/*.parquet")))


def tables(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.rglob("tables/**/*.parquet")}


def test_kill_minus_nine_and_again_gives_the_tables_of_a_run_left_alone(tmp_path):
    rng = random.Random(11)
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    whole = finished(alone)
    for _ in range(KILLS):
        before, process = written(killed), started(killed)
        while written(killed) == before and process.poll() is None:  # until it has brought something to the disk
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        assert process.poll() is None, "it ended before it was killed"
        process.send_signal(signal.SIGKILL)
        process.communicate()
    told = finished(killed)
    kept = int(told.split(" kept")[0].rsplit(" ", 1)[1])
    assert 0 <= kept < int(whole.split(" requests")[0].rsplit(" ", 1)[1])
    assert sorted(tables(alone)) == ["continuations.parquet", "traces.parquet"]
    assert tables(killed) == tables(alone)
