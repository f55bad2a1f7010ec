"""Progress: what of a study is planned, running, done and failed: `python -m lib.pipeline.status --study tiny`.

It only looks: at the tables and executed notebooks, at the completions in parts/, and at the small hidden files in
which a run says who it is. Nothing is made, no lock is taken, and no engine is needed. That a table is there does not
say that it is up to date; `make` knows.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lib import machine, params, paths, problems, tables
from lib.params.settings import Study
from lib.pipeline import forecast

EVERY = 5.0  # seconds between two looks, if it is watched
LOGGED = 60.0  # the same where there is no terminal
CLEAR = "\033[H\033[2J"  # what a terminal takes for an empty screen
WIDEST = 60  # characters of a cause
COLUMNS = ["notebook", "model", "planned", "done", "state", "per_second", "left", "told"]


@dataclass(frozen=True)
class Kept:
    """What a folder of parts holds."""

    rows: int  # completions, of this run and of those before
    rate: float | None  # completions a second of the run that has the folder now; None if nobody has, or too few came


def progress(study: Study) -> pd.DataFrame:
    """One row per notebook run: notebook, model, planned, done, state, per_second, left, told.

    `planned` and `done` count requests, and are null where nothing is generated; what was answered under parameters
    that have changed since counts as done too. `state` is `done`, `running`, `elsewhere` (on another machine, which
    cannot be asked), `stopped` (its process is gone), `failed`, or `waiting`; `left` is in seconds.
    """
    rows: list[dict[str, Any]] = []
    traced: dict[str, int] = {}
    for notebook, model, planned in forecast.counts(study).itertuples(index=False):
        model = None if pd.isna(model) else model
        state, told = _state(study.name, notebook, model)
        row = {"notebook": notebook, "model": model, "state": state, "told": told}
        if not pd.isna(planned):
            kept = _kept(paths.parts(study.name, _folder(study, notebook, model)))
            if notebook == "03_initial":
                traced[model] = planned  # whose completions lie beside those of 04
            before = traced[model] if notebook == "04_interrupt" else 0
            row |= _counted(state, planned, kept, before)
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS).astype({"planned": "Int64", "done": "Int64"})


def _counted(state: str, planned: int, kept: Kept, before: int) -> dict[str, Any]:
    done = planned if state == "done" else min(max(kept.rows - before, 0), planned)
    row: dict[str, Any] = {"planned": planned, "done": done}
    if state == "running" and kept.rate:
        row |= {"per_second": kept.rate, "left": (planned - done) / kept.rate}
    return row


def _folder(study: Study, notebook: str, model: str) -> str:
    return f"judgements-{study.judge}-{model}" if notebook == "05_grade" else model


def _state(study: str, notebook: str, model: str | None) -> tuple[str, str]:
    """How a notebook run stands, and who runs it or why it failed."""
    folder = paths.notebooks(study, model)
    holder = _text(folder / f".{notebook}.running")
    if holder:
        at_work = machine.is_running(holder)
        if at_work is not False:
            return ("running" if at_work else "elsewhere"), holder
    book, failed = folder / f"{notebook}.ipynb", folder / f"{notebook}.failed.ipynb"
    if failed.exists():
        return "failed", _cause(failed)
    if holder:
        return "stopped", holder
    made = [name for name, by in tables.MADE_BY.items() if by == notebook]
    there = [paths.tables(study, model) / f"{name}.parquet" for name in made]
    return ("done" if book.exists() and all(file.exists() for file in there) else "waiting"), ""


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def _cause(failed: Path) -> str:
    """Why a notebook failed: the last error among its outputs, in one line."""
    try:
        cells = json.loads(failed.read_bytes())["cells"]
        errors = [out for cell in cells for out in cell.get("outputs", ()) if out.get("output_type") == "error"]
    except (OSError, ValueError, KeyError):
        return f"{paths.show(failed)} cannot be read"
    if not errors:
        return "stopped, or its kernel died"
    return f"{errors[-1]['ename']}: {errors[-1]['evalue']}".splitlines()[0]


def _kept(folder: Path) -> Kept:
    """Count completions by what the files say of themselves; one that goes away meanwhile was merged into another.

    The rate leaves out the first file of a run, as it may hold what was merged, and waited for the model to load.
    """
    holder = folder / ".holder"
    since = holder.stat().st_mtime_ns if holder.exists() and machine.is_running(_text(holder)) else None
    found = {}
    for file in folder.glob("*.parquet"):
        try:
            found[int(file.name.split("-")[0])] = pq.read_metadata(file).num_rows
        except (OSError, ValueError, pa.ArrowException):
            continue
    new = sorted(when for when in found if since is not None and when >= since)
    rate = sum(found[when] for when in new[1:]) / (new[-1] - new[0]) * 1e9 if len(new) > 1 else None
    return Kept(sum(found.values()), rate)


def asked(study: str, **given: str) -> Study:
    """A study as it was asked for last, what is given now before that.

    Raises:
        ParamsError: as `params.load_study`.
    """
    for name in ("models", "interrupts", "positions"):
        last = _text(paths.tables(study) / f".{name}").removeprefix(f"--{name}=")
        given[name] = given.get(name) or ",".join(last.split())
    return params.load_study(study, **given)


def tell(frame: pd.DataFrame) -> str:
    """How far a study is, as a table for a terminal, with its sums."""
    shown = pd.DataFrame({"notebook": frame["notebook"], "model": frame["model"].fillna("")})
    for name in ("planned", "done"):
        shown[name] = ["" if pd.isna(count) else f"{count:,}" for count in frame[name]]
    shown["state"] = frame["state"]
    shown["per second"] = ["" if pd.isna(rate) else f"{rate:,.1f}" for rate in frame["per_second"]]
    shown["left"] = ["" if pd.isna(left) else _clock(left) for left in frame["left"]]
    shown[""] = [text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…" for text in frame["told"]]
    states = frame["state"].value_counts()
    sums = ", ".join(f"{count} {state}" for state, count in states.items())
    done, planned = frame["done"].sum(), frame["planned"].sum()
    return f"{shown.to_string(index=False)}\n\n{len(frame)} notebook runs: {sums}; {done:,} of {planned:,} requests"


def _clock(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d} h" if minutes >= 60 else f"{minutes} min"


def watch(study: Study) -> None:
    """Tell again and again until everything is done; on a terminal in the same place."""
    drawn = sys.stdout.isatty()
    while True:
        frame = progress(study)
        print(CLEAR * drawn + tell(frame), flush=True)
        if frame["state"].eq("done").all():
            return
        time.sleep(EVERY if drawn else LOGGED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="tiny")
    for name in ("models", "interrupts", "positions"):
        parser.add_argument(f"--{name}", default="", help="comma-separated, in place of what was asked for last")
    parser.add_argument("--watch", action="store_true", help="again and again until everything is done")
    args = parser.parse_args()
    try:
        study = asked(args.study, models=args.models, interrupts=args.interrupts, positions=args.positions)
        if args.watch:
            watch(study)
        else:
            print(tell(progress(study)))
    except KeyboardInterrupt:
        sys.exit(130)  # how a watch ends
    except (params.ParamsError, problems.ProblemError, ValueError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
