"""Answers of a completions endpoint: what makes one usable, and nothing is taken on trust."""

import json
from typing import Any

from lib.engine.request import Completion, EngineError, Request

LONGEST = 300  # characters of a server's message that are passed on


class UnusableError(Exception):
    """An answer that is none, or not to what was asked; asking again may help."""


def completion(content: bytes, request: Request) -> Completion:
    """The completion in the answer to a request.

    Raises:
        UnusableError: it is no JSON, or of another shape, was broken off, or is about other prompt ids.
        EngineError: it is sound but holds text instead of token ids, as the server cannot give them.
    """
    body = _json(content)
    choices = body.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise UnusableError("without the one choice that was asked for")
    choice = choices[0]
    end, ids, prompt = (choice.get(name) for name in ("finish_reason", "token_ids", "prompt_token_ids"))
    if end not in ("stop", "length"):
        raise UnusableError(f"broken off with finish_reason {end!r}")
    if ids is None and isinstance(choice.get("text"), str):
        raise EngineError(
            f"{request.key}: the server answers with text but without token_ids, expected one that knows the field "
            "return_token_ids of a request, as vLLM and newer SGLang do"
        )
    usage = body.get("usage") if isinstance(body.get("usage"), dict) else {}
    _compare("token_ids", ids, usage.get("completion_tokens"))
    if prompt is not None and prompt != request.prompt_ids:
        raise UnusableError("about other prompt ids than were asked")
    _compare("prompt ids", request.prompt_ids, usage.get("prompt_tokens"))
    return Completion(request.key, ids, end, _cached(usage))


def models(content: bytes) -> list[dict[str, Any]]:
    """The models that a server has: `id`, and where it tells, `root` and `max_model_len`; raises UnusableError."""
    cards = _json(content).get("data")
    if not isinstance(cards, list) or not all(isinstance(card, dict) and "id" in card for card in cards):
        raise UnusableError("no list of models")
    return [card | {"id": str(card["id"])} for card in cards]


def message(text: str) -> str:
    """What a server says in an error, in one line: its message if the text is JSON that holds one."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):
            found = found[name]
    line = " ".join((found if isinstance(found, str) else text).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _json(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnusableError("no JSON") from error
    if not isinstance(body, dict):
        raise UnusableError("no JSON object")
    return body


def _compare(what: str, ids: Any, count: Any) -> None:
    """Refuse ids that are no list of numbers, or not as many as the server counted."""
    if not isinstance(ids, list) or not all(type(token) is int and token >= 0 for token in ids):
        raise UnusableError(f"{what} that are no list of numbers")
    if count is not None and count != len(ids):
        raise UnusableError(f"{len(ids)} {what} where the server counts {count}")


def _cached(usage: dict[str, Any]) -> int:
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return cached if type(cached) is int else 0
