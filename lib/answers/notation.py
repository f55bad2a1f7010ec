r"""Normalisation: the marks around an answer, plain numbers, words, numerals with a base.

Each rule is applied to the gold answer and to the given one alike:

| written | read as | because |
|---|---|---|
| `$12$`, `**12**`, `12.`, `12\\` | `12` | marks of the page around the answer |
| `70,000`, `70{,}000`, `70\,000`, `70 000` | 70000 | groups of three digits, the first not beginning with 0 |
| `1000,99` | 1000.99, where the gold answer is a decimal | elsewhere a comma parts thousands or members |
| `101_2` | digits with a base | numerals with two bases are equal only if both agree |
"""

import re
from fractions import Fraction

MAX_CHARS = 2_000  # a longer "answer" is a derivation or garbage, and slow to parse

FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<!\\)\$(.+?)(?<!\\)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
GROUP = r"(?:,|\{,\}|,\\!|,\\ |\\,|\\ |~|[ \u00a0\u202f])"  # what parts groups of three digits
NUMBER = re.compile(rf"([-+\u2212]?)\s*(?:\\?[$£€]\s*)?([1-9]\d{{0,2}}(?:{GROUP}\d{{3}})+(?!\d)|\d+)?(\.\d+)?")
PERCENT = re.compile(r"\s*(?:\\?%|\\text\s*\{\s*(?:percent(?:age)?|pct)\s*\}|\b(?:percent(?:age)?|pct)\b)")
CURRENCY = re.compile(r"\\\$|[$£€]|\\(?:pounds|euro)\b")
TEXT = re.compile(r"\\(?:text(?:bf|it|rm|sf|tt|normal)?|mathrm|mathbf|mathit|mbox|operatorname)\s*\{([^{}]*)\}")
BASED = re.compile(r"([0-9A-Za-z]+)\s*_\s*\{?\s*(?:\\text\s*\{\s*)?(\w+)\s*\}?\s*\}?")
DECIMAL_COMMA = re.compile(r"([-+\u2212]?)(\d+),(\d+)")
SIZE = re.compile(r"\\(?:left|right)(?![a-z])|\\[,;:!]|\\displaystyle\b")
SPACE = re.compile(r"(?<!\w)\s+|\s+(?!\w)")  # a space between two letters or digits may count
LAYOUT = re.compile(r"(?:\\\\|\\(?=\s*$))\s*$|(?:\\[,;:!]|\s)+$")


def tidy(text: str) -> str:
    """Strip the marks around an answer: space, bold, math delimiters, line ends, the full stop of its sentence."""
    before = text if len(text) > 2 * MAX_CHARS else None  # too long to be an answer: leave it alone
    while text != before:
        before = text
        text = LAYOUT.sub("", text.strip().removesuffix(".").strip("*")).strip()
        if formula := FORMULA.fullmatch(text):
            text = next(filter(None, formula.groups()))
    text = text.removesuffix("$") if text.count("$") == 1 and not text.startswith("$") else text
    return _without_lone_brace(text)


def _without_lone_brace(text: str) -> str:
    """Without a closing brace at the end that nothing opened: what is left of a box."""
    for brace, opens in (("\\}", "\\{"), ("}", "{")):
        if text.endswith(brace) and text.count(brace) > text.count(opens):
            return text.removesuffix(brace).strip()
    return text


def number(text: str) -> Fraction | None:
    """Exact value of a plain integer or decimal, also with thousands separators, a currency or a percent sign."""
    match = NUMBER.fullmatch(PERCENT.sub("", tidy(text)).strip()) if len(text) <= MAX_CHARS else None
    if not match or not (match[2] or match[3]):
        return None
    sign = "-" if match[1] in ("-", "\u2212") else ""
    return Fraction(sign + re.sub(r"\D", "", match[2] or "0") + (match[3] or ""))


def decimal_comma(text: str, gold: str) -> Fraction | None:
    """Value of `1000,99`, if the gold answer is a decimal; None if the comma may part thousands or members."""
    match = DECIMAL_COMMA.fullmatch(text)
    return number(f"{match[1]}{match[2]}.{match[3]}") if match and number(text) is None and "." in gold else None


def squeezed(text: str) -> str:
    """An answer without what changes its looks only: sizes of brackets and fractions, fine spaces, needless spaces."""
    return SPACE.sub("", SIZE.sub("", text).replace("dfrac", "frac").replace("tfrac", "frac")).strip()


def words(text: str) -> str:
    """The words of an answer in text, without fonts, quotes and case; a letter in brackets is that letter."""
    plain = re.sub(r"[\s~]+", " ", TEXT.sub(r"\1", text)).strip(" .\"'`").casefold()
    choice = re.fullmatch(r"\(?([a-z])\)", plain)
    return choice[1] if choice else plain


def in_words(text: str) -> bool:
    r"""Whether an answer is nothing but words in a text font, as in `\text{no solution}`."""
    return bool(TEXT.fullmatch(text)) and not re.search(r"[\d=<>^_+]", text)


def based(text: str) -> tuple[str, str] | None:
    """Digits and base of a numeral such as `101_2`; None if it has no base."""
    match = BASED.fullmatch(text.strip())
    return (match[1].lstrip("0") or "0", match[2]) if match and match[1][0].isdigit() else None
