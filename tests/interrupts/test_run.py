"""Real runs on the shipped small model: prompts exact to the id, seeds apart, results that repeat."""

import copy
import dataclasses
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from lib import engine, grade, params, paths, problems, schema, updates
from lib.engine import Completion, Engine, Request
from lib.engine import store as parts
from lib.interrupts import run
from lib.markup import tokens

pytestmark = pytest.mark.engine
PROBLEMS = 6


class Recorder:
    """An engine that is asked through here, so that a test sees what it was asked, by seed, and what it gave."""

    def __init__(self, ready: Engine):
        self.ready, self.model = ready, ready.model
        self.asked: dict[int, Request] = {}
        self.given: dict[int, Completion] = {}

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        seeds = {}

        def noted() -> Iterator[Request]:
            for request in requests:
                self.asked[request.seed], seeds[request.key] = request, request.seed
                yield request

        for done in self.ready.generate(noted()):
            self.given[seeds[done.key]] = done
            yield done


@pytest.fixture(scope="module")
def recorder(tiny_lrm) -> Recorder:
    return Recorder(tiny_lrm)


@pytest.fixture(scope="module")
def study() -> params.Study:
    return params.load_study("tiny", samples=2, positions=[0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])


@pytest.fixture(scope="module")
def asked() -> pd.DataFrame:
    return problems.load("tiny").head(PROBLEMS)


@pytest.fixture(scope="module")
def revised(asked) -> pd.DataFrame:
    return updates.by_construction(asked)


@pytest.fixture(scope="module")
def traces(recorder, study, asked, revised, chosen) -> pd.DataFrame:
    return run.initial(recorder, study, asked, revised, chosen)


@pytest.fixture(scope="module")
def chosen(study) -> list[params.Interrupt]:
    return [params.load_interrupt(name) for name in study.interrupts]


@pytest.fixture(scope="module")
def usage() -> engine.Usage:
    return engine.Usage()


@pytest.fixture(scope="module")
def after(recorder, study, traces, revised, chosen, usage) -> pd.DataFrame:
    return run.continuations(recorder, study, traces, revised, chosen, usage=usage)


def test_every_question_gets_a_trace_of_what_was_asked(traces, asked, recorder):
    assert len(traces) == 2 * 2 * PROBLEMS  # variants, samples
    assert set(traces["problem_id"]) == set(asked["problem_id"])
    assert sorted(traces.columns) == sorted(schema.TABLES["traces"].names())
    for row in traces.to_dict("records"):
        assert recorder.asked[row["seed"]].prompt_ids == list(row["prompt_ids"])


def test_a_trace_is_split_at_its_mark(traces, tiny_lrm):
    for row in traces[traces["ended"]].to_dict("records"):
        text = tokens.decode(row["token_ids"], tiny_lrm.model)
        reasoning, answer = text.removeprefix("<think>").removesuffix("<|im_end|>").split("</think>")
        assert row["answer"] == answer
        assert (row["reasoning"], row["reasoning_start"]) == (reasoning, 1)
        assert (row["reasoning_chars"], row["answer_chars"]) == (len(reasoning), len(answer))
        assert len(row["token_ids"]) == row["reasoning_tokens"] + row["answer_tokens"] + 3  # two marks, end of turn
        assert tokens.decode(row["token_ids"][row["answer_start"] :], tiny_lrm.model).startswith(answer)


def test_every_prompt_is_exact_to_the_id(after, traces, chosen, study, tiny_lrm, recorder):
    """Prompt ids, then the first k generated ids, then the inserted ids: for every interrupt at every position."""
    by_id = traces.set_index("trace_id")
    seen = set()
    for row in after.to_dict("records"):
        trace = by_id.loc[row["trace_id"]]
        kept = trace["token_ids"][: row["kept_tokens"]]
        assert recorder.asked[row["seed"]].prompt_ids == [*trace["prompt_ids"], *kept, *row["inserted_ids"]]
        thought = trace["token_ids"][1 : 1 + trace["reasoning_tokens"]]
        assert tokens.decode(kept[1:], tiny_lrm.model) == trace["reasoning"][: row["kept_chars"]]
        assert row["inserted"] == tokens.decode(row["inserted_ids"], tiny_lrm.model)
        assert row["kept_tokens"] == 1 + int(round(row["position"] * 10) * len(thought) // 10)
        seen.add((row["interrupt"], row["position"]))
    assert len(seen) == len(chosen) * len(study.positions)


def test_every_request_has_its_own_seed(traces, after):
    seeds = [*traces["seed"], *after["seed"]]
    assert len(set(seeds)) == len(seeds)
    originals = traces[traces["variant"] == "original"].groupby("problem_id")["token_ids"]
    assert originals.apply(lambda ids: len(set(map(tuple, ids)))).max() == 2


def test_after_a_hard_interrupt_there_is_no_new_reasoning(after):
    hard = after[after["interrupt"].isin(["end_thinking", "force_answer"])]
    assert (hard["reasoning_tokens"] == 0).all() and hard["ended"].all()
    assert (hard["answer_start"] == 0).all()


class Failing:
    """An engine that breaks after some completions, which only a test can want; the completions are real."""

    def __init__(self, ready: Engine, after: int):
        self.ready, self.model, self.after = ready, ready.model, after

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        for i, done in enumerate(self.ready.generate(requests)):
            if i == self.after:
                raise engine.EngineError("broken on purpose")
            yield done


def test_a_run_that_broke_goes_on_where_it_was(tiny_lrm, study, traces, revised, chosen, after, outputs):
    def go_on(with_engine, usage):
        with parts.open("s", "m") as store:
            return run.continuations(with_engine, study, traces, revised, chosen, store=store, usage=usage)

    for count in (0, 40, 11):
        with pytest.raises(engine.EngineError, match="broken on purpose"):
            go_on(Failing(tiny_lrm, count), engine.Usage())
    recorder, usage = Recorder(tiny_lrm), engine.Usage()
    whole = go_on(recorder, usage)
    assert len(recorder.asked) == len(after) - 51
    assert (usage.requests, usage.kept) == (len(after), 51)
    key = "continuation_id"
    pd.testing.assert_frame_equal(whole.sort_values(key, ignore_index=True), after.sort_values(key, ignore_index=True))
    again, nothing = engine.Usage(), Recorder(tiny_lrm)
    go_on(nothing, again)
    assert nothing.asked == {} and again.kept == len(after)
    assert again.table().equals(usage.table())


def test_usage_counts_every_token_once(after, recorder, usage):
    requests = [recorder.asked[seed] for seed in after["seed"]]
    assert usage.prompt == sum(len(request.prompt_ids) for request in requests)
    assert usage.generated == after["token_ids"].map(len).sum()
    assert usage.cached == sum(recorder.given[seed].cached_tokens for seed in after["seed"])
    assert usage.computed == usage.prompt - usage.cached > 0


@pytest.fixture(scope="module")
def controls(recorder, study, asked, revised, traces) -> pd.DataFrame:
    names = params.load_study("controls").interrupts
    cut = dataclasses.replace(study, positions=(0.3, "20t", "0.7s"))
    return run.continuations(
        recorder, cut, traces, revised, [params.load_interrupt(name) for name in names], problems=asked
    )


def test_every_control_runs_at_every_kind_of_position(controls, traces):
    names = params.load_study("controls").interrupts
    made = controls.groupby("interrupt")["unit"].unique().map(sorted).to_dict()
    assert made.keys() == {*names, "update"}  # the first step of the chain of two
    assert all(units == ["sentence", "share", "tokens"] for units in made.values())
    per_interrupt = controls.groupby("interrupt").size()
    assert (per_interrupt == 3 * 2 * PROBLEMS).all()


def test_a_chain_cuts_what_followed_its_first_step(controls, tiny_lrm, recorder):
    first = controls.set_index("continuation_id")
    rows = controls[controls["interrupt"] == "update_then_end_thinking"]
    for row in rows.to_dict("records"):
        parent = first.loc[row["parent_id"]]
        before = recorder.asked[parent["seed"]].prompt_ids
        kept = list(parent["token_ids"][: row["kept_tokens"]])
        assert recorder.asked[row["seed"]].prompt_ids == [*before, *kept, *row["inserted_ids"]]
        assert parent["reasoning"][: row["kept_chars"]] == tokens.decode(kept, tiny_lrm.model)
        assert parent["interrupt"] == "update"


def test_a_budget_is_kept_by_the_engine(controls, tiny_lrm):
    rows = controls[controls["interrupt"] == "budget"]
    assert (rows["reasoning_tokens"] <= rows["budget"]).all()
    assert (rows["reasoning_tokens"] == rows["budget"]).any()
    assert (rows["inserted_ids"].map(len) == 0).all() and rows["ended"].all()


@pytest.mark.parametrize("interrupt", ["end_thinking", "force_answer", "update_then_end_thinking", "speed_up_user"])
def test_a_thought_that_filled_the_context_is_censored_and_the_rest_goes_on(tiny_lrm, asked, revised, interrupt):
    short = copy.copy(tiny_lrm)
    short.model = dataclasses.replace(tiny_lrm.model, max_model_len=110, max_tokens=110)
    study, chosen = params.load_study("tiny", positions=[0.3, 1.0]), [params.load_interrupt(interrupt)]
    traces = run.initial(short, study, asked, revised, chosen)
    assert set(traces["finish_reason"]) == {"stop", "length"}  # or the test says nothing
    rows = run.continuations(short, study, traces, revised, chosen).set_index("continuation_id")
    full = rows[(rows["position"] == 1) & rows["token_ids"].map(len).eq(0)]
    assert set(full["trace_id"]) & set(traces["trace_id"][traces["finish_reason"].eq("length")])
    assert full["finish_reason"].eq("length").all() and full["answer"].eq("").all()
    assert set(rows["finish_reason"]) == {"stop", "length"}
    texts = grade.math(rows.assign(text=rows["answer"], gold="1", source="tiny"))
    assert not texts["status"][full.index].isin(["correct", "incorrect"]).any()


def test_a_problem_that_is_too_long_is_named(tiny_lrm, study, asked, revised):
    long = asked.assign(problem=asked["problem"].where(asked.index != asked.index[2], "Mia has 14 coins. " * 200))
    name = f"{asked['problem_id'].iloc[2]}~original~0"
    with pytest.raises(
        engine.EngineError, match=f"^{name}: prompt of [0-9]* tokens, expected fewer than max_model_len"
    ):
        run.initial(tiny_lrm, study, long, revised, [])


COMMAND = [sys.executable, str(paths.ROOT / "tests" / "bench" / "pass_through.py"), "smoke", "tiny-lrm-s", "6"]
KILLS = 2  # `make bench ARGS="--only kills --runs 20"` kills more often


def start(folder: Path) -> subprocess.Popen:
    env = os.environ | {"PYTHONPATH": str(paths.ROOT), paths.OUTPUTS_VARIABLE: str(folder)}
    return subprocess.Popen(COMMAND, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(folder: Path) -> str:
    process = start(folder)
    printed, wrong = process.communicate(timeout=300)
    assert process.returncode == 0, wrong
    return printed


def parts_of(folder: Path) -> int:
    return len(list(folder.rglob("parts/**/*.parquet")))


def tables(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.rglob("tables/**/*.parquet")}


@pytest.mark.slow
def test_kill_minus_nine_and_again_gives_the_tables_of_a_run_left_alone(tmp_path):
    rng = random.Random(11)
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    whole = finish(alone)
    for _ in range(KILLS):
        before, process = parts_of(killed), start(killed)
        while parts_of(killed) == before and process.poll() is None:  # until it has brought something to the disk
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        assert process.poll() is None, "it ended before it was killed"
        process.send_signal(signal.SIGKILL)
        process.communicate()
    printed = finish(killed)
    kept = int(printed.split(" kept")[0].rsplit(" ", 1)[1])
    assert 0 <= kept < int(whole.split(" requests")[0].rsplit(" ", 1)[1])
    assert sorted(tables(alone)) == ["continuations.parquet", "traces.parquet"]
    assert tables(killed) == tables(alone)
