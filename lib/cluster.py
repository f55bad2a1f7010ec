"""A Ray cluster: joined where RAY_ADDRESS names one, else started on this machine alone.

A process joins once and leaves when it ends. A local cluster listens on the loopback only, shows no dashboard, sends no
usage statistics and ends with the process that started it, however that ends.
"""

import atexit
import hashlib
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lib import paths
from lib.machine import version

ADDRESS = "RAY_ADDRESS"
ATTEMPTS = 3  # to start a cluster: Ray gives its processes fifteen seconds, which a busy machine may not have
STORE = 128 * 2**20  # bytes of a local cluster's object store: only requests and answers go through it
SAME = ("vllm", "torch", "transformers")  # packages that must be of one version on all machines; Ray compares its own
# Ray reads these when it is imported, and its processes when they start.
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
    "RAY_worker_register_timeout_seconds": "600",  # a worker of a busy machine may need minutes to import what it runs
    "RAY_agent_register_timeout_ms": "600000",
}
LOOPBACK = "127.0.0.1"
NO_CLUSTER = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # "0" has Ray take no address of this machine but the loopback's


class ClusterError(RuntimeError):
    """No cluster can be joined or started; its text is one line."""


def join() -> Any:
    """The module `ray`, once this process belongs to a cluster.

    A ClusterError: Ray is not installed, the cluster does not answer, or none can be started.
    """
    address = os.environ.get(ADDRESS, "")
    for name, value in SETTINGS.items() | ({NO_CLUSTER: "0"}.items() if not address else set()):
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        what = "it is the extra `cluster` of pyproject.toml, and `make env` installs it"
        raise ClusterError(f"Ray is not installed ({first_line(error)}): {what}") from error
    if not ray.is_initialized():
        _quieten()
        _join(ray, address) if address else _start(ray)
    return ray


def leave() -> None:
    """Leave the cluster, and end it if it was started here; does nothing outside one."""
    ray = sys.modules.get("ray")
    if ray and ray.is_initialized():
        ray.shutdown()
    while _folders:
        shutil.rmtree(_folders.pop(), ignore_errors=True)


def is_local() -> bool:
    """Whether the cluster is this machine alone, started by this process."""
    return not os.environ.get(ADDRESS)


def versions() -> dict[str, str]:
    """Versions that all machines of a run must share: of packages, and a digest of the code of `lib`."""
    digest = hashlib.sha256()
    for file in sorted((paths.ROOT / "lib").rglob("*.py")):
        digest.update(file.relative_to(paths.ROOT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return {name: version(name) for name in SAME} | {"lib": digest.hexdigest()[:16]}


def first_line(error: BaseException | None) -> str:
    """The first line of an error's message; its class if there is none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _quieten() -> None:
    """Keep Ray's own messages off stdout: what matters arrives as an exception.

    Ray reads its variable for that when it is imported, which vLLM may have done before.
    """
    from ray._private import ray_logging

    for each in (ray_logging.stdout_deduplicator, ray_logging.stderr_deduplicator):
        each.skip_re = re.compile(".")


def _join(ray: Any, address: str) -> None:
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        raise ClusterError(f"{ADDRESS}={address}: no cluster of Ray answers ({first_line(error)})") from error


def _start(ray: Any) -> None:
    from ray._private import ray_constants

    ray_constants.ENABLE_RAY_CLUSTER = False  # in case that Ray was imported before its variable was set
    last: Exception | None = None
    for _ in range(ATTEMPTS):
        folder = _folder()
        try:
            with _path(folder):
                ray.init(
                    address="local",
                    num_cpus=len(os.sched_getaffinity(0)),
                    object_store_memory=STORE,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    _node_ip_address=LOOPBACK,
                    _temp_dir=folder,
                )
            return
        except Exception as error:  # Ray has no class of its own for this
            last = error
            ray.shutdown()
    leave()
    raise ClusterError(f"Ray cannot start a cluster on this machine, in {ATTEMPTS} attempts: {first_line(last)}")


def _folder() -> str:
    """A new temporary folder for the cluster's sockets and logs.

    The module in it shadows one that costs every process seconds at its start: Ray imports jsonschema, which imports a
    grammar of internationalized addresses where that is installed. Nothing here needs it.
    """
    folder = tempfile.mkdtemp(prefix="ray-")
    (Path(folder) / "rfc3987_syntax.py").write_text('raise ImportError("left out: slow, and not needed here")\n')
    if not _folders:
        atexit.register(leave)
    _folders.append(folder)
    return folder


@contextmanager
def _path(folder: str) -> Iterator[None]:
    """Put `folder` and this repository first on the PYTHONPATH of processes that start in the block."""
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [folder, str(paths.ROOT), before]))
    try:
        yield
    finally:
        os.environ["PYTHONPATH"] = before  # empty is as unset


_folders: list[str] = []
