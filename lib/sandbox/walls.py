"""Walls that this machine permits, tested by building them."""

import os
import shutil
from functools import cache

from lib.confined import landlock, seccomp
from lib.sandbox.box import Box, DiedError, Limits, SandboxError
from lib.sandbox.process import FILTERS

PLAIN = {"function": None, "prelude": False, "deep": False, "lenient": False}


@cache
def best(allow_unsafe: bool = False) -> tuple[str, ...]:
    """The walls to be had on this machine, from the outside in: a world of its own if possible, and the filters.

    `allow_unsafe`: whether to be content with those there are, or with none.

    Raises:
        SandboxError: neither a world of its own nor both filters can be had; the message says what would help.
    """
    available = {"landlock": landlock.version() > 0, "seccomp": seccomp.available()}
    filters = tuple(name for name in FILTERS if available[name])
    reasons = []
    # root needs no bubblewrap to make namespaces, and is not bound by a limit per user in what bubblewrap makes for it
    wrapped = ["bubblewrap"] if shutil.which("bwrap") and os.geteuid() != 0 else []
    for own in ("namespaces", *wrapped, ""):
        if not own and filters != FILTERS:
            continue
        walls = (own, *filters) if own else filters
        try:
            try_out(walls)
        except SandboxError as error:
            reasons.append(f"{' + '.join(walls)}: {error}")
        else:
            return walls
    if allow_unsafe:
        return filters
    raise SandboxError(
        "model-written code cannot be run safely on this machine. Any of these would help: user namespaces that are "
        "open to users (sysctl kernel.unprivileged_userns_clone=1, or kernel.apparmor_restrict_unprivileged_userns=0), "
        "the package bubblewrap, a kernel with Landlock and seccomp (5.13 or newer). What was tried: "
        + ("; ".join(reasons) or "nothing, as the kernel has none of them")
        + ". Or allow_unsafe: true in the study, on a machine that holds nothing of value"
    )


def try_out(walls: tuple[str, ...]) -> None:
    """Start a sandbox of these walls and run a line in it; a SandboxError that says why it does not work."""
    box = Box(walls)
    try:
        (outcome,) = box.outcomes("print(input())", ["42\n"], Limits(), **PLAIN)
        if outcome.output != b"42\n":
            raise SandboxError(outcome.complaint or "a program that prints its input does not")
    except DiedError as error:
        raise SandboxError(str(error)) from None
    finally:
        box.close()
