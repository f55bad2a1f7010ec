"""Worker pool for answers that have to be parsed: processes that can be killed.

Each answer has a limit of processor time and memory, and of time on the clock in which its worker stands still, so that
a busy machine makes it wait and no more. A worker over a limit dies, is replaced, and costs its own answer only; what
one dies of otherwise may come from outside, and its answer is tried again.
Workers get batches of text pairs and send one verdict for each, all of it as JSON: nothing that they send is ever run.
"""

import errno
import json
import mmap
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import connection
from types import ModuleType

from lib import answers, machine, progress_bar
from lib.answers import Grade

SECONDS = 5  # processor time for one answer
WALL_SECONDS = 60  # on the clock for one answer, in which its worker neither runs nor waits for a processor
TICK = 0.5  # seconds without an answer after which to look whether workers move
TRIES = 3  # workers that may die over one answer, by no limit
MEMORY = 2 * 2**30  # address space of a worker, in bytes
SPARE = 2**24  # bytes that a worker must be able to get after an answer, or its verdict does not count
IDLE_SECONDS = 60  # wall time that a worker waits for more answers, as the parser is slow at first
BATCH = 16  # answers that a worker is given at once, at most

Pair = tuple[str, str]  # answer and gold answer, as `answers.read` and `answers.read_gold` give them


def compare_all(pairs: list[Pair], workers: int | None = None, profile: str = "exact") -> list[Grade]:
    """`answers.compare` on every pair, in so many processes at most (by default one per usable core).

    An answer over a limit is ungradable, and its reason names the limit.
    """
    todo, verdicts, deaths = deque(dict.fromkeys(pairs)), {}, Counter()
    total = len(todo)
    pool = [_worker() for _ in range(min(workers or len(os.sched_getaffinity(0)), total))]
    batch = max(1, min(BATCH, total // (4 * len(pool) or 1)))
    try:
        with progress_bar.bar(total, "answer") as bar:
            while len(verdicts) < total:
                pool = [worker if worker.is_alive else _worker() for worker in pool]
                for worker in pool:
                    if todo and not worker.pairs:
                        worker.send([todo.popleft() for _ in range(min(batch, len(todo)))], profile)
                for worker in _ready([worker for worker in pool if worker.pairs]):
                    pair, verdict, is_sure = worker.receive()
                    todo.extendleft(() if worker.is_alive else reversed(worker.pairs))
                    deaths[pair] += not is_sure
                    if is_sure or deaths[pair] == TRIES:
                        verdicts[pair] = verdict
                        bar.update()
                    else:
                        todo.append(pair)
    finally:  # also when interrupted by hand: do not wait for what is left
        for worker in pool:
            worker.release()
    return [verdicts[pair] for pair in pairs]


class _Worker:
    """One process, and the pairs that it has been sent and has not answered."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("forkserver")  # forks from a small clean process: no engine, no threads
        context.set_forkserver_preload(["lib.grade.math_workers", "lib.answers.equality"])
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, MEMORY), daemon=True)
        with _hidden_main():
            self.process.start()
        theirs.close()
        self.pairs: deque[Pair] = deque()
        self.is_alive, self.owner, self.deadline, self.patience = True, os.getpid(), 0.0, WALL_SECONDS

    def send(self, pairs: list[Pair], profile: str) -> None:
        self.pairs.extend(pairs)
        self.patience = WALL_SECONDS
        with suppress(BrokenPipeError):  # it died while it waited: `receive` will see that
            self.pipe.send_bytes(json.dumps([profile, SECONDS, pairs]).encode())

    def receive(self) -> tuple[Pair, Grade, bool]:
        """The first pair and the verdict on it: the worker's own, or that it died over it; whether it would again."""
        pair, is_sure = self.pairs.popleft(), True
        self.patience = WALL_SECONDS
        try:
            status, reason = json.loads(self.pipe.recv_bytes()) if self.pipe.poll() else ("ungradable", self._late())
        except (EOFError, OSError):
            status, (reason, is_sure) = "ungradable", self._death()
        return pair, Grade(status, pair[0], reason), is_sure

    def _late(self) -> str:
        self.kill()
        return f"time limit ({WALL_SECONDS} s of waiting)"

    def _death(self) -> tuple[str, bool]:
        """Why the process has hung up, and whether that is a limit."""
        self.process.join(WALL_SECONDS)  # it has closed its pipe, and is about to be gone
        code = self.process.exitcode
        self.kill()
        limits = {
            -signal.SIGPROF: f"time limit ({SECONDS} s)",
            errno.ENOMEM: f"memory limit ({MEMORY / 2**30:.3g} GiB)",
        }
        return limits.get(code, f"grader died (exit code {code})"), code in limits

    def release(self) -> None:
        """Keep it for the next call, if it has done what it was sent."""
        if self.is_alive and not self.pairs:
            self.deadline = time.monotonic() + IDLE_SECONDS / 2
            _idle.append(self)
        else:
            self.kill()

    def kill(self) -> None:
        if self.is_alive:
            self.is_alive = False
            self.process.kill()
            self.process.join()
            self.pipe.close()


_idle: list[_Worker] = []


def _worker() -> _Worker:
    """An idle worker, or a new one."""
    while _idle:
        worker = _idle.pop()
        if worker.owner != os.getpid():
            continue  # this process is a copy of the one that it works for
        if time.monotonic() < worker.deadline:
            return worker
        worker.kill()
    return _Worker()


def _ready(busy: list[_Worker]) -> list[_Worker]:
    """The workers that have answered or died; after a tick in which none has, those that have stood still too long."""
    pipes = connection.wait([worker.pipe for worker in busy], timeout=TICK)
    for worker in () if pipes else busy:
        worker.patience -= 0 if machine.is_moving(worker.process.pid) else TICK
    return [w for w in busy if w.pipe in pipes or (not pipes and w.patience <= 0)]


def _serve(pipe: connection.Connection, memory: int) -> None:
    """Main loop of a process: a verdict for each pair that comes, until no more do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    memory = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with suppress(EOFError, BrokenPipeError):
        while pipe.poll(IDLE_SECONDS):
            profile, seconds, pairs = json.loads(pipe.recv_bytes())
            for answer, gold in pairs:
                signal.setitimer(signal.ITIMER_PROF, seconds)  # of processor time; the kernel ends a worker at zero
                try:
                    verdict = answers.compare(answer, gold, profile)
                    signal.setitimer(signal.ITIMER_PROF, 0)
                    mmap.mmap(-1, SPARE).close()  # the libraries take a lack of memory for a text they cannot read
                except (MemoryError, OSError):
                    os._exit(errno.ENOMEM)
                pipe.send_bytes(json.dumps([verdict.status, verdict.reason]).encode())


@contextmanager
def _hidden_main() -> Iterator[None]:
    """Keep workers from importing the caller's script, as they would: it may have no guard, or no file."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
