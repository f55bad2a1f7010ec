"""Fences: judged text as data inside a prompt. No special token in it acts, and no line of it ends the fence."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from lib.html import has_no_width

JOINER = "\u2060"  # word joiner: takes no room, allows no line break, and stands in no tokenizer's special token
NONCE_CHARS = 12

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NONCE = re.compile(r"[0-9a-z]{8,64}")


def visible(text: str) -> str:
    """The text without invisible characters: joiners, marks of direction, soft hyphens, selectors."""
    return text if text.isascii() else "".join(char for char in text if not has_no_width(char))


def neutral(text: str, specials: Iterable[str]) -> str:
    """The text with a `JOINER` after the first character of every special token, so that none is one any more.

    A reader sees the same, and without joiners it is the text as it was. A second call changes nothing.

    Raises:
        ValueError: a special token has fewer than two characters, so that nothing fits inside it, or holds a joiner.
    """
    parts = sorted(set(specials), key=lambda special: (-len(special), special))
    if bad := [special for special in parts if len(special) < 2 or JOINER in special]:
        raise ValueError(f"specials: {bad[0]!r}: expected two characters or more and no U+{ord(JOINER):04X}")
    if not parts:
        return text
    # only the first character is consumed, so that tokens which overlap are all found
    starts = "|".join(f"{re.escape(part[0])}(?={re.escape(part[1:])})" for part in parts)
    return re.sub(starts, lambda found: found[0] + JOINER, text)


def nonce(*texts: str, salt: str = "") -> str:
    """Twelve hex digits that occur in none of the texts, always the same for the same texts and salt.

    A hash of the texts, so that who writes one of them cannot know the nonce while writing.
    """
    seed = hashlib.sha256("\0".join([salt, *texts]).encode("utf-8", "surrogatepass"))
    for count in range(1000):
        seed.update(str(count).encode())
        found = seed.hexdigest()[:NONCE_CHARS]
        if not any(_holds(text, found) for text in texts):
            return found
    raise ValueError("texts: every nonce occurs in them, expected at least one of 1000 to be free")


def fence(text: str, name: str, nonce: str) -> str:
    """The text between two lines that name it and bear the nonce.

    Raises:
        ValueError: the nonce occurs in the text, or name or nonce could be mistaken for something else.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"name: expected small letters, digits and _, got {name!r}")
    if not _NONCE.fullmatch(nonce):
        raise ValueError(f"nonce: expected 8 to 64 small letters and digits, got {nonce!r}")
    if _holds(text, nonce):
        raise ValueError(f"{name}: the nonce {nonce} occurs in the text, expected one that does not")
    return f"[[{name} {nonce} begins]]\n{text}\n[[{name} {nonce} ends]]"


def _holds(text: str, nonce: str) -> bool:
    """Whether a nonce occurs in a text, or seems to: in capitals, wide letters, or with something unseen inside."""
    return nonce in unicodedata.normalize("NFKC", visible(text)).casefold()
