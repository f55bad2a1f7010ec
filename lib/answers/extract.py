r"""Extractor: the final answer that a text states.

Only the answer part of an output is read, never the thinking. An answer must be *stated*; a text that merely
contains the right number has no answer. Where it may stand, the first rule that applies decides:

| rule | example | sources |
|---|---|---|
| the last box, in its formula; boxes parted by comma or "and" are one | `\boxed{1}, \boxed{2}`, `$-\boxed{3}$` | all |
| the last answer tag | `<answer>12</answer>` | all |
| the last `####` line that holds a value | `#### 12` | gsm8k, tiny |
| the last statement that yields a value: a sentence, a label, a heading | `The answer is 12.`, `A: 12` | all |
| the whole text, if it is one number, with its unit perhaps, or one formula | `12 coins`, `\frac{1}{2}` | all |
| the formula that ends a text, if its sentence concludes | `Therefore $x > 5$.` | where `$` is not money |

A statement yields a value if, after its verb, there is a number with its unit, a formula, a list of formulas, or the
last side of an equation, up to the end of the clause; or words, where gold answers may be words. A statement that is
denied, asked, supposed or hedged ("not 12", "is it 12?", "if the answer is 12", "maybe 12", "at least 12") yields none.
A box that is never closed reaches to the end of its line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lib.answers import notation, units
from lib.answers.notation import FORMULA, MAX_CHARS, tidy
from lib.params.settings import FAMILIES

HASH_SOURCES = {"gsm8k", "tiny"}  # their reference solutions end in `#### n`, and their `$` is money
NUMBER_SOURCES = {"gsm8k", "tiny", "aime2024", "aime2025"}  # every gold answer is a plain number

THOUGHTS = sorted({(family.think, family.think_end) for family in FAMILIES.values() if not family.channels})
TURN_END = re.compile(r"<\|(?:im_start|im_end|eot_id|endoftext|return|end)\|>|<｜end▁of▁sentence｜>|</s>")
BOX = re.compile(r"\\(?:boxed|fbox)\s*(?:\{|(?=\d+(?:\.\d+)?))")
BOX_LABEL = re.compile(r"^\s*(?:the\s+)?(?:final\s+)?answer\s*(?:is\b|[:=])\s*(?!not\b)", re.IGNORECASE)
BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
MARKS = re.compile(r"\\(?:[()\[\]]|q?quad\b|text\b|mbox\b)|[${};,\s]+")  # what may stand around the words between boxes
REFUSES = "(?!(?:is|was|are|not|no|but|so|then|wrong|hence|thus|or|and)\\b)"
JOIN = re.compile(rf"\s*(?:{REFUSES}[\w()]+\s+){{0,4}}(?:and|or)\s+(?:\w+\s*=\s*)?")
TAG = re.compile(r"<(answer|final_answer)>|\[(ANSWER)\]", re.IGNORECASE)
HASHES = re.compile(r"####(?!#)[ \t]*([^\n]*)")
CALCULATOR = re.compile(r"<<[^<>\n]{0,200}>>")

STATEMENTS = 40  # of the last ones that are looked at
# A statement: the name of the answer, up to six words, a verb or a colon. Or a line that is a heading.
NAME = re.compile(
    r"(?<![A-Za-z])answers?(?![A-Za-z])|(?<![A-Za-z])ans(?=\s*[.:])|^[ \t>]*A(?=:)", re.IGNORECASE | re.MULTILINE
)
LINK = re.compile(
    r"[*_]{0,4}\s{0,4}(?:\([^()\n]{0,40}\)|\[[^\[\]\n]{0,40}\])?[*_]{0,4}\s{0,4}"
    r"(?:(?:,?\s{0,2}(?!(?:not|never|if|whether|cannot|isn't|wrong|might|could|may|maybe|perhaps)\b)[\w()'-]{1,20},?\s{1,3}){0,6}?"
    r"(?:(?:is|are|be|was|were|equals|becomes|simplifies\s+to|(?:comes|works|turns)\s+(?:out\s+)?to(?:\s+be)?)\b(?!n['’]t)|(?<=answer)'s\b)|\.?:|=|(?=\$|\\[(\[]))[\s:*_]*",
    re.IGNORECASE,
)
HEADING = re.compile(r"[ \t#*_]*(?:the\s+)?(?:final\s+|correct\s+)?answer[ \t*_]*:?[ \t*_]*$", re.IGNORECASE)
BACKWARD = re.compile(r"\s+is\s+(?:the|our|my)\s+(?:final\s+|correct\s+)?(?:answer|solution)\b", re.IGNORECASE)
OPENING = re.compile(
    r"(?:(?:so|thus|therefore|hence|then|finally|and|we see that|in conclusion)\b,?\s*)+", re.IGNORECASE
)
DOUBT = re.compile(
    r"\b(?:not|never|no|wrong|incorrect|false|unless|if|whether|suppose|assume|assuming|maybe|perhaps|might|may|could|"
    r"would|thought|initially|doubt|unsure|uncertain|guess|wait|know|check|cannot|unclear|expect|why|how)\b|n't\b|n’t\b",
    re.IGNORECASE,
)
SENTENCE = re.compile(r"[.!?](?=\s|$)|\n")
CLAUSE_END = re.compile(r"(?<!\.\.)[.?](?=[\s*_\"')]|$)|[!](?=\s+\S)|\n")
FILLER = re.compile(
    r"(?:(?:approximately|exactly|simply|just|indeed|actually|therefore|thus|then|now|equal\s+to|given\s+by|to\s+be|"
    r"found\s+to\s+be|clearly|obviously|of\s+course|the\s+(?:number|value))\b[\s:,]*)+(?=[-+$\\\d(])",
    re.IGNORECASE,
)
NOT_BUT = re.compile(r"(?:definitely |clearly )?not\s+\S{1,60},?\s+but\s+(?:rather\s+)?", re.IGNORECASE)
REMARK = re.compile(  # what ends the value in a clause: a reason, a remark, brackets
    r",?\s+(?:because|since|as|which|so|where|when|thus|hence|therefore|but|after|given|from|if)\b|\s+\((?=[^)]*[A-Za-z])"
    r"|,\s+(?!(?:and|or)\b)(?=[A-Za-z]{2})|,\s+and\s+(?=[A-Za-z]{2})|\s+and\s+(?:we|this|that|it|so|he|she|they|I|the)\b|,?\s+not\b|\s+[-–—]\s+(?=[A-Za-z])|;|\s+by\s+(?=[a-z]+ing\b)"
)
WITHDRAWN = re.compile(r"\b(?:wrong|incorrect|false|mistaken?|not\s+(?:right|correct))\b", re.IGNORECASE)
HEDGE = re.compile(
    r"\s*~|\s*(?:(?:still|most|very|definitely|probably|likely|certainly|clearly|in|now)\s+)*(?:not|never|at\s+(?:least|most)|(?:more|less|fewer|"
    r"greater|larger|smaller|bigger|higher|lower|other)\s+than|between|close|near|nearly|almost|about|around|roughly|far|"
    r"unknown|unclear|wrong|incorrect|correct|right|maybe|perhaps|possibly|probably|either|neither|divisible|half|twice|"
    r"double|triple|over|under|above|below|up\s+to|an?\s|the\s|some|any|obtained|reasonable|n't)(?=\b|\s)",
    re.IGNORECASE,
)
PROSE = re.compile(
    r"(?<!\\)\b(?!(?:sqrt|pi|sin|cos|tan|log|ln|exp|and|or|mod|infinity|inf|text|mathrm)\b)[^\W\d_]{2,}", re.IGNORECASE
)
NO_PROSE = re.compile(r"\\text\s*\{[^{}]*\}|\\(?:begin|end|operatorname)\s*\{[^{}]*\}")
SAYS = re.compile(r"(?![-+$\\\d(])[^=]{1,200}\b(?:is|are|equals)\b:?\s+", re.IGNORECASE)
ONE_NUMBER = re.compile(r"(?<![\w.,])[-+]?\$?\d[\d,]*(?:\.\d+)?(?![\w])")
BETWEEN = re.compile(r"\s*(?:,|;|,?\s*\b(?:and|or)\b)\s*")
EQUALS = re.compile(r"(?<![<>!:])=(?!>)")
CONCLUDES = re.compile(
    r"\b(?:therefore|thus|hence|so|finally|conclude|concludes|get|gives|give|yields|have|obtain|find|is|are|equals|final|"
    r"result|solution|total|that|means|must)\b|=|:\s*$|^\s*$",
    re.IGNORECASE,
)
PLANS = re.compile(
    r"\b(?:not|never|cannot|wait|reconsider|let|need|needs|asks?|suppose|assume|next|maybe|perhaps|more|less|least|most|"
    r"check|if|whether|guess|might|could|try|want|such|consider|compute|first|now|should|would|recall)\b|n't\b|\\ne",
    re.IGNORECASE,
)
THEREFORE = re.compile(r"\b(?=so\b|thus\b|therefore\b|hence\b|finally\b)", re.IGNORECASE)
LAST_WORDS = re.compile(r"\s*(?:is (?:the|our|my) (?:final )?(?:answer|solution))?\s*[.!]?\s*")
SEPARATES = re.compile(
    r"=|\\(?:approx|implies|Rightarrow|iff|quad|qquad|text|to|sim|equiv|in|leq?|geq?|ne)(?![A-Za-z])|\\\\|[<>:;&]|,"
)
BELONGS = re.compile(r"\^|_|!|\\?%|\\(?:text|mathrm|[pb]?mod)(?![A-Za-z])|\\[, ]")  # a unit or an index, no factor
UNIT_FOLLOWS = re.compile(r"\s*[.:,!]?\s*$|\s+(?:in|for|mod)\b")


@dataclass(frozen=True)
class Reading:
    """The final answer that a text states: None if it states none, "" for an empty box.

    It is complete if it was written to its end, so that a cut after it did not shorten it.
    """

    answer: str | None
    is_complete: bool = False


def last_box(text: str) -> str | None:
    """Content of the last box, wherever it stands; None if there is none."""
    openers = list(BOX.finditer(text))
    return tidy(_box(text, openers[-1])[1]) if openers else None


def find(text: str, source: str) -> Reading:
    """The stated answer, by the first rule that applies."""
    text = notation.plain(_answer_part(text))
    if openers := list(BOX.finditer(text)):
        return _boxed(text, openers)
    if (tagged := _tagged(text, source)) is not None:
        return tagged
    if source in HASH_SOURCES and (hashed := _hashed(text, source)):
        return hashed
    if stated := _stated(text, source):
        return stated
    if source in HASH_SOURCES and (hashes := HASHES.findall(text)):
        return Reading(tidy(hashes[-1]))
    if FORMULA.fullmatch(text.strip()):
        return Reading(tidy(text), True)
    if _is_bare(text):
        return Reading(tidy(text))
    return Reading(None if source in HASH_SOURCES else _last_formula(text))


def _answer_part(text: str) -> str:
    """What follows the thinking, up to the end of the turn; nothing of a thought that was never closed."""
    for think, think_end in THOUGHTS:
        _, ended, after = text.rpartition(think_end)
        if ended or think in text:
            text = after if ended and think not in after else ""
    end = TURN_END.search(text)
    return text[: end.start()] if end else text


def _is_bare(text: str) -> bool:
    """Whether a whole text is one number, with its unit perhaps, or one expression: a line without prose."""
    text = text.strip()
    if not text or len(text) > MAX_CHARS or "\n" in text:
        return False
    if _is_number(text):
        return True
    return not _has_prose(text) and not re.search(r"[.?!:]\s|[?!]$|#", text)


def _has_prose(text: str) -> bool:
    """Whether words stand in a text that are neither functions nor in a text font."""
    return bool(PROSE.search(NO_PROSE.sub("", text)))


def _is_number(text: str) -> bool:
    """Whether a text is a plain number, perhaps with a unit or a scale."""
    return notation.number(units.split(notation.normal(tidy(text))).value) is not None


# Boxes ----------------------------------------------------------------------------------------------------------------


def _boxed(text: str, openers: list[re.Match]) -> Reading:
    """Content of the last box, after that of boxes before it that belong to the same answer."""
    end, content, closed = _box(text, openers[-1])
    start, pieces = openers[-1].start(), [tidy(BOX_LABEL.sub("", content, count=1))]
    for opener in reversed(openers[:-1]):
        inner_end, content, _ = _box(text, opener)
        if inner_end > start or not _joined(text[inner_end:start]):
            break
        start = opener.start()
        pieces.append(tidy(content))
    answer = ", ".join(reversed(pieces))
    return Reading(_in_formula(text, start, end) or answer if closed else answer, closed)


def _in_formula(text: str, start: int, end: int) -> str | None:
    """The side of an equation in which boxes stand, if it says more than they; None if it does not."""
    before, after = text[max(0, start - 200) : start], text[end : end + 200]
    opens = max(before.rfind(mark) for mark in ("$", "\\(", "\\["))
    closes = re.search(r"\$|\\\)|\\\]", after)
    if opens < 0 or not closes or "\n\n" in before[opens:] + after[: closes.start()]:
        return "-" + last_box(text[start:end]) if before.endswith("-") and not before[:-1].strip(" $=") else None
    inside = before[opens:].lstrip("$").removeprefix("\\(").removeprefix("\\[")
    left = notation.split(inside, SEPARATES)[-1] if "(" not in inside else re.split(r"=", inside)[-1]
    right = notation.split(after[: closes.start()], SEPARATES)[0] if "(" not in left else after[: closes.start()]
    left, right = left.strip().rstrip("\\"), right.strip().rstrip(".,;\\")
    if not (left or right) or re.search(r"[A-Za-z]{3}", re.sub(r"\\[A-Za-z]+", "", left + right)):
        return None
    if left.endswith("$") or BELONGS.match(right):
        return None
    whole = BOX.sub("{", left + text[start:end] + right)
    return tidy(whole) if left or right else None


def _joined(between: str) -> bool:
    """Whether what stands between two boxes makes them one answer."""
    if len(between) > 80 or not re.search(r",|;|\band\b|\bor\b", between):
        return False
    words = MARKS.sub(" ", between)
    return not words.strip(" .") or bool(JOIN.fullmatch(words))


def _box(text: str, opener: re.Match) -> tuple[int, str, bool]:
    """End and content of a box, and whether it is closed."""
    start = opener.end()
    if not opener[0].endswith("{"):
        number = re.compile(r"\d+(?:\.\d+)?").match(text, start)
        return number.end(), number[0], number.end() < len(text)
    depth = 1
    for brace in BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)  # an escaped brace is a character of the answer
        if depth == 0:
            return brace.end(), text[start : brace.start()], True
    return len(text), text[start:].split("\n", 1)[0], False


# Tags, marks and sentences --------------------------------------------------------------------------------------------


def _tagged(text: str, source: str) -> Reading | None:
    """What stands in the last pair of tags."""
    if not (opener := next(reversed(list(TAG.finditer(text))), None)):
        return None
    name = opener[1] or opener[2]
    end = text.lower().find(f"/{name.lower()}", opener.end())
    inner = text[opener.end() : end - 1 if end >= 0 else len(text)].strip()
    stated = _stated(inner, source)
    return Reading(stated.answer if stated else _value(inner, source) or tidy(inner), end >= 0)


def _hashed(text: str, source: str) -> Reading | None:
    for mark in reversed(list(HASHES.finditer(text))):
        if HEADING.fullmatch(mark[1]) or NAME.search(mark[1]):
            return None
        if value := _value(CALCULATOR.sub("", mark[1]), source):
            return Reading(value, mark.end() < len(text))
    return None


def _stated(text: str, source: str) -> Reading | None:
    """The last statement that yields a value."""
    last = None
    for start, is_complete, clause in _statements(text):
        is_label = text[max(0, start - 8) : start].rstrip(" *_\n").endswith(":")
        if value := _value(clause, source) or (_only_number(clause) if is_label else None):
            return Reading(value, is_complete)
        last = last if last is not None or not _is_claim(clause) else (clause, is_complete)
    return Reading(tidy(last[0][:MAX_CHARS]), last[1]) if last else None


def _is_claim(clause: str) -> bool:
    """Whether a clause that yields no value states one all the same, as "12 or 13" does."""
    return bool(re.match(r"\s*[-+$\\(]*\d|\s*\\?\$|\s*\\[(\[a-z]", clause)) and not HEDGE.match(clause)


def _statements(text: str) -> Iterator[tuple[int, bool, str]]:
    """Clauses that say what the answer is, the last one first: where they begin, whether they end, and their text."""
    for name in reversed(list(NAME.finditer(text))[-STATEMENTS:]):
        start = _sentence_start(text, name.start())
        before = text[start : name.start()]
        line_end = text.find("\n", name.end())
        heading = text[text.rfind("\n", 0, name.start()) + 1 : line_end if line_end >= 0 else len(text)]
        if DOUBT.search(before):
            continue
        if backward := _backward(text, start, name):
            yield backward
        if HEADING.fullmatch(heading):
            begin = re.compile(r"[\s:*_]*").match(text, name.end()).end()
        elif link := LINK.match(text, name.end()):
            begin = link.end()
        else:
            continue
        yield _clause(text, begin)


def _backward(text: str, start: int, name: re.Match) -> tuple[int, bool, str] | None:
    """The subject of "12 is the answer"."""
    verbs = list(BACKWARD.finditer(text, max(start, name.start() - 40), name.end()))
    if not verbs or verbs[-1].end() != name.end():
        return None
    verb = verbs[-1]
    subject = text[start : verb.start()].lstrip(" *_\n")
    return verb.start(), True, OPENING.sub("", subject, count=1) if OPENING.match(subject) else subject


def _sentence_start(text: str, end: int) -> int:
    start = max(0, end - 300)
    for stop in SENTENCE.finditer(text, start, end):
        start = stop.end()
    return start


def _clause(text: str, begin: int) -> tuple[int, bool, str]:
    """From `begin` to the end of the sentence; a formula that opens there is not torn apart."""
    position = begin
    while formula := FORMULA.match(text, position):
        position = formula.end()
        if not (more := re.compile(r"\s{0,2}(?:,|,?\s{0,2}(?:and|or|but|times)\b)\s{0,2}").match(text, position)):
            break
        position = more.end()
    stop = CLAUSE_END.search(text, position, min(len(text), position + 2 * MAX_CHARS))
    end = stop.start() if stop else min(len(text), position + 2 * MAX_CHARS)
    asked = stop and stop[0] == "?"
    is_complete = stop is not None or begin < position or text[begin:end].rstrip()[-1:] in ("*", "`")
    return begin, is_complete, "" if asked else text[begin:end]


def _value(clause: str, source: str) -> str | None:
    """The value that a clause states, None if it states none."""
    clause = re.sub(r"</?[a-z]{1,6}>", "", clause.strip()).strip().strip("*`").strip()
    clause = clause.removesuffix("_") if clause.count("_") == 1 else clause
    if not clause or len(clause) > 2 * MAX_CHARS:
        return None
    if inverted := NOT_BUT.match(clause):
        clause = clause[inverted.end() :]
    if filler := FILLER.match(clause):
        clause = clause[filler.end() :]
    if (subject := SAYS.match(clause)) and not DOUBT.search(clause):
        clause = clause[subject.end() :]
    if HEDGE.match(clause):
        return None
    if formulas := _formulas(clause):
        return formulas
    if remark := REMARK.search(clause, 1):
        if WITHDRAWN.search(clause, remark.start()):
            return None
        clause = clause[: remark.start()]
    clause = tidy(clause)
    if not clause:
        return None
    if _is_number(clause):
        return clause
    sides = notation.split(clause, EQUALS)
    if len(sides) > 1 and sides[-1] and (_is_number(sides[-1]) or not _has_prose(sides[-1])):
        whole = clause if not _has_prose(clause) and "..." not in clause else sides[-1]
        return tidy(whole)
    bare = notation.normal(clause)
    if re.search(r"\d|\\[a-z]", clause) and not _has_prose(units.split(bare).value):
        return clause
    if source not in NUMBER_SOURCES and len(clause) <= 80 and not re.search(r"\d", clause) and len(clause.split()) <= 4:
        return clause
    return None


def _only_number(clause: str) -> str | None:
    """The one number of a sentence behind a label, such as "Final answer: she left 3 hours ago"."""
    numbers = ONE_NUMBER.findall(clause) if len(clause) <= 300 else []
    if len(numbers) != 1 or DOUBT.search(clause) or re.search(r"\d\s*[^\w\s.,]", clause):
        return None
    hedged = any(HEDGE.match(clause, gap.start()) for gap in re.finditer(r"^|\s", clause))
    return None if hedged else tidy(numbers[0])


def _formulas(clause: str) -> str | None:
    """One formula, or several that are a list, with nothing but a remark or a unit behind them."""
    found, position = [], 0
    while formula := FORMULA.match(clause, position):
        found.append(next(filter(None, formula.groups())).strip())
        position = formula.end()
        joint = BETWEEN.match(clause, position)
        if not joint or not FORMULA.match(clause, joint.end()):
            break
        position = joint.end()
    rest = clause[position:]
    if not found or not (UNIT_FOLLOWS.match(rest) or REMARK.match(rest) or _is_number("1 " + rest)):
        return None
    if len(found) == 1 and (money := re.match(r"\s*([\d,.]+)\s*$", found[0])):
        return tidy(money[1])
    return ", ".join(map(tidy, found))


def _last_formula(text: str) -> str | None:
    """The formula that a text ends in, where its sentence draws a conclusion.

    Never complete, as a text that was cut there may have had more to say.
    """
    text = text[-2 * MAX_CHARS :]
    formulas = list(FORMULA.finditer(text))
    if not formulas or not LAST_WORDS.fullmatch(text, formulas[-1].end()):
        return None
    before = text[_sentence_start(text, formulas[-1].start()) : formulas[-1].start()]
    before = THEREFORE.split(before)[-1]
    if PLANS.search(before) or not (CONCLUDES.search(before) or "=" in formulas[-1][0]):
        return None
    return tidy(formulas[-1][0])
