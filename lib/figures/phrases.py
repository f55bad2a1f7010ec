"""Phrases of captions and reports: numbers, lists and places of a frame as readers see them."""

from collections.abc import Sequence

import pandas as pd

from lib.figures import style

FLAT = 0.01  # a change of accuracy below this is called none


def percent(share: float | None) -> str:
    """A share, as `31.7 %`; `undefined` where it is null."""
    return "undefined" if share is None or pd.isna(share) else f"{100 * share:.1f} %"


def points(share: float) -> str:
    """A difference of two shares without its sign, as `31.7 points`."""
    return f"{100 * abs(share):.1f} points"


def change(share: float) -> str:
    """A difference of two shares with its sign, as `+31.7 points`."""
    return f"{100 * share:+.1f} points".replace("-", "\u2212")


def several(items: Sequence[str], last: str = "and") -> str:
    """`a, b and c`; semicolons where an entry has a comma itself."""
    items = list(items)
    if len(items) < 2:
        return "".join(items)
    mark = ";" if any("," in one for one in items) else ","
    return f"{f'{mark} '.join(items[:-1])}{mark * (mark == ';')} {last} {items[-1]}"


def source(name: str) -> str:
    """Name of a source of problems as readers see it."""
    return style.SOURCES.get(name, name)


def place(row: pd.Series) -> str:
    """Where a row of a frame stands: model, source, interrupt and position, as far as it has them."""
    names = {"model": str, "source": source, "interrupt": style.title}
    parts = [shown(row[key]) for key, shown in names.items() if pd.notna(row.get(key))]
    at = f" at {row['position']:g}" if pd.notna(row.get("position")) else ""
    return f"{', '.join(parts)}{at}"


def first_and_last(frame: pd.DataFrame) -> tuple[dict[str, float], dict[str, float]]:
    """Means by interrupt, in the order of panels, at the first position and at the last; those that have both."""
    first, last = (
        frame[frame["position"].eq(at)].groupby("interrupt")["mean"].mean().dropna().to_dict()
        for at in (frame["position"].min(), frame["position"].max())
    )
    both = [name for name in style.in_order(frame["interrupt"], style.INTERRUPTS) if name in first and name in last]
    return {name: first[name] for name in both}, {name: last[name] for name in both}


def of_full(frame: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """`frame` with its means as shares of those of full thinking, by model and source."""
    rows = frame.merge(reference[["model", "source", "mean"]], "left", ["model", "source"], suffixes=("", "_full"))
    return rows.assign(mean=rows["mean"] / rows["mean_full"])


def trend(frame: pd.DataFrame) -> str:
    """Whether accuracy rises or falls from the first position to the last, on average, interrupt by interrupt."""
    if frame["position"].nunique() < 2:
        return "There is one position only."
    first, last = first_and_last(frame)
    moves = {name: last[name] - first[name] for name in first}
    rises = [f"{style.title(name)} ({change(by)})" for name, by in moves.items() if by >= FLAT]
    falls = [f"{style.title(name)} ({change(by)})" for name, by in moves.items() if by <= -FLAT]
    flat = [style.title(name) for name, by in moves.items() if abs(by) < FLAT]
    parts = [f"the later the cut, the better after {several(rises)}"] if rises else []
    parts += [f"the later the cut, the worse after {several(falls)}"] if falls else []
    parts += [f"it matters little when, after {several(flat)}"] if flat else []
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."
