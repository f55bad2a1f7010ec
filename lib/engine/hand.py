"""A worker from the inside: an engine of vLLM that is given requests in turns, and gives back what has finished.

Each turn lasts a moment, so that a worker is never long without an ear; the next one waits when it ends, so that
vLLM never stands still. All of it happens in one thread, as the number of threads that torch computes with, which
decides how sums round, is one thread's own.
"""

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib import cluster
from lib.engine.request import Completion, EngineError, Request
from lib.params.settings import Model

MOMENT = 0.2  # seconds of a turn that has finished something
LONGEST = 1.0  # seconds of one that has not


@dataclass(frozen=True)
class Ready:
    """What a worker says when its model is loaded."""

    window: int  # requests that it holds, at most
    host: str
    process: int
    versions: dict[str, str]


@dataclass(frozen=True)
class StepResult:
    """What came of a turn: completions, and what ended it before its time, if anything did."""

    done: list[Completion]
    refused: EngineError | None = None


class RayWorker:
    """One worker. What it is told comes in order; errors of the engine are values, as they are nobody's death."""

    def __init__(self) -> None:
        self._engine: Any = None

    def start(self, model: Model, settings: Mapping[str, str | None]) -> Ready | EngineError:
        """Load the model, with these variables of the environment set (None: unset) before anything reads them."""
        for name, value in settings.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        from lib.engine.vllm import VLLMEngine

        try:
            self._engine = VLLMEngine(model)
        except EngineError as error:
            return error
        return Ready(self._engine.window, socket.gethostname(), os.getpid(), cluster.versions())

    def turn(self, requests: list[Request]) -> StepResult:
        """Take requests, and work until some have finished, or for a moment."""
        done: list[Completion] = []
        began = time.monotonic()
        try:
            for request in requests:
                self._engine.send(request)
            while self._engine.busy and time.monotonic() - began < (MOMENT if done else LONGEST):
                done += self._engine.step()
        except EngineError as error:
            return StepResult(done, error)
        return StepResult(done)

    def drop(self) -> None:
        """Forget all requests."""
        self._engine.drop()
