r"""Quantities: the value of an answer apart from its unit. Each rule is applied to gold and given answer alike.

| written | read as | because |
|---|---|---|
| `\$18.90`, `€5`, `Rs. 5` | 18.90, 5 | a currency is a unit |
| `10\%`, `10 percent` | 10 | a percent sign is a unit: 10 % is 10 and never 0.1 |
| `5\text{ cm}^2`, `60 km/h`, `12 coins`, `5 cups of sugar` | 5, 60, 12, 5 | words behind a number, or what they count |
| `90^\circ`, `25°C` | 90, 25 | degrees are a unit |
| `5 million`, `2 dozen`, `12k` | 5000000, 24, 12000 | a word for a number multiplies |
| `5 halves`, `5 squared`, `12 boys, 13 girls` | unchanged | words of operations, and digits in the text, count |
| `5 m` and `5 s` | different | where both have a unit of measure, they must agree |
| `1890` cents and `$18.90`, `\pi/2` radians and 90° | equal | units of one kind are converted |
| `1st`, `5am` | 1, 5 | an ordinal or a short unit right at a plain number |
| `3t`, `2ab` | unchanged | letters at the number are variables |
"""

import functools
import re
from dataclasses import dataclass
from fractions import Fraction

from lib.answers import notation

# Units of measure: a kind, then each unit's size (in the first of the kind) and its spellings.
MEASURES = """
length: 1 m meter metre, 0.01 cm centimeter centimetre, 0.001 mm millimeter millimetre, 1000 km kilometer kilometre, \
0.0254 in inch inches, 0.3048 ft foot feet, 0.9144 yd yard, 1609.344 mi mile, 0.000001 um micrometer, 0.1 dm
mass: 1 g gram gm gms, 1000 kg kilogram, 0.001 mg milligram, 28.349523125 oz ounce, 453.59237 lb lbs pound
time: 1 s sec second, 60 min mins minute, 3600 h hr hrs hour, 86400 day, 604800 week
years: 1 year yr yrs, 1/12 month
volume: 1 l liter litre, 0.001 ml milliliter millilitre
money: 1 $ dollar usd buck, 0.01 cent c
euro: 1 € euro eur
sterling: 1 £ gbp
rupee: 1 ₹ rs inr rupee
yen: 1 ¥ yen jpy
won: 1 ₩ won
angle: 1 ° deg degree, 57.29577951308232 rad radian
celsius: 1 °c celsius
fahrenheit: 1 °f fahrenheit
percent: 1 %
speed: 1 mph
am: 1 am
pm: 1 pm
force: 1 n newton
energy: 1 j joule
power: 1 w watt
resistance: 1 ohm
"""
UNITS: dict[str, tuple[str, Fraction | None]] = {}
for _line in MEASURES.strip().replace("\\\n", "").split("\n"):
    _kind, _, _units = _line.partition(": ")
    for _unit in _units.split(", "):
        _size, *_spellings = _unit.split()
        for _spelling in _spellings:
            UNITS[_spelling] = _kind, Fraction(_size)
            if len(_spelling) > 2 and not _spelling.endswith("s"):
                UNITS[_spelling + "s"] = UNITS[_spelling]
SCALES = {
    **{"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12},
    **{"k": 1000, "score": 20, "lakh": 10**5, "crore": 10**7},
}
# Words that change what the number says: with one of them, it is no number with a unit.
NO_UNIT = """
plus minus times over below above squared cubed factorial choose divided multiplied by mod modulo remainder r to and or
not than less fewer if for when where with is are was be doubled tripled halved negative half halves third thirds fourth
fourths quarter fifth fifths sixth sixths seventh sevenths eighth eighths ninth ninths tenth tenths hundredth hundredths
thousandth thousandths power root between about infinity inf sqrt sin cos tan cot csc log ln exp from but so then thus
because since which that most least best worst off maybe perhaps probably approximately approx
wrong unknown unclear pi base
"""
NO_UNIT = set(NO_UNIT.split())
FRACTIONS = {"quarters"}  # coins too
GLUE = {"of", "per", "a", "an", "the", "each", "every", "more", "in", "at", "on", "old", "sq", "square", "cubic", "cu"}
PLAIN_LETTERS = set("mgshk")  # units of one letter, in plain text at a plain number; others are variables there
LETTER = re.compile("[A-Za-z]")
LETTERS = PLAIN_LETTERS | set("lLNJWaC")
SIGN = re.compile(
    r"\\?[$£€₹¥₩]|(?<![A-Za-z])(?:US\s*(?=\\?\$)|Rs\.?|USD|EUR|GBP|INR)(?![A-Za-z])|\\(?:pounds|euro)\b"
    r"|\\text\{\s*(?:US\\?\$|USD|EUR|GBP|Rs\.?|\\?\$)\s*\}"
)
NOON = re.compile(r"\b([apAP])\.\s?[mM]\b\.?")
HOUR = re.compile(r"(?<!\d)(\d{1,2}):00\s*(?=(?:\\text\{)?\s*[apAP][mM])")
DEGREE = re.compile(r"\^\s*\{?\s*\\circ\s*\}?|\^\s*\{?o\}?$")
SCALE_LETTER = re.compile(r"\s*(?:\\text\{)?\s*[CF]?\s*\}?\s*")  # degrees Celsius, Fahrenheit
ORDINAL = re.compile(r"(\d+)\s*(?:\^\s*\{?\s*)?(?:\\text\{\s*)?(?:st|nd|rd|th)\b\s*\}{0,2}(?:\s+grade\}?)?")
FUNCTION = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc|text)|e\^")
QUANTITY = re.compile(r"\\qty\{([^{}]*)\}\{[^{}]*\}|\\SI\{([^{}]*)\}\{[^{}]*\}")
PIECE = re.compile(
    r"\\text\s*\{(?P<text>[^{}]*)\}|(?P<command>\\[A-Za-z]+)|(?P<word>[^\W\d_]+)|(?P<power>\^\s*(?:\{\s*-?\d\s*\}|\d))"
    r"|(?P<space>\s+)|(?P<glue>[/.*°'])|(?P<other>\\.|.)",
    re.DOTALL,
)
FRACTION_UNIT = re.compile(
    r"\\frac\{\s*(?:\\text\{([^{}]*)\}|([A-Za-z]))\s*\}\{\s*(?:\\text\{([^{}]*)\}|([A-Za-z]))\s*\}\s*$"
)


@dataclass(frozen=True)
class Quantity:
    """The value of an answer as LaTeX, what multiplies it, and its units of measure as (kind, size) or None."""

    value: str
    scale: int = 1
    kind: str | None = None
    size: Fraction | None = None


@functools.lru_cache(maxsize=16_384)
def split(text: str, letters: bool = False) -> Quantity:
    """An answer in canonical LaTeX as a value and its unit; the whole is the value where no unit is seen.

    A single letter in plain text is a variable, unless `letters` says that it may be a unit of measure.
    """
    text = NOON.sub(r"\1m", HOUR.sub(r"\1 ", QUANTITY.sub(lambda q: q[1] or q[2], text)))
    money = SIGN.search(text)
    named = re.findall(r"[$£€₹¥₩]|[a-z]+", money[0].lower()) if money else []
    kinds = {UNITS[sign][0] for sign in named if sign in UNITS}
    percent = bool(notation.PERCENT.search(text))
    bare = notation.PERCENT.sub("", SIGN.sub("", text)).strip()
    if ordinal := ORDINAL.fullmatch(bare):
        return Quantity(ordinal[1])
    degree = DEGREE.search(bare) if bare.count("\\circ") == 1 or bare.endswith(("^o", "^{o}")) else None
    if degree and not FUNCTION.search(bare, 0, degree.start()) and SCALE_LETTER.fullmatch(bare, degree.end()):
        letter = re.sub("[^CF]", "", bare[degree.end() :])
        kind = {"C": "celsius", "F": "fahrenheit"}.get(letter, "angle")
        return Quantity(bare[: degree.start()].strip(), kind=kind, size=Fraction(1))
    value, words, power = _tail(letters, FRACTION_UNIT.sub(_quotient, bare))
    scale, kind, size = 1, None, None
    meaning = _meaning(words, value)
    if meaning is None:
        value = bare
    else:
        scale, found = meaning
        if len(found) == 1:
            ((kind, size),) = found
            if power and power != "1":
                kind, size = f"{kind}^{power}", size ** int(power) if size else None
        elif found:
            kind = " ".join(sorted(f"{name}{amount}" for name, amount in found))
    if kinds and kind is None and meaning is not None:
        kind, size = next(iter(kinds)), Fraction(1)
    if percent and kind is None:
        kind, size = "percent", Fraction(1)
    return Quantity(value or text, scale, kind, size)


def _quotient(unit: re.Match) -> str:
    return "\\text{ " + "/".join(filter(None, unit.groups())) + "}"


def _tail(letters: bool, text: str) -> tuple[str, list[str], str | None]:
    """The value before the words at the end of a text, those words, and the power of the last unit."""
    pieces = list(PIECE.finditer(text))
    words: list[str] = []
    power, cut = None, len(text)
    while pieces:
        piece = pieces[-1]
        inner = piece["text"]
        if inner is not None:
            if re.search(r"\d(?<!\^\d)", inner):
                break
            words[:0] = re.findall(r"[^\W\d_]+|°", inner.replace("^2", "").replace("^3", ""))
            power = power or (re.search(r"\^([23])", inner) or [None, None])[1]
        elif piece["word"]:
            if LETTER.fullmatch(piece["word"]) and not words and not (letters and piece["word"] in PLAIN_LETTERS):
                break
            words.insert(0, piece["word"])
        elif piece["power"]:
            before = next((p for p in reversed(pieces[:-1]) if not p["space"]), None)
            if before is None or not (before["text"] or before["word"]):
                break
            power = power or re.sub(r"\D", "", piece["power"])
        elif piece["command"] == "\\Omega":
            words.insert(0, "ohm")
        elif piece["command"] == "\\cdot" and words:
            pass
        elif piece["other"] in ("(", ")") and (words or piece["other"] == ")"):
            if piece["other"] == ")" and not re.search(
                r"\(\s*(?:\\text\{)?\s*[A-Za-z]{2,}\s*\}?\s*\)?\s*$", text[: piece.end()]
            ):
                break
        elif not (piece["space"] or (piece["glue"] and (words or piece["glue"] == "."))):
            break
        cut = piece.start()
        pieces.pop()
    value = text[:cut].rstrip(" *") if cut else ""
    at_number = bool(words) and cut < len(text) and text[cut].isalpha()
    if not words or not value or not re.search(r"[\d})!]$|\\pi$", value):
        return text, [], None
    if at_number and not (
        re.fullmatch(r"[-+]?[\d.,]+", value)
        and (words[0].lower() in UNITS or words[0] == "k" or not words[0].isascii())
    ):
        return text, [], None
    return value, words, power


def _meaning(words: list[str], value: str) -> tuple[int, set] | None:
    """What the words behind a value say: a factor, and the units of measure among them; None if no unit."""
    scale, found = 1, set()
    lower = [word.lower() for word in words]
    number = notation.number(value) is not None
    if len(words) > 8 or any(word in NO_UNIT for word in lower):
        return None
    if any(word in FRACTIONS for word in lower) and "." not in value and int(number) == 0:
        return None
    square = "square" in lower or "sq" in lower
    for word, original in zip(lower, words, strict=True):
        if word in SCALES and (word != "k" or len(words) == 1):
            if not number or found:
                return None
            scale *= SCALES[word]
        elif LETTER.fullmatch(word) and word not in GLUE and not (number and original in LETTERS):
            return None
        elif word in UNITS and original not in ("C", "F"):
            kind, size = UNITS[word]
            found.add((f"{kind}^2", size**2) if square else (kind, size))
    return scale, found


def without(text: str) -> str:
    """An answer without its unit."""
    return split(text).value


def conflict(answer: str, gold: str) -> bool:
    """Whether two answers are money, in different currencies."""
    signs = [set(re.findall("[$£€₹¥₩]", text)) for text in (answer, gold)]
    return all(signs) and signs[0] != signs[1]
