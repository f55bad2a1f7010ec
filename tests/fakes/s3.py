"""A real S3-compatible server (moto) on this machine, with buckets that are empty, and the keys that it takes.

It runs in a process of its own: once Flask is imported in a test's, vLLM cannot be loaded any more, as torch looks into
every module and Flask's raise outside of a request. A PUT to `/failing` with methods, divided by blanks, has it answer
one request of each by an error of its own, and tells those that are left.
"""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

KEYS = {"AWS_ACCESS_KEY_ID": "FAKE-KEY-ID-0001", "AWS_SECRET_ACCESS_KEY": "FAKE-SECRET-0001"}


@contextmanager
def serving() -> Iterator[str]:
    """The server's address, as long as the block lasts."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, __file__], text=True, **pipes)
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
    import httpx

    return httpx.put(f"{address}/failing", content=" ".join(methods)).text.split()


def use(address: str, patch) -> None:
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
    import fsspec

    fsspec.get_filesystem_class("s3").clear_instance_cache()


def bucket() -> str:
    """URL of a new bucket."""
    import fsspec

    url = f"s3://test-{uuid.uuid4().hex}"
    fsspec.url_to_fs(url)[0].call_s3("create_bucket", Bucket=url.removeprefix("s3://"))
    return url


def main() -> None:
    from moto.server import ThreadedMotoServer

    server, failing = ThreadedMotoServer("127.0.0.1", 0, verbose=False), []
    server.start()
    served = server._server.app

    def app(environ, start):
        method, body = environ["REQUEST_METHOD"], environ["wsgi.input"]
        size = int(environ.get("CONTENT_LENGTH") or 0)
        if environ["PATH_INFO"] == "/failing":
            failing.extend(body.read(size).decode().split())
            start("200 OK", [("Content-Type", "text/plain")])
            return [" ".join(failing).encode()]
        if method in failing:
            failing.remove(method)
            body.read(size)
            start("503 Service Unavailable", [("Content-Length", "0")])
            return [b""]
        return served(environ, start)

    server._server.app = app
    print(server.get_host_and_port()[1], flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
