"""Notebooks: what it costs that a step of a study is an executed notebook, and not a script of the same cells."""

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
            "papermill": lambda turn: clock.in_process(folder, "-m", "lib.pipeline.notebook", NAME, "--study", STUDY),
            "plain": lambda turn: clock.in_process(folder, "-c", PLAIN, file, STUDY),
        }
        took = clock.in_turns(works, runs, warm=False)
    told = f"{NAME} of study {STUDY}, run, cleaned and stored with its provenance, less its cells in a plain process"
    name = "notebook: seconds beside the work in it"
    yield Row(name, "ours - other", "s", took["papermill"], took["plain"], told=told)
