"""All six notebooks on a small slice of the tiny study, through papermill and the real engine."""

import hashlib
import os

import nbformat
import pandas as pd
import pytest

from lib import grade, interrupts, params, paths, schema, tables
from lib.pipeline import notebook

pytestmark = pytest.mark.engine
STUDY, MODEL = "smoke", "tiny-lrm-s"
STEPS = [
    ("01_load", None),
    ("02_augment", None),
    ("03_initial", MODEL),
    ("04_interrupt", MODEL),
    ("05_grade", MODEL),
    ("06_failure_modes", None),
]


def run_all() -> None:
    for name, model in STEPS:
        notebook.execute(name, STUDY, model)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """A complete run in an empty folder, which takes the place of outputs/."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(paths.OUTPUTS_VARIABLE, str(folder))
        run_all()
        yield folder


@pytest.fixture
def study() -> params.Study:
    return params.load_study(STUDY)


def digests(folder) -> dict[str, str]:
    """Digest of every file but the parts, written as completions come, and the provenance, which tells the time."""
    apart = {"parts", "provenance.json", ".provenance.lock"}
    files = sorted(file for file in folder.rglob("*") if file.is_file() and not apart & set(file.parts))
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.slow
def test_a_second_run_in_an_empty_folder_writes_the_same_bytes(folder, outputs):
    run_all()
    assert digests(outputs) == digests(folder)


def test_every_table_is_whole(study):
    problems, updates = (tables.read(name, STUDY) for name in ("problems", "updates"))
    names = ("traces", "continuations", "grades", "labels")
    traces, after, grades, labels = (tables.read(name, STUDY, MODEL) for name in names)
    count = study.problems * len(study.sources)
    assert 3 * len(problems) == len(updates) == 3 * count
    assert len(traces) == 2 * count * study.samples
    assert len(after) == count * study.samples * len(study.interrupts) * len(study.positions)
    assert set(grades.loc[grades["source"].eq("tiny-code"), "status"]) >= {"correct", "incorrect"}
    told = grades[grades["kind"].eq("continuation") & grades["variant"].eq("revised") & grades["extracted"].notna()]
    assert told["equals_revised"].notna().all() and set(told["source"]) == set(study.sources)
    assert len(grades) == len(traces) + len(after)
    assert len(labels) == len(after)
    assert set(grades["status"]) <= set(schema.STATUSES)


def test_stored_ids_rebuild_every_prompt(study):
    """The tables alone say what each request was: the splice is made again from them, id by id."""
    model = params.load_model(MODEL)
    traces = tables.read("traces", STUDY, MODEL).set_index("trace_id")
    news = tables.read("updates", STUDY).set_index(["problem_id", "update_id"])["update"]
    chosen = {name: params.load_interrupt(name) for name in study.interrupts}
    for row in tables.read("continuations", STUDY, MODEL).to_dict("records"):
        interrupt, trace = chosen[row["interrupt"]], traces.loc[row["trace_id"]]
        update = news[row["problem_id"], trace["update_id"]] if interrupt.needs_update else None
        spliced = interrupts.splice(trace, interrupt, row["position"], model, update)
        kept = list(trace["token_ids"][: row["kept_tokens"]])
        assert spliced.ids == [*trace["prompt_ids"], *kept, *row["inserted_ids"]]


def test_the_ends_of_the_position_axis():
    traces = tables.read("traces", STUDY, MODEL).set_index("trace_id")
    after = tables.read("continuations", STUDY, MODEL)
    whole = traces.loc[after["trace_id"], "reasoning_tokens"].to_numpy()
    assert (after.loc[after["position"] == 0, "kept_tokens"] == 1).all()
    at_end = (after["position"] == 1).to_numpy()
    assert (after.loc[at_end, "kept_tokens"].to_numpy() == whole[at_end] + 1).all()


def test_grades_hang_on_the_answer_and_not_on_the_thinking():
    traces, after = (tables.read(name, STUDY, MODEL) for name in ("traces", "continuations"))
    problems, updates = (tables.read(name, STUDY) for name in ("problems", "updates"))
    silent = traces.assign(answer="")
    regraded = grade.rows(silent, after, problems, updates)
    assert not regraded.loc[regraded["kind"] == "trace", "correct"].any()


def test_the_report_reads_what_was_written():
    text = notebook.report(STUDY)
    assert MODEL in text and "force_answer" in text and "Figures: " in text


def test_a_table_lies_beside_the_parameters_that_made_it():
    for file in paths.tables(STUDY).rglob("*.parquet"):
        assert file.with_suffix(".json").is_file(), file.name


def test_a_run_again_asks_nothing_and_writes_the_same_tables(folder, monkeypatch, tmp_path):
    """All completions are in the parts, so the engine is not even imported."""
    before = digests(folder)
    kinds = {name.rsplit(".", 1)[1] for name in before}
    assert kinds == {"parquet", "json", "ipynb", "csv", "pdf", "svg", "png", "txt", "tex"}
    for file in paths.tables(STUDY, MODEL).glob("*.parquet"):
        file.unlink()
    for file in paths.notebooks(STUDY, MODEL).glob("*.ipynb"):
        file.unlink()
    (tmp_path / "vllm.py").write_text("raise RuntimeError('the engine was asked')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    for name in ("03_initial", "04_interrupt", "05_grade"):
        notebook.execute(name, STUDY, MODEL)
    assert digests(folder) == before


def test_executed_notebooks_are_clean(folder):
    for file in paths.notebooks(STUDY).rglob("*.ipynb"):
        book = nbformat.read(file, as_version=4)
        code = [cell for cell in book.cells if cell.cell_type == "code"]
        assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
        assert str(folder) not in file.read_text() and str(paths.ROOT) not in file.read_text()


def test_summaries_are_what_the_figures_show(study):
    shown = pd.read_csv(paths.summary(STUDY) / "accuracy.csv")
    assert len(shown) == len(study.models) * len(study.sources) * (1 + len(study.interrupts) * len(study.positions))
    assert (shown["n"] == study.problems * study.samples).all()
    for file in paths.figures(STUDY).glob("*.png"):
        assert {file.with_suffix(".pdf").is_file(), file.with_suffix(".svg").is_file()} == {True}
