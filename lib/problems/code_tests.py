"""Programs as answers: the code in an answer text, the tests of a problem, and whether what was written is right.

Nothing here runs code. Tests have LiveCodeBench's form: a list of objects with `input`, `output` and `testtype`, either
`stdin` (a program reads the input and prints the output) or `functional` (a method is called: each line of the input is
one argument in JSON, the output is its value in JSON).
"""

import base64
import binascii
import json
import math
import pickletools
import re
import zlib
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

OPENER = re.compile(r"\s{0,3}(`{3,}|~{3,})\s*([\w+#.-]*)[^`]*")
LANGUAGES = {"python", "python3", "py", ""}
END_OF_THINKING = re.compile(r".*</think>|.*\[/THINK\]", re.DOTALL)
METHOD = re.compile(r"^\s+def\s+([A-Za-z]\w*)\s*\(\s*self\b", re.MULTILINE)
CLOSENESS = 1e-9  # of floats that a method returns, relative and absolute
MOST_TESTS = 1 << 30  # bytes of unpacked tests
# All that a pickled string consists of. Anything else in a pickle could build an object, and is refused.
STRING_OPCODES = {"PROTO", "FRAME", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "STOP"}
MEMO_OPCODES = {"MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"}


class TestsError(ValueError):
    """Tests that cannot be read; its text is one line."""

    __test__ = False  # what pytest collects begins with the same word


@dataclass(frozen=True)
class Tests:
    """The tests of one problem: pairs of input and expected output, for a program or for a method of that name."""

    __test__ = False

    cases: tuple[tuple[str, str], ...]
    function: str | None = None


def extract_code(text: str | None) -> str | None:
    r"""The code that an answer gives: its last fenced block of Python, or without a language; None if there is none.

    | shape of the answer | what is taken |
    |---|---|
    | blocks marked as Python (python, py, python3, in any case) | the last of them |
    | only bare blocks | the last of them |
    | a block that is never closed, as the token limit cuts it or the opener was written for the model | all after it |
    | a fence with a language inside an open block | nothing: it does not say where the code begins |
    | no fence | nothing |

    What stands before the end of the thinking does not count. LiveCodeBench takes what lies between the last two
    fences, whatever their language; the two differ where an answer ends in an example of its output.
    """
    blocks = _blocks(END_OF_THINKING.sub("", text or "", count=1))
    if blocks is None:
        return None
    marked = [code for language, code in blocks if language] or [code for _, code in blocks]
    return marked[-1] if marked and marked[-1].strip() else None


def method(code: str | None) -> str | None:
    """The only public method that a class in a program has, None if there is none or more than one."""
    found = set(METHOD.findall(code or ""))
    return found.pop() if len(found) == 1 else None


def is_closed(text: str | None) -> bool:
    """Whether the last fence in a text closes a block, so that a cut after it did not shorten the code."""
    return len([line for line in (text or "").split("\n") if OPENER.fullmatch(line)]) % 2 == 0


def between_last_fences(text: str | None) -> str | None:
    """The code as LiveCodeBench finds it: the lines between the last two that hold a fence."""
    lines = (text or "").split("\n")
    fences = [number for number, line in enumerate(lines) if "```" in line]
    code = "\n".join(lines[fences[-2] + 1 : fences[-1]]) if len(fences) >= 2 else ""
    return code if code.strip() else None


def read_tests(tests: Any, code: str = "", function: str | None = None) -> Tests:
    """Tests in any of the forms they come in: JSON text or what it says.

    A list of objects; or an object with `tests`, and perhaps `private` ones, beside `metadata`; or one with `inputs`,
    `outputs` and `fn_name`. Lists of tests may be JSON, or packed as LiveCodeBench's private ones are. The method to
    call is `function`, or `fn_name` or `func_name` in a test, beside the tests or in their metadata; where none is
    named, the only public method in `code`.

    Raises:
        TestsError: there are no tests, or a field is missing or of the wrong type.
    """
    if isinstance(tests, str):
        tests = _json(tests)
    function = function or _function(tests)
    if isinstance(tests, dict):
        tests = tests | {key: _json(tests[key]) for key in ("tests", "private") if isinstance(tests.get(key), str)}
    if isinstance(tests, dict) and "inputs" in tests:
        rows = [{"input": given, "output": wanted} for given, wanted in zip(*_both(tests), strict=True)]
    else:
        rows = _listed(tests) if isinstance(tests, dict) else tests
    if not isinstance(rows, list) or not rows:
        raise TestsError("no tests")
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in ("input", "output")):
            raise TestsError(f"test {number}: expected an object with the texts `input` and `output`")
    function = function or next(filter(None, map(_function, rows)), None)
    if function is None and any(row.get("testtype") == "functional" for row in rows):
        function = _only_method(code)
    return Tests(tuple((row["input"], row["output"]) for row in rows), function)


def unpack(text: str) -> str:
    """The JSON of private tests as LiveCodeBench stores them: plain, or a pickled string, zlib, base64.

    The pickle is read, not loaded: it must consist of one string.

    Raises:
        TestsError: it is neither.
    """
    if text.lstrip().startswith(("[", "{")):
        return text
    try:
        decompress = zlib.decompressobj()
        data = decompress.decompress(base64.b64decode(text, validate=True), MOST_TESTS)
        if not decompress.eof:
            raise TestsError(f"cut, or larger than {MOST_TESTS} bytes unpacked")
        return _pickled_string(data)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise TestsError(f"private tests: {error}") from None


def same_output(got: str, wanted: str) -> bool:
    """Whether a program printed what it should: LiveCodeBench's rule.

    Space around lines and around the whole does not count. Lines are equal as text, or as decimal numbers, exactly: a
    test does not say how close would be close enough.
    """
    ours, theirs = (text.strip().split("\n") for text in (got, wanted))
    return len(ours) == len(theirs) and all(map(_same_line, ours, theirs))


def same_value(got: Any, wanted: Any) -> bool:
    """Whether a method returned what it should; both are what JSON can say.

    True is not 1, and a text is not a number. Whole numbers and decimals are compared by value, decimals to 9 digits.
    """
    if isinstance(got, list) and isinstance(wanted, list):
        return len(got) == len(wanted) and all(map(same_value, got, wanted))
    if isinstance(got, dict) and isinstance(wanted, dict):
        return got.keys() == wanted.keys() and all(same_value(got[key], wanted[key]) for key in got)
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (got, wanted)]
    if all(numbers) and float in (type(got), type(wanted)):
        return got == wanted or _is_close(got, wanted)
    return type(got) is type(wanted) and got == wanted


def _is_close(got: float, wanted: float) -> bool:
    try:
        return math.isclose(got, wanted, rel_tol=CLOSENESS, abs_tol=CLOSENESS)
    except OverflowError:  # a whole number that no float can hold
        return False


def _same_line(ours: str, theirs: str) -> bool:
    ours, theirs = ours.strip(), theirs.strip()
    if ours == theirs:
        return True
    try:
        return list(map(Decimal, ours.split())) == list(map(Decimal, theirs.split()))
    except InvalidOperation:
        return False


def _blocks(text: str) -> list[tuple[str, str]] | None:
    """Language and content of the blocks of Python and of no language; None if fences do not pair up."""
    blocks, fence, language, start = [], "", "", 0
    lines = text.split("\n")
    for number, line in enumerate(lines):
        found = OPENER.fullmatch(line)
        if not found or (fence and not found[1].startswith(fence)):
            continue
        if fence and found[2]:
            return None
        if fence:
            blocks.append((language, "\n".join(lines[start:number])))
            fence = ""
        else:
            fence, language, start = found[1], found[2].lower(), number + 1
    if fence:
        blocks.append((language, "\n".join(lines[start:]).removesuffix("\n")))
    return [block for block in blocks if block[0] in LANGUAGES]


def _json(text: str) -> Any:
    try:
        return json.loads(unpack(text))
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, TestsError) else TestsError(f"not JSON: {error}") from None


def _function(holder: Any) -> str | None:
    """Name of the method, where a test or what holds the tests says it."""
    if not isinstance(holder, dict):
        return None
    metadata = holder.get("metadata")
    if isinstance(metadata, str):
        metadata = _json(metadata)
    places = (holder, metadata) if isinstance(metadata, dict) else (holder,)
    names = (place.get(key) for place in places for key in ("fn_name", "func_name"))
    return next((name for name in names if isinstance(name, str) and name), None)


def _listed(tests: dict[str, Any]) -> Any:
    """Public and private tests of an object."""
    public, private = tests.get("tests"), tests.get("private") or []
    return [*public, *private] if isinstance(public, list) and isinstance(private, list) else None


def _both(tests: dict[str, Any]) -> tuple[list, list]:
    inputs, outputs = tests["inputs"], tests.get("outputs")
    if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs):
        raise TestsError("expected as many `outputs` as `inputs`")
    return inputs, outputs


def _only_method(code: str) -> str:
    name = method(code)
    if name is None:
        raise TestsError("functional tests that do not name the method to call")
    return name


def _pickled_string(data: bytes) -> str:
    strings = []
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name not in STRING_OPCODES | MEMO_OPCODES:
            raise TestsError(f"a pickle with the operation {opcode.name}, expected only a string")
        if isinstance(argument, str):
            strings.append(argument)
    if len(strings) != 1:
        raise TestsError(f"a pickle of {len(strings)} strings, expected one")
    return strings[0]
