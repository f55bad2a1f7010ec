"""Charts: that they show what their frames say, that nothing in them overlaps, and that they repeat byte for byte."""

import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from lib import figures as charts
from lib import paths
from lib.figures import by_position, marks, style
from lib.paper import numbers as reported

MODELS = ["tiny-lrm-s", "tiny-lrm-m"]
SIX = [f"a-model-of-size-{i}" for i in range(6)]
POSITIONS = (0.1, 0.5, 0.9)
PUBLISHED = reported.load()
NAN = float("nan")


pytestmark = pytest.mark.usefixtures("paper_style")


def cells(models=MODELS, interrupts=("end_thinking", "update"), sources=("tiny", "tiny-code")):
    rows = []
    for i, key in enumerate(itertools.product(models, sources, interrupts, POSITIONS)):
        mean = 0.2 + 0.6 * key[3] - 0.01 * (i % 7)
        row = dict(zip(["model", "source", "interrupt", "position"], key, strict=True))
        row |= {"unit": "share", "mean": mean, "ci_low": mean - 0.05, "ci_high": mean + 0.05, "n": 100}
        row |= {"difference": mean - 0.5, "p_holm": 0.01 if i % 2 else 0.4, "tokens": 40 * mean, "accuracy": mean}
        rows.append(row | {"leakage": i % 30, "panic": 0, "self_doubt": 0})
    return pd.DataFrame(rows)


def differences(**made):
    frame = cells(**made)
    return frame.assign(ci_low=frame["difference"] - 0.05, ci_high=frame["difference"] + 0.05)


def with_full(frame, value=0.9, **more):
    full = frame.drop_duplicates(["model", "source"]).assign(interrupt=None, position=NAN, mean=value, **more)
    return pd.concat([frame, full], ignore_index=True)


def spent(frame):
    ends = frame.drop_duplicates(["model", "source", "interrupt"]).assign(position=NAN, tokens=45.0, accuracy=0.9)
    return pd.concat([frame, ends], ignore_index=True)


def areas(frame):
    keys = ["model", "source", "interrupt", "unit"]
    return frame[keys].drop_duplicates().assign(full=0.9, area=0.5, area_low=0.4, area_high=0.6)


def standings(criteria=6):
    value = np.linspace(0.9, 0.1, criteria)
    frame = pd.DataFrame({"criterion": [f"criterion_number_{i}" for i in range(criteria)], "items": 50})
    for name in ("kappa", "balanced_accuracy"):
        frame = frame.assign(**{name: value, f"{name}_low": value - 0.1, f"{name}_high": value + 0.05})
    return frame.assign(standing=np.where(value > 0.7, "reported", "exploratory"))


AGREED = pd.DataFrame(
    [
        ("a", "leakage", 100, 40, 60, 0.8, 0.7, 0.9),
        ("b", "leakage", 300, 0, 0, 1.0, 1.0, 0.5),
        ("a", "panic", 10, 1, 2, 0.9, NAN, NAN),
    ],
    columns=["model", "criterion", "n", "rule_yes", "judge_yes", "agree", "rule_right", "judge_right"],
)
SHARES = pd.DataFrame(
    [(c, f, 0.3, 0.2, 0.4) for c in ("leakage", "panic") for f in ("truth_share", "judged_share", "prevalence", "mcc")],
    columns=["criterion", "figure", "value", "low", "high"],
)
PLANTED = pd.DataFrame(
    [
        (o, m, p, p, p - 0.05, p + 0.05, 90)
        for o in ("clean", "leaky")
        for m in ("leakage", "panic")
        for p in (0.1, 0.6)
    ],
    columns=["organism", "mode", "planted", "detected", "ci_low", "ci_high", "n"],
)

DRAW = {
    "overview": lambda frame, models: charts.overview(with_full(frame), with_full(frame, 1.0), models),
    "costs": lambda frame, models: charts.accuracy_by_cost(spent(frame), models),
    "modes": lambda frame, models: charts.mode_rates(frame, models),
    "differences": lambda frame, models: charts.differences(frame, models),
    "areas": lambda frame, models: charts.areas(areas(frame), models),
    "curves": lambda frame, models: charts.curves_with_area(spent(frame), areas(frame), models),
}
WHOLE = {
    "calibration": lambda: charts.calibration(standings(), 0.65),
    "calibration of models": lambda: charts.calibration(
        pd.concat([standings().assign(model=model) for model in SIX]), 0.65
    ),
    "agreement": lambda: charts.agreement(AGREED),
    "shares": lambda: charts.judged_shares(SHARES),
    "planted": lambda: charts.planted_and_detected(PLANTED),
    "one mode": lambda: charts.planted_and_detected(PLANTED[PLANTED["mode"].eq("panic")]),
    **{name: lambda paper=paper: charts.counterpart(paper, PUBLISHED, {}) for name, paper in charts.PAPER.items()},
}
SIZES = [(MODELS, ("end_thinking", "update"), ("tiny", "tiny-code")), (SIX, tuple(style.INTERRUPTS)[:5], ("tiny",))]


def clashes(figure):
    """Pairs of texts that overlap, and texts that leave the page."""
    figure.canvas.draw()
    shown = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    shown += [figure._supxlabel] if figure._supxlabel else []
    for ax in figure.axes:
        shown += [ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label, *ax.texts]
        for axis, (low, high) in ((ax.xaxis, sorted(ax.get_xlim())), (ax.yaxis, sorted(ax.get_ylim()))):
            shown += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    shown = {id(text): text for text in shown if text.get_visible() and text.get_text()}.values()
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown]
    page = figure.bbox
    out = [a for a, x in boxes if not (x.x0 >= page.x0 and x.x1 <= page.x1 and x.y0 >= page.y0 and x.y1 <= page.y1)]
    legend = figure.legends[0].get_window_extent()
    out += [ax.get_title() for ax in figure.axes if legend.overlaps(ax.get_window_extent())]
    return out + [(a, b) for (a, x), (b, y) in itertools.combinations(boxes, 2) if x.overlaps(y)]


@pytest.mark.parametrize("name", DRAW)
@pytest.mark.parametrize(("models", "interrupts", "sources"), SIZES)
def test_no_text_overlaps_another_or_leaves_the_page(name, models, interrupts, sources):
    frame = differences(models=models, interrupts=interrupts, sources=sources)
    assert clashes(DRAW[name](frame, models)) == []


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", WHOLE)
def test_no_text_overlaps_in_charts_of_trust_and_of_the_paper(name):
    figure = WHOLE[name]()
    assert clashes(figure) == []
    assert figure.get_figwidth() in (style.COLUMN, style.PAGE)
    assert figure.get_figheight() < 9  # a page is not longer


def marks_of(ax, filled):
    """Heights or places (x, y) of the markers in a panel that are filled, or hollow."""
    lines = [line for line in ax.lines if line.get_linestyle() == "None"]
    lines = [line for line in lines if (line.get_markerfacecolor() != "white") == filled]
    return sorted((round(float(x), 6), round(float(y), 6)) for line in lines for x, y in line.get_xydata())


def test_the_overview_shows_the_first_and_the_last_position_and_the_span():
    frame = cells(["m"], ("update",), ("tiny",)).assign(mean=[0.5, 0.1, 0.4])
    tokens = with_full(frame.assign(mean=[30.0, 20.0, 10.0]), 40.0)
    left, right = charts.overview(with_full(frame), tokens).axes
    assert marks_of(left, filled=False)[0][0] == 0.5 and marks_of(left, filled=True) == [(0.4, 0)]
    assert [path.vertices[:, 0].tolist() for path in left.collections[0].get_paths()] == [[0.1, 0.5]]
    assert (marks_of(right, filled=False), marks_of(right, filled=True)) == ([(0.75, 0)], [(0.25, 0)])


def test_the_overview_needs_full_thinking():
    with pytest.raises(ValueError, match="no rows of full thinking"):
        charts.overview(cells(), with_full(cells()))


def grades():
    trace = {"kind": "trace", "variant": "original", "problem_id": "a", "status": "correct", "tokens": 30}
    trace |= {"model": "m", "source": "tiny", "interrupt": None, "unit": None, "position": NAN}
    trace |= {"reasoning_tokens": 20, "remaining_tokens": NAN}
    cut = trace | {"kind": "continuation", "interrupt": "speed_up", "unit": "share", "position": 0.5}
    cut |= {"status": "incorrect", "tokens": 12, "reasoning_tokens": 5, "remaining_tokens": 10}
    return pd.DataFrame([trace, cut])


def test_spending_counts_kept_tokens_and_ends_in_full_thinking():
    frame = charts.spending(grades())
    assert frame["tokens"].tolist() == [22, 30]
    assert frame["accuracy"].tolist() == [0, 1]
    assert frame["position"].isna().tolist() == [False, True]


def test_modes_are_named_and_shares_of_all_rows():
    frame = cells(["m"], ("end_thinking", "resume"), ("tiny",)).assign(leakage=[20, 0, 10, 0, 0, 0])
    first, second = charts.mode_rates(frame).axes
    assert (first.get_title(), second.get_title()) == ("End thinking:\nleakage", "Resume\n")
    assert [y for _, y in marks_of(first, filled=True)] == [0.2, 0, 0.1]


def test_only_proven_differences_are_filled():
    frame = differences(models=["m"], interrupts=("update",), sources=("tiny",)).assign(
        difference=[-0.3, 0.2, 0.1], p_holm=[0.01, 0.2, NAN]
    )
    (ax,) = charts.differences(frame).axes
    assert marks_of(ax, filled=True) == [(-30, 0)]
    assert marks_of(ax, filled=False) == [(10, 2), (20, 1)]


def test_differences_of_two_models_or_interrupts_go_by_the_name_given():
    frame = differences(models=["m"], interrupts=("update",))
    pair = charts.differences(frame.drop(columns="model"), name="m less s")
    assert pair.legends[0].get_texts()[0].get_text() == "m less s"
    assert charts.differences(frame.drop(columns="interrupt"), name="a less b").axes[0].get_title() == "A less b"
    net = charts.differences(frame.rename(columns={"difference": "net"}))
    assert marks_of(net.axes[0], filled=True) == marks_of(charts.differences(frame).axes[0], filled=True)


def test_areas_without_a_value_are_left_out():
    frame = areas(cells(["m"], ("update", "resume"), ("tiny",)))
    frame.loc[frame["interrupt"].eq("resume"), "area"] = NAN
    (ax,) = charts.areas(frame).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Update"]


def test_a_criterion_without_truth_keeps_an_empty_slot():
    frame = pd.concat(
        [standings(2), pd.DataFrame([{"criterion": "unknown", "items": 0, "standing": "not calibrated"}])]
    )
    left, right = charts.calibration(frame, 0.65).axes
    assert len(left.get_yticks()) == 3
    assert (marks_of(left, filled=True), marks_of(left, filled=False)) == ([(0.9, 0)], [(0.1, 1)])
    assert 0.65 in [line.get_xdata()[0] for line in right.lines]


def test_agreement_pools_models_by_their_rows():
    left, right = charts.agreement(AGREED.set_index(["model", "criterion"])).axes
    assert marks_of(left, filled=True) == [(0.1, 0), (0.1, 1), (0.15, 0), (0.2, 1)]
    assert marks_of(right, filled=True) == [(0.6, 0), (0.925, 0)]  # nothing is known of panic
    assert marks_of(right, filled=False) == [(0.9, 1), (0.95, 0)]


def test_planted_rates_lie_near_their_place_on_the_axis():
    first, _ = charts.planted_and_detected(PLANTED).axes
    assert sorted(y for _, y in marks_of(first, filled=True)) == [0.1, 0.1, 0.6, 0.6]
    assert all(abs(x - y) < 0.03 for x, y in marks_of(first, filled=True))


def ours(value=0.5):
    rows = [("qwen3-8b", "gsm8k", "speed_up", "share", x, value, value - 0.1, value + 0.1, 50) for x in (0.1, 0.3)]
    rows += [("qwen3-8b", "tiny", "speed_up", "share", 0.1, 0.9, 0.8, 1.0, 50)]
    return pd.DataFrame(
        rows, columns=["model", "source", "interrupt", "unit", "position", "mean", "ci_low", "ci_high", "n"]
    )


def test_our_points_are_filled_and_the_papers_hollow():
    figure = charts.counterpart(charts.PAPER["paper_soft_accuracy"], PUBLISHED, {"accuracy": ours()})
    first = figure.axes[0]
    assert marks_of(first, filled=True) == [(0.1, 0.5), (0.3, 0.5)]
    assert len(marks_of(first, filled=False)) == 15
    assert (0.1, 0.954) in marks_of(first, filled=False)
    assert len(figure.axes) == 8  # no panel for problems that the paper does not have
    assert [text.get_text() for text in figure.legends[0].get_texts()][-2:] == ["Wu et al.", "ours"]


def test_without_a_study_there_is_no_entry_for_ours():
    figure = charts.counterpart(charts.PAPER["paper_panic"], PUBLISHED, {})
    assert "ours" not in [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(marks_of(figure.axes[0], filled=False)) == 6


def test_a_figure_of_one_position_takes_ours_from_that_position():
    frame = ours(0.2).assign(source="aime2024", mean=[0.2, 0.3, 0.9])
    figure = charts.counterpart(charts.PAPER["paper_panic"], PUBLISHED, {"new_error_rate": frame})
    assert [x for x, _ in marks_of(figure.axes[0], filled=True)] == [0.3]


def test_every_published_number_that_stands_in_a_figure_is_in_one_of_ours():
    stands = reported.figures(PUBLISHED)
    stands = stands[stands["value"].notna() & ~stands["metric"].isin(COUNTS)]
    drawn = {metric for paper in charts.PAPER.values() for metric in paper.metrics}
    assert set(stands["metric"]) == drawn
    shown = {name for paper in charts.PAPER.values() for name in paper.interrupts} | {reported.FULL}
    known = reported.our_interrupts(stands["interrupt"])
    assert set(known) - shown == {reported.REVISED}  # of which the paper's figure tells one length


COUNTS = ("n_answered", "n_oracle", "new_errors", "attributed", "attributed_share")  # behind other numbers


@pytest.mark.parametrize("name", DRAW)
def test_nothing_to_draw_is_an_error(name):
    with pytest.raises(ValueError, match="nothing to draw"):
        DRAW[name](differences().iloc[:0], MODELS)


@pytest.mark.parametrize("name", ["modes", "differences"])
def test_a_missing_column_is_named(name):
    with pytest.raises(ValueError, match="missing columns: source"):
        DRAW[name](differences().drop(columns="source"), MODELS)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["costs", "modes", "differences"])
def test_a_model_without_values_leaves_a_gap(name):
    frame = differences()
    numbers = ["mean", "ci_low", "ci_high", "difference", "accuracy", "leakage"]
    frame[numbers] = frame[numbers].astype(float).mask(frame["model"].eq("tiny-lrm-s"))
    DRAW[name](frame, MODELS).canvas.draw()


def test_two_drawings_save_the_same_bytes_and_the_caption(outputs):
    saved = []
    for study in ("a", "b"):
        for name in ("overview", "costs", "differences"):
            by_position.save(DRAW[name](differences(), MODELS), study, name, caption="What it shows.")
        saved.append({file.name: file.read_bytes() for file in paths.figures(study).iterdir()})
    assert saved[0] == saved[1] and len(saved[0]) == 12
    assert saved[0]["costs.txt"] == b"What it shows.\n"
    by_position.save(DRAW["costs"](differences(), MODELS), "a", "costs")
    assert not (paths.figures("a") / "costs.txt").exists()  # an old caption would be of another figure


def test_models_stand_side_by_side_within_their_slot():
    assert [marks.dodge(place, 3, 0.6) for place in range(3)] == pytest.approx([-0.2, 0, 0.2])
    assert marks.dodge(0, 1) == 0


def luminance(colour):
    red, green, blue = (
        part / 12.92 if part < 0.04 else ((part + 0.055) / 1.055) ** 2.4 for part in mpl.colors.to_rgb(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_no_two_models_share_a_marker_and_every_colour_is_seen_on_white():
    assert len(set(style.MARKERS)) == len(style.MARKERS) == len(style.PALETTE)
    assert max(map(luminance, style.PALETTE)) < 0.5
