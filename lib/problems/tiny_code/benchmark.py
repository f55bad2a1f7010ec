"""The benchmark of generated programming problems: their tests, and an update for each."""

import json
import random
from collections.abc import Iterator

from lib.problems.tiny_code.change import Change, change, false_news, known_news
from lib.problems.tiny_code.task import Task, draw, inputs, slips

SEED = 2026
POOL = 60  # inputs that the tests of a problem are chosen from
PUBLIC, PRIVATE = 2, 6  # tests of a problem; more private ones where these let a wrong program pass


def choose_tests(task: Task, rng: random.Random) -> list[list[int]] | None:
    """Inputs that tell a task from all its slips, public ones first; None if a slip cannot be told from it.

    A swap of two steps may be no slip at all; every other slip must fail a private test.
    """
    pool = inputs(rng, POOL)
    wanted = [task.run(items) for items in pool]
    caught = {
        slip: {i for i, items in enumerate(pool) if i >= PUBLIC and slip.run(items) != wanted[i]}
        for slip in slips(task)
    }
    if any(not hits for slip, hits in caught.items() if sorted(map(str, slip.steps)) != sorted(map(str, task.steps))):
        return None
    chosen, alive = list(range(PUBLIC)), [hits for hits in caught.values() if hits]
    while alive or len(chosen) < PUBLIC + PRIVATE:
        left = [i for i in range(POOL) if i not in chosen]
        best = max(left, key=lambda i: sum(i in hits for hits in alive))
        chosen.append(best)
        alive = [hits for hits in alive if best not in hits]
    return [pool[i] for i in chosen]


def written_tests(task: Task, lists: list[list[int]]) -> str:
    """Tests in LiveCodeBench form, as JSON, with the name of the method."""
    write = json.dumps if task.method else _line
    kind = "functional" if task.method else "stdin"
    tests = [{"input": write(items), "output": write(task.run(items)), "testtype": kind} for items in lists]
    return json.dumps({"tests": tests, "metadata": {"func_name": task.method} if task.method else {}})


def _line(items: list[int]) -> str:
    return " ".join(map(str, items)) + "\n"


def changes(n: int, seed: int = SEED) -> Iterator[tuple[str, Change, list[list[int]]]]:
    """`n` test tasks by problem id, each with a revision and its test inputs; the first k are the same for every n."""
    rng = random.Random(seed)
    seen: set[str] = set()
    while len(seen) < n:
        task = draw(rng, test=True)
        own = random.Random(task.text())
        lists = choose_tests(task, own)
        made = lists and change(own, task, lists[PUBLIC:])
        if made and task.text() not in seen:
            yield f"tiny-code/{len(seen):04d}", made, lists
            seen.add(task.text())


def problems(n: int, seed: int = SEED) -> list[dict[str, str | None]]:
    """The first `n` problems of the benchmark, with what the problems table says of a code problem."""
    return [
        {
            "problem_id": problem_id,
            "source": "tiny-code",
            "task": "code",
            "problem": made.original.text(),
            "starter_code": made.original.starter_code(),
            "tests": written_tests(made.original, lists),
            "difficulty": f"{len(made.original.steps)} steps",
        }
        for problem_id, made, lists in changes(n, seed)
    ]


def updates(n: int, seed: int = SEED) -> list[dict[str, str | bool | None]]:
    """A necessary, a false and a noop update for each of the first `n` problems: rows of the updates table."""
    rows: list[dict[str, str | bool | None]] = []
    for problem_id, made, lists in changes(n, seed):
        known = {"problem_id": problem_id, "revised_answer": None, "valid": True, "why_invalid": None}
        known["generator"] = f"lib.problems.tiny_code, seed {seed}"
        revised = {
            "revised_problem": made.revised.text(),
            "revised_starter_code": made.revised.starter_code(),
            "revised_tests": written_tests(made.revised, lists),
            "revised_by": known["generator"],
        }
        rows.append(known | revised | {"update_id": "0", "kind": "necessary", "update": made.update})
        same = dict.fromkeys(revised)
        for kind, news in (("false", false_news(made.original, lists[0][:4])), ("noop", known_news(made.original))):
            rows.append(known | same | {"update_id": kind, "kind": kind, "update": news})
    return rows
