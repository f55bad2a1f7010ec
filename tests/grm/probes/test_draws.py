"""Curves of votes over draws: oracles that try every choice of draws, planted judges, and what is refused."""

import dataclasses
import itertools
import json
import random

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from lib.grm import votes
from lib.grm.probes import draws as curves
from lib.grm.rubric import Criterion, Option
from lib.stats import agreement, calibration
from tests.fakes.judge import KIND, RUBRIC

LEVELS = ("cold", "cool", "warm")
WARM = Criterion(
    id="warm",
    question="How warm is it?",
    polarity="desired",
    views=("answer",),
    scale="ordinal",
    options=tuple(Option(label, i / 2, f"It is {label}.") for i, label in enumerate(LEVELS)),
)
TWO = dataclasses.replace(RUBRIC, criteria=(KIND, WARM))
VALUES = {one.id: {label: one.values[label] for label in one.levels} for one in TWO.criteria}


def planted(right, items=12, samples=5, failing=0.2, seed=0, criteria=TWO.criteria, each=2):
    """Draws of a judge that is right so often and fails so often, with the truth; `each` items of a problem."""
    rng, rows, truth = random.Random(seed), [], []
    for i, one in itertools.product(range(items), criteria):
        label = rng.choice(one.labels)
        known = {"item_id": f"i{i}", "criterion": one.id}
        truth.append(known | {"label": label})
        for sample in range(samples):
            said = label if rng.random() < right else rng.choice([other for other in one.labels if other != label])
            failed = rng.random() < failing
            told = {"status": "truncated" if failed else "ok", "verdict": None if failed else said}
            rows.append(known | told | {"problem_id": f"p{i // each}", "sample": sample, "attempts": rng.randint(1, 3)})
    return pd.DataFrame(rows), pd.DataFrame(truth)


def figures(judgements, truth, rubric=TWO, **options):
    found = curves.by_k(judgements, truth, rubric, **({"draws": 50} | options))
    return found.set_index(["criterion", "figure", "k"]).sort_index()


def chosen(part, k):
    """Every choice of k samples of an item, as labels (None: failed) and calls."""
    labels = part["verdict"].astype(object).where(part["verdict"].notna(), None)
    return list(itertools.combinations(zip(labels, part["attempts"], strict=True), k))


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_figures_are_those_of_trying_every_choice_of_draws(k):
    judgements, truth = planted(0.7)
    found = figures(judgements, truth, ks=[k])["value"]
    labels = truth.set_index(["item_id", "criterion"])["label"]
    for name, rows in judgements.groupby("criterion"):
        hit, items, none, calls, sure, right, weight = {}, [], [], [], [], [], []
        for item, part in rows.groupby("item_id"):
            draws, true = chosen(part, k), labels[item, name]
            none.append(np.mean([all(label is None for label, _ in draw) for draw in draws]))
            calls.append(np.mean([sum(taken for _, taken in draw) for draw in draws]))
            usable = [label for label in part["verdict"].dropna()]
            if not usable:
                continue
            ways = list(itertools.combinations(usable, votes.drawn(len(usable), k)))
            said = [votes.vote(one, VALUES[name]) for one in ways]
            items.append(np.mean([one.label == true for one in said]))
            hit.setdefault(true, []).append(items[-1])
            sure += [one.confidence for one in said]
            right += [one.label == true for one in said]
            weight += [1 / len(ways)] * len(ways)
        assert found[name, "accuracy", k] == pytest.approx(np.mean(items))
        assert found[name, "balanced_accuracy", k] == pytest.approx(np.mean([np.mean(each) for each in hit.values()]))
        assert found[name, "abstention", k] == pytest.approx(np.mean(none))
        assert found[name, "calls", k] == pytest.approx(np.mean(calls))
        frame = pd.DataFrame({"bin": calibration.bins_of(np.array(sure)), "w": weight})
        frame["gap"] = (np.array(right) - np.array(sure)) * frame["w"]
        gaps = frame.groupby("bin")["gap"].sum().abs().sum() / frame["w"].sum()
        assert found[name, "ece", k] == pytest.approx(gaps)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_the_cost_of_the_stop_rule_is_that_of_every_order_of_the_draws(k, monkeypatch):
    monkeypatch.setattr(curves, "ORDERS", 4000)
    judgements, truth = planted(0.7, items=3, samples=4)
    found = figures(judgements, truth, ks=[k])["value"]
    for name, rows in judgements.groupby("criterion"):
        levels, means = TWO.criterion(name).levels, []
        for _, part in rows.groupby("item_id"):
            labels, taken = part["verdict"].tolist(), part["attempts"].tolist()
            costs = []
            for order in itertools.permutations(range(4), k):
                stops = range((k + 1) // 2, k + 1)
                said = [[labels[i] for i in order[:n]] for n in stops]
                settled = [
                    votes.settled([one.count(label) for label in levels], k - n)
                    for n, one in zip(stops, said, strict=True)
                ]
                costs.append(sum(taken[i] for i in order[: stops[settled.index(True)]]))
            means.append(np.mean(costs))
        assert found[name, "calls_stopped", k] == pytest.approx(np.mean(means), rel=0.01)
        assert found[name, "calls_stopped", k] <= found[name, "calls", k] * (1 + 1e-9)


def test_settled_is_that_of_votes():
    counts = np.array(list(itertools.product(range(4), repeat=3)))
    for left in range(4):
        fast = curves._settled(counts[:, None, :], np.array([left]))[:, 0]
        assert fast.tolist() == [votes.settled(one, left) for one in counts.tolist()]


@pytest.mark.parametrize("labels", [2, 3, 4])
def test_outcomes_are_those_of_trying_every_choice(labels):
    values = {str(i): i / (labels - 1) for i in range(labels)}
    for counts in itertools.product(range(4 if labels < 4 else 3), repeat=labels):
        pool = [str(i) for i, count in enumerate(counts) for _ in range(count)]
        for k in range(1, len(pool) + 3):
            found = votes.outcomes(counts, k)
            if not pool:
                assert found is None
                continue
            ways = [votes.vote(one, values) for one in itertools.combinations(pool, votes.drawn(len(pool), k))]
            wanted = np.zeros((labels, votes.drawn(len(pool), k) + 1))
            for one in ways:
                wanted[int(one.label), one.counts[int(one.label)]] += 1 / len(ways)
            np.testing.assert_allclose(found, wanted, atol=1e-12)
            if labels == 2:
                assert sum(found[1]) == pytest.approx(votes.vote_at_k(counts[1], counts[0], k))


def test_outcomes_of_many_draws_are_still_chances():
    for k in (1, 31, 64, 100):
        assert np.sum(votes.outcomes([40, 70, 25], k)) == pytest.approx(1)
    with pytest.raises(ValueError, match="k from 1 and counts from 0 up, got k = 0"):
        votes.outcomes([1, 1], 0)


def test_draws_help_a_noisy_judge_and_harm_one_that_is_mostly_wrong():
    for right, sign in ((0.7, 1), (0.3, -1)):
        found = figures(*planted(right, items=300, samples=9, failing=0.1, criteria=(KIND,)), ks=[1, 3, 5, 7])
        accuracy = found.loc[("kind", "accuracy"), "value"]
        assert accuracy[1] == pytest.approx(right, abs=0.03)
        assert (sign * accuracy.diff().dropna() > 0.01).all()
        n = found.loc[("kind", "accuracy", 1)]
        assert n["items"] == 300 and n["problems"] == 150 and n["low"] < right < n["high"]


def test_an_interval_covers_the_planted_share_as_often_as_it_says():
    inside = 0
    for seed in range(40):
        found = figures(
            *planted(0.75, items=80, samples=2, failing=0.1, seed=seed, criteria=(KIND,)), ks=[1], draws=300
        )
        inside += found.loc[("kind", "accuracy", 1), "low"] <= 0.75 <= found.loc[("kind", "accuracy", 1), "high"]
    assert inside >= 33  # 95 % of 40 is 38


def test_a_judge_without_use_abstains_and_has_no_accuracy():
    found = figures(*planted(0.7, failing=1.0))
    assert found.loc[("kind", "abstention"), "value"].eq(1).all()
    assert found.loc[[("kind", name, 1) for name in ("accuracy", "balanced_accuracy", "ece")], "value"].isna().all()
    assert found.loc[("kind", "calls_stopped"), "value"].equals(found.loc[("kind", "calls"), "value"])


def test_one_problem_has_no_interval_and_a_judge_without_noise_no_width():
    found = figures(*planted(1.0, failing=0.0, each=99))
    assert found["low"].isna().all() and found.loc[("warm", "accuracy", 1), "value"] == 1
    assert sorted(set(found.index.get_level_values("k"))) == [1, 2, 4]


def test_what_was_never_asked_and_what_has_no_truth_is_left_out():
    judgements, truth = planted(0.7)
    judgements.loc[judgements["item_id"].eq("i3"), ["status", "verdict", "attempts"]] = ["abstain", None, 0]
    truth["label"] = truth["label"].where(truth["item_id"].ne("i4"), None)
    found = figures(judgements, truth)["items"]
    assert found["kind", "calls", 1] == 11 and found["kind", "accuracy", 1] == 10
    none = figures(judgements[judgements["criterion"].eq("kind")], truth.iloc[:0])
    assert set(none.index.get_level_values("criterion")) == {"kind"}
    assert none.loc[("kind", "accuracy"), "value"].isna().all() and none.loc[("kind", "calls"), "value"].notna().all()


def test_the_figures_of_one_draw_are_those_of_agreement():
    judgements, truth = planted(0.7, items=40, samples=1, failing=0.1)
    found = figures(judgements, truth)["value"]
    both = judgements.merge(truth, on=["item_id", "criterion"])
    for name, rows in both.groupby("criterion"):
        assert found[name, "accuracy", 1] == pytest.approx(agreement.accuracy(rows["label"], rows["verdict"]))
        usable = rows.dropna(subset=["label", "verdict"])
        balanced = balanced_accuracy_score(usable["label"], usable["verdict"])
        assert found[name, "balanced_accuracy", 1] == pytest.approx(balanced)
        assert found[name, "abstention", 1] == pytest.approx(rows["verdict"].isna().mean())
        assert found[name, "calls_stopped", 1] == pytest.approx(rows["attempts"].mean())


def test_the_same_seed_gives_the_same_frame():
    pd.testing.assert_frame_equal(curves.by_k(*planted(0.7), TWO, draws=50), curves.by_k(*planted(0.7), TWO, draws=50))


def test_published_verdicts_give_the_known_curves(shared_data):
    folder = shared_data / "grm"
    golden = json.loads((folder / "golden.json").read_text())
    gold = pd.read_json(folder / "llmbar_items.jsonl", lines=True).set_index("id")["gold"]
    rows = pd.read_json(folder / "llmbar_votes.jsonl", lines=True)
    rows = rows.assign(sample=rows.groupby(["id", "judge"]).cumcount(), attempts=1, problem_id=rows["id"])
    right = rows["verdict"].eq(rows["id"].map(gold)).map({True: "yes", False: "no"}).where(rows["verdict"].notna())
    rows = rows.assign(item_id=rows["id"], criterion="kind", status=right.map(lambda x: "ok" if x == x else "refused"))
    rows = rows.assign(verdict=right)
    truth = pd.DataFrame({"item_id": gold.index, "criterion": "kind", "label": "yes"})
    for (subset, judge), part in rows.groupby(["subset", "judge"]):
        known = golden["values"]["vote_at_k"][subset][judge]
        if known["items_without_any_vote"]:  # counted as wrong there, left out here
            continue
        found = figures(part, truth, ks=[1, 3, 5, 7, 9, 11], draws=2)["value"]
        for k in (1, 3, 5, 7, 9, 11):
            assert found["kind", "accuracy", k] == pytest.approx(known[str(k)], abs=golden["tolerance"]), (
                subset,
                judge,
            )


JUDGEMENTS, TRUTH = planted(0.7)


@pytest.mark.parametrize(
    ("judgements", "truth", "ks", "message"),
    [
        (JUDGEMENTS, TRUTH, [6], "k = 6: expected 1 to 5, as many as kind has samples"),
        (JUDGEMENTS, TRUTH, [0], "k = 0: expected 1 to 5"),
        (JUDGEMENTS.drop(index=0), TRUTH, None, "kind: i0: fewer samples than other items, expected as many of each"),
        (JUDGEMENTS, pd.concat([TRUTH, TRUTH]), None, "truth: i0, kind: stands twice, expected one label"),
        (JUDGEMENTS, TRUTH.replace("yes", "sure"), None, "kind: label 'sure': expected one of no, yes"),
        (JUDGEMENTS.replace("warm", "hot"), TRUTH.replace("warm", "hot"), None, None),
    ],
)
def test_what_no_curve_can_be_made_of_is_named(judgements, truth, ks, message):
    if message is None:  # of a criterion that the rubric does not have nothing is said
        assert set(curves.by_k(judgements, truth, TWO, draws=10)["criterion"]) == {"kind"}
        return
    with pytest.raises(ValueError, match=message):
        curves.by_k(judgements, truth, TWO, ks, draws=10)
