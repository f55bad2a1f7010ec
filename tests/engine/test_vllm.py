"""vLLM on the shipped small model: exact continuations, own seeds, limits, budgets, schemas, one-line errors."""

import copy
import json

import pytest

from lib import engine, markup
from lib.engine import EngineError, Request, vllm
from lib.markup import tokens
from lib.markup.prompts import closing
from lib.params.settings import Model
from tests.fakes import tokenizers

pytestmark = pytest.mark.engine
VERDICT = {
    "type": "object",
    "properties": {"verdict": {"enum": ["yes", "no"]}, "count": {"enum": [1, 2]}},
    "required": ["verdict", "count"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def prompts(prompts) -> list[list[int]]:
    return prompts[:12]


@pytest.fixture(scope="module")
def whole(greedy, prompts) -> dict[str, list[int]]:
    return ids_of(greedy, [Request(str(i), ids, 0) for i, ids in enumerate(prompts)])


def ids_of(ready, requests) -> dict[str, list[int]]:
    return {done.key: done.token_ids for done in ready.generate(requests)}


def test_greedy_decoding_goes_on_exactly_from_any_cut(greedy, prompts, whole):
    cuts = [(i, k) for i in range(len(prompts)) for k in (1, 7, 20, len(whole[str(i)]) - 1)]
    done = ids_of(greedy, [Request(f"{i} {k}", prompts[i] + whole[str(i)][:k], 0) for i, k in cuts])
    assert done == {f"{i} {k}": whole[str(i)][k:] for i, k in cuts}


def test_every_request_draws_by_its_own_seed(tiny_lrm, prompts):
    requests = [Request(f"{i} {seed}", ids, seed) for i, ids in enumerate(prompts[:4]) for seed in range(6)]
    runs = [ids_of(tiny_lrm, order) for order in (requests, requests[::-1])]
    assert runs[0] == runs[1]
    assert len({tuple(ids) for ids in runs[0].values()}) > 4


def test_a_limit_of_a_request_and_the_context_hold(greedy, prompts, whole):
    filled = (prompts[0] * 30)[: greedy.model.max_model_len - 2]
    requests = [Request("short", prompts[0], 0, 3), Request("long", prompts[0], 0), Request("full", filled, 0)]
    done = {one.key: (one.token_ids, one.finish_reason) for one in greedy.generate(requests)}
    assert done["short"] == (whole["0"][:3], "length") and done["long"] == (whole["0"], "stop")
    assert (len(done["full"][0]), done["full"][1]) == (2, "length")


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


def test_cuts_of_one_trace_find_each_other_in_the_cache(greedy, prompts, whole):
    """Blocks of 32 ids: a longer prefix is computed from the last whole block of a shorter one on."""
    ids = prompts[0] + whole["0"]
    asked = [Request(str(k), [*ids[:k], *[99] * 40], 0, 1) for k in range(33, len(ids))]
    cached = {int(done.key): done.cached_tokens for done in greedy.generate(asked)}
    assert all(cached[k] >= (k - 1) // 32 * 32 for k in cached if k > 33)


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ([Request("long", [10] * 768, 0)], "^long: prompt of 768 tokens, expected fewer than max_model_len 768"),
        ([Request("twin", [10], 0), Request("twin", [11], 1)], "^twin: two requests with this key"),
        ([Request("odd", [10**6], 0)], "^odd: vLLM refuses it: .*out of vocab"),
    ],
)
def test_what_is_refused_is_named_and_leaves_nothing_running(tiny_lrm, requests, expected):
    with pytest.raises(EngineError, match=expected):
        list(tiny_lrm.generate(requests))
    assert [*ids_of(tiny_lrm, [Request("after", [10, 11], 0, 3)])] == ["after"]


def test_a_caller_that_stops_early_leaves_nothing_running(greedy, prompts):
    completions = greedy.generate(Request(str(i), ids, 0) for i, ids in enumerate(prompts))
    next(completions)
    completions.close()
    assert not greedy._llm.llm_engine.has_unfinished_requests()
    assert [*ids_of(greedy, [Request("0", prompts[0], 0)])] == ["0"]


@pytest.mark.parametrize("limit", [{"thinking_budget": 5}, {"json_schema": VERDICT}])
def test_a_limit_on_a_thought_whose_marks_are_plain_text_is_refused(greedy, prompts, tmp_path, limit):
    plain = copy.copy(greedy)
    plain._marks, plain._why_none = vllm._marks(tokenizers.model("plain", tmp_path))
    with pytest.raises(EngineError, match=r"^x: params/models/plain.yaml: <think> is no token of the model, which"):
        list(plain.generate([Request("x", prompts[0], 0, **limit)]))
    assert list(plain.generate([Request("y", prompts[0], 0)]))


@pytest.mark.parametrize("most", [0, 1, 20])
def test_a_thinking_budget_ends_the_thinking_there(greedy, prompts, whole, most):
    """As if the thought were cut and closed there: the same ids before, and the same after it."""
    model = greedy.model
    end = [closing(model)[0]]
    done = ids_of(greedy, [Request(str(i), ids, 0, None, most) for i, ids in enumerate(prompts)])
    starts = {}
    for key, ids in whole.items():
        start, stop = markup.split(ids, model).reasoning
        assert stop - start > 20
        starts[key] = ids[: start + most] + end
    rest = ids_of(greedy, [Request(key, prompts[int(key)] + start, 0) for key, start in starts.items()])
    assert done == {key: start + rest[key] for key, start in starts.items()}


def test_a_thinking_budget_counts_what_is_generated_only(greedy, prompts, whole):
    """A thought that the prompt has begun: the budget is for what comes on top; one not reached changes nothing."""
    start, _ = markup.split(whole["0"], greedy.model).reasoning
    begun = prompts[0] + whole["0"][: start + 7]
    done = ids_of(greedy, [Request("x", begun, 0, None, 5), Request("0", prompts[0], 0, None, 300)])
    assert done["x"][:6] == [*whole["0"][start + 7 : start + 12], closing(greedy.model)[0]]
    assert done["0"] == whole["0"]


def test_a_schema_binds_the_answer_and_not_the_thought_before_it(greedy, prompts, whole):
    model = greedy.model
    for one in greedy.generate(Request(str(i), p, i, json_schema=VERDICT) for i, p in enumerate(prompts)):
        start, stop = markup.split(one.token_ids, model).reasoning
        assert stop - start > 20 and one.token_ids[: stop + 1] == whole[one.key][: stop + 1]
        answer = json.loads(tokens.decode(one.token_ids[slice(*markup.split(one.token_ids, model).answer)], model))
        assert answer["verdict"] in ("yes", "no") and answer["count"] in (1, 2) and len(answer) == 2
        assert one.finish_reason == "stop"


def test_a_schema_binds_at_once_where_the_prompt_has_closed_the_thought(greedy, prompts):
    closed = prompts[0] + tokens.encode("<think>\nNo.\n", greedy.model) + closing(greedy.model)
    (done,) = greedy.generate([Request("x", closed, 0, json_schema=VERDICT)])
    assert set(json.loads(tokens.decode(done.token_ids[:-1], greedy.model))) == {"verdict", "count"}


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
    with pytest.raises(EngineError) as caught, engine.open(broken("no/such/model", options)):
        pass
    assert str(caught.value).startswith(f"params/models/m.yaml: {expected}")


def test_a_model_that_cannot_be_loaded_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EngineError, match=r"^M: vLLM cannot load [^\n]*$"), engine.open(broken(str(tmp_path), {})):
        pass


def broken(path: str, options: dict) -> Model:
    return Model("m", "M", path=path, family="qwen3", max_tokens=100, max_model_len=1000, options=options)
