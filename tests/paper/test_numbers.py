"""The published numbers: whether the files can be so, what the loader refuses, and our rows beside them."""

import shutil

import numpy as np
import pandas as pd
import pytest

from lib import paths
from lib.paper import numbers

SHIPPED = paths.PARAMS / "published"
PUBLISHED = numbers.load()
NAMES = numbers.names()
MAIN = ["Qwen3-8B", "GPT-OSS-20B", "Magistral-S-1.2"]


def value(metric, model, benchmark, interrupt, position=None, figure=None):
    """The one published number of a cell, as printed."""
    rows = PUBLISHED[PUBLISHED["standing"].eq("stands") & PUBLISHED["metric"].eq(metric)]
    rows = rows[rows["model"].eq(model) & rows["benchmark"].eq(benchmark) & rows["interrupt"].eq(interrupt)]
    rows = rows[rows["position"].isna() if position is None else rows["position"].eq(position)]
    rows = rows if figure is None else rows[rows["figure"].eq(figure)]
    assert len(rows) == 1
    return rows["value"].iloc[0]


# the shipped files


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
    assert (counts.drop(columns="full thinking") == 5).all(axis=None)
    assert (counts["full thinking"] == 1).all()


def test_accuracies_are_counts_of_rows():
    rows = PUBLISHED[PUBLISHED["metric"].eq("accuracy")]
    odd = rows["note"].fillna("").str.contains("no multiple")
    assert odd.sum() == 4
    rows = rows[~odd]
    graded = NAMES.dropna(subset="rows").drop_duplicates("published").set_index("published")["rows"]
    n = rows["benchmark"].map(graded)
    right = (rows["value"] / 100 * n).round()
    off = (100 * right / n - rows["value"]).abs()
    assert rows[off > 0.05 + 1e-9][["model", "benchmark", "interrupt", "position", "value"]].empty


def test_failure_counts_agree_with_their_rates():
    rows = PUBLISHED[PUBLISHED["metric"].isin(["new_errors", "attributed", "n_oracle", "new_error_rate"])]
    rows = rows[rows["standing"].eq("stands")]
    wide = rows.pivot_table(index=["figure", "model", "benchmark"], columns="metric", values="value").dropna()
    assert len(wide) == 11  # the counts of one bar are ambiguous
    assert np.allclose(100 * wide["new_errors"] / wide["n_oracle"], wide["new_error_rate"], atol=0.06)
    assert (wide["attributed"] <= wide["new_errors"]).all()


@pytest.mark.parametrize("model", MAIN)
@pytest.mark.parametrize("benchmark", ["AIME 24/25", "LCB v6"])
def test_bars_and_curves_show_the_same_length(model, benchmark):
    bar = value("answer_chars_answered", model, benchmark, "end-thinking", 0.3)
    assert bar == value("answer_chars", model, benchmark, "end-thinking", 0.3)


def test_superseded_and_stale_numbers_are_kept_but_not_counted():
    assert {"superseded", "stale", "variant"} < set(PUBLISHED["standing"])
    assert set(numbers.figures(PUBLISHED)["standing"]) == {"stands"}
    assert numbers.figures(PUBLISHED)["figure"].ne("text").all()


def test_sentences_tell_bounds_from_values():
    said = PUBLISHED[PUBLISHED["figure"].eq("text")]
    assert set(said["precision"]) == {"printed"}
    assert set(said["relation"]) == {"=", "~", "<=", ">="}
    assert said[said["metric"].eq("accuracy_loss") & said["interrupt"].eq("update")]["value"].tolist() == [60]


# what is refused

GOOD = "f,Qwen3-8B,GSM8K,update,0.1,accuracy,=,50,%,,,http://x,read off,vector,stands,"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (GOOD.replace(",50,", ",half,"), "bad.csv:3: value: expected a number, got half"),
        (GOOD.replace(",50,", ",inf,"), "bad.csv:3: value: expected a number, got inf"),
        (GOOD.replace(",50,", ",,"), "bad.csv:3: value: empty, expected a value"),
        (GOOD.replace("http://x", ""), "bad.csv:3: source: empty, expected a value"),
        (GOOD.replace("%", "points"), "bad.csv:3: unit: expected one of %, characters, rows, times, got points"),
        (GOOD.replace("read off", "seen"), "bad.csv:3: precision: expected one of printed, read off, got seen"),
        (GOOD.replace("0.1", "10"), "bad.csv:3: position: expected a share, got 10.0"),
        (GOOD.replace("GSM8K", "gsm"), "bad.csv:3: benchmark: expected a published name of names.csv, got gsm"),
        (GOOD.replace("update", "halt"), "bad.csv:3: interrupt: expected a published name of names.csv, got halt"),
        (GOOD, "f Qwen3-8B GSM8K update 0.1 accuracy stands: stands twice, expected once"),
        ("f", "stands twice|empty|expected"),
    ],
)
def test_a_bad_number_is_refused_by_file_and_line(tmp_path, line, told):
    shutil.copy(SHIPPED / "names.csv", tmp_path)
    (tmp_path / "bad.csv").write_text("\n".join([",".join(numbers.COLUMNS), GOOD, line, ""]))
    with pytest.raises(numbers.ReportedError) as caught:
        numbers.load(tmp_path)
    assert "\n" not in str(caught.value)
    assert any(part in str(caught.value) for part in told.split("|"))


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("bad.csv", "figure,model\n", "bad.csv:1: expected the columns figure, model, benchmark"),
        ("bad.csv", "", "bad.csv: cannot be read"),
        ("names.csv", "kind,published\n", "names.csv:1: expected the columns kind, published, ours"),
        ("names.csv", ",".join(numbers.NAMES) + "\nmodle,a,b,,,\n", "names.csv:2: expected a kind (model, benchmark"),
        ("names.csv", ",".join(numbers.NAMES) + "\nmodel,a,b,,many,\n", "names.csv:2: rows: expected a number"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path, file, text, told):
    shutil.copy(SHIPPED / "names.csv", tmp_path)
    (tmp_path / "bad.csv").write_text(",".join(numbers.COLUMNS) + "\n" + GOOD + "\n")
    (tmp_path / file).write_text(text)
    with pytest.raises(numbers.ReportedError, match=r"^[^\n]+$") as caught:
        numbers.load(tmp_path)
    assert told in str(caught.value)


def test_no_file_at_all_is_said(tmp_path):
    with pytest.raises(numbers.ReportedError, match="no CSV file"):
        numbers.load(tmp_path)


# our rows beside them


def ours(*rows):
    columns = ["model", "source", "interrupt", "unit", "position", "mean", "ci_low", "ci_high", "n"]
    return pd.DataFrame(rows, columns=columns)


def test_a_study_of_the_same_model_stands_beside_the_published_number():
    frame = ours(("qwen3-8b", "gsm8k", "force_answer", "share", 0.1, 0.4, 0.3, 0.5, 100))
    row = numbers.beside(frame, PUBLISHED).query("where == 'both'").iloc[0]
    assert (row["model"], row["benchmark"], row["interrupt"]) == ("Qwen3-8B", "GSM8K", "force_answer")
    assert (row["mean"], row["n"], row["published"]) == (0.4, 100, pytest.approx(0.352))
    half = 1.959964 * np.sqrt(0.352 * 0.648 / 500)
    assert [row["published_low"], row["published_high"]] == pytest.approx([0.352 - half, 0.352 + half])


def test_full_thinking_stands_beside_full_thinking():
    frame = ours(("gpt-oss-20b", "math500", None, None, np.nan, 0.9, 0.8, 1.0, 10))
    row = numbers.beside(frame, PUBLISHED).query("where == 'both'").iloc[0]
    assert (row["interrupt"], row["published"]) == ("full thinking", pytest.approx(0.942))


def test_two_sources_of_one_benchmark_are_pooled_by_their_rows():
    frame = ours(
        ("qwen3-8b", "aime2024", "update", "share", 0.3, 0.6, 0.5, 0.7, 300),
        ("qwen3-8b", "aime2025", "update", "share", 0.3, 0.2, 0.1, 0.3, 100),
    )
    row = numbers.beside(frame, PUBLISHED).query("where == 'both'").iloc[0]
    half = 0.1 * np.sqrt(0.75**2 + 0.25**2)
    assert (row["mean"], row["n"], row["published"]) == (pytest.approx(0.5), 400, pytest.approx(0.501))
    assert [row["ci_low"], row["ci_high"]] == pytest.approx([0.5 - half, 0.5 + half])


def test_a_pooled_interval_is_null_where_one_of_them_is():
    frame = ours(
        ("qwen3-8b", "aime2024", "update", "share", 0.3, 0.6, np.nan, np.nan, 1),
        ("qwen3-8b", "aime2025", "update", "share", 0.3, 0.2, 0.1, 0.3, 1),
    )
    row = numbers.beside(frame, PUBLISHED).query("where == 'both'").iloc[0]
    assert row["mean"] == pytest.approx(0.4)
    assert row[["ci_low", "ci_high"]].isna().all()


def test_what_only_one_side_has_stays_and_says_so():
    frame = ours(
        ("tiny-lrm-m", "tiny", "update", "share", 0.3, 0.6, 0.5, 0.7, 120),
        ("qwen3-8b", "gsm8k", "update", "tokens", 0.3, 0.6, 0.5, 0.7, 120),  # no share: not the same place
    )
    rows = numbers.beside(frame, PUBLISHED)
    assert rows["where"].value_counts()["study"] == 1
    assert "both" not in set(rows["where"])
    assert rows.query("where == 'study'")["published"].isna().all()
    assert rows.query("where == 'published'")["mean"].isna().all()
    assert not rows.duplicated(numbers.CELL).any()


@pytest.mark.parametrize(
    ("metric", "expected"), [("answer_chars", 708), ("remaining_ratio", 0.59), ("new_error_rate", 0.1588)]
)
def test_other_metrics_come_in_our_units(metric, expected):
    frame = ours(("tiny", "tiny", "update", "share", 0.3, 1, 1, 1, 1))
    rows = numbers.beside(frame, PUBLISHED, metric).query("model == 'Qwen3-8B' and position == 0.3")
    assert expected in rows["published"].round(6).tolist()


def test_a_metric_that_was_not_published_and_a_missing_column_are_refused():
    frame = ours(("tiny", "tiny", "update", "share", 0.3, 1, 1, 1, 1))
    with pytest.raises(numbers.ReportedError, match="metric watts: not published"):
        numbers.beside(frame, PUBLISHED, "watts")
    with pytest.raises(numbers.ReportedError, match=r"missing columns n$"):
        numbers.beside(frame.drop(columns="n"), PUBLISHED)
