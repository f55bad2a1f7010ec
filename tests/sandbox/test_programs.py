"""Programs as answers: extraction of code, comparison of outputs, verdicts."""

import time
import tracemalloc

import pytest

from lib import grade, sandbox
from lib.problems import code_tests
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
    "in a list": ("1. Code:\n   ```python\n   x = 1\n   ```", "x = 1"),
    "in a list, by a tab": ("- Code:\n\t```python\n\tif x:\n\t\tx = 1\n\t```", "if x:\n\tx = 1"),
    "in a list, by five": ("1.  Code:\n\n     ```python\n     if x:\n         x = 1\n     ```", "if x:\n    x = 1"),
    "in the mark of a list": ("10. ```python\n    x = 1\n    ```", "x = 1"),
    "in a list, its code not": ("* Code:\n\n  ```python\nif x:\n x = 1\n  ```", "if x:\n x = 1"),
    "in a quotation": ("> ```python\n> x = 1\n> ```", "x = 1"),
    "Windows' ends of lines": ("Code:\r\n  ```python\r\n  x = 1\r\n  ```\r\n", "x = 1"),
    "words behind the closing fence": (fenced("x = 1") + " Done.", "x = 1"),
    "a word behind the closing fence, and its output": (fenced("x = 1") + "Done\n" + fenced("1", ""), "x = 1"),
    "the end of a turn": (fenced("x = 1") + "<|im_end|>", "x = 1"),
    "a heading before the opener": ("**Code:**" + fenced("x = 1") + "\n" + fenced("1", ""), "x = 1"),
    "the mark of a list before the opener": ("- " + fenced("x = 1"), "x = 1"),
    "code in a sentence": ("Put it in ```x```, please.\n" + fenced("x = 1"), "x = 1"),
    "a closing fence behind code": ("```python\nx = 1```", "x = 1"),
    "a closing fence that is indented": (fenced("x = 1").replace("\n```", "\n    ```"), "x = 1"),
    "invisible characters": ("\u200b```python\nx = 1\n\u200b```", "x = 1"),
    "an indented fence in a text of the code": (
        '```py\ndef f():\n    """\n    ```\n    1\n    ```\n    """\n```',
        'def f():\n    """\n    ```\n    1\n    ```\n    """',
    ),
    "a fence in a line of code": ("```py\nif x == '```':\n    x = 1\n```", "if x == '```':\n    x = 1"),
    "a text that begins a line is left": ('```py\n    x = """\n1\n"""\n```', '    x = """\n1\n"""'),
    "py3": (fenced("x = 1", "py3"), "x = 1"),
    "pypy3": (fenced("x = 1", "pypy3"), "x = 1"),
    "a version": (fenced("x = 1", "Python 3.11"), "x = 1"),
    "a file": (fenced("x = 1", "main.py"), "x = 1"),
    "a file behind the language": (fenced("x = 1", "python:src/main.py"), "x = 1"),
    "as pandoc writes it": (fenced("x = 1", "{.python .numberLines}"), "x = 1"),
    "only another language": (fenced("int x;", "cpp"), "int x;"),
    "a session": (fenced("x = 1", "python-repl"), None),
    "a block within a block": ("```python\nx = 1\n```python\nx = 2\n```", "x = 2"),
    "a thought that is never closed": ("<think>\n" + fenced("x = 1"), None),
    "a thought in other brackets": ("[THINK]" + fenced("x = 1") + "[/THINK]" + fenced("x = 2"), "x = 2"),
}


@pytest.mark.parametrize("name", EXTRACTED)
def test_code_is_found(name):
    text, code = EXTRACTED[name]
    assert programs.extract_code(text) == code == grade.extract_code(text)


CLOSED = {
    fenced("x = 1"): True,
    fenced("x = 1").replace("\n```", "\n     ```"): True,
    "```python\nx =": False,
    '```python\ndef f():\n    """\n    ```\n    x =': False,
}


def test_a_cut_is_seen_by_the_open_block():
    assert {text: programs.is_closed(text) for text in CLOSED} == CLOSED


LONG = 100_000
WORST = [
    *(
        "`" * LONG,
        "~" * LONG,
        "\n" * LONG,
        " " * LONG,
        "\r" * LONG,
        "<" * LONG,
        "> " * LONG,
        "\xa0" * LONG,
        "1." * LONG,
    ),
    *("```" + " " * LONG, "```" + " " * LONG + "`", "```py" + "py" * LONG, "```" + "a/" * LONG, "`` " * LONG),
    *("<think>" * LONG, "</think>" * LONG, "```\n" * LONG, "```\nx```" * LONG, "```python\n" * LONG),
    *("```python\n" + "      ```\n" * LONG, "```\n" + "   \n" * LONG, "words " * LONG + "```"),
    *("\n  def f(" * LONG, "  def f(" + " " * LONG, "  def " * LONG, "  def f(self" * LONG, "\n \t" * LONG),
]


@pytest.mark.parametrize("text", WORST, ids=range(len(WORST)))
def test_no_text_takes_long(text):
    began = time.process_time()
    programs.extract_code(text), programs.is_closed(text), code_tests.method(text)
    programs.same_output(text, "1 2"), programs.same_output(text, text + "x")
    assert time.process_time() - began < 5


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
    ("1e5", "100000", True),
    ("+5", "5", True),
    ("inf", "Infinity", True),
    ("1_000", "1000", False),
    ("１２", "12", False),
    ("0010", "10", False),
    ("00", "000", False),
    ("-0", "0", True),
    ("x\n\u3000\n\xa0", "x", True),
    ("x\n\xa0\ny", "x\n\ny", True),
    ("\n\n\nx\n\n\n\ny", "x\n\n\n\ny", True),
    ("\n\n\nx\n\n\n\ny", "x\n\n\ny", False),
    ("", "", True),
    ("x", "", False),
    ("1 2 3", "1 2", False),
    ("1 2 x", "1 2 3", False),
    ("\udc80", "\udc80", True),
]


@pytest.mark.parametrize(("got", "wanted", "same"), OUTPUTS)
def test_outputs_are_compared_by_line(got, wanted, same):
    assert programs.same_output(got, wanted) is same


def test_livecodebench_takes_for_a_number_what_python_does():
    for got, wanted in (("1_000", "1000"), ("１２", "12"), ("0010", "10")):
        assert programs.difference(got.encode(), wanted, is_lcb=True) is None


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


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
    (nested(5000), nested(5000), True),
    (nested(5000), nested(4999), False),
    (programs.whole_number("9" * 5000), programs.whole_number("9" * 5000), True),
    (programs.whole_number("9" * 5000), programs.whole_number("9" * 4999 + "8"), False),
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
    "a tuple of nothing for a list": (SOLUTION.format("()"), [{"input": "[]", "output": "[[]]", "testtype": "functional"}], "incorrect", 0, "expected [[]], got []"),
    "a long number": (SOLUTION.format("10 ** 5000"), [{"input": "[]", "output": "1" + "0" * 5000, "testtype": "functional"}], "correct", None, None),
    "a long number that is wrong": (SOLUTION.format("10 ** 5000"), [{"input": "[]", "output": "1" + "0" * 5001, "testtype": "functional"}], "incorrect", 0, "wrong answer"),
    "a long number in and out": ("print(int(input()) + 1)", [{"input": "9" * 5000, "output": "1" + "0" * 5000}], "correct", None, None),
    "as deep as it should be": (SOLUTION.format("eval('[' * 90 + ']' * 90)"), [{"input": "[]", "output": "[" * 90 + "]" * 90, "testtype": "functional"}], "correct", None, None),
    "deeper than JSON is read": ("def f(a):\n    x = []\n    for _ in range(900): x = [x]\n    return x", [{"input": "1", "output": "[" * 901 + "1" + "]" * 901, "fn_name": "f"}], "incorrect", 0, "wrong answer"),
    "escapes of a terminal": ("raise ValueError('\\x1b[31mred\\x9b\\u202e\\r')", ONE, "incorrect", 0, "ValueError: \\x1b[31mred\\x9b\\u202e"),
    "escapes in a name": ("exit('\\x1b]0;title\\x07')", ONE, "incorrect", 0, "runtime error: \\x1b]0;title\\x07"),
    "three arguments of pow": (SOLUTION.format("pow(3, 2, 5)"), [{"input": "[]", "output": "4", "testtype": "functional"}], "correct", None, None),
}  # fmt: skip


LIST = [{"input": "1", "output": "[[], 1]", "fn_name": "f"}]
LARGE = {  # outputs of up to 32 MB
    "numbers in a line": ("print('1 ' * 16_000_000)", [{"input": "", "output": "1 1"}]),
    "one long number": ("print('9' * 32_000_000)", [{"input": "", "output": "9"}]),
    "lines": ("print('1\\n' * 16_000_000)", [{"input": "", "output": "1\n1\n2"}]),
    "empty lines": ("print('1' + '\\n' * 32_000_000 + '1')", [{"input": "", "output": "1\n2"}]),
    "bytes that are no text": ("import sys\nsys.stdout.buffer.write(bytes([255]) * 32_000_000)", [{"input": "", "output": "1"}]),
    "lists": ("def f(a): return [[]] * 8_000_000", LIST),
    "objects": ("def f(a): return [{}] * 8_000_000", LIST),
    "numbers": ("def f(a): return [1] * 10_000_000", LIST),
    "a text": ("def f(a): return 'a' * 32_000_000", LIST),
}  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
def test_the_memory_of_the_grader_is_bounded_whatever_is_printed(name):
    code, tests = LARGE[name]
    tracemalloc.start()
    verdicts = [sandbox.run(code, tests, profile=profile) for profile in sandbox.PROFILES]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [verdict.status for verdict in verdicts] == ["incorrect"] * 2
    assert peak < 8 * 32e6, verdicts  # copies of an output, and its text at four bytes a character


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
