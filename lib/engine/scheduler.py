"""Request scheduler for several workers, and the engine that they are together.

A request goes to the worker with the fewest pending requests, or to that of the request before it if both share a
prefix, to reuse its prefix cache. The pending requests of a worker that is lost are assigned again before anything new.
Only the worker that a request is assigned to can answer it, and once.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator

from lib.engine.request import Completion, EngineError, Request, check
from lib.params.settings import Model

PREFIX = 32  # tokens that prompts must share to count as alike
LOSSES = 5  # workers that may be lost with the same request, before it is taken for what ends them


class Scheduler:
    """The workers of one run, by number, and the pending requests of each. It starts and asks nothing itself."""

    def __init__(self, model: Model, requests: Iterable[Request]):
        self._model, self._new = model, iter(requests)
        self._again: deque[Request] = deque()
        self._pending: dict[int, dict[str, Request]] = {}
        self._windows: dict[int, int] = {}
        self._where: dict[str, int | None] = {}  # the worker of each unanswered request, None while it waits for one
        self._lost: Counter[str] = Counter()
        self._last: int | None = None
        self._prefix: list[int] = []

    @property
    def busy(self) -> bool:
        """Whether any request that was taken is not answered."""
        return bool(self._where)

    @property
    def workers(self) -> list[int]:
        """The workers that take requests."""
        return list(self._pending)

    def pending(self, worker: int) -> int:
        """Requests that a worker has not answered; 0 if there is no such worker."""
        return len(self._pending.get(worker, ()))

    def add_worker(self, worker: int, window: int) -> None:
        """Add a worker that takes at most `window` requests at a time."""
        self._pending[worker], self._windows[worker] = {}, window

    def remove_worker(self, worker: int) -> int:
        """Remove a worker that is lost; how many pending requests it leaves; EngineError if one has ended too many."""
        pending = self._pending.pop(worker, {})
        for key in pending:
            self._where[key] = None
            self._lost[key] += 1
            if self._lost[key] >= LOSSES:
                raise EngineError(f"{key}: {LOSSES} workers have ended while they had it in hand")
        self._again.extend(pending.values())
        return len(pending)

    def assign(self) -> dict[int, list[Request]]:
        """The requests to send to each worker now, as many as there is room for; EngineError as `request.check`."""
        assigned: dict[int, list[Request]] = {}
        for request in self._upcoming():
            worker = self._choose(request)
            self._pending[worker][request.key] = request
            self._where[request.key] = worker
            assigned.setdefault(worker, []).append(request)
        return assigned

    def accept(self, worker: int, done: Completion) -> bool:
        """Whether this completion counts: its request was pending at this worker, and now no longer is."""
        if done.key not in self._pending.get(worker, ()):
            return False
        del self._pending[worker][done.key], self._where[done.key]
        self._lost.pop(done.key, None)
        return True

    def _upcoming(self) -> Iterator[Request]:
        while any(self._has_room(worker) for worker in self._pending):
            if self._again:
                yield self._again.popleft()
                continue
            request = next(self._new, None)
            if request is None:
                return
            check(request, self._model, self._where)
            yield request

    def _has_room(self, worker: int) -> bool:
        return len(self._pending[worker]) < self._windows[worker]

    def _choose(self, request: Request) -> int:
        is_alike = request.prompt_ids[:PREFIX] == self._prefix and self._last in self._pending
        if not (is_alike and self._has_room(self._last)):
            free = [worker for worker in self._pending if self._has_room(worker)]
            self._last = min(free, key=self.pending)
        self._prefix = request.prompt_ids[:PREFIX]
        return self._last


class Workers:
    """An engine of several workers, each with a copy of the model. A subclass starts them and exchanges messages."""

    model: Model

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """As `Engine.generate`; the pending requests of a lost worker are done again."""
        scheduler = Scheduler(self.model, requests)
        for worker, window in self._windows().items():
            scheduler.add_worker(worker, window)
        try:
            while True:
                for worker, assigned in scheduler.assign().items():
                    self._give(worker, assigned)
                if scheduler.workers and not scheduler.busy:
                    return
                for worker, done in self._take(scheduler):
                    if scheduler.accept(worker, done):
                        yield done
        finally:
            if scheduler.busy:  # a caller that stops early leaves nothing running
                self._drop()

    def _windows(self) -> dict[int, int]:
        """The most requests that each worker holds, of those that are ready."""
        raise NotImplementedError

    def _give(self, worker: int, requests: list[Request]) -> None:
        """Send requests to a worker; that it has ended shows in `_take`."""
        raise NotImplementedError

    def _take(self, scheduler: Scheduler) -> Iterable[tuple[int, Completion]]:
        """Wait for completions, each with its worker; tell the scheduler which workers are lost and which are ready."""
        raise NotImplementedError

    def _drop(self) -> None:
        """Have all workers abort what they run."""
        raise NotImplementedError
