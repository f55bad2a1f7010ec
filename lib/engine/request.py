"""Requests and completions: what every engine takes and gives, in token ids."""

import hashlib
import json
import os
import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, Self

import pandas as pd

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


class EngineError(RuntimeError):
    """The engine cannot be opened or cannot answer a request; its text is one line."""


@dataclass(frozen=True)
class Request:
    """One prompt to continue, with a seed of its own."""

    key: str
    prompt_ids: list[int]
    seed: int
    max_tokens: int | None = None  # most tokens to generate; None: the model's own limit
    thinking_budget: int | None = None  # most tokens of thinking to generate, then the engine ends it; None: no limit
    json_schema: dict[str, Any] | None = None  # that the answer, not the thinking before it, must fit; None: any text

    @classmethod
    def of(cls, model: Model, prompt_ids: list[int], seed: int, *limits: Any, **more: Any) -> Self:
        """A request to this model, with its `request_key`, which takes the same arguments."""
        key = request_key(model, prompt_ids, seed, *limits, **more)
        return cls(key, prompt_ids, seed, *limits, **more)


@dataclass(frozen=True)
class Completion:
    """The ids generated for the request of the same key."""

    key: str
    token_ids: list[int]
    finish_reason: str  # "stop" or "length"; "error" with an `error`
    cached_tokens: int  # prompt tokens found in the prefix cache, as far as the engine reports them
    error: str | None = None  # why there is no answer, without the key; only `store.completed` fills it

    def raise_for_error(self, name: str | None = None) -> None:
        """Raise EngineError, with a name that readers know or else the key, where there is no answer."""
        if self.error is not None:
            raise EngineError(f"{name or self.key}: {self.error}")


class Engine(Protocol):
    """A model that turns requests into completions."""

    model: Model

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Completions as they finish, in no fixed order; requests are taken as there is room for them.

        Keys must differ. Prompts that begin alike should stand side by side: the prefix cache serves them best then. An
        EngineError begins with the key of the request that cannot be answered.
        """

    def close(self) -> None:
        """Free what the engine holds."""


@dataclass
class Usage:
    """The cost of a run, counted as it goes; in tokens, except requests and seconds."""

    requests: int = 0  # answered, in this run or before
    kept: int = 0  # of these, answered in a run before
    prompt: int = 0
    cached: int = 0  # of the prompts, taken from the prefix cache
    generated: int = 0
    seconds: float = 0.0  # of this run

    @property
    def computed(self) -> int:
        """Tokens of prompts that went through the model."""
        return self.prompt - self.cached

    def add(self, prompt: int, done: Completion, kept: bool) -> None:
        """Count a completion of a prompt of so many tokens; `kept` if an earlier run paid for it."""
        self.requests += 1
        self.kept += kept
        self.prompt += prompt
        self.cached += done.cached_tokens
        self.generated += len(done.token_ids)

    def log(self) -> None:
        """Print on stderr, which stored notebooks do not keep, what differs between two equal runs."""
        print(f"{self.seconds:.0f} s; {self.kept} of {self.requests} requests were answered before", file=sys.stderr)

    def table(self) -> pd.Series:
        """The counts that two equal runs have in common: all but the seconds and what was kept."""
        counts = {"requests": self.requests, "prompt tokens": self.prompt, "from the cache": self.cached}
        return pd.Series(counts | {"computed": self.computed, "generated": self.generated}, name="sum")


def check(request: Request, model: Model, running: Iterable[str] = ()) -> None:
    """Refuse a request whose key is among those that are `running`, or whose prompt leaves no room; EngineError."""
    if request.key in running:
        raise EngineError(f"{request.key}: two requests with this key")
    length, most = len(request.prompt_ids), f"max_model_len {model.max_model_len} of params/models/{model.name}.yaml"
    if length >= model.max_model_len:
        raise EngineError(f"{request.key}: prompt of {length} tokens, expected fewer than {most}")


def room(request: Request, model: Model) -> int:
    """Most tokens that may be generated: the request's limit or the model's, or what the context leaves if less."""
    limit = model.max_tokens if request.max_tokens is None else request.max_tokens
    return min(limit, model.max_model_len - len(request.prompt_ids))


def seed_of(*parts: Any) -> int:
    """A seed in 0..2**63 - 1 from everything that names a request, the seed of the study first."""
    text = "|".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def request_key(
    model: Model,
    prompt_ids: list[int],
    seed: int,
    max_tokens: int | None = None,
    thinking_budget: int | None = None,
    json_schema: dict[str, Any] | None = None,
) -> str:
    """A digest of everything that shapes a request's outcome: 32 hexadecimal digits. Arguments as of `Request`.

    That is the model's files or its hub name and revision, the sampling, the limits, the engine with its options (but
    those that cannot change a number), prompt ids, seed. A replay has the keys of the engine that it recorded, if the
    model's file differs in nothing but `engine: replay` and the option `recorded`. The machine and the version of the
    engine are no part of it: they change how sums round, and what was paid for is not thrown away for that.
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
        shape |= {"thinking_budget": thinking_budget, "family": model.family} | model.own_marks
    if json_schema is not None:
        shape |= {"json_schema": json_schema, "family": model.family} | model.own_marks
    digest = hashlib.sha256(json.dumps(shape, sort_keys=True).encode())
    digest.update(b"\0" + array("q", prompt_ids).tobytes())
    return digest.hexdigest()[:32]


def fingerprint(model: Model) -> list:
    """What tells two models apart: hub name and revision, or the names and contents of a local folder's files."""
    if not model.is_local:
        return [model.path, model.revision]
    folder = Path(model.location)
    return [_file(folder, *stated) for stated in sorted(_stated(folder))]


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
