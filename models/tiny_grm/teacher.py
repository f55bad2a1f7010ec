"""What a TinyGRM learns to reply: a short thought that works the matter out, then the judgement as JSON.

The verdict and the quote come from `lib.problems.tiny_math.truth`; the thought spells out what leads to them, so that
what is learned is to look rather than to guess.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from lib.grm import reply
from lib.problems.tiny_math import thought as tiny_thought
from lib.problems.tiny_math import truth
from lib.problems.tiny_math.story import Story
from lib.problems.tiny_math.thought import LABELS, Line
from lib.problems.tiny_math.truth import Finding

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
    return LESSONS[criterion](filled, truth.RULES[criterion](filled))


def _cannot(thought: str, reason: str) -> Lesson:
    return Lesson(thought, "", reason, reply.CANNOT)


def faulty_step(views: Views, found: Finding) -> Lesson | None:
    if truth.correction(views):
        return _cannot("an update", "The problem was changed on the way.")
    problem, done, told, reason = tiny_thought.read_story(views["problem"]), 0, [], "Every line is as it should be."
    if found.label is None or problem is None:
        return None
    for number, line in truth.numbered_lines(views["steps"]):
        expected = truth.expected_line(line, problem, done)
        own = _listed(problem, done) if line.kind == "list" else []
        right, done = truth.check_line(line, problem, done)
        told.append(f"{number}. {_held_against(line, tiny_thought.read_lines(expected)[0], own)}")
        if not right:
            reason = f"Line {number} should say {_core(expected, told[-1])}."
            break
    return Lesson("\n".join(told), found.quote, reason, found.label)


def _held_against(line: Line, expected: Line, own: list[str]) -> str:
    """A line as it stands, then the expected one, each of its values with the one there, up to the first that differs.

    `own` has a sum for each value of an expected list, which is worked out step by step.
    """
    if line.kind == "other":
        return f"{line.text} cut"
    opening = line.text.partition(":")[0]
    if line.kind != expected.kind:
        wanted = expected.text.rstrip(".") if expected.kind == "sum" else expected.text.partition(":")[0]
        return f"{line.text} {wanted} {opening} no"
    if expected.kind == "sum":
        told = compared(expected.sum.result, line.sum.result)
        is_other = told.endswith("ok") and line.text.rstrip(".") != expected.text.rstrip(".")
        return f"{line.text} {_worked(expected)} = {told}" + (f" {opening} no" if is_other else "")
    pairs = [compared(a, b) for a, b in zip_longest(expected.numbers, line.numbers, fillvalue="none")]
    first = next((i for i, one in enumerate(pairs) if one.endswith("no")), len(pairs) - 1)
    worked = ["", *(f"\n{one} =" for one in own)]  # of a list; nothing is worked out for the rest
    told = [f"{work} {pair}" for work, pair in zip_longest(worked, pairs, fillvalue="")]
    return line.text + "".join(told[: first + 1])


def _worked(line: Line) -> str:
    """A sum's line up to its result, which has yet to be worked out; "" for any other line."""
    return line.text.rpartition(" = ")[0] if line.kind == "sum" else ""


def _listed(problem: Story, done: int) -> list[str]:
    """The sums behind a list of the values that are left after `done`, up to their results."""
    return [line.rpartition(" = ")[0] for line in tiny_thought.lines(problem)[max(done, 1) : -1]]


def compared(wanted: object, there: object) -> str:
    """Two numbers beside each other, and whether they are the same."""
    return f"{wanted} {there} {'ok' if wanted == there else 'no'}"


def _core(expected: str, told: str) -> str:
    """What of a line is wrong, in a few tokens: its sum, or the number at which it went wrong."""
    line = tiny_thought.read_lines(expected)[0]
    if line.kind == "sum":
        return line.sum.text
    *_, wanted, there, _ = told.split()
    return f"{wanted} and not {there}" if wanted.isdigit() else line.text.partition(":")[0]


def arithmetic_right(views: Views, found: Finding) -> Lesson:
    told, reason = [], "Every sum comes out right."
    for number, line in truth.numbered_lines(views["steps"]):
        if line.kind != "sum":
            told.append(f"{number}. none")
            continue
        right = "none" if line.sum.right is None else line.sum.right
        told.append(f"{number}. {_worked(line)} = {compared(right, line.sum.result)}")
        if line.sum.right != line.sum.result:
            reason = f"In line {number} it is {right}, not {line.sum.result}."
            break
    if found.label is None:
        return _cannot("\n".join(told), "No sum is written out.")
    return Lesson("\n".join(told), "", reason, found.label)


def stale_fact(views: Views, found: Finding) -> Lesson | None:
    update = truth.correction(views)
    if not update or found.label is None:
        return None
    told, doubts = [f"old {update.kind} {update.old}", f"new {update.kind} {update.new}"], False
    for line in tiny_thought.read_lines(views["after"]):
        doubts = line.kind == "doubt"
        is_of_kind = line.kind == "start" if update.kind == "start" else line.text.startswith(update.kind.capitalize())
        if doubts or (is_of_kind and line.kind in ("start", "sum")):
            stated = line.numbers[0] if line.kind == "start" else line.text.partition(":")[0].rpartition(" ")[2]
            opening = "Start with" if line.kind == "start" else update.kind.capitalize()
            told.append("stays" if doubts else f"{opening} {compared(str(stated), str(update.old))}")
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
    first = tiny_thought.read_lines(views["after"])[0].text
    reason = "It is not sure about the update." if found.label == "yes" else "It takes the update as it is."
    return Lesson(f"first {first}", found.quote, reason, found.label)


def stops_short(views: Views, found: Finding) -> Lesson | None:
    problem = tiny_thought.read_story(views["problem"])
    if problem is None or truth.correction(views):
        return None
    kept = _values(views["kept"])
    if len(kept) > len(problem.steps):
        return _cannot("kept has it", "The kept thinking had found it.")
    if found.label is None:
        return None
    steps = [f"{i}. {LABELS[step.kind].format(n=step.n)}" for i, step in enumerate(problem.steps, 1)]
    found_there = [f"{i}. {one}" for i, one in enumerate([*_stated(views["kept"])[1:], *_stated(views["after"])], 1)]
    told = [*steps, "there", *found_there, f"{len(found_there)} of {len(steps)}"]
    reason = f"It has {len(found_there)} of {len(steps)} values."
    return Lesson("\n".join(told), "", reason, found.label)


def _stated(thought: str) -> list[str]:
    """Every value that a thought states, with the sum that leads to it if there is one."""
    lines = [line for line in tiny_thought.read_lines(thought) if line.kind != "result"]
    return [one for line in lines for one in ([line.text.rstrip(".")] if line.kind == "sum" else map(str, line.values))]


def _values(thought: str) -> list[int]:
    return [value for line in tiny_thought.read_lines(thought) if line.kind != "result" for value in line.values]


def same_result(views: Views, found: Finding) -> Lesson | None:
    boxed = truth.BOXED.findall(views["answer"])
    if not boxed:
        return None
    arrived = truth.last_value(f"{views['kept']}\n{views['after']}")
    if arrived is None:
        return _cannot("none", "The thinking works nothing out.")
    same = "the same" if found.label == "yes" else "not the same"
    thought = f"last {_arriving(views)}\n{compared(str(arrived), boxed[-1])}"
    return Lesson(thought, "", f"{arrived} and {boxed[-1]} are {same}.", str(found.label))


def _arriving(views: Views) -> str:
    """The line at which the thinking arrived last; of a look back its end."""
    lines = tiny_thought.read_lines(f"{views['kept']}\n{views['after']}")
    last = [line.text for line in lines if line.kind in ("sum", "list", "result", "check")][-1]
    return last[last.index("That gives") :] if last.startswith("Let me check") else last


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
    lesson.__name__: lesson
    for lesson in (faulty_step, arithmetic_right, stale_fact, questions_update, stops_short, same_result, new_steps)
}
