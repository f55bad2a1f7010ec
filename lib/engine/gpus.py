"""GPU leases: which GPUs of this machine a model gets when several runs share them.

The variable MIDTHOUGHT_GPUS (`GPUS=0,1,2,3` of make) names them as CUDA_VISIBLE_DEVICES would,
MIDTHOUGHT_CONCURRENT_RUNS says how many runs share them. Each run leases what its model needs when it loads it, waits
where too few are free, and gives them back when it is done. A lease is a lock of the operating system, which goes with
the process however that ends. Without the variable nothing is shared, and a model sees what CUDA_VISIBLE_DEVICES says.
"""

import getpass
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from lib.engine.request import EngineError
from lib.params.settings import Model

GPUS, CONCURRENT_RUNS, LOCKS = "MIDTHOUGHT_GPUS", "MIDTHOUGHT_CONCURRENT_RUNS", "MIDTHOUGHT_LOCKS"
WAIT = 0.2  # seconds between two looks at GPUs that others have
PARALLEL = ("tensor_parallel_size", "pipeline_parallel_size")  # options that spread one copy over several GPUs


class DevicesError(EngineError):
    """GPUs that are not there, or too few of them; its text is one line."""


def shared() -> bool:
    """Whether runs share GPUs."""
    return bool(os.environ.get(GPUS, "").strip())


def visible_gpus() -> list[str]:
    """The GPUs that runs share, in order; none where MIDTHOUGHT_GPUS is empty, a DevicesError where it is wrong."""
    text = os.environ.get(GPUS, "")
    names = [name.strip() for name in text.split(",")] if shared() else []
    wrong = [name for name in names if not re.fullmatch(r"\d+|(GPU|MIG)-[\w/-]+", name)]
    if wrong or len(set(names)) < len(names):
        raise DevicesError(f"GPUS: expected devices with commas between, each once, such as 0,1,2,3, got {text!r}")
    return names


def concurrent_runs() -> int:
    """How many runs share the GPUs at a time; raises DevicesError if MIDTHOUGHT_CONCURRENT_RUNS is no count."""
    text = os.environ.get(CONCURRENT_RUNS) or "1"
    if not re.fullmatch(r"[1-9]\d*", text):
        raise DevicesError(f"{CONCURRENT_RUNS}: expected how many runs go side by side, got {text!r}")
    return int(text)


def gpus_per_copy(model: Model) -> int:
    """GPUs that one copy of a model needs; a DevicesError if an option that says so is no count."""
    count = 1
    for name in PARALLEL:
        size = model.options.get(name, 1)
        if type(size) is not int or size < 1:
            raise DevicesError(f"params/models/{model.name}.yaml: options.{name}: should be a count, got {size!r}")
        count *= size
    return count


def copies(model: Model, gpus: int, runs: int = 1) -> int:
    """Copies of a model to run: what its file says, else as many as fit one of so many `runs` that share the GPUs.

    At least one. A DevicesError: not a count, or more GPUs needed than there are.
    """
    where, one = f"params/models/{model.name}.yaml: options.data_parallel_size", gpus_per_copy(model)
    count = model.options.get("data_parallel_size", max(1, gpus // runs // one))
    if type(count) is not int or count < 1:
        raise DevicesError(f"{where}: should be a count, got {count!r}")
    if gpus < count * one:
        what = f"{where}: {count} copies of {one} need" if count > 1 else f"params/models/{model.name}.yaml: needs"
        raise DevicesError(f"{what} {count * one} GPUs, there are {gpus}")
    return count


def groups(names: Sequence[str], size: int) -> list[str]:
    """GPUs dealt out in order, `size` to a copy, each group as CUDA_VISIBLE_DEVICES takes it."""
    return [",".join(names[i : i + size]) for i in range(0, len(names) - size + 1, size)]


@contextmanager
def lease(names: Sequence[str], count: int, who: str) -> Iterator[list[str]]:
    """Hold `count` of the GPUs for this process alone until the block ends; wait until they are free.

    First come, first served: one run at a time collects GPUs, so that a model that needs many does not starve, and no
    two wait for each other. The names come in the order of `names`; `who` stands on stderr if it has to wait. A
    DevicesError: the folder of the locks cannot be written.
    """
    with ExitStack() as locks:
        try:
            taken = _collect(names, count, who, locks)
        except OSError as error:
            raise DevicesError(f"{_folder()}: {error.strerror or error}, expected a folder to keep locks in") from error
        yield [name for name in names if name in taken]


def _collect(names: Sequence[str], count: int, who: str, locks: ExitStack) -> set[str]:
    folder, taken, is_waiting = _folder(), set(), False
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "next.lock"):
        while True:
            for name in names:
                if len(taken) < count and name not in taken and _lock(folder, name, locks):
                    taken.add(name)
            if len(taken) == count:
                return taken
            if not is_waiting:
                message = f"{who}: waits for {count - len(taken)} of the GPUs {','.join(names)}, which other runs have"
                print(message, file=sys.stderr, flush=True)
                is_waiting = True
            time.sleep(WAIT)


def _lock(folder: Path, name: str, locks: ExitStack) -> bool:
    try:
        locks.enter_context(FileLock(folder / f"gpu-{name.replace('/', '-')}.lock", timeout=0))
    except Timeout:
        return False
    return True


def _folder() -> Path:
    """The folder of the locks: on this machine, as another one has other GPUs of the same names."""
    elsewhere = os.environ.get(LOCKS)
    return Path(elsewhere) if elsewhere else Path(tempfile.gettempdir(), f"midthought-{getpass.getuser()}")
