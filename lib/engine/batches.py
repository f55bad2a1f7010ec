"""Batches: requests that are asked together, of which some may fail without taking the others with them."""

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from lib import engine
from lib.engine import Completion, Engine, EngineError, Request
from lib.engine.store import Store


class Batches:
    """What an engine is asked, in one go or several, and what a store knows of it."""

    def __init__(self, ready: Engine, store: Store | None = None):
        self._ready, self._store = ready, store
        self._known = store.completions() if store else {}
        self._answers = self._failures = 0  # of the engine, so far

    def answered(self, planned: Iterable[tuple[Any, Request]]) -> Iterator[tuple[Any, Completion | EngineError]]:
        """What each request was planned for, with its completion, or at last the reason why there is none.

        Raises:
            EngineError: the engine itself fails, rather than one request.
        """
        users: dict[str, list[Any]] = {}
        missing: list[Request] = []
        for what, request in planned:
            if request.key in self._known:
                yield what, self._known[request.key]
            else:
                missing += [request] if request.key not in users else []
                users.setdefault(request.key, []).append(what)
        failed: dict[str, EngineError] = {}
        for done in engine.progress(len(missing), self._generated(missing, failed), self._ready.model.title):
            yield from ((what, done) for what in users[done.key])
        yield from ((what, error) for key, error in failed.items() for what in users[key])

    def _generated(self, requests: list[Request], failed: dict[str, EngineError]) -> Iterator[Completion]:
        """Completions as they come; requests that fail are put into `failed` by their keys.

        An engine drops all that runs when one request fails. So after a failure the rest is asked in groups no larger
        than the mean run of answers between failures so far: the next failure then costs about one answer more, and
        what an engine is asked grows with the number of requests, not with its square.
        """
        left = deque(requests)
        while left:
            size = 1 + self._answers // self._failures if self._failures else len(left)
            group = {request.key: request for request in (left.popleft() for _ in range(min(size, len(left))))}
            try:
                for done in self._ready.generate(iter(list(group.values()))):
                    group.pop(done.key)
                    yield self._kept(done)
            except EngineError as error:
                key = str(error).split(":")[0]
                if key not in group:
                    raise
                failed[key] = error
                group.pop(key)
                self._failures += 1
                left.extendleft(reversed(group.values()))

    def _kept(self, done: Completion) -> Completion:
        done = dataclasses.replace(done, token_ids=np.array(done.token_ids, dtype=np.int32))  # a tenth of a list's size
        if self._store:
            self._store.add(done)
        self._known[done.key] = done
        self._answers += 1
        return done
