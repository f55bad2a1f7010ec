"""Captions of what judge, rules and detectors are worth, and of the paper's figures beside ours."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lib.figures import style
from lib.figures.paper import Paper, joined
from lib.figures.phrases import percent, place, points, several


def calibration(frame: pd.DataFrame, bar: float) -> str:
    """Of `charts.calibration`: which criteria may be reported."""
    style.need(frame, ["criterion", "standing", "kappa", "balanced_accuracy_low"])
    known = frame[frame["standing"].ne("not calibrated")]
    good = known[known["standing"].eq("reported")]
    told = "Agreement of the judge with what is known to be so, by criterion, with intervals clustered by problem. "
    told += (
        f"The low end of the balanced accuracy must reach {bar:g}: {len(good)} of {len(known)} criteria may be reported"
    )
    unknown = len(frame) - len(known)
    told += f"; {unknown} without true labels cannot be judged." if unknown else "."
    if known["kappa"].notna().any():
        best, worst = (known.loc[pick] for pick in (known["kappa"].idxmax(), known["kappa"].idxmin()))
        told += f" Kappa goes from {worst['kappa']:.2f} ({_plain(worst)}) to {best['kappa']:.2f} ({_plain(best)})."
    return told


def agreement(frame: pd.DataFrame) -> str:
    """Of `charts.agreement`: how often rule and judge say the same, and which is right more often."""
    frame = frame.reset_index()
    style.need(frame, ["criterion", "n", "rule_yes", "judge_yes", "agree", "rule_right", "judge_right"])
    total = frame["n"].sum()
    same = (frame["agree"] * frame["n"]).sum() / total
    told = f"Rule and judge on the same {total} rows: they say the same in {percent(same)}. The rule calls "
    told += f"{percent(frame['rule_yes'].sum() / total)} so, the judge {percent(frame['judge_yes'].sum() / total)}."
    known = frame.dropna(subset=["rule_right", "judge_right"])
    if known.empty:
        return f"{told} Which of them is right is not known."
    rule, judge = (np.average(known[f"{who}_right"], weights=known["n"]) for who in ("rule", "judge"))
    better = "neither more often" if rule == judge else f"the {'rule' if rule > judge else 'judge'} more often"
    told += f" Where the truth is known the rule is right in {percent(rule)}, the judge in {percent(judge)}"
    return f"{told}: {better}."


def judged_shares(frame: pd.DataFrame) -> str:
    """Of `charts.judged_shares`: how far the judged share is off before and after correction."""
    style.need(frame, ["criterion", "figure", "value"])
    wide = frame.pivot_table(index="criterion", columns="figure", values="value", aggfunc="first")
    told = "How often each criterion is truly so, is judged so, and is so when corrected by the judge's known errors."
    if not {"truth_share", "judged_share"} <= set(wide.columns):
        return f"{told} What is truly so is not known."
    off = (wide["judged_share"] - wide["truth_share"]).abs().mean()
    told += f" The judged share is off by {points(off)} on average"
    if "prevalence" not in wide.columns:
        return f"{told}."
    left = (wide["prevalence"] - wide["truth_share"]).abs().mean()
    return f"{told}, the corrected one by {points(left)}: correction {'helps' if left < off else 'does not help'} here."


def planted_and_detected(frame: pd.DataFrame) -> str:
    """Of `charts.planted_and_detected`: how many intervals hold the planted rate, and the worst miss."""
    style.need(frame, ["organism", "mode", "planted", "detected", "ci_low", "ci_high"])
    frame = frame.dropna(subset=["planted", "detected"])
    known = frame.dropna(subset=["ci_low", "ci_high"])
    held = known["planted"].between(known["ci_low"] - 1e-9, known["ci_high"] + 1e-9).sum()
    told = (
        "Rate at which a behaviour was found against the rate at which it was planted; on the diagonal both are equal. "
    )
    told += f"{held} of {len(known)} intervals hold the planted rate."
    if "shown" in frame.columns:
        truly = known["shown"].between(known["ci_low"] - 1e-9, known["ci_high"] + 1e-9).sum()
        told += f" The rate at which the models really did it, read by a program, is held by {truly}."
    if frame.empty:
        return told
    off = frame["detected"] - frame["planted"]
    worst = frame.loc[off.abs().idxmax()]
    mode = str(worst["mode"]).replace("_", " ")
    way = "too many" if off.mean() > 0 else "too few"
    told += f" The largest error is {points(off.abs().max())} ({worst['organism']}, {mode}, planted "
    told += f"{percent(worst['planted'])})"
    return f"{told}; on average {points(off.mean())} {way} are found."


def counterpart(paper: Paper, published: pd.DataFrame, ours: Mapping[str, pd.DataFrame]) -> str:
    """Of `charts.counterpart`: how many numbers of the paper stand there, and how far ours are from them."""
    metric = paper.metrics[0]
    frame = joined(paper, published, metric, ours.get(metric))
    frame = frame[frame["interrupt"].isin(paper.interrupts)]
    theirs, both = frame["published"].notna(), frame["published"].notna() & frame["mean"].notna()
    names = several([style.title(name) for name in paper.interrupts])
    what = f"{paper.label[:1].upper()}{paper.label[1:]}"
    told = f"{what}, {names}: {theirs.sum()} numbers published by Wu et al. (hollow)."
    if not both.any():
        return f"{told} Our study has none of these cells."
    pairs = frame[both].rename(columns={"benchmark": "source"})
    inside = pairs["published"].between(pairs["ci_low"], pairs["ci_high"]).sum()
    off = (pairs["mean"] - pairs["published"]).abs()
    worst = pairs.loc[off.idxmax()]
    size = points(off.max()) if paper.is_share else f"{off.max():.0f} characters"
    told += f" Ours (filled) has {len(pairs)} of these cells; {inside} of our intervals hold the published number."
    return f"{told} The farthest is off by {size}: {place(worst)}."


def _plain(row: pd.Series) -> str:
    return str(row["criterion"]).replace("_", " ")
