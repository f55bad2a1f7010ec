"""Failure modes of interrupted reasoning: leakage, panic and self-doubt, as rules on measured quantities.

The published definitions are those of Wu et al., "Are Large Reasoning Models Interruptible?" (arXiv
2510.11713). Its shares are of *new errors*: samples that were correct with full thinking and are not after
the interrupt. As in accuracy, whatever is not correct counts as an error, censored and ungradable rows too; `status`
tells which. Thresholds stand in `params/failure_modes.yaml`, each with its origin.

Leakage (hard interrupts)
    Published: reasoning goes on in the answer; measured only by a ratio of mean answer lengths, in characters, which
    `summary` gives against both published baselines; `leakage_published` is that measure on one row.
    Here, per row: the answer is `leakage_length` times as long as the full-thinking answer to the same problem, and as
    the mean of these, in characters or in tokens; or it *works on*: it has so many times as many
    sums or comments, starts over more often, or computes more behind its result. Right answers leak too, so no new
    error is asked for.
Panic (soft interrupts)
    Published: a new error after thinking was closed with less than 1 % of the remaining budget used; the unit of the
    budget is not stated. `panic_published`: the same in tokens, of what the uninterrupted trace still had after the
    cut. Here: thinking of up to `panic_tokens` tokens counts as well, as 1 % of a short thought is less than one; and
    the answer was not cut by the token limit.
Self-doubt (updates)
    Published: the model mistrusts the update, or keeps to the old problem; how that was decided is not stated.
    Here: a new error whose answer is that of the revised (old) problem, whose thinking works with facts of the old
    problem alone, or that questions the update in words and does not work with the new facts alone.

The kept and the new thinking are columns that `with_thoughts` adds to the grades. Without them, a sum that merely
repeats what was thought cannot be told from a new one, and doubt that is only thought goes unseen.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from lib import params, schema
from lib.failures.measures import SAME_SAMPLE, measure, share, with_thoughts
from lib.params.settings import Thresholds

__all__ = ["MODES", "SAME_SAMPLE", "kind_of", "label", "summary", "with_thoughts"]
MODES = schema.MODES
PUBLISHED = ("leakage_published", "panic_published")


def label(
    frame: pd.DataFrame, kinds: Mapping[str, str] | None = None, limits: Thresholds | None = None
) -> pd.DataFrame:
    """The table `labels` of every continuation in `frame`, in their order.

    `frame` is the table grades of one or more models, with both traces and continuations, with or without the columns
    of `with_thoughts`. `kinds` tells for each interrupt whether it is hard, soft or update; by default its file in
    `params/interrupts` does. `limits` are by default those of `params/failure_modes.yaml`. A rule that is not for the
    kind of a row gives False. Where the full-thinking trace is missing (`oracle_correct` is null), there is no new
    error, and an answer leaks only by the mean length or by starting over.

    Raises:
        ValueError: a full-thinking trace stands twice.
        params.ParamsError: an interrupt has no file, and no entry in `kinds`.
    """
    limits = limits or params.load_thresholds()
    rows = measure(frame)
    kind = rows["interrupt"].map(kinds or {name: kind_of(name) for name in rows["interrupt"].unique()})
    rows["new_error"] = rows["oracle_correct"].fillna(False).astype(bool) & rows["status"].ne("correct")
    rows["works_on"] = kind.eq("hard") & _works_on(rows, limits)
    rows["leakage"] = kind.eq("hard") & _longer(rows, limits) | rows["works_on"]
    rows["leakage_published"] = kind.eq("hard") & rows["mean_answer_ratio"].ge(limits.leakage_length)
    is_soft_error = kind.eq("soft") & rows["new_error"] & rows["answer_tokens"].gt(0)
    used, left = rows["reasoning_tokens"], rows["remaining_tokens"]
    used_little = used.lt(limits.panic_share * left)
    no_thought = used.le(limits.panic_tokens) & used.lt(left)  # so few tokens that it is none, although more was left
    rows["panic_published"] = is_soft_error & used_little
    rows["panic"] = is_soft_error & rows["status"].ne("censored") & (used_little | no_thought)
    stuck = rows["equals_revised"].fillna(False).astype(bool) | rows["takes_up"].eq("old")
    doubts = stuck | (rows["questions_update"] & rows["takes_up"].ne("new").fillna(True).astype(bool))
    rows["self_doubt"] = kind.eq("update") & rows["new_error"] & doubts
    return rows.rename(columns={"row_id": "continuation_id"})[schema.TABLES["labels"].names()]


def summary(
    labels: pd.DataFrame, by: Sequence[str] = ("model", "source", "interrupt", "unit", "position")
) -> pd.DataFrame:
    """Failure modes per group of the columns `by`, one row each, sorted.

    n rows, n_oracle of them correct with full thinking; new_errors among these, attributed (to leakage, panic
    or self-doubt) among those. new_error_rate and attributed_rate are shares of n_oracle, attributed_share is
    one of new_errors (null if there are none). leakage, panic, self_doubt and what ends in _published count flagged
    rows. answer_chars and oracle_answer_chars are means over rows that have a full-thinking answer, length_ratio is
    their ratio. The published ratios of means: length_ratio_answered is over answers that are there, against the
    model's mean of such full-thinking answers; length_ratio_all is over all rows, against that of all full-thinking
    runs, where a run without an answer counts as 0 characters. Groups should not mix models or sources.
    """
    by = list(by)
    both = labels["oracle_answer_chars"].fillna(0).gt(0)
    counted = labels[by].assign(
        n=1,
        n_oracle=labels["oracle_correct"].fillna(False).astype(int),
        new_errors=labels["new_error"].astype(int),
        attributed=(labels["new_error"] & labels[list(MODES)].any(axis=1)).astype(int),
        **{mode: labels[mode].astype(int) for mode in (*MODES, *PUBLISHED)},
    )
    lengths = labels[[*by, "answer_chars", "oracle_answer_chars"]][both]
    ratios = labels[by].assign(
        length_ratio_answered=labels["mean_answer_ratio"].where(labels["answer_chars"].gt(0)),
        length_ratio_all=labels["full_answer_ratio"],
    )
    result = counted.groupby(by, dropna=False).sum()
    result = result.join(lengths.groupby(by, dropna=False).mean().astype(float))
    result = result.join(ratios.groupby(by, dropna=False).mean().astype(float)).reset_index()
    return result.assign(
        new_error_rate=share(result["new_errors"], result["n_oracle"]),
        attributed_rate=share(result["attributed"], result["n_oracle"]),
        attributed_share=share(result["attributed"], result["new_errors"]),
        length_ratio=share(result["answer_chars"], result["oracle_answer_chars"]),
    )


def kind_of(name: str) -> str:
    """Kind of an interrupt; `chain.2` is the second of a chain's steps."""
    whole, _, place = name.partition(".")
    interrupt = params.load_interrupt(whole)
    return params.load_steps(interrupt)[int(place) - 1].kind if place else interrupt.kind


def _longer(rows: pd.DataFrame, limits: Thresholds) -> pd.Series:
    """Longer than the full-thinking answer, if there is one, and than the mean; in characters or in tokens."""
    longer = {}
    for own, mean in (("answer_ratio", "mean_answer_ratio"), ("answer_token_ratio", "mean_token_ratio")):
        is_own = rows[own].isna() | rows[own].ge(limits.leakage_length)
        longer[own] = is_own & rows[mean].ge(limits.leakage_length)
    return longer["answer_ratio"] | longer["answer_token_ratio"]


def _works_on(rows: pd.DataFrame, limits: Thresholds) -> pd.Series:
    """Works in the answer, beyond what full-thinking ones do; an unknown one is taken to end with its result."""
    sums = rows["unseen_sums"].fillna(rows["answer_sums"])  # where the kept thinking is known, only what it lacks
    enough = rows["unseen_sums"].isna().map({True: limits.leakage_sums, False: limits.leakage_unseen_sums})
    computes = sums.ge(enough) & _more(rows, sums, "answer_sums", limits)
    comments = rows["answer_comments"]
    ponders = comments.ge(limits.leakage_comments) & _more(rows, comments, "answer_comments", limits)
    again = rows["answer_restarts"] - rows["oracle_answer_restarts"].fillna(0)
    late = rows["after_result"] - rows["oracle_after_result"].fillna(0)
    beyond = again.ge(limits.leakage_restarts) | late.ge(limits.leakage_after_result)
    return (computes | ponders | beyond).fillna(False).astype(bool)


def _more(rows: pd.DataFrame, counts: pd.Series, name: str, limits: Thresholds) -> pd.Series:
    """So many times as many as in the full-thinking answer, and as in the mean of these; False where it is missing."""
    own, mean = (limits.leakage_working * rows[f"{which}_{name}"] for which in ("oracle", "mean"))
    return (counts.ge(own) & counts.ge(mean)).fillna(False).astype(bool)
