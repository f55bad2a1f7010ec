"""Measures of a continuation's answer and new thinking, beside those of full thinking about the same problem.

Full thinking is the uninterrupted trace of the original problem: same model, sample and system message (oracle_*).
"""

import re

import numpy as np
import pandas as pd

from lib.failures import text_counts
from lib.failures.text_counts import TextCounts

SAME_SAMPLE = ["model", "problem_id", "sample", "system"]
LENGTHS = ["answer_chars", "answer_tokens"]
COUNTS = ["answer_sums", "answer_comments", "answer_restarts", "after_result"]
THOUGHTS = ("kept", "reasoning", "asked", "problem")  # columns that `with_thoughts` adds
RATIOS = {
    "remaining_share": ("reasoning_tokens", "remaining_tokens"),
    "answer_ratio": ("answer_chars", "oracle_answer_chars"),
    "answer_token_ratio": ("answer_tokens", "oracle_answer_tokens"),
    "mean_answer_ratio": ("answer_chars", "mean_answer_chars"),
    "mean_token_ratio": ("answer_tokens", "mean_answer_tokens"),
    "full_answer_ratio": ("answer_chars", "full_chars"),
}
PLAIN = {"system": None, "unit": "share"} | dict.fromkeys(THOUGHTS)

# ", not 14" is a contrast and no doubt; "no longer" is none either
DOUBT = (
    r"(?:n['\u2019]t|(?<!, )\bnot\b|\bno\b(?! longer)|\b(?:never|ignor\w+|disregard\w*|doubt\w*|unsure|suspicious"
    r"|trick\w*|confus\w+|contradict\w*|conflict\w*|inconsisten\w+))\b"
)
QUESTIONS_UPDATE = re.compile(rf"{DOUBT}[^.\n]{{0,60}}\bupdate|\bupdate\b[^.\n]{{0,60}}{DOUBT}", re.IGNORECASE)


def with_thoughts(grades: pd.DataFrame, items: pd.DataFrame, problems: pd.DataFrame) -> pd.DataFrame:
    """Rows of grades of one model with the columns kept, reasoning, asked and problem; null where there is no item.

    `items` are as from `lib.interrupts.records.items`.

    Raises:
        ValueError: rows of several models, whose continuations share their names; or an item stands twice.
    """
    if grades["model"].nunique() > 1:
        raise ValueError(f"grades: rows of {grades['model'].nunique()} models, expected those of one")
    if (twice := items["item_id"].duplicated()).any():
        raise ValueError(f"item {items['item_id'][twice].iloc[0]}: stands twice, expected once")
    texts = items.set_index("item_id").rename(columns={"after": "reasoning", "problem": "asked"})
    thoughts = {name: grades["row_id"].map(texts[name]) for name in ("kept", "reasoning", "asked")}
    return grades.assign(**thoughts, problem=grades["problem_id"].map(problems.set_index("problem_id")["problem"]))


def measure(frame: pd.DataFrame) -> pd.DataFrame:
    """The continuations in `frame`, as `failures.label` takes it, in their order, with what the rules need."""
    frame = _complete(frame)
    oracle = frame[frame["kind"].eq("trace") & frame["variant"].eq("original")]
    rows = _with_full(frame[frame["kind"].eq("continuation")].rename(columns={"problem": "stated"}), oracle)
    for name, (part, whole) in RATIOS.items():
        rows[name] = share(rows[part], rows[whole])
    rows = _with_counts(rows)
    texts = rows["reasoning"].fillna("") + "\n" + rows["answer"].fillna("")
    rows["questions_update"] = texts.map(lambda text: QUESTIONS_UPDATE.search(text) is not None).astype(bool)
    rows["takes_up"] = pd.Series(list(map(_statement_used, rows.to_dict("records"))), rows.index, dtype="str")
    return rows


def _complete(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with the columns that a table of plain shares can do without."""
    frame = frame.assign(**{name: value for name, value in PLAIN.items() if name not in frame.columns})
    frame = frame.astype(dict.fromkeys(THOUGHTS, object))
    if "remaining_tokens" in frame.columns:
        return frame
    traces = frame[frame["kind"].eq("trace")]
    lengths = dict(zip(zip(traces["model"], traces["row_id"], strict=True), traces["reasoning_tokens"], strict=True))
    origin = zip(frame["model"], frame["row_id"].str.rsplit("~", n=2).str[0], strict=True)
    thought = np.array([lengths.get(trace, np.nan) for trace in origin], dtype=float)
    return frame.assign(remaining_tokens=thought - np.floor(frame["position"].astype(float) * thought + 1e-9))


def _with_full(rows: pd.DataFrame, oracle: pd.DataFrame) -> pd.DataFrame:
    """Add oracle_*, mean_* of the full-thinking answers that are there, and full_chars, the mean of all runs."""
    if (twice := oracle.duplicated(SAME_SAMPLE)).any():
        raise ValueError(f"trace {oracle['row_id'][twice].iloc[0]}: stands twice, expected once per model")
    oracle = oracle[[*SAME_SAMPLE, "source", "correct", *LENGTHS, "answer"]].join(_counts(oracle["answer"]))
    groups = ["model", "source"]
    answered = oracle[oracle["answer_chars"].gt(0)].groupby(groups)[[*LENGTHS, "answer_sums", "answer_comments"]]
    whole = oracle.groupby(groups)["answer_chars"].mean().rename("full_chars")
    own = ["correct", *LENGTHS, *COUNTS]
    full = oracle[[*SAME_SAMPLE, *own]].rename(columns={name: f"oracle_{name}" for name in own})
    rows = rows.merge(full, on=SAME_SAMPLE, how="left")
    rows = rows.join(answered.mean().astype(float).add_prefix("mean_"), on=groups).join(whole, on=groups)
    return rows.astype({"oracle_correct": "boolean"})


def _with_counts(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the counts in the answer, and how many of its sums the kept thinking lacks; null if that is unknown."""
    rows = rows.join(_counts(rows["answer"]))
    known = {text: set(text_counts.count(text).sums) for text in rows["kept"].dropna().unique()}
    pairs = zip(rows["answer"], rows["kept"], strict=True)
    unseen = [
        len(set(text_counts.count(answer).sums) - known[kept]) if isinstance(kept, str) else None
        for answer, kept in pairs
    ]
    return rows.assign(unseen_sums=pd.array(unseen, dtype="Int64"))


def _counts(texts: pd.Series) -> pd.DataFrame:
    """The counts of each text, by `COUNTS`; that of sums is how many there are."""
    of_text = {text: text_counts.count(text) for text in texts.dropna().unique()}
    counts = [of_text.get(text, TextCounts()) for text in texts]
    sizes = [(len(one.sums), one.comments, one.restarts, one.after_result) for one in counts]
    return pd.DataFrame(sizes, texts.index, COUNTS, dtype="Int64")


def _statement_used(row: dict) -> str | None:
    """`text_counts.takes_up`, where thought and both statements are known and differ."""
    texts = [row[name] for name in ("asked", "stated", "reasoning")]
    if not all(isinstance(text, str) for text in texts) or texts[0] == texts[1]:
        return None
    return text_counts.takes_up(texts[2], *text_counts.facts(texts[0], texts[1]))


def share(part: pd.Series, whole: pd.Series) -> pd.Series:
    """`part` over `whole`; null where `whole` is zero or missing."""
    whole = whole.astype(float)
    return part.astype(float) / whole.where(whole > 0)
