"""A real S3-compatible server on this machine, with buckets that are empty, and the keys that it takes."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
import httpx
import pytest

from lib.pipeline.remote import Store

KEYS = {"AWS_ACCESS_KEY_ID": "FAKE-KEY-ID-0001", "AWS_SECRET_ACCESS_KEY": "FAKE-SECRET-0001"}


@contextmanager
def serving() -> Iterator[str]:
    """The server's address, as long as the block lasts."""
    command = [sys.executable, str(Path(__file__).with_name("s3_server.py"))]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    forget()
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()  # which ends it
        process.wait()
        process.stdout.close()
        forget()


def fail(address: str, *methods: str) -> list[str]:
    """Have the server fail one request of each method, besides those that are left from before; all that are left."""
    return httpx.put(f"{address}/failing", content=" ".join(methods)).text.split()


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
    Store(f"s3://{name}")._fs.call_s3("create_bucket", Bucket=name)
    return f"s3://{name}"
