"""Faults of a rubric that lie between its keys, such as a gate on a label that its criterion does not have.

They are looked for in plain dicts and lists, whose types may be wrong themselves: so a file with a wrong type in one
place is told its other faults too. What has no readable value is passed over here; its type is a fault of its own.
"""

import difflib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from lib.grm.words import VIEWS

CANNOT = "cannot_assess"  # the verdict that every criterion has beside its own labels
YES_NO = ({"label": "yes", "value": 1}, {"label": "no", "value": 0})  # of a binary criterion that lists no options
LEVELS = (3, 5)  # fewest and most options of an ordinal criterion


def between_keys(rubric: Mapping[str, Any]) -> list[str]:
    """What is wrong between the keys of a rubric, given as plain dicts and lists: `key: what was expected`, each."""
    criteria = _mappings(rubric.get("criteria"))
    return [
        *_names_its_parent(rubric),
        *_stands_twice(criteria),
        *_undefined_score(criteria, rubric.get("criteria")),
        *(fault for i, criterion in criteria for fault in _of_criterion(f"criteria[{i}]", criterion)),
        *(fault for i, gate in _mappings(rubric.get("gates")) for fault in _of_gate(f"gates[{i}]", gate, criteria)),
    ]


def guess(given: str, known: list[str]) -> str:
    """A hint at the known word that a given one resembles, in brackets, or ""."""
    close = difflib.get_close_matches(given, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


Numbered = list[tuple[int, Mapping[str, Any]]]


def _names_its_parent(rubric: Mapping[str, Any]) -> Iterator[str]:
    own = f"{rubric.get('name')}@{rubric.get('version')}"
    if rubric.get("parent") == own:
        yield f"parent: expected an earlier version, got {own}, which is this one"


def _stands_twice(criteria: Numbered) -> Iterator[str]:
    first: dict[str, int] = {}
    for i, criterion in criteria:
        name = criterion.get("id")
        if isinstance(name, str) and first.setdefault(name, i) != i:
            yield f"criteria[{i}].id: expected each id once, got {name} as in criteria[{first[name]}]"


def _undefined_score(criteria: Numbered, listed: Any) -> Iterator[str]:
    """A score is a share of the desired weight; where there is none it could never be told."""
    readable = all(_number(criterion.get("weight", 1)) is not None for _, criterion in criteria)
    if not criteria or not readable or len(criteria) != len(listed):
        return
    desired = [criterion for _, criterion in criteria if criterion.get("polarity") != "undesired"]
    if not any(criterion.get("weight", 1) > 0 for criterion in desired):
        yield "criteria: expected at least one that is desired and has a weight above 0, or no score is defined"


def _of_criterion(key: str, criterion: Mapping[str, Any]) -> Iterator[str]:
    views, source = _texts(criterion.get("views")), criterion.get("evidence_from", "")
    evidence, reference = criterion.get("evidence", False), criterion.get("reference", False)
    if evidence is True and source == "":
        yield f"{key}.evidence_from: expected one of {', '.join(views)}, as evidence is true"
    elif evidence is False and source != "":
        yield f"{key}.evidence_from: should be left out, as evidence is false"
    elif evidence is True and source in VIEWS and views and source not in views:
        yield f"{key}.evidence_from: expected one of its views {', '.join(views)}, got {source}"
    if reference is True and views and "reference" not in views:
        yield f"{key}.views: expected reference among them, as reference is true"
    options = criterion.get("options", YES_NO)
    yield from _overlapping(key, [label for _, label in _labels(options)])
    if criterion.get("scale", "binary") == "binary":
        yield from _of_binary(key, options)
    elif criterion.get("scale") == "ordinal":
        yield from _of_ordinal(key, criterion, options)


def _overlapping(key: str, labels: list[str]) -> Iterator[str]:
    """A label that begins with another cannot be told from it where a reply breaks off or goes on."""
    for i, label in enumerate(labels):
        for other in [*labels[:i], CANNOT]:
            short, long = sorted((label, other), key=len)
            if short == long:
                yield f"{key}.options: expected each label once, and none called {CANNOT}, got {label} again"
            elif long.startswith(short):
                yield f"{key}.options: expected no label that begins with another, got {short} and {long}"


def _of_binary(key: str, options: Any) -> Iterator[str]:
    values = _values(options)
    if values is not None and sorted(values) != [0, 1]:
        yield f"{key}.options: expected two, with the values 1 and 0, as scale is binary, got {_listed(values)}"


def _of_ordinal(key: str, criterion: Mapping[str, Any], options: Any) -> Iterator[str]:
    fewest, most = LEVELS
    if "options" not in criterion:
        yield f"{key}.options: missing, expected {fewest} to {most} from worst to best, as scale is ordinal"
        return
    if isinstance(options, (list, tuple)) and not fewest <= len(options) <= most:
        yield f"{key}.options: expected {fewest} to {most}, as scale is ordinal, got {len(options)}"
    for i, option in _mappings(options):
        if option.get("description", "") == "":
            yield f"{key}.options[{i}].description: missing, expected what this level looks like, as scale is ordinal"
    values, falls = _values(options), criterion.get("polarity") == "undesired"
    if values and criterion.get("polarity") in ("desired", "undesired"):
        pairs = itertools.pairwise(values)
        if not all(after < before if falls else before < after for before, after in pairs):
            way = "fall, from 1 for the worst, as polarity is undesired" if falls else "rise, from worst to best"
            yield f"{key}.options: expected values that {way}, got {_listed(values)}"


def _of_gate(key: str, gate: Mapping[str, Any], criteria: Numbered) -> Iterator[str]:
    by_id = {criterion["id"]: criterion for _, criterion in criteria if isinstance(criterion.get("id"), str)}
    name, label = gate.get("criterion"), gate.get("label")
    if isinstance(name, str) and name not in by_id:
        yield f"{key}.criterion: no criterion {name}{guess(name, list(by_id))}, expected one of {', '.join(by_id)}"
    elif isinstance(name, str) and isinstance(label, str):
        labels = [known for _, known in _labels(by_id[name].get("options", YES_NO))]
        if label not in labels:
            yield f"{key}.label: {name} has no label {label}{guess(label, labels)}, expected one of {', '.join(labels)}"
    most, least = gate.get("at_most"), gate.get("at_least")
    if most is None and least is None:
        yield f"{key}: expected at_most, at_least or both"
    elif _number(most) is not None and _number(least) is not None and least > most:
        yield f"{key}.at_least: expected no more than at_most, {most}, got {least}"


def _mappings(value: Any) -> Numbered:
    items = value if isinstance(value, (list, tuple)) else []
    return [(i, item) for i, item in enumerate(items) if isinstance(item, Mapping)]


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, (list, tuple)) else []


def _labels(options: Any) -> list[tuple[int, str]]:
    return [(i, option["label"]) for i, option in _mappings(options) if isinstance(option.get("label"), str)]


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _values(options: Any) -> list[float] | None:
    """Values of all options; None if there is something else among them."""
    found = [_number(option.get("value")) for _, option in _mappings(options)]
    whole = isinstance(options, (list, tuple)) and len(found) == len(options)
    return [value for value in found if value is not None] if whole and None not in found else None


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:g}" for value in values) or "none"
