"""Before anything runs: what a later step would refuse, or take in silence, is one line; what is sound passes."""

import json
import shutil
import subprocess
import sys

import pytest
import yaml

from lib import params, paths, problems
from lib.pipeline import notebook, preflight

STUDY = {
    "title": "T",
    "models": ["tiny-lrm-s"],
    "sources": ["tiny"],
    "interrupts": ["speed_up"],
    "positions": [0.5],
    "problems": 4,
}
ROW = {"problem": "What is 1 + 1?", "answer": "2"}
MODEL = "params/models/tiny-lrm-s.yaml: "


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of params/ that a test may spoil."""
    shutil.copytree(paths.PARAMS, tmp_path / "params")
    monkeypatch.setattr(paths, "PARAMS", tmp_path / "params")
    return tmp_path / "params"


def checked(folder, model=None, **study) -> list[str]:
    (folder / "studies" / "given.yaml").write_text(yaml.safe_dump(STUDY | study))
    file = folder / "models" / "tiny-lrm-s.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | (model or {})))
    return preflight.check(params.load_study("given"))


def refused(folder, *given, **study) -> str:
    with pytest.raises((params.ParamsError, problems.ProblemError)) as caught:
        checked(folder, *given, **study)
    assert "\n" not in str(caught.value), "one line"
    return str(caught.value)


@pytest.mark.parametrize("name", ["tiny", "smoke", "controls", "organisms", "paper"])
def test_shipped_studies_pass(name):
    notes = preflight.check(params.load_study(name))
    aime = [f"aime202{year} has 30 problems, 500 are asked for: all are taken" for year in (4, 5)]
    lcb = "livecodebench has 341 problems, 500 are asked for: all are taken"
    assert notes == ([*aime, lcb] if name == "paper" else [])


# what is changed in the model's file, what the message says behind its name
BAD_MODELS = [
    (
        {"options": {"tensor_paralel_size": 2}},
        "options.tensor_paralel_size: no argument of vLLM's engine (did you mean",
    ),
    ({"options": {"tensor_parallel_size": -1}}, "options.tensor_parallel_size: expected a count of 1 or more, got -1"),
    ({"options": {"data_parallel_size": "2"}}, 'options.data_parallel_size: expected a count of 1 or more, got "2"'),
    ({"options": {"gpu_memory_utilization": "0.9"}}, "options.gpu_memory_utilization: expected float, got "),
    ({"options": {"enforce_eager": 1}}, "options.enforce_eager: expected bool, got 1"),
    ({"options": {"dtype": "float99"}}, "options.dtype: expected ModelDType (auto, half, float16"),
    ({"options": {"model": "x"}}, "options.model: is given by path"),
    ({"engine": "ray", "options": {"x": 1}}, "options.x: no argument of vLLM's engine"),
    ({"engine": "server", "options": {}}, "options.url: missing"),
    ({"engine": "server", "options": {"url": "localhost:8000"}}, "options.url: expected one such as http://localhost"),
    ({"engine": "server", "options": {"url": "http://x/v1", "retry": 1}}, "options.retry: no option of a server"),
    ({"engine": "replay", "options": {}}, "options.recorded: missing"),
    ({"engine": "replay", "options": {"recorded": "no/where"}}, "options.recorded: nothing recorded in no/where"),
    ({"family": "vllm:qwen33"}, "family: vLLM has no reasoning parser qwen33 (did you mean qwen3?)"),
    ({"max_model_len": 100_000}, "max_model_len: the model has 1024 positions, got 100000"),
    ({"template": {"enable_thinkin": True}}, "template.enable_thinkin: the chat template of models/tiny_lrm/"),
    ({"template": {"add_generation_prompt": False}}, "template.add_generation_prompt: is set by the program"),
    ({"template": {"messages": []}}, "template.messages: is set by the program"),
    ({"system_file": "none.txt"}, "system_file: models/tiny_lrm/tiny-lrm-s has no none.txt"),
    ({"path": "Qwen3-8B"}, "path: Qwen3-8B: no such folder, and no name of the hub's; expected a folder"),
    ({"path": "https://huggingface.co/Qwen/Qwen3-8B"}, "path: https://huggingface.co/Qwen/Qwen3-8B: no such folder"),
]


@pytest.mark.parametrize(("model", "expected"), BAD_MODELS, ids=lambda value: str(value)[:50])
def test_a_model_that_could_not_run_is_told(folder, model, expected):
    assert refused(folder, model).startswith(f"{MODEL}{expected}")


# files of a model's folder, what the message says behind its path
BAD_FOLDERS = [
    ({"config.json": "{"}, "/config.json: Expecting property name"),
    ({"config.json": "{}"}, "/config.json: names no model_type"),
    ({"config.json": '{"model_type": "qwen3"}'}, ": no weights, expected one of *.safetensors"),
    ({"config.json": '{"model_type": "qwen3"}', "model.safetensors": ""}, ": no tokenizer, expected tokenizer.json"),
    (
        {"config.json": '{"model_type": "qwen3"}', "model.safetensors": "", "tokenizer.json": "{}"},
        ": no prompt can be made: ",
    ),
]


@pytest.mark.parametrize(("files", "expected"), BAD_FOLDERS, ids=lambda value: str(value)[:60])
def test_a_folder_that_holds_no_whole_model_is_told(folder, tmp_path, files, expected):
    (tmp_path / "model").mkdir()
    for name, text in files.items():
        (tmp_path / "model" / name).write_text(text)
    assert refused(folder, {"path": str(tmp_path / "model")}).startswith(f"{MODEL}path: {tmp_path}/model{expected}")


# rows of a file of one's own, what the message says behind its path
BAD_ROWS = [
    ([ROW | {"answer": r"\frac{1}{"}], ": mine/0000: answer: gold answer could not be parsed"),
    ([ROW, ROW | {"answer": r"\sqrt[}"}], ": mine/0001: answer: gold answer could not be parsed"),
    ([ROW, {"problem": "x", "anser": "2"}], ":2: anser: no such column"),
]


@pytest.mark.parametrize(("rows", "expected"), BAD_ROWS, ids=lambda value: str(value)[:50])
def test_problems_of_ones_own_are_read_whole(folder, tmp_path, rows, expected):
    file = tmp_path / "mine.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert refused(folder, sources=[str(file)]).startswith(f"{file}{expected}")


def test_a_problem_that_leaves_a_model_no_room_is_told_by_its_name(folder, tmp_path):
    file = tmp_path / "mine.jsonl"
    long = {"problem": "How many? " * 400, "answer": "1"}
    file.write_text("".join(json.dumps(row) + "\n" for row in (ROW, long)))
    told = refused(folder, sources=[str(file)])
    assert told.startswith("mine/0001: problem: a prompt of ")
    assert told.endswith("expected fewer than max_model_len 768 of params/models/tiny-lrm-s.yaml")


# what the study says, what the message says behind its name
BAD_STUDIES = [
    ({"sources": ["tinny"]}, "sources: tinny: no such source (did you mean tiny?)"),
    ({"sources": ["mine.csv"]}, "sources: mine.csv: no such source, expected one of"),
    ({"sources": ["nowhere.jsonl"]}, "sources: nowhere.jsonl: cannot be read"),
    ({"sources": ["gsm8k"], "interrupts": ["update"]}, "writer: missing: the interrupt update needs updates"),
    ({"sources": ["gsm8k"], "interrupts": ["update_then_end_thinking"]}, "writer: missing: the interrupt update_then"),
    ({"data_dir": "no/where"}, "data_dir: no folder no/where"),
    ({"judge": "tiny-grm", "rubrics": {"panic": ["goes_onn"]}}, "rubrics.panic: no criterion goes_onn"),
]


@pytest.mark.parametrize(("study", "expected"), BAD_STUDIES, ids=lambda value: str(value)[:50])
def test_a_study_that_would_stop_later_is_told(folder, study, expected):
    assert refused(folder, **study).startswith(f"params/studies/given.yaml: {expected}")


@pytest.mark.parametrize("text", [None, "", "[1]", "{", "3", "leakage_length: 2.0\n"])
def test_thresholds_are_read_before_anything_runs(folder, text):
    (folder / "failure_modes.yaml").unlink() if text is None else (folder / "failure_modes.yaml").write_text(text)
    assert "params/failure_modes.yaml" in refused(folder)


def test_more_problems_than_there_are_is_said(folder):
    assert checked(folder, problems=10**8) == ["tiny has 1,000 problems, 100,000,000 are asked for: all are taken"]


def test_a_model_of_the_hub_is_looked_for_at_once_and_only_where_it_will_run(folder, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    assert checked(folder, {"path": "no-such-owner/no-such-model"}) == []
    with pytest.raises(params.ParamsError, match="not to be had from the hub") as caught:
        preflight.check(params.load_study("given"), hub=True)
    assert "\n" not in str(caught.value) and "expected a folder that holds config.json" in str(caught.value)


@pytest.mark.parametrize("command", [["status", "--plan"], ["notebook", "01_load"]])
def test_a_plan_and_a_first_step_are_refused_in_one_line(outputs, command):
    module, *rest = command
    run = [sys.executable, "-m", f"lib.pipeline.{module}", *rest, "--study", "smoke", "--positions", "1.2.3"]
    done = subprocess.run(run, cwd=paths.ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: params/studies/smoke.yaml (with positions overridden): positions[0]: ")
    assert list(outputs.iterdir()) == []


def test_a_step_is_checked_before_it_leaves_anything(folder, outputs, monkeypatch):
    checked(folder)
    monkeypatch.setattr(sys, "argv", ["notebook", "01_load", "--study", "given"])
    (folder / "failure_modes.yaml").write_text("leakage_length: many")
    with pytest.raises(SystemExit, match=r"^error: params/failure_modes.yaml: "):
        notebook.main()
    assert not (outputs / "given").exists()
