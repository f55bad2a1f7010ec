"""Generated programming problems: their tests catch wrong programs, and none is the same in training and benchmark."""

import json
import random
import re
from dataclasses import replace

import pytest

from lib import sandbox, schema
from lib.problems import code_tests, tiny_code
from lib.problems.tiny_code import Task, benchmark
from lib.problems.tiny_code.steps import KINDS, LIKE, Step

MADE = list(tiny_code.changes(120))
ROWS = tiny_code.problems(120)


def passes(task: Task, tests: str) -> bool:
    """Whether a task's programs pass the tests of a problem, told from the tests as they are written."""
    read = code_tests.read_tests(tests)
    if task.method != read.function:
        return False
    parse = json.loads if task.method else lambda text: list(map(int, text.split()))
    return all(task.run(parse(given)) == parse(wanted) for given, wanted in read.cases)


@pytest.mark.parametrize(
    ("step", "result"),
    [
        (Step("double"), [14, 6, 14, -4, 20]),
        (Step("triple"), [21, 9, 21, -6, 30]),
        (Step("add", 5), [12, 8, 12, 3, 15]),
        (Step("subtract", 5), [2, -2, 2, -7, 5]),
        (Step("drop below", 7), [7, 7, 10]),
        (Step("drop above", 7), [7, 3, 7, -2]),
        (Step("keep above", 7), [10]),
        (Step("keep below", 7), [3, -2]),
        (Step("even"), [-2, 10]),
        (Step("odd"), [7, 3, 7]),
        (Step("reverse"), [10, -2, 7, 3, 7]),
        (Step("sort"), [-2, 3, 7, 7, 10]),
        (Step("sort down"), [10, 7, 7, 3, -2]),
        (Step("first", 2), [7, 3]),
        (Step("skip", 2), [7, -2, 10]),
        (Step("unique"), [7, 3, -2, 10]),
    ],
)
def test_a_step_does_what_its_code_says(step, result):
    items = [7, 3, 7, -2, 10]
    assert step.apply(items) == result
    assert eval(step.code(), {"items": items}) == result


def test_every_kind_is_of_one_family():
    assert sorted(kind for kinds in LIKE for kind in kinds) == sorted(KINDS)
    told = [text for kind in KINDS.values() for text in kind.told]
    assert len(set(told)) == len(told)


def test_right_programs_pass_and_those_of_the_revision_fail_in_the_sandbox():
    sample = [(made, row["tests"]) for (_, made, _), row in zip(MADE, ROWS, strict=True)][:24]
    right = sandbox.run_all([(made.original.solution(), tests) for made, tests in sample])
    assert [verdict.reason for verdict in right] == [None] * len(sample)
    revised = sandbox.run_all([(made.revised.solution(), tests) for made, tests in sample])
    assert {verdict.status for verdict in revised} == {"incorrect"}
    assert {made.original.method is None for made, _ in sample} == {True, False}


def test_a_solution_is_what_the_steps_say():
    task = Task((Step("double"), Step("drop below", 10), Step("reverse")), "getItems")
    space = {}
    exec(task.solution(), space)
    assert space["Solution"]().getItems([4, 5, 9]) == task.run([4, 5, 9]) == [18, 10]


def test_wrong_programs_of_plausible_kinds_fail_a_private_test():
    for _, made, lists in MADE:
        task, private = made.original, lists[tiny_code.PUBLIC :]
        for slip in tiny_code.slips(task):
            caught = tiny_code.differ(task, slip, private)
            swapped = sorted(map(str, slip.steps)) == sorted(map(str, task.steps))
            # what is swapped without being caught must be right: far more inputs do not tell it either
            assert caught or (swapped and not tiny_code.differ(task, slip, far_more(task)))


def far_more(task: Task) -> list[list[int]]:
    return tiny_code.inputs(random.Random(task.text()), benchmark.POOL)[tiny_code.PUBLIC :]


def test_tests_tell_off_by_one_from_right():
    for (_, made, _), row in zip(MADE, ROWS, strict=True):
        assert passes(made.original, row["tests"])
        for i, step in enumerate(made.original.steps):
            steps = list(made.original.steps)
            steps[i] = replace(step, n=step.n + 1)
            assert bool(KINDS[step.kind].numbers) != passes(replace(made.original, steps=tuple(steps)), row["tests"])


def test_rows_are_those_of_a_code_problem():
    for row in ROWS:
        assert row.keys() <= set(schema.PROBLEMS.names())
        read = code_tests.read_tests(row["tests"])
        assert len(read.cases) >= tiny_code.PUBLIC + tiny_code.PRIVATE
        assert (read.function is None) == (row["starter_code"] is None)
        assert read.function is None or f"def {read.function}(self" in row["starter_code"]
        numbered = re.findall(r"\b[1-4][.] [a-z]", row["problem"])
        assert row["difficulty"] == f"{len(numbered)} steps"
    assert [row["problem_id"] for row in ROWS[:2]] == ["tiny-code/0000", "tiny-code/0001"]


def test_the_benchmark_repeats_and_grows_at_its_end():
    assert tiny_code.problems(20) == ROWS[:20]
    assert tiny_code.problems(5, seed=1) != tiny_code.problems(5, seed=2)
    assert len({row["problem"] for row in ROWS}) == len(ROWS)


def test_no_training_task_can_be_a_test_problem_or_its_revision():
    rng = random.Random(0)
    assert all(task.is_test() for _, made, _ in MADE for task in (made.original, made.revised))
    trained = [tiny_code.draw(rng, test=False) for _ in range(1000)]
    changes = [made for task in trained if (made := tiny_code.change(rng, task))]
    assert len(changes) > 900
    assert not any(task.is_test() for task in trained)
    assert not any(made.revised.is_test() for made in changes)


def test_the_side_of_a_task_hangs_on_its_steps_only():
    task = Task((Step("add", 8, 0), Step("reverse", 0, 0)), "getItems")
    told_otherwise = Task((Step("add", 8, 1), Step("reverse", 0, 1)))
    assert task.is_test() == told_otherwise.is_test()
    rng = random.Random(1)
    sides = [
        Task((Step("add", rng.randint(2, 20)), Step("drop below", n))).is_test()
        for n in range(2, 20)
        for _ in range(60)
    ]
    assert sum(sides) / len(sides) == pytest.approx(tiny_code.TEST_SHARE, abs=0.1)


def test_updates_of_every_kind_restore_the_original_and_are_necessary():
    for (_, made, _), row in zip(MADE, ROWS, strict=True):
        assert restore(made.revised, made.update) == made.original
        assert not passes(made.revised, row["tests"])
    assert {made.kind for _, made, _ in MADE} == {"constant", "order", "name"}


def restore(revised: Task, update: str) -> Task:
    """Undo a revision by its update alone, as a reader would."""
    if name := re.fullmatch(r"The method is called (\w+), not \w+\.", update):
        return replace(revised, method=name[1])
    told = [step.told() for step in revised.steps]
    if order := re.fullmatch(r"First (.*), then (.*)\.", update):
        i, j = told.index(order[1]), told.index(order[2])
        assert i == j + 1
        return revised.swapped(j, i)
    said, old = re.fullmatch(r"(.*), not (\d+)\.", update).groups()
    steps = [
        replace(step, n=n)
        for step in revised.steps
        for n in KINDS[step.kind].numbers
        if str(step.n) == old and replace(step, n=n).told() == said[0].lower() + said[1:]
    ]
    place = next(i for i, step in enumerate(revised.steps) if step.kind == steps[0].kind)
    return replace(revised, steps=(*revised.steps[:place], steps[0], *revised.steps[place + 1 :]))


def test_rows_of_updates():
    rows = tiny_code.updates(20)
    assert [row["kind"] for row in rows[:3]] == ["necessary", "false", "noop"]
    for row in rows:
        assert row.keys() == set(schema.UPDATES.names())
        assert (row["revised_problem"] is None) == (row["kind"] != "necessary")
        assert row["update"].endswith(".")


def test_the_controls_are_false_and_known():
    task = Task((Step("double"), Step("drop below", 10)))
    assert tiny_code.false_news(task, [4, 5, 9]) == "For 4, 5, 9 the result is 10, 19, not 10, 18."
    assert tiny_code.false_news(task, [1]) == "For 1 the result is 1, not no items."
    assert tiny_code.known_news(task) == "The first step is to double every item."
