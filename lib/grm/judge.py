"""The judge: a model that is asked the criteria of a rubric about recorded traces, in several samples.

A call without a usable reply is made again, at last in plain text; so is one whose quote is not in the record, and then
the quote may change and the verdict may not. A final failure is a status, never a value.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lib.engine import Completion, Engine, Request, seed_of
from lib.engine import store as parts
from lib.engine.store import Store
from lib.grm import evidence, prompt, reply
from lib.grm.reply import Reply
from lib.grm.rubric import Criterion, Rubric
from lib.markup import prompts, tokens

COLUMNS = [
    *("item_id", "problem_id", "judge", "rubric", "criterion", "sample"),
    *("status", "verdict", "value", "reason", "quote", "view", "start", "end"),
    *("why", "path", "attempts", "prompt_version"),
]
AGAIN = ("parse_error", "truncated", "infra_error", "evidence_missing")  # statuses that another call may mend


@dataclass(frozen=True)
class Policy:
    """How a judge is asked."""

    per_call: int | None = 1  # criteria of one call, which see the union of their views; None: all
    order: int = 0  # of the criteria of a call and of their labels, see `prompt.permuted`
    attempts: int = 3  # calls for one reply; the last of several is in plain text if none could be read
    max_tokens: int | None = None  # of a reply, twice as many after one that was cut; None: the model's own limit


@dataclass
class Call:
    """Some criteria to be asked about one item, in one sample, and the reply so far."""

    item: Mapping[str, Any]
    criteria: tuple[Criterion, ...]
    sample: int
    attempts: int = 0
    reply: Reply | None = None

    @property
    def status(self) -> str | None:
        """Status of the reply."""
        return self.reply and self.reply.status

    @property
    def statuses(self) -> list[str]:
        """Status of each criterion."""
        return [judged(self, criterion)["status"] for criterion in self.criteria]


class Judge:
    """An open engine that judges."""

    def __init__(self, ready: Engine, policy: Policy | None = None, seed: int = 42, store: Store | None = None):
        self.ready, self.policy, self.seed, self.store = ready, policy or Policy(), seed, store

    def score(self, items: pd.DataFrame, rubric: Rubric, samples: int = 1) -> pd.DataFrame:
        """Judgements: a row per item, criterion and sample, in this order.

        Args:
            items: item_id, problem_id and a column for each view of the rubric; null where an item has no such view.
            rubric: what is asked.
            samples: replies to each question.

        Returns:
            `COLUMNS`; value is null for every status but ok, start and end are characters of the item's `view`.

        Raises:
            ValueError: a column is missing, or an item stands twice.
            EngineError: the engine itself fails, rather than one request.
        """
        needed = ["item_id", "problem_id", *{view for one in rubric.criteria for view in one.views}]
        if absent := sorted(set(needed) - set(items.columns)):
            raise ValueError(f"items: missing columns: {', '.join(absent)}")
        if (twice := items["item_id"].duplicated()).any():
            raise ValueError(f"items: {items['item_id'][twice].iloc[0]} stands twice, expected each item once")
        records = items.astype(object).where(items.notna(), None).to_dict("records")
        size = self.policy.per_call or len(rubric.criteria)
        groups = [rubric.criteria[i : i + size] for i in range(0, len(rubric.criteria), size)]
        calls = [
            Call(item, criteria, sample)
            for item in records
            for group in groups
            for sample in range(samples)
            if (criteria := tuple(one for one in group if not _missing(one, item)))
        ]
        parts.ask(self.ready, calls, self._request, self._read, self.policy.attempts, self.store)
        rows = [_row(call.item, one, call.sample) | judged(call, one) for call in calls for one in call.criteria]
        for item in records:
            for criterion in rubric.criteria:
                if missing := _missing(criterion, item):
                    failed = {"status": "abstain", "attempts": 0, "why": f"the item has no {missing[0]}"}
                    rows += [_row(item, criterion, sample) | failed for sample in range(samples)]
        order = {criterion.id: i for i, criterion in enumerate(rubric.criteria)}
        place = {item["item_id"]: i for i, item in enumerate(records)}
        rows.sort(key=lambda row: (place[row["item_id"]], order[row["criterion"]], row["sample"]))
        names = {"judge": self.ready.model.name, "rubric": rubric.identity, "prompt_version": prompt.version()}
        return pd.DataFrame([row | names for row in rows], columns=COLUMNS)

    def _request(self, call: Call, attempt: int) -> Request:
        model = self.ready.model
        plain = attempt > 0 and attempt == self.policy.attempts - 1 and call.status != "ok"
        call.attempts += 1
        views = {name: call.item[name] for one in call.criteria for name in one.views}
        text = prompt.render(call.criteria, views, tokens.codec(model).controls, plain, self.policy.order)
        ids = prompts.prompt_ids(text, model, None)
        names = ",".join(one.id for one in call.criteria)
        seed = seed_of(self.seed, call.item["item_id"], names, call.sample, attempt)
        schema = None if plain or not model.structured else reply.schema(call.criteria)
        limit = self.policy.max_tokens and self.policy.max_tokens * (2 if call.status == "truncated" else 1)
        return Request.of(model, ids, seed, limit, json_schema=schema)

    def _read(self, call: Call, done: Completion) -> bool:
        """Keep a reply unless the one before was better; whether another call would not help."""
        if done.error:
            found = Reply("infra_error", why=done.error)
        else:
            found = reply.read(reply.answer_text(done, self.ready.model), call.criteria, done.finish_reason)
        if call.status != "ok" or _mends(dataclasses.replace(call, reply=found), call):
            call.reply = found
        return not set(call.statuses) & set(AGAIN)


def _mends(again: Call, call: Call) -> bool:
    """Whether a reply has more quotes for the same verdicts; else one that needs none would win in the end."""
    new, old = ({name: one.label for name, one in each.reply.verdicts.items()} for each in (again, call))
    return new == old and again.statuses.count("ok") > call.statuses.count("ok")


def judged(call: Call, criterion: Criterion) -> dict[str, Any]:
    """The columns that follow from a call's reply on one criterion."""
    row = {"attempts": call.attempts}
    if call.reply is None:
        return row | {"status": "infra_error", "why": "not asked"}
    if call.reply.status != "ok":
        return row | {"status": call.reply.status, "why": call.reply.why}
    verdict = call.reply.verdicts[criterion.id]
    view = criterion.evidence_from or criterion.views[-1]
    text = call.item[view] or ""
    status = evidence.check(verdict, criterion, text)
    row |= {"status": status, "verdict": verdict.label, "reason": verdict.reason, "path": call.reply.path}
    if status == "ok":
        row["value"] = criterion.values[verdict.label]
    if span := evidence.first(verdict, text):
        start, end = span
        row |= {"view": view, "start": start, "end": end, "quote": text[start:end]}
    return row


def _missing(criterion: Criterion, item: Mapping[str, Any]) -> list[str]:
    return [view for view in criterion.views if item.get(view) is None]


def _row(item: Mapping[str, Any], criterion: Criterion, sample: int) -> dict[str, Any]:
    names = {name: item[name] for name in ("item_id", "problem_id")}
    return names | {"criterion": criterion.id, "sample": sample}
