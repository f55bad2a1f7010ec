"""The engine: prompt ids in, generated ids out as they finish.

Which one is a matter of a model's file: `engine: vllm` runs the model here (`offline`), `ray` on the machines of a
cluster (`remote`), `server` asks an endpoint that speaks OpenAI's protocol, `replay` reads what was recorded. All four
take and give token ids, never text.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

from lib.engine import gpus
from lib.engine.progress_bar import progress
from lib.engine.request import request_key
from lib.params.settings import Model

__all__ = [
    "Completion",
    "Engine",
    "EngineError",
    "Request",
    "check",
    "open",
    "progress",
    "request_key",
    "room",
    "when_needed",
]


class EngineError(RuntimeError):
    """The engine cannot be opened or cannot take a request; its text is one line."""


@dataclass(frozen=True)
class Request:
    """One prompt to continue, with a seed of its own."""

    key: str
    prompt_ids: list[int]
    seed: int
    max_tokens: int | None = None  # most tokens to generate; None: the model's own limit
    thinking_budget: int | None = None  # most tokens of thinking to generate, then the engine ends it; None: no limit
    json_schema: dict[str, Any] | None = None  # that the answer, not the thinking before it, must fit; None: any text


@dataclass(frozen=True)
class Completion:
    """What the engine generated for the request of the same key."""

    key: str
    token_ids: list[int]
    finish_reason: str  # "stop" or "length"
    cached_tokens: int  # prompt tokens found in the prefix cache, as far as the engine tells


class Engine(Protocol):
    """What every engine is: something with a model that turns requests into completions."""

    model: Model

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Completions as they finish, in no fixed order.

        Requests are taken as there is room for them, so that any number of them may come from a generator. Those that
        share the beginning of their prompts should stand side by side: the prefix cache serves them best then.

        Args:
            requests: keys must differ.

        Raises:
            EngineError: a request cannot be answered; the message begins with its key.
        """

    def close(self) -> None:
        """Give back what the engine holds."""


@contextmanager
def open(model: Model) -> Iterator[Engine]:
    """The engine that a model's file names, for as long as the `with` block lasts.

    Raises:
        EngineError: it cannot be opened; the message carries the engine's own reason.
    """
    engine = _class(model)(model)
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def when_needed(model: Model) -> Iterator[Engine]:
    """An engine that is opened by the first request: a run that finds all its answers on disk loads no model.

    Raises:
        EngineError: as `open`, at the first request.
    """
    _class(model)  # its module sets what torch reads when it is imported, which may be before the first request
    with ExitStack() as stack:
        yield _Later(model, stack)


class _Later:
    """An engine that is opened when there is something to ask."""

    def __init__(self, model: Model, stack: ExitStack):
        self.model, self._stack = model, stack
        self._engine: Engine | None = None

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """As `Engine.generate` says."""
        requests = iter(requests)
        first = next(requests, None)
        if first is None:
            return
        if self._engine is None:
            self._engine = self._stack.enter_context(open(self.model))
        yield from self._engine.generate(chain([first], requests))

    def close(self) -> None:
        """Give back what the engine holds."""
        self._stack.close()


def _class(model: Model) -> type:
    if model.engine == "server":
        from lib.engine.server import Server

        return Server
    if model.engine == "replay":
        from lib.engine.replay import Replay

        return Replay
    if model.engine == "ray":
        from lib.engine.ray import RayEngine

        return RayEngine
    from lib.engine.data_parallel import Copies
    from lib.engine.vllm import VLLMEngine

    return Copies if gpus.shared() or model.options.get("data_parallel_size", 1) != 1 else VLLMEngine


def check(request: Request, model: Model, running: Iterable[str]) -> None:
    """Refuse a request whose key is among those that are `running`, or whose prompt leaves no room; EngineError."""
    if request.key in running:
        raise EngineError(f"{request.key}: two requests with this key")
    if len(request.prompt_ids) >= model.max_model_len:
        raise EngineError(
            f"{request.key}: prompt of {len(request.prompt_ids)} tokens, expected fewer than "
            f"max_model_len {model.max_model_len} of params/models/{model.name}.yaml"
        )


def room(request: Request, model: Model) -> int:
    """Most tokens that may be generated: the request's limit or the model's, or what the context leaves if less."""
    limit = model.max_tokens if request.max_tokens is None else request.max_tokens
    return min(limit, model.max_model_len - len(request.prompt_ids))
