"""Client of the fork server in a sandbox: start it behind its walls, exchange messages, count its threads, kill it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from typing import Any, BinaryIO

from lib import machine, paths
from lib.confined import wire, world

WORLDS, FILTERS = ("namespaces", "bubblewrap"), ("landlock", "seccomp")
START = "import sys; sys.path.insert(0, sys.argv.pop()); from lib.confined import fork_server; fork_server.main()"
# Nothing of the user's own environment. numpy's threads would not survive a fork; sets of strings keep their order.
ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1", "LANG": "C.UTF-8"}
START_SECONDS = 120  # most time on the clock in which nothing moves until it is ready
TICK = 0.5  # seconds without an answer after which to look whether anything moves
COUNT_SECONDS = 1  # how long a count of a user's threads holds
SCRATCH_SIZE = 64 << 20  # bytes
SYSTEM_DATA = ("/etc/ld.so.cache", "/usr/share/zoneinfo")  # where libraries lie; time zones
# Loads the extension modules of the standard library and names the files of shared libraries that the loader opened.
LINKED = """
import ctypes, glob, os, sysconfig
for module in glob.glob(os.path.join(sysconfig.get_config_var("DESTSHARED") or "", "*.so")):
    if "_tkinter" in module: continue  # no screen is here, and it links a dozen
    try: ctypes.CDLL(module)
    except OSError: pass
class Library(ctypes.Structure): _fields_ = [("place", ctypes.c_void_p), ("name", ctypes.c_char_p)]
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Library), ctypes.c_size_t, ctypes.c_void_p)
def show(library, *_): return print(os.fsdecode(library.contents.name)) or 0
ctypes.CDLL(None).dl_iterate_phdr(show, None)
"""


class RefusedError(OSError):
    """The machine does not permit a wall."""


class EndedError(wire.WireError):
    """The process that compiles and watches a program ended; `code` is its exit status, below 0 a signal."""

    def __init__(self, code: int):
        """`code` as `os.waitstatus_to_exitcode` gives it."""
        super().__init__(f"the process that watches it ended ({code})")
        self.code = code


class Process:
    """A fork server behind walls, with some packages imported."""

    def __init__(self, walls: tuple[str, ...], packages: list[str]):
        """Start it and wait until it is ready; a RefusedError if it may not, another OSError if it dies."""
        wrapper = _bubblewrap() if "bubblewrap" in walls else None
        self.patience = START_SECONDS  # what is left of the time on the clock in which nothing may move
        self._folder = tempfile.mkdtemp(prefix="midthought-")
        command = self._command(walls, packages)
        if wrapper:
            command = world.bubblewrap(command, SCRATCH_SIZE, wrapper)
        self._channel, theirs = socket.socketpair()
        with theirs, tempfile.TemporaryFile() as complaints:
            self._process = subprocess.Popen(
                command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=complaints,
                env=ENVIRONMENT, cwd="/", start_new_session=True,
            )  # fmt: skip
            theirs.close()
            try:
                self._start(complaints)
            except OSError:
                self.close()
                raise
        self.user = world.user_of(self._process.pid)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def send(self, head: dict[str, Any], *pieces: bytes) -> None:
        """Send a message; an OSError if it has gone or its patience ends."""
        wire.send(self._channel, head, *pieces, go_on=self._waits_on)

    def receive(self, expected: str, most: int) -> tuple[dict[str, Any], list[bytes]]:
        """The next message, which has the field `expected`.

        An EndedError: the watching process ended; another WireError: all of it did; a TimeoutError: nothing moves in it
        and its patience has ended. A machine that leaves it no processor makes it wait, however long.
        """
        head, pieces = wire.receive(self._channel, most, self._waits_on)
        if expected not in head and isinstance(head.get("ended"), int):
            raise EndedError(head["ended"])
        if expected not in head:
            raise wire.WireError(f"a message without {expected}")
        return head, pieces

    def close(self) -> None:
        """Kill it and all that it started, and remove its folder."""
        self._process.kill()
        self._process.wait()
        self._channel.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _waits_on(self) -> bool:
        """Whether to wait longer, after a tick in which nothing came."""
        if not machine.is_moving(self._process.pid):
            self.patience -= self._channel.gettimeout()
        return self.patience > 0

    def _start(self, complaints: BinaryIO) -> None:
        self._channel.settimeout(TICK)
        try:
            refused = self.receive("refused", 0)[0]["refused"]
        except OSError as error:
            complaints.seek(0)
            lines = complaints.read().decode(errors="replace").strip().splitlines()
            raise OSError((lines or [f"the sandbox does not start: {error}"])[-1]) from None
        if refused:
            raise RefusedError(refused)

    def _command(self, walls: tuple[str, ...], packages: list[str]) -> list[str]:
        kind = next((name for name in WORLDS if name in walls), "")
        settings = {"scratch": self._folder, "size": SCRATCH_SIZE, "world": kind, "packages": packages}
        settings |= {name: name in walls for name in FILTERS} | {"libraries": libraries()}
        return [sys.executable, "-s", "-P", "-c", START, json.dumps(settings), str(paths.ROOT)]


@cache  # to find them takes as long as to start a sandbox
def libraries() -> list[str]:
    """Files outside the standard library that it reads: shared libraries that its modules link, and data."""
    command = [sys.executable, "-I", "-S", "-c", LINKED]
    names = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")
    linked = {name for name in names if name.startswith("/") and not name.startswith(tuple(world.readable()))}
    return sorted(filter(os.path.exists, linked | {*SYSTEM_DATA}))


def _bubblewrap() -> str:
    program = shutil.which("bwrap")
    if not program:
        raise RefusedError("bubblewrap (bwrap) is not installed")
    return program


def threads_of(user: int) -> int:
    """How many threads a user has on this machine, counted at most once a second."""
    now = time.monotonic()
    if now - _counted.get(user, (-COUNT_SECONDS, 0))[0] >= COUNT_SECONDS:
        _counted[user] = now, sum(_threads(entry, user) for entry in os.scandir("/proc"))
    return _counted[user][1]


def _threads(entry: os.DirEntry, user: int) -> int:
    """Threads of a process of /proc, if it is this user's and has not ended."""
    try:
        is_own = entry.name.isdigit() and entry.stat().st_uid == user
        return len(os.listdir(f"{entry.path}/task")) if is_own else 0
    except OSError:
        return 0


_counted: dict[int, tuple[float, int]] = {}
