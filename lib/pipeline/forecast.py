"""Forecasts: what a study will run, before anything runs: `python -m lib.pipeline.forecast --study paper`.

Neither a GPU nor the engine is needed. What tables of the study are there are counted; what is not there yet is taken
from the sizes of the benchmarks, every problem with one update of each kind. Tokens are counted with the model's
tokenizer where its folder is here, else from the number of characters; the column `basis` says which.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lib import interrupts, params, problems, tables
from lib.grm import study as judging
from lib.interrupts import plan
from lib.markup import prompts
from lib.params.settings import Interrupt, Model, Study

CHARACTERS = 3.5  # characters per token of English and LaTeX, where no tokenizer is at hand
PROMPT = 150  # tokens of a prompt whose problem is not at hand either
THOUGHT = 8000  # tokens of a thought that has not been thought yet
PER_STUDY = ("01_load", "02_augment", "06_failure_modes")


@dataclass(frozen=True)
class Known:
    """What is known of a study's problems: their number, those with a necessary update, tokens of a prompt."""

    problems: dict[str, int]  # by source
    updates: dict[tuple[str, str], int]  # by source and kind
    texts: pd.DataFrame | None  # the problems table, if 01 has run


def counts(study: Study) -> pd.DataFrame:
    """One row per notebook run: notebook, model, requests (null where nothing is generated); reads no tokenizer."""
    known, chosen = _known(study), [params.load_interrupt(name) for name in study.interrupts]
    requests = {
        "03_initial": int(_traces(study, known, chosen)["n"].sum()),
        "04_interrupt": _cuts(study, known, chosen, 0, 0)[0],
        "05_grade": _judged(study).get("requests"),
    }
    rows = [{"notebook": name} for name in PER_STUDY[:2]]
    for name in study.models:
        rows += [{"notebook": notebook, "model": name, "requests": count} for notebook, count in requests.items()]
    rows.append({"notebook": PER_STUDY[2]})
    return pd.DataFrame(rows, columns=["notebook", "model", "requests"]).astype({"requests": "Int64"})


def forecast(study: Study, thought: int = THOUGHT) -> pd.DataFrame:
    """One row per notebook run: notebook, model, requests, prompt_tokens (both null where nothing is generated), basis.

    Args:
        study: whose plan it is.
        thought: mean tokens of a thought, for models that 03 has not run for yet.
    """
    known = _known(study)
    chosen = [params.load_interrupt(name) for name in study.interrupts]
    rows = [{"notebook": name} for name in PER_STUDY[:2]]
    for name in study.models:
        model = params.load_model(name)
        prompt, basis = _prompt_tokens(known, model)
        traces = _traces(study, known, chosen)
        count = int(traces["n"].sum())
        rows.append(_line("03_initial", name, count, count * prompt, basis))
        lengths, measured = _thought(study, model, thought)
        requests, tokens = _cuts(study, known, chosen, prompt, lengths)
        rows.append(_line("04_interrupt", name, requests, tokens, f"{basis}; {measured}"))
        rows.append({"notebook": "05_grade", "model": name} | _judged(study))
    rows.append({"notebook": PER_STUDY[2]})
    frame = pd.DataFrame(rows, columns=["notebook", "model", "requests", "prompt_tokens", "basis"])
    return frame.astype({"requests": "Int64", "prompt_tokens": "Int64"})


def _judged(study: Study) -> dict:
    """What a judge is asked about one model; a record without a part that a criterion needs is not asked about."""
    if not study.judge:
        return {}
    criteria = sum(len(rubric.criteria) for rubric in judging.rubrics(study).values())
    return {"requests": study.judged * criteria * study.draws, "basis": f"at most, of {study.judge}"}


def _line(notebook: str, model: str, requests: int, tokens: float, basis: str) -> dict:
    return {"notebook": notebook, "model": model, "requests": requests, "prompt_tokens": round(tokens), "basis": basis}


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


def _traces(study: Study, known: Known, chosen: list[Interrupt]) -> pd.DataFrame:
    """Traces to be made, by source, variant and system message."""
    needed = plan.variants(chosen)
    rows = [
        {"source": source, "variant": variant, "system": system, "n": count * _samples(study, source)}
        for source, count_ in known.problems.items()
        for variant, count in (("original", count_), ("revised", known.updates.get((source, "necessary"), 0)))
        for system in needed[variant]
    ]
    return pd.DataFrame(rows, columns=["source", "variant", "system", "n"])


def _cuts(study: Study, known: Known, chosen: list[Interrupt], prompt: float, thought: float) -> tuple[int, float]:
    """Requests of 04 and the tokens of their prompts, what is inserted left out."""
    requests, tokens = 0, 0.0
    asked = set()  # a first step is asked once, whatever it is the first step of
    for whole in chosen:
        steps = params.load_steps(whole)
        count = sum(_fitting(source, steps, known) * _samples(study, source) for source in known.problems)
        for i, step in enumerate(steps):
            if i or step.name not in asked:
                for position in _asked_at(step, study):
                    kept = 0 if step.action != "splice" else _kept(position, thought)
                    requests, tokens = requests + count, tokens + count * (prompt + kept)
            asked |= {step.name} if i == 0 else set()
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
        some = (
            texts.sample(min(100, len(texts)), random_state=0).astype(object).where(lambda frame: frame.notna(), None)
        )
        asked = (prompts.prompt_ids(text, model, task, "", code) for text, task, code in some.to_numpy())
        return sum(map(len, asked)) / len(some), "prompts counted"
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


def tell(frame: pd.DataFrame) -> str:
    """The forecast as a table for a terminal, with its sums."""
    shown = frame.astype(object).where(frame.notna(), "")
    for name in ("requests", "prompt_tokens"):
        shown[name] = [f"{value:,}" if value != "" else "" for value in shown[name]]
    requests, tokens = frame["requests"].sum(), frame["prompt_tokens"].sum()
    sums = f"{len(frame)} notebook runs, {requests:,} requests, {tokens:,} prompt tokens"
    return f"{shown.to_string(index=False)}\n\n{sums}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="tiny")
    for name in ("models", "interrupts", "positions"):
        parser.add_argument(f"--{name}", default="", help="comma-separated, in place of the study's own")
    parser.add_argument("--thought", type=int, default=THOUGHT, help="tokens of a thought not thought yet")
    args = parser.parse_args()
    try:
        study = params.load_study(args.study, models=args.models, interrupts=args.interrupts, positions=args.positions)
        print(tell(forecast(study, args.thought)))
    except (params.ParamsError, problems.ProblemError, ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
