"""Messages between the grader and the sandbox: a JSON head, then pieces of bytes. Nothing in them is ever executed."""

import json
import socket
import struct
from collections.abc import Callable
from typing import Any

LENGTH = struct.Struct(">I")
MOST_HEAD = 1 << 20  # bytes
TAIL = 4096  # bytes of standard error that are passed on


class WireError(OSError):
    """The other side has gone, or sent no valid message."""


def send(channel: socket.socket, head: dict[str, Any], *pieces: bytes, go_on: Callable[[], bool] = bool) -> None:
    """Send one message; an OSError if the other side has gone, `go_on` as in `receive`."""
    text = json.dumps(head | {"pieces": [len(piece) for piece in pieces]}).encode()
    view = memoryview(b"".join([LENGTH.pack(len(text)), text, *pieces]))
    while view:
        view = view[_patiently(lambda: channel.send(view), go_on) :]  # noqa: B023 - called at once


def receive(
    channel: socket.socket, most: int, go_on: Callable[[], bool] = bool
) -> tuple[dict[str, Any], list[bytearray]]:
    """The next message, whose pieces may hold `most` bytes together.

    `go_on` is asked each time that the channel's time limit, if it has one, has passed without a byte.

    Raises:
        WireError: the channel was closed, or a message is not well formed or larger than allowed.
        TimeoutError: `go_on` says no.
    """
    (length,) = LENGTH.unpack(_exactly(channel, LENGTH.size, go_on))
    if length > MOST_HEAD:
        raise WireError(f"a head of {length} bytes, expected at most {MOST_HEAD}")
    try:
        head = json.loads(_exactly(channel, length, go_on))
        sizes = [int(size) for size in head.pop("pieces")]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise WireError(f"not a message: {type(error).__name__}") from None
    if min(sizes, default=0) < 0 or sum(sizes) > most:
        raise WireError(f"pieces of {sum(sizes)} bytes, expected at most {most}")
    return head, [_exactly(channel, size, go_on) for size in sizes]


def _exactly(channel: socket.socket, size: int, go_on: Callable[[], bool]) -> bytearray:
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        count = _patiently(lambda: channel.recv_into(view[done:]), go_on)  # noqa: B023 - called at once
        if count == 0:
            raise WireError("the other side has gone")
        done += count
    return data


def _patiently(move: Callable[[], int], go_on: Callable[[], bool]) -> int:
    while True:
        try:
            return move()
        except TimeoutError:
            if not go_on():
                raise
