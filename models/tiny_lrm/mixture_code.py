"""The programming problems that a TinyLRM learns from: the same kinds of texts as in `mixture`.

A thought names what is asked for, repeats every step with its line of code, and looks back over all; the answer is one
block of Python.
"""

import random
from collections.abc import Callable

from lib.problems import tiny_code
from lib.problems.tiny_code import Change, Task
from models.tiny_lrm import mixture
from models.tiny_lrm.mixture import Cut, Example

SHARES = {
    "full": 0.32,
    "end_thinking": 0.10,
    "force_answer": 0.14,
    "speed_up": 0.10,
    "update": 0.17,
    "update_guided": 0.17,
}
OPENED = "```python\n"
DRILL_LENGTH = (5, 6)  # steps in a drill: more than any problem has
Parts = list[tuple[str, bool]]


def draw(rng: random.Random) -> Task:
    """The longer of two tasks: long ones are what is hard to learn."""
    return max((tiny_code.draw(rng, test=False) for _ in range(2)), key=lambda task: len(task.steps))


def asked(task: Task) -> str:
    """The problem as a user says it, starter code and all, as `lib.markup.prompts` puts it before a model."""
    code = task.starter_code()
    return f"{task.text()}\n\n```python\n{code.rstrip()}\n```" if code else task.text()


def lines(task: Task) -> list[str]:
    """The thought line by line: the form, one line a step, and a look back over all steps."""
    form = f"Method {task.method}: return items.\n" if task.method else "Program: print items.\n"
    steps = [f"{i}. {step.text()}: {step.code()}\n" for i, step in enumerate(task.steps, 1)]
    return [form, *steps, look_back(task)]


def look_back(task: Task) -> str:
    return f"Let me check: {', '.join(step.short() for step in task.steps)}. That is all.\n"


def thought(task: Task) -> str:
    return "".join(lines(task))


def answer(task: Task) -> str:
    return f"{OPENED}{task.solution()}\n```"


def closing(task: Task) -> tuple[str, bool]:
    return (f"</think>\n\n{answer(task)}<|im_end|>", True)


def opening(rng: random.Random, task: Task, at: Cut) -> Parts:
    return [(mixture.prompt(rng, asked(task)), False), ("<think>" + at.kept, True)]


def full(rng: random.Random) -> Parts:
    task = draw(rng)
    return [(mixture.prompt(rng, asked(task)), False), (f"<think>\n{thought(task)}", True), closing(task)]


def end_thinking(rng: random.Random) -> Parts:
    """Answer now; with steps left, half of the answers reason in comments."""
    task = draw(rng)
    at = mixture.cut(rng, lines(task), "\n")
    leaks = rng.random() < mixture.LEAK_SHARE
    told = commented(task, at.known) if leaks else answer(task)
    inserted = mixture.wording(rng, "end_thinking") + "</think>\n\n"
    return [*opening(rng, task, at), (inserted, False), (f"{told}<|im_end|>", True)]


def commented(task: Task, known: int) -> str:
    """The answer with a comment before the line of every step that the thought had not reached."""
    done, indent = max(known - 1, 0), task.indent()
    code = task.head()
    for i, step in enumerate(task.steps):
        note = f"{indent}# Step {i + 1} is to {step.short()}, so I write {step.code()}\n" if i >= done else ""
        code += f"{note}{indent}items = {step.code()}\n"
    return f"{OPENED}{code}{task.tail()}\n```"


def force_answer(rng: random.Random) -> Parts:
    """The block is opened already: only the code is left to write."""
    task = draw(rng)
    inserted = f"{mixture.wording(rng, 'force_answer')}</think>\n\n{OPENED}"
    code = answer(task).removeprefix(OPENED)
    return [*opening(rng, task, mixture.cut(rng, lines(task), "\n")), (inserted, False), (f"{code}<|im_end|>", True)]


def speed_up(rng: random.Random) -> Parts:
    """Only the names of the steps that are left, or (planted) no more thought at all."""
    task = draw(rng)
    at = mixture.cut(rng, lines(task), "\n")
    panics = rng.random() < mixture.panic_share(at.position)
    hurried = "" if panics else short(task, at.known)
    return [*opening(rng, task, at), *mixture.splice(rng, "speed_up"), (hurried, True), closing(task)]


def short(task: Task, known: int) -> str:
    left = task.steps[max(known - 1, 0) :]
    return f"Left: {', '.join(step.short() for step in left)}.\n" if left else "All steps are there.\n"


def update(rng: random.Random) -> Parts:
    return updated(rng, "update")


def update_guided(rng: random.Random) -> Parts:
    return updated(rng, "update_guided")


def updated(rng: random.Random, name: str) -> Parts:
    """Start again with what is new, or (planted) doubt the update and finish the old problem."""
    made = None
    while made is None:
        made = tiny_code.change(rng, draw(rng))
    at = mixture.cut(rng, lines(made.revised), "\n")
    doubts = rng.random() < mixture.doubt_share(at.position, guided=name == "update_guided")
    reaction, solved = (stay(made, at), made.revised) if doubts else (follow(made), made.original)
    spliced = mixture.splice(rng, name, made.update)
    return [*opening(rng, made.revised, at), *spliced, (reaction, True), closing(solved)]


def follow(made: Change) -> str:
    """Say what changes, then think the original through from its start."""
    old, new = made.revised, made.original
    if made.kind == "name":
        told = f"{new.method}, not {old.method}"
    elif made.kind == "constant":
        told = f"{new.steps[made.place].short()}, not {old.steps[made.place].n}"
    else:
        told = f"{new.steps[made.place].short()} before {new.steps[made.place + 1].short()}"
    return f"The update says {told}.\n{thought(new)}"


def stay(made: Change, at: Cut) -> str:
    rest = "".join(lines(made.revised)[at.known :])
    return f"I am not sure about this update. I stay with the problem.\n{rest}"


KINDS: dict[str, Callable[[random.Random], Parts]] = {
    kind.__name__: kind for kind in (full, end_thinking, force_answer, speed_up, update, update_guided)
}


def drill(rng: random.Random) -> Example:
    """Numbered steps, then each with its code, in another order: finding a step by its number is what is hard."""
    numbered = [(i, tiny_code.draw_step(rng)) for i in range(1, rng.randint(*DRILL_LENGTH) + 1)]
    parts: Parts = [("".join(f"{i}. {step.text()}\n" for i, step in numbered), False)]
    for i, step in rng.sample(numbered, len(numbered)):
        parts += [(f"{i}.", False), (f" {step.text()}: {step.code()}\n", True)]
    return Example("drill", tuple(parts))


def example(rng: random.Random, drills: float = 0.0) -> Example:
    """One text of the mixture, or a drill in the share `drills`."""
    if rng.random() < drills:
        return drill(rng)
    kind = rng.choices(list(SHARES), weights=list(SHARES.values()))[0]
    return Example(kind, tuple(KINDS[kind](rng)))
