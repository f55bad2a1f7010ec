"""A real S3-compatible server (moto), in a process of its own that prints its port.

Not in a test's process: once Flask is imported there, vLLM cannot be loaded any more, as torch looks into every module
and Flask's raise outside of a request. It ends when its input does, so that it never outlives who started it.

A PUT to `/failing` with methods, divided by blanks, has it answer one request of each by an error of its own; a GET
tells those that are left.
"""

import sys

from moto.server import ThreadedMotoServer

failing: list[str] = []


def main() -> None:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
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
