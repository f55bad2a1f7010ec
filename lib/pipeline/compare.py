"""Two runs in pairs: `python -m lib.pipeline.compare tiny/tiny-lrm-s tiny/tiny-lrm-m`, or two studies.

What differs between them is up to the reader: another prompt, model, version or grading. Each problem and sample of one
run is held against the same one of the other, so that what problems have in common drops out.
"""

import argparse
import sys

import pandas as pd

from lib import params, paths, tables
from lib.interrupts import format_position
from lib.stats import paired

FULL = "full thinking"
CELL = ["source", "interrupt", "unit", "position"]
POINTS = ("left", "right", "difference", "ci_low", "ci_high")


class CompareError(ValueError):
    """Two runs that cannot be compared; its text is one line."""


def compare(first: str, second: str) -> pd.DataFrame:
    """Accuracy of the second run less that of the first, one row per model, source, interrupt and position.

    A run is a study, or `study/model`. Of two studies with several models each, those of one name are compared; of two
    runs of one model each, whatever they are called. Columns are those of `paired.differences`, p-values Holm's over
    all rows. Only problems with the same statement in both are compared.

    Raises:
        CompareError: runs without grades, or with no problem, interrupt and position in common.
    """
    before, after = _models(first), _models(second)
    if len(before) == len(after) == 1:
        pairs = [(before[0], after[0])]
    else:
        pairs = [(name, name) for name in before if name in after]
    same = _same_problems(first.split("/")[0], second.split("/")[0])
    left, right = (
        pd.concat([_rows(run, own[side], own[1], same) for own in pairs] or [pd.DataFrame(columns=["model"])])
        for run, side in ((second, 1), (first, 0))
    )
    shared = (
        left.merge(right, on=["model", "problem_id", "sample", *CELL]) if len(left) and len(right) else left.head(0)
    )
    if shared.empty:
        raise CompareError(
            f"{first} and {second}: no model, problem, interrupt and position in common, expected two runs on the same "
            f"problems, or STUDY/MODEL of each; {first} has {', '.join(before)}, {second} has {', '.join(after)}"
        )
    found = paired.differences(left, right, ["model", *CELL], ["model", "problem_id", "sample", *CELL])
    return found[found["n"] > 0].reset_index(drop=True)


def _models(run: str) -> list[str]:
    """The models of a run that have grades."""
    study, _, model = run.partition("/")
    names = [model] if model else params.load_study(study).models
    graded = [name for name in names if (paths.tables(study, name) / "grades.parquet").is_file()]
    if not graded:
        raise CompareError(
            f"{run}: no grades of {', '.join(names)}, expected a study that `make reproduce` has finished"
        )
    return graded


def _same_problems(first: str, second: str) -> set[str]:
    texts = [tables.read("problems", study).set_index("problem_id")["problem"] for study in (first, second)]
    both = pd.concat(texts, axis=1, join="inner", keys=["first", "second"])
    return set(both.index[both["first"] == both["second"]])


def _rows(run: str, model: str, named: str, problems: set[str]) -> pd.DataFrame:
    """The graded rows of a model, under the name of the second run's; full thinking is an interrupt of its own."""
    grades = tables.read("grades", run.split("/")[0], model)
    whole = grades["kind"].eq("trace") & grades["variant"].eq("original") & grades["system"].isna()
    rows = grades[(whole | grades["kind"].eq("continuation")) & grades["problem_id"].isin(problems)]
    plain = {"interrupt": FULL, "unit": "share", "position": 1.0}
    return rows.assign(model=named, **{name: rows[name].fillna(value) for name, value in plain.items()})


def format_table(found: pd.DataFrame, first: str, second: str) -> str:
    """The comparison as a table for a terminal, in percent."""
    shown = found[["model", "source", "interrupt"]].copy()
    cut = [format_position(at, unit) for at, unit in zip(found["position"], found["unit"], strict=True)]
    shown["position"] = ["" if name == FULL else at for name, at in zip(found["interrupt"], cut, strict=True)]
    points = (100 * found[list(POINTS)]).round(1)
    shown["A"], shown["B"], shown["B - A"] = points["right"], points["left"], points["difference"]
    shown["interval"] = [
        f"{low:.1f} to {high:.1f}" for low, high in zip(points["ci_low"], points["ci_high"], strict=True)
    ]
    shown["p (Holm)"] = found["p_holm"].round(3)
    shown[["better", "worse", "pairs"]] = found[["better", "worse", "n"]]
    left_out = int(found["unpaired"].sum())
    sums = f"{int(found['n'].sum()):,} pairs of rows" + (f", {left_out:,} without a partner" if left_out else "")
    return f"Accuracy in %, A = {first}, B = {second}\n\n{shown.to_string(index=False)}\n\n{sums}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", help="study, or study/model")
    parser.add_argument("second", help="the same, to compare with it")
    args = parser.parse_args()
    try:
        if not (args.first and args.second):
            raise CompareError("expected two runs, as in `make compare A=tiny/tiny-lrm-s B=tiny/tiny-lrm-m`")
        print(format_table(compare(args.first, args.second), args.first, args.second))
    except (CompareError, params.ParamsError, tables.TableError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
