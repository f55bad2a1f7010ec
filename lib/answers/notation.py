r"""Normalisation of notation: Unicode and LaTeX that say the same are written the same.

Every rule is applied to the gold answer and to the given one alike, and takes time linear in the text:

| written | read as | because |
|---|---|---|
| `√3`, `x²`, `½`, `π`, `–5`, `１２` | `\sqrt{3}`, `x^{2}`, `\frac{1}{2}`, `\pi`, `-5`, `12` | one symbol, two codes |
| `$12$`, `**12**`, `12.`, `12\\`, `= 12` | `12` | marks of the page around the answer |
| `70,000`, `70{,}000`, `70\,000`, `1,00,000` | 70000, 100000 | groups of digits, the first not beginning with 0 |
| `0{,}15` | 0.15 | a comma in braces that parts no groups of three |
| `1000,99` | 1000.99, where the gold answer is a decimal | elsewhere a comma parts thousands or members |
| `\left(`, `\,`, `\textcolor{red}{x}`, `\displaystyle` | `(`, space, `x`, nothing | layout |
| `\mathrm{e}`, `\operatorname{ln}`, `pi`, `**` | `e`, `\ln`, `\pi`, `^` | fonts, and formulas in plain text |
| `\frac12`, `\sqrt5` | `\frac{1}{2}`, `\sqrt{5}` | TeX takes one character |
| `2 1/2`, `2\frac12` | two and a half | an integer, then a proper fraction, without a bracket between |
| `6.7e-5`, `0.\overline{3}` | exact fractions | |
| `101_2`, `(101)_2`, `101 in base 2` | digits with a base | numerals are equal if digits and bases agree |
"""

import functools
import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

MAX_CHARS = 2_000  # a longer "answer" is a derivation or garbage, and slow to parse

FORMULA = re.compile(
    r"\$\$([^$]+)\$\$|(?<!\\)\$((?:[^$\\]|\\[^\n])+)\$|\\\(((?:[^\\]|\\[^()])+)\\\)|\\\[((?:[^\\]|\\[^\[\]])+)\\\]",
    re.DOTALL,
)
GROUP = r"(?:,|\{,\}|,\\!|,\\ |\\,|\\ |~|[ \u00a0\u202f])"  # what parts groups of three digits
NUMBER = re.compile(rf"([-+\u2212]?)\s*(?:\\?[$£€]\s*)?([1-9]\d{{0,2}}(?:{GROUP}\d{{3}})+(?!\d)|\d+)?(\.\d+)?")
DECIMAL_COMMA = re.compile(r"([-+\u2212]?)(\d+),(\d+)")
END_SPACE = re.compile(r"\\[,;:! ]$")

# What one character of Unicode stands for in LaTeX; digits, dashes, spaces and Greek letters follow from their names.
SYMBOLS = r"""
× \times · \cdot ⋅ \cdot ∙ \cdot ÷ \div ∕ / ⁄ / ± \pm ∓ \mp − - √ \sqrt ∑ \sum ∏ \prod ∫ \int
≤ \leq ≥ \geq ⩽ \leq ⩾ \geq ≠ \neq ≈ \approx ≡ \equiv ∣ \mid ‖ \| ∠ \angle △ \triangle → \to ⇒ \implies
∞ \infty ∪ \cup ∩ \cap ∈ \in ∉ \notin ∅ \emptyset ∖ \setminus ⊂ \subset ⊆ \subseteq ∨ \lor ∧ \land
⟨ \langle ⟩ \rangle ⌊ \lfloor ⌋ \rfloor ⌈ \lceil ⌉ \rceil ℝ \mathbb{R} ℤ \mathbb{Z} ℚ \mathbb{Q} ℂ \mathbb{C}
ℕ \mathbb{N} ∂ \partial ∛ \sqrt[3] ∜ \sqrt[4] ϕ \phi ° ^\circ º ^\circ ˚ ^\circ ¢ \text{cents} … \ldots ⋯ \ldots 。 .
٪ % µ u ′ ' ’ ' ‘ ' ″ '' “ " ” "
"""
SYMBOLS = dict(zip(SYMBOLS.split()[::2], SYMBOLS.split()[1::2], strict=True)) | {"\x08": "\\b", "\x0c": "\\f"}
RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ⁽⁾ⁱ", "0123456789+-n()i", strict=True))
LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋ₙ₍₎ᵢ", "0123456789+-n()i", strict=True))
INDICES = re.compile(f"([{''.join(RAISED)}]+)|([{''.join(LOWERED)}]+)")
ROOT = re.compile(r"√\s*(\d+(?:\.\d+)?|[A-Za-z])")
ODD = re.compile(r"[^\x09\x0a\x0d\x20-\x7e]")
LOST_TAB = re.compile(r"\t(?=(?:ext|imes|frac|heta)\b)")

SIZE = re.compile(r"\\(?:left|right|middle|[bB]igg?[lrm]?)(?![A-Za-z])\s*(?:\.(?!\d))?")
NOTHING = re.compile(
    r"\\(?:(?:display|text|script|scriptscript)style|mathstrut|strut|tiny|small|normalsize|[lL]arge|LARGE|[hH]uge|limits|"
    r"nolimits|notag|nonumber|allowbreak|bf|it|boldmath|relax|blacksquare|qed)(?![A-Za-z])"
    r"|\\(?:tag|label|[hv]?phantom)\s*\{[^{}]*\}|\\!|\\(?:text)?color\s*\{[^{}]*\}|(?<![\^_}])\{\}"
    r"|\\(?:bm|boldsymbol|pmb|underline|ensuremath|math(?:op|ord|bin|rel|open|close))(?![A-Za-z])"
    r"|\\(?:begin|end)\{(?:aligned|align\*?|gathered|split)\}"
)
SPACES = re.compile(
    r"(?P<row>\\\\)|(?P<wide>\\q?quad(?![A-Za-z]))|\\[,;: ]|~|\\(?:en|thin|med|thick|negthin)s(?:pace|kip)(?![A-Za-z])"
    r"|\\[hm]space\*?\s*\{[^{}]*\}|\\m?(?:kern|skip)\s*[-\d.]+\s*(?:mu|pt|em|ex)|\s+"
)
ROW = re.compile(r"\\\\(?:\*|\s*\[\s*-?[\d.]*\s*\\?[a-z]+\s*\])|\\cr(?![a-z])")
DOUBLED = re.compile(r"(?<!\\)\\\\(?=(?:[dt]?frac|sqrt|pi|text|left|right|boxed|infty|cdot|times|pm|circ)(?![A-Za-z]))")
TIGHT_COMMA = re.compile(r"(?<=\d)(?: ?\{ ?, ?\}|,\\[,!]\s*|\\text\{,\}|\{\\text\{,\}\}|\\math\w{1,5}\{,\})(?=\d)")
INDIAN = re.compile(r"(?<![\d.,])[1-9]\d?(?:,\d\d)+,\d{3}(?![\d,])")
SPACED = re.compile(
    r"^-?(?:[1-9]\d{0,2}(?: \d{3})+(?=_|\.\d|$)|\d*\.\d{3}(?: \d{3})*(?: \d{1,3})$)"
)  # digits in groups
APOSTROPHE = re.compile(r"(?<=\d)'(?=\d{3}(?!\d))")
SPELLINGS = {
    **dict.fromkeys(("dfrac", "tfrac", "cfrac"), "frac"),
    **dict.fromkeys(("tbinom", "dbinom"), "binom"),
    **{"lt": "<", "gt": ">", "leqslant": "leq", "geqslant": "geq", "le": "leq", "ge": "geq", "ne": "neq"},
    **{"lbrace": "{", "rbrace": "}", "lbrack": "[", "rbrack": "]", "lvert": "|", "rvert": "|", "vert": "|"},
    **{
        "lVert": "\\|",
        "rVert": "\\|",
        "Vert": "\\|",
        "uppi": "pi",
        "ast": "cdot",
        "degree": "^\\circ",
        "lg": "log_{10}",
    },
    **dict.fromkeys(("dots", "cdots", "dotsc", "dotsb"), "ldots"),
    **{"bmod": "mod", "vee": "lor", "wedge": "land", "varnothing": "emptyset", "textdollar": "\\$", "arcctg": "arccot"},
}
COMMAND = re.compile(r"\\([A-Za-z]+)")
FONT = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt|normal|up)?|mathrm|mathbf|mathit|mathsf|mathtt|mbox|(operatorname)\*?|rm)\s*\{([^{}]*)\}"
)
TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
IN_TEXT = re.compile(r"\\(?:text|mbox)\s*\{\s*\$([^$]*)\$\s*\}")
CIS = re.compile(r"(?:\\text\{\s*cis\s*\}|(?<![A-Za-z\\])cis(?![A-Za-z]))\s*(\d[^\s]*|\([^()]*\)|\\[a-z]+)")
EXTREMES = re.compile(r"\\(max|min|gcd|lcm)\s*\\\{([^{}]*)\\\}")
BARE_FONT = re.compile(r"\\math(?:rm|bf|it|sf|tt|normal)\s*(?=\{)")
UNIT_LETTERS = "mghslLNJW"  # one of them in a text font may be a unit, and keeps its font
FUNCTIONS = """
sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln exp gcd lcm max min det deg mod
"""
FUNCTIONS = FUNCTIONS.split()
PLAIN = re.compile(
    rf"(?<![A-Za-z\\])(?:({'|'.join(FUNCTIONS)})(?=[\s(\d\\_])|(sqrt|pi|infinity|inf|theta|alpha|beta)(?![A-Za-z]))"
)
SCIENTIFIC = re.compile(r"(?<![\w.}])(\d+(?:\.\d+)?)[eE]([-+]?\d{1,4})(?!\w)")
POWER = re.compile(r"(?<!\*)\*\*(?=[\w({\\-])(?!\*)|\^\s*(?=-\d)")
TIMES_TEN = re.compile(r"(?<=\d) ?x ?(?=10 ?\^)")
REPEATING = re.compile(r"(?<![\d.])(\d*)\.(\d*)(?:\\(?:overline|bar)\s*\{(\d+)\}|((?:\\dot\s*(?:\{\d\}|\d)\d*)+))")
ELLIPSIS = re.compile(r"(?<![\d.])(\d*)\.(\d*?)(\d)\3+(?:\\ldots|\.\.\.)(?!\s*[\d,])")
MIXED = re.compile(
    r"(?<![\d.,^_{/])(\d+)\s*(?:\\frac\{(\d+)\}\{(\d+)\}|(?<=\s)(\d+)/(\d+))(?![\d.!(/]|\^(?!\s*\{?\s*\\circ))"
)
LEADING = re.compile(r"(?:\s*(?:=|:|\\(?:approx|implies|therefore|Rightarrow|Longrightarrow|to)(?![A-Za-z])))+\s*")
LABEL = re.compile(r"\\text\{([^{}]*(?:\b(?:is|are|equals)|[:=]))\s*\}\s*")
AFTERTHOUGHT = re.compile(r"\\text\{\s*(?:\(?(?:not|because|since|as|which|where|i\.e\.)\b)")
BASED = re.compile(r"\(?\s*([0-9][0-9A-Za-z,]*)\s*\)?\s*_\s*\{?\s*(?:\\text\{\s*)?(\w+)\s*\}{0,2}")
IN_BASE = re.compile(r"(\w+)\s*\\text\{\s*(?:in\s+|\()?base\s*(?:(\d+)\s*\)?\s*\}|\}\s*(\d+))")
COLUMN = re.compile(r"\(([^()]*,[^()]*)\)\s*\^\s*\{?\s*(?:\\top|\\intercal|T|t)\s*\}?")
FRENCH = re.compile(r"\]([^\[\](),]*),([^\[\](),]*)\[")
ZERO_COMMA = re.compile(r"(?<=^0),(?=\d+$)|(?<=^-0),(?=\d+$)")
SPACE = re.compile(r"(?<!\w)\s+|\s+(?!\w)")  # a space between two letters or digits may count
PERCENT = re.compile(r"\\?%|\\text\s*\{\s*(?:percent(?:age)?|pct|\\?%)\s*\}|\b(?:percent(?:age)?(?: points?)?|pct)\b")
NUMERALS = {"two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9"}
TOKEN = re.compile(r"\\(?:begin|end)\{[a-z*]+\}|\\text\s*\{[^{}]*\}|\\[A-Za-z]+|\\.|[(\[{]|[)\]}]|.", re.DOTALL)


def plain(text: str) -> str:
    """A text with its mathematical Unicode as LaTeX, and without characters that are not seen."""
    if text.isascii() and not ODD.search(text):
        return text
    text = LOST_TAB.sub(r"\\t", ROOT.sub(r"\\sqrt{\1}", text))
    return ODD.sub(lambda sign: _latex_of(sign[0]), INDICES.sub(_index, text))


def _index(signs: re.Match) -> str:
    mark, digits, names = ("^", signs[1], RAISED) if signs[1] else ("_", signs[2], LOWERED)
    return f"{mark}{{{''.join(map(names.get, digits))}}}"


@functools.lru_cache(maxsize=4096)
def _latex_of(sign: str) -> str:
    """LaTeX or ASCII for one character, the character itself where there is none."""
    if sign in SYMBOLS:
        is_command = (
            re.search(r"\\[a-z]+$", SYMBOLS[sign]) and sign not in "\x08\x0c"
        )  # those are escapes that were lost
        return SYMBOLS[sign] + " " * bool(is_command)
    category, folded = unicodedata.category(sign), unicodedata.normalize("NFKC", sign)
    if category == "Nd":
        return str(unicodedata.decimal(sign))
    if category in ("Cf", "Cc", "Mn"):
        return "" if category != "Mn" else sign
    if category in ("Zs", "Zl", "Zp"):
        return " "
    if category == "Pd":
        return "-"
    if "\u2044" in folded:  # a vulgar fraction
        return "\\frac{{{}}}{{{}}}".format(*folded.split("\u2044"))
    if folded != sign:
        return "".join(map(_latex_of, folded)) if not folded.isascii() else folded
    size, _, letter = unicodedata.name(sign, "").removeprefix("GREEK ").partition(" LETTER ")
    if letter.isalpha() and size in ("SMALL", "CAPITAL") and "GREEK" in unicodedata.name(sign):
        name = letter.lower().replace("lamda", "lambda")
        return f"\\{name if size == 'SMALL' else name.capitalize()} "
    return sign


def tidy(text: str) -> str:
    """Strip the marks around an answer: space, bold, math delimiters, line ends, the full stop of its sentence."""
    before = text if len(text) > 2 * MAX_CHARS else None  # too long to be an answer: leave it alone
    while text != before:
        before = text
        stripped = text.strip()
        text = (stripped if stripped.endswith("...") else stripped.rstrip(".")).strip("*`").rstrip("\\").strip()
        text = END_SPACE.sub("", text).strip()
        if len(text) > 2 and text[0] == text[-1] == "_":
            text = text.strip("_")
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


@functools.lru_cache(maxsize=65_536)
def normal(text: str) -> str:
    """The canonical LaTeX of an answer, units and all; the same for what differs in layout only."""
    text = TIGHT_COMMA.sub(_tight_comma, text)
    text = INDIAN.sub(lambda digits: digits[0].replace(",", ""), APOSTROPHE.sub("", text))
    text = DOUBLED.sub(r"\\", ROW.sub(r"\\\\ ", text))
    text = SPACES.sub(lambda m: m["row"] or "  " if m["row"] or m["wide"] else " ", NOTHING.sub("", SIZE.sub("", text)))
    text = SPACED.sub(lambda digits: digits[0].replace(" ", ""), text)
    text = COMMAND.sub(_command, text)
    text = (
        text.replace("&", " ") if "\\begin" not in text and "\\&" not in text else text.replace("\\&", "\\text{ and }")
    )
    text = _arrays(BARE_FONT.sub("", FONT.sub(_font, IN_TEXT.sub(r"\1", text)))) if "\\" in text else text
    text = CIS.sub(r"e^{i(\1)}", EXTREMES.sub(r"\\\1(\2)", text))
    text = PLAIN.sub(lambda word: f"\\{_constant(word[1] or word[2])} ", POWER.sub("^", text))
    text = _arguments(text)
    text = SCIENTIFIC.sub(_written_out, TIMES_TEN.sub(r"\\times ", ZERO_COMMA.sub(".", text)))
    text = ELLIPSIS.sub(lambda d: _repeating(d[1], d[2], d[3]), REPEATING.sub(_dotted, text))
    text = MIXED.sub(_mixed, text)
    text = _without_remarks(text)
    if based := IN_BASE.search(text):
        text = f"{based[1]}_{{{based[2] or based[3]}}}"
    if column := COLUMN.fullmatch(text):
        text = "\\begin{pmatrix}" + column[1].replace(",", "\\\\ ") + "\\end{pmatrix}"
    if interval := FRENCH.fullmatch(text):
        text = f"({interval[1]},{interval[2]})"
    return text.replace("\\langle", "(").replace("\\rangle", ")").strip()


def _tight_comma(comma: re.Match) -> str:
    before = re.search(r"\d*$", comma.string[max(0, comma.start() - 4) : comma.start()])[0]
    after = re.match(r"\d*", comma.string[comma.end() : comma.end() + 4])[0]
    if len(after) == 3 and 0 < len(before) <= 3 and before != "0":
        return ","
    return "." if "{" in comma[0] else ", "


def _written_out(number: re.Match) -> str:
    """A number in scientific notation as a decimal, all of its digits."""
    if abs(int(number[2])) > 400:
        return f"{number[1]} \\cdot 10^{{{number[2]}}}"
    return f"{Decimal(number[0]):f}"


def _command(name: re.Match) -> str:
    spelled = SPELLINGS.get(name[1])
    if spelled is None:
        return name[0]
    if name[1] in ("lbrace", "rbrace"):
        return "\\" + spelled
    return f"\\{spelled}" if spelled[0].isalpha() else spelled


def _constant(word: str) -> str:
    return "infty" if word.startswith("inf") else word


def _font(text: re.Match) -> str:
    """What a font says: letters, numbers and names of functions without it, words as `\\text`."""
    inner = re.sub(r"(?<!\\)\$", "", text[2])
    word = inner.strip()
    if word in FUNCTIONS:
        return f"\\{word} "
    if text[1]:
        return text[0]
    if re.fullmatch(rf"[^\W\d_{UNIT_LETTERS}]|\\\$|\\?%", word) and inner == word:
        return " " * text.string[: text.start()][-1:].isalpha() + word
    if word[:1].isdigit() or "\\" in word:
        digits = re.match(r"[\d.,]*", word)[0]
        rest = word[len(digits) :]
        return digits + (f"\\text{{{rest}}}" if re.search("[A-Za-z]{2}", rest) and "\\" not in rest else rest)
    return f"\\text{{{inner}}}"


def _arrays(text: str) -> str:
    """Matrices by one name, brackets included; an array of one cell is that cell."""
    if "\\begin" not in text:
        return text
    text = re.sub(r"\\begin\{(?:array|smallmatrix|matrix)\}(?:\{[^{}]*\})?", r"\\begin{pmatrix}", text)
    text = re.sub(r"\\end\{(?:array|smallmatrix|matrix)\}", r"\\end{pmatrix}", text)
    text = re.sub(r"[(\[]\s*\\begin\{pmatrix\}", r"\\begin{pmatrix}", text)
    text = re.sub(r"\\end\{pmatrix\}\s*[)\]]", r"\\end{pmatrix}", text)
    single = re.fullmatch(r"\\begin\{pmatrix\}([^&]*)\\end\{pmatrix\}", text)
    return single[1].strip() if single and "\\\\" not in single[1] else text


def _arguments(text: str) -> str:
    r"""Braces around the arguments of `\frac`, `\sqrt` and `^`, as TeX takes them."""
    pieces, start = [], 0
    for command in re.finditer(r"\\(frac|binom|sqrt)(?![A-Za-z])\s*|\^(?=[-(])", text):
        if command.start() < start:
            continue
        pieces.append(text[start : command.start()])
        if command[1] is None:
            group, start = _exponent(text, command.end())
            pieces.append(f"^{{{group}}}")
            continue
        pieces.append(f"\\{command[1]}")
        start = command.end()
        if command[1] == "sqrt" and text[start : start + 1] == "[":
            end = text.find("]", start) + 1
            pieces.append(text[start:end] if end else "")
            start = end or start
        for _ in range(1 if command[1] == "sqrt" else 2):
            inner, start = _argument(text, start)
            pieces.append(f"{{{_arguments(inner)}}}")
    return "".join([*pieces, text[start:]])


def _argument(text: str, start: int) -> tuple[str, int]:
    """The argument of a TeX command at `start`, without its braces, and where it ends."""
    while text[start : start + 1] == " ":
        start += 1
    opener = text[start : start + 1]
    if opener in ("{", "(") and (end := closing(text, start)):
        return text[start + 1 : end - 1], end
    single = re.compile(r"\\(?:[A-Za-z]+|.)|.?", re.DOTALL).match(text, start)
    return single[0], single.end()


def _exponent(text: str, start: int) -> tuple[str, int]:
    if text[start] == "(" and (end := closing(text, start)):
        return text[start:end], end
    number = re.compile(r"-\s*[\d.]*").match(text, start)
    return (number[0], number.end()) if number else ("", start)


def closing(text: str, start: int) -> int | None:
    """Where the bracket that opens at `start` has closed; None if it never does."""
    return _closings(text).get(start)


@functools.lru_cache(maxsize=64)
def _closings(text: str) -> dict[int, int]:
    """Where each bracket that opens in a text has closed, each kind by itself."""
    ends: dict[int, int] = {}
    open_at: dict[str, list[int]] = {"{": [], "(": [], "[": [], "\\{": []}
    for sign in re.compile(r"\\.|[{}()\[\]]", re.DOTALL).finditer(text):
        opens = sign[0].translate(str.maketrans("})]", "{(["))
        if sign[0] in open_at:
            open_at[sign[0]].append(sign.start())
        elif open_at.get(opens):
            ends[open_at[opens].pop()] = sign.end()
    return ends


def _dotted(repeating: re.Match) -> str:
    whole, first, barred, dotted = repeating.groups()
    return _repeating(whole, first, barred or re.sub(r"\D", "", dotted))


def _repeating(whole: str, first: str, again: str) -> str:
    r"""A repeating decimal such as `0.1\overline{6}` as a fraction."""
    scale = 10 ** len(first)
    value = Fraction(int(whole + first + again) - int(whole + first or "0"), scale * 10 ** len(again) - scale)
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _mixed(number: re.Match) -> str:
    whole, over, under = number[1], number[2] or number[4], number[3] or number[5]
    return f"({whole}+\\frac{{{over}}}{{{under}}})" if int(over) < int(under) else number[0]


def _without_remarks(text: str) -> str:
    r"""Without a label before the value, as in `\text{Area: }12`, and without a reason after it."""
    label = LABEL.match(text)
    if label and label.end() < len(text) and not re.search(r"\bnot\b|n't\b", label[0]):
        text = text[label.end() :]
    text = re.sub(r"^(?:\\text\{\s*)?(?:minus|negative)\s*(?:\})?\s*(?=\\?\$?\d)", "-", text)
    if remark := AFTERTHOUGHT.search(text):
        text = text[: remark.start()]
    text = text[leading.end() :] if (leading := LEADING.match(text)) else text
    return re.sub(r"(?:\s*\\(?:square|Box)(?![A-Za-z]))+$", "", text).strip().rstrip(",:").strip()


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
    """The canonical form without needless spaces."""
    return SPACE.sub("", normal(text))


def words(text: str) -> str:
    """The words of an answer in text, without fonts, quotes, articles and case; a letter in brackets is that letter."""
    bare = re.sub(r"[\s~]+", " ", TEXT.sub(r"\1", normal(text))).strip(" .\"'`").casefold()
    bare = re.sub(r"^(?:(?:the|an|a|option|choice|answer)\s+)+(?=\S)", "", bare)
    choice = re.match(r"\(([a-z])\)|([a-z])\)?$", bare)
    if choice and not re.search(r"\([a-z]\)|\bor\b|\band\b", bare[choice.end() :]):
        return choice[1] or choice[2]
    return bare


def in_words(text: str) -> bool:
    r"""Whether an answer is nothing but words in a text font, as in `\text{no solution}`."""
    return bool(TEXT.fullmatch(normal(text))) and not re.search(r"[\d=<>^_+]", text)


def based(text: str) -> tuple[str, str] | None:
    """Digits and base of a numeral such as `101_2`; None if it has no base."""
    match = BASED.fullmatch(text.strip())
    return (match[1].replace(",", "").lstrip("0").upper() or "0", NUMERALS.get(match[2], match[2])) if match else None


def split(text: str, separator: re.Pattern) -> list[str]:
    """Parts of a formula between tokens that match `separator` outside of all brackets."""
    return list(_parts(text, separator))


def _parts(text: str, separator: re.Pattern) -> Iterator[str]:
    depth = start = position = 0
    while position < len(text):
        mark = separator.match(text, position) if depth == 0 else None
        if mark and mark.end() > position:
            yield text[start:position].strip()
            start = position = mark.end()
            continue
        token = TOKEN.match(text, position)
        sign = token[0]
        opens = sign in ("(", "[", "{", "\\{") or sign.startswith("\\begin")
        depth = max(0, depth + opens - (sign in (")", "]", "}", "\\}") or sign.startswith("\\end")))
        position = token.end()
    yield text[start:].strip()
