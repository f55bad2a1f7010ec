"""Numbers that Wu et al. (arXiv 2510.11713) published, from `params/published`, and our rows beside them.

| column | meaning |
|---|---|
| figure | published figure that shows the number, by the name of its file; `text` if a sentence says it |
| model, benchmark, interrupt | published names, empty where a sentence names none; `names.csv` says which are ours |
| position | share of the thinking that was kept; empty for full thinking |
| metric, relation, value, unit | what was measured; = ~ <= or >=; in %, characters, rows or times |
| ci_low, ci_high | published interval, 95 % |
| source | address of the page that shows it |
| precision, how | printed or read off; text, second hand, vector (paths), pixels, arithmetic (ours, on the others) |
| standing | stands; superseded by a later figure; stale (of superseded data); variant (computed otherwise) |
| note | what else must be known to use it |
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtri

from lib import paths

FOLDER = paths.PARAMS / "published"
FLOATS = ("position", "value", "ci_low", "ci_high", "rows")
SCALE = {"%": 0.01, "characters": 1.0, "rows": 1.0, "times": 1.0}
FULL, REVISED = "full thinking", "full thinking, revised"
TEXT = "text"  # what a sentence says may name something no figure shows
CELL = ["model", "benchmark", "interrupt", "position"]


def load() -> pd.DataFrame:
    """All published numbers, in the order of the files: the columns above, nulls where a cell is empty."""
    files = sorted(file for file in FOLDER.glob("*.csv") if file.name != "names.csv")
    return pd.concat([_read(file) for file in files], ignore_index=True)


def names() -> pd.DataFrame:
    """Which of our names a published one is: kind, published, ours, task (of a benchmark), rows (graded), note.

    A kind is model, benchmark or interrupt. A benchmark of several of our sources has a row for each.
    """
    return _read(FOLDER / "names.csv")


def figures(published: pd.DataFrame, standing: tuple[str, ...] = ("stands",)) -> pd.DataFrame:
    """The rows that figures show, of the given standing; values that were in % are shares.

    By default stale numbers are left out too: no later figure shows them, but they come from data that was replaced.
    """
    kept = published[published["figure"].ne(TEXT) & published["standing"].isin(standing)]
    scale = kept["unit"].map(SCALE)
    return kept.assign(**{name: kept[name] * scale for name in ("value", "ci_low", "ci_high")})


def canonical(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of a study by the published names of model and benchmark (own names where there is none).

    Adds benchmark; an interrupt that is null, full thinking, gets its published name.
    """
    maps = {kind: dict(part[["ours", "published"]].to_numpy()) for kind, part in names().groupby("kind")}
    return frame.assign(
        model=frame["model"].replace(maps["model"]),
        benchmark=frame["source"].replace(maps["benchmark"]),
        interrupt=frame["interrupt"].fillna(FULL),
    )


def our_interrupts(values: pd.Series) -> pd.Series:
    """Our names of published interrupts; those without one stay."""
    known = names().query("kind == 'interrupt'")
    return values.replace(dict(known[["published", "ours"]].to_numpy()))


def beside(ours: pd.DataFrame, published: pd.DataFrame, metric: str = "accuracy") -> pd.DataFrame:
    """Our means and the published ones of one metric in one frame, for filled and hollow markers.

    Args:
        ours: model, source, interrupt, unit, position, mean, ci_low, ci_high, n, as from `stats.accuracy`; positions
            that are not plain shares are left out.
        published: from `load`.
        metric: which published metric `ours` is.

    Returns one row per model, benchmark, interrupt (our name, or full thinking) and position that either has: mean,
    ci_low, ci_high, n; published, published_low, published_high, how; and where (both, study, published). Sources that
    are one published benchmark are pooled by their rows; as their problems differ, the halves of their intervals add up
    in squares. Where no interval was published, that of a share is p +- 1.96 sqrt(p (1 - p) / rows): it takes repeats
    for independent, as the published bands do, and is too narrow for AIME.

    Raises:
        ValueError: `metric` was not published, or a column of `ours` is missing.
    """
    needed = ["model", "source", "interrupt", "unit", "position", "mean", "ci_low", "ci_high", "n"]
    if missing := [name for name in needed if name not in ours.columns]:
        raise ValueError(f"our rows: missing columns {', '.join(missing)}")
    shares = ours[ours["unit"].isna() | ours["unit"].eq("share")]
    joined = _pooled(canonical(shares)).merge(_published(published, metric), on=CELL, how="outer", indicator="where")
    joined["where"] = joined["where"].astype(str).replace({"left_only": "study", "right_only": "published"})
    return joined.sort_values(CELL, ignore_index=True)


def _published(published: pd.DataFrame, metric: str) -> pd.DataFrame:
    rows = figures(published)
    rows = rows[rows["metric"].eq(metric)]
    if rows.empty:
        known = ", ".join(published["metric"].unique())
        raise ValueError(f"metric {metric}: not published, expected one of {known}")
    graded = names().dropna(subset="rows").drop_duplicates("published").set_index("published")["rows"]
    rows = rows.assign(interrupt=our_interrupts(rows["interrupt"]), rows=rows["benchmark"].map(graded))
    if metric == "accuracy":
        half = ndtri(0.975) * np.sqrt(rows["value"] * (1 - rows["value"]) / rows["rows"])
        rows["ci_low"] = rows["ci_low"].fillna((rows["value"] - half).clip(lower=0))
        rows["ci_high"] = rows["ci_high"].fillna((rows["value"] + half).clip(upper=1))
    new = {"value": "published", "ci_low": "published_low", "ci_high": "published_high"}
    return rows.rename(columns=new)[[*CELL, *new.values(), "how"]].drop_duplicates(CELL)


def _pooled(rows: pd.DataFrame) -> pd.DataFrame:
    total = rows.groupby(CELL, dropna=False)["n"].transform("sum")
    weight = rows["n"] / total.where(total > 0)
    parts = rows[CELL].assign(
        mean=rows["mean"] * weight,
        below=((rows["mean"] - rows["ci_low"]) * weight) ** 2,
        above=((rows["ci_high"] - rows["mean"]) * weight) ** 2,
        n=rows["n"],
    )
    sums = parts.groupby(CELL, dropna=False).sum(skipna=False).reset_index()
    sums["ci_low"] = sums["mean"] - np.sqrt(sums["below"])
    sums["ci_high"] = sums["mean"] + np.sqrt(sums["above"])
    return sums[[*CELL, "mean", "ci_low", "ci_high", "n"]]


def _read(file: Path) -> pd.DataFrame:
    """A CSV file of texts and `FLOATS`; an empty cell is null, and no word is."""
    frame = pd.read_csv(file, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8")
    return frame.astype({name: float for name in FLOATS if name in frame.columns})
