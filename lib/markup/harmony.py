"""Harmony, GPT-OSS's format: thoughts and answers as messages on named channels, located among ids.

A message reads `<|start|>assistant<|channel|>NAME … <|message|>TEXT<|end|>`; the prompt already holds the first two
words of the first one. A message to a tool has ` to=TOOL` in its header. Models write headers wrongly now and then; an
answer is found all the same where its header lacks `<|message|>`, or its channel stands right behind the role.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lib.markup import tokens
from lib.params.settings import Model

# each id becomes one letter, so that a pattern finds headers and positions in the string are positions of ids
LETTERS = {
    "<|start|>": "S",
    "<|channel|>": "C",
    "<|message|>": "M",
    "<|constrain|>": "K",
    "<|end|>": "E",
    "<|return|>": "R",
    "<|call|>": "R",
}
HEADER = re.compile(r"E?(?:S\.*(?:C[.K]*)?|C[.K]*)M|^M|(E?(?:S\.*)?C)\.+(?![.K])")  # the last lacks its message mark
NEARBY = 32  # ids that the name of a channel and white space around it may have
NAME = re.compile(r"analysis|commentary|final")
CUT_HEADER = re.compile(r"E?(?:S\.*(?:C[.K]*)?|C[.K]*)$")


@dataclass(frozen=True)
class Header:
    """The header of a message, together with the end mark of the message before it."""

    start: int
    stop: int  # where the text of its message begins
    channel: str  # analysis, commentary, final; empty where none is named
    to_tool: bool
    ends_one: bool  # whether it begins with that mark


def headers(token_ids: list[int], model: Model) -> Iterator[Header]:
    """The complete headers, in order, and those of answers that lack the message mark."""
    codec = tokens.codec(model)
    for match in HEADER.finditer(_letters(token_ids, model)):
        start, stop = match.span()
        text = codec.text(token_ids[start:stop])
        if match[1]:
            name = match.end(1)
            if not re.match(r"\s*final(?![a-z])\s*\S", codec.text(token_ids[name : match.end()])):
                continue
            ends = range(name, min(match.end(), name + NEARBY))
            stop = next(
                (k for k in ends if not "final".startswith(codec.text(token_ids[name : k + 1]).strip())), ends[-1]
            )
            text = "<|channel|>final"
        _, _, named = text.rpartition("<|channel|>")  # or the role with the channel glued to it
        role = text.partition("<|start|>")[2].partition("<|")[0]
        found = NAME.search(named) if "<|channel|>" in text else NAME.search(role.partition("assistant")[2])
        is_ours = text.startswith("<|message|>") or role.strip() == "assistant"
        channel = found[0] if found else "final" if is_ours and "<|channel|>" not in text else ""
        yield Header(start, stop, channel, " to=" in text, match[0][0] == "E")


def has_marks(token_ids: list[int], model: Model) -> bool:
    """Whether any mark of the format stands among the ids."""
    return bool(_letters(token_ids, model).strip("."))


def spans(token_ids: list[int], thinking: bool, model: Model) -> tuple[tuple[int, int], tuple[int, int], bool]:
    """Spans of reasoning and answer, and whether the thinking has ended, that is, a message on channel final has begun.

    The reasoning reaches from the first message on channel analysis to the one on channel final, with the headers in
    between. If there is none, a last message on channel commentary is the answer, if it is to no tool. Without an
    answer the reasoning ends before a message to a tool, or before a header that is cut off.
    """
    known, length = list(headers(token_ids, model)), len(token_ids)
    final = next((header for header in known if header.channel == "final"), None)
    if not final and known and known[-1].channel == "commentary" and not known[-1].to_tool:
        final = known[-1]
    thought = next((header for header in known if header.channel == "analysis" and not header.to_tool), None)
    if final:
        stop = final.start
    else:
        cut = CUT_HEADER.search(_letters(token_ids, model))
        stop = min([*(header.start for header in known if header.to_tool), cut.start() if cut else length])
    if thought and (thought.start == 0 or not thinking):
        start = thought.stop
    else:  # the ids begin inside a thought, if they do not begin with a header of another message
        start = 0 if thinking or not known or known[0].ends_one else stop
    answer = (final.stop, length) if final else (length, length)
    return (min(start, stop), stop), answer, final is not None


def is_open(token_ids: list[int], model: Model) -> bool:
    """Whether the ids end inside a message on channel analysis that began among them."""
    known = list(headers(token_ids, model))
    if not known or known[-1].channel != "analysis" or known[-1].to_tool:
        return False
    return not re.search("[ER]", _letters(token_ids[known[-1].stop :], model))


def _letters(token_ids: list[int], model: Model) -> str:
    controls = tokens.codec(model).controls
    letters = {controls[text]: letter for text, letter in LETTERS.items() if text in controls}
    return "".join(letters.get(token, ".") for token in token_ids)
