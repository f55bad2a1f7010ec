"""A FAKE completions server on loopback that fails on demand."""

import contextlib
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "fake/model"
FAULTS = (
    "500",
    "502",
    "503",
    "429",
    "cut",
    "reset",
    "garbage",
    "html",
    "other prompt",
    "short",
    "aborted",
    "error",
)


def generated(prompt: list[int], seed: int) -> list[int]:
    """What the fake server generates: fixed by the prompt ids and the seed."""
    drawn = hashlib.sha256(json.dumps([prompt, seed]).encode()).digest()
    return list(drawn[: 1 + drawn[0] % 20])


@dataclass(frozen=True)
class Raw:
    """An answer as it goes over the wire: its body is `chunks`, or what `change` makes of a sound answer's fields."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    chunks: Callable[[], Iterable[bytes]] = tuple
    change: Callable[[dict], dict] | None = None


class Fake(ThreadingHTTPServer):
    """A FAKE of a completions server on loopback: no model, but the protocol, and faults on demand.

    `faults` is called with each request's body and gives the name of a fault, a `Raw` answer, or None. With
    `has_seeds=False` it takes every seed for 7.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, faults=lambda body: None, card=None, late=3.0, cards=None, has_seeds=True):
        super().__init__(("127.0.0.1", 0), Answering)
        self.faults, self.late = faults, late
        self.card = {"id": NAME, "root": NAME, "max_model_len": 4096} | (card or {})
        self.cards = [self.card] if cards is None else cards
        self.has_seeds = has_seeds
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
        self.reply(200, {"object": "list", "data": self.server.cards})

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
        ids, prompt = generated(body["prompt"], body["seed"] if self.server.has_seeds else 7), body["prompt"]
        end = "length" if len(ids) > body["max_tokens"] else "stop"
        ids = ids[: body["max_tokens"]]
        choice = {"index": 0, "text": "text", "finish_reason": end, "token_ids": ids, "prompt_token_ids": prompt}
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
        if fault == "502":  # of a balancer whose server has died
            return self.send(502, b"<html>Bad Gateway</html>", None)
        if fault == "html":
            return self.send(200, b"<html>back soon</html>", None)
        if fault == "error":
            return self.reply(200, {"error": {"message": "lost a worker"}})
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.close_connection = True
            return None
        if fault == "other prompt":  # a sound answer to another question
            choice |= {"token_ids": generated([1, 2, 3], 4), "prompt_token_ids": [1, 2, 3]}
            usage |= {"prompt_tokens": 3, "completion_tokens": len(choice["token_ids"])}
        if fault == "short":
            choice["token_ids"] = ids[:-1]
        if fault == "aborted":
            choice["finish_reason"] = None
        if fault == "text only":
            del choice["token_ids"], choice["prompt_token_ids"]
        if fault == "longer prompt":  # as from a server that puts BOS in front
            choice["prompt_token_ids"] = [0, *prompt]
        answer = {"id": "1", "object": "text_completion", "choices": [choice], "usage": usage}
        if isinstance(fault, Raw):
            chunks = fault.chunks() if fault.change is None else [json.dumps(fault.change(answer)).encode()]
            return self.send_raw(fault, chunks)
        content = json.dumps(answer).encode()
        if fault == "garbage":
            return self.send(200, content[: len(content) // 2], None)
        if fault == "cut":
            self.send(200, content[: len(content) // 2], len(content))
            return self.connection.shutdown(socket.SHUT_RDWR)
        return self.send(200, content, None)

    def send_raw(self, raw, chunks):
        """Without a length: the end of the connection is the end of the body, if there is one."""
        self.send_response(raw.status)
        for name, value in raw.headers:
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        with contextlib.suppress(OSError):  # a client that has had enough hangs up
            for chunk in chunks:
                self.wfile.write(chunk)
        self.close_connection = True

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
