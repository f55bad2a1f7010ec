"""Forecasts: what `make plan` says is what would be sent, with no engine and no GPU at hand."""

import subprocess
import sys

import pandas as pd
import pytest

from lib import engine, params, paths, problems, tables, updates
from lib.interrupts import plan
from lib.markup import tokens
from lib.pipeline import forecast

MODEL = "tiny-lrm-m"


def requests(study, traces, news, asked) -> set[str]:
    """Keys of all requests that 04 would send; what a first step brings is made up."""
    model = params.load_model(MODEL)
    jobs = list(plan.jobs(study, traces, news, [params.load_interrupt(name) for name in study.interrupts], asked))
    keys = set()
    while jobs:
        later = []
        for job in jobs:
            cut = plan.splice(job, model)
            limit = plan.limit(study, job, cut, model)
            keys.add(engine.request_key(model, cut.ids, plan.own_seed(study, job), limit, cut.budget))
            later += plan.following(job, cut, tokens.encode(" 14 + 8 = 22. 22 - 3 = 19.", model))
        jobs = later
    return keys


@pytest.fixture
def stored(outputs):
    """Problems and updates on disk, as 01 and 02 leave them, and traces as 03 would."""

    def store(study):
        model = params.load_model(MODEL)
        asked = pd.concat([problems.subset(problems.load(source), study.problems) for source in study.sources])
        news = updates.collect(asked, study.sources)
        tables.write(asked, "problems", study.name)
        tables.write(news, "updates", study.name)
        chosen = [params.load_interrupt(name) for name in study.interrupts]
        rows = pd.DataFrame(list(plan.questions(study, asked, news, model, chosen)))
        thought = "\nStart with 14." + 9 * "\nAdd 8: 14 + 8 = 22."  # longer than any position in tokens
        written = tokens.marks(f"<think>{thought}\n</think>\n\n22<|im_end|>", model)
        return asked, news, rows.assign(token_ids=[written] * len(rows))

    return store


@pytest.mark.parametrize("name", ["tiny", "controls"])
@pytest.mark.parametrize("second_pass", ["full", "remaining"])
@pytest.mark.parametrize("told", [True, False])
def test_a_forecast_counts_what_would_be_sent(stored, outputs, name, second_pass, told):
    study = params.load_study(name, problems=4, models=[MODEL], second_pass=second_pass)
    asked, news, traces = stored(study)
    if not told:  # before 01 and 02 have run, sizes are known all the same
        for file in outputs.rglob("*.parquet"):
            file.unlink()
    rows = forecast.forecast(study).set_index("notebook")
    assert rows.loc["03_initial", "requests"] == len(traces)
    assert rows.loc["04_interrupt", "requests"] == len(requests(study, traces, news, asked))
    if told:
        assert rows.loc["03_initial", "prompt_tokens"] == pytest.approx(traces["prompt_ids"].map(len).sum(), rel=0.1)


def test_the_published_grid_is_planned_without_a_gpu(outputs):
    rows = forecast.forecast(params.load_study("paper", models=["qwen3-8b"])).set_index("notebook")
    traces = 2 * (500 + 500 + 16 * 30 + 16 * 30 + 341)
    assert rows.loc["03_initial", "requests"] == traces
    assert rows.loc["04_interrupt", "requests"] == traces // 2 * 6 * 5
    assert list(rows.index) == ["01_load", "02_augment", "03_initial", "04_interrupt", "05_grade", "06_failure_modes"]


def test_the_command_tells_sums_and_what_they_rest_on(outputs):
    command = [sys.executable, "-m", "lib.pipeline.forecast", "--study", "paper", "--thought", "5000"]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True)
    assert "12 notebook runs, 220,896 requests" in done.stdout
    assert "thoughts of 5000 tokens assumed (03 has not run)" in done.stdout
    wrong = subprocess.run([*command[:3], "--study", "papers"], cwd=paths.ROOT, capture_output=True, text=True)
    assert wrong.returncode == 1 and wrong.stderr.count("\n") == 1 and "did you mean paper?" in wrong.stderr
