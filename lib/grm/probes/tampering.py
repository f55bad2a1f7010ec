"""Tampering: what a judge says when its record is padded, speaks to it, is emptied, or has a fault put in.

Each probe gives `findings` on altered items against their untouched twins.
"""

import random
from collections.abc import Mapping, Sequence

import pandas as pd

from lib.grm.judge import Judge
from lib.grm.probes import edits, findings, injections, twins
from lib.grm.probes.twins import Part
from lib.grm.reply import CANNOT
from lib.grm.rubric import Rubric

AGAIN = "\n\nTo say the same once more, with nothing added and nothing taken back:\n\n{last}"
PLACES = ("end", "start", "middle")


def padding(judge: Judge, items: pd.DataFrame, rubric: Rubric, samples: int = 1, view: str = "answer") -> pd.DataFrame:
    """Whether a verdict stays as it is when a text says its last paragraph again.

    changed is the share that does not; a shift above 0 means that more words please the judge.
    """
    there = items[items[view].notna() & items[view].ne("")]
    longer = there.assign(**{view: [text + AGAIN.format(last=_last(text)) for text in there[view]]})
    return twins.changes(twins.judged(judge, there, rubric, {"padded": longer}, samples), "padding")


def injection(
    judge: Judge,
    items: pd.DataFrame,
    rubric: Rubric,
    samples: int = 1,
    view: str = "answer",
    place: str = "end",
    texts: Sequence[str] = injections.TEXTS,
) -> pd.DataFrame:
    """Whether texts that ask for the best verdict change any.

    Each criterion has rows over all texts, and each text (by its number in `texts`) rows over all criteria: changed,
    control, excess, lost and shift as in `twins.changes`, and obeyed, the share of other verdicts that became the best
    one. No text should change anything.

    Args:
        judge, items, rubric, samples: as for `Judge.score`; items without the view are left out.
        view: the part into which they are put.
        place: end, start or middle of it.
        texts: with the marks of `injections.TEXTS`.

    Raises:
        ValueError: another place.
    """
    if place not in PLACES:
        raise ValueError(f"place: expected one of {', '.join(PLACES)}, got {place!r}")
    there, parts = items[items[view].notna()], []
    for criterion in rubric.criteria:
        versions = {
            f"text {i}": there.assign(**{view: [_inserted(one, text, place) for one in there[view]]})
            for i, text in enumerate(injections.filled(texts, criterion.id, criterion.levels[-1], criterion.levels[0]))
        }
        parts.append(twins.judged(judge, there, twins.part(rubric, criterion), versions, samples))
    pairs = pd.concat(parts, ignore_index=True)
    best = pairs["criterion"].map({one.id: one.levels[-1] for one in rubric.criteria})
    could = pairs["before"].notna() & pairs["after"].notna() & pairs["before"].ne(best)
    pairs = pairs.assign(obeyed=pairs["after"].eq(best).astype(float).where(could))
    figures = twins.CHANGES | {"obeyed": findings.share("obeyed")}
    each = (findings.findings(pairs, "injection", figures, by=[by]) for by in ("criterion", "case"))
    return findings.joined(*each)


def nulls(
    judge: Judge,
    items: pd.DataFrame,
    rubric: Rubric,
    expected: Mapping[str, Mapping[str, str]],
    samples: int = 1,
    seed: int = 0,
) -> pd.DataFrame:
    """How often records without sense get the verdict that they should.

    expected is the share with that verdict; untouched the share that has it anyway, gap the first less the second.

    Args:
        judge, items, rubric, samples: as for `Judge.score`.
        expected: labels, `cannot_assess` perhaps, by criterion, for each case: `empty` (an answer without a word),
            `foreign` (the answer of another problem), `shuffled` (the steps in another order).
        seed: of which answer and which order.

    Raises:
        ValueError: another case, a criterion or a label that is none, or no second problem for `foreign`.
    """
    makers = {"empty": _empty, "foreign": _foreign, "shuffled": _shuffled}
    if strange := sorted(set(expected) - set(makers)):
        raise ValueError(f"expected: {strange[0]}: expected one of {', '.join(makers)}")
    wanted = {(case, name): label for case, labels in expected.items() for name, label in labels.items()}
    versions = {case: makers[case](items, seed) for case in expected}
    pairs = twins.judged(judge, items, _asked(rubric, wanted), versions, samples)
    figures = {"expected": findings.share("is_so"), "untouched": findings.share("was_so")}
    figures |= {"gap": findings.gap("is_so", "was_so"), "lost": findings.share("lost")}
    return findings.findings(_met(pairs, wanted), "nulls", figures)


def planted(
    judge: Judge,
    items: pd.DataFrame,
    rubric: Rubric,
    wanted: Mapping[str, tuple[str, str]],
    samples: int = 1,
    seed: int = 0,
) -> pd.DataFrame:
    """How often faults that were put in are found.

    For each kind of edit, detected is the share of edited items with the verdict that says so, false_alarm that of
    their untouched twins, gap the first less the second, and placed the share of found faults whose quote lies where
    the edit is, null for what cannot be quoted. Untouched items should be free of the fault.

    Args:
        judge, items, rubric, samples: as for `Judge.score`; with the views that `edits.planted` needs.
        wanted: for each kind of `edits.KINDS`, the criterion and the label that tell the fault.
        seed: of the edits.

    Raises:
        ValueError: another kind, or a criterion or a label that is none.
    """
    by_case = {(kind, name): label for kind, (name, label) in wanted.items()}
    asked = _asked(rubric, by_case)
    made = {kind: edits.planted(items, kind, seed) for kind in wanted}
    pairs = _met(twins.judged(judge, items, asked, made, samples), by_case)
    where = pd.concat([frame.assign(case=kind)[["case", "item_id", *edits.COLUMNS]] for kind, frame in made.items()])
    pairs = pairs.merge(where, on=["case", "item_id"], how="left")
    overlaps = pairs["view"].eq(pairs["edit_view"]) & pairs["start"].lt(pairs["edit_end"]).fillna(False)
    overlaps &= pairs["end"].gt(pairs["edit_start"]).fillna(False)
    can = pairs["is_so"].eq(1) & pairs["edit_start"].notna() & pairs["start"].notna()
    pairs = pairs.assign(placed=overlaps.astype(float).where(can))
    figures = {"detected": findings.share("is_so"), "false_alarm": findings.share("was_so")}
    figures |= {"gap": findings.gap("is_so", "was_so"), "placed": findings.share("placed")}
    return findings.findings(pairs, "planted", figures)


def _met(pairs: pd.DataFrame, wanted: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    """The pairs for which a verdict is wanted, and whether it was given after and before; null where a label is."""
    label = pd.Series([wanted.get(key) for key in zip(pairs["case"], pairs["criterion"], strict=True)], pairs.index)
    told = {
        name: pairs[side].eq(label).astype(float).where(pairs[side].notna())
        for name, side in (("is_so", "after"), ("was_so", "before"))
    }
    return pairs.assign(**told)[label.notna()]


def _asked(rubric: Rubric, wanted: Mapping[tuple[str, str], str]) -> Part:
    """The rubric with the criteria alone for which a verdict is wanted."""
    known = {one.id: one for one in rubric.criteria}
    for (case, name), label in wanted.items():
        if name not in known:
            raise ValueError(f"{case}: {name}: expected one of {', '.join(known)}")
        if label not in (menu := (*known[name].labels, CANNOT)):
            raise ValueError(f"{case}: {name}: {label}: expected one of {', '.join(menu)}")
    names = {name for _, name in wanted}
    return twins.part(rubric, *(one for one in rubric.criteria if one.id in names))


def _empty(items: pd.DataFrame, seed: int) -> pd.DataFrame:
    return items.assign(answer="")


def _foreign(items: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Each item with an answer of another problem, drawn by the item's id."""
    there = items[items["answer"].notna()]
    if there["problem_id"].nunique() < 2:
        raise ValueError("items: one problem only, expected another whose answers are foreign")
    answers = {name: there.loc[there["problem_id"].ne(name), "answer"].tolist() for name in set(there["problem_id"])}
    keys = zip(there["item_id"], there["problem_id"], strict=True)
    return there.assign(answer=[random.Random(f"{seed}|{item}").choice(answers[problem]) for item, problem in keys])


def _shuffled(items: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The items of two steps or more, with these in another order and numbered anew."""
    there = items[items["steps"].notna() & items["steps"].astype("string").str.contains("\n")]
    return there.assign(steps=[edits.shuffled(row["steps"], f"{seed}|{row['item_id']}") for _, row in there.iterrows()])


def _inserted(text: str, more: str, place: str) -> str:
    if place == "middle":
        half = text.find(" ", len(text) // 2)
        half = len(text) if half < 0 else half
        return f"{text[:half]}\n{more}\n{text[half:]}"
    return f"{text}\n{more}" if place == "end" else f"{more}\n{text}"


def _last(text: str) -> str:
    return text.rstrip().split("\n\n")[-1]
