"""What a TinyGRM learns to reply: a short thought that works the matter out, then the judgement as JSON.

The verdict and the quote come from `lib.tiny_truth`; the thought spells out what leads to them, so that what is learned
is to look rather than to guess.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from lib import tiny_thought, tiny_truth
from lib.grm import reply
from lib.tiny_thought import LABELS, Line
from lib.tiny_truth import Finding

Views = Mapping[str, str]


@dataclass(frozen=True)
class Lesson:
    """A reply to one criterion about one record."""

    thought: str
    quote: str
    reason: str
    verdict: str

    def text(self, criterion: str) -> str:
        """The whole reply, as a model writes it."""
        told = {
            "criterion": criterion,
            "evidence": [self.quote] if self.quote else [],
            "reason": self.reason,
            "verdict": self.verdict,
        }
        body = json.dumps({"judgements": [told]}, separators=(",", ":"), ensure_ascii=False)
        return f"<think>\n{self.thought}\n</think>{body}<|im_end|>"  # a schema binds from the mark on


def teach(criterion: str, views: Mapping[str, str | None]) -> Lesson | None:
    """The reply to a criterion about a record; None where neither a verdict nor an abstention is certain."""
    filled = {name: value or "" for name, value in views.items()}
    return LESSONS[criterion](filled, tiny_truth.RULES[criterion](filled))


def _cannot(thought: str, reason: str) -> Lesson:
    return Lesson(thought, "", reason, reply.CANNOT)


def faulty_step(views: Views, found: Finding) -> Lesson | None:
    if tiny_truth.update(views):
        return _cannot("an update", "The problem was changed on the way.")
    problem, done, told, reason = tiny_thought.story(views["problem"]), 0, [], "Every line is as it should be."
    if found.label is None or problem is None:
        return None
    for number, line in tiny_truth.numbered(views["steps"]):
        expected = tiny_truth.expectation(line, problem, done)
        right, done = tiny_truth.follows(line, problem, done)
        if line.kind == "other":
            told.append(f"{number} cut")
            continue
        told.append(f"{number} {_held_against(line, tiny_thought.read(expected)[0])}")
        if not right:
            reason = f"Line {number} should say {_core(expected)}."
            break
    return Lesson("\n".join(told), found.quote, reason, found.label)


def _held_against(line: Line, expected: Line) -> str:
    """The expected numbers, each with the one that stands there, up to the first that differs."""
    wanted, there = _numbers(expected), _numbers(line)
    if line.kind != expected.kind:
        return f"{line.kind} {expected.kind} no"
    worked = f"{expected.sum.text.rpartition(' = ')[0]} = " if expected.kind == "sum" else ""
    told = [compared(a, b) for a, b in zip_longest(wanted, there, fillvalue="none")]
    first = next((i for i, one in enumerate(told) if one.endswith("no")), len(told))
    if worked and line.text.rstrip(".") != expected.text.rstrip(".") and first == len(told):
        return f"{worked}{told[0]} {line.text.partition(':')[0]} no"  # the right number in a wrong way
    return worked + " ".join(told[: first + 1])


def _numbers(line: Line) -> tuple[int, ...]:
    return line.numbers[-1:] if line.kind == "sum" else line.numbers


def compared(wanted: object, there: object) -> str:
    """Two numbers beside each other, and whether they are the same."""
    return f"{wanted} {there} {'ok' if wanted == there else 'no'}"


def _core(line: str) -> str:
    """What of a line can be wrong, in a few tokens."""
    bare = line.removeprefix("Let me check: ").removeprefix("Start with ")
    core = bare if line.startswith("From ") else bare.rpartition(": ")[2]
    return core.replace(". That gives", " gives").rstrip(".")


def arithmetic_right(views: Views, found: Finding) -> Lesson:
    told, reason = [], "Every sum comes out right."
    for number, line in tiny_truth.numbered(views["steps"]):
        if line.kind != "sum":
            continue
        one = line.sum
        right = "none" if one.right is None else one.right
        told.append(f"{number} {one.a} {one.sign} {one.b} = {compared(right, one.result)}")
        if one.right != one.result:
            reason = f"In line {number} it is {right}, not {one.result}."
            break
    if found.label is None:
        return _cannot("no sums", "No sum is written out.")
    return Lesson("\n".join(told), "", reason, found.label)


def stale_fact(views: Views, found: Finding) -> Lesson | None:
    update = tiny_truth.update(views)
    if not update or found.label is None:
        return None
    told, doubts = [f"old {update.kind} {update.old}", f"new {update.kind} {update.new}"], False
    for line in tiny_thought.read(views["after"]):
        doubts = line.kind == "doubt"
        is_of_kind = line.kind == "start" if update.kind == "start" else line.text.startswith(update.kind.capitalize())
        if doubts or (is_of_kind and line.kind in ("start", "sum")):
            stated = line.numbers[0] if line.kind == "start" else line.text.partition(":")[0].rpartition(" ")[2]
            told.append("stays" if doubts else compared(str(stated), str(update.old)))
        if line.text == found.quote:
            break
    thought = "\n".join(told)
    if found.label == "no":
        return Lesson(thought, "", f"It uses {update.new} and not {update.old}.", "no")
    reason = "It stays with the old problem." if doubts else f"It still uses {update.old}."
    return Lesson(thought, found.quote, reason, "yes")


def questions_update(views: Views, found: Finding) -> Lesson | None:
    if found.label is None:
        return None
    first = tiny_thought.read(views["after"])[0].text
    reason = "It is not sure about the update." if found.label == "yes" else "It takes the update as it is."
    return Lesson(f"first {first}", found.quote, reason, found.label)


def stops_short(views: Views, found: Finding) -> Lesson | None:
    problem = tiny_thought.story(views["problem"])
    if problem is None or tiny_truth.update(views):
        return None
    kept = _values(views["kept"])
    if len(kept) > len(problem.steps):
        return _cannot("kept has it", "The kept thinking had found it.")
    if found.label is None:
        return None
    values = [*kept[1:], *_values(views["after"])]
    told, missing = [], ""
    for i, step in enumerate(problem.steps):
        label = LABELS[step.kind].format(n=step.n)
        told.append(f"{label} {values[i] if i < len(values) else 'none'}")
        if i >= len(values):
            missing = label
            break
    reason = f"There is no value for {missing}." if missing else "It has a value for every step."
    return Lesson("\n".join(told), "", reason, found.label)


def _values(thought: str) -> list[int]:
    return [value for line in tiny_thought.read(thought) if line.kind != "result" for value in line.values]


def same_result(views: Views, found: Finding) -> Lesson | None:
    boxed = tiny_truth.BOXED.findall(views["answer"])
    if not boxed:
        return None
    arrived = tiny_truth.arrival(f"{views['kept']}\n{views['after']}")
    if arrived is None:
        return _cannot("none", "The thinking works nothing out.")
    same = "the same" if found.label == "yes" else "not the same"
    return Lesson(compared(str(arrived), boxed[-1]), "", f"{arrived} and {boxed[-1]} are {same}.", str(found.label))


def new_steps(views: Views, found: Finding) -> Lesson | None:
    if found.label is None:
        return None
    known, told = {one.text for one in tiny_thought.sums(views["kept"])}, []
    for one in tiny_thought.sums(views["answer"]):
        told.append(f"{one.text} {'known' if one.text in known else 'new'}")
        if one.text not in known:
            break
    reason = "It works out something new." if found.quote else "It works out nothing new."
    return Lesson("\n".join(told) or "no sums", found.quote, reason, found.label)


LESSONS: dict[str, Callable[[Views, Finding], Lesson | None]] = {
    "faulty_step": faulty_step,
    "arithmetic_right": arithmetic_right,
    "stale_fact": stale_fact,
    "questions_update": questions_update,
    "stops_short": stops_short,
    "same_result": same_result,
    "new_steps": new_steps,
}
