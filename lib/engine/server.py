"""An engine behind HTTP: any OpenAI-compatible completions endpoint that takes and returns token ids.

`vllm serve MODEL` and SGLang do. Options: url (such as http://localhost:8000/v1), concurrency (requests in flight, 64),
timeout (seconds until an answer must be complete, 600), retries (8), served_model_name (where the server has several).
For cached tokens start vLLM with --enable-prompt-tokens-details; for thinking budgets, and for JSON after a thought,
with --reasoning-parser; for JSON from small models, which would write white space without end, with
--structured-outputs-config '{"backend": "xgrammar", "disable_any_whitespace": true}'.

A key comes from the variable OPENAI_API_KEY only, is read for each request and kept nowhere. The package openai would
not do: it retries only what fails as HTTP, not an answer that is no JSON or not to this question.
"""

import asyncio
import dataclasses
import json
import os
import re
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Annotated, Any

import httpx
from pydantic import AfterValidator, Field, ValidationError
from pydantic.dataclasses import dataclass
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from lib import params
from lib.engine import thinking
from lib.engine.request import Completion, EngineError, Request, check, room
from lib.params.settings import STRICT, Count, Model, Text

KEY = "OPENAI_API_KEY"
TRANSIENT = {408, 409, 425, 429}  # and all from 500 on
BACKOFF = 0.5  # seconds: the first pause lasts up to this, each further one up to twice as long
LONGEST_PAUSE = 30.0  # seconds
CONNECT = 30.0  # seconds until a connection must stand
LONGEST_MESSAGE = 300  # characters of a server's message that are passed on


class UnusableError(Exception):
    """An answer that is malformed, or not to this request; asking again may help."""


def _address(url: str) -> str:
    if not re.match(r"https?://[^\s/]", url):
        raise ValueError(f"expected one such as http://localhost:8000/v1, got {url}")
    return url.rstrip("/")


@dataclass(frozen=True, config=STRICT)
class Options:
    """How the server is reached: the options of a model's file."""

    url: Annotated[str, AfterValidator(_address)]
    concurrency: Count = 64
    timeout: Annotated[float, Field(gt=0)] = 600.0
    retries: Annotated[int, Field(ge=0)] = 8
    served_model_name: Text | None = None


class Server:
    """A client of a server; requests run in an event loop of their own thread, so that a notebook's stays free."""

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
            self._name = self._submit(self._served()).result()
        except BaseException:
            self.close()
            raise

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """As `Engine.generate`; a request that fails for now is sent again after a growing pause."""
        requests, finished = iter(requests), SimpleQueue()
        running: dict[str, tuple[Request, Future]] = {}
        try:
            while True:
                while len(running) < self._options.concurrency and (request := next(requests, None)):
                    check(request, self.model, running)
                    read = partial(completion, request=request)
                    work = self._ask(request.key, "POST", "completions", read, self._body(request))
                    future = self._submit(work)
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
        if self._loop.is_closed():
            return
        self._submit(self._hang_up()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _submit(self, work: Coroutine) -> Future:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _hang_up(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._client.aclose()

    async def _served(self) -> str:
        """The server's name for the model; refuses a server without it, or with a shorter context."""
        options, file = self._options, f"params/models/{self.model.name}.yaml"
        served = await self._ask(options.url, "GET", "models", models)
        ours = {options.served_model_name} if options.served_model_name else {self.model.path, self.model.location}
        cards = [card for card in served if card["id"] in ours or card.get("root") in ours]
        if not cards:
            names = ", ".join(card["id"] for card in served) or "no model"
            raise EngineError(
                f"{options.url}: serves {names}, expected {options.served_model_name or self.model.path}; if it has "
                f"another name there, write it into {file}: options.served_model_name"
            )
        have, need = cards[0].get("max_model_len"), self.model.max_model_len
        if have is not None and have < need:
            raise EngineError(f"{options.url}: takes {have} tokens, expected max_model_len {need} of {file}")
        return cards[0]["id"]

    def _body(self, request: Request) -> dict[str, Any]:
        """The body of a request. All sampling is spelt out: servers fill gaps with the model's own defaults."""
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
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": request.json_schema, "strict": True},
            }
        return body

    async def _ask(self, what: str, method: str, path: str, read: Callable[[bytes], Any], body: Any = None) -> Any:
        """An answer as `read` parses it, after as many attempts as it takes; `what` begins the message of an error."""
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
        if answer.status_code == 200:
            return read(answer.content)
        status = f"status {answer.status_code}: {message(_scrubbed(answer.text))}"
        if answer.status_code in TRANSIENT or answer.status_code >= 500:
            raise UnusableError(status)
        hint = f" (the variable {KEY} should hold the key)" if answer.status_code in (401, 403) else ""
        raise EngineError(f"{what}: the server refuses with {status}{hint}")


def _options(model: Model) -> Options:
    """The options of a model's file; raises EngineError for one that is unknown, missing or of a wrong type."""
    where, known = f"params/models/{model.name}.yaml: options.", [field.name for field in dataclasses.fields(Options)]
    for key in model.options.keys() - set(known):
        hint = params.suggestion(key, known)
        raise EngineError(f"{where}{key}: no option of a server{hint}, expected {', '.join(known)}")
    key = os.environ.get(KEY, "")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise EngineError(f"the variable {KEY} should hold printable ASCII without spaces")
    try:
        return Options(**model.options)
    except ValidationError as error:
        raise EngineError(where + params.format_error(error.errors()[0])) from error


def _authorized(request: httpx.Request) -> httpx.Request:
    if key := os.environ.get(KEY):
        request.headers["Authorization"] = f"Bearer {key}"
    return request


def _scrubbed(text: str) -> str:
    """A text without the key, which a server may have quoted."""
    key = os.environ.get(KEY)
    return text.replace(key, "…") if key else text


def completion(content: bytes, request: Request) -> Completion:
    """The completion in a server's answer, of which nothing is taken on trust.

    An UnusableError: it is no JSON, or of another shape, was broken off, or is about other prompt ids. An EngineError:
    it holds text instead of token ids.
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
    """The models that a server lists: `id`, perhaps `root` and `max_model_len`; raises UnusableError."""
    cards = _json(content).get("data")
    if not isinstance(cards, list) or not all(isinstance(card, dict) and "id" in card for card in cards):
        raise UnusableError("no list of models")
    return [card | {"id": str(card["id"])} for card in cards]


def message(text: str) -> str:
    """A server's error in one line: its message if the text is JSON that holds one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    for name in ("error", "message", "detail"):
        if isinstance(value, dict) and value.get(name):
            value = value[name]
    line = " ".join((value if isinstance(value, str) else text).split())
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "…"


def _json(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnusableError("no JSON") from error
    if not isinstance(body, dict):
        raise UnusableError("no JSON object")
    return body


def _compare(what: str, ids: Any, count: Any) -> None:
    """Refuse ids that are no list of numbers, or not as many as the server counted; UnusableError."""
    if not isinstance(ids, list) or not all(type(token) is int and token >= 0 for token in ids):
        raise UnusableError(f"{what} that are no list of numbers")
    if count is not None and count != len(ids):
        raise UnusableError(f"{len(ids)} {what} where the server counts {count}")


def _cached(usage: dict[str, Any]) -> int:
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return cached if type(cached) is int else 0
