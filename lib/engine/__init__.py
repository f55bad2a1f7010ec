"""The engine: prompt ids in, generated ids out as they finish.

A model's file names its engine: `engine: vllm` runs the model here (`vllm`, or `data_parallel` for several copies),
`ray` on the machines of a cluster, `server` asks an endpoint that speaks OpenAI's protocol, `replay` reads recorded
completions. All of them take and give token ids, never text.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import chain

from lib.engine import gpus
from lib.engine.request import Completion, Engine, EngineError, Request, Usage, request_key, seed_of
from lib.params.settings import Model

__all__ = [
    "Completion",
    "Engine",
    "EngineError",
    "Request",
    "Usage",
    "check_options",
    "open",
    "request_key",
    "seed_of",
    "when_needed",
]


@contextmanager
def open(model: Model) -> Iterator[Engine]:
    """The engine that a model's file names, for as long as the `with` block lasts; an EngineError if it has none."""
    engine = _class(model)(model)
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def when_needed(model: Model) -> Iterator[Engine]:
    """As `open`, but at the first request: a run that finds all its answers on disk loads no model."""
    _class(model)  # its module sets what torch reads when it is imported, which may be before the first request
    with ExitStack() as stack:
        yield _LazyEngine(model, stack)


class _LazyEngine:
    def __init__(self, model: Model, stack: ExitStack):
        self.model, self._stack = model, stack

    @cached_property
    def _engine(self) -> Engine:
        return self._stack.enter_context(open(self.model))

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        requests = iter(requests)
        for first in requests:
            yield from self._engine.generate(chain([first], requests))


def check_options(model: Model) -> None:
    """Refuse options that a model's engine does not know, without opening it; an EngineError, one line."""
    if model.engine == "server":
        from lib.engine.server import options

        options(model)
    elif model.engine == "replay":
        from lib.engine.replay import recorded

        recorded(model)
    else:
        from lib.engine.vllm import check_options

        check_options(model)


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
