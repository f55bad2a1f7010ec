r"""Booktabs: that a table is well-formed LaTeX whatever stands in it, and holds each value of its frame."""

import re

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
    depth = 0
    for letter in plain:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0 and plain.count("$") % 2 == 0
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
    rows = [
        line for line in text.splitlines() if line.endswith(r"\\") and not line.startswith((r"\caption", r"\label"))
    ]
    split = [re.split(r"(?<!\\)&", row.removesuffix(r"\\")) for row in rows]
    assert {len(row) for row in split} == {width}
    return [[cell.strip() for cell in row] for row in split]


FRAME = pd.DataFrame(
    {
        "model": ["tiny_s", HOSTILE],
        "mean": [0.3166, NAN],
        "n": [120, 7],
        "change": [-0.5, -0.0001],
        "why": [None, "[a]"],
    }
)


def test_a_table_holds_its_frame_with_units_in_the_heads():
    text = latex.table(FRAME[["model", "mean", "n"]], units={"mean": "%"}, scale={"mean": 100}, heads={"n": "rows"})
    head, first, second = cells_of(text)
    assert head == ["model", r"mean (\%)", "rows"]
    assert first == [r"tiny\_s", "31.7", "120"]
    assert second[1:] == ["--", "7"]
    assert r"\begin{tabular}{lrr}" in text and text.index(r"\toprule") < text.index(r"\midrule")


def test_hostile_names_captions_and_heads_stay_text():
    frame = pd.DataFrame({HOSTILE: [HOSTILE, "line\nbreak"]})
    text = latex.table(frame, HOSTILE, "tab:a_b", units={HOSTILE: HOSTILE})
    rows = cells_of(text)
    assert rows[1] == [latex.escape(HOSTILE)] and rows[2] == ["line break"]
    assert r"\label{tab:a_b}" in text


@pytest.mark.parametrize("letter", [*latex.SPECIAL, "\n"])
def test_each_special_letter_is_escaped_alone_and_doubled(letter):
    for text in (letter, 2 * letter, f"a{letter}b", f"\\{letter}"):
        cells_of(latex.table(pd.DataFrame({"x": [text]}), caption=text))


def test_a_long_text_is_broken_into_lines():
    frame = pd.DataFrame({"short": ["a" * latex.WIDE, None], "long": [None, "b " * latex.WIDE], "n": [1, 2]})
    assert r"\begin{tabular}{lp{0.4\linewidth}r}" in latex.table(frame)


def test_a_minus_is_a_minus_and_a_zero_has_none():
    rows = cells_of(latex.table(FRAME[["change"]], digits=2))
    assert [row[0] for row in rows] == ["change", "$-$0.50", "0.00"]


def test_a_cell_in_brackets_is_no_argument_of_the_row_before():
    assert cells_of(latex.table(FRAME[["why"]]))[1:] == [["--"], ["{}[a]"]]


def test_digits_may_differ_by_column():
    frame = pd.DataFrame({"a": [0.123456], "b": [0.123456]})
    assert cells_of(latex.table(frame, digits={"a": 3}))[1] == ["0.123", "0.1"]


@pytest.mark.parametrize("caption", ["", "What it shows."])
def test_a_long_table_repeats_its_head_on_each_page(caption):
    frame = pd.DataFrame({"x": range(latex.LONG + 1), "name": "a_b"})
    text = latex.table(frame, caption, "tab:long" if caption else "")
    rows = cells_of(text)
    assert rows[0] == rows[1] == ["x", "name"] and len(rows) == latex.LONG + 3
    assert r"\endfirsthead" in text and r"\endhead" in text and r"\endlastfoot" in text
    assert (r"\caption{What it shows.}\label{tab:long} \\" in text) == bool(caption)


def test_an_interval_stands_behind_its_value():
    frame = pd.DataFrame({"mean": [0.3166, 0.5, NAN], "ci_low": [0.2333, NAN, NAN], "ci_high": [0.4, NAN, NAN]})
    assert latex.interval(frame).tolist() == ["31.7 [23.3, 40.0]", "50.0 [--, --]", None]
    with pytest.raises(ValueError, match="table: missing columns: ci_high"):
        latex.interval(frame.drop(columns="ci_high"))


@pytest.mark.parametrize(
    ("frame", "how", "told"),
    [
        (pd.DataFrame(), {}, "no columns"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), {}, "column a: stands twice"),
        (FRAME, {"units": {"mena": "%"}}, "column mena: not in the frame"),
        (FRAME, {"digits": {"mena": 1}}, "column mena: not in the frame"),
        (FRAME, {"label": "a%b"}, "expected no '%'"),
    ],
)
def test_what_makes_no_table_is_refused_in_one_line(frame, how, told):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        latex.table(frame, **how)
    assert told in str(caught.value)


def test_a_table_lies_beside_the_figures_and_repeats(outputs):
    for study in ("a", "b"):
        latex.save(latex.table(FRAME, "Caption"), study, "accuracy")
    first, second = (paths.figures(study) / "accuracy.tex" for study in ("a", "b"))
    assert first.read_bytes() == second.read_bytes() and len(first.read_bytes()) > 100
