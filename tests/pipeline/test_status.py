"""What a study would run, and what of it is planned, running, done and failed, told without touching anything."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from lib import engine, machine, params, paths, problems, tables, updates
from lib.engine import Completion
from lib.engine import store as parts
from lib.interrupts import plan
from lib.markup import tokens
from lib.pipeline import notebook, status

STUDY, MODEL = "smoke", "tiny-lrm-s"
STEPS = ["01_load", "02_augment", "03_initial", "04_interrupt", "05_grade", "06_failure_modes"]


def command(*words: str) -> list[str]:
    """What the command prints, then the one line of its error."""
    run = [sys.executable, "-m", "lib.pipeline.status", *words]
    done = subprocess.run(run, cwd=paths.ROOT, capture_output=True, text=True)
    assert done.stderr.count("\n") == done.returncode
    return [done.stdout, done.stderr]


# the plan


def requests(study, traces, revisions, questions) -> set[str]:
    """Keys of all requests that 04 would send; what a first step brings is made up."""
    model = params.load_model(study.models[0])
    chosen = [params.load_interrupt(name) for name in study.interrupts]
    jobs = list(plan.jobs(study, traces, revisions, chosen, questions))
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


@pytest.mark.parametrize(("name", "second_pass"), [("tiny", "full"), ("controls", "full"), ("controls", "remaining")])
def test_a_plan_counts_what_would_be_sent(outputs, name, second_pass):
    study = params.load_study(name, problems=4, models=["tiny-lrm-m"], second_pass=second_pass)
    model = params.load_model("tiny-lrm-m")
    asked = pd.concat([problems.subset(problems.load(source), study.problems) for source in study.sources])
    revisions = updates.collect(asked, study.sources)
    chosen = [params.load_interrupt(name) for name in study.interrupts]
    traces = pd.DataFrame(list(plan.questions(study, asked, revisions, model, chosen)))
    thought = "\nStart with 14." + 9 * "\nAdd 8: 14 + 8 = 22."  # longer than any position in tokens
    written = tokens.marks(f"<think>{thought}\n</think>\n\n22<|im_end|>", model)
    sent = len(requests(study, traces.assign(token_ids=[written] * len(traces)), revisions, asked))
    for _ in range(2):  # before 01 and 02 have run, sizes are known all the same
        rows = status.forecast(study).set_index("notebook")
        assert (rows.loc["03_initial", "requests"], rows.loc["04_interrupt", "requests"]) == (len(traces), sent)
        tables.write(asked, "problems", study.name)
        tables.write(revisions, "updates", study.name)
    assert rows.index.tolist() == STEPS
    rows = status.forecast(study).set_index("notebook")
    assert rows.loc["03_initial", "prompt_tokens"] == pytest.approx(traces["prompt_ids"].map(len).sum(), rel=0.1)


def test_the_published_grid_is_planned_without_a_gpu(outputs):
    rows = status.forecast(params.load_study("paper", models=["qwen3-8b"])).set_index("notebook")["requests"]
    traces = 2 * (500 + 500 + 16 * 30 + 16 * 30 + 341)
    assert rows[["03_initial", "04_interrupt"]].tolist() == [traces, traces // 2 * 6 * 5]


def test_the_command_prints_a_plan_with_its_sums_and_what_they_rest_on(outputs):
    told, _ = command("--plan", "--study", "paper", "--thought", "5000")
    assert "12 notebook runs, 220,896 requests" in told
    assert "thoughts of 5000 tokens assumed (03 has not run)" in told


# the status


def looked() -> dict[str, dict]:
    frame = status.progress(params.load_study(STUDY, models=[MODEL]))
    return {row["notebook"]: row for row in frame.to_dict("records")}


def put(name: str, text: str = "") -> Path:
    """A file of an executed notebook, of the study for 01, 02 and 06, of the model for the others."""
    number = name.lstrip(".").split("_")[0]
    folder = paths.notebooks(STUDY, None if number in ("01", "02", "06") else MODEL)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def made(*names: str) -> None:
    for name in names:
        file = paths.tables(STUDY, MODEL) / f"{name}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")  # what is in it is not looked at


def answer(store: parts.Store, first: int, count: int) -> None:
    for i in range(first, first + count):
        store.add(Completion(f"{i:032x}", np.arange(3, dtype=np.int32), "stop", 0))


def test_a_study_that_never_ran_waits_and_nothing_is_made(outputs):
    for name in ("paper", "tiny", "smoke"):
        study = params.load_study(name)
        frame = status.progress(study)
        assert set(frame["state"]) == {"waiting"} and frame["done"].sum() == 0
        assert frame["planned"].sum() == status.forecast(study, tokens=False)["requests"].sum()
        assert "0 of " in status.format_status(frame)
    assert list(outputs.iterdir()) == []


def test_completions_are_counted_first_those_of_03_then_those_of_04(outputs):
    planned = looked()["03_initial"]["planned"]
    for first, count, done in ((0, 5, (5, 0)), (5, planned, (planned, 5))):
        with parts.open(STUDY, MODEL) as store:
            answer(store, first, count)
        rows = looked()
        assert (rows["03_initial"]["done"], rows["04_interrupt"]["done"]) == done
    assert rows["03_initial"]["state"] == "waiting"  # the table is missing
    put("03_initial.ipynb")
    made("traces")
    assert looked()["03_initial"]["state"] == "done"


def test_a_table_alone_is_not_done_and_05_needs_all_of_its(outputs):
    made("grades")
    put("05_grade.ipynb")
    assert looked()["05_grade"]["state"] == "waiting"
    made("judgements", "labels")
    assert looked()["05_grade"]["state"] == "done"


def test_who_runs_is_told_and_whether_it_still_does(outputs):
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    put(".04_interrupt.running", machine.process())
    put(".01_load.running", f"process {gone.pid} on {socket.gethostname()} since 2026-01-01 00:00:00")
    put(".06_failure_modes.running", "process 1 on some-other-machine since 2026-01-01 00:00:00")
    rows = looked()
    assert [rows[STEPS[i]]["state"] for i in (3, 0, 5)] == ["running", "stopped", "elsewhere"]
    assert rows["04_interrupt"]["note"].startswith(f"process {os.getpid()} on ")


def test_a_notebook_that_failed_tells_why_until_it_runs_again(outputs):
    error = new_output("error", ename="EngineError", evalue="no such thing\nand more", traceback=[])
    for name, shown in (("03_initial", [new_output("stream", text="so far\n"), error]), ("04_interrupt", [])):
        put(f"{name}.failed.ipynb", json.dumps(new_notebook(cells=[new_code_cell("x", outputs=shown)])))
    put("05_grade.failed.ipynb", "{")
    rows = looked()
    assert {rows[name]["state"] for name in STEPS[2:5]} == {"failed"}
    assert rows["03_initial"]["note"] == "EngineError: no such thing"
    assert rows["04_interrupt"]["note"] == "stopped, or its kernel died"
    assert "05_grade.failed.ipynb cannot be read" in rows["05_grade"]["note"]
    put(".03_initial.running", machine.process())
    assert looked()["03_initial"]["state"] == "running"


def test_a_run_that_writes_has_a_rate_and_an_end(outputs):
    with parts.open(STUDY, MODEL, rows=2) as store:
        answer(store, 0, 4)
    put(".03_initial.running", machine.process())
    assert np.isnan(looked()["03_initial"]["per_second"])  # nobody has the folder: what is there is of before
    folder = paths.parts(STUDY, MODEL)
    with parts.open(STUDY, MODEL, rows=2) as store:
        start = (folder / ".holder").stat().st_mtime_ns
        answer(store, 4, 6)
        new = [file for file in sorted(folder.glob("*.parquet")) if int(file.name.split("-")[0]) >= start]
        assert len(new) == 3
        for i, file in enumerate(new):  # as if two seconds lay between one and the next
            file.rename(file.with_name(f"{start + i * 2 * 10**9:020d}-{file.name.split('-')[1]}"))
        row = looked()["03_initial"]
        told = status.format_status(status.progress(params.load_study(STUDY, models=[MODEL])))
    assert row["per_second"] == pytest.approx(1.0)  # the first is left out: four completions in four seconds
    assert row["left"] == pytest.approx(row["planned"] - 10)
    assert f" 1.0 {round(row['left'] / 60)} min process {os.getpid()}" in " ".join(told.split())


def test_files_that_are_half_there_do_not_matter(outputs):
    with parts.open(STUDY, MODEL) as store:
        answer(store, 0, 3)
    folder = paths.parts(STUDY, MODEL)
    (folder / "00000000000000000001-0123456789abcdef.parquet").write_bytes(b"PAR1 torn")
    (folder / "strange.parquet").write_bytes(b"")
    before = sorted(folder.iterdir())
    assert looked()["03_initial"]["done"] == 3
    assert sorted(folder.iterdir()) == before  # and they are left to the run


def test_what_was_asked_for_last_is_what_is_planned(outputs):
    folder = paths.tables(STUDY)
    folder.mkdir(parents=True)
    (folder / ".models").write_text("tiny-lrm-m tiny-lrm-s\n")
    (folder / ".interrupts").write_text("--interrupts=speed_up\n")
    (folder / ".positions").write_text("\n")
    study = status.last_asked(STUDY, models="", interrupts="", positions="")
    assert (study.models, study.interrupts) == (("tiny-lrm-m", "tiny-lrm-s"), ("speed_up",))
    assert study.positions == params.load_study(STUDY).positions
    assert status.last_asked(STUDY, models="tiny-lrm-m").models == ("tiny-lrm-m",)


def test_a_notebook_says_that_it_runs_and_no_longer_when_it_has(outputs, monkeypatch):
    seen = []

    def papermill(name, target, given):  # FAKE: only looks at what stands beside the notebook meanwhile
        seen.append(looked()["03_initial"]["state"])
        raise ValueError("no such thing")

    monkeypatch.setattr(notebook, "_papermill", papermill)
    with pytest.raises(notebook.NotebookError):
        notebook.execute("03_initial", STUDY, MODEL)
    assert seen == ["running"] and looked()["03_initial"]["state"] == "waiting"
    assert list(paths.notebooks(STUDY, MODEL).iterdir()) == []


def test_the_command_prints_a_table_and_misspelt_studies_are_one_line(outputs):
    told, _ = command("--study", STUDY)
    assert "03_initial" in told and "notebook runs: " in told
    assert "did you mean smoke?" in command("--study", "smok")[1]


def test_a_watch_ends_when_all_is_done(outputs, monkeypatch, capsys):
    looks = []
    monkeypatch.setattr(status, "_state", lambda *run: looks.append(run) or ("done" if looks[6:] else "waiting", ""))
    monkeypatch.setattr(status, "LOGGED", 0.0)
    status.watch(params.load_study(STUDY, models=[MODEL]))
    told = capsys.readouterr().out
    assert told.count("notebook runs: ") == 2 and "6 notebook runs: 6 done" in told
    assert status.CLEAR not in told  # no terminal
