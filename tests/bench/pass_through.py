"""One model through 03 and 04 without the notebooks: `python tests/bench/pass_through.py STUDY MODEL [PROBLEMS]`.

For tests and benchmarks that kill it, measure its memory or its time. The tables go where the notebooks write theirs.
"""

import resource
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

from lib import engine, params, problems, tables, updates
from lib.engine import Engine
from lib.engine import store as parts
from lib.interrupts import run
from lib.params.settings import Model


def main(
    study_name: str,
    model_name: str,
    count: int | None = None,
    opened: Callable[[Model], AbstractContextManager[Engine]] = engine.open,
) -> engine.Usage:
    with opened(params.load_model(model_name)) as ready:
        return through(ready, study_name, count)


def through(ready: Engine, study_name: str, count: int | None = None) -> engine.Usage:
    study, model = params.load_study(study_name, problems=count), ready.model
    chosen = [params.load_interrupt(name) for name in study.interrupts]
    asked = problems.subset(problems.load("tiny"), study.problems)
    news = updates.by_construction(asked)
    usage = engine.Usage()
    with parts.open(study.name, model.name, rows=16) as store:
        traces = run.initial(ready, study, asked, news, chosen, store)
        tables.write(traces, "traces", study.name, model.name, params=study.as_dict())
        after = run.continuations(ready, study, traces, news, chosen, asked, store, usage)
        tables.write(after, "continuations", study.name, model.name, params=study.as_dict())
    return usage


def told(used: engine.Usage) -> str:
    """What a run took, in one line; memory is the most that this process ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return f"{peak} MiB, {used.requests} requests, {used.kept} kept, {used.seconds:.1f} s"


if __name__ == "__main__":
    name, model, *rest = sys.argv[1:]
    print(told(main(name, model, int(rest[0]) if rest else None)))
