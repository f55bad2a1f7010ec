"""Verdicts on programs: outputs from a sandbox, compared with what the tests expect.

Nothing that a program wrote is executed here, and its output is all that counts.
"""

import atexit
import json
import re
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from lib.problems import code_tests
from lib.problems.code_tests import Tests, TestsError
from lib.sandbox import programs
from lib.sandbox.box import TRIES, Box, DiedError, Limits, Outcome, best

PROFILES = ("exact", "lcb")
SHOWN = 100  # characters of an output that a reason quotes
NAMES_ERROR = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt|Iteration)\b")
NO_THREAD = re.compile(r"can't start new thread|Resource temporarily unavailable")
OUT_OF_MEMORY = re.compile(r"([\w.]+\._Array)?MemoryError")


@dataclass(frozen=True)
class Verdict:
    """Verdict on one program."""

    status: str  # correct, incorrect, no_answer (there is no code) or ungradable (the tests are at fault)
    failed_test: int | None = None  # the first that failed, from 0; what follows it is not run
    reason: str | None = None  # how it failed
    seconds: float = 0.0  # processor time of all tests that were run
    walls: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """A reason may quote a program, and goes to tables and terminals."""
        object.__setattr__(self, "reason", self.reason and _printable(self.reason))

    @property
    def passed(self) -> bool:
        """Whether the program passed every test."""
        return self.status == "correct"


class Runner(Protocol):
    """What runs programs: a `Box`, or something in its place."""

    walls: tuple[str, ...]

    def outcomes(self, code: str, inputs: Sequence[str], limits: Limits, **task: Any) -> Iterator[Outcome]:
        """As `Box.outcomes`."""

    def close(self) -> None:
        """Give back what it holds."""


def run(
    code: str | None, tests: Any, limits: Limits | None = None, profile: str = "exact", runner: Runner | None = None
) -> Verdict:
    """Run one program against its tests, up to the first that it fails.

    | profile | `exact` (ours) | `lcb` (LiveCodeBench's harness) |
    |---|---|---|
    | names imported beforehand | for classes, as on the sites that ask for one; none for programs | for both |
    | exit status other than 0 | a runtime error | does not matter if the output is right |
    | threads left at the end | are waited for | are not: what they would print is lost |
    | value of a method | True is not 1; decimals to 9 digits | Python's `==`, tuples and the like as lists |
    | numbers in an output | as numbers are written | whatever Python's Decimal reads |
    | recursion | Python's limit of 1,000 | 50,000 |

    `tests` are as `lib.problems.code_tests.read_tests` takes them. Without a `runner`, a sandbox is started at the
    first call and kept. What comes from outside the program (its sandbox is killed, others have all threads, a hard
    limit or a full disk of this machine) never makes it incorrect: it runs again, and is at last ungradable.

    Raises:
        SandboxError: nothing here is safe enough to run code in.
        ValueError: an unknown profile.
    """
    reason = ""
    for left in reversed(range(TRIES)):
        try:
            return judge(code, tests, limits, profile, runner, is_last=not left)
        except DiedError as error:
            reason = f"the sandbox ended {TRIES} times, by nothing that the program did: {_short(str(error))}"
    return Verdict("ungradable", reason=reason)


def judge(
    code: str | None, tests: Any, limits: Limits | None, profile: str, runner: Runner | None, is_last: bool
) -> Verdict:
    """As `run`, once; a DiedError says that nothing is known of the program and it should run again.

    `is_last`: whether to take even what others may have caused for the program's doing, as no other runs beside it.
    """
    if profile not in PROFILES:
        raise ValueError(f"profile: expected one of {', '.join(PROFILES)}, got {profile!r}")
    if not code or not code.strip():
        return Verdict("no_answer", reason="no code")
    try:
        read = tests if isinstance(tests, Tests) else code_tests.read_tests(tests, code)
    except TestsError as error:
        return Verdict("ungradable", reason=f"tests: {error}")
    with _shared(runner) as open_runner:
        return _verdict(code, read, limits or Limits(), profile == "lcb", open_runner, is_last)


def outputs(code: str, tests: Tests, limits: Limits | None = None, runner: Runner | None = None) -> list[str | None]:
    """What a program prints, or a method returns as JSON, on the input of each test; None where it fails."""
    limits, is_method = limits or Limits(), tests.function is not None
    texts: list[str | None] = []
    for _ in range(TRIES):
        texts.clear()
        with _shared(runner) as open_runner, _outcomes(code, tests, limits, False, open_runner) as outcomes:
            try:
                for outcome in outcomes:
                    failed = _fault(outcome, limits) or (is_method and not outcome.output)
                    texts.append(None if failed else outcome.output.decode("utf-8", "replace"))
            except DiedError:
                continue
            except SyntaxError:
                pass
        break
    return texts + [None] * (len(tests.cases) - len(texts))  # what is left has no output


@contextmanager
def _shared(runner: Runner | None) -> Iterator[Runner]:
    """A runner for one caller: the given one, or else the sandbox that all callers without one share."""
    if runner:
        yield runner
        return
    with _lock:
        if not _boxes:
            _boxes.append(Box(best()))
            atexit.register(_boxes[0].close)
        yield _boxes[0]


def _outcomes(code: str, tests: Tests, limits: Limits, is_lcb: bool, runner: Runner) -> closing:
    task = {"prelude": is_lcb or tests.function is not None, "deep": is_lcb, "lenient": is_lcb}
    inputs = [given for given, _ in tests.cases]
    return closing(runner.outcomes(code, inputs, limits, function=tests.function, **task))


def _verdict(code: str, tests: Tests, limits: Limits, is_lcb: bool, runner: Runner, is_last: bool) -> Verdict:
    done, seconds = 0, 0.0
    try:
        with _outcomes(code, tests, limits, is_lcb, runner) as outcomes:
            for (_, wanted), outcome in zip(tests.cases, outcomes, strict=True):
                seconds += outcome.seconds
                fault = _fault(outcome, limits)
                if fault and outcome.short:
                    return Verdict("ungradable", done, f"{fault}, while {outcome.short}", seconds, runner.walls)
                if fault and NO_THREAD.search(outcome.complaint) and not is_last:
                    raise DiedError(fault)
                reason = fault or _difference(outcome.output, wanted, tests.function, is_lcb)
                if reason:
                    return Verdict("incorrect", done, reason, seconds, runner.walls)
                done += 1
    except SyntaxError as error:
        return Verdict("incorrect", 0, f"compile error: {_short(str(error))}", seconds, runner.walls)
    except TestsError as error:
        return Verdict("ungradable", done, f"tests: {error}", seconds, runner.walls)
    return Verdict("correct", None, None, seconds, runner.walls)


def _fault(outcome: Outcome, limits: Limits) -> str | None:
    """What went wrong before the output matters; None if nothing did."""
    if outcome.stopped == "wall time":
        return f"time limit ({limits.wall_seconds:g} s of waiting)"
    if outcome.seconds > limits.seconds or outcome.code == -signal.SIGXCPU:
        return f"time limit ({limits.seconds:g} s)"
    if outcome.stopped:
        return f"killed (more than {limits.scratch >> 20} MB of files)"
    if outcome.overflow:
        return f"killed (more than {limits.output >> 20} MB written)"
    if outcome.code < 0:
        return f"killed ({_signal(-outcome.code)})"
    if outcome.code == 0:
        return None
    lines = outcome.complaint.strip().splitlines() or [f"exit status {outcome.code}"]
    line = next(filter(NAMES_ERROR.match, reversed(lines)), lines[-1])  # a warning may follow the error
    if OUT_OF_MEMORY.match(line):
        return f"memory limit ({limits.memory >> 20} MB)"
    return f"runtime error: {_short(line)}"


def _difference(output: bytes, wanted: str, function: str | None, is_lcb: bool) -> str | None:
    """How an output differs from the expected one; None if it does not."""
    if function is not None:
        return _other_value(output, wanted, is_lcb)
    found = programs.difference(output, wanted, is_lcb)
    if found is None:
        return None
    number, ours, theirs = found
    total = wanted.strip().count("\n") + 1
    if ours is None or theirs is None:
        got = _short(output[: 4 * SHOWN].decode("utf-8", "replace").strip())
        return f"wrong answer: expected {total} lines, got {number if ours is None else 'more'}: {got!r}"
    place = f"line {number + 1}: " if total > 1 else ""
    return f"wrong answer: {place}expected {_short(theirs.strip())!r}, got {_short(ours)!r}"


def _other_value(output: bytes, wanted: str, is_lcb: bool) -> str | None:
    try:
        expected = _json(wanted)
        shape = json.dumps(expected, default=str)  # as a program's value is written
    except (ValueError, RecursionError):
        raise TestsError(f"the output {_short(wanted)!r} is not JSON") from None
    other = f"wrong answer: expected {_short(wanted)}, got {_short(output[: 4 * SHOWN].decode('utf-8', 'replace'))}"
    # what has other lists and objects differs, and may be far larger to read than what is expected
    if any(output.count(mark.encode()) != shape.count(mark) for mark in "[{,"):
        return other
    try:
        value = _json(output)
        return None if (value == expected if is_lcb else programs.same_value(value, expected)) else other
    except RecursionError:
        return other
    except ValueError:  # the program wrote to the result itself
        return "runtime error: no value was returned"


def _json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # perhaps a number that is too long for Python
        return json.loads(text, parse_int=programs.whole_number)


def _signal(number: int) -> str:
    """Name of a signal, if it has one."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def _printable(text: str) -> str:
    """A text that does nothing to a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


_lock = threading.Lock()
_boxes: list[Box] = []
