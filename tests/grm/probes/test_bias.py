"""Probes find the biases that FAKE judges have, in their size, and none where there is none."""

import math

import numpy as np
import pandas as pd
import pytest

from lib.grm import prompt
from lib.grm.probes import bias, twins
from lib.grm.rubric import Criterion, Option
from tests.fakes.judge import ALSO_SHARP, SHARP, fair, judge, marked_items, noisy, other, rubric

SEEDS = range(3)
LEVELS = tuple(Option(f"level_{i}", i / 3, f"seen {i} times") for i in range(4))
GRADED = Criterion("graded", "How often?", "desired", ("answer",), scale="ordinal", options=LEVELS)


def flips(share):
    """FAKE: turns its verdict in a share of the cases where yes is shown first."""
    return lambda shown: other(fair(shown)) if shown.labels[0] == "yes" and shown.draw("flip") < share else fair(shown)


def takes_the_first(shown):
    """FAKE: says what is shown first in two of five cases."""
    return shown.labels[0] if shown.draw("pull") < 0.4 else fair(shown)


@pytest.mark.parametrize(
    ("mind", "planted"),
    [
        (flips(0.3), {"changed": 0.3, "excess": 0.3, "control": 0}),
        (fair, {"changed": 0, "excess": 0, "shift": 0, "control": 0}),
        (noisy(0.2), {"excess": 0, "shift": 0, "control": 2 * 0.2 * 0.8}),
        (takes_the_first, {"shift": 0.4}),
    ],
)
def test_a_pull_of_order_is_found_in_its_size(mind, planted, hold):
    findings = [bias.position(judge(mind, seed), marked_items(), rubric()) for seed in SEEDS]
    assert list(findings[0].columns) == twins.FINDINGS
    for name, value in planted.items():
        assert hold(findings, name, value), name


def test_only_the_order_of_questions_and_labels_changes():
    plain = [prompt.render((SHARP, GRADED), {"answer": "good"}, [], False, order) for order in range(4)]
    assert plain[0] == prompt.render((SHARP, GRADED), {"answer": "good"}, [], False)
    assert len({tuple(sorted(text.split())) for text in plain}) == 1 and len(set(plain)) >= 3
    assert plain[1].index("graded:") < plain[1].index("sharp:") and plain[1].index("  yes") < plain[1].index("  no:")
    assert all(text.index("level_3") < text.index("  cannot_assess", text.index("level_3")) for text in plain)
    assert "<yes | no | cannot_assess>" in prompt.render((SHARP,), {"answer": "good"}, [], True, 1)
    asked = [judge(fair, order=order, per_call=None) for order in (0, 1)]
    pd.testing.assert_frame_equal(*(one.score(marked_items(6), rubric(SHARP, ALSO_SHARP), 2) for one in asked))
    assert len({tuple(request.seed for request in one.ready.requests) for one in asked}) == 1


def test_a_wording_of_no_question_is_named():
    with pytest.raises(ValueError, match="no criterion blunt, expected one of sharp"):
        bias.stability(judge(fair), marked_items(4), rubric(), {"blunt": "Is it?"})


@pytest.mark.parametrize("share", [0.0, 0.15])
def test_kappa_of_a_judge_with_itself_is_what_its_noise_leaves(share, hold):
    frame = marked_items(150, 50)
    findings = [bias.stability(judge(noisy(share), seed), frame, rubric()) for seed in SEEDS]
    good = frame["answer"].str.contains("good").mean()
    yes = good * (1 - share) + (1 - good) * share
    agreement, chance = 1 - 2 * share * (1 - share), yes**2 + (1 - yes) ** 2
    assert hold(findings, "kappa", (agreement - chance) / (1 - chance))
    assert set(findings[0]["case"]) == {"new seed"}


def test_other_words_lower_kappa_where_they_mean_something_else(hold, figure):
    def mind(shown):
        return other(fair(shown)) if "flawless" in shown.text and shown.draw("word") < 0.4 else fair(shown)

    words = {"sharp": "Is the answer flawless?"}
    findings = [bias.stability(judge(mind, seed), marked_items(), rubric(SHARP, ALSO_SHARP), words) for seed in SEEDS]
    assert hold(findings, "changed", 0.4, case="other words")
    assert all(figure(one, "kappa", "new seed")["value"] == 1 for one in findings)
    assert set(findings[0].loc[findings[0]["case"].eq("other words"), "criterion"]) == {"sharp"}


def test_labels_that_are_near_count_as_nearer(figure):
    def mind(shown):
        level = int(shown.draw(shown.views["answer"], fixed=True) * 4)
        return LEVELS[min(3, level + (shown.draw("slip") < 0.3))].label

    row = figure(bias.stability(judge(mind), marked_items(), rubric(GRADED)), "quadratic_kappa")
    assert 0.8 < row["value"] < 0.95


def likes_length(slope):
    """FAKE: fair in log odds, and drawn by log length."""

    def mind(shown):
        odds = (1 if fair(shown) == "yes" else -1) + slope * (math.log(len(shown.views["answer"]) + 1) - 4)
        return "yes" if shown.draw("length") < 1 / (1 + math.exp(-odds)) else "no"

    return mind


def truth(frame):
    label = frame["answer"].str.contains("good").map({True: "yes", False: "no"})
    return pd.DataFrame({"item_id": frame["item_id"], "criterion": "sharp", "label": label})


@pytest.mark.parametrize("slope", [0.0, 0.8])
def test_the_slope_on_length_is_found_with_the_truth_held_fixed(slope, hold, figure):
    frame = marked_items(300, 100, words=lambda i: " so" * 2 ** (i % 7))
    judgements = [judge(likes_length(slope), seed).score(frame, rubric()) for seed in SEEDS]
    findings = [bias.length_slope(one, frame, rubric(), truth(frame)) for one in judgements]
    assert hold(findings, "slope", slope)
    assert slope == 0 or all(figure(one, "slope")["low"] > 0 for one in findings)
    undesired = rubric(Criterion("sharp", SHARP.question, "undesired", SHARP.views), GRADED)
    turned = bias.length_slope(judgements[0], frame, undesired, truth(frame))
    assert figure(turned, "slope")["value"] == pytest.approx(-figure(findings[0], "slope")["value"], abs=1e-6)


def test_one_length_or_one_verdict_gives_no_slope_but_a_reason(figure):
    frame = marked_items(20).assign(answer="good")
    row = figure(bias.length_slope(judge(fair).score(frame, rubric()), frame, rubric(), truth(frame)), "slope")
    assert math.isnan(row["value"]) and row["why"].startswith("no best fit")


@pytest.mark.parametrize("extra", [0.0, 0.25])
def test_kindness_to_the_own_family_is_found_in_its_size(extra, hold, figure):
    def mind(shown):
        return "yes" if shown.draw("kin") < 0.2 + extra * ("ours" in shown.views["answer"]) else "no"

    frame = marked_items(240, 60, words=lambda i: " ours" if i // 60 % 2 else " theirs")
    family = frame.set_index("item_id")["answer"].str.contains("ours").map({True: "us", False: "them"})
    correct = pd.Series([None if i % 7 == 0 else i % 5 == 0 for i in range(240)], frame["item_id"], dtype=object)
    judgements = [judge(mind, seed).score(frame, rubric()) for seed in SEEDS]
    findings = [bias.self_preference(one, rubric(), correct, family, "us") for one in judgements]
    assert hold(findings, "gap", extra) and hold(findings, "other", 0.2)
    assert set(findings[0]["rows"]) == {int(correct.eq(False).sum())}
    nobody = bias.self_preference(judgements[0], rubric(), correct, family, "nobody")
    assert math.isnan(figure(nobody, "gap")["value"]) and figure(nobody, "own")["why"] == "no row tells it"
    assert bias.self_preference(judgements[0], rubric(), correct.map(lambda _: True), family, "us").empty


def test_findings_are_null_with_a_reason_where_nothing_can_be_said():
    frame = marked_items(4, 1)
    judged = [judge(fair).score(frame, rubric()) for _ in range(3)]
    one_problem = twins.changes(twins.compare(judged[0], judged[1], {"x": judged[2]}, rubric()), "x").iloc[0]
    assert one_problem["value"] == 0 and np.isnan(one_problem["low"]) and one_problem["why"] == "one problem only"
    nothing = twins.judge_twins(judge(fair), frame, rubric(), {"gone": frame[:0]})
    assert nothing.empty and twins.changes(nothing, "x").empty
