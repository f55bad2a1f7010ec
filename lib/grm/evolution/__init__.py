"""Evolution: a rubric is tried against new questions, and becomes a new version with those that prove themselves.

Pairs of records give proposals, proposals that are sound and new get a trial on the tuning problems, and those worth
asking must show the same figures on problems that nobody has looked at. The test problems are never touched here, so
that `standing` can be told on them.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lib.engine import Engine
from lib.engine.store import Store
from lib.grm.evolution import contrasts, offers, prune, sift, versions
from lib.grm.evolution import propose as proposals
from lib.grm.evolution.contrasts import Contrast
from lib.grm.evolution.propose import Proposals
from lib.grm.evolution.prune import Limits
from lib.grm.judge import Judge
from lib.grm.rubric import Criterion, Rubric
from lib.stats import calibration

STAGES = ("proposal", "sifting", "trial", "confirmation")
COLUMNS = ["id", "question", "polarity", "stage", "status", "why"]
GIVEN = ("problem", "inserted", "reference")  # parts of a record that the judged model did not write
TRIAL, HELD_OUT = "tuning", "calibration"  # parts of the problems, see `calibration.split`


@dataclass(frozen=True)
class Round:
    """How one round goes."""

    contrasts: tuple[Contrast, ...] = ("outcome",)
    pairs: int = 10  # that are shown of each contrast
    samples: int = 3  # of each judgement
    limits: Limits = field(default_factory=Limits)
    seed: int = 42
    salt: str = ""  # of the split of the problems
    draws: int = 2000  # of the intervals


@dataclass(frozen=True)
class Evolved:
    """What a round brought."""

    rubric: Rubric  # the new version, not yet written; the one given where nothing changed
    fates: pd.DataFrame  # `COLUMNS`: a row per proposal and per known criterion, the stage it came to, and why
    trial: pd.DataFrame  # figures of `prune.prune` on the tuning problems
    held_out: pd.DataFrame  # the same on the others; empty where no proposal came so far
    judgements: pd.DataFrame  # of both

    @property
    def funnel(self) -> pd.DataFrame:
        """How many proposals came into each stage and how many were left after it, a row per stage."""
        made = self.fates[self.fates["stage"].isin(STAGES) & ~self.fates["status"].isin(proposals.EMPTY)]
        reached = made["stage"].map(STAGES.index)
        rows = []
        for i, stage in enumerate(STAGES):
            left = (reached > i) | (reached.eq(i) & made["status"].eq("kept"))
            rows.append({"stage": stage, "entered": int((reached >= i).sum()), "left": int(left.sum())})
        return pd.DataFrame(rows)


def evolve(
    rubric: Rubric,
    items: pd.DataFrame,
    outcome: pd.Series,
    writer: Engine,
    judge: Judge,
    settings: Round | None = None,
    store: Store | None = None,
) -> Evolved:
    """One round of new criteria for a rubric; `versions.write` makes its result the newest version.

    New criteria have to pass `prune.prune` on the tuning problems and, but for twin and gain, again on those of the
    calibration part. Known criteria are retired only if all their verdicts, in both parts, are one label.

    Args:
        rubric: what is asked now.
        items: item_id, problem_id, interrupt, position, and a column for each view of the rubric.
        outcome: whether an item is good, by a program or by people, by item_id; null where nobody could tell.
        writer: an open engine that proposes; better another model than the judge's and the judged one.
        judge: an open judge.
        settings: how the round goes.
        store: where the writer's completions are looked up and kept.

    Raises:
        ValueError: a column is missing, or a part of the split has no items.
        EngineError: an engine fails, rather than one request.
    """
    settings = settings or Round()
    parts = _parted(items, settings.salt)
    shown = contrasts.pairs(parts[TRIAL], settings.contrasts, outcome, settings.pairs, settings.seed)
    made = proposals.propose(writer, rubric, parts[TRIAL], shown, settings.seed, store)
    tried, dropped = sift.sift(rubric, made.criteria)
    known = tuple(one.id for one in rubric.criteria)
    asking = _Asking(judge, rubric, known, outcome, settings)
    trial, judged = asking.ask(parts[TRIAL], (*rubric.criteria, *tried), compare=True)
    new = tuple(one for one in tried if _of(trial, one.id)["kept"])
    held_out, more = asking.ask(parts[HELD_OUT], (*rubric.criteria, *new), compare=False)
    stands = tuple(one for one in new if _of(held_out, one.id)["kept"])
    retired = _retired(rubric, trial, held_out)
    fates = _fates(made, dropped, trial, held_out, rubric, retired)
    after = _next(rubric, stands, retired, held_out, (writer.model.name, judge.ready.model.name))
    return Evolved(after, fates, trial, held_out, pd.concat([judged, more], ignore_index=True))


@dataclass(frozen=True)
class _Asking:
    """A judge and what its verdicts are held against."""

    judge: Judge
    rubric: Rubric
    known: tuple[str, ...]
    outcome: pd.Series
    settings: Round

    def ask(
        self, items: pd.DataFrame, criteria: tuple[Criterion, ...], compare: bool
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Figures of the criteria on some items, and the judgements behind them."""
        version = f"{versions.bumped(self.rubric.version)}-trial"
        tried = dataclasses.replace(self.rubric, version=version, criteria=criteria, parent=self.rubric.full_name)
        judged = self.judge.score(items, tried, self.settings.samples)
        told = (judged, tried, self.outcome, lengths(items, self.rubric), self.known, self.settings.limits)
        return prune.prune(*told, compare=compare, draws=self.settings.draws, seed=self.settings.seed), judged


def lengths(items: pd.DataFrame, rubric: Rubric) -> pd.Series:
    """Characters of what the judged model wrote, of the views of a rubric, by item_id."""
    views = [view for view in offers.views_of(rubric) if view not in GIVEN]
    chars = items[views].apply(lambda texts: texts.fillna("").str.len()) if views else pd.DataFrame(index=items.index)
    return pd.Series(chars.sum(axis=1).to_numpy(float), index=items["item_id"].to_numpy())


def _parted(items: pd.DataFrame, salt: str) -> dict[str, pd.DataFrame]:
    part = np.array(calibration.split(items["problem_id"], salt=salt), dtype=object)
    parts = {name: items[part == name] for name in (TRIAL, HELD_OUT)}
    for name, some in parts.items():
        if some.empty:
            raise ValueError(f"items: none of the {items['problem_id'].nunique()} problems is in the part {name}")
    return parts


def _of(figures: pd.DataFrame, name: str) -> pd.Series:
    return figures.set_index("criterion").loc[name]


def _retired(rubric: Rubric, *figures: pd.DataFrame) -> tuple[str, ...]:
    """Known criteria that never vary; the last desired ones stay, as without them no score would be defined."""
    told = {one.id for one in rubric.criteria if all(_of(frame, one.id)["fault"] == "variance" for frame in figures)}
    left = [one for one in rubric.criteria if one.id not in told]
    if not any(one.polarity == "desired" and one.weight > 0 for one in left):
        told -= {one.id for one in rubric.criteria if one.polarity == "desired"}
    return tuple(one.id for one in rubric.criteria if one.id in told)


def _fates(
    made: Proposals,
    dropped: Mapping[str, tuple[str, str]],
    trial: pd.DataFrame,
    held_out: pd.DataFrame,
    rubric: Rubric,
    retired: tuple[str, ...],
) -> pd.DataFrame:
    rows = []
    for row in made.fates.to_dict("records"):
        stage, status, why = "proposal", row["status"], row["why"]
        if status == "ok":
            stage, status, why = _fate(row["id"], dropped, trial, held_out)
        rows.append({key: row[key] for key in COLUMNS[:3]} | {"stage": stage, "status": status, "why": why})
    for one in rubric.criteria:
        status, why = ("retired" if one.id in retired else "kept"), _of(trial, one.id)["why"]
        said = {"id": one.id, "question": one.question, "polarity": one.polarity}
        rows.append(said | {"stage": "known", "status": status, "why": why})
    return pd.DataFrame(rows, columns=COLUMNS)


def _fate(
    name: str, dropped: Mapping[str, tuple[str, str]], trial: pd.DataFrame, held_out: pd.DataFrame
) -> tuple[str, str, str]:
    """The stage that a sound proposal came to, its status there, and why."""
    if name in dropped:
        return "sifting", *dropped[name]
    for stage, figures in (("trial", trial), ("confirmation", held_out)):
        row = _of(figures, name)
        if not row["kept"]:
            return stage, row["fault"], row["why"]
    return "confirmation", "kept", ""


def _next(
    rubric: Rubric,
    stands: tuple[Criterion, ...],
    retired: tuple[str, ...],
    held_out: pd.DataFrame,
    models: tuple[str, str],
) -> Rubric:
    """The rubric after a round. It is active if it was, or if every criterion of it stands on the held-out problems."""
    if not stands and not retired:
        return rubric
    criteria = (*(one for one in rubric.criteria if one.id not in retired), *stands)
    figures = held_out.set_index("criterion").loc[[one.id for one in criteria]]
    is_active = rubric.status == "active" or figures["fault"].eq("").all()
    return dataclasses.replace(
        rubric,
        version=versions.bumped(rubric.version),
        criteria=criteria,
        gates=tuple(gate for gate in rubric.gates if gate.criterion not in retired),
        status="active" if is_active else rubric.status,
        parent=rubric.full_name,
        changes=(*(_added(one.id, figures.loc[one.id], models) for one in stands), *map(_gone, retired)),
    )


def _added(name: str, figures: pd.Series, models: tuple[str, str]) -> str:
    area = f"AUC {figures['auc']:.2f} ({figures['auc_low']:.2f} to {figures['auc_high']:.2f})"
    return f"added {name}: proposed by {models[0]}, judged by {models[1]}; {area} on {figures['items']} held-out items"


def _gone(name: str) -> str:
    return f"retired {name}: all its verdicts were one label"
