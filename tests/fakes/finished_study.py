"""A FAKE study that has run: parameters, tables, summaries, figures and executed notebooks of two small problems."""

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
from nbformat import v4

from lib import figures, paths, tables
from lib.report import files
from tests.fakes import explored_study

STUDY, MODEL = "fake", explored_study.MODEL.name
TITLE = "FAKE <b>study</b> & more"
YAML = f"""title: "{TITLE}"
models: [{MODEL}]
sources: [tiny]
interrupts: [speed_up, force_answer, update, update_then_end_thinking]
positions: [0.5, 0.9]
problems: 2
"""
CAPTION = "FAKE: <i>all</i> is well.\n"
WIDE = pd.DataFrame([[f"{'long' * 8}-{i}" for i in range(12)], list(range(12))], index=["words", "numbers"]).T
COLUMNS = ["model", "source", "interrupt", "unit", "position", "mean", "ci_low", "ci_high", "n"]
ROWS = [
    [MODEL, "tiny", None, None, None, 0.5, 0.25, 0.75, 2],
    [MODEL, "tiny", "speed_up", "share", 0.5, 0.5, 0.25, 0.75, 2],
    [MODEL, "tiny", "speed_up", "share", 0.9, None, None, None, 0],
    [MODEL, "tiny", "update", "share", 0.5, 1.0, 1.0, 1.0, 2],
]


CLAIMS = [  # of one statement: evidence, verdict, effect with its interval
    [
        7,
        "Haste is <cheap>",
        "study",
        "it",
        "does not hold",
        "speed-up less full",
        -0.25,
        -0.5,
        -0.125,
        "they differ",
    ],
    [7, "Haste is <cheap>", "published", "it", "holds", "speed-up less full", -0.01, -0.02, 0.0, "all meet it"],
    [12, "An update is late", "study", "nothing", "cannot say", None, None, None, None, "nothing here was updated"],
    [12, "An update is late", "published", "it", "holds", "early less late", 0.2, 0.1, 0.3, "all meet it"],
]
OF_CLAIMS = ["id", "statement", "evidence", "judged_on", "verdict", "measure", "effect", "ci_low", "ci_high", "why"]


@contextmanager
def written(folder: Path) -> Iterator[Path]:
    """The FAKE study in a folder that takes the place of parameters and outputs; where the outputs are."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(paths.OUTPUTS_VARIABLE, str(folder / "outputs"))
        patched.setattr(paths, "PARAMS", folder / "params")
        write(folder / "params")
        yield folder / "outputs"


def write(params: Path) -> None:
    """The project's own parameters and the FAKE study into `params`, its results where `lib.paths` has its outputs."""
    shutil.copytree(paths.ROOT / "params", params)
    (params / "studies" / f"{STUDY}.yaml").write_text(YAML)
    explored_study.write()
    for name in ("accuracy", "tokens"):
        tables.write_summary(pd.DataFrame(ROWS, columns=COLUMNS), name, STUDY)
    tables.write_summary(pd.DataFrame(CLAIMS, columns=OF_CLAIMS), "claims", STUDY)
    for slug in ("tokens", "accuracy", "paper_hard", f"{MODEL}_accuracy", "tiny-lrm-s_accuracy"):
        figures.save(plt.figure(figsize=(6, 2)), STUDY, slug)
        plt.close()
    (paths.figures(STUDY) / "accuracy.txt").write_text(CAPTION)
    for name in files.ONCE:
        write_book(name)
    for name in files.PER_MODEL:
        write_book(name, MODEL)


def write_book(name: str, model: str | None = None) -> None:
    """An executed notebook that shows what notebooks show."""
    file = paths.notebooks(STUDY, model) / f"{name}.ipynb"
    file.parent.mkdir(parents=True, exist_ok=True)
    picture = base64.b64encode((paths.figures(STUDY) / "accuracy.png").read_bytes()).decode()
    shown = {"text/plain": "a frame", "text/html": WIDE._repr_html_()}
    title = f"# {name[:2]} · FAKE {name}\n\n**Question.** Is `{name}`\na notebook?\n\n| a | b |\n|-|-|\n"
    cells = [
        v4.new_markdown_cell(title),
        _ran("x = 1\nx", v4.new_output("execute_result", shown, execution_count=1)),
        _ran("print('<b>plain</b>')", v4.new_output("stream", name="stdout", text=f"<b>plain</b> {'word ' * 60}")),
        v4.new_markdown_cell("## A *picture*"),
        _ran("fig", v4.new_output("display_data", {"image/png": picture, "text/plain": "a figure"})),
        _ran("x", v4.new_output("execute_result", {"text/plain": "wide " * 100}, execution_count=1)),
    ]
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i}"
    nbformat.write(v4.new_notebook(cells=cells), file)


def _ran(source: str, *outputs: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return v4.new_code_cell(source, outputs=list(outputs), execution_count=1)
