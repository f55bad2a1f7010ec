"""Devices: which GPUs of this machine a model gets, when several runs share them.

The variable MIDTHOUGHT_GPUS (`GPUS=0,1,2,3` of make) names them as CUDA_VISIBLE_DEVICES would,
MIDTHOUGHT_CONCURRENT_RUNS says
how many runs go side by side. Each run takes what its model needs when it loads it, waits where too few are free, and
gives them back when it is done. What is taken is a lock of the operating system, which goes with the process however
that ends. Without the variable nothing is shared out, and a model sees what CUDA_VISIBLE_DEVICES says.
"""

import argparse
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

from lib import machine, params
from lib.params.settings import Model

GPUS, BESIDE, LOCKS = "MIDTHOUGHT_GPUS", "MIDTHOUGHT_CONCURRENT_RUNS", "MIDTHOUGHT_LOCKS"
WAIT = 0.2  # seconds between two looks at devices that others have
TOGETHER = ("tensor_parallel_size", "pipeline_parallel_size")  # options that spread one copy over several devices


class DevicesError(RuntimeError):
    """Devices that are not there, or too few of them; its text is one line."""


def shared() -> bool:
    """Whether there are devices to share out."""
    return bool(os.environ.get(GPUS, "").strip())


def named() -> list[str]:
    """The devices to share out, in order; none where MIDTHOUGHT_GPUS is not set or empty.

    Raises:
        DevicesError: something else than numbers or ids with commas between, or one of them twice.
    """
    text = os.environ.get(GPUS, "")
    names = [name.strip() for name in text.split(",")] if shared() else []
    wrong = [name for name in names if not re.fullmatch(r"\d+|(GPU|MIG)-[\w/-]+", name)]
    if wrong or len(set(names)) < len(names):
        raise DevicesError(f"GPUS: expected devices with commas between, each once, such as 0,1,2,3, got {text!r}")
    return names


def beside() -> int:
    """How many runs share the devices at a time; raises DevicesError if MIDTHOUGHT_CONCURRENT_RUNS is no count."""
    text = os.environ.get(BESIDE) or "1"
    if not re.fullmatch(r"[1-9]\d*", text):
        raise DevicesError(f"{BESIDE}: expected how many runs go side by side, got {text!r}")
    return int(text)


def each(model: Model) -> int:
    """Devices that one copy of a model needs; raises DevicesError if an option that says so is no count."""
    count = 1
    for name in TOGETHER:
        size = model.options.get(name, 1)
        if type(size) is not int or size < 1:
            raise DevicesError(f"params/models/{model.name}.yaml: options.{name}: should be a count, got {size!r}")
        count *= size
    return count


def copies(model: Model, devices: int, runs: int = 1) -> int:
    """Copies of a model to run: what its file says, else as many as its share of the devices holds, at least one.

    Args:
        model: whose options tell what one copy needs.
        devices: how many there are.
        runs: how many share them.

    Raises:
        DevicesError: not a count, or more devices needed than there are.
    """
    where, one = f"params/models/{model.name}.yaml: options.data_parallel_size", each(model)
    count = model.options.get("data_parallel_size", max(1, devices // runs // one))
    if type(count) is not int or count < 1:
        raise DevicesError(f"{where}: should be a count, got {count!r}")
    if devices < count * one:
        what = f"{where}: {count} copies of {one} need" if count > 1 else f"params/models/{model.name}.yaml: needs"
        raise DevicesError(f"{what} {count * one} GPUs, there are {devices}")
    return count


def groups(names: Sequence[str], one: int) -> list[str]:
    """Devices dealt out in order, `one` to a copy, each as CUDA_VISIBLE_DEVICES takes them."""
    return [",".join(names[i : i + one]) for i in range(0, len(names) - one + 1, one)]


@contextmanager
def lease(names: Sequence[str], count: int, who: str) -> Iterator[list[str]]:
    """Have `count` of the devices for this process alone as long as the block lasts; wait until they are free.

    Who comes first is served first: one run at a time collects devices, so that a model that needs many does not
    starve, and no two wait for each other.

    Args:
        names: to choose from.
        count: at most as many as there are names.
        who: told on stderr if it has to wait.

    Yields:
        The names of those it has, in the order of `names`.

    Raises:
        DevicesError: the folder of the locks cannot be written.
    """
    with ExitStack() as held:
        try:
            taken = _collect(names, count, who, held)
        except OSError as error:
            raise DevicesError(f"{_folder()}: {error.strerror or error}, expected a folder to keep locks in") from error
        yield [name for name in names if name in taken]


def _collect(names: Sequence[str], count: int, who: str, held: ExitStack) -> set[str]:
    folder, taken, told = _folder(), set(), False
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "next.lock"):
        while True:
            for name in names:
                if len(taken) < count and name not in taken and _take(folder, name, held):
                    taken.add(name)
            if len(taken) == count:
                return taken
            if not told:
                _tell(f"{who}: waits for {count - len(taken)} of the GPUs {','.join(names)}, which other runs have")
                told = True
            time.sleep(WAIT)


def _take(folder: Path, name: str, held: ExitStack) -> bool:
    try:
        held.enter_context(FileLock(folder / f"gpu-{name.replace('/', '-')}.lock", timeout=0))
    except Timeout:
        return False
    return True


def _folder() -> Path:
    """Where the locks lie: on this machine, as another one has other devices of the same names."""
    elsewhere = os.environ.get(LOCKS)
    return Path(elsewhere) if elsewhere else Path(tempfile.gettempdir(), f"midthought-{getpass.getuser()}")


def present() -> set[str]:
    """Numbers and ids of the NVIDIA GPUs of this machine; none where `nvidia-smi` finds none."""
    said = machine.run_command("nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader") or ""
    return {word.strip() for line in said.splitlines() for word in line.split(",")}


def told(models: Sequence[Model], there: set[str]) -> str:
    """How the devices are shared out among models, in one line.

    Raises:
        DevicesError: a device that is not there, or a model that needs more than there are.
    """
    names, runs = named(), beside()
    if missing := [name for name in names if name not in there and not name.startswith("MIG-")]:
        known = ", ".join(sorted(there)) or "none; nvidia-smi finds no GPU"
        raise DevicesError(f"GPUS: no device {missing[0]} here, there are: {known}")
    cast = [f"{model.name} {copies(model, len(names), runs)} × {each(model)}" for model in models]
    return f"{len(names)} GPUs, {runs} runs side by side; copies × GPUs each: {', '.join(cast)}"


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", help="by name: what each would get")
    args = parser.parse_args()
    try:
        models = [params.load_model(name) for name in args.models]
        _tell(told([model for model in models if model.engine == "vllm"], present()))
    except (DevicesError, params.ParamsError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
