"""The engine behind HTTP: against a fake server that fails on purpose, and against a real `vllm serve`."""

import asyncio
import base64
import contextlib
import dataclasses
import datetime
import email.utils
import gzip
import html
import itertools
import json
import logging
import os
import random
import resource
import socket
import subprocess
import sys
import threading
import time
import traceback
import urllib.parse
import zlib
from collections.abc import Iterator

import httpx
import pandas as pd
import pytest

from lib import engine, markup, params, paths, problems, schema, tables
from lib.engine import Engine, EngineError, Request, server
from lib.engine import store as parts
from lib.markup import tokens
from lib.markup.prompts import opening, prompt_ids
from lib.params.settings import Model
from lib.updates import solving, writing
from tests.fakes.server import FAULTS, NAME, Fake, Raw, generated, serving

KEY = "sk-loopback-0123456789abcdef"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Short pauses between attempts, no proxy between here and loopback, and a key."""
    monkeypatch.setattr(server, "BACKOFF", 0.01)
    monkeypatch.setattr(server, "LONGEST_PAUSE", 0.05)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def model(url: str, options: dict | None = None, **changes) -> Model:
    values = {"name": "fake", "title": "Fake", "path": NAME, "family": "qwen3", "max_tokens": 64, "max_model_len": 1024}
    return Model(**values | {"engine": "server", "options": {"url": url} | (options or {})} | changes)


@contextlib.contextmanager
def opened(fault=None, late=3.0, card=None, has_seeds=True, **changes) -> Iterator[tuple[Fake, Engine]]:
    """A fake server and an engine that asks it; `fault` names a fault of each answer, or chooses it by the request."""
    faults = fault if callable(fault) else lambda body: fault
    with (
        serving(faults=faults, late=late, card=card, has_seeds=has_seeds) as fake,
        engine.open(model(fake.url, **changes)) as ready,
    ):
        yield fake, ready


def asked(count: int) -> list[Request]:
    """Requests of different lengths, with different prompts and seeds."""
    draw = random.Random(5)
    return [Request(f"k{i}", [draw.randrange(99) for _ in range(1 + i % 40)], i) for i in range(count)]


ONE = [Request("k", [1, 2], 0)]


# a server that fails


def test_with_every_third_answer_a_fault_all_rows_complete_and_none_is_wrong(caplog, capfd):
    caplog.set_level(logging.DEBUG)
    draw, injected = random.Random(7), []

    def faults(body):
        injected.append(draw.choice(FAULTS) if draw.random() < 0.3 else None)
        return injected[-1]

    requests = asked(200)
    with opened(faults, options={"concurrency": 32, "retries": 12}) as (fake, ready):
        done = list(ready.generate(requests))
    assert set(injected) == {None, *FAULTS}
    assert 0.2 < sum(map(bool, injected)) / len(injected) < 0.4
    assert sorted(one.key for one in done) == sorted(request.key for request in requests)
    by_key = {one.key: one for one in done}
    for request in requests:
        assert by_key[request.key].token_ids == generated(request.prompt_ids, request.seed)
        assert by_key[request.key].finish_reason == "stop"
        assert by_key[request.key].cached_tokens == len(request.prompt_ids) // 2
    printed = capfd.readouterr()
    assert KEY not in caplog.text + printed.out + printed.err
    assert all(headers["Authorization"] == f"Bearer {KEY}" for headers in fake.headers)


# (fault of every answer, retries, attempts, what the message says)
@pytest.mark.parametrize(
    ("fault", "retries", "attempts", "expected"),
    [
        ("503", 3, 4, "k: no usable answer in 4 attempts: status 503: too much to do$"),
        ("400", 8, 1, "k: the server refuses with status 400: no good: Bearer … no good: Bearer …$"),
        ("text only", 8, 1, "k: .* without token_ids, expected .* return_token_ids"),  # never ids made from text
        ("longer prompt", 8, 1, "k: about other prompt ids than were asked: the server puts 1 more in front, expected"),
        ("other prompt", 8, 3, "k: no usable answer in 3 attempts: about other prompt ids than were asked$"),
        ("late", 8, 1, r"k: no answer within 0.3 s \(options.timeout\); expected a longer one, a smaller"),
        (Raw(404, chunks=lambda: [b"Not Found"]), 8, 1, r"k: .*404: Not Found \(expected POST .*/v1/completions, of "),
        (Raw(503, (("Retry-After", "0"),)), 1, 2, "k: no usable answer in 2 attempts: status 503:"),
    ],
)
def test_a_server_that_does_not_answer_is_given_up(fault, retries, attempts, expected):
    options = {"retries": retries, "timeout": 0.3 if fault == "late" else 60}
    with opened(fault, 1.0, options=options) as (fake, ready), pytest.raises(EngineError, match=f"^{expected}"):
        list(ready.generate(ONE))
    assert len(fake.bodies) == attempts


def test_a_thought_has_time_by_the_tokens_that_it_may_have():
    with opened(max_tokens=131072, max_model_len=131072, card={"max_model_len": 131072}) as (_, ready):
        assert ready._timeout > 131072 / 10
    with opened(options={"timeout": 7.0}) as (_, ready):
        assert ready._timeout == 7


def packed(size: int) -> bytes:
    """So many bytes, by gzip."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(2**20)) for _ in range(size // 2**20)) + packer.flush()


GZIP = (("Content-Encoding", "gzip"),)
LONG = [{"id": f"{i}" * 50} for i in range(400)]


def with_choice(**fields):
    return lambda answer: answer | {"choices": [answer["choices"][0] | fields]}


def with_usage(**fields):
    return lambda answer: answer | {"usage": answer["usage"] | fields}


def cached(count):
    return with_usage(prompt_tokens_details={"cached_tokens": count})


def of(ids: list, **fields):
    """An answer of these ids, counted rightly."""
    return lambda answer: with_usage(completion_tokens=len(ids))(with_choice(token_ids=ids, **fields)(answer))


# (answer, what the message says); prompt of two ids, 64 tokens asked for
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Raw(headers=GZIP, chunks=lambda: [packed(2**30)]), "longer than 1057024 bytes"),
        (Raw(headers=(("Content-Encoding", "deflate"),), chunks=lambda: [packed(2**28)]), "longer than 1057024 bytes"),
        (Raw(headers=(("Content-Encoding", "br"),), chunks=lambda: [b"x"]), "packed in another way than the gzip"),
        (Raw(headers=GZIP, chunks=lambda: [b"{}"]), "packed in another way than its header says"),
        (Raw(chunks=lambda: itertools.repeat(b" " * 2**16)), "longer than 1057024 bytes"),
        (Raw(500, chunks=lambda: itertools.repeat(b"x" * 2**16)), "status 500: x{299}…$"),
        (Raw(chunks=lambda: [b"[" * 10**6]), "no JSON$"),
        (Raw(change=of([1] * 65)), "65 token_ids, expected at most 64$"),
        (
            Raw(change=of([1] * 20, finish_reason="length")),
            r"k: cut by the server after 20 tokens of 64, .*generation_c",
        ),
        (Raw(change=of([], finish_reason="length")), "k: cut by the server after 0 tokens of 64, "),
        (Raw(change=of([2**31])), "token_ids beyond the vocabulary of 2147483648$"),
        (Raw(change=of([-1])), "token_ids that are no list of numbers$"),
        (Raw(change=of([True])), "token_ids that are no list of numbers$"),
        (Raw(change=of([1.0])), "token_ids that are no list of numbers$"),
        (Raw(change=with_choice(finish_reason={"a": 1})), "broken off with finish_reason of another type$"),
        (Raw(change=with_usage(completion_tokens="3")), "where the server counts '3'$"),
        (Raw(change=with_usage(prompt_tokens=3)), "2 prompt ids where the server counts 3$"),
        (Raw(change=cached(-1)), "cached_tokens -1 of a prompt of 2$"),
        (Raw(change=cached(3)), "cached_tokens 3 of a prompt of 2$"),
        (Raw(change=cached("1")), "cached_tokens '1' of a prompt of 2$"),
        (
            Raw(change=lambda answer: with_choice(prompt_token_ids=None)(answer | {"usage": None})),
            "k: the server says neither prompt_token_ids nor usage.prompt_tokens, expected one of them",
        ),
        (Raw(429, chunks=lambda: [b"\x1b[31mwait\x07\xe2\x80\xae\n now"]), r"status 429: \[31mwait now$"),
    ],
)
def test_an_answer_is_read_in_bounded_memory_and_every_number_of_it_is_checked(answer, expected):
    with opened(answer, options={"retries": 2}) as (_, ready), pytest.raises(EngineError, match=expected) as caught:
        list(ready.generate(ONE))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert str(caught.value).isprintable() and len(str(caught.value)) < 500
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**15  # kilobytes


def test_a_sound_answer_may_be_packed():
    for headers, pack in ((GZIP, gzip.compress), ((("Content-Encoding", "deflate"),), zlib.compress)):
        sound = []
        plain = Raw(change=lambda answer, kept=sound: kept.append(answer) or answer)
        with opened(plain) as (_, ready):
            (expected,) = ready.generate(ONE)
        content = pack(json.dumps(sound[0]).encode())
        with opened(Raw(headers=headers, chunks=lambda c=content: [c[:9], c[9:]])) as (_, ready):
            assert list(ready.generate(ONE)) == [expected]


def test_ids_that_the_tokenizer_does_not_know_are_refused(tiny):
    with (
        serving(card={"id": tiny.path}, faults=lambda body: Raw(change=of([1536]))) as fake,
        engine.open(at(fake.url, tiny)) as ready,
        pytest.raises(EngineError, match=r"token_ids beyond the vocabulary of 1536$"),
    ):
        list(ready.generate(ONE))


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ([{"id": 3}], "no usable answer in 3 attempts: a list of models whose id or root is no text"),
        ([{"id": NAME, "root": ["x"]}], "a list of models whose id or root is no text"),
        ([{"id": NAME, "max_model_len": "4096"}], "max_model_len '4096', expected a number of tokens"),
        ([{"id": NAME, "max_model_len": True}], "max_model_len True, expected"),
        ([{"id": NAME, "max_model_len": -1}], "max_model_len -1, expected"),
        ("models", "no list of models"),
        (["model"], "no list of models"),
        ([], f"serves no model, expected {NAME}"),
        (LONG, rf"serves 0{{50}}.* and 395 more, expected {NAME}; if it has another name there"),
        ([{"id": "\x1b[2Jfake/modul"}], rf"serves \[2Jfake/modul \(did you mean .*, expected {NAME}"),
    ],
)
def test_a_list_of_models_is_checked_too(cards, expected):
    with (
        serving(cards=cards) as fake,
        pytest.raises(EngineError, match=expected) as caught,
        engine.open(model(fake.url)),
    ):
        pass
    assert str(caught.value).isprintable() and len(str(caught.value)) < 700


@pytest.mark.parametrize("said", ["Retry-After of a number", "of a date", "of none"])
def test_a_server_that_asks_for_a_pause_gets_it(said):
    text = {"Retry-After of a number": "1", "of none": "soon"}.get(said)
    text = text or email.utils.format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2))
    times = []

    def faults(body):
        times.append(time.monotonic())
        return Raw(429, (("Retry-After", text),)) if len(times) == 1 else None

    with opened(faults) as (_, ready):
        assert len(list(ready.generate(ONE))) == 1
    assert (times[1] - times[0] > 0.5) == (text != "soon")
    for hostile in ("-1", "nan", "inf", "9" * 5000, "1e999", "²", ""):
        assert 0 <= server._retry_after(hostile) <= server.LONGEST_RETRY_AFTER


SAMPLES = [Request(f"k{i}", [1, 2], 2**40 + i) for i in range(16)]


def test_a_server_that_heeds_no_seed_is_refused_and_a_model_sure_of_itself_is_not():
    with (
        opened(has_seeds=False) as (fake, ready),
        pytest.raises(EngineError, match=r"^http://127.*: answers one prompt alike whatever the seed, expected"),
    ):
        list(ready.generate(SAMPLES))
    with opened() as (fake, ready):
        assert len(list(ready.generate(SAMPLES))) == 16
    assert len({body["seed"] for body in fake.bodies}) == 16 and max(body["seed"] for body in fake.bodies) < 2**31
    sure = lambda body: Raw(change=of([5])) if body["temperature"] < 1 else None  # noqa: E731
    with opened(sure) as (fake, ready):
        assert {tuple(one.token_ids) for one in ready.generate(SAMPLES)} == {(5,)}
    assert len(fake.bodies) == 18  # asked again once
    with opened(has_seeds=False, temperature=0.0) as (fake, ready):
        assert len(list(ready.generate(SAMPLES))) == 16


def test_a_server_that_is_not_there_is_named():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound but not listening: nobody answers
        url = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
        with (
            pytest.raises(EngineError, match=rf"^{url}: no usable answer in 2 attempts: ConnectError"),
            engine.open(model(url, {"retries": 1})),
        ):
            pass


SPELT = {
    "as JSON": json.dumps({"error": "".join(f"\\u{ord(letter):04x}" for letter in KEY)}).replace("\\\\", "\\"),
    "as JSON in JSON": json.dumps({"error": "".join(f"\\u{ord(letter):04x}" for letter in KEY)}),
    "as a URL": "".join(f"%{ord(letter):02X}" for letter in KEY),
    "in capitals": KEY.upper(),
    "as HTML": "".join(f"&#{ord(letter)};" for letter in KEY),
    "over two lines": f"{KEY[:9]}\r\n {KEY[9:]}",
    "in base64": base64.b64encode(KEY.encode()).decode(),
    "escaped": KEY.replace("-", "\\-"),
}


@pytest.mark.parametrize("spelling", SPELT)
@pytest.mark.parametrize("status", [400, 503])
def test_the_key_in_another_spelling_never_shows(spelling, status):
    answer = Raw(status, chunks=lambda: [SPELT[spelling].encode()])
    with opened(answer, options={"retries": 1}) as (_, ready), pytest.raises(EngineError) as caught:
        list(ready.generate(ONE))
    shown = html.unescape(urllib.parse.unquote(str(caught.value))).replace("\\", "").replace(" ", "").casefold()
    assert KEY[:12] not in shown and KEY[-12:] not in shown
    assert base64.b64encode(KEY.encode()).decode()[:12].casefold() not in shown and f"status{status}" in shown


@pytest.mark.parametrize("password", ["secret-word", "sécret%20word", "secret:word@"])
def test_a_user_and_a_password_are_sent_and_never_shown(password, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    quoted = urllib.parse.quote(password, safe="%")
    quote = lambda body: Raw(400, chunks=lambda: [f"{password} {quoted}".encode()])  # noqa: E731
    with serving(faults=quote) as fake, serving(card={"id": "other", "root": "other"}) as other:
        urls = [one.url.replace("//", f"//some-user:{quoted}@") for one in (fake, other)]
        with pytest.raises(EngineError, match="serves other") as of_name, engine.open(model(urls[1])):
            pass
        with (
            engine.open(model(urls[0])) as ready,
            pytest.raises(EngineError, match=r"status 400: (… …|.with.*)$") as of_request,
        ):
            list(ready.generate(ONE))
        login = base64.b64encode(f"some-user:{urllib.parse.unquote(password)}".encode()).decode()
        assert fake.headers[0]["Authorization"] == f"Basic {login}"
    bad = ["htp://some-user:secret-word@h/v1", "http://some-user:secret/word@h/v1", "some-user:secret-word@h"]
    bad += ["http://some-user:secret-word@/v1", "http://some-user:secret-word@h/v1?key=secret"]
    seen = [str(of_name.value), str(of_request.value), repr(vars(ready)["_options"]), repr(model(urls[0]).as_dict())]
    for url in bad:
        refused = pytest.raises(EngineError, match=r"options\.url: expected one such as http")
        with refused as caught, engine.open(model(url)):
            pass
        seen.append(str(caught.value))
    assert not [text for text in seen if "some-user" in text or "secret" in text or "word" in text.replace("key", "")]


@pytest.mark.parametrize("fault", ["401", "503", "reset", "late", "garbage", "text only"])
def test_the_key_never_shows(fault, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    with (
        opened(fault, 1.0, options={"retries": 1, "timeout": 0.3}) as (fake, ready),
        pytest.raises(EngineError) as caught,
    ):
        list(ready.generate(ONE))
    seen = [str(caught.value), repr(caught.value), repr(ready), repr(vars(ready)), repr(ready.model), caplog.text]
    seen += traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    seen += [*capfd.readouterr()]
    assert len(fake.bodies) >= 1 and "\n" not in seen[0]
    assert KEY[:12] not in "".join(seen)


def test_a_key_that_is_no_header_is_refused_and_without_one_none_is_sent(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\nX: y")
    with pytest.raises(EngineError) as caught, engine.open(model("http://127.0.0.1:9/v1")):
        pass
    assert str(caught.value) == "the variable OPENAI_API_KEY should hold printable ASCII without spaces"
    monkeypatch.delenv("OPENAI_API_KEY")
    with opened() as (fake, ready):
        list(ready.generate(ONE))
    assert "Authorization" not in fake.headers[0]


# what is asked, and how


def test_the_prompt_goes_as_ids_and_the_sampling_is_spelt_out():
    schema = {"type": "object", "properties": {"verdict": {"enum": ["yes", "no"]}}}
    requests = [Request("a", [5, 6, 7], 2**63 - 1), Request("b", [5] * 1000, 1), Request("c", [5], 1, 9)]
    with opened(temperature=0.7, top_p=0.9, top_k=-1) as (fake, ready):
        list(ready.generate([*requests, Request("d", [6], 0, json_schema=schema)]))
    bodies = {tuple(body["prompt"]): body for body in fake.bodies}
    assert bodies[5, 6, 7] == {
        "model": NAME,
        "prompt": [5, 6, 7],
        "add_special_tokens": False,
        "max_tokens": 64,
        "n": 1,
        "seed": 2**31 - 1,
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": -1,
        "min_p": 0.0,
        "frequency_penalty": 0.0,
        "presence_penalty": 0.0,
        "repetition_penalty": 1.0,
        "return_token_ids": True,
    }
    assert bodies[(5,) * 1000]["max_tokens"] == 24  # what the context leaves
    assert bodies[5,]["max_tokens"] == 9
    response_format = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    assert bodies[6,]["response_format"] == response_format


def test_requests_in_flight_are_bounded_and_taken_as_there_is_room():
    taken = 0

    def requests():
        nonlocal taken
        for request in asked(60):
            taken += 1
            yield request

    with opened("slow", options={"concurrency": 8}) as (fake, ready):
        completions = ready.generate(requests())
        next(completions)
        assert taken <= 8
        assert len(list(completions)) == 59
    assert 4 <= fake.most_running <= 8


def test_a_caller_that_stops_early_does_not_wait():
    """The first request is answered, the others would keep the server and all connections busy for long."""
    with serving(faults=lambda body: "late" if body["seed"] else None, late=30.0) as fake:
        with engine.open(model(fake.url, {"concurrency": 10})) as ready:
            completions = ready.generate(asked(10))
            assert next(completions).key == "k0"
            started = time.monotonic()
            completions.close()
            assert [one.key for one in ready.generate(asked(1))] == ["k0"]
            again = ready.generate(asked(10)[::-1])
            assert next(again).key == "k0"  # and then it is left open: closing the engine hangs up
        assert time.monotonic() - started < 10
        assert not [thread for thread in threading.enumerate() if thread.name == "engine"]
        again.close()


def test_it_works_inside_a_running_event_loop():
    async def cell():
        with opened() as (_, ready):
            return [one.key for one in ready.generate(asked(20))]

    assert sorted(asyncio.run(cell())) == sorted(request.key for request in asked(20))


def test_two_requests_with_one_key_and_a_prompt_without_room_are_refused():
    with opened() as (_, ready):
        with pytest.raises(EngineError, match="twin: two requests with this key"):
            list(ready.generate([Request("twin", [1], 0), Request("twin", [2], 0)]))
        with pytest.raises(EngineError, match="long: prompt of 1024 tokens, expected fewer than max_model_len 1024"):
            list(ready.generate([Request("long", [1] * 1024, 0)]))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"concurency": 3}, "options.concurency: no option of a server (did you mean concurrency?), expected url, "),
        ({"concurrency": 0}, "options.concurrency: should be greater than or equal to 1, got 0"),
        ({"concurrency": True}, "options.concurrency: should be a valid integer, got true"),
        ({"retries": -1}, "options.retries: should be greater than or equal to 0, got -1"),
        ({"timeout": 0}, "options.timeout: should be greater than 0, got 0"),
        ({"url": "http://"}, "options.url: expected one such as http://localhost:8000/v1, got http://"),
    ],
)
def test_options_that_cannot_be_are_named(options, expected):
    with pytest.raises(EngineError) as caught, engine.open(model("http://127.0.0.1:9/v1", options)):
        pass
    assert str(caught.value).startswith(f"params/models/fake.yaml: {expected}")


def test_a_server_of_another_model_or_a_shorter_context_is_refused():
    other = {"id": "other", "root": "other"}
    with (
        pytest.raises(EngineError, match=f"serves other, expected {NAME}; .*options.served_model_name"),
        opened(card=other),
    ):
        pass
    with opened(card=other, options={"served_model_name": "other"}) as (fake, ready):
        list(ready.generate(ONE))
    assert fake.bodies[0]["model"] == "other"
    with (
        pytest.raises(EngineError, match=r"takes 512 tokens, expected max_model_len 1024 of params/models/fake.yaml"),
        opened(card={"max_model_len": 512}),
    ):
        pass


@pytest.fixture(scope="module")
def tiny() -> Model:
    return dataclasses.replace(params.load_model("tiny-lrm-s"), temperature=0.0, top_p=1.0, top_k=-1)


def at(url: str, tiny: Model, **changes) -> Model:
    return dataclasses.replace(tiny, **{"engine": "server", "options": {"url": url}} | changes)


def test_a_thinking_budget_goes_as_vllm_counts_it_and_a_server_that_ignores_it_is_caught(tiny):
    """vLLM counts from the opening mark on, also what of the thought stands in the prompt."""
    (mark,), prompt = opening(tiny), prompt_ids("What is 1 plus 2?", tiny)
    begun = [*prompt, mark, 50, 51]
    with serving(card={"id": tiny.path}) as fake, engine.open(at(fake.url, tiny)) as ready:
        requests = [Request("a", prompt, 0, None, 20), Request("b", begun, 0, None, 20), Request("c", prompt, 0)]
        assert len(list(ready.generate(requests))) == 3
        sent = {len(body["prompt"]): body.get("thinking_token_budget") for body in fake.bodies if body["seed"] == 0}
        assert sent[len(begun)] == 22
        assert [body.get("thinking_token_budget") for body in fake.bodies].count(None) == 1
        longest = max(range(1, 50), key=lambda seed: len(generated(begun, seed)))
        over = len(generated(begun, longest))
        with pytest.raises(EngineError, match=rf"^x: {over} tokens of thinking, expected at most {over - 1}: "):
            list(ready.generate([Request("x", begun, longest, None, over - 1)]))


# a real server


@pytest.fixture(scope="module")
def real(tiny, tmp_path_factory) -> Iterator[Engine]:
    """An engine that asks `vllm serve` with the small model, on a free port of loopback.

    By its module: the command itself asks for the version of a package `vllm`, which the CPU build is not called.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"--host 127.0.0.1 --port {port} --dtype float32 --enforce-eager --max-num-seqs 128 --block-size 32 "
    options += f"--max-model-len {tiny.max_model_len} --no-enable-chunked-prefill --enable-prompt-tokens-details "
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", tiny.path, *options.split()]
    command += ["--reasoning-parser", "qwen3"]
    command += ["--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}']
    env = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_PLUGINS": ""}
    log = tmp_path_factory.mktemp("serve") / "log"
    with log.open("w") as out:
        process = subprocess.Popen(command, env=env, cwd=paths.ROOT, stdout=out, stderr=subprocess.STDOUT)
        try:
            _wait(process, f"http://127.0.0.1:{port}/health", log)
            with engine.open(at(f"http://127.0.0.1:{port}/v1", tiny)) as ready:
                yield ready
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen, url: str, log) -> None:
    until = time.monotonic() + 300
    while time.monotonic() < until:
        if process.poll() is not None:
            pytest.fail(f"vllm serve has ended with {process.returncode}: {log.read_text()[-2000:]}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        time.sleep(0.5)
    pytest.fail(f"vllm serve is not up after five minutes: {log.read_text()[-2000:]}")


@pytest.mark.engine
def test_vllm_serve_gives_the_ids_of_the_offline_engine(real, greedy, tiny_lrm, prompts):
    """The same requests, limits, thinking budgets and schemas among them; and each draws by its own seed."""
    schema = {"type": "object", "properties": {"right": {"type": "boolean"}}, "required": ["right"]}
    schema["additionalProperties"] = False
    requests = [Request(f"whole {i}", ids, i) for i, ids in enumerate(prompts[:8])]
    requests += [Request(f"short {i}", ids, i, 5) for i, ids in enumerate(prompts[:8])]
    requests += [Request(f"budget {i}", ids, i, None, 10) for i, ids in enumerate(prompts[:8])]
    requests += [Request(f"schema {i}", ids, i, json_schema=schema) for i, ids in enumerate(prompts[:8])]
    theirs, again = ({one.key: one for one in real.generate(requests)} for _ in range(2))
    ours = {one.key: one for one in greedy.generate(requests)}
    assert len(ours) == len(requests)
    for key, one in ours.items():
        assert (one.token_ids, one.finish_reason) == (theirs[key].token_ids, theirs[key].finish_reason), key
        assert again[key].token_ids == one.token_ids
    assert sum(one.cached_tokens for one in again.values()) > 0
    assert ours["short 0"].finish_reason == "length" and len(ours["short 0"].token_ids) == 5
    answer = markup.split(ours["schema 0"].token_ids, greedy.model).answer
    assert set(json.loads(tokens.decode(ours["schema 0"].token_ids[slice(*answer)], greedy.model))) == {"right"}
    with engine.open(dataclasses.replace(real.model, temperature=1.0)) as drawing:
        drawn = [Request(str(i), prompts[0], i) for i in range(12)]
        runs = [{one.key: one.token_ids for one in drawing.generate(drawn)} for _ in range(2)]
    assert runs[0] == runs[1] and len({tuple(ids) for ids in runs[0].values()}) > 1


@pytest.mark.engine
def test_vllm_serve_refuses_in_one_line(real):
    with pytest.raises(EngineError) as caught:
        list(real.generate([Request("k", [10**6], 0)]))
    assert str(caught.value).startswith("k: the server refuses with status 400: ")
    assert "\n" not in str(caught.value)


@pytest.mark.engine
def test_real_problems_are_revised_and_solved_through_a_server(real, tiny, shared_data, outputs):
    """Twenty problems, ten of code: whatever so small a model replies, each ends as an update or with a reason."""
    sources = [problems.load(source, shared_data).head(10) for source in ("math500", "livecodebench")]
    asked = pd.concat(sources, ignore_index=True)
    with engine.open(dataclasses.replace(real.model, max_tokens=48)) as ready, parts.open("test", "m") as store:
        written = writing.write(ready, asked, seed=1, store=store)
        assert written.equals(writing.write(ready, asked, seed=1, store=store))
        assert written["problem_id"].tolist() == asked["problem_id"].tolist()
        assert (written["valid"] == written["why_invalid"].isna()).all()
        tables.write(written, "updates", "test")
        revised = asked[["problem_id"]].assign(
            update_id="0", kind="necessary", update="It is not.", generator="us", valid=True
        )
        revised = revised.assign(revised_problem="Suppose that it is. " + asked["problem"])
        revised = revised.reindex(columns=schema.UPDATES.names())
        solved = solving.solve(ready, asked, revised, 1, 3, store)
        ready.generate = lambda requests: iter([pytest.fail(one.key) for one in requests])  # all is in the store
        assert solving.solve(ready, asked, revised, 1, 3, store).equals(solved)
    assert (solved["valid"] == solved["why_invalid"].isna()).all()
    known = solved["revised_answer"].notna() | solved["revised_tests"].notna()
    assert (known == solved["revised_by"].notna()).all()
    tables.write(solved, "updates", "test")
