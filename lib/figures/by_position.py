"""Figures, drawn at printed size from small prepared frames, and saved byte for byte the same each time.

A figure has one panel per interrupt, in rows of their own for each source of problems, and one colour and marker per
model. The frames come from `lib.stats` and `lib.failures`, so that what is drawn is also what `summary/` holds. Looks
are in `paper.mplstyle`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from lib import paths, tables
from lib.figures import style as panels
from lib.figures.style import COLUMN, HEIGHT, KEYS, PALETTE

STYLE = Path(__file__).with_name("paper.mplstyle")
PDF_FIELDS, SVG_FIELDS, PNG_FIELDS = ("CreationDate", "Creator", "Producer"), ("Date", "Creator"), ("Software",)
METADATA = {"pdf": dict.fromkeys(PDF_FIELDS), "svg": dict.fromkeys(SVG_FIELDS), "png": dict.fromkeys(PNG_FIELDS)}


def style() -> None:
    """Make matplotlib draw in the style of the paper from here on."""
    plt.style.use(["default", STYLE])


def accuracy_by_position(frame: pd.DataFrame, reference: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """Accuracy against the position of the interrupt, full thinking as a dashed line.

    `frame`: model, source, interrupt, unit (one for all), position, mean, ci_low, ci_high, as from `stats.accuracy`.
    `reference`: model, source, mean. `models` gives the order of the colours, by default that of the names.

    Raises:
        ValueError: an empty frame, a missing column, or positions of several units.
    """
    figure, axes = _by_position(frame, reference, models, "accuracy")
    for ax in axes:
        ax.set_ylim(-0.03, 1.03)
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def tokens_by_position(frame: pd.DataFrame, reference: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """Tokens generated after the interrupt (reasoning and answer) against its position, an uninterrupted run's mean
    length as a dashed line; frames as for `accuracy_by_position`, in tokens, as from `stats.mean_ci`.
    """
    figure, axes = _by_position(frame, reference, models, "tokens after interrupt")
    for ax in axes:
        ax.set_ylim(bottom=0)
    return figure


def failure_bars(frame: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """New errors by position, as a share of what full thinking had right; dark and hatched: those a mode explains.

    `frame`: model, source, interrupt, unit, position, new_error_rate, attributed_rate, as from `failures.summary`.
    """
    panels.need(frame, [*KEYS, "new_error_rate", "attributed_rate"])
    shown = panels.places(frame, models)
    figure, axes = panels.panels(frame, "new errors")
    for (source, interrupt), ax in axes.items():
        rows = frame[frame["interrupt"].eq(interrupt) & frame["source"].eq(source)]
        for place, (i, model) in enumerate(shown):
            slot = (place - (len(shown) - 1) / 2, len(shown))
            _error_bars(ax, rows[rows["model"].eq(model)], sorted(frame["position"].unique()), i, slot)
        ax.set_ylim(0, max(0.1, 1.05 * frame["new_error_rate"].max()))
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    lines = {"linewidth": 5, "solid_capstyle": "butt", "markeredgecolor": "white", "markeredgewidth": 0.5}
    handles = [Line2D([], [], color=panels.colour(i), marker=panels.marker(i), label=m, **lines) for i, m in shown]
    explained = Patch(facecolor="white", edgecolor="0.3", hatch="/////", label="explained by a failure mode")
    panels.legend(figure, [*handles, explained])
    return figure


def length_ratio_by_position(frame: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """Answer length after the interrupt over that with full thinking (leakage), on a logarithmic axis.

    `frame`: model, source, interrupt, unit, position, length_ratio, as from `failures.summary`.
    """
    panels.need(frame, [*KEYS, "length_ratio"])
    lines = frame[KEYS].assign(mean=frame["length_ratio"], ci_low=np.nan)
    lines["ci_high"] = np.nan
    figure, axes = _by_position(lines, None, models, "answer length ratio")
    for ax in axes:
        ax.axhline(1, color="0.3", linewidth=0.8, zorder=1)
        panels.log_axis(ax, lines["mean"])
    return figure


def thinking_lengths(traces: pd.DataFrame) -> Figure:
    """How long uninterrupted thoughts are, a panel per variant: `traces` has reasoning_tokens and variant."""
    panels.need(traces, ["reasoning_tokens", "variant"])
    variants = sorted(traces["variant"].unique())
    bins = np.histogram_bin_edges(traces["reasoning_tokens"], bins=30)
    figure, axes = plt.subplots(len(variants), 1, figsize=(COLUMN, HEIGHT), sharex=True, sharey=True, squeeze=False)
    for colour, variant, ax in zip(PALETTE, variants, axes[:, 0], strict=False):
        lengths = traces.loc[traces["variant"].eq(variant), "reasoning_tokens"]
        sns.histplot(lengths, bins=bins, element="step", color=colour, alpha=0.3, ax=ax)
        ax.set(xlabel="reasoning tokens", ylabel="traces")
        ax.set_title(f"{variant} problems", loc="left")
    return figure


def slug(name: str, unit: str) -> str:
    """Name of a figure that shows the positions of one unit; shares of the thinking need no mention."""
    return name if unit == "share" else f"{name}_{unit}"


def save(figure: Figure, study: str, slug: str, caption: str = "") -> None:
    """Write a figure as `slug`.pdf, .svg and .png into the study's folder, each whole or not at all.

    Equal figures give equal bytes: no dates, no version, no random ids. A caption (`lib.figures.captions`) goes
    beside it as
    `slug`.txt; without one, that of an earlier figure is removed.

    Raises:
        tables.TableError: a failed write.
    """
    with mpl.rc_context({"svg.hashsalt": "midthought", "svg.fonttype": "none", "pdf.fonttype": 42}), _laid_out(figure):
        for kind, metadata in METADATA.items():
            with tables.atomic_write(paths.figures(study) / f"{slug}.{kind}") as file:
                figure.savefig(file, format=kind, metadata=metadata, bbox_inches=None)
    beside = paths.figures(study) / f"{slug}.txt"
    if not caption:
        beside.unlink(missing_ok=True)
        return
    with tables.atomic_write(beside) as file:
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


def _by_position(
    frame: pd.DataFrame, reference: pd.DataFrame | None, models: Sequence[str] | None, label: str
) -> tuple[Figure, list[Axes]]:
    """One line per model in each panel, with its interval as a band."""
    panels.need(frame, [*KEYS, "mean", "ci_low", "ci_high"])
    shown = panels.places(frame, models)
    figure, axes = panels.panels(frame, label)
    full = {} if reference is None else reference.set_index(["model", "source"])["mean"].to_dict()
    for (source, interrupt), ax in axes.items():
        rows = frame[frame["interrupt"].eq(interrupt) & frame["source"].eq(source)]
        for i, model in shown:
            if (model, source) in full:
                _full(ax, full[model, source], i)
            _line(ax, rows[rows["model"].eq(model)], i)
        ax.set_xticks(sorted(frame["position"].unique()))
    handles = [Line2D([], [], color=panels.colour(i), marker=panels.marker(i), label=model) for i, model in shown]
    if full:
        handles.append(Line2D([], [], color="0.3", linewidth=0.9, linestyle=(0, (4, 2)), label="full thinking"))
    panels.legend(figure, handles)
    return figure, list(axes.values())


def _full(ax: Axes, value: float, i: int) -> None:
    """Full thinking as a dashed line; the hollow marker at its end tells the model where there is no colour."""
    colour = panels.colour(i)
    ax.axhline(value, color=colour, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    hollow = {"markerfacecolor": "white", "markeredgecolor": colour, "markeredgewidth": 0.8, "markersize": 3}
    ax.plot([1], [value], marker=panels.marker(i), transform=ax.get_yaxis_transform(), clip_on=False, **hollow)


def _line(ax: Axes, rows: pd.DataFrame, i: int) -> None:
    rows = rows.sort_values("position")
    x, low, high = (rows[name].to_numpy(float) for name in ("position", "ci_low", "ci_high"))
    ax.fill_between(x, low, high, color=panels.colour(i), alpha=0.2, linewidth=0)
    ax.plot(x, rows["mean"].to_numpy(float), color=panels.colour(i), marker=panels.marker(i), clip_on=False)


def _error_bars(ax: Axes, rows: pd.DataFrame, positions: list[float], i: int, slot: tuple[float, int]) -> None:
    """Bars of one model; `slot` is its place beside the others, from the middle, and how many there are."""
    rows = rows.set_index("position").reindex(positions)
    place, count = slot
    width = 0.8 / count
    x = np.arange(len(positions)) + place * width
    colour, whole = panels.colour(i), rows["new_error_rate"].where(rows["new_error_rate"] > 0)
    ax.bar(x, rows["new_error_rate"], width=0.9 * width, color=colour, alpha=0.45)
    ax.bar(x, rows["attributed_rate"], width=0.9 * width, color=colour, edgecolor="white", hatch="/////", linewidth=0)
    if whole.notna().any():  # the marker tells the model where there is no colour
        ax.plot(x, whole, linestyle="none", marker=panels.marker(i), color=colour, markersize=2.2, clip_on=False)
    ax.set_xticks(np.arange(len(positions)), [f"{position:g}" for position in positions])
