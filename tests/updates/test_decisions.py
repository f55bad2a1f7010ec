"""A person's word on updates, and the pages on which pairs are read."""

import re
import time

import pandas as pd
import pytest

from lib import paths, problems, updates
from lib.updates import decisions, review
from lib.updates.decisions import DecisionError
from tests.report.page_text import text_of

HOSTILE = "<script>alert(1)</script> & <b onmouseover=x>"


@pytest.fixture
def params_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "PARAMS", tmp_path)
    return tmp_path / "studies" / "s"


@pytest.fixture(scope="module")
def asked():
    return problems.load("tiny").head(6)


@pytest.fixture(scope="module")
def made(asked):
    return updates.by_construction(asked)


def written(folder, text):
    folder.mkdir(parents=True)
    (folder / "decisions.csv").write_text(text)


def test_without_a_file_nothing_is_decided(params_folder, made):
    assert decisions.read("s").empty
    assert decisions.apply(made, decisions.read("s")).equals(made)


def test_decisions_by_hand_are_merged_by_id(params_folder, made):
    rows = ["problem_id,update_id,decision,reason", "tiny/0000,0,reject,reads oddly", "tiny/0001,0,reject,"]
    written(params_folder, "\n".join(rows))
    done = decisions.apply(made, decisions.read("s"))
    both = done[done["problem_id"].isin(["tiny/0000", "tiny/0001"]) & done["kind"].eq("necessary")]
    assert both["why_invalid"].tolist() == ["rejected: reads oddly", "rejected: no reason given"]
    assert (~done["valid"].astype(bool)).sum() == 2 and made["valid"].all()


def test_what_a_check_refused_can_be_accepted_where_there_is_a_text(params_folder, made):
    broken = made.assign(valid=False, why_invalid="the update is empty")
    broken.loc[0, "update"] = None
    for i in (0, 3):
        decisions.record("s", broken.iloc[i], "accept")
    decided = decisions.read("s")
    done = decisions.apply(broken, decided)
    assert done["valid"].tolist() == [i == 3 for i in range(len(made))]
    assert done["why_invalid"].iloc[3] is None
    assert [decisions.state(broken, row) for row in decided.to_dict("records")] == ["nothing to accept", "applied"]


def test_a_decision_is_about_the_texts_that_were_judged(params_folder, made):
    decisions.record("s", made.iloc[0], "reject", "wrong")
    (row,) = decisions.read("s").to_dict("records")
    assert decisions.state(made, row) == "applied"
    others = made.assign(update=made["update"] + " Really.")
    assert decisions.state(others, row) == "about other texts"
    assert decisions.apply(others, decisions.read("s"))["valid"].all()
    assert decisions.state(made.iloc[3:], row) == "no such update here"


def test_the_last_word_counts_and_the_file_is_in_order(params_folder, made):
    for i, decision in ((3, "reject"), (0, "accept"), (3, "accept")):
        decisions.record("s", made.iloc[i], decision, 'a "reason", with\na line break')
    decided = decisions.read("s")
    assert decided["decision"].tolist() == ["accept", "accept"]
    assert decided["problem_id"].tolist() == ["tiny/0000", "tiny/0001"]
    assert decided["reason"].iloc[0] == 'a "reason", with\na line break'
    assert [file.name for file in params_folder.iterdir()] == ["decisions.csv"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("problem_id,decision\nx,accept\n", r"decisions\.csv: no column update_id, expected problem_id, "),
        ("problem_id,update_id,decision\nx,0,maybe\n", r"csv:2: expected accept or reject, got x 0 maybe"),
        ("problem_id,update_id,decision\nx,0,accept\nx,0,reject\n", r"decisions\.csv:3: decided on twice, got x 0"),
    ],
)  # fmt: skip
def test_bad_decisions_are_named_by_file_and_line(params_folder, text, message):
    written(params_folder, text)
    with pytest.raises(DecisionError, match=message):
        decisions.read("s")


# pages


def test_what_differs_is_marked_and_the_texts_stay_whole(asked, made):
    rows = review.pairs(asked, made)
    for row in rows.to_dict("records"):
        before, after = review.differences(row["revised_problem"], row["problem"])
        assert text_of(before)[0] == row["revised_problem"] and text_of(after)[0] == row["problem"]
        assert set(text_of(before)[1]) == {"del"} and set(text_of(after)[1]) == {"ins"}
        marked = re.findall(r"<ins[^>]*>(.*?)</ins>", after)
        assert "".join(marked) in row["problem"] and len("".join(marked)) < len(row["problem"]) / 2


def test_equal_texts_have_no_mark_and_long_equal_stretches_are_left_out():
    assert review.differences("a b", "a b") == ("a b", "a b")
    middle = "word " * 300
    before, after = review.differences(f"5 cats. {middle} 7 dogs.", f"6 cats. {middle} 8 dogs.")
    assert len(text_of(before)[0]) < 400 and review.LEFT_OUT in before
    assert text_of(after)[0].startswith("6 cats.") and text_of(after)[0].endswith("8 dogs.")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a " * 8000, "a " * 7000 + "b "),
        ("a b " * 3000, "b a c " * 3000),
        (" ".join(str(i % 50) for i in range(9000)), " ".join(str(i % 49) for i in range(9000))),
        ("\n" * 30_000, "\n." * 30_000),
        ("x " * 60_000, "y " * 60_000),
    ],
)
def test_texts_of_words_that_repeat_are_compared_in_bounded_time(before, after):
    start = time.process_time()
    shown = review.differences(before, after)
    assert time.process_time() - start < 2
    assert re.findall("<(del|ins)", "".join(shown))


def test_what_a_model_wrote_is_shown_and_not_run(asked, made):
    texts = ["revised_problem", "update", "why_invalid", "revised_answer"]
    hostile = made.assign(**dict.fromkeys(texts, HOSTILE), valid=False)
    shown, tags = text_of(review.page(review.pairs(asked.assign(answer=HOSTILE), hostile)))
    assert shown.count("alert(1)") == 6 * 5
    assert set(tags) <= {"details", "summary", "table", "tr", "td", "th", "pre", "b", "del", "ins"}


def test_without_pairs_there_is_a_page_all_the_same(asked, made):
    none = review.pairs(asked, made.iloc[:0])
    assert review.page(review.sample(none, 4, 1)) == "There are no pairs."
    assert review.browse("s", asked, made.iloc[:0]).children[1].value == "There are no pairs."
    assert updates.funnel(asked, made.iloc[:0]).iloc[0].tolist() == [6, 0, 0, 0, 0, 0, 0]


def test_a_sample_shows_every_source_and_what_failed(asked, made):
    some = made.assign(valid=[i > 2 for i in range(len(made))], why_invalid=None)
    rows = review.pairs(asked, some)
    rows = pd.concat([rows, rows.assign(source="other", problem_id=rows["problem_id"].str.replace("tiny", "other"))])
    drawn = review.sample(rows, 4, 1)
    assert drawn.groupby("source")["valid"].agg(["size", "nunique"]).values.tolist() == [[3, 2], [3, 2]]
    assert drawn.equals(review.sample(rows, 4, 1))


def test_buttons_write_decisions_and_go_on(params_folder, asked, made):
    place, shown, row = review.browse("s", asked, made).children
    accept, reject, reason, status = row.children
    assert "tiny/0000" in shown.value and status.value == "Not decided yet."
    reason.value = " too easy "
    reject.click()
    accept.click()
    decided = decisions.read("s")[["problem_id", "decision", "reason"]].values.tolist()
    assert decided == [["tiny/0000", "reject", "too easy"], ["tiny/0001", "accept", ""]]
    assert place.value == 3 and "tiny/0002" in shown.value
    place.value = 1
    assert status.value == "Decided: reject"


def test_the_funnel_counts_how_far_each_problem_got(asked, made):
    necessary = made["kind"].eq("necessary")
    rows = made[necessary].reset_index(drop=True)
    rows.loc[0, ["update", "revised_problem", "valid", "why_invalid"]] = [None, None, False, "empty reply"]
    rows.loc[1, ["revised_problem", "valid", "why_invalid"]] = [asked["problem"].iloc[1], False, "is the original"]
    rows.loc[2, ["revised_answer", "valid", "why_invalid"]] = [None, False, "no majority"]
    rows.loc[3, "revised_answer"] = None
    rows.loc[4, ["revised_answer", "valid"]] = [asked["answer"].iloc[4], False]
    counts = updates.funnel(pd.concat([asked, asked.iloc[:1].assign(problem_id="tiny/x")]), rows)
    assert list(counts.columns) == ["problems", "made", "parsed", "differs", "known", "necessary", "unsolved"]
    assert counts.values.tolist() == [[7, 6, 5, 4, 2, 1, 1]]
