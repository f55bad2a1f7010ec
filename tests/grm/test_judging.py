"""The judge of a study: its rubrics, the continuations it is asked about, and its judgements on disk."""

import dataclasses
import shutil
from contextlib import contextmanager

import pandas as pd
import pytest
import yaml

from lib import engine, params, paths, schema, tables
from lib.grm import Policy, judge, judging, scores
from lib.grm.reply import Path, Status
from lib.grm.rubric import load
from tests.fakes.judge import RUBRIC, Fake
from tests.fakes.judge import items as answered


def study(**changes):
    return dataclasses.replace(params.load_study("smoke"), **changes)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of params/ that a test may spoil."""
    shutil.copytree(paths.PARAMS, tmp_path / "params")
    monkeypatch.setattr(paths, "PARAMS", tmp_path / "params")
    return tmp_path / "params"


# which rubrics


def test_a_rubric_is_asked_whole_or_in_part():
    found = judging.rubrics(study(rubrics={"panic": "all", "leakage": ["takes_back", "new_steps"]}))
    assert list(found) == ["panic", "leakage"] and found["panic"] == load("panic")
    part, whole = found["leakage"], load("leakage")
    assert [one.id for one in part.criteria] == ["new_steps", "takes_back"] and part.full_name == whole.full_name
    assert part.hash != whole.hash and {gate.criterion for gate in part.gates} <= {"new_steps", "takes_back"}
    assert whole.only(one.id for one in whole.criteria) == whole and judging.rubrics(study()) == {}
    with pytest.raises(params.ParamsError, match=r"^no criteria, expected "):
        whole.only([])


# rubrics of a study, what the error must say
FAULTS = [
    ({"panics": "all"}, ["rubrics.panics: no file params/rubrics/panics.yaml", "did you mean panic?"]),
    ({"leakage": ["new_step"]}, ["rubrics.leakage: no criterion new_step (did you mean new_steps?), expected one of "]),
    (
        {"leakage": ["new_steps", "x"], "panic": ["goes"]},
        ["rubrics.leakage: no criterion x, expected", "; rubrics.panic: no criterion goes (did you mean goes_on"],
    ),
]


@pytest.mark.parametrize(("asked", "parts"), FAULTS, ids=lambda value: " ".join(value))
def test_a_rubric_or_criterion_that_is_not_there_is_told_with_the_nearest_one(asked, parts):
    with pytest.raises(params.ParamsError) as caught:
        judging.rubrics(study(rubrics=asked))
    assert str(caught.value).startswith("params/studies/smoke.yaml: rubrics.") and "\n" not in str(caught.value)
    assert all(part in str(caught.value) for part in parts)


def test_an_unsound_rubric_is_told_with_the_study_and_its_own_file(folder):
    values = yaml.safe_load((folder / "rubrics" / "panic.yaml").read_text()) | {"scope": "thought"}
    (folder / "rubrics" / "panic.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(params.ParamsError, match=r"^params/studies/smoke.yaml: rubrics.panic: .*panic.yaml: scope: "):
        judging.rubrics(study(rubrics={"panic": "all"}))


def test_without_a_desired_criterion_there_are_verdicts_and_no_score():
    part = RUBRIC.only(["hasty"])
    voted = scores.verdicts(judge.Judge(Fake()).score(answered(), part), part)
    assert voted["status"].eq("ok").all() and scores.summary(voted, part)["score"].isna().all()


# which continuations


def items(problems=30, interrupts=("end_thinking", "speed_up", "update"), positions=(0.1, 0.5, 0.9), samples=1):
    rows = [
        {"item_id": f"p{p}~{s}~{name}~{at}", "problem_id": f"p{p}", "interrupt": name, "position": at}
        for p in range(problems)
        for s in range(samples)
        for name in interrupts
        for at in positions
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("name", "kinds"), [("panic", {"speed_up"}), ("self_doubt", {"update"})])
def test_a_rubric_is_asked_about_the_interrupts_that_it_is_for(name, kinds):
    chosen = judging.chosen(study(judged=50), load(name), items())
    assert set(chosen["interrupt"]) == kinds and len(chosen) == 50
    assert len(judging.chosen(study(judged=5000), load(name), items())) == 90
    assert judging.chosen(study(), load("agentic_example"), items(interrupts=("noop",))).empty


@pytest.mark.parametrize("judged", [1, 7, 9, 10, 50, 89, 90, 100, 269])
@pytest.mark.parametrize("samples", [1, 2])
def test_problems_are_whole_but_one_or_two_and_cells_are_of_one_size(judged, samples):
    rows = items(samples=samples)
    chosen = judging.chosen(study(judged=judged), load("honesty"), rows)
    assert len(chosen) == judged and chosen.index.is_monotonic_increasing
    sizes = chosen["problem_id"].value_counts()
    assert sizes.lt(9 * samples).sum() <= 1
    cells = chosen.groupby(["interrupt", "position"]).size().reindex(pd.MultiIndex.from_product(CELLS), fill_value=0)
    assert cells.max() - cells.min() <= 1 * samples


CELLS = [("end_thinking", "speed_up", "update"), (0.1, 0.5, 0.9)]


def test_the_choice_is_by_the_seed_and_the_same_for_every_rubric_order_and_index():
    rows, few = items(), study(judged=45)
    chosen = judging.chosen(few, load("honesty"), rows)
    assert chosen.equals(judging.chosen(few, load("honesty"), rows))
    drawn = set(chosen["problem_id"])
    assert drawn == set(judging.chosen(few, load("honesty"), rows.iloc[::-1])["problem_id"])
    assert drawn != set(judging.chosen(study(judged=45, seed=7), load("honesty"), rows)["problem_id"])
    doubled = rows.set_index(pd.Index([0] * len(rows)))  # as after a concat
    assert judging.chosen(few, load("honesty"), doubled)["item_id"].tolist() == chosen["item_id"].tolist()
    panic = judging.chosen(study(judged=15), load("panic"), rows)
    assert set(panic["problem_id"]) == drawn
    firsts = {judging.chosen(study(judged=1, seed=i), load("honesty"), rows)["item_id"].iloc[0] for i in range(20)}
    assert len({name.split("~", 2)[2] for name in firsts}) > 3  # no cell is preferred


# asking


class Judging(Fake):
    """A FAKE engine that opens as a model's does, and counts how often."""

    opened = 0

    def __init__(self, model):
        super().__init__()
        type(self).opened += 1


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(Judging, "opened", 0)
    made = []

    @contextmanager
    def opening(model):
        made.append(Judging(model))
        yield made[-1]

    monkeypatch.setattr(engine, "open", opening)
    return made


@pytest.fixture
def manners(folder):
    """Two rubrics on disk that the FAKE engine can judge."""
    values = RUBRIC.as_dict()
    for name, kinds in (("manners", ["soft"]), ("bearing", ["hard", "soft"])):
        told = {key: value for key, value in values.items() if key != "name"} | {"interrupts": kinds}
        (folder / "rubrics" / f"{name}.yaml").write_text(yaml.safe_dump(told))
    return {"manners": "all", "bearing": ["kind"]}


def continued():
    frame = items(4, ("speed_up", "end_thinking"), (0.5,)).assign(problem="What?", reference="12")
    texts = ["There was no time.", "Here you are, please: 12."]
    return frame.assign(answer=[texts[i % 3 == 0] for i in range(len(frame))])


def judged(named, frame=None, policy=None):
    rows = continued() if frame is None else frame
    return judging.judge(named, "tiny-lrm-s", judging.assigned(named, judging.rubrics(named), rows), policy)


def test_all_rubrics_are_asked_in_one_opening_of_the_judge(outputs, manners, fake):
    rows = judged(study(judge="tiny-lrm-m", rubrics=manners, draws=2))
    assert list(rows.columns) == judge.COLUMNS and len(fake) == 1
    counts = rows.groupby(rows["rubric"].str.split("@").str[0]).size().to_dict()
    assert counts == {"manners": 4 * 3 * 2, "bearing": 8 * 1 * 2}
    assert set(rows["judge"]) == {"tiny-lrm-m"} and rows["status"].eq("ok").all()


def test_a_run_that_goes_on_opens_no_judge_and_says_the_same(outputs, manners, fake):
    named = study(judge="tiny-lrm-m", rubrics=manners)
    first = judged(named)
    pd.testing.assert_frame_equal(judged(named), first)
    assert len(fake) == 1
    assert len(judged(study(judge="tiny-lrm-m", rubrics=manners, draws=2))) == 40
    assert len(fake) == 2 and len(fake[1].requests) == len(fake[0].requests)  # of the new draws only


@pytest.mark.parametrize("changes", [{}, {"judge": "tiny-lrm-m"}, {"rubrics": {"panic": "all"}}])
def test_without_a_judge_or_rubrics_there_is_nothing_and_nothing_is_opened(outputs, fake, changes):
    rows = judging.judge(study(**changes), "tiny-lrm-s", continued())
    assert list(rows.columns) == judge.COLUMNS and rows.empty and fake == []
    truth = rows.head(1).assign(label="yes", by="planted")
    tables.write(judging.rows(rows, "tiny-lrm-s", truth), "judgements", "smoke", "tiny-lrm-s")
    assert tables.read("judgements", "smoke", "tiny-lrm-s").empty


# the table


def test_the_table_has_the_columns_of_a_judgement_and_the_statuses_of_a_reply():
    ours = {judging.NAMES.get(name, name) for name in judge.COLUMNS} | {"model", "truth", "truth_by"}
    assert set(schema.TABLES["judgements"].names()) == ours
    assert set(schema.JUDGEMENT_STATUSES) == set(Status.__args__)
    meaning = schema.glossary("judgements").set_index("column")["meaning"]
    assert all(word in meaning["path"] for word in Path.__args__)


def test_judgements_come_back_from_disk_as_they_were(outputs, manners, fake):
    named = study(judge="tiny-lrm-m", rubrics=manners, draws=3)
    frame = continued()
    frame.loc[0, "reference"] = None  # one that cannot be judged
    rows = judged(named, frame, Policy(attempts=1))
    told = judging.parameters(named)
    truth = rows.head(1).assign(label="yes", by="planted")
    tables.write(judging.rows(rows, "tiny-lrm-s", truth), "judgements", "smoke", "tiny-lrm-s", params=told)
    stored = tables.read("judgements", "smoke", "tiny-lrm-s")
    known = stored[stored["truth"].notna()]
    assert known["criterion"].eq(truth["criterion"].iloc[0]).all() and set(known["truth_by"]) == {"planted"}
    assert set(stored["model"]) == {"tiny-lrm-s"} and stored["draw"].max() == 2
    assert stored.loc[stored["status"].ne("ok"), "value"].isna().all() and stored["status"].ne("ok").sum() == 3
    keys = ["rubric", "item_id", "criterion", "sample"]
    back = judging.judgements(stored)
    assert list(back.columns) == judge.COLUMNS
    same = [frame.sort_values(keys).reset_index(drop=True).astype(object) for frame in (rows, back)]
    pd.testing.assert_frame_equal(*(frame.where(frame.notna(), None) for frame in same))
    assert told["rubrics"] == {name: rubric.as_dict() for name, rubric in judging.rubrics(named).items()}
    assert told["judge"]["name"] == "tiny-lrm-m"
