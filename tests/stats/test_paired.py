"""Paired differences, against differences counted by hand and simulation."""

import numpy as np
import pandas as pd
import pytest

from lib.stats import paired


def row(problem, right, interrupt=None, position=None, sample=0, variant="original", model="m", tokens=10):
    """A row of grades: full thinking where there is no interrupt."""
    return {
        "kind": "trace" if interrupt is None else "continuation",
        "model": model,
        "source": "s",
        "problem_id": problem,
        "sample": sample,
        "variant": variant,
        "system": None,
        "interrupt": interrupt,
        "unit": None if interrupt is None else "share",
        "position": position,
        "status": "correct" if right else "incorrect",
        "tokens": tokens,
    }


def grades(*rows):
    return pd.DataFrame(list(rows)).astype({"position": float})


def cut(rights, interrupt, position=0.5, **more):
    """One row for each problem p0, p1 ..."""
    return [row(f"p{i}", right, interrupt, position, **more) for i, right in enumerate(rights)]


def full(rights, **more):
    return [row(f"p{i}", right, **more) for i, right in enumerate(rights)]


def test_a_difference_from_full_thinking_is_counted_pair_by_pair():
    frame = grades(*full([1, 1, 1, 0]), *cut([0, 0, 1, 1], "speed_up"))
    found = paired.against_full(frame).iloc[0]
    assert (found["left"], found["right"], found["difference"]) == (0.5, 0.75, -0.25)
    assert (found["better"], found["worse"], found["unpaired"], found["n"], found["n_clusters"]) == (1, 2, 0, 4, 4)
    # differences -1 -1 0 1: error sqrt(4/3 * 2.75) / 4 = 0.478714, t = -0.522233, 3 degrees of freedom
    assert found["p"] == pytest.approx(0.637618, abs=1e-5)
    assert found["ci_high"] == 1  # -0.25 + 3.182446 * 0.478714 is more than a difference can be
    assert found["ci_low"] == -1


def test_a_paired_difference_uses_only_problems_that_both_have():
    frame = grades(*full([1, 1, 0])[:2], *cut([0, 1, 1], "speed_up"), *cut([1, 1], "update"))
    found = paired.between_interrupts(frame, "speed_up", "update").iloc[0]
    assert (found["left"], found["right"], found["n"], found["unpaired"]) == (0.5, 1, 2, 1)
    alone = paired.against_full(frame).set_index("interrupt").loc["speed_up"]
    assert (alone["n"], alone["unpaired"], alone["right"]) == (2, 1, 1)


def test_samples_are_paired_with_their_own_and_problems_are_the_clusters():
    frame = grades(
        *full([1, 0], sample=0),
        *full([0, 0], sample=1),
        *cut([1, 0], "speed_up", sample=0),
        *cut([0, 1], "speed_up", sample=1),
    )
    found = paired.against_full(frame).iloc[0]
    assert (found["better"], found["worse"], found["n"], found["n_clusters"]) == (1, 0, 4, 2)


def test_every_status_counts_in_a_difference():
    rows = [*full([1, 1, 1, 1]), *cut([1, 1, 1, 1], "speed_up")]
    frame = grades(*rows)
    frame.loc[frame["kind"].eq("continuation"), "status"] = ["censored", "ungradable", "no_answer", "correct"]
    found = paired.against_full(frame).iloc[0]
    assert (found["difference"], found["n"], found["unpaired"]) == (-0.75, 4, 0)


def test_an_update_is_measured_against_the_original_or_its_own_trace():
    frame = grades(
        *full([1, 1, 0, 0]), *full([1, 1, 1, 1], variant="revised"), *cut([1, 0, 0, 0], "update", variant="revised")
    )
    assert paired.against_full(frame)["difference"].item() == -0.25
    assert paired.against_full(frame, reference="own")["difference"].item() == -0.75


def test_interrupts_of_different_traces_are_paired_only_if_asked():
    frame = grades(*cut([1, 0], "noop"), *cut([0, 0], "update", variant="revised"))
    assert paired.between_interrupts(frame, "update", "noop")[["n", "unpaired"]].iloc[0].tolist() == [0, 4]
    loose = paired.between_interrupts(frame, "update", "noop", same_trace=False).iloc[0]
    assert (loose["difference"], loose["n"], loose["unpaired"]) == (-0.5, 2, 0)


def test_models_are_compared_at_every_cut_and_with_full_thinking():
    both = [*full([1, 0]), *cut([1, 1], "speed_up")]
    frame = pd.concat([grades(*both), grades(*both).assign(model="other", status=["correct"] * 4)])
    found = paired.between_models(frame, "m", "other")
    assert found["interrupt"].fillna("none").tolist() == ["speed_up", "none"]
    assert found["difference"].tolist() == [0, -0.5]


def test_positions_are_compared_within_a_trace():
    frame = grades(*cut([0, 0, 1], "speed_up", 0.1), *cut([1, 0, 1], "speed_up", 0.9))
    found = paired.between_positions(frame, 0.9, 0.1).iloc[0]
    assert found["difference"] == pytest.approx(1 / 3)
    assert (found["interrupt"], found["better"], found["worse"]) == ("speed_up", 1, 0)


def test_tokens_are_compared_too():
    frame = grades(*full([1, 1], tokens=100), *cut([1, 1], "speed_up", tokens=30))
    frame.loc[1, "tokens"] = 120
    assert paired.against_full(frame, value="tokens")["difference"].item() == -80


def test_what_being_cut_does_is_taken_out_of_an_effect():
    frame = grades(
        *full([1, 1, 1, 1, 0]),
        *full([1, 1, 1, 1, 1], variant="revised"),
        *cut([1, 1, 1, 0, 0], "resume"),
        *cut([1, 0, 0, 0, 0], "speed_up"),
        *cut([1, 0, 0, 1, 0], "update", variant="revised"),
    )
    found = paired.beyond_cut(frame).set_index("interrupt")
    speed = found.loc["speed_up"]
    assert [speed["effect"], speed["control_effect"], speed["net"]] == pytest.approx([-0.6, -0.2, -0.4])
    assert (speed["better"], speed["worse"], speed["n"]) == (0, 2, 5)
    own = paired.beyond_cut(frame, reference="own").set_index("interrupt").loc["update"]
    assert [own["effect"], own["control_effect"], own["net"]] == pytest.approx([-0.6, -0.2, -0.4])
    assert "resume" not in found.index


def test_a_control_without_a_partner_is_counted():
    frame = grades(*full([1, 1]), *cut([1, 1], "resume")[:1], *cut([0, 0], "speed_up"))
    found = paired.beyond_cut(frame).iloc[0]
    assert (found["n"], found["unpaired"], found["net"]) == (1, 1, -1)


@pytest.mark.parametrize(
    ("before", "after", "low", "high", "p"),
    [
        ([1] * 20, [1] * 20, -0.1611, 0.1611, 1),  # Wilson at 0 of 20, either way
        ([1] * 20, [0] * 20, -1, -1 + 2 * 0.1611, 2**-19),
    ],
)
def test_problems_that_all_agree_are_not_certain(before, after, low, high, p):
    found = paired.against_full(grades(*full(before), *cut(after, "speed_up"))).iloc[0]
    assert [found["ci_low"], found["ci_high"]] == pytest.approx([low, high], abs=1e-4)
    assert found["p"] == pytest.approx(p)


def test_one_problem_has_a_difference_and_no_test():
    found = paired.against_full(grades(*full([1]), *cut([0], "speed_up"))).iloc[0]
    assert found["difference"] == -1
    assert found[["ci_low", "ci_high", "p", "p_holm"]].isna().all()
    assert found["family_size"] == 0


def test_no_pairs_at_all_give_a_row_that_says_so():
    found = paired.against_full(grades(*full([1]), *cut([1, 0], "speed_up")[1:])).iloc[0]
    assert (found["n"], found["unpaired"], found["n_clusters"]) == (0, 1, 0)
    assert found[["left", "right", "difference", "p"]].isna().all()


def test_no_rows_give_no_groups():
    frame = grades(*full([1, 0]), *cut([1, 0], "speed_up"))
    found = paired.against_full(frame[frame["kind"].eq("trace")])
    assert len(found) == 0 and "p_holm" in found.columns


def test_the_family_of_tests_is_the_call_or_what_family_says():
    draw = np.random.default_rng(0)
    rows = [*full(np.ones(30, int))]
    for interrupt, rate in (("speed_up", 0.8), ("update", 0.6)):
        for position in (0.1, 0.9):
            rows += cut((draw.random(30) < rate).astype(int), interrupt, position)
    whole, parts = (paired.against_full(grades(*rows), family=f) for f in ((), ("interrupt",)))
    assert whole["family_size"].tolist() == [4] * 4 and parts["family_size"].tolist() == [2] * 4
    assert whole["p"].equals(parts["p"])
    assert (whole["p_holm"] >= parts["p_holm"]).all() and (parts["p_holm"] >= parts["p"]).all()


@pytest.mark.parametrize(("problems", "studies"), [(30, 1500), (500, 400)])
def test_no_difference_is_called_one_as_often_as_stated(problems, studies):
    draw = np.random.default_rng(problems)
    rates = draw.beta(1, 1, studies * problems)
    keys = {"study": np.repeat(np.arange(studies), problems), "problem_id": np.tile(np.arange(problems), studies)}
    left, right = (pd.DataFrame(keys | {"share": draw.binomial(16, rates) / 16}) for _ in range(2))
    found = paired.differences(left, right, ["study"], ["study", "problem_id"], "share")
    assert found["p"].lt(0.05).mean() == pytest.approx(0.05, abs=0.02)
    holds = found["ci_low"].le(0) & found["ci_high"].ge(0)
    assert holds.mean() == pytest.approx(0.95, abs=0.02)
    assert (holds == found["p"].ge(0.05)).all()  # the interval and the test say the same


def test_pairing_is_sharper_than_comparing_two_means():
    draw = np.random.default_rng(3)
    easy = draw.beta(0.5, 0.5, 200)
    before, after = draw.random((2, 200)) < [easy, np.clip(easy - 0.1, 0, 1)]
    found = paired.against_full(grades(*full(before), *cut(after, "speed_up"))).iloc[0]
    apart = 1.96 * np.sqrt((before.var() + after.var()) / 200)
    assert found["ci_high"] - found["ci_low"] < 0.85 * 2 * apart


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: paired.against_full(f, reference="best"), "reference 'best': expected original or own"),
        (lambda f: paired.between_interrupts(f, "speed_up", "noop"), "interrupt 'noop': no rows"),
        (lambda f: paired.between_models(f, "m", "other"), "model 'other': no rows"),
        (lambda f: paired.between_positions(f, 0.5, 0.6), "position 0.6: no rows"),
        (lambda f: paired.against_full(pd.concat([f, f])), "row m, .* stands twice, expected one for each pair"),
        (lambda f: paired.against_full(f, value="length"), "missing columns: length"),
        (lambda f: paired.against_full(f.drop(columns="kind")), "missing columns: kind"),
    ],
)
def test_bad_frames_are_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call(grades(*full([1, 0]), *cut([1, 0], "speed_up")))
