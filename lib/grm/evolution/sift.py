"""Sifting: proposals that need no trial, as they ask vaguely or what another question asks already."""

import dataclasses
import re
from collections.abc import Sequence

from rapidfuzz import fuzz, utils

from lib.grm import rubric as rubrics
from lib.grm.rubric import Criterion, Rubric

ALIKE = 90  # of 100, by `rapidfuzz.fuzz.token_set_ratio`: the same words but for one in ten
# what turns a question round without changing what it is about
_NOT = re.compile(
    r"\b(?:not|no|never|without|none|neither|nor|cannot|hardly|\w+n't|lacks?|omits?|avoids?|refrains? from"
    r"|fails? to|free (?:of|from))\b",
    re.IGNORECASE,
)
_LONG = re.compile(r"\b(?:longer|shorter|concise|verbose|wordy|how (?:long|short|many words)|length)\b", re.IGNORECASE)


def sift(rubric: Rubric, proposed: Sequence[Criterion]) -> tuple[list[Criterion], dict[str, tuple[str, str]]]:
    """The proposals that deserve a trial, and for each of the others by its id its status and why.

    | status | |
    |---|---|
    | vague | `rubric.warnings` has something to say about it |
    | length | it asks how long something is |
    | duplicate | a question of the rubric or an earlier proposal has nearly the same words |
    | mirrored | the same, and one is turned round: by a "not", or by its polarity |
    """
    kept: list[Criterion] = []
    dropped: dict[str, tuple[str, str]] = {}
    for one in proposed:
        fault = _unclear(one, rubric) or _again(one, [*rubric.criteria, *kept])
        if fault:
            dropped[one.id] = fault
        else:
            kept.append(one)
    return kept, dropped


def _unclear(one: Criterion, rubric: Rubric) -> tuple[str, str] | None:
    known = set(rubrics.warnings(rubric))
    whole = dataclasses.replace(rubric, criteria=(*rubric.criteria, one))
    if told := [text for text in rubrics.warnings(whole) if text not in known]:
        return "vague", told[0].removeprefix(f"{one.id}: ")
    if found := _LONG.search(one.question):
        return "length", f'question: "{found[0]}" is about length, which a program can count'
    return None


def _again(one: Criterion, others: Sequence[Criterion]) -> tuple[str, str] | None:
    for other in others:
        words = [_NOT.sub(" ", each.question) for each in (one, other)]
        ratio = fuzz.token_set_ratio(*words, processor=utils.default_process)
        if ratio >= ALIKE:
            turned = [bool(_NOT.search(each.question)) for each in (one, other)]
            is_mirrored = one.polarity != other.polarity or turned[0] != turned[1]
            status, how = ("mirrored", "turns round") if is_mirrored else ("duplicate", "repeats")
            return status, f"{how} {other.id}, whose words it has by {ratio:.0f} of 100, expected fewer than {ALIKE}"
    return None
