"""Progress: a bar on a terminal, whole lines in a log, nothing where a run is brief."""

import re
import time
from threading import Thread

import pandas as pd
import pytest

from lib import grade, progress_bar
from lib.engine import Completion


@pytest.fixture
def log(monkeypatch):
    monkeypatch.setenv(progress_bar.PROGRESS, "lines")
    monkeypatch.setattr(progress_bar, "EVERY", 0.0)
    monkeypatch.setattr(progress_bar, "BRIEF", 0.0)


def work(total: int, unit: str, name: str = "", step: int = 1) -> None:
    with progress_bar.bar(total, unit, name) as bar:
        for _ in range(0, total, step):
            bar.update(step)


def test_a_log_has_whole_lines(log, capfd):
    work(1200, "program", "grading", 400)
    printed = capfd.readouterr()
    assert printed.out == "" and printed.err.splitlines() == [
        "grading: 400 of 1,200 programs",
        "grading: 800 of 1,200 programs, 00:00 left",
        "grading: 1,200 of 1,200 programs, 00:00 left",
        "grading: 1,200 programs in 00:00",
    ]
    work(1, "answer")
    assert capfd.readouterr().err == "1 of 1 answer\n1 answer in 00:00\n"
    work(3_400_000, "B", "to s3://mine", 1_700_000)
    assert capfd.readouterr().err.splitlines()[1] == "to s3://mine: 3.40MB of 3.40MB, 00:00 left"


def test_what_is_brief_or_breaks_has_no_last_line(log, capfd, monkeypatch):
    monkeypatch.setattr(progress_bar, "EVERY", 3600.0)
    with pytest.raises(OSError), progress_bar.bar(9, "answer") as bar:
        bar.update()
        raise OSError
    work(0, "answer")
    monkeypatch.setattr(progress_bar, "BRIEF", 3600.0)
    work(9, "answer")
    assert capfd.readouterr().err == ""


def test_threads_may_share_a_bar(log):
    with progress_bar.bar(4000, "B") as bar:
        threads = [Thread(target=lambda: [bar.update() for _ in range(1000)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert bar.n == 4000


def completions():
    for i in range(5):
        time.sleep(0.01)
        yield Completion(str(i), [0] * 100, "stop", 0)


def test_a_terminal_has_a_bar(capfd, monkeypatch):
    monkeypatch.setenv(progress_bar.PROGRESS, "bar")
    monkeypatch.setattr(progress_bar, "BRIEF", 0.0)
    work(30, "program", "grading")
    printed = capfd.readouterr().err
    assert "30/30" in printed and "grading: 100%" in printed
    assert [done.key for done in progress_bar.completions(8, completions())] == list("01234")
    printed = capfd.readouterr().err
    assert "tokens/s" in printed and "/8" in printed


def test_completions_are_passed_on_with_their_tokens_per_second(log, capfd):
    assert [done.key for done in progress_bar.completions(8, completions(), "TinyLRM-S")] == list("01234")
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == "TinyLRM-S: 1 of 8 requests, 0 tokens/s"
    assert re.fullmatch(r"TinyLRM-S: 4 of 8 requests, 00:0\d left, [\d,]+ tokens/s", lines[3])
    last = re.fullmatch(r"TinyLRM-S: 5 requests in 00:0\d, ([\d,]+) tokens/s", lines[-1])
    assert 500 / 20 < float(last[1].replace(",", "")) < 500 / 0.04
    list(progress_bar.completions(8, iter(()), "TinyLRM-S"))
    assert capfd.readouterr().err == ""  # nothing was asked


@pytest.mark.parametrize("column", ["math", "code"])
def test_grading_logs_how_far_it_is(log, capfd, column):
    if column == "math":
        texts = [rf"\boxed{{x+\frac{{{n}}}{{7}}}}" for n in range(5)]
        grade.math(pd.DataFrame({"text": texts, "gold": "x", "source": "math500"}), workers=1)
    else:
        tests = [{"input": "1\n", "output": "1\n", "testtype": "stdin"}]
        grade.code(pd.DataFrame({"code": [f"print({n})" for n in range(5)], "tests": [tests] * 5}), workers=1)
    unit = "answers" if column == "math" else "programs"
    lines = capfd.readouterr().err.splitlines()
    assert re.fullmatch(rf"5 of 5 {unit}, \d\d:\d\d left", lines[-2])
    assert re.fullmatch(rf"5 {unit} in \d\d:\d\d", lines[-1])
