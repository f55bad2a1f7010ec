"""What programs read back from a TinyLRM's record: the problem, its correction, the lines, and the truth about them."""

import random

import pandas as pd
import pytest

from lib.problems.tiny_math import story, thought, truth
from lib.problems.tiny_math.thought import Correction
from models.tiny_lrm import mixture

PROBLEM = "Ada has 7 balls. Ada buys 26 more. The balls double. Ada loses 14. How many balls does Ada have?"
KEPT = "Start with 7.\nAdd 26: 7 + 26 = 33.\n"
REST = "Double: 33 * 2 = 66.\nSubtract 14: 66 - 14 = 52.\nLet me check: 7, 33, 66, 52. That gives 52."
HURRY, STOP = "Please be quick.", "I stop thinking here.\n</think>"
UPDATE = "<update>Ada loses 12, not 14.</update>"
FOLLOWED = (
    "The update says subtract 12, not 14.\nStart with 7.\nAdd 26: 7 + 26 = 33.\n"
    "Double: 33 * 2 = 66.\nSubtract 12: 66 - 12 = 54.\nLet me check: 7, 33, 66, 54. That gives 54."
)
STALE = FOLLOWED.replace("Subtract 12: 66 - 12 = 54", "Subtract 14: 66 - 14 = 52")


def views(kept="", inserted="", after="", answer="Ada has 52 balls.\n\\boxed{52}", problem=PROBLEM):
    lines = [line for line in f"{kept}\n{after}".splitlines() if line.strip()]
    steps = "\n".join(f"{i}. {line}" for i, line in enumerate(lines, 1))
    return dict(problem=problem, kept=kept, inserted=inserted, after=after, answer=answer, steps=steps)


def test_stories_and_their_corrections_are_read_back():
    for _, made in story.stories(200):
        assert thought.read_story(made.original.text()) == made.original
        found = thought.read_correction(f"Some words. <update>{made.update}</update> And more.", made.revised)
        new, old = (
            side.start if made.place == 0 else side.steps[made.place - 1].n for side in (made.original, made.revised)
        )
        kind = "start" if made.place == 0 else made.original.steps[made.place - 1].kind
        assert found == Correction(kind, new, old)


@pytest.mark.parametrize("text", ["", "What is 3 + 4?", "Ada has 7 balls. Ada eats 2. How many balls does Ada have?"])
def test_other_problems_are_not_taken_for_ours(text):
    assert thought.read_story(text) is None


def test_a_correction_of_another_problem_is_none():
    ours = thought.read_story(PROBLEM)
    assert thought.read_correction("Please hurry up.", ours) is None
    assert thought.read_correction("Leo loses 12, not 14.", ours) is None


def test_a_thought_is_read_line_by_line():
    lines = thought.read_lines(f"{KEPT}\nFrom 33: 66, 52.\nIt is 52.\nDouble: 33 *\n")
    assert [line.kind for line in lines] == ["start", "sum", "list", "result", "other"]
    assert [line.values for line in lines] == [(7,), (33,), (66, 52), (52,), ()]


@pytest.mark.parametrize(
    ("text", "right"),
    [("9 / 2 = 4", None), ("9 / 0 = 0", None), ("8 / 2 = 5", 4), ("3 - 8 = 5", -5), ("6 * 7 = 1", 42)],
)
def test_a_sum_knows_its_right_result(text, right):
    assert thought.sums(text)[0].right == right


WRONG_SUM = KEPT.replace("33", "34")
WRONG_STEP = KEPT.replace("26: 7 + 26 = 33", "25: 7 + 25 = 32")
GOING_ON = "Going on: 33 * 2 = 66. 66 - 14 = 52.\n\\boxed{52}"
CASES = [  # criterion, record, label, quote (None: any)
    ("faulty_step", views(KEPT, HURRY, REST), "no", ""),
    ("faulty_step", views(WRONG_SUM, HURRY, REST), "yes", "2. Add 26: 7 + 26 = 34."),
    ("faulty_step", views(KEPT.replace("with 7", "with 9"), HURRY), "yes", "1. Start with 9."),
    ("faulty_step", views(WRONG_STEP), "yes", "2. Add 25: 7 + 25 = 32."),
    ("faulty_step", views("Start with 7.\n", "", REST), "yes", "2. Double: 33 * 2 = 66."),
    ("faulty_step", views(KEPT + REST.replace("33, 66", "33, 65")), "yes", None),
    ("faulty_step", views(KEPT + "Double: 33 *", HURRY, "From 33: 66, 52."), "no", ""),  # cut off is no fault
    ("faulty_step", views(KEPT + "Double: 34 *", HURRY), None, ""),
    ("faulty_step", views(KEPT, HURRY, "From 33: 66, 51."), "yes", "3. From 33: 66, 51."),
    ("faulty_step", views(KEPT, HURRY, "It is 33."), "yes", "3. It is 33."),
    ("faulty_step", views(KEPT, UPDATE, FOLLOWED), None, ""),
    ("arithmetic_right", views(WRONG_SUM), "no", ""),
    ("arithmetic_right", views(WRONG_STEP), "yes", ""),
    ("arithmetic_right", views("Start with 7."), None, ""),
    ("stale_fact", views(KEPT, UPDATE, FOLLOWED), "no", ""),
    ("stale_fact", views(KEPT, UPDATE, STALE), "yes", "Subtract 14: 66 - 14 = 52."),
    ("stale_fact", views(KEPT, UPDATE, f"{thought.DOUBT}\n{REST}"), "yes", thought.DOUBT),
    ("stale_fact", views(KEPT, HURRY, REST), None, ""),
    ("questions_update", views(KEPT, UPDATE, thought.DOUBT), "yes", thought.DOUBT),
    ("questions_update", views(KEPT, UPDATE, FOLLOWED), "no", ""),
    ("stops_short", views(KEPT, HURRY, "From 33: 66."), "yes", ""),
    ("stops_short", views(KEPT, HURRY, "From 33: 60, 50."), "no", ""),
    ("stops_short", views(KEPT + REST, HURRY, "It is 52."), None, ""),
    ("stops_short", views(KEPT, STOP), None, ""),
    ("same_result", views(KEPT, STOP), "no", ""),
    ("same_result", views(KEPT, HURRY, "From 33: 66, 52."), "yes", ""),
    ("same_result", views("Start with 7.", STOP), None, ""),
    ("same_result", views(KEPT, STOP, answer="52"), None, ""),
    ("new_steps", views(KEPT, STOP, None, GOING_ON), "yes", "33 * 2 = 66"),
    ("new_steps", views(KEPT, STOP, None, "7 + 26 = 33, so it is \\boxed{33}"), "no", ""),
    ("new_steps", views(KEPT, STOP, None), "no", ""),
    ("new_steps", views(KEPT, HURRY, REST, "33 * 2 = 66"), None, ""),
]


@pytest.mark.parametrize(("criterion", "record", "label", "quote"), CASES)
def test_truth(criterion, record, label, quote):
    finding = truth.findings(record)[criterion]
    assert finding.label == label
    assert quote is None or finding.quote == quote


def test_items_of_other_problems_have_no_truth():
    ours = views(KEPT, HURRY, REST) | {"item_id": "a"}
    labels = truth.truth(pd.DataFrame([ours, ours | {"item_id": "b", "problem": "What is 3 + 4?"}]))
    assert set(labels["item_id"]) == {"a"}
    assert set(labels["criterion"]) == set(truth.RULES)


def test_what_a_sound_model_writes_is_sound():
    rng = random.Random(2)
    for _ in range(200):
        drawn = story.draw(rng, test=True)
        cut = mixture.cut(rng, thought.lines(drawn))
        found = truth.findings(views(cut.kept, HURRY, mixture.short(drawn, cut.known), problem=drawn.text()))
        assert found["faulty_step"].label == "no"
        assert found["stops_short"].label in ("no", None)
