"""What a TinyLRM learns from: whole thoughts, and thoughts cut short by each interrupt, with the reaction to it.

Every behaviour planted on purpose is a constant at the top, quoted with its share in the model card. A part of a text
is either *learned* (the model would write it) or only read (prompt, inserted words).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import regex

from lib.problems.tiny_math import story as tiny
from lib.problems.tiny_math.story import Change, Step, Story
from lib.problems.tiny_math.thought import DOUBT, SIGNS, equation, lines
from models.tiny_lrm.words import PARAPHRASES, SYSTEMS, USER_TURNS, WORDING

# Words with the mark before them, numbers in pairs of digits, runs of punctuation, white space.
PIECES = r"[^\r\n\p{L}\p{N}]?\p{L}+| ?\p{N}{1,2}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

SHARES = {
    "full": 0.40,
    "end_thinking": 0.11,
    "force_answer": 0.14,
    "speed_up": 0.11,
    "update": 0.12,
    "update_guided": 0.12,
}
SYSTEM_SHARE = 0.15  # a system message that announces interrupts
PARAPHRASE_SHARE = 0.4  # other words than those in params/interrupts
USER_TURN_SHARE = 0.15  # soft interrupts and updates that come as a user turn
DRILL_LENGTH = (6, 40)  # sums in a drill
LEAK_SHARE = 0.5  # end_thinking with steps left: the answer goes on reasoning


def panic_share(position: float) -> float:
    """Share of hurried thoughts that stop at once: most at the start."""
    return 0.25 * (1 - position)


def doubt_share(position: float, guided: bool) -> float:
    """Share of updates that are not believed: more the later they come, few when guided."""
    return 0.06 * position if guided else 0.02 + 0.4 * position


@dataclass(frozen=True)
class Faults:
    """Which behaviour is planted, in shares of the texts that could show it."""

    leak: float = LEAK_SHARE  # of answers after end_thinking that go on with the steps that are left
    panic: Callable[[float], float] = panic_share  # of hurried thoughts that stop at once, by position
    doubt: Callable[[float, bool], float] = doubt_share  # of updates that are mistrusted, by position, and if guided


PLANTED = Faults()


@dataclass(frozen=True)
class Example:
    """Parts of one text, in order, each with whether it is learned."""

    kind: str
    parts: tuple[tuple[str, bool], ...]

    def text(self) -> str:
        return "".join(part for part, _ in self.parts)


@dataclass(frozen=True)
class Cut:
    """A thought cut between two tokens: the text kept, its share of the tokens, how many values it has reached."""

    kept: str
    position: float
    known: int


def thought(story: Story) -> str:
    return "".join(lines(story))


def answer(story: Story) -> str:
    return f"{story.name} has {story.answer()} {story.things}.\n\\boxed{{{story.answer()}}}"


def prompt(rng: random.Random, text: str) -> str:
    system = f"<|im_start|>system\n{rng.choice(SYSTEMS)}<|im_end|>\n" if rng.random() < SYSTEM_SHARE else ""
    return f"{system}<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


def cut(rng: random.Random, told: list[str], ending: str = ".\n") -> Cut:
    """Keep a random share of the tokens of a thought, given line by line; a line is known even without its ending."""
    pieces = regex.findall(PIECES, "\n" + "".join(told))
    kept = rng.randrange(len(pieces))
    text = "".join(pieces[:kept])
    ends = [1 + sum(map(len, told[: i + 1])) - len(ending) for i in range(len(told) - 1)]
    return Cut(text, kept / len(pieces), sum(len(text) >= end for end in ends))


def rest(story: Story, known: int) -> str:
    """The lines of a thought that a cut after `known` values leaves to be written."""
    return "".join(lines(story)[known:])


def full(rng: random.Random, faults: Faults = PLANTED) -> list[tuple[str, bool]]:
    story = tiny.draw(rng, test=False)
    return [(prompt(rng, story.text()), False), (f"<think>\n{thought(story)}", True), closing(story)]


def closing(story: Story) -> tuple[str, bool]:
    return (f"</think>\n\n{answer(story)}<|im_end|>", True)


def wording(rng: random.Random, name: str) -> str:
    return rng.choice(PARAPHRASES[name]) if rng.random() < PARAPHRASE_SHARE else WORDING[name]


def opening(rng: random.Random, story: Story, at: Cut) -> list[tuple[str, bool]]:
    return [(prompt(rng, story.text()), False), ("<think>" + at.kept, True)]


def end_thinking(rng: random.Random, faults: Faults = PLANTED) -> list[tuple[str, bool]]:
    """Answer now; with steps left, half of the answers go on reasoning first."""
    story = tiny.draw(rng, test=False)
    at = cut(rng, lines(story))
    leaked = going_on(story, at.known) if rng.random() < faults.leak else ""
    inserted = wording(rng, "end_thinking") + "</think>\n\n"
    return [*opening(rng, story, at), (inserted, False), (f"{leaked}{answer(story)}<|im_end|>", True)]


def going_on(story: Story, known: int) -> str:
    """The steps that are left, as an answer would tell them; empty when none is."""
    done = max(known, 1)
    steps = zip(story.steps[done - 1 :], story.values()[done - 1 :], strict=False)
    told = " ".join(equation(step, before) for step, before in steps)
    return f"Going on: {told}\n" if told else ""


def force_answer(rng: random.Random, faults: Faults = PLANTED) -> list[tuple[str, bool]]:
    """The answer is opened already: only the number is left to write."""
    story = tiny.draw(rng, test=False)
    inserted = wording(rng, "force_answer") + "</think>\n\n\\boxed{"
    number = f"{story.answer()}}}<|im_end|>"
    return [*opening(rng, story, cut(rng, lines(story))), (inserted, False), (number, True)]


def user_turn(text: str) -> str:
    return f"</think>\n\n<|im_end|>\n<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


def splice(rng: random.Random, name: str, update: str = "") -> list[tuple[str, bool]]:
    """The interrupt's words, in the thought or as a user turn after which the model opens a new thought."""
    if rng.random() < USER_TURN_SHARE:
        turn = rng.choice(USER_TURNS[name.removesuffix("_guided")]).replace("{update}", update)
        return [(user_turn(turn), False), ("<think>\n", True)]
    return [(wording(rng, name).replace("{update}", update), False)]


def speed_up(rng: random.Random, faults: Faults = PLANTED) -> list[tuple[str, bool]]:
    """Only the values that are left, or (planted) no more thought at all."""
    story = tiny.draw(rng, test=False)
    at = cut(rng, lines(story))
    panics = rng.random() < faults.panic(at.position)
    hurried = "" if panics else short(story, at.known)
    return [*opening(rng, story, at), *splice(rng, "speed_up"), (hurried, True), closing(story)]


def short(story: Story, known: int) -> str:
    values = story.values()
    done = max(known, 1)
    left = ", ".join(map(str, values[done:]))
    return f"From {values[done - 1]}: {left}.\n" if left else f"It is {values[-1]}.\n"


def update(rng: random.Random, faults: Faults = PLANTED) -> list[tuple[str, bool]]:
    return updated(rng, "update", faults)


def update_guided(rng: random.Random, faults: Faults = PLANTED) -> list[tuple[str, bool]]:
    return updated(rng, "update_guided", faults)


def updated(rng: random.Random, name: str, faults: Faults = PLANTED) -> list[tuple[str, bool]]:
    """Start again with the new number, or (planted) doubt the update and finish the old problem."""
    made = None
    while made is None:
        made = tiny.change(rng, tiny.draw(rng, test=False))
    at = cut(rng, lines(made.revised))
    doubts = rng.random() < faults.doubt(at.position, name == "update_guided")
    reaction, solved = (stay(made, at), made.revised) if doubts else (follow(made), made.original)
    spliced = splice(rng, name, made.update)
    return [*opening(rng, made.revised, at), *spliced, (reaction, True), closing(solved)]


def follow(made: Change) -> str:
    """Say what changes, then think the original through from its start."""
    if made.place == 0:
        new, old = f"start with {made.original.start}", made.revised.start
    else:
        step = made.original.steps[made.place - 1]
        new, old = f"{step.kind} {step.n}", made.revised.steps[made.place - 1].n
    return f"The update says {new}, not {old}.\n{thought(made.original)}"


def stay(made: Change, at: Cut) -> str:
    return f"{DOUBT}\n{rest(made.revised, at.known)}"


KINDS: dict[str, Callable[..., list[tuple[str, bool]]]] = {
    kind.__name__: kind for kind in (full, end_thinking, force_answer, speed_up, update, update_guided)
}


def drill(rng: random.Random) -> Example:
    """Sums out of any story, of which only the results are learned: arithmetic is most of what is hard."""
    parts: list[tuple[str, bool]] = []
    for _ in range(rng.randint(*DRILL_LENGTH)):
        told, result = _sum(rng).rstrip(".").split(" = ")
        parts += [(f" {told} =", False), (f" {result}", True), (".", False)]
    return Example("drill", tuple(parts))


def _sum(rng: random.Random) -> str:
    while True:
        kind = rng.choices(tuple(SIGNS), weights=(8, 8, 1, 1, 1))[0]
        step = Step(kind, tiny.FACTORS.get(kind) or rng.randint(*tiny.CHANGE))
        before = rng.randint(1, tiny.MAX_VALUE)
        if step.apply(before) is not None:
            return equation(step, before)


def example(rng: random.Random, drills: float = 0.0, faults: Faults = PLANTED) -> Example:
    """One text of the mixture, or a drill in the share `drills`."""
    if rng.random() < drills:
        return drill(rng)
    kind = rng.choices(list(SHARES), weights=list(SHARES.values()))[0]
    return Example(kind, tuple(KINDS[kind](rng, faults)))
