"""Object stores: files below a URL, `s3://bucket/folder` or any other that fsspec has a package for.

Credentials and addresses come from where these packages look for them (AWS_PROFILE, AWS_ACCESS_KEY_ID,
AWS_ENDPOINT_URL, FSSPEC_S3_…, files in the home folder); nothing here reads, keeps or shows one. What fails for a
moment is tried again by the packages themselves: s3fs and botocore five times each, with growing pauses.
"""

import dataclasses
import hashlib
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lib import paths, progress_bar, tables
from lib.pipeline import leaks

# Where an object appears whole or not at all; elsewhere it is written under another name and renamed.
WHOLE = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "memory"}
EXTRAS = {"s3": "s3", "s3a": "s3"}  # kinds of stores for which the project names an extra
AT_ONCE = 8  # files on their way
CHUNK = 16 * 2**20  # bytes
UNREACHABLE = ("EndpointConnection", "ConnectTimeout", "ReadTimeout", "ConnectionClosed", "ClientConnector", "Gaierror")


class ObjectsError(RuntimeError):
    """An object store that cannot be used; its text is one line and holds no secret."""


@dataclasses.dataclass(frozen=True)
class Listed:
    """What a store says of a file without handing it out: its size, and a mark that changes when it is written."""

    bytes: int
    mark: str


class Objects:
    """The files below a URL, by their names from there on, with `/` between folders.

    Every method raises ObjectsError where the store refuses or does not answer.
    """

    def __init__(self, url: str):
        self.url = paths.check_url(url)
        kind = url.split("://", 1)[0]
        with self._telling():
            self._fs, self._root = _opened(self.url, kind)
        self._whole = kind in WHOLE

    def listed(self) -> dict[str, Listed]:
        """All files there are; none where the folder is not there yet."""
        with self._telling():
            self._fs.invalidate_cache()
            found = self._fs.find(self._root, detail=True)
        start = len(self._root.rstrip("/")) + 1
        return {name[start:]: Listed(int(told["size"] or 0), _mark(told)) for name, told in found.items()}

    def read(self, name: str) -> bytes:
        """The content of a small file."""
        with self._telling(name):
            return self._fs.cat_file(self._at(name))

    def write(self, name: str, data: bytes) -> None:
        """Put a small file, whole or not at all."""
        with self._telling(name), self._target(name) as target:
            self._fs.pipe_file(target, data)

    def put(self, file: Path, name: str, moved: Callable[[int], object]) -> None:
        """Put a file of this disk, whole or not at all; `moved` is told of bytes as they go."""
        from fsspec.callbacks import Callback

        seen = 0

        def show(size: int, value: int) -> None:
            nonlocal seen
            moved(value - seen)
            seen = value

        with self._telling(name), self._target(name) as target:
            self._fs.put_file(str(file), target, callback=Callback(hooks={"show": show}))
        show(0, file.stat().st_size)  # not every kind of store tells on the way

    def chunks(self, name: str, size: int | None = None) -> Iterator[bytes]:
        """The content of a file, piece by piece; one whose `size` is known to be small comes by one request."""
        if size is not None and size <= CHUNK:
            yield self.read(name)
            return
        with self._telling(name), self._fs.open(self._at(name), "rb", block_size=CHUNK, cache_type="readahead") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def digest(self, name: str) -> str:
        """SHA-256 of a file in hexadecimal digits; it is read for that."""
        found = hashlib.sha256()
        for chunk in self.chunks(name):
            found.update(chunk)
        return found.hexdigest()

    def size(self, name: str) -> int:
        """Bytes of a file, as the store says."""
        with self._telling(name):
            return int(self._fs.size(self._at(name)) or 0)

    def _at(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    @contextmanager
    def _target(self, name: str) -> Iterator[str]:
        """Where to write so that nothing unfinished stands under `name`."""
        final = self._at(name)
        if self._whole:
            yield final
            return
        folder, own = posixpath.split(final)
        part = f"{folder}/.{own}.{os.getpid()}.part"
        self._fs.makedirs(folder, exist_ok=True)
        yield part
        self._fs.mv(part, final)

    @contextmanager
    def _telling(self, name: str = "") -> Iterator[None]:
        try:
            yield
        except ObjectsError:
            raise
        except Exception as error:  # every kind of store has exceptions of its own
            where = f"{self.url}/{name}" if name else self.url
            raise ObjectsError(f"{where}: {_reason(error)}") from error


def at(url: str) -> tuple[Objects, str]:
    """The folder that a file's URL lies in, and the name of the file there.

    Raises:
        PathError: no sound URL of a file.
        ObjectsError: as `Objects`.
    """
    folder, _, name = paths.check_url(url).rpartition("/")
    if folder.endswith(":/") or not name:
        raise paths.PathError(f"{url}: names no file, expected one as in s3://bucket/study.zip")
    return Objects(folder), name


def fetch(url: str, to: Path, largest: int) -> None:
    """Bring a file of a store, which need not be a friend's: `to` appears whole, and no larger than `largest` bytes.

    Raises:
        PathError, ObjectsError: as `at`, and where the file is larger, whatever the store said of it before.
        TableError: `to` cannot be written.
    """
    store, name = at(url)
    told = store.size(name)
    too_large = ObjectsError(f"{url}: larger than expected, {max(told, largest + 1):,} bytes of {largest:,} at most")
    if told > largest:
        raise too_large
    with progress_bar.bar(told, "B", f"from {url}") as bar, tables.atomic_write(to) as file:
        for chunk in store.chunks(name):
            if file.tell() + len(chunk) > largest:
                raise too_large
            file.write(chunk)
            bar.update(len(chunk))


def send(file: Path, url: str) -> None:
    """Put a file of this disk under a URL, whole or not at all; raises as `at`."""
    store, name = at(url)
    with progress_bar.bar(file.stat().st_size, "B", f"to {url}") as bar:
        store.put(file, name, bar.update)


def side_by_side(work: Callable[[str], None], names: Iterable[str]) -> None:
    """Do a work for each name, some at once; the first failure ends it, and what has begun is waited for."""
    with ThreadPoolExecutor(AT_ONCE) as crew:
        waiting = [crew.submit(work, name) for name in names]
        try:
            for done in waiting:
                done.result()
        finally:
            for left in waiting:
                left.cancel()


def _opened(url: str, kind: str) -> tuple[Any, str]:
    import fsspec  # with s3fs behind it, it takes a second to import

    try:
        # No listings from before: others write there too.
        return fsspec.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        extra = f", which comes with the extra `{EXTRAS[kind]}` of this project" if kind in EXTRAS else ""
        raise ObjectsError(f"{url}: a package is missing{extra} ({_plain(str(error))})") from error
    except ValueError as error:
        raise ObjectsError(f"{url}: expected a kind of store that fsspec knows, such as s3:// ({error})") from error


def _mark(told: dict[str, Any]) -> str:
    names = ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "mtime", "modified", "created")
    return next((str(told[name]) for name in names if told.get(name)), "")


def _reason(error: Exception) -> str:
    kind, said = type(error).__name__, _plain(str(error))
    if "Credentials" in kind or "Token" in kind:
        return (
            f"no credentials ({said}); expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, "
            "or what this kind of store reads"
        )
    if isinstance(error, FileNotFoundError):
        return f"no such bucket or file ({said})"
    if isinstance(error, PermissionError):
        return f"not permitted ({said})"
    if isinstance(error, (ConnectionError, TimeoutError)) or any(part in kind for part in UNREACHABLE):
        return f"not reachable ({said})"
    return f"{kind}: {said}"


def _plain(text: str) -> str:
    """What a package says, in one line, without what may be signed or secret in it."""
    text = re.sub(r"://[^/\s@]*@", "://", text)
    text = re.sub(r"\?[^\s\"']*", "", text)
    for name, value in os.environ.items():
        if (leaks.NAMED_SECRET.search(name) or name.endswith("KEY_ID")) and len(value) >= leaks.SHORTEST:
            text = text.replace(value, "…")
    return " ".join(text.split())[:200]
