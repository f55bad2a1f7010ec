"""How a model family writes: its prompt, the marks around its thinking, and where these stand among token ids.

Everything here counts in ids. Text becomes ids once, piece by piece, and is never decoded and encoded again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from lib.params import Model

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Family:
    """The marks of a family, as text."""

    think: str  # opens the thinking; the model writes it itself
    think_end: str  # closes the thinking
    gap: str  # what the model writes between its thinking and its answer
    turn_end: str  # closes the assistant's turn, with what the template puts after it
    user: str  # opens a user turn
    assistant: str  # opens an assistant turn


FAMILIES = {
    "qwen3": Family(
        think="<think>",
        think_end="</think>",
        gap="\n\n",
        turn_end="<|im_end|>\n",
        user="<|im_start|>user\n",
        assistant="<|im_start|>assistant\n",
    ),
}


@dataclass(frozen=True)
class Split:
    """Half-open spans of ids: reasoning without its marks, answer without the closing mark of the turn."""

    reasoning: tuple[int, int]
    answer: tuple[int, int]
    ended: bool  # whether the thinking was closed


def family(model: Model) -> Family:
    """The marks of a model's family.

    Raises:
        ValueError: no markup is known for the family that the model's file names.
    """
    if model.family not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise ValueError(
            f"params/models/{model.name}.yaml: family: no markup for {model.family}, expected one of {known}"
        )
    return FAMILIES[model.family]


def tokenizer(model: Model) -> "PreTrainedTokenizerBase":
    """The model's own tokenizer, loaded once per process."""
    return _tokenizer(model.location, model.revision)


@cache
def _tokenizer(location: str, revision: str | None) -> "PreTrainedTokenizerBase":
    from transformers import AutoTokenizer  # slow to import, and not needed by readers of tables

    return AutoTokenizer.from_pretrained(location, revision=revision)


def prompt_ids(problem: str, model: Model, system: str | None = None) -> list[int]:
    """Ids of the chat prompt that ends where the model begins to write."""
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": problem})
    ids = tokenizer(model).apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    return [int(token) for token in ids]


def encode(text: str, model: Model) -> list[int]:
    """Ids of a text on its own; marks in it become their special ids, nothing is put in front."""
    return tokenizer(model).encode(text, add_special_tokens=False)


def decode(token_ids: Sequence[int], model: Model) -> str:
    """Text of ids, special tokens included."""
    return tokenizer(model).decode(list(token_ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)


def split(token_ids: Sequence[int], model: Model, thinking: bool = False) -> Split:
    """Where reasoning and answer lie in generated ids.

    Args:
        token_ids: what the model generated, in order.
        model: whose markup it is.
        thinking: the prompt left a thought open, so that the ids begin inside it.

    Returns:
        Spans over `token_ids`. Where thinking was never closed, the answer is empty and `ended` is False.
    """
    ids = list(token_ids)
    marks = family(model)
    think, think_end = (_mark(text, model) for text in (marks.think, marks.think_end))
    start = 0 if thinking or think not in ids else ids.index(think) + 1
    stop = len(ids) - (bool(ids) and ids[-1] == tokenizer(model).eos_token_id)
    if think_end not in ids[start:]:
        return Split((start, stop), (stop, stop), ended=False)
    end = ids.index(think_end, start)
    return Split((start, end), (end + 1, max(stop, end + 1)), ended=True)


def answer_only(token_ids: Sequence[int], model: Model) -> Split:
    """The split of ids that follow a thought which the prompt has closed: all of it is answer."""
    ids = list(token_ids)
    stop = len(ids) - (bool(ids) and ids[-1] == tokenizer(model).eos_token_id)
    return Split((0, 0), (0, stop), ended=True)


def _mark(text: str, model: Model) -> int:
    """The single id of a mark."""
    ids = encode(text, model)
    if len(ids) != 1:
        raise ValueError(
            f"{model.title}: {text} is {len(ids)} tokens, expected one: family {model.family} does not fit"
        )
    return ids[0]
