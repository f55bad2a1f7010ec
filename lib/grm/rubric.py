"""Rubrics: the criteria that a judge is asked about a trace, as frozen dataclasses read from `params/rubrics/`.

A criterion is one question with a closed set of labels. The value of a label, 0 to 1, says how far it is so; whether
that is good is said by the polarity alone: "yes" to an undesired criterion means that the bad thing is there.
"""

import copy
import dataclasses
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from lib import params, paths
from lib.params.settings import STRICT, Share, Text

KIND = "rubrics"  # the folder in params/
EARLIER = "rubrics/earlier"  # the folder of replaced versions, as <name>@<version>.yaml
CANNOT = "cannot_assess"  # the verdict that every criterion has beside its own labels
LEVELS = (3, 5)  # fewest and most options of an ordinal criterion
# words that leave it to the judge where to draw the line
VAGUE = re.compile(
    r"\b(good|appropriate|adequate|reasonable|proper|suitable|sufficient|acceptable|satisfactory|nice|high[- ]quality)"
    r"(ly)?\b|\b(suitably|reasonably|acceptably|well[- ]\w+)\b",
    re.IGNORECASE,
)
SLUG = r"[a-z][a-z0-9]*(_[a-z0-9]+)*"
NUMBER = r"(0|[1-9][0-9]*)"
VERSION = rf"{NUMBER}\.{NUMBER}\.{NUMBER}(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"


class RubricError(params.ParamsError):
    """A rubric that cannot be used; its text is one line that names every fault."""


def _matching(pattern: str, expected: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"expected {expected}, got {json.dumps(text)}")
        return text

    return AfterValidator(check)


def _not_empty(values: tuple) -> tuple:
    if not values:  # not pydantic's own limit, which counts only the items that are sound
        raise ValueError("expected at least one, got an empty list")
    return values


def _distinct(values: tuple) -> tuple:
    if repeated := _repeated(values):
        raise ValueError(f"expected each value once, {repeated[0]} is repeated")
    return values


def _repeated(values: Sequence) -> list:
    return [value for i, value in enumerate(values) if value in values[:i]]


# parts of a trace: thinking kept before the interrupt, inserted words, thinking after them, numbered lines of thinking
View = Literal["problem", "kept", "inserted", "after", "answer", "steps", "reference"]
VIEWS: tuple[str, ...] = get_args(View)
InterruptKind = Literal["none", "hard", "soft", "update", "control"]
Slug = Annotated[str, _matching(SLUG, "small letters, digits and single _ between them, such as ends_on_old")]
Version = Annotated[str, _matching(VERSION, 'three numbers, such as "1.0.0"')]
Parent = Annotated[str, _matching(rf"({SLUG}@{VERSION})?", 'a name and a version, such as "leakage@1.0.0"')]
Proxy = Annotated[str, _matching(r"([a-z]\w*\.[a-z]\w*)?", "a table and a column, such as labels.leakage")]


@dataclass(frozen=True, config=STRICT)
class Option:
    """One answer to a criterion."""

    label: Slug
    value: Share  # how far what is asked about is so
    description: str = ""  # what it looks like; levels of an ordinal criterion need one


YES_NO = (Option("yes", 1.0, "what the question asks about is so"), Option("no", 0.0, "it is not so"))


@dataclass(frozen=True, config=STRICT)
class Criterion:
    """One question to the judge, about one thing."""

    id: Slug
    question: Text
    polarity: Literal["desired", "undesired"]  # whether it is good that what is asked about is so
    # parts of the trace that the judge is shown
    views: Annotated[tuple[View, ...], AfterValidator(_not_empty), AfterValidator(_distinct)]
    weight: Annotated[float, Field(ge=0)] = 1.0
    scale: Literal["binary", "ordinal"] = "binary"
    # ordinal: three to five, from worst to best
    options: Annotated[tuple[Option, ...], Field(validate_default=True)] = YES_NO
    evidence: bool = False  # whether a verdict that it is so must quote the trace
    # the view in which the quote must lie
    evidence_from: Annotated[Literal[View, ""], Field(validate_default=True)] = ""
    reference: bool = False  # whether it cannot be judged without a reference
    applies: str = ""  # where it does not apply; "" if it always does
    proxy: Proxy = ""  # what a program knows of the same, as table.column; "" if none does
    tags: Annotated[tuple[Slug, ...], AfterValidator(_distinct)] = ()

    @field_validator("options")
    @classmethod
    def _check_options(cls, options: tuple[Option, ...], info: ValidationInfo) -> tuple[Option, ...]:
        for pair in itertools.combinations([CANNOT, *(option.label for option in options)], 2):
            short, long = sorted(pair, key=len)
            if short == long:
                raise ValueError(f"expected each label once, and none called {CANNOT}, got {long} again")
            if long.startswith(short):  # the two cannot be told apart where a reply breaks off
                raise ValueError(f"expected no label that begins with another, got {short} and {long}")
        values, (fewest, most) = [option.value for option in options], LEVELS
        listed = ", ".join(f"{value:g}" for value in values) or "none"
        if info.data.get("scale") == "binary" and sorted(values) != [0, 1]:
            raise ValueError(f"expected two, with the values 1 and 0, as scale is binary, got {listed}")
        if info.data.get("scale") == "ordinal":
            if not fewest <= len(options) <= most:
                raise ValueError(f"expected {fewest} to {most} from worst to best, as scale is ordinal, got {listed}")
            if bare := [option.label for option in options if not option.description]:
                raise ValueError(f"{bare[0]}: expected a description of this level, as scale is ordinal")
            falls = info.data.get("polarity") == "undesired"
            if "polarity" in info.data and values != sorted(set(values), reverse=falls):
                way = "fall, from 1 for the worst, as polarity is undesired" if falls else "rise, from worst to best"
                raise ValueError(f"expected values that {way}, got {listed}")
        return options

    @field_validator("evidence_from")
    @classmethod
    def _check_evidence(cls, view: str, info: ValidationInfo) -> str:
        evidence, views = info.data.get("evidence"), info.data.get("views")
        if evidence and views and view not in views:
            raise ValueError(f"expected one of its views {', '.join(views)}, got {view or 'none'}")
        if evidence is False and view:
            raise ValueError("should be left out, as evidence is false")
        return view

    @field_validator("reference")
    @classmethod
    def _check_reference(cls, reference: bool, info: ValidationInfo) -> bool:
        if reference and "reference" not in info.data.get("views", ["reference"]):
            raise ValueError("expected reference among the views, as reference is true")
        return reference

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(option.label for option in self.options)

    @property
    def values(self) -> dict[str, float]:
        return {option.label: option.value for option in self.options}

    @property
    def levels(self) -> tuple[str, ...]:
        """Labels from worst to best."""
        return tuple(sorted(self.labels, key=self.values.__getitem__, reverse=self.polarity == "undesired"))

    @property
    def quoted(self) -> tuple[str, ...]:
        """Labels that need a quote: not those of value 0, as what is not there cannot be quoted."""
        return tuple(option.label for option in self.options if self.evidence and option.value > 0)


@dataclass(frozen=True, config=STRICT)
class Gate:
    """A limit of the score for as long as a criterion has a label."""

    criterion: Slug
    label: Slug
    at_most: Share | None = None
    at_least: Annotated[Share | None, Field(validate_default=True)] = None

    @field_validator("at_least")
    @classmethod
    def _check_limits(cls, at_least: float | None, info: ValidationInfo) -> float | None:
        at_most = info.data.get("at_most", 1.0)  # of the wrong type: another fault
        if at_most is None and at_least is None:
            raise ValueError("missing, expected at_most, at_least or both")
        if at_most is not None and at_least is not None and at_least > at_most:
            raise ValueError(f"expected no more than at_most, {at_most}, got {at_least}")
        return at_least


@dataclass(frozen=True, config=STRICT)
class Rubric:
    """Criteria that are judged and scored together.

    Raises:
        pydantic.ValidationError: a ValueError; a wrong type or value, or keys that contradict each other.
    """

    name: Slug
    version: Version
    title: Text
    # what one score is about; step: a trace as numbered lines, of which a quote points at one
    scope: Literal["answer", "trace", "step", "pair"]
    # kinds of interrupt that it is for; none: uninterrupted traces
    interrupts: Annotated[tuple[InterruptKind, ...], AfterValidator(_not_empty), AfterValidator(_distinct)]
    criteria: Annotated[tuple[Criterion, ...], AfterValidator(_not_empty)]
    author: Text
    status: Literal["candidate", "active", "retired"] = "candidate"
    gates: tuple[Gate, ...] = ()
    parent: Parent = ""  # the version it was made from, as name@version
    changes: tuple[Text, ...] = ()  # differences from the parent, a line each

    @field_validator("criteria")
    @classmethod
    def _check_criteria(cls, criteria: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        if repeated := _repeated([criterion.id for criterion in criteria]):
            raise ValueError(f"expected each id once, got {repeated[0]} again")
        if not any(criterion.polarity == "desired" and criterion.weight for criterion in criteria):
            raise ValueError("expected at least one that is desired and has a weight above 0, or no score is defined")
        return criteria

    @field_validator("gates")
    @classmethod
    def _check_gates(cls, gates: tuple[Gate, ...], info: ValidationInfo) -> tuple[Gate, ...]:
        labels = {criterion.id: criterion.labels for criterion in info.data.get("criteria", ())}
        for gate in gates if labels else ():
            if gate.criterion not in labels:
                raise ValueError(_no_such("criterion", gate.criterion, labels))
            if gate.label not in labels[gate.criterion]:
                raise ValueError(f"{gate.criterion}: {_no_such('label', gate.label, labels[gate.criterion])}")
        return gates

    @field_validator("parent")
    @classmethod
    def _check_parent(cls, parent: str, info: ValidationInfo) -> str:
        if parent and parent == f"{info.data.get('name')}@{info.data.get('version')}":
            raise ValueError(f"expected an earlier version, got {parent}, which is this one")
        return parent

    @property
    def full_name(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits of everything but title and changes."""
        values = {key: value for key, value in self.as_dict().items() if key not in ("title", "changes")}
        canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    @property
    def identity(self) -> str:
        """Full name and hash, as stored with each judgement."""
        return f"{self.full_name}#{self.hash}"

    def as_dict(self) -> dict[str, Any]:
        return json.loads(json.dumps(dataclasses.asdict(self)))  # lists for tuples

    def criterion(self, name: str) -> Criterion:
        """The criterion of this id; KeyError if there is none."""
        return {criterion.id: criterion for criterion in self.criteria}[name]

    def only(self, ids: Iterable[str]) -> "Rubric":
        """The rubric of some of its criteria, in its own order, and of their gates, under another hash.

        Raises:
            RubricError: an id is none of the criteria, or there is no id.
        """
        known, wanted = [criterion.id for criterion in self.criteria], list(ids)
        if unknown := [name for name in wanted if name not in known]:
            raise RubricError(_no_such("criterion", unknown[0], known))
        if not wanted:
            raise RubricError(f"no criteria, expected {', '.join(known)}")
        part = copy.copy(self)  # not validated: a part need not have a desired criterion
        object.__setattr__(part, "criteria", tuple(one for one in self.criteria if one.id in wanted))
        object.__setattr__(part, "gates", tuple(gate for gate in self.gates if gate.criterion in wanted))
        return part


def _no_such(kind: str, name: str, known: Iterable[str]) -> str:
    known = list(known)
    return f"no {kind} {name}{params.suggestion(name, known)}, expected one of {', '.join(known)}"


def names(kind: str = KIND) -> list[str]:
    """Names of the rubrics in `params/rubrics/`, without earlier versions."""
    return sorted(file.stem for file in (paths.PARAMS / kind).glob("*.yaml"))


def load(name: str) -> Rubric:
    """Read `params/rubrics/<name>.yaml`; or the version that `<name>@<version>` names, there or in `earlier/`.

    Raises:
        RubricError: a missing file, broken YAML, or the faults of the file, joined by "; ".
    """
    plain, _, version = name.partition("@")
    kind, stem = (EARLIER, name) if name in names(EARLIER) else (KIND, plain)
    try:
        if stem not in names(kind):
            raise params.ParamsError(f"no file {params.missing(KIND, stem)}")
        values = params.read(kind, stem)
    except params.ParamsError as error:
        raise RubricError(str(error)) from error
    file = params.location(kind, stem)
    rubric = _parse(plain, values, file)
    if version not in ("", rubric.version):
        where = f"here, or a file {params.location(EARLIER, name)}"
        raise RubricError(f"{file}: version: expected {version} {where}, got {rubric.version}")
    return rubric


def _parse(name: str, values: dict[str, Any], file: str) -> Rubric:
    faults = ["name: should be left out, as the file's name tells it"] if "name" in values else []
    try:
        # as JSON, whose lists and objects stand for tuples and dataclasses even where nothing else is converted
        rubric = TypeAdapter(Rubric).validate_json(json.dumps(values | {"name": name}, default=str))
    except ValidationError as error:
        faults += map(_format_error, error.errors())
    except (TypeError, ValueError) as error:
        raise RubricError(f"{file}: expected plain texts, numbers, lists and `key: value` only ({error})") from error
    if faults:
        raise RubricError(f"{file}: {'; '.join(faults)}")
    return rubric


def _format_error(error: Any) -> str:
    """One of pydantic's errors as `key: what was expected`."""
    text = params.format_error(error)
    plain = {"a valid array": "a list", "an object": "`key: value` lines", "0.1; YAML": "0.1, as YAML"}
    for formal, words in plain.items():
        text = text.replace(formal, words)
    if error["type"] == "string_type" and isinstance(error["input"], bool):
        return f'{text} (YAML reads yes and no without quotes so, expected "yes" or "no")'
    if error["type"] == "unexpected_keyword_argument":
        *place, key = error["loc"]
        holder = next((step for step in reversed(place) if isinstance(step, str)), "")
        cls = {"criteria": Criterion, "options": Option, "gates": Gate}.get(holder, Rubric)
        known = [field.name for field in dataclasses.fields(cls) if (cls, field.name) != (Rubric, "name")]
        return f"{text.partition(':')[0]}: unknown key{params.suggestion(key, known)}, expected {', '.join(known)}"
    return text


def warnings(rubric: Rubric) -> list[str]:
    """Wording that may make verdicts unsteady: vague words without described levels, and two questions in one."""
    texts = []
    for criterion in rubric.criteria:
        anchored = all(option.description for option in criterion.options) and criterion.options != YES_NO
        if not anchored and (vague := VAGUE.search(criterion.question)):
            texts.append(f"{criterion.id}: question: {vague[0]} is not told apart by described options")
        for option in criterion.options:
            if vague := VAGUE.search(option.description):
                texts.append(f"{criterion.id}: option {option.label}: {vague[0]} does not say what is seen")
        if criterion.question.count("?") > 1:
            texts.append(f"{criterion.id}: question: asks more than one thing, expected one")
    return texts
