"""One sandbox: run a program on its inputs behind the walls that this machine permits; kill it if it does not answer.

A program, its inputs and its limits are all that enters. Expected outputs stay on this side.
"""

import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from lib.confined import landlock, seccomp, wire
from lib.sandbox.process import FILTERS, SCRATCH_SIZE, EndedError, Process, RefusedError, threads_of

PACKAGES = ("numpy", "sortedcontainers")  # what a program may import beside the standard library, where installed
CRASHES = {-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGILL, -signal.SIGXCPU}  # by its own doing
TRIES = 3  # starts and runs of a sandbox that dies, which tells nothing about the program
PLAIN = {"function": None, "prelude": False, "deep": False, "lenient": False}


class SandboxError(RuntimeError):
    """Code cannot be run safely on this machine; the text is one line, and says what would help."""


@dataclass(frozen=True)
class Limits:
    """What one test of a program may use.

    Processor time is what counts; time on the clock only where nothing of the program moves, so that a busy machine
    makes it wait and no more. Sizes are in bytes.
    """

    seconds: float = 6  # of processor time, all threads together; LiveCodeBench allows as many on the clock
    wall_seconds: float = 120  # on the clock in which it does not run and could not, in all its tests
    memory: int = 2 << 30  # address space, with the interpreter's own 0.3 GB
    output: int = 32 << 20  # one file, standard output and error included
    scratch: int = SCRATCH_SIZE  # all files that it leaves in its folder
    threads: int = 256


@dataclass(frozen=True)
class Outcome:
    """How a program ended on one input, and what it wrote."""

    code: int  # exit status; below 0 the signal that ended it
    stopped: str | None  # why it was killed from outside: "wall time" or "scratch folder"
    overflow: bool  # whether it wrote more than `Limits.output`; then `output` is empty
    seconds: float  # processor time
    output: bytes  # standard output, or the value that a method returned, as JSON
    complaint: str  # the end of standard error
    short: str | None = None  # what this machine did not have for it, such as a hard limit below the one asked for


WAITED = Outcome(-signal.SIGKILL, "wall time", False, 0.0, b"", "")  # the sandbox is killed with it


class DiedError(Exception):
    """A sandbox ended before its program had, or could not be started: nothing is known of the program."""


class Box:
    """One sandbox. It serves one caller at a time; a broken one is replaced at the next program."""

    def __init__(self, walls: tuple[str, ...]):
        """`walls`: which of namespaces, bubblewrap, landlock and seccomp to put up."""
        self.walls = walls
        self._processes: dict[tuple[str, ...], Process] = {}

    def outcomes(self, code: str, inputs: Sequence[str], limits: Limits, **task: Any) -> Iterator[Outcome]:
        """Run a program on one input after the other, for as long as the caller goes on.

        Args:
            task: function (name of the method to call, None for a program that reads its input), prelude (whether
                common names are imported for it), deep (whether it may recurse as deep as LiveCodeBench lets it) and
                lenient (whether it may exit with any status, and its threads are not waited for).

        A SyntaxError (in Python's own words): it does not compile; a DiedError: the sandbox ended; a SandboxError:
        this machine does not permit one.
        """
        packages = tuple(name for name in PACKAGES if name in code)  # importing them takes longer than most programs
        process = self._process(packages)
        fault, in_step = None, False
        process.patience = limits.wall_seconds
        try:
            whole = asdict(limits) | {"processes": threads_of(process.user) + limits.threads}
            process.send(task | {"limits": whole}, code.encode("utf-8", "surrogatepass"))
            fault = _compiler_fault(process)
            in_step = True
            for number, given in enumerate(() if fault else inputs):
                in_step = False
                process.send({"more": number < len(inputs) - 1}, given.encode("utf-8", "surrogatepass"))
                try:
                    outcome = _outcome(*process.receive("stopped", limits.output + wire.TAIL))
                except TimeoutError:
                    yield WAITED
                    return
                is_late = outcome.seconds > limits.seconds or outcome.short
                if outcome.code == -signal.SIGKILL and not outcome.stopped and not is_late:
                    raise DiedError("its process was killed from outside")  # a program may not kill itself
                in_step = True
                yield outcome
        except OSError as error:
            raise DiedError(str(error)) from None
        finally:
            if not in_step or not _finish(process, fault is None):
                self._processes.pop(packages).close()
        if fault:
            raise SyntaxError(fault)

    def close(self) -> None:
        """Kill what runs; the next program starts it again."""
        while self._processes:
            self._processes.popitem()[1].close()

    def _process(self, packages: tuple[str, ...]) -> Process:
        process = self._processes.get(packages)
        if process and process.is_alive:
            return process
        if process:
            self._processes.pop(packages).close()
        try:
            self._processes[packages] = Process(self.walls, list(packages))
        except RefusedError as error:
            raise SandboxError(str(error)) from None
        except OSError as error:
            raise DiedError(str(error)) from None
        return self._processes[packages]


@cache
def best(allow_unsafe: bool = False) -> tuple[str, ...]:
    """The walls to be had on this machine, found by trying, from the outside in: a world of its own, and the filters.

    `allow_unsafe` is content with those there are, or with none; else a SandboxError says what would help where neither
    a world of its own nor both filters can be had.
    """
    available = {"landlock": landlock.version() > 0, "seccomp": seccomp.available()}
    filters = tuple(name for name in FILTERS if available[name])
    is_enough = filters == FILTERS and landlock.version() >= landlock.TRUNCATION
    reasons = []
    # root needs no bubblewrap to make namespaces, and is not bound by a limit per user in what bubblewrap makes for it
    wrapped = ["bubblewrap"] if shutil.which("bwrap") and os.geteuid() != 0 else []
    for own in ("namespaces", *wrapped, ""):
        if not own and not is_enough:
            continue
        walls = (own, *filters) if own else filters
        try:
            try_out(walls)
        except SandboxError as error:
            reasons.append(f"{' + '.join(walls)}: {error}")
        else:
            return walls
    if allow_unsafe:
        return filters
    raise SandboxError(
        "model-written code cannot be run safely on this machine. Any of these would help: user namespaces that are "
        "open to users (sysctl kernel.unprivileged_userns_clone=1, or kernel.apparmor_restrict_unprivileged_userns=0), "
        "the package bubblewrap, a kernel with Landlock and seccomp (6.2 or newer). What was tried: "
        + ("; ".join(reasons) or "nothing, as the kernel has none of them")
        + ". Or allow_unsafe: true in the study, on a machine that holds nothing of value"
    )


def try_out(walls: tuple[str, ...]) -> None:
    """Start a sandbox of these walls and run a line in it; a SandboxError that says why it does not work."""
    box = Box(walls)
    for left in reversed(range(TRIES)):
        try:
            (outcome,) = box.outcomes("print(input())", ["42\n"], Limits(), **PLAIN)
            if outcome.output != b"42\n":
                raise SandboxError(outcome.complaint or "a program that prints its input does not")
            return
        except DiedError as error:
            if not left:
                raise SandboxError(str(error)) from None
        finally:
            box.close()


def _compiler_fault(process: Process) -> str | None:
    """Why the program does not compile; a SyntaxError if the compiler crashes over it."""
    try:
        return process.receive("fault", wire.TAIL)[0]["fault"]
    except EndedError as error:
        if error.code in CRASHES:
            raise SyntaxError(f"the compiler ended by {signal.Signals(-error.code).name}") from None
        raise


def _finish(process: Process, is_waiting: bool) -> bool:
    """Send that no input follows; whether the sandbox is ready for the next program."""
    try:
        if is_waiting:
            process.send({})
        process.receive("ended", wire.TAIL)
    except OSError:
        return False
    return True


def _outcome(head: dict[str, Any], pieces: list[bytes]) -> Outcome:
    complaint = pieces[1].decode("utf-8", "replace")
    fields = (head[name] for name in ("code", "stopped", "overflow", "seconds"))
    return Outcome(*fields, pieces[0], complaint, head["short"])
