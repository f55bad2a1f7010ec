"""Fixtures that several test modules share."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest

from lib import engine, figures, params, paths
from lib.engine import Engine
from lib.stats import bootstrap


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Test data written elsewhere (benchmarks, graded answers); it lies beside the repository, not in it."""
    folder = paths.ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no folder ../shared/data beside the repository")
    return folder


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that takes the place of outputs/ for one test."""
    monkeypatch.setenv(paths.OUTPUTS_VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture
def drawn_rows() -> Callable[[pd.DataFrame, int, int], Iterator[pd.DataFrame]]:
    """Makes the frames that a bootstrap of problems draws from one, row by row: an oracle of its sums."""

    def make(frame: pd.DataFrame, draws: int, seed: int) -> Iterator[pd.DataFrame]:
        groups = [part for _, part in frame.groupby("problem_id")]
        for taken in bootstrap.weights(len(groups), draws, seed):
            yield pd.concat([part for part, times in zip(groups, taken, strict=True) for _ in range(int(times))])

    return make


@pytest.fixture
def busy_core() -> Iterator[Callable[[int], None]]:
    """Puts a process and all that descend from it on a core that others leave little of."""
    core = {max(os.sched_getaffinity(0))}
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True) for _ in range(3)]

    def crowd(process: int) -> None:
        os.sched_setaffinity(process, core)
        os.setpriority(os.PRIO_PROCESS, process, 19)
        for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
            crowd(int(child))

    for process in busy:
        os.sched_setaffinity(process.pid, core)
        os.setpriority(os.PRIO_PROCESS, process.pid, 10)
    yield crowd
    for process in busy:
        process.kill()
        process.wait()


@pytest.fixture
def paper_style() -> Iterator[None]:
    """Figures in the project's style, without a window; all are closed at the end."""
    mpl.use("agg")
    with mpl.rc_context():
        figures.use_style()
        yield
    plt.close("all")


@pytest.fixture(scope="session")
def loaded() -> Iterator[Callable[[str], Engine]]:
    """The engine of a model by its name, loaded once for all tests; closing one would end the others in the process."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(engine.open(params.load_model(name))))


@pytest.fixture(scope="session")
def tiny_lrm(loaded) -> Engine:
    return loaded("tiny-lrm-s")
