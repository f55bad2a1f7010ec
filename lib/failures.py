"""Failure modes of interrupted reasoning: leakage, panic and self-doubt, as rules on measured quantities.

The published definitions are those of Wu et al., "Are Large Reasoning Models Interruptible?" (arXiv
2510.11713). Its shares are of *new errors*: samples that were correct with full thinking and are not after
the interrupt. Full thinking is the uninterrupted trace of the original problem, same model and sample. As in
accuracy, whatever is not correct counts as an error, censored and ungradable rows too; `status` tells which.

Leakage (hard interrupts)
    Published: reasoning goes on in the answer; told only by a ratio of mean answer lengths, in characters.
    Here, per row: the answer has at least `LEAKAGE_RATIO` times the characters of the full-thinking answer to
    the same problem, and of the model's mean full-thinking answer (over traces that have one). Right answers
    leak too, so no new error is asked for.
Panic (soft interrupts)
    Published: a new error after thinking was closed with less than 1 % of the remaining budget used; the
    unit of the budget is not stated. Here: the same in tokens, where remaining is what the uninterrupted
    trace still had after the cut. As 1 % of a short thought is less than a token, up to `PANIC_TOKENS` tokens
    count as well.
Self-doubt (updates)
    Published: the model mistrusts the update, or keeps to the old problem; how that was told is not stated.
    Here: a new error whose answer is that of the revised (old) problem, or whose text questions the update.

What this misses: after `force_answer` even a leaking answer may be shorter than a full one; and doubt that is
only thought, not answered, is seen only if the frame has a column `reasoning` with the text after the cut.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lib import params, schema

LEAKAGE_RATIO = 2.0  # ours: the paper draws ratios of means (1.7 to 10.3) and no threshold
PANIC_SHARE = 0.01  # published, by secondary sources: "less than 1 % of the remaining reasoning budget"
PANIC_TOKENS = 1  # ours: thinking of at most so many tokens, if more of it was left, is none at all

DOUBT = (
    r"(?:n['\u2019]t|\b(?:no|not|never|ignor\w+|disregard\w*|doubt\w*|unsure|suspicious|trick\w*|confus\w+"
    r"|contradict\w*|conflict\w*|inconsisten\w+))\b"
)
QUESTIONS_UPDATE = re.compile(rf"{DOUBT}[^.\n]{{0,60}}\bupdate|\bupdate\b[^.\n]{{0,60}}{DOUBT}", re.IGNORECASE)

PLAIN = {"system": None, "unit": "share"}
SAME_SAMPLE = ["model", "problem_id", "sample", "system"]


def label(frame: pd.DataFrame, kinds: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Label every continuation in `frame`: the table `labels`, in the order of the continuations.

    `frame` is the table grades of one or more models, with both traces and continuations. `kinds` tells for
    each interrupt whether it is hard, soft or update; by default its file in `params/interrupts` does. A rule
    that is not for the kind of a row gives False, and so do all where the full-thinking trace is missing
    (`oracle_correct` is null there).

    Raises:
        ValueError: a full-thinking trace stands twice.
        params.ParamsError: an interrupt has no file, and no entry in `kinds`.
    """
    frame = _complete(frame)
    traces = frame[frame["kind"].eq("trace")]
    rows = _with_traces(frame[frame["kind"].eq("continuation")], traces)
    if kinds is None:
        kinds = {name: kind_of(name) for name in rows["interrupt"].unique()}
    kind = rows["interrupt"].map(kinds)
    rows["new_error"] = rows["oracle_correct"].fillna(False).astype(bool) & rows["status"].ne("correct")
    rows["leakage"] = kind.eq("hard") & _leaks(rows)
    rows["panic"] = kind.eq("soft") & rows["new_error"] & _stopped_thinking(rows)
    rows["self_doubt"] = kind.eq("update") & rows["new_error"] & _doubts(rows)
    return rows.rename(columns={"row_id": "continuation_id"})[schema.TABLES["labels"].names()]


def summary(
    labels: pd.DataFrame, by: Sequence[str] = ("model", "source", "interrupt", "unit", "position")
) -> pd.DataFrame:
    """Failure modes per group of the columns `by`, one row each, sorted.

    n rows, n_oracle of them correct with full thinking; new_errors among these, attributed (to leakage, panic
    or self-doubt) among those. new_error_rate and attributed_rate are shares of n_oracle, attributed_share is
    one of new_errors (null if there are none). leakage, panic and self_doubt count flagged rows. answer_chars
    and oracle_answer_chars are means over rows that have a full-thinking answer, length_ratio is their ratio.
    """
    by = list(by)
    both = labels["oracle_answer_chars"].fillna(0).gt(0)
    counted = labels[by].assign(
        n=1,
        n_oracle=labels["oracle_correct"].fillna(False).astype(int),
        new_errors=labels["new_error"].astype(int),
        attributed=(labels["new_error"] & labels[["leakage", "panic", "self_doubt"]].any(axis=1)).astype(int),
        **{mode: labels[mode].astype(int) for mode in ("leakage", "panic", "self_doubt")},
    )
    lengths = labels[[*by, "answer_chars", "oracle_answer_chars"]][both]
    result = counted.groupby(by, dropna=False).sum()
    result = result.join(lengths.groupby(by, dropna=False).mean().astype(float)).reset_index()
    return result.assign(
        new_error_rate=_share(result["new_errors"], result["n_oracle"]),
        attributed_rate=_share(result["attributed"], result["n_oracle"]),
        attributed_share=_share(result["attributed"], result["new_errors"]),
        length_ratio=_share(result["answer_chars"], result["oracle_answer_chars"]),
    )


def _complete(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with the columns that a table of plain shares can do without."""
    frame = frame.assign(**{name: value for name, value in PLAIN.items() if name not in frame.columns})
    if "remaining_tokens" in frame.columns:
        return frame
    traces = frame[frame["kind"].eq("trace")]
    lengths = dict(zip(zip(traces["model"], traces["row_id"], strict=True), traces["reasoning_tokens"], strict=True))
    origin = zip(frame["model"], frame["row_id"].str.rsplit("~", n=2).str[0], strict=True)
    thought = np.array([lengths.get(trace, np.nan) for trace in origin], dtype=float)
    return frame.assign(remaining_tokens=thought - np.floor(frame["position"].astype(float) * thought + 1e-9))


def kind_of(name: str) -> str:
    """Kind of an interrupt; `chain.2` is the second of a chain's steps."""
    whole, _, place = name.partition(".")
    interrupt = params.load_interrupt(whole)
    return params.load_steps(interrupt)[int(place) - 1].kind if place else interrupt.kind


def _with_traces(rows: pd.DataFrame, traces: pd.DataFrame) -> pd.DataFrame:
    """Add what the rules need of the full-thinking trace (oracle_*), and the ratios of lengths."""
    oracle = traces[traces["variant"].eq("original")]
    if (twice := oracle.duplicated(SAME_SAMPLE)).any():
        raise ValueError(f"trace {oracle['row_id'][twice].iloc[0]}: stands twice, expected once per model")
    answered = oracle[oracle["answer_chars"].gt(0)].groupby(["model", "source"])["answer_chars"].mean()
    measured = oracle.rename(columns={"correct": "oracle_correct", "answer_chars": "oracle_answer_chars"})
    measured = measured[[*SAME_SAMPLE, "oracle_correct", "oracle_answer_chars"]]
    rows = rows.merge(measured, on=SAME_SAMPLE, how="left")
    rows = rows.join(answered.rename("mean_answer_chars"), on=["model", "source"])
    rows["oracle_correct"] = rows["oracle_correct"].astype("boolean")
    rows["remaining_share"] = _share(rows["reasoning_tokens"], rows["remaining_tokens"])
    rows["answer_ratio"] = _share(rows["answer_chars"], rows["oracle_answer_chars"])
    rows["mean_answer_ratio"] = _share(rows["answer_chars"], rows["mean_answer_chars"])
    texts = rows["answer"].fillna("")
    if "reasoning" in rows.columns:
        texts = rows["reasoning"].fillna("") + "\n" + texts
    rows["questions_update"] = texts.map(lambda text: QUESTIONS_UPDATE.search(text) is not None).astype(bool)
    return rows


def _leaks(rows: pd.DataFrame) -> pd.Series:
    own = rows["answer_ratio"].isna() | rows["answer_ratio"].ge(LEAKAGE_RATIO)
    return own & rows["mean_answer_ratio"].ge(LEAKAGE_RATIO)


def _stopped_thinking(rows: pd.DataFrame) -> pd.Series:
    """Closed the thinking almost at once, although there was more to think, and went on to answer."""
    used, remaining = rows["reasoning_tokens"], rows["remaining_tokens"]
    early = used.le(PANIC_TOKENS) & used.lt(remaining) | used.lt(PANIC_SHARE * remaining)
    return early & rows["answer_tokens"].gt(0) & rows["status"].ne("censored")


def _doubts(rows: pd.DataFrame) -> pd.Series:
    return rows["equals_revised"].fillna(False).astype(bool) | rows["questions_update"]


def _share(part: pd.Series, whole: pd.Series) -> pd.Series:
    """`part` over `whole`; null where `whole` is zero or missing."""
    whole = whole.astype(float)
    return part.astype(float) / whole.where(whole > 0)
