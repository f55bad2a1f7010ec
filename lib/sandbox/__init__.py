"""The sandbox: model-written programs run here, and nowhere else.

Walls, from the outside in, as many as the machine permits: a world of its own, by namespaces of the kernel or by
bubblewrap; Landlock (no other file) and seccomp (no process, no other program, no way to talk to one); limits on time,
memory, output and threads. `lib.confined` builds them, `best` finds those to be had here. Without a world of its own,
or both Landlock and seccomp, nothing is run at all, unless a study sets `allow_unsafe: true`.

A fork server inside forks a process for each test; it is sent the program and its input, and the output is compared on
this side (`box`, `verdict`), so that no expected output is ever within a program's reach.

Another kind of sandbox, a container or a machine elsewhere, is anything with the methods of `Runner`, passed to `run`
or, as a function that makes one, to `lib.grade.code`.
"""

from lib.sandbox.box import Box, DiedError, Limits, Outcome, SandboxError, best
from lib.sandbox.pool import run_all
from lib.sandbox.verdict import PROFILES, Runner, Verdict, outputs, run

__all__ = [
    "PROFILES",
    "Box",
    "DiedError",
    "Limits",
    "Outcome",
    "Runner",
    "SandboxError",
    "Verdict",
    "best",
    "outputs",
    "run",
    "run_all",
]
