"""Rubric evolution: new criteria are proposed, tried against what is known, and added where they prove themselves.

A model proposes criteria from pairs of records (`contrasts`, `propose`), those that are sound and new get a trial on
the tuning problems (`prune`), and those worth asking must show the same on problems of the calibration part. The test
problems are never touched here, so that the new rubric's standing can be measured on them.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lib.engine import Engine
from lib.engine.store import Store
from lib.grm.evolution import contrasts, propose, prune, versions
from lib.grm.evolution.contrasts import Contrast
from lib.grm.evolution.prune import Limits
from lib.grm.judge import Judge
from lib.grm.rubric import Criterion, Rubric
from lib.stats import calibration

STAGES = ("proposal", "sifting", "trial", "confirmation")
COLUMNS = ["id", "question", "polarity", "stage", "status", "why"]
NOT_WRITTEN = ("problem", "inserted", "reference")  # parts of a record that are not by the judged model
TRIAL, HELD_OUT = "tuning", "calibration"  # parts of the problems, see `calibration.split`


@dataclass(frozen=True)
class Round:
    """Settings of one round."""

    contrasts: tuple[Contrast, ...] = ("outcome",)
    pairs: int = 10  # that are shown of each contrast
    samples: int = 3  # of each judgement
    limits: Limits = field(default_factory=Limits)
    seed: int = 42
    draws: int = 2000  # of the intervals


@dataclass(frozen=True)
class Evolved:
    """Result of a round."""

    rubric: Rubric  # the new version, not yet written; the one given where nothing changed
    candidates: pd.DataFrame  # `COLUMNS`: a row per proposal and per known criterion, its last stage, and why
    trial: pd.DataFrame  # figures of `prune.prune` on the tuning problems
    held_out: pd.DataFrame  # the same on the calibration problems
    judgements: pd.DataFrame  # of both

    @property
    def funnel(self) -> pd.DataFrame:
        """A row per stage: how many proposals entered it, and how many were left after it."""
        is_proposal = self.candidates["stage"].isin(STAGES) & ~self.candidates["status"].isin(propose.EMPTY)
        proposals = self.candidates[is_proposal]
        reached, kept = proposals["stage"].map(STAGES.index), proposals["status"].eq("kept")
        rows = [
            {"stage": stage, "entered": int((reached >= i).sum()), "left": int(((reached > i) | kept).sum())}
            for i, stage in enumerate(STAGES)
        ]
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
        rubric: the current version.
        items: item_id, problem_id, interrupt, position, and a column for each view of the rubric.
        outcome: whether an item is good, by item_id; null where unknown.
        writer: proposes; better another model than the judge's and the judged one.
        judge: tries the proposals.
        settings: of the round.
        store: where the writer's completions are looked up and kept.
    """
    settings = settings or Round()
    parts = _split(items)

    def measured(part: str, criteria: tuple[Criterion, ...], compare: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
        version = f"{versions.bumped(rubric.version)}-trial"
        tried = dataclasses.replace(rubric, version=version, criteria=criteria, parent=rubric.full_name)
        judgements = judge.score(parts[part], tried, settings.samples)
        known, limits = [one.id for one in rubric.criteria], settings.limits
        sizes, options = lengths(parts[part], rubric), {"draws": settings.draws, "seed": settings.seed}
        figures = prune.prune(judgements, tried, outcome, sizes, known, limits, compare, **options)
        return figures.set_index("criterion", drop=False), judgements

    shown = contrasts.pairs(parts[TRIAL], settings.contrasts, outcome, settings.pairs, settings.seed)
    proposals = propose.propose(writer, rubric, parts[TRIAL], shown, settings.seed, store)
    tried, dropped = prune.sift(rubric, proposals.criteria)
    trial, judged = measured(TRIAL, (*rubric.criteria, *tried), compare=True)
    promising = tuple(one for one in tried if trial.loc[one.id, "kept"])
    held_out, judged_held_out = measured(HELD_OUT, (*rubric.criteria, *promising), compare=False)
    confirmed = tuple(one for one in promising if held_out.loc[one.id, "kept"])
    retired = _retired(rubric, trial, held_out)

    rows = []
    for row in proposals.log.to_dict("records"):
        stage, status, why = "proposal", row["status"], row["why"]
        if status == "ok":
            stage, status, why = _last_stage(row["id"], dropped, trial, held_out)
        rows.append({key: row[key] for key in COLUMNS[:3]} | {"stage": stage, "status": status, "why": why})
    for one in rubric.criteria:
        row = {"id": one.id, "question": one.question, "polarity": one.polarity, "stage": "known"}
        rows.append(row | {"status": "retired" if one.id in retired else "kept", "why": trial.loc[one.id, "why"]})

    models = (writer.model.name, judge.ready.model.name)
    return Evolved(
        _next(rubric, confirmed, retired, held_out, models) if confirmed or retired else rubric,
        pd.DataFrame(rows, columns=COLUMNS),
        trial.reset_index(drop=True),
        held_out.reset_index(drop=True),
        pd.concat([judged, judged_held_out], ignore_index=True),
    )


def lengths(items: pd.DataFrame, rubric: Rubric) -> pd.Series:
    """Characters of what the judged model wrote, of the views of a rubric, by item_id."""
    views = [view for view in propose.views_of(rubric) if view not in NOT_WRITTEN]
    chars = items[views].apply(lambda texts: texts.fillna("").str.len()) if views else pd.DataFrame(index=items.index)
    return pd.Series(chars.sum(axis=1).to_numpy(float), index=items["item_id"].to_numpy())


def _split(items: pd.DataFrame) -> dict[str, pd.DataFrame]:
    part = np.array(calibration.split(items["problem_id"]), dtype=object)
    parts = {name: items[part == name] for name in (TRIAL, HELD_OUT)}
    for name, some in parts.items():
        if some.empty:
            raise ValueError(f"items: none of the {items['problem_id'].nunique()} problems is in the part {name}")
    return parts


def _retired(rubric: Rubric, *figures: pd.DataFrame) -> tuple[str, ...]:
    """Known criteria that never vary; the last desired ones stay, as without them no score would be defined."""
    constant = {one.id for one in rubric.criteria if all(part.loc[one.id, "fault"] == "variance" for part in figures)}
    left = [one for one in rubric.criteria if one.id not in constant]
    if not any(one.polarity == "desired" and one.weight > 0 for one in left):
        constant -= {one.id for one in rubric.criteria if one.polarity == "desired"}
    return tuple(one.id for one in rubric.criteria if one.id in constant)


def _last_stage(
    name: str, dropped: Mapping[str, tuple[str, str]], trial: pd.DataFrame, held_out: pd.DataFrame
) -> tuple[str, str, str]:
    """The last stage of a sound proposal, its status there, and why."""
    if name in dropped:
        return "sifting", *dropped[name]
    for stage, figures in (("trial", trial), ("confirmation", held_out)):
        if not figures.loc[name, "kept"]:
            return stage, figures.loc[name, "fault"], figures.loc[name, "why"]
    return "confirmation", "kept", ""


def _next(
    rubric: Rubric,
    confirmed: tuple[Criterion, ...],
    retired: tuple[str, ...],
    held_out: pd.DataFrame,
    models: tuple[str, str],
) -> Rubric:
    """The next version, active if the rubric was or if none of its criteria has a fault on the held-out problems."""
    criteria = (*(one for one in rubric.criteria if one.id not in retired), *confirmed)
    is_sound = held_out.loc[[one.id for one in criteria], "fault"].eq("").all()
    changes = []
    for name in (one.id for one in confirmed):
        row = held_out.loc[name]
        area = f"AUC {row['auc']:.2f} ({row['auc_low']:.2f} to {row['auc_high']:.2f}) on {row['items']} held-out items"
        changes.append(f"added {name}: proposed by {models[0]}, judged by {models[1]}; {area}")
    changes += [f"retired {name}: all its verdicts were one label" for name in retired]
    return dataclasses.replace(
        rubric,
        version=versions.bumped(rubric.version),
        criteria=criteria,
        gates=tuple(gate for gate in rubric.gates if gate.criterion not in retired),
        status="active" if is_sound else rubric.status,
        parent=rubric.full_name,
        changes=tuple(changes),
    )
