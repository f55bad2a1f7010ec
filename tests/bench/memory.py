"""Memory: the peak of 03 and 04 at ten times the rows with the real engine, and at a hundred times with a FAKE one."""

import random
from collections.abc import Iterable, Iterator
from tempfile import TemporaryDirectory

from lib import paths
from lib.engine import Completion, Request
from lib.params.settings import Model
from tests.bench import clock
from tests.bench.rows import Row

MODEL = "tiny-lrm-m"
SCRIPT = str(paths.ROOT / "tests" / "bench" / "pass_through.py")
# The same script on an engine that is none: what grows is then ours alone, and rows come in no time.
FAKED = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.bench import memory, pass_through
used = pass_through.main("tiny", memory.MODEL, int(sys.argv[2]), memory.Fake)
print(pass_through.told(used))
"""


class Fake:
    """NOT a model: it thinks for about a hundred random tokens, closes the thought, and says some more."""

    def __init__(self, model: Model):
        from lib.engine import thinking  # needs the tokenizer

        self.model, self._marks = model, thinking.marks(model)

    def __enter__(self) -> "Fake":
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """As `Engine.generate` says, as long as the model's own thoughts and answers are."""
        for request in requests:
            rng = random.Random(request.seed)
            ids = [rng.randrange(20, 200) for _ in range(rng.randrange(60, 140))]
            closed = [*self._marks.opening, *ids, *self._marks.closing, *ids[:30]]
            yield Completion(request.key, closed, "stop", 0)

    def close(self) -> None:
        """Nothing is held."""


def growth(runs: int, size: float) -> Iterator[Row]:
    """Peaks at 1, 10 and 100 times the rows; each taken once, as memory is no matter of the clock."""
    count = clock.sized(3, size, 1)
    real = [_peak(SCRIPT, "tiny", MODEL, str(count * times)) for times in (1, 10)]
    told = f"{real[1][0]:,} and {real[0][0]:,} MiB with the engine, {real[1][1]:,} and {real[0][1]:,} requests"
    name = "memory of 03 and 04: 10 times the rows / once"
    yield Row(name, "ours / other", "MiB", (real[1][0],), (real[0][0],), "<= 1.3", told)
    faked = [_peak("-c", FAKED, str(paths.ROOT), str(count * times)) for times in (1, 100)]
    told = f"{faked[1][0]:,} and {faked[0][0]:,} MiB, {faked[1][1]:,} and {faked[0][1]:,} requests; a FAKE engine, so "
    told += "that only our own memory counts"
    name = "memory without an engine's: 100 times the rows / once"
    yield Row(name, "ours / other", "MiB", (faked[1][0],), (faked[0][0],), told=told)


def _peak(*arguments: str) -> tuple[int, int]:
    """MiB that a process had at most, and the requests that it made."""
    with TemporaryDirectory() as folder:
        told = clock.in_process(folder, *arguments).strip().splitlines()[-1]
    return int(told.split(" MiB")[0]), int(told.split(", ")[1].split()[0])
