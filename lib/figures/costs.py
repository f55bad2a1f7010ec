"""Accuracy against tokens: what an interrupt does to both, early and late, and what an answer costs in all."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures import phrases, style
from lib.figures.phrases import percent, several
from lib.figures.style import KEYS, colour, look
from lib.stats import curves

SLOT, LEAST, TOP = 0.075, 0.22, 0.75  # inches: of a model, of an interrupt at least, of titles and axis


def overview(accuracy: pd.DataFrame, tokens: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """Accuracy, and tokens after the cut as a share of full thinking's, a row per interrupt.

    A hollow mark is the first position of the study, a filled one the last, the line spans all positions; a dashed
    line is full thinking (the full run, for tokens). Both frames hold rows of one unit, and those of full thinking
    (no interrupt), as from `stats.accuracy` and `stats.mean_ci`: model, source, interrupt, unit, position, mean.
    """
    for frame in (accuracy, tokens):
        style.require(frame, [*KEYS, "mean"])
        if not frame["interrupt"].isna().any():
            raise ValueError("figure: no rows of full thinking, expected some without an interrupt")
    full, cut = accuracy[accuracy["interrupt"].isna()], accuracy[accuracy["interrupt"].notna()]
    style.require(cut, KEYS)
    whole = tokens["interrupt"].isna()
    shares = phrases.of_full(tokens[~whole], tokens[whole])
    shown, names = style.model_places(cut, models), style.in_order(cut["interrupt"], style.INTERRUPTS)
    sources = style.in_order(cut["source"], style.SOURCES)
    height = len(sources) * (TOP + max(LEAST, SLOT * len(shown)) * len(names))
    size = (style.PAGE, height)
    figure, grid = plt.subplots(len(sources), 2, figsize=size, sharey=True, sharex="col", squeeze=False)
    for source, (left, right) in zip(sources, grid, strict=True):
        _spans(left, cut[cut["source"].eq(source)], names, shown, full[full["source"].eq(source)])
        _spans(right, shares[shares["source"].eq(source)], names, shown)
        right.axvline(1, color=style.GREY, zorder=1, **style.DASHED)
        if len(sources) > 1:
            left.set_title(phrases.source(source), loc="left")
        style.twin_slots(left, right, [style.title(name) for name in names])
    left, right = grid[-1]
    left.set(xlabel="accuracy", xlim=(-0.03, 1.03))
    ends = [ax.dataLim.x1 for ax in grid[:, 1]]
    right.set(xlabel="tokens after the interrupt, of a full run", xlim=(0, 1.05 * max(1, *ends)))
    for ax in (left, right):
        style.percent(ax.xaxis)
    at = [f"cut at {end:g}" for end in (cut["position"].min(), cut["position"].max())]
    entries = [style.grey_entry(at[0], filled=False), style.grey_entry(at[1], filled=True), style.dashed_entry()]
    style.legend(figure, [*style.model_entries(shown), *entries])
    figure.caption = _overview_caption(cut, full, shares)
    return figure


def _overview_caption(cut: pd.DataFrame, full: pd.DataFrame, shares: pd.DataFrame) -> str:
    """Accuracy after the earliest and the latest cut, and which early interrupts save tokens."""
    first, last = phrases.first_and_last(cut)
    early, _ = phrases.first_and_last(shares)
    rows = several([f"{style.title(name)} {percent(first[name])} to {percent(last[name])}" for name in first])
    dear = several([style.title(name) for name, share in early.items() if share >= 1], "or")
    return (
        f"What an interrupt does, cut early (hollow) and late (filled); full thinking gets "
        f"{percent(full['mean'].mean())} right on average. Accuracy from {cut['position'].min():g} to "
        f"{cut['position'].max():g}: {rows}. {phrases.trend(cut)} "
    ) + (f"An early {dear} saves no tokens." if dear else "Every early interrupt saves tokens.")


def _spans(
    ax: Axes, rows: pd.DataFrame, names: list[str], shown: list[tuple[int, str]], full: pd.DataFrame | None = None
) -> None:
    """Of each model and interrupt the span of all positions, its first one and its last one; full thinking dashed."""
    for place, (i, model) in enumerate(shown):
        own = rows[rows["model"].eq(model)].sort_values("position")
        for slot, name in enumerate(names):
            means = own.loc[own["interrupt"].eq(name), "mean"]
            if means.empty:
                continue
            y = slot + style.dodge(place, len(shown))
            ax.hlines(y, means.min(), means.max(), color=colour(i), linewidth=1.1, alpha=0.6)
            style.dots(ax, [means.iloc[-1]], [y], **look(i))
            style.dots(ax, [means.iloc[0]], [y], **look(i, filled=False))
        for value in full.loc[full["model"].eq(model), "mean"] if full is not None else ():
            ax.axvline(value, color=colour(i), zorder=1, **style.DASHED)
            hollow = look(i, filled=False) | {"markersize": 3, "clip_on": False}
            ax.plot([value], [1], transform=ax.get_xaxis_transform(), **hollow)


def spending(grades: pd.DataFrame) -> pd.DataFrame:
    """Means behind `accuracy_by_cost`, from the table grades.

    Returns model, source, interrupt, unit, position, tokens (a mean), accuracy (a share). Tokens are all that were
    generated for an answer (`curves.spent`). Each curve ends in full thinking on its own problems, with a null
    position.

    Raises:
        ValueError: a column is missing, or a row has no problem.
    """
    rows = []
    for curve in curves.of(grades):
        values = zip([*curve.positions, None], curve.tokens(), curve.accuracy(), strict=True)
        rows += [curve.key | {"position": at, "tokens": spent, "accuracy": right} for at, spent, right in values]
    return pd.DataFrame(rows, columns=[*KEYS, "tokens", "accuracy"]).astype({"position": float})


def accuracy_by_cost(frame: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """Accuracy against tokens in all: a line through the positions of a model, a hollow mark for full thinking.

    `frame` is as from `spending`, with positions of one unit. A line that stays below and to the right of full
    thinking's mark pays more for less.
    """
    style.require(frame, [*KEYS, "tokens", "accuracy"])
    shown = style.model_places(frame, models)
    figure, panels = style.panels(frame, "accuracy", axis="tokens generated in all, those kept included")
    for source, ax, rows in panels:
        for i, model in shown:
            _line(ax, rows[rows["model"].eq(model)].sort_values("position"), i)
        ax.set_xlim(0, 1.05 * frame.loc[frame["source"].eq(source), "tokens"].max())
        ax.locator_params(axis="x", nbins=4)
        ax.set_ylim(-0.03, 1.03)
        style.percent(ax.yaxis)
    style.legend(figure, [*style.model_entries(shown), style.grey_entry("full thinking", filled=False)])
    figure.caption = _cost_caption(frame)
    return figure


def _cost_caption(frame: pd.DataFrame) -> str:
    """Where an interrupt is both dearer and worse than full thinking."""
    keys = ["model", "source", "interrupt"]
    full = frame[frame["position"].isna()].set_index(keys)[["tokens", "accuracy"]].add_suffix("_full")
    cut = frame[frame["position"].notna()].join(full, on=keys)
    worse = cut["accuracy"].lt(cut["accuracy_full"]) & cut["tokens"].gt(cut["tokens_full"])
    cheap = cut["accuracy"].ge(cut["accuracy_full"]) & cut["tokens"].lt(cut["tokens_full"])
    names = [style.title(name) for name in style.in_order(cut.loc[worse, "interrupt"], style.INTERRUPTS)]
    where = f", all after {several(names)}" if names else ""
    return (
        "Accuracy against all tokens generated for an answer, those kept of the cut thought included; later cuts are "
        f"larger marks, hollow ones full thinking. Of {len(cut)} cells, {worse.sum()} pay more than full thinking for "
        f"less{where}; {cheap.sum()} are as right as full thinking for fewer tokens."
    )


def _line(ax: Axes, rows: pd.DataFrame, i: int) -> None:
    cut, full = rows[rows["position"].notna()], rows[rows["position"].isna()]
    ax.plot(cut["tokens"], cut["accuracy"], color=colour(i), linewidth=0.9, alpha=0.7)
    for place, (x, y) in enumerate(zip(cut["tokens"], cut["accuracy"], strict=True)):
        size = 2 + 2.2 * place / max(1, len(cut) - 1)  # later cuts are larger
        style.dots(ax, [x], [y], **look(i) | {"markersize": size})
    style.dots(ax, full["tokens"], full["accuracy"], zorder=4, **look(i, filled=False))
