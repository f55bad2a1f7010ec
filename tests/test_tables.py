"""Tables on disk: what is written comes back, equal frames give equal bytes, and what is wrong is one line."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from lib import paths, schema, tables

EXAMPLE = {"string": "text", "int": 7, "float": 0.5, "bool": True, "ids": [1, 2, 3]}


def example(name: str, **columns) -> pd.DataFrame:
    """A sound frame of table `name` with three rows, whose keys stand in the wrong order."""
    table = schema.TABLES[name]
    frame = pd.DataFrame({column.name: [EXAMPLE[column.type]] * 3 for column in table.columns})
    return frame.assign(**({table.key[0]: ["tiny/0002", "tiny/0000", "tiny/0001"]} | columns))


def file_of(name: str, model: str | None = None, suffix: str = "parquet"):
    return paths.tables("tiny", model) / f"{name}.{suffix}"


def error(function, *args, **kwargs) -> str:
    with pytest.raises(tables.TableError) as caught:
        function(*args, **kwargs)
    assert "\n" not in str(caught.value), "one line"
    return str(caught.value)


# writing and reading


@pytest.mark.parametrize("name", schema.TABLES)
def test_a_table_comes_back_as_written_sorted_by_key(outputs, name):
    table = schema.TABLES[name]
    tables.write(example(name), name, "tiny", "tiny-lrm-s")
    frame = tables.read(name, "tiny", "tiny-lrm-s")
    assert list(frame.columns) == table.names()
    assert list(frame[table.key[0]]) == ["tiny/0000", "tiny/0001", "tiny/0002"]
    for column in table.columns:
        if column.name not in table.key:
            assert list(np.ravel(frame[column.name].iloc[0])) == list(np.ravel(EXAMPLE[column.type]))


def test_missing_values_stay_missing_and_whole_numbers_stay_whole(outputs):
    frame = example(
        "traces",
        answer=[None, "", "a"],
        reasoning_tokens=[None, 1, 2],
        ended=[None, True, False],
        token_ids=[None, [], [5]],
    )
    assert frame["reasoning_tokens"].dtype == float, "pandas turned the whole numbers into floats"
    tables.write(frame, "traces", "tiny", "m")
    back = tables.read("traces", "tiny", "m").set_index("trace_id")
    assert back["seed"].dtype == np.int64 and back["token_ids"].iloc[0].dtype == np.int32
    assert back["answer"].isna().to_dict() == {"tiny/0000": False, "tiny/0001": False, "tiny/0002": True}
    assert back["reasoning_tokens"].dtype == "Int64"
    assert back["reasoning_tokens"].tolist() == [1, 2, pd.NA]
    assert back["ended"].dtype == "boolean"
    assert back["token_ids"].iloc[2] is None
    assert len(back["token_ids"].iloc[0]) == 0


def test_equal_frames_give_equal_bytes(outputs):
    frame = example("traces", answer=[None, "x", "ü"])
    tables.write(frame, "traces", "tiny", "first")
    shuffled = frame.iloc[[2, 0, 1]][frame.columns[::-1]].set_index(np.array([9, 8, 7]))
    other = shuffled.astype({"seed": "Int64", "answer": object}).assign(
        token_ids=[np.array(ids, dtype=np.int64) for ids in shuffled["token_ids"]]
    )
    tables.write(other, "traces", "tiny", "second")
    tables.write(tables.read("traces", "tiny", "first"), "traces", "tiny", "third")
    first, second, third = (file_of("traces", model).read_bytes() for model in ("first", "second", "third"))
    assert first == second == third and b"pandas" not in first


def test_an_empty_table_keeps_its_columns(outputs):
    tables.write(example("labels").iloc[:0], "labels", "tiny")
    assert list(tables.read("labels", "tiny").columns) == schema.LABELS.names()


# the parameters beside a table


def test_params_stand_beside_the_table(outputs):
    tables.write(example("problems"), "problems", "tiny", params={"seed": 42, "positions": (0.1, 0.3)})
    text = file_of("problems", suffix="json").read_text()
    assert json.loads(text) == {"positions": [0.1, 0.3], "seed": 42}
    assert text.index("positions") < text.index("seed"), "sorted, so that equal parameters give equal bytes"
    tables.write(example("problems"), "problems", "tiny")
    assert not file_of("problems", suffix="json").exists()


# frames that break the schema: changes, what the error must say
BAD_VALUES = [
    ({"seed": [1, "two", 3]}, ["column seed", "row tiny/0000", "expected int", "str 'two'"]),
    ({"seed": [1, 2, 3.5]}, ["column seed", "row tiny/0001", "expected int", "float '3.5'"]),
    ({"seed": [1, True, 3]}, ["column seed", "row tiny/0000", "expected int", "bool"]),
    ({"ended": [1, 0, 1]}, ["column ended", "row tiny/0000", "expected bool", "int '0'"]),
    ({"answer": [1, 2, 3]}, ["column answer", "row tiny/0000", "expected string", "int '2'"]),
    ({"token_ids": [[1], [2.5], [3]]}, ["column token_ids", "row tiny/0000", "expected ids", "list"]),
    ({"token_ids": [[1], [2], [2**31]]}, ["column token_ids", "row tiny/0001", "expected ids"]),
    ({"token_ids": [[1], [2], [-1]]}, ["column token_ids", "row tiny/0001", "expected ids"]),
    ({"token_ids": [[1], [None], [3]]}, ["column token_ids", "row tiny/0000", "expected ids"]),
    ({"trace_id": ["a", None, "c"]}, ["column trace_id", "row number 1", "null"]),
    ({"trace_id": ["a", "b", "a"]}, ["key a stands twice"]),
    ({"tokens": [1, 2, 3]}, ["unknown columns: tokens"]),
]


@pytest.mark.parametrize(("columns", "parts"), BAD_VALUES, ids=lambda value: str(value)[:40])
def test_frames_that_break_the_schema_are_an_error(outputs, columns, parts):
    message = error(tables.write, example("traces", **columns), "traces", "tiny", "m")
    assert message.startswith(str(file_of("traces", "m")) + ": ")
    assert [part for part in parts if part not in message] == []
    assert not any(outputs.iterdir()), "nothing was written"


@pytest.mark.parametrize(("value", "good"), [(1, True), (np.float32(0.5), True), (True, False), ("0.5", False)])
def test_what_counts_as_a_float(outputs, value, good):
    frame = example("grades", position=pd.Series([value] * 3, dtype=object))
    if good:
        tables.write(frame, "grades", "tiny", "m")
        assert tables.read("grades", "tiny", "m")["position"].tolist() == [float(value)] * 3
    else:
        assert "column position" in error(tables.write, frame, "grades", "tiny", "m")


def test_missing_and_repeated_columns_are_an_error(outputs):
    frame = example("traces")
    assert "missing columns: seed, answer" in error(
        tables.write, frame.drop(columns=["answer", "seed"]), "traces", "tiny", "m"
    )
    twice = pd.concat([frame, frame[["seed"]]], axis=1)
    assert "repeated columns: seed" in error(tables.write, twice, "traces", "tiny", "m")


def test_an_unknown_table_is_an_error(outputs):
    expected = "trace: no such table, expected one of problems, updates, traces"
    assert error(tables.read, "trace", "tiny").startswith(expected)
    assert error(tables.write, example("traces"), "trace", "tiny").startswith(expected)


# files that cannot be read


def test_a_missing_table_is_an_error_with_the_notebook_that_makes_it(outputs):
    message = error(tables.read, "traces", "tiny", "tiny-lrm-s")
    assert message.startswith(f"{file_of('traces', 'tiny-lrm-s')}: no such table")
    assert "run notebook 03_initial of study tiny for model tiny-lrm-s first" in message


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_truncated_table_is_an_error(outputs, share):
    tables.write(example("traces"), "traces", "tiny", "m")
    data = file_of("traces", "m").read_bytes()
    file_of("traces", "m").write_bytes(data[: int(share * len(data))])
    message = error(tables.read, "traces", "tiny", "m")
    assert message.startswith(f"{file_of('traces', 'm')}: truncated or not parquet") and "03_initial" in message


def test_a_table_of_another_schema_is_an_error(outputs):
    tables.write(example("traces"), "traces", "tiny", "m")
    older = pq.read_table(file_of("traces", "m")).drop_columns(["seed"])
    pq.write_table(older, file_of("traces", "m"))
    assert "not the columns of table traces (missing columns: seed)" in error(tables.read, "traces", "tiny", "m")


# writes that fail


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow beyond 512 bytes, to a writer a full disk; held short, as the log of the tests is a file too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_what_was_there(outputs):
    tables.write(example("traces"), "traces", "tiny", "m", params={"seed": 1})
    folder = paths.tables("tiny", "m")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    other = example("traces", seed=[1, 2, 3])
    with full_disk():
        message = error(tables.write, other, "traces", "tiny", "m", params={"seed": 2})
    assert message.startswith(f"{file_of('traces', 'm')}: not written (")
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_killed_process_leaves_no_table(outputs):
    code = (
        "import os, signal\n"
        "from lib import paths, tables\n"
        "with tables.atomic_write(paths.tables('tiny') / 'traces.parquet') as file:\n"
        "    file.write(b'half')\n"
        "    file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(paths.ROOT)})
    assert killed.returncode != 0
    assert not file_of("traces").exists()
    assert "no such table" in error(tables.read, "traces", "tiny")


# summaries


def test_a_summary_is_csv_with_six_digits(outputs):
    frame = pd.DataFrame({"model": ["s", "m"], "mean": [1 / 3, 1.0], "n": [200, 200]})
    tables.write_summary(frame, "accuracy", "tiny")
    text = (paths.summary("tiny") / "accuracy.csv").read_text()
    assert text == "model,mean,n\ns,0.333333,200\nm,1,200\n"


def test_a_summary_is_read_with_empty_texts_and_null_numbers(outputs):
    frame = pd.DataFrame({"standing": ["reported", None], "why": [None, None], "kappa": [None, 0.5]})
    tables.write_summary(frame, "judge", "tiny")
    rows = tables.read_summary("judge", "tiny")
    assert rows["standing"].tolist() == ["reported", ""] and rows["why"].tolist() == ["", ""]
    assert rows["kappa"].isna().tolist() == [True, False]
    with pytest.raises(tables.TableError, match=r"none\.csv: no such file"):
        tables.read_summary("none", "tiny")
