"""Programs as answers: extraction of code, comparison of outputs, verdicts."""

import pytest

from lib import grade, sandbox
from lib.sandbox import programs
from tests import grade_check

ONE = [{"input": "1\n", "output": "2\n", "testtype": "stdin"}]
CALL = [{"input": "1\n[2]", "output": "3", "testtype": "functional"}]


def fenced(code, language="python"):
    return f"```{language}\n{code}\n```"


# code in an answer

EXTRACTED = {
    "python": (fenced("x = 1"), "x = 1"),
    "capital letters": (fenced("x = 1", "Python"), "x = 1"),
    "py": (fenced("x = 1", "py"), "x = 1"),
    "tildes": ("~~~python\nx = 1\n~~~", "x = 1"),
    "a longer fence holds a shorter one": ("````python\nx = '''\n```\n'''\n````", "x = '''\n```\n'''"),
    "cut off by the limit": ("Here:\n```python\nx = 1\ny =", "x = 1\ny ="),
    "the last of several": (fenced("x = 1") + "\nBetter:\n" + fenced("x = 2"), "x = 2"),
    "an example of its output follows": (fenced("print(1)") + "\nThis prints\n" + fenced("1", "") + "\n", "print(1)"),
    "an example in another language follows": (fenced("x = 1") + "\n" + fenced("python x.py", "bash"), "x = 1"),
    "an opener without a language": ("```\nx = 1\n```", "x = 1"),
    "a block in the thinking does not count": ("<think>\n" + fenced("x = 1") + "\n</think>\nNo code.", None),
    "no fence": ("x = 1", None),
    "an empty block": (fenced(""), None),
    "null": (None, None),
    "fences that do not pair up": ("```python\n```python\nx = 1\n```\n```", None),
    "in a list": ("1. Code:\n   ```python\n   x = 1\n   ```", "   x = 1"),
    "only another language": (fenced("int x;", "cpp"), None),
}


@pytest.mark.parametrize("name", EXTRACTED)
def test_code_is_found(name):
    text, code = EXTRACTED[name]
    assert programs.extract_code(text) == code == grade.extract_code(text)


def test_a_cut_is_seen_by_the_open_block():
    assert programs.is_closed(fenced("x = 1"))
    assert not programs.is_closed("```python\nx =")


def test_livecodebench_takes_the_lines_between_the_last_two_fences():
    assert programs.between_last_fences(fenced("print(1)") + "\n" + fenced("1", "")) == "1"
    assert programs.between_last_fences("```python\nx = 1") is None
    assert programs.between_last_fences(None) is None


# comparison

OUTPUTS = [
    ("1\n2\n", "1\n2", True),
    ("  1 \n 2\t", "1\n2", True),
    ("\n\n1\n", "1", True),
    ("1\n\n2", "1\n2", False),
    ("1.0", "1", True),
    ("1e3", "1000", True),
    ("0.1000", ".1", True),
    ("0.30000000000000004", "0.3", False),
    ("1 2", "1  2", True),
    ("a b", "a  b", False),
    ("YES", "Yes", False),
    ("nan", "nan", True),
    ("1", "", False),
    ("True", "1", False),
    ("1e999999999", "1", False),
]


@pytest.mark.parametrize(("got", "wanted", "same"), OUTPUTS)
def test_outputs_are_compared_by_line(got, wanted, same):
    assert programs.same_output(got, wanted) is same


VALUES = [
    (1, 1, True),
    (True, 1, False),
    (1, True, False),
    (0.1 + 0.2, 0.3, True),
    (1.0, 1, True),
    (1.00001, 1, False),
    ("1", 1, False),
    ([1, [2.0]], [1, [2]], True),
    ([1, 2], [2, 1], False),
    ([], None, False),
    (None, None, True),
    ({"a": [1]}, {"a": [1.0]}, True),
    ({"a": 1}, {"b": 1}, False),
    (10**400, 1.5, False),
    (float("nan"), float("nan"), False),
]


@pytest.mark.parametrize(("got", "wanted", "same"), VALUES)
def test_values_are_compared_by_value_and_kind(got, wanted, same):
    assert programs.same_value(got, wanted) is same


# verdicts

SOLUTION = "class Solution:\n    def f(self, a: List[int], k: int = 0):\n        return {}"
VERDICTS = {
    "right": ("print(int(input()) + 1)", ONE, "correct", None, None),
    "wrong": ("print(3)", ONE, "incorrect", 0, "wrong answer: expected '2', got '3'"),
    "wrong in a later line": ("print(1)\nprint(3)", [{"input": "", "output": "1\n2"}], "incorrect", 0, "line 2: expected '2'"),
    "too few lines": ("print(1)", [{"input": "", "output": "1\n2"}], "incorrect", 0, "expected 2 lines, got 1"),
    "the second test": ("print(2)", [*ONE, {"input": "", "output": "3"}], "incorrect", 1, "wrong answer"),
    "no code": ("", ONE, "no_answer", None, "no code"),
    "does not compile": ("x = = 1", ONE, "incorrect", 0, "compile error: SyntaxError: invalid syntax (line 1)"),
    "a null byte": ("print(2)\0", ONE, "incorrect", 0, "compile error"),
    "brackets without end": ("(" * 10**5, ONE, "incorrect", 0, "compile error"),
    "an error": ("1 / 0", ONE, "incorrect", 0, "runtime error: ZeroDivisionError: division by zero"),
    "a missing import": ("print(math.floor(2))", ONE, "incorrect", 0, "runtime error: NameError"),
    "an exit status": ("print(2)\nexit(3)", ONE, "incorrect", 0, "runtime error: exit status 3"),
    "an exit with words": ("print(2)\nexit('oh')", ONE, "incorrect", 0, "runtime error: oh"),
    "killed by a signal without a name": ("import os\nos.kill(os.getpid(), 40)", ONE, "incorrect", 0, "killed (signal 40)"),
    "killed": ("import os\nos.kill(os.getpid(), 6)", ONE, "incorrect", 0, "killed (SIGABRT)"),
    "killed as others are": ("import os\nos.kill(os.getpid(), 9)", ONE, "incorrect", 0, "runtime error: PermissionError"),
    "cut short": ("print('x' * 500)", ONE, "incorrect", 0, "got '" + "x" * 97 + "...'"),
    "a method": (SOLUTION.format("sum(a) + k"), [CALL[0] | {"input": "[2]\n1"}], "correct", None, None),
    "a method's wrong value": (SOLUTION.format("sum(a)"), [CALL[0] | {"input": "[2]\n1"}], "incorrect", 0, "expected 3, got 2"),
    "True for 1": (SOLUTION.format("True"), [{"input": "[]", "output": "1", "testtype": "functional"}], "incorrect", 0, "got true"),
    "a tuple": (SOLUTION.format("(1, (2, 3))"), [{"input": "[]", "output": "[1, [2, 3]]", "testtype": "functional"}], "correct", None, None),
    "an array": ("import numpy\n" + SOLUTION.format("numpy.array(a) * 1.5"), [{"input": "[1]", "output": "[1.5]", "testtype": "functional"}], "correct", None, None),
    "a set": (SOLUTION.format("set(a)"), [{"input": "[1]", "output": "[1]", "testtype": "functional"}], "incorrect", 0, "runtime error: TypeError: the result is a set"),
    "it prints too": (SOLUTION.format("print(9) or 3"), [{"input": "[]", "output": "3", "testtype": "functional"}], "correct", None, None),
    "no such method": ("class Solution: pass", [CALL[0] | {"fn_name": "f"}], "incorrect", 0, "runtime error: AttributeError"),
    "a function": ("def f(a, b): return a + b[0]", [CALL[0] | {"fn_name": "f"}], "correct", None, None),
    "a demonstration": (SOLUTION.format("3") + "\nif __name__ == '__main__':\n    1 / 0", [{"input": "[]", "output": "3", "testtype": "functional"}], "correct", None, None),
    "state in a class": ("class Solution:\n    t = []\n    def f(self, a):\n        self.t.append(a)\n        return len(self.t)", [{"input": "1", "output": "1", "testtype": "functional"}] * 2, "correct", None, None),
    "tests that cannot be read": ("print(1)", "[{", "ungradable", None, "tests: not JSON"),
    "an expected value that is no JSON": (SOLUTION.format("3"), [{"input": "[]", "output": "x", "testtype": "functional"}], "ungradable", 0, "tests: the output 'x' is not JSON"),
    "three arguments of pow": (SOLUTION.format("pow(3, 2, 5)"), [{"input": "[]", "output": "4", "testtype": "functional"}], "correct", None, None),
}  # fmt: skip


@pytest.mark.parametrize("name", VERDICTS)
def test_verdicts_say_what_failed_where_and_how(name):
    code, tests, status, failed, reason = VERDICTS[name]
    verdict = sandbox.run(code, tests)
    assert (verdict.status, verdict.failed_test) == (status, failed), verdict.reason
    assert verdict.reason == reason if reason is None else reason in verdict.reason


LENIENT = {
    "a missing import": ("print(math.floor(float(input())) + 1)", ONE),
    "an exit status": ("print(2)\nexit(3)", ONE),
    "True for 1": (SOLUTION.format("True"), [{"input": "[]", "output": "1", "testtype": "functional"}]),
    "deep recursion": ("def f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(20000) - 19998)", ONE),
}


@pytest.mark.parametrize("name", LENIENT)
def test_the_profile_of_livecodebench_passes_what_the_exact_one_fails(name):
    code, tests = LENIENT[name]
    assert sandbox.run(code, tests, profile="lcb").passed
    assert not sandbox.run(code, tests).passed


def test_an_unknown_profile_is_told():
    with pytest.raises(ValueError, match="expected one of exact, lcb, got 'strict'"):
        sandbox.run("1", ONE, profile="strict")


@pytest.mark.parametrize("check", grade_check.CODE, ids=lambda check: check.__name__)
def test_material_of_other_projects_is_graded_as_it_says(shared_data, check):
    for result in check(shared_data):
        assert result.right >= result.wanted * result.rows, result.misses
