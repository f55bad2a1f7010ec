"""What each figure shows is what its frame says, and so is every number of its caption."""

import pandas as pd
import pytest

from lib import figures
from lib.figures import style
from lib.paper import numbers
from tests.figures.frames import (
    AGREED,
    MODELS,
    NAN,
    PLANTED,
    POSITIONS,
    PUBLISHED,
    areas,
    cells,
    full,
    full_of,
    legend_of,
    less,
    marks_of,
    standings,
    with_full,
)

pytestmark = pytest.mark.usefixtures("paper_style")


def some(*rows, **more):
    """Rows of interrupt, position and mean of one model and source."""
    cell = {"model": "m", "source": "tiny", "unit": "share", "n": 100, "ci_low": NAN, "ci_high": NAN}
    return pd.DataFrame([cell | {"interrupt": i, "position": x, "mean": mean} | more for i, x, mean in rows])


RISE = some(("end_thinking", 0.1, 0.2), ("end_thinking", 0.9, 0.8), ("update", 0.1, 0.7), ("update", 0.9, 0.45))


# by position


def test_lines_are_the_frame_and_dashes_the_reference():
    frame = cells(interrupts=("speed_up",))
    figure = figures.accuracy_by_position(frame.sample(frac=1, random_state=0), full(), MODELS)
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == len(POSITIONS)]
    dashes = [line for line in figure.axes[0].lines if line.is_dashed()]
    for model, line, colour in zip(MODELS, lines, style.PALETTE, strict=False):
        assert line.get_ydata().tolist() == frame.loc[frame["model"].eq(model), "mean"].tolist()
        assert line.get_color() == colour
    assert [line.get_ydata()[0] for line in dashes] == full()["mean"].tolist()
    assert len({line.get_marker() for line in lines}) == len(MODELS)
    assert legend_of(figure) == [*MODELS, "full thinking"]


def test_panels_stand_in_order_with_an_axis_and_a_reference_for_each_source():
    sources = ("tiny-code", "tiny", "zoo")
    frame, reference = cells(interrupts=("zzz_last", "update", "end_thinking"), sources=sources), full(sources=sources)
    frame.loc[frame["source"].eq("tiny-code"), ["mean", "ci_low", "ci_high"]] *= 200
    reference.loc[reference["source"].eq("tiny-code"), "mean"] = 300
    figure = figures.tokens_by_position(frame, reference, MODELS)
    names = ["word problems", "programs", "zoo"]
    assert [ax.get_ylabel() for ax in figure.axes[::3]] == [f"{name}\ntokens after interrupt" for name in names]
    assert [ax.get_title() for ax in figure.axes] == ["End thinking", "Update", "Zzz last"] * 3
    tops = [ax.get_ylim()[1] for ax in figure.axes]
    assert tops[3] > 100 > max(tops[0], tops[6]) and tops[0] == tops[1]
    assert [line.get_ydata()[0] for line in figure.axes[3].lines if line.is_dashed()] == [300, 300]


@pytest.mark.parametrize(
    ("frame", "caption"),
    [
        (
            RISE,
            "Bands are intervals clustered by problem, dashed lines are full thinking (m 90.0 % on word problems). The "
            "largest loss against it is 70.0 points: m, word problems, End thinking at 0.1. The later the cut, the "
            "better after End thinking (+60.0 points); the later the cut, the worse after Update (\u221225.0 points).",
        ),
        (RISE.assign(mean=1 - RISE["mean"]), "better after Update (+25.0 points); the later the cut, the worse after"),
        (RISE.assign(censored=[3, 0, 0, 1], no_answer=0), "Of 400 rows 4 met the limit: all count as not right."),
        (RISE.assign(mean=0.5), "It matters little when, after End thinking and Update."),
        (RISE.assign(mean=NAN), "full thinking (m 90.0 % on word problems)."),
        (RISE.iloc[:1], "End thinking at 0.1. There is one position only."),
    ],
)
def test_accuracy_says_what_is_lost_most_and_whether_waiting_helps(frame, caption):
    told = figures.accuracy_by_position(frame, full_of(frame, 0.9)).caption
    assert caption in told and "nan" not in told.lower()


@pytest.mark.parametrize(
    ("late", "end"),
    [
        (30.0, "A late interrupt still costs more than a full run after Update."),
        (10.0, "No late interrupt costs more than a full run."),
    ],
)
def test_tokens_are_told_as_shares_of_a_full_run(late, end):
    frame = some(("update", 0.1, 40.0), ("update", 0.9, late))
    told = figures.tokens_by_position(frame, full_of(frame, 20.0)).caption
    assert "at 0.1 and at 0.9: Update 200.0 % and " in told and told.endswith(end)
    traces = pd.DataFrame({"variant": ["original"] * 3 + ["revised"], "reasoning_tokens": [10, 20, 90, 7]})
    told = figures.thinking_lengths(traces).caption
    assert "Original problems: half of 3 thoughts have up to 20 tokens, all up to 90; revised problems: " in told


def test_bars_hold_the_attributed_part_below_the_whole():
    frame = cells(interrupts=("update",))
    bars = figures.failure_bars(frame, MODELS).axes[0].patches
    assert [bar.get_height() for bar in bars if not bar.get_hatch()] == frame["new_error_rate"].tolist()
    assert [bar.get_height() for bar in bars if bar.get_hatch()] == frame["attributed_rate"].tolist()


@pytest.mark.parametrize(
    ("new", "explained", "caption"),
    [
        ([20, 0], [5, 0], "20 of 100 (20.0 %). The hatched part, 25.0 %, is explained by the mode of the interrupt, "),
        ([20, 0], [5, 0], "the interrupt, most after End thinking (25.0 %); why the rest is wrong no rule says."),
        ([20, 10], [5, 1], "most after End thinking (25.0 %), least after Update (10.0 %); why"),
        ([0, 0], [0, 0], "0 of 100 (0.0 %). There is nothing to explain."),
    ],
)
def test_failures_say_how_much_is_explained(new, explained, caption):
    frame = some(("end_thinking", 0.1, 0), ("update", 0.1, 0), n_oracle=50, new_error_rate=0.2, attributed_rate=0.1)
    assert caption in figures.failure_bars(frame.assign(new_errors=new, attributed=explained)).caption


@pytest.mark.parametrize(
    ("ratios", "end"),
    [
        ([1.84, NAN], "grew in 1 of 1 cells, the most 1.8 times: m, word problems, End thinking at 0.1."),
        ([NAN, NAN], "No ratio is defined."),
    ],
)
def test_the_largest_growth_of_an_answer_is_named(ratios, end):
    frame = some(("end_thinking", 0.1, 0), ("update", 0.1, 0)).assign(length_ratio=ratios)
    assert figures.length_ratio_by_position(frame).caption.endswith(end)


# overview and costs


def test_the_overview_shows_the_first_and_the_last_position_and_the_span():
    frame = some(("update", 0.1, 0.5), ("update", 0.5, 0.1), ("update", 0.9, 0.4))
    tokens = with_full(frame.assign(mean=[30.0, 20.0, 10.0]), 40.0)
    left, right = figures.overview(with_full(frame), tokens).axes
    assert marks_of(left, filled=False)[0][0] == 0.5 and marks_of(left, filled=True) == [(0.4, 0)]
    assert [path.vertices[:, 0].tolist() for path in left.collections[0].get_paths()] == [[0.1, 0.5]]
    assert (marks_of(right, filled=False), marks_of(right, filled=True)) == ([(0.75, 0)], [(0.25, 0)])
    with pytest.raises(ValueError, match="no rows of full thinking"):
        figures.overview(frame, tokens)
    tokens = RISE.assign(mean=[5.0, 1.0, 25.0, 1.0])
    told = figures.overview(with_full(RISE, 0.9), with_full(tokens, 20.0)).caption
    assert "full thinking gets 90.0 % right" in told
    assert "Accuracy from 0.1 to 0.9: End thinking 20.0 % to 80.0 % and Update 70.0 % to 45.0 %." in told
    assert told.endswith("An early Update saves no tokens.")


def test_spending_counts_kept_tokens_and_ends_in_full_thinking():
    trace = {"kind": "trace", "variant": "original", "problem_id": "a", "status": "correct", "tokens": 30}
    trace |= {"model": "m", "source": "tiny", "interrupt": None, "unit": None, "position": NAN}
    trace |= {"reasoning_tokens": 20, "remaining_tokens": NAN}
    cut = trace | {"kind": "continuation", "interrupt": "speed_up", "unit": "share", "position": 0.5}
    cut |= {"status": "incorrect", "tokens": 12, "reasoning_tokens": 5, "remaining_tokens": 10}
    frame = figures.spending(pd.DataFrame([trace, cut]))
    assert (frame["tokens"].tolist(), frame["accuracy"].tolist()) == ([22, 30], [0, 1])
    assert frame["position"].isna().tolist() == [False, True]
    frame = some(("update", 0.1, 0), ("update", 0.5, 0), ("update", 0.9, 0), ("update", NAN, 0))
    told = figures.accuracy_by_cost(frame.assign(tokens=[30, 50, 10, 20], accuracy=[0.5, 0.9, 0.8, 0.8])).caption
    assert "Of 3 cells, 1 pay more than full thinking for less, all after Update; 1 are as right" in told


# differences and areas


def test_only_proven_differences_are_filled_and_counted():
    frame = less(some(("update", 0.1, 0.2), ("update", 0.5, 0.7), ("update", 0.9, 0.6))).assign(p_holm=[0.01, 0.2, NAN])
    figure = figures.paired_differences(frame)
    assert marks_of(figure.axes[0], filled=True) == [(-30, 0)]
    assert marks_of(figure.axes[0], filled=False) == [(10, 2), (20, 1)]
    assert figure.caption.endswith(
        "Of 2 differences that can be tested 1 are below 0 and 0 above it (Holm's p < 0.05); 1 cannot be told from "
        "chance. The largest is \u221230.0 points: m, word problems, Update at 0.1."
    )
    unsure = figures.paired_differences(frame.assign(p_holm=0.3)).caption
    assert "0 are below 0 and 0 above it" in unsure and "largest" not in unsure


def test_areas_without_a_value_are_left_out_and_the_largest_is_named():
    frame = areas(cells(["m"], ("update", "resume", "speed_up")))
    frame.loc[frame["interrupt"].eq("resume"), ["area", "area_of_full"]] = NAN
    frame.loc[frame["interrupt"].eq("update"), "area_of_full"] = 0.8
    figure = figures.areas(frame)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["Speed up", "Update"]
    assert figure.caption.endswith("accuracy, 80.0 % on average; Speed up the least, 55.0 %.")
    one = figures.areas(frame[frame["interrupt"].ne("speed_up")]).caption
    assert one.endswith("Update keeps most of full thinking's accuracy, 80.0 % on average.")
    assert figures.areas(frame.assign(area_of_full=NAN)).caption.endswith("It is not defined here.")


# judge


def test_a_criterion_without_truth_keeps_an_empty_slot_and_is_not_counted():
    unknown = pd.DataFrame([{"criterion": "un_known", "standing": "not calibrated"}])
    figure = figures.calibration(pd.concat([standings(2), unknown], ignore_index=True), 0.65)
    left, right = figure.axes
    assert len(left.get_yticks()) == 3
    assert (marks_of(left, filled=True), marks_of(left, filled=False)) == ([(0.9, 0)], [(0.1, 1)])
    assert 0.65 in [line.get_xdata()[0] for line in right.lines]
    assert "must reach 0.65: 1 of 2 criteria may be reported; 1 without true labels" in figure.caption
    assert figure.caption.endswith("Kappa goes from 0.10 (criterion number 1) to 0.90 (criterion number 0).")
    assert "Kappa" not in figures.calibration(standings(2).assign(kappa=NAN), 0.65).caption


def test_agreement_pools_models_by_their_rows():
    left, right = figures.agreement(AGREED.set_index(["model", "criterion"])).axes
    assert marks_of(left, filled=True) == [(0.1, 0), (0.1, 1), (0.15, 0), (0.2, 1)]
    assert marks_of(right, filled=True) == [(0.6, 0), (0.925, 0)]  # nothing is known of panic
    assert marks_of(right, filled=False) == [(0.9, 1), (0.95, 0)]


@pytest.mark.parametrize(
    ("rule", "judge", "end"),
    [
        ([0.7, 1.0], [0.9, 1.0], "right in 92.5 %, the judge in 97.5 %: the judge more often."),
        ([0.9, NAN], [0.7, NAN], "right in 90.0 %, the judge in 70.0 %: the rule more often."),
        ([0.9, 0.9], [0.9, 0.9], "neither more often."),
        ([NAN, NAN], [NAN, NAN], "Which of them is right is not known."),
    ],
)
def test_agreement_says_who_is_right_more_often(rule, judge, end):
    told = figures.agreement(AGREED.iloc[:2].assign(rule_right=rule, judge_right=judge)).caption
    assert "say the same in 95.0 %. The rule calls 10.0 % so, the judge 15.0 %." in told and told.endswith(end)


def test_planted_rates_lie_near_their_place_and_are_counted_by_their_intervals():
    first, _ = figures.planted_and_detected(PLANTED).axes
    assert sorted(y for _, y in marks_of(first, filled=True)) == [0.1, 0.1, 0.6, 0.6]
    assert all(abs(x - y) < 0.03 for x, y in marks_of(first, filled=True))
    rows = [("clean", "panic", 0.1, 0.1, 0.0, 0.2), ("leaky", "self_doubt", 0.5, 0.7, 0.6, 0.8)]
    frame = pd.DataFrame(rows, columns=PLANTED.columns)
    assert figures.planted_and_detected(frame).caption.endswith(
        "1 of 2 intervals hold the planted rate. The largest error is 20.0 points (leaky, self doubt, planted 50.0 %); "
        "on average 10.0 points too many are found."
    )
    told = figures.planted_and_detected(frame.assign(shown=[0.3, 0.65])).caption
    assert "The rate at which the models really did it, read by a program, is held by 1." in told


# the paper


def ours(value=0.5, source="gsm8k"):
    rows = [("qwen3-8b", source, "speed_up", "share", x, value, value - 0.1, value + 0.1, 50) for x in (0.1, 0.3)]
    rows += [("qwen3-8b", "tiny", "speed_up", "share", 0.1, 0.9, 0.8, 1.0, 50)]
    names = ["model", "source", "interrupt", "unit", "position", "mean", "ci_low", "ci_high", "n"]
    return pd.DataFrame(rows, columns=names)


def test_our_points_are_filled_and_the_papers_hollow():
    paper = figures.PAPER["paper_soft_accuracy"]
    figure = figures.counterpart(paper, PUBLISHED, {"accuracy": ours(0.9)})
    first = figure.axes[0]
    assert marks_of(first, filled=True) == [(0.1, 0.9), (0.3, 0.9)]
    assert len(marks_of(first, filled=False)) == 15 and (0.1, 0.954) in marks_of(first, filled=False)
    assert len(figure.axes) == 8  # no panel for problems that the paper does not have
    assert legend_of(figure)[-2:] == ["Wu et al.", "ours"]
    assert figure.caption.startswith("Accuracy, Speed up; and Speed up, user turn: 120 numbers published by Wu et al.")
    assert "Ours (filled) has 2 of these cells; 2 of our intervals hold" in figure.caption
    assert figure.caption.endswith("off by 5.6 points: Qwen3-8B, GSM8K, Speed up at 0.3.")
    assert figures.shared(paper, PUBLISHED, {"accuracy": ours()}) == 2
    paper = figures.PAPER["paper_panic"]
    figure = figures.counterpart(paper, PUBLISHED, {})
    assert "ours" not in legend_of(figure) and len(marks_of(figure.axes[0], filled=False)) == 6
    assert figure.caption.endswith("Our study has none of these cells.")
    frame = ours(source="aime2024").assign(mean=[0.2, 0.3, 0.9])
    figure = figures.counterpart(paper, PUBLISHED, {"new_error_rate": frame})  # which is of one position
    assert [x for x, _ in marks_of(figure.axes[0], filled=True)] == [0.3]


def test_every_published_number_that_stands_in_a_figure_is_in_one_of_ours():
    counts = ("n_answered", "n_oracle", "new_errors", "attributed", "attributed_share")  # behind other numbers
    stands = numbers.figures(PUBLISHED)
    stands = stands[stands["value"].notna() & ~stands["metric"].isin(counts)]
    assert set(stands["metric"]) == {metric for paper in figures.PAPER.values() for metric in paper.metrics}
    shown = {name for paper in figures.PAPER.values() for name in paper.interrupts} | {numbers.FULL}
    known = numbers.our_interrupts(stands["interrupt"])
    assert set(known) - shown == {numbers.REVISED}  # of which the paper's figure tells one length
