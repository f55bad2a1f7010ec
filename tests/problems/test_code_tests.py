"""Tests of programming problems: every form that they come in, and packed ones that must not be trusted."""

import base64
import json
import os
import pickle
import tracemalloc
import zlib

import pytest

from lib.problems import code_tests
from lib.problems.code_tests import Tests, TestsError

ONE = [{"input": "1\n", "output": "2\n", "testtype": "stdin"}]
CALL = [{"input": "1\n[2]", "output": "3", "testtype": "functional"}]
FORMS = {
    "a list": (ONE, Tests((("1\n", "2\n"),))),
    "JSON": (json.dumps(ONE), Tests((("1\n", "2\n"),))),
    "packed": (base64.b64encode(zlib.compress(pickle.dumps(json.dumps(ONE)))).decode(), Tests((("1\n", "2\n"),))),
    "inputs and outputs": ({"inputs": ["1"], "outputs": ["2"], "fn_name": "f"}, Tests((("1", "2"),), "f")),
    "tests beside metadata": ({"tests": CALL, "metadata": {"func_name": "g"}}, Tests((("1\n[2]", "3"),), "g")),
    "metadata as text": ({"tests": json.dumps(CALL), "metadata": '{"fn_name": "g"}'}, Tests((("1\n[2]", "3"),), "g")),
    "the name in a test": ([CALL[0] | {"metadata": {"func_name": "h"}}], Tests((("1\n[2]", "3"),), "h")),
}


@pytest.mark.parametrize("name", FORMS)
def test_tests_are_read_in_every_form(name):
    given, expected = FORMS[name]
    assert code_tests.read_tests(given) == expected


def test_the_only_method_is_called_where_none_is_named():
    code = "class Solution:\n    def add(self, a, b):\n        return self._sum(a, b)\n    def _sum(self, a, b): ..."
    assert code_tests.read_tests(CALL, code).function == "add"
    with pytest.raises(TestsError, match="do not name the method"):
        code_tests.read_tests(CALL, code.replace("_sum", "sum"))


BAD = {
    "no tests": ([], "no tests"),
    "an input that is no text": ([{"input": 1, "output": "2"}], "test 0: expected an object with the texts"),
    "not JSON": ("[{", "not JSON"),
    "neither JSON nor packed": ("hello", "private tests"),
    "packed, but cut": (base64.b64encode(zlib.compress(b"x" * 1000)[:-8]).decode(), "cut, or larger"),
    "unequal numbers": ({"inputs": ["1"], "outputs": []}, "as many"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tests_are_refused(name):
    given, message = BAD[name]
    with pytest.raises(TestsError, match=message):
        code_tests.read_tests(given)


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("made",)


@pytest.mark.parametrize(
    "content", [Hostile(), ["[]"], {"a": "b"}, 1, ("[]", "[]")], ids=lambda value: type(value).__name__
)
def test_packed_tests_are_never_unpickled(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    packed = base64.b64encode(zlib.compress(pickle.dumps(content))).decode()
    with pytest.raises(TestsError, match="pickle"):
        code_tests.unpack(packed)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_string_of_any_protocol_is_read(protocol):
    text = '[{"input": "é→\\n", "output": "x"}]' * 3
    assert code_tests.unpack(base64.b64encode(zlib.compress(pickle.dumps(text, protocol))).decode()) == text


def packed(text):
    return base64.b64encode(zlib.compress(pickle.dumps(text))).decode()


MEGABYTE, MANY = 1 << 20, 3 << 20
BOMBS = {  # small when packed; as objects they would take gigabytes
    "lists": packed("[" + "[]," * MANY + "[]]"),
    "lists in a test": packed('[{"input": ' + "[" * 100 + "[]," * MANY),
    "numbers": packed("[" + "1," * MANY + "1]"),
    "empty texts": packed("[" + '"",' * MANY + '""]'),
    "keys": packed("[{" + '"":0,' * MANY + '"":0}]'),
    "spaces": packed("[" + " " * 5 * MEGABYTE + "]"),
    "a text without end": packed('["' + '\\"' * MANY),
    "operations": base64.b64encode(zlib.compress(b"\x80\x04" + b"\x94" * MANY)).decode(),
    "not packed": "[" + "[]," * MANY + "[]]",
    "larger than all": base64.b64encode(zlib.compress(bytes(code_tests.MOST_TESTS + 1), 1)).decode(),
}


@pytest.mark.parametrize("name", BOMBS)
def test_tests_that_unpack_to_gigabytes_are_refused_before(name):
    tracemalloc.start()
    with pytest.raises(TestsError):
        code_tests.read_tests(BOMBS[name])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (3 * code_tests.MOST_TESTS if name == "larger than all" else 200 * MEGABYTE)


def test_large_tests_are_read():
    long, many = [{"input": "[1, 2]" * MEGABYTE, "output": '"\\"'}], ONE * 50_000
    for tests in (long, many):
        assert len(code_tests.read_tests(packed(json.dumps(tests))).cases) == len(tests)
