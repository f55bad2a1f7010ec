"""The graph of the Makefile: that a change of code reaches every notebook that stands on it."""

import ast
import json
import os
import re
import shutil
import subprocess
import time
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
    assert inner[: len(passed) + 2] == ["make", *passed, "results"]


# what a study's file, a name or a variable says is never run


STUDY = "title: T\nmodels: [tiny-lrm-s]\nsources: [tiny]\ninterrupts: [speed_up]\npositions: [0.5]\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project, whose parameters may be spoiled."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("lib", "params", "notebooks", "locks"):
        shutil.copytree(paths.ROOT / name, folder / name)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy2(paths.ROOT / name, folder)
    (folder / "models").symlink_to(paths.ROOT / "models")
    return folder


def make(project: Path, *words: str, **variables: str) -> subprocess.CompletedProcess:
    """Make in the copy, with this environment's packages."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "MIDTHOUGHT"))}
    given = {"VENV": f"{paths.ROOT}/.venv", "EXTRA": "cpu", **variables}
    command = ["make", *words, *(f"{name}={value}" for name, value in given.items())]
    return subprocess.run(command, cwd=project, env=env, capture_output=True, text=True)


# key of a study, hostile value; each would leave a file `hit`
HOSTILE_STUDIES = [
    ("judge", "x`touch${IFS}hit`"),
    ("solver", '"$(touch hit)"'),
    ("solver", '"$(shell touch hit)"'),
    ("writer", "x;touch${IFS}hit;"),
    ("models", "[tiny-lrm-s, 'x||touch hit||x']"),
    ("models", "['$(shell touch hit)']"),
    ("models", "[\"a'; touch hit; '\"]"),
    ("models", "['a\\nhit: ; touch hit']"),
    ("interrupts", "['$$(touch hit)', speed_up]"),
    ("positions", "['0.5`touch hit`']"),
    ("sources", '["x;override SHELL := touch hit;.jsonl"]'),
    ("data_dir", "'a: b;touch hit'"),
    ("rubrics", "{'x`touch hit`': all}"),
    ("title", '"`touch hit` $(touch hit) $(shell touch hit)"'),
]


@pytest.mark.make
@pytest.mark.parametrize(("key", "value"), HOSTILE_STUDIES)
def test_nothing_in_a_study_reaches_a_shell(project, key, value):
    file = project / "params" / "studies" / "theirs.yaml"
    kept = [line for line in STUDY.splitlines() if not line.startswith(f"{key}:")]
    file.write_text("\n".join([*kept, f"{key}: {value}", ""]))
    for words in (["-n", "results"], *([["help"], ["plan"], ["status"], ["verify"]] if key == "judge" else [])):
        done = make(project, *words, STUDY="theirs")
        assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) <= 2, done.stderr
        assert not (project / "hit").exists(), words


# variable whose value is also tried on the targets that change most, hostile value
NASTY = [
    ("STUDY", "a;touch hit;"),
    ("INTERRUPTS", "$$(touch hit)"),
    ("POSITIONS", "$(shell touch hit)"),
    ("MIDTHOUGHT_OUTPUTS", "a'; touch hit; '"),
    ("MODELS", 'a"; touch hit; "'),
    ("JOBS", "1' || touch hit; '"),
    ("GPUS", "$(eval x:;touch hit)"),
    ("STUDY", "../../victim"),
    ("TO", "$(file >hit)"),
]


@pytest.mark.make
@pytest.mark.parametrize(("name", "text"), NASTY)
def test_what_a_variable_holds_is_text(project, name, text):
    victim = project.parent / "victim" / "tables" / "kept"
    victim.parent.mkdir(parents=True, exist_ok=True)
    victim.touch()
    for words, given in [("-n results", name), ("clean", "STUDY"), ("verify", "ARCHIVE"), ("lint", "VENV")]:
        done = make(project, *words.split(), **{given: text})
        assert "Traceback" not in done.stderr and (done.returncode or given in ("GPUS", "TO")), (given, done.stderr)
        assert not (project / "hit").exists(), (words, given)
    assert victim.exists()


# how a study is written, what is given beside it, what make says last
@pytest.mark.make
@pytest.mark.parametrize(
    ("text", "given", "told"),
    [
        (
            STUDY.replace("[tiny-lrm-s]", "[tiny-lrm-s,\n  'tiny-lrm-m']  # both"),
            {},
            "04_interrupt --study 'mine' --model tiny-lrm-m",
        ),
        (STUDY.replace("[tiny-lrm-s]", '\n- "tiny-lrm-s"\n'), {}, "03_initial --study 'mine' --model tiny-lrm-s"),
        (STUDY + "judge: ~\nwriter: null  # none\n", {}, "05_grade --study 'mine' --model tiny-lrm-s"),
        ("\ufeff" + STUDY.replace("\n", "\r\n"), {}, "05_grade --study 'mine' --model tiny-lrm-s"),
        (STUDY, {"POSITIONS": "0.1, 40t"}, "--model tiny-lrm-s  --positions=0.1,40t"),
        (STUDY, {"MIDTHOUGHT_OUTPUTS": "~/x"}, f"mkdir -p {Path.home()}/x/mine/tables"),
        (STUDY, {"STUDDY": "mine"}, "STUDDY: no variable of this Makefile (did you mean STUDY?)"),
        (STUDY, {"model": "tiny-lrm-m"}, "model: no variable of this Makefile (did you mean MODELS?)"),
        (STUDY, {"STUDY": ""}, "STUDY: empty, expected a name"),
        (STUDY, {"STUDY": "a b"}, "no file params/studies/a b.yaml, expected one of"),
        (STUDY, {"STUDY": "mien"}, "no file params/studies/mien.yaml (did you mean mine?)"),
        (STUDY, {"MODELS": "tiny-lrm-s tiny-lrm-s"}, "models: should hold each value once, 'tiny-lrm-s' is repeated"),
        (STUDY, {"MODELS": "tiny:lrm"}, "models[0]: no file params/models/tiny:lrm.yaml"),
        (STUDY, {"POSITIONS": "1.2.3"}, "positions[0]: should be a number from 0 to 1"),
        (STUDY, {"JOBS": "two"}, "JOBS is a count, not `two`"),
        (STUDY, {"EXTRA": "cpu gpu"}, "EXTRA is `cpu` or `gpu`, not `cpu gpu`"),
        (STUDY, {"MIDTHOUGHT_OUTPUTS": "my results"}, "my results: expected a folder whose path has no blanks"),
        (STUDY, {"MIDTHOUGHT_OUTPUTS": "Makefile"}, "Makefile: a file, expected a folder for results"),
    ],
)
def test_a_study_is_read_as_yaml_and_what_is_wrong_is_one_line(project, text, given, told):
    (project / "params" / "studies" / "mine.yaml").write_bytes(text.encode())
    done = make(project, "-n", "results", **{"STUDY": "mine"} | given)
    if done.returncode:
        (line,) = done.stderr.splitlines()
        assert told in line and line.startswith("Makefile:") and not done.stdout
    else:
        assert told in done.stdout


@pytest.mark.make
@pytest.mark.parametrize(
    ("file", "first"),
    [
        ("params/studies/mine.yaml", "01_load"),
        ("my problems.jsonl", "01_load"),
        ("data/gsm8k_test.jsonl", "01_load"),
        ("params/studies/mine/decisions.csv", "02_augment"),
        ("words.json", "03_initial"),
        ("params/interrupts/speed_up.yaml", "03_initial"),
        ("params/studies/mine/labels.csv", "05_grade"),
        ("params/rubrics/leakage.yaml", "05_grade"),
    ],
)
def test_what_a_study_is_made_from_makes_its_steps_again(project, file, first):
    text = STUDY.replace("[tiny]", "[tiny, my problems.jsonl]").replace("[speed_up]", "\n  - speed_up\n  - worded\n")
    worded = "title: W\nkind: soft\nprompt_file: words.json\n"
    files = {"params/studies/mine.yaml": f"{text}data_dir: data\njudge: tiny-grm\nrubrics: {{leakage: all}}\n"}
    files |= {"params/interrupts/worded.yaml": worded, "words.json": '{"reasoning_prefix": "Hurry."}'}
    files |= {name: "x" for name in ("my problems.jsonl", "data/gsm8k_test.jsonl")}
    files |= {f"params/studies/mine/{name}.csv": "x" for name in ("decisions", "labels")}
    for name, content in files.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(content)
    words = {"STUDY": "mine", "MIDTHOUGHT_OUTPUTS": str(project.parent / "finished")}
    said = make(project, "-pnq", "results", **words).stdout
    now = time.time()
    for each in [*(project / "params").rglob("*"), *(project / name for name in files)]:
        os.utime(each, (now - 60, now - 60))
    for target in set(re.findall(rf"^({project.parent}/finished/mine/\S+?):", said, re.MULTILINE)):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        last = {"interrupts": "", "positions": "", "models": "tiny-lrm-s"}.get(Path(target).name[1:], "")
        Path(target).write_text(f"{last}\n")
        os.utime(target, (now, now))
    assert "lib.pipeline.notebook" not in make(project, "-n", "results", **words).stdout
    os.utime(project / file, (now + 5, now + 5))
    ran = re.findall(r"lib.pipeline.notebook (\S+)", make(project, "-n", "results", **words).stdout)
    assert ran[:1] == [first]  # what follows is not told by a dry run


@pytest.mark.make
def test_why_notebooks_failed_is_what_make_says_last(project):
    (project / "params" / "studies" / "mine.yaml").write_text(STUDY.replace("[tiny]", "[none.jsonl]"))
    done = make(project, "reproduce", STUDY="mine")
    assert done.returncode == 2
    told = done.stderr.splitlines()[-1]
    assert re.fullmatch(r"Makefile:\d+: \*\*\* params/studies/mine.yaml: sources: none.jsonl: .*", told)
    assert not list((paths.ROOT / ".venv").glob(".why*"))


@pytest.mark.make
@pytest.mark.parametrize(
    ("words", "given", "told"),
    [
        (["plan"], {"SET": "problems=4 samples=1"}, "6 notebook runs, 136 requests"),
        (["-n", "results"], {"SET": "problems=4 samples=1"}, "--study 'smoke+problems-4+samples-1'"),
        (["plan"], {"SET": "problms=4"}, "problms: unknown key (did you mean problems?)"),
        (["reproduce"], {"SET": ""}, "SET: empty, expected words such as problems=20 samples=4"),
        (["plan"], {"SET": "title=$(shell touch${IFS}hit)"}, "SET: touch"),
        (["compare"], {"A": "smoke"}, "error: expected two runs, as in `make compare A="),
        (["compare"], {"A": "x;touch hit", "B": "$(touch hit)"}, "error: no file params/studies/"),
    ],
)
def test_any_key_of_a_study_can_be_given_and_runs_compared(project, words, given, told):
    done = make(project, *words, STUDY="smoke", **given)
    assert told in done.stdout + done.stderr and not (project / "hit").exists()
    assert "Traceback" not in done.stderr
