"""The graph of the Makefile: that a change of code reaches every notebook that stands on it."""

import ast
import json
import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from lib import paths

# What runs a notebook, shows how far it is and where it comes from, or is passed on the way: no number hangs on it.
AROUND = {
    paths.ROOT / "lib" / name
    for name in (
        "__init__.py",
        "pipeline/__init__.py",
        "pipeline/provenance.py",
        "progress_bar.py",
        "report/__init__.py",
    )
}
NOTEBOOKS = sorted(paths.NOTEBOOKS.glob("0*.ipynb"))


def names(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files(imported: Iterable[str]) -> set[Path]:
    """Files of the modules of `lib` among imported names, with the packages that they are in."""
    found = set()
    for name in imported:
        parts = name.split(".") if name.split(".")[0] == "lib" else []
        for end in range(2, len(parts) + 1):
            place = paths.ROOT.joinpath(*parts[:end])
            found |= {file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()}
    return found


def needed(notebook: Path) -> set[str]:
    """Modules that a notebook imports, and those that they import, and so on."""
    cells = (cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code")
    todo = set().union(*(files(names(ast.parse("".join(cell["source"])))) for cell in cells)) - AROUND
    known = set()
    while todo:
        known |= todo
        todo = set().union(*(files(names(ast.parse(file.read_text()))) for file in todo)) - known - AROUND
    return {file.relative_to(paths.ROOT).as_posix() for file in known}


@pytest.fixture(scope="module")
def rules() -> dict[str, list[str]]:
    """What each target hangs on, as make understands the Makefile; what only has to be there is left out."""
    said = subprocess.run(["make", "-pnq", "results"], cwd=paths.ROOT, capture_output=True, text=True).stdout
    lines = (re.match(r"(outputs/tiny/\S+): (.*)", line) for line in said.splitlines())
    return {line[1]: line[2].split("|")[0].split() for line in lines if line}


def reached(target: str, rules: dict[str, list[str]]) -> set[str]:
    todo, known = {target}, set()
    while todo:
        known |= todo
        todo = set().union(*(rules.get(name, ()) for name in todo)) - known
    return known


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_is_run_again_when_a_module_that_it_stands_on_has_changed(notebook, rules):
    targets = [name for name in rules if name.endswith(f"/{notebook.name}")]
    assert targets
    for target in targets:
        assert needed(notebook) <= reached(target, rules), target


@pytest.mark.parametrize(
    ("given", "passed"),
    [([], ["-j2"]), (["-j3"], []), (["-j"], []), (["JOBS=5"], ["-j5"]), (["GPUS=0,1,2"], ["-j3"])],
)
def test_as_many_notebooks_run_side_by_side_as_is_asked_for(given, passed):
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    command = ["make", "--dry-run", "EXTRA=cpu", *given, "reproduce"]
    # It tells its recipe first, and stops where there are no such GPUs, or no tables yet.
    told = subprocess.run(command, cwd=paths.ROOT, env=env, capture_output=True, text=True)
    assert "jobserver" not in told.stderr, told.stderr
    (inner,) = [line.split() for line in told.stdout.splitlines() if line.startswith("make ")]
    assert inner == ["make", *passed, "results"]
