"""The judge: a model that is asked the criteria of a rubric about recorded traces, several times, and kept to its form.

A call that brings no usable reply is made again, at last in plain text; so is one with a quote that is not in the
record, and then the quote may change and the verdict may not. What fails in the end is a status and never a value.
Completions go into the store of a run, so that a judge that was stopped is asked nothing twice.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lib import markup
from lib.engine import Completion, Engine, Request, seed_of
from lib.engine import store as parts
from lib.engine.store import Store
from lib.grm import evidence, prompt, reply, votes
from lib.grm.reply import Reply
from lib.grm.rubric import Criterion, Rubric
from lib.markup import tokens

COLUMNS = [
    *("item_id", "problem_id", "judge", "rubric", "criterion", "sample"),
    *("status", "verdict", "value", "reason", "quote", "view", "start", "end"),
    *("why", "path", "attempts", "prompt_version"),
]
AGAIN = ("parse_error", "truncated", "infra_error", "evidence_missing")  # what another call may mend


@dataclass(frozen=True)
class Policy:
    """How a judge is asked."""

    per_call: int | None = 1  # criteria of one call, which see the union of their views; None: all
    order: int = 0  # of the criteria of a call and of their verdicts, as `prompt.permuted` has it
    plain: bool = False  # whether every call, not only the last of several, is in plain text
    attempts: int = 3  # calls for one reply; the last of several is in plain text if none could be read
    max_tokens: int | None = None  # of a reply, twice as many after one that was cut; None: the model's own limit
    stop: bool = False  # ask no further samples once no label of a call can change by them; its score still could


@dataclass
class Call:
    """One reply to be had: some criteria, about one item, in one sample."""

    item: Mapping[str, Any]
    criteria: tuple[Criterion, ...]
    sample: int
    attempts: int = 0
    reply: Reply | None = None

    @property
    def status(self) -> str | None:
        return self.reply and self.reply.status


class Judge:
    """An open engine that judges."""

    def __init__(self, ready: Engine, policy: Policy | None = None, seed: int = 42, store: Store | None = None):
        self.ready, self.policy, self.seed, self.store = ready, policy or Policy(), seed, store

    def score(self, items: pd.DataFrame, rubric: Rubric, samples: int = 1) -> pd.DataFrame:
        """Judgements: a row per item, criterion and sample, in this order.

        Args:
            items: item_id, problem_id and a column for each view of the rubric; null where an item has no such part.
            rubric: what is asked.
            samples: replies to each question, each with a seed of its own.

        Returns:
            The columns of `COLUMNS`, of all samples or, with the stop rule, of those that were asked; value is null for
            every status but ok, start and end say where in the item's `view` the first quote that was found stands.

        Raises:
            ValueError: a column is missing, or an item stands twice.
            EngineError: the engine itself fails, rather than one request.
        """
        _check(items, rubric)
        records = items.astype(object).where(items.notna(), None).to_dict("records")
        groups = list(_groups(rubric.criteria, self.policy.per_call))
        calls = [self._possible(Call(item, group, i)) for item in records for group in groups for i in range(samples)]
        asked = self._until_settled([call for call in calls if call.criteria], samples)
        rows = [row for call in asked for row in self._rows(call, rubric)]
        rows += [row for item in records for row in _absent(item, rubric, samples, self._known(rubric))]
        order = {criterion.id: i for i, criterion in enumerate(rubric.criteria)}
        place = {item["item_id"]: i for i, item in enumerate(records)}
        rows.sort(key=lambda row: (place[row["item_id"]], order[row["criterion"]], row["sample"]))
        return pd.DataFrame(rows, columns=COLUMNS)

    def ask(self, calls: Sequence[Call]) -> None:
        """Give each call its reply: made again where that may help, as often as the policy says.

        Raises:
            EngineError: the engine itself fails, rather than one request.
        """
        parts.ask(self.ready, calls, self._request, self._read, self.policy.attempts, self.store)

    def _until_settled(self, calls: list[Call], samples: int) -> list[Call]:
        """Ask the calls, all at once or, with the stop rule, sample by sample as long as a label may change.

        Nothing is settled before half of the samples are there, so these are asked together.
        """
        counts: Counter[tuple[str, str, str]] = Counter()
        asked: list[Call] = []
        first = (samples + 1) // 2 if self.policy.stop else samples
        for low, high in [(0, first), *((i, i + 1) for i in range(first, samples))]:
            part = [call for call in calls if low <= call.sample < high and not _settled(call, counts, samples - low)]
            self.ask(part)
            if self.policy.stop:
                counts.update(label for call in part for label in _labels(call))
            asked += part
        return asked

    def _possible(self, call: Call) -> Call:
        """The call with those criteria whose views the item has."""
        kept = tuple(one for one in call.criteria if not _missing(one, call.item))
        return Call(call.item, kept, call.sample)

    def _request(self, call: Call, attempt: int) -> Request:
        model = self.ready.model
        is_last = attempt > 0 and attempt == self.policy.attempts - 1
        plain = self.policy.plain or (is_last and call.status != "ok")
        call.attempts += 1
        views = {name: call.item[name] for one in call.criteria for name in one.views}
        text = prompt.render(call.criteria, views, tokens.codec(model).controls, plain, self.policy.order)
        ids = markup.prompt_ids(text, model, None)
        names = ",".join(one.id for one in call.criteria)
        seed = seed_of(self.seed, call.item["item_id"], names, call.sample, attempt)
        schema = None if plain or not model.structured else reply.schema(call.criteria)
        limit = self.policy.max_tokens and self.policy.max_tokens * (2 if call.status == "truncated" else 1)
        return Request.of(model, ids, seed, limit, json_schema=schema)

    def _read(self, call: Call, done: Completion) -> bool:
        """Keep a reply unless the one before was better; whether another call would not help."""
        again = dataclasses.replace(call, reply=self._reply(call, done))
        if call.status != "ok" or _mends(again, call):
            call.reply = again.reply
        return not set(_statuses(call)) & set(AGAIN)

    def _reply(self, call: Call, done: Completion) -> Reply:
        if done.error:
            return Reply("infra_error", why=done.error)
        answer = markup.split(done.token_ids, self.ready.model).answer
        text = markup.decode(done.token_ids[slice(*answer)], self.ready.model)
        text = text or markup.decode(done.token_ids, self.ready.model)  # a schema may leave no room for a thought
        return reply.read(text, call.criteria, done.finish_reason)

    def _rows(self, call: Call, rubric: Rubric) -> Iterator[dict[str, Any]]:
        for criterion in call.criteria:
            row = self._known(rubric) | {
                "item_id": call.item["item_id"],
                "problem_id": call.item["problem_id"],
                "criterion": criterion.id,
                "sample": call.sample,
                "attempts": call.attempts,
            }
            yield row | judged(call, criterion)

    def _known(self, rubric: Rubric) -> dict[str, Any]:
        return {"judge": self.ready.model.name, "rubric": f"{rubric.full_name}#{rubric.hash}"} | {
            "prompt_version": prompt.version()
        }


def _statuses(call: Call) -> list[str]:
    """The status of each criterion of a call, as the last reply has it."""
    return [judged(call, criterion)["status"] for criterion in call.criteria]


def _mends(again: Call, call: Call) -> bool:
    """Whether a reply has more quotes for the same verdicts; else one that needs none would win in the end."""
    new, old = ({name: said.label for name, said in one.reply.verdicts.items()} for one in (again, call))
    return new == old and _statuses(again).count("ok") > _statuses(call).count("ok")


def _groups(criteria: Sequence[Criterion], size: int | None) -> Iterator[tuple[Criterion, ...]]:
    step = size or len(criteria)
    return (tuple(criteria[i : i + step]) for i in range(0, len(criteria), step))


def _labels(call: Call) -> Iterator[tuple[str, str, str]]:
    """Item, criterion and label of each verdict that has a vote."""
    for criterion in call.criteria:
        found = judged(call, criterion)
        if found["status"] == "ok":
            yield call.item["item_id"], criterion.id, found["verdict"]


def _settled(call: Call, counts: Mapping[tuple, int], left: int) -> bool:
    """Whether no label of a call can change by so many further samples; `counts` has item, criterion and label."""
    told = ([counts[call.item["item_id"], one.id, label] for label in one.levels] for one in call.criteria)
    return all(votes.settled(so_far, left) for so_far in told)


def judged(call: Call, criterion: Criterion) -> dict[str, Any]:
    """What a reply says on a criterion, after its quotes were looked for: those of `COLUMNS` that follow from it."""
    found = call.reply
    if found is None or found.status != "ok":
        return {"status": found.status if found else "infra_error", "why": found.why if found else "not asked"}
    verdict = found.verdicts[criterion.id]
    view = criterion.evidence_from or criterion.views[-1]
    text = call.item[view] or ""
    status = evidence.check(verdict, criterion, text)
    spans = evidence.located(verdict, text)
    told = {"status": status, "verdict": verdict.label, "reason": verdict.reason, "path": found.path}
    if status == "ok":
        told["value"] = criterion.values[verdict.label]
    if spans:
        told |= {
            "view": view,
            "start": spans[0].start,
            "end": spans[0].end,
            "quote": text[spans[0].start : spans[0].end],
        }
    return told


def _missing(criterion: Criterion, item: Mapping[str, Any]) -> list[str]:
    return [view for view in criterion.views if item.get(view) is None]


def _absent(item: Mapping[str, Any], rubric: Rubric, samples: int, known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows of what cannot be asked about an item, as a part of its record is not there."""
    for criterion in rubric.criteria:
        for i in range(samples if (gone := _missing(criterion, item)) else 0):
            row = {"item_id": item["item_id"], "problem_id": item["problem_id"], "criterion": criterion.id, "sample": i}
            yield known | row | {"status": "abstain", "attempts": 0, "why": f"the item has no {gone[0]}"}


def _check(items: pd.DataFrame, rubric: Rubric) -> None:
    needed = ["item_id", "problem_id", *{view for one in rubric.criteria for view in one.views}]
    if absent := sorted(set(needed) - set(items.columns)):
        raise ValueError(f"items: missing columns: {', '.join(absent)}")
    if (twice := items["item_id"].duplicated()).any():
        raise ValueError(f"items: {items['item_id'][twice].iloc[0]} stands twice, expected each item once")
