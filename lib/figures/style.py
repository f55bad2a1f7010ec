"""Panels: the frame of a figure, one panel per interrupt and rows of their own for each source of problems; and the
colours, markers and checks that all figures share.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator

# Okabe and Ito's colours, which people with any colour vision tell apart, less yellow (too light for a line).
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

COLUMN, PAGE = 3.3, 6.9  # inches: one column of a two-column page, and the whole page
HEIGHT, LOWER, LEGEND_ROW = 2.1, 1.75, 0.15  # inches: a row of panels, one of those of several sources
CHARACTER = 0.06  # inches, width of a letter at the sizes of the style

INTERRUPTS = {  # order and titles of the panels; others follow by name
    "end_thinking": "End thinking",
    "force_answer": "Force answer",
    "speed_up": "Speed up",
    "update": "Update",
    "update_guided": "Guided update",
    "update_guided_speed_up": "Guided update, speed up",
    "speed_up_user": "Speed up, user turn",
    "update_user": "Update, user turn",
}

SOURCES = {  # names of the rows, where there are several; others go by their own
    "tiny": "word problems",
    "tiny-code": "programs",
    "gsm8k": "GSM8K",
    "math500": "MATH500",
    "aime2024": "AIME 2024",
    "aime2025": "AIME 2025",
    "livecodebench": "LiveCodeBench",
}

COLUMNS = 5  # most panels in a row
KEYS = ["model", "source", "interrupt", "unit", "position"]  # of the frames
POSITIONS = {  # label of the x axis, by unit of the position
    "share": "position X (share of reasoning kept)",
    "tokens": "position X (tokens of reasoning kept)",
    "sentence": "position X (share of reasoning kept, back to the end of a sentence)",
    "paragraph": "position X (share of reasoning kept, back to the end of a paragraph)",
}


def panels(
    frame: pd.DataFrame,
    label: str,
    axis: str | None = None,
    sources: Mapping[str, str] = SOURCES,
    height: float | None = None,
) -> tuple[Figure, dict[tuple[str, str], Axes]]:
    """Panels by source and interrupt, those of a source with one y axis, in rows of their own.

    The figure is as wide as a column for one or two interrupts and as the page for more. `label` is that of the y
    axes, `axis` of the x axes (by default the position in its unit), `sources` gives names and order of the rows,
    `height` of a row is in inches.
    """
    rows, names = in_order(frame["source"], sources), in_order(frame["interrupt"], INTERRUPTS)
    columns = math.ceil(len(names) / math.ceil(len(names) / COLUMNS))
    each = math.ceil(len(names) / columns)  # rows of a source
    width, height = COLUMN if len(names) <= 2 else PAGE, height or (HEIGHT if len(rows) == 1 else LOWER)
    figure, grid = plt.subplots(
        len(rows) * each, columns, figsize=(width, len(rows) * each * height), sharey="row", squeeze=False
    )
    axes = {}
    for i, source in enumerate(rows):
        block = grid[i * each : (i + 1) * each]
        for ax in block[:, 0]:
            ax.set_ylabel(label if len(rows) == 1 else f"{sources.get(source, source)}\n{label}")
        for ax, name in zip(block.flat, names, strict=False):
            ax.set_title(textwrap.fill(title(name), int((width / columns - 0.2) / CHARACTER)))
        for ax in block.flat[len(names) :]:
            ax.remove()
        axes |= {(source, name): ax for name, ax in zip(names, block.flat, strict=False)}
    axis = POSITIONS[frame["unit"].iloc[0]] if axis is None else axis
    figure.supxlabel(textwrap.fill(axis, int(width / CHARACTER)), fontsize=mpl.rcParams["axes.labelsize"])
    return figure, axes


def title(interrupt: str) -> str:
    """Name of an interrupt as readers see it."""
    return INTERRUPTS.get(interrupt, interrupt.replace("_", " ").capitalize())


def in_order(values: pd.Series, known: Mapping[str, str]) -> list[str]:
    """The values that occur, known ones first."""
    present = set(values.dropna())
    return [name for name in known if name in present] + sorted(present - set(known))


def legend(figure: Figure, handles: list[Artist]) -> None:
    """One legend above the panels; the figure grows by the rows it needs beyond one."""
    widths = [0.55 + CHARACTER * len(handle.get_label()) for handle in handles]
    columns = next(n for n in range(len(handles), 0, -1) if n == 1 or _row(widths, n) <= figure.get_figwidth())
    rows = math.ceil(len(handles) / columns)
    figure.set_figheight(figure.get_figheight() + LEGEND_ROW * (rows - 1))
    figure.legend(handles=handles, loc="outside upper center", ncols=columns)


def _row(widths: Sequence[float], columns: int) -> float:
    """Width of a legend of so many columns, which are filled from top to bottom."""
    return sum(max(part) for part in np.array_split(widths, columns))


def log_axis(ax: Axes, values: pd.Series) -> None:
    """Logarithmic y axis with plain numbers, wide enough for `values` and for 1."""
    ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_major_formatter(FixedFormatter([f"{tick:g}\u00d7" for tick in ticks]))
    ax.yaxis.set_minor_locator(FixedLocator([]))
    shown = [value for value in values if value > 0]
    ax.set_ylim(0.8 * min([0.5, *shown]), 1.25 * max([2, *shown]))


def places(frame: pd.DataFrame, models: Sequence[str] | None) -> list[tuple[int, str]]:
    """The models that have rows, each with its place in the order of the colours."""
    present = set(frame["model"])
    return [(i, model) for i, model in enumerate(models or sorted(present)) if model in present]


def colour(i: int) -> str:
    """Colour of the model in place `i`."""
    return PALETTE[i % len(PALETTE)]


def marker(i: int) -> str:
    """Marker of the model in place `i`."""
    return MARKERS[i % len(MARKERS)]


def need(frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Raises ValueError: a column is missing, there is no row, or positions are of several units."""
    if absent := [name for name in names if name not in frame.columns]:
        raise ValueError(f"figure: missing columns: {', '.join(absent)}")
    if frame.empty:
        raise ValueError("figure: nothing to draw, the frame has no rows")
    if "unit" in names and frame["unit"].nunique() != 1:
        raise ValueError(f"figure: expected positions of one unit, got {', '.join(sorted(frame['unit'].unique()))}")
