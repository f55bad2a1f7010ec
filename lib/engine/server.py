"""An engine behind HTTP: any endpoint of OpenAI's completions protocol that takes and returns token ids.

`vllm serve MODEL` and SGLang do. Options: url (such as http://localhost:8000/v1), concurrency (requests in flight, 64),
timeout (seconds until an answer must be complete, 600), retries (8), served_model_name (where the server has several).
For cached tokens start vLLM with --enable-prompt-tokens-details; for thinking budgets, and for JSON after a thought,
with --reasoning-parser; for JSON from small models, which would write white space without end, with
--structured-outputs-config '{"backend": "xgrammar", "disable_any_whitespace": true}'.

A key comes from the variable OPENAI_API_KEY only: it is read for each request and kept nowhere.

httpx and tenacity carry this rather than the package openai, which retries by itself only what fails as HTTP, not an
answer that is no JSON or not to this question, and knows the fields for token ids as extras only.
"""

import asyncio
import difflib
import os
import re
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any

import httpx
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from lib.engine import structured, thinking
from lib.engine.answer import UnusableError, completion, message, models
from lib.engine.request import Completion, EngineError, Request, check, room
from lib.params.settings import Model

KEY = "OPENAI_API_KEY"
TRANSIENT = {408, 409, 425, 429}  # and all from 500 on
BACKOFF = 0.5  # seconds: the first pause lasts up to this, each further one up to twice as long
LONGEST_PAUSE = 30.0  # seconds
CONNECT = 30.0  # seconds until a connection must stand


@dataclass(frozen=True)
class Options:
    """How the server is reached."""

    url: str
    concurrency: int = 64
    timeout: float = 600.0
    retries: int = 8
    served_model_name: str | None = None


class Server:
    """A model that a server has loaded; requests run in an event loop of their own thread, so a notebook's is free."""

    def __init__(self, model: Model):
        self.model = model
        self._options = _options(model)
        self._marks: thinking.Marks | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="engine", daemon=True)
        self._thread.start()
        most = self._options.concurrency
        self._client = httpx.AsyncClient(
            auth=_authorized,
            timeout=httpx.Timeout(None, connect=CONNECT),
            limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
        )
        try:
            self._name = self._start(self._served()).result()
        except BaseException:
            self.close()
            raise

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """As `Engine.generate` says; a request that fails for now is asked again, after a pause that grows."""
        requests, finished = iter(requests), SimpleQueue()
        running: dict[str, tuple[Request, Future]] = {}
        try:
            while True:
                while len(running) < self._options.concurrency and (request := next(requests, None)):
                    check(request, self.model, running)
                    read = partial(completion, request=request)
                    work = self._ask(request.key, "POST", "completions", read, self._body(request))
                    future = self._start(work)
                    running[request.key] = request, future
                    future.add_done_callback(lambda _, key=request.key: finished.put(key))
                if not running:
                    return
                request, future = running.pop(finished.get())
                yield thinking.check(request, future.result(), self._marks)
        finally:  # a caller that stops early hangs up, which ends the work of the server too
            for _, future in running.values():
                future.cancel()

    def close(self) -> None:
        """Hang up."""
        if self._loop.is_closed():
            return
        self._start(self._hang_up()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _start(self, work: Coroutine) -> Future:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _hang_up(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._client.aclose()

    async def _served(self) -> str:
        """The name under which the server has the model; refuses a server without it, or with a shorter context."""
        options, file = self._options, f"params/models/{self.model.name}.yaml"
        found = await self._ask(options.url, "GET", "models", models)
        ours = {options.served_model_name} if options.served_model_name else {self.model.path, self.model.location}
        cards = [card for card in found if card["id"] in ours or card.get("root") in ours]
        if not cards:
            names = ", ".join(card["id"] for card in found) or "no model"
            raise EngineError(
                f"{options.url}: serves {names}, expected {options.served_model_name or self.model.path}; if it has "
                f"another name there, write it into {file}: options.served_model_name"
            )
        length = cards[0].get("max_model_len")
        if length is not None and length < self.model.max_model_len:
            raise EngineError(
                f"{options.url}: takes {length} tokens, expected max_model_len {self.model.max_model_len} of {file}"
            )
        return cards[0]["id"]

    def _body(self, request: Request) -> dict[str, Any]:
        """What is asked. Sampling is spelt out to the end, as servers fill gaps with the model's own defaults."""
        body = {
            "model": self._name,
            "prompt": request.prompt_ids,
            "add_special_tokens": False,
            "max_tokens": room(request, self.model),
            "n": 1,
            "seed": request.seed,
            "temperature": self.model.temperature,
            "top_p": self.model.top_p,
            "top_k": self.model.top_k,
            "min_p": 0.0,
            "frequency_penalty": 0.0,
            "presence_penalty": 0.0,
            "repetition_penalty": 1.0,
            "return_token_ids": True,
        }
        if request.thinking_budget is not None:
            self._marks = self._marks or thinking.marks(self.model)
            body["thinking_token_budget"] = thinking.allowed(request, self._marks)
        if request.json_schema is not None:
            body["response_format"] = structured.response_format(request.json_schema)
        return body

    async def _ask(self, what: str, method: str, path: str, read: Callable[[bytes], Any], body: Any = None) -> Any:
        """An answer as `read` takes it; asks again while that may help.

        Raises:
            EngineError: the server refuses, or there is no usable answer after all attempts; `what` begins the message.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(UnusableError),
            stop=stop_after_attempt(self._options.retries + 1),
            wait=wait_random_exponential(multiplier=BACKOFF, max=LONGEST_PAUSE),
            reraise=True,
        )
        try:
            return await retrying(self._attempt, what, method, f"{self._options.url}/{path}", read, body)
        except UnusableError as error:
            reason = _scrubbed(str(error))
        raise EngineError(f"{what}: no usable answer in {self._options.retries + 1} attempts: {reason}")

    async def _attempt(self, what: str, method: str, url: str, read: Callable[[bytes], Any], body: Any) -> Any:
        failure = None
        try:
            async with asyncio.timeout(self._options.timeout):
                answer = await self._client.request(method, url, json=body)
        except TimeoutError:
            failure = f"none within {self._options.timeout:g} s (options.timeout)"
        except httpx.RequestError as error:
            failure = f"{type(error).__name__} {error}".strip()
        if failure:  # raised out here, where it does not hold on to the request that failed
            raise UnusableError(failure)
        told = f"status {answer.status_code}"
        if answer.status_code != 200:
            told += f": {message(_scrubbed(answer.text))}"
        if answer.status_code in TRANSIENT or answer.status_code >= 500:
            raise UnusableError(told)
        if answer.status_code != 200:
            hint = f" (the variable {KEY} should hold the key)" if answer.status_code in (401, 403) else ""
            raise EngineError(f"{what}: the server refuses with {told}{hint}")
        return read(answer.content)


def _options(model: Model) -> Options:
    """The options of a server; raises EngineError for one that is unknown, missing or of a wrong kind."""
    file, values = f"params/models/{model.name}.yaml", model.options
    kinds = {"url": str, "concurrency": int, "timeout": (int, float), "retries": int, "served_model_name": str}
    for key, value in values.items():
        if key not in kinds:
            close = difflib.get_close_matches(key, kinds, n=1)
            guess = f" (did you mean {close[0]}?)" if close else ""
            raise EngineError(f"{file}: options.{key}: no option of a server{guess}, expected {', '.join(kinds)}")
        least = {"concurrency": 1, "retries": 0}.get(key)
        sound = isinstance(value, kinds[key]) and not isinstance(value, bool)
        if not sound or (least is not None and value < least) or (key == "timeout" and value <= 0):
            raise EngineError(f"{file}: options.{key}: cannot be {value!r}")
    if not re.match(r"https?://[^\s/]", str(values.get("url", ""))):
        raise EngineError(f"{file}: options.url: expected one such as http://localhost:8000/v1")
    key = os.environ.get(KEY, "")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise EngineError(f"the variable {KEY} should hold printable ASCII without spaces")
    return Options(**values | {"url": values["url"].rstrip("/")})


def _authorized(request: httpx.Request) -> httpx.Request:
    if key := os.environ.get(KEY):
        request.headers["Authorization"] = f"Bearer {key}"
    return request


def _scrubbed(text: str) -> str:
    """A text without the key, which a server may have quoted."""
    key = os.environ.get(KEY)
    return text.replace(key, "…") if key else text
