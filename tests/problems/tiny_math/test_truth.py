"""What programs read back from a TinyLRM's record: problems, news, lines, and the truth about them."""

import random

import pandas as pd
import pytest

from lib.problems.tiny_math import story as tiny
from lib.problems.tiny_math import thought
from lib.problems.tiny_math import truth as tiny_truth
from lib.problems.tiny_math.thought import News
from models.tiny_lrm import mixture

PROBLEM = "Ada has 7 balls. Ada buys 26 more. The balls double. Ada loses 14. How many balls does Ada have?"
KEPT = "Start with 7.\nAdd 26: 7 + 26 = 33.\n"
REST = "Double: 33 * 2 = 66.\nSubtract 14: 66 - 14 = 52.\nLet me check: 7, 33, 66, 52. That gives 52."
HURRY, STOP = "Please be quick.", "I stop thinking here.\n</think>"
NEWS_TEXT = "<update>Ada loses 12, not 14.</update>"
FOLLOWED = (
    "The update says subtract 12, not 14.\nStart with 7.\nAdd 26: 7 + 26 = 33.\n"
    "Double: 33 * 2 = 66.\nSubtract 12: 66 - 12 = 54.\nLet me check: 7, 33, 66, 54. That gives 54."
)
STALE = FOLLOWED.replace("Subtract 12: 66 - 12 = 54", "Subtract 14: 66 - 14 = 52")


def views(kept="", inserted="", after="", answer="Ada has 52 balls.\n\\boxed{52}"):
    lines = [line for line in f"{kept}\n{after}".splitlines() if line.strip()]
    steps = "\n".join(f"{i}. {line}" for i, line in enumerate(lines, 1))
    known = {"problem": PROBLEM, "kept": kept, "inserted": inserted, "after": after}
    return known | {"answer": answer, "steps": steps}


def test_problems_and_their_changes_are_read_back():
    rng = random.Random(0)
    for _ in range(300):
        made = tiny.change(rng, tiny.draw(rng, test=True))
        if made is None:
            continue
        assert thought.story(made.original.text()) == made.original
        told = thought.news(f"Some words. <update>{made.update}</update> And more.", made.revised)
        assert thought.revert(made.revised, told) == made.original


@pytest.mark.parametrize("text", ["", "What is 3 + 4?", "Ada has 7 balls. Ada eats 2. How many balls does Ada have?"])
def test_other_problems_are_not_taken_for_ours(text):
    assert thought.story(text) is None


def test_news_that_is_not_about_the_problem_is_none():
    story = thought.story(PROBLEM)
    assert thought.news("Please hurry up.", story) is None
    assert thought.news("Leo loses 12, not 14.", story) is None
    assert thought.news(NEWS_TEXT, story) == News("subtract", 12, 14)
    assert thought.news("Ada has 9 balls at the start, not 7.", story) == News("start", 9, 7)


def test_a_thought_is_read_line_by_line():
    read = thought.read(f"{KEPT}\nFrom 33: 66, 52.\nIt is 52.\nDouble: 33 *\n")
    assert [line.kind for line in read] == ["start", "sum", "list", "result", "other"]
    assert [line.values for line in read] == [(7,), (33,), (66, 52), (52,), ()]


@pytest.mark.parametrize(
    ("text", "right"),
    [("9 / 2 = 4", None), ("9 / 0 = 0", None), ("8 / 2 = 5", 4), ("3 - 8 = 5", -5), ("6 * 7 = 1", 42)],
)
def test_a_sum_knows_what_it_should_come_to(text, right):
    assert thought.sums(text)[0].right == right


def without(line, text):
    return "\n".join(kept for kept in text.splitlines() if not kept.startswith(line))


CASES = {
    "a whole thought is sound": ("faulty_step", views(KEPT, HURRY, REST), "no", ""),
    "a wrong sum is the first fault": (
        "faulty_step",
        views(KEPT.replace("33", "34"), HURRY, REST),
        "yes",
        "2. Add 26: 7 + 26 = 34.",
    ),
    "a wrong start": ("faulty_step", views(KEPT.replace("with 7", "with 9"), HURRY), "yes", "1. Start with 9."),
    "a step with another number": (
        "faulty_step",
        views(KEPT.replace("26: 7 + 26 = 33", "25: 7 + 25 = 32")),
        "yes",
        "2. Add 25: 7 + 25 = 32.",
    ),
    "a step left out": (
        "faulty_step",
        views(without("Add", KEPT), "", REST),
        "yes",
        "2. Double: 33 * 2 = 66.",
    ),
    "a wrong look back": ("faulty_step", views(KEPT + REST.replace("33, 66", "33, 65")), "yes", None),
    "a line that was cut is no fault": (
        "faulty_step",
        views(KEPT + "Double: 33 *", HURRY, "From 33: 66, 52."),
        "no",
        "",
    ),
    "a cut line with a wrong number": ("faulty_step", views(KEPT + "Double: 34 *", HURRY), None, ""),
    "a wrong list": ("faulty_step", views(KEPT, HURRY, "From 33: 66, 51."), "yes", "3. From 33: 66, 51."),
    "a result too early": ("faulty_step", views(KEPT, HURRY, "It is 33."), "yes", "3. It is 33."),
    "after an update it cannot tell": ("faulty_step", views(KEPT, NEWS_TEXT, FOLLOWED), None, ""),
    "sums that come out": ("arithmetic_right", views(KEPT, HURRY), "yes", ""),
    "a sum that does not": ("arithmetic_right", views(KEPT.replace("33", "34")), "no", ""),
    "a wrong step may be right arithmetic": (
        "arithmetic_right",
        views("Start with 7.\nAdd 25: 7 + 25 = 32."),
        "yes",
        "",
    ),
    "no sum at all": ("arithmetic_right", views("Start with 7."), None, ""),
    "an update that is followed": ("stale_fact", views(KEPT, NEWS_TEXT, FOLLOWED), "no", ""),
    "an old number": ("stale_fact", views(KEPT, NEWS_TEXT, STALE), "yes", "Subtract 14: 66 - 14 = 52."),
    "an update that is not believed": (
        "stale_fact",
        views(KEPT, NEWS_TEXT, f"{thought.DOUBT}\n{REST}"),
        "yes",
        thought.DOUBT,
    ),
    "neither number": ("stale_fact", views(KEPT, NEWS_TEXT, "Start with 7."), None, ""),
    "no update": ("stale_fact", views(KEPT, HURRY, REST), None, ""),
    "doubt": ("questions_update", views(KEPT, NEWS_TEXT, thought.DOUBT), "yes", thought.DOUBT),
    "no doubt": ("questions_update", views(KEPT, NEWS_TEXT, FOLLOWED), "no", ""),
    "no more thought": ("stops_short", views(KEPT, HURRY, ""), "yes", ""),
    "too few values": ("stops_short", views(KEPT, HURRY, "From 33: 66."), "yes", ""),
    "a value for each step": ("stops_short", views(KEPT, HURRY, "From 33: 60, 50."), "no", ""),
    "found before": ("stops_short", views(KEPT + REST, HURRY, "It is 52."), None, ""),
    "not after a hard interrupt": ("stops_short", views(KEPT, STOP), None, ""),
    "the same result": ("same_result", views(KEPT + REST), "yes", ""),
    "another result": ("same_result", views(KEPT, STOP), "no", ""),
    "the last word counts": ("same_result", views(KEPT, HURRY, "From 33: 66, 52."), "yes", ""),
    "nothing worked out": ("same_result", views("Start with 7.", STOP), None, ""),
    "no boxed number": ("same_result", views(KEPT, STOP, answer="52"), None, ""),
    "going on in the answer": (
        "new_steps",
        views(KEPT, STOP, None, "Going on: 33 * 2 = 66. 66 - 14 = 52.\n\\boxed{52}"),
        "yes",
        "33 * 2 = 66",
    ),
    "a sum that was thought before": (
        "new_steps",
        views(KEPT, STOP, None, "7 + 26 = 33, so it is \\boxed{33}"),
        "no",
        "",
    ),
    "no sum in the answer": ("new_steps", views(KEPT, STOP, None), "no", ""),
    "not while it may think": ("new_steps", views(KEPT, HURRY, REST, "33 * 2 = 66"), None, ""),
}


@pytest.mark.parametrize("case", CASES)
def test_truth(case):
    criterion, record, label, quote = CASES[case]
    found = tiny_truth.findings(record)[criterion]
    assert found.label == label
    assert quote is None or found.quote == quote


def test_items_of_other_problems_have_no_truth():
    ours = views(KEPT, HURRY, REST) | {"item_id": "a"}
    frame = pd.DataFrame([ours, ours | {"item_id": "b", "problem": "What is 3 + 4?"}])
    truth = tiny_truth.truth(frame)
    assert set(truth["item_id"]) == {"a"}
    assert set(truth["criterion"]) == set(tiny_truth.RULES)


def test_what_a_sound_model_writes_is_sound():
    rng = random.Random(2)
    for _ in range(300):
        story = tiny.draw(rng, test=True)
        at = mixture.cut(rng, thought.lines(story))
        record = views(at.kept, HURRY, mixture.short(story, at.known)) | {"problem": story.text()}
        record["steps"] = views(at.kept, HURRY, mixture.short(story, at.known))["steps"]
        assert tiny_truth.findings(record)["faulty_step"].label == "no", record["steps"]
        assert tiny_truth.findings(record)["stops_short"].label in ("no", None)
