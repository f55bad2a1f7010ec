"""Generated word problems: solvable, repeatable, and never the same in training and in the benchmark."""

import random
import re

import pytest

from lib.problems.tiny_math import story
from lib.problems.tiny_math.story import Step, Story

STORIES = list(story.stories(400))


def solve(text: str) -> int:
    """Solve a problem by reading its text literally: the oracle of the generator."""
    value = int(re.search(r" has (\d+) ", text)[1])
    for sentence in text.split(". ")[1:-1]:
        if number := re.search(r"\d+", sentence):
            value += int(number[0]) if re.search(r"finds|buys|gets", sentence) else -int(number[0])
        elif "double" in sentence or "triple" in sentence:
            value *= 2 if "double" in sentence else 3
        else:
            assert "half" in sentence and value % 2 == 0
            value //= 2
        assert 0 < value <= 99
    return value


def test_answers_follow_from_the_text():
    for row in story.problems(300):
        assert row["answer"] == str(solve(row["problem"]))
        assert row["difficulty"] == f"{len(row['problem'].split('. ')) - 2} steps"


def test_the_benchmark_is_the_same_each_time_and_grows_at_its_end():
    assert story.problems(40) == story.problems(60)[:40]
    assert story.problems(5, seed=1) != story.problems(5, seed=2)
    assert len({row["problem"] for row in story.problems(1000)}) == 1000


def test_no_training_story_can_be_a_test_problem_or_its_revision():
    rng = random.Random(0)
    assert all(side.is_test() for _, made in STORIES for side in (made.original, made.revised))
    training = [story.draw(rng, test=False) for _ in range(2000)]
    revisions = [made.revised for drawn in training[:300] if (made := story.change(rng, drawn))]
    assert len(revisions) > 250
    assert not any(drawn.is_test() for drawn in [*training, *revisions])


def test_the_side_of_a_story_depends_on_its_numbers_only():
    one = Story("Mia", "coins", 14, (Step("add", 8, 0), Step("double", 2)))
    assert one.is_test() == Story("Leo", "keys", 14, (Step("add", 8, 2), Step("double", 2))).is_test()
    steps = [(Step("add", m), Step("subtract", n)) for m in range(2, 31) for n in range(2, 31)]
    sides = [Story("Mia", "coins", start, pair).is_test() for start in (3, 40) for pair in steps]
    assert sum(sides) / len(sides) == pytest.approx(story.TEST_SHARE, abs=0.05)


def test_updates_restore_the_original_and_change_the_answer():
    for _, made in STORIES[:200]:
        assert made.original.answer() != made.revised.answer()
        stated, old = re.fullmatch(r"(.*), not (\d+)\.", made.update).groups()
        stated = stated.removesuffix(" at the start")
        revised_sentence = re.sub(r"\d+", "{}", stated).format(old)
        assert made.revised.text().replace(revised_sentence, stated, 1) == made.original.text() != made.revised.text()


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        (Step("add", 8), 14, 22),
        (Step("add", 90), 14, None),
        (Step("subtract", 14), 14, None),
        (Step("double", 2), 49, 98),
        (Step("triple", 3), 33, 99),
        (Step("halve", 2), 14, 7),
        (Step("halve", 2), 15, None),
    ],
)
def test_a_step(step, before, after):
    assert step.apply(before) == after
    one = Story("Mia", "coins", before, (step, Step("add", 1)))
    assert one.values()[:2] == [before] + [after] * (after is not None)
    assert one.is_solvable() == (after is not None and after < 99)
