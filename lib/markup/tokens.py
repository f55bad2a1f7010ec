"""Tokenizers: text to ids and back, without accidental special tokens.

Text is either plain (`encode`: it may come from anyone, and nothing in it becomes a special token) or the project's own
markup (`marks`). Supported are Hugging Face's fast tokenizers and Mistral's (tekken.json).
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.params.settings import Model

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BROKEN = "\ufffd"  # the replacement of bytes that are no character
HTML = re.compile(
    r"</?(?:a|b|blockquote|body|br|caption|code|div|em|h[1-6]|head|hr|html|i|img|li|ol|p|pre|s|span|strong|su[bp]|table|"
    r"tbody|td|tfoot|th|thead|title|tr|u|ul)/?>"
)
MARK = re.compile(r"[^\w\s].*\w.*[^\w\s]")  # an added token of this form is a mark, even if not flagged as special


@dataclass(frozen=True)
class Codec:
    """A tokenizer that keeps plain text and special tokens apart."""

    controls: dict[str, int]  # special tokens: text to id
    plain: Callable[[str], list[int]]  # ids of plain text
    text: Callable[[list[int]], str]  # text of ids
    special: re.Pattern[str]  # any special token
    pieces: dict[int, str] = field(default_factory=dict)  # text of single ids, filled on demand

    def marks(self, text: str, fill: Callable[[str], str] = str) -> list[int]:
        """Ids of text in which special tokens count as such; what stands between them goes through `fill` first."""
        parts = [part for part in self.special.split(text) if part]
        ids = ([self.controls[part]] if part in self.controls else self.plain(fill(part)) for part in parts)
        return [token for some in ids for token in some]

    def piece(self, token: int) -> str:
        """The text of one id on its own."""
        if token not in self.pieces:
            self.pieces[token] = self.text([token])
        return self.pieces[token]


def tokenizer(model: Model) -> "PreTrainedTokenizerBase":
    """The model's own tokenizer, loaded once per process."""
    return _tokenizer(*_source(model))


def is_native(model: Model) -> bool:
    """Whether the tokenizer is Mistral's own, which has no chat template to read."""
    return _source(model)[2]


def codec(model: Model) -> Codec:
    """The codec of a model, made once per process; ValueError if the tokenizer is neither a fast one nor Mistral's.

    A tokenizer is read as data: code that comes with it is not run, whatever the model's options say.
    """
    try:
        return _codec(*_source(model))
    except TypeError as error:
        raise ValueError(f"params/models/{model.name}.yaml: path: {error}") from None


def ends(model: Model) -> frozenset[int]:
    """Ids that end what a model generates: those of its tokenizer and of its generation_config.json."""
    return _ends(*_source(model))


def size(model: Model) -> int | None:
    """The number of ids that a tokenizer knows; None for one that would have to be fetched from the hub first."""
    if not (model.is_local or _file(model.location, "tokenizer.json", model.revision, local_files_only=True)):
        return None
    return _size(*_source(model))


def file(model: Model, name: str) -> Path | None:
    """A file of a model, in its folder or fetched from the hub; None if it has no such file."""
    return _file(model.location, name, model.revision)


def encode(text: str, model: Model) -> list[int]:
    """Ids of a plain text on its own: nothing in it becomes a special token, nothing is put in front."""
    return codec(model).plain(text)


def marks(text: str, model: Model) -> list[int]:
    """Ids of the project's own markup: special tokens in it count as such."""
    return codec(model).marks(text)


def decode(token_ids: Sequence[int], model: Model) -> str:
    """Text of ids, special tokens included."""
    return codec(model).text([int(token) for token in token_ids])


def find(token_ids: list[int], mark: str, model: Model, start: int = 0, after: str = "") -> tuple[int, int] | None:
    """The half-open span of the ids of the first occurrence of a mark; None if there is none.

    A mark that begins with a special token is searched among ids; what follows in it may be cut into ids in any way.
    Any other is plain text: it is searched in the decoded text, behind the first `after` in it, and ids that hold any
    part of it belong to its span, whatever else they hold.
    """
    tokens = codec(model)
    if tokens.special.search(mark):
        wanted = tokens.marks(mark)
        for i in range(start, len(token_ids)):
            if token_ids[i] == wanted[0]:
                ids = token_ids[i : i + len(wanted)]
                if ids == wanted:
                    return i, i + len(wanted)
                if len(wanted) > 1 and tokens.text(ids := token_ids[i : i + len(mark)]).startswith(mark):
                    return i, i + _holding(ids, mark, tokens)
        return None
    ids = token_ids[start:]
    text = tokens.text(ids)
    at = text.find(mark, text.find(after) + len(after))
    if at < 0:
        return None
    return start + _holding(ids, text[: at + 1], tokens) - 1, start + _holding(ids, text[: at + len(mark)], tokens)


def _holding(ids: list[int], beginning: str, codec: Codec) -> int:
    """Binary search for the shortest prefix of ids whose text starts with `beginning`; no part is decoded twice."""
    low, high = 0, len(ids)
    read, rest = 0, beginning
    while low < high:
        middle = (low + high) // 2
        text = codec.text(ids[read:middle])
        if text.startswith(rest):
            high = middle
            continue
        low = middle + 1
        if rest.startswith(text) and not text.endswith(BROKEN):
            read, rest = middle, rest[len(text) :]
    return low


def _source(model: Model) -> tuple[str, str | None, bool]:
    """Location and revision of a tokenizer, and whether it is Mistral's own."""
    mode = model.options.get("tokenizer_mode", "auto")
    native = mode == "mistral" or (
        mode == "auto" and model.family == "mistral" and (not model.is_local or _has_tekken(model.location))
    )
    return model.location, model.revision, native


def _has_tekken(location: str) -> bool:
    return any(Path(location).glob("*tekken*.json"))


@cache
def _tokenizer(location: str, revision: str | None, native: bool) -> "PreTrainedTokenizerBase":
    # Slow to import, and not needed by readers of tables; the first two bring torch.
    if native:
        from transformers import MistralCommonBackend

        return MistralCommonBackend.from_pretrained(location, revision=revision or "main")
    if _file(location, "tokenizer.json", revision) is None:  # another format; or an error that says what is missing
        from transformers import AutoTokenizer

        try:
            return AutoTokenizer.from_pretrained(location, revision=revision, trust_remote_code=False)
        except ValueError as error:
            reason = (
                f"no tokenizer.json, and nothing else that is read without running code ({str(error).splitlines()[0]})"
            )
            raise ValueError(f"{location}: {reason}") from error
    from transformers import PreTrainedTokenizerFast

    # By the file alone: the class named beside it may build other rules, and does for DeepSeek-R1's distillates.
    return PreTrainedTokenizerFast.from_pretrained(location, revision=revision)


def _file(location: str, name: str, revision: str | None, **options: bool) -> Path | None:
    from transformers.utils import cached_file

    try:
        return Path(cached_file(location, name, revision=revision, **options))
    except OSError:
        return None


@cache
def _size(location: str, revision: str | None, native: bool) -> int:
    return max(_tokenizer(location, revision, native).get_vocab().values()) + 1


@cache
def _ends(location: str, revision: str | None, native: bool) -> frozenset[int]:
    file = _file(location, "generation_config.json", revision)
    configured = json.loads(file.read_text()).get("eos_token_id") if file else None
    eos = _tokenizer(location, revision, native).eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return frozenset(token for token in [eos, *listed] if token is not None)


@cache
def _codec(location: str, revision: str | None, native: bool) -> Codec:
    tok = _tokenizer(location, revision, native)
    if native:
        controls = dict(zip(tok.all_special_tokens, tok.all_special_ids, strict=True))
        inner = tok.tokenizer.instruct_tokenizer.tokenizer
        plain = lambda text: inner.encode(text, bos=False, eos=False)  # noqa: E731
        return Codec(controls, plain, lambda ids: tok.decode(ids, skip_special_tokens=False), _any_of(controls))
    if not tok.is_fast:
        raise TypeError(f"{type(tok).__name__} is no fast tokenizer, expected one with a tokenizer.json, or Mistral's")
    return _fast(json.loads(tok.backend_tokenizer.to_str()))


def _fast(layout: dict[str, Any]) -> Codec:
    """The codec of a tokenizer.json, without the parts that add or strip a prefix."""
    from tokenizers import Tokenizer

    layout |= {"post_processor": None, "truncation": None, "padding": None}
    for name in ("normalizer", "pre_tokenizer", "decoder"):
        layout[name] = _without_prefix(layout[name])
    whole = Tokenizer.from_str(json.dumps(layout))
    # added tokens may be runs of white space, digits or tags of HTML too, which are text like any other
    is_mark = lambda text: MARK.fullmatch(text) and not HTML.fullmatch(text)  # noqa: E731
    added = [token for token in layout["added_tokens"] if token["special"] or is_mark(token["content"])]
    controls = {token["content"]: token["id"] for token in added}
    special, ids_of = _any_of(controls), frozenset(controls.values())

    def plain(text: str) -> list[int]:
        cuts = [0, *(match.start() + 1 for match in special.finditer(text)), len(text)]
        broken = (text[a:b] for a, b in pairwise(cuts))
        for parts in ([text], broken, text):  # whole; else every mark split after its first letter; else by letters
            ids = [token for part in parts for token in whole.encode(part, add_special_tokens=False).ids]
            if ids_of.isdisjoint(ids):
                break
        return ids

    return Codec(controls, plain, lambda ids: whole.decode(ids, skip_special_tokens=False), special)


def _without_prefix(part: dict[str, Any] | None) -> dict[str, Any] | None:
    """A part of a tokenizer.json that neither adds a space in front nor strips one."""
    if part is None or part["type"] == "Prepend" or (part["type"] == "Strip" and "content" in part):
        return None
    if part["type"] == "Sequence":
        key = next(name for name in ("normalizers", "pretokenizers", "decoders") if name in part)
        kept = [_without_prefix(inner) for inner in part[key]]
        return part | {key: [inner for inner in kept if inner]} if any(kept) else None
    if part["type"] == "Metaspace":
        return part | {"prepend_scheme": "never"}
    return part | {"add_prefix_space": False} if "add_prefix_space" in part else part


def _any_of(controls: dict[str, int]) -> re.Pattern[str]:
    longest_first = sorted(controls, key=len, reverse=True)
    return re.compile("(" + "|".join(map(re.escape, longest_first)) + ")") if controls else re.compile("((?!))")
