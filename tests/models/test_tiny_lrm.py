"""The shipped TinyLRMs: their size, their tokenizer, their training texts, and what their card says."""

import json
import random
import re
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pandas as pd
import pytest
from safetensors import safe_open

from lib import params, paths
from lib.markup import prompts, tokens
from lib.problems import tiny_code
from lib.problems.tiny_math import story
from lib.sandbox import programs
from models.tiny_lrm import evaluate, mixture, mixture_code, tokenizer, train

NAMES = ["tiny-lrm-s", "tiny-lrm-m"]
LIMITS = {"tiny-lrm-s": 400_000, "tiny-lrm-m": 3_000_000}
FOLDER = paths.MODELS / "tiny_lrm"


@pytest.fixture(params=NAMES)
def name(request) -> str:
    return request.param


def test_checkpoints_are_small_and_of_the_architecture_that_is_studied(name):
    folder = FOLDER / name
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["Qwen3ForCausalLM"]
    with safe_open(folder / "model.safetensors", "np") as weights:
        count = sum(weights.get_tensor(key).size for key in weights.keys())  # noqa: SIM118 - not a dict
    assert count <= LIMITS[name]
    assert count == json.loads((folder / "training.json").read_text())["parameters"]
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 8 * 2**20


def test_numbers_and_marks_are_single_tokens(name):
    tok = tokens.tokenizer(params.load_model(name))
    for text in [*map(str, range(100)), *(f" {n}" for n in range(100)), "<think>", "</think>", *story.NAMES]:
        assert len(tok.encode(text)) == 1, text
    assert 1000 <= len(tok) <= 2000


def test_the_tokenizer_loses_nothing(name, shared_data):
    rng, model = random.Random(0), params.load_model(name)
    noise = ["".join(chr(rng.choice(range(0x20, 0x3000))) for _ in range(80)) for _ in range(200)]
    real = [Path(__file__).read_text(), (shared_data / "math500.jsonl").read_text()]
    for text in [*noise, *real, "  two  spaces\t\r\n\n\n", "日本語 🎉 e\u0301 é", "\x00\x7f", "007 1234 3.14", ""]:
        assert tokens.decode(tokens.encode(text, model), model) == text


def test_the_shipped_tokenizer_is_the_one_that_the_recipe_builds(name):
    built = json.loads(tokenizer.build().backend_tokenizer.to_str())
    shipped = json.loads((FOLDER / name / "tokenizer.json").read_text())
    assert shipped["model"]["vocab"] == built["model"]["vocab"]
    assert shipped["model"]["merges"] == built["model"]["merges"]


def asked(text: str) -> str:
    """What the user says in a prompt."""
    return re.search(r"<\|im_start\|>user\n(.*?)<\|im_end\|>", text, re.DOTALL)[1]


def test_training_never_sees_a_test_problem():
    rng = random.Random(5)
    tests = {row["problem"] for row in story.problems(1000)}
    assert not {asked(mixture.example(rng).parts[0][0]) for _ in range(2000)} & tests
    tests = {text for _, made, _ in tiny_code.changes(200) for text in (made.original.text(), made.revised.text())}
    assert not {asked(mixture_code.example(rng).text()).split("\n\n```")[0] for _ in range(2000)} & tests


@pytest.mark.parametrize("recipe", [mixture, mixture_code])
def test_a_text_of_every_kind_is_well_formed(recipe):
    rng = random.Random(1)
    for draw in recipe.KINDS.values():
        for _ in range(100):
            parts = draw(rng)
            whole = "".join(text for text, _ in parts)
            assert not parts[0][1] and parts[-1][1]
            assert whole.count("<think>") == whole.count("</think>") >= 1
            if recipe is mixture:
                assert re.search(r"\\boxed\{\d+\}<\|im_end\|>$", whole)
                continue
            assert whole.endswith("\n```<|im_end|>")
            code = programs.extract_code(whole.removesuffix("<|im_end|>"))
            assert compile(code, "answer", "exec")
            assert code.count("items = ") >= 2


@pytest.mark.parametrize("kind", mixture_code.KINDS)
def test_programs_fit_what_a_model_may_write(kind, name):
    rng = random.Random(3)
    model = params.load_model(name)
    tok = tokens.tokenizer(model)
    for _ in range(100):
        parts = mixture_code.KINDS[kind](rng)
        lengths = [(len(tok.encode(text, add_special_tokens=False)), learned) for text, learned in parts]
        written = [sum(length for length, _ in run) for learned, run in groupby(lengths, itemgetter(1)) if learned]
        assert max(written) <= model.max_tokens
        assert sum(length for length, _ in lengths) <= model.max_model_len


def test_the_mixture_asks_as_the_study_does(name):
    rng = random.Random(4)
    model = params.load_model(name)
    for _ in range(20):
        task = tiny_code.draw(rng, test=False)
        ids = prompts.prompt_ids(task.text(), model, "code", starter_code=task.starter_code())
        wanted = f"<|im_start|>user\n{mixture_code.asked(task)}<|im_end|>\n<|im_start|>assistant\n"
        assert tokens.decode(ids, model) == wanted
        assert ids == tokens.tokenizer(model).encode(wanted)


def test_a_thought_writes_the_line_of_every_step():
    rng = random.Random(6)
    for _ in range(50):
        task = tiny_code.draw(rng, test=False)
        lines = mixture_code.lines(task)
        assert all(step.code() in line for step, line in zip(task.steps, lines[1:-1], strict=True))
        assert mixture_code.commented(task, 1).count("#") == len(task.steps)
        assert mixture_code.commented(task, len(lines)) == mixture_code.answer(task)


def test_the_second_stage_has_both_kinds_of_problems():
    rng = random.Random(7)
    first, second = train.RECIPES["m"].stages
    texts = [train.drawn(rng, second, 0).text() for _ in range(600)]
    assert sum("items" in text for text in texts) / 600 == pytest.approx(second.code, abs=0.07)
    assert not any("items" in train.drawn(rng, first, 0).text() for _ in range(200))


def test_shares_of_the_mixture():
    rng = random.Random(2)
    kinds = [mixture.example(rng).kind for _ in range(4000)]
    for kind, share in mixture.SHARES.items():
        assert kinds.count(kind) / 4000 == pytest.approx(share, abs=0.03)


def evaluation(name: str, source: str = "tiny") -> dict[tuple[str | None, float | None], float]:
    rows = json.loads((FOLDER / name / evaluate.FILES[source]).read_text())
    assert all(row["n"] == evaluate.PROBLEMS[source] for row in rows)
    return {(row["interrupt"], row["position"]): row["mean"] for row in rows}


def test_the_models_do_what_the_study_needs():
    small, medium = (evaluation(name) for name in NAMES)
    assert small[None, None] <= medium[None, None] - 0.03
    for source, file in evaluate.FILES.items():
        rows = pd.DataFrame(json.loads((FOLDER / "tiny-lrm-m" / file).read_text()))
        failed = [claim for claim, holds in evaluate.required(rows, source).items() if not holds]
        assert failed == []


@pytest.mark.parametrize("source", evaluate.FILES)
def test_the_card_quotes_the_evaluation(name, source):
    card = (FOLDER / "README.md").read_text()
    measured = evaluation(name, source)
    title = params.load_model(name).title
    full = f"| {title} | full thinking | {measured[None, None]:.1%} |"
    assert full in card
    for interrupt in evaluate.INTERRUPTS:
        cells = " | ".join(f"{measured[interrupt, position]:.1%}" for position in evaluate.POSITIONS)
        assert f"| {title} | `{interrupt}` | {cells} |" in card
