"""What all figures share: sizes, colours, markers, panels, legends, checks of frames, and how they are saved.

Looks are in `paper.mplstyle`.
"""

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from lib import paths, tables

STYLE = Path(__file__).with_name("paper.mplstyle")
METADATA = {  # without what differs from run to run
    "pdf": dict.fromkeys(("CreationDate", "Creator", "Producer")),
    "svg": dict.fromkeys(("Date", "Creator")),
    "png": {"Software": None},
}

# Okabe and Ito's colours, which people with any colour vision tell apart, less yellow (too light for a line).
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "0.3"
DASHED = {"linewidth": 0.9, "linestyle": (0, (4, 2))}

COLUMN, PAGE = 3.3, 6.9  # inches: one column of a two-column page, and the whole page
HEIGHT, LOWER, LEGEND_ROW = 2.1, 1.75, 0.15  # inches: a row of panels, one of those of several sources
CHARACTER = 0.06  # inches, width of a letter at the sizes of the style
MARKER_SIZE = 3.6  # points, of a marker with an interval
SLOT_SHARE = 0.7  # of a slot, that all models together take
MOST_PANELS = 5  # in a row

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

KEYS = ["model", "source", "interrupt", "unit", "position"]  # of the frames
POSITIONS = {  # label of the x axis, by unit of the position
    "share": "position X (share of reasoning kept)",
    "tokens": "position X (tokens of reasoning kept)",
    "sentence": "position X (share of reasoning kept, back to the end of a sentence)",
    "paragraph": "position X (share of reasoning kept, back to the end of a paragraph)",
}


def use_style() -> None:
    """Make matplotlib draw in the style of the paper from here on."""
    plt.style.use(["default", STYLE])


def slug(name: str, unit: str) -> str:
    """Name of a figure that shows the positions of one unit; shares of the thinking need no mention."""
    return name if unit == "share" else f"{name}_{unit}"


def save(figure: Figure, study: str, slug: str) -> None:
    """Write a figure as `slug`.pdf, .svg and .png into the study's folder, each whole or not at all.

    Equal figures give equal bytes: no dates, no version, no random ids. The figure's attribute `caption` goes beside
    it as `slug`.txt; without one, that of an earlier figure is removed.

    Raises:
        TableError: a failed write.
    """
    folder = paths.figures(study)
    with mpl.rc_context({"svg.hashsalt": "midthought", "svg.fonttype": "none", "pdf.fonttype": 42}), _laid_out(figure):
        for kind, metadata in METADATA.items():
            with tables.atomic_write(folder / f"{slug}.{kind}") as file:
                figure.savefig(file, format=kind, metadata=metadata, bbox_inches=None)
    if not (caption := getattr(figure, "caption", "")):
        (folder / f"{slug}.txt").unlink(missing_ok=True)
        return
    with tables.atomic_write(folder / f"{slug}.txt") as file:
        file.write(f"{caption}\n".encode())


@contextmanager
def _laid_out(figure: Figure) -> Iterator[None]:
    """Lay a figure out once for all formats, which takes longer than to draw it."""
    figure.draw_without_rendering()
    layout = figure.get_layout_engine()
    figure.set_layout_engine("none")
    try:
        yield
    finally:
        figure.set_layout_engine(layout)


# panels


def panels(
    frame: pd.DataFrame,
    label: str,
    axis: str | None = None,
    sources: Mapping[str, str] = SOURCES,
    height: float | None = None,
) -> tuple[Figure, list[tuple[str, Axes, pd.DataFrame]]]:
    """Panels by source and interrupt, those of a source with one y axis, each as (source, axes, rows of `frame`).

    The figure is as wide as a column for one or two interrupts and as the page for more. `label` is that of the y
    axes, `axis` of the x axes (by default the position in its unit), `sources` gives names and order of the rows of
    panels, `height` of one is in inches.
    """
    rows, names = in_order(frame["source"], sources), in_order(frame["interrupt"], INTERRUPTS)
    columns = math.ceil(len(names) / math.ceil(len(names) / MOST_PANELS))
    each = math.ceil(len(names) / columns)  # rows of a source
    width, height = COLUMN if len(names) <= 2 else PAGE, height or (HEIGHT if len(rows) == 1 else LOWER)
    figure, grid = plt.subplots(
        len(rows) * each, columns, figsize=(width, len(rows) * each * height), sharey="row", squeeze=False
    )
    drawn = []
    for i, source in enumerate(rows):
        block = grid[i * each : (i + 1) * each]
        for ax in block[:, 0]:
            ax.set_ylabel(label if len(rows) == 1 else f"{sources.get(source, source)}\n{label}")
        for ax, name in zip(block.flat, names, strict=False):
            ax.set_title(textwrap.fill(title(name), int((width / columns - 0.2) / CHARACTER)))
            drawn.append((source, ax, frame[frame["interrupt"].eq(name) & frame["source"].eq(source)]))
        for ax in block.flat[len(names) :]:
            ax.remove()
    axis = POSITIONS[frame["unit"].iloc[0]] if axis is None else axis
    figure.supxlabel(textwrap.fill(axis, int(width / CHARACTER)), fontsize=mpl.rcParams["axes.labelsize"])
    return figure, drawn


def slots(ax: Axes, labels: Sequence[str]) -> None:
    """A y axis of named slots from top to bottom, with a thin line between them instead of a grid."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    _divide(ax, len(labels))


def twin_slots(left: Axes, right: Axes, labels: Sequence[str]) -> None:
    """The same slots in two panels that share their y axis, named on the left."""
    slots(left, labels)
    _divide(right, len(labels))


def _divide(ax: Axes, count: int) -> None:
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")
    ax.grid(True, axis="x")
    for edge in range(1, count):
        ax.axhline(edge - 0.5, color="0.85", linewidth=0.5, zorder=0)


def percent(axis: Axis) -> None:
    """Shares in percent along an axis."""
    axis.set_major_formatter(PercentFormatter(1, decimals=0))


def title(interrupt: str) -> str:
    """Name of an interrupt as readers see it."""
    return INTERRUPTS.get(interrupt, interrupt.replace("_", " ").capitalize())


def in_order(values: pd.Series, known: Mapping[str, str]) -> list[str]:
    """The values that occur, known ones first."""
    present = set(values.dropna())
    return [name for name in known if name in present] + sorted(present - set(known))


def model_places(frame: pd.DataFrame, models: Sequence[str] | None) -> list[tuple[int, str]]:
    """The models that have rows, each with its place in the order of the colours."""
    present = set(frame["model"])
    return [(i, model) for i, model in enumerate(models or sorted(present)) if model in present]


def require(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raises ValueError: a column is missing, there is no row, or positions are of several units."""
    if absent := [name for name in columns if name not in frame.columns]:
        raise ValueError(f"figure: missing columns: {', '.join(absent)}")
    if frame.empty:
        raise ValueError("figure: nothing to draw, the frame has no rows")
    if "unit" in columns and frame["unit"].nunique() != 1:
        raise ValueError(f"figure: expected positions of one unit, got {', '.join(sorted(frame['unit'].unique()))}")


# markers


def colour(i: int) -> str:
    """Colour of the model in place `i`."""
    return PALETTE[i % len(PALETTE)]


def marker(i: int) -> str:
    """Marker of the model in place `i`."""
    return MARKERS[i % len(MARKERS)]


def look(i: int, filled: bool = True, shape: int | None = None) -> dict[str, object]:
    """How a marker of the model in place `i` is drawn; `shape` is the place of another marker."""
    face = colour(i) if filled else "white"
    looks = {"marker": marker(i if shape is None else shape), "color": colour(i), "markerfacecolor": face}
    looks |= {"markeredgecolor": colour(i), "markeredgewidth": 0.9}
    return looks | {"markersize": MARKER_SIZE, "linestyle": "none"}


def dodge(place: int, count: int, room: float = SLOT_SHARE) -> float:
    """How far the mark of the `place`-th of `count` models stands from the middle of their slot, of width 1."""
    return (place - (count - 1) / 2) * room / count


def dots(ax: Axes, x: Sequence[float], y: Sequence[float], **looks) -> None:
    """Points without intervals, not cut at the edge of the panel; a null has none. `looks` is from `look`."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    known = np.isfinite(x) & np.isfinite(y)
    if known.any():  # what is drawn of no point at all would take the room of the whole layout
        ax.plot(x[known], y[known], **({"clip_on": False, "zorder": 3} | looks))


def across(ax: Axes, x: Sequence[float], y: Sequence[float], low: pd.Series, high: pd.Series, **looks) -> None:
    """Points with horizontal intervals; a null end has no interval."""
    ax.hlines(y, low.to_numpy(float), high.to_numpy(float), color=looks["color"], linewidth=0.9)
    dots(ax, x, y, **looks)


def forest(ax: Axes, x: pd.Series, low: pd.Series, high: pd.Series, filled: pd.Series, i: int, shift: float) -> None:
    """Points with horizontal intervals in the slots of an axis, `shift` from their middle; some marks are filled."""
    y = np.arange(len(x)) + shift
    ax.hlines(y, low, high, color=colour(i), linewidth=0.9)
    for is_filled in (False, True):
        some = filled.eq(is_filled).to_numpy()
        dots(ax, x[some], y[some], **look(i, is_filled))


def upright(ax: Axes, x: Sequence[float], y: Sequence[float], low: pd.Series, high: pd.Series, **looks) -> None:
    """Points with vertical intervals; a null end has no interval."""
    ax.vlines(x, low.to_numpy(float), high.to_numpy(float), color=looks["color"], linewidth=0.9)
    dots(ax, x, y, **looks)


# legends


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


def model_entries(places: Sequence[tuple[int, str]]) -> list[Line2D]:
    """Legend entries of the models, as from `model_places`."""
    return [Line2D([], [], label=name, **look(i)) for i, name in places]


def grey_entry(label: str, filled: bool, shape: str = "o") -> Line2D:
    """A grey legend entry for what a filled, or a hollow, marker means."""
    looks = {"marker": shape, "markerfacecolor": GREY if filled else "white", "markeredgecolor": GREY}
    return Line2D([], [], linestyle="none", markersize=MARKER_SIZE, markeredgewidth=0.9, label=label, **looks)


def dashed_entry(label: str = "full thinking") -> Line2D:
    """The legend entry of a dashed line."""
    return Line2D([], [], color=GREY, label=label, **DASHED)
