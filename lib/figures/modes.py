"""Modes: how often an interrupt leads to the failure that is its own, by position."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.figures import marks, style

MODES = {"leakage": "leakage", "panic": "panic", "self_doubt": "self-doubt"}
COUNTS = ["n", *MODES]


def mode_rates(frame: pd.DataFrame, models: Sequence[str] | None = None) -> Figure:
    """Share of all continuations with the failure mode of their interrupt, by position, named in each panel.

    `frame`: model, source, interrupt, unit, position, n, leakage, panic, self_doubt (counts), as from
    `failures.summary`; with columns ci_low and ci_high these are drawn too. An interrupt whose rows show no mode has a
    line at 0 and no name.

    Raises:
        ValueError: an empty frame, a missing column, or positions of several units.
    """
    style.need(frame, [*style.KEYS, *COUNTS])
    frame = with_rate(frame)
    shown, positions = style.places(frame, models), sorted(frame["position"].unique())
    figure, axes = style.panels(frame, "share of answers")
    for (source, interrupt), ax in axes.items():
        rows = frame[frame["interrupt"].eq(interrupt) & frame["source"].eq(source)]
        for place, (i, model) in enumerate(shown):
            own = rows[rows["model"].eq(model)].set_index("position").reindex(positions)
            x = np.arange(len(positions)) + marks.dodge(place, len(shown))
            ends = (own.get(name, own["rate"]) for name in ("ci_low", "ci_high"))
            ax.plot(x, own["rate"], color=style.colour(i), linewidth=0.7, alpha=0.5)
            marks.upright(ax, x, own["rate"], *ends, **marks.look(i))
        ax.set_xticks(range(len(positions)), [f"{position:g}" for position in positions])
        ax.set_title(_named(ax.get_title(), mode_of(frame, interrupt)))
        ax.set_ylim(0, max(0.1, 1.08 * frame[["rate", *frame.columns.intersection(["ci_high"])]].max(axis=None)))
        marks.percent(ax.yaxis)
    style.legend(figure, marks.names(shown))
    return figure


def with_rate(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with rate: rows with any mode over n, null where there is no row. A row has one mode at most."""
    count = frame["n"].astype(float)
    return frame.assign(rate=frame[list(MODES)].sum(axis=1) / count.where(count > 0))


def mode_of(frame: pd.DataFrame, interrupt: str) -> str:
    """Name of the mode that rows of an interrupt show most, "" if they show none."""
    counts = frame.loc[frame["interrupt"].eq(interrupt), list(MODES)].sum()
    return MODES[counts.idxmax()] if counts.max() > 0 else ""


def _named(title: str, mode: str) -> str:
    return f"{title}:\n{mode}" if mode else f"{title}\n"
