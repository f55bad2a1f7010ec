"""The tree that must exist, the layers of `lib`, and the contract that every notebook keeps."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest

import lib
from lib import paths

ROOT = paths.ROOT

# what papermill may pass to each notebook
PARAMETERS = {
    "01_load": ["study"],
    "02_augment": ["study", "review"],
    "03_initial": ["study", "model", "interrupts"],
    "04_interrupt": ["study", "model", "interrupts", "positions"],
    "05_grade": ["study", "model", "rater"],
    "06_failure_modes": ["study", "models"],
    "aside/judge": ["study", "judge", "n_problems", "n_records", "n_draws"],
    "aside/try": ["model", "interrupt", "position", "number", "seed"],
}

PAGES = [
    *("clusters", "failure_modes", "grading", "judge", "models_and_engines"),
    *("performance", "protocol", "storage", "updates"),
]
TREE = [
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "Makefile",
    "pyproject.toml",
    "environment.yml",
    ".ci/run",
    "lib/__init__.py",
    *(f"notebooks/{name}.ipynb" for name in PARAMETERS),
    "params/studies/tiny.yaml",
    "models/tiny_lrm",
    "models/tiny_grm",
    *(f"docs/{page}.md" for page in PAGES),
    "docs/scale.ipynb",
    "tests",
]

MAX_CELL_LINES = 30
MAX_CELLS = 32
MAX_PARAMETERS = 6
MAX_OUTPUT_BYTES = 20_000

FORBIDDEN = {"sys.path", "os.chdir", "os.system", "subprocess", "get_ipython", "exec", "eval"}
MACHINE_PATH = re.compile(r"""(?:^|[\s'"`(\[=:,])(?:~/|/(?:home|root|tmp|usr|opt|var|mnt|work|Users)/|[A-Z]:\\)""")

modules = sorted((ROOT / "lib").rglob("*.py"))
by_module = pytest.mark.parametrize("module", modules, ids=lambda file: name_of(file))


def name_of(file: Path) -> str:
    """Name of a module below `lib`, with dots; a package has its folder's."""
    return ".".join(file.relative_to(ROOT / "lib").with_suffix("").parts).removesuffix(".__init__")


# the tree and the package


@pytest.mark.parametrize("path", TREE)
def test_the_tree_holds(path):
    assert (ROOT / path).exists()


def test_lib_is_the_one_of_this_repository():
    assert Path(lib.__file__) == ROOT / "lib" / "__init__.py"
    assert ROOT == paths.ROOT


def test_lib_is_found_from_any_folder(tmp_path):
    (tmp_path / "lib").mkdir()  # a folder of that name must not win over the package
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(
        [sys.executable, "-c", "import lib; print(lib.__file__)"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == str(ROOT / "lib" / "__init__.py")


def test_importing_lib_is_quiet_and_light():
    names = ", ".join(f"lib.{name_of(file)}" for file in modules if name_of(file) != "__init__")
    heavy = ("vllm", "torch", "transformers", "datasets", "ray", "s3fs")
    code = f"import sys, {names}; print([name for name in {heavy} if name in sys.modules])"
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def imports_of(tree: ast.AST) -> set[str]:
    """Full names of everything that a module or cell imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports name the package, as in `from lib import x`"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@by_module
def test_lib_imports_neither_models_nor_tests(module):
    tree = ast.parse(module.read_text())
    assert not {name for name in imports_of(tree) if name.split(".")[0] in ("models", "tests")}
    assert ast.get_docstring(tree), "what the module is stands at its top"


# the notebooks


def test_the_notebooks_are_these():
    found = {
        file.relative_to(paths.NOTEBOOKS).with_suffix("").as_posix() for file in paths.NOTEBOOKS.rglob("[!.]*.ipynb")
    }
    assert {name for name in found if "/." not in name} == set(PARAMETERS)


@pytest.fixture(params=PARAMETERS)
def name(request) -> str:
    return request.param


@pytest.fixture
def file(name) -> Path:
    return paths.NOTEBOOKS / f"{name}.ipynb"


@pytest.fixture
def notebook(file) -> nbformat.NotebookNode:
    book = nbformat.read(file, as_version=4)
    nbformat.validate(book)
    return book


@pytest.fixture
def code(notebook) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture
def trees(code) -> list[ast.Module]:
    """Syntax trees of the code cells; magics and shell escapes are not Python and fail here."""
    return [ast.parse(cell.source) for cell in code]


def tags(cell: nbformat.NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def functions(trees: list[ast.Module]) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, kinds)}


def test_a_notebook_opens_with_its_title(notebook):
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")


def test_the_first_code_cell_holds_the_parameters(name, code, file):
    assert tags(code[0]) == ["parameters"]
    assert [i for i, cell in enumerate(code) if "parameters" in tags(cell)] == [0]
    declared = papermill.inspect_notebook(str(file))
    assert list(declared) == PARAMETERS[name]
    assert len(declared) <= MAX_PARAMETERS
    for parameter in declared.values():
        assert parameter["inferred_type_name"] != "None", f"{parameter['name']} needs an annotation"
        assert parameter["help"], f"{parameter['name']} needs a comment on its line"


def test_parameters_are_literals(trees):
    for statement in trees[0].body:
        assert isinstance(statement, ast.AnnAssign), ast.unparse(statement)
        ast.literal_eval(statement.value)


def test_all_imports_stand_in_the_second_code_cell_lib_last(trees):
    assert all(isinstance(statement, (ast.Import, ast.ImportFrom)) for statement in trees[1].body)
    for tree in [trees[0], *trees[2:]]:
        assert imports_of(tree) == set()
    from_lib = [any(name.split(".")[0] == "lib" for name in imports_of(line)) for line in trees[1].body]
    assert from_lib[-1]
    assert from_lib == sorted(from_lib)


def test_the_third_code_cell_shows_what_the_parameters_resolve_to(code):
    assert re.search(r"load_(study|model)\(", code[2].source)
    assert code[2].outputs


def test_a_notebook_ends_with_versions(notebook):
    last = notebook.cells[-1]
    assert last.cell_type == "code"
    assert "version" in last.source
    assert "nbval-ignore-output" in tags(last)


def test_the_kernel_is_the_plain_one(notebook):
    assert notebook.metadata.kernelspec.name == "python3"


def test_stored_outputs_come_from_one_whole_run(code):
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert [output for cell in code for output in cell.outputs if output.output_type == "error"] == []


def test_no_class_no_try_no_path_tricks(trees):
    for tree in trees:
        nodes = list(ast.walk(tree))
        assert not [node for node in nodes if isinstance(node, (ast.ClassDef, ast.Try, ast.TryStar))]
        used = {ast.unparse(node) for node in nodes if isinstance(node, (ast.Attribute, ast.Name))}
        assert not (used | imports_of(tree)) & FORBIDDEN


def test_no_function_is_defined_in_two_notebooks(name, trees):
    for other in PARAMETERS:
        if other != name:
            book = nbformat.read(paths.NOTEBOOKS / f"{other}.ipynb", as_version=4)
            theirs = functions([ast.parse(cell.source) for cell in book.cells if cell.cell_type == "code"])
            assert functions(trees) & theirs == set(), f"also in {other}: move it to lib"


def test_cells_are_short_and_few(notebook):
    assert len(notebook.cells) <= MAX_CELLS
    for cell in notebook.cells:
        if cell.cell_type == "code" and "long" not in tags(cell):
            assert len(cell.source.splitlines()) <= MAX_CELL_LINES


def test_a_notebook_tells_as_well_as_does(notebook, code):
    told = sum(cell.cell_type == "markdown" for cell in notebook.cells)
    assert 2 * told >= len(code)


def test_no_path_of_a_machine_is_written_or_shown(notebook):
    for i, cell in enumerate(notebook.cells):
        shown = "\n".join([cell.source, *(text for out in cell.get("outputs", []) for text in texts(out))])
        assert str(ROOT) not in shown, f"cell {i}"
        assert not (found := MACHINE_PATH.search(shown)), f"cell {i}: {found[0]!r}"


def test_stored_outputs_are_small(code):
    for cell in code:
        for output in cell.outputs:
            size = sum(len(text.encode()) for text in texts(output))
            assert size <= MAX_OUTPUT_BYTES, f"{size} bytes under: {cell.source[:60]}"


def texts(output: nbformat.NotebookNode) -> list[str]:
    """Everything in an output but its images."""
    if output.output_type == "stream":
        return [output.text]
    data = output.get("data", {})
    return [
        value if isinstance(value, str) else json.dumps(value)
        for kind, value in data.items()
        if not kind.startswith("image/")
    ]


# (text, whether it names a place of one machine)
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("open('/home/ada/x')", True),
        ("see /tmp/x", True),
        ("~/models", True),
        (r"C:\data", True),
        ("outputs/tiny/tables", False),
        ("https://example.org/home/x", False),
        ("a/tmp/x", False),
        ("tiny/0007~original~0", False),
        ("1 / 2", False),
    ],
)
def test_what_counts_as_a_path_of_a_machine(text, found):
    assert bool(MACHINE_PATH.search(text)) == found
