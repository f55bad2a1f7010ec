"""The figures of the paper: its points as hollow marks, and ours, where there are any, as filled ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures import phrases, style
from lib.figures.phrases import several
from lib.figures.style import look
from lib.paper import numbers

BENCHMARKS = ("GSM8K", "MATH500", "AIME 24/25", "LCB v6")  # in the paper's order
FAMILIES = ("Qwen3-8B", "GPT-OSS-20B", "Magistral-S-1.2")
SIZES = ("Qwen3-1.7B", "Qwen3-8B", "Qwen3-32B")
MODELS = (*FAMILIES, "Qwen3-1.7B", "Qwen3-32B")  # order of the colours
CHARACTERS = "characters of the answer"
SLOT, ROOM = 0.17, 0.75  # inches: of a model, of title and axis


@dataclass(frozen=True)
class Paper:
    """One published figure: metrics, interrupts and models that it shows; without positions it is one of dots."""

    metrics: tuple[str, ...]
    label: str
    interrupts: tuple[str, ...]
    models: tuple[str, ...] = FAMILIES
    by_position: bool = True

    @property
    def is_share(self) -> bool:
        """Whether its numbers are shares, not lengths in characters."""
        return not self.label.startswith("characters")


RATES, HARD = ("new_error_rate", "attributed_rate"), ("end_thinking", "force_answer")
UPDATES = ("update", "update_guided", "update_guided_speed_up", "update_user")
PAPER: Mapping[str, Paper] = {  # by the name under which a figure is saved
    "paper_hard_accuracy": Paper(("accuracy",), "accuracy", HARD),
    "paper_hard_length": Paper(("answer_chars",), CHARACTERS, HARD),
    "paper_soft_accuracy": Paper(("accuracy",), "accuracy", ("speed_up", "speed_up_user")),
    "paper_soft_length": Paper(("remaining_ratio",), "length, of what remained", ("speed_up",)),
    "paper_update_accuracy": Paper(("accuracy",), "accuracy", UPDATES),
    "paper_update_length": Paper(("total_ratio",), "length, of a full run", ("update_guided", "update_user")),
    "paper_size_accuracy": Paper(("accuracy",), "accuracy", HARD, SIZES),
    "paper_size_length": Paper(("answer_chars",), CHARACTERS, HARD, SIZES),
    "paper_size_relative": Paper(
        ("relative_accuracy",), "accuracy, of full thinking", ("speed_up", "update_guided"), SIZES
    ),
    "paper_thinking": Paper(("reasoning_chars",), "characters of reasoning", (numbers.FULL,), by_position=False),
    "paper_leakage": Paper(("answer_chars_answered",), CHARACTERS, (numbers.FULL, "end_thinking"), by_position=False),
    "paper_panic": Paper(RATES, "share of what full thinking had right", ("speed_up",), by_position=False),
    "paper_self_doubt": Paper(RATES, "share of what full thinking had right", ("update",), by_position=False),
}
NAMES = {"new_error_rate": "new errors", "attributed_rate": "explained by the mode", numbers.FULL: "full thinking"}


def counterpart(paper: Paper, published: pd.DataFrame, ours: Mapping[str, pd.DataFrame]) -> Figure:
    """One figure of the paper, from `PAPER`, with our points beside its own.

    `published` is as from `numbers.load`; `ours` has a frame for each metric that a study measured, as
    `numbers.beside` takes it. Only panels that the paper has are drawn.
    """
    frames = {metric: joined(paper, published, metric, ours.get(metric)) for metric in paper.metrics}
    every = pd.concat(frames.values())
    shown = style.model_places(every, [*MODELS, *_others(every)])
    entries = [style.grey_entry("Wu et al.", filled=False)]
    entries += [style.grey_entry("ours", filled=True)] if every["mean"].notna().any() else []
    if paper.by_position:
        figure = _by_position(paper, every, shown)
        entries = [*style.model_entries(shown), *entries]
    else:
        figure, kinds = _dots(paper, every, [model for _, model in shown])
        entries = [*(style.model_entries(list(enumerate(kinds))) if len(kinds) > 1 else []), *entries]
    style.legend(figure, entries)
    figure.caption = _caption(paper, frames[paper.metrics[0]])
    return figure


def _caption(paper: Paper, frame: pd.DataFrame) -> str:
    """How many numbers of the paper stand there, and how far ours are from them."""
    frame = frame[frame["interrupt"].isin(paper.interrupts)]
    both = frame[frame["published"].notna() & frame["mean"].notna()].rename(columns={"benchmark": "source"})
    start = (
        f"{paper.label[:1].upper()}{paper.label[1:]}, {several([style.title(name) for name in paper.interrupts])}: "
        f"{frame['published'].notna().sum()} numbers published by Wu et al. (hollow)."
    )
    if both.empty:
        return f"{start} Our study has none of these cells."
    inside = both["published"].between(both["ci_low"], both["ci_high"]).sum()
    off = (both["mean"] - both["published"]).abs()
    size = phrases.points(off.max()) if paper.is_share else f"{off.max():.0f} characters"
    return (
        f"{start} Ours (filled) has {len(both)} of these cells; {inside} of our intervals hold the published number. "
        f"The farthest is off by {size}: {phrases.place(both.loc[off.idxmax()])}."
    )


def shared(paper: Paper, published: pd.DataFrame, ours: Mapping[str, pd.DataFrame]) -> int:
    """How many numbers of a figure the paper and we both have; arguments as for `counterpart`."""
    frames = (joined(paper, published, metric, ours.get(metric)) for metric in paper.metrics)
    return sum(int((frame["published"].notna() & frame["mean"].notna()).sum()) for frame in frames)


def joined(paper: Paper, published: pd.DataFrame, metric: str, ours: pd.DataFrame | None) -> pd.DataFrame:
    """Rows of the figure, ours and the paper's, in the cells whose benchmark and interrupt the paper shows."""
    if ours is None:
        columns = ["model", "source", "interrupt", "unit", "position", "mean", "ci_low", "ci_high", "n"]
        ours = pd.DataFrame(columns=columns).astype(dict.fromkeys(columns[4:], float))
    frame = numbers.beside(ours, published, metric)
    frame = frame[frame["interrupt"].isin([*paper.interrupts, numbers.FULL]) & frame["benchmark"].isin(BENCHMARKS)]
    frame = frame[frame["model"].isin([*paper.models, *_others(frame)])]
    shown = frame.loc[frame["published"].notna(), "benchmark"].unique()
    return frame[frame["benchmark"].isin(shown)].assign(metric=metric)


def _others(frame: pd.DataFrame) -> list[str]:
    """Our models that the paper does not have."""
    return sorted(set(frame["model"]) - set(MODELS))


def _by_position(paper: Paper, frame: pd.DataFrame, shown: list[tuple[int, str]]) -> Figure:
    cut = frame[frame["interrupt"].isin(paper.interrupts)].rename(columns={"benchmark": "source"}).assign(unit="share")
    figure, panels = style.panels(cut, paper.label, sources={name: name for name in BENCHMARKS})
    full = frame[frame["interrupt"].eq(numbers.FULL)].set_index(["model", "benchmark"])["published"]
    for benchmark, ax, rows in panels:
        for i, model in shown:
            _pair(ax, rows[rows["model"].eq(model)].sort_values("position"), i)
            if len(rows) and pd.notna(value := full.get((model, benchmark))):
                ax.axhline(value, color=style.colour(i), linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
        ax.set_xticks(sorted(cut["position"].unique()))
        if rows.empty:
            ax.text(0.5, 0.4, "no numbers", transform=ax.transAxes, ha="center", color="0.4")
    for benchmark, ax, _ in panels:  # when all is drawn, as the panels of a benchmark share an axis
        ax.set_xlim(cut["position"].min() - 0.05, cut["position"].max() + 0.05)
        ax.set_ylim(bottom=0)
        if paper.is_share:
            style.percent(ax.yaxis)
        if "accuracy" in paper.metrics:
            ax.set_ylim(_floor(cut[cut["source"].eq(benchmark)]), 1.02)
    return figure


def _floor(rows: pd.DataFrame) -> float:
    """Where an axis of accuracies begins: at 0, or below the least of them if all are high."""
    least = rows[["mean", "published"]].min(axis=None)
    return -0.03 if least < 0.4 else np.floor(10 * (least - 0.05)) / 10


def _pair(ax: Axes, rows: pd.DataFrame, i: int) -> None:
    """A model's published line in hollow marks and our line in filled ones."""
    colour = style.colour(i)
    theirs, own = rows[rows["published"].notna()], rows[rows["mean"].notna()]
    band = [theirs[name].to_numpy(float) for name in ("published_low", "published_high")]
    ax.fill_between(theirs["position"], *band, color=colour, alpha=0.12, linewidth=0)
    ax.plot(theirs["position"], theirs["published"], color=colour, linewidth=0.8, alpha=0.8)
    style.dots(ax, theirs["position"], theirs["published"], **look(i, filled=False))
    style.upright(ax, own["position"], own["mean"], own["ci_low"], own["ci_high"], **look(i))
    ax.plot(own["position"], own["mean"], color=colour, linewidth=1.2)


def _dots(paper: Paper, frame: pd.DataFrame, models: Sequence[str]) -> tuple[Figure, list[str]]:
    """A panel per benchmark, a slot per model; each metric, or interrupt, has its colour and marker."""
    frame = frame[frame["interrupt"].isin(paper.interrupts)]
    published = set(frame.loc[frame["published"].notna(), "position"].fillna(-1))
    frame = frame[frame["position"].fillna(-1).isin(published)]
    kind, kinds = ("metric", paper.metrics) if len(paper.metrics) > 1 else ("interrupt", paper.interrupts)
    benchmarks = style.in_order(frame["benchmark"], {name: name for name in BENCHMARKS})
    size = (style.PAGE, ROOM + SLOT * len(models) * 1.3)
    figure, grid = plt.subplots(1, len(benchmarks), figsize=size, sharey=True, sharex=True, squeeze=False)
    for benchmark, ax in zip(benchmarks, grid[0], strict=True):
        rows = frame[frame["benchmark"].eq(benchmark)]
        for i, one in enumerate(kinds):
            own = rows[rows[kind].eq(one)].drop_duplicates("model").set_index("model").reindex(models)
            _sides(ax, own, i)
        style.slots(ax, models)
        ax.set_title(benchmark)
        ax.locator_params(axis="x", nbins=4)
        if paper.metrics == RATES:
            style.percent(ax.xaxis)
    grid[0, 0].set_xlim(left=-0.03 * grid[0, 0].get_xlim()[1])  # a mark at 0 stands clear of the names
    figure.supxlabel(paper.label, fontsize=plt.rcParams["axes.labelsize"])
    return figure, [NAMES.get(one) or style.title(one) for one in kinds]


def _sides(ax: Axes, own: pd.DataFrame, i: int) -> None:
    """The published points of all models, a little above the middle of their slots, and ours, a little below."""
    y = np.arange(len(own))
    style.across(ax, own["published"], y - 0.15, own["published_low"], own["published_high"], **look(i, False))
    style.across(ax, own["mean"], y + 0.15, own["ci_low"], own["ci_high"], **look(i))
