"""Tests of programming problems, read from any of the forms that LiveCodeBench and its relatives store them in.

A test is an object with `input`, `output` and `testtype`, either `stdin` (a program reads the input and prints the
output) or `functional` (a method is called: each line of the input is one argument in JSON, the output is its value in
JSON). Nothing here runs code.
"""

import base64
import binascii
import json
import pickletools
import re
import zlib
from dataclasses import dataclass
from typing import Any

METHOD = re.compile(r"^[ \t]+def[ \t]+([A-Za-z]\w*)[ \t]*\(\s*self\b", re.MULTILINE)
MOST_TESTS = 1 << 28  # bytes of unpacked tests
# Characters of JSON outside its texts. Each may become an object of a hundred bytes; tests are texts but for a few.
MOST_STRUCTURE = 1 << 22
MOST_TEXTS = 1 << 20
MOST_OPERATIONS = 16  # in a pickled string
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


def method(code: str | None) -> str | None:
    """The only public method of a class in a program; None if there is none or more than one."""
    names = set(METHOD.findall(code or ""))
    return names.pop() if len(names) == 1 else None


def read_tests(tests: Any, code: str = "", function: str | None = None) -> Tests:
    """Tests in any of their forms, JSON text or what it says.

    A list of objects; or an object with `tests`, and perhaps `private` ones, beside `metadata`; or one with `inputs`,
    `outputs` and `fn_name`. Lists may be JSON, or packed as LiveCodeBench's private ones are. The method to call is
    `function`, or `fn_name` or `func_name` in a test, beside the tests or in their metadata, or else the only public
    method in `code`.

    Raises:
        TestsError: there are no tests, or a field is missing or of the wrong type.
    """
    if isinstance(tests, str):
        tests = _json(tests)
    function = function or _function(tests)
    rows = _rows(tests) if isinstance(tests, dict) else tests
    if not isinstance(rows, list) or not rows:
        raise TestsError("no tests")
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in ("input", "output")):
            raise TestsError(f"test {number}: expected an object with the texts `input` and `output`")
    function = function or next(filter(None, map(_function, rows)), None)
    if function is None and any(row.get("testtype") == "functional" for row in rows):
        function = method(code)
        if function is None:
            raise TestsError("functional tests that do not name the method to call")
    return Tests(tuple((row["input"], row["output"]) for row in rows), function)


def unpack(text: str) -> str:
    """The JSON of tests as LiveCodeBench stores them: plain, or a pickled string (never loaded), zlib, base64.

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
    except TestsError as error:
        raise TestsError(f"private tests: {error}") from None
    except (binascii.Error, zlib.error, ValueError) as error:
        raise TestsError(f"neither JSON nor packed as LiveCodeBench's private tests are ({error})") from None


def _json(text: str) -> Any:
    try:
        text = unpack(text)
        if len(text) > MOST_STRUCTURE and _structure(text) > MOST_STRUCTURE:
            raise TestsError(f"more than {MOST_STRUCTURE >> 20} MB of JSON that is no text, expected tests")
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, TestsError) else TestsError(f"not JSON: {error}") from None


def _structure(text: str) -> int:
    """How much of JSON is outside its first texts."""
    parts = text.replace("\\\\", "").replace('\\"', "").split('"', 2 * MOST_TEXTS)
    return sum(map(len, parts[::2]))


def _function(holder: Any) -> str | None:
    """The method's name, if a test, or the object that holds the tests, says it."""
    if not isinstance(holder, dict):
        return None
    metadata = holder.get("metadata")
    if isinstance(metadata, str):
        metadata = _json(metadata)
    places = (holder, metadata) if isinstance(metadata, dict) else (holder,)
    names = (place.get(key) for place in places for key in ("fn_name", "func_name"))
    return next((name for name in names if isinstance(name, str) and name), None)


def _rows(holder: dict[str, Any]) -> Any:
    """The public and private tests of an object, or its inputs and outputs, as a list of tests."""
    if "inputs" in holder:
        inputs, outputs = holder["inputs"], holder.get("outputs")
        if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs):
            raise TestsError("expected as many `outputs` as `inputs`")
        return [{"input": given, "output": expected} for given, expected in zip(inputs, outputs, strict=True)]
    public, private = (
        _json(tests) if isinstance(tests, str) else tests for tests in (holder.get("tests"), holder.get("private"))
    )
    private = private or []
    return [*public, *private] if isinstance(public, list) and isinstance(private, list) else None


def _pickled_string(data: bytes) -> str:
    strings = []
    for number, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        if number == MOST_OPERATIONS:
            raise TestsError("a pickle of many operations, expected only a string")
        if opcode.name not in STRING_OPCODES | MEMO_OPCODES:
            raise TestsError(f"a pickle with the operation {opcode.name}, expected only a string")
        if isinstance(argument, str):
            strings.append(argument)
    if len(strings) != 1:
        raise TestsError(f"a pickle of {len(strings)} strings, expected one")
    return strings[0]
