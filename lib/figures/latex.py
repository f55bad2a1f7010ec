r"""Booktabs: small frames as tables for LaTeX, with rules above, below and under the head.

A table needs the packages booktabs and, if it is long, longtable; its text is escaped, so that it compiles whatever
the names in it are. Units stand in the heads, in brackets.
"""

import math
from collections.abc import Mapping
from numbers import Integral, Real

import pandas as pd

from lib import paths, tables

SPECIAL = {  # in text; each needs no package
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "\u2212": "$-$",
    "\u00d7": r"$\times$",
    "\u2013": "--",
}
ESCAPED = str.maketrans(SPECIAL)
MISSING = "--"  # a value that is undefined
LONG = 45  # rows that fit on a page
WIDE = 60  # characters of a text that is broken into lines
LETTERS = {"\n": " ", "\r": " ", "\t": " "}


def escape(text: str) -> str:
    """`text` for LaTeX, on one line; two special characters in a row stay two."""
    return "".join(LETTERS.get(letter, letter) for letter in text).translate(ESCAPED)


def table(
    frame: pd.DataFrame,
    caption: str = "",
    label: str = "",
    heads: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    digits: Mapping[str, int] | int = 1,
    scale: Mapping[str, float] | None = None,
) -> str:
    r"""A table environment (longtable, if there are more than `LONG` rows) of a frame's columns; the index is left out.

    Args:
        frame: one row of the table each; numbers stand right, texts left (long ones in lines), a null is a dash.
        caption: plain text, as from `lib.figures.captions`.
        label: by which LaTeX refers to it, `tab:` in front is not added.
        heads: what stands above a column in place of its name.
        units: what stands in brackets behind a head.
        digits: after the point, for all columns or by column; whole numbers have none.
        scale: what a column is multiplied by, 100 for shares in %.

    Raises:
        ValueError: no column, a column that stands twice, a name in an argument that is none, or a label with
            characters that LaTeX takes for its own.
    """
    _check(frame, label, heads, units, scale, digits)
    names = [str(name) for name in frame.columns]
    shown = [_head(name, (heads or {}).get(name, name.replace("_", " ")), units or {}) for name in names]
    sides = "".join(_side(frame[name]) for name in frame.columns)
    columns = [
        [
            _cell(value, (scale or {}).get(name, 1), digits if isinstance(digits, int) else digits.get(name, 1))
            for value in frame[name]
        ]
        for name in frame.columns
    ]
    rows = [" & ".join(row) + r" \\" for row in zip(*columns, strict=True)]
    head = " & ".join(shown) + r" \\"
    return (_long if len(rows) > LONG else _short)(sides, head, rows, _titled(caption, label))


def interval(frame: pd.DataFrame, value: str = "mean", low: str = "ci_low", high: str = "ci_high") -> pd.Series:
    """Values in percent with their intervals as text, `31.7 [23.3, 40.0]`; a null is null, a null end a dash.

    Raises:
        ValueError: a column is missing.
    """
    if absent := [name for name in (value, low, high) if name not in frame.columns]:
        raise ValueError(f"table: missing columns: {', '.join(absent)}")
    told = []
    for middle, below, above in frame[[value, low, high]].astype(float).itertuples(index=False):
        ends = [MISSING if math.isnan(end) else f"{100 * end:.1f}" for end in (below, above)]
        told.append(None if math.isnan(middle) else f"{100 * middle:.1f} [{', '.join(ends)}]")
    return pd.Series(told, index=frame.index, dtype=object)


def save(text: str, study: str, slug: str) -> None:
    """Store a table as `slug`.tex beside the study's figures.

    Raises:
        tables.TableError: a failed write.
    """
    with tables.atomic_write(paths.figures(study) / f"{slug}.tex") as file:
        file.write(text.encode())


def _check(frame: pd.DataFrame, label: str, *named: object) -> None:
    if not len(frame.columns):
        raise ValueError("table: no columns, expected at least one")
    if frame.columns.has_duplicates:
        raise ValueError(f"table: column {frame.columns[frame.columns.duplicated()][0]}: stands twice, expected once")
    for given in named:
        unknown = sorted(set(given) - set(frame.columns)) if isinstance(given, Mapping) else []
        if unknown:
            raise ValueError(f"table: column {unknown[0]}: not in the frame, which has {', '.join(map(str, frame))}")
    if strange := sorted(set(label) & set(SPECIAL) - {"_"}):
        raise ValueError(f"table: label {label!r}: expected no {strange[0]!r}")


def _head(name: str, text: str, units: Mapping[str, str]) -> str:
    text = escape(text)
    return f"{text} ({escape(units[name])})" if name in units else text


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _side(column: pd.Series) -> str:
    if _is_number(column):
        return "r"
    return r"p{0.4\linewidth}" if column.dropna().astype(str).str.len().max() > WIDE else "l"


def _cell(value: object, scale: float, digits: int) -> str:
    if pd.isna(value):
        return MISSING
    if isinstance(value, bool) or not isinstance(value, Real):
        return _guarded(escape(str(value)))
    if isinstance(value, Integral) and scale == 1:
        return escape(f"{value}")
    text = f"{float(value) * scale:.{digits}f}"
    return f"$-${text[1:]}" if text.startswith("-") and float(text) else text.removeprefix("-")


def _guarded(text: str) -> str:
    r"""A cell that begins with [ or * would be taken for an argument of the \\ before it."""
    return f"{{}}{text}" if text[:1] in ("[", "*") else text


def _titled(caption: str, label: str) -> list[str]:
    return [*([rf"\caption{{{escape(caption)}}}"] if caption else []), *([rf"\label{{{label}}}"] if label else [])]


def _short(sides: str, head: str, rows: list[str], titled: list[str]) -> str:
    body = [rf"\begin{{tabular}}{{{sides}}}", r"\toprule", head, r"\midrule", *rows, r"\bottomrule", r"\end{tabular}"]
    return "\n".join([r"\begin{table}", r"\centering", *titled, *body, r"\end{table}", ""])


def _long(sides: str, head: str, rows: list[str], titled: list[str]) -> str:
    r"""The head stands on every page; a caption of longtable ends its line with \\."""
    first = ["".join(titled) + r" \\"] if titled else []
    top = [r"\toprule", head, r"\midrule"]
    begin = [rf"\begin{{longtable}}{{{sides}}}", *first, *top, r"\endfirsthead", *top, r"\endhead"]
    return "\n".join([*begin, r"\bottomrule", r"\endlastfoot", *rows, r"\end{longtable}", ""])
