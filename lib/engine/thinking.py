"""Thinking budgets: the marks by which an engine knows a thought, and how many tokens of one it may still allow."""

from dataclasses import dataclass

from lib import markup
from lib.engine.request import Completion, EngineError, Request
from lib.params.settings import Model


@dataclass(frozen=True)
class Marks:
    """Ids that open and that close a thought."""

    opening: list[int]
    closing: list[int]


def marks(model: Model) -> Marks:
    """The marks of a model's family, without the white space that the model writes after the closing one.

    vLLM looks for the closing ids to see that a thought has ended by itself, so that they may hold nothing that a model
    could write differently.

    Raises:
        ValueError: the family is not known.
    """
    closing = markup.closing(model)
    while len(closing) > 1 and markup.decode(closing[-1:], model).isspace():
        closing = closing[:-1]
    return Marks(markup.opening(model), closing)


def allowed(request: Request, between: Marks) -> int | None:
    """The budget as vLLM counts it: with the tokens of a thought that the prompt leaves open, such as a newline."""
    if request.thinking_budget is None:
        return None
    return request.thinking_budget + (begun(request.prompt_ids, between) or 0)


def check(request: Request, done: Completion, between: Marks | None) -> Completion:
    """The completion as it is, if it keeps the budget of its request, which not every engine knows to; EngineError."""
    if request.thinking_budget is None or between is None:
        return done
    starts = places(done.token_ids, between.opening)
    if not starts and begun(request.prompt_ids, between) is None:
        return done  # no thought at all
    start = starts[0] + len(between.opening) if starts else 0
    stop = next((i for i in places(done.token_ids, between.closing) if i >= start), len(done.token_ids))
    if stop - start > request.thinking_budget:
        raise EngineError(
            f"{request.key}: {stop - start} tokens of thinking, expected at most {request.thinking_budget}: the engine "
            "keeps no thinking budget for this model"
        )
    return done


def begun(ids: list[int], between: Marks) -> int | None:
    """How many tokens of a thought the prompt leaves open, None if it leaves none open."""
    opened, closed = ([-1, *places(ids, mark)][-1] for mark in (between.opening, between.closing))
    return len(ids) - opened - len(between.opening) if opened > closed else None


def places(ids: list[int], mark: list[int]) -> list[int]:
    """Where a mark stands, first to last."""
    return [i for i, token in enumerate(ids) if token == mark[0] and ids[i : i + len(mark)] == mark]
