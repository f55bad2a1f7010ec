"""Deriving a study's results again from what its models wrote, away from the results themselves and without an engine.

The notebooks from 05 on run as this repository has them, on a copy of it in a folder of its own; parameters, traces,
continuations and the judge's replies are those of the study.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import yaml

from lib import paths
from lib.pipeline.unpack import PLAIN

FIRST = "05"  # number of the first notebook that computes from stored tables alone
ALWAYS = ("05_grade", "06_failure_modes")
INPUTS = ("problems", "updates", "traces", "continuations")
RECORDED = "recorded"  # folder of what the judge said
OWN = {"lib", "notebooks", "params", "outputs", RECORDED}  # folders of the bench, where no model may be put


class RederiveError(RuntimeError):
    """Results that could not be derived again; its text is one line."""


def rederive(study: str, results: Path, parameters: Path, bench: Path) -> Path:
    """Run the notebooks from 05 on over stored tables.

    Args:
        study: by name.
        results: the folder of the study's outputs; nothing is written there.
        parameters: a folder as `params/` is.
        bench: an empty folder to work in.

    Returns:
        The folder of the results derived again, laid out as `results`; links in it are what they were derived from.

    Raises:
        RederiveError: a table or a reply of the judge is missing, or a notebook did not run to its end.
    """
    models = sorted(file.parent.name for file in results.glob("tables/*/continuations.parquet"))
    if not models:
        raise RederiveError(f"{study}: no table of continuations, expected one of each model")
    for folder in (paths.ROOT / "lib", paths.NOTEBOOKS):
        shutil.copytree(
            folder, bench / folder.name, ignore=shutil.ignore_patterns(".*")
        )  # compiled modules too: faster
    shutil.copytree(parameters, bench / "params")
    for model in {*models, *_named(bench, study, results)}:
        _stand_in(bench, model)
    fresh = bench / "outputs" / study
    _link_inputs(results, fresh)
    _silence(bench, study, results)
    for name, each in _steps(results):
        for model in models if each else [None]:
            _run(bench, name, study, model, [] if each else _narrowed(bench, study, results))
    return fresh


def made(results: Path, fresh: Path) -> list[str]:
    """Names of the tables, their parameters and summaries that were derived, or are stored and should have been."""
    derived = {"grades", "labels", "judgements"} | {
        file.stem for file in fresh.glob("tables/**/*.parquet") if not file.is_symlink()
    }
    found = set()
    for folder in (results, fresh):
        stored = [*folder.glob("tables/**/*.parquet"), *folder.glob("tables/**/*.json")]
        found |= {file.relative_to(folder).as_posix() for file in stored if file.stem in derived}
        found |= {file.relative_to(folder).as_posix() for file in folder.glob("summary/*.csv")}
    return sorted(found)


def _steps(results: Path) -> Iterator[tuple[str, bool]]:
    """The notebooks to run, and whether once for each model: 05, 06, and later ones that the study has run."""
    for file in sorted(paths.NOTEBOOKS.glob("0[0-9]_*.ipynb")):
        ran = [*results.glob(f"notebooks/{file.name}"), *results.glob(f"notebooks/*/{file.name}")]
        if file.stem >= FIRST and (file.stem in ALWAYS or ran):
            yield file.stem, bool(re.search(r'"model: ', file.read_text()))


def _study(bench: Path, study: str) -> dict:
    file = bench / "params" / "studies" / f"{study}.yaml"
    try:
        values = yaml.safe_load(file.read_bytes())
    except (OSError, yaml.YAMLError) as error:
        raise RederiveError(f"params/studies/{study}.yaml: not readable ({str(error).splitlines()[0]})") from None
    return values if isinstance(values, dict) else {}


def _named(bench: Path, study: str, results: Path) -> list[str]:
    """Models that the study names, and those that 06 was last run for."""
    listed = _study(bench, study).get("models") or []
    return [*map(str, listed), *_compared(results)]


def _compared(results: Path) -> list[str]:
    """The models that 06 was run for, by its summary; none if it was not."""
    try:
        return pd.read_csv(results / "summary" / "accuracy.csv", dtype=str)["model"].unique().tolist()
    except (OSError, ValueError, KeyError):
        return []


def _narrowed(bench: Path, study: str, results: Path) -> list[str]:
    compared = _compared(results)
    return [f"--models={','.join(compared)}"] if compared and compared != _study(bench, study).get("models") else []


def _stand_in(bench: Path, model: str) -> None:
    """Have a local model's folder where the bench's parameters look for it; an empty one where it is not here.

    Nothing from 05 on reads it but a judge's own, and a replay of another judge finds nothing.
    """
    values = yaml.safe_load(_model_file(bench, model).read_bytes())
    path = Path(str(values.get("path", "")) if isinstance(values, dict) else "")
    here, there = paths.ROOT / path, bench / path
    if path.is_absolute() or ".." in path.parts or not path.parts or path.parts[0] in OWN or there.exists():
        return
    if here.is_dir():
        there.parent.mkdir(parents=True, exist_ok=True)
        there.symlink_to(here.resolve())
    elif path.parts[0] == "models":
        there.mkdir(parents=True)
        (there / "config.json").write_text("{}\n")


def _model_file(bench: Path, model: str) -> Path:
    """The file of a model's parameters; what it is called may come from an archive of others."""
    file = bench / "params" / "models" / f"{model}.yaml"
    if not PLAIN.fullmatch(model) or not file.is_file():
        raise RederiveError(f"params/models/{model}.yaml: missing, though the study names {model} or has its tables")
    return file


def _link_inputs(results: Path, fresh: Path) -> None:
    for name in INPUTS:
        for file in [*results.glob(f"tables/{name}.*"), *results.glob(f"tables/*/{name}.*")]:
            there = fresh / file.relative_to(results)
            there.parent.mkdir(parents=True, exist_ok=True)
            there.symlink_to(file.resolve())


def _silence(bench: Path, study: str, results: Path) -> None:
    """Put a replay of what it said in place of the judge, the one model that 05 asks, so that none is loaded."""
    if not (judge := _study(bench, study).get("judge")):
        return
    file = _model_file(bench, str(judge))
    _stand_in(bench, judge)
    recorded = bench / RECORDED
    recorded.mkdir()
    for part in results.glob(f"parts/judgements-{judge}-*/*.parquet"):
        (recorded / f"{part.parent.name}-{part.name}").symlink_to(part.resolve())
    values = yaml.safe_load(file.read_bytes())
    values |= {"engine": "replay", "options": (values.get("options") or {}) | {"recorded": RECORDED}}
    file.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def _run(bench: Path, name: str, study: str, model: str | None, more: list[str]) -> None:
    command = [sys.executable, "-m", "lib.pipeline.notebook", name, "--study", study, *more]
    command += ["--model", model] if model else []
    unset = (paths.OUTPUTS_VARIABLE, "JUPYTER_PATH", "PYTHONDONTWRITEBYTECODE")
    own = {key: value for key, value in os.environ.items() if key not in unset}
    own |= {"PYTHONPATH": str(bench), "PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": "1", "JUPYTER_PREFER_ENV_PATH": "1"}
    done = subprocess.run(command, cwd=bench, env=own, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason told"]
        raise RederiveError(said[-1].removeprefix("error: ").replace(f"{bench}/", ""))
