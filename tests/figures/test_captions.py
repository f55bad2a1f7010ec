"""Captions: that every number in them comes from the frame, and that they say what to conclude."""

import re

import pandas as pd
import pytest

from lib import figures
from lib.figures import captions, phrases
from lib.paper import numbers

NAN = float("nan")
CELL = {"model": "m", "source": "tiny", "unit": "share", "n": 100}
PUBLISHED = numbers.load()


def cells(*rows, **more):
    """Rows of interrupt, position and mean."""
    return pd.DataFrame([CELL | {"interrupt": i, "position": x, "mean": mean} | more for i, x, mean in rows])


def full(mean=0.9):
    return cells((None, NAN, mean))


RISE = cells(("end_thinking", 0.1, 0.2), ("end_thinking", 0.9, 0.8), ("update", 0.1, 0.7), ("update", 0.9, 0.45))


def test_accuracy_says_what_is_lost_most_and_whether_waiting_helps():
    told = captions.accuracy_by_position(RISE, full())
    assert "full thinking (m 90.0 % on word problems)" in told
    assert "The largest loss against it is 70.0 points: m, word problems, End thinking at 0.1." in told
    assert "The later the cut, the better after End thinking (+60.0 points)" in told
    assert "the later the cut, the worse after Update (\u221225.0 points)" in told


def test_a_caption_follows_its_frame():
    turned = RISE.assign(mean=1 - RISE["mean"])
    told = captions.accuracy_by_position(turned, full())
    assert "better after Update" in told and "worse after End thinking" in told


def test_rows_that_are_neither_right_nor_wrong_are_told():
    told = captions.accuracy_by_position(RISE.assign(censored=[3, 0, 0, 1], no_answer=0), full())
    assert told.endswith("Of 400 rows 4 met the limit: all count as not right.")
    assert "rows" not in captions.accuracy_by_position(RISE.assign(censored=0), full())


def test_one_position_has_no_trend():
    assert captions.accuracy_by_position(RISE.iloc[:1], full()).endswith("There is one position only.")


@pytest.mark.parametrize(
    ("late", "told"),
    [
        (30.0, "A late interrupt still costs more than a full run after Update."),
        (10.0, "No late interrupt costs more than a full run."),
    ],
)
def test_tokens_are_told_as_shares_of_a_full_run(late, told):
    shown = captions.tokens_by_position(cells(("update", 0.1, 40.0), ("update", 0.9, late)), full(20.0))
    assert "at 0.1 and at 0.9: Update 200.0 % and " in shown
    assert shown.endswith(told)


def test_lengths_of_thoughts_are_told_per_variant():
    traces = pd.DataFrame({"variant": ["original"] * 3 + ["revised"], "reasoning_tokens": [10, 20, 90, 7]})
    told = captions.thinking_lengths(traces)
    assert "Original problems: half of 3 thoughts have up to 20 tokens, all up to 90; revised problems: " in told


def test_the_overview_joins_accuracy_and_tokens():
    tokens = cells(("end_thinking", 0.1, 5.0), ("update", 0.1, 25.0), ("end_thinking", 0.9, 1.0), ("update", 0.9, 1.0))
    told = captions.overview(pd.concat([RISE, full()]), pd.concat([tokens, full(20.0)]))
    assert "full thinking gets 90.0 % right" in told
    assert "Accuracy from 0.1 to 0.9: End thinking 20.0 % to 80.0 % and Update 70.0 % to 45.0 %." in told
    assert told.endswith("An early Update saves no tokens.")


def test_costs_count_cells_that_pay_more_for_less():
    frame = cells(("update", 0.1, 0), ("update", 0.5, 0), ("update", 0.9, 0), ("update", NAN, 0))
    frame = frame.assign(tokens=[30, 50, 10, 20], accuracy=[0.5, 0.9, 0.8, 0.8])
    told = captions.accuracy_by_cost(frame)
    assert "Of 3 cells, 1 pay more than full thinking for less, all after Update; 1 are as right" in told


def modes(**more):
    frame = pd.DataFrame([CELL | {"interrupt": i, "position": 0.1} for i in ("end_thinking", "update")])
    frame = frame.assign(n_oracle=[50, 50], new_errors=[20, 0], attributed=[5, 0], leakage=[30, 0], panic=0)
    return frame.assign(self_doubt=[0, 10], length_ratio=[1.84, NAN], **more)


def test_failures_say_how_much_is_explained():
    told = captions.failure_bars(modes())
    assert "turned wrong: 20 of 100 (20.0 %)." in told
    assert "25.0 %, is explained by the mode of the interrupt, most after End thinking (25.0 %); why" in told
    nothing = modes().assign(new_errors=0, attributed=0)
    assert captions.failure_bars(nothing).endswith("There is nothing to explain.")


def test_modes_are_shares_of_the_interrupts_that_can_show_them():
    told = captions.mode_rates(modes())
    assert (
        "leakage in 30.0 %, at most 30.0 % (m, word problems, End thinking at 0.1); no panic; self-doubt in 10" in told
    )


def test_a_ratio_that_is_nowhere_defined_is_said_to_be_so():
    assert "1.8 times: m, word problems, End thinking at 0.1" in captions.length_ratio_by_position(modes())
    assert captions.length_ratio_by_position(modes().assign(length_ratio=NAN)).endswith("No ratio is defined.")


def test_differences_count_what_is_proven():
    frame = RISE.assign(difference=[-0.5, 0.3, -0.1, NAN], p_holm=[0.001, 0.04, 0.2, NAN])
    told = captions.differences(frame)
    assert "Of 3 differences that can be tested 1 are below 0 and 1 above it (Holm's p < 0.05); 1 cannot" in told
    assert told.endswith("The largest is \u221250.0 points: m, word problems, End thinking at 0.1.")
    assert captions.differences(frame.assign(p_holm=0.9)).endswith("4 cannot be told from chance.")


def test_areas_name_the_interrupt_that_keeps_most():
    frame = pd.DataFrame({"interrupt": ["update", "speed_up"], "area": [0.4, 0.2], "area_of_full": [0.8, NAN]})
    assert captions.areas(frame).endswith("Update keeps most of full thinking's accuracy, 80.0 % on average.")
    assert captions.areas(frame.assign(area_of_full=NAN)).endswith("It is not defined here.")


def test_calibration_counts_what_may_be_reported():
    rows = [
        ("leakage", "reported", 0.8, 0.7),
        ("panic", "exploratory", 0.1, 0.3),
        ("doubt", "not calibrated", NAN, NAN),
    ]
    frame = pd.DataFrame(rows, columns=["criterion", "standing", "kappa", "balanced_accuracy_low"])
    told = captions.calibration(frame, 0.65)
    assert "must reach 0.65: 1 of 2 criteria may be reported; 1 without true labels" in told
    assert told.endswith("Kappa goes from 0.10 (panic) to 0.80 (leakage).")
    assert "Kappa" not in captions.calibration(frame.assign(kappa=NAN), 0.65)


AGREED = pd.DataFrame(
    {"criterion": ["a", "b"], "n": [100, 300], "rule_yes": [40, 0], "judge_yes": [60, 0], "agree": [0.8, 1.0]}
)


@pytest.mark.parametrize(
    ("rule", "judge", "told"),
    [
        ([0.7, 1.0], [0.9, 1.0], "right in 92.5 %, the judge in 97.5 %: the judge more often."),
        ([0.9, NAN], [0.7, NAN], "right in 90.0 %, the judge in 70.0 %: the rule more often."),
        ([0.9, 0.9], [0.9, 0.9], "neither more often."),
        ([NAN, NAN], [NAN, NAN], "Which of them is right is not known."),
    ],
)
def test_agreement_says_who_is_right_more_often(rule, judge, told):
    shown = captions.agreement(AGREED.assign(rule_right=rule, judge_right=judge))
    assert "say the same in 95.0 %. The rule calls 10.0 % so, the judge 15.0 %." in shown
    assert shown.endswith(told)


@pytest.mark.parametrize(("corrected", "told"), [(0.32, "helps here."), (0.6, "does not help here.")])
def test_shares_say_whether_correction_helps(corrected, told):
    values = {"truth_share": 0.3, "judged_share": 0.4, "prevalence": corrected}
    frame = pd.DataFrame([("leakage", name, value) for name, value in values.items()])
    shown = captions.judged_shares(frame.set_axis(["criterion", "figure", "value"], axis=1))
    assert "off by 10.0 points on average" in shown and shown.endswith(told)


def test_planted_rates_are_counted_by_their_intervals():
    rows = [("clean", "panic", 0.1, 0.1, 0.0, 0.2), ("leaky", "self_doubt", 0.5, 0.7, 0.6, 0.8)]
    frame = pd.DataFrame(rows, columns=["organism", "mode", "planted", "detected", "ci_low", "ci_high"])
    told = captions.planted_and_detected(frame)
    assert (
        "1 of 2 intervals hold the planted rate. The largest error is 20.0 points (leaky, self doubt, planted" in told
    )
    assert told.endswith("on average 10.0 points too many are found.")
    shown = captions.planted_and_detected(frame.assign(shown=[0.3, 0.65]))
    assert "The rate at which the models really did it, read by a program, is held by 1." in shown


def test_the_papers_figures_say_how_far_ours_are():
    rows = [("qwen3-8b", "gsm8k", "speed_up", "share", 0.1, 0.9, 0.85, 0.96, 50)]
    names = ["model", "source", "interrupt", "unit", "position", "mean", "ci_low", "ci_high", "n"]
    ours = {"accuracy": pd.DataFrame(rows, columns=names)}
    paper = figures.PAPER["paper_soft_accuracy"]
    told = captions.counterpart(paper, PUBLISHED, ours)
    assert told.startswith("Accuracy, Speed up; and Speed up, user turn: 120 numbers published by Wu et al. (hollow).")
    assert "Ours (filled) has 1 of these cells; 1 of our intervals hold" in told
    assert told.endswith("off by 5.4 points: Qwen3-8B, GSM8K, Speed up at 0.1.")
    assert captions.counterpart(paper, PUBLISHED, {}).endswith("Our study has none of these cells.")


@pytest.mark.parametrize("name", figures.PAPER)
def test_every_figure_of_the_paper_has_a_caption(name):
    told = captions.counterpart(figures.PAPER[name], PUBLISHED, {})
    assert re.search(r": [1-9]\d* numbers published", told)


def test_nothing_undefined_is_written_as_a_number():
    told = captions.accuracy_by_position(RISE.assign(mean=NAN), full(NAN))
    assert "nan" not in told.lower() and "undefined" in told


@pytest.mark.parametrize(
    ("told", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"), (["a, b", "c"], "a, b; and c")],
)
def test_lists_are_read_unmistakably(told, text):
    assert phrases.several(told) == text
