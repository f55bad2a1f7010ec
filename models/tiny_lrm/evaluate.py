"""Measure a TinyLRM as its model card states it: `python -m models.tiny_lrm.evaluate --size s|m`.

Greedy decoding on 500 problems that training cannot have seen, by the study's own engine, splices and grader.
"""

import argparse
import dataclasses
import json

import pandas as pd

from lib import engine, grade, params, problems, run, stats, updates
from models.tiny_lrm.train import FOLDER, RECIPES

PROBLEMS = 500
POSITIONS = (0.1, 0.3, 0.5, 0.7, 0.9)
INTERRUPTS = ("end_thinking", "force_answer", "speed_up", "update", "update_guided")


def evaluate(size: str) -> pd.DataFrame:
    """Accuracy with full thinking and after each interrupt at each position: `interrupt`, `position`, `mean`, `n` …"""
    name = f"tiny-lrm-{size}"
    model = dataclasses.replace(params.load_model(name), temperature=0.0, top_p=1.0, top_k=-1)
    study = params.Study("evaluation", "Evaluation", (name,), ("tiny",), INTERRUPTS, POSITIONS)
    asked = problems.load("tiny").head(PROBLEMS)
    revised = updates.by_construction(asked)
    chosen = [params.load_interrupt(interrupt) for interrupt in INTERRUPTS]
    with engine.open(model) as ready:
        traces = run.initial(ready, study, asked, revised, chosen)
        after = run.continuations(ready, study, traces, revised, chosen)
    grades = grade.rows(traces, after, asked, revised)
    scored = grades[(grades["kind"] == "continuation") | (grades["variant"] == "original")]
    return stats.accuracy(scored, by=["interrupt", "position"])


def required(accuracy: pd.DataFrame) -> dict[str, bool]:
    """What the medium model must show, and whether it does."""
    full = accuracy.loc[accuracy["interrupt"].isna(), "mean"].iloc[0]
    curve = accuracy.set_index(["interrupt", "position"])["mean"]
    forced = curve["force_answer"]
    return {
        "full thinking >= 97 %": full >= 0.97,
        "force_answer at 0.1 at least 40 points below full thinking": full - forced[0.1] >= 0.40,
        "force_answer rises with every position": bool(forced.is_monotonic_increasing and forced.is_unique),
        "force_answer at 0.9 within 10 points of full thinking": full - forced[0.9] <= 0.10,
        "update at 0.3 followed >= 80 %": curve["update", 0.3] >= 0.80,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=RECIPES, required=True)
    size = parser.parse_args().size
    accuracy = evaluate(size)
    print(accuracy.pivot(index="interrupt", columns="position", values="mean").mul(100).round(1).to_string())
    for claim, holds in required(accuracy).items():
        print(f"{'yes' if holds else 'no ':3} {claim}")
    rows = accuracy[["interrupt", "position", "mean", "n", "censored", "no_answer"]].astype(object)
    stored = rows.where(rows.notna(), None).to_dict("records")
    file = FOLDER / f"tiny-lrm-{size}" / "evaluation.json"
    file.write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
