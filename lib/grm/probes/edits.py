"""Planted edits: programs that put a known fault into an item, so that it can be told whether a judge finds it.

| kind | what is done | what is then true |
|---|---|---|
| number | a number in a step is another | that step is wrong, unless an earlier one was |
| dropped | a step is gone on which a later one builds | the later step follows from nothing |
| reverted | after the interrupt, the old fact stands for the new one | the update is not used |
| goes_on | the answer reasons on at its end, with numbers of its own | the answer holds new steps |
| swapped | the stated answer is another number | the answer is not what was found |

An item in which an edit finds no place is left out; nothing of its twin is changed but what the edit says.
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lib.answers import extract

COLUMNS = ["edit", "edit_view", "edit_start", "edit_end", "edit_step", "edit_was", "edit_is"]
NUMBER = re.compile(r"(?<![\w.,])\d+(?![\w]|[.,]\d)")
RESULT = re.compile(r"(?<==)(\s*)(\d+)(?![\w]|[.,]\d)")  # a number that a step says something comes to
STEP = re.compile(r"^\d+\. ?")
SENTENCE = re.compile(r"(?<=[.!?])\s+|\s*\n\s*")
GOING_ON = (
    "\n\nWait, let me go through that again. If it were {a} instead, then {a} + {b} = {sum}, and that leaves {sum}.",
    "\n\nHmm, but I should also try {a}: taking {b} away from {sum} gives {a}, so perhaps it should be {a}.",
    "\n\nActually, let me check it another way. Start from {a}, add {b}: {a} + {b} = {sum}. So is it {sum}?",
)

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Edit:
    """What was done to an item, and where it can be seen."""

    changed: dict[str, str]  # texts by view, as they are now
    view: str  # where the change can be seen
    span: tuple[int, int] | None  # characters of that view which a judge may quote; None: what is gone
    step: int | None  # the step concerned, from 1, by its number before the edit
    was: str
    now: str


def planted(items: pd.DataFrame, kind: str, seed: int = 0) -> pd.DataFrame:
    """The items in which an edit finds a place, edited: their columns and those of `COLUMNS`.

    `edit_start` and `edit_end` are characters of the view `edit_view`, null where something is gone; `edit_step` is
    the step concerned, numbered as before the edit. Which place is taken depends on the seed and the item's id alone.

    Args:
        items: item_id and the views concerned: steps (kept and after follow it, where they hold the same lines) for
            number and dropped; problem, inserted, after and answer for reverted; answer for goes_on and swapped.
        kind: one of `KINDS`.
        seed: of the choice of places and numbers.

    Raises:
        ValueError: no edit of this kind.
    """
    if kind not in KINDS:
        raise ValueError(f"edit {kind}: expected one of {', '.join(KINDS)}")
    rows = []
    for item in items.to_dict("records"):
        made = KINDS[kind](item, random.Random(f"{seed}|{kind}|{item['item_id']}"))
        if made:
            start, end = made.span or (None, None)
            told = (kind, made.view, start, end, made.step, made.was, made.now)
            rows.append(item | made.changed | dict(zip(COLUMNS, told, strict=True)))
    columns = [*(name for name in items.columns if name not in COLUMNS), *COLUMNS]
    whole = dict.fromkeys(("edit_start", "edit_end", "edit_step"), "Int64")
    return pd.DataFrame(rows, columns=columns).astype(whole)


def shuffled(steps: str, seed: str) -> str:
    """Numbered steps in another order, numbered anew; two that are alike may leave the text as it was."""
    lines = [STEP.sub("", line) for line in steps.split("\n")]
    order = list(range(len(lines)))
    rng = random.Random(seed)
    while order == sorted(order) and len(order) > 1:
        rng.shuffle(order)
    return _numbered([lines[i] for i in order])


def number(item: Item, rng: random.Random) -> Edit | None:
    """A number of a step is another: one that a calculation comes to, or any where there is no such."""
    steps = _steps(item)
    places = [(i, *found.span(2)) for i, step in enumerate(steps) for found in RESULT.finditer(step)]
    places = places or [(i, *found.span()) for i, step in enumerate(steps) for found in NUMBER.finditer(step)]
    if not places:
        return None
    i, start, end = rng.choice(places)
    was = steps[i][start:end]
    now = _other(was, rng, {was})
    changed = _with_step(item, i, f"{steps[i][:start]}{now}{steps[i][end:]}")
    return changed and Edit(changed, "steps", _line(changed["steps"], i), i + 1, was, now)


def dropped(item: Item, rng: random.Random) -> Edit | None:
    """A step is gone whose number, told nowhere before it, a later step uses."""
    steps = _steps(item)
    told = set(NUMBER.findall(_text(item, "problem") + "\n" + _text(item, "inserted")))
    bases = []
    for i, step in enumerate(steps):
        new = set(NUMBER.findall(step)) - told
        later = {word for after in steps[i + 1 :] for word in NUMBER.findall(after)}
        bases += [i] if new & later else []
        told |= new
    if not bases:
        return None
    i = rng.choice(bases)
    changed = _with_step(item, i, None)
    return changed and Edit(changed, "steps", None, i + 1, steps[i], "")


def reverted(item: Item, rng: random.Random) -> Edit | None:
    """The one new number of an update gives way to the old one, in the thinking after the interrupt and the answer.

    The old one stands in the sentence of the problem that shares most words with the update. No place is found where
    either is not the only one of its kind.
    """
    problem, inserted = _text(item, "problem"), _text(item, "inserted")
    words = set(re.findall(r"[a-z]+", inserted.lower()))
    shared = {said: len(words & set(re.findall(r"[a-z]+", said.lower()))) for said in SENTENCE.split(problem)}
    told = max(shared, key=shared.__getitem__)
    new = set(NUMBER.findall(inserted)) - set(NUMBER.findall(problem))
    old = set(NUMBER.findall(told)) - set(NUMBER.findall(inserted))
    if len(new) != 1 or len(old) != 1:
        return None
    (now,), (was,) = old, new
    texts = {view: _text(item, view) for view in ("after", "answer")}
    changed = {view: _renamed(text, was, now) for view, text in texts.items() if was in NUMBER.findall(text)}
    if not changed:
        return None
    view = next(iter(changed))
    places = [found.span() for found in NUMBER.finditer(texts[view]) if found[0] == was]
    return Edit(changed | _steps_after(item, changed), view, _around(changed[view], places[0][0]), None, was, now)


def goes_on(item: Item, rng: random.Random) -> Edit | None:
    """The answer reasons on at its end."""
    answer = _text(item, "answer")
    if not answer:
        return None
    a, b = rng.randint(3, 40), rng.randint(3, 40)
    more = rng.choice(GOING_ON).format(a=a, b=b, sum=a + b)
    text = answer + more
    return Edit({"answer": text}, "answer", (len(answer) + 2, len(text)), None, "", more.strip())


def swapped(item: Item, rng: random.Random) -> Edit | None:
    """The stated answer, a number, is another, which is not the reference either."""
    answer = _text(item, "answer")
    was = extract.find(answer, "gsm8k").answer
    start = answer.rfind(was) if was is not None else -1
    if start < 0 or not NUMBER.fullmatch(was):
        return None
    now = _other(was, rng, {was, str(item.get("reference"))})
    text = answer[:start] + now + answer[start + len(was) :]
    return Edit({"answer": text}, "answer", _around(text, start), None, was, now)


KINDS: dict[str, Callable[[Item, random.Random], Edit | None]] = {
    "number": number,
    "dropped": dropped,
    "reverted": reverted,
    "goes_on": goes_on,
    "swapped": swapped,
}


def _other(number: str, rng: random.Random, avoided: set[str]) -> str:
    """A number with another last digit."""
    return rng.choice([made for digit in "0123456789" if (made := number[:-1] + digit) not in avoided])


def _steps(item: Item) -> list[str]:
    return [STEP.sub("", line) for line in _lines(item, "steps")]


def _with_step(item: Item, i: int, step: str | None) -> dict[str, str] | None:
    """The steps, and the same line of the thinking, with one step changed or gone; None where the two do not match."""
    steps = _steps(item)
    changed = _in_thinking(item, i, steps, step)
    if changed is None:
        return None
    left = [*steps[:i], *([] if step is None else [step]), *steps[i + 1 :]]
    return changed | {"steps": _numbered(left)}


def _in_thinking(item: Item, i: int, steps: list[str], step: str | None) -> dict[str, str] | None:
    lines = [(view, at) for view in ("kept", "after") for at, line in enumerate(_lines(item, view)) if line.strip()]
    if not lines:
        return {}
    if [_lines(item, view)[at].strip() for view, at in lines] != steps:
        return None
    view, at = lines[i]
    text = _lines(item, view)
    return {view: "\n".join([*text[:at], *([] if step is None else [step]), *text[at + 1 :]])}


def _steps_after(item: Item, changed: Mapping[str, str]) -> dict[str, str]:
    """The numbered steps after a change of the thinking, if the item has any."""
    if not _text(item, "steps"):
        return {}
    now = dict(item) | dict(changed)
    lines = [line.strip() for view in ("kept", "after") for line in _lines(now, view) if line.strip()]
    return {"steps": _numbered(lines)}


def _numbered(lines: list[str]) -> str:
    return "\n".join(f"{n}. {line}" for n, line in enumerate(lines, 1))


def _lines(item: Item, view: str) -> list[str]:
    return _text(item, view).split("\n")


def _text(item: Item, view: str) -> str:
    return found if isinstance(found := item.get(view), str) else ""  # a part that is not there is null


def _renamed(text: str, was: str, now: str) -> str:
    return NUMBER.sub(lambda found: now if found[0] == was else found[0], text)


def _line(text: str, i: int) -> tuple[int, int]:
    start = sum(len(line) + 1 for line in text.split("\n")[:i])
    return start, start + len(text.split("\n")[i])


def _around(text: str, at: int) -> tuple[int, int]:
    """The line in which a character stands."""
    return text.rfind("\n", 0, at) + 1, (text + "\n").index("\n", at)
