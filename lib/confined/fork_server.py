"""Fork server inside the sandbox: it forks a process for each program, which forks one for each test.

It is started by `lib.sandbox.process`, which sends it messages through its standard input, a socket. It never runs
model-written code itself, and neither does the process it forks for a program: that one compiles the code, forks again
for each test (`trial`), watches, and sends back the output.
"""

import gc
import json
import os
import resource
import signal
import socket
import sys
import warnings
from types import CodeType
from typing import Any, NoReturn

from lib.confined import child, kernel, landlock, seccomp, wire, world
from lib.confined.trial import Trial

MOST_INPUT = 1 << 30  # bytes
CLOSED = 3  # exit status: the other side has gone
OWN_SECONDS = 30  # processor time for compiling and forking


def main() -> NoReturn:
    """Build the walls that the argument names, report success or failure, and serve until the other side goes."""
    settings = json.loads(sys.argv[1])
    channel = socket.socket(fileno=os.dup(0))
    child.warm_up(settings["packages"])
    try:
        _enclose(settings)
    except OSError as error:
        wire.send(channel, {"refused": str(error)})
        os._exit(1)
    gc.collect()
    gc.freeze()  # what is shared with forked processes stays shared
    wire.send(channel, {"refused": None})
    inner = seccomp.inner(keeps_files=not settings["world"]) if settings["seccomp"] else b""
    _serve(channel, inner, os.getpid() == 1)
    os._exit(0)


def _enclose(settings: dict[str, Any]) -> None:
    """Put up the walls, from the outside in; an OSError if this machine does not permit one."""
    scratch, user, capabilities = settings["scratch"], world.user_of(os.getpid()), 0
    readable = world.readable()
    sys.path[:] = [place for place in map(os.path.realpath, sys.path) if place in readable or "lib-dynload" in place]
    if settings["world"] == "namespaces":
        world.enter(scratch, settings["size"], settings["libraries"])
    elif not settings["world"] and os.geteuid() == 0:
        os.chown(scratch, user, user)
        kernel.prctl(kernel.SET_KEEP_CAPABILITIES, 1)
        world.become(user)
        # Python may be root's own; Landlock limits what else can be read
        capabilities = 0 if os.access(os.__file__, os.R_OK) else kernel.READ_ANYTHING
    if settings["world"]:
        scratch = world.SCRATCH
    os.chdir(scratch)
    os.environ.clear()
    os.umask(0o077)
    kernel.keep_capabilities(capabilities if settings["landlock"] else 0)
    kernel.prctl(kernel.SET_NO_NEW_PRIVILEGES, 1)
    kernel.prctl(kernel.SET_DUMPABLE, 0)
    kernel.prctl(kernel.SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if settings["landlock"]:
        shown = filter(os.path.exists, (*settings["libraries"], *world.DEVICES))
        landlock.restrict([*readable, *shown], [scratch, "/dev/null"])
    if settings["seccomp"]:
        seccomp.restrict(seccomp.outer())


def _serve(channel: socket.socket, inner: bytes, is_first: bool) -> None:
    """Fork a process for the next program, which receives it itself: nothing of one is left here for the next."""
    while True:
        process = os.fork()
        if process == 0:
            _program(channel, inner)
        _, status = os.waitpid(process, 0)
        if os.waitstatus_to_exitcode(status) == CLOSED:
            return
        if is_first:
            _kill_all()
        wire.send(channel, {"ended": os.waitstatus_to_exitcode(status)})


def _kill_all() -> None:
    """Kill every other process of this process namespace; where programs cannot start any, there is none."""
    try:
        os.kill(-1, signal.SIGKILL)
        while True:
            os.waitpid(-1, 0)
    except (ProcessLookupError, ChildProcessError):
        return


def _program(channel: socket.socket, inner: bytes) -> NoReturn:
    """Receive one program, compile it and run it on each input, until there are no more."""
    kernel.prctl(kernel.SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    status = 1
    try:
        try:
            task, (source,) = wire.receive(channel, MOST_INPUT)
        except OSError:
            os._exit(CLOSED)
        task["filter"] = inner
        child.lower(resource.RLIMIT_CPU, OWN_SECONDS, resource.RLIM_INFINITY)
        child.lower(resource.RLIMIT_AS, int(task["limits"]["memory"]), resource.RLIM_INFINITY)
        code, fault = _compiled(source)
        wire.send(channel, {"fault": fault})
        if code:
            _tests(channel, code, task)
        status = 0
    finally:
        os._exit(status)


def _tests(channel: socket.socket, code: CodeType, task: dict[str, Any]) -> None:
    """Run the code on each input; while one test runs, the process for the next is made ready."""
    ready = Trial(code, task, channel.fileno())
    while ready:
        head, pieces = wire.receive(channel, MOST_INPUT)
        if not pieces:
            ready.discard()
            return
        running = ready
        running.start(pieces[0])
        ready = Trial(code, task, channel.fileno()) if head["more"] else None
        wire.send(channel, *running.outcome())
    wire.receive(channel, MOST_INPUT)


def _compiled(source: bytes) -> tuple[CodeType | None, str | None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return compile(source, child.FILE, "exec", dont_inherit=True), None
    except SyntaxError as error:
        return None, f"{type(error).__name__}: {error.msg} (line {error.lineno})"
    except Exception as error:  # whatever a compiler may throw at a program is the program's doing
        return None, f"{type(error).__name__}: {error}"
