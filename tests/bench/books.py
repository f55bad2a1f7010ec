"""Notebooks: what it costs that a step of a study is an executed notebook, and not a script of the same cells."""

import os
import subprocess
import sys
from collections.abc import Iterator
from tempfile import TemporaryDirectory

from lib import paths
from tests.bench import clock
from tests.bench.rows import Row

NAME, STUDY = "01_load", "smoke"
# The cells of a notebook in a plain process; what they would show is made as text, as a kernel does.
PLAIN = """
import ast, json, sys
cells = [cell for cell in json.load(open(sys.argv[1]))["cells"] if cell["cell_type"] == "code"]
names = {"display": repr}
for place, cell in enumerate(cells):
    tree = ast.parse("".join(cell["source"]))
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    if last:
        shown = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        getattr(shown, "_repr_html_", shown.__repr__)(), repr(shown)
    if place == 0:
        names["study"] = sys.argv[2]
"""


def notebook(runs: int, size: float) -> Iterator[Row]:
    """01 through papermill, and its cells alone; both with the start of their processes. `size` does not matter."""
    file = str(paths.NOTEBOOKS / f"{NAME}.ipynb")
    with TemporaryDirectory() as folder:
        works = {
            "papermill": lambda turn: _run(folder, "-m", "lib.pipeline.notebook", NAME, "--study", STUDY),
            "plain": lambda turn: _run(folder, "-c", PLAIN, file, STUDY),
        }
        took = clock.in_turns(works, runs, warm=False)
    told = f"{NAME} of study {STUDY}, run, cleaned and stored with its provenance, less its cells in a plain process"
    name = "notebook: seconds beside the work in it"
    yield Row(name, "ours - other", "s", took["papermill"], took["plain"], told=told)


def _run(folder: str, *arguments: str) -> None:
    env = os.environ | {paths.OUTPUTS_VARIABLE: folder}
    done = subprocess.run([sys.executable, *arguments], cwd=paths.ROOT, env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{arguments[1]}: {done.stderr.strip().splitlines()[-1:]}")
