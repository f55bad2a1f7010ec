"""What is kept of a run: docs/bench.json, and the table between two marks in docs/performance.md."""

import json
import os
import platform
import time
from collections.abc import Sequence
from typing import Any

from lib import __version__, machine, paths
from lib.pipeline.provenance import PACKAGES
from tests.bench import rows
from tests.bench.rows import Row

FILE, PAGE = paths.ROOT / "docs" / "bench.json", paths.ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- The table of `make bench ARGS=--store` -->", "<!-- The end of it -->"


def load() -> float | None:
    """Processes that wanted a core in the last minute, null where the machine does not tell."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def described(
    found: Sequence[Row], runs: int, size: float, took: dict[str, float], before: float | None
) -> dict[str, Any]:
    """All of a run for JSON: when and where, versions, and every row with its runs.

    Args:
        found: the rows.
        runs: how often what is timed was.
        size: share of the usual sizes.
        took: seconds of each part, by its name.
        before: the load of the machine when it began.
    """
    return {
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machine.describe() | {"load_before": before},
        "versions": {"midthought": __version__, "python": platform.python_version()}
        | {name: machine.version(name) for name in PACKAGES},
        "runs": runs,
        "size": size,
        "seconds": round(sum(took.values())),
        "parts": took,
        "rows": [row.as_dict() for row in found],
    }


def rows_of(whole: dict[str, Any]) -> list[Row]:
    """The rows of what `described` gave, read back from JSON."""
    names = Row.__dataclass_fields__
    told = ({name: row[name] for name in names} for row in whole["rows"])
    return [Row(**row | {side: tuple(row[side]) for side in ("ours", "other")}) for row in told]


def page(text: str, whole: dict[str, Any], found: Sequence[Row]) -> str:
    """The text of the page with the table and where it comes from between the marks.

    Raises:
        ValueError: the marks are not there.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{paths.show(PAGE)}: expected one line `{BEGIN}` and one line `{END}`")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{origin(whole)}\n\n{rows.markdown(found)}\n{END}{rest.split(END)[1]}"


def origin(whole: dict[str, Any]) -> str:
    """A sentence on the machine, the day and the versions."""
    own, versions = whole["machine"], whole["versions"]
    told = f"{own['processor']}, {own['cores']} cores, {own['memory_gib']} GiB"
    told += "".join(f", {gpu}" for gpu in own["gpus"])
    named = ", ".join(f"{name} {versions[name]}" for name in ("python", "vllm", "torch", "numpy", "pandas"))
    told = f"Measured on {whole['day']} in {whole['seconds']} s: {told}; load before {own['load_before']}; {named}."
    return told if whole["size"] == 1 else f"{told} Sizes are {whole['size']:g} of the usual ones."


def store(whole: dict[str, Any], found: Sequence[Row]) -> None:
    """Write the file and the page."""
    text = page(PAGE.read_text(), whole, found)
    FILE.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(text)
