"""An engine behind HTTP: any OpenAI-compatible completions endpoint that takes and returns token ids.

`vllm serve MODEL` and SGLang do. Options: url (such as http://localhost:8000/v1), concurrency (requests in flight, 64),
timeout (seconds until an answer must be complete; by default 600 and one more for every 5 of max_tokens), retries (8),
served_model_name (where the server has several). Start vLLM with --generation-config vllm, or the model's own file may
limit its answers; for cached tokens, with --enable-prompt-tokens-details; for thinking budgets, and for JSON after a
thought, with --reasoning-parser; for JSON from small models, which would write white space without end, with
--structured-outputs-config '{"backend": "xgrammar", "disable_any_whitespace": true}'.

A key comes from the variable OPENAI_API_KEY only, is read for each request and kept nowhere; without one, a user and
password in the url are sent. Seeds are cut to 31 bits, which is what every server takes. The package openai would not
do: it retries only what fails as HTTP, not an answer that is no JSON or not to this question.
"""

import asyncio
import base64
import dataclasses
import datetime
import email.utils
import html
import json
import os
import re
import urllib.parse
import zlib
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Annotated, Any

import httpx
from pydantic import AfterValidator, Field, ValidationError
from pydantic.dataclasses import dataclass
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from lib import params
from lib.engine import thinking
from lib.engine.request import Completion, EngineError, Request, check, room
from lib.markup import tokens
from lib.params.settings import STRICT, Count, Model, Text, shown_url

KEY = "OPENAI_API_KEY"
TRANSIENT = {408, 409, 425, 429}  # and all from 500 on
BACKOFF = 0.5  # seconds: the first pause lasts up to this, each further one up to twice as long
LONGEST_PAUSE = 30.0  # seconds
LONGEST_RETRY_AFTER = 600.0  # seconds that a server may ask us to wait
CONNECT = 30.0  # seconds until a connection must stand
LISTING = 60.0  # seconds until the list of models must be complete
SLOWEST = 5.0  # tokens a second of the slowest server that the default of `timeout` has patience with
LONGEST_MESSAGE = 300  # characters of a server's message that are passed on
FEW = 5  # models that a message names
ALIKE = 3  # answers with the same fault, after which a request is given up
LIST_BYTES, ERROR_BYTES = 2**24, 2**16  # of a list of models, and of an error, that are read
ANSWER_BYTES, TOKEN_BYTES = 2**20, 128  # that an answer may have, and more for each token of its prompt and limit
PROBE_TOKENS, PROBE_TEMPERATURE = 16, 2.0  # of requests that find out whether a server heeds seeds


class UnusableError(Exception):
    """An answer that is malformed, or not to this request; asking again may help, after a pause of so many seconds."""

    def __init__(self, reason: str, pause: float = 0.0):
        super().__init__(reason)
        self.pause = pause


class WrongAnswerError(UnusableError):
    """An answer with status 200 that is malformed; a second one with the same fault says that it is no accident."""


def _address(url: str) -> str:
    try:
        read = httpx.URL(url)
    except httpx.InvalidURL:
        read = httpx.URL()
    if read.scheme not in ("http", "https") or not read.host or read.query or read.fragment or re.search(r"\s", url):
        raise ValueError(f"expected one such as http://localhost:8000/v1, got {shown_url(url)}")
    return url.rstrip("/")


@dataclass(frozen=True, config=STRICT)
class Options:
    """How the server is reached: the options of a model's file."""

    url: Annotated[str, AfterValidator(_address)] = Field(repr=False)  # may hold a password
    concurrency: Count = 64
    timeout: Annotated[float, Field(gt=0)] | None = None
    retries: Annotated[int, Field(ge=0)] = 8
    served_model_name: Text | None = None


class Server:
    """A client of a server; requests run in an event loop of their own thread, so that a notebook's stays free."""

    def __init__(self, model: Model):
        self.model = model
        self._options = options(model)
        self._url = shown_url(self._options.url)
        self._timeout = self._options.timeout or 600 + model.max_tokens / SLOWEST
        self._vocabulary = tokens.size(model)
        self._marks: thinking.Marks | None = None
        self._drawn: dict[int, tuple[int, int]] | None = {}  # of a prompt: seed and answer; None once seeds do count
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="engine", daemon=True)
        self._thread.start()
        most = self._options.concurrency
        self._client = httpx.AsyncClient(
            auth=partial(_authorized, login=httpx.URL(self._options.url)),
            headers={"Accept-Encoding": "gzip"},
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
                    future = self._submit(self._completed(request))
                    running[request.key] = request, future
                    future.add_done_callback(lambda _, key=request.key: finished.put(key))
                if not running:
                    return
                request, future = running.pop(finished.get())
                done = future.result()
                self._check_seeds(request, done)
                yield thinking.check(request, done, self._marks)
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
        served = await self._ask(self._url, "GET", "models", models, LIST_BYTES)
        ours = {options.served_model_name} if options.served_model_name else {self.model.path, self.model.location}
        cards = [card for card in served if card["id"] in ours or card.get("root") in ours]
        if not cards:
            wanted, ids = options.served_model_name or self.model.path, [card["id"] for card in served]
            names = ", ".join(ids[:FEW]) + (f" and {len(ids) - FEW} more" if len(ids) > FEW else "") or "no model"
            names = message(self._scrubbed(names + params.suggestion(wanted, ids)))
            raise EngineError(
                f"{self._url}: serves {names}, expected {wanted}; if it has another name there, write it into {file}: "
                "options.served_model_name"
            )
        have, need = cards[0].get("max_model_len"), self.model.max_model_len
        if have is not None and have < need:
            raise EngineError(f"{self._url}: takes {have} tokens, expected max_model_len {need} of {file}")
        return cards[0]["id"]

    async def _completed(self, request: Request, **sampling: Any) -> Completion:
        body = self._body(request) | sampling
        most = ANSWER_BYTES + TOKEN_BYTES * (len(request.prompt_ids) + body["max_tokens"])
        read = partial(completion, request=request, limit=body["max_tokens"], vocabulary=self._vocabulary)
        return await self._ask(request.key, "POST", "completions", read, most, body)

    def _check_seeds(self, request: Request, done: Completion) -> None:
        """Refuse a server that answers one prompt alike whatever the seed; EngineError.

        A model may be so sure of itself that two answers are equal by chance: then it is asked again at a temperature
        where that cannot be.
        """
        if self._drawn is None or not self.model.temperature:
            return
        prompt, answer = hash(tuple(request.prompt_ids)), hash(tuple(done.token_ids))
        seed, other = self._drawn.setdefault(prompt, (request.seed, answer))
        if seed == request.seed:
            return
        if answer == other:
            self._probe_seeds(request, seed)
        self._drawn = None

    def _probe_seeds(self, request: Request, other: int) -> None:
        asked = [dataclasses.replace(request, seed=seed, max_tokens=PROBE_TOKENS) for seed in (other, request.seed)]
        asked = [dataclasses.replace(one, thinking_budget=None, json_schema=None) for one in asked]
        free = {"temperature": PROBE_TEMPERATURE, "top_p": 1.0, "top_k": -1}
        one, two = (self._submit(self._completed(each, **free)).result().token_ids for each in asked)
        if one == two:
            raise EngineError(
                f"{self._url}: answers one prompt alike whatever the seed, expected a server that heeds the field seed "
                "of a request; samples would be copies of each other"
            )

    def _body(self, request: Request) -> dict[str, Any]:
        """The body of a request. All sampling is spelt out: servers fill gaps with the model's own defaults."""
        body = {
            "model": self._name,
            "prompt": request.prompt_ids,
            "add_special_tokens": False,
            "max_tokens": room(request, self.model),
            "n": 1,
            "seed": request.seed % 2**31,
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
            try:
                self._marks = self._marks or thinking.marks(self.model)
            except ValueError as error:
                raise EngineError(f"{request.key}: {error}") from error
            body["thinking_token_budget"] = thinking.allowed(request, self._marks)
        if request.json_schema is not None:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": request.json_schema, "strict": True},
            }
        return body

    async def _ask(
        self, what: str, method: str, path: str, read: Callable[[bytes], Any], most: int, body: Any = None
    ) -> Any:
        """An answer of at most so many bytes as `read` parses it, after as many attempts as it takes.

        `what` begins the message of an EngineError.
        """
        jitter = wait_random_exponential(multiplier=BACKOFF, max=LONGEST_PAUSE)
        faults: Counter[str] = Counter()

        def is_enough(state: RetryCallState) -> bool:
            error = state.outcome.exception()
            faults[str(error)] += isinstance(error, WrongAnswerError)
            return state.attempt_number > self._options.retries or faults[str(error)] >= ALIKE

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(UnusableError),
            stop=is_enough,
            wait=lambda state: max(jitter(state), state.outcome.exception().pause),
            reraise=True,
        )
        try:
            return await retrying(self._attempt, what, method, path, read, most, body)
        except UnusableError as error:
            reason, attempts = self._scrubbed(str(error)), retrying.statistics["attempt_number"]
        raise EngineError(f"{what}: no usable answer in {attempts} attempts: {reason}")

    async def _attempt(
        self, what: str, method: str, path: str, read: Callable[[bytes], Any], most: int, body: Any
    ) -> Any:
        failure, is_late = None, False
        seconds = self._timeout if body else min(self._timeout, LISTING)
        url = str(httpx.URL(self._options.url).copy_with(userinfo=b"")) + f"/{path}"
        try:
            async with asyncio.timeout(seconds), self._client.stream(method, url, json=body) as answer:
                status, is_fine = answer.status_code, answer.status_code == 200
                pause = _retry_after(answer.headers.get("Retry-After", ""))
                content = await _content(answer, most if is_fine else ERROR_BYTES)
        except TimeoutError:
            failure, is_late = f"none within {seconds:g} s", True
        except httpx.RequestError as error:
            failure = message(f"{type(error).__name__} {error}")
        if is_late and body:  # it would take as long again: the seed is the same
            raise EngineError(
                f"{what}: no answer within {seconds:g} s (options.timeout); expected a longer one, a smaller "
                "options.concurrency, or a smaller max_tokens"
            )
        if failure:  # raised out here, where it does not hold on to the request that failed
            raise UnusableError(failure)
        if is_fine:
            if len(content) > most:
                raise WrongAnswerError(f"longer than {most} bytes")
            return read(content)
        said = f"status {status}: {message(self._scrubbed(content.decode(errors='replace')))}"
        del content  # may quote the key
        if status in TRANSIENT or status >= 500:
            raise UnusableError(said, pause)
        hint = ""
        if status in (401, 403):
            hint = f" (the variable {KEY} should hold the key)"
        elif status in (404, 405):
            hint = f" (expected {method} {self._url}/{path}, of OpenAI's completions; a server of chats only has none)"
        raise EngineError(f"{what}: the server refuses with {self._scrubbed(said)}{hint}")

    def _scrubbed(self, text: str) -> str:
        """A text without the key, user and password, which a server may have quoted in any of the usual spellings."""
        url = httpx.URL(self._options.url)
        login = f"{url.username}:{url.password}" if url.userinfo else ""
        known = [secret for secret in (os.environ.get(KEY), login, url.password) if secret]
        for secret in known:
            spelt = {secret, urllib.parse.quote(secret, safe=""), html.escape(secret), json.dumps(secret)[1:-1]}
            spelt.add(base64.b64encode(secret.encode()).decode().rstrip("="))
            text = re.sub(
                "|".join(map(re.escape, sorted(spelt, key=len, reverse=True))), "…", text, flags=re.IGNORECASE
            )
        plain = re.sub(r"\\u00([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), text)
        plain = re.sub(r"[\s\\]", "", html.unescape(urllib.parse.unquote(plain))).casefold()
        return (
            "(withheld, as it quotes the key)"
            if any("".join(one.split()).casefold() in plain for one in known)
            else text
        )


async def _content(answer: httpx.Response, most: int) -> bytes:
    """The body of an answer, unpacked, up to one byte more than `most`; the rest is never read."""
    packing = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if packing not in ("identity", "gzip", "deflate", ""):
        raise WrongAnswerError("packed in another way than the gzip that was asked for")
    packed = zlib.decompressobj(zlib.MAX_WBITS | 32) if packing in ("gzip", "deflate") else None
    content = bytearray()
    async for chunk in answer.aiter_raw():
        try:
            content += packed.decompress(chunk, most + 1 - len(content)) if packed else chunk
        except zlib.error as error:
            raise WrongAnswerError("packed in another way than its header says") from error
        if len(content) > most:
            break
    return bytes(content[: most + 1])


def _retry_after(text: str) -> float:
    """Seconds that a server asks us to wait, by a number or a date; 0 where it asks nothing that can be read."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (email.utils.parsedate_to_datetime(text) - datetime.datetime.now(datetime.UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return min(seconds, LONGEST_RETRY_AFTER) if seconds > 0 else 0.0


def options(model: Model) -> Options:
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


def _authorized(request: httpx.Request, login: httpx.URL) -> httpx.Request:
    if key := os.environ.get(KEY):
        request.headers["Authorization"] = f"Bearer {key}"
    elif login.userinfo:
        return next(httpx.BasicAuth(login.username, login.password).auth_flow(request))
    return request


def completion(content: bytes, request: Request, limit: int | None = None, vocabulary: int | None = None) -> Completion:
    """The completion in a server's answer, of which nothing is taken on trust.

    `limit`: most tokens that were asked for; `vocabulary`: ids that the tokenizer knows. None: nobody knows.

    An UnusableError: it is no JSON, or of another shape, was broken off, or is about other prompt ids. An EngineError:
    it holds text instead of token ids, or does what it would do again.
    """
    body = _json(content)
    choices = body.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise WrongAnswerError("without the one choice that was asked for")
    choice = choices[0]
    end, ids, prompt = (choice.get(name) for name in ("finish_reason", "token_ids", "prompt_token_ids"))
    if end not in ("stop", "length"):
        raise WrongAnswerError(f"broken off with finish_reason {_short(end)}")
    if ids is None and isinstance(choice.get("text"), str):
        raise EngineError(
            f"{request.key}: the server answers with text but without token_ids, expected one that knows the field "
            "return_token_ids of a request, as vLLM and newer SGLang do"
        )
    usage = body.get("usage") if isinstance(body.get("usage"), dict) else {}
    _compare("token_ids", ids, usage.get("completion_tokens"), vocabulary)
    _compare_prompts(request, prompt, usage.get("prompt_tokens"))
    if limit is not None and len(ids) > limit:
        raise WrongAnswerError(f"{len(ids)} token_ids, expected at most {limit}")
    if limit is not None and end == "length" and len(ids) < limit:
        raise EngineError(
            f"{request.key}: cut by the server after {len(ids)} tokens of {limit}, expected no limit of its own there "
            "(such as max_new_tokens in the model's generation_config.json; start vLLM with --generation-config vllm)"
        )
    return Completion(request.key, ids, end, _cached(usage, len(request.prompt_ids)))


def _compare_prompts(request: Request, prompt: Any, count: Any) -> None:
    """Refuse an answer to another prompt than was asked, or one that does not say to which."""
    asked = request.prompt_ids
    if prompt is None and count is None:
        raise EngineError(
            f"{request.key}: the server says neither prompt_token_ids nor usage.prompt_tokens, expected one of them: "
            "it may have put ids of its own in front of the prompt"
        )
    if isinstance(prompt, list) and len(prompt) > len(asked) and prompt[len(prompt) - len(asked) :] == asked:
        more = len(prompt) - len(asked)
        raise EngineError(
            f"{request.key}: about other prompt ids than were asked: the server puts {more} more in front, expected "
            "one that heeds the field add_special_tokens of a request"
        )
    if prompt is not None and prompt != asked:
        raise WrongAnswerError("about other prompt ids than were asked")
    _compare("prompt ids", asked, count)


def models(content: bytes) -> list[dict[str, Any]]:
    """The models that a server lists: `id`, perhaps `root` and `max_model_len`; raises UnusableError."""
    cards = _json(content).get("data")
    if not isinstance(cards, list) or not all(isinstance(card, dict) for card in cards):
        raise WrongAnswerError("no list of models")
    for card in cards:
        if not isinstance(card.get("id"), str) or not isinstance(card.get("root"), str | None):
            raise WrongAnswerError("a list of models whose id or root is no text")
        length = card.get("max_model_len")
        if length is not None and (type(length) is not int or length < 1):
            raise WrongAnswerError(f"a model with max_model_len {_short(length)}, expected a number of tokens")
    return cards


def message(text: str) -> str:
    """A server's error in one line: its message if the text is JSON that holds one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    for name in ("error", "message", "detail"):
        if isinstance(value, dict) and value.get(name):
            value = value[name]
    line = "".join(letter if letter.isprintable() else " " for letter in (value if isinstance(value, str) else text))
    line = " ".join(line.split())
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "…"


def _json(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise WrongAnswerError("no JSON") from error
    if not isinstance(body, dict):
        raise WrongAnswerError("no JSON object")
    return body


def _short(value: Any) -> str:
    return repr(value) if isinstance(value, str | int | float | None) and len(repr(value)) < 40 else "of another type"


def _compare(what: str, ids: Any, count: Any, vocabulary: int | None = None) -> None:
    """Refuse ids that are no list of ids, or not as many as the server counted; UnusableError."""
    most = vocabulary or 2**31
    if not isinstance(ids, list) or not all(type(token) is int and token >= 0 for token in ids):
        raise WrongAnswerError(f"{what} that are no list of numbers")
    if max(ids, default=0) >= most:
        raise WrongAnswerError(f"{what} beyond the vocabulary of {most}")
    if count is not None and (type(count) is not int or count != len(ids)):
        raise WrongAnswerError(f"{len(ids)} {what} where the server counts {_short(count)}")


def _cached(usage: dict[str, Any], prompt: int) -> int:
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    if cached is not None and (type(cached) is not int or not 0 <= cached <= prompt):
        raise WrongAnswerError(f"cached_tokens {_short(cached)} of a prompt of {prompt}")
    return cached or 0
