"""Who of several workers does which request: pure book-keeping, without a process or a machine in it.

A request goes to the worker with the least to do, but to that of the request before if both begin alike, whose cache
knows it. What a worker that is lost still owed is given out again before anything new. The first answer to a request
counts, from the worker that owes it and from no other, so that each key is answered once.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator

from lib.engine.request import Completion, EngineError, Request, check
from lib.params.settings import Model

BEGINNING = 32  # tokens: prompts that share so many begin alike
LOSSES = 5  # workers that may be lost with a request in hand, before it is taken for what ends them


class Scheduler:
    """The workers of one run, by number, and the requests that each of them owes."""

    def __init__(self, model: Model, requests: Iterable[Request]):
        self._model, self._new = model, iter(requests)
        self._again: deque[Request] = deque()
        self._owed: dict[int, dict[str, Request]] = {}
        self._windows: dict[int, int] = {}
        self._where: dict[str, int | None] = {}  # the worker of each request that is not answered, None while it waits
        self._lost: Counter[str] = Counter()
        self._last: int | None = None
        self._beginning: list[int] = []

    @property
    def busy(self) -> bool:
        """Whether requests that were taken are not answered."""
        return bool(self._where)

    def owes(self, worker: int) -> int:
        """Requests that a worker has not answered; none if there is no such worker."""
        return len(self._owed.get(worker, ()))

    def join(self, worker: int, window: int) -> None:
        """Count on a worker that takes `window` requests at a time, at most."""
        self._owed[worker], self._windows[worker] = {}, window

    def lose(self, worker: int) -> int:
        """Count on a worker no more; how many requests it owed, which others get.

        Raises:
            EngineError: too many workers were lost with one of them; the message begins with its key.
        """
        owed = self._owed.pop(worker, {})
        self._windows.pop(worker, None)
        for key in owed:
            self._where[key] = None
            self._lost[key] += 1
            if self._lost[key] >= LOSSES:
                raise EngineError(f"{key}: {LOSSES} workers have ended while they had it in hand")
        self._again.extend(owed.values())
        return len(owed)

    def deal(self) -> dict[int, list[Request]]:
        """What each worker is to be given now; requests are taken as long as one has room.

        Raises:
            EngineError: as `lib.engine.check`.
        """
        given: dict[int, list[Request]] = {}
        for request in self._while_room():
            worker = self._choose(request)
            self._owed[worker][request.key] = request
            self._where[request.key] = worker
            given.setdefault(worker, []).append(request)
        return given

    def accept(self, worker: int, done: Completion) -> bool:
        """Whether this answer counts: the worker owes it, and has now done it."""
        if self._where.get(done.key, None) != worker or done.key not in self._owed.get(worker, ()):
            return False
        del self._owed[worker][done.key], self._where[done.key]
        self._lost.pop(done.key, None)
        return True

    def _while_room(self) -> Iterator[Request]:
        while any(self._room(worker) for worker in self._owed):
            if self._again:
                yield self._again.popleft()
                continue
            request = next(self._new, None)
            if request is None:
                return
            check(request, self._model, self._where)
            yield request

    def _room(self, worker: int) -> bool:
        return len(self._owed[worker]) < self._windows[worker]

    def _choose(self, request: Request) -> int:
        alike = request.prompt_ids[:BEGINNING] == self._beginning and self._last in self._owed
        if not (alike and self._room(self._last)):
            free = [worker for worker in self._owed if self._room(worker)]
            self._last = min(free, key=self.owes)
        self._beginning = request.prompt_ids[:BEGINNING]
        return self._last
