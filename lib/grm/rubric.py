"""Rubrics: what a judge is asked about a trace, as checked, frozen dataclasses read from `params/rubrics/`.

A rubric is a list of criteria. Each is one question with a closed set of answers, its labels; the value of a label, 0
to 1, tells how far what is asked about is so. Whether that is good is told by the polarity alone, so a "yes" to an
undesired criterion means that the bad thing is there.
"""

import copy
import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from lib import params, paths
from lib.grm import faults
from lib.grm.words import Interruptions, Parent, Proxy, Slug, Tags, Version, View, Views, some
from lib.params.settings import STRICT, Share, Text

KIND = "rubrics"  # the folder in params/
EARLIER = "rubrics/earlier"  # the folder of versions that others have replaced, as <name>@<version>.yaml
# words that leave it to the judge where to draw the line
VAGUE = re.compile(
    r"\b(good|appropriate|adequate|reasonable|proper|suitable|sufficient|acceptable|satisfactory|nice|high[- ]quality)"
    r"(ly)?\b|\b(suitably|reasonably|acceptably|well[- ]\w+)\b",
    re.IGNORECASE,
)


class RubricError(params.ParamsError):
    """A rubric that cannot be used; its text is one line that names every fault."""


@dataclass(frozen=True, config=STRICT)
class Option:
    """One answer to a criterion."""

    label: Slug
    value: Share  # how far what is asked about is so, from 0 to 1
    description: str = ""  # what it looks like; levels of an ordinal criterion need one


YES_NO = (Option("yes", 1.0, "what the question asks about is so"), Option("no", 0.0, "it is not so"))


@dataclass(frozen=True, config=STRICT)
class Criterion:
    """One question to the judge, about one thing."""

    id: Slug
    question: Text
    polarity: Literal["desired", "undesired"]  # whether it is good that what is asked about is so
    views: Views  # parts of the trace that the judge is shown
    weight: Annotated[float, Field(ge=0)] = 1.0
    scale: Literal["binary", "ordinal"] = "binary"
    options: tuple[Option, ...] = YES_NO  # ordinal: three to five, from worst to best
    evidence: bool = False  # whether a verdict that it is so must quote the trace
    evidence_from: Literal[View, ""] = ""  # the view in which the quote must lie
    reference: bool = False  # whether it cannot be judged without a reference
    applies: str = ""  # where it does not apply; "" if it always does
    proxy: Proxy = ""  # what a program found out about the same, as table.column; "" if none does
    tags: Tags = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels as the file has them."""
        return tuple(option.label for option in self.options)

    @property
    def values(self) -> dict[str, float]:
        """Value of each label, from 0 to 1."""
        return {option.label: option.value for option in self.options}

    @property
    def levels(self) -> tuple[str, ...]:
        """Labels from worst to best."""
        return tuple(sorted(self.labels, key=self.values.__getitem__, reverse=self.polarity == "undesired"))

    @property
    def quoted(self) -> tuple[str, ...]:
        """Labels that need a quote: of what is not there nothing can be quoted, so those of value 0 need none."""
        return tuple(option.label for option in self.options if self.evidence and option.value > 0)


@dataclass(frozen=True, config=STRICT)
class Gate:
    """A limit of the score for as long as a criterion has a label."""

    criterion: Slug
    label: Slug
    at_most: Share | None = None
    at_least: Share | None = None


@dataclass(frozen=True, config=STRICT)
class Rubric:
    """Criteria that are judged and scored together.

    Raises:
        pydantic.ValidationError: a ValueError; a wrong type or value, or faults between keys.
    """

    name: Slug
    version: Version
    title: Text
    # what one score is about; step: a trace as numbered lines, of which a quote points at one
    scope: Literal["answer", "trace", "step", "pair"]
    interrupts: Interruptions  # kinds of interrupt that it is for; none: uninterrupted traces
    criteria: Annotated[tuple[Criterion, ...], AfterValidator(some)]
    author: Text
    status: Literal["candidate", "active", "retired"] = "candidate"
    gates: tuple[Gate, ...] = ()
    parent: Parent = ""  # the version it was made from, as name@version
    changes: tuple[Text, ...] = ()  # what is different from the parent, a line each

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if found := faults.between_keys(dataclasses.asdict(self)):
            raise ValueError("; ".join(found))
        return self

    @property
    def full_name(self) -> str:
        """Name and version, as a child names its parent."""
        return f"{self.name}@{self.version}"

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits of all that is said here but title and changes, however the file is laid out."""
        said = {key: value for key, value in self.as_dict().items() if key not in ("title", "changes")}
        canonical = json.dumps(said, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain dicts and lists, defaults included."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    def criterion(self, name: str) -> Criterion:
        """The criterion of this id; KeyError if there is none."""
        return {criterion.id: criterion for criterion in self.criteria}[name]

    def only(self, ids: Iterable[str]) -> "Rubric":
        """The rubric of some of its criteria, in its own order, without the gates of the others; its hash is another.

        Where none of them is desired and has a weight, no score is defined; each can still be judged by itself.

        Raises:
            RubricError: an id is none of the criteria, or there is no id.
        """
        known, wanted = [criterion.id for criterion in self.criteria], list(ids)
        expected = f"expected {'one of ' if wanted else ''}{', '.join(known)}"
        if strange := [name for name in wanted if name not in known]:
            raise RubricError(f"no criterion {strange[0]}{faults.guess(strange[0], known)}, {expected}")
        if not wanted:
            raise RubricError(f"no criteria, {expected}")
        part = copy.copy(self)  # not made anew: what must hold of a whole rubric need not hold of a part
        object.__setattr__(part, "criteria", tuple(one for one in self.criteria if one.id in wanted))
        object.__setattr__(part, "gates", tuple(gate for gate in self.gates if gate.criterion in wanted))
        return part


PARTS = {"criteria": Criterion, "options": Option, "gates": Gate}


def names(kind: str = KIND) -> list[str]:
    """Names of the rubrics in `params/rubrics/`, without earlier versions."""
    return sorted(file.stem for file in (paths.PARAMS / kind).glob("*.yaml"))


def load(name: str) -> Rubric:
    """Read `params/rubrics/<name>.yaml`; or the version that `<name>@<version>` names, there or in `earlier/`.

    Raises:
        RubricError: a missing file, broken YAML, or else every fault of the file at once, joined by "; ".
    """
    plain, _, version = name.partition("@")
    kind, stem = (EARLIER, name) if name in names(EARLIER) else (KIND, plain)
    try:
        if stem not in names(kind):
            raise params.ParamsError(f"no file {params.missing(KIND, stem)}")
        values = params.read(kind, stem)
    except params.ParamsError as error:
        raise RubricError(str(error)) from error
    rubric = _made(plain, values, params.location(kind, stem))
    if version not in ("", rubric.version):
        where = f"here, or a file {params.location(EARLIER, name)}"
        raise RubricError(f"{params.location(kind, stem)}: version: expected {version} {where}, got {rubric.version}")
    return rubric


def warnings(rubric: Rubric) -> list[str]:
    """What may make verdicts on a rubric unsteady, one text each; nothing of it keeps the rubric from being used.

    That is a question whose words leave the line to the judge ("good", "appropriate") without levels that draw it, a
    level described in such words, and two questions in one.
    """
    found = []
    for criterion in rubric.criteria:
        anchored = all(option.description for option in criterion.options) and criterion.options != YES_NO
        if not anchored and (vague := VAGUE.search(criterion.question)):
            found.append(f"{criterion.id}: question: {vague[0]} is not told apart by described options")
        for option in criterion.options:
            if vague := VAGUE.search(option.description):
                found.append(f"{criterion.id}: option {option.label}: {vague[0]} does not say what is seen")
        if criterion.question.count("?") > 1:
            found.append(f"{criterion.id}: question: asks more than one thing, expected one")
    return found


def _made(name: str, values: dict[str, Any], file: str) -> Rubric:
    named = values | {"name": name}
    told = ["name: should be left out, as the file's name tells it"] if "name" in values else []
    try:
        # as JSON, whose lists and objects stand for tuples and dataclasses even where nothing else is converted
        rubric = TypeAdapter(Rubric).validate_json(json.dumps(named, default=str))
    except ValidationError as error:
        told += [_tell(one) for one in error.errors() if one["loc"]] + faults.between_keys(named)
    except (TypeError, ValueError) as error:
        raise RubricError(f"{file}: expected plain texts, numbers, lists and `key: value` only ({error})") from error
    if told:
        raise RubricError(f"{file}: {'; '.join(told)}")
    return rubric


PLAINER = {
    "a valid array": "a list",
    "an object": "`key: value` lines",
    "0.1; YAML": "0.1, as YAML",  # "; " stands between faults only
}


def _tell(error: Any) -> str:
    """One of pydantic's errors as `key: what was expected`."""
    told = functools.reduce(lambda text, pair: text.replace(*pair), PLAINER.items(), params.format_error(error))
    if error["type"] != "unexpected_keyword_argument":
        is_word = error["type"] == "string_type" and isinstance(error["input"], bool)
        return f'{told} (YAML reads yes and no without quotes so, expected "yes" or "no")' if is_word else told
    *place, key = error["loc"]
    part = PARTS.get(next((step for step in reversed(place) if isinstance(step, str)), ""), Rubric)
    known = [field.name for field in dataclasses.fields(part) if (part, field.name) != (Rubric, "name")]
    return f"{told.partition(':')[0]}: unknown key{faults.guess(key, known)}, expected {', '.join(known)}"
