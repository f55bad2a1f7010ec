"""Rows of JSON Lines files: read, and refused by file, line and field where they are not as expected."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lib import paths

Row = tuple[str, dict[str, Any]]  # the place to name in an error, and the row


class ProblemError(ValueError):
    """Problems that cannot be loaded; its text is one line."""


def read(path: Path, expected: str) -> tuple[list[Row], str]:
    """The rows of a file (relative to the repository), and a revision that tells its bytes.

    Raises:
        ProblemError: the file is missing or empty, or a line is not a JSON object; `expected` says what should be
            there.
    """
    try:
        data = (paths.ROOT / path.expanduser()).read_bytes()
    except OSError as error:
        raise ProblemError(f"{path}: cannot be read ({error.strerror}), {expected}") from error
    if not data.strip():
        raise ProblemError(f"{path}: empty, {expected}")
    lines = [(f"{path}:{i}", line) for i, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    return [(where, _parse(line, where)) for where, line in lines], "sha256:" + hashlib.sha256(data).hexdigest()[:12]


def cause(error: Exception) -> str:
    """Kind and first line of another library's error, for a message of one line."""
    told = str(error).splitlines()
    return f"{type(error).__name__}: {told[0][:120] if told else 'no reason given'}"


def text(row: dict[str, Any], field: str, where: str) -> str:
    """A field that must hold a text that is not blank; whole numbers count as text."""
    value = row.get(field)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
        got = json.dumps(value, default=str)[:60] if field in row else "no such field"
        raise ProblemError(f"{where}: {field}: expected a text, got {got}")
    return str(value)


def maybe(row: dict[str, Any], field: str, where: str) -> str | None:
    """A field that may be missing, null or empty; otherwise as `text`."""
    return None if row.get(field) in (None, "") else text(row, field, where)


def need_distinct(rows: Iterable[tuple[str, str]]) -> None:
    """Refuse ids that occur twice: pairs of the place and the id."""
    seen: dict[str, str] = {}
    for where, name in rows:
        if name in seen:
            raise ProblemError(f"{where}: id {name!r} is that of {seen[name]} too, expected each id once")
        seen[name] = where


def _parse(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise ProblemError(f"{where}: not UTF-8, expected one JSON object a line") from error
    except json.JSONDecodeError as error:
        reason = f"column {error.colno}: {error.msg}"
        raise ProblemError(f"{where}: not sound JSON ({reason}), expected one object a line") from error
    if not isinstance(row, dict):
        raise ProblemError(f"{where}: expected a JSON object, got {type(row).__name__}")
    return row
