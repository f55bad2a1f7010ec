"""Where things live: every path of the project, independent of the working directory.

Nothing here makes a folder; whoever writes a file makes the folder it goes to.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARAMS = ROOT / "params"
NOTEBOOKS = ROOT / "notebooks"
MODELS = ROOT / "models"

OUTPUTS_VARIABLE = "MIDTHOUGHT_OUTPUTS"


def outputs() -> Path:
    """Folder of all results: the variable `MIDTHOUGHT_OUTPUTS` if set, else `outputs/` of the project."""
    elsewhere = os.environ.get(OUTPUTS_VARIABLE)
    return Path(elsewhere).expanduser().resolve() if elsewhere else ROOT / "outputs"


def tables(study: str, model: str | None = None) -> Path:
    """Folder of the tables of a study, or of one model in it."""
    return _below(study, "tables", model)


def parts(study: str, model: str) -> Path:
    """Folder of what a model has written for a study so far, completion by completion."""
    return _below(study, "parts", model)


def notebooks(study: str, model: str | None = None) -> Path:
    """Folder of the executed notebooks of a study, or of one model in it."""
    return _below(study, "notebooks", model)


def summary(study: str) -> Path:
    """Folder of the small CSV tables behind the figures of a study."""
    return _below(study, "summary")


def figures(study: str) -> Path:
    """Folder of the figures of a study."""
    return _below(study, "figures")


def show(path: Path) -> str:
    """A path as messages name it: from the repository on where it lies in it, so that no machine's folders are told."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _below(study: str, kind: str, model: str | None = None) -> Path:
    folder = outputs() / study / kind
    return folder / model if model else folder
