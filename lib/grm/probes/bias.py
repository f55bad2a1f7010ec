"""Bias: whether a judge's verdict depends on how it is asked, how long an answer is, or whose it is.

Each probe gives `findings`. Those that take a judge ask it anew; those that take judgements read what it has said.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lib.engine import Completion, Engine, Request
from lib.grm.judge import Judge
from lib.grm.probes import findings, pair_statistics, twins
from lib.grm.probes.twins import Part
from lib.grm.reply import CANNOT
from lib.grm.rubric import Criterion, Rubric
from lib.stats import agreement

FORMS = {"json": {}, "plain": {"plain": True}, "all at once": {"per_call": None}}


def position(
    judge: Judge, items: pd.DataFrame, rubric: Rubric, samples: int = 1, orders: Sequence[int] = (1,)
) -> pd.DataFrame:
    """Whether the order of the verdicts on offer, and of the questions of a call, changes what is chosen.

    changed is the flip rate, excess what it has beyond that of another seed alone (each order has seeds of its own,
    too). In order 1 the best verdict comes first, so that a shift above 0 is a pull to what comes first.

    Args:
        judge, items, rubric, samples: as for `Judge.score`; the judge's own order must be 0.
        orders: those of `prompt.permuted` that are compared with the rubric's own.

    Raises:
        ValueError: as `Judge.score`, or an order is 0 or less.
    """
    if min(orders, default=1) < 1 or judge.policy.order:
        raise ValueError(f"orders: expected numbers from 1 and a judge of order 0, got {list(orders)}")
    before, again = (_like(judge, judge.seed + i).score(items, rubric, samples) for i in range(2))
    turned = {order: _like(judge, judge.seed + 2 + i, order=order) for i, order in enumerate(orders)}
    after = {f"order {order}": one.score(items, rubric, samples) for order, one in turned.items()}
    return twins.changes(twins.side_by_side(before, again, after, rubric), "position")


def stability(
    judge: Judge, items: pd.DataFrame, rubric: Rubric, wordings: Mapping[str, str] | None = None, samples: int = 1
) -> pd.DataFrame:
    """Kappa of verdicts with those of the same request under a new seed, and of the question in other words.

    Weighted by squares for ordinal criteria, whose labels are worst to best; `cannot_assess` and failures are left out.

    Args:
        judge, items, rubric, samples: as for `Judge.score`.
        wordings: other words for the question of some criteria, by their ids.

    Raises:
        ValueError: as `Judge.score`, or words for a criterion that is none.
    """
    before, again = (_like(judge, judge.seed + i).score(items, rubric, samples) for i in range(2))
    other = _reworded(rubric, wordings or {})
    after = {"new seed": again}
    if other:
        after["other words"] = _like(judge, judge.seed + 2).score(items, other, samples)
    pairs = twins.side_by_side(before, again, after, rubric)
    kappas = _kappas(pairs, rubric, "stability")
    return findings.joined(kappas, twins.changes(pairs, "stability", ["changed", "lost"]))


def form(judge: Judge, items: pd.DataFrame, rubric: Rubric, samples: int = 1) -> pd.DataFrame:
    """What the form of a reply changes and costs: JSON, plain text, all criteria in one call.

    Against one criterion a call in JSON: kappa, and the changes of verdicts as in `twins.changes`. For each form:
    calls, prompt_tokens and reply_tokens, per item and sample; so that all is counted, the judge's store is not used.
    """
    told, costs = {}, []
    for i, (name, changes) in enumerate(FORMS.items()):
        metered = _Metered(judge.ready)
        policy = dataclasses.replace(judge.policy, **({"per_call": 1, "plain": False} | changes))
        told[name] = Judge(metered, policy, judge.seed + i).score(items, rubric, samples)
        costs += [
            {"probe": "form", "case": name, "criterion": findings.ALL, "figure": figure, "value": count}
            | {"rows": len(items) * samples, "problems": items["problem_id"].nunique()}
            for figure, count in metered.per(len(items) * samples).items()
        ]
    policy = dataclasses.replace(judge.policy, per_call=1, plain=False)
    again = Judge(judge.ready, policy, judge.seed + len(FORMS), judge.store).score(items, rubric, samples)
    before = told.pop("json")
    pairs = twins.side_by_side(before, again, told, rubric)
    return findings.joined(_kappas(pairs, rubric, "form"), twins.changes(pairs, "form"), findings.table(costs))


def length_slope(
    judgements: pd.DataFrame, items: pd.DataFrame, rubric: Rubric, truth: pd.DataFrame, view: str = "answer"
) -> pd.DataFrame:
    """How the length of a part draws each criterion's verdict, the truth held fixed.

    The slope of a logistic regression (`probes.logistic`) of "the verdict is a good one" on ln(characters + 1) and
    "the true label is a good one", in log odds per log unit, with 1.96 standard errors clustered by problem. Good is
    the upper half of the labels, worst to best. Rows without a verdict or a true label are left out.

    Args:
        judgements: as from `Judge.score`.
        items: item_id and the view.
        rubric: what was asked.
        truth: item_id, criterion, label; null where unknown.
        view: the part whose length is meant.
    """
    lengths = items.set_index("item_id")[view].astype("string").str.len()
    known = truth.set_index(["item_id", "criterion"])["label"]
    rows = []
    for name, part in judgements.groupby("criterion", sort=False):
        labels = known.reindex(pd.MultiIndex.from_arrays([part["item_id"], part["criterion"]])).to_numpy()
        frame = pd.DataFrame(
            {
                "problem_id": part["problem_id"].to_numpy(),
                "verdict": _good(part["verdict"].where(part["status"].eq("ok")), rubric.criterion(name)).to_numpy(),
                "truth": _good(pd.Series(labels), rubric.criterion(name)).to_numpy(),
                "length": np.log(part["item_id"].map(lengths).astype(float).to_numpy() + 1),
            }
        )
        rows.append({"probe": "length", "case": view, "criterion": name, "figure": "slope"} | _slope(frame.dropna()))
    return findings.table(rows)


def self_preference(
    judgements: pd.DataFrame, rubric: Rubric, correct: pd.Series, family: pd.Series, own: str
) -> pd.DataFrame:
    """Whether a judge is kinder to its own family, on items that failed by a program.

    own and other are the shares of good verdicts (the upper half of the labels) on failed items of the judge's family
    and of all others, false positives both; gap is the first less the second.

    Args:
        judgements: as from `Judge.score`.
        rubric: what was asked; only criteria that an item which failed should not meet make sense here.
        correct: whether a program found an item right, by item_id; null where none could tell.
        family: of the model that was judged, by item_id.
        own: the family of the judge.
    """
    failed = judgements["item_id"].map(correct.astype(object)).eq(False)
    frame = judgements[failed & judgements["status"].eq("ok")]
    if not len(frame):
        return findings.table([])
    parts = [_good(part["verdict"], rubric.criterion(name)) for name, part in frame.groupby("criterion", sort=False)]
    good, is_own = pd.concat(parts).reindex(frame.index), frame["item_id"].map(family).eq(own)
    frame = frame.assign(own=good.where(is_own), other=good.where(~is_own))
    figures = {"own": findings.share("own"), "other": findings.share("other"), "gap": findings.gap("own", "other")}
    return findings.findings(frame, "self_preference", figures, by=["criterion"])


@dataclasses.dataclass
class _Metered:
    """An engine that counts what passes through it."""

    inner: Engine
    calls: int = 0
    prompt_tokens: int = 0
    reply_tokens: int = 0

    @property
    def model(self) -> Any:
        return self.inner.model

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        for done in self.inner.generate(map(self._counted, requests)):
            self.reply_tokens += len(done.token_ids)
            yield done

    def close(self) -> None:
        self.inner.close()

    def per(self, count: int) -> dict[str, float | None]:
        names = ("calls", "prompt_tokens", "reply_tokens")
        return {name: getattr(self, name) / count if count else None for name in names}

    def _counted(self, request: Request) -> Request:
        self.calls += 1
        self.prompt_tokens += len(request.prompt_ids)
        return request


def _like(judge: Judge, seed: int, **changes: Any) -> Judge:
    """The judge with another seed or policy, over the same engine and store."""
    return Judge(judge.ready, dataclasses.replace(judge.policy, **changes), seed, judge.store)


def _reworded(rubric: Rubric, wordings: Mapping[str, str]) -> Part | None:
    """The criteria that have other words, with these; None without any."""
    known = [one.id for one in rubric.criteria]
    if strange := sorted(set(wordings) - set(known)):
        raise ValueError(f"wordings: {strange[0]}: expected one of {', '.join(known)}")
    chosen = [dataclasses.replace(one, question=wordings[one.id]) for one in rubric.criteria if one.id in wordings]
    return twins.part(rubric, *chosen) if chosen else None


def _kappas(pairs: pd.DataFrame, rubric: Rubric, probe: str) -> pd.DataFrame:
    parts = []
    for (_, name), part in pairs.groupby(["case", "criterion"], sort=False):
        criterion = rubric.criterion(name)
        figure = "quadratic_kappa" if criterion.scale == "ordinal" else "kappa"
        clean = part.assign(**{one: part[one].where(part[one].ne(CANNOT)) for one in ("before", "after")})
        kappa = agreement.statistic(figure, "before", "after", criterion.levels)
        parts.append(findings.findings(clean, probe, {figure: kappa}))
    return findings.joined(*parts)


def _good(labels: pd.Series, criterion: Criterion) -> pd.Series:
    """1 for labels in the upper half, worst to best, 0 for those in the lower, null for none."""
    middle = (len(criterion.levels) - 1) / 2
    return labels.map({label: float(i > middle) for i, label in enumerate(criterion.levels)}).astype(float)


def _slope(frame: pd.DataFrame) -> dict[str, Any]:
    told = {"rows": len(frame), "problems": frame["problem_id"].nunique()}
    terms = ("length", "truth", "intercept") if frame["truth"].nunique() > 1 else ("length", "intercept")
    x = frame.assign(intercept=1.0)[list(terms)].to_numpy(float)
    fit = pair_statistics.logistic(x, frame["verdict"].to_numpy(float), terms, frame["problem_id"].tolist())
    if fit is None:
        return told | {"why": "no best fit: too few rows, one verdict only, or one length only"}
    low, high = fit.interval("length")
    why = "one problem only" if np.isnan(low) else None
    return told | {"value": fit.coefficients["length"], "low": low, "high": high, "why": why}
