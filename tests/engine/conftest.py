"""Requests about generated problems, and the small model's completions of them."""

import copy
import dataclasses

import pytest

from lib import problems
from lib.engine import Engine, Request
from lib.engine.vllm import VLLMEngine
from lib.markup.prompts import prompt_ids


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


def outcomes(ready: Engine, requests: list[Request]) -> dict[str, tuple]:
    done = [(one.key, list(one.token_ids), one.finish_reason) for one in ready.generate(iter(requests))]
    assert len({key for key, *_ in done}) == len(done)
    return {row[0]: row for row in done}
