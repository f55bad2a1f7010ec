"""Provenance: what made a step is kept beside the results, and only what repeats goes into notebooks."""

import dataclasses
import json
import threading

import pandas as pd
import pytest

from lib import machine, params, paths
from lib.params.settings import Model
from lib.pipeline import provenance
from lib.pipeline.provenance import ProvenanceError


def local(folder) -> Model:
    settings = {"name": "m", "title": "FAKE", "family": "qwen3", "max_tokens": 1, "max_model_len": 2}
    return Model(path=str(folder), **settings)


def test_equal_runs_have_equal_provenance_and_it_tells_no_time_and_no_machine():
    first, second = (provenance.of("tiny", "tiny-lrm-s") for _ in range(2))
    pd.testing.assert_series_equal(first, second)
    names = ["study", "seed", "engine", "path"]
    assert first[names].tolist() == ["tiny", "42", "vllm", "models/tiny_lrm/tiny-lrm-s"]
    told = " ".join(map(str, first))
    assert str(paths.ROOT) not in told and str(machine.describe()["processor"]) not in told
    of_hub = provenance.of("paper", "qwen3-8b")
    assert of_hub["files"] is None and of_hub["path"] == "Qwen/Qwen3-8B"


@pytest.mark.parametrize("changed", [{"positions": "0.5"}, {"interrupts": "speed_up"}, {"models": "tiny-lrm-s"}])
def test_the_digest_of_the_parameters_changes_with_them(changed):
    assert provenance.of("tiny", **changed)["parameters"] != provenance.of("tiny")["parameters"]
    assert provenance.of("tiny", **dict.fromkeys(changed, ""))["parameters"] == provenance.of("tiny")["parameters"]


def test_another_wording_of_an_interrupt_is_another_digest(monkeypatch):
    before = provenance.of("tiny")["parameters"]
    speed_up, whole = params.load_interrupt("speed_up"), params.load_interrupt
    other = {"speed_up": dataclasses.replace(speed_up, text="FAKE")}
    monkeypatch.setattr(params, "load_interrupt", lambda name: other.get(name) or whole(name))
    assert provenance.of("tiny")["parameters"] != before


def test_files_of_a_model_count_by_content_and_pictures_and_hidden_ones_do_not(tmp_path):
    for name in ("config.json", "README.md", ".hidden", "a/weights.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    before = provenance.files(local(tmp_path))
    assert list(before) == ["a/weights.bin", "config.json"]
    (tmp_path / "config.json").write_text("other")
    after = provenance.files(local(tmp_path))
    assert after["config.json"] != before["config.json"] and after["a/weights.bin"] == before["a/weights.bin"]


def test_of_a_large_file_size_and_both_ends_count(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "WHOLE", 100)
    monkeypatch.setattr(provenance, "END", 10)
    seen = set()
    for text in ("a" * 200, "a" * 201, "b" + "a" * 199, "a" * 199 + "b"):
        (tmp_path / "weights.bin").write_text(text)
        seen.add(provenance.files(local(tmp_path))["weights.bin"])
    assert len(seen) == 4 and all(found.startswith("ends:") for found in seen)


def test_a_step_is_kept_when_it_has_ended_well(outputs):
    with pytest.raises(ZeroDivisionError), provenance.step("05_grade", "tiny", "tiny-lrm-s"):
        raise ZeroDivisionError
    assert provenance.steps("tiny") == []
    assert provenance.report("tiny").endswith("nothing was kept about the steps of tiny")
    for _ in range(2):  # the second takes the place of the first
        with provenance.step("05_grade", "tiny", "tiny-lrm-s", positions=""):
            pass
    with provenance.step("06_failure_modes", "tiny", models="tiny-lrm-s"):
        pass
    assert "05_grade" in provenance.report("tiny")
    first, second = provenance.steps("tiny")
    assert (first["step"], first["model"]) == ("05_grade", "tiny-lrm-s")
    assert first["made_from"] == provenance.of("tiny", "tiny-lrm-s").to_dict()
    assert second["made_from"] == provenance.of("tiny", models="tiny-lrm-s").to_dict()
    assert {"config.json", "model.safetensors"} <= set(first["model_files"])
    assert first["packages"]["pandas"] == pd.__version__ and first["machine"]["cores"] >= 1
    assert pd.Timestamp(first["started"]) <= pd.Timestamp(first["ended"])
    assert str(paths.ROOT) not in provenance.location("tiny").read_text()


def test_chains_that_end_at_once_lose_nothing(outputs):
    entries = [{"step": "05_grade", "model": f"m{i}", "ended": ""} for i in range(20)]
    threads = [threading.Thread(target=provenance.merge, args=("tiny", [entry])) for entry in entries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(provenance.steps("tiny")) == 20


def test_a_step_of_an_unknown_model_is_kept_with_the_reason(outputs):
    with provenance.step("probe", "tiny", "no-such-model"):
        pass
    (kept,) = provenance.steps("tiny")
    assert "params/models/no-such-model.yaml" in kept["made_from"]["unknown"]
    assert "unknown" in provenance.report("tiny")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"steps": 1}', '{"steps": [1]}', '{"steps": [{}]}'])
def test_a_file_that_cannot_be_read_is_told_in_a_line_and_written_anew_by_the_next_step(outputs, text):
    provenance.location("tiny").parent.mkdir(parents=True)
    provenance.location("tiny").write_text(text)
    with pytest.raises(ProvenanceError, match=r"provenance.json: not readable \(.*\), expected JSON with a list"):
        provenance.steps("tiny")
    with provenance.step("01_load", "tiny"):
        pass
    assert len(json.loads(provenance.location("tiny").read_bytes())["steps"]) == 1


def test_a_step_is_done_even_if_nothing_can_be_kept_about_it(outputs, capsys):
    provenance.location("tiny").mkdir(parents=True)
    with provenance.step("01_load", "tiny"):
        pass
    assert capsys.readouterr().err.startswith("warning: ")


@pytest.mark.parametrize(("status", "clean"), [("", True), (" M lib/interrupts/run.py", False), (None, None)])
def test_uncommitted_changes_are_told_and_git_may_be_missing(monkeypatch, status, clean):
    before, is_repository = provenance.code(), (paths.ROOT / ".git").exists()
    answers = {"rev-parse": "0" * 40, "status": status} if status is not None else {}
    monkeypatch.setattr(machine, "run_command", lambda _, what, *more: answers.get(what))
    told = provenance.code()
    assert told["clean"] is (clean if is_repository else None)
    assert told["commit"] == ("0" * 40 if answers and is_repository else None)
    assert (told["version"], told["code"]) == (before["version"], before["code"])


def test_versions_name_what_is_installed_whichever_build_it_is():
    shown = provenance.versions("pandas", "no-such-package", "vllm")
    assert shown["midthought"] and shown["pandas"].count(".") == 2
    assert (shown["no-such-package"], shown["vllm"]) == ("none", "0.32.0")
