"""Interrupts against full thinking: paired differences with their intervals, and areas under accuracy."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from lib.figures import phrases, style
from lib.figures.phrases import percent
from lib.figures.style import KEYS, look

LEVEL = 0.05  # of p_holm, below which a mark is filled
SLOT, LEAST, ROOM = 0.075, 0.2, 0.55  # inches: of a model, of a position at least, of titles


def paired_differences(frame: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """A forest plot: differences in accuracy with intervals, in points, no change as a line.

    There is a panel per source and interrupt, and a slot per position; a mark is filled if p_holm is below `LEVEL`.
    `frame` is as from `paired.against_full`: model, source, interrupt, unit, position, difference, ci_low, ci_high,
    p_holm.
    """
    style.require(frame, [*KEYS, "difference", "ci_low", "ci_high", "p_holm"])
    shown, positions = style.model_places(frame, models), sorted(frame["position"].unique())
    height = ROOM + max(LEAST, SLOT * len(shown)) * len(positions)
    figure, panels = style.panels(frame, "position X", axis="change in accuracy, points", height=height)
    numbers = 100 * frame[["difference", "ci_low", "ci_high"]]
    low, high = min(0.0, numbers.min(axis=None)), max(0.0, numbers.max(axis=None))
    room = 0.06 * (high - low) or 1.0
    for _, ax, rows in panels:
        for place, (i, model) in enumerate(shown):
            own = rows[rows["model"].eq(model)].set_index("position").reindex(positions)
            x, low_end, high_end = (100 * own[name] for name in ("difference", "ci_low", "ci_high"))
            style.forest(ax, x, low_end, high_end, own["p_holm"].lt(LEVEL), i, style.dodge(place, len(shown)))
        style.slots(ax, [f"{position:g}" for position in positions])
        ax.axvline(0, color=style.GREY, linewidth=0.8, zorder=1)
        ax.locator_params(axis="x", nbins=4)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}".replace("-", "−") if value else "0"))
        ax.set_xlim(low - room, high + room)  # the same for all, so that they can be compared
    proven = [style.grey_entry(f"Holm's p < {LEVEL}", filled=True), style.grey_entry("not proven", filled=False)]
    style.legend(figure, [*style.model_entries(shown), *proven])
    figure.caption = _differences_caption(frame)
    return figure


def _differences_caption(frame: pd.DataFrame) -> str:
    """How many differences are proven, and the largest of them."""
    tested = frame.dropna(subset="p_holm")
    proven = tested.loc[tested["p_holm"] < LEVEL, "difference"]
    largest = ""
    if len(proven):
        top = tested.loc[proven.abs().idxmax()]
        largest = f" The largest is {phrases.change(top['difference'])}: {phrases.place(top)}."
    return (
        "Paired differences in accuracy, each interrupt less full thinking, on the same problems and samples; "
        f"intervals clustered by problem. Of {len(tested)} differences that can be tested {proven.lt(0).sum()} are "
        f"below 0 and {proven.gt(0).sum()} above it "
        f"(Holm's p < {LEVEL}); {len(tested) - len(proven)} cannot be told from chance."
    ) + largest


def areas(summary: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """Area under accuracy with its interval, a panel per source, a slot per interrupt, full thinking as hollow marks.

    `summary` is as from `anytime.summary`: model, source, interrupt, unit, full, area, area_low, area_high,
    area_of_full. Curves in counts of tokens have no area and are left out.
    """
    style.require(summary, ["model", "source", "interrupt", "full", "area", "area_low", "area_high", "area_of_full"])
    frame = summary[summary["area"].notna()]
    style.require(frame, ["model"])
    shown, names = style.model_places(frame, models), style.in_order(frame["interrupt"], style.INTERRUPTS)
    height = ROOM + max(LEAST, SLOT * len(shown)) * len(names)
    whole = frame.assign(interrupt="area", of=frame["interrupt"])
    figure, panels = style.panels(whole, "", axis="area under accuracy", height=height)
    for source, ax, rows in panels:
        for place, (i, model) in enumerate(shown):
            own = rows[rows["model"].eq(model)].drop_duplicates("of").set_index("of").reindex(names)
            y = np.arange(len(names)) + style.dodge(place, len(shown))
            style.across(ax, own["area"], y, own["area_low"], own["area_high"], **look(i))
            style.dots(ax, own["full"], y, **look(i, filled=False))
        ax.set_title(phrases.source(source) if len(panels) > 1 else "")
        ax.set_ylabel("")
        style.slots(ax, [style.title(name) for name in names])
        ax.set_xlim(-0.02, 1.02)
        style.percent(ax.xaxis)
    style.legend(figure, [*style.model_entries(shown), style.grey_entry("full thinking", filled=False)])
    figure.caption = _areas_caption(summary)
    return figure


def _areas_caption(summary: pd.DataFrame) -> str:
    """Which interrupt keeps most of full thinking's accuracy."""
    start = (
        "Area under accuracy from the first position to full thinking at 1: accuracy expected when the moment of the "
        "interrupt is not known."
    )
    kept = summary.dropna(subset="area_of_full").groupby("interrupt")["area_of_full"].mean().sort_values()
    if kept.empty:
        return f"{start} It is not defined here."
    most = f"{style.title(kept.index[-1])} keeps most of full thinking's accuracy, {percent(kept.iloc[-1])} on average"
    least = f"; {style.title(kept.index[0])} the least, {percent(kept.iloc[0])}" if len(kept) > 1 else ""
    return f"{start} {most}{least}."
