"""Measure the organisms as the model card states them: `python -m models.tiny_lrm.habits`.

They think about problems of the test side that no study asks, sampled as in a study; their thoughts are cut, and what
the rules of `lib.failures` find is held against what was planted, by the study's own engine, splices and grader.
"""

import argparse
import json
from pathlib import Path

import pandas as pd

from lib import engine, failures, grade, params, problems, updates
from lib.failures import planted
from lib.interrupts import records as items
from lib.interrupts import run
from lib.params.settings import Model, Study
from models.tiny_lrm.planted import NAMES, folder

FIRST, PROBLEMS = 500, 120  # problems of the test side, beyond those of any study
FILE = "evaluation.json"


def records(model: Model, study: Study, first: int = FIRST, n: int = PROBLEMS) -> pd.DataFrame:
    """Grades of traces and continuations of an organism, with what was thought."""
    told = problems.load("tiny").iloc[first : first + n]
    news = updates.by_construction(told)
    chosen = [params.load_interrupt(name) for name in study.interrupts]
    with engine.open(model) as ready:
        traces = run.initial(ready, study, told, news, chosen)
        after = run.continuations(ready, study, traces, news, chosen)
    grades = grade.rows(traces, after, told, news)
    return failures.with_thoughts(grades, items.items(traces, after, told, news), told)


def measured(model: Model, told: pd.DataFrame) -> tuple[dict, pd.DataFrame]:
    """What the card states of an organism, as it is stored, and the rows behind it."""
    whole = told[told["kind"].eq("trace") & told["variant"].eq("original")]
    rows = planted.rows(failures.label(told), told, [model])
    found = planted.rates(rows).drop(columns="organism")
    rates = json.loads(found.to_json(orient="records", double_precision=4))
    return {"accuracy": round(float(whole["correct"].mean()), 4), "problems": len(whole), "rates": rates}, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=NAMES, help="measure one of them")
    args = parser.parse_args()
    study = params.load_study("organisms")
    for name in [args.only] if args.only else NAMES:
        model = params.load_model(f"tiny-lrm-{name}")
        stored, _ = measured(model, records(model, study))
        print(f"{model.title}: {stored['accuracy']:.1%} with full thinking")
        print(pd.DataFrame(stored["rates"]).round(3).to_string(index=False))
        Path(folder(name), FILE).write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
