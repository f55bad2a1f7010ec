"""Data parallelism on one machine: copies of a model, each in a process of its own with its share of the GPUs.

The option data_parallel_size says how many, else the share of the GPUs that a run has (`lib.engine.gpus`). GPUs are
dealt out in order, as many to each copy as tensor_parallel_size and pipeline_parallel_size need together; without GPUs
all copies share the CPU. A copy that dies is started again; its pending requests go to whichever has room first.
"""

import dataclasses
import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from threading import Thread
from typing import Any

from lib.engine import gpus
from lib.engine.request import Completion, EngineError, Request
from lib.engine.scheduler import Scheduler, Workers
from lib.params.settings import Model

WINDOW = 512  # most requests that a copy holds
PATIENCE = 10.0  # seconds that a copy has to end by itself
LIVES = 3  # deaths of a copy without a completion in between that end the run
READY, DROP, DROPPED = "ready", "drop", "dropped"  # messages


class _EndedError(EngineError):
    """A copy's process has ended."""


class Copies(Workers):
    """An engine of several processes with a copy of the model each."""

    def __init__(self, model: Model):
        self.model = model
        self._single = dataclasses.replace(model, options=model.options | {"data_parallel_size": 1})
        self._copies: list[tuple[Any, Connection]] = []
        self._lease = ExitStack()
        try:
            self._shares = shares(model, self._lease)
            self._copies = [self._start(share) for share in self._shares]
            self._deaths = [0] * len(self._copies)  # since the last completion
            self._ready: set[int] = set()
            for i in range(len(self._copies)):
                self._receive(i)  # READY
                self._ready.add(i)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for process, pipe in self._copies:
            pipe.close()  # which ends a copy
            process.join(PATIENCE)
            if process.is_alive():
                process.kill()
                process.join()
        self._copies = []
        self._lease.close()

    def _start(self, share: str | None) -> tuple[Any, Connection]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=run_worker, args=(self._single, share, theirs))
        process.start()
        theirs.close()
        return process, ours

    def _windows(self) -> dict[int, int]:
        return dict.fromkeys(sorted(self._ready), WINDOW)

    def _give(self, i: int, requests: list[Request]) -> None:
        with suppress(_EndedError):  # what it has still sent is read first, then its end
            for request in requests:
                self._send(i, request)

    def _take(self, scheduler: Scheduler) -> Iterator[tuple[int, Completion]]:
        """Wait for messages from the copies: a completion, that it is ready, or that it has ended."""
        pipes = wait([pipe for _, pipe in self._copies])
        for i in [i for i, (_, pipe) in enumerate(self._copies) if pipe in pipes]:
            try:
                message = self._receive(i)
            except _EndedError as ended:
                self._replace(i, ended, scheduler)
                continue
            if message == READY:
                self._ready.add(i)
                scheduler.add_worker(i, WINDOW)
            else:
                self._deaths[i] = 0
                yield i, message

    def _replace(self, i: int, ended: _EndedError, scheduler: Scheduler) -> None:
        """Start a copy again; raises `ended` if it has died too often without a completion."""
        self._deaths[i] += 1
        self._ready.discard(i)
        pending = scheduler.remove_worker(i)
        if self._deaths[i] >= LIVES:
            raise ended
        print(f"{ended}; it is started again, and {pending} requests are asked again", file=sys.stderr, flush=True)
        process, pipe = self._copies[i]
        pipe.close()
        process.kill()  # as it may have closed the pipe and gone on
        process.join()
        self._copies[i] = self._start(self._shares[i])

    def _drop(self) -> None:
        for i in self._ready:
            with suppress(_EndedError):  # a copy that has ended has dropped all
                self._send(i, DROP)
                while self._next(i) != DROPPED:  # what nobody waits for any more
                    pass

    def _send(self, i: int, message: Any) -> None:
        try:
            self._copies[i][1].send(message)
        except OSError as error:
            raise self._ended(i) from error

    def _receive(self, i: int) -> Any:
        message = self._next(i)
        if isinstance(message, EngineError):
            raise message
        return message

    def _next(self, i: int) -> Any:
        try:
            return self._copies[i][1].recv()
        except (EOFError, OSError) as error:
            raise self._ended(i) from error

    def _ended(self, i: int) -> _EndedError:
        process = self._copies[i][0]
        process.join(PATIENCE)
        return _EndedError(
            f"{self.model.title}: copy {i} of {len(self._copies)} has ended (exit code {process.exitcode}): killed, or "
            "out of memory"
        )


def run_worker(model: Model, share: str | None, pipe: Connection) -> None:
    """Worker process of one copy: runs vLLM until the other side closes the pipe, or dies.

    `share` names its GPUs as CUDA_VISIBLE_DEVICES does; None leaves that variable alone. The pipe takes requests, and
    DROP; it sends READY, completions, DROPPED, and an EngineError for what fails.
    """
    if share is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = share  # before anything looks for GPUs
    from lib.engine.vllm import VLLMEngine

    inbox: SimpleQueue = SimpleQueue()
    Thread(target=_read, args=(pipe, inbox), daemon=True).start()  # so that neither side waits for the other to read
    with suppress(OSError):
        try:
            engine = VLLMEngine(model)
        except EngineError as error:
            pipe.send(error)
            return
        pipe.send(READY)
        while _step(engine, inbox, pipe):
            pass


def _read(pipe: Connection, inbox: SimpleQueue) -> None:
    with suppress(EOFError, OSError):
        while True:
            inbox.put(pipe.recv())
    inbox.put(None)


def _step(engine: Any, inbox: SimpleQueue, pipe: Connection) -> bool:
    """Take the requests in the inbox, waiting for one if idle, and run one step; False at the end."""
    try:
        while not engine.busy or not inbox.empty():
            message = inbox.get()
            if message is None:
                return False
            if message == DROP:
                engine.drop()
                pipe.send(DROPPED)
            else:
                engine.send(message)
        for done in engine.step():
            pipe.send(done)
    except EngineError as error:  # of one request, whose run then drops all
        pipe.send(error)
    return True


def shares(model: Model, stack: ExitStack) -> list[str | None]:
    """The GPUs of each copy, as CUDA_VISIBLE_DEVICES names them; None where there are none to name.

    Where runs share GPUs they are leased until the stack is closed. A DevicesError: more copies than fit, or no count.
    """
    shared = gpus.visible_gpus()
    names = shared or _cuda_devices()
    count = gpus.copies(model, len(names) or sys.maxsize, gpus.concurrent_runs() if shared else 1)
    size = gpus.gpus_per_copy(model)
    if not names:
        return [None] * count
    held = stack.enter_context(gpus.lease(names, count * size, model.title)) if shared else names[: count * size]
    return gpus.groups(held, size)


def _cuda_devices() -> list[str]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [device.strip() for device in visible.split(",") if device.strip()]
    import torch  # slow to import

    return [str(i) for i in range(torch.cuda.device_count())]
