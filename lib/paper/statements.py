"""Statements: what the paper found, read from `params/published/statements.yaml`."""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from lib import params, paths
from lib.paper import numbers


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Statement:
    """One statement: number, words, the figure that shows it, the function that tests it and what that needs."""

    id: int
    statement: str
    figure: str
    test: str
    bounds: dict[str, Any]
    benchmarks: list[str] = Field(default_factory=list)
    models: list[str] = Field(default_factory=list)
    elsewhere: Literal["math", "code", "any"] | None = None


def load(file: Path | None = None) -> list[Statement]:
    """All statements, by number; `file` is by default that of `params/published`.

    Raises:
        reported.ReportedError: the file is missing, or an entry is not as expected; told with file and key.
    """
    file = file or paths.PARAMS / "published" / "statements.yaml"
    shown = paths.show(file)
    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise numbers.ReportedError(f"{shown}: cannot be read ({reason}), expected statements") from error
    if not isinstance(entries, dict) or not entries:
        raise numbers.ReportedError(f"{shown}: expected statements under their numbers")
    said = [_statement(key, entry, shown) for key, entry in entries.items()]
    return sorted(said, key=lambda one: one.id)


def _statement(key: Any, entry: Any, shown: str) -> Statement:
    if not isinstance(key, int) or not isinstance(entry, dict):
        raise numbers.ReportedError(f"{shown}: {key}: expected a number, and keys with values under it")
    try:
        return Statement(id=key, **entry)
    except ValidationError as error:
        raise numbers.ReportedError(f"{shown}: {key}: {'; '.join(map(params.format_error, error.errors()))}") from error
