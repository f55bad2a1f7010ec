r"""Equivalence of two answers in LaTeX. Importing this takes a second; it is done where an answer needs it.

| answers | equal if |
|---|---|
| two numbers | they are exactly equal; a decimal is exactly what is written |
| a decimal, and a value that no decimal states (1/3, π) | they agree in six decimals, and to 1 in 100,000 |
| two formulas | they have the same value, to 20 digits, wherever both are defined |
| lists and sets | their members can be paired off, in any order |
| tuples, intervals, matrices | their members are equal in order, and their brackets agree |
| a value, and an equation given for it | the last side of the equation is that value |
| anything else: relations, unions of intervals, names | math-verify says so |

Brackets belong to an answer: `(0,1)` is neither `[0,1]` nor the list `0,1`. Nothing here limits time or memory; on
answers that nobody has checked it runs in `lib.grade.math_workers`.
"""

import logging
from fractions import Fraction

import sympy
from math_verify import verify

from lib.answers import latex, notation, units

DECIMALS = 6
SHARE = sympy.Rational(1, 100_000)
COMPUTED, AGREEING = 30, 20  # digits of a value
ZERO = sympy.Float("1e-80")  # what is smaller is left over from cancelling
POINTS = [(7, 3), (11, 29), (31, 7), (-13, 5), (17, -9), (-3, -19)]  # seeds of the values that variables take
UNSMOOTH = (sympy.Abs, sympy.Max, sympy.Min, sympy.floor, sympy.ceiling, sympy.Mod, sympy.sign, sympy.Piecewise)
LAZY = (sympy.Integral, sympy.Derivative, sympy.Limit, sympy.Sum, sympy.Product, sympy.UnevaluatedExpr)


def same(gold: str, given: str) -> bool:
    """Whether a given answer equals the gold one. May take very long.

    Raises:
        latex.UnreadableError: one of them cannot be parsed; the message says which.
        ValueError: an answer has no value, as after a division by zero.
    """
    measures = units.measures(gold), units.measures(given)
    if all(measures) and measures[0] != measures[1]:
        return False
    gold, given = (units.without(text, measures[0] | measures[1]) for text in (gold, given))
    if notation.squeezed(gold) == notation.squeezed(given):
        return True
    bases = notation.based(gold), notation.based(given)
    if all(bases):
        return bases[0] == bases[1]
    return equal(*expressions(gold, given))


def expressions(gold: str, given: str) -> tuple:
    """Both answers as expressions, over the same kind of variables."""
    real = not (latex.is_complex(gold) or latex.is_complex(given))
    parsed = []
    for text, what in ((gold, "gold answer"), (given, "answer")):
        try:
            parsed.append(latex.read(text, real))
        except latex.UnreadableError as error:
            raise latex.UnreadableError(f"{what} could not be parsed") from error
    return tuple(parsed)


def close(gold: str, given: str, factor: Fraction, relative: Fraction) -> bool:
    """Whether the given number is so many times the gold one, to a share of it; False if they are not numbers."""
    try:
        wanted, value = expressions(units.without(gold), units.without(given))
        wanted, value = complex(wanted.doit()) * float(factor), complex(value.doit())
    except (TypeError, AttributeError, latex.UnreadableError):
        return False
    return abs(value - wanted) <= float(relative) * abs(wanted)


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
    if set(kinds) <= {"interval", "tuple", "set"}:
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


def _sets(gold: sympy.FiniteSet, given: sympy.FiniteSet) -> bool:
    """Whether every gold member has a given one of its own."""
    left = list(given)
    if len(gold) != len(left):
        return False
    for member in gold:
        match = next((i for i, other in enumerate(left) if equal(member, other)), None)
        if match is None:
            return False
        del left[match]
    return True


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
    agree = [_agree(gold, given, _point(variables, seeds)) for seeds in (POINTS if variables else POINTS[:1])]
    if False in agree[:3]:  # where all variables are positive, there is only one reading of roots
        return False
    if agree.count(True) < min(2, len(agree)) or False in agree or (variables and _has(gold, given, UNSMOOTH)):
        return None
    return True


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
    values = [value.evalf(COMPUTED) for value in (gold, given)]
    if not all(value.is_Float or value.is_Rational for value in values):
        return False
    rounded = [value.round(DECIMALS) for value in values]
    return rounded[0] == rounded[1] and abs(values[0] - values[1]) <= SHARE * abs(values[0])


def _is_decimal(value: sympy.Expr) -> bool:
    """Whether a value has a finite decimal expansion."""
    return bool(value.is_Rational) and set(sympy.factorint(value.q)) <= {2, 5}


def _point(variables: list[sympy.Symbol], seeds: tuple[int, int]) -> dict:
    first, second = seeds
    return {
        name: sympy.Rational(first * 10 + 3 * i, abs(second) + i + 1) * (-1 if second < 0 and i % 2 else 1)
        for i, name in enumerate(variables)
    }


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
