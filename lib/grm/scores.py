"""One score of an item from its judged criteria, with how much was judged and how far the rest could move it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

STATUSES = ("ok", "abstain", "parse_error", "truncated", "refused", "infra_error", "evidence_missing")


class Weighted(Protocol):
    """What a score needs to know of a criterion; `weight` is from 0 up, `polarity` desired or undesired."""

    id: str
    weight: float
    polarity: str


class Cap(Protocol):
    """What a score needs to know of a gate: a `criterion` judged as `label` holds the score in these limits, if any."""

    criterion: str
    label: str
    at_most: float | None
    at_least: float | None


@dataclass(frozen=True)
class Judgement:
    """What is known of one criterion on one item; only status ok has a label and a value from 0 to 1.

    Raises:
        ValueError: an unknown status, a value without ok, ok without a value from 0 to 1.
    """

    status: str
    label: str | None = None
    value: float | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status {self.status!r}: expected one of {', '.join(STATUSES)}")
        if self.status != "ok" and (self.value is not None or self.label is not None):
            raise ValueError(f"status {self.status}: expected no label and no value, got {self.label}, {self.value}")
        if self.status == "ok" and (self.value is None or not 0 <= self.value <= 1):
            raise ValueError(f"status ok: expected a value from 0 to 1, got {self.value}")


@dataclass(frozen=True)
class Score:
    """A score from 0 to 1 and what stands behind it."""

    raw: float | None  # before limits; below 0 where undesired things outweigh; None: nothing desired was judged
    clamped: float | None  # raw, held in 0 to 1
    score: float | None  # clamped, held in the limits of the gates
    coverage: float  # share of all weight that was judged
    low: float | None  # score if all that was not judged came out worst; None: no desired criterion has a weight
    high: float | None  # the same, best
    gates: tuple[str, ...]  # gates that held, as "criterion=label"


def score(judgements: Mapping[str, Judgement], criteria: Sequence[Weighted], gates: Iterable[Cap] = ()) -> Score:
    """The score of one item: sum of signed weight x value over the sum of desired weight, of what was judged.

    Undesired criteria count with a minus, as in HealthBench (Arora et al., arXiv 2505.08775). A failed judgement, an
    abstention and one that is absent are the same: the criterion is in neither sum, and widens low to high. A gate
    whose criterion was not judged limits low or high only.

    Raises:
        ValueError: a judgement or gate names no criterion, ids repeat, a polarity or weight is unknown, no weight.
    """
    _check(judgements, criteria, gates := tuple(gates))
    values = {name: said.value for name, said in judgements.items() if said.status == "ok"}
    judged = [criterion for criterion in criteria if criterion.id in values]
    raw = _mean(judged, values)
    held = [gate for gate in gates if gate.criterion in values and judgements[gate.criterion].label == gate.label]
    unknown = [gate for gate in gates if gate.criterion not in values]
    worst, best = (
        _mean(criteria, {c.id: float((c.polarity == "desired") is wanted) for c in criteria} | values)
        for wanted in (False, True)
    )
    return Score(
        raw=raw,
        clamped=_limited(raw, [], []),
        score=_limited(raw, held, held),
        coverage=sum(c.weight for c in judged) / sum(c.weight for c in criteria),
        low=_limited(worst, held, [*held, *unknown]),
        high=_limited(best, [*held, *unknown], held),
        gates=tuple(f"{gate.criterion}={gate.label}" for gate in held),
    )


def tree(node: Mapping[str, Any]) -> float | None:
    """The score of a node of a weighted tree: a leaf's own, else the weighted mean of its children's scores.

    `node` has score, weight and sub_tasks (a list; empty for a leaf), as PaperBench's rubrics have (Starace et al.,
    arXiv 2504.01848). A child without a score (None), or without weight, is left out; None if none is left.

    Raises:
        ValueError: a weight is negative.
    """
    if not node["sub_tasks"]:
        return node["score"]
    total = weight = 0.0
    for child in node["sub_tasks"]:
        if child["weight"] < 0:
            raise ValueError(f"node {child.get('id', '')}: weight: expected 0 or more, got {child['weight']}")
        if child["weight"] and (value := tree(child)) is not None:
            total, weight = total + child["weight"] * value, weight + child["weight"]
    return total / weight if weight else None


def _mean(criteria: Iterable[Weighted], values: Mapping[str, float]) -> float | None:
    """Signed sum over desired weight; None without desired weight."""
    above = below = 0.0
    for criterion in criteria:
        is_desired = criterion.polarity == "desired"
        above += (1 if is_desired else -1) * criterion.weight * values[criterion.id]
        below += criterion.weight if is_desired else 0
    return above / below if below else None


def _limited(value: float | None, floors: Iterable[Cap], caps: Iterable[Cap]) -> float | None:
    """The value in 0 to 1 and in the limits of gates; where a floor is above a cap, the cap wins."""
    if value is None:
        return None
    low = [gate.at_least for gate in floors if gate.at_least is not None]
    high = [gate.at_most for gate in caps if gate.at_most is not None]
    return min([max([value, 0.0, *low]), 1.0, *high])


def _check(judgements: Mapping[str, Judgement], criteria: Sequence[Weighted], gates: Sequence[Cap]) -> None:
    ids = [criterion.id for criterion in criteria]
    if len(set(ids)) < len(ids):
        raise ValueError(f"criterion {min(name for name in ids if ids.count(name) > 1)}: expected each id once")
    if strange := sorted({*judgements, *(gate.criterion for gate in gates)} - set(ids)):
        raise ValueError(f"criterion {strange[0]}: no such criterion, expected one of {', '.join(ids)}")
    for criterion in criteria:
        if criterion.polarity not in ("desired", "undesired"):
            raise ValueError(
                f"criterion {criterion.id}: polarity: expected desired or undesired, got {criterion.polarity}"
            )
        if criterion.weight < 0:
            raise ValueError(f"criterion {criterion.id}: weight: expected 0 or more, got {criterion.weight}")
    if not any(criterion.weight for criterion in criteria):
        raise ValueError("criteria: expected one with a weight")
