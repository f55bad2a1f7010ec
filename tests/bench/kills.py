"""Kills: a run that is killed at random moments and started again, row by row beside one that is left alone."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from lib import paths
from tests.bench import clock
from tests.bench.memory import SCRIPT
from tests.bench.rows import Row

MODEL, PROBLEMS = "tiny-lrm-s", 10
MOST = 0.3  # seconds on disk's side of a part at which a run is killed, at most


def lost(runs: int, size: float) -> Iterator[Row]:
    """Rows lost, doubled or different after kills, half as many as runs: each takes the start of an engine."""
    rng, count, times = random.Random(5), clock.sized(PROBLEMS, size, 4), max(1, runs // 2)
    with TemporaryDirectory() as alone, TemporaryDirectory() as killed:
        _end(_started(alone, count))
        struck = sum(_struck(killed, count, rng) for _ in range(times))
        _end(_started(killed, count))
        wrong = {name: _differing(alone, killed, name) for name in ("traces", "continuations")}
        same = all(_table(alone, name).read_bytes() == _table(killed, name).read_bytes() for name in wrong)
        rows = sum(len(pd.read_parquet(_table(alone, name))) for name in wrong)
    told = f"of {rows}; killed {struck} times after it had brought something to disk; tables "
    told += "the same, byte for byte" if same else "differ in bytes"
    name = "kills: rows lost, doubled or different"
    yield Row(name, "ours", "rows", (sum(wrong.values()),), (), "<= 0", told)


def _started(folder: str, count: int) -> subprocess.Popen:
    env = os.environ | {paths.OUTPUTS_VARIABLE: folder}
    command = [sys.executable, SCRIPT, "tiny", MODEL, str(count)]
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _end(process: subprocess.Popen) -> None:
    wrong = process.communicate()[1]
    if process.returncode:
        raise RuntimeError(f"pass_through: {wrong.strip().splitlines()[-1:]}")


def _struck(folder: str, count: int, rng: random.Random) -> bool:
    """Start a run and kill it a moment after it has brought something to disk; False if it ended before."""
    before, process = _parts(folder), _started(folder, count)
    while _parts(folder) <= before and process.poll() is None:
        time.sleep(0.01)
    time.sleep(rng.uniform(0, MOST))
    ended = process.poll() is not None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return not ended


def _parts(folder: str) -> int:
    return len(list(Path(folder).rglob("parts/**/*.parquet")))


def _table(folder: str, name: str) -> Path:
    return next(Path(folder).rglob(f"tables/**/{name}.parquet"))


def _differing(alone: str, killed: str, name: str) -> int:
    """Rows of a table that are not in both runs alike."""
    frames = [pd.read_parquet(_table(folder, name)) for folder in (alone, killed)]
    texts = [frame.set_index(frame.columns[0]).map(str).agg("|".join, axis=1) for frame in frames]
    counts = [text.groupby([text.index, text]).size() for text in texts]
    return int(counts[0].sub(counts[1], fill_value=0).abs().sum())
