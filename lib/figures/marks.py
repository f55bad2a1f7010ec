"""Marks: points with intervals, filled or hollow, and the legend entries that name them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from lib.figures import style

SIZE = 3.6  # points, of a marker with an interval
ROOM = 0.7  # of a slot, that all models together take


def dodge(place: int, count: int, room: float = ROOM) -> float:
    """How far the mark of the `place`-th of `count` models stands from the middle of their slot, of width 1."""
    return (place - (count - 1) / 2) * room / count


def look(i: int, filled: bool = True, shape: int | None = None) -> dict[str, object]:
    """How a marker of the model in place `i` is drawn; `shape` is the place of another marker."""
    colour = style.colour(i)
    face = colour if filled else "white"
    shown = {"marker": style.marker(i if shape is None else shape), "color": colour, "markerfacecolor": face}
    return shown | {"markeredgecolor": colour, "markeredgewidth": 0.9, "markersize": SIZE, "linestyle": "none"}


def dots(ax: Axes, x: Sequence[float], y: Sequence[float], **how) -> None:
    """Points without intervals, not cut at the edge of the panel; a null has none. `how` is from `look`."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    known = np.isfinite(x) & np.isfinite(y)
    if known.any():  # what is drawn of no point at all would take the room of the whole layout
        ax.plot(x[known], y[known], **({"clip_on": False, "zorder": 3} | how))


def across(
    ax: Axes, x: Sequence[float], y: Sequence[float], low: Sequence[float], high: Sequence[float], **how
) -> None:
    """Points with horizontal intervals; a null end has no interval."""
    ax.hlines(y, np.asarray(low, float), np.asarray(high, float), color=how["color"], linewidth=0.9)
    dots(ax, x, y, **how)


def upright(
    ax: Axes, x: Sequence[float], y: Sequence[float], low: Sequence[float], high: Sequence[float], **how
) -> None:
    """Points with vertical intervals; a null end has no interval."""
    ax.vlines(x, np.asarray(low, float), np.asarray(high, float), color=how["color"], linewidth=0.9)
    dots(ax, x, y, **how)


def names(shown: Sequence[tuple[int, str]]) -> list[Line2D]:
    """Legend entries of the models, as from `panels.places`."""
    return [Line2D([], [], label=name, **look(i)) for i, name in shown]


def told(label: str, filled: bool, shape: str = "o") -> Line2D:
    """A grey legend entry for what a filled, or a hollow, marker means."""
    grey = "0.3"
    face = grey if filled else "white"
    how = {"marker": shape, "markerfacecolor": face, "markeredgecolor": grey, "markeredgewidth": 0.9}
    return Line2D([], [], linestyle="none", markersize=SIZE, label=label, **how)


def slots(ax: Axes, labels: Sequence[str], lines: bool = True) -> None:
    """A y axis of named slots from top to bottom, with a thin line between them instead of a grid."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")
    ax.grid(True, axis="x")
    if lines:
        for edge in range(1, len(labels)):
            ax.axhline(edge - 0.5, color="0.85", linewidth=0.5, zorder=0)


def percent(axis: object) -> None:
    """Shares in percent along an axis of matplotlib."""
    axis.set_major_formatter(PercentFormatter(1, decimals=0))
