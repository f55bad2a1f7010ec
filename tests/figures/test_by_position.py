"""Figures: what they show, that nothing in them overlaps, and that they are saved the same each time."""

import itertools
import os
import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest

from lib import paths, tables
from lib.figures import by_position, style

MODELS = ["tiny-lrm-s", "tiny-lrm-m"]
POSITIONS = [0.1, 0.3, 0.5, 0.7, 0.9]


def cells(models=MODELS, interrupts=tuple(style.INTERRUPTS), sources=("tiny",)):
    rows = []
    for i, (source, model, interrupt, position) in enumerate(itertools.product(sources, models, interrupts, POSITIONS)):
        mean = 0.2 + 0.7 * position - 0.01 * (i % 7)
        rows.append(
            {
                "model": model,
                "source": source,
                "interrupt": interrupt,
                "unit": "share",
                "position": position,
                "mean": mean,
                "ci_low": mean - 0.05,
                "ci_high": mean + 0.05,
                "new_error_rate": 1 - mean,
                "attributed_rate": (1 - mean) / 3,
                "length_ratio": 4 - 3.8 * position,
            }
        )
    return pd.DataFrame(rows)


def full(models=MODELS, sources=("tiny",)):
    rows = [(model, source, 0.8 + 0.02 * i) for source in sources for i, model in enumerate(models)]
    return pd.DataFrame(rows, columns=["model", "source", "mean"])


DRAW = {
    "accuracy": lambda frame, models: by_position.accuracy_by_position(frame, full(models), models),
    "tokens": lambda frame, models: by_position.tokens_by_position(frame, full(models), models),
    "failures": lambda frame, models: by_position.failure_bars(frame, models),
    "length": lambda frame, models: by_position.length_ratio_by_position(frame, models),
}


pytestmark = pytest.mark.usefixtures("paper_style")


def texts(figure):
    """Every text that is drawn, with the box it fills on the page."""
    figure.canvas.draw()
    shown = [*figure.texts, figure._supxlabel, *figure.legends[0].get_texts()]
    for ax in figure.axes:
        shown += [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts]
        for axis, (low, high) in ((ax.xaxis, sorted(ax.get_xlim())), (ax.yaxis, sorted(ax.get_ylim()))):
            shown += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    shown = {id(text): text for text in shown if text.get_visible() and text.get_text()}.values()
    return [(text.get_text(), text.get_window_extent()) for text in shown]


SIZES = [
    (MODELS, tuple(style.INTERRUPTS)[:5], ("tiny",)),
    (MODELS, tuple(style.INTERRUPTS)[:5], ("tiny", "tiny-code")),
    (MODELS, ("end_thinking", "force_answer"), ("tiny",)),
    (["gpt-oss-20b", "magistral-small-2509", "qwen3-8b"], ("speed_up",), ("gsm8k", "math500")),
    ([f"a-model-of-size-{i}" for i in range(6)], tuple(style.INTERRUPTS), tuple(style.SOURCES)[2:]),
    (MODELS, (*style.INTERRUPTS, *(f"control_number_{i}" for i in range(8))), ("tiny",)),
]


@pytest.mark.parametrize("name", DRAW)
@pytest.mark.parametrize(("models", "interrupts", "sources"), SIZES)
def test_no_text_overlaps_another_or_leaves_the_page(name, models, interrupts, sources):
    figure = DRAW[name](cells(models, interrupts, sources), models)
    boxes = texts(figure)
    page = figure.bbox
    for _, box in boxes:
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
    clashes = [(a, b) for (a, x), (b, y) in itertools.combinations(boxes, 2) if x.overlaps(y)]
    assert clashes == []
    legend = figure.legends[0].get_window_extent()
    assert not any(legend.overlaps(ax.get_tightbbox()) for ax in figure.axes)


@pytest.mark.parametrize("name", DRAW)
def test_is_drawn_at_printed_size_with_readable_letters(name):
    figure = DRAW[name](cells(interrupts=tuple(style.INTERRUPTS)[:5]), MODELS)
    assert figure.get_figwidth() == style.PAGE
    assert min(text.get_fontsize() for text in figure.findobj(mpl.text.Text) if text.get_text()) >= 6.5
    assert DRAW[name](cells(interrupts=["speed_up"]), MODELS).get_figwidth() == style.COLUMN


def test_panels_follow_the_order_of_interrupts_and_share_an_axis():
    frame = cells(interrupts=("zzz_last", "update", "end_thinking"))
    figure = by_position.accuracy_by_position(frame, full())
    assert [ax.get_title() for ax in figure.axes] == ["End thinking", "Update", "Zzz last"]
    assert len({ax.get_ylim() for ax in figure.axes}) == 1


def test_every_source_has_rows_of_its_own_with_its_own_reference_and_axis():
    sources = ("tiny-code", "tiny", "zoo")
    frame = cells(interrupts=("update", "end_thinking"), sources=sources)
    frame.loc[frame["source"].eq("tiny-code"), ["mean", "ci_low", "ci_high"]] *= 200
    reference = full(sources=sources)
    reference.loc[reference["source"].eq("tiny-code"), "mean"] = 300
    figure = by_position.tokens_by_position(frame, reference, MODELS)
    assert [ax.get_ylabel() for ax in figure.axes[::2]] == [
        "word problems\ntokens after interrupt",
        "programs\ntokens after interrupt",
        "zoo\ntokens after interrupt",
    ]
    assert [ax.get_title() for ax in figure.axes] == ["End thinking", "Update"] * 3
    tops = [ax.get_ylim()[1] for ax in figure.axes]
    assert tops[2] > 100 > max(tops[0], tops[4]) and tops[0] == tops[1]
    drawn = figure.axes[2].lines
    assert [line.get_ydata()[0] for line in drawn if line.is_dashed()] == [300, 300]


@pytest.mark.parametrize("unit", style.POSITIONS)
@pytest.mark.parametrize("interrupts", [("update",), tuple(style.INTERRUPTS)])
def test_the_axis_says_what_a_position_counts(unit, interrupts):
    figure = by_position.accuracy_by_position(cells(interrupts=interrupts).assign(unit=unit), full(), MODELS)
    assert figure._supxlabel.get_text().replace("\n", " ") == style.POSITIONS[unit]
    assert by_position.slug("accuracy", unit) == ("accuracy" if unit == "share" else f"accuracy_{unit}")


def test_positions_of_two_units_do_not_share_an_axis():
    mixed = pd.concat([cells(), cells().assign(unit="tokens")])
    with pytest.raises(ValueError, match="expected positions of one unit, got share, tokens"):
        by_position.accuracy_by_position(mixed, full(), MODELS)


def test_lines_are_the_frame_and_dashes_the_reference():
    frame = cells(interrupts=("speed_up",))
    figure = by_position.accuracy_by_position(frame.sample(frac=1, random_state=0), full(), MODELS)
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == len(POSITIONS)]
    dashes = [line for line in figure.axes[0].lines if line.is_dashed()]
    for model, line, colour in zip(MODELS, lines, by_position.PALETTE, strict=False):
        assert line.get_ydata().tolist() == frame.loc[frame["model"].eq(model), "mean"].tolist()
        assert line.get_color() == colour
    assert [line.get_ydata()[0] for line in dashes] == full()["mean"].tolist()
    assert len({line.get_marker() for line in lines}) == len(MODELS)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [*MODELS, "full thinking"]


def test_bars_hold_the_attributed_part_below_the_whole():
    frame = cells(interrupts=("update",))
    bars = by_position.failure_bars(frame, MODELS).axes[0].patches
    plain = [bar.get_height() for bar in bars if not bar.get_hatch()]
    hatched = [bar.get_height() for bar in bars if bar.get_hatch()]
    assert plain == frame["new_error_rate"].tolist()
    assert hatched == frame["attributed_rate"].tolist()


def test_missing_cells_and_intervals_leave_gaps():
    frame = cells(interrupts=("update",)).iloc[1:].assign(ci_low=float("nan"), ci_high=float("nan"))
    by_position.accuracy_by_position(frame, full())
    by_position.failure_bars(frame.assign(new_error_rate=float("nan"), attributed_rate=float("nan")))
    by_position.length_ratio_by_position(frame.assign(length_ratio=float("nan")))


@pytest.mark.parametrize("draw", DRAW.values())
def test_nothing_to_draw_is_an_error(draw):
    with pytest.raises(ValueError, match="nothing to draw"):
        draw(cells().iloc[:0], MODELS)
    with pytest.raises(ValueError, match="missing columns: position"):
        draw(cells().drop(columns="position"), MODELS)


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from tests.figures import test_by_position as t
t.mpl.use("agg")
t.by_position.style()
for name, draw in t.DRAW.items():
    t.by_position.save(draw(t.cells(interrupts=["speed_up", "update"]), t.MODELS), "s", name)
"""


def test_two_runs_save_the_same_bytes(tmp_path):
    runs = []
    for seed in ("1", "2"):
        env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(paths.ROOT)}
        env[paths.OUTPUTS_VARIABLE] = str(tmp_path / seed)
        script = SCRIPT.format(tests=str(paths.ROOT))
        subprocess.run([sys.executable, "-c", script], env=env, check=True)
        runs.append({p.name: p.read_bytes() for p in (tmp_path / seed / "s" / "figures").iterdir()})
    assert len(runs[0]) == 3 * len(DRAW)
    assert [name for name in runs[0] if runs[0][name] != runs[1][name]] == []


def test_saved_files_hold_text_as_text_and_no_date(outputs):
    figure = by_position.accuracy_by_position(cells(), full(), MODELS)
    assert by_position.save(figure, "s", "accuracy") is None
    folder = paths.figures("s")
    svg = (folder / "accuracy.svg").read_text()
    assert ">tiny-lrm-s</text>" in svg
    assert "dc:date" not in svg
    pdf = (folder / "accuracy.pdf").read_bytes()
    assert b"/Type3" not in pdf and b"CreationDate" not in pdf
    size = plt.imread(folder / "accuracy.png").shape
    assert size[1] == round(figure.get_figwidth() * mpl.rcParams["savefig.dpi"])


def test_a_failed_save_leaves_the_old_file(outputs, monkeypatch):
    figure = by_position.failure_bars(cells(), MODELS)
    by_position.save(figure, "s", "bars")
    before = (paths.figures("s") / "bars.pdf").read_bytes()

    def full_disk(file, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure, "savefig", full_disk)
    with pytest.raises(tables.TableError, match="No space left on device"):
        by_position.save(figure, "s", "bars")
    assert (paths.figures("s") / "bars.pdf").read_bytes() == before
    assert len(list(paths.figures("s").iterdir())) == 3
