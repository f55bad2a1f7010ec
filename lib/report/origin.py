"""What a report says of its own origin: the study's parameters, its models' files, what was kept of each step."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from lib import params
from lib.params.settings import Study
from lib.pipeline import provenance


def told(study: Study, models: Sequence[str]) -> dict[str, Any]:
    """`settings` (all parameters, as they are in `params/` now), `models` and `steps`, as the page shows them.

    Raises:
        ParamsError: an interrupt of the study without a sound file.
        ProvenanceError: what was kept about the steps cannot be read.
    """
    return {
        "settings": {key: _text(value) for key, value in study.as_dict().items()},
        "models": {name: _model(study, name) for name in models},
        "steps": [_step(kept) for kept in provenance.steps(study.name)],
    }


def _model(study: Study, name: str) -> dict[str, str]:
    """What two equal runs of a model have in common; one whose file is gone is told by the reason."""
    try:
        return {key: _text(value) for key, value in provenance.of(study.name, name).items()}
    except params.ParamsError as error:
        return {"unknown": str(error)}


def _step(kept: dict[str, Any]) -> dict[str, Any]:
    code, machine = kept.get("code", {}), kept.get("machine", {})
    took = pd.Timestamp(kept["ended"]) - pd.Timestamp(kept["started"])
    state = {True: "", False: " and changes", None: " (no git)"}[code.get("clean")]
    gpus = [str(gpu) for gpu in machine.get("gpus", [])]
    return {
        "step": kept["step"],
        "model": kept["model"] or "",
        "started": kept["started"],
        "took": f"{took.total_seconds():,.0f} s",
        "parameters": kept.get("made_from", {}).get("parameters", "unknown"),
        "code": f"{(code.get('commit') or code.get('version') or 'unknown')[:12]}{state}",
        "machine": ", ".join([str(machine.get("processor")), f"{machine.get('cores')} cores", *gpus]),
        "packages": kept.get("packages", {}),
    }


def _text(value: Any) -> str:
    """A value as YAML would have it on one line; null where it is undefined."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
