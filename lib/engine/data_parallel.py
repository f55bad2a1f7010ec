"""Copies of a model side by side, each in a process of its own on its share of the GPUs.

The option data_parallel_size says how many, or the share of the GPUs that runs side by side have (`lib.engine.gpus`).
Devices are dealt out in order, as many to each copy as tensor_parallel_size and pipeline_parallel_size need together;
without GPUs all copies share the CPU. `crew` says who gets which request. A copy that dies is started again; what it
had not answered goes to the others, or to itself when it is ready.
"""

import dataclasses
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from lib.engine import gpus, served
from lib.engine.gpus import DevicesError
from lib.engine.request import Completion, EngineError, Request
from lib.engine.scheduler import Scheduler
from lib.params.settings import Model

WINDOW = 512  # requests that a copy holds at most
PATIENCE = 10.0  # seconds that a copy has to end by itself
LIVES = 3  # deaths of a copy without an answer in between that end the run


class _EndedError(EngineError):
    """A copy is no longer there."""


class Copies:
    """Several processes with a model each."""

    def __init__(self, model: Model):
        self.model = model
        self._single = dataclasses.replace(model, options=model.options | {"data_parallel_size": 1})
        self._copies: list[tuple[Any, Connection]] = []
        self._leased = ExitStack()
        try:
            self._shares = _leased(model, self._leased)
            self._copies = [self._started(share) for share in self._shares]
            self._deaths = [0] * len(self._copies)  # since the last answer
            self._ready: set[int] = set()
            for i in range(len(self._copies)):
                self._hear(i)  # that it is ready
                self._ready.add(i)
        except BaseException:
            self.close()
            raise

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """As `Engine.generate` says; what a copy owed that has died is done again."""
        crew = Scheduler(self.model, requests)
        for i in sorted(self._ready):
            crew.join(i, WINDOW)
        try:
            while True:
                for i, given in crew.deal().items():
                    with suppress(_EndedError):  # what it has still said is heard first, then its end
                        for request in given:
                            self._tell(i, request)
                if self._ready and not crew.busy:
                    return
                yield from self._finished(crew)
        finally:
            if crew.busy:  # a caller that stops early leaves nothing running
                self._drop()

    def close(self) -> None:
        """End the processes, and give their devices back."""
        for process, pipe in self._copies:
            pipe.close()  # which a copy takes for the end
            process.join(PATIENCE)
            if process.is_alive():
                process.kill()
                process.join()
        self._copies = []
        self._leased.close()

    def _started(self, share: str | None) -> tuple[Any, Connection]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=served.run, args=(self._single, share, theirs))
        process.start()
        theirs.close()
        return process, ours

    def _finished(self, crew: Scheduler) -> Iterator[Completion]:
        """Wait until a copy says something: a completion, that it is ready, or that it has ended."""
        ready = wait([pipe for _, pipe in self._copies])
        for i in [i for i, (_, pipe) in enumerate(self._copies) if pipe in ready]:
            try:
                said = self._hear(i)
            except _EndedError as ended:
                self._replace(i, ended, crew)
                continue
            if said == served.READY:
                self._ready.add(i)
                crew.join(i, WINDOW)
            elif crew.accept(i, said):
                self._deaths[i] = 0
                yield said

    def _replace(self, i: int, ended: _EndedError, crew: Scheduler) -> None:
        """Start a copy again; raises `ended` if it has died too often without answers."""
        self._deaths[i] += 1
        self._ready.discard(i)
        owed = crew.lose(i)
        if self._deaths[i] >= LIVES:
            raise ended
        print(f"{ended}; it is started again, and {owed} requests are asked again", file=sys.stderr, flush=True)
        process, pipe = self._copies[i]
        pipe.close()
        process.kill()  # as it may have closed the pipe and gone on
        process.join()
        self._copies[i] = self._started(self._shares[i])

    def _drop(self) -> None:
        for i in self._ready:
            with suppress(_EndedError):  # a copy that has ended has dropped all
                self._tell(i, served.DROP)
                while not self._dropped(i):
                    pass

    def _dropped(self, i: int) -> bool:
        try:
            return self._hear(i) == served.DROPPED
        except _EndedError:
            raise
        except EngineError:  # of another request, that nobody waits for any more
            return False

    def _tell(self, i: int, what: Any) -> None:
        try:
            self._copies[i][1].send(what)
        except OSError as error:
            raise self._ended(i) from error

    def _hear(self, i: int) -> Any:
        try:
            heard = self._copies[i][1].recv()
        except (EOFError, OSError) as error:
            raise self._ended(i) from error
        if isinstance(heard, EngineError):
            raise heard
        return heard

    def _ended(self, i: int) -> _EndedError:
        process = self._copies[i][0]
        process.join(PATIENCE)
        return _EndedError(
            f"{self.model.title}: copy {i} of {len(self._copies)} has ended (exit code {process.exitcode}): killed, or "
            "out of memory"
        )


def _leased(model: Model, stack: ExitStack) -> list[str | None]:
    """The devices of each copy, leased for as long as the stack is open where runs share them; raises EngineError."""
    try:
        names = gpus.named()
        if not names:
            return shares(model)
        one = gpus.each(model)
        count = gpus.copies(model, len(names), gpus.beside())
        return gpus.groups(stack.enter_context(gpus.lease(names, count * one, model.title)), one)
    except DevicesError as error:
        raise EngineError(str(error)) from error


def shares(model: Model) -> list[str | None]:
    """The devices of each copy, as CUDA_VISIBLE_DEVICES names them; None where there are none to name.

    Raises:
        EngineError: not a count, or more copies than there are devices for.
    """
    names = _devices()
    try:
        count = gpus.copies(model, len(names) or sys.maxsize)
        if not names:
            return [None] * count
        one = gpus.each(model)
        return gpus.groups(names[: count * one], one)
    except DevicesError as error:
        raise EngineError(str(error)) from error


def _devices() -> list[str]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [device.strip() for device in visible.split(",") if device.strip()]
    import torch  # slow to import

    return [str(i) for i in range(torch.cuda.device_count())]
