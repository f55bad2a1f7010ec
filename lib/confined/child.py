"""Process of one test: set its limits, give up its rights, run the code.

All of this happens in the process that runs model-written code, so nothing it reports is trusted: its output is read
and compared elsewhere.
"""

import _io
import atexit
import builtins
import contextlib
import functools
import importlib
import io
import json
import math
import os
import random
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any, NoReturn

from lib.confined import kernel, seccomp

# What a solution that is a class finds imported, as on the sites whose problems ask for one.
STARRED = "string re datetime collections heapq bisect copy math random statistics itertools functools operator typing"
NAMED = f"{STARRED} io sys json"
RECURSION = 1000  # Python's own limit
DEEP_RECURSION = 50_000  # LiveCodeBench's
SWITCH_SECONDS = 1e-6
RESULT = 3  # file that the value of a called method goes to
FILE = "solution.py"
OWN_PROCESS = seccomp.ITSELF.to_bytes(4, sys.byteorder)
FILES = 256  # descriptors
DIGITS = 50_000  # that a number may have when it is read or printed: LiveCodeBench's; Python's own limit is 4,300
STREAMS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}  # where a program sees no /dev of its own
UNWRITTEN = 120  # exit status of Python when the last output cannot be written

prelude: dict[str, Any] = {}


def warm_up(packages: list[str]) -> None:
    """Import what programs import, once for all that are forked from here, and let their random numbers repeat."""
    for name in f"{NAMED} array cmath decimal enum fractions hashlib queue time".split():
        importlib.import_module(name)
    for name in packages:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    builtins.open = io.open = _open
    for name in [*STARRED.split(), "builtins"]:  # builtins last: pow is the one with three arguments
        module = sys.modules[name]
        names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
        prelude.update({name: getattr(module, name) for name in names})
    prelude.update({name: sys.modules[name] for name in NAMED.split()})
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    sys.set_int_max_str_digits(DIGITS)
    for number in range(3):
        os.dup2(os.memfd_create("standard"), number)  # a file, as those that take its place will be
    sys.stdin = sys.__stdin__ = _text(0, "r")
    sys.stdout = sys.__stdout__ = _text(1, "w")
    sys.stderr = sys.__stderr__ = _text(2, "w", "backslashreplace", line_buffering=True)


def become(code: CodeType, task: dict[str, Any], files: list[int], channel: int) -> NoReturn:
    """Run `code` in this process, just forked, and end it as Python ends.

    Args:
        task: function (name, or None for a program), prelude, deep, lenient, limits, filter.
        files: for standard input, output and error, for a result, and a pipe that is written to when to begin.
        channel: the way out of the sandbox; closed first.
    """
    status = 1
    try:
        os.close(channel)
        _redirect(files)
        _set_limits(task["limits"])
        kernel.prctl(kernel.SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if task["filter"]:
            seccomp.restrict(task["filter"].replace(OWN_PROCESS, os.getpid().to_bytes(4, sys.byteorder)))
        module = _module(task)
        os.read(len(files) - 1, 1)
        os.close(len(files) - 1)
        status = _status(module, code, task)
    finally:
        os._exit(status)


def _redirect(files: list[int]) -> None:
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.closerange(len(files), 1024)


def _text(number: int, mode: str, errors: str = "surrogateescape", line_buffering: bool = False) -> io.TextIOWrapper:
    raw = io.FileIO(number, mode, closefd=False)
    raw.name = ("<stdin>", "<stdout>", "<stderr>")[number]
    file = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
    text = io.TextIOWrapper(file, encoding="utf-8", errors=errors, line_buffering=line_buffering)
    text.mode = mode  # as Python's own have it
    return text


@functools.wraps(io.open)
def _open(file: Any, *args: Any, **options: Any) -> Any:
    stream = STREAMS.get(os.fspath(file)) if isinstance(file, str | os.PathLike) else None
    return _io.open(file if stream is None else os.dup(stream), *args, **options)


def limits(asked: dict[str, float]) -> list[tuple[int, str, int, int]]:
    """Limits of one test for the kernel: kind, letter that the shell's ulimit has for it, soft and hard limit."""
    seconds = max(1, math.ceil(asked["seconds"]))
    rows = [(resource.RLIMIT_CPU, "t", seconds, seconds + 1)]  # a program may ignore the first signal, not the second
    for kind, name, most in (
        (resource.RLIMIT_FSIZE, "f", asked["output"]),
        (resource.RLIMIT_NPROC, "u", asked["processes"]),
        (resource.RLIMIT_NOFILE, "n", FILES),
        (resource.RLIMIT_CORE, "c", 0),
        (resource.RLIMIT_AS, "v", asked["memory"]),
    ):
        rows.append((kind, name, int(most), int(most)))
    return rows


def lower(kind: int, soft: int, hard: int) -> None:
    """Set a limit of this process, or keep the hard one that it has, where that is lower still."""
    most = resource.getrlimit(kind)[1]
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), most if hard == resource.RLIM_INFINITY else min(hard, most)
    resource.setrlimit(kind, (soft, hard))


def _set_limits(asked: dict[str, float]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for kind, _, soft, hard in limits(asked):
        lower(kind, soft, hard)


def _module(task: dict[str, Any]) -> ModuleType:
    """The module that the code runs as: the main one if it is a program, else one that is imported."""
    module = ModuleType("solution" if task["function"] else "__main__")
    module.__file__ = os.path.abspath(FILE)
    module.__builtins__ = builtins
    sys.modules[module.__name__] = module
    sys.argv[:], sys.path[0:0] = [FILE], [os.getcwd()]
    if task["prelude"]:
        vars(module).update(prelude)
    return module


def _run(module: ModuleType, code: CodeType, task: dict[str, Any]) -> None:
    if task["lenient"]:
        sys.setswitchinterval(SWITCH_SECONDS)  # so that a thread that nobody waits for does not get far
    random.seed(0)  # Python draws a new one in every forked process
    sys.setrecursionlimit(DEEP_RECURSION if task["deep"] else RECURSION + _depth() - 1)
    exec(code, vars(module))
    if task["function"]:
        arguments = map(json.loads, filter(str.strip, sys.stdin.read().split("\n")))
        _write_result(_method(module, task["function"])(*arguments))


def _depth() -> int:
    """Number of frames on the stack that are not the program's."""
    return sum(1 for _ in traceback.walk_stack(sys._getframe(1)))


def _method(module: ModuleType, name: str) -> Any:
    if hasattr(module, "Solution"):
        return getattr(module.Solution(), name)
    return getattr(module, name)


def _write_result(value: Any) -> None:
    text = json.dumps(value, default=_as_json, check_circular=False)
    with open(RESULT, "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(text)


def _as_json(value: Any) -> Any:
    """A list for what is one in all but its type, such as a deque, an array or an iterator."""
    if hasattr(value, "tolist"):  # arrays and numbers of numpy
        return value.tolist()
    if isinstance(value, str | bytes | dict | set | frozenset) or not hasattr(value, "__iter__"):
        raise TypeError(f"the result is a {type(value).__name__}")
    return list(value)


def _status(module: ModuleType, code: CodeType, task: dict[str, Any]) -> int:
    """Run, then end as the interpreter does: join threads, run atexit functions, drop objects, flush files."""
    status = _outcome(lambda: _run(module, code, task), task["lenient"])
    if not task["lenient"]:
        status = _outcome(threading._shutdown) or status
        status = _outcome(atexit._run_exitfuncs) or status
        status = _flushed() or status  # while what the program has put in place of a file still works
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        status = _outcome(vars(module).clear) or status
    return _flushed() or status


def _flushed() -> int:
    status = 0
    for file in (sys.stdout, sys.__stdout__, sys.stderr):
        try:
            if not file.closed:
                file.flush()
        except Exception:
            status = UNWRITTEN
    return status


def _outcome(work: Callable[[], None], lenient: bool = False) -> int:
    try:
        work()
    except SystemExit as end:
        return 0 if lenient else _exit_status(end.code)
    except BaseException as error:
        _print_traceback(error)
        return 1
    return 0


def _exit_status(code: Any) -> int:
    if code is None or isinstance(code, int):
        return (code or 0) & 0xFF
    print(code, file=sys.stderr)
    return 1


def _print_traceback(error: BaseException) -> None:
    """Without the frames of this module."""
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace, limit=-20)
