"""The published statements: judged on the published figures, and on small studies made here whose truth is known."""

import dataclasses
import inspect

import numpy as np
import pandas as pd
import pytest

from lib import failures, paper
from lib.paper import checks, comparison, evidence, numbers
from lib.paper.comparison import FAILS, HOLDS, UNSURE, Comparison, Part
from lib.paper.statements import GRID

STATEMENTS = {one.id: one for one in paper.load()}
PUBLISHED = paper.judge(paper.of_published(numbers.load())).set_index("id")


def fake(rates, problems=150, seed=0, model="m", source="tiny", repeats=1, lengths=None):
    """FAKE grades: `rates` gives by (interrupt, position) how often a row is right; (None, None) is full thinking.

    Rows of one problem share a uniform draw, so that they are right together as far as the rates permit.
    """
    draw = np.random.default_rng(seed)
    ease = draw.random(problems)
    frames = []
    for (interrupt, position), rate in rates.items():
        for sample in range(repeats):
            chars = (lengths or {}).get((interrupt, position), (100, 50))
            rows = pd.DataFrame({"problem_id": [f"{source}/{i:04}" for i in range(problems)], "sample": sample})
            trace = rows["problem_id"] + f"~original~{sample}"
            right = np.where(draw.random(problems) < 0.2, draw.random(problems), ease) < rate
            frames.append(
                rows.assign(
                    row_id=trace if interrupt is None else trace + f"~{interrupt}~{position}",
                    kind="trace" if interrupt is None else "continuation",
                    model=model,
                    source=source,
                    interrupt=interrupt,
                    position=position,
                    unit=None if interrupt is None else "share",
                    variant="original",
                    system=None,
                    status=np.where(right, "correct", "incorrect"),
                    gold="1",
                    reasoning_chars=chars[0],
                    answer_chars=chars[1],
                )
            )
    return pd.concat(frames, ignore_index=True)


def curve(interrupt, *rates):
    return {(interrupt, x): rate for x, rate in zip(GRID, rates, strict=True)}


FULL = {(None, None): 0.95}


def verdict(number, *grades, labels=None):
    return paper.judge(paper.of_study(pd.concat(grades), labels, draws=500), [STATEMENTS[number]]).iloc[0]


# the statements and the published figures


def test_there_are_nineteen_statements_and_a_check_for_each():
    assert list(STATEMENTS) == list(range(1, 20))
    functions = {name for name, one in inspect.getmembers(checks, inspect.isfunction) if name[0] != "_"}
    assert functions - {"pairwise"} == {one.test for one in STATEMENTS.values()}
    for one in STATEMENTS.values():
        assert getattr(checks, one.test).__doc__.startswith(f"{one.id}: ")


@pytest.mark.parametrize("one", STATEMENTS.values(), ids=lambda one: str(one.id))
def test_a_statement_names_what_was_published(one):
    published = numbers.load()
    assert one.figure in set(published["figure"])
    assert set(one.benchmarks) <= set(published["benchmark"].dropna())
    assert set(one.models) <= set(published["model"].dropna())
    assert one.elsewhere in (None, "math", "code", "any")
    assert one.statement and one.bounds


@pytest.mark.parametrize(
    ("number", "expected", "told"),
    [
        (1, FAILS, "Magistral-S-1.2 on AIME 24/25, 0.3 less 0.1: -0.075"),
        (2, HOLDS, "GPT-OSS-20B on MATH500"),
        (3, HOLDS, ""),
        (4, FAILS, "GPT-OSS-20B on LCB v6, length of force-answer against end-thinking at 0.5"),
        (5, HOLDS, ""),
        (6, UNSURE, "not published: leaking_right"),
        (7, HOLDS, ""),
        (8, HOLDS, ""),
        (9, FAILS, "Qwen3-8B on LCB v6, share of full thinking at 0.3: 0.921"),
        (10, FAILS, "Qwen3-8B on LCB v6"),
        (11, HOLDS, "GPT-OSS-20B on LCB v6"),
        (12, HOLDS, ""),
        (13, HOLDS, ""),
        (14, HOLDS, ""),
        (15, HOLDS, ""),
        (16, HOLDS, "replaced elsewhere"),
        (17, HOLDS, ""),
        (18, HOLDS, ""),
        (19, FAILS, "Magistral-S-1.2 on AIME 24/25"),
    ],
)
def test_the_published_figures_say(number, expected, told):
    row = PUBLISHED.loc[number]
    assert row["verdict"] == expected
    assert told in row["why"]
    assert np.isnan(row["ci_low"])


def test_exceptions_of_the_published_figures_are_counted():
    met = PUBLISHED["comparisons"] - PUBLISHED["met"]
    assert met.loc[[1, 4, 10, 19]].tolist() == [1, 1, 4, 1]


# studies whose truth is known


@pytest.mark.parametrize(
    ("number", "rates", "expected"),
    [
        (1, curve("end_thinking", 0.1, 0.3, 0.5, 0.7, 0.9), HOLDS),
        (1, curve("end_thinking", 0.1, 0.6, 0.2, 0.7, 0.9), FAILS),
        (3, curve("end_thinking", *[0.9] * 5) | curve("force_answer", 0.1, 0.3, 0.5, 0.7, 0.93), HOLDS),
        (3, curve("end_thinking", *[0.9] * 5) | curve("force_answer", 0.88, 0.9, 0.9, 0.9, 0.9), FAILS),
        (3, curve("end_thinking", *[0.9] * 5) | curve("force_answer", 0.1, 0.3, 0.5, 0.6, 0.6), FAILS),
        (12, curve("update", 0.9, 0.8, 0.7, 0.6, 0.5), HOLDS),
        (12, curve("update", 0.5, 0.6, 0.7, 0.8, 0.9), FAILS),
        (12, curve("update", *[0.7] * 5), UNSURE),
        (13, curve("update_guided", *[0.95] * 5), HOLDS),
        (13, curve("update_guided", 0.95, 0.95, 0.5, 0.95, 0.95), FAILS),
        (14, curve("update_guided", 0.9, 0.8, 0.7, 0.6, 0.5), HOLDS),
        (19, curve("update", *[0.38] * 5), HOLDS),
        (19, curve("update", *[0.8] * 5), FAILS),
        (19, curve("update", *[0.1] * 5), FAILS),
    ],
)
def test_a_planted_truth_is_found(number, rates, expected):
    problems = 2500 if number in (13, 19) else 400  # these statements draw fine lines
    row = verdict(number, fake(FULL | rates, problems))
    assert row["verdict"] == expected, row["why"]
    assert row["ci_low"] <= row["effect"] <= row["ci_high"]


def test_lengths_are_judged_by_their_ratios():
    rates = FULL | curve("end_thinking", *[0.9] * 5) | curve("speed_up", *[0.95] * 5)
    swollen = {("end_thinking", x): (0, 200 - 150 * x) for x in GRID}
    shapes = {
        ("speed_up", x): (length * (1 - x) + length / 2, 0)
        for x, length in zip(GRID, (90, 50, 50, 50, 90), strict=True)
    }
    grades = fake(rates, lengths=swollen | shapes)
    assert [verdict(number, grades)["verdict"] for number in (5, 10)] == [HOLDS, HOLDS]
    turned = {("end_thinking", x): (0, 20) for x in GRID} | {("speed_up", x): (100 * (1 - x) * x, 0) for x in GRID}
    grades = fake(rates, lengths=turned)
    assert [verdict(number, grades)["verdict"] for number in (5, 10)] == [FAILS, FAILS]


def test_leaking_answers_that_make_the_gap_are_found():
    grades = fake(FULL | curve("end_thinking", *[0.6] * 5) | curve("force_answer", *[0.1] * 5), problems=300)
    grades = grades.assign(correct=grades["status"].eq("correct"), answer="1", equals_revised=False)
    grades = grades.assign(reasoning_tokens=10, answer_tokens=5, remaining_tokens=5)
    is_end = grades["interrupt"].eq("end_thinking")
    leaking = grades.assign(answer_chars=grades["answer_chars"].mask(is_end, 500))
    kinds = {"end_thinking": "hard", "force_answer": "hard"}
    found = [verdict(6, frame, labels=failures.label(frame, kinds)) for frame in (leaking, grades)]
    assert [row["verdict"] for row in found] == [HOLDS, FAILS]
    assert verdict(6, leaking)["why"].startswith("not in this study: leaking_right")


def test_named_models_of_a_study_are_judged_and_the_others_are_told():
    rates = FULL | curve("update_guided", *[0.94] * 5) | curve("update_user", *[0.6] * 5)
    row = verdict(17, fake(rates, 400, model="magistral-small-2509", source="gsm8k"))
    assert (row["verdict"], row["model"], row["benchmark"]) == (HOLDS, "Magistral-S-1.2", "GSM8K")
    assert row["judged_on"] == "what it names, but for Qwen3-8B, GPT-OSS-20B, MATH500"
    assert verdict(17, fake(rates, 400, model="qwen3-8b", source="gsm8k"))["verdict"] == FAILS


def test_years_of_one_benchmark_are_judged_together():
    halves = [
        fake(FULL | curve("update_guided", *rates), 400, model="qwen3-8b", source=source)
        for source, rates in (("aime2024", [0.9] * 4 + [0.3]), ("aime2025", [0.5] * 4 + [0.6]))
    ]
    row = verdict(14, *halves)
    assert (row["verdict"], row["benchmark"], row["comparisons"]) == (HOLDS, "AIME 24/25", 1)


# what cannot be said, and why


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (1, "not in this study: accuracy of end_thinking at 0.3 for m on tiny"),
        (2, "about GSM8K, MATH500, and nothing here can stand in"),
        (4, "about LCB v6, and nothing here can stand in"),
        (8, "about GPT-OSS-20B, none of which is here"),
    ],
)
def test_what_a_study_cannot_speak_to_is_said_with_the_reason(number, told):
    row = verdict(number, fake(FULL | curve("update", *[0.5] * 5)))
    assert (row["verdict"], row["comparisons"]) == (UNSURE, 0)
    assert row["why"].startswith(told)
    assert np.isnan(row["effect"])


def test_a_position_that_was_not_run_is_told_beside_the_verdict():
    rates = FULL | {key: 0.95 for key in curve("update_guided", *[0] * 5) if key[1] != 0.5}
    row = verdict(13, fake(rates, 2500))
    assert (row["verdict"], row["comparisons"]) == (HOLDS, 4)
    assert "not in this study: relative_accuracy of update_guided at 0.5" in row["why"]


def test_half_of_a_statement_may_refute_it_but_not_bear_it_out():
    grades = fake(FULL | curve("update_guided", *[0.9] * 5), lengths={("update_guided", x): (400, 9) for x in GRID})
    revised = grades[grades["kind"].eq("trace")].assign(variant="revised")
    revised = revised.assign(row_id=revised["row_id"].str.replace("original", "revised"))
    row = verdict(16, grades, revised)
    assert (row["verdict"], row["met"], row["comparisons"]) == (UNSURE, 2, 2)
    short = grades.assign(reasoning_chars=grades["reasoning_chars"].mask(grades["kind"].eq("continuation"), 1))
    assert verdict(16, short, revised)["verdict"] == FAILS


def test_censored_rows_count_as_not_right():
    grades = fake(FULL | curve("update", 0.9, 0.9, 0.9, 0.9, 0.9), 400)
    late = grades["position"].eq(0.9) & (grades.index % 2 == 0)
    assert verdict(12, grades.assign(status=grades["status"].mask(late, "censored")))["verdict"] == HOLDS


def test_rows_of_another_reference_are_left_out():
    grades = fake(FULL | curve("update", *[0.7] * 5))
    other = grades.assign(status="incorrect", unit="tokens")[grades["kind"].eq("continuation")]
    known = grades.assign(status="incorrect", system="be quick")
    both = paper.of_study(pd.concat([grades, other, known]), draws=10)
    alone = paper.of_study(grades, draws=10)
    assert {cell: values[0] for cell, values in both.means.items()} == {
        cell: values[0] for cell, values in alone.means.items()
    }


# intervals


def test_a_difference_is_paired_by_problem():
    rates = {("update", 0.1): 0.6, ("update", 0.9): 0.5}
    grades = fake(rates, 200, seed=3)
    means = paper.of_study(grades, draws=4000).means
    drawn = [means["m", "tiny", "update", x, "accuracy"] for x in (0.9, 0.1)]
    difference = drawn[0] - drawn[1]
    wide = grades.assign(right=grades["status"].eq("correct")).pivot(
        index="problem_id", columns="position", values="right"
    )
    paired = wide[0.9].astype(int) - wide[0.1].astype(int)
    assert difference[0] == pytest.approx(paired.mean())
    assert difference[1:].std() == pytest.approx(paired.std(ddof=0) / np.sqrt(200), rel=0.06)
    assert difference[1:].std() < 0.8 * np.hypot(drawn[0][1:].std(), drawn[1][1:].std())


def test_repeats_of_a_problem_add_no_certainty():
    once = fake({("update", 0.1): 0.5}, 60)
    copied = pd.concat([once.assign(sample=i, row_id=once["row_id"] + str(i)) for i in range(16)])
    drawn = [paper.of_study(frame, draws=500).means["m", "tiny", "update", 0.1, "accuracy"] for frame in (once, copied)]
    assert np.allclose(drawn[0], drawn[1])


def test_cells_that_are_all_wrong_are_not_taken_for_certain():
    row = verdict(12, fake(FULL | curve("update", *[0.0] * 5), problems=8))
    assert row["verdict"] == UNSURE
    assert row["ci_high"] - row["ci_low"] > 0.1


def test_a_true_statement_at_its_bound_is_seldom_refuted_or_borne_out():
    many = fake({("update", 0.1): 0.6, ("update", 0.9): 0.6}, 200 * 60)
    place = many["problem_id"].str.removeprefix("tiny/").astype(int)
    of_60 = many.assign(model="m" + (place // 60).astype(str), problem_id="tiny/" + (place % 60).astype(str))
    study, names = paper.of_study(of_60, draws=500), of_60["model"].unique()
    of_each = [dataclasses.replace(STATEMENTS[12], models=[name]) for name in names]
    found = paper.judge(study, of_each)["verdict"]
    for verdict in (HOLDS, FAILS):
        assert (
            0.0 < found.eq(verdict).mean() <= 0.055
        )  # 2.5 % and twice its standard error, and a little for 60 problems


def test_equal_tables_give_equal_verdicts_in_any_order():
    grades = fake(FULL | curve("end_thinking", 0.1, 0.3, 0.5, 0.7, 0.9))
    shuffled = grades.sample(frac=1, random_state=1)
    rows = [paper.judge(paper.of_study(frame, draws=200)) for frame in (grades, shuffled)]
    pd.testing.assert_frame_equal(*rows)


def drawn(value, spread, bound=0.0, at_least=True):
    noise = np.linspace(-2, 2, 401) * spread
    return Comparison("what", "m", "b", np.append(value, value + noise), bound, at_least, clusters=100)


# (effects with their spread, every or some, verdict)
@pytest.mark.parametrize(
    ("values", "every", "expected"),
    [
        ([(1, 0.1), (1, 0.1)], True, HOLDS),
        ([(1, 0.1), (1, 2)], True, UNSURE),
        ([(1, 0.1), (-1, 0.1)], True, FAILS),
        ([(1, 0.1), (-1, 0.1)], False, HOLDS),
        ([(-1, 0.1), (-1, 0.1)], False, FAILS),
        ([(-1, 0.1), (-1, 2)], False, UNSURE),
        ([(-0.25, 0.1)], True, FAILS),
        ([(-0.25, 0.1)] + [(1, 0.1)] * 9, True, UNSURE),  # one of ten may look like that by chance
        ([(0.25, 0.1)], False, HOLDS),
        ([(0.25, 0.1)] + [(-1, 0.1)] * 9, False, UNSURE),
    ],
)
def test_every_and_some_are_judged_with_all_comparisons_in_mind(values, every, expected):
    parts = [Part([drawn(*pair) for pair in values], every)]
    assert comparison.judge_parts(parts, [], "study").verdict == expected
    mirrored = [Part([drawn(-value, spread, at_least=False) for value, spread in values], every)]
    assert comparison.judge_parts(mirrored, [], "study").verdict == expected


@pytest.mark.parametrize(("value", "expected"), [(0.0, UNSURE), (0.03, UNSURE), (0.05, HOLDS), (-0.05, FAILS)])
def test_draws_without_spread_are_not_certain_either(value, expected):
    flat = Comparison("what", "m", "b", np.full(100, value), 0.0, True, clusters=100)  # 97.5 % limit: 0.036
    assert comparison.judge_parts([Part([flat])], [], "study").verdict == expected


# the tables


def test_the_table_has_two_rows_a_statement_and_the_overview_one():
    judged = paper.table(fake(FULL | curve("update", 0.9, 0.8, 0.7, 0.6, 0.5), 400), draws=200)
    assert judged["evidence"].tolist() == ["study", "published"] * 19
    shown = paper.overview(judged)
    assert shown.index.tolist() == list(range(1, 20))
    assert shown.loc[12, ["published", "here"]].tolist() == [HOLDS, HOLDS]
    assert shown.loc[2, "effect"] == ""
    assert set(judged["verdict"]) <= {HOLDS, FAILS, UNSURE}


def test_metrics_follow_their_definitions():
    lengths = {(None, None): (80, 20), ("update", 0.3): (30, 10)}
    grades = fake(FULL | {("update", 0.3): 0.5}, lengths=lengths)
    revised = grades[grades["kind"].eq("trace")].assign(variant="revised", reasoning_chars=50)
    means = evidence.of_study(pd.concat([grades, revised]), draws=5).means
    place = ("m", "tiny", "update", 0.3)
    assert means[*place, "remaining_ratio"][0] == pytest.approx(40 / (0.7 * 80 + 20))
    assert means[*place, "total_ratio"][0] == pytest.approx((0.3 * 50 + 40) / 100)
