"""Copies of a model side by side, each in a process of its own on its share of the GPUs.

The option data_parallel_size says how many. The devices of CUDA_VISIBLE_DEVICES are dealt out in order, as many to each
copy as tensor_parallel_size and pipeline_parallel_size need together; without GPUs all copies share the CPU. A request
goes to the copy with the least to do, but to that of the request before if both begin alike, whose cache knows it.
"""

import dataclasses
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from threading import Thread
from typing import Any

from lib.engine import Completion, EngineError, Request, check
from lib.settings import Model

WINDOW = 512  # requests that a copy holds at most
BEGINNING = 32  # tokens: prompts that share so many begin alike
PATIENCE = 10.0  # seconds that a copy has to end by itself


class Copies:
    """Several processes with a model each."""

    def __init__(self, model: Model):
        self.model = model
        self._copies: list[tuple[Any, Connection]] = []
        context = multiprocessing.get_context("spawn")
        single = dataclasses.replace(model, options=model.options | {"data_parallel_size": 1})
        try:
            for devices in shares(model):
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(single, devices, theirs))
                process.start()
                theirs.close()
                self._copies.append((process, ours))
            for i in range(len(self._copies)):
                self._hear(i)  # that it is ready
        except BaseException:
            self.close()
            raise

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """As `Engine.generate` says."""
        requests, where = iter(requests), {}
        load, last, beginning = [0] * len(self._copies), 0, None
        try:
            while True:
                while min(load) < WINDOW and (request := next(requests, None)):
                    check(request, self.model, where)
                    alike = request.prompt_ids[:BEGINNING] == beginning and load[last] < WINDOW
                    last, beginning = last if alike else load.index(min(load)), request.prompt_ids[:BEGINNING]
                    self._tell(last, request)
                    where[request.key] = last
                    load[last] += 1
                if not where:
                    return
                ready = wait([pipe for _, pipe in self._copies])
                for i in (i for i, (_, pipe) in enumerate(self._copies) if pipe in ready):
                    done = self._hear(i)
                    load[where.pop(done.key)] -= 1
                    yield done
        finally:
            if where:  # a caller that stops early leaves nothing running
                self._drop()

    def close(self) -> None:
        """End the processes."""
        for process, pipe in self._copies:
            pipe.close()  # which a copy takes for the end
            process.join(PATIENCE)
            if process.is_alive():
                process.kill()
        self._copies = []

    def _drop(self) -> None:
        for i in range(len(self._copies)):
            with suppress(EngineError):  # a copy that has ended has dropped all
                self._tell(i, "drop")
                while self._hear(i) != "dropped":
                    pass

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

    def _ended(self, i: int) -> EngineError:
        process = self._copies[i][0]
        process.join(PATIENCE)
        return EngineError(
            f"{self.model.title}: copy {i} of {len(self._copies)} has ended (exit code {process.exitcode}): killed, or "
            "out of memory"
        )


def shares(model: Model) -> list[str | None]:
    """The devices of each copy, as CUDA_VISIBLE_DEVICES names them; None where there are none to name.

    Raises:
        EngineError: not a count, or more copies than there are devices for.
    """
    where = f"params/models/{model.name}.yaml: options.data_parallel_size"
    count, each = model.options["data_parallel_size"], 1
    for name in ("tensor_parallel_size", "pipeline_parallel_size"):
        each *= model.options.get(name, 1)
    if type(count) is not int or count < 1:
        raise EngineError(f"{where}: should be a count, got {count!r}")
    devices = _devices()
    if not devices:
        return [None] * count
    if len(devices) < count * each:
        raise EngineError(f"{where}: {count} copies of {each} need {count * each} GPUs, there are {len(devices)}")
    return [",".join(devices[i * each : (i + 1) * each]) for i in range(count)]


def _devices() -> list[str]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [device.strip() for device in visible.split(",") if device.strip()]
    import torch  # slow to import

    return [str(i) for i in range(torch.cuda.device_count())]


def _serve(model: Model, devices: str | None, pipe: Connection) -> None:
    """What the process of a copy does: take requests and give completions until the run closes the pipe, or dies."""
    if devices is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices  # before anything looks for GPUs
    from lib.engine.offline import Offline

    inbox: SimpleQueue = SimpleQueue()
    Thread(target=_read, args=(pipe, inbox), daemon=True).start()  # so that neither side waits for the other to read
    with suppress(OSError):
        try:
            engine = Offline(model)
            pipe.send("ready")
            while _take(engine, inbox, pipe):
                for done in engine.step():
                    pipe.send(done)
        except EngineError as error:
            pipe.send(error)


def _read(pipe: Connection, inbox: SimpleQueue) -> None:
    with suppress(EOFError, OSError):
        while True:
            inbox.put(pipe.recv())
    inbox.put(None)


def _take(engine: Any, inbox: SimpleQueue, pipe: Connection) -> bool:
    """Take what has come, and wait for it if there is nothing to do; False at the end."""
    while not engine.busy or not inbox.empty():
        message = inbox.get()
        if message is None:
            return False
        if message == "drop":
            engine.drop()
            pipe.send("dropped")
        else:
            engine.send(message)
    return True
