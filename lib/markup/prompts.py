"""Chat prompts and user turns as ids, equal to what the model's chat template would write."""

import importlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from lib.markup import tokens
from lib.params.settings import FAMILIES, PARSER, PROBLEM_SLOT, Family, Model

# placeholders of contents while a template is rendered: private characters, which no template changes
QUESTION, MESSAGE, ANSWER = "\ue000\ue001", "\ue000\ue002", "\ue000\ue003"


def family(model: Model) -> Family:
    """The marks of a model's family; ValueError if none are known for the family that the model's file names."""
    if model.family in FAMILIES:
        return FAMILIES[model.family]
    if not model.family.startswith(PARSER):
        known = ", ".join(FAMILIES)
        raise ValueError(
            f"params/models/{model.name}.yaml: family: no markup for {model.family}, "
            f"expected one of {known}, or {PARSER}<a reasoning parser of vLLM>"
        )
    try:
        start, end = _parser_marks(model.family.removeprefix(PARSER), tokens.tokenizer(model))
    except LookupError as error:
        raise ValueError(f"params/models/{model.name}.yaml: family: {model.family}: {error.args[0]}") from None
    return Family(start, end)


@cache
def _parser_marks(name: str, tokenizer: Any) -> tuple[str, str]:
    manager = importlib.import_module("vllm.reasoning").ReasoningParserManager  # slow, and rarely needed
    known = manager.list_registered()
    if name not in known:
        raise LookupError(f"vLLM has no such reasoning parser, expected one of {', '.join(sorted(known))}")
    try:
        parser = manager.get_reasoning_parser(name)(tokenizer)
    except (RuntimeError, ValueError, KeyError) as error:  # what parsers raise on a tokenizer without their marks
        reason = str(error).splitlines()[0]
        raise LookupError(f"this parser does not fit the model's tokenizer: {reason}") from None
    if not (parser.reasoning_start_str and parser.reasoning_end_str):
        raise LookupError("this parser names no marks, expected one with reasoning_start_str and reasoning_end_str")
    return parser.reasoning_start_str, parser.reasoning_end_str


def opening(model: Model) -> list[int]:
    """Ids that open a thought."""
    return tokens.marks(family(model).think, model)


def closing(model: Model) -> list[int]:
    """Ids that close a thought and open the answer."""
    marks = family(model)
    return tokens.marks(marks.think_end + marks.header + marks.gap, model)


def opened(token_ids: Sequence[int], model: Model) -> bool:
    """Whether a prompt ends inside a thought, opened by the chat template or by us.

    Of marks that are special tokens the last one decides. Marks that are plain text count only at the very end, as a
    prompt may well mention them.
    """
    marks, codec, ids = family(model), tokens.codec(model), list(token_ids)
    if not codec.special.search(marks.think):
        return codec.text(ids[-64:]).rstrip().endswith(marks.think)
    start = codec.marks(marks.think)
    ends = codec.marks(marks.think_end) if codec.special.search(marks.think_end) else None
    stops = tokens.ends(model) | {codec.controls.get(text) for text in marks.ends}
    for i in range(len(ids) - 1, -1, -1):
        if ids[i : i + len(start)] == start:
            return True
        if ids[i] in stops or (ends and ids[i : i + len(ends)] == ends):
            return False
    return False


def prompt_ids(
    problem: str,
    model: Model,
    task: str | None = "math",
    system: str | None = None,
    starter_code: str | None = None,
) -> list[int]:
    """Ids of the chat prompt, up to where the model begins to write; nothing in the texts becomes a special token.

    The chat template is rendered with `model.template`; a `date_string` there is the template's today. A ValueError:
    the model has no chat template, or lacks its system prompt.

    Args:
        task: math or code, for the words that the model's file puts around the statement; None: no such words.
        system: a system message, which follows the model's own.
        starter_code: what the solution of a code problem must start from; it follows the statement in a fence.
    """
    if task == "code" and isinstance(starter_code, str) and starter_code.strip():
        problem = f"{problem}\n\n```python\n{starter_code.rstrip()}\n```"
    asked = getattr(model, f"prompt_{task}").replace(PROBLEM_SLOT, problem) if task else problem
    contents = {QUESTION: asked, MESSAGE: system or ""}
    system_text = "\n\n".join(filter(None, (_system_file(model), MESSAGE if system else "")))
    messages = [{"role": "system", "content": system_text}] if system_text else []
    messages.append({"role": "user", "content": QUESTION})
    return _thinking(_rendered(messages, contents, model), model)


def user_turn(text: str, model: Model) -> list[int]:
    """Ids that close a thought and its turn, add a user turn of plain text, and open a new turn of the model."""
    before_turn = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]
    contents = {QUESTION: "Hi.", ANSWER: "Hello."}
    after_turn = [*before_turn, {"role": "user", "content": MESSAGE}]
    if tokens.is_native(model):
        before = _rendered(before_turn, contents, model, go_on=True)
        whole = _rendered(after_turn, contents | {MESSAGE: text}, model)
        if whole[: len(before)] != before:
            raise ValueError(f"{model.title}: its tokenizer rewrites earlier turns, expected one of version 7 or later")
        turn = whole[len(before) :]
    else:
        turn = _filled(_template(after_turn, model).rpartition(ANSWER)[2], {MESSAGE: text}, model)
    end = tokens.marks(family(model).think_end, model)
    # a token that ends both thoughts and turns must not be repeated
    return _thinking(turn if turn[: len(end)] == end else closing(model) + turn, model)


def _thinking(ids: list[int], model: Model) -> list[int]:
    """Ids of a prompt, with the opening mark added if the model is published with one and its template lacks it."""
    return ids + opening(model) if model.opens_thinking and not opened(ids, model) else ids


def _rendered(
    messages: list[dict[str, str]], contents: Mapping[str, str], model: Model, go_on: bool = False
) -> list[int]:
    """Ids of a conversation with `contents` in place of the placeholders; `go_on` leaves the last message open."""
    tok, codec = tokens.tokenizer(model), tokens.codec(model)
    if tokens.is_native(model):
        chat = [{**message, "content": _chunks(message["content"], contents, model)} for message in messages]
        ids = tok.apply_chat_template(chat, continue_final_message=go_on, return_dict=False, **model.template)
    elif any(codec.special.search(text) for text in contents.values()):
        return _filled(_template(messages, model), contents, model)
    else:  # no special token in any content: tokenize the whole, as the model's own pipeline does
        chat = [{**message, "content": _put(message["content"], contents)} for message in messages]
        ids = tok.apply_chat_template(chat, add_generation_prompt=True, return_dict=False, **_options(model))
    return [int(token) for token in ids]


def _template(messages: list[dict[str, str]], model: Model) -> str:
    tok = tokens.tokenizer(model)
    return tok.apply_chat_template(messages, add_generation_prompt=True, tokenize=False, **_options(model))


def _options(model: Model) -> dict[str, Any]:
    if not tokens.tokenizer(model).chat_template:
        raise ValueError(f"params/models/{model.name}.yaml: path: {model.path} has no chat template")
    day = model.template.get("date_string")
    return model.template | ({"strftime_now": lambda _: day} if day else {})


def _filled(text: str, contents: Mapping[str, str], model: Model) -> list[int]:
    """Ids of a rendered template, whose special tokens count as such; those in `contents` are plain text."""
    return tokens.codec(model).marks(text, lambda part: _put(part, contents))


def _put(text: str, contents: Mapping[str, str]) -> str:
    return re.sub("|".join(contents), lambda match: contents[match[0]], text)


def _chunks(text: str, contents: Mapping[str, str], model: Model) -> str | list[dict[str, str]]:
    """Contents in the form of Mistral's tokenizer: the thought in its system prompt is a chunk of its own."""
    marks = family(model)
    before, mark, rest = text.partition(marks.think)
    if not mark:
        return _put(text, contents)
    thought, _, after = rest.partition(marks.think_end)
    return [
        {"type": "text", "text": before},
        {"type": "thinking", "thinking": thought},
        {"type": "text", "text": _put(after, contents)},
    ]


def _system_file(model: Model) -> str:
    """The model's own system prompt, from the file beside its weights; "" if it needs none."""
    if model.system_file is None:
        return ""
    file = tokens.file(model, model.system_file)
    if file is None:
        raise ValueError(f"params/models/{model.name}.yaml: system_file: {model.path} has no {model.system_file}")
    return file.read_text(encoding="utf-8").strip()
