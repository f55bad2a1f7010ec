"""A real S3-compatible server on this machine, with buckets that are empty, and the keys that it takes."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from lib.objects import Objects

KEYS = {"AWS_ACCESS_KEY_ID": "FAKE-KEY-ID-0001", "AWS_SECRET_ACCESS_KEY": "FAKE-SECRET-0001"}


@contextmanager
def serving(failing: list[str] | None = None) -> Iterator[str]:
    """The server's address, as long as the block lasts.

    It answers one request of each method in `failing` by an error of its own, and takes the method from the list.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    served = server._server.app

    def app(environ, start):
        if failing and environ["REQUEST_METHOD"] in failing:
            failing.remove(environ["REQUEST_METHOD"])
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start("503 Service Unavailable", [("Content-Length", "0")])
            return [b""]
        return served(environ, start)

    server._server.app = app
    forget()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()
        forget()


def use(address: str, patch: pytest.MonkeyPatch) -> None:
    """Have S3 at this address, with nothing of whatever keys and settings the machine has."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": address, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        patch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
        patch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        patch.setenv(name, "/dev/null")
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def forget() -> None:
    """Have the next connection made anew: fsspec keeps those of before, with the address and keys that they had."""
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def bucket() -> str:
    """URL of a new bucket."""
    name = f"test-{uuid.uuid4().hex}"
    Objects(f"s3://{name}")._fs.call_s3("create_bucket", Bucket=name)
    return f"s3://{name}"
