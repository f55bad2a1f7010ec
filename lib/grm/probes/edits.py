"""Planted edits: programs that put a known fault into a record, to measure whether a judge finds it.

| kind | what is done | what is then true |
|---|---|---|
| number | a number in a step is changed | that step is wrong, unless an earlier one was |
| dropped | a step is deleted on which a later one builds | the later step follows from nothing |
| reverted | after the interrupt, the old fact replaces the new one | the update is not used |
| goes_on | the answer goes on reasoning at its end, with numbers of its own | the answer holds new steps |
| swapped | the stated answer is another number | the answer is not what was found |

An item in which an edit finds no place is left out. Nothing but what the edit says differs from its twin.
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lib.answers import extract
from lib.interrupts.records import numbered

COLUMNS = ["edit", "edit_view", "edit_start", "edit_end", "edit_step", "edit_was", "edit_is"]
NUMBER = re.compile(r"(?<![\w.,])\d+(?![\w]|[.,]\d)")
RESULT = re.compile(r"(?<==)(\s*)(\d+)(?![\w]|[.,]\d)")  # the right-hand side of a calculation
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

    changed: dict[str, str]  # texts by view, after the edit
    view: str  # where the change can be seen
    span: tuple[int, int] | None  # characters of that view which a judge may quote; None: of a deletion
    step: int | None  # the step concerned, from 1, by its number before the edit
    was: str
    now: str


def planted(items: pd.DataFrame, kind: str, seed: int = 0) -> pd.DataFrame:
    """The items in which an edit finds a place, edited: their columns and those of `COLUMNS`.

    `edit_start` and `edit_end` are characters of the view `edit_view`, null for a deletion; `edit_step` is the number
    of the step before the edit. The place depends on the seed and the item's id alone.

    Items need the views concerned: steps (kept and after follow it, where they hold the same lines) for number and
    dropped; problem, inserted, after and answer for reverted; answer for goes_on and swapped.
    """
    if kind not in KINDS:
        raise ValueError(f"edit {kind}: expected one of {', '.join(KINDS)}")
    rows = []
    for item in items.to_dict("records"):
        edit = KINDS[kind](item, random.Random(f"{seed}|{kind}|{item['item_id']}"))
        if edit:
            fields = (kind, edit.view, *(edit.span or (None, None)), edit.step, edit.was, edit.now)
            rows.append(item | edit.changed | dict(zip(COLUMNS, fields, strict=True)))
    columns = [*(name for name in items.columns if name not in COLUMNS), *COLUMNS]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(("edit_start", "edit_end", "edit_step"), "Int64"))


def shuffled(steps: str, seed: str) -> str:
    """Numbered steps in another order, renumbered; two that are alike may leave the text as it was."""
    lines = [STEP.sub("", line) for line in steps.split("\n")]
    order = list(range(len(lines)))
    rng = random.Random(seed)
    while order == sorted(order) and len(order) > 1:
        rng.shuffle(order)
    return _numbered([lines[i] for i in order])


def number(item: Item, rng: random.Random) -> Edit | None:
    """Change a number of a step: the result of a calculation, or any number where there is none."""
    steps = _steps(item)
    places = [(i, *match.span(2)) for i, step in enumerate(steps) for match in RESULT.finditer(step)]
    places = places or [(i, *match.span()) for i, step in enumerate(steps) for match in NUMBER.finditer(step)]
    if not places:
        return None
    i, start, end = rng.choice(places)
    was = steps[i][start:end]
    now = _other(was, rng, {was})
    changed = _with_step(item, i, f"{steps[i][:start]}{now}{steps[i][end:]}")
    if changed is None:
        return None
    lines = changed["steps"].split("\n")
    offset = sum(len(line) + 1 for line in lines[:i])
    return Edit(changed, "steps", (offset, offset + len(lines[i])), i + 1, was, now)


def dropped(item: Item, rng: random.Random) -> Edit | None:
    """Delete a step that introduces a number used later."""
    steps = _steps(item)
    seen = set(NUMBER.findall(_text(item, "problem") + "\n" + _text(item, "inserted")))
    bases = []
    for i, step in enumerate(steps):
        new = set(NUMBER.findall(step)) - seen
        later = {number for after in steps[i + 1 :] for number in NUMBER.findall(after)}
        bases += [i] if new & later else []
        seen |= new
    if not bases:
        return None
    i = rng.choice(bases)
    changed = _with_step(item, i, None)
    return changed and Edit(changed, "steps", None, i + 1, steps[i], "")


def reverted(item: Item, rng: random.Random) -> Edit | None:
    """Put the old number of an update in place of its new one, in the thinking after the interrupt and the answer.

    The old number stands in the sentence of the problem that shares most words with the update; both must be unique.
    """
    problem, inserted = _text(item, "problem"), _text(item, "inserted")
    words = set(re.findall(r"[a-z]+", inserted.lower()))
    shared = {text: len(words & set(re.findall(r"[a-z]+", text.lower()))) for text in SENTENCE.split(problem)}
    sentence = max(shared, key=shared.__getitem__)
    new = set(NUMBER.findall(inserted)) - set(NUMBER.findall(problem))
    old = set(NUMBER.findall(sentence)) - set(NUMBER.findall(inserted))
    if len(new) != 1 or len(old) != 1:
        return None
    (now,), (was,) = old, new
    texts = {view: _text(item, view) for view in ("after", "answer")}
    changed = {view: _replaced(text, was, now) for view, text in texts.items() if was in NUMBER.findall(text)}
    if not changed:
        return None
    view = next(iter(changed))
    first = next(match.start() for match in NUMBER.finditer(texts[view]) if match[0] == was)
    if _text(item, "steps"):
        after = dict(item) | changed
        changed["steps"] = numbered("\n".join(_text(after, part) for part in ("kept", "after")))
    return Edit(changed, view, _line_around(changed[view], first), None, was, now)


def goes_on(item: Item, rng: random.Random) -> Edit | None:
    """Let the answer go on reasoning at its end."""
    answer = _text(item, "answer")
    if not answer:
        return None
    a, b = rng.randint(3, 40), rng.randint(3, 40)
    more = rng.choice(GOING_ON).format(a=a, b=b, sum=a + b)
    text = answer + more
    return Edit({"answer": text}, "answer", (len(answer) + 2, len(text)), None, "", more.strip())


def swapped(item: Item, rng: random.Random) -> Edit | None:
    """Change the stated answer, a number, to another that is not the reference either."""
    answer = _text(item, "answer")
    was = extract.find(answer, "gsm8k").answer
    start = answer.rfind(was) if was is not None else -1
    if start < 0 or not NUMBER.fullmatch(was):
        return None
    now = _other(was, rng, {was, str(item.get("reference"))})
    text = answer[:start] + now + answer[start + len(was) :]
    return Edit({"answer": text}, "answer", _line_around(text, start), None, was, now)


KINDS: dict[str, Callable[[Item, random.Random], Edit | None]] = {
    "number": number,
    "dropped": dropped,
    "reverted": reverted,
    "goes_on": goes_on,
    "swapped": swapped,
}


def _other(number: str, rng: random.Random, avoided: set[str]) -> str:
    """A number with another last digit."""
    return rng.choice([other for digit in "0123456789" if (other := number[:-1] + digit) not in avoided])


def _with_step(item: Item, i: int, step: str | None) -> dict[str, str] | None:
    """Texts with one step changed (None: deleted), in the thinking too; None where steps and thinking do not match."""
    steps, new = _steps(item), [] if step is None else [step]
    changed = {"steps": _numbered([*steps[:i], *new, *steps[i + 1 :]])}
    texts = {view: _text(item, view).split("\n") for view in ("kept", "after")}
    lines = [(view, at) for view, text in texts.items() for at, line in enumerate(text) if line.strip()]
    if not lines:
        return changed
    if [texts[view][at].strip() for view, at in lines] != steps:
        return None
    view, at = lines[i]
    return changed | {view: "\n".join([*texts[view][:at], *new, *texts[view][at + 1 :]])}


def _steps(item: Item) -> list[str]:
    return [STEP.sub("", line) for line in _text(item, "steps").split("\n")]


def _numbered(lines: list[str]) -> str:
    return "\n".join(f"{n}. {line}" for n, line in enumerate(lines, 1))


def _text(item: Item, view: str) -> str:
    return text if isinstance(text := item.get(view), str) else ""  # null: the item has no such part


def _replaced(text: str, was: str, now: str) -> str:
    return NUMBER.sub(lambda match: now if match[0] == was else match[0], text)


def _line_around(text: str, at: int) -> tuple[int, int]:
    return text.rfind("\n", 0, at) + 1, (text + "\n").index("\n", at)
