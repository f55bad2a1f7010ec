"""Requests about generated problems, and the small model's completions of them."""

import copy
import dataclasses

import pytest

from lib import params, problems
from lib.engine import Engine, EngineError, Request
from lib.engine.vllm import VLLMEngine
from lib.markup.prompts import prompt_ids
from lib.params.settings import Model


@pytest.fixture(scope="session")
def greedy(tiny_lrm) -> VLLMEngine:
    """The small model without chance, on the engine that is loaded already."""
    same = copy.copy(tiny_lrm)
    same.model = dataclasses.replace(tiny_lrm.model, temperature=0.0, top_p=1.0, top_k=-1)
    return same


@pytest.fixture(scope="session")
def prompts(tiny_lrm) -> list[list[int]]:
    return [prompt_ids(problem, tiny_lrm.model) for problem in problems.load("tiny").head(30)["problem"]]


@pytest.fixture(scope="session")
def sampled(prompts) -> list[Request]:
    """Three requests about each problem, each with a seed of its own."""
    return [Request(f"{i} {k}", ids, 10 * i + k) for i, ids in enumerate(prompts) for k in range(3)]


@pytest.fixture(scope="session")
def expected(tiny_lrm, sampled) -> dict[str, tuple]:
    """Key, ids and end of the completion of each sampled request, by one engine alone."""
    return outcomes(tiny_lrm, sampled)


def several(count: int = 2, engine: str = "vllm", **options) -> Model:
    """The small model in several copies."""
    model = params.load_model("tiny-lrm-s")
    return dataclasses.replace(model, engine=engine, options=model.options | {"data_parallel_size": count} | options)


def leaves_nothing_running(ready: Engine, requests: list[Request]) -> bool:
    """Whether an engine goes on after a caller that stopped early, and after a request that it refuses."""
    completions = ready.generate(iter(requests))
    next(completions)
    completions.close()
    with pytest.raises(EngineError, match="long: prompt of 768 tokens, expected fewer"):
        list(ready.generate([*requests[:6], Request("long", [10] * 768, 0)]))
    return [*outcomes(ready, [Request("after", [10, 11], 0, max_tokens=3)])] == ["after"]


def outcomes(ready: Engine, requests: list[Request]) -> dict[str, tuple]:
    done = [(one.key, list(one.token_ids), one.finish_reason) for one in ready.generate(iter(requests))]
    assert len({key for key, *_ in done}) == len(done)
    return {row[0]: row for row in done}
