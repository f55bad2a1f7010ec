"""Votes, scores and probes: oracles by enumeration, properties on random rubrics, planted habits found again."""

import itertools
import math
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from lib.grm import report, scores, votes
from lib.grm.probes import pair_statistics
from lib.grm.scores import Judgement
from tests.fakes.judge import RUBRIC

YES_NO = {"no": 0.0, "yes": 1.0}
ITEM = ["item_id", "problem_id", "criterion"]
SCALE = {"never": 0.0, "partly": 0.3, "fully": 1.0}

# votes


# (verdicts, values worst first, label, score)
@pytest.mark.parametrize(
    ("labels", "values", "label", "score"),
    [
        (["yes", "yes", "no"], YES_NO, "yes", 2 / 3),
        (["yes", "no"], YES_NO, "no", 1 / 2),  # a tie is the worse
        (["yes", "no"], {"yes": 1.0, "no": 0.0}, "yes", 1 / 2),  # of something undesired
        (["yes", None, math.nan, None], YES_NO, "yes", 1),
        (["fully", "never", "partly"], SCALE, "partly", 1.3 / 3),
        (["fully", "never"], SCALE, "never", 1 / 2),
        (["fully", "fully", "partly", "never"], SCALE, "partly", 2.3 / 4),
        ([None, None], SCALE, None, None),
        ([], YES_NO, None, None),
    ],
)
def test_a_vote_is_the_median_label_and_the_mean_score(labels, values, label, score):
    for order in itertools.permutations(labels):
        found = votes.vote(order, values)
        assert found.label == label and found.score == (None if score is None else pytest.approx(score))
    assert (found.confidence is None) == (label is None) and found.votes == sum(isinstance(x, str) for x in labels)


@pytest.mark.parametrize("values", [YES_NO, SCALE, {"yes": 1.0, "no": 0.0}])
def test_many_votes_are_those_of_each(values):
    every = [counts for counts in itertools.product(range(5 - len(values) // 3), repeat=len(values))]
    found = votes.many(pd.DataFrame(every, columns=list(values)), values)
    for counts, row in zip(every, found.to_dict("records"), strict=True):
        one = votes.vote([label for label, n in zip(values, counts, strict=True) for _ in range(n)], values)
        told = [None if pd.isna(row[name]) else row[name] for name in votes.COLUMNS]
        assert told == [one.label, one.score, one.confidence, one.votes]


def random_draws(failing, seed, rows=300):
    draw = np.random.default_rng(seed)
    item, failed = draw.integers(40, size=rows), draw.random(rows) < failing
    status = np.where(failed, draw.choice(["abstain", "parse_error", "refused"], rows), "ok")
    verdict = np.where(failed & (draw.random(rows) < 0.5), None, draw.choice(["yes", "no"], rows))  # some keep theirs
    names = {"item_id": [f"i{i}" for i in item], "problem_id": [f"p{i // 3}" for i in item]}
    criterion = draw.choice(["hasty", "kind", "right"], rows)
    return pd.DataFrame(names | {"criterion": criterion, "status": status, "verdict": verdict})


@pytest.mark.parametrize("failing", [0.0, 0.4, 0.9])
def test_reported_verdicts_are_the_votes_of_each_item(failing):
    for seed in range(5):
        draws = random_draws(failing, seed).sample(frac=1, random_state=seed)
        found = report.verdicts(pd.concat([draws, draws.iloc[:0]]), RUBRIC)
        groups = draws.groupby(["item_id", "problem_id", "criterion"], sort=False)
        assert len(found) == len(groups)
        for row, (names, part) in zip(found.to_dict("records"), groups, strict=True):
            criterion = RUBRIC.criterion(names[2])
            said = part["verdict"].where(part["status"].eq("ok"), None).tolist()
            one = votes.vote(said, {label: criterion.values[label] for label in criterion.levels})
            status = "ok" if one.votes else Counter(part["status"]).most_common(1)[0][0]
            told = {"status": status, "verdict": one.label, "value": one.score, "confidence": one.confidence}
            wanted = dict(zip(ITEM, names, strict=True)) | told | {"votes": one.votes, "samples": len(part)}
            assert {name: None if pd.isna(value) else value for name, value in row.items()} == wanted


def test_verdicts_off_the_menu_are_named_and_no_draws_make_no_votes():
    draws = random_draws(0.2, 0)
    assert report.verdicts(draws.iloc[:0], RUBRIC).shape == (0, 9)
    with pytest.raises(ValueError, match="label 'sure': expected one of yes, no"):
        report.verdicts(draws.replace({"verdict": {"yes": "sure"}}).query("criterion == 'hasty'"), RUBRIC)


def test_a_vote_off_the_menu_is_named():
    with pytest.raises(ValueError, match="label 'maybe': expected one of no, yes"):
        votes.vote(["maybe"], YES_NO)
    with pytest.raises(ValueError, match="two labels or more, got yes"):
        votes.vote(["yes"], {"yes": 1.0})


def test_confidence_grows_with_votes_and_never_reaches_one():
    assert votes.confidence(0, 0) is None
    assert [votes.confidence(n, n) for n in (1, 3, 8)] == [2 / 3, 4 / 5, 9 / 10]
    assert votes.confidence(2, 4) == 1 / 2 and votes.confidence(2, 4, labels=5) == 1 / 3
    with pytest.raises(ValueError, match="expected 0 to 3 votes, got 4"):
        votes.confidence(4, 3)


@pytest.mark.parametrize("k", range(1, 8))
def test_vote_at_k_is_the_share_of_all_draws(k):
    for better, worse in itertools.product(range(5), repeat=2):
        pool = [1] * better + [0] * worse
        found = votes.vote_at_k(better, worse, k)
        if not pool:
            assert found is None
            continue
        drawn = min(k, len(pool)) if k <= len(pool) or (k - len(pool)) % 2 == 0 else max(1, len(pool) - 1)
        draws = list(itertools.combinations(pool, drawn))
        assert found == pytest.approx(sum(sum(draw) > drawn / 2 for draw in draws) / len(draws))


def test_vote_at_k_nears_the_binomial_where_the_pool_is_large():
    for k, share in itertools.product((1, 3, 4, 9), (0.2, 0.5, 0.7)):
        binomial = sum(math.comb(k, i) * share**i * (1 - share) ** (k - i) for i in range(k // 2 + 1, k + 1))
        assert votes.vote_at_k(round(1e6 * share), round(1e6 * (1 - share)), k) == pytest.approx(binomial, abs=1e-4)


@pytest.mark.parametrize("labels", [2, 3])
def test_settled_is_what_trying_all_further_draws_says(labels):
    for counts in itertools.product(range(5 - labels // 3), repeat=labels):
        for left in range(5):
            futures = itertools.product([None, *range(labels)], repeat=left)  # None: a draw that failed
            ends = {votes.median([n + future.count(i) for i, n in enumerate(counts)]) for future in futures}
            assert votes.settled(counts, left) == (ends == {votes.median(counts)}), (counts, left)


def test_bad_counts_are_named():
    with pytest.raises(ValueError, match="counts from 0 up"):
        votes.settled([1, -1], 2)
    with pytest.raises(ValueError, match="k from 1 and counts from 0 up, got k = 0"):
        votes.vote_at_k(1, 1, 0)


# scores


@dataclass(frozen=True)
class Criterion:
    id: str
    weight: float = 1.0
    polarity: str = "desired"


@dataclass(frozen=True)
class Gate:
    criterion: str
    label: str
    at_most: float | None = None
    at_least: float | None = None


def ok(value, label=None):
    return Judgement("ok", label or ("yes" if value else "no"), value)


GOOD, ALSO, BAD = Criterion("good"), Criterion("also", 3.0), Criterion("bad", 2.0, "undesired")
THREE = [GOOD, ALSO, BAD]
FAILED = [Judgement(status) for status in scores.STATUSES if status != "ok"]

# (judgements, raw, score, coverage, low, high)
KNOWN = [
    ({"good": ok(1), "also": ok(1), "bad": ok(0)}, 1, 1, 1, 1, 1),
    ({"good": ok(0), "also": ok(0), "bad": ok(1)}, -1 / 2, 0, 1, 0, 0),
    ({"good": ok(1), "also": ok(0.5), "bad": ok(0)}, 2.5 / 4, 2.5 / 4, 1, 2.5 / 4, 2.5 / 4),
    ({"good": ok(1), "also": ok(1), "bad": ok(1)}, 1 / 2, 1 / 2, 1, 1 / 2, 1 / 2),
    ({"also": ok(1), "bad": ok(0)}, 1, 1, 5 / 6, 3 / 4, 1),
    ({"good": ok(1)}, 1, 1, 1 / 6, 0, 1),
    ({"good": ok(0)}, 0, 0, 1 / 6, 0, 3 / 4),
    ({"bad": ok(1)}, None, None, 2 / 6, 0, 1 / 2),  # nothing desired was judged
    ({}, None, None, 0, 0, 1),
]


@pytest.mark.parametrize(("judgements", "raw", "score", "coverage", "low", "high"), KNOWN)
def test_scores_whose_value_is_known(judgements, raw, score, coverage, low, high):
    found = scores.score(judgements, THREE)
    assert (found.raw, found.score) == (raw, score) and found.gates == ()
    assert (found.coverage, found.low, found.high) == pytest.approx((coverage, low, high))


def random_cases(count, seed):
    draw = np.random.default_rng(seed)
    for _ in range(count):
        polarities = ["desired", *draw.choice(["desired", "undesired"], draw.integers(1, 7))]
        criteria = [Criterion(f"c{i}", float(draw.integers(1, 5)), p) for i, p in enumerate(polarities)]
        said = {c.id: ok(float(draw.choice([0, 0.5, 1])), "x") for c in criteria if draw.random() < 0.7}
        gates = [Gate("c0", str(draw.choice(["x", "y"])), *draw.choice([None, 0.2, 0.6], 2)) for _ in range(2)]
        yield said, criteria, gates, draw


def test_a_failed_judgement_is_never_a_score():
    for said, criteria, gates, draw in random_cases(200, seed=0):
        failed = {c.id: FAILED[draw.integers(len(FAILED))] for c in criteria if c.id not in said}
        assert scores.score(said | failed, criteria, gates) == scores.score(said, criteria, gates)


def test_order_of_criteria_and_scale_of_weights_do_not_matter():
    for said, criteria, gates, draw in random_cases(200, seed=1):
        found = scores.score(said, criteria, gates)
        shuffled = [criteria[i] for i in draw.permutation(len(criteria))]
        scaled = [replace(c, weight=c.weight * 4) for c in criteria]
        for other in (scores.score(said, shuffled, gates), scores.score(said, scaled, gates)):
            assert other.gates == found.gates
            for name in ("raw", "score", "coverage", "low", "high"):
                assert getattr(other, name) == pytest.approx(getattr(found, name))


def test_the_band_holds_the_score_and_every_way_the_rest_may_come_out():
    undecided = 0
    for said, criteria, gates, _ in random_cases(200, seed=2):
        found = scores.score(said, criteria, gates)
        if found.score is not None and not gates[0].at_least and not gates[1].at_least:
            assert found.low - 1e-12 <= found.score <= found.high + 1e-12
        rest = [c.id for c in criteria if c.id not in said]
        for values in itertools.islice(itertools.product([0.0, 1.0], ["x", "y"], repeat=len(rest)), 200):
            pairs = list(zip(values[::2], values[1::2], strict=True))
            whole = said | {name: ok(*pair) for name, pair in zip(rest, pairs, strict=True)}
            end = scores.score(whole, criteria, gates).score
            assert found.low - 1e-12 <= end <= found.high + 1e-12
            undecided += bool(rest)
    assert undecided > 1000


@pytest.mark.parametrize(
    ("judgements", "gates", "score", "held", "low", "high"),
    [
        ({"good": ok(0), "also": ok(1)}, [Gate("good", "no", at_most=0.4)], 0.4, ("good=no",), 0.25, 0.4),
        ({"good": ok(1), "also": ok(1)}, [Gate("good", "no", at_most=0.4)], 1, (), 0.5, 1),
        ({"also": ok(1)}, [Gate("good", "no", at_most=0.1)], 1, (), 0.1, 1),  # not judged: only the low end knows
        ({"also": ok(0)}, [Gate("good", "yes", at_least=0.9)], 0, (), 0, 0.9),
        ({"good": ok(1), "also": ok(0)}, [Gate("good", "yes", at_least=0.8)], 0.8, ("good=yes",), 0.8, 0.8),
        ({"good": ok(1)}, [Gate("good", "yes", at_least=0.8), Gate("good", "yes", at_most=0.3)], 0.3,
         ("good=yes", "good=yes"), 0.3, 0.3),
        ({"good": FAILED[0]}, [Gate("good", "no", at_most=0.4)], None, (), 0, 1),
    ],
)  # fmt: skip
def test_gates_limit_the_score_and_stand_beside_it(judgements, gates, score, held, low, high):
    found = scores.score(judgements, THREE, gates)
    assert (found.score, found.gates) == (score, held)
    assert (found.low, found.high) == pytest.approx((low, high))
    plain = scores.score(judgements, THREE)
    assert (found.raw, found.clamped) == (plain.raw, plain.clamped)


def test_a_rubric_of_undesired_things_alone_has_no_score():
    found = scores.score({"bad": ok(0)}, [BAD])
    assert (found.raw, found.score, found.low, found.high, found.coverage) == (None, None, None, None, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Judgement("fine"), "status 'fine': expected one of ok, abstain"),
        (lambda: Judgement("refused", value=0.0), "status refused: expected no label and no value"),
        (lambda: Judgement("ok", "yes"), "status ok: expected a value from 0 to 1, got None"),
        (lambda: Judgement("ok", "yes", 2), "status ok: expected a value from 0 to 1, got 2"),
        (lambda: Judgement("ok", "yes", math.nan), "status ok: expected a value from 0 to 1, got nan"),
        (lambda: scores.score({"x": ok(1)}, THREE), "criterion x: no such criterion, expected one of good"),
        (lambda: scores.score({}, THREE, [Gate("x", "no")]), "criterion x: no such criterion"),
        (lambda: scores.score({}, [GOOD, GOOD]), "criterion good: expected each id once"),
        (lambda: scores.score({}, [Criterion("a", polarity="nice")]), "a: polarity: expected desired or undesired"),
        (lambda: scores.score({}, [Criterion("a", -1)]), "a: weight: expected 0 or more, got -1"),
        (lambda: scores.score({}, [Criterion("a", 0)]), "criteria: expected one with a weight"),
    ],
)
def test_what_cannot_be_scored_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def leaf(score, weight=1):
    return {"score": score, "weight": weight, "sub_tasks": []}


def branch(*children, weight=1):
    return {"score": 0.123, "weight": weight, "sub_tasks": list(children)}  # its own score does not count


@pytest.mark.parametrize(
    ("node", "value"),
    [
        (leaf(0.4), 0.4),
        (branch(leaf(1, 3), leaf(0)), 0.75),
        (branch(branch(leaf(1), leaf(0), weight=2), leaf(1, 6)), 7 / 8),
        (branch(leaf(1), leaf(None, 9)), 1),
        (branch(branch(leaf(None)), leaf(0.5)), 0.5),
        (branch(leaf(None)), None),
        (branch(leaf(1, 0)), None),
    ],
)
def test_a_tree_is_a_weighted_mean_of_weighted_means(node, value):
    assert scores.tree(node) == (None if value is None else pytest.approx(value))


def test_a_negative_weight_in_a_tree_is_named():
    with pytest.raises(ValueError, match="weight: expected 0 or more, got -1"):
        scores.tree(branch(leaf(1, -1)))


# probes


@pytest.mark.parametrize(
    ("first", "second", "consistency", "flips"),
    [
        ([1, 2, 1], [1, 2, 1], 1, 0),
        ([1, 2], [2, 1], 0, 1),
        ([1, 2, None, None], [1, 1, 1, None], 1 / 4, 1 / 2),
        ([None], [None], 0, None),
        ([], [], None, None),
    ],
)
def test_consistency_and_flips_over_both_orders(first, second, consistency, flips):
    assert pair_statistics.swap_consistency(first, second) == consistency
    assert pair_statistics.flip_rate(first, second) == flips


def test_the_first_slot():
    assert pair_statistics.first_slot_share([1, 2, 1, 2], [1, 2, 1, 2]) == 1
    assert pair_statistics.first_slot_share([1, 1, None, 2], [1, 2, 1, 2]) == 2 / 3
    assert pair_statistics.first_slot_share([None], [1]) is None
    for figure in (pair_statistics.first_slot_share, pair_statistics.swap_consistency, pair_statistics.flip_rate):
        with pytest.raises(ValueError):
            figure([1, 2], [1])


def biased(pairs, length=0.0, gold=1.0, slot=0.0, seed=0):
    """Verdicts in both orders of a judge with these habits; right outputs are no longer than wrong ones."""
    draw = np.random.default_rng(seed)
    one = pd.DataFrame(
        {
            "id": range(pairs),
            "gold": draw.integers(1, 3, pairs),
            "chars_1": draw.lognormal(6, 0.7, pairs).astype(int),
            "chars_2": draw.lognormal(6, 0.7, pairs).astype(int),
        }
    )
    rows = pd.concat([one.assign(order=order) for order in (1, 2)], ignore_index=True)
    odds = length * np.log((rows["chars_1"] + 1) / (rows["chars_2"] + 1))
    odds += gold * rows["gold"].map({1: 1, 2: -1}) + slot * rows["order"].map({1: 1, 2: -1})
    return rows.assign(verdict=np.where(draw.random(2 * pairs) < 1 / (1 + np.exp(-odds)), 1.0, 2.0))


@pytest.mark.parametrize("planted", [{}, {"length": 0.8}, {"slot": 1.2}, {"length": -0.5, "slot": 0.4, "gold": 2.0}])
def test_planted_habits_lie_in_their_intervals(planted):
    wanted = {"log_length_ratio": 0.0, "gold": 1.0, "slot": 0.0, "intercept": 0.0}
    wanted |= {"log_length_ratio" if name == "length" else name: value for name, value in planted.items()}
    inside = dict.fromkeys(wanted, 0)
    for seed in range(40):
        fit = pair_statistics.length_slope(biased(400, seed=seed, **planted))
        for term, value in wanted.items():
            low, high = fit.interval(term)
            inside[term] += low <= value <= high
    assert min(inside.values()) >= 34, inside  # 95 % of 40 is 38


def test_a_habit_of_one_kind_is_not_taken_for_another():
    long_lover = biased(2000, length=1.5, gold=0.0)
    slot_lover = biased(2000, slot=1.5, gold=0.0)
    assert abs(pair_statistics.first_slot_share(long_lover["verdict"], long_lover["order"]) - 0.5) < 0.03
    assert pair_statistics.first_slot_share(slot_lover["verdict"], slot_lover["order"]) > 0.75
    low, high = pair_statistics.length_slope(slot_lover).interval("log_length_ratio", z=3)
    assert low < 0 < high


def test_scikit_learn_fits_the_same():
    draw = np.random.default_rng(4)
    for _ in range(10):
        x = np.column_stack([draw.normal(size=(200, 3)) * [1, 5, 0.2], np.ones(200)])
        y = (draw.random(200) < 1 / (1 + np.exp(-x @ draw.normal(size=4)))).astype(float)
        ours = pair_statistics.logistic(x, y, "abcd")
        theirs = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=10_000).fit(x, y)
        assert list(ours.coefficients.values()) == pytest.approx(theirs.coef_[0], abs=1e-4)


def test_an_intercept_alone_has_a_closed_form():
    fit = pair_statistics.logistic(np.ones((40, 1)), np.repeat([1.0, 0.0], [10, 30]), ["a"])
    assert fit.coefficients["a"] == pytest.approx(math.log(10 / 30))
    assert fit.errors["a"] == pytest.approx(math.sqrt(1 / 10 + 1 / 30)) and fit.observations == 40


def test_no_fit_is_made_up_where_none_exists():
    x = np.column_stack([np.linspace(-1, 1, 20), np.ones(20)])
    assert pair_statistics.logistic(x, (x[:, 0] > 0).astype(float), "ab") is None  # separated
    assert pair_statistics.logistic(x[:, [0, 0, 1]], np.tile([0.0, 1.0], 10), "abc") is None  # one term twice
    assert pair_statistics.logistic(x, np.ones(20), "ab") is None
    assert pair_statistics.logistic(x[:0], np.ones(0), "ab") is None
    one_mind = biased(50).assign(verdict=1)
    assert (
        pair_statistics.length_slope(one_mind) is None
        and pair_statistics.length_slope(one_mind.assign(verdict=None)) is None
    )


def test_null_verdicts_are_left_out_of_the_fit():
    rows = biased(200)
    more = pd.concat([rows, rows.head(30).assign(verdict=None)])
    assert pair_statistics.length_slope(more) == pair_statistics.length_slope(rows)
    assert pair_statistics.length_slope(rows).observations == 400


def test_a_frame_that_does_not_fit_is_named():
    rows = biased(20)
    with pytest.raises(ValueError, match="missing columns: order, chars_2"):
        pair_statistics.length_slope(rows.drop(columns=["order", "chars_2"]))
    with pytest.raises(ValueError, match="column gold: expected 1 or 2"):
        pair_statistics.length_slope(rows.assign(gold=0))
