"""Scores: verdicts are the votes of all samples; known scores, and properties on random rubrics."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lib.grm import scores
from lib.grm.rubric import Criterion, Gate
from tests.fakes.judge import RUBRIC

ITEM = ["item_id", "problem_id", "criterion"]

# verdicts


@pytest.mark.parametrize("failing", [0.0, 0.4, 0.9])
def test_verdicts_are_the_votes_of_each_item(failing):
    draw, n = np.random.default_rng(3), 300
    item, failed = draw.integers(40, size=n), draw.random(n) < failing
    rows = pd.DataFrame({"item_id": [f"i{i}" for i in item], "problem_id": [f"p{i // 3}" for i in item]})
    rows["criterion"] = draw.choice(["hasty", "kind", "right"], n)
    rows["status"] = np.where(failed, draw.choice(["abstain", "parse_error", "refused"], n), "ok")
    # some that failed keep their verdict
    rows["verdict"] = np.where(failed & (draw.random(n) < 0.5), None, draw.choice(["yes", "no"], n))
    found, groups = scores.verdicts(rows, RUBRIC), rows.groupby(ITEM, sort=False)
    assert len(found) == len(groups)
    for row, (names, part) in zip(found.to_dict("records"), groups, strict=True):
        counts = Counter(part.loc[part["status"].eq("ok"), "verdict"])
        total, yes, no = counts.total(), counts["yes"], counts["no"]
        status = "ok" if total else Counter(part["status"]).most_common(1)[0][0]
        expected = {"status": status, "votes": total, "samples": len(part)} | dict(zip(ITEM, names, strict=True))
        verdict = "yes" if yes > no or (yes == no and names[2] == "hasty") else "no"  # ties fall to the worse
        vote = {"verdict": verdict, "value": yes / max(total, 1), "confidence": (max(yes, no) + 1) / (total + 2)}
        expected |= vote if total else dict.fromkeys(vote)
        assert {name: None if pd.isna(value) else value for name, value in row.items()} == expected


def judgements(**by_criterion):
    """Judgements of one item: for each criterion the statuses or verdicts of its samples."""
    rows = []
    for criterion, samples in by_criterion.items():
        for i, one in enumerate(samples):
            row = {"item_id": "i", "problem_id": "p", "criterion": criterion, "sample": i}
            is_verdict = one in ("yes", "no")
            rows.append(row | {"status": "ok" if is_verdict else one, "verdict": one if is_verdict else None})
    return pd.DataFrame(rows)


def test_criteria_and_labels_off_the_menu_are_named_and_no_judgements_make_no_votes():
    assert list(scores.verdicts(judgements(kind=["yes"]).iloc[:0], RUBRIC)) == scores.VERDICTS
    with pytest.raises(ValueError, match=r"criterion panic: not in manners@1.0.0, expected one of hasty, kind, right"):
        scores.verdicts(judgements(panic=["yes"]), RUBRIC)
    with pytest.raises(ValueError, match="label 'sure': expected one of yes, no"):
        scores.verdicts(judgements(hasty=["yes"]).assign(verdict="sure"), RUBRIC)


# scores


def rubric(*criteria, gates=()):
    """A rubric of criteria as (id, weight, polarity)."""
    made = (Criterion(name, "Is it?", polarity, ("answer",), float(weight)) for name, weight, polarity in criteria)
    return replace(RUBRIC, criteria=tuple(made), gates=tuple(gates))


THREE = [("good", 1, "desired"), ("also", 3, "desired"), ("bad", 2, "undesired")]


def judged(**values):
    """Label and value of each criterion: "yes" for anything above 0."""
    return {name: ("yes" if value else "no", float(value)) for name, value in values.items()}


# (judged, raw, score, coverage, low, high)
KNOWN = [
    (judged(good=1, also=1, bad=0), 1, 1, 1, 1, 1),
    (judged(good=0, also=0, bad=1), -1 / 2, 0, 1, 0, 0),
    (judged(good=1, also=0.5, bad=0), 2.5 / 4, 2.5 / 4, 1, 2.5 / 4, 2.5 / 4),
    (judged(good=1, also=1, bad=1), 1 / 2, 1 / 2, 1, 1 / 2, 1 / 2),
    (judged(also=1, bad=0), 1, 1, 5 / 6, 3 / 4, 1),
    (judged(good=1), 1, 1, 1 / 6, 0, 1),
    (judged(good=0), 0, 0, 1 / 6, 0, 3 / 4),
    (judged(bad=1), None, None, 2 / 6, 0, 1 / 2),  # nothing desired was judged
    ({}, None, None, 0, 0, 1),
]


@pytest.mark.parametrize(("labels", "raw", "score", "coverage", "low", "high"), KNOWN)
def test_scores_whose_value_is_known(labels, raw, score, coverage, low, high):
    found = scores.score(labels, rubric(*THREE))
    assert (found.raw, found.score) == (raw, score) and found.gates == ()
    assert (found.coverage, found.low, found.high) == pytest.approx((coverage, low, high))


def random_cases(count, seed):
    draw = np.random.default_rng(seed)
    for _ in range(count):
        polarities = ["desired", *draw.choice(["desired", "undesired"], draw.integers(1, 7))]
        criteria = [(f"c{i}", draw.integers(1, 5), str(polarity)) for i, polarity in enumerate(polarities)]
        labels = judged(**{name: draw.choice([0, 0.5, 1]) for name, *_ in criteria if draw.random() < 0.7})
        limits = [draw.choice([None, 0.2, 0.6]), draw.choice([None, 0.2, 0.6])]
        lowest, most = sorted(limits, key=lambda limit: (limit is not None, limit))
        gates = [Gate("c0", str(draw.choice(["yes", "no"])), most, lowest)] if most else []
        yield labels, criteria, gates, draw


def test_the_band_holds_the_score_and_every_way_the_rest_may_come_out():
    undecided = 0
    for labels, criteria, gates, _ in random_cases(200, seed=2):
        whole = rubric(*criteria, gates=gates)
        found = scores.score(labels, whole)
        if found.score is not None and not any(gate.at_least for gate in gates):
            assert found.low - 1e-12 <= found.score <= found.high + 1e-12
        rest = [name for name, *_ in criteria if name not in labels]
        for values in itertools.product([0, 1], repeat=len(rest)):
            end = scores.score(labels | judged(**dict(zip(rest, values, strict=True))), whole).score
            assert found.low - 1e-12 <= end <= found.high + 1e-12
            undecided += bool(rest)
    assert undecided > 500


@pytest.mark.parametrize(
    ("labels", "gates", "score", "active", "low", "high"),
    [
        (judged(good=0, also=1), [Gate("good", "no", at_most=0.4)], 0.4, ("good=no",), 0.25, 0.4),
        (judged(good=1, also=1), [Gate("good", "no", at_most=0.4)], 1, (), 0.5, 1),
        (judged(also=1), [Gate("good", "no", at_most=0.1)], 1, (), 0.1, 1),  # not judged: only the low end knows
        (judged(also=0), [Gate("good", "yes", at_least=0.9)], 0, (), 0, 0.9),
        (judged(good=1, also=0), [Gate("good", "yes", at_least=0.8)], 0.8, ("good=yes",), 0.8, 0.8),
        (judged(good=1), [Gate("good", "yes", at_least=0.8), Gate("good", "yes", at_most=0.3)], 0.3,
         ("good=yes", "good=yes"), 0.3, 0.3),
        ({}, [Gate("good", "no", at_most=0.4)], None, (), 0, 1),
    ],
)  # fmt: skip
def test_gates_limit_the_score_and_stand_beside_it(labels, gates, score, active, low, high):
    found, plain = scores.score(labels, rubric(*THREE, gates=gates)), scores.score(labels, rubric(*THREE))
    assert (found.score, found.gates) == (score, active)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert (found.raw, found.clamped) == (plain.raw, plain.clamped)


def test_undesired_things_alone_have_no_score_and_a_weight_is_needed():
    found = scores.score(judged(bad=0), rubric(*THREE).only(["bad"]))
    assert (found.raw, found.score, found.low, found.high, found.coverage) == (None, None, None, None, 1)
    with pytest.raises(ValueError, match=r"manners@1\.0\.0: expected a criterion with a weight"):
        scores.score({}, rubric(*THREE, ("idle", 0, "desired")).only(["idle"]))


@pytest.mark.parametrize(
    ("samples", "raw", "coverage", "band"),
    [
        ({"hasty": ["no"], "kind": ["yes"], "right": ["yes"]}, 1, 1, (1, 1)),
        ({"hasty": ["yes"], "kind": ["no"], "right": ["no"]}, -0.5, 1, (0, 0)),
        ({"hasty": ["no"], "kind": ["yes"], "right": ["parse_error"]}, 1, 2 / 3, (0.5, 1)),
        ({"hasty": ["refused"], "kind": ["truncated"], "right": ["abstain"]}, None, 0, (0, 1)),
        ({"hasty": ["no", "no", "yes"], "kind": ["yes", "infra_error", "yes"], "right": ["yes"]}, 1 - 1 / 6, 1, None),
    ],
)
def test_a_failed_judgement_costs_coverage_and_is_no_value(samples, raw, coverage, band):
    found = scores.summary(scores.verdicts(judgements(**samples), RUBRIC), RUBRIC).iloc[0]
    assert pd.isna(found["raw"]) if raw is None else found["raw"] == pytest.approx(raw)
    assert found["coverage"] == pytest.approx(coverage)
    assert band is None or (found["low"], found["high"]) == pytest.approx(band)


def test_program_and_judge_are_counted_side_by_side():
    table = scores.against_program(
        pd.DataFrame({"item_id": list("abcde"), "score": [0.9, 0.2, 0.5, None, 0.7]}),
        pd.Series({"a": True, "b": True, "c": False, "d": False}),
    )
    assert table.loc[["right", "wrong", "unknown"]].to_numpy().tolist() == [[1, 1, 0], [1, 0, 1], [1, 0, 0]]


# trees


def node(score, weight, *children):
    return {"score": score, "weight": weight, "sub_tasks": list(children)}


@pytest.mark.parametrize(
    ("tree", "value"),
    [
        (node(9, 1, node(9, 2, node(1, 1), node(0, 1)), node(1, 6)), 7 / 8),  # a branch's own score does not count
        (node(9, 1, node(1, 1), node(None, 9), node(0, 0)), 1),
        (node(9, 1, node(9, 1, node(None, 1)), node(0.5, 1)), 0.5),
        (node(9, 1, node(None, 1), node(1, 0)), None),
    ],
)
def test_a_tree_is_a_weighted_mean_of_weighted_means(tree, value):
    assert scores.tree(tree) == (None if value is None else pytest.approx(value))
