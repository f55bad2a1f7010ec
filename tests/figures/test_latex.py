r"""LaTeX: that a table is well-formed LaTeX whatever stands in it, and holds each value of its frame."""

import re

import numpy as np
import pandas as pd
import pytest

from lib import paths
from lib.figures import latex

NAN = float("nan")
HOSTILE = r"a_b & 50% #1 $x$ {y} \par ~ ^ <z> |w| " + '"q"'


def cells_of(text: str) -> list[list[str]]:
    """Cells of the body; fails where the text is no table that TeX would read.

    Braces pair off, environments nest, no special character stands bare, `$` come in pairs, and every row has as many
    cells as the head has columns and ends in two backslashes.
    """
    plain = re.sub(r"\\[\\{}$&%#_]", "", text)
    depths = np.cumsum([{"{": 1, "}": -1}.get(letter, 0) for letter in plain])
    assert depths.min() == depths[-1] == 0 and plain.count("$") % 2 == 0
    assert not re.search(r"[%#~^<>|\"]", plain)
    assert not re.search(r"_", re.sub(r"\\label\{[^}]*\}", "", plain))
    assert text.isascii()
    open_ = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            open_.append(name)
        else:
            assert open_.pop() == name
    assert open_ == []
    width = len(re.search(r"\\begin\{(?:tabular|longtable)\}\{([lr]+)\}", text)[1])
    other = (r"\caption", r"\label", r"\multicolumn")
    rows = [line for line in text.splitlines() if line.endswith(r"\\") and not line.startswith(other)]
    split = [re.split(r"(?<!\\)&", row.removesuffix(r"\\")) for row in rows]
    assert {len(row) for row in split} == {width}
    return [[cell.strip() for cell in row] for row in split]


FRAME = pd.DataFrame(
    [["tiny_s", 0.3166, 120, -0.5, None], [HOSTILE, NAN, 7, -0.0001, "[a]"]],
    columns=["model_name", "mean", "n", "change", "why"],
)


def test_a_table_holds_its_frame():
    text = latex.table(FRAME, "What it shows", "tab:a_b", digits=2)
    head, first, second = cells_of(text)
    assert head == ["model name", "mean", "n", "change", "why"]
    assert first == [r"tiny\_s", "0.32", "120", "$-$0.50", "--"]
    assert second == [latex.escape(HOSTILE), "--", "7", "0.00", "{}[a]"]  # [ is no argument of the \\ before it
    assert r"\begin{tabular}{lrrrl}" in text and text.index(r"\toprule") < text.index(r"\midrule")
    assert r"\caption{What it shows}" in text and r"\label{tab:a_b}" in text


@pytest.mark.parametrize("letter", [*latex.SPECIAL, "\n"])
def test_each_special_letter_is_escaped_alone_and_doubled(letter):
    for text in (letter, 2 * letter, f"a{letter}b", f"\\{letter}", HOSTILE):
        rows = cells_of(latex.table(pd.DataFrame({text: [text]}), caption=text))
        assert rows[1] == [latex.escape(text).strip()]


@pytest.mark.parametrize("caption", ["", "What it shows."])
def test_a_long_table_repeats_its_head_on_each_page(caption):
    frame = pd.DataFrame({"x": range(latex.LONG + 1), "name": "a_b"})
    text = latex.table(frame, caption, "tab:long" if caption else "")
    rows = cells_of(text)
    assert rows[0] == rows[1] == ["x", "name"] and len(rows) == latex.LONG + 3
    assert all(mark in text for mark in (r"\endfirsthead", r"\endhead", r"\endlastfoot"))
    assert (r"\caption{What it shows.} \label{tab:long} \\" in text) == bool(caption)


def test_an_interval_stands_behind_its_value_and_a_long_text_is_broken_into_lines():
    frame = pd.DataFrame({"mean": [0.3166, 0.5, NAN], "ci_low": [0.2333, NAN, NAN], "ci_high": [0.4, NAN, NAN]})
    assert latex.interval(frame).tolist() == ["31.7 [23.3, 40.0]", "50.0 [--, --]", None]
    frame = pd.DataFrame({"short": ["a" * latex.WIDE, None], "long": [None, "b " * latex.WIDE], "n": [1, 2]})
    assert r"\begin{tabular}{lp{0.4\linewidth}r}" in latex.table(frame)
    with pytest.raises(ValueError, match="table: no columns"):
        latex.table(pd.DataFrame())


def test_a_table_lies_beside_the_figures(outputs):
    latex.save(latex.table(FRAME, "Caption"), "a", "accuracy")
    assert (paths.figures("a") / "accuracy.tex").read_text() == latex.table(FRAME, "Caption")
