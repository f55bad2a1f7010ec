"""The words of a rubric: what names, versions and views may be, as types that check themselves."""

import json
import re
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator

# parts of a trace: thinking kept before the interrupt, inserted words, thinking after them, numbered lines of thinking
View = Literal["problem", "kept", "inserted", "after", "answer", "steps", "reference"]
VIEWS: tuple[str, ...] = get_args(View)
Interruption = Literal["none", "hard", "soft", "update", "control"]

NUMBER = r"(0|[1-9][0-9]*)"
VERSION = rf"{NUMBER}\.{NUMBER}\.{NUMBER}(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
SLUG = r"[a-z][a-z0-9]*(_[a-z0-9]+)*"


def _matching(pattern: str, expected: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"expected {expected}, got {json.dumps(text)}")
        return text

    return AfterValidator(check)


def some(values: tuple) -> tuple:
    """The values, of which there must be one at least, or a ValueError says so."""
    if not values:  # said here, as pydantic's own limit takes a faulty item for a missing one
        raise ValueError("expected at least one, got an empty list")
    return values


def _distinct(values: tuple) -> tuple:
    if repeated := [value for i, value in enumerate(values) if value in values[:i]]:
        raise ValueError(f"expected each value once, {repeated[0]} is repeated")
    return values


Slug = Annotated[str, _matching(SLUG, "small letters, digits and single _ between them, such as ends_on_old")]
Version = Annotated[str, _matching(VERSION, 'three numbers, such as "1.0.0"')]
Parent = Annotated[str, _matching(rf"({SLUG}@{VERSION})?", 'a name and a version, such as "leakage@1.0.0"')]
Proxy = Annotated[str, _matching(r"([a-z]\w*\.[a-z]\w*)?", "a table and a column, such as labels.leakage")]
Views = Annotated[tuple[View, ...], AfterValidator(some), AfterValidator(_distinct)]
Interruptions = Annotated[tuple[Interruption, ...], AfterValidator(some), AfterValidator(_distinct)]
Tags = Annotated[tuple[Slug, ...], AfterValidator(_distinct)]
