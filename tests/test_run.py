"""Real runs on the shipped small model: prompts exact to the id, seeds apart, results that repeat."""

import dataclasses
from collections.abc import Iterable, Iterator

import pandas as pd
import pytest

from lib import engine, markup, params, problems, run, schema, updates
from lib.engine import Completion, Engine, Request

PROBLEMS = 6


class Recorder:
    """An engine that is asked through here, so that a test sees what it was asked."""

    def __init__(self, ready: Engine):
        self.ready, self.model, self.asked = ready, ready.model, {}

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        requests = list(requests)
        self.asked = {request.key: request for request in requests}
        return self.ready.generate(requests)


@pytest.fixture(scope="module")
def ready() -> Iterator[Engine]:
    with engine.open(params.load_model("tiny-lrm-s")) as opened:
        yield opened


@pytest.fixture(scope="module")
def recorder(ready) -> Recorder:
    return Recorder(ready)


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
def traces(recorder, study, asked, revised) -> pd.DataFrame:
    made = run.initial(recorder, study, asked, revised)
    made.attrs["asked"] = recorder.asked
    return made


@pytest.fixture(scope="module")
def chosen(study) -> list[params.Interrupt]:
    return [params.load_interrupt(name) for name in study.interrupts]


@pytest.fixture(scope="module")
def after(recorder, study, traces, revised, chosen) -> pd.DataFrame:
    made = run.continuations(recorder, study, traces, revised, chosen)
    made.attrs["asked"] = recorder.asked
    return made


def test_every_question_gets_a_trace(traces, asked):
    assert len(traces) == 2 * 2 * PROBLEMS  # variants, samples
    assert set(traces["problem_id"]) == set(asked["problem_id"])
    assert sorted(traces.columns) == sorted(schema.TABLES["traces"].names())


def test_traces_store_what_the_engine_was_asked(traces):
    for row in traces.to_dict("records"):
        request = traces.attrs["asked"][row["trace_id"]]
        assert request.prompt_ids == row["prompt_ids"]
        assert request.seed == row["seed"]


def test_a_trace_is_split_at_its_mark(traces, ready):
    for row in traces[traces["ended"]].to_dict("records"):
        text = markup.decode(row["token_ids"], ready.model)
        reasoning, answer = text.removeprefix("<think>").removesuffix("<|im_end|>").split("</think>")
        assert row["answer"] == answer
        assert (row["reasoning_chars"], row["answer_chars"]) == (len(reasoning), len(answer))
        assert len(row["token_ids"]) == row["reasoning_tokens"] + row["answer_tokens"] + 3  # two marks, end of turn
        assert markup.decode(row["token_ids"][row["answer_start"] :], ready.model).startswith(answer)


def test_every_prompt_is_exact_to_the_id(after, traces, chosen, study, ready):
    """Prompt ids, then the first k generated ids, then the inserted ids: for every interrupt at every position."""
    by_id = traces.set_index("trace_id")
    seen = set()
    for row in after.to_dict("records"):
        trace = by_id.loc[row["trace_id"]]
        request = after.attrs["asked"][row["continuation_id"]]
        expected = trace["prompt_ids"] + trace["token_ids"][: row["kept_tokens"]] + row["inserted_ids"]
        assert request.prompt_ids == expected
        assert request.seed == row["seed"]
        thought = trace["token_ids"][1 : 1 + trace["reasoning_tokens"]]
        assert row["kept_tokens"] == 1 + int(round(row["position"] * 10) * len(thought) // 10)
        seen.add((row["interrupt"], row["position"]))
    assert len(seen) == len(chosen) * len(study.positions)


def test_updates_cut_revised_traces_and_the_rest_original_ones(after, chosen):
    for interrupt in chosen:
        cut = after.loc[after["interrupt"] == interrupt.name, "trace_id"].str.split("~").str[1]
        assert set(cut) == {"revised" if interrupt.needs_update else "original"}


def test_every_request_has_its_own_seed(traces, after):
    seeds = [*traces["seed"], *after["seed"]]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_samples_of_a_problem_differ(traces):
    texts = (
        traces[traces["variant"] == "original"]
        .groupby("problem_id")["token_ids"]
        .apply(lambda ids: len(set(map(tuple, ids))))
    )
    assert texts.max() == 2


def test_after_a_hard_interrupt_there_is_no_new_reasoning(after):
    hard = after[after["interrupt"].isin(["end_thinking", "force_answer"])]
    assert (hard["reasoning_tokens"] == 0).all() and hard["ended"].all()
    assert (hard["answer_start"] == 0).all()


def test_later_cuts_find_earlier_ones_in_the_cache(after):
    cached = after.groupby("position")["cached_tokens"].mean()
    assert cached[0.9] > cached[0.1] > 0


def test_a_run_repeats(ready, study, asked, revised, traces, after, chosen):
    again = run.initial(ready, study, asked, revised)
    pd.testing.assert_frame_equal(without_cache(again, "trace_id"), without_cache(traces, "trace_id"))
    again = run.continuations(ready, study, traces, revised, chosen)
    pd.testing.assert_frame_equal(without_cache(again, "continuation_id"), without_cache(after, "continuation_id"))


def without_cache(frame: pd.DataFrame, key: str) -> pd.DataFrame:
    """A second run in one engine finds the first one's prompts in the cache; all else must be the same."""
    return frame.drop(columns="cached_tokens").sort_values(key, ignore_index=True)


def test_greedy_decoding_goes_on_exactly_from_any_cut(ready, traces):
    greedy = Engine.__new__(Engine)
    greedy.model = dataclasses.replace(ready.model, temperature=0.0, top_p=1.0, top_k=-1)
    greedy._llm = ready._llm
    prompts = traces.loc[traces["sample"] == 0, "prompt_ids"].tolist()
    whole = {done.key: done.token_ids for done in greedy.generate(Request(str(i), p, 0) for i, p in enumerate(prompts))}
    cuts = [(i, k) for i in range(len(prompts)) for k in (1, 7, 20, len(whole[str(i)]) - 1)]
    asked = [Request(f"{i} {k}", prompts[i] + whole[str(i)][:k], 0) for i, k in cuts]
    for done in greedy.generate(asked):
        i, k = done.key.split()
        assert done.token_ids == whole[i][int(k) :]


def test_a_prompt_without_room_is_refused(ready):
    with pytest.raises(engine.EngineError, match="long: prompt of 768 tokens, expected fewer than max_model_len 768"):
        list(ready.generate([Request("long", [10] * 768, 0)]))


def test_a_key_may_not_stand_twice(ready):
    with pytest.raises(engine.EngineError, match="twin: two requests with this key"):
        list(ready.generate([Request("twin", [10], 0), Request("twin", [11], 1)]))
    left = list(ready.generate([Request("after", [10, 11], 0)]))
    assert [done.key for done in left] == ["after"]  # what was sent before the refusal is not answered later


def test_seeds_hang_on_everything_that_names_a_request(study):
    base = run.seed(study, "tiny/0001~original~0", "update", 0.3)
    assert base == run.seed(study, "tiny/0001~original~0", "update", 0.3)
    others = [
        run.seed(dataclasses.replace(study, seed=43), "tiny/0001~original~0", "update", 0.3),
        run.seed(study, "tiny/0001~original~1", "update", 0.3),
        run.seed(study, "tiny/0001~original~0", "speed_up", 0.3),
        run.seed(study, "tiny/0001~original~0", "update", 0.5),
    ]
    assert base not in others and len(set(others)) == 4
