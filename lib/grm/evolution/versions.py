"""Versions of a rubric: files that are never overwritten with other words, so that old scores can be redone.

The newest version is `params/rubrics/<name>.yaml`; those before it lie in `params/rubrics/earlier/`, byte by byte as
they were, and are read by `load_rubric("<name>@<version>")`.
"""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import yaml

from lib import params, paths, tables
from lib.grm import rubric as rubrics
from lib.grm.rubric import Criterion, Gate, Option, Rubric, RubricError

WIDTH = 120
KEYS = ("version", "title", "scope", "interrupts", "author", "status", "parent", "changes", "criteria", "gates")


def bumped(version: str) -> str:
    """The next minor version, as after "1.2.3" comes "1.3.0": criteria were added or taken away."""
    major, minor, _ = version.partition("-")[0].split(".")
    return f"{major}.{int(minor) + 1}.0"


def text(rubric: Rubric) -> str:
    """The rubric as YAML that `load` reads back equal; what has its default is left out."""
    values = _plain(rubric)
    values = {key: values[key] for key in KEYS if key in values}
    changes = {"changes": values.pop("changes")} if "changes" in values else {}
    criteria = {key: values.pop(key) for key in ("criteria", "gates") if key in values}
    # a line for each change, but short lists and options in brackets
    return _dumped(values, None) + (_dumped(changes, False) if changes else "") + _dumped(criteria, None)


def _dumped(values: dict[str, Any], flow: bool | None) -> str:
    return yaml.safe_dump(values, default_flow_style=flow, sort_keys=False, allow_unicode=True, width=WIDTH)


def write(rubric: Rubric) -> Path:
    """Make a rubric the newest version of its name: its file. The one before goes to `earlier/`, its comments to both.

    Raises:
        RubricError: it does not name the newest version as its parent, or its version stands already.
        TableError: a file cannot be written; what was there before is there still.
    """
    file = paths.PARAMS / rubrics.KIND / f"{rubric.name}.yaml"
    comments, shown = "", params.location(rubrics.KIND, rubric.name)
    if file.exists():
        now = rubrics.load(rubric.name)
        if now == rubric:
            return file
        if rubric.full_name in (now.full_name, *rubrics.names(rubrics.EARLIER)):
            raise RubricError(f"{shown}: version: expected a new one, {rubric.version} stands already")
        if rubric.parent != now.full_name:
            given = rubric.parent or "none"
            raise RubricError(f"{shown}: parent: expected {now.full_name}, which it replaces, got {given}")
        was = file.read_bytes()
        _keep(paths.PARAMS / rubrics.EARLIER / f"{now.full_name}.yaml", was)
        comments = "".join(itertools.takewhile(lambda line: line.startswith("#"), was.decode().splitlines(True)))
    with tables.atomic_write(file) as out:
        out.write((comments + text(rubric)).encode())
    return file


def _keep(file: Path, data: bytes) -> None:
    if file.exists() and file.read_bytes() != data:
        raise RubricError(f"{paths.show(file)}: expected what the newest version says, got something else")
    with tables.atomic_write(file) as out:
        out.write(data)


def _plain(value: Any) -> Any:
    """Plain dicts and lists without the name and without defaults."""
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    if not isinstance(value, (Rubric, Criterion, Gate, Option)):
        return value
    given = {field.name: (getattr(value, field.name), field.default) for field in dataclasses.fields(value)}
    return {key: _plain(one) for key, (one, default) in given.items() if key != "name" and one != default}
