"""The machine: its hardware, the packages installed, and whether a process still runs."""

import os
import platform
import re
import shutil
import socket
import subprocess
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from lib import paths


def describe() -> dict[str, Any]:
    """System, processor, usable cores, memory in GiB and GPUs, null where unknown; not its name, nor its user."""
    gpus = run_command("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory(),
        "gpus": gpus.splitlines() if gpus else [],
    }


def version(name: str) -> str:
    """The installed version of a package, `none` where there is none."""
    for distribution in (name, f"{name}-cpu"):  # vLLM's build for the CPU has a name of its own
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return "none"


def run_command(*command: str) -> str | None:
    """The output of a command run in the repository; None if it is not there, fails, or takes over ten seconds."""
    if not shutil.which(command[0]):
        return None
    try:
        done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def process() -> str:
    """This process as text, for a file that names its holder."""
    return f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%F %T')}"


def is_running(holder: str) -> bool | None:
    """Whether a process, as `process` names it, still runs; None if it is on another machine, or not readable."""
    match = re.match(r"process (\d+) on (\S+) since ", holder)
    if not match or match[2] != socket.gethostname():
        return None
    try:
        os.kill(int(match[1]), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it is another user's
    return True


def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or None
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith(("model name", "Model")))
    return next(named, platform.processor() or None)


def is_moving(process: int) -> bool:
    """Whether a thread of a process, or of one that descends from it, runs or waits for a processor or a disk.

    Where /proc does not say, it counts as standing still.
    """
    children = []
    try:
        for thread in os.listdir(f"/proc/{process}/task"):
            place = Path(f"/proc/{process}/task/{thread}")
            if place.joinpath("stat").read_bytes().rpartition(b")")[2].split()[0] in (b"R", b"D"):
                return True
            children += place.joinpath("children").read_text().split()
    except OSError:
        return False
    return any(is_moving(int(child)) for child in children)


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None
