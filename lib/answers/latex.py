r"""Parser of LaTeX to sympy expressions, on the one behind math-verify. Importing this takes a second.

It is given canonical LaTeX (`notation.normal`) and differs from that parser in this:

* No answer is evaluated as Python, not even on the way to a number: `_Reader` makes numbers from their digits.
* What stands side by side is multiplied. Mixed numbers have been written as sums before; two bare numbers side by side
  cannot be read, nor a number with an index.
* Letters keep their case, degrees are numbers, and an odd root of a negative number is negative.
* ANTLR's fast strategy is tried first (four times as fast, with the same result wherever it succeeds).
"""

import functools
import re

import sympy
from antlr4.atn.PredictionMode import PredictionMode
from latex2sympy2_extended.latex2sympy2 import ConversionConfig, _Latex2Sympy
from math_verify.grader import should_treat_as_complex

CONFIG = ConversionConfig(lowercase_symbols=False)
IMAGINARY = re.compile(r"(?<![A-Za-z\\])i(?![A-Za-z])")
DIGITS = re.compile(r"[\d.,]+")


class UnreadableError(ValueError):
    """The text is not LaTeX that the parser knows."""


class _Reader(_Latex2Sympy):
    """The parser of LaTeX, with the differences above."""

    def __init__(self, mode: int, is_real: bool | None):
        super().__init__(is_real=is_real, convert_degrees=True, config=CONFIG)
        self.mode = mode

    def create_parser(self, latex_str: str) -> object:
        parser = super().create_parser(latex_str)
        parser._interp.predictionMode = self.mode
        return parser

    def convert_postfix_list(self, arr: list, i: int = 0) -> sympy.Basic:
        """The product of factors that stand side by side."""
        left = self.convert_postfix(arr[i])
        if isinstance(left, list) and len(left) == 1 and i + 1 < len(arr):
            return sympy.Derivative(self.convert_postfix_list(arr, i + 1), left[0])
        if i + 1 == len(arr) or not isinstance(left, (sympy.Expr, sympy.MatrixBase)):
            return left
        if DIGITS.fullmatch(arr[i].getText()) and DIGITS.match(arr[i + 1].getText()):
            raise UnreadableError("two numbers side by side")
        right = self.convert_postfix_list(arr, i + 1)
        has_matrix = any(getattr(side, "is_Matrix", False) for side in (left, right))
        return self.mat_mul_flat(left, right) if has_matrix else self.mul_flat(left, right)

    def convert_atom(self, atom: object) -> sympy.Basic:
        numeral = atom.number_subexpr()
        if numeral and numeral.subexpr():
            raise UnreadableError("a number with an index")
        return super().convert_atom(atom)

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
        return sympy.Integer(int(text)) if re.fullmatch(r"[-+]?\d+", text) else sympy.Float(text, max(15, len(text)))


def is_complex(text: str) -> bool:
    """Whether a text speaks of complex numbers or matrices, so that its variables need not be real."""
    return bool(IMAGINARY.search(text)) or should_treat_as_complex(text)


@functools.lru_cache(maxsize=4096)
def read(text: str, real: bool = True) -> sympy.Basic | sympy.MatrixBase:
    """The expression that canonical LaTeX stands for, not evaluated; its variables are real or anything.

    Raises:
        UnreadableError: the parser does not know the text.
    """
    text = re.sub(r"(?<![\d.])\.(?=\d)", "0.", text.replace("'", "").replace('"', ""))
    for mode in (PredictionMode.SLL, PredictionMode.LL):
        try:
            expression = _Reader(mode, real or None).parse(text)
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
