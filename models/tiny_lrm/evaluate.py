"""Measure a TinyLRM as its model card states it: `python -m models.tiny_lrm.evaluate --size s|m`.

Greedy decoding on problems that training cannot have seen, 500 word problems or, with `--source tiny-code`, 300
programming problems, by the study's own engine, splices, sandbox and grader.
"""

import argparse
import dataclasses
import json

import pandas as pd

from lib import engine, grade, params, problems, schema, stats, updates
from lib.interrupts import run
from lib.params.settings import Model
from lib.problems import tiny_code
from models.tiny_lrm.train import FOLDER, RECIPES

PROBLEMS = {"tiny": 500, "tiny-code": 300}
FILES = {"tiny": "evaluation.json", "tiny-code": "evaluation-code.json"}
POSITIONS = (0.1, 0.3, 0.5, 0.7, 0.9)
INTERRUPTS = ("end_thinking", "force_answer", "speed_up", "update", "update_guided")


def asked(source: str, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The first problems of a source, and their updates."""
    if source == "tiny":
        told = problems.load("tiny").head(n)
        return told, updates.by_construction(told)
    told = pd.DataFrame(tiny_code.problems(n)).reindex(columns=schema.PROBLEMS.names())
    return told, pd.DataFrame(tiny_code.updates(n), columns=schema.UPDATES.names())


def evaluate(model: Model, source: str, n: int) -> pd.DataFrame:
    """Accuracy with full thinking and after each interrupt at each position: `interrupt`, `position`, `mean`, `n` …"""
    model = dataclasses.replace(model, temperature=0.0, top_p=1.0, top_k=-1)
    study = params.Study("evaluation", "Evaluation", (model.name,), (source,), INTERRUPTS, POSITIONS)
    told, revised = asked(source, n)
    chosen = [params.load_interrupt(interrupt) for interrupt in INTERRUPTS]
    with engine.open(model) as ready:
        traces = run.initial(ready, study, told, revised, chosen)
        after = run.continuations(ready, study, traces, revised, chosen)
    grades = grade.rows(traces, after, told, revised)
    scored = grades[(grades["kind"] == "continuation") | (grades["variant"] == "original")]
    return stats.accuracy(scored, by=["interrupt", "position"])


def required(accuracy: pd.DataFrame, source: str = "tiny") -> dict[str, bool]:
    """What the medium model must show, and whether it does."""
    full = accuracy.loc[accuracy["interrupt"].isna(), "mean"].iloc[0]
    curve = accuracy.set_index(["interrupt", "position"])["mean"]
    if source == "tiny-code":
        return {"full thinking >= 95 %": full >= 0.95, "update at 0.3 followed >= 80 %": curve["update", 0.3] >= 0.80}
    forced = curve["force_answer"]
    return {
        "full thinking >= 97 %": full >= 0.97,
        "force_answer at 0.1 at least 40 points below full thinking": full - forced[0.1] >= 0.40,
        "force_answer falls at no position": bool(forced.is_monotonic_increasing),
        "force_answer at 0.9 within 10 points of full thinking": full - forced[0.9] <= 0.10,
        "update at 0.3 followed >= 80 %": curve["update", 0.3] >= 0.80,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=RECIPES, required=True)
    parser.add_argument("--source", choices=PROBLEMS, default="tiny")
    args = parser.parse_args()
    name = f"tiny-lrm-{args.size}"
    accuracy = evaluate(params.load_model(name), args.source, PROBLEMS[args.source])
    print(accuracy.pivot(index="interrupt", columns="position", values="mean").mul(100).round(1).to_string())
    for claim, holds in required(accuracy, args.source).items():
        print(f"{'yes' if holds else 'no ':3} {claim}")
    rows = accuracy[["interrupt", "position", "mean", "n", "censored", "no_answer"]].astype(object)
    stored = rows.where(rows.notna(), None).to_dict("records")
    (FOLDER / name / FILES[args.source]).write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
