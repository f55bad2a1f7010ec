"""What the overview of a report says, in sentences and tables computed from parameters and summaries."""

from typing import Any

import pandas as pd

from lib import interrupts, paper, params
from lib.figures.phrases import several, source
from lib.params.settings import Study

ROW = ["source", "model", "interrupt"]
NONE = "–"  # what is undefined, which is not 0


def done(study: Study, titles: dict[str, str]) -> str:
    """Two sentences on what was done, from the parameters of the study."""
    sources = several([source(name) for name in study.sources])
    asked = f"up to {study.problems:,} problems of each source ({sources})" if study.problems else f"all of {sources}"
    often = "once" if study.samples == 1 else f"{study.samples} times"
    often = "once or several times" if study.samples_by_source else often
    shares = all(isinstance(position, float) for position in study.positions)
    cuts = several([position if isinstance(position, str) else f"{position:g}" for position in study.positions])
    where = f"at {cuts} of its length" if shares else f"at the positions {cuts}"
    names = several([_plain(name) for name in study.interrupts])
    what = f"one of {len(study.interrupts)} interrupts was" if len(study.interrupts) > 1 else "an interrupt was"
    return (
        f"{several(list(titles.values()))} thought through {asked}, {often}, and each thought was cut {where}. At each "
        f"cut {what} spliced in ({names}), the model went on, and programs graded every answer."
    )


def sentences(accuracy: pd.DataFrame, titles: dict[str, str], confidence: float) -> list[str]:
    """One sentence for each source and model: full thinking, and the worst and the best cell after an interrupt.

    `accuracy` is as from `stats.accuracy`, a null interrupt for full thinking; `titles` are of the models that are
    shown, by name.
    """
    lines = []
    for name in dict.fromkeys(accuracy["source"]):
        for model, title in titles.items():
            rows = accuracy[accuracy["source"].eq(name) & accuracy["model"].eq(model)]
            if not rows.empty:
                lines.append(f"{title} on {source(name)}: {_sentence(rows, confidence)}")
    return lines


def table(frame: pd.DataFrame, titles: dict[str, str], scale: float, digits: int) -> dict[str, Any]:
    """Means and intervals by position, as a page shows them: `head`, the positions, and `groups`.

    A group is a source and a model, with what full thinking has there (`full`) and a row of cells per interrupt. A cell
    is (mean, interval), both texts; a mean that is undefined is a dash, its interval nothing. `frame` and `titles` are
    as for `sentences`; values are multiplied by `scale` and have `digits` after the point.
    """
    full = frame[frame["interrupt"].isna()].set_index(["source", "model"])
    cut = frame.dropna(subset="interrupt")
    places = sorted(set(zip(cut["unit"], cut["position"], strict=True)), key=_place)
    cells = cut.set_index([*ROW, "unit", "position"])
    groups = []
    for benchmark in dict.fromkeys(frame["source"]):
        for model, title in titles.items():
            mine = cut[cut["source"].eq(benchmark) & cut["model"].eq(model)]
            rows = [
                (name, [_cell(cells, (benchmark, model, name, *place), scale, digits) for place in places])
                for name in dict.fromkeys(mine["interrupt"])
            ]
            whole = _cell(full, (benchmark, model), scale, digits)
            groups += [{"source": source(benchmark), "model": title, "full": whole, "rows": rows}] if rows else []
    return {"head": [interrupts.format_position(position, unit) for unit, position in places], "groups": groups}


def statements(claims: pd.DataFrame) -> list[dict[str, str]]:
    """Each statement of the paper with what its figures and the study say, as from `paper.table`."""
    rows = paper.overview(claims)
    measures = claims[claims["evidence"].eq("study")].set_index("id")["measure"]
    rows["effect"] = (measures + ": " + rows["effect"]).where(rows["effect"].ne(""), NONE)
    return rows.reset_index().to_dict("records")


def spliced(study: Study) -> list[dict[str, str]]:
    """What each interrupt of the study is: name, kind, title, and the words that go into the thought."""
    rows = []
    for one in map(params.load_interrupt, study.interrupts):
        instead = f"(one after the other: {several(list(one.steps))})" if one.steps else "(no words)"
        rows.append({"name": one.name, "kind": one.kind, "title": one.title, "text": one.text.strip() or instead})
    return rows


def _sentence(rows: pd.DataFrame, confidence: float) -> str:
    full = rows[rows["interrupt"].isna()].dropna(subset="mean")
    cut = rows.dropna(subset=["interrupt", "mean"])
    parts = []
    if not full.empty:
        one = full.iloc[0]
        level = f", {confidence:.0%} interval {one['ci_low']:.1%} to {one['ci_high']:.1%}"
        parts.append(f"{one['mean']:.1%} right with full thinking ({one['n']:,.0f} rows{level})")
    if not cut.empty:
        low, high = cut.loc[cut["mean"].idxmin()], cut.loc[cut["mean"].idxmax()]
        parts.append(f"after an interrupt between {_at(low)} and {_at(high)}")
    return "; ".join(parts) + "." if parts else "no row could be graded."


def _at(row: pd.Series) -> str:
    place = interrupts.format_position(row["position"], row["unit"])
    return f"{row['mean']:.1%} ({_plain(row['interrupt'])} at {place})"


def _cell(rows: pd.DataFrame, key: tuple, scale: float, digits: int) -> tuple[str, str]:
    if key not in rows.index:
        return NONE, ""
    row = rows.loc[[key]].iloc[0]
    mean, low, high = (row[name] * scale for name in ("mean", "ci_low", "ci_high"))
    within = "" if pd.isna(low) or pd.isna(high) else f"{low:.{digits}f}–{high:.{digits}f}"
    return (NONE if pd.isna(mean) else f"{mean:.{digits}f}"), within


def _place(place: tuple[str, float]) -> tuple[int, float]:
    return list(interrupts.UNITS.values()).index(place[0]), place[1]


def _plain(name: str) -> str:
    return name.replace("_", " ")
