"""The sandbox: hostile programs on every level of walls, limits, what a right program may count on."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lib import paths, sandbox
from lib.confined import landlock, seccomp
from lib.sandbox import Box, Limits, SandboxError
from lib.sandbox import box as walls
from tests.sandbox import hostile_programs

STRONGEST, WEAKEST = ("namespaces", "landlock", "seccomp"), ("landlock", "seccomp")
FILTERED = [STRONGEST, WEAKEST, ("bubblewrap", "landlock", "seccomp")]
LEVELS = [*FILTERED, ("namespaces", "seccomp"), ("namespaces",), ("bubblewrap", "seccomp")]
# One program for each wall: files, network, processes, the grader itself, memory.
PROBES = {
    "read a file",
    "connect to a server on this machine",
    "signal another process",
    "fork",
    "speak for the sandbox",
    "memory",
}
# In a world of its own a program may look around and talk to itself: what it reaches is that world, not this one.
HARMLESS = {
    ("namespaces",): {"listen", "send a datagram", "raise the limits of its parent"},
    ("bubblewrap", "seccomp"): {"list the root", "read the grader's own source"},
    ("landlock", "seccomp"): {"ask whether a file exists", "see another process"},
}
QUICK = Limits(seconds=1, wall_seconds=2, memory=1 << 30, output=4 << 20, scratch=16 << 20)
# A gigabyte takes longer than a second to fill on a slow machine: where another limit is meant, time is not to end it.
PATIENT = replace(QUICK, seconds=20, wall_seconds=40)
NUMBERS = {
    "x86_64": {"fork": 57, "clone": 56, "add_key": 248, "perf": 298, "bpf": 321, "userfaultfd": 323},
    "aarch64": {"fork": 1071, "clone": 220, "add_key": 217, "perf": 241, "bpf": 280, "userfaultfd": 282},
}


def expecting(output, given=""):
    return [{"input": given, "output": output, "testtype": "stdin"}]


@pytest.fixture(scope="module")
def boxes():
    """Sandboxes by their walls, each started when it is first asked for."""
    started = {}

    def opened(level):
        if level not in started:
            try:
                walls.try_out(level)
            except SandboxError as error:
                pytest.skip(f"{' + '.join(level)} cannot be had here: {error}")
            started[level] = Box(level)
        return started[level]

    yield opened
    for box in started.values():
        box.close()


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """Things of this machine that a program must not reach."""
    monkeypatch.setenv("MIDTHOUGHT_SECRET", "secret")
    for name in ("secret", "doomed", "movable"):
        (tmp_path / name).write_text(name)
    victim = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    abstract = f"midthought-{os.getpid()}-{threading.get_ident()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX) as hidden,
    ):
        unix.bind(str(tmp_path / "socket"))
        hidden.bind("\0" + abstract)
        unix.listen()
        hidden.listen()
        yield {
            "secret": str(tmp_path / "secret"),
            "folder": str(tmp_path),
            "root": str(paths.ROOT),
            "port": server.getsockname()[1],
            "socket": str(tmp_path / "socket"),
            "abstract": abstract,
            "victim": victim.pid,
            **NUMBERS.get(os.uname().machine, NUMBERS["x86_64"]),
        }
    victim.communicate(b"\n")


def by_level(levels):
    return pytest.mark.parametrize("level", levels, ids=" + ".join)


def each(programs, levels):
    """Every program on the strongest and the weakest level, a probe of each wall on the others; all else is slow."""
    return pytest.mark.parametrize(
        ("name", "level"),
        [
            pytest.param(name, level, id=f"{name}, {' + '.join(level)}", marks=() if usual else pytest.mark.slow)
            for level in levels
            for name in programs
            for usual in [level in (STRONGEST, WEAKEST) or name in PROBES]
        ],
    )


# out of reach


@each(hostile_programs.REACHING, LEVELS)
def test_nothing_outside_can_be_reached(name, level, boxes, outside):
    before = sorted(os.listdir(outside["folder"]))
    code = hostile_programs.REACHING[name].format(**outside)
    verdict = sandbox.run(code, expecting("escaped"), QUICK, runner=boxes(level))
    if name not in HARMLESS.get(level, set()):
        assert (verdict.status, verdict.passed) == ("incorrect", False), name
    assert sorted(os.listdir(outside["folder"])) == before
    assert Path(outside["secret"]).read_text() == "secret"


@pytest.mark.parametrize("name", hostile_programs.REACHING)
def test_without_walls_it_could_be(name, boxes, outside):
    # else the tests above would show nothing
    code = hostile_programs.REACHING[name].format(**outside)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=outside["folder"])
    assert done.stdout.strip() == "escaped", done.stderr


@each(hostile_programs.STARTING, FILTERED)
def test_no_process_is_started_and_no_right_gained(name, level, boxes, outside):
    code = hostile_programs.STARTING[name].format(**outside)
    verdict = sandbox.run(code, expecting("escaped"), QUICK, runner=boxes(level))
    assert not verdict.passed and verdict.status == "incorrect", name


@each(hostile_programs.FORGING, LEVELS)
def test_a_verdict_cannot_be_forged(name, level, boxes):
    verdict = sandbox.run(hostile_programs.FORGING[name], expecting("escaped"), QUICK, runner=boxes(level))
    # without a filter it may kill the process that watches it, which then is nobody's doing
    is_killer = name.startswith("kill") and "seccomp" not in level
    assert verdict.status in {"incorrect", "ungradable" if is_killer else "incorrect"}, name
    assert sandbox.run("print(1)", expecting("1"), QUICK, runner=boxes(level)).passed  # the grader is alive


@each(hostile_programs.GREEDY, FILTERED)
def test_greed_ends_at_a_limit(name, level, boxes):
    code, reason = hostile_programs.GREEDY[name]
    limits = QUICK if "time limit" in reason else PATIENT
    started = time.monotonic()
    verdict = sandbox.run(code, expecting("never"), limits, runner=boxes(level))
    assert verdict.status == "incorrect"
    if name == "threads" and "bubblewrap" in level and os.geteuid() == 0:
        reason = "(runtime error|time limit)"  # root in a user namespace is not bound by a limit per user
    assert re.match(reason, verdict.reason), verdict.reason
    assert time.monotonic() - started < 60


def test_processes_that_a_filter_does_not_stop_end_with_their_program(boxes, tmp_path):
    # the level of a machine whose processor the filter does not know
    forks = """
import os, time
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)
print('done')"""
    runner = boxes(("namespaces",))
    assert sandbox.run(forks, expecting("done"), QUICK, runner=runner).passed
    count = "import os\nfound = 0\nfor n in range(2, 3000):\n    try: os.kill(n, 0); found += 1\n    except OSError: pass\nprint(found)"
    assert sandbox.run(count, expecting("2"), QUICK, runner=runner).passed  # itself and the one that watches it


def test_a_fork_bomb_meets_a_limit_where_no_filter_stops_it(boxes):
    bomb = "import os, time\nwhile True:\n    try: os.fork()\n    except OSError: break\ntime.sleep(2)\nprint('x')"
    runner = boxes(("namespaces",))
    started = time.monotonic()
    sandbox.run(bomb, expecting("never"), QUICK, runner=runner)
    assert sandbox.run("print(1)", expecting("1"), QUICK, runner=runner).passed
    assert time.monotonic() - started < 60


@by_level(LEVELS)
def test_nothing_is_left_for_the_next_test_or_program(level, boxes):
    leave = "open('left', 'w').write('x')\nimport builtins\nbuiltins.left = 1\nprint(input())"
    look = "import builtins, os\nprint(os.listdir('.'), hasattr(builtins, 'left'), input())"
    runner = boxes(level)
    both = [*expecting("1", "1"), *expecting("2", "2")]
    assert sandbox.run(leave, both, runner=runner).passed
    assert sandbox.run(look, expecting("[] False 3", "3"), runner=runner).passed
    again = "import os\nprint(os.path.exists('left'))\nopen('left', 'w')"
    assert sandbox.run(again, [*expecting("False"), *expecting("False")], runner=runner).passed


# what a right program may count on

RIGHT = {
    "iterate over standard input": ("import sys\nprint(sum(int(line) for line in sys.stdin))", "1\n2\n3\n", "6"),
    "next line": ("import sys\nprint(next(sys.stdin).strip(), sys.stdin.readline().strip())", "a\nb\n", "a b"),
    "input, then the rest": ("import sys\nn = input()\nprint(n, sys.stdin.read().split())", "1\n2 3\n4", "1 ['2', '3', '4']"),
    "bytes": ("import sys\nread = sys.stdin.buffer.readline\nprint(int(read()) + int(read()))", "1\n2", "3"),
    "open(0)": ("print(open(0).read().split())", "1 2", "['1', '2']"),
    "os.read": ("import os\nprint(os.read(0, 100).split())", "1 2", "[b'1', b'2']"),
    "stdout by name": ("from sys import stdout\nstdout.write('x')", "", "x"),
    "bytes out": ("import sys\nsys.stdout.buffer.write(b'x')", "", "x"),
    "a file on standard output": ("out = open(1, 'w')\nout.write('x')", "", "x"),
    "written at the end": ("import atexit, os\natexit.register(os.write, 1, b'x')", "", "x"),
    "global in a function": ("def f():\n    global x\n    x = 1\nf()\nprint(x)", "", "1"),
    "globals()": ("x = 1\nprint(globals()['x'])", "", "1"),
    "from __future__": ("from __future__ import annotations\ndef f(a: nowhere): return a\nprint(f(1))", "", "1"),
    "star import in a block": ("if True:\n    from math import *\nprint(floor(1.5))", "", "1"),
    "a builtin's name": ("print(max(1, 2))\nmax = 3\nprint(max)", "", "2\n3"),
    "main guard": ("def main(): print(1)\nif __name__ == '__main__': main()", "", "1"),
    "exit()": ("print(1)\nexit()", "", "1"),
    "sys.exit in a function": ("import sys\ndef f():\n    print(1)\n    sys.exit(0)\nf()", "", "1"),
    "os._exit after a flush": ("import os\nprint(1, flush=True)\nos._exit(0)", "", "1"),
    "work in a thread": ("import sys, threading\nsys.setrecursionlimit(1 << 25)\nthreading.stack_size(1 << 27)\n"
        "def main(): print(int(input()) + 1)\nthreading.Thread(target=main).start()", "1", "2"),
    "deep recursion": ("import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(50000))", "", "50000"),
    "recursion up to Python's limit": ("def f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(995))", "", "995"),
    "numpy": ("import numpy as np\nprint(np.array(input().split(), int).sum())", "1 2 3", "6"),
    "modes of the streams": ("import sys\nprint(sys.stdin.mode, sys.stdout.mode, sys.stderr.mode)", "", "r w w"),
    "streams of its own": ("import io, os, sys\nclass Out(io.IOBase):\n    def __init__(self): self.text = ''\n"
        "    def write(self, text): self.text += text\n    def flush(self):\n        os.write(1, self.text.encode())\n        self.text = ''\n"
        "sys.stdout = Out()\nprint(1)", "", "1"),
    "said at the end by an object": ("class A:\n    def __del__(self): print(1)\na = A()", "", "1"),
    "libraries of the system": ("import base64, binascii, bz2, crypt, ctypes, curses, dbm, gzip, lzma, readline, secrets, sqlite3, ssl, tempfile, uuid, zipfile, zlib\n"
        "print(zlib.decompress(zlib.compress(bz2.decompress(bz2.compress(lzma.decompress(lzma.compress(b'x')))))))", "", "b'x'"),
    "time zones": ("from zoneinfo import ZoneInfo\nfrom datetime import datetime\nprint(datetime(2024, 7, 1, tzinfo=ZoneInfo('Asia/Tokyo')).utcoffset())", "", "9:00:00"),
    "asyncio": ("import asyncio\nasync def f(n):\n    await asyncio.sleep(0.01)\n    return n\n"
        "async def main(): print(await asyncio.gather(f(1), asyncio.to_thread(int, '2')))\nasyncio.run(main())", "", "[1, 2]"),
    "asyncio, its input": ("import asyncio, sys\nasync def main():\n    loop = asyncio.get_running_loop()\n"
        "    print(int(await loop.run_in_executor(None, sys.stdin.readline)) + 1)\nasyncio.run(main())", "1", "2"),
    "selectors": ("import selectors, socket\none, two = socket.socketpair()\ns = selectors.DefaultSelector()\n"
        "s.register(two, selectors.EVENT_READ)\none.send(b'x')\nprint(len(s.select(1)), two.recv(1))", "", "1 b'x'"),
    "/dev/stdin": ("print(open('/dev/stdin').read())", "1", "1"),
    "/dev/stdin by a path": ("import pathlib\nprint(pathlib.Path('/dev/stdin').read_text())", "1", "1"),
    "/dev/stdin as bytes": ("with open('/dev/stdin', 'rb') as f: print(f.read())", "1", "b'1'"),
    "/dev/stdin by fileinput": ("import fileinput\nprint([*fileinput.input('/dev/stdin')])", "1\n2", "['1\\n', '2']"),
    "/dev/stdin in place of standard input": ("import sys\nsys.stdin = open('/dev/stdin')\nprint(input())", "1", "1"),
    "/dev/stdout": ("open('/dev/stdout', 'w').write('1')", "", "1"),
    "a thread pool": ("from concurrent.futures import ThreadPoolExecutor as P\nwith P(4) as p: print(sum(p.map(int, '123')))", "", "6"),
    "a file of its own": ("open('x', 'w').write('1')\nprint(open('x').read())", "", "1"),
    "letters": ("print(input()[::-1])", "é→x", "x→é"),
    "signals to itself": ("import os, signal\nsignal.signal(signal.SIGUSR1, lambda *a: print(1))\nos.kill(os.getpid(), signal.SIGUSR1)", "", "1"),
    "an alarm": ("import signal, time\nsignal.signal(signal.SIGALRM, lambda *a: print(1))\nsignal.setitimer(signal.ITIMER_REAL, 0.01)\ntime.sleep(0.1)", "", "1"),
    "one megabyte in and out": ("print(input())", "x" * (1 << 20), "x" * (1 << 20)),
    "an order of strings that repeats": ("print(hash('a') == hash('a'), len({'a', 'b'}))", "", "True 2"),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right_programs_pass(name, boxes):
    code, given, output = RIGHT[name]
    for level in (STRONGEST, WEAKEST):
        verdict = sandbox.run(code, expecting(output, given), runner=boxes(level))
        assert verdict.passed, (level, verdict.reason)


def test_what_is_random_repeats(boxes):
    code = "import random\nprint(random.random(), list({'a', 'b', 'c', 'd'}))"
    first, second = Box(walls.best()), Box(walls.best())
    reasons = [sandbox.run(code, expecting(""), runner=runner).reason for runner in (first, first, second)]
    first.close(), second.close()
    assert len(set(reasons)) == 1 and "0." in reasons[0]


# what is not the program's own doing


SLOW = "total = 0\nfor i in range(10**7): total += i\nprint(total)"
SUM = "49999995000000"


def family(process):
    """A process and all that descend from it, in the order of their age."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *(one for child in children for one in family(int(child)))]


@pytest.mark.parametrize("place", [0, 1, 2, -1], ids=["outermost", "fork server", "watching", "its own"])
@pytest.mark.parametrize(("times", "status"), [(1, "correct"), (99, "ungradable")], ids=["once", "always"])
def test_a_program_whose_process_is_killed_from_outside_runs_again(place, times, status, boxes):
    runner, over = boxes(STRONGEST), threading.Event()

    def kill():
        left = times
        while left and not over.wait(0.02):
            try:
                (process,) = runner._processes.values()
                found = family(process._process.pid)
                if len(found) > 3:
                    os.kill(found[place], 9)
                    left -= 1
            except (OSError, ValueError):
                continue  # it is just starting or ending

    runner.close()
    killer = threading.Thread(target=kill)
    killer.start()
    verdict = sandbox.run(SLOW, expecting(SUM), runner=runner)
    over.set(), killer.join()
    assert verdict.status == status, verdict.reason
    assert sandbox.run("print(1)", expecting("1"), runner=runner).passed


HARD = {  # what a batch system may set, with a program that needs more
    "-t 4": SLOW.replace("10**7", "10**9"),
    "-v 600000": "a = bytearray(1 << 30)",
    "-n 40": "a = [open('x', 'w') for _ in range(100)]",
    "-f 2000": "open('x', 'w').write('x' * (1 << 24))",
    "-f 0": "print(1)",
}


@pytest.mark.parametrize("limit", HARD)
def test_a_hard_limit_of_the_machine_is_not_the_programs_fault(limit):
    script = f"""
from lib import sandbox
box = sandbox.Box(("landlock", "seccomp"))
for code in ("print(1)", {HARD[limit] + "; print(1)"!r}):
    verdict = sandbox.run(code, [{{"input": "", "output": "1"}}], sandbox.Limits(seconds=20), runner=box)
    print(verdict.status, verdict.reason)
wrong = sandbox.run("print(2)", [{{"input": "", "output": "1"}}], runner=box)
assert not wrong.passed, wrong"""
    command = ["bash", "-c", f"ulimit {limit} && exec {sys.executable} -", "bash"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, cwd=paths.ROOT)
    small, large = done.stdout.splitlines()
    assert small.startswith(("correct", "ungradable")) and large.startswith("ungradable"), done
    assert limit.startswith("-f") or small == "correct None"


def test_threads_that_others_have_taken_are_waited_for():
    tests, calls = expecting("1"), []

    class Crowded:  # in place of a sandbox on a machine whose user has no threads left, at first
        walls = ()

        def outcomes(self, code, inputs, limits, **task):
            calls.append(code)
            is_starved = "greedy" in code or calls.count(code) < 2
            complaint = "RuntimeError: can't start new thread" if is_starved else ""
            yield sandbox.Outcome(1 if is_starved else 0, None, False, 0.0, b"1", complaint)

        def close(self):
            pass

    verdicts = sandbox.run_all([("greedy", tests), ("modest", tests)], open_runner=Crowded)
    assert [v.status for v in verdicts] == ["incorrect", "correct"]
    assert verdicts[0].reason == "runtime error: RuntimeError: can't start new thread"


def test_all_tests_of_a_program_share_the_time_of_waiting(boxes):
    code, runner = "import time\ntime.sleep(1.5)\nprint(1)", boxes(STRONGEST)
    limits, started = Limits(wall_seconds=3), time.monotonic()
    assert sandbox.run(code, expecting("1"), limits, runner=runner).passed
    verdict = sandbox.run(code, expecting("1") * 20, limits, runner=runner)
    assert (verdict.status, verdict.reason) == ("incorrect", "time limit (3 s of waiting)")
    assert time.monotonic() - started < 15


@by_level([STRONGEST, WEAKEST])
@pytest.mark.slow
def test_a_program_that_gets_little_of_a_processor_is_waited_for(level, boxes, busy_core):
    box = Box(level)
    assert sandbox.run("print(1)", expecting("1"), runner=box).passed
    busy_core(box._processes[()]._process.pid)
    started = time.monotonic()
    code = SLOW
    verdict = sandbox.run(code, expecting(SUM), Limits(wall_seconds=0.5), runner=box)
    box.close()
    assert verdict.passed, verdict.reason
    assert time.monotonic() - started > 0.5


HIDING = {
    "deleted": "os.unlink(name)",
    "replaced": "open('other', 'w').close()\n        os.rename('other', name)",
    "replaced by number": "libc.syscall(316, -100, b'other', -100, name.encode(), 0)",
    "never named": "file = os.open('.', os.O_TMPFILE | os.O_RDWR)",
    "more than it seems": "libc.fallocate(file, 1, ctypes.c_long(0), ctypes.c_long(1 << 25))",
}


@pytest.mark.parametrize("name", HIDING)
def test_files_that_are_hidden_count_too(name, boxes):
    code = f"""
import ctypes, os
libc = ctypes.CDLL(None)
for number in range(200):
    name = f'file{{number}}'
    file = os.open(name, os.O_CREAT | os.O_RDWR)
    try:
        {HIDING[name]}
    except OSError:
        pass
    os.write(file, bytes(1 << 20))
print('kept', os.fstatvfs(file).f_bavail)"""
    for level in (STRONGEST, WEAKEST):
        before = os.statvfs("/tmp").f_bavail
        verdict = sandbox.run(code, expecting("never"), PATIENT, runner=boxes(level))
        assert re.match(r"killed \(more than|runtime error: .*(No space|not permitted|Too many)", verdict.reason), (
            verdict.reason
        )
        assert os.statvfs("/tmp").f_bavail > before - (1 << 15)  # of 4 kB; others work here too


# when there are too few walls


@pytest.fixture
def bare(monkeypatch):
    """A machine that permits nothing."""

    def refuse(level):
        raise SandboxError("not permitted")

    monkeypatch.setattr(walls, "try_out", refuse)
    monkeypatch.setattr(landlock, "version", lambda: 0)
    walls.best.cache_clear()
    yield monkeypatch
    walls.best.cache_clear()


def test_without_walls_nothing_is_run_unless_unsafe_is_allowed(bare):
    message = r"cannot be run safely .* user namespaces .* bubblewrap, .* Landlock .* allow_unsafe"
    with pytest.raises(SandboxError, match=message):
        walls.best()
    assert walls.best(allow_unsafe=True) == ("seccomp",)


@pytest.mark.parametrize(("version", "is_wall"), [(1, False), (2, False), (3, True), (7, True)])
def test_a_landlock_that_lets_files_be_emptied_is_no_wall(version, is_wall, bare):
    bare.setattr(landlock, "version", lambda: version)
    refuse = walls.try_out
    bare.setattr(walls, "try_out", lambda level: level == WEAKEST or refuse(level))
    if is_wall:
        assert walls.best() == WEAKEST
    else:
        with pytest.raises(SandboxError, match=r"6\.2 or newer"):
            walls.best()


def test_a_wall_that_cannot_be_put_up_is_told(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SandboxError, match=r"bubblewrap .* is not installed"):
        walls.try_out(("bubblewrap",))


def test_numbers_of_system_calls_are_those_of_the_kernel_headers():
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip("no kernel headers here")
    known = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+)\s+(\d+)", header.read_text())}
    for table in (seccomp.CALLS, seccomp.OWN):
        for name, number in seccomp.numbers(table, 0).items():
            assert known.get(name) == number or number > max(known.values()), name  # later than these headers


# verdicts do not depend on the machine's load


def test_a_busy_machine_gives_the_same_verdicts():
    slow = "total = 0\nfor i in range(3 * 10**6): total += i\nprint(total)"
    pairs = [(slow, expecting("4499998500000")), ("while True: pass", expecting("1")), ("print(2)", expecting("1"))] * 2
    pairs = [(code + f"  # {i}", tests) for i, (code, tests) in enumerate(pairs)]
    limits = Limits(seconds=2)
    quiet = sandbox.run_all(pairs, workers=1, limits=limits)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3 * os.cpu_count())]
    try:
        loaded = sandbox.run_all(pairs, workers=2, limits=limits)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert [(v.status, v.reason) for v in loaded] == [(v.status, v.reason) for v in quiet]
    assert [v.status for v in quiet] == ["correct", "incorrect", "incorrect"] * 2
