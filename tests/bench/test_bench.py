"""The benchmark suite: its rows and limits, what it counts, and that the page in docs/ shows the stored run."""

import json
import statistics
from collections import Counter

import pytest

from lib import answers as graded
from lib import stats
from tests.bench import answers, clock, draws, rows, stored, suite, sweeps
from tests.bench.rows import Limit, Row


def row(**changes) -> Row:
    known = {"name": "x", "kind": "ours / other", "unit": "s", "ours": (2.0, 3.0, 9.0), "other": (2.0, 2.0, 1.0)}
    return Row(**known | changes)


# rows


@pytest.mark.parametrize(
    ("kind", "value", "each"),
    [
        ("ours / other", 1.5, [1.0, 1.5, 9.0]),
        ("other / ours", 2 / 3, [1.0, 2 / 3, 1 / 9]),
        ("ours - other", 1.0, [0.0, 1.0, 8.0]),
        ("ours", 3.0, [2.0, 3.0, 9.0]),
        ("1 / ours", 1 / 3, [1 / 2, 1 / 3, 1 / 9]),
    ],
)
def test_the_number_of_a_row_is_that_of_the_medians(kind, value, each):
    found = row(kind=kind)
    assert found.value == pytest.approx(value) and found.each == pytest.approx(each)


@pytest.mark.parametrize(
    ("text", "value", "is_met", "told"),
    [
        ("<= 1.10", 1.10, True, "met, 0 % to spare"),
        ("<= 1.10", 1.20, False, "missed, 9 % off"),
        (">= 8", 7.99, False, "missed, 0 % off"),
        (">= 150", 300, True, "met, 100 % to spare"),
        ("<= 0", 0, True, "met"),
        ("<= 0", 3, False, "missed, 3 off"),
    ],
)
def test_a_limit_has_a_side_and_the_bound_is_on_it(text, value, is_met, told):
    limit = Limit.read(text)
    assert limit.met(value) is is_met and limit.far(value) == told
    assert row(limit=text, kind="ours", ours=(value,), other=()).is_met is is_met


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limit": "< 1"}, "expected <= or >=, a space and a number"),
        ({"limit": "<= x"}, "expected <= or >=, a space and a number"),
        ({"other": (1.0, 2.0)}, "3 and 2 runs, expected as many of both"),
        ({"ours": (), "other": ()}, "0 and 0 runs"),
        ({"kind": "ours x other"}, "kind 'ours x other': expected one of ours / other, "),
    ],
)
def test_rows_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        row(**changes)


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.0, "3"), (1234.5, "1,234"), (1.0954, "1.10"), (0.04321, "0.043"), (16.72, "16.72")],
)
def test_numbers_have_the_digits_that_count(value, text):
    assert rows.number(value) == text


def test_the_cells_of_a_row():
    told = {"told": "3 things", "why": "it is slow"}
    assert row(limit="<= 1.6", **told).cells() == (
        *("x", "1.50", "1 to 9", "<= 1.6", "met, 6 % to spare", "3", "3 things"),
    )
    assert row(limit="<= 1.2", **told).cells()[-1] == "3 things; it is slow"
    assert row(ours=(4.0,), other=(2.0,)).cells() == ("x", "2", "", "", "", "1", "")
    failed = row(ours=(), other=(), failed="OSError: no disk", limit="<= 2")
    assert failed.cells() == ("x", "failed", "", "<= 2", "", "0", "OSError: no disk") and failed.is_met is None


def test_tables_hold_a_line_for_each_row():
    two = [row(name="a | b", limit="<= 2"), row(name="c")]
    lines = rows.markdown(two).splitlines()
    assert [line.count(" | ") for line in lines] == [6] * 4 and lines[2].startswith("| a \\| b | 1.50 | ")
    aligned = rows.aligned(two).splitlines()
    assert len(aligned) == 3 and {line.index("1.50") for line in aligned[1:]} == {aligned[0].index("measured")}


def test_rows_come_back_from_json():
    two = [row(limit="<= 2", part="math", told="t"), row(ours=(), other=(), failed="broken")]
    whole = json.loads(json.dumps(stored.described(two, 5, 1.0, {"math": 61.4}, 0.1)))
    assert stored.rows_of(whole) == two and whole["seconds"] == 61


# measuring


def test_works_are_done_in_turns_and_the_first_run_does_not_count():
    done = []
    works = {"a": lambda turn: done.append(f"a{turn}"), "b": lambda turn: done.append(f"b{turn}")}
    took = clock.in_turns(works, 3)
    assert done == ["b0", "a0", "a1", "b1", "b2", "a2", "a3", "b3"]
    assert {name: len(spent) for name, spent in took.items()} == {"a": 3, "b": 3}
    done.clear()
    clock.in_turns(works, 1, warm=False)
    assert done == ["a1", "b1"]


def test_a_part_that_breaks_has_a_row_and_the_others_go_on(capsys):
    def broken(runs, size):
        yield row(name="before")
        raise OSError("no\ndisk")

    def sound(runs, size):
        yield row(name=f"{runs} runs of {size}")

    took = {}
    found = list(suite.measured([suite.Part("one", broken, 1), suite.Part("two", sound, 120)], 5, 1.0, took))
    assert [(one.part, one.name) for one in found] == [
        *(("one", "before"), ("one", "one: not measured"), ("two", "5 runs of 1.0")),
    ]
    assert found[1].failed == "OSError: no disk"
    assert list(took) == ["one", "two"] and all(spent >= 0 for spent in took.values())
    said = capsys.readouterr().err
    assert "one (1 of 2), about 2.0 min left" in said and "failed: OSError: no disk" in said


def test_the_exit_code_says_whether_a_part_broke(monkeypatch, tmp_path, capsys):
    def broken(runs, size):
        raise RuntimeError("gone")
        yield

    monkeypatch.setattr(suite, "PARTS", (suite.Part("one", lambda *how: iter([row(limit="<= 1")]), 1),))
    assert suite.main(["--to", str(tmp_path / "a.json")]) == 0  # a limit that is missed is a result
    assert json.loads((tmp_path / "a.json").read_text())["rows"][0]["met"] is False
    monkeypatch.setattr(suite, "PARTS", (suite.Part("one", broken, 1),))
    monkeypatch.setattr(stored, "store", lambda *what: pytest.fail("a run with a broken part was stored"))
    assert suite.main(["--store"]) == 1
    assert "RuntimeError: gone" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "maths"], "--only maths: expected one of math, code, "),
        (["--runs", "0"], "expected numbers above 0"),
        (["--store", "--only", "math"], "--store: expected all parts, and 5 runs or more"),
    ],
)
def test_wrong_arguments_are_told(arguments, message, capsys):
    with pytest.raises(SystemExit) as error:
        suite.main(arguments)
    assert error.value.code == 2 and message in capsys.readouterr().err


# what is counted and made up


def test_distinct_tokens_are_the_nodes_of_the_tree_of_prompts():
    assert sweeps.distinct([]) == 0
    assert sweeps.distinct([[1, 2, 3], [1, 2, 4], [1, 2], [1, 2, 3], [5, 2, 3]]) == 3 + 1 + 0 + 0 + 3
    assert sweeps.distinct([[1] * 10, [1] * 4]) == 10


def test_what_a_cache_of_whole_blocks_leaves():
    assert sweeps.possible([[1, 2, 3, 4, 5]] * 2, 2) == 5 + 1
    assert sweeps.possible([[1, 2, 3, 4]] * 2, 2) == 4 + 2  # the last token is always computed
    assert sweeps.possible([[1, 2, 3], [9, 2, 3]], 2) == 6
    assert sweeps.possible([list(range(10)), [*range(5), 99]], 1) == sweeps.distinct([list(range(10)), [*range(5), 99]])


@pytest.mark.parametrize(("make", "shares"), [(answers.plain, (2, 3)), (answers.symbolic, (1, 2))])
def test_pairs_are_new_in_every_run_and_known(make, shares):
    pairs = make(24, 1)
    assert make(24, 1) == pairs and not set(pairs) & set(make(24, 2))
    verdicts = Counter(graded.grade(text, gold, "math500").status for text, gold in pairs)
    assert (
        verdicts["correct"] / 24 == pytest.approx(shares[0] / shares[1])
        and verdicts["incorrect"] + verdicts["correct"] == 24
    )


def test_the_plain_loop_gives_the_intervals_that_ours_gives():
    frame = draws.grades(30)
    ours = stats.accuracy(frame, draws.CELLS, draws=4000, method="bootstrap").set_index(draws.CELLS)
    plain = draws.plain(frame, 200, 1)
    assert len(ours) == draws.POSITIONS * draws.INTERRUPTS and ours.index.equals(plain.index)
    assert (ours[["ci_low", "ci_high"]].to_numpy() - plain.to_numpy()).std() < 0.02


# what is stored


@pytest.fixture(scope="module")
def whole() -> dict:
    return json.loads(stored.FILE.read_text())


def test_the_page_shows_the_stored_run(whole):
    text = stored.PAGE.read_text()
    assert stored.page(text, whole, stored.rows_of(whole)) == text


def test_every_part_of_the_suite_has_a_row_and_none_broke(whole):
    found = stored.rows_of(whole)
    assert list(dict.fromkeys(one.part for one in found)) == [part.name for part in suite.PARTS]
    assert [one.name for one in found if one.failed] == []
    assert len({one.name for one in found}) == len(found)


def test_stored_numbers_are_those_of_their_runs(whole):
    for told, one in zip(whole["rows"], stored.rows_of(whole), strict=True):
        assert one.unit in rows.EXACT or len(one.ours) >= suite.RUNS, one.name
        assert told["median_ours"] == statistics.median(told["ours"]) and told["runs"] == len(told["ours"])
        other = statistics.median(told["other"]) if told["other"] else 1.0
        assert told["value"] == rows.KINDS[told["kind"]](told["median_ours"], other)
        assert told["low"] <= told["high"] and told["met"] == one.is_met


# (part, limit) as was asked for
ASKED = [
    *(("sweep", "<= 1.15"), ("sweep", "<= 1.10"), ("sweep", ">= 8"), ("long", "<= 1.15")),
    *(("memory", "<= 1.3"), ("kills", "<= 0"), ("math", ">= 8"), ("math", ">= 1.7")),
    *(("code", ">= 150"), ("code", "<= 0.3"), ("bootstrap", "<= 2"), ("judge", "<= 5")),
]


def test_every_number_that_was_asked_for_is_there_and_a_miss_is_explained(whole):
    found = stored.rows_of(whole)
    assert sorted((one.part, one.limit) for one in found if one.limit) == sorted(ASKED)
    text = " ".join(stored.PAGE.read_text().split())
    for one in found:
        assert one.is_met is not False or (one.why and one.why in text), (
            f"{one.name}: missed, and the page says not why"
        )
