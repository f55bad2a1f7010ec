"""Chat prompts and user turns as ids, equal to what the model's chat template would write."""

import dataclasses
import importlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from lib.markup import tokens
from lib.params.settings import FAMILIES, PARSER, PARSER_MARKS, PROBLEM_SLOT, Family, Model

# placeholders of contents while a template is rendered: private characters, which no template changes
QUESTION, MESSAGE, ANSWER, THOUGHT = "\ue000\ue001", "\ue000\ue002", "\ue000\ue003", "\ue000\ue004"
IN_TEXT = {"olmo3"}  # parsers whose marks are no tokens of their own


def family(model: Model) -> Family:
    """The marks of a model: its own, else those of its family; ValueError if there are none."""
    own = model.own_marks
    if model.family in FAMILIES:
        known = FAMILIES[model.family]
    elif {"think", "think_end"} <= own.keys():
        known = Family("", "", gap="")
    elif model.family.startswith(PARSER):
        known = _of_parser(model)
    else:
        names = ", ".join(FAMILIES)
        raise ValueError(
            f"params/models/{model.name}.yaml: family: no markup for {model.family}, "
            f"expected one of {names}, or {PARSER}<a reasoning parser of vLLM>, or think and think_end of its own"
        )
    return dataclasses.replace(known, **own) if own else known


def _of_parser(model: Model) -> Family:
    """The marks of one of vLLM's parsers, with what the chat template writes around a thought and its answer."""
    name = model.family.removeprefix(PARSER)
    try:
        tok, options = tokens.tokenizer(model), json.dumps(model.template, sort_keys=True)
        start, end = _parser_marks(name, tok, options)
        special = tokens.codec(model).special
        if name not in IN_TEXT and not (special.search(start) and special.search(end)):
            raise LookupError(f"the model's tokenizer has no tokens for {start} and {end}, the marks of this parser")
        around = None if tokens.is_native(model) else _around_thought(tok, options)
    except LookupError as error:
        raise ValueError(
            f"params/models/{model.name}.yaml: family: {model.family}: {error.args[0]} (a model's file may give marks "
            "of its own under think and think_end)"
        ) from None
    found = dict(PARSER_MARKS.get(name, {}))
    if around and start in around[0] and end in around[1]:
        opener, answer = around[0].rpartition(start)[2], around[1].partition(end)[2]
        header = answer.rstrip()
        found |= {"think": start + (opener if opener.strip() else ""), "header": header, "gap": answer[len(header) :]}
    return Family(**{"think": start, "think_end": end} | found)


@cache
def _parser_marks(name: str, tokenizer: Any, options: str) -> tuple[str, str]:
    manager = importlib.import_module("vllm.reasoning").ReasoningParserManager  # slow, and rarely needed
    known = manager.list_registered()
    if name not in known:
        raise LookupError(f"vLLM has no such reasoning parser, expected one of {', '.join(sorted(known))}")
    if name == "openai_gptoss":
        raise LookupError("this parser names no marks, expected family: gpt_oss")
    try:
        parser = manager.get_reasoning_parser(name)(tokenizer, chat_template_kwargs=json.loads(options))
    except Exception as error:  # whatever parsers raise on a tokenizer without their marks
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise LookupError(f"this parser does not fit the model's tokenizer: {reason}") from None
    if not (parser.reasoning_start_str and parser.reasoning_end_str):
        raise LookupError(f"this parser names no marks with template: {options}")
    return parser.reasoning_start_str, parser.reasoning_end_str


@cache
def _around_thought(tokenizer: Any, options: str) -> tuple[str, str] | None:
    """What a chat template writes before a thought, and between it and the answer; None if it writes no thoughts."""
    turn = {"role": "assistant", "content": ANSWER}
    turn |= dict.fromkeys(("reasoning_content", "reasoning", "thinking"), THOUGHT)
    try:
        messages = [{"role": "user", "content": QUESTION}, turn]
        text = tokenizer.apply_chat_template(messages, tokenize=False, **json.loads(options))
    except Exception:  # a template may refuse in any way; then there is nothing to learn from it
        return None
    before, _, after = text.partition(THOUGHT)
    between, found, _ = after.partition(ANSWER)
    return (before, between) if found and THOUGHT not in between else None


def opening(model: Model) -> list[int]:
    """Ids that open a thought."""
    return tokens.marks(family(model).think, model)


def closing(model: Model) -> list[int]:
    """Ids that close a thought and open the answer."""
    marks = family(model)
    return tokens.marks(marks.think_end + marks.header + marks.gap, model)


def opened(token_ids: Sequence[int], model: Model) -> bool:
    """Whether a prompt ends inside a thought, opened by the chat template or by us."""
    return _last_mark(token_ids, model) == "opens"


def closed(token_ids: Sequence[int], model: Model) -> bool:
    """Whether a prompt ends behind a thought that it has closed, so that the model can only answer."""
    return _last_mark(token_ids, model) == "closes"


def is_silent(model: Model) -> bool:
    """Whether the model's prompts close the thought, as a chat template does where thinking is off."""
    if model.template.get("enable_thinking") is False:
        return True
    if tokens.is_native(model) or not tokens.tokenizer(model).chat_template:
        return False
    return closed(prompt_ids("Hi.", model, None), model)


def _last_mark(token_ids: Sequence[int], model: Model) -> str | None:
    """Whether the last mark in the last turn of a prompt `opens` or `closes` a thought; None if it has no mark.

    Marks that are plain text count only at the very end, as a prompt may well mention them.
    """
    marks, codec, ids = family(model), tokens.codec(model), [int(token) for token in token_ids]
    end = codec.text(ids[-64:]).rstrip()
    is_turn = marks.think_end in marks.ends  # then only the header of an answer tells that it has closed a thought
    start, stop = (
        codec.marks(mark) if codec.special.search(mark) else None
        for mark in (marks.think, marks.think_end + (marks.header if is_turn else ""))
    )
    if start is None and end.endswith(marks.think.rstrip()):
        return "opens"
    if stop is None and end.endswith((marks.think_end + marks.header).rstrip()):
        return "closes"
    turns = tokens.ends(model) | {codec.controls.get(text) for text in marks.ends}
    for i in range(len(ids) - 1, -1, -1):
        if start and ids[i : i + len(start)] == start:
            return "opens"
        if stop and ids[i : i + len(stop)] == stop:
            return "closes"
        if ids[i] in turns:
            return None
    return None


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
        ids = _applied(chat, model, return_dict=False)
    return [int(token) for token in ids]


def _template(messages: list[dict[str, str]], model: Model) -> str:
    return _applied(messages, model, tokenize=False)


def _applied(messages: list[dict[str, str]], model: Model, **form: bool) -> Any:
    from jinja2 import TemplateError  # slow to import, as all that needs a tokenizer

    options = _options(model) | {"add_generation_prompt": True} | form
    try:
        return tokens.tokenizer(model).apply_chat_template(messages, **options)
    except (TemplateError, TypeError) as error:
        roles = ", ".join(message["role"] for message in messages)
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"params/models/{model.name}.yaml: path: the chat template of {model.path} refuses messages of {roles}: "
            f"{reason}"
        ) from None


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
    """The model's own system prompt, from its own file or the one beside its weights; "" if it needs none."""
    if model.system_file is None:
        return model.system
    file = tokens.file(model, model.system_file)
    if file is None:
        raise ValueError(f"params/models/{model.name}.yaml: system_file: {model.path} has no {model.system_file}")
    return file.read_text(encoding="utf-8").strip()
