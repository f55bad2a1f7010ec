"""A round of evolution: planted questions come as far as they deserve, and test problems are never touched."""

import dataclasses

import numpy as np
import pytest

from lib.grm import evolution
from lib.grm.evolution import Round
from lib.grm.rubric import Criterion, Gate
from lib.stats import calibration
from tests.fakes.evolution import KNOWN, PLANTED, RUBRIC, FakeWriter, items, planted_writer, said, word_judge


@pytest.fixture(scope="module")
def world():
    return items()


@pytest.fixture(scope="module")
def first_round(world):
    writer, judge = planted_writer(), word_judge()
    outcome = world.set_index("item_id")["good"]
    return evolution.evolve(RUBRIC, world, outcome, writer, judge, Round(pairs=4, draws=400)), writer, judge.ready


def test_planted_questions_come_as_far_as_they_deserve(first_round):
    found = first_round[0]
    fates = found.candidates.set_index("id")
    told = {name: (fates.loc[name, "stage"], fates.loc[name, "status"]) for name, *_ in PLANTED}
    assert told == {name: (stage, status) for name, _, _, stage, status in PLANTED}
    assert (fates["status"].isin(["kept", "ok"]) | fates["why"].ne("")).all()
    assert found.funnel["entered"].tolist() == [13, 12, 8, 2] and found.funnel["left"].tolist() == [12, 8, 2, 2]


def test_the_new_version_has_what_stands_and_says_where_it_came_from(first_round):
    after = first_round[0].rubric
    assert (after.full_name, after.parent, after.status) == ("planted@1.3.0", "planted@1.2.0", "active")
    assert [one.id for one in after.criteria] == ["polite", "names_unit", "loses_thread"]  # filler never varied
    assert after.changes[0].startswith("added names_unit: proposed by tiny-lrm-m, judged by tiny-lrm-m; AUC 0.")
    assert after.changes[-1] == "retired filler: all its verdicts were one label"
    assert after.hash != RUBRIC.hash


def test_the_writer_sees_tuning_problems_only_and_nobody_the_test_problems(first_round, world):
    found, writer, judge = first_round
    part = dict(zip(world["problem_id"], calibration.split(world["problem_id"]), strict=True))
    asked = [[name for name in part if f"What is {name[1:]}?" in prompt] for prompt in writer.prompts]
    assert {part[name] for names in asked for name in names} == {"tuning"} and all(len(names) == 1 for names in asked)
    assert {part[name] for name in found.judgements["problem_id"]} == {"tuning", "calibration"}
    assert set(found.judgements["rubric"].str.partition("#")[0]) == {"planted@1.3.0-trial"}
    assert found.judgements["sample"].nunique() == 3 and len(judge.requests) == len(found.judgements) / (
        found.judgements.groupby(["item_id", "sample"])["criterion"].nunique().mean()
    )


def test_what_passes_the_trial_by_luck_is_not_confirmed(world):
    tuning = np.array(calibration.split(world["problem_id"])) == "tuning"
    swapped = world.assign(
        answer=world["answer"].where(tuning, world["answer"].sample(frac=1, random_state=1).to_numpy())
    )
    writer = FakeWriter([said(*PLANTED[0][:3])], [])
    judge = word_judge()
    rubric = dataclasses.replace(RUBRIC, criteria=(KNOWN,))
    settings = Round(pairs=2, samples=2, draws=300)
    found = evolution.evolve(rubric, swapped, swapped.set_index("item_id")["good"], writer, judge, settings)
    fate = found.candidates.set_index("id").loc["names_unit"]
    assert (fate["stage"], fate["status"]) == ("confirmation", "discrimination") and "AUC may be as low" in fate["why"]
    assert found.rubric is rubric and found.funnel["left"].tolist() == [1, 1, 1, 0]


def test_the_last_desired_criterion_is_never_retired_and_gates_go_with_their_criteria():
    frame = items(40)
    constant = Criterion("constant", "Is it written in English?", "desired", ("answer",))
    filler = RUBRIC.criterion("filler")
    gate = (Gate("filler", "yes", at_most=0.5),)
    rubric = dataclasses.replace(RUBRIC, criteria=(constant, filler), gates=gate, status="candidate")
    judge = word_judge()
    settings = Round(pairs=1, samples=2, draws=50)
    found = evolution.evolve(rubric, frame, frame.set_index("item_id")["good"], FakeWriter([]), judge, settings)
    assert [one.id for one in found.rubric.criteria] == ["constant"] and found.rubric.gates == ()
    assert found.rubric.status == "candidate"  # its one criterion shows nothing
    assert found.candidates.set_index("id")["status"].to_dict()["filler"] == "retired"


def test_too_few_problems_for_a_split_are_told():
    frame = items(1)
    with pytest.raises(ValueError, match=r"items: none of the 1 problems is in the part"):
        evolution.evolve(RUBRIC, frame, frame.set_index("item_id")["good"], FakeWriter([]), word_judge())
