"""The engine behind HTTP: against a fake server that fails on purpose, and against a real `vllm serve`."""

import asyncio
import contextlib
import dataclasses
import hashlib
import http.client
import itertools
import json
import logging
import os
import random
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pandas as pd
import pytest

from lib import engine, markup, params, paths, problems, schema, tables
from lib.engine import EngineError, Request, server
from lib.engine import store as parts
from lib.markup import tokens
from lib.params.settings import Model
from lib.updates import solving, writing

KEY = "sk-loopback-0123456789abcdef"
NAME = "fake/model"
TRANSIENT = (
    "500",
    "503",
    "429",
    "late",
    "cut",
    "reset",
    "garbage",
    "html",
    "other prompt",
    "short",
    "aborted",
    "error",
)


def told(prompt: list[int], seed: int) -> list[int]:
    """What the fake server generates: fixed by the prompt ids and the seed."""
    drawn = hashlib.sha256(json.dumps([prompt, seed]).encode()).digest()
    return list(drawn[: 1 + drawn[0] % 20])


class Fake(ThreadingHTTPServer):
    """A FAKE of a completions server on loopback: no model, but the protocol, and faults on demand.

    `faults` is called with each request's body and gives the name of a fault, or None.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, faults=lambda body: None, card=None, late=3.0, says=told):
        super().__init__(("127.0.0.1", 0), Answering)
        self.faults, self.late, self.says = faults, late, says
        self.card = {"id": NAME, "root": NAME, "max_model_len": 4096} | (card or {})
        self.bodies, self.headers, self.lock = [], [], threading.Lock()
        self.running = self.most_running = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request, client_address):
        """A client that hung up is no news here."""


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.reply(200, {"object": "list", "data": [self.server.card]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fake = self.server
        with fake.lock:
            fake.bodies.append(body)
            fake.headers.append(dict(self.headers))
            fake.running += 1
            fake.most_running = max(fake.most_running, fake.running)
            fault = fake.faults(body)
        try:
            self.answer(body, fault)
        finally:
            with fake.lock:
                fake.running -= 1

    def answer(self, body, fault):
        ids, prompt = self.server.says(body["prompt"], body["seed"]), body["prompt"]
        choice = {"index": 0, "text": "text", "finish_reason": "stop", "token_ids": ids, "prompt_token_ids": prompt}
        usage = {"prompt_tokens": len(prompt), "completion_tokens": len(ids), "total_tokens": len(prompt) + len(ids)}
        usage["prompt_tokens_details"] = {"cached_tokens": len(prompt) // 2}
        if fault == "late":
            time.sleep(self.server.late)
        if fault == "slow":
            time.sleep(0.05)
        if fault in ("500", "503", "429"):
            return self.reply(int(fault), {"error": {"message": "too much to do"}})
        if fault in ("400", "401"):
            said = f"no good:\n {self.headers['Authorization']} " * 2
            return self.reply(int(fault), {"error": {"message": said, "code": int(fault)}})
        if fault == "html":
            return self.send(200, b"<html>back soon</html>", None)
        if fault == "error":
            return self.reply(200, {"error": {"message": "lost a worker"}})
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return self.connection.close()
        if fault == "other prompt":  # a sound answer to another question
            choice |= {"token_ids": told([1, 2, 3], 4), "prompt_token_ids": [1, 2, 3]}
            usage |= {"prompt_tokens": 3, "completion_tokens": len(choice["token_ids"])}
        if fault == "short":
            choice["token_ids"] = ids[:-1]
        if fault == "aborted":
            choice["finish_reason"] = None
        if fault == "text only":
            del choice["token_ids"], choice["prompt_token_ids"]
        if fault == "longer prompt":  # as from a server that puts BOS in front
            choice["prompt_token_ids"] = [0, *prompt]
        content = json.dumps({"id": "1", "object": "text_completion", "choices": [choice], "usage": usage}).encode()
        if fault == "garbage":
            return self.send(200, content[: len(content) // 2], None)
        if fault == "cut":
            self.send(200, content[: len(content) // 2], len(content))
            return self.connection.shutdown(socket.SHUT_RDWR)
        return self.send(200, content, None)

    def reply(self, status, value):
        self.send(status, json.dumps(value).encode(), None)

    def send(self, status, content, length):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()


@contextlib.contextmanager
def serving(**arguments) -> Iterator[Fake]:
    fake = Fake(**arguments)
    thread = threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.shutdown()
        fake.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Short pauses between attempts, no proxy between here and loopback, and a key."""
    monkeypatch.setattr(server, "BACKOFF", 0.01)
    monkeypatch.setattr(server, "LONGEST_PAUSE", 0.05)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def model(url: str, **changes) -> Model:
    options = {"url": url} | changes.pop("options", {})
    values = {"name": "fake", "title": "Fake", "path": NAME, "family": "qwen3", "max_tokens": 64}
    return Model(**values | {"max_model_len": 1024, "engine": "server", "options": options} | changes)


@pytest.fixture(scope="module")
def tiny() -> Model:
    return dataclasses.replace(params.load_model("tiny-lrm-s"), temperature=0.0, top_p=1.0, top_k=-1)


def asked(count: int) -> list[Request]:
    """Requests of different lengths, with different prompts and seeds."""
    draw = random.Random(5)
    return [Request(f"k{i}", [draw.randrange(99) for _ in range(1 + i % 40)], i) for i in range(count)]


# a server that fails


def test_with_every_third_answer_a_fault_all_rows_complete_and_none_is_wrong(caplog, capfd):
    caplog.set_level(logging.DEBUG)
    draw, injected = random.Random(7), []

    def faults(body):
        fault = draw.choice(TRANSIENT) if draw.random() < 0.3 else None
        injected.append(fault)
        return fault

    requests = asked(200)
    with (
        serving(faults=faults, late=1.5) as fake,
        engine.open(model(fake.url, options={"concurrency": 32, "timeout": 0.75, "retries": 12})) as ready,
    ):
        done = list(ready.generate(requests))
    assert set(injected) == {None, *TRANSIENT}
    assert 0.2 < sum(map(bool, injected)) / len(injected) < 0.4
    assert sorted(one.key for one in done) == sorted(request.key for request in requests)
    by_key = {one.key: one for one in done}
    for request in requests:
        assert by_key[request.key].token_ids == told(request.prompt_ids, request.seed)
        assert by_key[request.key].finish_reason == "stop"
        assert by_key[request.key].cached_tokens == len(request.prompt_ids) // 2
    shown = capfd.readouterr()
    assert KEY not in caplog.text + shown.out + shown.err
    assert all(headers["Authorization"] == f"Bearer {KEY}" for headers in fake.headers)


def test_a_server_that_never_recovers_is_given_up():
    with (
        serving(faults=lambda body: "503") as fake,
        engine.open(model(fake.url, options={"retries": 3})) as ready,
        pytest.raises(EngineError) as caught,
    ):
        list(ready.generate([Request("k", [1, 2], 0)]))
    assert str(caught.value) == "k: no usable answer in 4 attempts: status 503: too much to do"
    assert len(fake.bodies) == 4


def test_a_server_that_is_not_there_is_named():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound but not listening: nobody answers
        url = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
        with (
            pytest.raises(EngineError, match=rf"^{url}: no usable answer in 2 attempts: ConnectError"),
            engine.open(model(url, options={"retries": 1})),
        ):
            pass


def test_a_refusal_is_told_at_once_in_the_servers_words_and_without_the_key():
    with (
        serving(faults=lambda body: "400") as fake,
        engine.open(model(fake.url)) as ready,
        pytest.raises(EngineError) as caught,
    ):
        list(ready.generate([Request("k", [1, 2], 0)]))
    assert str(caught.value) == "k: the server refuses with status 400: no good: Bearer … no good: Bearer …"
    assert len(fake.bodies) == 1


@pytest.mark.parametrize("fault", ["401", "503", "reset", "late", "garbage", "text only"])
def test_the_key_never_shows(fault, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    with (
        serving(faults=lambda body: fault, late=1.0) as fake,
        engine.open(model(fake.url, options={"retries": 1, "timeout": 0.3})) as ready,
        pytest.raises(EngineError) as caught,
    ):
        list(ready.generate([Request("k", [1, 2], 0)]))
    seen = [str(caught.value), repr(caught.value), repr(ready), repr(vars(ready)), repr(ready.model), caplog.text]
    seen += traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    seen += [*capfd.readouterr()]
    assert len(fake.bodies) >= 1
    assert "\n" not in seen[0]
    assert KEY not in "".join(seen)
    assert KEY[:12] not in "".join(seen)


def test_a_key_that_is_no_header_is_refused_and_not_shown(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\nX: y")
    with pytest.raises(EngineError) as caught, engine.open(model("http://127.0.0.1:9/v1")):
        pass
    assert str(caught.value) == "the variable OPENAI_API_KEY should hold printable ASCII without spaces"


def test_without_a_key_none_is_sent(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with serving() as fake, engine.open(model(fake.url)) as ready:
        list(ready.generate(asked(1)))
    assert "Authorization" not in fake.headers[0]


def test_ids_are_never_made_from_text():
    with (
        serving(faults=lambda body: "text only") as fake,
        engine.open(model(fake.url)) as ready,
        pytest.raises(EngineError, match=r"^k: .* without token_ids, expected .* return_token_ids"),
    ):
        list(ready.generate([Request("k", [1, 2], 0)]))
    assert len(fake.bodies) == 1


def test_a_server_that_changes_the_prompt_is_not_believed():
    with (
        serving(faults=lambda body: "longer prompt") as fake,
        engine.open(model(fake.url, options={"retries": 2})) as ready,
        pytest.raises(EngineError, match="k: no usable answer in 3 attempts: about other prompt ids than were asked"),
    ):
        list(ready.generate([Request("k", [1, 2], 0)]))


# what is asked, and how


def test_the_prompt_goes_as_ids_and_the_sampling_is_spelt_out():
    with serving() as fake, engine.open(model(fake.url, temperature=0.7, top_p=0.9, top_k=-1)) as ready:
        list(ready.generate([Request("a", [5, 6, 7], 2**63 - 1), Request("b", [5] * 1000, 1), Request("c", [5], 1, 9)]))
    bodies = {body["prompt"][-1] * len(body["prompt"]): body for body in fake.bodies}
    first = bodies[21]
    assert first == {
        "model": NAME,
        "prompt": [5, 6, 7],
        "add_special_tokens": False,
        "max_tokens": 64,
        "n": 1,
        "seed": 2**63 - 1,
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": -1,
        "min_p": 0.0,
        "frequency_penalty": 0.0,
        "presence_penalty": 0.0,
        "repetition_penalty": 1.0,
        "return_token_ids": True,
    }
    assert bodies[5000]["max_tokens"] == 24  # what the context leaves
    assert bodies[5]["max_tokens"] == 9


def test_a_schema_goes_as_the_protocol_has_it():
    held = {"type": "object", "properties": {"verdict": {"enum": ["yes", "no"]}}}
    with serving() as fake, engine.open(model(fake.url)) as ready:
        list(ready.generate([Request("a", [5], 0, json_schema=held), Request("b", [6], 0)]))
    by_prompt = {body["prompt"][0]: body.get("response_format") for body in fake.bodies}
    assert by_prompt[5] == {"type": "json_schema", "json_schema": {"name": "answer", "schema": held, "strict": True}}
    assert by_prompt[6] is None


def test_requests_in_flight_are_bounded_and_taken_as_there_is_room():
    taken = 0

    def requests():
        nonlocal taken
        for request in asked(60):
            taken += 1
            yield request

    with (
        serving(faults=lambda body: "slow") as fake,
        engine.open(model(fake.url, options={"concurrency": 8})) as ready,
    ):
        completions = ready.generate(requests())
        next(completions)
        assert taken <= 8
        assert len(list(completions)) == 59
    assert 4 <= fake.most_running <= 8


def test_a_caller_that_stops_early_does_not_wait():
    """The first request is answered, the others would keep the server and all connections busy for long."""
    with serving(faults=lambda body: "late" if body["seed"] else None, late=5.0) as fake:
        with engine.open(model(fake.url, options={"concurrency": 10})) as ready:
            completions = ready.generate(asked(10))
            assert next(completions).key == "k0"
            started = time.monotonic()
            completions.close()
            assert [one.key for one in ready.generate(asked(1))] == ["k0"]
            again = ready.generate(asked(10)[::-1])
            assert next(again).key == "k0"  # and then it is left open: closing the engine hangs up
        assert time.monotonic() - started < 2
        assert not [thread for thread in threading.enumerate() if thread.name == "engine"]
        again.close()


def test_it_works_inside_a_running_event_loop():
    async def cell(url):
        with engine.open(model(url)) as ready:
            return [one.key for one in ready.generate(asked(20))]

    with serving() as fake:
        assert sorted(asyncio.run(cell(fake.url))) == sorted(request.key for request in asked(20))


def test_two_requests_with_one_key_and_a_prompt_without_room_are_refused():
    with serving() as fake, engine.open(model(fake.url)) as ready:
        with pytest.raises(EngineError, match="twin: two requests with this key"):
            list(ready.generate([Request("twin", [1], 0), Request("twin", [2], 0)]))
        with pytest.raises(EngineError, match="long: prompt of 1024 tokens, expected fewer than max_model_len 1024"):
            list(ready.generate([Request("long", [1] * 1024, 0)]))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"concurency": 3}, "options.concurency: no option of a server (did you mean concurrency?), expected url, "),
        ({"concurrency": 0}, "options.concurrency: cannot be 0"),
        ({"concurrency": True}, "options.concurrency: cannot be True"),
        ({"retries": -1}, "options.retries: cannot be -1"),
        ({"timeout": 0}, "options.timeout: cannot be 0"),
        ({"url": "localhost:8000/v1"}, "options.url: expected one such as http://localhost:8000/v1"),
        ({"url": "http://"}, "options.url: expected one such as http://localhost:8000/v1"),
        ({"dtype": "float32"}, "options.dtype: no option of a server, expected url, "),
    ],
)
def test_options_that_cannot_be_are_named(options, expected):
    with (
        pytest.raises(EngineError) as caught,
        engine.open(model("http://127.0.0.1:9/v1", options=options)),
    ):
        pass
    assert str(caught.value).startswith(f"params/models/fake.yaml: {expected}")


def test_a_server_of_another_model_or_a_shorter_context_is_refused():
    with serving(card={"id": "other", "root": "other"}) as fake:
        with (
            pytest.raises(EngineError, match=f"serves other, expected {NAME}; .*options.served_model_name"),
            engine.open(model(fake.url)),
        ):
            pass
        with engine.open(model(fake.url, options={"served_model_name": "other"})) as ready:
            list(ready.generate(asked(1)))
        assert fake.bodies[0]["model"] == "other"
    with (
        serving(card={"max_model_len": 512}) as fake,
        pytest.raises(EngineError, match=r"takes 512 tokens, expected max_model_len 1024 of params/models/fake.yaml"),
        engine.open(model(fake.url)),
    ):
        pass


def test_a_thinking_budget_goes_as_vllm_counts_it_and_a_server_that_ignores_it_is_caught(tiny):
    """vLLM counts from the opening mark on, also what of the thought stands in the prompt."""
    (opening,), prompt = markup.opening(tiny), markup.prompt_ids("What is 1 plus 2?", tiny)
    with serving(card={"id": tiny.path}) as fake:
        served = dataclasses.replace(tiny, engine="server", options={"url": fake.url})
        begun = [*prompt, opening, 50, 51]
        with engine.open(served) as ready:
            requests = [Request("a", prompt, 0, None, 20), Request("b", begun, 0, None, 20), Request("c", prompt, 0)]
            assert len(list(ready.generate(requests))) == 3
            sent = {len(body["prompt"]): body.get("thinking_token_budget") for body in fake.bodies if body["seed"] == 0}
            assert sent[len(begun)] == 22
            assert [body.get("thinking_token_budget") for body in fake.bodies].count(None) == 1
            longest = max(range(1, 50), key=lambda seed: len(told(begun, seed)))
            over = len(told(begun, longest))
            with pytest.raises(EngineError, match=rf"^x: {over} tokens of thinking, expected at most {over - 1}: "):
                list(ready.generate([Request("x", begun, longest, None, over - 1)]))


# servers behind a load balancer


class Balancing(BaseHTTPRequestHandler):
    """Pass a request on to the next server, as `least_conn` or `round robin` would; 502 where that one is not there."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.pass_on(b"")

    def do_POST(self):
        self.pass_on(self.rfile.read(int(self.headers["Content-Length"])))

    def pass_on(self, body):
        address = next(self.server.turns)
        with self.server.lock:
            self.server.asked.append(address)
        try:
            connection = http.client.HTTPConnection(address)
            connection.request(self.command, self.path, body, dict(self.headers))
            found = connection.getresponse()
            status, content = found.status, found.read()
        except OSError:
            status, content = 502, b"<html>Bad Gateway</html>"
        finally:
            connection.close()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextlib.contextmanager
def balancing(*servers: str) -> Iterator[ThreadingHTTPServer]:
    """A small balancer of HTTP before servers, given by host and port."""
    balancer = ThreadingHTTPServer(("127.0.0.1", 0), Balancing)
    balancer.turns, balancer.asked, balancer.lock = itertools.cycle(servers), [], threading.Lock()
    balancer.url = f"http://127.0.0.1:{balancer.server_address[1]}/v1"
    threading.Thread(target=balancer.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield balancer
    finally:
        balancer.shutdown()
        balancer.server_close()


def test_behind_a_balancer_a_server_that_dies_loses_and_repeats_nothing():
    requests = asked(120)
    with contextlib.ExitStack() as stack:
        one, other = stack.enter_context(serving()), stack.enter_context(serving())
        balancer = stack.enter_context(balancing(*(f"127.0.0.1:{fake.server_address[1]}" for fake in (one, other))))
        ready = stack.enter_context(engine.open(model(balancer.url, options={"concurrency": 8, "retries": 60})))
        done = []
        for answer in ready.generate(requests):
            done.append(answer)
            if len(done) == 30:
                other.shutdown()
                other.socket.close()  # nobody listens there any more
    assert sorted(answer.key for answer in done) == sorted(request.key for request in requests)
    wanted = {request.key: told(request.prompt_ids, request.seed) for request in requests}
    assert {answer.key: answer.token_ids for answer in done} == wanted
    assert len(other.bodies) < len(one.bodies) and len(balancer.asked) > len(requests) + 1  # some were asked again


# a real server


@pytest.fixture(scope="module")
def real(tiny, tmp_path_factory) -> Iterator[str]:
    """`vllm serve` with the small model on a free port of loopback; gives its address.

    By its module: the command itself asks for the version of a package `vllm`, which the CPU build is not called.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", tiny.path]
    command += [
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--dtype",
        "float32",
        "--enforce-eager",
        "--max-num-seqs",
        "128",
    ]
    command += ["--block-size", "32", "--max-model-len", str(tiny.max_model_len), "--no-enable-chunked-prefill"]
    command += ["--enable-prompt-tokens-details", "--reasoning-parser", "qwen3"]
    command += ["--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}']
    env = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_PLUGINS": ""}
    log = tmp_path_factory.mktemp("serve") / "log"
    with log.open("w") as out:
        process = subprocess.Popen(command, env=env, cwd=paths.ROOT, stdout=out, stderr=subprocess.STDOUT)
        try:
            _wait(process, f"http://127.0.0.1:{port}/health", log)
            yield f"http://127.0.0.1:{port}/v1"
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


def test_vllm_serve_gives_the_ids_of_the_offline_engine(tiny, real):
    """Greedy; the same requests, the first half of a prompt and thinking budgets among them."""
    prompts = [markup.prompt_ids(problem, tiny) for problem in problems.load("tiny").head(8)["problem"]]
    requests = [Request(f"whole {i}", ids, i) for i, ids in enumerate(prompts)]
    requests += [Request(f"short {i}", ids, i, 5) for i, ids in enumerate(prompts)]
    requests += [Request(f"budget {i}", ids, i, None, 10) for i, ids in enumerate(prompts)]
    verdict = {"type": "object", "properties": {"right": {"type": "boolean"}}, "required": ["right"]}
    requests += [
        Request(f"held {i}", ids, i, json_schema=verdict | {"additionalProperties": False})
        for i, ids in enumerate(prompts)
    ]
    served = dataclasses.replace(tiny, engine="server", options={"url": real})
    with engine.open(served) as ready:
        theirs = {one.key: one for one in ready.generate(requests)}
        again = {one.key: one for one in ready.generate(requests)}
    with engine.open(tiny) as ready:
        ours = {one.key: one for one in ready.generate(requests)}
    assert len(ours) == len(requests)
    for key, one in ours.items():
        assert (one.token_ids, one.finish_reason) == (theirs[key].token_ids, theirs[key].finish_reason), key
        assert again[key].token_ids == one.token_ids
    assert sum(one.cached_tokens for one in again.values()) > 0
    assert ours["short 0"].finish_reason == "length" and len(ours["short 0"].token_ids) == 5
    answer = markup.split(ours["held 0"].token_ids, tiny).answer
    assert set(json.loads(markup.decode(ours["held 0"].token_ids[slice(*answer)], tiny))) == {"right"}


def test_vllm_serve_refuses_in_one_line(tiny, real):
    served = dataclasses.replace(tiny, engine="server", options={"url": real})
    with engine.open(served) as ready, pytest.raises(EngineError) as caught:
        list(ready.generate([Request("k", [10**6], 0)]))
    assert str(caught.value).startswith("k: the server refuses with status 400: ")
    assert "\n" not in str(caught.value)


def test_vllm_serve_draws_by_the_seed_of_each_request(tiny, real):
    served = dataclasses.replace(tiny, temperature=1.0, engine="server", options={"url": real})
    prompt = markup.prompt_ids(problems.load("tiny").iloc[0]["problem"], tiny)
    with engine.open(served) as ready:
        runs = [{one.key: one.token_ids for one in ready.generate(Request(str(i), prompt, i) for i in range(12))}]
        runs += [{one.key: one.token_ids for one in ready.generate(Request(str(i), prompt, i) for i in range(12))}]
    assert runs[0] == runs[1]
    assert len({tuple(ids) for ids in runs[0].values()}) > 1


def test_updates_of_real_problems_are_written_through_a_server(tiny, real, shared_data, outputs):
    """Twenty problems, ten of code: whatever so small a model replies, each ends as an update or with a reason."""
    served = dataclasses.replace(tiny, engine="server", options={"url": real}, max_tokens=48)
    sources = [problems.load(source, shared_data).head(10) for source in ("math500", "livecodebench")]
    asked = pd.concat(sources, ignore_index=True)
    with engine.open(served) as ready, parts.open("test", "updates") as store:
        made = writing.write(ready, asked, seed=1, store=store, attempts=2)
        again = writing.write(ready, asked, seed=1, store=store, attempts=2)
    assert made["problem_id"].tolist() == asked["problem_id"].tolist()
    assert (made["valid"] == made["why_invalid"].isna()).all()
    assert made.equals(again)
    tables.write(made, "updates", "test")


def test_revised_problems_are_solved_through_a_server(tiny, real, shared_data, outputs, monkeypatch):
    """The same problems with a sentence more, so that the model has something to solve: each ends in a stored state."""
    served = dataclasses.replace(tiny, engine="server", options={"url": real}, max_tokens=48)
    sources = [problems.load(source, shared_data).head(10) for source in ("math500", "livecodebench")]
    asked = pd.concat(sources, ignore_index=True)
    made = asked[["problem_id"]].assign(
        update_id="0", kind="necessary", update="It is not.", generator="us", valid=True
    )
    made = made.assign(revised_problem="Suppose that it is. " + asked["problem"]).reindex(
        columns=schema.UPDATES.names()
    )
    with engine.open(served) as ready, parts.open("test", "solutions") as store:
        solved = solving.solve(ready, asked, made, 1, 3, store)
        store.flush()
        monkeypatch.setattr(ready, "generate", lambda requests: iter([pytest.fail(one.key) for one in requests]))
        assert solving.solve(ready, asked, made, 1, 3, store).equals(solved)
    assert (solved["valid"] == solved["why_invalid"].isna()).all()
    known = solved["revised_answer"].notna() | solved["revised_tests"].notna()
    assert (known == solved["revised_by"].notna()).all()
    tables.write(solved, "updates", "test")


def test_two_hundred_updates_are_written_through_a_server_that_fails(tiny, outputs):
    """A FAKE that fails a fifth of its calls and replies malformed JSON to a tenth: all end as updates."""
    drawn = random.Random(7)
    replies = {
        "revise": '{"revised_problem": "You have 5 coins and get 8. How many?"}',
        "describe": '{"update": "There are 4 coins, and 7 more come."}',
    }

    def says(prompt, seed):
        reply = replies["describe" if '{"update"' in markup.decode(prompt, tiny) else "revise"]
        text = reply[: len(reply) // 2] if seed % 10 == 0 else reply
        return tokens.marks(f"<think>\nHm.\n</think>\n\n{text}", tiny)

    def faults(body):
        return drawn.choice(("500", "reset", "garbage", "cut")) if drawn.random() < 0.2 else None

    rows = [{"problem": "You have 4 coins and get 7. How many?", "answer": "11", "task": "math"}] * 200
    asked = pd.DataFrame(rows).reindex(columns=schema.PROBLEMS.names())
    asked = asked.assign(problem_id=[f"x/{i:04}" for i in range(200)], source="x")
    card = {"id": tiny.path, "root": tiny.path, "max_model_len": tiny.max_model_len}
    with serving(faults=faults, card=card, says=says) as fake:
        served = dataclasses.replace(tiny, engine="server", options={"url": fake.url, "timeout": 2.0})
        with engine.open(served) as ready, parts.open("test", "updates") as store:
            made = writing.write(ready, asked, seed=1, store=store)
            calls = len(fake.bodies)
            store.flush()
            again = writing.write(ready, asked, seed=1, store=store)
        assert len(fake.bodies) == calls > 400
    assert made["valid"].all() and made.equals(again)
