"""Figures by position of the interrupt: a panel per interrupt, rows of their own for each source, a colour per model.

The frames come from `lib.stats` and `lib.failures`, so that what is drawn is also what `summary/` holds.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedFormatter, FixedLocator

from lib.figures import phrases, style
from lib.figures.phrases import first_and_last, percent, several
from lib.figures.style import GREY, KEYS, colour, marker

HATCH = "/////"
UNCOUNTED = {"no_answer": "have no answer", "censored": "met the limit", "ungradable": "could not be graded"}


def accuracy_by_position(frame: pd.DataFrame, reference: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """Accuracy against the position of the interrupt, full thinking as a dashed line.

    `frame`: model, source, interrupt, unit (one for all), position, mean, ci_low, ci_high, as from `stats.accuracy`.
    `reference`: model, source, mean.
    """
    figure = _lines(frame, reference, models, "accuracy")
    for ax in figure.axes:
        ax.set_ylim(-0.03, 1.03)
        style.percent(ax.yaxis)
    figure.caption = _accuracy_caption(frame, reference)
    return figure


def _accuracy_caption(frame: pd.DataFrame, reference: pd.DataFrame) -> str:
    """What each interrupt costs at most, and whether waiting helps."""
    full = reference.sort_values(["source", "model"]).itertuples(index=False)
    told = several([f"{row.model} {percent(row.mean)} on {phrases.source(row.source)}" for row in full])
    parts = [
        "Accuracy by position of the interrupt.",
        f"Bands are intervals clustered by problem, dashed lines are full thinking ({told}).",
    ]
    both = frame.merge(reference[["model", "source", "mean"]], on=["model", "source"], suffixes=("", "_full"))
    lost = both.assign(loss=both["mean_full"] - both["mean"]).dropna(subset="loss")
    if len(lost):
        worst = lost.loc[lost["loss"].idxmax()]
        parts.append(f"The largest loss against it is {phrases.points(worst['loss'])}: {phrases.place(worst)}.")
    counts = {text: int(frame[name].sum()) for name, text in UNCOUNTED.items() if name in frame.columns}
    uncounted = [f"{count} {text}" for text, count in counts.items() if count]
    rest = [f"Of {int(frame['n'].sum())} rows {several(uncounted)}: all count as not right."] if uncounted else []
    return " ".join([*parts, phrases.trend(frame), *rest])


def tokens_by_position(frame: pd.DataFrame, reference: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """Tokens generated after the interrupt (reasoning and answer) against its position, an uninterrupted run's mean
    length as a dashed line; frames as for `accuracy_by_position`, in tokens, as from `stats.mean_ci`.
    """
    figure = _lines(frame, reference, models, "tokens after interrupt")
    for ax in figure.axes:
        ax.set_ylim(bottom=0)
    figure.caption = _tokens_caption(frame, reference)
    return figure


def _tokens_caption(frame: pd.DataFrame, reference: pd.DataFrame) -> str:
    """What share of a full run is still generated, early and late."""
    first, last = first_and_last(phrases.of_full(frame, reference))
    shares = several([f"{style.title(name)} {percent(first[name])} and {percent(last[name])}" for name in first])
    at = f"{frame['position'].min():g} and at {frame['position'].max():g}"
    dear = several([style.title(name) for name in last if last[name] > 1])
    end = f"A late interrupt still costs more than a full run after {dear}." if dear else ""
    return (
        "Tokens generated after the interrupt, reasoning and answer; dashed lines are uninterrupted runs. As a share "
        f"of these, on average over models and problems, at {at}: {shares}. "
        f"{end or 'No late interrupt costs more than a full run.'}"
    )


def failure_bars(frame: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """New errors by position, as a share of what full thinking had right; dark and hatched: those a mode explains.

    `frame`: model, source, interrupt, unit, position, n_oracle, new_errors, attributed, new_error_rate,
    attributed_rate, as from `failures.summary`.
    """
    style.require(frame, [*KEYS, "n_oracle", "new_errors", "attributed", "new_error_rate", "attributed_rate"])
    shown = style.model_places(frame, models)
    figure, panels = style.panels(frame, "new errors")
    for _, ax, rows in panels:
        for place, (i, model) in enumerate(shown):
            slot = (place - (len(shown) - 1) / 2, len(shown))
            _error_bars(ax, rows[rows["model"].eq(model)], sorted(frame["position"].unique()), i, slot)
        ax.set_ylim(0, max(0.1, 1.05 * frame["new_error_rate"].max()))
        style.percent(ax.yaxis)
    bars = {"linewidth": 5, "solid_capstyle": "butt", "markeredgecolor": "white", "markeredgewidth": 0.5}
    handles = [Line2D([], [], color=colour(i), marker=marker(i), label=model, **bars) for i, model in shown]
    explained = Patch(facecolor="white", edgecolor=GREY, hatch=HATCH, label="explained by a failure mode")
    style.legend(figure, [*handles, explained])
    figure.caption = _failure_caption(frame)
    return figure


def _failure_caption(frame: pd.DataFrame) -> str:
    """How many answers turn wrong, and how much of that a mode explains."""
    wrong, right, explained = (frame[name].sum() for name in ("new_errors", "n_oracle", "attributed"))
    start = (
        f"Answers that full thinking had right and the interrupt turned wrong: {wrong:.0f} of {right:.0f} "
        f"({percent(wrong / right if right else None)})."
    )
    by = frame.groupby("interrupt")[["new_errors", "attributed"]].sum()
    shares = (by["attributed"] / by["new_errors"].where(by["new_errors"] > 0)).dropna().sort_values(ascending=False)
    if not len(shares):
        return f"{start} There is nothing to explain."
    ends = [f"{end} after {style.title(name)} ({percent(shares[name])})" for end, name in _ends(shares)]
    return (
        f"{start} The hatched part, {percent(explained / wrong)}, is explained by the mode of the interrupt, "
        f"{', '.join(ends)}; why the rest is wrong no rule says."
    )


def length_ratio_by_position(frame: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """Answer length after the interrupt over that with full thinking (leakage), on a logarithmic axis.

    `frame`: model, source, interrupt, unit, position, length_ratio, as from `failures.summary`.
    """
    style.require(frame, [*KEYS, "length_ratio"])
    lines = frame[KEYS].assign(mean=frame["length_ratio"], ci_low=np.nan, ci_high=np.nan)
    figure = _lines(lines, None, models, "answer length ratio")
    for ax in figure.axes:
        ax.axhline(1, color=GREY, linewidth=0.8, zorder=1)
        _log_axis(ax, lines["mean"])
    figure.caption = _length_caption(frame)
    return figure


def _length_caption(frame: pd.DataFrame) -> str:
    """Where the answer grew most."""
    start = "Mean answer length after the interrupt over that with full thinking, in characters, on a logarithmic axis."
    known = frame.dropna(subset="length_ratio")
    if known.empty:
        return f"{start} No ratio is defined."
    most, longer = known.loc[known["length_ratio"].idxmax()], known["length_ratio"].gt(1).sum()
    return (
        f"{start} The answer grew in {longer} of {len(known)} cells, the most {most['length_ratio']:.1f} times: "
        f"{phrases.place(most)}."
    )


def thinking_lengths(traces: pd.DataFrame) -> Figure:
    """How long uninterrupted thoughts are, a panel per variant: `traces` has reasoning_tokens and variant."""
    style.require(traces, ["reasoning_tokens", "variant"])
    by_variant = traces.groupby("variant")["reasoning_tokens"]
    bins, size = np.histogram_bin_edges(traces["reasoning_tokens"], bins=30), (style.COLUMN, style.HEIGHT)
    figure, axes = plt.subplots(len(by_variant), 1, figsize=size, sharex=True, sharey=True, squeeze=False)
    told = []
    for i, ((variant, lengths), ax) in enumerate(zip(by_variant, axes[:, 0], strict=True)):
        sns.histplot(lengths, bins=bins, element="step", color=colour(i), alpha=0.3, ax=ax)
        ax.set(xlabel="reasoning tokens", ylabel="traces")
        ax.set_title(f"{variant} problems", loc="left")
        half = f"half of {len(lengths)} thoughts have up to {lengths.median():.0f} tokens"
        told.append(f"{variant} problems: {half}, all up to {lengths.max()}")
    figure.caption = f"How long uninterrupted thoughts are. {'; '.join(told).capitalize()}."
    return figure


def _ends(shares: pd.Series) -> list[tuple[str, str]]:
    """The first and the last of values in falling order, one only where there is one."""
    return [("most", shares.index[0]), ("least", shares.index[-1])][: len(shares)]


def _lines(frame: pd.DataFrame, reference: pd.DataFrame | None, models: Sequence[str] | None, label: str) -> Figure:
    """One line per model in each panel, with its interval as a band."""
    style.require(frame, [*KEYS, "mean", "ci_low", "ci_high"])
    shown = style.model_places(frame, models)
    figure, panels = style.panels(frame, label)
    full = {} if reference is None else reference.set_index(["model", "source"])["mean"].to_dict()
    for source, ax, rows in panels:
        for i, model in shown:
            if (model, source) in full:
                _full_thinking(ax, full[model, source], i)
            _line(ax, rows[rows["model"].eq(model)].sort_values("position"), i)
        ax.set_xticks(sorted(frame["position"].unique()))
    handles = [Line2D([], [], color=colour(i), marker=marker(i), label=model) for i, model in shown]
    style.legend(figure, [*handles, *([style.dashed_entry()] if full else [])])
    return figure


def _full_thinking(ax: Axes, value: float, i: int) -> None:
    """Full thinking as a dashed line; the hollow marker at its end tells the model where there is no colour."""
    ax.axhline(value, color=colour(i), zorder=1, **style.DASHED)
    hollow = {"markerfacecolor": "white", "markeredgecolor": colour(i), "markeredgewidth": 0.8, "markersize": 3}
    ax.plot([1], [value], marker=marker(i), transform=ax.get_yaxis_transform(), clip_on=False, **hollow)


def _line(ax: Axes, rows: pd.DataFrame, i: int) -> None:
    x, y, low, high = (rows[name].to_numpy(float) for name in ("position", "mean", "ci_low", "ci_high"))
    ax.fill_between(x, low, high, color=colour(i), alpha=0.2, linewidth=0)
    ax.plot(x, y, color=colour(i), marker=marker(i), clip_on=False)


def _error_bars(ax: Axes, rows: pd.DataFrame, positions: list[float], i: int, slot: tuple[float, int]) -> None:
    """Bars of one model; `slot` is its place beside the others, from the middle, and how many there are."""
    rows = rows.set_index("position").reindex(positions)
    place, count = slot
    width = 0.8 / count
    x = np.arange(len(positions)) + place * width
    whole = rows["new_error_rate"].where(rows["new_error_rate"] > 0)
    bars = {"width": 0.9 * width, "color": colour(i)}
    ax.bar(x, rows["new_error_rate"], alpha=0.45, **bars)
    ax.bar(x, rows["attributed_rate"], edgecolor="white", hatch=HATCH, linewidth=0, **bars)
    if whole.notna().any():  # the marker tells the model where there is no colour
        ax.plot(x, whole, linestyle="none", marker=marker(i), color=colour(i), markersize=2.2, clip_on=False)
    ax.set_xticks(np.arange(len(positions)), [f"{position:g}" for position in positions])


def _log_axis(ax: Axes, values: pd.Series) -> None:
    """Logarithmic y axis with plain numbers, wide enough for `values` and for 1."""
    ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_major_formatter(FixedFormatter([f"{tick:g}\u00d7" for tick in ticks]))
    ax.yaxis.set_minor_locator(FixedLocator([]))
    shown = [value for value in values if value > 0]
    ax.set_ylim(0.8 * min([0.5, *shown]), 1.25 * max([2, *shown]))
