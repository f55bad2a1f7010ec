"""A generated benchmark of small programming problems on lists of integers, with tests, solutions and updates.

A task is two to four steps ("double every item, then drop the items below 10"), asked for as a method or as a program.
A hash of its *core* (the steps with their numbers, without wording and names) puts it on the test or the training side,
so that no test problem, and no revision of one, can occur in training.
"""

import json
import random
from collections.abc import Iterator

from lib.problems.tiny_code.task import (
    Change,
    Task,
    change,
    draw,
    draw_inputs,
    draw_step,
    false_update,
    mutants,
    noop_update,
)

__all__ = ["Change", "Task", "change", "changes", "draw", "draw_step", "problems", "updates"]

SEED = 2026
POOL = 60  # inputs that the tests of a problem are chosen from
PUBLIC, PRIVATE = 2, 6  # tests of a problem; more private ones where these do not catch every mutant


def changes(n: int, seed: int = SEED) -> Iterator[tuple[str, Change, list[list[int]]]]:
    """`n` test tasks by problem id, each with a revision and its test inputs; the first k are the same for every n."""
    rng = random.Random(seed)
    seen: set[str] = set()
    while len(seen) < n:
        task = draw(rng, test=True)
        own_rng = random.Random(task.text())
        lists = choose_tests(task, own_rng)
        made = lists and change(own_rng, task, lists[PUBLIC:])
        if made and task.text() not in seen:
            yield f"tiny-code/{len(seen):04d}", made, lists
            seen.add(task.text())


def choose_tests(task: Task, rng: random.Random) -> list[list[int]] | None:
    """Inputs that tell a task from all its mutants, public ones first; None if some mutant passes the whole pool.

    Every mutant must fail a private test, unless it is a mere swap of two steps, which may be a correct solution.
    """
    pool = draw_inputs(rng, POOL)
    results = [task.run(items) for items in pool]
    failing = []
    for mutant in mutants(task):
        hits = {i for i in range(PUBLIC, POOL) if mutant.run(pool[i]) != results[i]}
        if not hits and sorted(map(str, mutant.steps)) != sorted(map(str, task.steps)):
            return None
        failing.append(hits)
    chosen, alive = list(range(PUBLIC)), [hits for hits in failing if hits]
    while alive or len(chosen) < PUBLIC + PRIVATE:
        left = [i for i in range(POOL) if i not in chosen]
        best = max(left, key=lambda i: sum(i in hits for hits in alive))
        chosen.append(best)
        alive = [hits for hits in alive if best not in hits]
    return [pool[i] for i in chosen]


def problems(n: int, seed: int = SEED) -> list[dict[str, str | None]]:
    """The first `n` problems of the benchmark, as rows of the problems table."""
    return [
        {
            "problem_id": problem_id,
            "source": "tiny-code",
            "task": "code",
            "problem": made.original.text(),
            "starter_code": made.original.starter_code(),
            "tests": _tests(made.original, lists),
            "difficulty": f"{len(made.original.steps)} steps",
        }
        for problem_id, made, lists in changes(n, seed)
    ]


def updates(n: int, seed: int = SEED) -> list[dict[str, str | bool | None]]:
    """A necessary, a false and a noop update for each of the first `n` problems: rows of the updates table."""
    generator = f"lib.problems.tiny_code, seed {seed}"
    rows: list[dict[str, str | bool | None]] = []
    for problem_id, made, lists in changes(n, seed):
        shared = {"problem_id": problem_id, "revised_answer": None, "valid": True, "why_invalid": None}
        shared |= {"generator": generator}
        revised = {
            "revised_problem": made.revised.text(),
            "revised_starter_code": made.revised.starter_code(),
            "revised_tests": _tests(made.revised, lists),
            "revised_by": generator,
        }
        texts = {
            "necessary": made.update,
            "false": false_update(made.original, lists[0][:4]),
            "noop": noop_update(made.original),
        }
        for kind, text in texts.items():
            revision = revised if kind == "necessary" else dict.fromkeys(revised)
            update_id = "0" if kind == "necessary" else kind
            rows.append(shared | revision | {"update_id": update_id, "kind": kind, "update": text})
    return rows


def _tests(task: Task, lists: list[list[int]]) -> str:
    """Tests in LiveCodeBench's form, as JSON."""
    write = json.dumps if task.method else lambda items: " ".join(map(str, items)) + "\n"
    kind = "functional" if task.method else "stdin"
    tests = [{"input": write(items), "output": write(task.run(items)), "testtype": kind} for items in lists]
    return json.dumps({"tests": tests, "metadata": {"func_name": task.method} if task.method else {}})
