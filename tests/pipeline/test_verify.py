"""Verification of a FAKE study: results derived again are equal, and each difference is told in one line."""

import json
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from lib import paths, tables
from lib.pipeline import archive, verify
from lib.pipeline.unpack import UnpackError
from lib.pipeline.verify import RederiveError
from tests.fakes.study import MODEL, STUDY, write_params, write_results, write_tables


def inputs(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Parameters and tables 01 to 04 of the FAKE study; the folder of its outputs."""
    patch.setattr(paths, "PARAMS", folder / "params")
    patch.setenv(paths.OUTPUTS_VARIABLE, str(folder / "outputs"))
    write_params(folder / "params")
    write_tables()
    return folder / "outputs" / STUDY


@pytest.fixture(scope="module")
def derived(tmp_path_factory) -> Path:
    """A folder with the FAKE study: inputs, and results made of them in this process. Not to be changed."""
    folder = tmp_path_factory.mktemp("derived")
    with pytest.MonkeyPatch.context() as patch:
        inputs(folder, patch)
        write_results()
    return folder


@pytest.fixture
def results(derived, tmp_path, monkeypatch) -> Path:
    """A copy of that, in the place of outputs and parameters; the folder of the study's outputs."""
    shutil.copytree(derived, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(paths, "PARAMS", tmp_path / "params")
    monkeypatch.setenv(paths.OUTPUTS_VARIABLE, str(tmp_path / "outputs"))
    return tmp_path / "outputs" / STUDY


def test_the_notebooks_give_the_results_of_an_archive_again_and_a_changed_grade_is_told(results, tmp_path):
    grades = tables.read("grades", STUDY, MODEL)
    assert len(grades) == 15 and (grades["status"] == "correct").sum() == 3 + 2 * (3 + 1)
    beside = json.loads((results / "tables" / MODEL / "grades.json").read_bytes())
    grades.loc[grades["row_id"] == "tiny/0001~original~0", "status"] = "incorrect"
    tables.write(grades, "grades", STUDY, MODEL, params=beside)
    archive.pack(STUDY, tmp_path / "fake.zip")
    names, found = verify.archive(tmp_path / "fake.zip")
    equal = set(names) - {difference.file for difference in found}
    own = {"labels.parquet", "labels.json", "grades.json", "judgements.parquet", "judgements.json"}
    assert equal == {"summary/accuracy.csv", *(f"tables/{MODEL}/{name}" for name in own)}
    *lost, changed = found  # the FAKE study has one summary only
    assert {difference.message for difference in lost} == {"derived, but not on the other side"}
    assert all(difference.file.startswith("summary/") for difference in lost)
    row = "row tiny/0001~original~0, column status"
    line = f'tables/{MODEL}/grades.parquet: {row}: stored "incorrect", now "correct"; 1 rows differ'
    assert str(changed) == line


# what is told of two folders, without a notebook


@pytest.fixture
def other(derived, tmp_path) -> Path:
    """A second copy of the results, to be changed."""
    inputs = shutil.ignore_patterns(*(f"{name}.*" for name in verify.INPUTS))
    shutil.copytree(derived / "outputs" / STUDY, tmp_path / "other", ignore=inputs)
    return tmp_path / "other"


def told(results: Path, other: Path) -> list[str]:
    return [str(difference) for difference in verify.compare(results, other, verify.made(results, other))]


def test_equal_results_have_no_differences(results, other):
    assert told(results, other) == []
    made = [Path(name) for name in verify.made(results, other)]
    assert {(name.parts[0], name.stem) for name in made} == {
        *(("tables", name) for name in ("grades", "judgements", "labels")),
        ("summary", "accuracy"),
    }


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda rows: rows.slice(1), "row tiny/0000~original~0: only stored; 1 such rows"),
        (lambda rows: pa.concat_tables([rows, rows.slice(0, 1)]), "15 rows stored, 16 derived again"),
        (lambda rows: rows.drop_columns("gold"), "columns of the two sides differ: gold"),
        (lambda rows: rows.append_column("more", rows["gold"]), "columns of the two sides differ: more"),
    ],
)
def test_rows_and_columns_that_one_side_lacks_are_told(results, other, change, line):
    name = f"tables/{MODEL}/grades.parquet"
    pq.write_table(change(pq.ParquetFile(other / name).read()), other / name)
    assert told(results, other) == [f"{name}: {line}"]


def changed(other: Path, **values) -> None:
    """Write the grades again with other values in their first row."""
    rows = tables.read("grades", STUDY, MODEL).astype(object)
    for column, value in values.items():
        rows.loc[0, column] = value
    tables.write(rows, "grades", STUDY, MODEL)
    shutil.copy(paths.tables(STUDY, MODEL) / "grades.parquet", other / "tables" / MODEL / "grades.parquet")


def test_walls_of_another_machine_are_told_and_are_no_difference_in_results(derived, results, other):
    changed(other, sandbox="bubblewrap", reason="wrong answer")
    stored = derived / "outputs" / STUDY
    found = verify.compare(stored, other, [f"tables/{MODEL}/grades.parquet"])
    assert [(difference.counts, difference.message) for difference in found] == [
        (True, 'row tiny/0000~original~0, column reason: stored null, now "wrong answer"; 1 rows differ'),
        (False, 'row tiny/0000~original~0, column sandbox: stored null, now "bubblewrap"; 1 rows differ'),
    ]


def test_the_same_rows_in_other_bytes_are_no_difference(results, other):
    name = f"tables/{MODEL}/grades.parquet"
    pq.write_table(pq.ParquetFile(other / name).read(), other / name, compression="none")
    assert told(results, other) == [f"{name}: the same rows in other bytes (no difference in results)"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a,b\n1,2\n3,5\n", 'line 3: stored "3,4", now "3,5"; 1 such places'),
        ("a,b\n1,2\n", 'line 3: stored "3,4", now nothing; 1 such places'),
        (None, "stored, but not on the other side"),
    ],
)
def test_a_line_of_a_summary_is_told(results, other, text, line):
    (results / "summary" / "a.csv").write_text("a,b\n1,2\n3,4\n")
    if text is not None:
        (other / "summary" / "a.csv").write_text(text)
    assert told(results, other) == [f"summary/a.csv: {line}"]


def test_a_parameter_is_told_and_the_replay_of_a_judge_is_not(results, other):
    values = json.loads((other / "tables" / MODEL / "labels.json").read_bytes())
    judge = {"name": "j", "engine": "vllm", "options": {"dtype": "float32"}}
    replay = judge | {"engine": "replay", "options": {"dtype": "float32", "recorded": "recorded"}}
    for folder, own in ((results, judge), (other, replay)):
        (folder / "tables" / MODEL / "labels.json").write_text(json.dumps(values | {"judge": own}))
    assert told(results, other) == []
    (other / "tables" / MODEL / "labels.json").write_text(json.dumps(values | {"judge": replay, "seed": 8}))
    assert told(results, other) == [f"tables/{MODEL}/labels.json: seed: stored nothing, now 8; 1 such places"]


# what cannot be derived


def test_a_study_without_tables_is_told(tmp_path, monkeypatch):
    results = inputs(tmp_path, monkeypatch)
    shutil.rmtree(results / "tables" / MODEL)
    with pytest.raises(RederiveError, match=r"^fake: no table of continuations, expected one of each model$"):
        verify.study(STUDY)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Add lines to the FAKE study, of which only inputs are there; the folder of its outputs, and an empty bench."""
    results, bench = inputs(tmp_path, monkeypatch), tmp_path / "a" / "bench"
    bench.mkdir(parents=True)

    def add(lines: str, without: str = "") -> tuple[Path, Path]:
        file = paths.PARAMS / "studies" / f"{STUDY}.yaml"
        file.write_text(file.read_text().replace(without, "") + lines)
        return results, bench

    return add


def test_a_judge_is_replayed_and_no_engine_is_left_that_could_be_opened(settings, monkeypatch):
    results, bench = settings("judge: tiny-lrm-s\nrubrics: {leakage: all}\n")
    replies = results / "parts" / f"judgements-tiny-lrm-s-{MODEL}"
    replies.mkdir()
    shutil.copy(next((results / "parts" / MODEL).glob("*.parquet")), replies / "1.parquet")
    ran = []
    monkeypatch.setattr(verify, "_run", lambda bench, *step: ran.append(step))
    verify.rederive(STUDY, results, paths.PARAMS, bench)
    judge = yaml.safe_load((bench / "params" / "models" / "tiny-lrm-s.yaml").read_bytes())
    assert (judge["engine"], judge["options"]["recorded"]) == ("replay", "recorded")
    assert len(list((bench / "recorded").glob("*.parquet"))) == 1
    assert ran == [("05_grade", STUDY, MODEL, []), ("06_failure_modes", STUDY, None, [])]
    assert yaml.safe_load((paths.PARAMS / "models" / "tiny-lrm-s.yaml").read_bytes()).get("engine") is None


@pytest.mark.parametrize("key", ["allow_unsafe", "allow_code"])
def test_an_archive_that_would_run_code_without_a_sandbox_is_refused(settings, tmp_path, monkeypatch, key):
    settings(f"{key}: true\n")
    archive.pack(STUDY, tmp_path / "a.zip")
    monkeypatch.setattr(verify, "rederive", lambda *given: pytest.fail("ran"))
    with pytest.raises(UnpackError, match=rf"^a.zip: params/studies/fake.yaml: {key}: expected false, as "):
        verify.archive(tmp_path / "a.zip")


@pytest.mark.parametrize("line", ["judge: ../../../params/models/tiny-lrm-s", "models: [../models/tiny-lrm-s]"])
def test_a_model_is_looked_for_nowhere_else(settings, line):
    results, bench = settings(f"{line}\n", without=f"models: [{MODEL}]")
    before = (paths.PARAMS / "models" / "tiny-lrm-s.yaml").read_bytes()
    with pytest.raises(RederiveError, match=r"tiny-lrm-s\.yaml: missing, though the study names"):
        verify.rederive(STUDY, results, paths.PARAMS, bench)
    assert (paths.PARAMS / "models" / "tiny-lrm-s.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("models/tiny_lrm/tiny-lrm-s", "link"),
        ("models/not/here", "stand-in"),
        ("Qwen/Qwen3-8B", None),  # a hub name
        ("lib", "own"),
        ("outputs", None),
        ("./outputs/tiny", None),
        ("models/../outputs", None),
    ],
)
def test_a_models_folder_never_lets_a_run_write_into_real_results(tmp_path, path, there):
    (tmp_path / "params" / "models").mkdir(parents=True)
    (tmp_path / "params" / "models" / "m.yaml").write_text(f"path: {path}\n")
    (tmp_path / "lib").mkdir()
    verify._stand_in(tmp_path, "m")
    made = {file for file in tmp_path.rglob("*") if file.is_symlink()}
    assert made == ({tmp_path / path} if there == "link" else set())
    assert (tmp_path / path).exists() == (there is not None)
    assert (tmp_path / path / "config.json").is_file() == (there in ("link", "stand-in"))


def test_a_notebook_that_fails_is_told_in_a_line(tmp_path, monkeypatch):
    results = inputs(tmp_path, monkeypatch)
    (results / "tables" / MODEL / "traces.parquet").write_bytes(b"torn")
    with pytest.raises(RederiveError, match=r"^05_grade \(fake/fake-lrm\): TableError: .*traces.parquet: truncated"):
        verify.study(STUDY)


def test_checksums_alone_run_nothing_and_other_code_is_named(tmp_path, monkeypatch, capsys):
    inputs(tmp_path, monkeypatch)
    archive.pack(STUDY, tmp_path / "a.zip")
    monkeypatch.setattr(verify, "rederive", lambda *given: pytest.fail("ran"))
    own = verify.provenance.code()
    for code, end in ((own, ""), (own | {"code": "x"}, r"a\.zip: packed with other code: version \S+, commit .+\n")):
        monkeypatch.setattr(verify.provenance, "code", lambda code=code: code)
        assert verify.archive(tmp_path / "a.zip", again=False) == ([], [])
        told = capsys.readouterr().out
        assert re.fullmatch(rf"a\.zip: \d+ files as the manifest of study fake has them\n{end}", told)
