"""Run a notebook of the study headlessly: `python -m lib.pipeline.notebook 03_initial --study tiny --model tiny-lrm-s`.

The executed notebook appears under its name only when every cell has run; a failed run leaves `<name>.failed.ipynb`
to look into, one line that names the cause, and an exit code other than 0.
"""

import argparse
import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lib import interrupts, machine, params, paths, problems
from lib.engine import gpus
from lib.pipeline import preflight, provenance
from lib.pipeline.sync import kept
from lib.progress_bar import PROGRESS

if TYPE_CHECKING:
    from nbformat import NotebookNode

# What differs between two equal runs: times, paths of the machine, versions of the kernel.
VOLATILE = ["metadata.papermill", "cell.metadata.papermill", "cell.metadata.execution", "metadata.language_info"]
WHY = "MIDTHOUGHT_WHY"  # variable that names the file in which make collects why notebooks failed
OVERRIDES = ("models", "interrupts", "positions")  # lists of a study that a run may replace


class NotebookError(RuntimeError):
    """A notebook that did not run to its end; its text is one line."""


def execute(name: str, study: str, model: str | None = None, **overrides: str) -> Path:
    """Run a notebook through papermill and store it, cleaned of all that differs between equal runs.

    What differs, times and the machine, goes to `outputs/<study>/provenance.json`.

    Args:
        name: notebook without its folder and ending, e.g. `03_initial`.
        study: handed to the notebook.
        model: handed to a notebook that runs once per model.
        overrides: further parameters of the notebook; empty ones are left out.

    Raises:
        NotebookError: a cell failed, or the kernel died.
    """
    given = {key: value for key, value in {"study": study, "model": model, **overrides}.items() if value}
    target = paths.notebooks(study, model) / f"{name}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    holder = target.with_name(f".{name}.running")  # which `lib.pipeline.status` reads
    with provenance.step(name, study, model, **overrides):
        holder.write_text(machine.process())
        try:
            return _run(name, target, given)
        finally:
            holder.unlink(missing_ok=True)


def store(name: str) -> Path:
    """Run a notebook with its own parameters and store what it shows in `notebooks/`, where readers meet it.

    Raises:
        NotebookError: a cell failed, or the kernel died; the stored notebook is as it was.
    """
    return _run(name, paths.NOTEBOOKS / f"{name}.ipynb", {})


def _run(name: str, target: Path, given: dict[str, str]) -> Path:
    """Run a notebook; put it in place of `target` when every cell has run."""
    partial, failed = (target.with_suffix(f".{state}.ipynb") for state in ("partial", "failed"))
    try:
        _papermill(name, partial, given)
    except BaseException as error:
        if partial.exists():
            os.replace(partial, failed)
        if not isinstance(error, Exception):
            raise
        where = "/".join(given[key] for key in ("study", "model") if key in given)
        raise NotebookError(f"{name} ({where or 'its own parameters'}): {_cause(error)}") from error
    import nbformat  # takes seconds to import, as papermill does, and a report needs neither

    nbformat.write(clean(nbformat.read(partial, as_version=4)), partial)
    os.replace(partial, target)
    failed.unlink(missing_ok=True)
    return target


def clean(book: "NotebookNode") -> "NotebookNode":
    """Drop times, ids, machine paths and progress bars; keep outputs and execution counts."""
    from nbstripout import strip_output

    cleaned = strip_output(book, keep_output=True, keep_count=True, keep_id=False, extra_keys=VOLATILE)
    for cell in cleaned.cells:
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
    return cleaned


def report(study: str) -> str:
    """What a finished study found, as a table for a terminal, and where its figures are."""
    accuracy = pd.read_csv(paths.summary(study) / "accuracy.csv")
    full = accuracy[accuracy["interrupt"].isna()].set_index(["model", "source"])["mean"]
    shares_first = list(interrupts.UNITS.values())
    cut = accuracy.dropna(subset="interrupt").sort_values("position", kind="stable")
    cut = cut.sort_values("unit", kind="stable", key=lambda units: units.map(shares_first.index))
    cut["position"] = list(map(interrupts.format_position, cut["position"], cut["unit"]))
    table = cut.pivot_table(index=["source", "model", "interrupt"], columns="position", values="mean", sort=False)
    table["full thinking"] = [full[model, source] for source, model, _ in table.index]
    shown = (100 * table).round(1).to_string()
    return f"Accuracy in %, by position of the interrupt\n\n{shown}\n\nFigures: {_relative(paths.figures(study))}"


def _papermill(name: str, target: Path, given: dict[str, str]) -> None:
    import papermill
    from traitlets.config import Config

    logging.getLogger("papermill").setLevel(logging.ERROR)
    papermill.execute_notebook(
        _relative(paths.NOTEBOOKS / f"{name}.ipynb"),
        str(target),
        parameters=given,
        kernel_name="python3",
        progress_bar=False,
        stderr_file=sys.stderr,
        extra_arguments=["--IPKernelApp.log_level=CRITICAL"],  # else a failed cell ends in a line on KeyboardInterrupt
        config=Config(KernelManager={"transport_encryption": "auto"}),  # else each start warns about plain TCP
    )


def _cause(error: Exception) -> str:
    """One line: the exception that a cell raised, or what befell the kernel."""
    if hasattr(error, "ename"):
        return f"{error.ename}: {error.evalue}".splitlines()[0]
    if type(error).__name__ == "DeadKernelError":
        return "the kernel died in mid-run (killed, or out of memory); nothing of this notebook was kept"
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _check(name: str | None, study: str, **overrides: str) -> None:
    """Refuse what a later step would refuse, before a study's first step and before a model's."""
    settings = params.load_study(study, **overrides)
    if name not in ("01_load", "03_initial"):
        return
    try:
        for note in preflight.check(settings, hub=True):
            print(f"note: {note}", file=sys.stderr, flush=True)
    except problems.ProblemError as error:
        raise NotebookError(str(error)) from error


def _relative(path: Path) -> str:
    """A path as seen from the working directory, where it lies below it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", help="notebook, e.g. 03_initial")
    parser.add_argument("--study", default="tiny")
    parser.add_argument("--model")
    for name in OVERRIDES:
        parser.add_argument(f"--{name}", default="", help="comma-separated, in place of the study's own")
    parser.add_argument("--report", action="store_true", help="print what the study found")
    parser.add_argument("--store", action="store_true", help="run as it is and store its outputs in notebooks/")
    args = parser.parse_args()
    label = " ".join(filter(None, (args.name, args.study, args.model)))
    try:
        _check(args.name, args.study, **{name: getattr(args, name) for name in OVERRIDES})
        drawn = sys.stderr.isatty() and gpus.concurrent_runs() == 1  # bars of several runs would draw over each other
        os.environ.setdefault(PROGRESS, "bar" if drawn else "lines")
        if args.report:
            print(f"{report(args.study)}\n\n{provenance.report(args.study)}")
            return
        start = time.monotonic()
        print(f"{label} …", file=sys.stderr, flush=True)
        if args.store:
            store(args.name)
        else:
            with kept(args.study):
                execute(args.name, args.study, args.model, **{name: getattr(args, name) for name in OVERRIDES})
        print(f"{label} done in {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    except (NotebookError, gpus.DevicesError, provenance.ProvenanceError, params.ParamsError, OSError) as error:
        if why := os.environ.get(WHY):
            with open(why, "a") as file:
                file.write(f"{paths.printable(str(error))}\n")
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
