"""Every interrupt, as the model's own words and as a user's, at every kind of position, in every family: to the id.

What each family should read is written out here as text; that marks are special tokens, and nothing else, is counted.
The two families that differ most get every pair of mode and position, the others each mode and each position often.
"""

import dataclasses
import math

import pytest

from lib import interrupts, params
from lib.markup import prompts, tokens
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


WHOLE = ("qwen3", "gpt_oss")  # families that get all pairs
GRID = [
    (kind, mode, position)
    for i, kind in enumerate(FAMILIES)
    for j, mode in enumerate(MODES)
    for k, position in enumerate(POSITIONS)
    if kind in WHOLE or (i + j + k) % 6 == 0
]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Model]:
    return {kind: tokenizers.model(kind, tmp_path_factory.mktemp(kind)) for kind in FAMILIES}


def trace_of(kind: str, model: Model) -> dict:
    opens, thought, closes, answer = FAMILIES[kind].opens, THOUGHT, FAMILIES[kind].closes, "\\boxed{22}"
    ids = [*tokens.marks(opens, model), *tokens.encode(thought, model)]
    ids += [*tokens.marks(closes, model), *tokens.encode(answer, model), tokens.tokenizer(model).eos_token_id]
    return {"prompt_ids": prompts.prompt_ids("How many?", model), "token_ids": ids, "task": "math"}


def kept(kind: str, model: Model, position: float | str) -> int:
    """Ids that a cut keeps, counted on the pieces of the trace and not on its split."""
    opening, thought = tokens.marks(FAMILIES[kind].opens, model), tokens.encode(THOUGHT, model)
    text = str(position)
    if text.endswith("t"):
        count = min(int(text[:-1]), len(thought))
    else:
        count = math.floor(round(float(text.rstrip("sp")) * len(thought), 9))
    if text[-1] in "sp" and count < len(thought):
        while count and not _at_an_end(thought, count, text[-1], model):
            count -= 1
    while "\ufffd" in tokens.decode(thought[:count], model):
        count -= 1
    return len(opening) + count


def _at_an_end(thought: list[int], count: int, unit: str, model: Model) -> bool:
    before, after = (tokens.decode(part, model) for part in (thought[:count], thought[count:]))
    if unit == "p":
        return before.endswith("\n\n")
    return before.endswith("\n") or (before.endswith(".") and after[:1].isspace())


@pytest.mark.parametrize(("kind", "mode", "position"), GRID)
def test_a_splice_is_what_the_family_reads(models, kind, mode, position):
    model, trace = models[kind], trace_of(kind, models[kind])
    interrupt = MADE_HERE.get(mode) or params.load_interrupt(mode)
    cut = interrupts.splice(trace, interrupt, position, model, UPDATE if interrupt.needs_update else None)
    count = kept(kind, model, position)
    wanted = MODES[mode](FAMILIES[kind])
    assert cut.kept_tokens == count
    assert cut.ids == trace["prompt_ids"] + trace["token_ids"][:count] + cut.inserted_ids
    assert tokens.decode(cut.inserted_ids, model) == wanted
    assert "\ufffd" not in tokens.decode(cut.ids, model)
    codec = tokens.codec(model)
    specials = sum(token in set(codec.controls.values()) for token in cut.inserted_ids)
    assert specials == len(codec.special.findall(wanted.replace(UPDATE, "") if interrupt.needs_update else wanted))
    assert cut.closed == interrupt.closes_thinking
    assert cut.prefill == interrupt.prefill_math
    open_now = interrupt.role == "assistant" or bool(FAMILIES[kind].reopened)
    assert cut.thinking == (open_now and not interrupt.closes_thinking)


@pytest.mark.parametrize("kind", FAMILIES)
def test_resuming_at_the_end_is_the_trace_up_to_its_mark(models, kind):
    trace = trace_of(kind, models[kind])
    cut = interrupts.splice(trace, params.load_interrupt("resume"), 1, models[kind])
    closing = tokens.marks(FAMILIES[kind].closes, models[kind])
    assert trace["token_ids"][cut.kept_tokens :][: len(closing)] == closing
