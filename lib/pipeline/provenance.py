"""Provenance: what made a study's results, step by step.

What two equal runs share stands in `of`, and may be shown in a notebook. Times, the machine and the commit differ
between them, and are kept in `outputs/<study>/provenance.json` alone.
"""

import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from lib import __version__, machine, params, paths, tables
from lib.params.settings import Model

WHOLE = 256 * 2**20  # bytes up to which a file is hashed whole; of a larger one its size and both ends
END = 2**20
PACKAGES = (
    *("vllm", "ray", "torch", "transformers", "tokenizers", "safetensors", "mistral-common"),
    *("math-verify", "latex2sympy2-extended", "sympy", "antlr4-python3-runtime"),
    *("numpy", "pandas", "pyarrow", "matplotlib", "papermill", "nbclient", "ipykernel"),
)
CODE = ("lib", "notebooks", "params", "models", "pyproject.toml", "locks")  # what a step may depend on
UNREAD = (".md", ".png", ".svg", ".pdf")  # files beside the weights that no engine reads
OF_STUDY = ("models", "interrupts", "positions")  # parameters of a notebook that replace a study's own


class ProvenanceError(RuntimeError):
    """The provenance of a study cannot be read; its text is one line."""


def of(study: str, model: str | None = None, **overrides: str) -> pd.Series:
    """What two equal runs have in common, as texts by name: no time, no machine, no commit.

    study, parameters (digest of all that is resolved, with `overrides`), seed; of a model its path, revision, engine,
    threads and files: a digest of their names and contents, null for a model that is on the hub or a server.

    Raises:
        ParamsError: a study or model without a sound file.
    """
    settings = params.load_study(study, **overrides)
    interrupts = [params.load_interrupt(name) for name in settings.interrupts]
    resolved: dict[str, Any] = {
        "study": settings.as_dict(),
        "interrupts": [part.as_dict() for each in interrupts for part in [each, *params.load_steps(each)]],
        "rubrics": {name: params.read("rubrics", name) for name in settings.rubrics},
    }
    if settings.judge:
        resolved["judge"] = params.load_model(settings.judge).as_dict()
    summary: dict[str, Any] = {"study": study, "parameters": "", "seed": str(settings.seed)}
    if model:
        own = params.load_model(model)
        resolved["model"], digests = own.as_dict(), files(own)
        summary |= {"model": model, "path": own.path, "revision": own.revision, "engine": own.engine}
        summary |= {"threads": str(own.threads or "all"), "files": digest(digests) if digests else None}
    summary["parameters"] = digest(resolved)
    return pd.Series(summary, name="provenance", dtype=object)


def versions(*names: str) -> pd.Series:
    """Installed versions of the project, of Python and of the packages named; `none` where one is missing."""
    installed = {"midthought": __version__, "python": platform.python_version()}
    return pd.Series(installed | {name: machine.version(name) for name in names}, name="version")


def digest(value: Any) -> str:
    """The first 16 hexadecimal digits of a SHA-256 over `value` as sorted JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


def files(model: Model) -> dict[str, str]:
    """Digest of each file of a local model by its name, hidden ones and pictures left out; none of another model.

    A digest is a SHA-256 in hexadecimal digits; of a file over 256 MiB it is `ends:` and one over its size and its
    first and last MiB.
    """
    if not model.is_local:
        return {}
    folder = Path(model.location)
    names = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file() and file.suffix not in UNREAD)
    read = (name for name in names if not any(part.startswith((".", "__")) for part in name.parts))
    return {name.as_posix(): _file_digest(folder / name) for name in sorted(read)}


def code() -> dict[str, Any]:
    """The code as it is: version, digest of `lib/` and the notebooks' sources, and what git says.

    `commit` and `clean` (nothing uncommitted among what a step depends on) are null where the folder is no repository
    of git's, or git is not there.
    """
    modules = sorted(file for file in (paths.ROOT / "lib").rglob("*") if file.suffix in (".py", ".mplstyle"))
    digests = {file.relative_to(paths.ROOT).as_posix(): _file_digest(file) for file in modules}
    for file in sorted(paths.NOTEBOOKS.glob("*.ipynb")):  # cells as they are written; what they show is no code
        cells = json.loads(file.read_bytes())["cells"]
        digests[f"notebooks/{file.name}"] = digest(["".join(cell["source"]) for cell in cells])
    commit = status = None
    if (paths.ROOT / ".git").exists():  # else a repository around this folder would answer
        commit = machine.run_command("git", "rev-parse", "HEAD")
        status = machine.run_command("git", "status", "--porcelain", "--", *CODE)
    clean = None if commit is None or status is None else not status
    return {"version": __version__, "code": digest(digests), "commit": commit, "clean": clean}


@contextmanager
def step(name: str, study: str, model: str | None = None, **overrides: str) -> Iterator[None]:
    """Record what makes a step and how long it took, once the block has ended well.

    The code is looked at before the block, so that a commit made meanwhile is not taken for it. A file that cannot be
    written is a warning on stderr: the step is done all the same.
    """
    begun, before = _now(), code()
    yield
    entry = {"step": name, "model": model, "started": begun, "ended": _now(), "overrides": overrides, "code": before}
    entry |= _made_from(study, model, overrides) | {"machine": machine.describe()}
    entry["packages"] = {"python": platform.python_version()} | {name: machine.version(name) for name in PACKAGES}
    try:
        merge(study, [entry])
    except (tables.TableError, OSError) as error:
        print(f"warning: {error}", file=sys.stderr, flush=True)


def location(study: str) -> Path:
    """Where the provenance of a study's steps is."""
    return paths.outputs() / study / "provenance.json"


def steps(study: str) -> list[dict[str, Any]]:
    """The record of each step, by step and model; empty where there is none.

    Raises:
        ProvenanceError: the file is not what `merge` writes.
    """
    file = location(study)
    return parse(file.read_bytes(), paths.show(file)) if file.is_file() else []


def parse(data: bytes, where: str) -> list[dict[str, Any]]:
    """The records in the bytes of a `provenance.json`; raises ProvenanceError, which names `where` it comes from."""
    try:
        entries = sorted(json.loads(data)["steps"], key=_key)
        if not all(isinstance(entry["ended"], str) for entry in entries):
            raise ValueError("a step without its end")
        return entries
    except (ValueError, KeyError, TypeError) as error:
        raise ProvenanceError(f"{where}: not readable ({error}), expected JSON with a list `steps`") from error


def merge(study: str, entries: list[dict[str, Any]]) -> None:
    """Put records among a study's; of two of one step and model the later stays. Chains of models may end at once."""
    folder = paths.tables(study)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".provenance.lock"):
        try:
            known = steps(study)
        except ProvenanceError:
            known = []  # a file that cannot be read is no reason to lose this step too
        latest = {_key(entry): entry for entry in sorted([*known, *entries], key=lambda entry: entry["ended"])}
        with tables.atomic_write(location(study)) as file:
            content = {"steps": [latest[key] for key in sorted(latest)]}
            file.write(f"{json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)}\n".encode())


def report(study: str) -> str:
    """The steps of a study as a table for a terminal; one line that says so where none is recorded."""
    rows = list(map(row, steps(study)))
    if not rows:
        return f"{paths.show(location(study))}: nothing was kept about the steps of {study}"
    return "How it was made\n\n" + pd.DataFrame(rows).to_string(index=False)


def row(entry: dict[str, Any]) -> dict[str, Any]:
    """The record of a step as readers see it: step, model, started, seconds, parameters, code, machine."""
    own, where = entry.get("code", {}), entry.get("machine", {})
    seconds = pd.Timestamp(entry["ended"]) - pd.Timestamp(entry["started"])
    state = {True: "", False: " and changes", None: " (no git)"}[own.get("clean")]
    gpus = "".join(f", {gpu}" for gpu in where.get("gpus", []))
    return {
        "step": entry["step"],
        "model": entry["model"] or "",
        "started": entry["started"],
        "seconds": round(seconds.total_seconds()),
        "parameters": entry.get("made_from", {}).get("parameters", "unknown"),
        "code": f"{(own.get('commit') or own.get('version') or 'unknown')[:12]}{state}",
        "machine": f"{where.get('processor')}, {where.get('cores')} cores, {where.get('memory_gib')} GiB{gpus}",
    }


def _key(entry: dict[str, Any]) -> tuple[str, str]:
    return entry["step"], entry["model"] or ""


def _made_from(study: str, model: str | None, overrides: dict[str, str]) -> dict[str, Any]:
    try:
        shared = of(study, model, **{name: overrides[name] for name in OF_STUDY if overrides.get(name)}).to_dict()
        own = params.load_model(model) if model else None
    except (params.ParamsError, OSError) as error:
        return {"made_from": {"unknown": str(error)}, "model_files": {}, "model_commit": None}
    own_files, commit = (files(own), _cached_commit(own)) if own else ({}, None)
    return {"made_from": shared, "model_files": own_files, "model_commit": commit}


def _file_digest(file: Path) -> str:
    size = file.stat().st_size
    with file.open("rb") as opened:
        if size <= WHOLE:
            return hashlib.file_digest(opened, "sha256").hexdigest()
        first = opened.read(END)
        opened.seek(-END, os.SEEK_END)
        return "ends:" + hashlib.sha256(b"%d\0" % size + first + opened.read()).hexdigest()


def _cached_commit(model: Model) -> str | None:
    """The commit of a hub model that lies in the cache of this machine, null if none does."""
    if model.is_local or model.engine not in ("vllm", "ray"):
        return None
    from huggingface_hub import try_to_load_from_cache  # comes with transformers, and takes its time to import

    found = try_to_load_from_cache(model.path, "config.json", revision=model.revision)
    return Path(found).parent.name if isinstance(found, str) else None


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
