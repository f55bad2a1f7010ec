"""Statements of the paper, from `params/published/statements.yaml`, and what each is judged on in some evidence."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import yaml

from lib.paper.comparison import Comparison, Part
from lib.paper.evidence import Evidence
from lib.paper.numbers import FOLDER, FULL

GRID = (0.1, 0.3, 0.5, 0.7, 0.9)  # the published positions
MISSING = np.array([np.nan])


@dataclass(frozen=True)
class Statement:
    """One statement: number, words, the figure that shows it, the function that tests it and what that needs."""

    id: int
    statement: str
    figure: str
    test: str  # a function of `lib.paper.checks`
    bounds: dict[str, Any]
    benchmarks: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    elsewhere: str | None = None  # math, code or any: the task whose problems may stand in for the benchmarks


def load() -> list[Statement]:
    """All statements, by number."""
    entries = yaml.safe_load((FOLDER / "statements.yaml").read_text(encoding="utf-8"))
    return [Statement(id=number, **entry) for number, entry in sorted(entries.items())]


@dataclass
class Case:
    """A statement with its evidence: the models and benchmarks to judge it on, and which means were missing or used."""

    statement: Statement
    evidence: Evidence
    models: list[str]
    benchmarks: list[str]
    missing: list[str] = field(default_factory=list)
    used: list[tuple] = field(default_factory=list)

    @property
    def bounds(self) -> dict[str, Any]:
        """Of the statement."""
        return self.statement.bounds

    def cells(self) -> Iterator[tuple[str, str]]:
        """Every model with every benchmark."""
        return ((model, benchmark) for model in self.models for benchmark in self.benchmarks)

    def mean(
        self, cell: tuple[str, str], interrupt: str, position: float | None, metric: str = "accuracy"
    ) -> np.ndarray:
        """A mean with its draws; null, and noted as missing, where there is none."""
        key = (*cell, interrupt, position, metric)
        if key in self.evidence.means and np.isfinite(self.evidence.means[key][0]):
            self.used.append(key)
            return self.evidence.means[key]
        place = "" if position is None else f" at {position:g}"
        self.missing.append(f"{metric} of {interrupt}{place} for {cell[0]} on {cell[1]}")
        return MISSING

    def full(self, cell: tuple[str, str], metric: str = "accuracy") -> np.ndarray:
        """The mean with full thinking."""
        return self.mean(cell, FULL, None, metric)

    def kept(self, cell: tuple[str, str], interrupt: str, position: float) -> np.ndarray:
        """The share of full thinking's accuracy that an interrupt keeps."""
        return self.mean(cell, interrupt, position, "relative_accuracy")

    def part(self, *comparisons: Comparison | None, every: bool = True) -> Part:
        """A part of the statement: those of `comparisons` that there are."""
        return Part([one for one in comparisons if one is not None], every)

    def at_least(
        self, what: str, cell: tuple[str, str], effect: np.ndarray, bound: float, at_least: bool = True
    ) -> Comparison | None:
        """That an effect is at least a bound; None where a mean in it is missing."""
        if not np.isfinite(effect[0]):
            return None
        return Comparison(what, *cell, effect, bound, at_least, self.evidence.clusters.get(cell[1], 0))

    def at_most(self, what: str, cell: tuple[str, str], effect: np.ndarray, bound: float) -> Comparison | None:
        """That an effect is at most a bound; None where a mean in it is missing."""
        return self.at_least(what, cell, effect, bound, at_least=False)


def case_of(statement: Statement, evidence: Evidence) -> tuple[Case | None, str]:
    """The statement with its evidence, and what it is judged on; None where there is nothing of what it names."""
    figure_models = evidence.shown.get(statement.figure, evidence.models)
    models = [name for name in statement.models or figure_models if name in figure_models]
    if not models:
        return None, f"about {', '.join(statement.models)}, none of which is here"
    named = [name for name in evidence.tasks if name in statement.benchmarks]
    if named or not statement.benchmarks:
        absent = [name for name in (*statement.models, *statement.benchmarks) if name not in (*models, *named)]
        judged_on = "what it names" + (f", but for {', '.join(absent)}" if absent else "")
        return Case(statement, evidence, models, named or list(evidence.tasks)), judged_on
    other = [name for name, task in evidence.tasks.items() if statement.elsewhere in (task, "any")]
    if not other:
        return None, f"about {', '.join(statement.benchmarks)}, and nothing here can stand in for that"
    return Case(statement, evidence, models, other), f"{', '.join(other)} in place of {', '.join(statement.benchmarks)}"
