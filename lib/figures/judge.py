"""What a judge's verdicts, rules and detectors are worth against what is known to be so."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures import style
from lib.figures.phrases import percent, points
from lib.figures.style import GREY, look

SLOT, ROOM = 0.2, 0.9  # inches: of a criterion, of title, axis and legend
STATISTICS = {"kappa": "kappa", "balanced_accuracy": "balanced accuracy"}


def calibration(frame: pd.DataFrame, bar: float, models: Sequence[str] | None = None) -> Figure:
    """Kappa and balanced accuracy of each criterion with their intervals; filled: met its bar and may be reported.

    `frame` is as from `results.standings`: criterion, standing, kappa and balanced_accuracy with _low and _high; where
    it has a column model, a slot holds all models. `bar` (`trust.LEAST_ACCURACY`) is what the lower end of the balanced
    accuracy must reach. A criterion without a truth keeps its empty slot.
    """
    numbers = [f"{name}{end}" for name in STATISTICS for end in ("", "_low", "_high")]
    style.require(frame, ["criterion", "standing", *numbers])
    rows = frame if "model" in frame.columns else frame.assign(model="judge")
    shown, criteria = style.model_places(rows, models), list(dict.fromkeys(rows["criterion"]))
    figure, (left, right) = _two_panels(len(criteria), len(shown))
    for ax, (name, label) in zip((left, right), STATISTICS.items(), strict=True):
        for place, (i, model) in enumerate(shown):
            own = rows[rows["model"].eq(model)].drop_duplicates("criterion").set_index("criterion").reindex(criteria)
            x, low, high = (own[column].astype(float) for column in (name, f"{name}_low", f"{name}_high"))
            style.forest(ax, x, low, high, own["standing"].eq("reported"), i, style.dodge(place, len(shown)))
        ax.set_xlabel(label)
    style.twin_slots(left, right, [_plain(name) for name in criteria])
    low = frame[["kappa", "kappa_low", "kappa_high"]].min(axis=None)
    left.set_xlim(-0.05 if pd.isna(low) else min(-0.05, low - 0.05), 1.03)
    right.set_xlim(-0.03, 1.03)
    left.axvline(0, color=GREY, linewidth=0.8)
    right.axvline(bar, color=GREY, **style.DASHED)
    entries = [style.grey_entry("may be reported", filled=True), style.grey_entry("exploratory", filled=False)]
    by_model = style.model_entries(shown) if len(shown) > 1 else []
    style.legend(figure, [*by_model, *entries, style.dashed_entry(f"bar for its low end, {bar:g}")])
    figure.caption = _calibration_caption(frame, bar)
    return figure


def _calibration_caption(frame: pd.DataFrame, bar: float) -> str:
    """Which criteria may be reported."""
    known = frame[frame["standing"].ne("not calibrated")]
    unknown = len(frame) - len(known)
    parts = [
        "Agreement of the judge with what is known to be so, by criterion, with intervals clustered by problem.",
        f"The low end of the balanced accuracy must reach {bar:g}: {known['standing'].eq('reported').sum()} of "
        f"{len(known)} criteria may be reported"
        + (f"; {unknown} without true labels cannot be judged." if unknown else "."),
    ]
    if known["kappa"].notna().any():
        ends = (known.loc[pick] for pick in (known["kappa"].idxmin(), known["kappa"].idxmax()))
        worst, best = (f"{row['kappa']:.2f} ({_plain(row['criterion'])})" for row in ends)
        parts.append(f"Kappa goes from {worst} to {best}.")
    return " ".join(parts)


def agreement(frame: pd.DataFrame) -> Figure:
    """Rule and judge on the same rows, a slot per criterion: the share each calls so, and the share each has right.

    `frame` is as from `results.agreement`: model, rubric, criterion (columns or index), n, rule_yes, judge_yes,
    agree, rule_right, judge_right; models are pooled by their rows.
    """
    frame = frame.reset_index()
    style.require(frame, ["criterion", "n", "rule_yes", "judge_yes", "agree", "rule_right", "judge_right"])
    pooled = _pooled(frame)
    figure, (left, right) = _two_panels(len(pooled), 2)
    y = np.arange(len(pooled))
    for i, who in enumerate(("rule", "judge")):
        style.dots(left, pooled[f"{who}_yes"], y, **look(i))
        style.dots(right, pooled[f"{who}_right"], y, **look(i))
    left.hlines(y, pooled["rule_yes"], pooled["judge_yes"], color="0.6", linewidth=0.9, zorder=1)
    right.hlines(y, pooled["rule_right"], pooled["judge_right"], color="0.6", linewidth=0.9, zorder=1)
    style.dots(right, pooled["agree"], y, **look(6, filled=False, shape=3))
    style.twin_slots(left, right, [_plain(name) for name in pooled.index])
    for ax, label in ((left, "share called so"), (right, "share right, or the same")):
        ax.set(xlabel=label, xlim=(-0.02, 1.02))
        style.percent(ax.xaxis)
    same = style.grey_entry("both say the same", filled=False, shape="D")
    style.legend(figure, [*style.model_entries([(0, "rule"), (1, "judge")]), same])
    figure.caption = _agreement_caption(frame)
    return figure


def _agreement_caption(frame: pd.DataFrame) -> str:
    """How often rule and judge say the same, and which is right more often."""
    total = frame["n"].sum()
    start = (
        f"Rule and judge on the same {total} rows: they say the same in "
        f"{percent((frame['agree'] * frame['n']).sum() / total)}. The rule calls "
        f"{percent(frame['rule_yes'].sum() / total)} so, the judge {percent(frame['judge_yes'].sum() / total)}."
    )
    known = frame.dropna(subset=["rule_right", "judge_right"])
    if known.empty:
        return f"{start} Which of them is right is not known."
    rule, judge = (np.average(known[f"{who}_right"], weights=known["n"]) for who in ("rule", "judge"))
    better = "neither more often" if rule == judge else f"the {'rule' if rule > judge else 'judge'} more often"
    return (
        f"{start} Where the truth is known the rule is right in {percent(rule)}, the judge in {percent(judge)}: "
        f"{better}."
    )


def planted_and_detected(frame: pd.DataFrame) -> Figure:
    """Rate found against rate planted, with intervals, a panel per mode and a marker per organism; exact: the diagonal.

    `frame`: organism, mode, planted, detected, ci_low, ci_high (shares); where known, shown (what a program read).
    """
    style.require(frame, ["organism", "mode", "planted", "detected", "ci_low", "ci_high"])
    modes = list(dict.fromkeys(frame["mode"]))
    shown = style.model_places(frame.rename(columns={"organism": "model"}), None)
    width, most = (style.PAGE, 4) if len(modes) > 2 else (style.COLUMN, 2)
    columns = min(len(modes), most)
    rows = math.ceil(len(modes) / columns)
    size = (width, 0.6 + rows * ((width - 0.55) / columns + 0.2))
    figure, grid = plt.subplots(rows, columns, figsize=size, sharex=True, sharey=True, squeeze=False)
    top = math.ceil(5 * min(1.0, frame[["planted", "detected", "ci_high"]].max(axis=None) + 0.05)) / 5
    for mode, ax in zip(modes, grid.flat, strict=False):
        _diagonal(ax, mode.replace("self_doubt", "self-doubt"), top)
        for i, organism in shown:
            own = frame[frame["mode"].eq(mode) & frame["organism"].eq(organism)]
            x = own["planted"] + 0.1 * top * style.dodge(i, len(shown))  # side by side, where rates are equal
            style.upright(ax, x, own["detected"], own["ci_low"], own["ci_high"], **look(i))
    for ax in list(grid.flat)[len(modes) :]:
        ax.remove()
    figure.supxlabel("rate planted", fontsize=plt.rcParams["axes.labelsize"])
    for ax in grid[:, 0]:
        ax.set_ylabel("rate detected")
    style.legend(figure, style.model_entries(shown))
    figure.caption = _planted_caption(frame)
    return figure


def _planted_caption(frame: pd.DataFrame) -> str:
    """How many intervals hold the planted rate, and the worst miss."""
    frame = frame.dropna(subset=["planted", "detected"])
    known = frame.dropna(subset=["ci_low", "ci_high"])
    held = {
        name: known[name].between(known["ci_low"] - 1e-9, known["ci_high"] + 1e-9).sum()
        for name in known.columns.intersection(["planted", "shown"])
    }
    parts = [
        "Rate at which a behaviour was found against the rate at which it was planted; on the diagonal both are equal.",
        f"{held['planted']} of {len(known)} intervals hold the planted rate.",
    ]
    if "shown" in held:
        parts.append(f"The rate at which the models really did it, read by a program, is held by {held['shown']}.")
    if len(frame):
        off = frame["detected"] - frame["planted"]
        worst = frame.loc[off.abs().idxmax()]
        where = f"{worst['organism']}, {_plain(worst['mode'])}, planted {percent(worst['planted'])}"
        mean = f"{points(off.mean())} too {'many' if off.mean() > 0 else 'few'}"
        parts.append(f"The largest error is {points(off.abs().max())} ({where}); on average {mean} are found.")
    return " ".join(parts)


def _diagonal(ax: Axes, title: str, top: float) -> None:
    ax.plot([0, top], [0, top], color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    ends, ticks = (-0.06 * top, 1.03 * top), np.linspace(0, top, round(5 * top) + 1)
    ax.set(xlim=ends, ylim=ends, aspect="equal", xticks=ticks, yticks=ticks)
    ax.set_title(title[:1].upper() + title[1:])
    ax.grid(True, axis="x")
    for axis in (ax.xaxis, ax.yaxis):
        style.percent(axis)


def _two_panels(criteria: int, models: int) -> tuple[Figure, Sequence[Axes]]:
    """Two panels with a slot per criterion."""
    height = ROOM + max(SLOT, 0.085 * models) * criteria
    return plt.subplots(1, 2, figsize=(style.PAGE, height), sharey=True)


def _pooled(frame: pd.DataFrame) -> pd.DataFrame:
    """Shares per criterion over all models; what no model knows is null."""
    shares = ["agree", "rule_right", "judge_right"]
    known = pd.DataFrame({name: frame[name].notna() * frame["n"] for name in shares})
    sums = frame.assign(**{name: frame[name] * frame["n"] for name in shares}).groupby("criterion", sort=False)
    sums = sums[["n", "rule_yes", "judge_yes", *shares]].sum(min_count=1)
    counts = known.groupby(frame["criterion"], sort=False).sum()
    return sums[["rule_yes", "judge_yes"]].div(sums["n"], axis=0).join(sums[shares] / counts.where(counts > 0))


def _plain(name: str) -> str:
    return str(name).replace("_", " ")
