r"""Equivalence of two answers in canonical LaTeX. Importing this takes a second; it is done where an answer needs it.

| answers | equal if |
|---|---|
| two numbers | they are exactly equal; a decimal is exactly what is written |
| a decimal, and a value that no decimal states (1/3, π) | they agree in six decimals, and to 1 in 100,000 |
| two formulas | their difference is zero as a polynomial, else to 40 digits at points drawn for this pair |
| names | they are the same letter; in formulas case counts only where a letter stands in both |
| lists and sets | their members can be paired off, in any order; `\pm` stands for two members |
| tuples, intervals, matrices | their members are equal in order, and their brackets agree; a vector may be a tuple |
| inequalities and intervals in one variable | they are the same set of numbers; "and" and "or" differ |
| a value, and an equation for it | its last side is that value, its closed sides agree, nothing is left to solve |
| quantities of one kind | they are equal in one unit |
| anything else: relations, names | math-verify says so |

Brackets belong to an answer: `(0,1)` is neither `[0,1]` nor the list `0,1`. Nothing here limits time or memory; on
answers that nobody has checked it runs in `lib.grade.math_workers`.
"""

import hashlib
import itertools
import logging
import random
import re
from collections.abc import Callable
from fractions import Fraction

import sympy
from math_verify import verify
from sympy.core.function import AppliedUndef

from lib.answers import latex, notation, units
from lib.answers.units import Quantity

DECIMALS = 6
SHARE = sympy.Rational(1, 100_000)
COMPUTED, AGREEING = 60, 40  # digits of a value
ZERO = sympy.Float("1e-120")  # what is smaller is left over from cancelling
POINTS = 6  # values that variables take; in the first three all are positive
UNSMOOTH = (sympy.Abs, sympy.Max, sympy.Min, sympy.floor, sympy.ceiling, sympy.Mod, sympy.sign, sympy.Piecewise)
LAZY = (sympy.Integral, sympy.Derivative, sympy.Limit, sympy.Sum, sympy.Product, sympy.UnevaluatedExpr)

AND = r"\\land(?![A-Za-z])|\\text\s*\{\s*and\s*\}|(?<![A-Za-z])and(?![A-Za-z])"
OR = r"\\lor(?![A-Za-z])|\\text\s*\{\s*or\s*\}|(?<![A-Za-z])or(?![A-Za-z])"
MEMBERS = re.compile(rf"\s*(?:[,;]\s*(?:{AND}|{OR})?|{AND}|{OR})")
EITHER, BOTH = re.compile(rf"\s*(?:,\s*)?(?:{OR}|\\cup(?![A-Za-z]))"), re.compile(rf"\s*(?:[,;]\s*(?:{AND})?|{AND})")
EQUALS = re.compile(r"(?<![<>!\\]):?=(?![<>])")
APPROXIMATELY = re.compile(r"\\(?:approx|simeq|sim)(?![A-Za-z])")
CONGRUENT = re.compile(r"(?:.*\\equiv)?\s*(-?\d+)\s*\\pmod\b.*|(-?\d+)\s*\\pmod\b.*", re.DOTALL)
RELATION = re.compile(r"[<>]|\\(?:leq|geq|neq)(?![A-Za-z])")
IS_IN = re.compile(r"\s*[A-Za-z]\s*\\in(?![A-Za-z])\s*")
SET_OF = re.compile(r"\\\{\s*([A-Za-z])\s*(?:\\in\s*\\mathbb\{R\}\s*)?(?::|\\mid|\|)(.*)\\\}", re.DOTALL)
VARIABLE = re.compile(r"(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])")
NAMED = re.compile(r"\s*\\?[A-Za-z]+(?:_\{?\w+\}?)?'*\s*(?:\([^()]*\))?\s*")
OF_X = re.compile(r"(?<![A-Za-z\\])([a-zA-Z])\([a-z]\)")
OPERATION = re.compile(r"\\(?:cup|cap|setminus)(?![A-Za-z])")
SIGNS = re.compile(r"\\(pm|mp)(?![A-Za-z])")
RATIO = re.compile(r"\s*\\text\{\s*to\s*\}\s*|\s+to\s+")


def same(gold: str, given: str) -> bool:
    """Whether a given answer equals the gold one. May take very long.

    Raises:
        latex.UnreadableError: one of them cannot be parsed; the message says which.
        ValueError: an answer has no value, as after a division by zero.
    """
    gold, given = (RATIO.sub(":", notation.normal(text)) for text in (gold, given))
    wanted = units.split(gold)
    quantity = units.split(given, letters=wanted.kind is not None)
    if VARIABLE.search(wanted.value) and "\\text" not in given:
        quantity = Quantity(given)  # what looks like a unit is a variable
    factor = _conversion(wanted, quantity)
    if factor is None:
        return False
    gold, given = wanted.value, quantity.value
    scale = Fraction(quantity.scale, wanted.scale) * factor
    if scale == 1 and notation.squeezed(gold) == notation.squeezed(given):
        return True
    return _scaled(gold, given, scale) if scale != 1 else _same_members(gold, given)


def _conversion(wanted: Quantity, quantity: Quantity) -> Fraction | None:
    """What the given value is multiplied by to be in the gold unit; None if the units differ in kind."""
    if wanted.kind == "angle" and quantity.kind is None and "\\pi" in quantity.value and "\\pi" not in wanted.value:
        return units.UNITS["rad"][1]  # an angle in radians needs no unit
    if wanted.kind is None or quantity.kind is None or "percent" in (wanted.kind, quantity.kind):
        return Fraction(1)
    if wanted.kind != quantity.kind:
        return None
    return Fraction(1) if wanted.size is None or quantity.size is None else quantity.size / wanted.size


def _scaled(gold: str, given: str, scale: Fraction) -> bool:
    """Equality of a gold value and a multiple of the given one; in radians to 12 digits."""
    wanted, value = _expressions(gold, given)
    if scale == units.UNITS["rad"][1] or 1 / scale == units.UNITS["rad"][1]:
        factor = 180 / sympy.pi if scale > 1 else sympy.pi / 180
    else:
        factor = sympy.Rational(scale.numerator, scale.denominator)
    return equal(_exact(wanted), sympy.Mul(_exact(value), factor))


def _expressions(gold: str, given: str) -> tuple:
    """Both answers as expressions, over the same kind of variables and in the same case."""
    real = not (latex.is_complex(gold) or latex.is_complex(given))
    parsed = []
    for text, what in ((gold, "gold answer"), (given, "answer")):
        try:
            parsed.append(latex.read(text, real))
        except latex.UnreadableError as error:
            raise latex.UnreadableError(f"{what} could not be parsed") from error
    return _in_one_case(*parsed)


def _in_one_case(gold: sympy.Basic, given: sympy.Basic) -> tuple:
    """Both with small letters, unless one of them is a bare name or holds a letter in both cases."""
    names = [{symbol.name for symbol in getattr(side, "free_symbols", ())} for side in (gold, given)]
    mixed = any(len({name.lower() for name in side}) < len(side) for side in names)
    if mixed or names[0] == names[1] or gold.is_Symbol or given.is_Symbol:
        return gold, given
    return tuple(
        side.xreplace({s: sympy.Symbol(s.name.lower(), **s.assumptions0) for s in getattr(side, "free_symbols", ())})
        if hasattr(side, "xreplace")
        else side
        for side in (gold, given)
    )


def close(gold: str, given: str, factor: Fraction, relative: Fraction) -> bool:
    """Whether the given number is so many times the gold one, to a share of it; False if they are not numbers."""
    try:
        wanted, value = _expressions(*(units.without(notation.normal(text)) for text in (gold, given)))
        wanted, value = complex(wanted.doit()) * float(factor), complex(value.doit())
    except (TypeError, AttributeError, latex.UnreadableError):
        return False
    return abs(value - wanted) <= float(relative) * abs(wanted)


# Lists, and equations for a value -------------------------------------------------------------------------------------


def _same_members(gold: str, given: str) -> bool:
    relations = [bool(RELATION.search(text) or IS_IN.match(text)) for text in (gold, given)]
    if any(relations) and (verdict := _same_region(gold, given)) is not None:
        return verdict
    if any(OPERATION.search(text) for text in (gold, given)):
        return equal(*_expressions(gold, given))
    wanted, members = _members(gold), _members(given)
    if len(wanted) == len(members) == 1:
        return _same_one(wanted[0], members[0])
    return _paired(wanted, members, _same_one)


def _paired(wanted: list, members: list, are_equal: Callable) -> bool:
    """Whether every gold member has a given one of its own; what is given twice counts once."""
    left: list = []
    for member in members:
        if len(members) <= len(wanted) or not any(are_equal(member, other) for other in left):
            left.append(member)
    if len(left) != len(wanted):
        return False
    for member in wanted:
        match = next((i for i, other in enumerate(left) if are_equal(member, other)), None)
        if match is None:
            return False
        del left[match]
    return True


def _members(text: str) -> list[str]:
    """The members of a list or set, those behind `\\pm` one by one."""
    inner = text.strip()
    if inner.startswith("\\{") and notation.closing(inner, 0) == len(inner):
        inner = inner[2:-2].strip()
    elif inner.startswith("{") and notation.closing(inner, 0) == len(inner) and "," in inner:
        inner = inner[1:-1].strip()
    if not inner or notation.number(inner) is not None or notation.based(inner):
        return [text]
    members = [member for part in notation.split(inner, MEMBERS) if part for member in _signed(part)]
    return members or [text]


def _signed(text: str) -> list[str]:
    r"""A text with every choice of the signs `\pm`: all alike where there is `\mp` too, else each by itself."""
    signs = SIGNS.findall(text)
    if not signs or len(signs) > 3:
        return [text]
    if "mp" in signs and "pm" in signs:
        choices = [["+" if sign == "pm" else "-" for sign in signs], ["-" if sign == "pm" else "+" for sign in signs]]
    else:
        choices = list(itertools.product("+-", repeat=len(signs)))
    chosen = []
    for choice in choices:
        values = iter(choice)
        chosen.append(re.sub(r"(^|[({,=])\s*\+", r"\1", SIGNS.sub(lambda _: next(values), text)))  # noqa: B023
    return chosen


def _same_one(gold: str, given: str) -> bool:
    """Equality of two single answers, one of which may be an equation for its value."""
    if notation.squeezed(gold) == notation.squeezed(given):
        return True
    wanted, members = _bracketed(gold), _bracketed(given)
    if wanted and members:
        same_shape = wanted[0] == members[0] and len(wanted[1]) == len(members[1])
        return same_shape and all(map(_same_one, wanted[1], members[1]))
    sides, others = _sides(gold), _sides(given)
    if len(sides) == 1 and len(others) > 1:
        value = _solved(others, gold)
        return value is not None and _same_value_or_numeral(gold, value)
    if len(others) == 1 and len(sides) > 1 and (len(sides) > 2 or _is_name(sides[0])):
        return _same_value_or_numeral(sides[-1], given)
    if len(sides) == len(others) == 2 and _proportional(sides, others):
        return True
    return _same_value_or_numeral(gold, given)


def _bracketed(text: str) -> tuple[str, list[str]] | None:
    """Brackets and members of a tuple or an interval; None if a text is neither."""
    text = text.strip()
    if len(text) < 5 or text[0] not in "([" or text[-1] not in ")]":
        return None
    depths = itertools.accumulate((sign in "([") - (sign in ")]") for sign in text)
    if 0 in list(depths)[:-1]:  # two pairs of brackets
        return None
    members = notation.split(text[1:-1], re.compile(","))
    return (text[0] + text[-1], members) if len(members) > 1 and all(members) else None


def _proportional(equation: list[str], other: list[str]) -> bool:
    """Whether two equations are the same up to a factor."""
    try:
        left, right = _expressions(equation[0], other[0])
        left_value, right_value = _expressions(equation[1], other[1])
        ratio = sympy.cancel((_exact(left) - _exact(left_value)) / (_exact(right) - _exact(right_value)))
    except (latex.UnreadableError, TypeError, AttributeError, sympy.PolynomialError):
        return False
    return bool(ratio.is_number and ratio.is_finite and ratio.is_nonzero)


def _same_value_or_numeral(gold: str, given: str) -> bool:
    given, gold = (_residue(text) for text in (given, gold))
    wanted, numeral = notation.based(gold), notation.based(given)
    if wanted and numeral:
        return wanted == numeral
    if wanted or numeral:
        digits, base = wanted or numeral
        other = given if wanted else gold
        return other.strip().lstrip("0").upper() == digits and (wanted is not None or base == "10")
    return equal(*_expressions(gold, given))


def _residue(text: str) -> str:
    r"""The residue that `a \equiv b \pmod n` states."""
    congruent = CONGRUENT.fullmatch(text)
    return (congruent[1] or congruent[2]) if congruent else text


def _sides(text: str) -> list[str]:
    """Sides of an equation, without those that only approximate one before them."""
    exact, *about = notation.split(text, APPROXIMATELY)
    if about and _is_name(exact):
        exact = about[-1]
    return [side for side in notation.split(exact, EQUALS) if side] or [text]


def _is_name(text: str) -> bool:
    """Whether a side of an equation names the value: a letter, a function of something, or what nobody can read."""
    if NAMED.fullmatch(text):
        return True
    try:
        expression = latex.read(text)
    except latex.UnreadableError:
        return True
    return bool(getattr(expression, "is_Symbol", False))


def _solved(sides: list[str], gold: str) -> str | None:
    """The value that an equation gives: its last side; None if its sides disagree, or it is left to be solved."""
    first, last = sides[0], units.without(sides[-1])
    closed = [side for side in sides if _is_closed(side)]
    if _is_closed(first) and not _is_closed(last):
        return first if _is_name(last) else None
    if numerals := [numeral for side in sides if (numeral := notation.based(side))]:
        wanted = notation.based(gold)
        return next((f"{digits}_{{{base}}}" for digits, base in numerals if wanted and base == wanted[1]), last)
    if not all(_agree_closed(side, last) for side in closed):
        return None
    if _is_unsolved(first):
        return None
    return next((units.without(side) for side in reversed(closed) if "." not in side), last)


def _is_closed(text: str) -> bool:
    try:
        expression = latex.read(units.without(text))
    except latex.UnreadableError:
        return False
    if not isinstance(expression, sympy.Expr) or isinstance(expression, sympy.MatrixExpr):
        return False
    return not expression.free_symbols and not expression.atoms(AppliedUndef)


def _agree_closed(side: str, last: str) -> bool:
    left, right = (_exact(latex.read(units.without(text))) for text in (side, last))
    if equal(left, right):
        return True
    try:
        return any("." in text for text in (side, last)) and abs(complex(left) - complex(right)) < 10.0 ** -min(
            len(text.partition(".")[2]) for text in (side, last) if "." in text
        )
    except TypeError:
        return False


def _is_unsolved(text: str) -> bool:
    """Whether a side is a formula in one unknown, such as the left of `2x = 16`."""
    try:
        expression = latex.read(text)
    except latex.UnreadableError:
        return False
    if NAMED.fullmatch(text) or not isinstance(expression, sympy.Expr) or expression.has(*LAZY):
        return False
    symbols = expression.free_symbols
    return len(symbols) == 1 and not expression.is_Symbol and bool(expression.is_polynomial(*symbols))


# Regions: inequalities, intervals and their unions --------------------------------------------------------------------


def _same_region(gold: str, given: str) -> bool | None:
    """Whether two answers are the same set of real numbers; None if one is no such set."""
    try:
        (wanted, name), (region, other) = _region(gold), _region(given)
    except (latex.UnreadableError, NotImplementedError, TypeError, ValueError, AttributeError):
        return None
    if name and other and name != other:
        return False
    return bool(wanted == region or (wanted.symmetric_difference(region)).simplify() == sympy.S.EmptySet)


def _region(text: str) -> tuple[sympy.Set, str | None]:
    """The set of numbers that an answer describes, and the variable that it names."""
    if builder := SET_OF.fullmatch(text):
        text = builder[2]
    names, either = set(), []
    for alternative in notation.split(text, EITHER):
        both = []
        for part in notation.split(alternative, BOTH):
            if not part:
                continue
            region, name = _part(part)
            both.append(region)
            names |= {name} - {None}
        either.append(sympy.Intersection(*both) if len(both) > 1 else both[0])
    if len(names) > 1:
        raise ValueError("several variables")
    return sympy.Union(*either), next(iter(names), None)


def _part(text: str) -> tuple[sympy.Set, str | None]:
    name = None
    if member := IS_IN.match(text):
        name, text = text.split("\\in")[0].strip(), text[member.end() :]
    expression = latex.read(OF_X.sub(r"\1", text))
    if isinstance(expression, sympy.Set):
        return expression.doit(), name
    symbols = expression.free_symbols
    if len(symbols) != 1 or not RELATION.search(text):
        raise ValueError("not a relation in one variable")
    (symbol,) = symbols
    parts = expression.args if isinstance(expression, sympy.And) else [expression]
    regions = [sympy.Rel(_exact(part.lhs), _exact(part.rhs), part.rel_op).as_set() for part in parts]
    return sympy.Intersection(*regions), symbol.name


# Values ---------------------------------------------------------------------------------------------------------------


def equal(gold: sympy.Basic, given: sympy.Basic) -> bool:
    """Whether two expressions are equal, by the table above.

    Raises:
        ValueError: one of them has no value.
    """
    if sympy.nan in (gold, given) or sympy.zoo in (gold, given):
        raise ValueError("an answer has no value")
    gold, given = _worked_out(gold), _worked_out(given)
    if gold == given:
        return True
    kinds = _kind(gold), _kind(given)
    # A name is a formula too, beside one in which it stands; alone it may be the letter of a choice.
    if kinds == ("value", "value") or (set(kinds) == {"name", "value"} and gold.free_symbols & given.free_symbols):
        verdict = _same_value(gold, given)
        return _by_library(gold, given) if verdict is None else verdict
    if kinds[0] == kinds[1] and kinds[0] in COMPARE:
        return COMPARE[kinds[0]](gold, given)
    if "matrix" in kinds and set(kinds) & {"tuple", "interval"}:
        return _vectors(*((gold, given) if kinds[1] == "matrix" else (given, gold)))
    if set(kinds) <= {"interval", "tuple", "set"} or kinds == ("name", "name"):
        return False
    return _by_library(gold, given)


def _worked_out(expression: sympy.Basic) -> sympy.Basic:
    """Unions, intersections and complements as the set that they are."""
    operations = (sympy.Union, sympy.Intersection, sympy.Complement)
    return expression.doit() if isinstance(expression, operations) else expression


def _kind(expression: sympy.Basic) -> str:
    for kind, types in KINDS.items():
        if isinstance(expression, types):
            return kind
    return "other"


def _intervals(gold: sympy.Interval, given: sympy.Interval) -> bool:
    brackets = (gold.left_open, gold.right_open) == (given.left_open, given.right_open)
    return brackets and equal(gold.start, given.start) and equal(gold.end, given.end)


def _tuples(gold: sympy.Tuple, given: sympy.Tuple) -> bool:
    return len(gold) == len(given) and all(map(equal, gold, given))


def _vectors(members: sympy.Basic, matrix: sympy.Basic) -> bool:
    """Whether a tuple and a matrix of one row or column are the same vector."""
    matrix = matrix.doit()
    if isinstance(members, sympy.Interval):  # a pair in round brackets reads as one
        members = sympy.Tuple(members.start, members.end) if members.left_open and members.right_open else ()
    is_vector = isinstance(matrix, sympy.MatrixBase) and 1 in matrix.shape
    return is_vector and len(members) == len(matrix) and all(map(equal, members, matrix.flat()))


def _sets(gold: sympy.FiniteSet, given: sympy.FiniteSet) -> bool:
    return _paired(list(gold), list(given), equal)


def _matrices(gold: sympy.Basic, given: sympy.Basic) -> bool:
    gold, given = gold.doit(), given.doit()
    if not (isinstance(gold, sympy.MatrixBase) and isinstance(given, sympy.MatrixBase)):
        return _by_library(gold, given)
    return gold.shape == given.shape and all(map(equal, gold.flat(), given.flat()))


KINDS = {  # the order counts: a name is a value too
    "matrix": (sympy.MatrixBase, sympy.MatrixExpr),
    "interval": sympy.Interval,
    "tuple": sympy.Tuple,
    "set": sympy.FiniteSet,
    "name": sympy.Symbol,
    "value": sympy.Expr,
}
COMPARE = {"matrix": _matrices, "interval": _intervals, "tuple": _tuples, "set": _sets}


def _same_value(gold: sympy.Expr, given: sympy.Expr) -> bool | None:
    """Equality of two numbers or formulas; None if their values do not tell."""
    decimal = [isinstance(expression, sympy.Float) for expression in (gold, given)]
    gold, given = _exact(gold), _exact(given)
    variables = sorted(gold.free_symbols | given.free_symbols, key=str)
    if gold.is_Rational and given.is_Rational:
        return gold == given or (any(decimal) and _rounds(gold, given))
    if not variables and any(decimal):
        return _rounds(gold, given)
    if variables and gold.is_polynomial(*variables) and given.is_polynomial(*variables):
        difference = sympy.expand(gold - given)
        if difference == 0:
            return True
        if difference.is_polynomial(*variables) and _has_rational_coefficients(difference):
            return False
    agree = [_agree(gold, given, point) for point in (_points(gold, given, variables) if variables else [{}])]
    if False in agree[:3]:  # where all variables are positive, there is only one reading of roots
        return False
    if agree.count(True) < min(2, len(agree)) or False in agree or (variables and _has(gold, given, UNSMOOTH)):
        return None
    return True


def _has_rational_coefficients(polynomial: sympy.Expr) -> bool:
    if polynomial.atoms(sympy.Function, sympy.NumberSymbol, type(sympy.I)):
        return False
    numbers, powers = polynomial.atoms(sympy.Number), polynomial.atoms(sympy.Pow)
    return all(number.is_Rational for number in numbers) and all(power.exp.is_Integer for power in powers)


def _exact(expression: sympy.Expr) -> sympy.Expr:
    """The expression with its decimals as fractions, and what it asks to be computed done."""
    decimals = {decimal: sympy.Rational(str(decimal)) for decimal in expression.atoms(sympy.Float)}
    expression = expression.xreplace(decimals)
    done = expression.doit() if expression.has(*LAZY) or not expression.free_symbols else expression
    return done


def _rounds(gold: sympy.Expr, given: sympy.Expr) -> bool:
    """Whether a decimal is the rounded value of a number that no decimal states exactly."""
    if all(_is_decimal(value) for value in (gold, given)):
        return gold == given
    values = [value.evalf(30) for value in (gold, given)]
    if not all(value.is_Float or value.is_Rational for value in values):
        return False
    rounded = [value.round(DECIMALS) for value in values]
    return rounded[0] == rounded[1] and abs(values[0] - values[1]) <= SHARE * abs(values[0])


def _is_decimal(value: sympy.Expr) -> bool:
    """Whether a value has a finite decimal expansion."""
    return bool(value.is_Rational) and set(sympy.factorint(value.q)) <= {2, 5}


def _points(gold: sympy.Expr, given: sympy.Expr, variables: list[sympy.Symbol]) -> list[dict]:
    """Points with many digits, drawn anew for every pair, so that no answer can be written to agree at them."""
    seed = hashlib.sha256(f"{gold}\0{given}".encode()).digest()
    draws = random.Random(seed)
    points = []
    for number in range(POINTS):
        signs = [1 if number < 3 else draws.choice((-1, 1)) for _ in variables]
        points.append({name: sign * _drawn(draws) for name, sign in zip(variables, signs, strict=True)})
    return points


def _drawn(draws: random.Random) -> sympy.Float:
    return sympy.Float(f"{draws.randrange(1, 9)}.{draws.getrandbits(160):049d}", COMPUTED)


def _agree(gold: sympy.Expr, given: sympy.Expr, point: dict) -> bool | None:
    """Whether both have the same value at a point; None where one has none, or none that is real."""
    values = [expression.evalf(COMPUTED, subs=point) for expression in (gold, given)]
    if point and all(name.is_real for name in point) and not all(value.is_real for value in values):
        return None  # such as a root of a negative number
    if not all(value.is_number and value.is_finite and not value.has(*LAZY) for value in values):
        return None
    apart, size = abs(values[0] - values[1]), max(abs(values[0]), abs(values[1]))
    return bool(size < ZERO or apart <= size * sympy.Float(10) ** -AGREEING)


def _has(gold: sympy.Expr, given: sympy.Expr, types: tuple) -> bool:
    return gold.has(*types) or given.has(*types)


def _by_library(gold: sympy.Basic, given: sympy.Basic) -> bool:
    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that it sets no limit of time
    return verify([gold], [given], float_rounding=DECIMALS, timeout_seconds=None, raise_on_error=True)
