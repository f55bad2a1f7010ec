"""Progress: what is planned, running, done and failed, told without touching anything."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from lib import machine, params, paths
from lib.engine import Completion
from lib.engine import store as parts
from lib.pipeline import forecast, status

STUDY, MODEL = "smoke", "tiny-lrm-s"


def looked(study: str = STUDY) -> dict[str, dict]:
    frame = status.progress(params.load_study(study, models=[MODEL]))
    return {row["notebook"]: row for row in frame.to_dict("records")}


def put(name: str, text: str = "") -> Path:
    """A file of an executed notebook, of the study for 01, 02 and 06, of the model for the others."""
    number = name.lstrip(".").split("_")[0]
    folder = paths.notebooks(STUDY, None if number in ("01", "02", "06") else MODEL)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def made(table: str) -> None:
    file = paths.tables(STUDY, MODEL) / f"{table}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"")  # what is in it is not looked at


def answer(count: int, first: int = 0) -> None:
    with parts.open(STUDY, MODEL, rows=2) as store:
        for i in range(first, first + count):
            store.add(Completion(f"{i:032x}", np.arange(3, dtype=np.int32), "stop", 0))


def failed(*outputs) -> str:
    return json.dumps(new_notebook(cells=[new_code_cell("x", outputs=list(outputs))]))


def gone() -> str:
    """What a process leaves that is no longer there."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return f"process {process.pid} on {socket.gethostname()} since 2026-01-01 00:00:00"


def test_a_study_that_never_ran_is_told_and_nothing_is_made(outputs):
    for name in ("paper", "tiny", "smoke"):
        study = params.load_study(name)
        frame = status.progress(study)
        assert set(frame["state"]) == {"waiting"} and frame["done"].sum() == 0
        assert frame["planned"].sum() == forecast.forecast(study)["requests"].sum()
        assert "0 of " in status.tell(frame)
    assert list(outputs.iterdir()) == []


def test_completions_are_counted_first_those_of_03_then_those_of_04(outputs):
    planned = looked()["03_initial"]["planned"]
    answer(5)
    rows = looked()
    assert (rows["03_initial"]["done"], rows["04_interrupt"]["done"]) == (5, 0)
    answer(planned, first=5)
    rows = looked()
    assert (rows["03_initial"]["done"], rows["04_interrupt"]["done"]) == (planned, 5)
    assert rows["03_initial"]["state"] == "waiting"  # the table is missing
    put("03_initial.ipynb")
    made("traces")
    assert looked()["03_initial"]["state"] == "done"


def test_a_table_alone_is_not_done_and_05_needs_all_of_its(outputs):
    made("grades")
    put("05_grade.ipynb")
    assert looked()["05_grade"]["state"] == "waiting"
    made("judgements")
    made("labels")
    assert looked()["05_grade"]["state"] == "done"


def test_who_runs_is_told_and_whether_it_still_does(outputs):
    put(".04_interrupt.running", machine.process())
    put(".01_load.running", gone())
    put(".06_failure_modes.running", "process 1 on some-other-machine since 2026-01-01 00:00:00")
    rows = looked()
    assert rows["04_interrupt"]["state"] == "running"
    assert rows["04_interrupt"]["told"].startswith(f"process {os.getpid()} on ")
    assert rows["01_load"]["state"] == "stopped"
    assert rows["06_failure_modes"]["state"] == "elsewhere"


def test_a_notebook_that_failed_tells_why_until_it_runs_again(outputs):
    error = new_output("error", ename="EngineError", evalue="no such thing\nand more", traceback=[])
    put("03_initial.failed.ipynb", failed(new_output("stream", text="so far\n"), error))
    put("04_interrupt.failed.ipynb", failed())
    put("05_grade.failed.ipynb", "{")
    rows = looked()
    told = {name: (rows[name]["state"], rows[name]["told"]) for name in ("03_initial", "04_interrupt", "05_grade")}
    assert told["03_initial"] == ("failed", "EngineError: no such thing")
    assert told["04_interrupt"] == ("failed", "stopped, or its kernel died")
    assert told["05_grade"][0] == "failed" and "05_grade.failed.ipynb cannot be read" in told["05_grade"][1]
    put(".03_initial.running", machine.process())
    assert looked()["03_initial"]["state"] == "running"


def test_a_run_that_writes_has_a_rate_and_an_end(outputs):
    answer(4)
    put(".03_initial.running", machine.process())
    assert np.isnan(looked()["03_initial"]["per_second"])  # nobody has the folder: what is there is of before
    folder = paths.parts(STUDY, MODEL)
    with parts.open(STUDY, MODEL, rows=2) as store:
        start = (folder / ".holder").stat().st_mtime_ns
        for i in range(4, 10):
            store.add(Completion(f"{i:032x}", np.arange(3, dtype=np.int32), "stop", 0))
        new = [file for file in sorted(folder.glob("*.parquet")) if int(file.name.split("-")[0]) >= start]
        assert len(new) == 3
        for i, file in enumerate(new):  # as if two seconds lay between one and the next
            file.rename(file.with_name(f"{start + i * 2 * 10**9:020d}-{file.name.split('-')[1]}"))
        row = looked()["03_initial"]
        told = status.tell(status.progress(params.load_study(STUDY, models=[MODEL])))
    assert row["per_second"] == pytest.approx(1.0)  # the first is left out: four completions in four seconds
    assert row["left"] == pytest.approx(row["planned"] - 10)
    minutes = round(row["left"] / 60)
    assert f" 1.0 {minutes} min process {os.getpid()}" in " ".join(told.split())


def test_files_that_are_half_there_do_not_matter(outputs):
    answer(3)
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
    study = status.asked(STUDY, models="", interrupts="", positions="")
    assert (study.models, study.interrupts) == (("tiny-lrm-m", "tiny-lrm-s"), ("speed_up",))
    assert study.positions == params.load_study(STUDY).positions
    assert status.asked(STUDY, models="tiny-lrm-m").models == ("tiny-lrm-m",)


def test_a_notebook_says_that_it_runs_and_no_longer_when_it_has(outputs, monkeypatch):
    from lib.pipeline import notebook

    seen = []

    def papermill(name, target, given):  # FAKE: only looks at what stands beside the notebook meanwhile
        seen.append(looked()["03_initial"]["state"])
        raise ValueError("no such thing")

    monkeypatch.setattr(notebook, "_papermill", papermill)
    with pytest.raises(notebook.NotebookError):
        notebook.execute("03_initial", STUDY, MODEL)
    assert seen == ["running"]
    assert looked()["03_initial"]["state"] == "waiting"
    assert list(paths.notebooks(STUDY, MODEL).iterdir()) == []


def test_the_command_tells_a_table_and_misspelt_studies_in_one_line(outputs):
    command = [sys.executable, "-m", "lib.pipeline.status", "--study"]
    done = subprocess.run([*command, STUDY], cwd=paths.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "03_initial" in done.stdout and "notebook runs: " in done.stdout
    wrong = subprocess.run([*command, "smok"], cwd=paths.ROOT, capture_output=True, text=True)
    assert wrong.returncode == 1 and wrong.stderr.count("\n") == 1 and "did you mean smoke?" in wrong.stderr


def test_a_watch_ends_when_all_is_done(outputs, monkeypatch, capsys):
    study = params.load_study(STUDY, models=[MODEL])
    looks = []

    def state(name, notebook, model):
        looks.append(notebook)
        return ("done", "") if len(looks) > 6 else ("waiting", "")

    monkeypatch.setattr(status, "_state", state)
    monkeypatch.setattr(status, "LOGGED", 0.0)
    status.watch(study)
    told = capsys.readouterr().out
    assert told.count("notebook runs: ") == 2 and "6 notebook runs: 6 done" in told
    assert status.CLEAR not in told  # no terminal
