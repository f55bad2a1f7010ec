"""One test of a program: fork its process, feed it, watch it, collect its output."""

import os
import resource
import select
import signal
from types import CodeType
from typing import Any

from lib.confined import child, wire, world

TICK = 0.05  # seconds between two looks at a running program


class Trial:
    """A process that is about to run a program, and the files that it reads and writes."""

    def __init__(self, code: CodeType, task: dict[str, Any], channel: int):
        """Fork it, up to the point where it waits for its input; this takes longer than most programs run."""
        self._limits, self._has_result = task["limits"], bool(task["function"])
        names = ["input", "output", "error", *(["result"] if self._has_result else [])]
        self._files = [os.memfd_create(name) for name in names]
        waiting, self._go = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            child.become(code, task, [*self._files, waiting], channel)
        os.close(waiting)

    def start(self, given: bytes) -> None:
        """Let it run on this input."""
        _fill(self._files[0], given)
        os.write(self._go, b".")
        os.close(self._go)

    def outcome(self) -> tuple[dict[str, Any], bytes, bytes]:
        """Wait for its end: exit code and usage, output, tail of standard error."""
        stopped = self._watch()
        _, status, used = os.wait4(self._process, 0)
        overflow = any(os.fstat(file).st_size >= int(self._limits["output"]) for file in self._files[1:])
        output = b"" if overflow else _read(self._files[-1] if self._has_result else self._files[1], 0)
        complaint = _read(self._files[2], wire.TAIL)
        head = {
            "code": os.waitstatus_to_exitcode(status),
            "stopped": stopped,
            "seconds": used.ru_utime + used.ru_stime,
            "overflow": overflow,
            "short": self._shortage(complaint) if status else None,
        }
        self._clean_up()
        return head, output, complaint

    def discard(self) -> None:
        """End it without having run."""
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._go)
        self._clean_up()

    def _shortage(self, complaint: bytes) -> str | None:
        """What of its limits this machine does not grant: by a hard limit, or as its disk is full."""
        for kind, name, _, most in child.limits(self._limits):
            hard = resource.getrlimit(kind)[1]
            if hard != resource.RLIM_INFINITY and hard < most:
                return f"ulimit -{name} is {hard}"
        if b"No space left" not in complaint or os.getcwd() == world.SCRATCH:  # which its own files alone can fill
            return None
        disk = os.statvfs(".")
        return "the disk is full" if disk.f_bavail * disk.f_frsize < self._limits["scratch"] else None

    def _clean_up(self) -> None:
        for file in self._files:
            os.close(file)
        for entry in _entries():
            os.unlink(entry.name)

    def _watch(self) -> str | None:
        """Wait; kill it when its folder is too full, and say so."""
        handle = os.pidfd_open(self._process)
        ended = select.poll()
        ended.register(handle, select.POLLIN)
        try:
            while not ended.poll(TICK * 1000):
                sizes = [_size(entry) for entry in _entries()]
                if sum(sizes) > self._limits["scratch"] or len(sizes) > world.SCRATCH_FILES:
                    os.kill(self._process, signal.SIGKILL)
                    return "scratch folder"
        finally:
            os.close(handle)
        return None


def _entries() -> list[os.DirEntry]:
    with os.scandir(".") as entries:
        return list(entries)


def _size(entry: os.DirEntry) -> int:
    try:
        found = entry.stat(follow_symlinks=False)
        return max(found.st_size, found.st_blocks * 512)
    except FileNotFoundError:  # gone in the meantime
        return 0


def _fill(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]
    os.lseek(file, 0, os.SEEK_SET)


def _read(file: int, tail: int) -> bytes:
    """A file's content, or its last `tail` bytes."""
    size = os.fstat(file).st_size
    os.lseek(file, max(0, size - tail) if tail else 0, os.SEEK_SET)
    pieces = []
    while piece := os.read(file, 1 << 20):
        pieces.append(piece)
    return b"".join(pieces)
