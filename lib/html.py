"""HTML for text that a model may have written: it is shown as it stands, and nothing of it is rendered."""

import unicodedata
from collections.abc import Iterable
from html import escape as entities

BOX = (  # of a text; no mark of direction in it turns what stands around it
    "white-space:pre-wrap;overflow-wrap:anywhere;font-family:inherit;text-align:left;unicode-bidi:isolate;margin:2px 0"
)
PART = "border-left:3px solid rgba(128,128,128,.4);padding:0 10px"  # of a record

ZERO_WIDTH = "\u034f\u115f\u1160\u3164\uffa0\u180b\u180c\u180d\u180f"  # though no format characters
INVISIBLE = ("Cc", "Cs", "Co", "Cn", "Zl", "Zp")  # categories, beside what has no width
PLAIN = "\n\t"  # of these, the ones that stay


def escape(text: str) -> str:
    """Text as HTML that shows just this text; an invisible character is shown by its number, as ⟨U+200B⟩.

    Such characters may turn the order of what stands around them, or hide what differs.
    """
    numbers = {ord(char): f"⟨U+{ord(char):04X}⟩" for char in set(text) if is_invisible(char)}
    return entities(text.translate(numbers) if numbers else text)


def is_invisible(char: str) -> bool:
    """Whether nobody sees this character, though it is no blank."""
    return char not in PLAIN and (has_no_width(char) or unicodedata.category(char) in INVISIBLE)


def has_no_width(char: str) -> bool:
    """Whether a character takes no room: joiners, marks of direction, soft hyphens, selectors."""
    return unicodedata.category(char) == "Cf" or char in ZERO_WIDTH or "\ufe00" <= char <= "\ufe0f"


def pre(content: str, style: str = "") -> str:
    """A block of text with its line breaks; `content` is HTML."""
    return f"<pre style='{BOX}{';' if style else ''}{style}'>{content}</pre>"


def details(summary: str, content: str, is_open: bool = True) -> str:
    """A block that opens and closes at its summary, without a script; both are HTML."""
    return f"<details{' open' if is_open else ''}><summary>{summary}</summary>{content}</details>"


def stack(blocks: Iterable[tuple[str, str]], otherwise: str) -> str:
    """Blocks of a summary and a content, one below the other, the first one open; `otherwise` where there is none."""
    return "".join(details(*block, is_open=i == 0) for i, block in enumerate(blocks)) or otherwise
