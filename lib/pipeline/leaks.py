"""Leaks: what must not leave this machine in a file, its folders and its secrets."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from lib import paths

TEXTS = {".json", ".yaml", ".csv", ".ipynb", ".html", ".svg", ".md", ".txt", ".jsonl"}
# Shapes of keys that well-known services give out; what these find is never shown.
KEYS = (
    r"sk-[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{30,}|gh[pousr]_[A-Za-z0-9]{36}|AKIA[0-9A-Z]{16}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^/\s:@]+:[^/\s:@]+@"
)
NAMED_SECRET = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$")
SHORTEST = 8  # characters of a secret; a shorter value would be found everywhere
ABSOLUTE = re.compile(r"(?:/|~/|[A-Za-z]:\\)\S+")


def faults(name: str, file: Path) -> list[str]:
    """What would leak with a file, a line each, which `name` begins: this machine's folders, secrets, absolute paths.

    Looked at are texts, line by line, and the texts in parquet files. Secrets are values of environment variables whose
    names end in KEY, TOKEN, SECRET or PASSWORD, and what looks like the keys of well-known services.
    """
    if file.suffix == ".parquet":
        return list(_in_table(name, file))
    if file.suffix not in TEXTS:
        return []
    text = file.read_text(encoding="utf-8", errors="replace")
    lines = list(_in_text(name, text))
    if file.suffix in (".yaml", ".json") and not lines:
        lines += _in_values(name, text)
    return lines


def _in_text(name: str, text: str) -> Iterator[str]:
    for what, pattern in _patterns().items():
        if match := re.search(pattern, text):
            yield f"{name}: line {text.count(chr(10), 0, match.start()) + 1}: {what}"


def _in_table(name: str, file: Path) -> Iterator[str]:
    rows = pq.read_table(file, columns=[each.name for each in pq.read_schema(file) if pa.types.is_string(each.type)])
    for column in rows.column_names:
        for what, pattern in _patterns().items():
            hits = pc.match_substring_regex(rows[column], pattern)
            if (at := pc.index(hits, True).as_py()) >= 0:
                yield f"{name}: column {column}, row number {at}: {what}"


def _in_values(name: str, text: str) -> Iterator[str]:
    """Paths in parameters, which would mean nothing elsewhere, wherever they lead."""
    for key, value in _leaves(yaml.safe_load(text)):
        if isinstance(value, str) and ABSOLUTE.fullmatch(value):
            yield f"{name}: {key}: an absolute path, expected one relative to the repository"


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _leaves(inner, f"{key}[{i}]")
    else:
        yield key, value


def _patterns() -> dict[str, str]:
    """What is looked for, by what is said of it: patterns that both Python and Arrow read."""
    own = {str(paths.ROOT), str(paths.outputs()), str(Path.home())} - {"/"}
    places = "|".join(map(re.escape, sorted(own, key=len, reverse=True)))
    secrets = {value for name, value in os.environ.items() if NAMED_SECRET.search(name) and len(value) >= SHORTEST}
    looked = {
        "a folder of this machine": rf"(?:{places})(?:[^\w.-]|$)",
        "what looks like a secret key": KEYS,
    }
    if secrets:
        looked["a secret of this machine's environment"] = "|".join(map(re.escape, sorted(secrets)))
    return looked
