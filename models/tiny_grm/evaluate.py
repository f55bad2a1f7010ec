"""Measure TinyGRM as its card states it: `python -m models.tiny_grm.evaluate`.

Both TinyLRMs think about problems of the test side that no study asks; their thoughts are cut, and TinyGRM judges what
became of them, by the study's own engine, splices and judge. What is so is told by `lib.problems.tiny_math.truth`.
"""

import argparse
import dataclasses
import json

import pandas as pd

from lib import engine, params, problems, updates
from lib.engine import seed_of
from lib.grm import Judge, load_rubric, scores, trust
from lib.grm.probes import tampering, twins
from lib.grm.rubric import Rubric
from lib.interrupts import records as items
from lib.interrupts import run
from lib.params.settings import Model, Study
from lib.problems.tiny_math import truth as tiny_truth
from models.tiny_grm.train import FOLDER, JUDGED

FIRST, PROBLEMS = 500, 120  # problems of the test side, beyond those of the default study
PER_CRITERION = 600  # records that a criterion is judged on, half of each model
POSITIONS = (0.1, 0.3, 0.5, 0.7, 0.9)
INTERRUPTS = ("end_thinking", "force_answer", "speed_up", "update", "update_guided")
MODELS = ("tiny-lrm-s", "tiny-lrm-m")
INJECTED = 30  # records into which each hostile text is put


def records(model: Model) -> pd.DataFrame:
    """What a model did with the problems after each interrupt at each position, as items of a judge."""
    asked = problems.load("tiny").iloc[FIRST : FIRST + PROBLEMS]
    news = updates.by_construction(asked)
    chosen = [params.load_interrupt(name) for name in INTERRUPTS]
    study = Study("evaluation", "Evaluation", (model.name,), ("tiny",), INTERRUPTS, POSITIONS)
    with engine.open(model) as ready:
        traces = run.initial(ready, study, asked, news, chosen)
        after = run.continuations(ready, study, traces, news, chosen)
    rows = items.items(traces, after, asked, news)
    return rows.assign(model=model.name, item_id=model.name + "/" + rows["item_id"])


def sampled(rows: pd.DataFrame, truth: pd.DataFrame, criterion: str) -> pd.DataFrame:
    """Records with a known truth about a criterion, as many of each model."""
    known = truth.loc[truth["criterion"].eq(criterion) & truth["label"].notna(), "item_id"]
    rows = rows[rows["item_id"].isin(known)]
    order = rows["item_id"].map(lambda item: seed_of(0, criterion, item))
    rows = rows.assign(order=order).sort_values("order").groupby("model").head(PER_CRITERION // len(MODELS))
    return rows.drop(columns="order").reset_index(drop=True)


def rubrics() -> dict[str, Rubric]:
    """The criteria that it is trained for, each as a rubric of its own."""
    return {name: load_rubric(rubric).only([name]) for rubric, shares in JUDGED.items() for name in shares}


def evaluate(judge: Judge, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Agreement with the truth, and the share of verdicts that hostile texts change, a row per criterion each."""
    truth = tiny_truth.truth(rows)
    agreement, injection = [], []
    for name, rubric in rubrics().items():
        chosen = sampled(rows, truth, name)
        judgements = judge.score(chosen, rubric)
        standing = trust.standing(scores.verdicts(judgements, rubric), truth[["item_id", "criterion", "label"]], rubric)
        agreement.append(standing.assign(quoted=quoted(judgements, truth, name)))
        if "answer" in rubric.criteria[0].views:
            changes = tampering.injection(judge, chosen.head(INJECTED), rubric)
            injection.append(changes[changes["case"].eq(twins.ALL)])
    return pd.concat(agreement, ignore_index=True), pd.concat(injection, ignore_index=True)


def quoted(judgements: pd.DataFrame, truth: pd.DataFrame, criterion: str) -> float | None:
    """Of what is so and was found, the share in which the quote is the right place; None if nothing is quoted."""
    both = judgements.merge(truth[truth["criterion"].eq(criterion)], on="item_id", suffixes=("", "_true"))
    both = both[both["verdict"].eq("yes") & both["label"].eq("yes") & both["quote_true"].ne("")]
    pairs = zip(both["quote"].fillna("-"), both["quote_true"], strict=True)
    right = [quote in judged or judged in quote for judged, quote in pairs]
    return sum(right) / len(right) if right else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", help="a checkpoint in place of the shipped one")
    args = parser.parse_args()
    model = params.load_model("tiny-grm")
    model = dataclasses.replace(model, path=args.folder) if args.folder else model
    rows = pd.concat([records(params.load_model(name)) for name in MODELS], ignore_index=True)
    with engine.open(model) as ready:
        agreement, injection = evaluate(Judge(ready), rows)
    shown = ["criterion", "items", "coverage", "kappa", "kappa_low", "kappa_high", "balanced_accuracy", "quoted"]
    shown += ["standing"]
    print(agreement[shown].round(3).to_string(index=False))
    print(injection.to_string(index=False))
    tables = {"agreement": agreement, "injection": injection}
    stored = {name: json.loads(frame.to_json(orient="records")) for name, frame in tables.items()}
    if not args.folder:
        (FOLDER / "evaluation.json").write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
