"""Problems of every source: benchmarks from folders and the hub, contests, one's own, released and generated ones."""

import base64
import json
import os
import pickle
import re
import subprocess
import sys
import zlib

import datasets
import pytest

from lib import paths, problems, schema, tables, updates
from lib.problems import code_tests, livecodebench

STATEMENT = {"gsm8k": "question", "math500": "problem", "aime2024": "problem", "aime2025": "problem"}


def message(*args, **kwargs) -> str:
    with pytest.raises(problems.ProblemError) as caught:
        problems.load(*args, **kwargs)
    assert "\n" not in str(caught.value), "one line"
    return str(caught.value)


def read_rows(folder, source: str) -> list[dict]:
    lines = (folder / problems.BENCHMARKS[source].file).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def write_rows(file, plain: dict, *changes: dict):
    """Writes rows of JSON Lines, each `plain` but for its change, and gives the file."""
    file.write_text("".join(json.dumps(plain | change) + "\n" for change in changes))
    return file


def assert_stored(frame, name: str = "problems"):
    """The frame is the table already: sorted, and of the types of the schema."""
    tables.write(frame, name, "test")
    assert tables.read(name, "test").equals(frame)


@pytest.fixture
def aime(tmp_path):
    """Writes thirty problems as a local aime2024, one line of them changed, and gives the folder."""

    def write(line: int | None = None, change: dict | str | bytes | None = None):
        rows = [{"problem": f"What is {i} + 1?", "answer": str(i + 1)} for i in range(30)]
        lines = [json.dumps(row).encode() for row in rows]
        if isinstance(change, dict):
            changed = {key: value for key, value in (rows[line - 1] | change).items() if value != "take out"}
            lines[line - 1] = json.dumps(changed).encode()
        elif change is not None:
            lines[line - 1] = change if isinstance(change, bytes) else change.encode()
        (tmp_path / "aime2024.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        return tmp_path

    return write


# from a folder of JSON Lines: the real benchmarks


@pytest.mark.parametrize(("source", "size"), [("gsm8k", 1319), ("math500", 500), ("aime2024", 30), ("aime2025", 30)])
def test_benchmarks_load_from_a_folder(shared_data, outputs, source, size):
    frame, rows = problems.load(source, shared_data), read_rows(shared_data, source)
    assert len(frame) == size == problems.size(source)
    assert list(frame.columns) == schema.PROBLEMS.names()
    assert frame["problem_id"].is_unique and frame["problem_id"].iloc[7] == f"{source}/0007"
    assert (frame[["source", "task"]] == [source, "math"]).all(axis=None)
    assert list(frame["problem"]) == [row[STATEMENT[source]] for row in rows]
    assert frame["revision"].str.fullmatch(r"sha256:[0-9a-f]{12}").all()
    assert_stored(frame)
    if source == "gsm8k":
        assert list(frame["answer"]) == [row["final_answer"] for row in rows]
        assert not frame["answer"].str.contains(",").any()
    elif source == "math500":
        assert frame["answer"].iloc[0] == r"\left( 3, \frac{\pi}{2} \right)"
        assert set(frame["difficulty"]) == {"1", "2", "3", "4", "5"}
    else:
        assert frame["answer"].map(lambda answer: 0 <= int(answer) < 1000).all()


def test_a_relative_folder_starts_at_the_repository(shared_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(problems.load("aime2025", "../shared/data")) == 30


def test_integers_and_blank_lines_are_fine(aime):
    file = aime(2, {"answer": 73}) / "aime2024.jsonl"
    file.write_text(file.read_text() + "\n\n")
    assert problems.load("aime2024", file.parent)["answer"].iloc[1] == "73"


# from the hub, whose rows have other fields than the files; load_dataset is replaced by rows in memory, so
# these tests show how rows are read, not that the hub answers

HUB = {  # a row of each, and its answer
    "gsm8k": ({"question": "How many?", "answer": "3 * <<3*400=1200>>400\n#### 1,200"}, "1200"),
    "math500": ({"problem": "Convert.", "solution": r"$\boxed{(3, 1)}$.", "answer": "(3, 1)", "level": 2}, "(3, 1)"),
    "aime2024": ({"id": 60, "problem": "How far?", "solution": r"\boxed{204}"}, "204"),
    "aime2025": ({"problem": "Which base?", "answer": "70", "id": "0"}, "70"),
}


def put_on_hub(monkeypatch, rows: list[dict]) -> list:
    calls = []

    def load_dataset(*args, **kwargs):
        calls.append((args, kwargs))
        return datasets.Dataset.from_list(rows)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return calls


def refuse(*args, **kwargs):
    raise ConnectionError("no route to host\nmore about it")


@pytest.mark.parametrize("source", HUB)
def test_rows_of_the_hub(monkeypatch, source):
    benchmark, (row, answer) = problems.BENCHMARKS[source], HUB[source]
    assert re.fullmatch("[0-9a-f]{40}", benchmark.revision), "a whole commit"
    calls = put_on_hub(monkeypatch, [row] * benchmark.size)
    frame = problems.load(source)
    assert calls == [((benchmark.hub, benchmark.config), {"split": "test", "revision": benchmark.revision})]
    assert len(frame) == benchmark.size
    assert frame["answer"].unique().tolist() == [answer]
    assert frame["revision"].unique().tolist() == [benchmark.revision]
    assert frame["difficulty"].iloc[0] == "2" if source == "math500" else frame["difficulty"].isna().all()


def test_bad_rows_and_another_split_of_the_hub_are_refused(monkeypatch):
    row = HUB["aime2024"][0]
    put_on_hub(monkeypatch, [row] * 29 + [row | {"solution": "204"}])
    expected = "math-ai/aime24@83a7f38, row 29: solution: expected an integer in \\boxed{}, got '204'"
    assert message("aime2024") == expected
    put_on_hub(monkeypatch, [{"question": "How many?", "answer": "Many."}] * 1319)
    assert "row 0: answer: expected a solution that ends in '#### <number>', got 'Many.'" in message("gsm8k")
    put_on_hub(monkeypatch, [HUB["gsm8k"][0]] * 7473)
    assert "7473 problems, expected the 1319 of gsm8k" in message("gsm8k")
    put_on_hub(monkeypatch, [{"id": 0, "source": "gsm8k", "original_problem": "a", "original_answer": "1"} | NEWS])
    assert message("update_math") == "update_math: 1 rows of dynamic-lm/update-interrupt-benchmark, expected 1060"


@pytest.mark.parametrize(
    ("source", "what", "file"),
    [
        *((name, f"{one.hub}@{one.revision[:7]}", one.file) for name, one in problems.BENCHMARKS.items()),
        ("update_math", "dynamic-lm/update-interrupt-benchmark@main", "update_math.jsonl"),
        ("livecodebench", "livecodebench/code_generation_lite@0fe84c3/test.jsonl", "livecodebench.jsonl"),
    ],
)
def test_an_error_of_the_hub_names_the_way_out(monkeypatch, source, what, file):
    monkeypatch.setattr(datasets, "load_dataset", refuse)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    assert message(source) == (
        f"{source}: {what} could not be loaded from the hub (ConnectionError: no route to host); "
        f"to work without the hub, put {file} in a folder and set data_dir to that folder"
    )


def test_the_real_library_without_a_hub_ends_in_that_error(tmp_path):
    code = "from lib import problems; problems.load('gsm8k')"
    offline = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": str(paths.ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=offline, capture_output=True, text=True)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("lib.problems.jsonl.ProblemError: gsm8k: openai/gsm8k@740312a could not be loaded")
    assert "put gsm8k_test.jsonl in a folder and set data_dir" in last


# bad files


def test_a_missing_or_empty_file_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        text = message("gsm8k", folder)
        assert text.startswith(f"{folder}/gsm8k_test.jsonl: cannot be read (No such file")
        assert "expected the 1319 problems of gsm8k as JSON Lines" in text
    for text in ("", "\n\n"):
        (tmp_path / "aime2024.jsonl").write_text(text)
        expected = f"{tmp_path}/aime2024.jsonl: empty, expected the 30 problems of aime2024 as JSON Lines"
        assert message("aime2024", tmp_path) == expected


BAD_LINES = [  # line, what stands there instead, what the error says
    (4, {"problem": "take out"}, ":4: problem: expected a text, got no such field"),
    (1, {"answer": None}, ":1: answer: expected a text, got null"),
    (2, {"problem": ["a"]}, ':2: problem: expected a text, got ["a"]'),
    (2, {"answer": True}, ":2: answer: expected a text, got true"),
    (2, {"answer": "take out", "solution": "204"}, ":2: solution: expected an integer in \\boxed{}, got '204'"),
    (7, "[1, 2]", ":7: expected a JSON object, got list"),
    (7, '{"problem": "What', ":7: not valid JSON (column 13: Unterminated string"),
    (7, b'{"problem": "\xff"}', ":7: not UTF-8, expected one JSON object a line"),
]


@pytest.mark.parametrize(("line", "change", "expected"), BAD_LINES, ids=lambda value: str(value)[:40])
def test_a_bad_line_is_named_by_its_number(aime, line, change, expected):
    folder = aime(line, change)
    assert message("aime2024", folder).startswith(f"{folder}/aime2024.jsonl{expected}")


def test_a_cut_file_is_refused_wherever_the_cut_is(aime):
    folder = aime()
    file = folder / "aime2024.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2 + 3])
    assert re.search(r"aime2024\.jsonl:1\d: not valid JSON", message("aime2024", folder))
    file.write_bytes(b"\n".join(whole.split(b"\n")[:20]) + b"\n")
    assert "20 problems, expected the 30 of aime2024: the data is cut" in message("aime2024", folder)


def test_an_unknown_source_is_refused():
    known = "gsm8k, math500, aime2024, aime2025, livecodebench, update_math, update_coding, tiny, tiny-code"
    own = "or a file of your own problems as JSON Lines, whose name ends in .jsonl"
    assert message("gsm8") == f"gsm8: no such source (did you mean gsm8k?), expected one of {known}, {own}"
    assert own in message("mine.csv") and own in message("/tmp")


# subsets


def test_a_subset_is_what_datasets_would_draw(shared_data):
    frame = problems.load("gsm8k", shared_data)
    for n in (1, 500):  # the published subset has 500
        drawn = datasets.Dataset.from_list(read_rows(shared_data, "gsm8k")).shuffle(seed=42).select(range(n))
        assert list(problems.subset(frame, n)["problem"]) == list(drawn["question"])
    assert all(problems.subset(frame, n).equals(frame) for n in (None, len(frame), 5000))


# contests


def packed(text) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(text))).decode()


CONTEST = {
    "question_content": "Add one.",
    "contest_date": "2024-11-01T10:00:00",
    "starter_code": "",
    "difficulty": "easy",
    "public_test_cases": json.dumps([{"input": "1", "output": "2", "testtype": "stdin"}]),
    "private_test_cases": packed(json.dumps([{"input": "5", "output": "6", "testtype": "stdin"}])),
    "metadata": "{}",
}


def write_contests(tmp_path, *changes: dict, name: str = "livecodebench.jsonl"):
    rows = ({"question_id": f"abc_{i}"} | change for i, change in enumerate(changes, 1))
    return write_rows(tmp_path / name, CONTEST, *rows).parent


def test_contests_load_with_all_their_tests(tmp_path, outputs):
    frame = problems.load("livecodebench", write_contests(tmp_path, {}, {"metadata": '{"func_name": "add"}'}))
    assert frame["problem_id"].tolist() == ["livecodebench/abc_1", "livecodebench/abc_2"]
    assert (frame[["source", "task", "contest_date"]] == ["livecodebench", "code", "2024-11-01"]).all(axis=None)
    first, second = map(code_tests.read_tests, frame["tests"])
    assert first == code_tests.Tests((("1", "2"), ("5", "6")))
    assert second.function == "add"
    assert frame["answer"].isna().all() and frame["starter_code"].isna().all()
    assert_stored(frame)


def test_the_window_holds_both_its_days_whatever_the_hour(tmp_path):
    hours = ("2024-09-30T23:59:59", "2024-10-01T00:00:00", "2025-05-01T10:00:00", "2025-05-02T00:00:00")
    folder = write_contests(tmp_path, *({"contest_date": hour} for hour in hours))
    inside = problems.load("livecodebench", folder, ("2024-10-01", "2025-05-01"))
    assert inside["contest_date"].tolist() == ["2024-10-01", "2025-05-01"]
    assert len(problems.load("livecodebench", folder)) == 4
    text = message("livecodebench", folder, ("2020-01-01", "2020-02-01"))
    assert "no problem between 2020-01-01 and 2020-02-01" in text
    (folder / "livecodebench.jsonl").unlink()
    assert "no livecodebench.jsonl there" in message("livecodebench", folder)


BAD_CONTESTS = {
    "the same id twice": ({"question_id": "a"}, {"question_id": "a"}, "id 'livecodebench/a' is that of"),
    "no statement": ({"question_content": None}, {}, ":1: question_content: expected a text, got null"),
    "no day": ({}, {"contest_date": "soon"}, ":2: contest_date: expected a day such as"),
    "tests that are not JSON": ({"public_test_cases": "[{"}, {}, ":1: tests: "),
    "a pickle that would build an object": ({"private_test_cases": packed(["x"])}, {}, "private tests: a pickle with"),
    "tests that are cut": ({"private_test_cases": packed("[]" * 9999)[:-20]}, {}, ":1: tests: "),
    "metadata that is none": ({"metadata": "[1]"}, {}, ":1: tests: "),
}


@pytest.mark.parametrize("name", BAD_CONTESTS)
def test_a_bad_contest_is_named_by_its_line(name, tmp_path):
    first, second, expected = BAD_CONTESTS[name]
    assert expected in message("livecodebench", write_contests(tmp_path, first, second))


def test_all_files_of_the_release_come_from_the_pinned_revision(tmp_path, monkeypatch):
    calls = []

    def download(hub, name, repo_type, revision):
        calls.append((hub, name, repo_type, revision))
        return write_contests(tmp_path, {"question_id": str(len(calls))}, name=name) / name

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    assert problems.load("livecodebench")["problem_id"].str.endswith(tuple("123456")).all()
    hub, revision = "livecodebench/code_generation_lite", "0fe84c3912ea0c4d4a78037083943e8f0c4dd505"
    names = ["test.jsonl", *(f"test{n}.jsonl" for n in range(2, 7))]
    assert calls == [(hub, name, "dataset", revision) for name in names]
    assert "6 problems in the published window, expected 341" in message("livecodebench", None, livecodebench.WINDOW)


def test_every_contest_of_the_sample_loads(shared_data):
    frame = problems.load("livecodebench", shared_data)
    assert len(frame) == 140 and frame["problem_id"].is_unique
    assert frame["starter_code"].notna().sum() == 58
    assert all(code_tests.read_tests(tests).cases for tests in frame["tests"])


# one's own

OWN = {"problem": "What is 1 + 1?", "answer": 2}
OWN_CODE = {"problem": "Add one.", "tests": [{"input": "1", "output": "2"}], "id": "add", "difficulty": "easy"}


def test_own_problems_of_both_kinds_load(tmp_path, outputs):
    file = str(write_rows(tmp_path / "mine.jsonl", {}, OWN, OWN_CODE))
    frame = problems.load(file)
    assert frame["problem_id"].tolist() == ["mine/0000", "mine/add"]
    assert frame["task"].tolist() == ["math", "code"] and (frame["source"] == "mine").all()
    assert frame["answer"].iloc[0] == "2"
    assert code_tests.read_tests(frame["tests"].iloc[1]) == code_tests.Tests((("1", "2"),))
    assert problems.size(file) == 2
    tables.write(frame, "problems", "test")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"answer": 2}], ":1: problem: expected a text, got no such field"),
        ([{"problem": "x"}], ":1: expected either answer (math) or tests (code), got neither"),
        ([OWN | {"tests": []}], "got both"),
        ([{"problem": "x", "tests": [{"input": 1}]}], ":1: tests: test 0: expected an object"),
        ([OWN | {"id": "a"}, OWN | {"id": "a"}], "mine.jsonl:2: id 'mine/a' is that of"),
    ],
)
def test_a_bad_row_of_ones_own_is_named_by_its_line(tmp_path, rows, expected):
    assert expected in message(str(write_rows(tmp_path / "mine.jsonl", {}, *rows)))


# lines of a file of one's own, and what the error says behind its name
BAD_OWN = [
    (r'{"problem": "\ud800", "answer": "1"}', r":1: problem: \ud800 is half a character"),
    (r'{"problem": "x", "answer": "a\udfff"}', r":1: answer: \udfff is half a character"),
    (r'{"problem": "x", "tests": [{"input": "\uD83D", "output": "2"}]}', r":1: tests: \ud83d is half a character"),
    ('{"problem": "x", "answer": NaN}', ":1: not valid JSON (NaN is no number of JSON)"),
    ('{"problem": "x", "problem": "y", "answer": "1"}', ":1: not valid JSON ('problem' is given twice)"),
    ('{"problem": "x", "answer": ' + "9" * 5000 + "}", ":1: not valid JSON (Exceeds the limit"),
    ('{"problem": ' + "[" * 5000 + "}", ":1: not valid JSON (nested too deeply)"),
    ("{'problem': 'x'}", ":1: not valid JSON (column 2: "),
    ("problem,answer\nx,1", ":1: not valid JSON (column 1: "),
    ('[{"problem": "x", "answer": 1}, 2]', "[1]: expected a JSON object, got int"),
    ('{"problem": "x", "anser": "1"}', ":1: anser: no such column (did you mean answer?)"),
    ('{"Problem": "x", "Answer": "1"}', " no such column (did you mean "),
    (
        '{"problem": "x", "answer": "1", "dificulty": "easy"}',
        ":1: dificulty: no such column (did you mean difficulty?)",
    ),
    ('{"problem": "x", "gold": "1"}', "got neither; its columns are problem, gold"),
    ('{"problem": "x", "tests": "assert f(1) == 2"}', ":1: tests: neither JSON nor packed"),
    ('{"problem": "x", "tests": []}', ":1: tests: no tests, expected a list of objects with"),
    ('{"problem": "x", "tests": {}}', ":1: tests: no tests, expected a list of objects with"),
    ('{"problem": "x", "answer": "1", "id": "a~b"}', ":1: id: expected one line without ~"),
    (r'{"problem": "x", "answer": "1", "id": "a\nb"}', ":1: id: expected one line without ~"),
    ('{"problem": "x", "answer": "1", "contest_date": "soon"}', ":1: contest_date: expected a day"),
    ('{"question": "x", "answer": "so much ####"}', ":1: answer: expected a solution that ends in"),
    ('{"problem": "x", "solution": "so much"}', ":1: solution: expected an answer in \\boxed{}"),
]


@pytest.mark.parametrize(("line", "expected"), BAD_OWN, ids=lambda value: value[:40])
def test_a_bad_line_of_ones_own_is_named(tmp_path, line, expected):
    file = tmp_path / "mine.jsonl"
    file.write_text(f"{line}\n")
    told = message(str(file))
    assert told.startswith(str(file)) and expected in told


# a row as people have it, its statement and its answer
AS_PUBLISHED = [
    ({"question": "How many?", "answer": "<<3*400=1200>>1200.\n#### 1,200"}, "How many?", "1200"),  # GSM8K
    (
        {"problem": "x", "solution": r"so \boxed{2}, no, $\boxed{\frac{1}{2}}$.", "level": "Level 5"},
        "x",
        r"\frac{1}{2}",
    ),
    (
        {"problem": "x", "answer": r"\frac12", "solution": r"\boxed{3}", "subject": "Algebra"},
        "x",
        r"\frac12",
    ),  # MATH-500
    ({"question": "x", "final_answer": 7}, "x", "7"),
    ({"problem": "x", "answer": 2.50}, "x", "2.5"),
]


@pytest.mark.parametrize(("row", "statement", "answer"), AS_PUBLISHED)
@pytest.mark.parametrize("form", ["{}\n", "\ufeff{}\r\n", "[{}]", "\n [\n{},\n{}\n]\n"])
@pytest.mark.parametrize("name", ["mine.jsonl", "mine.JSONL", "mine.json"])
def test_files_load_as_people_have_them(tmp_path, name, form, row, statement, answer):
    (tmp_path / name).write_bytes(form.replace("{}", json.dumps(row)).encode())
    frame = problems.load(str(tmp_path / name))
    assert (frame[["source", "problem", "answer"]] == ["mine", statement, answer]).all(axis=None)


@pytest.mark.parametrize("name", ["tiny.jsonl", "gsm8k.json", "livecodebench.jsonl"])
def test_a_file_with_the_name_of_a_benchmark_is_refused(tmp_path, name):
    assert "is the name of a benchmark" in message(str(write_rows(tmp_path / name, {}, OWN)))


@pytest.mark.parametrize("name", ["gsm8k_test.jsonl", "gsm8k.jsonl", "gsm8k/test.jsonl"])
def test_a_folder_holds_a_benchmark_under_the_names_that_people_give_it(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    rows = [{"question": "How many?", "answer": "#### 1,200"}, {"question": "How many?", "answer": "1,200"}]
    write_rows(tmp_path / name, {}, *rows[:1] * 1318, rows[1])
    assert problems.load("gsm8k", tmp_path)["answer"].unique().tolist() == ["1200"]


# the published benchmark of updates, and what is generated

NEWS = {"revised_problem": "What is 1 + 2?", "update": "It is 1 + 1."}
RELEASED_MATH = NEWS | {"source": "gsm8k", "original_problem": "What is 1 + 1?", "original_answer": "2"}
RELEASED_CODE = NEWS | {"contest_id": "abc", "question_title": "Add", "original_problem": "Add one.", "id": 0}


def test_released_math_keeps_the_sources_whose_rules_grade_it(tmp_path, outputs):
    other = {"id": 1, "source": "aime2024", "original_answer": "025"}
    folder = write_rows(tmp_path / "update_math.jsonl", RELEASED_MATH, {"id": 0}, other).parent
    frame = problems.load("update_math", folder)
    assert frame["problem_id"].tolist() == ["gsm8k/0000", "aime2024/0001"]
    assert frame["source"].tolist() == ["gsm8k", "aime2024"] and frame["task"].tolist() == ["math", "math"]
    news = updates.collect(frame, ["update_math"], folder)
    assert news["problem_id"].tolist() == frame["problem_id"].tolist()
    assert news["valid"].all() and (news["kind"] == "necessary").all()
    tables.write(frame, "problems", "test")
    tables.write(news, "updates", "test")


def test_released_code_finds_its_tests_by_contest_and_title(tmp_path):
    folder = write_contests(tmp_path, *({"contest_id": "abc", "question_title": title} for title in ("Add", "Other")))
    starter = {"original_starter_code": "def f(a):", "revised_starter_code": "def g(a):"}
    write_rows(folder / "update_coding.jsonl", RELEASED_CODE, starter)
    frame = problems.load("update_coding", folder)
    assert frame["problem_id"].tolist() == ["livecodebench/abc_1"]
    assert code_tests.read_tests(frame["tests"].iloc[0]).cases == (("1", "2"), ("5", "6"))
    assert frame["starter_code"].tolist() == ["def f(a):"]
    news = updates.collect(frame, ["update_coding"], folder)
    assert news["revised_starter_code"].tolist() == ["def g(a):"]
    write_rows(folder / "update_coding.jsonl", RELEASED_CODE, {"question_title": "Gone"})
    assert ":1: abc / Gone: no such problem in livecodebench" in message("update_coding", folder)


@pytest.mark.parametrize(("source", "size"), [("tiny", 1000), ("tiny-code", 500)])
def test_generated_problems_load_with_their_updates(outputs, source, size):
    frame = problems.load(source)
    assert len(frame) == problems.size(source) == size
    assert frame["problem"].is_unique and frame["revision"].str.fullmatch(r"seed \d+").all()
    assert (frame["task"] == ("math" if source == "tiny" else "code")).all()
    assert frame.equals(problems.load(source, "a folder that is of no use here"))
    news = updates.collect(frame.head(20))
    assert news["valid"].all() and len(news) == 60
    assert set(news["problem_id"]) == set(frame["problem_id"].head(20))
    assert_stored(frame)
    tables.write(news, "updates", "test")
