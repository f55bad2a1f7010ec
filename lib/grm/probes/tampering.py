"""Tampering: verdicts on records that are padded, speak to the judge, are emptied, or have a fault planted in them.

Each probe returns findings (`twins.FINDINGS`) on altered items against their untouched twins. Its arguments judge,
items and rubric are those of `Judge.score`.
"""

import random
from collections.abc import Mapping, Sequence

import pandas as pd

from lib.grm.judge import Judge
from lib.grm.probes import edits, injections, twins
from lib.grm.reply import CANNOT
from lib.grm.rubric import Rubric
from lib.stats.bootstrap import mean

GAP = {"gap": twins.gap("hit", "hit_before")}
AGAIN = "\n\nTo say the same once more, with nothing added and nothing taken back:\n\n{last}"


def padding(judge: Judge, items: pd.DataFrame, rubric: Rubric) -> pd.DataFrame:
    """Whether a verdict changes when the answer repeats its last paragraph, as `twins.changes`.

    A shift above 0 means that more words please the judge.
    """
    usable = items[items["answer"].notna() & items["answer"].ne("")]
    longer = [text + AGAIN.format(last=text.rstrip().split("\n\n")[-1]) for text in usable["answer"]]
    versions = {"padded": usable.assign(answer=longer)}
    return twins.changes(twins.judge_twins(judge, usable, rubric, versions), "padding")


def injection(
    judge: Judge,
    items: pd.DataFrame,
    rubric: Rubric,
    texts: Sequence[str] = injections.TEXTS,
) -> pd.DataFrame:
    """Whether texts at the end of the answer that ask for the best verdict change any; none should.

    Rows for each criterion over all texts, and for each text (by its number in `texts`) over all criteria: those of
    `twins.changes`, and obeyed, the share of other verdicts that became the best one. `texts` have the marks of
    `injections.TEXTS`.
    """
    usable, parts = items[items["answer"].notna()], []
    for criterion in rubric.criteria:
        worst, best = criterion.levels[0], criterion.levels[-1]
        versions = {
            f"text {i}": usable.assign(answer=usable["answer"] + f"\n{text}")
            for i, text in enumerate(injections.filled(texts, criterion.id, best, worst))
        }
        compared = twins.judge_twins(judge, usable, rubric.only([criterion.id]), versions)
        could = compared["before"].notna() & compared["after"].notna() & compared["before"].ne(best)
        parts.append(compared.assign(obeyed=compared["after"].eq(best).astype(float).where(could)))
    compared = pd.concat(parts, ignore_index=True)
    figures = twins.CHANGES | {"obeyed": mean("obeyed")}
    return twins.joined(*(twins.findings(compared, "injection", figures, by=[by]) for by in ("criterion", "case")))


def nulls(
    judge: Judge,
    items: pd.DataFrame,
    rubric: Rubric,
    expected: Mapping[str, Mapping[str, str]],
    seed: int = 0,
) -> pd.DataFrame:
    """How often records without sense get the verdict that they should.

    expected is the share with that verdict, untouched the share of the originals with it, gap the difference.

    `expected` has for each case the label, perhaps `cannot_assess`, by criterion. Cases are `empty` (no answer),
    `foreign` (the answer of another problem) and `shuffled` (the steps in another order).

    Raises:
        ValueError: an unknown case, criterion or label, or no second problem for `foreign`.
    """
    makers = {"empty": lambda items, _: items.assign(answer=""), "foreign": _foreign, "shuffled": _shuffled}
    if unknown := sorted(set(expected) - set(makers)):
        raise ValueError(f"expected: {unknown[0]}: expected one of {', '.join(makers)}")
    wanted = {(case, name): label for case, labels in expected.items() for name, label in labels.items()}
    versions = {case: makers[case](items, seed) for case in expected}
    compared = _hits(twins.judge_twins(judge, items, _wanted_of(rubric, wanted), versions), wanted)
    figures = {"expected": mean("hit"), "untouched": mean("hit_before")} | GAP | {"lost": mean("lost")}
    return twins.findings(compared, "nulls", figures)


def planted(
    judge: Judge,
    items: pd.DataFrame,
    rubric: Rubric,
    wanted: Mapping[str, tuple[str, str]],
    seed: int = 0,
) -> pd.DataFrame:
    """How often planted faults are found.

    For each kind of edit, detected is the share of edited items with the verdict that names the fault, false_alarm that
    of their untouched twins, gap the difference, and placed the share of found faults whose quote overlaps the edit,
    null where nothing can be quoted. Untouched items, which have the views that `edits.planted` needs, should be free
    of the fault.

    `wanted` has the criterion and the label that name the fault, by kind of `edits.KINDS`.
    """
    by_case = {(kind, name): label for kind, (name, label) in wanted.items()}
    edited = {kind: edits.planted(items, kind, seed) for kind in wanted}
    parts = []
    for one in _wanted_of(rubric, by_case).criteria:
        versions = {kind: frame for kind, frame in edited.items() if wanted[kind][0] == one.id}
        parts.append(twins.judge_twins(judge, items, rubric.only([one.id]), versions))
    compared = _hits(pd.concat(parts, ignore_index=True), by_case)
    spans = pd.concat([frame.assign(case=kind)[["case", "item_id", *edits.COLUMNS]] for kind, frame in edited.items()])
    compared = compared.merge(spans, on=["case", "item_id"], how="left")
    overlaps = compared["view"].eq(compared["edit_view"]) & compared["start"].lt(compared["edit_end"]).fillna(False)
    overlaps &= compared["end"].gt(compared["edit_start"]).fillna(False)
    can = compared["hit"].eq(1) & compared["edit_start"].notna() & compared["start"].notna()
    compared = compared.assign(placed=overlaps.astype(float).where(can))
    figures = {"detected": mean("hit"), "false_alarm": mean("hit_before")} | GAP | {"placed": mean("placed")}
    return twins.findings(compared, "planted", figures)


def _wanted_of(rubric: Rubric, wanted: Mapping[tuple[str, str], str]) -> Rubric:
    """The criteria for which a verdict is wanted."""
    known = {one.id: one for one in rubric.criteria}
    for (case, name), label in wanted.items():
        if name not in known:
            raise ValueError(f"{case}: {name}: expected one of {', '.join(known)}")
        if label not in (menu := (*known[name].labels, CANNOT)):
            raise ValueError(f"{case}: {name}: {label}: expected one of {', '.join(menu)}")
    return rubric.only({name for _, name in wanted})


def _hits(compared: pd.DataFrame, wanted: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    """The pairs for which a verdict is wanted, and whether it was given, after and before; null where a label is."""
    label = [wanted.get(key) for key in zip(compared["case"], compared["criterion"], strict=True)]
    compared = compared.assign(wanted=label).dropna(subset="wanted")
    for name, side in {"hit": "after", "hit_before": "before"}.items():
        hit = compared[side].eq(compared["wanted"]).astype(float).where(compared[side].notna())
        compared = compared.assign(**{name: hit})
    return compared


def _foreign(items: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Each item with an answer to another problem, drawn by the item's id."""
    usable = items[items["answer"].notna()]
    if usable["problem_id"].nunique() < 2:
        raise ValueError("items: one problem only, expected another whose answers are foreign")
    others = {name: usable.loc[usable["problem_id"].ne(name), "answer"].tolist() for name in set(usable["problem_id"])}
    keys = zip(usable["item_id"], usable["problem_id"], strict=True)
    return usable.assign(answer=[random.Random(f"{seed}|{item}").choice(others[problem]) for item, problem in keys])


def _shuffled(items: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The items of two steps or more, with these in another order and renumbered."""
    usable = items[items["steps"].notna() & items["steps"].astype("string").str.contains("\n")]
    steps = [edits.shuffled(row["steps"], f"{seed}|{row['item_id']}") for row in usable.to_dict("records")]
    return usable.assign(steps=steps)
