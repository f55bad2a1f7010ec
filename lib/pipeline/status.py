"""What a study will run, and what of it has run: `python -m lib.pipeline.status --study tiny`, or with `--plan`.

A plan counts requests and tokens before anything runs. What tables of the study are there are counted; what is not
there yet is taken from the sizes of the benchmarks, every problem with one update of each kind. Tokens are counted with
the model's tokenizer where its folder is here, else from the number of characters; the column `basis` says which.

A status looks at the tables and executed notebooks, at the completions in parts/, and at the small hidden files in
which a run says who it is. That a table is there does not say that it is up to date; `make` knows.

A plan begins with the checks of `lib.pipeline.preflight`. Neither needs an engine or a GPU, makes a file or takes a
lock.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lib import interrupts, machine, params, paths, problems, tables
from lib.grm import judging
from lib.interrupts import plan
from lib.markup import prompts
from lib.params.settings import Interrupt, Model, Study
from lib.pipeline import preflight

PER_STUDY = ("01_load", "02_augment", "06_failure_modes")
CHARACTERS = 3.5  # characters per token of English and LaTeX, where no tokenizer is at hand
PROMPT = 150  # tokens of a prompt whose problem is not at hand either
THOUGHT = 8000  # tokens of a thought that has not been thought yet
EVERY = 5.0  # seconds between two looks, if it is watched
LOGGED = 60.0  # the same where there is no terminal
CLEAR = "\033[H\033[2J"  # what a terminal takes for an empty screen
WIDEST = 60  # characters of a cause


# the plan


@dataclass(frozen=True)
class Known:
    """What is known of a study's problems."""

    problems: dict[str, int]  # how many, by source
    updates: dict[tuple[str, str], int]  # how many, by source and kind
    texts: pd.DataFrame | None  # the problems table, if 01 has run


def forecast(study: Study, thought: int = THOUGHT, tokens: bool = True) -> pd.DataFrame:
    """One row per notebook run: notebook, model, requests, prompt_tokens (both null where nothing is generated), basis.

    Args:
        study: whose plan it is.
        thought: mean tokens of a thought, for models that 03 has not run for yet.
        tokens: whether to count tokens too, for which tokenizers are loaded; else prompt_tokens is 0.
    """
    known = _known(study)
    chosen = [params.load_interrupt(name) for name in study.interrupts]
    count = _traces(study, known, chosen)
    rows: list[dict[str, Any]] = [{"notebook": name} for name in PER_STUDY[:2]]
    for name in study.models:
        prompt, length, basis, measured = 0.0, 0.0, "", ""
        if tokens:
            model = params.load_model(name)
            (prompt, basis), (length, measured) = _prompt_tokens(known, model), _thought(study, model, thought)
        requests, read = _cuts(study, known, chosen, prompt, length)
        first = {"requests": count, "prompt_tokens": round(count * prompt), "basis": basis}
        second = {"requests": requests, "prompt_tokens": round(read), "basis": f"{basis}; {measured}"}
        for notebook, own in (("03_initial", first), ("04_interrupt", second), ("05_grade", _judged(study))):
            rows.append({"notebook": notebook, "model": name} | own)
    rows.append({"notebook": PER_STUDY[2]})
    frame = pd.DataFrame(rows, columns=["notebook", "model", "requests", "prompt_tokens", "basis"])
    return frame.astype({"requests": "Int64", "prompt_tokens": "Int64"})


def _judged(study: Study) -> dict[str, Any]:
    """What a judge is asked about one model; a record without a part that a criterion needs is not asked about."""
    if not study.judge:
        return {}
    criteria = sum(len(rubric.criteria) for rubric in judging.rubrics(study).values())
    return {"requests": study.judged * criteria * study.draws, "basis": f"at most, of {study.judge}"}


def _known(study: Study) -> Known:
    try:
        texts = tables.read("problems", study.name)
        counts = texts["source"].value_counts().to_dict()
    except tables.TableError:
        texts = None
        counts = {name: min(problems.size(name), study.problems or sys.maxsize) for name in study.sources}
    try:
        made = tables.read("updates", study.name)
        made = made[made["valid"]].assign(source=made["problem_id"].str.split("/").str[0])
        updates = made.groupby(["source", "kind"]).size().to_dict()
    except tables.TableError:
        updates = {(name, kind): counts[name] for name in counts for kind in ("necessary", "false", "noop")}
    return Known(counts, updates, texts)


def _samples(study: Study, source: str) -> int:
    return study.samples_by_source.get(source, study.samples)


def _traces(study: Study, known: Known, chosen: list[Interrupt]) -> int:
    """Requests of 03: a problem, or its revision, with each system message that an interrupt needs."""
    needed = plan.variants(chosen)
    counts = {
        source: count * len(needed["original"]) + known.updates.get((source, "necessary"), 0) * len(needed["revised"])
        for source, count in known.problems.items()
    }
    return sum(count * _samples(study, source) for source, count in counts.items())


def _cuts(study: Study, known: Known, chosen: list[Interrupt], prompt: float, thought: float) -> tuple[int, float]:
    """Requests of 04 and the tokens of their prompts, what is inserted left out."""
    requests, tokens = 0, 0.0
    firsts = set()  # a first step is asked once, whatever it is the first step of
    for whole in chosen:
        steps = params.load_steps(whole)
        count = sum(_fitting(source, steps, known) * _samples(study, source) for source in known.problems)
        for i, step in enumerate(steps):
            if i or step.name not in firsts:
                for position in _asked_at(step, study):
                    kept = 0 if step.action != "splice" else _kept(position, thought)
                    requests, tokens = requests + count, tokens + count * (prompt + kept)
            firsts |= {step.name} if i == 0 else set()
    return requests, tokens


def _asked_at(step: Interrupt, study: Study) -> Sequence[float | str]:
    """Positions that make requests of their own: a restart with a full limit is the same at all of them."""
    return study.positions[:1] if step.action == "restart" and study.second_pass == "full" else study.positions


def _fitting(source: str, steps: list[Interrupt], known: Known) -> int:
    """Problems of a source that an interrupt fits: those with updates of every kind that it carries."""
    kinds = {step.update for step in steps if step.needs_update}
    return min((known.updates.get((source, kind), 0) for kind in kinds), default=known.problems[source])


def _kept(position: float | str, thought: float) -> float:
    where = interrupts.position(position)
    return min(float(where.value), thought) if where.unit == "tokens" else float(where.value) * thought


def _prompt_tokens(known: Known, model: Model) -> tuple[float, str]:
    """Mean tokens of a prompt, and how that is known."""
    if known.texts is None:
        return PROMPT, f"prompts of {PROMPT} tokens assumed (01 has not run)"
    texts = known.texts[["problem", "task", "starter_code"]]
    if model.is_local:
        some = texts.sample(min(100, len(texts)), random_state=0).astype(object)
        rows = some.where(some.notna(), None).to_numpy()
        lengths = [len(prompts.prompt_ids(text, model, task, "", code)) for text, task, code in rows]
        return sum(lengths) / len(lengths), "prompts counted"
    lengths = texts["problem"].str.len() + texts["starter_code"].str.len().fillna(0)
    return lengths.mean() / CHARACTERS, f"prompts at {CHARACTERS} characters per token"


def _thought(study: Study, model: Model, assumed: int) -> tuple[float, str]:
    """Mean tokens of a thought, and how that is known."""
    try:
        lengths = tables.read("traces", study.name, model.name)["reasoning_tokens"]
    except tables.TableError:
        length = min(assumed, model.max_tokens)
        return length, f"thoughts of {length} tokens assumed (03 has not run)"
    return lengths.mean(), "thoughts measured"


def format_plan(frame: pd.DataFrame) -> str:
    """The plan as a table for a terminal, with its sums."""
    shown = frame.astype(object).where(frame.notna(), "")
    for name in ("requests", "prompt_tokens"):
        shown[name] = _counts(frame[name])
    requests, tokens = frame["requests"].sum(), frame["prompt_tokens"].sum()
    sums = f"{len(frame)} notebook runs, {requests:,} requests, {tokens:,} prompt tokens"
    return f"{shown.to_string(index=False)}\n\n{sums}"


# the status


def progress(study: Study) -> pd.DataFrame:
    """One row per notebook run: notebook, model, planned, done, state, per_second, left, note.

    `planned` and `done` count requests, and are null where nothing is generated; what was answered under parameters
    that have changed since counts as done too. `state` is `done`, `running`, `elsewhere` (on another machine, which
    cannot be asked), `stopped` (its process is gone), `failed`, or `waiting`; `left` is in seconds; `note` names the
    process or the cause.
    """
    rows: list[dict[str, Any]] = []
    before = 0  # completions of 03 lie beside those of 04
    runs = forecast(study, tokens=False)
    for notebook, model, planned in runs[["notebook", "model", "requests"]].itertuples(index=False):
        model = None if pd.isna(model) else model
        state, note = _state(study.name, notebook, model)
        row = {"notebook": notebook, "model": model, "state": state, "note": note}
        if not pd.isna(planned):
            folder = f"judgements-{study.judge}-{model}" if notebook == "05_grade" else model
            count, rate = _completions(paths.parts(study.name, folder))
            count -= before if notebook == "04_interrupt" else 0
            done = planned if state == "done" else min(max(count, 0), planned)
            row |= {"planned": planned, "done": done}
            row |= {"per_second": rate, "left": (planned - done) / rate} if state == "running" and rate else {}
            before = planned
        rows.append(row)
    columns = ["notebook", "model", "planned", "done", "state", "per_second", "left", "note"]
    return pd.DataFrame(rows, columns=columns).astype({"planned": "Int64", "done": "Int64"})


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
    files = [book, *(paths.tables(study, model) / f"{name}.parquet" for name in made)]
    return ("done" if all(file.exists() for file in files) else "waiting"), ""


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


def _completions(folder: Path) -> tuple[int, float | None]:
    """Completions in a folder of parts, and how many a second the run that has it now adds; None if none is known.

    A file that goes away meanwhile was merged into another. The rate leaves out the first file of a run, as it may hold
    what was merged, and waited for the model to load.
    """
    holder = folder / ".holder"
    since = holder.stat().st_mtime_ns if holder.exists() and machine.is_running(_text(holder)) else None
    counts = {}
    for file in folder.glob("*.parquet"):
        try:
            counts[int(file.name.split("-")[0])] = pq.read_metadata(file).num_rows
        except (OSError, ValueError, pa.ArrowException):
            continue
    new = sorted(when for when in counts if since is not None and when >= since)
    rate = sum(counts[when] for when in new[1:]) / (new[-1] - new[0]) * 1e9 if len(new) > 1 else None
    return sum(counts.values()), rate


def last_asked(study: str, **given: str) -> Study:
    """A study as make was last asked for it, what is given now before that; raises ParamsError as `load_study`."""
    for name in ("models", "interrupts", "positions"):
        last = _text(paths.tables(study) / f".{name}").removeprefix(f"--{name}=")
        given[name] = given.get(name) or ",".join(last.split())
    return params.load_study(study, **given)


def format_status(frame: pd.DataFrame) -> str:
    """How far a study is, as a table for a terminal, with its sums."""
    shown = pd.DataFrame({"notebook": frame["notebook"], "model": frame["model"].fillna("")})
    for name in ("planned", "done"):
        shown[name] = _counts(frame[name])
    shown["state"] = frame["state"]
    shown["per second"] = ["" if pd.isna(rate) else f"{rate:,.1f}" for rate in frame["per_second"]]
    shown["left"] = ["" if pd.isna(left) else _clock(left) for left in frame["left"]]
    shown[""] = [text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…" for text in frame["note"]]
    states = frame["state"].value_counts()
    sums = ", ".join(f"{count} {state}" for state, count in states.items())
    done, planned = frame["done"].sum(), frame["planned"].sum()
    return f"{shown.to_string(index=False)}\n\n{len(frame)} notebook runs: {sums}; {done:,} of {planned:,} requests"


def _counts(counts: pd.Series) -> list[str]:
    return ["" if pd.isna(count) else f"{count:,}" for count in counts]


def _clock(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d} h" if minutes >= 60 else f"{minutes} min"


def watch(study: Study) -> None:
    """Print the status again and again until everything is done; on a terminal in the same place."""
    drawn = sys.stdout.isatty()
    while True:
        frame = progress(study)
        print(CLEAR * drawn + format_status(frame), flush=True)
        if frame["state"].eq("done").all():
            return
        time.sleep(EVERY if drawn else LOGGED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="tiny")
    for name in ("models", "interrupts", "positions"):
        parser.add_argument(f"--{name}", default="", help="comma-separated, in place of what was asked for last")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--plan", action="store_true", help="what the study would run, with its own lists")
    how.add_argument("--watch", action="store_true", help="again and again until everything is done")
    parser.add_argument("--thought", type=int, default=THOUGHT, help="of a plan: tokens of a thought not thought yet")
    args = parser.parse_args()
    lists = {"models": args.models, "interrupts": args.interrupts, "positions": args.positions}
    try:
        if args.plan:
            study = params.load_study(args.study, **lists)
            notes = preflight.check(study)
            print("\n".join([format_plan(forecast(study, args.thought)), *(f"note: {note}" for note in notes)]))
        elif args.watch:
            watch(last_asked(args.study, **lists))
        else:
            print(format_status(progress(last_asked(args.study, **lists))))
    except KeyboardInterrupt:
        sys.exit(130)  # how a watch ends
    except (params.ParamsError, problems.ProblemError, ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
