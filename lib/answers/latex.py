"""Parser of LaTeX to sympy expressions, on the one behind math-verify. Importing this takes a second.

No answer is evaluated as Python, not even on the parser's way to a number, where it would call sympy's `sympify` on
the digits: `_Reader` makes numbers itself. It also asks ANTLR for its fast strategy first (four times as fast, with the
same result wherever it succeeds) and for the full one only where that fails.
"""

import functools
import re
from fractions import Fraction

import sympy
from antlr4.atn.PredictionMode import PredictionMode
from latex2sympy2_extended import NormalizationConfig, normalize_latex
from latex2sympy2_extended.latex2sympy2 import _Latex2Sympy
from math_verify.grader import should_treat_as_complex

# How the text is put right before it is parsed; units are taken off by `units`, and boxes by `extract`.
LAYOUT = NormalizationConfig(basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="none")
SIDES = re.compile(r"(?<![\\<!>])=")  # an equals sign of a chain a = b = c
IMAGINARY = re.compile(r"(?<![A-Za-z\\])i(?![A-Za-z])")
REPEATING = re.compile(r"(\d*)\.(\d*)\\(?:overline|bar|dot)\s*\{(\d+)\}")
THOUSANDS = re.compile(r"\s*(-?)\s*([1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?)\s*")


class UnreadableError(ValueError):
    """The text is not LaTeX that the parser knows."""


class _Reader(_Latex2Sympy):
    """The parser of LaTeX, with numbers that are made from their digits alone."""

    def __init__(self, mode: int, is_real: bool | None):
        super().__init__(is_real=is_real)
        self.mode = mode

    def create_parser(self, latex_str: str) -> object:
        parser = super().create_parser(latex_str)
        parser._interp.predictionMode = self.mode
        return parser

    def parse(self, latex_str: str) -> object:
        if match := THOUSANDS.fullmatch(latex_str):
            return self.parse_number(match[1] + match[2])
        return super().parse(latex_str)

    def convert_func(self, func: object) -> sympy.Basic:
        """As the parser reads it, but an odd root of a negative number is a negative number."""
        expression = super().convert_func(func)
        if func.FUNC_SQRT() and func.root and isinstance(expression, sympy.Pow):
            base, degree = expression.base, 1 / expression.exp
            if degree.is_Integer and degree.is_odd and base.is_number and base.doit().is_negative:
                return -sympy.Pow(-base, expression.exp, evaluate=False)
        return expression

    def parse_number(self, text: str) -> sympy.Number:
        text = re.sub(r"[,\s]", "", text)
        return sympy.Integer(int(text)) if re.fullmatch(r"[-+]?\d+", text) else sympy.Float(text)


def is_complex(text: str) -> bool:
    """Whether a text speaks of complex numbers or matrices, so that its variables need not be real."""
    return bool(IMAGINARY.search(text)) or should_treat_as_complex(text)


@functools.lru_cache(maxsize=4096)
def read(text: str, real: bool = True) -> sympy.Basic | sympy.MatrixBase:
    """The expression that LaTeX stands for, not evaluated; its variables are real or anything.

    Raises:
        UnreadableError: the parser does not know the text.
    """
    text = REPEATING.sub(_fraction, text).replace("\\varnothing", "\\emptyset")
    latex = normalize_latex(text, LAYOUT)
    sides = SIDES.split(latex)
    try:
        return _parse(latex, real)
    except UnreadableError:
        if len(sides) < 3 or "," in latex or ";" in latex:
            raise
        return _parse(sides[-1], real)  # of a chain that cannot be read, its last side


def _fraction(repeating: re.Match) -> str:
    r"""A repeating decimal such as `0.1\overline{6}` as a fraction."""
    whole, first, again = repeating.groups()
    scale = 10 ** len(first)
    value = Fraction(int(whole + first + again) - int(whole + first or "0"), scale * 10 ** len(again) - scale)
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _parse(latex: str, real: bool) -> sympy.Basic | sympy.MatrixBase:
    for mode in (PredictionMode.SLL, PredictionMode.LL):
        try:
            expression = _Reader(mode, real or None).parse(latex)
        except (MemoryError, RecursionError):
            raise
        except Exception as error:  # the parser raises bare exceptions, and what sympy does not like
            reason = error
        else:
            if isinstance(expression, bool):  # of one set within another
                return sympy.true if expression else sympy.false
            if isinstance(expression, (sympy.Basic, sympy.MatrixBase)):
                return expression if real else _with_imaginary_unit(expression)
            reason = TypeError(f"not an expression: {type(expression).__name__}")
    raise UnreadableError("not LaTeX that can be parsed") from reason


def _with_imaginary_unit(expression: sympy.Basic | sympy.MatrixBase) -> sympy.Basic | sympy.MatrixBase:
    """The same with the number i where it says i."""
    letters = {name: sympy.I for name in expression.free_symbols if name.name == "i"}
    return expression.xreplace(letters) if letters else expression
