"""Sweeps: every interrupt at every position in one session of the engine, beside a bare call of vLLM and many engines.

What the prefix cache saves is counted, not timed: tokens of prompts that went through the model, over those that
differ in themselves or in what stands before them.
"""

import dataclasses
import io
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr

from lib import engine, params, paths, problems, updates
from lib.engine import Engine, Request, vllm
from lib.interrupts import plan, run
from lib.params.settings import Study
from tests.bench import clock
from tests.bench.rows import Row

MODEL = "tiny-lrm-m"
LONG = 2400  # tokens of a thought at which a block of the cache matters little
# One condition in a process of its own, as a script for each would run it: seconds until its engine stood, and in all.
ALONE = """
import os, sys, time
started = time.perf_counter()
sys.path.insert(0, sys.argv[1])
from bench import sweeps
print(*sweeps.one_condition(int(sys.argv[2]), started), flush=True)
os._exit(0)  # Python would tidy up for seconds, which nobody counts
"""


class Sweep:
    """The continuations of some problems of the default study, with the traces that they cut."""

    def __init__(self, ready: Engine, count: int, length: int = 0):
        """`length`: thoughts are said again until they have so many tokens; 0 leaves them as they are."""
        self.ready = ready
        self.study: Study = params.load_study("tiny", models=[MODEL], problems=count)
        self.asked = problems.subset(problems.load("tiny"), count)
        self.news = updates.by_construction(self.asked)
        self.chosen = [params.load_interrupt(name) for name in self.study.interrupts]
        with redirect_stderr(io.StringIO()):  # the suite says itself how far it is
            self.traces = run.initial(ready, self.study, self.asked, self.news, self.chosen)
        if length:
            self.traces["token_ids"] = [_longer(list(ids), length) for ids in self.traces["token_ids"]]

    def through_run(self) -> engine.Usage:
        """All of it as 04 does it."""
        usage = engine.Usage()
        with redirect_stderr(io.StringIO()):
            run.continuations(self.ready, self.study, self.traces, self.news, self.chosen, usage=usage)
        return usage

    def requests(self) -> list[Request]:
        """The same requests, made beforehand."""
        jobs = plan.jobs(self.study, self.traces, self.news, self.chosen, None)
        model = self.ready.model
        seeds = ((plan.splice(job, model), plan.own_seed(self.study, job)) for job in jobs)
        return [Request(str(i), cut.ids, seed) for i, (cut, seed) in enumerate(seeds)]


def sweep(runs: int, size: float) -> Iterator[Row]:
    """Prefill, time beside a bare call of vLLM, and time beside an engine for each interrupt and position."""
    count = clock.sized(8, size, 2)
    with engine.open(params.load_model(MODEL)) as ready:
        whole, llm = Sweep(ready, count), ready._llm
        requests = whole.requests()
        prompts = [{"prompt_token_ids": request.prompt_ids} for request in requests]
        sampling = [vllm._sampling(ready.model, request, ready._marks) for request in requests]
        computed = set()

        def ours(turn: int) -> None:
            llm.reset_prefix_cache()
            computed.add(whole.through_run().computed)

        def bare(turn: int) -> None:
            llm.reset_prefix_cache()
            llm.generate(prompts, sampling, use_tqdm=False)

        # The traces have warmed it. Twice the runs, as the ratio is near its limit and a turn is short.
        took = clock.in_turns({"ours": ours, "bare": bare}, 2 * runs, warm=False)
        kept = int(whole.traces["token_ids"].map(len).median())
        why = "no cache of whole blocks can do better, and vLLM's CPU backend takes no smaller ones"
        yield from _prefill(f"thoughts of {kept} tokens", max(computed), requests, ready, why)
    told = f"{len(requests)} requests of {count} problems through lib.interrupts.run; the other sends them in one call"
    times, why = (took["ours"], took["bare"]), "the smaller the model, the more weighs what is done around it"
    yield Row("sweep / one call of LLM.generate", "ours / other", "s", *times, "<= 1.10", told, why)
    yield _conditions(whole.study, count, took["ours"][:runs])


def long_thoughts(runs: int, size: float) -> Iterator[Row]:
    """The prefill of thoughts that are long: those of the study, said again and again. Counted once."""
    model = params.load_model(MODEL)
    options = model.options | {"hf_overrides": {"max_position_embeddings": 2 * LONG}}
    model = dataclasses.replace(model, max_tokens=8, max_model_len=2 * LONG, options=options)
    with engine.open(model) as ready:
        whole = Sweep(ready, clock.sized(4, size, 1), LONG)
        ready._llm.reset_prefix_cache()
        computed = whole.through_run().computed
        yield from _prefill(f"thoughts of {LONG:,} tokens", computed, whole.requests(), ready)


def one_condition(count: int, started: float) -> tuple[float, float]:
    """One interrupt at one position with an engine of its own: seconds from `started` to the engine, and to the end."""
    study = params.load_study("tiny", models=[MODEL], problems=count, positions=[0.5])
    chosen = [params.load_interrupt(study.interrupts[2])]
    asked = problems.subset(problems.load("tiny"), count)
    news = updates.by_construction(asked)
    with engine.open(params.load_model(MODEL)) as ready:
        opened = time.perf_counter() - started
        traces = run.initial(ready, study, asked, news, chosen)  # a script would read them; not counted
        begun = time.perf_counter()
        run.continuations(ready, study, traces, news, chosen)
        return opened, opened + time.perf_counter() - begun


def distinct(prompts: list[list[int]]) -> int:
    """Tokens that differ in themselves or in what stands before them: the nodes of the tree of all prompts."""
    ordered, total = sorted(prompts), 0
    for before, now in zip([[], *ordered], ordered, strict=False):
        shared = next((i for i, (a, b) in enumerate(zip(before, now, strict=False)) if a != b), len(before))
        total += len(now) - min(shared, len(now))
    return total


def possible(prompts: list[list[int]], block: int) -> int:
    """Tokens that a cache which forgets nothing, but knows whole blocks only, leaves to be computed."""
    known, total = set(), 0
    for ids in prompts:
        beginnings = [tuple(ids[:end]) for end in range(block, len(ids), block)]
        total += len(ids) - block * sum(beginning in known for beginning in beginnings)
        known.update(beginnings)
    return total


def _prefill(what: str, computed: int, requests: list[Request], ready: Engine, why: str = "") -> Iterator[Row]:
    prompts, block = [request.prompt_ids for request in requests], ready.model.options["block_size"]
    whole, least = distinct(prompts), possible(prompts, block)
    told = f"{computed:,} of {whole:,} distinct ones; {least / whole:.3f} is the least with blocks of {block}"
    name = f"prefill: tokens computed / distinct, {what}"
    yield Row(name, "ours / other", "tokens", (computed,), (whole,), "<= 1.15", told, why)


def _conditions(study: Study, count: int, ours: tuple[float, ...]) -> Row:
    """An engine in a process for each condition, one of them timed, beside one engine and process for all."""
    cells = len(study.interrupts) * len(study.positions)
    command = [sys.executable, "-c", ALONE, str(paths.ROOT / "tests"), str(count)]
    told = [subprocess.check_output(command, text=True, cwd=paths.ROOT, stderr=subprocess.DEVNULL) for _ in ours]
    opened, ended = zip(*(map(float, text.split()[-2:]) for text in told), strict=True)
    one = tuple(start + spent for start, spent in zip(opened, ours, strict=True))
    many = tuple(cells * spent for spent in ended)
    told = (
        f"{cells} conditions of {count} problems, each in a process with an engine (one timed, {clock.middle(ended)}); "
    )
    told += f"ours: one engine ({clock.middle(opened)}) and the sweep ({clock.middle(ours)})"
    why = "the longer the work, the less the start of an engine weighs"
    return Row("sweep: an engine for each condition / ours", "other / ours", "s", one, many, ">= 8", told, why)


def _longer(token_ids: list[int], length: int) -> list[int]:
    mark, *thought = token_ids
    return [mark, *(thought * (1 + length // len(thought)))[:length]]
