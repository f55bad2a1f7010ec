"""Overview: what happens to accuracy and to tokens after each interrupt, early and late, in one figure."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lib.figures import marks, style

SLOT, LEAST, TOP = 0.075, 0.22, 0.75  # inches: of a model, of an interrupt at least, of titles and axis
CELL = ["model", "source", "interrupt", "unit", "position", "mean"]


def overview(accuracy: pd.DataFrame, tokens: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """Accuracy, and tokens after the cut as a share of full thinking's, a row per interrupt.

    A hollow mark is the first position of the study, a filled one the last, the line spans all positions; a dashed
    line is full thinking (the full run, for tokens). Both frames hold rows of one unit, and those of full thinking
    (no interrupt), as from `stats.accuracy` and `stats.mean_ci`: model, source, interrupt, unit, position, mean.

    Raises:
        ValueError: an empty frame, a missing column, positions of several units, or no row of full thinking.
    """
    for frame in (accuracy, tokens):
        style.need(frame, CELL)
        if not frame["interrupt"].isna().any():
            raise ValueError("figure: no rows of full thinking, expected some without an interrupt")
    cut = accuracy[accuracy["interrupt"].notna()]
    style.need(cut, CELL)
    shown, names = style.places(cut, models), style.in_order(cut["interrupt"], style.INTERRUPTS)
    sources = style.in_order(cut["source"], style.SOURCES)
    height = TOP + max(LEAST, SLOT * len(shown)) * len(names)
    figure, grid = plt.subplots(
        len(sources), 2, figsize=(style.PAGE, len(sources) * height), sharey=True, sharex="col", squeeze=False
    )
    for source, (left, right) in zip(sources, grid, strict=True):
        _ranges(left, accuracy[accuracy["source"].eq(source)], names, shown, is_own=True)
        _ranges(right, _of_full(tokens[tokens["source"].eq(source)]), names, shown, is_own=False)
        right.axvline(1, color="0.3", linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
        if len(sources) > 1:
            left.set_title(style.SOURCES.get(source, source), loc="left")
    _finish(grid, names)
    style.legend(figure, [*marks.names(shown), *_meaning(cut["position"])])
    return figure


def _finish(grid, names: list[str]) -> None:
    for left, right in grid:
        marks.slots(left, [style.title(name) for name in names])
        for edge in range(1, len(names)):
            right.axhline(edge - 0.5, color="0.85", linewidth=0.5, zorder=0)
        right.grid(False, axis="y")
        right.grid(True, axis="x")
        right.tick_params(axis="y", length=0)
    for ax, label in zip(grid[-1], ("accuracy", "tokens after the interrupt, of a full run"), strict=True):
        marks.percent(ax.xaxis)
        ax.set_xlabel(label)
    grid[-1][0].set_xlim(-0.03, 1.03)
    grid[-1][1].set_xlim(left=0, right=1.05 * max(1.0, grid[-1][1].dataLim.x1, *(row[1].dataLim.x1 for row in grid)))


def _of_full(tokens: pd.DataFrame) -> pd.DataFrame:
    """Tokens as a share of the mean of each model's uninterrupted runs."""
    full = tokens[tokens["interrupt"].isna()].set_index("model")["mean"]
    return tokens.assign(mean=tokens["mean"] / tokens["model"].map(full))


def _ranges(ax: Axes, rows: pd.DataFrame, names: list[str], shown: list[tuple[int, str]], is_own: bool) -> None:
    """Ranges of all models and interrupts; `is_own` where full thinking differs between models, and is drawn."""
    for place, (i, model) in enumerate(shown):
        own = rows[rows["model"].eq(model)]
        for y, name in enumerate(names):
            _range(ax, own[own["interrupt"].eq(name)].sort_values("position"), y + marks.dodge(place, len(shown)), i)
        for value in own.loc[own["interrupt"].isna(), "mean"] if is_own else ():
            ax.axvline(value, color=style.colour(i), linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
            how = marks.look(i, filled=False) | {"markersize": 3, "clip_on": False}
            ax.plot([value], [1], transform=ax.get_xaxis_transform(), **how)


def _range(ax: Axes, rows: pd.DataFrame, y: float, i: int) -> None:
    """One model after one interrupt: the span of all positions, its first one and its last one."""
    if rows.empty:
        return
    ax.hlines(y, rows["mean"].min(), rows["mean"].max(), color=style.colour(i), linewidth=1.1, alpha=0.6)
    for value, filled in ((rows["mean"].iloc[-1], True), (rows["mean"].iloc[0], False)):
        marks.dots(ax, [value], [y], **marks.look(i, filled))


def _meaning(positions: pd.Series) -> list[Line2D]:
    dashes = Line2D([], [], color="0.3", linewidth=0.9, linestyle=(0, (4, 2)), label="full thinking")
    early = marks.told(f"cut at {positions.min():g}", filled=False)
    return [early, marks.told(f"cut at {positions.max():g}", filled=True), dashes]
