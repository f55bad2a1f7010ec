"""Trust: what a judge's verdicts, rules and detectors are worth against what is known to be so."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures import marks, style

SLOT, ROOM = 0.2, 0.9  # inches: of a criterion, of title, axis and legend
AGREED = {"kappa": (-1, 1, "kappa"), "balanced_accuracy": (0, 1, "balanced accuracy")}
SHARES = {"truth_share": "truly so", "judged_share": "judged so", "prevalence": "judged so, corrected"}
STANDINGS = ("reported", "exploratory")
PLANTED = ["organism", "mode", "planted", "detected", "ci_low", "ci_high", "n"]


def calibration(frame: pd.DataFrame, bar: float, models: Sequence[str] | None = None) -> Figure:
    """Kappa and balanced accuracy of each criterion with their intervals; filled: met its bar and may be reported.

    `frame` is as from `verdicts.standings`: criterion, items, standing, kappa and balanced_accuracy with _low and
    _high; where it has a column model, a slot holds all models. `bar` (`lib.grm.trust.LEAST`) is what the lower end
    of the balanced accuracy must reach; chance is 0 for kappa. A criterion without a truth keeps its empty slot.
    `models` gives the order of the colours.

    Raises:
        ValueError: an empty frame, or a missing column.
    """
    ends = [f"{name}{end}" for name in AGREED for end in ("", "_low", "_high")]
    style.need(frame, ["criterion", "items", "standing", *ends])
    frame = frame if "model" in frame.columns else frame.assign(model="judge")
    shown, criteria = style.places(frame, models), list(dict.fromkeys(frame["criterion"]))
    figure, (left, right) = _two(len(criteria), len(shown))
    for ax, (name, (_, _, label)) in zip((left, right), AGREED.items(), strict=True):
        for place, (i, model) in enumerate(shown):
            _met(ax, frame[frame["model"].eq(model)], criteria, name, i, marks.dodge(place, len(shown)))
        ax.set_xlabel(label)
    _slots(left, right, criteria)
    low = frame[[end for end in ends if end.startswith("kappa")]].min(axis=None)
    left.set_xlim(min(-0.05, -0.05 if pd.isna(low) else low - 0.05), 1.03)
    right.set_xlim(-0.03, 1.03)
    left.axvline(0, color="0.3", linewidth=0.8)
    right.axvline(bar, color="0.3", linewidth=0.9, linestyle=(0, (4, 2)))
    dashes = plt.Line2D(
        [], [], color="0.3", linewidth=0.9, linestyle=(0, (4, 2)), label=f"bar for its low end, {bar:g}"
    )
    told = [marks.told("may be reported", filled=True), marks.told("exploratory", filled=False), dashes]
    style.legend(figure, [*(marks.names(shown) if len(shown) > 1 else []), *told])
    return figure


def agreement(frame: pd.DataFrame) -> Figure:
    """Rule and judge on the same rows, a slot per criterion: the share each calls so, and the share each has right.

    `frame` is as from `verdicts.agreement`: model, rubric, criterion (columns or index), n, rule_yes, judge_yes,
    agree, rule_right, judge_right; models are pooled by their rows.

    Raises:
        ValueError: an empty frame, or a missing column.
    """
    frame = _pooled(frame)
    criteria = list(frame.index)
    figure, (left, right) = _two(len(criteria), 2)
    y = np.arange(len(criteria))
    for i, who in enumerate(("rule", "judge")):
        marks.dots(left, frame[f"{who}_yes"], y, **marks.look(i))
        marks.dots(right, frame[f"{who}_right"], y, **marks.look(i))
    left.hlines(y, frame["rule_yes"], frame["judge_yes"], color="0.6", linewidth=0.9, zorder=1)
    right.hlines(y, frame["rule_right"], frame["judge_right"], color="0.6", linewidth=0.9, zorder=1)
    marks.dots(right, frame["agree"], y, **marks.look(6, filled=False, shape=3))
    _slots(left, right, criteria)
    for ax, label in ((left, "share called so"), (right, "share right, or the same")):
        ax.set(xlabel=label, xlim=(-0.02, 1.02))
        marks.percent(ax.xaxis)
    same = marks.told("both say the same", filled=False, shape="D")
    style.legend(figure, [*(entry for entry in marks.names([(0, "rule"), (1, "judge")])), same])
    return figure


def judged_shares(frame: pd.DataFrame) -> Figure:
    """How often each criterion is truly so, is judged so, and is so after correction for the judge's errors.

    `frame` is as from `verdicts.shares`: criterion, figure, value, low, high; other figures are left out.

    Raises:
        ValueError: an empty frame, a missing column, or none of the three figures.
    """
    style.need(frame, ["criterion", "figure", "value", "low", "high"])
    frame = frame[frame["figure"].isin(SHARES)]
    style.need(frame, ["criterion"])
    criteria = list(dict.fromkeys(frame["criterion"]))
    height = ROOM + SLOT * 1.4 * len(criteria)
    figure, ax = plt.subplots(figsize=(style.COLUMN, height))
    for i, name in enumerate(SHARES):
        own = frame[frame["figure"].eq(name)].drop_duplicates("criterion").set_index("criterion").reindex(criteria)
        y = np.arange(len(criteria)) + marks.dodge(i, len(SHARES))
        marks.across(ax, own["value"], y, own["low"], own["high"], **marks.look(i, filled=i > 0))
    marks.slots(ax, [name.replace("_", " ") for name in criteria])
    ax.set(xlabel="share of answers", xlim=(-0.02, 1.02))
    marks.percent(ax.xaxis)
    style.legend(
        figure, [plt.Line2D([], [], label=told, **marks.look(i, i > 0)) for i, told in enumerate(SHARES.values())]
    )
    return figure


def planted_and_detected(frame: pd.DataFrame) -> Figure:
    """Rate found against rate planted, with intervals, a panel per mode and a marker per organism; exact: the diagonal.

    `frame`: organism, mode, planted, detected, ci_low, ci_high (shares), n.

    Raises:
        ValueError: an empty frame, or a missing column.
    """
    style.need(frame, PLANTED)
    modes = list(dict.fromkeys(frame["mode"]))
    shown = style.places(frame.rename(columns={"organism": "model"}), None)
    wide = len(modes) > 2
    width = style.PAGE if wide else style.COLUMN
    columns = min(len(modes), 4 if wide else 2)
    rows = -(-len(modes) // columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(width, 0.6 + rows * ((width - 0.55) / columns + 0.2)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    top = math.ceil(5 * min(1.0, frame[["planted", "detected", "ci_high"]].max(axis=None) + 0.05)) / 5
    for mode, ax in zip(modes, grid.flat, strict=False):
        _diagonal(ax, mode.replace("self_doubt", "self-doubt"), top)
        for i, organism in shown:
            own = frame[frame["mode"].eq(mode) & frame["organism"].eq(organism)]
            x = own["planted"] + 0.1 * top * marks.dodge(i, len(shown))  # side by side, where rates are equal
            marks.upright(ax, x, own["detected"], own["ci_low"], own["ci_high"], **marks.look(i))
    for ax in list(grid.flat)[len(modes) :]:
        ax.remove()
    figure.supxlabel("rate planted", fontsize=plt.rcParams["axes.labelsize"])
    for ax in grid[:, 0]:
        ax.set_ylabel("rate detected")
    style.legend(figure, marks.names(shown))
    return figure


def _diagonal(ax: Axes, title: str, top: float) -> None:
    ax.plot([0, top], [0, top], color="0.3", linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    ends, ticks = (-0.06 * top, 1.03 * top), np.linspace(0, top, round(5 * top) + 1)
    ax.set(xlim=ends, ylim=ends, aspect="equal", xticks=ticks, yticks=ticks)
    ax.set_title(title[:1].upper() + title[1:])
    ax.grid(True, axis="x")
    for axis in (ax.xaxis, ax.yaxis):
        marks.percent(axis)


def _two(criteria: int, models: int) -> tuple[Figure, Sequence[Axes]]:
    """Two panels with a slot per criterion."""
    height = ROOM + max(SLOT, 0.085 * models) * criteria
    return plt.subplots(1, 2, figsize=(style.PAGE, height), sharey=True)


def _slots(left: Axes, right: Axes, criteria: list[str]) -> None:
    marks.slots(left, [name.replace("_", " ") for name in criteria])
    for edge in range(1, len(criteria)):
        right.axhline(edge - 0.5, color="0.85", linewidth=0.5, zorder=0)
    right.grid(False, axis="y")
    right.grid(True, axis="x")
    right.tick_params(axis="y", length=0)


def _met(ax: Axes, rows: pd.DataFrame, criteria: list[str], name: str, i: int, shift: float) -> None:
    own = rows.drop_duplicates("criterion").set_index("criterion").reindex(criteria)
    y = np.arange(len(criteria)) + shift
    numbers = own[[name, f"{name}_low", f"{name}_high"]].astype(float)
    ax.hlines(y, numbers[f"{name}_low"], numbers[f"{name}_high"], color=style.colour(i), linewidth=0.9)
    for is_filled in (False, True):
        some = own["standing"].eq(STANDINGS[0]).eq(is_filled).to_numpy()
        marks.dots(ax, numbers[name][some], y[some], zorder=3, **marks.look(i, is_filled))


def _pooled(frame: pd.DataFrame) -> pd.DataFrame:
    """Shares per criterion over all models; what no model knows is null."""
    frame = frame.reset_index()
    shares = ["agree", "rule_right", "judge_right"]
    style.need(frame, ["criterion", "n", "rule_yes", "judge_yes", *shares])
    known = {name: frame[name].notna() * frame["n"] for name in shares}
    sums = frame.assign(**{name: frame[name] * frame["n"] for name in shares})
    sums = sums.groupby("criterion", sort=False)[["n", "rule_yes", "judge_yes", *shares]].sum(min_count=1)
    counts = pd.DataFrame(known).groupby(frame["criterion"], sort=False).sum()
    result = sums[["rule_yes", "judge_yes"]].div(sums["n"], axis=0)
    return result.join(sums[shares] / counts.where(counts > 0))
