"""Engines: keys of requests, recorded completions, progress, and vLLM on the shipped small model."""

import copy
import dataclasses
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from lib import engine, markup, params, problems, progress_bar
from lib.engine import Completion, Engine, EngineError, Request, request, request_key, structured
from lib.engine import thinking as budget
from lib.params.settings import Model

HUB = Model(
    name="some-model",
    title="Some model",
    path="someone/some-model",
    revision="0123abc",
    family="qwen3",
    max_tokens=100,
    max_model_len=1000,
    options={"dtype": "bfloat16", "max_num_seqs": 64},
)


def changed(**changes) -> Model:
    options = HUB.options | changes.pop("options", {})
    return dataclasses.replace(HUB, options=options, **changes)


# keys


# (what differs, other model, other arguments)
@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        (changed(path="someone/another"), {}),
        (changed(revision="main"), {}),
        (changed(temperature=0.7), {}),
        (changed(top_p=0.9), {}),
        (changed(top_k=-1), {}),
        (changed(max_tokens=101), {}),
        (changed(max_model_len=2000), {}),  # decides how some models stretch their positions
        (changed(threads=2), {}),
        (changed(options={"dtype": "float32"}), {}),
        (changed(options={"quantization": "fp8"}), {}),
        (changed(options={"hf_overrides": {"rope_parameters": {"factor": 4.0}}}), {}),
        (changed(options={"tensor_parallel_size": 2}), {}),
        (changed(engine="server", options={"url": "http://localhost:8000/v1"}), {}),
        (HUB, {"prompt_ids": [1, 2, 4]}),
        (HUB, {"prompt_ids": [1, 2]}),
        (HUB, {"seed": 8}),
        (HUB, {"max_tokens": 50}),
        (HUB, {"thinking_budget": 0}),
        (HUB, {"thinking_budget": 9}),
        (HUB, {"json_schema": {"type": "object"}}),
        (HUB, {"json_schema": {"type": "array"}}),
    ],
    ids=repr,
)
def test_whatever_shapes_the_outcome_changes_the_key(model, arguments):
    base = {"prompt_ids": [1, 2, 3], "seed": 7}
    assert request_key(model, **base | arguments) != request_key(HUB, **base)


@pytest.mark.parametrize(
    "model",
    [
        HUB,
        changed(name="other", title="Other"),
        changed(options={"gpu_memory_utilization": 0.5}),
        changed(options={"max_num_seqs": 8}),
        changed(engine="replay", options={"recorded": "some/folder"}),
    ],
    ids=repr,
)
def test_what_cannot_change_a_number_does_not_change_the_key(model):
    assert request_key(model, [1, 2, 3], 7) == request_key(HUB, [1, 2, 3], 7)


def test_a_servers_key_does_not_hang_on_how_it_is_reached():
    one = changed(engine="server", options={"url": "http://a/v1"})
    other = changed(engine="server", options={"url": "http://b/v1", "concurrency": 2, "timeout": 9, "retries": 0})
    assert request_key(one, [1], 7) == request_key(other, [1], 7)


def test_the_models_own_limit_may_be_spelt_out():
    assert request_key(HUB, [1, 2, 3], 7, HUB.max_tokens) == request_key(HUB, [1, 2, 3], 7)


def test_a_key_is_short_and_the_same_in_every_process():
    assert request_key(HUB, [1, 2, 3], 7) == "3e307372287b410e8e45284becbd29c4"
    assert len({request_key(HUB, [i, j], k) for i in range(9) for j in range(9) for k in range(9)}) == 729


@pytest.fixture
def local(tmp_path) -> Model:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return changed(path=str(tmp_path), revision=None)


def test_a_local_model_counts_by_the_contents_of_its_files(local, tmp_path):
    base = request_key(local, [1], 7)
    os.utime(tmp_path / "model.safetensors", (1, 1))
    (tmp_path / "README.md").write_text("read me")
    (tmp_path / ".hidden").write_text("x")
    assert request_key(local, [1], 7) == base
    (tmp_path / "model.safetensors").write_bytes(b"WEIGHTS")
    trained = request_key(local, [1], 7)
    (tmp_path / "generation_config.json").write_text("{}")
    assert len({base, trained, request_key(local, [1], 7)}) == 3


def test_a_local_model_may_move(local, tmp_path):
    base = request_key(local, [1], 7)
    moved = tmp_path.rename(tmp_path.with_name("elsewhere"))
    assert request_key(dataclasses.replace(local, path=str(moved)), [1], 7) == base


def test_a_large_file_counts_by_size_and_time(local, tmp_path, monkeypatch):
    monkeypatch.setattr(request, "WHOLE", 3)
    base = request_key(local, [1], 7)
    os.utime(tmp_path / "model.safetensors", (1, 1))
    assert request_key(local, [1], 7) != base


# replay


ROWS = [
    {"key": "a", "token_ids": [1, 2, 3], "finish_reason": "stop", "cached_tokens": 0},
    {"key": "b", "token_ids": [], "finish_reason": "length", "cached_tokens": 32},
]


def replay(recorded: Path) -> Model:
    return changed(engine="replay", options={"recorded": str(recorded)})


def recorded(folder: Path, form: str, rows=ROWS) -> Path:
    if form == "jsonl":
        file = folder / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        file = folder / "rows.parquet"
        pd.DataFrame(rows).to_parquet(file)
    return file


@pytest.mark.parametrize("form", ["jsonl", "parquet", "folder"])
def test_what_was_recorded_comes_back(form, tmp_path):
    place = recorded(tmp_path, form)
    if form == "folder":
        recorded(tmp_path, "jsonl", [ROWS[0] | {"token_ids": [9]}])  # read first; of equal keys the first counts
        place = tmp_path
    with engine.open(replay(place)) as ready:
        done = list(ready.generate(Request(key, [1], 0) for key in ("b", "a")))
    first = [9] if form == "folder" else [1, 2, 3]
    assert done == [Completion("b", [], "length", 32), Completion("a", first, "stop", 0)]


def test_what_was_not_recorded_is_named(tmp_path):
    with engine.open(replay(recorded(tmp_path, "jsonl"))) as ready:
        completions = ready.generate([Request("a", [1], 0), Request("missing", [1], 0)])
        assert next(completions).key == "a"
        with pytest.raises(EngineError, match=r"^missing: not among the 2 completions recorded in "):
            next(completions)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "options.recorded: missing"),
        ({"recorded": "no/such/folder"}, "options.recorded: nothing recorded in no/such/folder"),
    ],
)
def test_a_recording_that_is_not_there_is_named(options, expected):
    with (
        pytest.raises(EngineError, match=f"params/models/some-model.yaml: {expected}"),
        engine.open(changed(engine="replay", options=options)),
    ):
        pass


# (name of the file, content, what the message names)
@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.parquet", b"PAR1 torn", "x.parquet: no recorded completions"),
        ("x.jsonl", b"", "x.jsonl: no recorded completions"),
        ("x.jsonl", b'{"key": "a"}\n', "expected key, token_ids, finish_reason, cached_tokens"),
        ("x.jsonl", b'{"key": "a", "token_ids": [1.5], "finish_reason": "stop", "cached_tokens": 0}\n', "x.jsonl"),
        ("x.jsonl", b'{"key": "a", "token_ids": [1], "finish_reason": "abort", "cached_tokens": 0}\n', "finish_reason"),
        ("x.jsonl", b'{"key": null, "token_ids": [1], "finish_reason": "stop", "cached_tokens": 0}\n', "no gaps"),
    ],
)
def test_a_recording_that_is_none_is_named(name, content, expected, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EngineError, match=expected), engine.open(replay(tmp_path)):
        pass


# progress


def answered() -> Iterator[Completion]:
    for i in range(5):
        time.sleep(0.01)
        yield Completion(str(i), [0] * 100, "stop", 0)


def test_progress_passes_everything_on_and_tells_on_stderr(capfd, monkeypatch):
    monkeypatch.setenv(progress_bar.PROGRESS, "bar")
    assert [done.key for done in engine.progress(8, answered())] == list("01234")
    told = capfd.readouterr()
    assert told.out == ""
    assert "5/5" in told.err and "tokens/s" in told.err
    rate = float(told.err.split(" tokens/s")[-2].split()[-1].replace(",", ""))
    assert 500 / 2 < rate < 500 / 0.05


def test_progress_in_a_log_is_whole_lines_now_and_then(capfd, monkeypatch):
    monkeypatch.delenv(progress_bar.PROGRESS, raising=False)  # and what pytest captures is no terminal
    monkeypatch.setattr(progress_bar, "EVERY", 0.0)
    monkeypatch.setattr(progress_bar, "BRIEF", 0.0)
    assert [done.key for done in engine.progress(8, answered(), "TinyLRM-S")] == list("01234")
    told = capfd.readouterr().err
    assert "\r" not in told
    lines = told.splitlines()
    assert lines[0] == "TinyLRM-S: 1 of 8 requests, 0 tokens/s"
    assert re.fullmatch(r"TinyLRM-S: 4 of 8 requests, 00:0\d left, [\d,]+ tokens/s", lines[3])
    assert re.fullmatch(r"TinyLRM-S: 5 requests in 00:0\d, [\d,]+ tokens/s", lines[-1])
    monkeypatch.setattr(progress_bar, "EVERY", 3600.0)
    list(engine.progress(8, answered(), "TinyLRM-S"))
    assert capfd.readouterr().err.count("\n") == 1
    monkeypatch.setattr(progress_bar, "BRIEF", 3600.0)
    list(engine.progress(8, answered(), "TinyLRM-S"))
    assert capfd.readouterr().err == ""  # a judge asks in many small batches
    list(engine.progress(8, iter(()), "TinyLRM-S"))
    assert capfd.readouterr().err == ""  # nothing was asked


# vLLM


@pytest.fixture(scope="module")
def ready() -> Iterator[Engine]:
    with engine.open(params.load_model("tiny-lrm-s")) as opened:
        yield opened


@pytest.fixture(scope="module")
def greedy(ready) -> Engine:
    same = copy.copy(ready)
    same.model = dataclasses.replace(ready.model, temperature=0.0, top_p=1.0, top_k=-1)
    return same


@pytest.fixture(scope="module")
def prompts(ready) -> list[list[int]]:
    return [markup.prompt_ids(problem, ready.model) for problem in problems.load("tiny").head(12)["problem"]]


@pytest.fixture(scope="module")
def whole(greedy, prompts) -> dict[str, list[int]]:
    asked = [Request(str(i), ids, 0) for i, ids in enumerate(prompts)]
    return {done.key: done.token_ids for done in greedy.generate(asked)}


def test_greedy_decoding_goes_on_exactly_from_any_cut(greedy, prompts, whole):
    cuts = [(i, k) for i in range(len(prompts)) for k in (1, 7, 20, len(whole[str(i)]) - 1)]
    asked = [Request(f"{i} {k}", prompts[i] + whole[str(i)][:k], 0) for i, k in cuts]
    for done in greedy.generate(asked):
        i, k = done.key.split()
        assert done.token_ids == whole[i][int(k) :]


def test_every_request_draws_by_its_own_seed(ready, prompts):
    requests = [Request(f"{i} {seed}", ids, seed) for i, ids in enumerate(prompts[:4]) for seed in range(6)]
    runs = [{done.key: done.token_ids for done in ready.generate(order)} for order in (requests, requests[::-1])]
    assert runs[0] == runs[1]
    assert len({tuple(ids) for ids in runs[0].values()}) > 4


def test_a_limit_of_a_request_holds(greedy, prompts, whole):
    done = {
        one.key: one for one in greedy.generate([Request("short", prompts[0], 0, 3), Request("long", prompts[0], 0)])
    }
    assert (done["short"].token_ids, done["short"].finish_reason) == (whole["0"][:3], "length")
    assert (done["long"].token_ids, done["long"].finish_reason) == (whole["0"], "stop")


def test_the_context_ends_what_does_not_end_itself(greedy, whole, prompts):
    filled = (prompts[0] * 30)[: greedy.model.max_model_len - 2]
    (done,) = greedy.generate([Request("full", filled, 0)])
    assert (len(done.token_ids), done.finish_reason) == (2, "length")


def test_requests_are_taken_as_there_is_room(greedy, prompts, monkeypatch):
    """Never more of them than the window are with the engine, and a generator is not run ahead of that."""
    monkeypatch.setattr("lib.engine.vllm.WINDOW", 1)
    window, taken, done = greedy.model.options["max_num_seqs"], 0, 0

    def requests():
        nonlocal taken
        for i in range(2 * window):
            taken += 1
            assert taken - done <= window
            yield Request(str(i), prompts[i % 12], i, 1 + i % 3)

    for _ in greedy.generate(requests()):
        done += 1
    assert taken == done == 2 * window


def test_a_caller_that_stops_early_leaves_nothing_running(greedy, prompts):
    completions = greedy.generate(Request(str(i), ids, 0) for i, ids in enumerate(prompts))
    next(completions)
    completions.close()
    assert not greedy._llm.llm_engine.has_unfinished_requests()
    assert [done.key for done in greedy.generate([Request("0", prompts[0], 0)])] == ["0"]


def test_cuts_of_one_trace_find_each_other_in_the_cache(greedy, prompts, whole):
    """Blocks of 32 ids: a longer prefix is computed from the last whole block of a shorter one on."""
    ids = prompts[0] + whole["0"]
    asked = [Request(str(k), [*ids[:k], *[99] * 40], 0, 1) for k in range(33, len(ids))]
    cached = {int(done.key): done.cached_tokens for done in greedy.generate(asked)}
    assert all(cached[k] >= (k - 1) // 32 * 32 for k in cached if k > 33)


def test_a_prompt_without_room_is_refused(ready):
    with pytest.raises(EngineError, match="long: prompt of 768 tokens, expected fewer than max_model_len 768"):
        list(ready.generate([Request("long", [10] * 768, 0)]))


def test_a_key_may_not_stand_twice(ready):
    with pytest.raises(EngineError, match="twin: two requests with this key"):
        list(ready.generate([Request("twin", [10], 0), Request("twin", [11], 1)]))
    left = list(ready.generate([Request("after", [10, 11], 0)]))
    assert [done.key for done in left] == ["after"]  # what was sent before the refusal is not answered later


def test_what_vllm_refuses_is_told_with_the_key(ready):
    with pytest.raises(EngineError, match=r"^odd: vLLM refuses it: .*out of vocab"):
        list(ready.generate([Request("odd", [10**6], 0)]))


# thinking budgets

BETWEEN = budget.Marks(opening=[1], closing=[2, 3])


# (prompt, budget as vLLM counts it for one of 4)
@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ([9, 9], 4),
        ([9, 1], 4),
        ([9, 1, 9, 9], 6),  # an open thought of two tokens
        ([9, 1, 9, 2, 9], 7),  # the closing mark is not whole
        ([9, 1, 9, 2, 3, 9], 4),
        ([1, 9, 2, 3, 9, 1, 9], 5),  # closed and opened again
        ([1, 9, 1, 9], 5),  # opened twice: the second counts
    ],
)
def test_vllm_counts_a_budget_from_the_opening_mark_on(prompt, expected):
    assert budget.allowed(Request("k", prompt, 0, None, 4), BETWEEN) == expected
    assert budget.allowed(Request("k", prompt, 0), BETWEEN) is None


# (prompt, generated, tokens of thinking, None where there is no thought)
@pytest.mark.parametrize(
    ("prompt", "generated", "thinking"),
    [
        ([9], [9, 9, 9], None),
        ([9], [1, 9, 9, 2, 3, 9, 9], 2),
        ([9], [9, 1, 9, 9, 9], 3),
        ([9, 1], [9, 2, 3, 9, 9, 9], 1),
        ([9, 1, 9], [9, 9, 9, 9], 4),
        ([9, 1, 9], [2, 3, 9], 0),
        ([9, 1, 9], [1, 9, 9, 2, 3], 2),  # a mark that the model repeats
        ([9], [1, 2, 9, 2, 3], 2),
    ],
)
def test_a_budget_that_was_not_kept_is_an_error(prompt, generated, thinking):
    done = Completion("k", generated, "stop", 0)
    most = len(generated) if thinking is None else thinking
    for limit in (None, most, most + 1):
        assert budget.check(Request("k", prompt, 0, None, limit), done, BETWEEN) is done
    if thinking:
        with pytest.raises(EngineError, match=f"^k: {thinking} tokens of thinking, expected at most {thinking - 1}: "):
            budget.check(Request("k", prompt, 0, None, thinking - 1), done, BETWEEN)


@pytest.mark.parametrize("most", [0, 1, 5, 20])
def test_a_thinking_budget_ends_the_thinking_there(greedy, prompts, whole, most):
    """As if the thought were cut and closed there: the same ids before, and the same after it."""
    model = greedy.model
    asked = [Request(str(i), ids, 0, None, most) for i, ids in enumerate(prompts)]
    done = {one.key: one.token_ids for one in greedy.generate(asked)}
    for key, ids in whole.items():
        start, stop = markup.split(ids, model).reasoning
        assert stop - start > 20
        kept = ids[: start + most]
        closing = [markup.closing(model)[0]]
        assert done[key][: len(kept) + 1] == kept + closing
        again = greedy.generate([Request("x", prompts[int(key)] + kept + closing, 0)])
        assert done[key][len(kept) + 1 :] == next(again).token_ids


VERDICT = {
    "type": "object",
    "properties": {"verdict": {"enum": ["yes", "no"]}, "count": {"enum": [1, 2]}},
    "required": ["verdict", "count"],
    "additionalProperties": False,
}


def test_a_schema_binds_the_answer_and_not_the_thought_before_it(greedy, prompts, whole):
    model = greedy.model
    done = {
        one.key: one
        for one in greedy.generate(Request(str(i), p, i, None, None, VERDICT) for i, p in enumerate(prompts))
    }
    for key, one in done.items():
        start, stop = markup.split(one.token_ids, model).reasoning
        assert stop - start > 20 and one.token_ids[: stop + 1] == whole[key][: stop + 1]
        answer = json.loads(markup.decode(one.token_ids[slice(*markup.split(one.token_ids, model).answer)], model))
        assert answer["verdict"] in ("yes", "no") and answer["count"] in (1, 2) and len(answer) == 2
        assert one.finish_reason == "stop"


def test_a_schema_binds_at_once_where_the_prompt_has_closed_the_thought(greedy, prompts):
    closed = prompts[0] + markup.encode("<think>\nNo.\n", greedy.model) + markup.closing(greedy.model)
    (done,) = greedy.generate([Request("x", closed, 0, None, None, VERDICT)])
    assert set(json.loads(markup.decode(done.token_ids[:-1], greedy.model))) == {"verdict", "count"}


# (prompt, whether its thought has ended)
@pytest.mark.parametrize(
    ("ids", "expected"),
    [([], False), ([5], False), ([1, 5], False), ([1, 5, 2], True), ([1, 5, 2, 7, 8], True), ([1, 5, 2, 7, 1], False)],
)
def test_the_end_of_a_thought_in_a_prompt(ids, expected):
    assert structured.ended(ids, budget.Marks([1], [2])) == expected


@pytest.mark.parametrize(
    ("ids", "new", "expected"),
    [
        ([5, 2], 1, False),
        ([5, 2, 3], 1, True),
        ([5, 2, 3], 2, True),
        ([2, 3, 5], 1, False),
        ([2, 3, 5, 6], 3, True),
        ([3], 1, False),
    ],
)
def test_the_end_of_a_thought_as_it_is_written(ids, new, expected):
    assert structured.ends(ids, new, budget.Marks([1], [2, 3])) == expected


def test_a_thinking_budget_counts_what_is_generated_only(greedy, prompts, whole):
    """A thought that the prompt has begun: the budget is for what comes on top."""
    start, _ = markup.split(whole["0"], greedy.model).reasoning
    begun = prompts[0] + whole["0"][: start + 7]
    (done,) = greedy.generate([Request("x", begun, 0, None, 5)])
    assert done.token_ids[:6] == [*whole["0"][start + 7 : start + 12], markup.closing(greedy.model)[0]]


def test_a_budget_that_is_not_reached_changes_nothing(greedy, prompts, whole):
    done = {
        one.key: one.token_ids
        for one in greedy.generate(Request(str(i), p, 0, None, 300) for i, p in enumerate(prompts))
    }
    assert done == whole


# what cannot be opened


# (options, what the message says)
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"blocksize": 32}, "options.blocksize: no argument of vLLM's engine (did you mean block_size?)"),
        ({"max_model_len": 99}, "options.max_model_len: is given by max_model_len"),
        ({"seed": 1}, "options.seed: is given by the study's seed"),
    ],
)
def test_options_are_compared_with_vllms_arguments_before_anything_is_loaded(options, expected):
    with pytest.raises(EngineError) as caught, engine.open(changed(path="no/such/model", options=options)):
        pass
    assert str(caught.value).startswith(f"params/models/some-model.yaml: {expected}")


def test_a_model_that_cannot_be_loaded_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    broken = changed(path=str(tmp_path), revision=None)
    with pytest.raises(EngineError, match=r"^Some model: vLLM cannot load [^\n]*$"), engine.open(broken):
        pass
