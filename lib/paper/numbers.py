"""Reported numbers: what Wu et al. (arXiv 2510.11713) published, from `params/published`, and our rows beside them.

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

from lib import paths

COLUMNS = ["figure", "model", "benchmark", "interrupt", "position", "metric", "relation", "value", "unit"]
COLUMNS += ["ci_low", "ci_high", "source", "precision", "how", "standing", "note"]
NUMBERS = ("position", "value", "ci_low", "ci_high")
NEEDED = ("figure", "metric", "value", "source")
ALLOWED = {
    "relation": ("=", "~", "<=", ">="),
    "unit": ("%", "characters", "rows", "times"),
    "precision": ("printed", "read off"),
    "how": ("text", "second hand", "vector", "pixels", "arithmetic"),
    "standing": ("stands", "superseded", "stale", "variant"),
}
KEY = ["figure", "model", "benchmark", "interrupt", "position", "metric", "standing"]
NAMES = ["kind", "published", "ours", "task", "rows", "note"]
KINDS = ("model", "benchmark", "interrupt")
SCALE = {"%": 0.01, "characters": 1.0, "rows": 1.0, "times": 1.0}

FULL, REVISED = "full thinking", "full thinking, revised"
TEXT = "text"  # what a sentence says may name something no figure shows
CELL = ["model", "benchmark", "interrupt", "position"]
Z = 1.959964  # of a two-sided 95 % normal interval


class ReportedError(ValueError):
    """Published numbers that cannot be read or joined; its text is one line."""


def load(folder: Path | None = None) -> pd.DataFrame:
    """All published numbers, in the order of the files: the columns above, nulls where a cell is empty.

    `folder` holds the CSV files, by default `params/published`.

    Raises:
        ReportedError: no file, a wrong header, a value of the wrong kind, a name that `names.csv` lacks, or a number
            that stands twice; told with file and line.
    """
    folder = folder or paths.PARAMS / "published"
    files = sorted(file for file in folder.glob("*.csv") if file.name != "names.csv")
    if not files:
        raise ReportedError(f"{paths.show(folder)}: no CSV file, expected published numbers")
    known = names(folder)
    frame = pd.concat([_checked(file, known) for file in files], ignore_index=True)
    if (twice := frame[frame["figure"].ne(TEXT)].duplicated(KEY)).any():
        row = frame.loc[twice.index[twice][0]]
        told = " ".join(str(row[name]) for name in KEY if pd.notna(row[name]))
        raise ReportedError(f"{paths.show(folder)}: {told}: stands twice, expected once")
    return frame


def names(folder: Path | None = None) -> pd.DataFrame:
    """Which of our names a published one is: kind, published, ours, task (of a benchmark), rows (graded), note.

    A benchmark of several of our sources has a row for each.

    Raises:
        ReportedError: the file is missing, or a row is not as expected; told with file and line.
    """
    file = (folder or paths.PARAMS / "published") / "names.csv"
    frame = _read(file, NAMES)
    for i, row in enumerate(frame.to_dict("records"), 2):
        if row["kind"] not in KINDS or pd.isna(row["published"]) or pd.isna(row["ours"]):
            expected = f"a kind ({', '.join(KINDS)}), a published name and ours"
            raise ReportedError(f"{paths.show(file)}:{i}: expected {expected}")
    return frame.assign(rows=_numbers(frame, "rows", file))


def figures(frame: pd.DataFrame, standing: tuple[str, ...] = ("stands",)) -> pd.DataFrame:
    """The rows of `frame` that figures show, of the given standing; values that were in % are shares.

    By default stale numbers are left out too: no later figure shows them, but they come from data that was replaced.
    """
    kept = frame[frame["figure"].ne(TEXT) & frame["standing"].isin(standing)]
    scale = kept["unit"].map(SCALE)
    return kept.assign(**{name: kept[name] * scale for name in ("value", "ci_low", "ci_high")})


def canonical(frame: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Rows of a study by the published names of model and benchmark (own names where there is none).

    Adds benchmark; an interrupt that is null, full thinking, gets its published name.
    """
    maps = {kind: dict(part[["ours", "published"]].to_numpy()) for kind, part in known.groupby("kind")}
    return frame.assign(
        model=frame["model"].replace(maps.get("model", {})),
        benchmark=frame["source"].replace(maps.get("benchmark", {})),
        interrupt=frame["interrupt"].fillna(FULL),
    )


def beside(
    ours: pd.DataFrame, published: pd.DataFrame, metric: str = "accuracy", known: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Our means and the published ones of one metric in one frame, for filled and hollow markers.

    Args:
        ours: model, source, interrupt, unit, position, mean, ci_low, ci_high, n, as from `stats.accuracy`; positions
            that are not plain shares are left out.
        published: from `load`.
        metric: which published metric `ours` is.
        known: from `names`, which is also the default.

    Returns one row per model, benchmark, interrupt (our name, or full thinking) and position that either has: mean,
    ci_low, ci_high, n; published, published_low, published_high, how; and where (both, study, published). Sources that
    are one published benchmark are pooled by their rows; as their problems differ, the halves of their intervals add up
    in squares. Where no interval was published, that of a share is p +- 1.96 sqrt(p (1 - p) / rows): it takes repeats
    for independent, as the published bands do, and is too narrow for AIME.

    Raises:
        ReportedError: `metric` was not published, or a column of `ours` is missing.
    """
    needed = ["model", "source", "interrupt", "unit", "position", "mean", "ci_low", "ci_high", "n"]
    if missing := [name for name in needed if name not in ours.columns]:
        raise ReportedError(f"our rows: missing columns {', '.join(missing)}")
    known = names() if known is None else known
    theirs = _theirs(published, metric, known)
    shares = ours[ours["unit"].isna() | ours["unit"].eq("share")]
    mine = _pooled(canonical(shares, known).reset_index(drop=True))
    joined = mine.merge(theirs, on=CELL, how="outer", indicator="where")
    joined["where"] = joined["where"].astype(str).replace({"left_only": "study", "right_only": "published"})
    return joined.sort_values(CELL, ignore_index=True)


def _theirs(published: pd.DataFrame, metric: str, known: pd.DataFrame) -> pd.DataFrame:
    rows = figures(published)
    rows = rows[rows["metric"].eq(metric)]
    if rows.empty:
        raise ReportedError(
            f"metric {metric}: not published, expected one of {', '.join(published['metric'].unique())}"
        )
    graded = known[known["kind"].eq("benchmark")].drop_duplicates("published").set_index("published")["rows"]
    rows = rows.assign(interrupt=ours_of(rows["interrupt"], "interrupt", known), rows=rows["benchmark"].map(graded))
    if metric == "accuracy":
        half = Z * np.sqrt(rows["value"] * (1 - rows["value"]) / rows["rows"])
        rows["ci_low"] = rows["ci_low"].fillna((rows["value"] - half).clip(lower=0))
        rows["ci_high"] = rows["ci_high"].fillna((rows["value"] + half).clip(upper=1))
    new = {"value": "published", "ci_low": "published_low", "ci_high": "published_high"}
    return rows.rename(columns=new)[[*CELL, *new.values(), "how"]].drop_duplicates(CELL)


def ours_of(values: pd.Series, kind: str, known: pd.DataFrame) -> pd.Series:
    """Our names of published ones; those without one stay."""
    return values.replace(dict(known.loc[known["kind"].eq(kind), ["published", "ours"]].to_numpy()))


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


def _checked(file: Path, known: pd.DataFrame) -> pd.DataFrame:
    frame = _read(file, COLUMNS)
    for name in NUMBERS:
        frame[name] = _numbers(frame, name, file)
    for name in NEEDED:
        _refuse(file, frame[name].isna(), f"{name}: empty, expected a value")
    for name, values in ALLOWED.items():
        _refuse(file, ~frame[name].isin(values), f"{name}: expected one of {', '.join(values)}", frame[name])
    _refuse(
        file,
        frame["position"].notna() & ~frame["position"].between(0, 1),
        "position: expected a share",
        frame["position"],
    )
    drawn = frame["figure"].ne(TEXT)
    for kind in KINDS:
        listed = [*known.loc[known["kind"].eq(kind), "published"], *((FULL, REVISED) if kind == "interrupt" else ())]
        _refuse(file, drawn & ~frame[kind].isin(listed), f"{kind}: expected a published name of names.csv", frame[kind])
    return frame


def _refuse(file: Path, bad: pd.Series, what: str, got: pd.Series | None = None) -> None:
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        told = "" if got is None else f", got {got.iloc[i]}"
        raise ReportedError(f"{paths.show(file)}:{i + 2}: {what}{told}")


def _numbers(frame: pd.DataFrame, name: str, file: Path) -> pd.Series:
    values = pd.to_numeric(frame[name], errors="coerce").astype(float)
    bad = (values.isna() & frame[name].notna()) | np.isinf(values)
    _refuse(file, bad, f"{name}: expected a number", frame[name])
    return values


def _read(file: Path, columns: list[str]) -> pd.DataFrame:
    """A CSV file as texts; an empty cell is null, and no word is."""
    try:
        frame = pd.read_csv(file, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise ReportedError(f"{paths.show(file)}: cannot be read ({reason}), expected a table") from error
    if list(frame.columns) != columns:
        raise ReportedError(f"{paths.show(file)}:1: expected the columns {', '.join(columns)}")
    return frame
