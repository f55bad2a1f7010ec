"""Generated problems: solvable, repeatable, and never the same in training and in the benchmark."""

import random
import re

import pytest

from lib.problems.tiny_math import story as tiny
from lib.problems.tiny_math.story import Step, Story


def solve(text: str) -> int:
    """Read a problem's text literally and work it out: the oracle of the generator."""
    value = int(re.search(r" has (\d+) ", text)[1])
    for sentence in text.split(". ")[1:-1]:
        number = re.search(r"\d+", sentence)
        if number:
            gains = re.search(r"finds|buys|gets", sentence)
            value += int(number[0]) if gains else -int(number[0])
        elif "double" in sentence:
            value *= 2
        elif "triple" in sentence:
            value *= 3
        else:
            assert "half" in sentence and value % 2 == 0
            value //= 2
        assert 0 < value <= 99
    return value


def test_answers_follow_from_the_text():
    for row in tiny.problems(300):
        assert row["answer"] == str(solve(row["problem"]))
        assert row["difficulty"] == f"{len(row['problem'].split('. ')) - 2} steps"


def test_the_benchmark_repeats_and_grows_at_its_end():
    assert tiny.problems(40) == tiny.problems(60)[:40]
    assert tiny.problems(5, seed=1) != tiny.problems(5, seed=2)


def test_problems_are_all_different():
    texts = [row["problem"] for row in tiny.problems(1000)]
    assert len(set(texts)) == 1000


def test_no_training_story_can_be_a_test_problem_or_its_revision():
    rng = random.Random(0)
    tests = {story for _, made in tiny.stories(400) for story in (made.original, made.revised)}
    assert all(story.is_test() for story in tests)
    trained = [tiny.draw(rng, test=False) for _ in range(2000)]
    changes = [made for story in trained[:300] if (made := tiny.change(rng, story))]
    assert len(changes) > 250
    assert not any(story.is_test() for story in trained)
    assert not any(made.revised.is_test() for made in changes)


def test_the_side_of_a_story_hangs_on_its_numbers_only():
    story = Story("Mia", "coins", 14, (Step("add", 8, 0), Step("double", 2)))
    told_otherwise = Story("Leo", "keys", 14, (Step("add", 8, 2), Step("double", 2)))
    assert story.is_test() == told_otherwise.is_test()


def test_both_sides_are_drawn_in_their_shares():
    rng = random.Random(1)
    sides = [
        Story("Mia", "coins", rng.randint(3, 40), (Step("add", rng.randint(2, 30)), Step("subtract", n))).is_test()
        for n in range(2, 31)
        for _ in range(60)
    ]
    assert sum(sides) / len(sides) == pytest.approx(tiny.TEST_SHARE, abs=0.05)


def test_updates_restore_the_original_and_change_the_answer():
    for _, made in tiny.stories(200):
        assert made.original.answer() != made.revised.answer()
        assert made.original.text() != made.revised.text()
        assert restore(made.revised.text(), made.update) == made.original.text()


def restore(revised: str, update: str) -> str:
    """Undo a revision by its update alone, as a reader would."""
    told, old = re.fullmatch(r"(.*), not (\d+)\.", update).groups()
    told = told.removesuffix(" at the start")
    stem = re.sub(r"\d+", "{}", told)
    return revised.replace(stem.format(old), told, 1)


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        (Step("add", 8), 14, 22),
        (Step("add", 90), 14, None),
        (Step("subtract", 8), 14, 6),
        (Step("subtract", 14), 14, None),
        (Step("double", 2), 49, 98),
        (Step("double", 2), 50, None),
        (Step("triple", 3), 33, 99),
        (Step("halve", 2), 14, 7),
        (Step("halve", 2), 15, None),
    ],
)
def test_a_step(step, before, after):
    assert step.apply(before) == after


def test_values_stop_at_a_step_that_cannot_be_taken():
    story = Story("Mia", "coins", 15, (Step("halve", 2), Step("add", 3)))
    assert story.values() == [15]
    assert not story.solvable()
