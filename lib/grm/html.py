"""Judgements as HTML: the views of the record that the judge saw, with the words it quotes marked.

Texts are written by models: everything is escaped, and nothing of it is rendered.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lib.engine import seed_of
from lib.grm.prompt import EMPTY, VIEWS
from lib.grm.rubric import Criterion, Rubric
from lib.html import PART, details, escape, pre

MARK = (  # bold and underlined too, for those who print without colours or see none
    "background:rgba(230,159,0,.35);color:inherit;font-weight:bold;text-decoration:underline;print-color-adjust:exact"
)
ABSENT = "(this record has no such part)"


def html(item: Mapping[str, Any], judgement: Mapping[str, Any], criterion: Criterion, is_open: bool = True) -> str:
    """HTML of one judgement: the question, the verdict, its reason, and the views that the judge saw.

    Args:
        item: item_id, and a text for each view of the criterion; null where the item has no such view.
        judgement: a row of `Judge.score`'s frame. Its quote is marked from `start` to `end` of its `view` if the item
            has these words there.
        criterion: what was asked.
        is_open: whether the details are shown at once.
    """
    verdict = _text(judgement["verdict"]) or "no verdict"
    scored = "" if judgement["status"] == "ok" else f" ({judgement['status']}: it does not count)"
    heading = f"{item['item_id']} · {criterion.id}: {verdict}{scored}"
    texts = {"question": criterion.question} | {
        name: _text(judgement.get(name)) for name in ("reason", "status", "why")
    }
    lines = "".join(pre(f"<b>{name.capitalize()}</b> {escape(text)}") for name, text in texts.items() if text)
    views = "".join(_view(view, item, judgement) for view in VIEWS if view in criterion.views)
    return details(escape(heading), f"{lines}{views}", is_open)


def page(judgements: pd.DataFrame, items: pd.DataFrame, rubric: Rubric) -> str:
    """HTML of judgements by one rubric, one below the other, the first one open; without a script."""
    known = items.set_index("item_id", drop=False)
    blocks = [
        html(known.loc[row["item_id"]].to_dict(), row, rubric.criterion(row["criterion"]), is_open=i == 0)
        for i, row in enumerate(judgements.to_dict("records"))
    ]
    return "".join(blocks) or "There are no judgements."


def sample(judgements: pd.DataFrame, items: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """`n` judgements on items that are here, drawn with a seed: by turns from each criterion's verdicts and statuses.

    So what is rare, such as a verdict without its evidence, is seen too; in each turn, those with a quote come first.
    """
    known = judgements[judgements["item_id"].isin(items["item_id"])].reset_index(drop=True)
    shuffled = known.sample(frac=1, random_state=seed_of(seed, "marked") % 2**32)
    quotes = shuffled["quote"].fillna("").ne("") & shuffled["start"].notna()
    shuffled = shuffled.loc[quotes.sort_values(ascending=False, kind="stable").index]
    kinds = shuffled.groupby(["criterion", "status", "verdict"], sort=True, dropna=False)
    turns = pd.DataFrame({"turn": kinds.cumcount(), "criterion": shuffled["criterion"]})
    # in each turn, first one of each criterion
    turns["again"] = turns.groupby(["turn", "criterion"]).cumcount()
    return known.loc[sorted(turns.sort_values(["turn", "again"], kind="stable").index[:n])]


def _view(view: str, item: Mapping[str, Any], judgement: Mapping[str, Any]) -> str:
    text = item[view]
    if not isinstance(text, str):
        body = f"<i>{ABSENT}</i>"
    elif not text.strip():
        body = f"<i>{EMPTY}</i>"
    else:
        start, end = _span(view, text, judgement)
        quote = f"<mark style='{MARK}'>{escape(text[start:end])}</mark>" if end else ""
        body = f"{escape(text[:start])}{quote}{escape(text[end:])}"
    return details(f"<b>{VIEWS[view].capitalize()}</b>", pre(body, PART))


def _span(view: str, text: str, judgement: Mapping[str, Any]) -> tuple[int, int]:
    """Where the quote stands in a view; (0, 0) if it does not, as when the judgement is about an older record."""
    if judgement["view"] != view or pd.isna(judgement["start"]) or pd.isna(judgement["end"]):
        return 0, 0
    start, end = int(judgement["start"]), int(judgement["end"])
    return (start, end) if 0 <= start < end and text[start:end] == judgement["quote"] else (0, 0)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""  # a table's null comes as NaN
