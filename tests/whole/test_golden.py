"""Every figure that was worked out beforehand from stored verdicts and labels of others, found again from the files."""

import itertools
import json
import math

import krippendorff
import pandas as pd
import pytest

from lib.grm import scores, votes
from lib.grm.probes import pairs
from lib.stats import agreement, calibration

CELL = ["judge", "subset", "prompt"]


@pytest.fixture(scope="module")
def folder(shared_data):
    return shared_data / "grm"


@pytest.fixture(scope="module")
def golden(folder):
    return json.loads((folder / "golden.json").read_text())


@pytest.fixture(scope="module")
def same(golden):
    """Equal to a stored value within its tolerance, counts exactly; no key more or less."""

    def check(found, stored, where=""):
        if isinstance(stored, dict):
            assert set(found) == set(stored), where
            for key in stored:
                check(found[key], stored[key], f"{where}/{key}")
        elif isinstance(stored, float):
            assert found == pytest.approx(stored, abs=golden["tolerance"]), where
        else:
            assert found == stored, where

    return check


@pytest.fixture(scope="module")
def rows(folder):
    def read(name):
        return pd.DataFrame([json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()])

    return read


@pytest.fixture(scope="module")
def items(rows):
    return rows("llmbar_items")


@pytest.fixture(scope="module")
def verdicts(rows, items):
    return rows("llmbar_votes").merge(items[["id", "gold"]], on="id", validate="many_to_one")


def cell(verdicts):
    """Accuracy, consistency, slot and gaps of the verdicts of one judge, subset and prompt."""
    first, second = (verdicts[verdicts["order"] == order].set_index("id")["verdict"].sort_index() for order in (1, 2))
    assert first.index.equals(second.index)
    by_order = pairs.position(verdicts.assign(pair_id=verdicts["id"], problem_id="p", sample=0))
    by_order = by_order.set_index("figure")["value"]
    return {
        "n": len(first),
        "accuracy": verdicts["verdict"].eq(verdicts["gold"]).mean(),
        "consistency": by_order["consistent"],
        "first_slot_share": by_order["first_slot"],
        "unusable": int(verdicts["verdict"].isna().sum()),
        # the habit of the source: an unusable reply is a vote for output 2
        "order_kappa": agreement.cohen_kappa(first.fillna(2), second.fillna(2)),
        "stored_accuracy": verdicts["verdict"].eq(verdicts["gold"]).mean(),
        # another habit of it: two unusable replies are equal
        "stored_equal": first.fillna(0).eq(second.fillna(0)).mean(),
    }


def test_accuracy_consistency_and_slot_of_all_cells(golden, verdicts, same):
    stored = {tuple(row[key] for key in CELL): row for row in golden["values"]["llmbar_cells"]}
    found = {key: cell(group) | dict(zip(CELL, key, strict=True)) for key, group in verdicts.groupby(CELL)}
    assert len(stored) == 150
    same(found, stored)


def test_the_plain_prompt_by_judge_and_subset(golden, verdicts, same):
    stored = golden["values"]["llmbar_vanilla"]
    plain = verdicts[verdicts["prompt"] == "Vanilla"]
    found = {}
    for (judge, subset), group in plain.groupby(["judge", "subset"]):
        names = stored[judge][subset]
        found.setdefault(judge, {})[subset] = {name: value for name, value in cell(group).items() if name in names}
    same(found, stored)


def counts(verdicts):
    """Right and wrong usable votes of each item; none is 0 and 0."""
    usable = verdicts["verdict"].notna()
    right = verdicts["verdict"].eq(verdicts["gold"])
    flags = pd.DataFrame({"id": verdicts["id"], "right": right, "wrong": usable & ~right})
    return flags.groupby("id")[["right", "wrong"]].sum()


def test_votes_of_fewer_draws(golden, verdicts, same):
    found = {}
    for (subset, judge), group in verdicts.groupby(["subset", "judge"]):
        items = counts(group)
        chances = {
            str(k): [votes.vote_at_k(int(right), int(wrong), k) for right, wrong in items.to_numpy()]
            for k in (1, 3, 5, 7, 9, 11)
        }
        # an item without any vote counts as wrong here
        means = {k: sum(chance or 0 for chance in chances[k]) / len(items) for k in chances}
        gaps = {
            "unusable_votes": int(12 * len(items) - items.to_numpy().sum()),
            "items_without_any_vote": chances["1"].count(None),
        }
        found.setdefault(subset, {})[judge] = means | gaps
    same(found, golden["values"]["vote_at_k"])


def test_shares_of_votes_as_confidence(golden, verdicts, same):
    found = {}
    for judge, group in verdicts.groupby("judge"):
        items = counts(group)
        n = items.sum(axis=1)
        share = items["right"] / n.where(n > 0)
        decided = share[share.notna() & share.ne(0.5)]
        won, sure = decided.gt(0.5), decided.where(decided.gt(0.5), 1 - decided)
        found[judge] = {
            "items": len(items),
            "items_without_any_vote": int(n.eq(0).sum()),
            "ties": int(share.eq(0.5).sum()),
            "brier": ((share - 1) ** 2).mean(),
            "decided": len(decided),
            "accuracy_decided": won.mean(),
            "mean_confidence_decided": sure.mean(),
            "ece_10_equal_width": ece(sure, won),
            "unanimous": int(sure.eq(1).sum()),
            "unanimous_accuracy": won[sure.eq(1)].mean(),
        }
    same(found, golden["values"]["vote_share_confidence"])


def ece(confidence, right):
    frame = pd.DataFrame({"confidence": confidence, "right": right})
    terms = calibration.ece("confidence", "right").terms(frame)
    return float(calibration.ece_of(terms.sum(axis=0, keepdims=True))[0])


def test_the_pull_of_length(golden, items, verdicts, same):
    lengths = items.assign(chars_1=items["output_1"].str.len(), chars_2=items["output_2"].str.len())
    plain = verdicts[verdicts["prompt"] == "Vanilla"].merge(lengths[["id", "chars_1", "chars_2"]], on="id")
    found = {}
    for judge, group in plain.groupby("judge"):
        fit = pairs.length_slope(group)
        errors = fit["error"].add_prefix("se_").to_dict()
        found[judge] = {"observations": int(group["verdict"].notna().sum())} | fit["value"].to_dict() | errors
    same(found, golden["values"]["length_slope"])


def test_the_longer_output_is_seldom_right(golden, items, same):
    one, two = (items[name].str.len() for name in ("output_1", "output_2"))
    longer = one.gt(two).map({True: 1, False: 2})
    share = items["gold"].eq(longer)[longer.notna()].mean()
    same(
        {"pairs": len(items), "share": share, "equal_length": int(one.eq(two).sum())},
        golden["values"]["longer_output_is_gold"],
    )


def test_agreement_of_raters(golden, rows, same):
    labels = rows("pandalm_labels")
    raters = [f"rater_{i}" for i in (1, 2, 3)]
    majority = labels[raters].mode(axis=1)[0].astype(int)
    gpt, small = labels["gpt35"], labels["pandalm_7b"]
    both = {f"{i}-{j}": (labels[f"rater_{i}"], labels[f"rater_{j}"]) for i, j in itertools.combinations((1, 2, 3), 2)}
    found = {
        "items": len(labels),
        "majority_counts": {str(label): int(n) for label, n in majority.value_counts().items()},
        "raters": {
            name: {
                "agreement": pair[0].eq(pair[1])[pair[0].notna() & pair[1].notna()].mean(),
                "kappa": agreement.cohen_kappa(*pair),
            }
            for name, pair in both.items()
        },
        "nominal_alpha": krippendorff.alpha(reliability_data=labels[raters].T, level_of_measurement="nominal"),
        "pandalm_7b": {
            "accuracy": majority.eq(small)[small.notna()].mean(),
            "kappa": agreement.cohen_kappa(majority, small),
        },
        "gpt35": {
            "usable": int(gpt.notna().sum()),
            "unusable": int(gpt.isna().sum()),
            "coverage": gpt.notna().mean(),
            "accuracy_usable": majority.eq(gpt)[gpt.notna()].mean(),
            "accuracy_unusable_counted_wrong": majority.eq(gpt).mean(),
            "kappa_usable": agreement.cohen_kappa(majority, gpt),
            "kappa_unusable_as_own_class": agreement.cohen_kappa(majority, gpt.fillna(-1)),
        },
    }
    same(found, golden["values"]["pandalm"])


def nodes(node):
    yield node
    for child in node["sub_tasks"]:
        yield from nodes(child)


def test_a_graded_tree(golden, folder, same):
    stored = json.loads((folder / "paperbench_tree.json").read_text())
    every = list(nodes(stored["tree"]))
    leaves, inner = ([node for node in every if bool(node["sub_tasks"]) is deep] for deep in (False, True))
    found = {
        "paper": stored["paper"],
        "root_score": scores.tree(stored["tree"]),
        "stored_root_score": stored["stored_root_score"],
        "leaves": len(leaves),
        "internal_nodes": len(inner),
        "internal_nodes_equal_to_stored": sum(
            math.isclose(scores.tree(node), node["score"], rel_tol=0, abs_tol=1e-9) for node in inner
        ),
        "unweighted_leaf_mean": sum(leaf["score"] for leaf in leaves) / len(leaves),
        "leaves_met": sum(leaf["score"] == 1 for leaf in leaves),
    }
    same(found, golden["values"]["paperbench"])


def solutions(frame):
    right = frame["solution_correct"]
    return {"rows": len(frame), "correct": int(right.sum()), "incorrect": int((~right).sum())}


def test_what_the_files_hold(golden, rows, same):
    math_steps, arithmetic, prm = rows("mrben_math"), rows("bbmistake_arith"), rows("prmbench")
    lucky = ~math_steps["solution_correct"] & math_steps["final_answer_correct"].eq(True)
    checked = arithmetic["program_checked"] & ~arithmetic["label_conflict"]
    pairs = arithmetic.loc[checked, ["mistake_index", "program_mistake_index"]].fillna(-1)
    (per_class,) = set(prm["classification"].value_counts())
    found = {
        "mrben_math": solutions(math_steps) | {"incorrect_with_right_final_choice": int(lucky.sum())},
        "mrben_coding": solutions(rows("mrben_coding")),
        "bbmistake_arith": {
            "rows": len(arithmetic),
            "labelled_without_mistake": int(arithmetic["mistake_index"].isna().sum()),
            "label_conflicts": int(arithmetic["label_conflict"].sum()),
            "program_checked": int(arithmetic["program_checked"].sum()),
            "program_checked_without_conflict": int(checked.sum()),
            "program_equals_label": int(pairs["mistake_index"].eq(pairs["program_mistake_index"]).sum()),
        },
        "prmbench": {
            "rows": len(prm),
            "per_class": int(per_class),
            "steps": int(prm["steps"].str.len().sum()),
            "error_steps": int(prm["error_steps"].str.len().sum()),
        },
    }
    same(found, golden["values"]["counts"])


def test_no_stored_value_is_left_out(golden):
    assert set(golden["values"]) == {
        "llmbar_vanilla",
        "llmbar_cells",
        "vote_at_k",
        "vote_share_confidence",
        "length_slope",
        "longer_output_is_gold",
        "pandalm",
        "paperbench",
        "counts",
    }
