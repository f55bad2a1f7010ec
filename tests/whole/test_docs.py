"""The pages in docs/: links lead somewhere, what is to be copied parses, and what it names exists."""

import ast
import inspect
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from lib import engine, params, paths
from lib.params import settings

PAGES = sorted((paths.ROOT / "docs").glob("*.md"))
ALL = [*PAGES, paths.ROOT / "README.md"]
by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


def commands(page: Path) -> str:
    """What a page gives to type: its code, of a line and within one."""
    text = page.read_text()
    code = re.findall(r"^```\w*\n(.*?)^```$|^ {4}(.*?)$|`([^`\n]+)`", text, re.DOTALL | re.MULTILINE)
    return "\n".join("".join(parts) for parts in code)


def anchors(page: Path) -> set[str]:
    """What links within a page may name: its headings, in small letters, blanks as dashes."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_there_are_pages():
    assert PAGES


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@by_page
def test_yaml_parses_and_bash_is_bash(page):
    for text in blocks(page, "yaml"):
        for shell in [found["run"] for found in [yaml.safe_load(text)] if "run" in found]:
            check_bash(shell)
    for text in blocks(page, "bash"):
        check_bash(text)


def check_bash(text: str) -> None:
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.name)
def test_python_that_is_shown_calls_what_exists(page):
    names = {}
    for text in blocks(page, "python"):
        tree = ast.parse(text)
        imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        exec(compile(ast.Module(imports, []), page.name, "exec"), names)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
                assert hasattr(names[node.value.id], node.attr), ast.unparse(node)
        for call in [node for node in ast.walk(tree) if isinstance(node, ast.Call)]:
            function = call.func
            if isinstance(function, ast.Attribute) and getattr(function.value, "id", "") in names:
                known = inspect.signature(getattr(names[function.value.id], function.attr)).parameters
                assert {keyword.arg for keyword in call.keywords} <= set(known), ast.unparse(call)


@by_page
def test_targets_studies_and_models_that_are_named_exist(page):
    makefile, text = (paths.ROOT / "Makefile").read_text(), commands(page)
    targets = set(re.findall(r"\bmake ([a-z][a-z-]+)", text))
    for target in targets:
        assert re.search(rf"^([a-z-]+ )*{target}( [a-z-]+)*:", makefile, re.MULTILINE), target
    for kind, variable in (("studies", "STUDY"), ("models", "MODELS")):
        for name in re.findall(rf"\b{variable}=([\w.,-]+)", text):
            assert (params.paths.PARAMS / kind / f"{name}.yaml").is_file(), name


@by_page
def test_models_files_that_are_shown_could_be_ones(page):
    for text in blocks(page, "yaml"):
        shown = yaml.safe_load(text)
        if "engine" in shown:
            known = params.load_model("tiny-lrm-s").as_dict() | shown
            known["template"], known["options"] = dict(known["template"]), dict(known["options"])
            engine._class(settings.Model(**known))


@by_page
def test_versions_are_those_that_are_pinned(page):
    pins = (paths.ROOT / "pyproject.toml").read_text()
    for version in re.findall(r'rayVersion: "([\d.]+)"', page.read_text()):
        assert f'"ray=={version}"' in pins


def test_the_estimate_shows_what_its_cells_compute():
    cells = json.loads((paths.ROOT / "docs" / "scale.ipynb").read_bytes())["cells"]
    code, names = [cell for cell in cells if cell["cell_type"] == "code"], {}
    for cell in code:
        exec("".join(cell["source"]), names)
    shown = ["".join(out["data"]["text/html"]) for cell in code for out in cell["outputs"]]
    assert shown == [names["costs"]._repr_html_(), names["totals"]._repr_html_()]
