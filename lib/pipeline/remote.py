"""Object stores: files below a URL, `s3://bucket/folder` or any other that fsspec has a package for.

Credentials and addresses come from where these packages look for them (AWS_PROFILE, AWS_ACCESS_KEY_ID,
AWS_ENDPOINT_URL, FSSPEC_S3_…, files in the home folder); nothing here reads, keeps or shows one. What fails for a
moment is tried again by the packages themselves: s3fs and botocore five times each, with growing pauses.
"""

import os
import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lib import paths, progress_bar, tables
from lib.pipeline import leaks

# Where an object appears whole or not at all; elsewhere it is written under another name and renamed.
ATOMIC = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "memory"}
EXTRAS = {"s3": "s3", "s3a": "s3"}  # kinds of stores for which the project names an extra
CHUNK = 16 * 2**20  # bytes
UNREACHABLE = ("EndpointConnection", "ConnectTimeout", "ReadTimeout", "ConnectionClosed", "ClientConnector", "Gaierror")


class RemoteError(RuntimeError):
    """An object store that cannot be used; its text is one line and holds no secret."""


class Store:
    """The files below a URL, by their names from there on; all methods raise RemoteError where the store fails."""

    def __init__(self, url: str):
        self.url = paths.check_url(url)
        kind = self.url.split("://", 1)[0]
        with self._errors():
            import fsspec  # with s3fs behind it, it takes a second to import

            try:
                self._fs, root = fsspec.url_to_fs(self.url, use_listings_cache=False)  # others write there too
            except ImportError as error:
                extra = f", which comes with the extra `{EXTRAS[kind]}` of this project" if kind in EXTRAS else ""
                raise RemoteError(f"{url}: a package is missing{extra} ({_redact(str(error))})") from error
            except ValueError as error:
                known = "expected a kind of store that fsspec knows, such as s3://"
                raise RemoteError(f"{url}: {known} ({error})") from error
        self._root, self._atomic = root.rstrip("/"), kind in ATOMIC

    def names(self, folder: str = "") -> set[str]:
        """All files below a folder; none where it is not there yet."""
        with self._errors():
            self._fs.invalidate_cache()
            return {name[len(self._root) + 1 :] for name in self._fs.find(f"{self._root}/{folder}".rstrip("/"))}

    def read(self, name: str) -> bytes:
        """The content of a small file."""
        with self._errors(name):
            return self._fs.cat_file(f"{self._root}/{name}")

    def write(self, name: str, data: bytes) -> None:
        """Write a small file, whole or not at all."""
        with self._errors(name), self._target(name) as target:
            self._fs.pipe_file(target, data)

    def put(self, file: Path, name: str) -> None:
        """Upload a file, whole or not at all."""
        with self._errors(name), self._target(name) as target:
            self._fs.put_file(str(file), target)

    def chunks(self, name: str, limit: int) -> Iterator[bytes]:
        """The content of a file piece by piece; a small one, of at most `limit` bytes, comes by one request."""
        if limit <= CHUNK:
            yield self.read(name)
            return
        with self._errors(name), self._fs.open(f"{self._root}/{name}", "rb", block_size=CHUNK) as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def size(self, name: str) -> int:
        """Bytes of a file, as the store states them."""
        with self._errors(name):
            return int(self._fs.size(f"{self._root}/{name}") or 0)

    @contextmanager
    def _target(self, name: str) -> Iterator[str]:
        """Where to write so that nothing unfinished stands under `name`."""
        final = f"{self._root}/{name}"
        if self._atomic:
            yield final
            return
        folder, own = posixpath.split(final)
        part = f"{folder}/.{own}.{os.getpid()}.part"
        self._fs.makedirs(folder, exist_ok=True)
        yield part
        self._fs.mv(part, final)

    @contextmanager
    def _errors(self, name: str = "") -> Iterator[None]:
        try:
            yield
        except RemoteError:
            raise
        except Exception as error:  # every kind of store has exceptions of its own
            raise RemoteError(f"{self.url}{'/' if name else ''}{name}: {_reason(error)}") from error


def split(url: str) -> tuple[Store, str]:
    """The store of the folder that a file's URL lies in, and the file's name; raises PathError and RemoteError."""
    folder, _, name = paths.check_url(url).rpartition("/")
    if folder.endswith(":/") or not name:
        raise paths.PathError(f"{url}: names no file, expected one as in s3://bucket/study.zip")
    return Store(folder), name


def fetch(url: str, to: Path, largest: int) -> None:
    """Download a file of a store, which need not be a friend's: `to` appears whole, of at most `largest` bytes.

    Raises:
        PathError, RemoteError: as `split`, and where the file is larger, whatever size the store stated before.
        TableError: `to` cannot be written.
    """
    store, name = split(url)
    size = store.size(name)
    too_large = RemoteError(f"{url}: larger than expected, {max(size, largest + 1):,} bytes of {largest:,} at most")
    if size > largest:
        raise too_large
    with progress_bar.bar(size, "B", f"from {url}") as bar, tables.atomic_write(to) as file:
        for chunk in store.chunks(name, CHUNK + 1):
            if file.tell() + len(chunk) > largest:
                raise too_large
            file.write(chunk)
            bar.update(len(chunk))


def send(file: Path, url: str) -> None:
    """Upload a file to a URL, whole or not at all; raises as `split`."""
    store, name = split(url)
    store.put(file, name)


def _reason(error: Exception) -> str:
    kind, text = type(error).__name__, _redact(str(error))
    if "Credentials" in kind or "Token" in kind:
        return (
            f"no credentials ({text}); expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, "
            "or what this kind of store reads"
        )
    if isinstance(error, FileNotFoundError):
        return f"no such bucket or file ({text})"
    if isinstance(error, PermissionError):
        return f"not permitted ({text})"
    if isinstance(error, (ConnectionError, TimeoutError)) or any(part in kind for part in UNREACHABLE):
        return f"not reachable ({text})"
    return f"{kind}: {text}"


def _redact(text: str) -> str:
    """A package's message in one line, without what may be signed or secret in it."""
    text = re.sub(r"://[^/\s@]*@", "://", text)
    text = re.sub(r"\?[^\s\"']*", "", text)
    for name, value in os.environ.items():
        if (leaks.NAMED_SECRET.search(name) or name.endswith("KEY_ID")) and len(value) >= leaks.SHORTEST:
            text = text.replace(value, "…")
    return " ".join(text.split())[:200]
