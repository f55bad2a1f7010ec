"""Planted failure modes: models that were taught a mode at a known rate, and how often the rules find it in them.

The file of such a model (an organism) in `params/models` says what was `planted`; a mode that it does not name was
planted at 0. A rate is a share of the rows that *could* show the mode, whatever the organism then did:

| mode | interrupts | a row could show it if |
|---|---|---|
| leakage | hard | the kept thought lacks a value of the problem, so that there is a step to go on with |
| panic | soft | the kept thought lacks two values or more, and full thinking was right |
| self-doubt | updates | full thinking was right |

Panic and self-doubt are new errors, so neither can be found where full thinking was wrong; and a dropped thought is
found only if the answer is wrong: one step is often guessed right, two seldom.

What is found less often than it was planted is either not done or not seen. So `shown` stands beside: how often the
organism did it, by programs that are independent of the rules (`lib.problems.tiny_math.truth`) and read our own word
problems only; rows of other problems are left out.
"""

from collections.abc import Callable, Iterable, Mapping

import pandas as pd

from lib import failures, stats
from lib.params.settings import Model
from lib.problems.tiny_math import thought, truth
from lib.schema import MODES

KEY = ["model", "continuation_id"]
TEXTS = ["kept", "reasoning", "asked", "problem", "answer"]
KINDS = dict(zip(MODES, ("hard", "soft", "update"), strict=True))
LEAST = dict(zip(MODES, (1, 2, 0), strict=True))  # values that the kept thought lacks
COLUMNS = ["organism", "mode", "continuation_id", "problem_id", "interrupt", "position", "planted", "shown", "detected"]


def rows(labels: pd.DataFrame, grades: pd.DataFrame, models: Iterable[Model]) -> pd.DataFrame:
    """A row for each continuation and mode that it could show: `COLUMNS`.

    planted is the rate, shown whether the organism did it, detected whether the rule says so. Models whose `planted` is
    null have no rows. `grades` are as from `failures.with_thoughts`.
    """
    texts = grades[grades["kind"].eq("continuation")].rename(columns={"row_id": "continuation_id"})
    frame = labels.merge(texts[[*KEY, *TEXTS]], on=KEY, validate="one_to_one")
    kinds = {name: failures.kind_of(name) for name in frame["interrupt"].unique()}
    missing = list(map(_values_missing, frame["asked"], frame["kept"]))
    frame = frame.assign(kind=frame["interrupt"].map(kinds), missing=missing)
    parts = [_rows(frame, model, mode) for model in models if model.planted is not None for mode in MODES]
    return pd.concat([pd.DataFrame(columns=COLUMNS), *parts], ignore_index=True)[COLUMNS]


def rates(rows: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """What was planted and what was found, a row per organism and mode, as `figures.planted_and_detected` takes them.

    Columns organism, mode, planted, detected, ci_low, ci_high (shares of n, by the score method of `lib.stats`), n,
    n_clusters, shown (share), missed (rows in which it was shown and not detected), extra (detected and not shown).
    """
    by = ["organism", "mode"]
    shown, detected = rows["shown"].astype(bool), rows["detected"].astype(bool)
    frame = rows.assign(missed=shown & ~detected, extra=detected & ~shown).astype({"planted": float, "shown": float})
    counts = frame.groupby(by, sort=False).agg(
        planted=("planted", "first"), shown=("shown", "mean"), missed=("missed", "sum"), extra=("extra", "sum")
    )
    means = stats.mean_ci(frame, "detected", by, confidence=confidence, method="score")
    result = counts.reset_index().merge(means.rename(columns={"mean": "detected"}), on=by)
    return result[[*by, "planted", "detected", "ci_low", "ci_high", "n", "n_clusters", "shown", "missed", "extra"]]


def _rows(frame: pd.DataFrame, model: Model, mode: str) -> pd.DataFrame:
    """The rows in which a model could show a mode."""
    could = frame["model"].eq(model.name) & frame["kind"].eq(KINDS[mode]) & frame["missing"].ge(LEAST[mode])
    if mode != "leakage":
        could &= frame["oracle_correct"].fillna(False).astype(bool)
    own = frame[could]
    shown = [SHOWS[mode](texts) for texts in own[TEXTS].fillna("").to_dict("records")]
    return own.assign(
        organism=model.name, mode=mode, planted=model.planted.get(mode, 0.0), shown=shown, detected=own[mode]
    )


def _values_missing(asked: str | None, kept: str | None) -> int:
    """Values that the kept thought lacks; -1 if it is not known, or the problem is none of our word problems."""
    story = thought.read_story(asked) if isinstance(asked, str) else None
    if story is None or not isinstance(kept, str):
        return -1
    return max(0, len(story.steps) + 1 - max(1, truth.count_values(kept)))  # the start stands in the problem


def _leaks(texts: Mapping[str, str]) -> bool:
    """Whether the answer holds a sum that the kept thought does not."""
    return truth.new_steps({**texts, "inserted": truth.CLOSED}).label == "yes"


def _panics(texts: Mapping[str, str]) -> bool:
    """Whether no value was found after the interrupt."""
    return truth.count_values(texts["reasoning"]) == 0


def _doubts(texts: Mapping[str, str]) -> bool:
    """Whether the new thinking doubts the update in words, or takes the start or a step by the old number."""
    lines, (kind, old) = thought.read_lines(texts["reasoning"]), _replaced(texts["asked"], texts["problem"])
    return any(line.kind == "doubt" or truth.states(line, kind, old) for line in lines)


def _replaced(asked: str, stated: str) -> tuple[str, int]:
    """What an update replaces of the problem that was asked, to make it the stated one: a kind and its old number."""
    old, new = thought.read_story(asked), thought.read_story(stated)
    if old.start != new.start:
        return "start", old.start
    return next((step.kind, step.n) for step, other in zip(old.steps, new.steps, strict=True) if step != other)


SHOWS: dict[str, Callable[[Mapping[str, str]], bool]] = dict(zip(MODES, (_leaks, _panics, _doubts), strict=True))
