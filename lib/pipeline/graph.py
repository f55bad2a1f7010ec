"""What make has to know about a study: `python -m lib.pipeline.graph --study tiny --models a,b`.

Prints assignments to variables of the Makefile, with `;` between them: names, and the files that each step is made
from. Every name and path in them has been checked for characters that make or a shell would read in a way of its own.
"""

import argparse
import re
import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from lib import params, paths
from lib.params.settings import Model

LISTS = ("models", "interrupts", "positions")  # of a study, that may be given in place of its own
PATH = re.compile(r"[\w./+@,-]+( +[\w./+@,-]+)*")  # what may stand in a makefile, once its blanks are escaped


class GraphError(ValueError):
    """A study that make cannot work on; its text is one line."""


def variables(study: str, **given: str) -> dict[str, str]:
    """Make's variables about a study by name; `given` are texts with commas in place of its own lists.

    OUT is the folder of its results; MODELS, INTERRUPTS and POSITIONS are lists, the last two only if given. Of each
    step there are the files that the study brings to it: LOADED (01), UPDATING (02), WORDINGS (03 and 04), MODEL.<name>
    (03 to 05 of a model), JUDGED (05 and 06).

    Raises:
        ParamsError: as `params.load_study`.
        GraphError: a path that cannot stand in a makefile, or a file in the place of the results' folder.
    """
    settings = params.load_study(study, **given)
    own = paths.PARAMS / "studies"
    models = {name: _model_files(params.load_model(name)) for name in settings.models}
    helpers = [params.load_model(name) for name in (settings.writer, settings.solver) if name]
    updating = [own / study / "decisions.csv", *chain.from_iterable(map(_model_files, helpers))]
    sources = [paths.ROOT / Path(name).expanduser() for name in settings.sources]
    judged = [own / study / "labels.csv", *(paths.PARAMS / "rubrics" / f"{name}.yaml" for name in settings.rubrics)]
    files = {
        "LOADED": [own / f"{study}.yaml", *sources, *_folder(settings.data_dir, "*.jsonl")],
        "UPDATING": [*updating, *_folder(paths.PARAMS / "prompts", "*.yaml")],
        "WORDINGS": _wordings(settings.interrupts),
        **{f"MODEL.{name}": listed for name, listed in models.items()},
        "JUDGED": judged + (_model_files(params.load_model(settings.judge)) if settings.judge else []),
    }
    asked = {name: " ".join(item.strip() for item in given.get(name, "").split(",")) for name in LISTS}
    return {
        "OUT": _results(study),
        **{name.upper(): asked[name] for name in LISTS},
        "MODELS": " ".join(settings.models),
        **{name: " ".join(_escaped(file) for file in listed if file.is_file()) for name, listed in files.items()},
    }


def _wordings(names: Iterable[str]) -> list[Path]:
    """The files of interrupts, of their steps, and those with the wording that they name."""
    parts = [part.name for name in names for part in params.load_steps(params.load_interrupt(name))]
    files = []
    for name in dict.fromkeys([*names, *parts]):
        wording = params.read("interrupts", name).get("prompt_file")
        files += [paths.PARAMS / "interrupts" / f"{name}.yaml", *([paths.ROOT / wording] if wording else [])]
    return files


def _model_files(model: Model) -> list[Path]:
    """The file of a model's parameters, and those in its folder if it has one."""
    return [paths.PARAMS / "models" / f"{model.name}.yaml", *_folder(model.location if model.is_local else None, "*")]


def _folder(folder: str | Path | None, pattern: str) -> list[Path]:
    """Files of a folder, without those that are hidden or have names that no program here gives."""
    files = sorted((paths.ROOT / Path(folder).expanduser()).glob(pattern)) if folder else []
    return [file for file in files if not file.name.startswith(".") and PATH.fullmatch(file.name)]


def _results(study: str) -> str:
    folder = paths.outputs() / study
    if in_the_way := [place for place in (folder / "tables", *folder.parents, folder) if place.is_file()]:
        raise GraphError(f"{paths.show(in_the_way[0])}: a file, expected a folder for results")
    if " " in (shown := _escaped(folder)):
        raise GraphError(f"{paths.OUTPUTS_VARIABLE}: {folder.parent}: expected a folder whose path has no blanks")
    return shown


def _escaped(file: Path) -> str:
    """A path as a makefile has it, from the root of the project on if it lies below."""
    shown = paths.show(file) if file.is_relative_to(paths.ROOT) else str(file)
    if not PATH.fullmatch(shown):
        raise GraphError(
            f"{paths.printable(shown)}: expected a path of letters, digits, blanks and . _ - + @ , / alone"
        )
    return shown.replace(" ", "\\ ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="tiny")
    for name in LISTS:
        parser.add_argument(f"--{name}", default="", help="comma-separated, in place of the study's own")
    args = parser.parse_args()
    try:
        found = variables(args.study, **{name: getattr(args, name) for name in LISTS})
    except (GraphError, params.ParamsError, OSError) as error:
        print(paths.printable(str(error)))  # make reads it from here, and says it
        sys.exit(1)
    print(";".join(f"override {name} := {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
