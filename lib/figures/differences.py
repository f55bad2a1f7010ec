"""Changes: paired differences with their intervals, and curves of accuracy with the area under them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from lib.figures import marks, style
from lib.figures.costs import COLUMNS as SPENT

VALUES = ("difference", "net")  # what frames of `lib.stats.paired` and `lib.stats.compute` call a difference
LEVEL = 0.05  # of p_holm, below which a mark is filled
SLOT, LEAST, ROOM = 0.075, 0.2, 0.55  # inches: of a model, of a position at least, of titles
PLAIN = {"interrupt": "", "unit": "share"}
SHOWN = ["source", "ci_low", "ci_high"]
CURVES = ["model", "source", "interrupt"]


def differences(
    frame: pd.DataFrame,
    models: Sequence[str] | None = None,
    label: str = "change in accuracy, points",
    scale: float = 100,
    name: str = "",
) -> Figure:
    """A forest: differences with intervals, a panel per source and interrupt, a slot per position, no change as a line.

    `frame` is one of `lib.stats.paired` or `lib.stats.compute`: source, position, difference (or net), ci_low,
    ci_high, p_holm;
    model, interrupt and unit where it has them. Without models or interrupts (of a comparison of two), `name` says
    what is compared. Differences are multiplied by `scale`; a mark is filled if p_holm is below `LEVEL`. Rows without
    an interrupt, full thinking, are left out where others have one.

    Raises:
        ValueError: an empty frame, a missing column, or positions of several units.
    """
    frame, value = _complete(frame, name)
    style.need(frame, [*style.KEYS, value, *SHOWN])
    shown = style.places(frame, models)
    positions = sorted(frame["position"].dropna().unique())
    height = ROOM + max(LEAST, SLOT * len(shown)) * len(positions)
    figure, axes = style.panels(frame, "position X", axis=label, height=height)
    for (source, interrupt), ax in axes.items():
        rows = frame[frame["interrupt"].eq(interrupt) & frame["source"].eq(source)]
        for place, (i, model) in enumerate(shown):
            own = rows[rows["model"].eq(model)].set_index("position").reindex(positions)
            _forest(ax, own, value, scale, i, marks.dodge(place, len(shown)))
        _zero(ax, [f"{position:g}" for position in positions])
    _same_width(axes, frame[[value, "ci_low", "ci_high"]] * scale)
    proven = [marks.told(f"Holm's p < {LEVEL}", filled=True), marks.told("not proven", filled=False)]
    style.legend(figure, [*marks.names(shown), *proven])
    return figure


def areas(summary: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """Area under accuracy with its interval, a panel per source, a slot per interrupt, full thinking as hollow marks.

    `summary` is as from `anytime.summary`: model, source, interrupt, full, area, area_low, area_high. Curves in counts
    of tokens have no area and are left out.

    Raises:
        ValueError: an empty frame, or a missing column.
    """
    style.need(summary, [*CURVES, "full", "area", "area_low", "area_high"])
    frame = summary[summary["area"].notna()]
    style.need(frame, CURVES)
    shown, names = style.places(frame, models), style.in_order(frame["interrupt"], style.INTERRUPTS)
    height = ROOM + max(LEAST, SLOT * len(shown)) * len(names)
    figure, axes = style.panels(frame.assign(interrupt="area"), "", axis="area under accuracy", height=height)
    for (source, _), ax in axes.items():
        rows = frame[frame["source"].eq(source)]
        for place, (i, model) in enumerate(shown):
            own = rows[rows["model"].eq(model)].drop_duplicates("interrupt").set_index("interrupt").reindex(names)
            y = np.arange(len(names)) + marks.dodge(place, len(shown))
            marks.across(ax, own["area"], y, own["area_low"], own["area_high"], **marks.look(i))
            marks.dots(ax, own["full"], y, **marks.look(i, filled=False))
        ax.set_title(style.SOURCES.get(source, source) if len(axes) > 1 else "")
        ax.set_ylabel("")
        marks.slots(ax, [style.title(name) for name in names])
        ax.set_xlim(-0.02, 1.02)
        marks.percent(ax.xaxis)
    style.legend(figure, [*marks.names(shown), marks.told("full thinking", filled=False)])
    return figure


def curves_with_area(frame: pd.DataFrame, summary: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """Accuracy by position up to full thinking at 1, the area beneath shaded and told in percent above.

    `frame` is as from `costs.spending`, in shares of the thinking; `summary` as for `areas`. The numbers stand in the
    order of the models in the legend.

    Raises:
        ValueError: an empty frame, a missing column, or positions of several units.
    """
    style.need(frame, SPENT)
    style.need(summary, [*CURVES, "area"])
    shown = style.places(frame, models)
    area = summary[summary["unit"].eq("share")].set_index(CURVES)["area"]
    figure, axes = style.panels(frame, "accuracy", axis="position X (share of reasoning kept; 1: full thinking)")
    for (source, interrupt), ax in axes.items():
        rows = frame[frame["interrupt"].eq(interrupt) & frame["source"].eq(source)].fillna({"position": 1.0})
        for place, (i, model) in enumerate(shown):
            _shaded(ax, rows[rows["model"].eq(model)].sort_values("position"), i, shade=len(shown) < 3)
            _told(ax, area.get((model, source, interrupt)), (place + 0.5) / len(shown), i)
        ax.set(xlim=(0, 1.03), ylim=(-0.03, 1.22), xticks=[0, 0.5, 1], yticks=np.arange(0, 1.1, 0.2))
        marks.percent(ax.yaxis)
    numbers = Line2D([], [], linestyle="none", label="numbers: area in %")
    style.legend(figure, [*marks.names(shown), marks.told("full thinking", filled=False), numbers])
    return figure


def _complete(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, str]:
    """`frame` with the columns that its kind lacks, and the name of its differences."""
    value = next((one for one in VALUES if one in frame.columns), VALUES[0])
    plain = PLAIN | {"model": name or "difference"}
    if "interrupt" not in frame.columns and "model" in frame.columns:
        plain["interrupt"] = name
    frame = frame.assign(**{column: told for column, told in plain.items() if column not in frame.columns})
    if "position" not in frame.columns:
        frame = frame.assign(position=np.nan)
    return frame[frame["interrupt"].notna()], value


def _forest(ax: Axes, own: pd.DataFrame, value: str, scale: float, i: int, shift: float) -> None:
    y = np.arange(len(own)) + shift
    proven = own["p_holm"].lt(LEVEL) if "p_holm" in own.columns else pd.Series(True, index=own.index)
    ax.hlines(y, own["ci_low"] * scale, own["ci_high"] * scale, color=style.colour(i), linewidth=0.9)
    for is_filled in (False, True):
        some = (proven == is_filled).to_numpy()
        marks.dots(ax, (own[value] * scale)[some], y[some], **marks.look(i, is_filled))


def _zero(ax: Axes, labels: list[str]) -> None:
    marks.slots(ax, labels)
    ax.axvline(0, color="0.3", linewidth=0.8, zorder=1)
    ax.locator_params(axis="x", nbins=4)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}".replace("-", "−") if value else "0"))


def _same_width(axes: dict[tuple[str, str], Axes], values: pd.DataFrame) -> None:
    """One x axis for all panels, so that they can be compared; it holds 0 and every interval."""
    low, high = min(0.0, values.min(axis=None)), max(0.0, values.max(axis=None))
    room = 0.06 * (high - low) or 1.0
    for ax in axes.values():
        ax.set_xlim(low - room, high + room)


def _shaded(ax: Axes, rows: pd.DataFrame, i: int, shade: bool) -> None:
    x, y = rows["position"].to_numpy(), rows["accuracy"].to_numpy(float)
    if shade:
        ax.fill_between(x, 0, y, color=style.colour(i), alpha=0.15, linewidth=0)
    ax.plot(x, y, color=style.colour(i))
    marks.dots(ax, x[:-1], y[:-1], **marks.look(i))
    marks.dots(ax, x[-1:], y[-1:], **marks.look(i, filled=False))


def _told(ax: Axes, value: float | None, x: float, i: int) -> None:
    if value is not None and np.isfinite(value):
        how = {"color": style.colour(i), "fontsize": 6.5, "ha": "center", "va": "top"}
        ax.text(x, 1.0, f"{100 * value:.0f}", transform=ax.transAxes, **how)
