"""The published numbers: whether the files can be so, and our rows beside them."""

import numpy as np
import pandas as pd
import pytest

from lib.paper import numbers
from lib.paper.numbers import FOLDER, FULL, REVISED, TEXT

COLUMNS = ["figure", "model", "benchmark", "interrupt", "position", "metric", "relation", "value", "unit"]
COLUMNS += ["ci_low", "ci_high", "source", "precision", "how", "standing", "note"]
VALUES = {
    "relation": {"=", "~", "<=", ">="},
    "unit": set(numbers.SCALE),
    "precision": {"printed", "read off"},
    "how": {"text", "second hand", "vector", "pixels", "arithmetic"},
    "standing": {"stands", "superseded", "stale", "variant"},
}
PUBLISHED, NAMES = numbers.load(), numbers.names()
MAIN = ["Qwen3-8B", "GPT-OSS-20B", "Magistral-S-1.2"]


def value(metric, model, benchmark, interrupt, position=None):
    """The one published number of a cell, as printed."""
    rows = PUBLISHED[PUBLISHED["standing"].eq("stands") & PUBLISHED["metric"].eq(metric)]
    rows = rows[rows["model"].eq(model) & rows["benchmark"].eq(benchmark) & rows["interrupt"].eq(interrupt)]
    return rows[rows["position"].isna() if position is None else rows["position"].eq(position)]["value"].item()


# the files


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.csv")), ids=lambda file: file.name)
def test_a_file_has_the_columns_of_its_kind(file):
    expected = ["kind", "published", "ours", "task", "rows", "note"] if file.name == "names.csv" else COLUMNS
    assert pd.read_csv(file, nrows=0).columns.tolist() == expected


def test_every_value_is_one_of_its_column():
    for name, values in VALUES.items():
        assert set(PUBLISHED[name]) <= values, name
    assert PUBLISHED[["figure", "metric", "value", "source"]].notna().all(axis=None)
    assert np.isfinite(PUBLISHED["value"]).all() and PUBLISHED["position"].dropna().between(0, 1).all()
    assert NAMES[["published", "ours"]].notna().all(axis=None)
    shown, known = PUBLISHED[PUBLISHED["figure"].ne(TEXT)], NAMES.groupby("kind")["published"].agg(set)
    assert set(known.index) == {"model", "benchmark", "interrupt"}
    for kind, names in known.items():
        assert set(shown[kind]) <= names | ({FULL, REVISED} if kind == "interrupt" else set())
    assert not shown.duplicated(["figure", *numbers.CELL, "metric", "standing"]).any()
    stands = numbers.figures(PUBLISHED)
    assert set(stands["standing"]) == {"stands"} and stands["figure"].ne(TEXT).all()


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (("accuracy", "Qwen3-8B", "GSM8K", "force-answer", 0.1), 35.2),
        (("accuracy", "GPT-OSS-20B", "GSM8K", "update", 0.9), 40.6),
        (("accuracy", "Qwen3-8B", "LCB v6", "update, guidance", 0.1), 49.9),  # of the later figure
        (("accuracy", "Magistral-S-1.2", "AIME 24/25", "full thinking"), 71.6),
        (("answer_chars", "Magistral-S-1.2", "LCB v6", "end-thinking", 0.3), 8936),
        (("remaining_ratio", "GPT-OSS-20B", "AIME 24/25", "speed-up", 0.7), 24),
        (("total_ratio", "GPT-OSS-20B", "MATH500", "update, guidance", 0.9), 255),
        (("relative_accuracy", "Qwen3-1.7B", "AIME 24/25", "update, guidance", 0.7), 60.8),
        (("attributed_rate", "GPT-OSS-20B", "AIME 24/25", "speed-up", 0.3), 30.36),
    ],
)
def test_a_number_stands_as_it_was_published(cell, expected):
    assert value(*cell) == expected


def test_every_main_cell_has_its_five_positions_and_full_thinking():
    rows = PUBLISHED[PUBLISHED["metric"].eq("accuracy") & PUBLISHED["model"].isin(MAIN)]
    rows = rows[rows["standing"].isin(["stands", "stale"])]
    counts = rows.groupby(["model", "benchmark", "interrupt"]).size().unstack()
    assert counts.shape == (12, 9)
    assert (counts.drop(columns="full thinking") == 5).all(axis=None) and (counts["full thinking"] == 1).all()


def test_accuracies_are_counts_of_rows():
    rows = PUBLISHED[PUBLISHED["metric"].eq("accuracy")]
    odd = rows["note"].fillna("").str.contains("no multiple")
    assert odd.sum() == 4
    rows = rows[~odd]
    n = rows["benchmark"].map(NAMES.dropna(subset="rows").drop_duplicates("published").set_index("published")["rows"])
    off = (100 * (rows["value"] / 100 * n).round() / n - rows["value"]).abs()
    assert rows[off > 0.05 + 1e-9].empty


def test_failure_counts_agree_with_their_rates_and_bars_with_curves():
    rows = PUBLISHED[PUBLISHED["metric"].isin(["new_errors", "attributed", "n_oracle", "new_error_rate"])]
    rows = rows[rows["standing"].eq("stands")]
    wide = rows.pivot_table(index=["figure", "model", "benchmark"], columns="metric", values="value").dropna()
    assert len(wide) == 11  # the counts of one bar are ambiguous
    assert np.allclose(100 * wide["new_errors"] / wide["n_oracle"], wide["new_error_rate"], atol=0.06)
    assert (wide["attributed"] <= wide["new_errors"]).all()
    for cell in ((model, benchmark, "end-thinking", 0.3) for model in MAIN for benchmark in ("AIME 24/25", "LCB v6")):
        assert value("answer_chars_answered", *cell) == value("answer_chars", *cell)


# our rows beside them


def beside(*rows, **options):
    columns = ["model", "source", "interrupt", "unit", "position", "mean", "ci_low", "ci_high", "n"]
    return numbers.beside(pd.DataFrame(rows, columns=columns), PUBLISHED, **options)


def test_a_study_of_the_same_model_stands_beside_the_published_number():
    row = beside(("qwen3-8b", "gsm8k", "force_answer", "share", 0.1, 0.4, 0.3, 0.5, 100)).query("where == 'both'")
    assert row[["model", "benchmark", "interrupt"]].values.tolist() == [["Qwen3-8B", "GSM8K", "force_answer"]]
    half = 1.959964 * np.sqrt(0.352 * 0.648 / 500)
    names = ["mean", "n", "published", "published_low", "published_high"]
    assert row[names].values[0] == pytest.approx([0.4, 100, 0.352, 0.352 - half, 0.352 + half])
    row = beside(("gpt-oss-20b", "math500", None, None, np.nan, 0.9, 0.8, 1.0, 10)).query("where == 'both'").iloc[0]
    assert (row["interrupt"], row["published"]) == (FULL, pytest.approx(0.942))


@pytest.mark.parametrize(("low", "high"), [(0.5, 0.7), (np.nan, np.nan)])  # null where one of them is
def test_two_sources_of_one_benchmark_are_pooled_by_their_rows(low, high):
    row = beside(
        ("qwen3-8b", "aime2024", "update", "share", 0.3, 0.6, low, high, 300),
        ("qwen3-8b", "aime2025", "update", "share", 0.3, 0.2, 0.1, 0.3, 100),
    ).query("where == 'both'")
    half = np.nan if np.isnan(low) else 0.1 * np.sqrt(0.75**2 + 0.25**2)
    expected = [0.5, 400, 0.501, 0.5 - half, 0.5 + half]
    assert row[["mean", "n", "published", "ci_low", "ci_high"]].values[0] == pytest.approx(expected, nan_ok=True)


def test_what_only_one_side_has_stays_and_says_so():
    rows = beside(
        ("tiny-lrm-m", "tiny", "update", "share", 0.3, 0.6, 0.5, 0.7, 120),
        ("qwen3-8b", "gsm8k", "update", "tokens", 0.3, 0.6, 0.5, 0.7, 120),  # no share: not the same place
    )
    assert rows["where"].value_counts().to_dict() == {"published": len(rows) - 1, "study": 1}
    assert rows.query("where == 'study'")["published"].isna().all()
    assert rows.query("where == 'published'")["mean"].isna().all()
    assert not rows.duplicated(numbers.CELL).any()


@pytest.mark.parametrize(
    ("metric", "expected"), [("answer_chars", 708), ("remaining_ratio", 0.59), ("new_error_rate", 0.1588)]
)
def test_other_metrics_come_in_our_units(metric, expected):
    rows = beside(("tiny", "tiny", "update", "share", 0.3, 1, 1, 1, 1), metric=metric)
    assert expected in rows.query("model == 'Qwen3-8B' and position == 0.3")["published"].round(6).tolist()


def test_a_metric_that_was_not_published_and_a_missing_column_are_refused():
    with pytest.raises(ValueError, match="metric watts: not published"):
        beside(metric="watts")
    with pytest.raises(ValueError, match=r"missing columns n$"):
        numbers.beside(beside().drop(columns="n").assign(source=None, unit=None), PUBLISHED)
