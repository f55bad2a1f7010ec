"""Thoughts among token ids: thinking budgets, and answers held to a JSON schema while the thought before stays free."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lib.engine.request import Completion, EngineError, Request
from lib.markup import prompts, tokens
from lib.params.settings import Model

PARSER = "midthought"  # under which vLLM finds our reasoning parser


@dataclass(frozen=True)
class Marks:
    """Ids that open and that close a thought."""

    opening: list[int]
    closing: list[int]


def marks(model: Model) -> Marks:
    """The marks of a model's family, without the white space that it writes after the closing one.

    vLLM looks for the closing ids to see that a thought has ended by itself, so that they may hold nothing that a model
    could write differently. A ValueError if the family is not known, or if its marks are plain text to the tokenizer.
    """
    family = prompts.family(model)
    for mark in (family.think, family.think_end):
        if not tokens.codec(model).special.search(mark):
            raise ValueError(
                f"params/models/{model.name}.yaml: {mark} is no token of the model, which may write it in many ways: "
                "thinking budgets and JSON schemas cannot be held to it, expected neither (structured: false)"
            )
    return Marks(prompts.opening(model), tokens.marks((family.think_end + family.header).rstrip(), model))


def allowed(request: Request, between: Marks) -> int | None:
    """The budget as vLLM counts it: with the tokens of a thought that the prompt leaves open, such as a newline.

    Of an opening mark in the prompt vLLM takes the last token only for the mark, and counts the others twice.
    """
    if request.thinking_budget is None:
        return None
    length = begun(request.prompt_ids, between)
    return (
        request.thinking_budget
        if length is None
        else max(0, request.thinking_budget + length - (len(between.opening) - 1))
    )


def check(request: Request, done: Completion, between: Marks | None) -> Completion:
    """The completion, if it keeps the thinking budget of its request, which not every engine does; else EngineError."""
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
    """The length in tokens of the thought that a prompt leaves open; None if it leaves none open."""
    opened, closed = ([-1, *places(ids, mark)][-1] for mark in (between.opening, between.closing))
    return len(ids) - opened - len(between.opening) if opened > closed else None


def ended(prompt_ids: Sequence[int], between: Marks) -> bool:
    """Whether a prompt closes a thought and opens none after it."""
    ids = list(prompt_ids)
    return bool(places(ids, between.closing)) and begun(ids, between) is None


def ends(ids: Sequence[int], new: int, between: Marks) -> bool:
    """Whether the last `new` ids complete the closing mark."""
    return bool(places(list(ids[-(new + len(between.closing) - 1) :]), between.closing))


def places(ids: list[int], mark: list[int]) -> list[int]:
    """Where a mark stands, first to last."""
    return [i for i, token in enumerate(ids) if token == mark[0] and ids[i : i + len(mark)] == mark]


def structured_outputs(between: Marks) -> dict[str, Any]:
    """vLLM's structured_outputs_config by which a schema binds from the end of the thinking on, found by its ids."""
    from vllm.reasoning import ReasoningParser, ReasoningParserManager

    class MarksParser(ReasoningParser):
        """Finds the end of a thought; vLLM asks for nothing else here."""

        def is_reasoning_end(self, input_ids: Sequence[int]) -> bool:
            return ended(input_ids, between)

        def is_reasoning_end_streaming(self, input_ids: Sequence[int], delta_ids: Iterable[int]) -> bool:
            return ends(input_ids, len(list(delta_ids)), between)

        def extract_content_ids(self, input_ids: list[int]) -> list[int]:
            raise NotImplementedError

        extract_reasoning = extract_reasoning_streaming = extract_content_ids

    ReasoningParserManager.register_module(PARSER, force=True, module=MarksParser)
    # Without free white space, which small models would write without end; only xgrammar and guidance can forbid it.
    return {"reasoning_parser": PARSER, "backend": "xgrammar", "disable_any_whitespace": True}
