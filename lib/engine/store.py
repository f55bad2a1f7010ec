"""Completions on disk, written as they finish in small Parquet files, the parts: no request is paid for twice.

A run that is killed loses only its last seconds. Completions are found again by the key of their request, so that parts
of any number of runs lie in one folder. The lock is that of the operating system: it goes with the process that holds
it, however that ends. On a network file system it holds as far as locks do there.
"""

import dataclasses
import hashlib
import io
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from lib import machine, paths, progress_bar, tables
from lib.engine.request import Completion, Engine, EngineError, Request, Usage, check

SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("token_ids", pa.list_(pa.int32())),
        ("finish_reason", pa.string()),
        ("cached_tokens", pa.int32()),
    ]
)
MOST = 64  # files in a folder; more are merged into one when it is opened
GROUP = 8192  # rows that a part holds together: of 131,072 ids each they stay below 2**31
ROWS, SECONDS = 256, 5.0  # a part is written when so many completions wait, or one has waited so long


class PartsError(RuntimeError):
    """The store of a study and model cannot be used now; its text is one line."""


class Store:
    """The completions of a study and model: those of runs before, and those of this one as they come."""

    def __init__(self, folder: Path, rows: int = ROWS):
        self._folder, self._rows = folder, rows
        self._waiting: list[Completion] = []
        self._known: dict[str, Completion] | None = None
        self._written = time.monotonic()

    def completions(self) -> dict[str, Completion]:
        """All completions by key: those of earlier runs, read once, and those added since."""
        if self._known is None:
            self.flush()
            self._known = self._on_disk()
        return self._known

    def _on_disk(self) -> dict[str, Completion]:
        """Of two completions with one key the older is taken; a difference is reported on stderr."""
        known: dict[str, Completion] = {}
        differing = 0
        for done in self._read():
            first = known.setdefault(done.key, done)
            differing += not np.array_equal(first.token_ids, done.token_ids)
        if differing:
            _log(self._folder, f"{differing} requests were answered twice, differently; the first counts")
        return known

    def add(self, done: Completion) -> None:
        """Keep a completion; it is on disk after `rows` of them, after `SECONDS`, or when the store closes."""
        self._waiting.append(done)
        if self._known is not None:
            self._known.setdefault(done.key, done)
        if len(self._waiting) >= self._rows or time.monotonic() - self._written >= SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what waits; a PartsError if the operating system refuses, and then it waits on."""
        if self._waiting:
            _write(self._folder, self._waiting)
            self._waiting = []
        self._written = time.monotonic()

    def merge(self) -> None:
        """Merge all parts into one. Killed at any moment, each completion is in the old parts, the new one, or both."""
        files = _files(self._folder)
        _write(self._folder, list(self._on_disk().values()))
        for file in files:
            file.unlink(missing_ok=True)

    def _read(self) -> Iterator[Completion]:
        for file in _files(self._folder):
            data = file.read_bytes()
            if _digest(data) == file.stem.rsplit("-", 1)[-1]:
                yield from _completions(pq.read_table(pa.BufferReader(data), schema=SCHEMA))
                continue
            torn = file.with_name(f"{file.name}.torn")
            file.replace(torn)
            _log(torn, "set aside, its bytes are not those that were written; its requests are sent again")


@contextmanager
def open(study: str, model: str, rows: int = ROWS) -> Iterator[Store]:
    """The store of a study and model, by name, locked for this process until the block ends.

    At most `rows` completions wait for the disk. A PartsError: another process holds the lock, with its host, number
    and start; or a folder or file cannot be written.
    """
    folder = paths.parts(study, model)
    with _locked(folder):
        for leftover in folder.glob(".*.part"):  # of a killed process, as the lock is ours
            leftover.unlink()
        store = Store(folder, rows)
        if len(_files(folder)) > MOST:
            store.merge()
        try:
            yield store
        finally:
            store.flush()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    lock, holder = FileLock(folder / ".lock"), folder / ".holder"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
        holder.write_text(machine.process())
    except Timeout:
        who = holder.read_text() if holder.exists() else "another process"
        what = f"in use by {who}; expected one run of a study and model at a time"
        raise PartsError(f"{paths.show(folder)}: {what}") from None
    except OSError as error:
        raise PartsError(f"{paths.show(folder)}: {error.strerror or error}") from error
    try:
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _files(folder: Path) -> list[Path]:
    """The parts, oldest first: a name is the time and a digest of the bytes."""
    return sorted(folder.glob("*.parquet"))


def _write(folder: Path, done: list[Completion]) -> None:
    columns = [[getattr(row, name) for row in done] for name in SCHEMA.names]
    arrays = [pa.array(column, kind) for column, kind in zip(columns, SCHEMA.types, strict=True)]
    buffer = io.BytesIO()
    pq.write_table(pa.table(arrays, SCHEMA), buffer, compression="zstd", row_group_size=GROUP)
    data = buffer.getvalue()
    try:
        with tables.atomic_write(folder / f"{time.time_ns():020d}-{_digest(data)}.parquet") as file:
            file.write(data)
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)  # so that the part survives a power cut
        finally:
            os.close(handle)
    except (tables.TableError, OSError) as error:
        raise PartsError(f"{paths.show(folder)}: completions not written: {error}") from error


def _digest(data: bytes) -> str:
    """The end of a part's name, by which a torn part is recognised."""
    return hashlib.sha256(data).hexdigest()[:16]


def _completions(rows: pa.Table) -> Iterator[Completion]:
    for batch in rows.to_batches():  # one list of all ids would end at 2**31 of them
        ids = batch.column("token_ids")
        starts, values = ids.offsets.to_numpy(), ids.values.to_numpy()
        others = (batch.column(name).to_pylist() for name in ("key", "finish_reason", "cached_tokens"))
        for i, (key, reason, cached) in enumerate(zip(*others, strict=True)):
            yield Completion(key, values[starts[i] : starts[i + 1]], reason, cached)


def _log(path: Path, message: str) -> None:
    print(f"{paths.show(path)}: {message}", file=sys.stderr, flush=True)


def completed(
    engine: Engine,
    planned: Iterable[tuple[Any, Request]],
    store: Store | None = None,
    usage: Usage | None = None,
    total: int | None = None,
) -> Iterator[tuple[Any, Completion]]:
    """The completion of each request, with the item that it was planned for: from the store, or generated and kept.

    Equal requests are sent once. A request that fails does not take the others with it: it comes as a completion with
    an `error`, is not stored, and is sent again by the next run. An EngineError: the engine itself fails. The pairs are
    taken as the engine has room; `total` is their number, None if `planned` is a sequence. No store: nothing is kept.
    """
    usage = Usage() if usage is None else usage
    started = time.monotonic()
    known = store.completions() if store else {}
    waiting: dict[str, list[Any]] = {}  # by the key of a request that was sent: length of its prompt, then its items
    ready: list[tuple[Any, Completion]] = []
    counted: set[str] = set()

    def missing() -> Iterator[Request]:
        for item, request in planned:
            if request.key in waiting:
                waiting[request.key].append(item)
            elif request.key in known:
                if request.key not in counted:
                    usage.add(len(request.prompt_ids), known[request.key], kept=True)
                ready.append((item, known[request.key]))
            else:
                try:
                    check(request, engine.model)
                except EngineError as error:
                    ready.append((item, _failed(request.key, error)))
                    continue
                waiting[request.key] = [len(request.prompt_ids), item]
                yield request
            counted.add(request.key)

    total = len(planned) if total is None else total
    for done in progress_bar.completions(total, _generated(engine, missing()), engine.model.title):
        length, *items = waiting.pop(done.key)
        if done.error is None:
            done = dataclasses.replace(done, token_ids=np.array(done.token_ids, dtype=np.int32))  # a tenth of a list
            if store:
                store.add(done)
            else:
                known[done.key] = done
            usage.add(length, done, kept=False)
        yield from ((item, done) for item in items)
        yield from ready
        ready.clear()
    yield from ready
    usage.seconds += time.monotonic() - started


def ask(
    engine: Engine,
    items: Sequence[Any],
    request: Callable[[Any, int], Request],
    read: Callable[[Any, Completion], bool],
    attempts: int,
    store: Store | None = None,
) -> None:
    """Ask for a reply about each item, again where one cannot be used, at most `attempts` times; else as `completed`.

    `request` makes the request about an item in attempt 0, 1, ..., with a seed of its own; `read` takes an item and its
    completion, which may have an `error`, and says whether it can be used.
    """
    left = list(items)
    for attempt in range(attempts):
        planned = [(i, request(item, attempt)) for i, item in enumerate(left)]
        used = {i for i, done in completed(engine, planned, store) if read(left[i], done)}
        left = [item for i, item in enumerate(left) if i not in used]


def _generated(engine: Engine, requests: Iterator[Request]) -> Iterator[Completion]:
    """Completions as they finish; a request that fails comes as a completion with an error.

    An engine drops everything that runs when one request fails. So after a failure requests are sent in groups no
    larger than the mean run of answers between failures so far: the next failure then costs about one answer more, and
    what an engine is asked grows with the number of requests, not with its square.
    """
    again: deque[Request] = deque()
    sent: dict[str, Request] = {}
    answers = failures = 0

    def upcoming() -> Iterator[Request]:
        while request := again.popleft() if again else next(requests, None):
            sent[request.key] = request
            yield request

    while first := next(upcoming(), None):
        size = answers // failures if failures else None  # further requests of the group
        try:
            for done in engine.generate(chain([first], islice(upcoming(), size))):
                del sent[done.key]
                answers += 1
                yield done
        except EngineError as error:
            key = str(error).split(":")[0]
            if key not in sent:
                raise
            failures += 1
            del sent[key]
            failed = _failed(key, error)
        else:
            sent.clear()  # the engine has passed these over
            continue
        again.extendleft(reversed(sent.values()))
        sent.clear()
        yield failed


def _failed(key: str, error: EngineError) -> Completion:
    return Completion(key, [], "error", 0, str(error).removeprefix(f"{key}: "))
