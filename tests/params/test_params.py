"""Parameters: what is shipped loads, and what is wrong is one line with file, key and what was expected."""

import dataclasses
import json
import re
import shutil
import time

import pytest
import yaml

from lib import params, paths
from lib.engine import request_key


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of params/ that a test may spoil."""
    shutil.copytree(paths.PARAMS, tmp_path / "params")
    monkeypatch.setattr(paths, "PARAMS", tmp_path / "params")
    return tmp_path / "params"


def error(function, *args, **kwargs) -> str:
    with pytest.raises(params.ParamsError) as caught:
        function(*args, **kwargs)
    assert "\n" not in str(caught.value), "one line"
    return str(caught.value)


def spoil(file, **changes) -> None:
    """Set keys of a YAML file; a key set to None is taken out."""
    values = yaml.safe_load(file.read_text()) | changes
    file.write_text(yaml.safe_dump({key: value for key, value in values.items() if value is not None}))


# what is shipped


@pytest.mark.parametrize(
    "file", sorted(paths.PARAMS.glob("*/*.yaml")), ids=lambda file: f"{file.parent.name}-{file.stem}"
)
def test_every_file_opens_with_a_comment_and_loads(file):
    assert file.read_text().startswith("# ")
    loaders = {"studies": params.load_study, "models": params.load_model, "interrupts": params.load_interrupt}
    loaders["prompts"] = params.load_prompt
    if load := loaders.get(file.parent.name):
        assert load(file.stem).name == file.stem


def test_a_shipped_model_is_local():
    model = params.load_model("tiny-lrm-s")
    assert model.is_local and model.location == str(paths.ROOT / "models" / "tiny_lrm" / "tiny-lrm-s")


# name, kind, closes the thinking, start of the answer on math, on code, needs an update
@pytest.mark.parametrize("name", ["end_thinking", "force_answer", "speed_up", "update", "update_guided"])
def test_line_breaks_around_the_wording_of_an_interrupt_survive_yaml(name):
    text = params.load_interrupt(name).text
    assert text == "\n\n" + text.strip() + "\n"


# loading


def test_overrides_replace_and_none_keeps():
    study = params.load_study("tiny", positions=[0, 0.25, 1], interrupts="speed_up,update", samples=None)
    assert study.positions == (0.0, 0.25, 1.0)
    assert study.interrupts == ("speed_up", "update")
    assert study.samples == params.load_study("tiny").samples
    plain = study.as_dict()
    assert json.loads(json.dumps(plain)) == plain and plain["positions"] == [0.0, 0.25, 1.0]
    assert set(plain) == {field.name for field in dataclasses.fields(study)} - {"allow_code"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        study.seed = 1


def test_a_hub_name_is_not_a_folder(folder):
    spoil(
        folder / "models" / "tiny-lrm-s.yaml", path="Qwen/Qwen3-8B", revision="b968826d9c46dd6066d109eabc6255188de91218"
    )
    model = params.load_model("tiny-lrm-s")
    assert not model.is_local and model.location == "Qwen/Qwen3-8B"


@pytest.mark.parametrize("window", ["[2024-10-01, '2025-05-01']", "['2024-10-01', 2025-05-01]"])
def test_a_day_may_stand_with_or_without_quotes(folder, window):
    (folder / "studies" / "good.yaml").write_text(f"{GOOD_STUDY}window: {window}\n")
    assert params.load_study("good").window == ("2024-10-01", "2025-05-01")


# bad input: override of the tiny study, what the error must say
BAD_OVERRIDES = [
    ({"positions": [0.1, 1.5]}, ["positions[1]", "less than or equal to 1", "1.5"]),
    ({"positions": [0.1, 0.1]}, ["positions", "each value once", "0.1"]),
    ({"positions": [float("nan")]}, ["positions[0]", "finite"]),
    ({"positions": [True]}, ["positions[0]", "number", "true"]),
    ({"positions": ["1e-1"]}, ["positions[0]", "number", '"1e-1"', "YAML reads 1e-1 as a string"]),
    ({"positions": []}, ["positions", "at least one value"]),
    ({"problems": True}, ["problems", "integer", "true"]),
    ({"seed": "42"}, ["seed", "integer", '"42"']),
    (
        {"interrupts": ["spedup"]},
        ["interrupts[0]", "no file params/interrupts/spedup.yaml", "did you mean speed_up?"],
    ),
    ({"confidence": 95}, ["confidence", "less than 1", "95"]),
    ({"positions": "1.2.3"}, ["positions[0]", '"1.2.3"']),
    ({"positions": ".."}, ["positions[0]", '".."']),
    ({"posistions": [0.1]}, ["posistions", "unknown key", "did you mean positions?"]),
]


@pytest.mark.parametrize(("override", "parts"), BAD_OVERRIDES, ids=lambda value: str(value)[:40])
def test_bad_overrides_are_an_error(override, parts):
    message = error(params.load_study, "tiny", **override)
    assert message.startswith(f"params/studies/tiny.yaml (with {next(iter(override))} overridden): ")
    assert [part for part in parts if part not in message] == []


# bad input: text of a study file, what the error must say
GOOD_STUDY = "title: T\nmodels: [tiny-lrm-s]\nsources: [tiny]\ninterrupts: [speed_up]\npositions: [0.5]\n"
ASKED = "rubrics: {panic: all}\n"
BAD_STUDIES = [
    (GOOD_STUDY.replace("0.5", "1e-1"), ["positions[0]", '"1e-1"', "write numbers plainly"]),
    (GOOD_STUDY.replace("[0.5]", "0.5"), ["positions", "a list", "0.5"]),
    (GOOD_STUDY.replace("title: T\n", ""), ["title", "missing"]),
    (GOOD_STUDY.replace("title: T", "title: no"), ["title", "string", "false"]),
    (GOOD_STUDY + "seeds: 42\n", ["seeds", "unknown key", "did you mean seed?", "expected title, models"]),
    (GOOD_STUDY + "name: other\n", ["name", "unknown key"]),
    (GOOD_STUDY + "seed: 1\nseed: 2\n", ["line 7", "key seed is given twice"]),
    (GOOD_STUDY.replace("[0.5]", "[0.5"), ["cannot be read as YAML", "line 6"]),
    ("", ["key: value", "null"]),
    ("- title\n", ["key: value", '["title"]']),
    (
        GOOD_STUDY + ASKED + "judge: tiny-lrm\n",
        ["judge: no file params/models/tiny-lrm.yaml", "did you mean tiny-lrm-s?"],
    ),
    (GOOD_STUDY + "writer: x\n", ["writer: no file params/models/x.yaml", "expected one of"]),
    (GOOD_STUDY + "solver: x\n", ["solver: no file params/models/x.yaml", "expected one of"]),
    (GOOD_STUDY + "rubrics: [panic]\n", ["rubrics", "dictionary"]),
    (
        GOOD_STUDY + "judge: tiny-grm\nrubrics: {panik: all}\n",
        ["rubrics.panik: no file params/rubrics/panik.yaml", "mean panic?"],
    ),
    (GOOD_STUDY + "rubrics: {panic: every}\n", ["rubrics.panic: should be all, or a list of criteria", '"every"']),
    (GOOD_STUDY + "rubrics: {panic: []}\n", ["rubrics.panic: should be all, or a list of criteria in [ ], got []"]),
    (GOOD_STUDY + "rubrics: {panic: [goes_on, goes_on]}\n", ["rubrics.panic", "each value once", "goes_on"]),
    (GOOD_STUDY + "window: [2024-10-01, soon]\n", ["window[1]: should be a day", '"soon"']),
    (GOOD_STUDY + "window: [2024-13-01, 2025-02-30]\n", ["window[0]: should be a day", "2024-13-01", "window[1]"]),
    (GOOD_STUDY + "seed: 010\n", ["seed", "integer", '"010"']),  # 8 to YAML
    (GOOD_STUDY + "seed: 1:30\n", ["seed", "integer", '"1:30"']),  # 90 to YAML
    (GOOD_STUDY + f"seed: {'9' * 5000}\n", ["seed: should be a valid integer"]),
    (GOOD_STUDY + f"rubrics: {'[' * 3000}\n", ["nested too deeply"]),
    (GOOD_STUDY + "samples_by_source: {tiny-code: 2}\n", ["samples_by_source: tiny-code is no source", "one of tiny"]),
    (GOOD_STUDY + "judged_sources: [tinny]\n", ["judged_sources: tinny is no source of this study"]),
    (GOOD_STUDY + "judge: tiny-grm\n", ["rubrics: missing"]),
    (GOOD_STUDY + ASKED, ["judge: missing"]),
    (GOOD_STUDY.replace("[tiny]", "[a/x.jsonl, b/x.json]"), ["sources: a/x.jsonl and b/x.json both give problems"]),
    (GOOD_STUDY.replace("0.5", '"40t", "040t"'), ['positions: should hold each cut once, "40t" and "040t"']),
    (GOOD_STUDY.replace("0.5", '"0.3s", 0.3, "0.30s"'), ["positions", '"0.3s" and "0.30s" are the same']),
    (GOOD_STUDY.replace("0.5", '"0t", 0'), ["positions", '"0t" and 0']),
    (GOOD_STUDY.replace("0.5", '1.0, "1p"'), ["positions", '1.0 and "1p"']),
    (GOOD_STUDY + "window: [2024-10-01, 2024-09-01]\n", ["window: should hold the first day, then the last"]),
    (GOOD_STUDY + "seed: x\nsamples: 0\n", ["seed: ", "samples: "]),  # several faults in one line
]


@pytest.mark.parametrize(("text", "parts"), BAD_STUDIES, ids=lambda value: "" if isinstance(value, str) else value[0])
def test_bad_study_files_are_an_error(folder, text, parts):
    (folder / "studies" / "bad.yaml").write_text(text)
    message = error(params.load_study, "bad")
    assert message.startswith("params/studies/bad.yaml: ")
    assert [part for part in parts if part not in message] == []


def test_a_study_may_name_a_judge_and_what_it_is_asked(folder):
    asked = "judge: tiny-lrm-m\nrubrics: {panic: all, leakage: [new_steps, takes_back]}\njudged: 40\ndraws: 3\n"
    (folder / "studies" / "good.yaml").write_text(GOOD_STUDY + asked)
    study = params.load_study("good")
    assert (study.judge, study.judged, study.draws, study.positions) == ("tiny-lrm-m", 40, 3, (0.5,))
    assert study.as_dict()["rubrics"] == {"panic": "all", "leakage": ["new_steps", "takes_back"]}


@pytest.mark.parametrize("key", ["writer", "solver", "judge"])
def test_a_judge_that_is_no_sound_model_is_an_error(folder, key):
    spoil(folder / "models" / "tiny-lrm-m.yaml", family="qwen4")
    (folder / "studies" / "bad.yaml").write_text(GOOD_STUDY + ASKED * (key == "judge") + f"{key}: tiny-lrm-m\n")
    assert error(params.load_study, "bad").startswith("params/models/tiny-lrm-m.yaml: family: no markup for qwen4")


def test_bytes_that_are_not_text_are_an_error(folder):
    (folder / "studies" / "bad.yaml").write_bytes(b"title: \xff\xfe\n")
    assert "params/studies/bad.yaml: cannot be read as YAML" in error(params.load_study, "bad")


@pytest.mark.parametrize(
    ("load", "kind", "name", "guess"),
    [
        (params.load_study, "studies", "tyny", "tiny"),
        (params.load_model, "models", "tiny-lrm", "tiny-lrm-s"),
        (params.load_interrupt, "interrupts", "end-thinking", "end_thinking"),
        (params.load_interrupt, "interrupts", "", None),
        (params.load_interrupt, "interrupts", "../models/tiny-lrm-s", None),
    ],
)
def test_a_misspelt_name_is_an_error(load, kind, name, guess):
    message = error(load, name)
    assert message.startswith(f"no file params/{kind}/{name}.yaml")
    assert "expected one of" in message
    assert (f"(did you mean {guess}?)" in message) if guess else ("did you mean" not in message)


# changes to an interrupt file, what the error must say
BAD_INTERRUPTS = [
    ("speed_up", {"kind": "softly"}, ["kind", "'hard', 'soft', 'update' or 'control'", '"softly"']),
    ("speed_up", {"closes_thinking": "no"}, ["closes_thinking", "boolean", '"no"']),
    ("speed_up", {"closes_thinking": True}, ["closes_thinking", "true for kind hard"]),
    ("end_thinking", {"closes_thinking": False}, ["closes_thinking", "true for kind hard"]),
    ("speed_up", {"text": "hurry: {update}"}, ["text", "should not hold {update}", "kind is soft"]),
    ("update", {"text": "no news"}, ["text", "should hold {update} exactly once"]),
    ("update", {"text": "{update}{update}"}, ["text", "should hold {update} at most once"]),
    ("speed_up", {"text": "Hurry, {foo}."}, ["text: should hold no {foo}, expected {update}"]),
    ("update", {"text": "{update} and {problem}"}, ["text: should hold no {problem}"]),
    ("speed_up", {"system": "You are {name}."}, ["system: should hold no {name}"]),
    ("end_thinking", {"prefill_math": "{update}"}, ["prefill_math: should hold no {update}"]),
    ("speed_up", {"text": None}, ["text: missing, expected the words of a soft interrupt"]),
    ("speed_up", {"text": " \n"}, ["text: missing"]),
    ("speed_up", {"action": "restart", "role": "user"}, ["action: restart splices nothing"]),
    ("speed_up", {"step_positions": [0.5]}, ["step_positions: should stand beside steps"]),
    ("speed_up", {"text": None, "steps": ["update"]}, ["steps: should name two interrupts or more"]),
    (
        "speed_up",
        {"steps": ["update", "noop"], "step_positions": [0.5]},
        ["steps: what is inserted stands in the files"],
    ),
    ("speed_up", {"text": None, "steps": ["noop", "upd"], "step_positions": [0.5]}, ["steps[1]: no file", "upd"]),
    ("speed_up", {"text": None, "steps": ["end_thinking", "noop"], "step_positions": [1]}, ["steps[0]: end_thinking"]),
    ("speed_up", {"text": None, "steps": ["noop", "restart"], "step_positions": ["9t"]}, ["steps[1]: restart"]),
    ("speed_up", {"prompt_file": "params/x.json"}, ["text: given beside prompt_file"]),
    ("speed_up", {"text": None, "prompt_file": "params/x.json"}, ["prompt_file: params/x.json: No such file"]),
    ("speed_up", {"prefill_math": "\\boxed{"}, ["prefill", "only where the thinking is closed"]),
]


@pytest.mark.parametrize(("name", "changes", "parts"), BAD_INTERRUPTS, ids=lambda value: str(value)[:40])
def test_bad_interrupts_are_an_error_by_the_file_and_by_the_study(folder, name, changes, parts):
    spoil(folder / "interrupts" / f"{name}.yaml", **changes)
    message = error(params.load_interrupt, name)
    assert message.startswith(f"params/interrupts/{name}.yaml: ")
    assert [part for part in parts if part not in message] == []
    assert error(params.load_study, "tiny") == message, "a study finds out before anything runs"


HOOKS = {
    "system_prompt": "You may be interrupted.",
    "reasoning_prefix": "A",
    "update_prefix": "B",
    "update_suffix": "C",
    "reasoning_suffix": "D",
}


@pytest.mark.parametrize(
    ("kind", "role", "text"),
    [("update", "assistant", "AB{update}CD"), ("update", "user", "B{update}C"), ("soft", "assistant", "ABCD")],
)
def test_wording_may_come_from_a_prompt_file_of_the_authors(folder, monkeypatch, kind, role, text):
    monkeypatch.setattr(paths, "ROOT", folder.parent)
    (folder / "words.json").write_text(json.dumps(HOOKS))
    spoil(folder / "interrupts" / "update.yaml", kind=kind, role=role, text=None, prompt_file="params/words.json")
    interrupt = params.load_interrupt("update")
    assert (interrupt.text, interrupt.system) == (text, "You may be interrupted.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "prompt_file: params/words.json: "),
        ("[]", "expected texts under system_prompt"),
        ('{"a": "b"}', "expected"),
    ],
)
def test_a_bad_prompt_file_is_an_error(folder, monkeypatch, content, message):
    monkeypatch.setattr(paths, "ROOT", folder.parent)
    (folder / "words.json").write_text(content)
    spoil(folder / "interrupts" / "update.yaml", text=None, prompt_file="params/words.json")
    assert message in error(params.load_interrupt, "update")


def test_positions_may_count_tokens_or_go_back_to_an_end():
    positions = ["512t", "0.3s", "1.0p", 0.5, 0]
    assert list(params.load_study("tiny", positions=positions).positions) == positions
    assert list(params.load_study("tiny", positions=",".join(map(str, positions))).positions) == positions


@pytest.mark.parametrize("position", ["512", "1.5t", "-3t", "1.2s", "0.3x", -0.1, "early"])
def test_a_position_that_is_none_is_an_error(position):
    assert "positions" in error(params.load_study, "tiny", positions=[position])


# changes to a model file, what the error must say
BAD_MODELS = [
    ({"temperature": "6e-1"}, ["temperature", "number", '"6e-1"', "write numbers plainly"]),
    ({"engine": "sglang"}, ["engine", "'vllm', 'ray', 'server' or 'replay'", '"sglang"']),
    ({"options": [1]}, ["options", "[1]"]),
    ({"temperature": 100.0}, ["temperature", "less than or equal to 2"]),
    ({"max_tokens": 5000}, ["max_tokens: should be at most max_model_len (768)", "got 5000"]),
    ({"revision": "main"}, ["revision: should be left out", "is a folder"]),
    ({"prompt_math": "Solve it."}, ["prompt_math: should hold {problem}", '"Solve it."']),
    ({"prompt_math": "{probelm}"}, ["prompt_math: should hold {problem}", '"{probelm}"']),
    ({"prompt_code": "{problem} in {language}"}, ["prompt_code: should hold no {language}, expected {problem}"]),
    ({"family": "qwen"}, ["family: no markup for qwen (did you mean qwen3?)", "gpt_oss", "vllm:<parser>"]),
    ({"family": "vllm:"}, ["family"]),
    ({"planted": {"leak": 0.4}}, ["planted: no failure mode leak, expected leakage, panic, self_doubt"]),
    ({"planted": {"leakage": 1.4}}, ["planted.leakage: should be less than or equal to 1, got 1.4"]),
]


@pytest.mark.parametrize(("changes", "parts"), BAD_MODELS, ids=lambda value: str(value)[:40])
def test_bad_models_are_an_error(folder, changes, parts):
    spoil(folder / "models" / "tiny-lrm-s.yaml", **changes)
    message = error(params.load_model, "tiny-lrm-s")
    assert message.startswith("params/models/tiny-lrm-s.yaml: ")
    assert [part for part in parts if part not in message] == []


def test_what_is_planted_in_a_model_is_read_and_changes_no_request(folder):
    before = params.load_model("tiny-lrm-s")
    assert before.planted is None and "planted" not in before.as_dict()
    assert type(before)(**before.as_dict()) == before
    for rates in ({}, {"leakage": 0.4}, {"panic": 1, "self_doubt": 0}):
        spoil(folder / "models" / "tiny-lrm-s.yaml", planted=rates)
        after = params.load_model("tiny-lrm-s")
        assert after.planted == rates == after.as_dict()["planted"]
        assert request_key(after, [1, 2, 3], 7) == request_key(before, [1, 2, 3], 7)


def test_the_argument_of_a_latex_command_is_no_placeholder(folder):
    asked = "{problem}\nThe last line is \\boxed{answer}."
    spoil(folder / "models" / "tiny-lrm-s.yaml", prompt_math=asked)
    assert params.load_model("tiny-lrm-s").prompt_math == asked


def test_what_is_given_as_the_file_has_it_is_no_override(folder):
    (folder / "studies" / "bad.yaml").write_text(GOOD_STUDY + "seed: x\n")
    assert error(params.load_study, "bad", models="tiny-lrm-s").startswith("params/studies/bad.yaml: seed")


@pytest.mark.parametrize("path", ["models/tiny_lrm/tiny-lrm-xl", "./nowhere", "/nowhere", "models"])
def test_a_model_folder_that_is_not_there_is_an_error(folder, path):
    spoil(folder / "models" / "tiny-lrm-s.yaml", path=path)
    message = error(params.load_model, "tiny-lrm-s")
    assert message.startswith(f"params/models/tiny-lrm-s.yaml: path: no model in folder {path}, expected a folder")


# what is changed in the file of thresholds, what the error must say
BAD_THRESHOLDS = [
    ("leakage_length: 2.0", "leakage_length: 0.5", "leakage_length: .*greater than or equal to 1"),
    ("leakage_sums: 2\n", "", "leakage_sums: missing"),
    ("leakage_sums: 2\n", "leakage_sum: 2\n", r"leakage_sum: unknown key \(did you .*\), expected leakage_length, .*"),
]


@pytest.mark.parametrize(("old", "new", "message"), BAD_THRESHOLDS)
def test_bad_thresholds_are_an_error(folder, old, new, message):
    file = folder / "failure_modes.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    assert re.match(rf"params/failure_modes\.yaml: {message}", error(params.load_thresholds))


# options of a model, place that is named; None where they load no code
CODE = [
    ({"trust_remote_code": True}, ".trust_remote_code"),
    ({"trust_remote_code": "yes"}, ".trust_remote_code"),
    ({"worker_cls": "evil.Worker"}, ".worker_cls"),
    ({"worker_extension_cls": "evil"}, ".worker_extension_cls"),
    ({"distributed_executor_backend": "evil.Executor"}, ".distributed_executor_backend"),
    ({"logits_processors": ["evil:Processor"]}, ".logits_processors"),
    ({"reasoning_parser_plugin": "/tmp/evil"}, ".reasoning_parser_plugin"),
    (
        {"structured_outputs_config": {"reasoning_parser_plugin": "x"}},
        ".structured_outputs_config.reasoning_parser_plugin",
    ),
    ({"kv_transfer_config": {"kv_connector_module_path": "evil"}}, ".kv_transfer_config.kv_connector_module_path"),
    ({"hf_overrides": {"text_config": {"auto_map": {"AutoModel": "x"}}}}, ".hf_overrides.text_config.auto_map"),
    ({"hf_overrides": '{"auto_map": {"AutoModel": "x"}}'}, ".hf_overrides.auto_map"),
    ({"compilation_config": {"backend": "evil.backend"}}, ".compilation_config.backend"),
    ({"compilation_config": {"passes": ["a", "evil.run"]}}, ".compilation_config.passes[1]"),
    ({"speculative_config": {"model": "models/evil.py"}}, ".speculative_config.model"),
    ({"model_class_overrides": {"A": "B"}}, ".model_class_overrides"),
    ({"logging_config": {"version": 1}}, ".logging_config"),
    ({"trust_remote_code": False, "worker_cls": "auto", "io_processor_plugin": None, "dtype": "float32"}, None),
    ({"tokenizer": "Qwen/Qwen2.5-7B", "distributed_executor_backend": "mp", "master_addr": "a.b.org"}, None),
    ({"gpu_memory_utilization": 0.9, "limit_mm_per_prompt": {"image": 0}, "load_format": "safetensors"}, None),
]


@pytest.mark.parametrize(("options", "place"), CODE)
@pytest.mark.parametrize("key", ["models", "judge", "writer"])
def test_options_that_load_code_need_the_study_to_allow_it(folder, options, place, key):
    spoil(folder / "models" / "tiny-lrm-m.yaml", options=options)
    named = f"{key}: {'[tiny-lrm-m]' if key == 'models' else 'tiny-lrm-m'}\n"
    text = GOOD_STUDY.replace("models: [tiny-lrm-s]\n", named if key == "models" else f"models: [tiny-lrm-s]\n{named}")
    text += "rubrics: {leakage: all}\n" if key == "judge" else ""
    (folder / "studies" / "theirs.yaml").write_text(text)
    if place is None:
        assert "allow_code" not in params.load_study("theirs").as_dict()
        return
    message = error(params.load_study, "theirs")
    assert message.startswith(f"params/models/tiny-lrm-m.yaml: options{place}: may load code")
    assert message.endswith("params/studies/theirs.yaml says allow_code: true")
    (folder / "studies" / "theirs.yaml").write_text(f"{text}allow_code: true\n")
    assert params.load_study("theirs").as_dict()["allow_code"] is True


@pytest.mark.parametrize("name", ["a b", "a:b", "-x", ".x", "a$b", "a%b", "x;y", "a=b", "it's", "\x1b[31m"])
def test_names_that_are_no_words_are_refused(folder, name):
    (folder / "models" / f"{name}.yaml").write_text((folder / "models" / "tiny-lrm-s.yaml").read_text())
    message = error(params.load_study, "tiny", models=[name])
    assert "expected a name of letters, digits and . _ + - alone" in message and message.isprintable()


LEVELS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
)
MERGED = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 12))


# text of a study, what is said about it
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("models: &a [*a]\n", "an alias stands for what it is in"),
        ("title: &a {b: {c: *a}}\n", "an alias stands for what it is in"),
        (LEVELS, "values, with what its aliases repeat"),
        (MERGED, "values, with what its aliases repeat"),
        ("a: " + "[" * 100_000, "nested too deeply"),
        ("a: " + "{b: " * 30_000, "nested too deeply"),
        (f"{GOOD_STUDY}seed: {'9' * 5_000}\n", "seed"),
        (f"{GOOD_STUDY}problems: -{'9' * 5_000}\n", "problems"),
        ("a: b\n" * 30_000, "150,000 bytes, expected 131,072 of parameters at most"),
        ("".join(f"a{i}: 1\n" for i in range(15_000)), "bytes, expected 131,072"),
        ("title: !!python/object/apply:os.system ['touch hit']\n", "could not determine a constructor"),
        (f"{'k' * 900}: 1\n{'k' * 900}: 2\n", "is given twice"),
    ],
)
def test_hostile_yaml_is_told_in_one_line_and_bounded_time(folder, text, told):
    (folder / "studies" / "theirs.yaml").write_text(text)
    start = time.process_time()
    message = error(params.load_study, "theirs")
    assert told in message and len(message) < 1000 and time.process_time() - start < 5
