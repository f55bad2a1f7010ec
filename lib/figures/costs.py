"""Costs: accuracy against all tokens generated for an answer, kept ones too."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures import marks, style
from lib.stats import curves

COLUMNS = [*style.KEYS, "tokens", "accuracy"]


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
        ends = [*curve.positions, None]
        values = zip(ends, curve.tokens(), curve.accuracy(), strict=True)
        rows += [curve.key | {"position": at, "tokens": spent, "accuracy": right} for at, spent, right in values]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"position": float})


def accuracy_by_cost(frame: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """Accuracy against tokens in all: a line through the positions of a model, a hollow mark for full thinking.

    `frame` is as from `spending`, with positions of one unit. A line that stays below and to the right of full
    thinking's mark pays more for less.

    Raises:
        ValueError: an empty frame, a missing column, or positions of several units.
    """
    style.need(frame, COLUMNS)
    shown = style.places(frame, models)
    figure, axes = style.panels(frame, "accuracy", axis="tokens generated in all, those kept included")
    for (source, interrupt), ax in axes.items():
        rows = frame[frame["interrupt"].eq(interrupt) & frame["source"].eq(source)]
        for i, model in shown:
            _line(ax, rows[rows["model"].eq(model)].sort_values("position"), i)
        ax.set_xlim(0, 1.05 * frame.loc[frame["source"].eq(source), "tokens"].max())
        ax.locator_params(axis="x", nbins=4)
        ax.set_ylim(-0.03, 1.03)
        marks.percent(ax.yaxis)
    full = marks.told("full thinking", filled=False)
    style.legend(figure, [*marks.names(shown), full])
    return figure


def _line(ax: Axes, rows: pd.DataFrame, i: int) -> None:
    cut, full = rows[rows["position"].notna()], rows[rows["position"].isna()]
    ax.plot(cut["tokens"], cut["accuracy"], color=style.colour(i), linewidth=0.9, alpha=0.7)
    sizes = [2 + 2.2 * place / max(1, len(cut) - 1) for place in range(len(cut))]  # later cuts are larger
    for size, x, y in zip(sizes, cut["tokens"], cut["accuracy"], strict=True):
        marks.dots(ax, [x], [y], **marks.look(i) | {"markersize": size})
    marks.dots(ax, full["tokens"], full["accuracy"], zorder=4, **marks.look(i, filled=False))
