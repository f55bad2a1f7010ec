"""Grading of whole tables: math answers in workers under limits, programs in sandboxes, and the rows of `grades`."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from lib import answers, grade, paths, schema, tables
from lib.grade import math_workers
from lib.sandbox import Outcome

SLOW = r"\boxed{9^{9^{9^{9}}}}"


def pairs(*rows):
    return pd.DataFrame(rows, columns=["text", "gold", "source"])


def fractions(numbers, gold):
    """Answers that have to be parsed; `gold` has the number in it once more."""
    return [(rf"\boxed{{\frac{{{n}}}{{2}}}}", gold.format(2 * n), "math500") for n in numbers]


def test_a_worker_that_stands_still_meets_the_limit_on_the_clock(worker, monkeypatch):
    monkeypatch.setattr(math_workers, "WALL_SECONDS", 1)
    os.kill(worker.process.pid, signal.SIGSTOP)
    graded = grade.math(pairs(*fractions([3], r"\frac{{{}}}{{4}}")), workers=1)
    assert graded[["status", "reason"]].values.tolist() == [["ungradable", "time limit (1 s of waiting)"]]


@pytest.mark.slow
def test_a_worker_that_gets_little_of_a_processor_is_waited_for(worker, monkeypatch, busy_core):
    monkeypatch.setattr(math_workers, "WALL_SECONDS", 0.5)
    monkeypatch.setattr(math_workers, "TICK", 0.05)
    busy_core(worker.process.pid)
    rows = fractions(range(101, 161, 2), r"\frac{{{}}}{{4}}")
    started = time.monotonic()
    assert grade.math(pairs(*rows), workers=1)["status"].tolist() == ["correct"] * len(rows)
    assert time.monotonic() - started > 0.5


@pytest.mark.parametrize(("times", "statuses"), [(1, ["correct"] * 9), (9, ["ungradable", *["correct"] * 8])])
def test_an_answer_whose_worker_is_killed_is_tried_again(worker, monkeypatch, times, statuses):
    """By anyone, as a machine out of memory kills; the others are untouched."""
    rows, left, send = fractions(range(201, 219, 2), r"\frac{{{}}}{{4}}"), [times], math_workers._Worker.send

    def send_and_kill(self, batch, profile):
        is_victim = "201" in batch[0][0] and left[0] > 0
        if is_victim:
            os.kill(self.process.pid, signal.SIGSTOP)  # else it might answer first
        send(self, batch, profile)
        if is_victim:
            left[0] -= 1
            os.kill(self.process.pid, signal.SIGKILL)

    monkeypatch.setattr(math_workers._Worker, "send", send_and_kill)
    monkeypatch.setattr(math_workers, "BATCH", 1)
    assert grade.math(pairs(*rows), workers=1)["status"].tolist() == statuses


@pytest.fixture
def worker():
    """The one worker there is, which waits for answers."""
    while math_workers._idle:
        math_workers._idle.pop().kill()
    grade.math(pairs(*fractions([1], r"\frac{{{}}}{{4}}")), workers=1)
    return math_workers._idle[0]


HOSTILE = {  # none of them may be correct, none may take its neighbours with it
    "a power tower": r"9^{9^{9^{9}}}",
    "a factorial tower": "(((9!)!)!)!",
    "a 200th power of a 200th power": r"\left((x+y+z+1)^{200}\right)^{200}",
    "a sum of 20,000 terms": "+".join(["1"] * 20_000),
    "the longest sum that is read": "+".join(["1"] * 999),
    "a megabyte of backslashes": "\\" * 1_000_000,
    "backslashes": "x" + "\\" * 1_800 + "y",
    "brackets": "(" * 900 + "1" + ")" * 900,
    "open braces": "{" * 1_900,
    "roots": r"\sqrt{" * 300 + "2" + "}" * 300,
    "a chain of powers": "^".join(["2"] * 800),
    "a big matrix": r"\operatorname{eye}(100000)",
    "a long series": r"\sum_{k=1}^{10^{9}} \frac{1}{k}",
    "a number of a billion digits": "1E999999999",
    "a big binomial": r"\binom{10^9}{5\cdot10^8}",
    "Python": "__import__('os').system('touch marker')",
    "Python in an operator": r"\operatorname{__import__('os').system}(1)",
    "1,999 digits": "9" * 1_999,
}


def test_hostile_answers_cost_only_their_own_rows(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(math_workers, "SECONDS", 1)
    attacks = [(rf"\boxed{{{answer}}}", "5", "math500") for answer in HOSTILE.values()]
    right = fractions(range(1, 2 * len(attacks), 2), r"\frac{{{}}}{{4}}")
    wrong = fractions(range(1, 30, 2), r"\frac{{{}}}{{5}}")
    mixed = [row for rows in zip(attacks, right, strict=True) for row in rows]
    graded = grade.math(pairs(*mixed, *wrong), workers=2)
    status, count = graded["status"].tolist(), len(mixed)
    assert status[1:count:2] == ["correct"] * len(right)
    assert status[count:] == ["incorrect"] * len(wrong)
    assert "correct" not in status[:count:2]
    assert graded["reason"].notna().tolist() == graded["status"].isin(["ungradable", "no_answer"]).tolist()
    assert (graded["reason"][0], graded["extracted"][0]) == ("time limit (1 s)", HOSTILE["a power tower"])
    assert list(tmp_path.iterdir()) == []


def test_a_worker_without_memory_costs_its_answers_and_is_replaced(monkeypatch):
    rows = pairs((r"\boxed{\frac12}", r"\frac24", "math500"), (r"\boxed{x}", "2x-x", "math500"))
    monkeypatch.setattr(math_workers, "_idle", [])
    with monkeypatch.context() as short:
        short.setattr(math_workers, "MEMORY", 2**20)  # it has more than that before it begins
        graded = grade.math(rows, workers=1)
    assert graded["status"].tolist() == ["ungradable"] * 2
    # The kernel ends it where its stack cannot grow; where its heap cannot, it ends itself.
    assert graded["reason"].str.fullmatch(r"memory limit \(.+ GiB\)|grader died \(exit code -?\d+\)").all()
    assert grade.math(rows, workers=1)["status"].tolist() == ["correct"] * 2


def test_verdicts_do_not_depend_on_the_number_of_workers_which_are_used_again():
    numbers = [(a, b) for a in range(2, 9) for b in range(1, 6)]
    rows = [(rf"\boxed{{{a}x+\frac{{{b}}}{{6}}}}", rf"\frac{{{b}}}{{6}}+{a + b % 2}x", "math500") for a, b in numbers]
    two = grade.math(pairs(*rows), workers=2)
    idle = {worker.process.pid for worker in math_workers._idle}
    pd.testing.assert_frame_equal(grade.math(pairs(*rows), workers=1), two)
    assert idle == {worker.process.pid for worker in math_workers._idle}


def test_equal_rows_are_read_matched_and_compared_once_in_any_order(monkeypatch):
    calls, compared, compare = [], [], math_workers.compare_all
    for name in ("read", "match"):
        function = getattr(answers, name)
        monkeypatch.setattr(answers, name, lambda *a, f=function, n=name, **k: calls.append(n) or f(*a, **k))
    monkeypatch.setattr(
        math_workers, "compare_all", lambda rows, *rest, **k: compared.extend(rows) or compare(rows, *rest, **k)
    )
    right, wrong, none = (r"\boxed{1}", "1", "tiny"), (r"\boxed{2}", "1", "tiny"), ("hm", "1", "tiny")
    third = [(rf"So \boxed{{\frac{{2}}{{6}}}}{mark}", r"\frac13", "math500") for mark in ".!"]
    frame = pairs(right, wrong, right, none, wrong, *third).set_index(pd.Index(list("gfedcba")))
    graded = grade.math(frame)
    assert graded["status"].tolist() == ["correct", "incorrect", "correct", "no_answer", "incorrect", *["correct"] * 2]
    assert graded.index.tolist() == list("gfedcba")
    assert sorted(calls) == ["match"] * 4 + ["read"] * 5
    assert compared == [(r"\frac{2}{6}", r"\frac13")]
    assert list(frame.columns) == ["text", "gold", "source"]


def test_plain_answers_start_no_process(monkeypatch):
    monkeypatch.setattr(math_workers, "_Worker", None)
    frame = pairs((r"\boxed{70,000}", "70000", "gsm8k"), (None, "1", "gsm8k"), (r"\boxed{1}", np.nan, "tiny"))
    assert grade.math(frame)["status"].tolist() == ["correct", "no_answer", "ungradable"]
    assert grade.math(frame.iloc[:0])["status"].tolist() == []


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="missing columns: gold, source"):
        grade.math(pd.DataFrame({"text": []}))
    with pytest.raises(ValueError, match="missing columns: tests"):
        grade.code(pd.DataFrame({"code": []}))


def test_runs_from_a_script_without_a_main_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import pandas as pd\n"
        "from lib import grade\n"
        "frame = pd.DataFrame({'text': [r'\\boxed{\\frac12}'], 'gold': ['0.5'], 'source': ['math500']})\n"
        "print(grade.math(frame)['status'].item())\n"
    )
    done = subprocess.check_output([sys.executable, script], text=True, env={"PYTHONPATH": str(paths.ROOT)})
    assert done == "correct\n"


def stdin(**cases):
    return [{"input": key[1:], "output": output, "testtype": "stdin"} for key, output in cases.items()]


ONE = stdin(_1="2")


def test_a_table_is_graded_in_its_order_and_equal_programs_once():
    seen = []

    class Runner:  # in place of a sandbox, as a container would be
        walls = ("a container",)

        def outcomes(self, code, inputs, limits, **task):
            seen.append(code)
            for given in inputs:
                yield Outcome(0, None, False, 0.0, f"{int(given) + int(code)}".encode(), "")

        def close(self):
            seen.append("closed")

    frame = pd.DataFrame({"code": ["1", "2", "1", None], "tests": [ONE] * 4}, index=list("dcba"))
    graded = grade.code(frame, workers=1, open_runner=Runner)
    assert graded["status"].tolist() == ["correct", "incorrect", "correct", "no_answer"]
    assert graded["passed"].tolist() == [True, False, True, False]
    assert graded["failed_test"].fillna(-1).tolist() == [-1, 0, -1, -1]
    assert graded["sandbox"].tolist()[0] == "a container"
    assert graded.index.tolist() == list("dcba")
    assert sorted(seen) == ["1", "2", "closed"]


def test_names_of_methods_may_stand_in_a_column():
    call = [{"input": "1\n[2]", "output": "3", "testtype": "functional"}]
    frame = pd.DataFrame({"code": ["def f(a, b): return 3", "print(2)"], "tests": [call, ONE], "fn_name": ["f", None]})
    assert grade.code(frame)["passed"].tolist() == [True, True]
    assert grade.code(frame[:0])["status"].tolist() == []


def test_one_program_that_kills_its_sandbox_costs_only_its_own_row():
    codes = [f"print({n})" for n in range(6)]
    codes[2] = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"
    frame = pd.DataFrame({"code": codes, "tests": [stdin(_=str(n)) for n in range(6)]})
    for workers in (1, 2, 3):
        assert grade.code(frame, workers)["passed"].tolist() == [True, True, False, True, True, True]


ADD, ADD_TWO = json.dumps(stdin(_1="2", _5="6")), json.dumps(stdin(_1="3", _5="7"))
PROBLEMS = pd.DataFrame(
    [("tiny/0", "12", None), ("tiny/1", "30", None), ("lcb/0", None, ADD), ("lcb/1", None, ADD)],
    columns=["problem_id", "answer", "tests"],
)
UPDATES = pd.DataFrame(
    [("tiny/0", "u", "9", None), ("lcb/1", "u", None, ADD_TWO)],
    columns=["problem_id", "update_id", "revised_answer", "revised_tests"],
)


def trace(problem="tiny/0", variant="original", answer=r"\boxed{12}", ended=True, finish_reason="stop"):
    same = {
        "model": "m",
        "sample": 0,
        "system": None,
        "reasoning_tokens": 20,
        "answer_tokens": 5,
        "reasoning_chars": 80,
    }
    return same | {
        "trace_id": f"{problem}~{variant}~0",
        "problem_id": problem,
        "source": problem.split("/")[0],
        "task": "code" if problem.startswith("lcb") else "math",
        "variant": variant,
        "update_id": "u" if variant == "revised" else None,
        "ended": ended,
        "finish_reason": finish_reason,
        "answer": answer,
        "answer_chars": len(answer),
    }


def continuation(interrupt, answer, variant="original", prefill="", ended=True, finish_reason="stop", problem="tiny/0"):
    row = trace(problem, variant, answer, ended, finish_reason)
    del row["variant"], row["update_id"], row["sample"], row["system"]
    where = {"role": "assistant", "position": 0.3, "unit": "share", "remaining_tokens": 14}
    name = f"{row['trace_id']}~{interrupt}~0.3"
    return row | where | {"continuation_id": name, "interrupt": interrupt, "prefill": prefill}


def graded(traces, continuations=(), grading="exact"):
    after = pd.DataFrame(list(continuations), columns=list(continuation("speed_up", "")))
    return grade.rows(pd.DataFrame(traces), after, PROBLEMS, UPDATES, grading).set_index("row_id")


PROGRAM = "```python\nprint(int(input()) + 1)\n```"
STATUSES = [
    (trace(), "correct", None),
    (trace(answer=r"\boxed{13}"), "incorrect", None),
    (trace(answer="It has 12."), "no_answer", "no final answer stated"),
    (trace(answer="", ended=False), "no_answer", "thinking never closed"),
    (trace(answer="", ended=False, finish_reason="length"), "censored", "token limit"),
    (trace(answer="", finish_reason="length"), "censored", "token limit"),
    (trace(answer=r"\boxed{12", finish_reason="length"), "censored", "token limit"),
    (trace(answer=r"\boxed{12", finish_reason="stop"), "correct", None),
    (trace(answer="The answer is 12", finish_reason="length"), "censored", "token limit"),
    (trace(answer=r"\boxed{12} and then it goes on", finish_reason="length"), "correct", None),
    (trace(answer=r"\boxed{12}, or \boxed{1", finish_reason="length"), "censored", "token limit"),
    (trace("lcb/0", answer=f"Here it is:\n{PROGRAM}"), "correct", None),
    (trace("lcb/0", answer=PROGRAM.replace("int(input()) + 1", "2")), "incorrect", "wrong answer: expected '6'"),
    (trace("lcb/0", answer="I cannot."), "no_answer", "no code"),
    (trace("lcb/0", answer=PROGRAM, ended=False), "no_answer", "thinking never closed"),
    (trace("lcb/0", answer=PROGRAM, finish_reason="length"), "correct", None),
    (trace("lcb/0", answer=PROGRAM[:-4], finish_reason="length"), "censored", "token limit"),
    (trace("lcb/0", answer=PROGRAM[:-4], finish_reason="stop"), "correct", None),
    (trace("lcb/0", answer="", finish_reason="length"), "censored", "token limit"),
    (trace("lcb/0", "revised", answer=PROGRAM), "ungradable", "no answer of this problem is known"),
]


@pytest.mark.parametrize(("row", "status", "reason"), STATUSES)
def test_status_of_a_row(row, status, reason):
    result = graded([row]).iloc[0]
    assert result["status"] == status
    assert result["correct"] == (status == "correct")
    assert pd.isna(result["reason"]) if reason is None else reason in result["reason"]
    if row["task"] == "math":
        assert pd.isna(result["extracted"]) == (status in ("no_answer", "censored"))
    else:
        assert pd.isna(result["gold"]) and pd.isna(result["equals_revised"])
        assert pd.isna(result["sandbox"]) == (status not in ("correct", "incorrect"))
        assert pd.isna(result["failed_test"]) == (status != "incorrect")


def test_code_and_math_are_graded_side_by_side_with_their_prefills():
    rows = graded(
        [trace(), trace("lcb/0", answer=PROGRAM)],
        [
            continuation("force_answer", "12}", prefill=r"\boxed{"),
            continuation("force_answer", PROGRAM[10:], prefill="```python\n", problem="lcb/0"),
        ],
    )
    assert rows["status"].tolist() == ["correct"] * 4
    assert rows["extracted"].tolist() == ["12", PROGRAM[10:-4], "12", PROGRAM[10:-4]]


def test_published_grading_is_looser_with_both():
    exact, loose = (
        graded(
            [trace(answer="so there are 12"), trace("lcb/0", answer=PROGRAM.replace("+ 1", "+ math.floor(1.5)"))],
            grading=grading,
        )
        for grading in ("exact", "published")
    )
    assert exact["status"].tolist() == ["no_answer", "incorrect"]
    assert loose["status"].tolist() == ["correct", "correct"]


def test_what_a_row_is_graded_by():
    rows = graded(
        [trace(), trace(variant="revised", answer=r"\boxed{9}"), trace("tiny/1", answer=r"\boxed{30}")],
        [
            continuation("force_answer", "12}", prefill=r"\boxed{"),
            continuation("update", r"\boxed{9}", variant="revised"),
            continuation("update_guided", r"\boxed{12}", variant="revised"),
            continuation("update_again", "", variant="revised", ended=False),
        ],
    )
    assert rows["gold"].tolist() == ["12", "9", "30", "12", "12", "12", "12"]
    assert rows["status"].tolist() == [*["correct"] * 4, "incorrect", "correct", "no_answer"]
    assert rows["revised_gold"].fillna("").tolist() == ["", "9", "", "", "9", "9", "9"]
    equal = rows["equals_revised"]
    assert equal.isna().tolist() == [True, False, True, True, False, False, True]
    assert equal.dropna().tolist() == [True, True, False]
    forced = rows.loc["tiny/0~original~0~force_answer~0.3"]
    assert (forced["answer"], forced["variant"], forced["kind"]) == (r"\boxed{12}", "original", "continuation")
    assert (forced["tokens"], forced["answer_chars"], forced["position"]) == (25, 3, 0.3)
    assert rows.iloc[0][["interrupt", "role", "position"]].isna().all()


def test_a_revised_code_problem_is_graded_by_its_own_tests():
    """And a row that began with it says whether it solves the revised problem rather than the original."""
    old, both = PROGRAM.replace("+ 1", "+ 2"), PROGRAM.replace("+ 1", "+ 3")
    rows = graded(
        [trace("lcb/1", answer=PROGRAM), trace("lcb/1", "revised", answer=old)],
        [
            continuation("update", PROGRAM, "revised", problem="lcb/1"),
            continuation("update_guided", old, "revised", problem="lcb/1"),
            continuation("update_user", both, "revised", problem="lcb/1"),
            continuation("update_again", "no code", "revised", problem="lcb/1"),
        ],
    )
    assert rows["status"].tolist() == ["correct", "correct", "correct", "incorrect", "incorrect", "no_answer"]
    equal = [None if pd.isna(value) else value for value in rows["equals_revised"]]
    assert equal == [None, True, False, True, False, None]
    assert rows["failed_test"].tolist()[3:5] == [0, 0]


def test_what_nobody_knows_the_answer_of_is_ungradable_and_what_follows_an_update_is_not():
    rows = graded(
        [trace("tiny/1", "revised", answer=r"\boxed{9}")],
        [continuation("update", r"\boxed{30}", "revised", problem="tiny/1")],
    )
    assert rows["status"].tolist() == ["ungradable", "correct"]
    assert rows["reason"].iloc[0] == "no answer of this problem is known"
    assert rows["equals_revised"].isna().all()


def test_rows_are_a_table_that_can_be_stored(outputs):
    rows = graded([trace()], [continuation("speed_up", r"\boxed{1}")]).reset_index()
    assert list(rows.columns) == schema.TABLES["grades"].names()
    tables.write(rows, "grades", "s", "m")
    assert tables.read("grades", "s", "m")["status"].tolist() == ["correct", "incorrect"]


@pytest.mark.parametrize(
    ("traces", "after", "message"),
    [
        ([trace("tiny/9")], [], "no problem for row tiny/9~original~0"),
        ([trace()], [continuation("update", "", "revised")], "no trace for row tiny/0~revised~0~update~0.3"),
    ],
)
def test_a_row_that_cannot_be_joined_is_named(traces, after, message):
    with pytest.raises(ValueError, match=message):
        graded(traces, after)
