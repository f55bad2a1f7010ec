"""Frames as figures take them, and every figure drawn from them."""

import itertools

import numpy as np
import pandas as pd

from lib import figures
from lib.figures import style
from lib.paper import numbers

MODELS = ["tiny-lrm-s", "tiny-lrm-m"]
SIX = [f"a-model-of-size-{i}" for i in range(6)]
FIVE, ALL = tuple(style.INTERRUPTS)[:5], tuple(style.INTERRUPTS)
POSITIONS = (0.1, 0.3, 0.5, 0.7, 0.9)
PUBLISHED = numbers.load()
NAN = float("nan")


def cells(models=MODELS, interrupts=("end_thinking", "update"), sources=("tiny",)):
    """A row for each model, source, interrupt and position, with what any figure by position wants of it."""
    rows = []
    for i, key in enumerate(itertools.product(models, sources, interrupts, POSITIONS)):
        mean = 0.2 + 0.6 * key[3] - 0.01 * (i % 7)
        rows.append([*key, "share", mean, mean - 0.05, mean + 0.05, 100, 0.01 if i % 2 else 0.4])
    names = ["model", "source", "interrupt", "position", "unit", "mean", "ci_low", "ci_high", "n", "p_holm"]
    frame = pd.DataFrame(rows, columns=names)
    wrong = 1 - frame["mean"]
    return frame.assign(
        **{"tokens": 40 * frame["mean"], "accuracy": frame["mean"], "length_ratio": 4 - 3.8 * frame["position"]},
        **{"new_error_rate": wrong, "attributed_rate": wrong / 3},
        **{"n_oracle": 90, "new_errors": 90 * wrong, "attributed": 30 * wrong},
    )


def full(models=MODELS, sources=("tiny",), mean=0.8):
    """Full thinking of each model."""
    keys = itertools.product(models, sources)
    rows = [[*key, mean + 0.02 * i, None, "share", NAN] for i, key in enumerate(keys)]
    return pd.DataFrame(rows, columns=["model", "source", "mean", "interrupt", "unit", "position"])


def full_of(frame, mean=0.8):
    return full(frame["model"].unique(), frame["source"].unique(), mean)


def with_full(frame, mean=0.8):
    return pd.concat([frame, full_of(frame, mean)], ignore_index=True)


def spent(frame):
    ends = frame.drop_duplicates(["model", "source", "interrupt"]).assign(position=NAN, tokens=45.0, accuracy=0.9)
    return pd.concat([frame, ends], ignore_index=True)


def less(frame):
    return frame.assign(difference=frame["mean"] - 0.5, ci_low=frame["mean"] - 0.55, ci_high=frame["mean"] - 0.45)


def areas(frame):
    frame = frame[["model", "source", "interrupt", "unit"]].drop_duplicates()
    return frame.assign(full=0.9, area=0.5, area_low=0.4, area_high=0.6, area_of_full=0.55)


def standings(criteria=6):
    value = np.linspace(0.9, 0.1, criteria)
    frame = pd.DataFrame({"criterion": [f"criterion_number_{i}" for i in range(criteria)]})
    for name in ("kappa", "balanced_accuracy"):
        frame = frame.assign(**{name: value, f"{name}_low": value - 0.1, f"{name}_high": value + 0.05})
    return frame.assign(standing=np.where(value > 0.7, "reported", "exploratory"))


AGREED = pd.DataFrame(
    [
        ("a", "leakage", 100, 40, 60, 0.8, 0.7, 0.9),
        ("b", "leakage", 300, 0, 0, 1.0, 1.0, 0.5),
        ("a", "panic", 10, 1, 2, 0.9, NAN, NAN),
    ],
    columns=["model", "criterion", "n", "rule_yes", "judge_yes", "agree", "rule_right", "judge_right"],
)
PLANTED = pd.DataFrame(
    [(o, m, p, p, p - 0.05, p + 0.05) for o in ("clean", "leaky") for m in ("leakage", "panic") for p in (0.1, 0.6)],
    columns=["organism", "mode", "planted", "detected", "ci_low", "ci_high"],
)

BY_CELL = {  # figures of the frame that `cells` makes
    "accuracy": lambda frame, models: figures.accuracy_by_position(frame, full_of(frame), models),
    "tokens": lambda frame, models: figures.tokens_by_position(frame, full_of(frame), models),
    "failures": lambda frame, models: figures.failure_bars(frame, models),
    "length": lambda frame, models: figures.length_ratio_by_position(frame, models),
    "overview": lambda frame, models: figures.overview(with_full(frame), with_full(frame, 1.0), models),
    "costs": lambda frame, models: figures.accuracy_by_cost(spent(frame), models),
    "differences": lambda frame, models: figures.paired_differences(less(frame), models),
    "areas": lambda frame, models: figures.areas(areas(frame), models),
}
WHOLE = {
    "thinking": lambda: figures.thinking_lengths(
        pd.DataFrame({"reasoning_tokens": [5, 90, 40, 7], "variant": ["original", "revised"] * 2})
    ),
    "calibration": lambda: figures.calibration(standings(), 0.65),
    "calibration of models": lambda: figures.calibration(
        pd.concat([standings().assign(model=model) for model in SIX], ignore_index=True), 0.65
    ),
    "agreement": lambda: figures.agreement(AGREED),
    "planted": lambda: figures.planted_and_detected(PLANTED),
    "one mode": lambda: figures.planted_and_detected(PLANTED[PLANTED["mode"].eq("panic")]),
    **{name: lambda paper=paper: figures.counterpart(paper, PUBLISHED, {}) for name, paper in figures.PAPER.items()},
}


def marks_of(ax, filled):
    """Places (x, y) of the markers in a panel that are filled, or hollow."""
    lines = [line for line in ax.lines if line.get_linestyle() == "None"]
    lines = [line for line in lines if (line.get_markerfacecolor() != "white") == filled]
    return sorted((round(float(x), 6), round(float(y), 6)) for line in lines for x, y in line.get_xydata())


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]
