"""Generated programming problems: their tests catch wrong programs, and none is the same in training and benchmark."""

import json
import random
import re
from dataclasses import replace

import pytest

from lib import sandbox, schema
from lib.problems import code_tests, tiny_code
from lib.problems.tiny_code import Task, task
from lib.problems.tiny_code.task import FAMILIES, KINDS, Step

CHANGES = list(tiny_code.changes(120))
ROWS = tiny_code.problems(120)
ITEMS = [7, 3, 7, -2, 10]


def passes(candidate: Task, tests: str) -> bool:
    """Whether a task's programs pass the tests of a problem, judged from the tests as they are written."""
    read = code_tests.read_tests(tests)
    parse = json.loads if candidate.method else lambda text: list(map(int, text.split()))
    return candidate.method == read.function and all(
        candidate.run(parse(given)) == parse(expected) for given, expected in read.cases
    )


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
def test_a_step_gives_its_result(step, result):
    assert step.apply(ITEMS) == result


def test_every_kind_is_of_one_family_and_every_wording_of_one_kind():
    assert sorted(kind for kinds in FAMILIES for kind in kinds) == sorted(KINDS)
    wordings = [text for kind in KINDS.values() for text in kind.wordings]
    assert len(set(wordings)) == len(wordings)


def test_right_programs_pass_and_those_of_the_revision_fail_in_the_sandbox():
    sample = [(made, row["tests"]) for (_, made, _), row in zip(CHANGES, ROWS, strict=True)][:16]
    assert {made.original.method is None for made, _ in sample} == {True, False}
    right = sandbox.run_all([(made.original.solution(), tests) for made, tests in sample])
    assert [verdict.reason for verdict in right] == [None] * len(sample)
    revised = sandbox.run_all([(made.revised.solution(), tests) for made, tests in sample])
    assert {verdict.status for verdict in revised} == {"incorrect"}


def test_mutants_fail_a_private_test():
    for _, made, lists in CHANGES:
        original, private = made.original, lists[tiny_code.PUBLIC :]
        pool = task.draw_inputs(random.Random(original.text()), tiny_code.POOL)[tiny_code.PUBLIC :]
        for mutant in task.mutants(original):
            is_swap = sorted(map(str, mutant.steps)) == sorted(map(str, original.steps))
            # a swap that no test catches must be right: no input of the whole pool tells it either
            assert task.differ(original, mutant, private) or (is_swap and not task.differ(original, mutant, pool))


def test_rows_are_those_of_a_code_problem():
    for (_, made, _), row in zip(CHANGES, ROWS, strict=True):
        assert row.keys() <= set(schema.PROBLEMS.names())
        read = code_tests.read_tests(row["tests"])
        assert len(read.cases) >= tiny_code.PUBLIC + tiny_code.PRIVATE
        assert (read.function is None) == (row["starter_code"] is None)
        assert read.function is None or f"def {read.function}(self" in row["starter_code"]
        numbers = re.findall(r"\b[1-4][.] [a-z]", row["problem"])
        assert row["difficulty"] == f"{len(numbers)} steps"
        assert passes(made.original, row["tests"])
        for i, step in enumerate(made.original.steps):
            off_by_one = made.original.with_step(i, replace(step, n=step.n + 1))
            assert passes(off_by_one, row["tests"]) != bool(KINDS[step.kind].numbers)


def test_the_benchmark_is_the_same_each_time_and_grows_at_its_end():
    assert tiny_code.problems(20) == ROWS[:20]
    assert tiny_code.problems(5, seed=1) != tiny_code.problems(5, seed=2)
    assert len({row["problem"] for row in ROWS}) == len(ROWS)


def test_no_training_task_can_be_a_test_problem_or_its_revision():
    rng = random.Random(0)
    assert all(side.is_test() for _, made, _ in CHANGES for side in (made.original, made.revised))
    training = [tiny_code.draw(rng, test=False) for _ in range(400)]
    revisions = [made.revised for drawn in training if (made := tiny_code.change(rng, drawn))]
    assert len(revisions) > 360
    assert not any(drawn.is_test() for drawn in [*training, *revisions])


def test_the_side_of_a_task_depends_on_its_steps_only():
    one = Task((Step("add", 8, 0), Step("reverse", 0, 0)), "getItems")
    assert one.is_test() == Task((Step("add", 8, 1), Step("reverse", 0, 1))).is_test()
    sides = [Task((Step("add", m), Step("drop below", n))).is_test() for m in range(2, 21) for n in range(2, 21)]
    assert sum(sides) / len(sides) == pytest.approx(task.TEST_SHARE, abs=0.1)


def restore(revised: Task, update: str) -> Task:
    """Undo a revision by its update alone, as a reader would."""
    if name := re.fullmatch(r"The method is called (\w+), not \w+\.", update):
        return replace(revised, method=name[1])
    texts = [step.text() for step in revised.steps]
    if order := re.fullmatch(r"First (.*), then (.*)\.", update):
        i, j = texts.index(order[1]), texts.index(order[2])
        assert i == j + 1
        return revised.swapped(j, i)
    stated, old = re.fullmatch(r"(.*), not (\d+)\.", update).groups()
    wanted = stated[0].lower() + stated[1:]
    found = [
        revised.with_step(i, replace(step, n=n))
        for i, step in enumerate(revised.steps)
        for n in KINDS[step.kind].numbers
        if str(step.n) == old and replace(step, n=n).text() == wanted
    ]
    return found[0]


def test_necessary_updates_of_every_kind_restore_the_original():
    for (_, made, _), row in zip(CHANGES, ROWS, strict=True):
        assert restore(made.revised, made.update) == made.original
        assert not passes(made.revised, row["tests"])
    assert {made.kind for _, made, _ in CHANGES} == {"constant", "order", "name"}


def test_the_controls_are_false_and_known():
    one = Task((Step("double"), Step("drop below", 10)))
    assert task.false_update(one, [4, 5, 9]) == "For 4, 5, 9 the result is 10, 19, not 10, 18."
    assert task.false_update(one, [1]) == "For 1 the result is 1, not no items."
    assert task.noop_update(one) == "The first step is to double every item."
