"""Phrases: numbers and places of a study in words, for captions."""

from collections.abc import Sequence

import pandas as pd

from lib.figures import style


def percent(share: float | None) -> str:
    """A share, as `31.7 %`; `undefined` where it is null."""
    return "undefined" if share is None or pd.isna(share) else f"{100 * share:.1f} %"


def points(share: float) -> str:
    """A difference of two shares without its sign, as `31.7 points`."""
    return f"{100 * abs(share):.1f} points"


def change(share: float) -> str:
    """A difference of two shares with its sign, as `+31.7 points`."""
    return f"{100 * share:+.1f} points".replace("-", "\u2212")


def several(told: Sequence[str], last: str = "and") -> str:
    """`a, b and c`; semicolons where an entry has a comma itself."""
    told = list(told)
    if len(told) < 2:
        return "".join(told)
    mark = ";" if any("," in one for one in told) else ","
    return f"{f'{mark} '.join(told[:-1])}{mark * (mark == ';')} {last} {told[-1]}"


def named(source: str) -> str:
    """Name of a source of problems as readers see it."""
    return style.SOURCES.get(source, source)


def place(row: pd.Series) -> str:
    """Where a row of a frame stands: model, source, interrupt and position, as far as it has them."""
    parts = [str(row["model"])] if "model" in row.index and pd.notna(row["model"]) else []
    if "source" in row.index and pd.notna(row["source"]):
        parts.append(named(row["source"]))
    if "interrupt" in row.index and pd.notna(row["interrupt"]):
        parts.append(style.title(row["interrupt"]))
    at = f" at {row['position']:g}" if "position" in row.index and pd.notna(row["position"]) else ""
    return f"{', '.join(parts)}{at}"


def ends(frame: pd.DataFrame, value: str) -> tuple[dict[str, float], dict[str, float]]:
    """Means of `value` by interrupt, in the order of panels, at the first position and at the last."""
    positions = frame["position"].min(), frame["position"].max()
    names = style.in_order(frame["interrupt"], style.INTERRUPTS)
    means = [frame[frame["position"].eq(at)].groupby("interrupt")[value].mean() for at in positions]
    first, last = ({name: mean[name] for name in names if pd.notna(mean.get(name))} for mean in means)
    both = [name for name in first if name in last]
    return {name: first[name] for name in both}, {name: last[name] for name in both}
