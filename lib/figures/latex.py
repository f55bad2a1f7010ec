r"""Small frames as LaTeX tables, with rules above, below and under the head.

A table needs the packages booktabs and, if it is long, longtable; its text is escaped, so that it compiles whatever
the names in it are.
"""

import math

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
ESCAPED = str.maketrans(SPECIAL | dict.fromkeys("\n\r\t", " "))
MISSING = "--"  # a value that is undefined
LONG = 45  # rows that fit on a page
WIDE = 60  # characters of a text that is broken into lines


def escape(text: str) -> str:
    """`text` for LaTeX, on one line; two special characters in a row stay two."""
    return text.translate(ESCAPED)


def table(frame: pd.DataFrame, caption: str = "", label: str = "", digits: int = 1) -> str:
    r"""A table environment (longtable, if there are more than `LONG` rows) of a frame's columns; the index is left out.

    Args:
        frame: one row of the table each; numbers stand right, texts left (long ones in lines), a null is a dash.
        caption: plain text.
        label: by which LaTeX refers to it; `tab:` in front is not added.
        digits: after the point; whole numbers have none.

    Raises:
        ValueError: no column.
    """
    if not len(frame.columns):
        raise ValueError("table: no columns, expected at least one")
    styler = frame.reset_index(drop=True).style.hide(axis="index")
    styler = styler.format(lambda value: _cell(value, digits), na_rep=MISSING)
    styler = styler.format_index(lambda name: escape(name.replace("_", " ")), axis="columns")
    return styler.to_latex(
        hrules=True,
        column_format="".join(_side(frame[name]) for name in frame.columns),
        caption=escape(caption) or None,
        label=label or None,
        environment="longtable" if len(frame) > LONG else None,
        position_float=None if len(frame) > LONG else "centering",
    )


def interval(frame: pd.DataFrame, value: str = "mean") -> pd.Series:
    """Values in percent with their intervals (ci_low, ci_high) as text, `31.7 [23.3, 40.0]`.

    A null is null, a null end a dash.
    """
    texts = []
    for middle, low, high in frame[[value, "ci_low", "ci_high"]].astype(float).itertuples(index=False):
        ends = [MISSING if math.isnan(end) else f"{100 * end:.1f}" for end in (low, high)]
        texts.append(None if math.isnan(middle) else f"{100 * middle:.1f} [{', '.join(ends)}]")
    return pd.Series(texts, index=frame.index, dtype=object)


def save(text: str, study: str, slug: str) -> None:
    """Store a table as `slug`.tex beside the study's figures.

    Raises:
        TableError: a failed write.
    """
    with tables.atomic_write(paths.figures(study) / f"{slug}.tex") as file:
        file.write(text.encode())


def _side(column: pd.Series) -> str:
    """Of a column in the table's format: numbers stand right, long texts are broken."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return "r"
    return r"p{0.4\linewidth}" if column.dropna().astype(str).str.len().max() > WIDE else "l"


def _cell(value: object, digits: int) -> str:
    if pd.api.types.is_float(value):
        text = f"{value:.{digits}f}"
        return f"$-${text[1:]}" if text.startswith("-") and float(text) else text.removeprefix("-")
    text = escape(str(value))
    # what begins with [ or * would be taken for an argument of the \\ before it
    return f"{{}}{text}" if text.startswith(("[", "*")) else text
