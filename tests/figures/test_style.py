"""Every figure: nothing overlaps, letters are readable, gaps and errors are told, and files repeat byte for byte."""

import itertools
import os
import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest

from lib import figures, paths, tables
from lib.figures import style
from tests.figures.frames import ALL, BY_CELL, FIVE, MODELS, SIX, WHOLE, cells

pytestmark = pytest.mark.usefixtures("paper_style")

SIZES = [  # models, interrupts, sources
    (MODELS, FIVE, ("tiny", "tiny-code")),
    (MODELS, ("end_thinking", "force_answer"), ("tiny",)),
    (["gpt-oss-20b", "magistral-small-2509", "qwen3-8b"], ("speed_up",), ("gsm8k", "math500")),
    (SIX, ALL, tuple(style.SOURCES)[2:]),
    (MODELS, (*ALL, *(f"control_number_{i}" for i in range(8))), ("tiny",)),
]
TWO_SIZES = [SIZES[0], (SIX, FIVE, ("tiny",))]
LAYOUTS = [(name, *size) for name in ("accuracy", "failures") for size in SIZES]
LAYOUTS += [(name, *size) for name in BY_CELL for size in TWO_SIZES]


def clashes(figure):
    """Pairs of texts that overlap, texts that leave the page, and panels below the legend."""
    figure.canvas.draw()
    shown = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    shown += [figure._supxlabel] if figure._supxlabel else []
    for ax in figure.axes:
        shown += [ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label, *ax.texts]
        for axis, (low, high) in ((ax.xaxis, sorted(ax.get_xlim())), (ax.yaxis, sorted(ax.get_ylim()))):
            shown += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    shown = {id(text): text for text in shown if text.get_visible() and text.get_text()}.values()
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown]
    page = figure.bbox
    out = [a for a, x in boxes if not (x.x0 >= page.x0 and x.x1 <= page.x1 and x.y0 >= page.y0 and x.y1 <= page.y1)]
    for legend in figure.legends:
        out += [ax.get_title() for ax in figure.axes if legend.get_window_extent().overlaps(ax.get_tightbbox())]
    return out + [(a, b) for (a, x), (b, y) in itertools.combinations(boxes, 2) if x.overlaps(y)]


def assert_printable(figure):
    assert clashes(figure) == []
    assert figure.get_figwidth() in (style.COLUMN, style.PAGE)
    assert min(text.get_fontsize() for text in figure.findobj(mpl.text.Text) if text.get_text()) >= 6.5
    assert figure.caption.endswith(".") and "nan" not in figure.caption.lower()


@pytest.mark.parametrize(("name", "models", "interrupts", "sources"), LAYOUTS)
def test_no_text_overlaps_or_leaves_the_page_whatever_the_size(name, models, interrupts, sources):
    assert_printable(BY_CELL[name](cells(models, interrupts, sources), models))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", WHOLE)
def test_no_text_overlaps_in_figures_of_the_judge_and_of_the_paper(name):
    figure = WHOLE[name]()
    assert_printable(figure)
    assert figure.get_figheight() < 9  # a page is not longer


@pytest.mark.parametrize("name", BY_CELL)
def test_an_empty_frame_and_a_missing_column_are_errors(name):
    with pytest.raises(ValueError, match="nothing to draw"):
        BY_CELL[name](cells().iloc[:0], MODELS)
    if name in ("accuracy", "failures", "length", "differences"):
        with pytest.raises(ValueError, match="missing columns: position"):
            BY_CELL[name](cells().drop(columns="position"), MODELS)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", BY_CELL)
def test_a_model_without_values_leaves_a_gap(name):
    frame = cells()
    values = frame.columns.difference(["model", "source", "interrupt", "unit", "position", "n_oracle"])
    frame[values] = frame[values].astype(float).mask(frame["model"].eq("tiny-lrm-s"))
    BY_CELL[name](frame, MODELS).canvas.draw()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", BY_CELL)
@pytest.mark.parametrize("text", ["$$", r"a$\x$", "$", r"\frac{", "a_b^c$1$"])
def test_a_name_is_shown_as_it_is_whatever_dollars_it_holds(name, text):
    frame = cells()
    for column in ("model", "source", "interrupt"):
        frame[column] = text + frame[column]
    figure = BY_CELL[name](frame, [text + model for model in MODELS])
    figure.canvas.draw()
    shown = [entry.get_text() for each in figure.legends for entry in each.get_texts()]
    shown += [label.get_text() for ax in figure.axes for label in ax.get_yticklabels()]
    assert any(text in one for one in [*shown, *(ax.get_title() for ax in figure.axes)])


def test_positions_of_two_units_do_not_share_an_axis():
    mixed = pd.concat([cells(), cells().assign(unit="tokens")])
    with pytest.raises(ValueError, match="expected positions of one unit, got share, tokens"):
        BY_CELL["accuracy"](mixed, MODELS)


@pytest.mark.parametrize("unit", style.POSITIONS)
@pytest.mark.parametrize("interrupts", [("update",), ALL])
def test_the_axis_says_what_a_position_counts(unit, interrupts):
    figure = BY_CELL["accuracy"](cells(interrupts=interrupts).assign(unit=unit), MODELS)
    assert figure._supxlabel.get_text().replace("\n", " ") == style.POSITIONS[unit]
    assert figures.slug("accuracy", unit) == ("accuracy" if unit == "share" else f"accuracy_{unit}")


def test_no_two_models_share_a_marker_and_every_colour_is_seen_on_white():
    def luminance(colour):
        parts = (p / 12.92 if p < 0.04 else ((p + 0.055) / 1.055) ** 2.4 for p in mpl.colors.to_rgb(colour))
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))

    assert len(set(style.MARKERS)) == len(style.MARKERS) == len(style.PALETTE)
    assert max(map(luminance, style.PALETTE)) < 0.5


# files

SCRIPT = """
import matplotlib; matplotlib.use("agg")
from tests.figures import frames
frames.figures.use_style()
for name, draw in frames.BY_CELL.items():
    frames.figures.save(draw(frames.cells(), frames.MODELS), "s", name)
"""


def test_two_runs_save_the_same_bytes(tmp_path):
    runs = []
    for seed in ("1", "2"):
        env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(paths.ROOT)}
        env[paths.OUTPUTS_VARIABLE] = str(tmp_path / seed)
        subprocess.run([sys.executable, "-c", SCRIPT], env=env, check=True)
        runs.append({p.name: p.read_bytes() for p in (tmp_path / seed / "s" / "figures").iterdir()})
    assert len(runs[0]) == 4 * len(BY_CELL)
    assert [name for name in runs[0] if runs[0][name] != runs[1][name]] == []


def test_saved_files_hold_text_as_text_no_date_and_the_caption_of_this_figure(outputs):
    figure = BY_CELL["accuracy"](cells(), MODELS)
    assert figures.save(figure, "s", "accuracy") is None
    folder = paths.figures("s")
    svg, pdf = (folder / "accuracy.svg").read_text(), (folder / "accuracy.pdf").read_bytes()
    assert ">tiny-lrm-s</text>" in svg and "dc:date" not in svg
    assert b"/Type3" not in pdf and b"CreationDate" not in pdf
    assert plt.imread(folder / "accuracy.png").shape[1] == round(figure.get_figwidth() * mpl.rcParams["savefig.dpi"])
    assert (folder / "accuracy.txt").read_text() == f"{figure.caption}\n"
    figures.save(plt.figure(), "s", "accuracy")
    assert not (folder / "accuracy.txt").exists()


def test_a_failed_save_leaves_the_old_file(outputs, monkeypatch):
    figure = BY_CELL["failures"](cells(), MODELS)
    figures.save(figure, "s", "bars")
    before = (paths.figures("s") / "bars.pdf").read_bytes()

    def full_disk(file, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure, "savefig", full_disk)
    with pytest.raises(tables.TableError, match="No space left on device"):
        figures.save(figure, "s", "bars")
    assert (paths.figures("s") / "bars.pdf").read_bytes() == before
    assert len(list(paths.figures("s").iterdir())) == 4
