"""The finding in the README is what the stored run of the default study found, and what its report says."""

import re

import pandas as pd
import pytest

from lib import params, paths
from lib.report import overview


@pytest.fixture(scope="module")
def accuracy() -> dict[tuple, str]:
    stored = pd.read_csv(paths.ROOT / "outputs" / "tiny" / "summary" / "accuracy.csv")
    rows = stored.astype(object).where(stored.notna(), None)
    return {(r.source, r.model, r.interrupt, r.position): f"{100 * r.mean:.1f} %" for r in rows.itertuples()}


def test_every_number_of_the_finding_is_computed(accuracy):
    text = (paths.ROOT / "README.md").read_text()
    finding = text.split("## The finding")[1].split("## ")[0]
    expected = [
        accuracy["tiny", "tiny-lrm-m", None, None],
        accuracy["tiny", "tiny-lrm-m", "force_answer", 0.1],
        accuracy["tiny", "tiny-lrm-m", "force_answer", 0.7],
        accuracy["tiny", "tiny-lrm-m", "force_answer", 0.9],
        accuracy["tiny", "tiny-lrm-m", "update", 0.1],
        accuracy["tiny", "tiny-lrm-m", "update", 0.9],
        accuracy["tiny", "tiny-lrm-m", "update_guided", 0.9],
        accuracy["tiny", "tiny-lrm-s", None, None],
        max(
            (accuracy["tiny", "tiny-lrm-s", "update", x] for x in (0.1, 0.3, 0.5, 0.7, 0.9)),
            key=lambda s: float(s[:-2]),
        ),
        *(
            accuracy["tiny-code", "tiny-lrm-m", interrupt, position]
            for interrupt, position in (
                (None, None),
                ("force_answer", 0.1),
                ("update", 0.1),
                ("update", 0.9),
                ("update_guided", 0.9),
            )
        ),
    ]
    assert re.findall(r"\d+\.\d %", finding) == expected


def test_every_number_of_the_finding_stands_in_the_report():
    text = (paths.ROOT / "README.md").read_text()
    finding = text.split("## The finding")[1].split("## ")[0]
    stored = pd.read_csv(paths.ROOT / "outputs" / "tiny" / "summary" / "accuracy.csv")
    titles = {name: params.load_model(name).title for name in params.load_study("tiny").models}
    groups = overview.table(stored, titles, 100, 1)["groups"]
    told = {mean for group in groups for _, cells in [("", [group["full"]]), *group["rows"]] for mean, _ in cells}
    assert {number.removesuffix(" %") for number in re.findall(r"\d+\.\d %", finding)} <= told
