r"""Normalisation of units: which ones count. Each rule is applied to the gold answer and to the given one alike.

| written | read as | because |
|---|---|---|
| `\$18.90`, `€5` | 18.90, 5 | a currency sign is a unit |
| `10\%`, `10 percent` | 10 | a percent sign is a unit: 10 % is 10 and never 0.1 |
| `5\text{ cm}^2`, `5 cm`, `12 coins` | 5 | a unit stands behind a number, in text or after a space |
| `5 cm` and `5 m` | different | two units of measure must be the same; one left out does not count |
| `1st`, `5am` | 1, 5 | an ordinal or a short unit right at a plain number |
| `3t`, `2ab` | unchanged | letters at the number are variables |
"""

import re

from lib.answers.notation import CURRENCY, PERCENT, TEXT

IN_TEXT = re.compile(rf"(?<=[\d}}\s)])(?:\\[ ,;:!]|~|\s)*{TEXT.pattern}(?:\s*\^\s*(?:\d|\{{\s*\d\s*\}}))?\s*$")
WORDS = re.compile(r"(?<=[\d})])\s+(?:[A-Za-z]++\.?\s*+){1,3}(?:\^\s*\{?\s*\d\s*\}?)?\s*$")
NO_UNIT = re.compile(  # names of functions, and words that change what the number says
    "sqrt|sin|cos|tan|cot|csc|log|exp|inf|infinity|and|or|more|less|than|not|if|for|when|where|with|is|are",
    re.IGNORECASE,
)
SPELLINGS = """
mm millimeter millimeters
cm centimeter centimeters
m meter meters metre metres
km kilometer kilometers
in inch inches
ft foot feet
yd yard yards
mi mile miles
mg milligram milligrams
g gram grams
kg kilogram kilograms
oz ounce ounces
lb lbs pound pounds
ml milliliter milliliters
l liter liters litre litres
s sec second seconds
min mins minute minutes
h hr hrs hour hours
day days
week weeks
month months
year years yr yrs
am
pm
cent cents
dollar dollars
"""
MEASURE = {word: line.split()[0] for line in SPELLINGS.strip().split("\n") for word in line.split()}
SHORT = {word for word in MEASURE if len(word) == 2} | {"sq", "cu"}
NOON = re.compile(r"\b([apAP])\.\s?[mM]\b\.?")
AT_NUMBER = re.compile(rf"([-+]?[\d.,]+)(?:st|nd|rd|th|{'|'.join(sorted(SHORT))})")


def without(text: str, letters: frozenset[str] = frozenset()) -> str:
    """An answer without percent and currency signs, and without the unit behind its number.

    A single letter is a variable, unless it is one of `letters`.
    """
    bare = _without_signs(text)
    if joined := AT_NUMBER.fullmatch(bare):
        return joined[1]
    for _ in range(2):  # as in `5\\text{ square}\\text{ cm}`
        bare = _without_last_unit(bare, letters) or bare
    return bare


def measures(text: str) -> frozenset[str]:
    """The units of measure in what `without` takes away, by one name each."""
    signs = {"dollar"} if "$" in text else set()
    taken = re.findall("[A-Za-z]+", TEXT.sub(r"\1", _without_signs(text).removeprefix(without(text))).lower())
    return frozenset(signs | {MEASURE[word] for word in taken if word in MEASURE})


def _without_signs(text: str) -> str:
    return CURRENCY.sub("", PERCENT.sub("", NOON.sub(r"\1m", text))).strip()


def _without_last_unit(text: str, letters: frozenset[str]) -> str:
    unit = IN_TEXT.search(text) or WORDS.search(text)
    spelled = re.findall("[A-Za-z]+", TEXT.sub(r"\1", unit[0])) if unit else []
    in_text = unit and unit.re is IN_TEXT
    if spelled and all(word in letters or _is_unit(word, in_text) for word in spelled):
        return text[: unit.start()].strip()
    return text


def _is_unit(word: str, in_text: bool) -> bool:
    return not NO_UNIT.fullmatch(word) and (in_text or word.lower() in SHORT or len(word) > 2)
