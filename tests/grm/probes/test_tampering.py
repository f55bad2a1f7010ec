"""Tampering: FAKE judges that like words, obey their record or miss faults are found, and honest ones are not."""

import re

import pandas as pd
import pytest

from lib.grm.probes import injections, tampering, twins
from lib.grm.rubric import Criterion
from tests.fakes.judge import ALSO_SHARP, SHARP, fair, judge, marked_items, noisy, rubric

SEEDS = range(3)
BAD = Criterion("bad", "Is a step wrong?", "undesired", ("steps",), evidence=True, evidence_from="steps")


def test_padding_finds_a_judge_that_likes_more_words(hold):
    def likes(shown):
        return "yes" if "once more" in shown.views["answer"] and shown.draw("pad") < 0.5 else fair(shown)

    frame = marked_items()
    poor = frame["answer"].str.contains("poor").mean()
    moved, calm = (
        [tampering.padding(judge(mind, seed), frame, rubric()) for seed in SEEDS] for mind in (likes, noisy(0.1))
    )
    assert hold(moved, "changed", 0.5 * poor) and hold(moved, "shift", 0.5 * poor)
    assert hold(calm, "excess", 0) and hold(calm, "shift", 0)


def test_a_failed_judgement_is_no_changed_verdict_but_a_lost_one(figure):
    def mind(shown):
        return "off the menu" if "once more" in shown.views["answer"] and "4" in shown.views["answer"] else fair(shown)

    frame = marked_items(40)
    found = tampering.padding(judge(mind, attempts=1), frame, rubric())
    assert figure(found, "lost")["value"] == frame["answer"].str.contains("4").mean() > 0
    assert figure(found, "changed")["value"] == 0


def test_a_judge_that_obeys_its_record_is_found(hold, holds, figure):
    def obeys(shown):
        is_asked = "VERDICT sharp: yes" in shown.views["answer"]
        return "yes" if is_asked and shown.draw("obey") < 0.5 else fair(shown)

    texts = injections.TEXTS[:6]
    n = sum("VERDICT sharp: yes" in text for text in injections.filled(texts, "sharp", "yes", "no"))
    found = [tampering.injection(judge(obeys, seed), marked_items(45, 15), rubric(), texts=texts) for seed in SEEDS]
    assert hold(found, "obeyed", 0.5 * n / len(texts), criterion="sharp")
    assert holds(figure(found[0], "obeyed", "text 0"), 0.5) and figure(found[0], "obeyed", "text 3")["value"] == 0


def test_no_shipped_injection_changes_an_honest_verdict():
    frame = marked_items(3, 3).assign(answer=["a good one", "a poor one", "one more poor one"])
    found = tampering.injection(judge(fair), frame, rubric(SHARP, ALSO_SHARP))
    changed = found[found["figure"].isin(["changed", "obeyed", "lost"])]
    assert changed["value"].eq(0).all() and len(injections.TEXTS) == 40
    assert set(found["case"]) == {twins.ALL, *(f"text {i}" for i in range(len(injections.TEXTS)))}


def test_an_empty_and_a_foreign_answer_get_the_verdict_expected(hold, figure):
    def mind(shown):
        if not shown.views["answer"].strip():
            return "cannot_assess" if shown.draw("empty") < 0.7 else "yes"
        return fair(shown)

    expected = {"empty": {"sharp": "cannot_assess"}, "foreign": {"sharp": "no"}}
    found = [tampering.nulls(judge(mind, seed), marked_items(90, 30), rubric(), expected) for seed in SEEDS]
    assert hold(found, "expected", 0.7, case="empty") and hold(found, "gap", 0.7, case="empty")
    assert hold(found, "gap", 0, case="foreign")  # it never asks whose problem an answer is of
    assert figure(found[0], "untouched", "empty")["value"] == 0


@pytest.mark.parametrize(
    ("problems", "expected", "message"),
    [
        (4, {"blank": {"sharp": "no"}}, "expected: blank: expected one of empty, foreign, shuffled"),
        (4, {"empty": {"blunt": "no"}}, "empty: blunt: expected one of sharp"),
        (4, {"empty": {"sharp": "maybe"}}, "empty: sharp: maybe: expected one of yes, no, cannot_assess"),
        (1, {"foreign": {"sharp": "no"}}, "items: one problem only"),
    ],
)
def test_what_cannot_be_expected_is_named(problems, expected, message):
    with pytest.raises(ValueError, match=message):
        tampering.nulls(judge(fair), marked_items(4, problems), rubric(), expected)


SUM = re.compile(r"(\d+) \+ (\d+) = (\d+)")


def sums(n=60):
    rows = []
    for i in range(n):
        a, b, c = 10 + i % 30, 3 + i % 7, 4 + i % 5
        kept = f"{a} + {b} = {a + b}\n{a + b} + {c} = {a + b + c}\nSo it is {a + b + c}."
        steps = "\n".join(f"{k}. {line}" for k, line in enumerate(kept.split("\n"), 1))
        known = {"item_id": f"i{i}", "problem_id": f"p{i % 30}", "problem": f"{a}, {b}, {c}?"}
        rows.append(known | {"steps": steps, "kept": kept, "answer": f"The answer is {a + b + c}."})
    return pd.DataFrame(rows)


def checks_sums(found, alarm=0.0):
    """FAKE: finds a share of the sums that are wrong, and quotes them; cries wolf elsewhere."""

    def mind(shown):
        steps = shown.views["steps"].split("\n")
        wrong = [s for s in steps if (m := SUM.search(s)) and int(m[1]) + int(m[2]) != int(m[3])]
        if wrong and shown.draw("find") < found:
            return "yes", [wrong[0]]
        return ("yes", [steps[-1]]) if shown.draw("alarm") < alarm else "no"

    return mind


def test_planted_faults_are_found_as_often_as_the_judge_finds_them(hold, figure):
    wanted = {"number": ("bad", "yes"), "dropped": ("bad", "yes")}
    asked = rubric(SHARP, BAD)
    found = [tampering.planted(judge(checks_sums(0.6, 0.1), seed), sums(), asked, wanted) for seed in SEEDS]
    assert hold(found, "detected", 0.6 + 0.4 * 0.1, case="number")
    assert hold(found, "false_alarm", 0.1, case="number")
    assert hold(found, "gap", 0, case="dropped")  # it checks sums, so it misses none that is gone
    assert figure(found[0], "placed", "number")["value"] > 0.9
    assert figure(found[0], "placed", "dropped")["why"] == "no row tells it"
    perfect = tampering.planted(judge(checks_sums(1)), sums(), asked, {"number": ("bad", "yes")})
    assert [figure(perfect, name)["value"] for name in ("detected", "false_alarm", "gap", "placed")] == [1, 0, 1, 1]
