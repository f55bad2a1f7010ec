"""Every interrupt, as the model's own words and as a user's, at every kind of position, in every family: to the id.

What each family should read is written out here as text; that marks are special tokens, and nothing else, is counted.
"""

import dataclasses
import math

import pytest

from lib import interrupts, markup, params
from lib.markup import tokens
from lib.params.settings import Interrupt, Model
from tests.fakes import tokenizers

UPDATE = "Mia has 15 coins, not 14 (and never </think>)."
THOUGHT = "\nStart with 14 coins. Mia finds 8 more.\n\nSo 14 + 8 = 22. Let me check: 22, \U0001f389 that is right.\n"
HURRY = "Please hurry up."


@dataclasses.dataclass(frozen=True)
class Expected:
    """What a family writes and reads, as text."""

    opens: str  # written by the model itself where the prompt has not opened the thought
    closes: str  # ends the thinking and opens the answer
    turn: str  # closes thought and turn, lets the user say {said}, and opens the model's turn
    reopened: str  # what the model's new turn already holds of a thought


FAMILIES = {
    "qwen3": Expected(
        "<think>",
        "</think>\n\n",
        "</think>\n\n<|im_end|>\n<|im_start|>user\n{said}<|im_end|>\n<|im_start|>assistant\n",
        "",
    ),
    "deepseek_r1": Expected(
        "",
        "</think>\n\n",
        "</think>\n\n<｜end▁of▁sentence｜><｜User｜>{said}<｜Assistant｜>",
        "<think>\n",
    ),
    "nemotron": Expected(
        "",
        "</think>\n",
        "</think>\n<|im_end|>\n<|im_start|>user\n{said}<|im_end|>\n<|im_start|>assistant\n",
        "<think>\n",
    ),
    "gpt_oss": Expected(
        "<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>final<|message|>",
        "<|end|><|start|>user<|message|>{said}<|end|><|start|>assistant",
        "",
    ),
    "mistral": Expected("", "[/THINK]", "[/THINK]</s>[INST]{said}[/INST]", "[THINK]"),
    "plain": Expected("<think>", "</think>\n\n", "</think>\n\n\nuser: {said}\nassistant:", ""),
}


def words(name: str) -> str:
    return params.load_interrupt(name).text.replace("{update}", UPDATE)


def as_user(name: str, text: str) -> Interrupt:
    return dataclasses.replace(params.load_interrupt(name), role="user", text=text)


# interrupt -> what is inserted, of the family's own pieces
MODES = {
    "end_thinking": lambda f: words("end_thinking") + f.closes,
    "force_answer": lambda f: words("force_answer") + f.closes + "\\boxed{",
    "end_thinking_prefill": lambda f: words("end_thinking_prefill") + f.closes + "\\boxed{",
    "force_answer_free": lambda f: words("force_answer_free") + f.closes,
    "speed_up": lambda f: words("speed_up"),
    "update": lambda f: words("update"),
    "update_guided": lambda f: words("update_guided"),
    "update_guided_speed_up": lambda f: words("update_guided_speed_up"),
    "update_end_thinking": lambda f: words("update_end_thinking") + f.closes,
    "false_update": lambda f: words("false_update"),
    "noop": lambda f: words("noop"),
    "resume": lambda f: "",
    "speed_up_user": lambda f: f.turn.format(said=HURRY) + f.reopened,
    "update_user": lambda f: f.turn.format(said=words("update_user")) + f.reopened,
    "a hard stop by the user": lambda f: f.turn.format(said="Stop.") + (f.reopened or f.opens) + f.closes,
    "a forced answer by the user": lambda f: (
        f.turn.format(said="Stop.") + (f.reopened or f.opens) + f.closes + "\\boxed{"
    ),
}
MADE_HERE = {
    "a hard stop by the user": as_user("end_thinking", "Stop."),
    "a forced answer by the user": as_user("force_answer", "Stop."),
}
POSITIONS = [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1, "0t", "7t", "9999t", "0.6s", "1s", "0.6p"]


@pytest.fixture(scope="module", params=FAMILIES)
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def model(kind, tmp_path_factory) -> Model:
    return tokenizers.model(kind, tmp_path_factory.mktemp(kind))


@pytest.fixture(scope="module")
def trace(kind, model) -> dict:
    written = f"{FAMILIES[kind].opens}", THOUGHT, FAMILIES[kind].closes, "\\boxed{22}"
    opens, thought, closes, answer = written
    ids = [*markup.marks(opens, model), *markup.encode(thought, model)]
    ids += [*markup.marks(closes, model), *markup.encode(answer, model), markup.tokenizer(model).eos_token_id]
    return {"prompt_ids": markup.prompt_ids("How many?", model), "token_ids": ids, "task": "math"}


def kept(kind: str, model: Model, position: float | str) -> int:
    """Ids that a cut keeps, counted on the pieces of the trace and not on its split."""
    opening, thought = markup.marks(FAMILIES[kind].opens, model), markup.encode(THOUGHT, model)
    text = str(position)
    if text.endswith("t"):
        count = min(int(text[:-1]), len(thought))
    else:
        count = math.floor(round(float(text.rstrip("sp")) * len(thought), 9))
    if text[-1] in "sp" and count < len(thought):
        while count and not _at_an_end(thought, count, text[-1], model):
            count -= 1
    while "\ufffd" in markup.decode(thought[:count], model):
        count -= 1
    return len(opening) + count


def _at_an_end(thought: list[int], count: int, unit: str, model: Model) -> bool:
    before, after = (markup.decode(part, model) for part in (thought[:count], thought[count:]))
    if unit == "p":
        return before.endswith("\n\n")
    return before.endswith("\n") or (before.endswith(".") and after[:1].isspace())


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("mode", MODES)
def test_a_splice_is_what_the_family_reads(kind, model, trace, mode, position):
    interrupt = MADE_HERE.get(mode) or params.load_interrupt(mode)
    cut = interrupts.splice(trace, interrupt, position, model, UPDATE if interrupt.needs_update else None)
    count = kept(kind, model, position)
    wanted = MODES[mode](FAMILIES[kind])
    assert cut.kept_tokens == count
    assert cut.ids == trace["prompt_ids"] + trace["token_ids"][:count] + cut.inserted_ids
    assert markup.decode(cut.inserted_ids, model) == wanted
    assert "\ufffd" not in markup.decode(cut.ids, model)
    said = UPDATE if interrupt.needs_update else ""
    assert specials(cut.inserted_ids, model) == special_marks(wanted.replace(said, ""), model)
    assert cut.closed == interrupt.closes_thinking
    assert cut.prefill == interrupt.prefill_math
    open_now = interrupt.role == "assistant" or bool(FAMILIES[kind].reopened)
    assert cut.thinking == (open_now and not interrupt.closes_thinking)


def specials(ids: list[int], model: Model) -> int:
    return sum(token in set(tokens.codec(model).controls.values()) for token in ids)


def special_marks(text: str, model: Model) -> int:
    return len(tokens.codec(model).special.findall(text))


def test_a_splice_that_says_nothing_at_the_end_is_the_trace_up_to_its_mark(kind, model, trace):
    cut = interrupts.splice(trace, params.load_interrupt("resume"), 1, model)
    closing = markup.marks(FAMILIES[kind].closes, model)
    rest = trace["token_ids"][cut.kept_tokens :]
    assert rest[: len(closing)] == closing


def test_the_user_speaks_in_a_user_turn_and_never_an_empty_one(kind, model, trace):
    for mode in ("speed_up_user", "update_user"):
        interrupt = params.load_interrupt(mode)
        cut = interrupts.splice(trace, interrupt, 0.5, model, UPDATE if interrupt.needs_update else None)
        assert markup.decode(cut.inserted_ids, model).count(UPDATE if interrupt.needs_update else HURRY) == 1
