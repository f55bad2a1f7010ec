"""Keys of requests: equal if and only if the same was asked of the same model, so that an answer can be kept."""

import hashlib
import json
import os
from array import array
from functools import lru_cache
from pathlib import Path
from typing import Any

from lib.params.settings import Model

WHOLE = 64 * 2**20  # bytes up to which a file of a model counts by its content, else by size and time
# Options that decide where, how fast and how many at a time, but not what comes out.
INDIFFERENT = {
    "gpu_memory_utilization",
    "kv_cache_memory_bytes",
    "max_num_seqs",
    "data_parallel_size",
    "download_dir",
    "disable_log_stats",
    "enable_log_requests",
    "use_tqdm_on_load",
    "url",
    "served_model_name",
    "concurrency",
    "timeout",
    "retries",
    "recorded",
}
UNREAD = {".md", ".png", ".svg", ".pdf"}  # files beside the weights that no engine reads
REPORTS = {"evaluation.json", "evaluation-code.json", "training.json"}  # nor these of our own models


def request_key(
    model: Model,
    prompt_ids: list[int],
    seed: int,
    max_tokens: int | None = None,
    thinking_budget: int | None = None,
    json_schema: dict[str, Any] | None = None,
) -> str:
    """A name for a request, made of everything that shapes its outcome: 32 hexadecimal digits.

    That is the model's files or its hub name and revision, the sampling, the limits, the engine with its options (but
    those that cannot change a number), prompt ids, seed. A replay has the keys of the engine that it recorded, if the
    model's file differs in nothing but `engine: replay` and the option `recorded`. The machine and the version of the
    engine are no part of it: they change how sums round, and what was paid for is not thrown away for that.

    Args:
        model: whose request it is.
        prompt_ids: what is continued.
        seed: of this request.
        max_tokens: most tokens to generate; None: the model's own limit.
        thinking_budget: most tokens of thinking; None: no limit.
        json_schema: that the answer must fit; None: any text.
    """
    shape = {
        "model": fingerprint(model),
        "engine": "server" if "url" in model.options else "vllm",
        "options": {key: value for key, value in model.options.items() if key not in INDIFFERENT},
        "threads": model.threads,
        "sampling": [float(model.temperature), float(model.top_p), model.top_k],
        "seed": seed,
        "max_tokens": model.max_tokens if max_tokens is None else max_tokens,
        "max_model_len": model.max_model_len,
    }
    if thinking_budget is not None:
        shape |= {"thinking_budget": thinking_budget, "family": model.family}
    if json_schema is not None:
        shape |= {"json_schema": json_schema, "family": model.family}
    digest = hashlib.sha256(json.dumps(shape, sort_keys=True).encode())
    digest.update(b"\0" + array("q", prompt_ids).tobytes())
    return digest.hexdigest()[:32]


def fingerprint(model: Model) -> list:
    """What tells two models apart: hub name and revision, or the names and contents of a local folder's files."""
    if not model.is_local:
        return [model.path, model.revision]
    folder = Path(model.location)
    return [_file(folder, *found) for found in sorted(_stated(folder))]


def _stated(folder: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of change of each file that an engine may read; a hidden file is none."""
    files = []
    for where, folders, names in os.walk(folder):  # done for each request, and faster than `Path.rglob`
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            file = os.path.join(where, name)
            read = not name.startswith(".") and os.path.splitext(name)[1] not in UNREAD and name not in REPORTS
            if read and os.path.isfile(file):
                stat = os.stat(file)
                files.append((file[len(str(folder)) + 1 :], stat.st_size, stat.st_mtime_ns))
    return files


@lru_cache(maxsize=4096)
def _file(folder: Path, name: str, size: int, changed: int) -> tuple[str, str]:
    """Name and content of a file, read again only if it has changed."""
    if size > WHOLE:
        return name, f"{size} bytes of {changed}"
    return name, hashlib.sha256((folder / name).read_bytes()).hexdigest()
