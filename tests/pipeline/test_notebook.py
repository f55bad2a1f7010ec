"""Headless runs: a notebook is there when all its cells have run, and not before."""

import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from lib import params, paths
from lib.pipeline import notebook
from lib.pipeline.notebook import NotebookError

PARAMETERS = 'study: str = "tiny"  # a study\nmodel: str = "none"  # a model'


@pytest.fixture
def write(tmp_path, monkeypatch, outputs):
    """Write a notebook with these cells where the runner looks for notebooks."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    monkeypatch.setattr(paths, "NOTEBOOKS", folder)

    def write_cells(*sources: str, name: str = "probe") -> None:
        first = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
        book = new_notebook(cells=[new_markdown_cell("# Probe"), first, *map(new_code_cell, sources)])
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(book, folder / f"{name}.ipynb")

    return write_cells


def left() -> list[str]:
    return sorted(file.name for file in paths.notebooks("tiny").glob("*"))


def texts(file: Path) -> str:
    book = nbformat.read(file, as_version=4)
    return "".join(out.get("text", "") for cell in book.cells for out in cell.get("outputs", []))


def test_parameters_reach_the_notebook(write):
    write("print(study, model)")
    assert texts(notebook.execute("probe", "tiny", model="m")) == "tiny m\n"
    assert texts(notebook.execute("probe", "tiny", interrupts="")) == "tiny none\n"


def test_two_runs_store_the_same_bytes_with_counts_and_tags(write):
    write("import sys, time", "print('a')", "print('progress', file=sys.stderr)", "time.sleep(0.1)")
    file = notebook.execute("probe", "tiny")
    first = file.read_bytes()
    assert notebook.execute("probe", "tiny").read_bytes() == first
    assert b"progress" in first  # the source, though not what it wrote to stderr
    assert texts(file) == "a\n"
    book = nbformat.read(file, as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4, 5, 6]
    assert code[0].metadata.tags == ["parameters"] and "papermill" not in book.metadata


def test_a_failed_run_is_told_in_one_line_and_leaves_the_last_good_one(write):
    write("print('good')")
    good = notebook.execute("probe", "tiny").read_bytes()
    write("raise ValueError('no such thing')")
    with pytest.raises(NotebookError, match=r"^probe \(tiny\): ValueError: no such thing$"):
        notebook.execute("probe", "tiny")
    assert left() == ["probe.failed.ipynb", "probe.ipynb"]
    assert (paths.notebooks("tiny") / "probe.ipynb").read_bytes() == good
    write("print('good')")
    notebook.execute("probe", "tiny")
    assert left() == ["probe.ipynb"]


def test_a_killed_kernel_is_told(write):
    write("import os, signal", "os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(NotebookError, match="the kernel died in mid-run"):
        notebook.execute("probe", "tiny")
    assert "probe.ipynb" not in left()


def test_a_missing_notebook_is_named(write):
    with pytest.raises(NotebookError, match="nothing_here"):
        notebook.execute("nothing_here", "tiny")
    assert left() == []


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("01_load", "--study", "tinny"), ("params/studies/tinny.yaml", "did you mean tiny?")),
        (("02_augment", "--study", "tiny"), ("problems.parquet", "01_load")),
        (("04_interrupt", "--interrupts", "hurry_up"), ("interrupts[0]: no file", "params/interrupts/hurry_up.yaml")),
    ],
)
def test_a_run_that_cannot_be_ends_in_one_line_and_an_exit_code(outputs, monkeypatch, words, parts):
    monkeypatch.setattr(sys, "argv", ["notebook", *words, "--model", "tiny-lrm-s"])
    with pytest.raises(SystemExit) as ended:
        notebook.main()
    assert "\n" not in str(ended.value) and all(part in str(ended.value) for part in parts)


def test_positions_pass_as_a_text():
    study = params.load_study("tiny", positions="0.1, 0.5", interrupts="update,speed_up")
    assert study.positions == (0.1, 0.5)
    assert study.interrupts == ("update", "speed_up")
    with pytest.raises(params.ParamsError, match=r'positions\[0\]: should be a number .*, got "early"'):
        params.load_study("tiny", positions="early")
    with pytest.raises(params.ParamsError, match=r"positions.*1\.5"):
        params.load_study("tiny", positions="0.5,1.5")
