"""Pairs of a problem and its revision as a reader compares them: side by side, with what differs marked.

Texts may be written by a model: everything is escaped, and nothing of it is rendered.
"""

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from rapidfuzz.distance import Indel

from lib import html
from lib.updates import decisions

WORD = re.compile(r"\s+|\w+|[^\w\s]")
NO_PAIRS = "There are no pairs."
KEPT = 160  # characters shown on each side of a difference; what is equal in between is left out
LEFT_OUT = " […] "
MOST_PAIRS, MOST_WORDS = 2_000_000, 20_000  # equal words of two texts that are all compared; words of a text at all
CELL = "vertical-align:top;text-align:left;width:50%;padding:4px 10px;border:1px solid rgba(128,128,128,.4)"
OLD = "background:rgba(213,94,0,.25);text-decoration:none;font-weight:bold"
NEW = "background:rgba(0,114,178,.25);text-decoration:none;font-weight:bold"


def pairs(problems: pd.DataFrame, made: pd.DataFrame) -> pd.DataFrame:
    """The necessary updates that have a text, with problem, starter code and answer of the original beside them."""
    rows = made[made["kind"].eq("necessary") & made["update"].notna()]
    return rows.merge(problems[["problem_id", "source", "task", "problem", "answer", "starter_code"]], on="problem_id")


def sample(rows: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """About `n` rows of every source, drawn with a seed; those that failed a check have their share, to be seen."""
    if rows.empty:
        return rows
    drawn = rows.groupby(["source", "valid"], sort=True)
    most = rows.groupby("source")["valid"].nunique()
    return pd.concat(
        [part.sample(min(len(part), max(1, n // most[source])), random_state=seed) for (source, _), part in drawn]
    ).sort_values(["source", "problem_id"])


def page(rows: pd.DataFrame) -> str:
    """HTML of pairs, one below the other, the first one open."""
    return html.stack(map(pair, rows.to_dict("records")), otherwise=NO_PAIRS)


def pair(row: Mapping[str, Any]) -> tuple[str, str]:
    """HTML of one pair: a heading with what the checks say, and a table of both problems and the update."""
    verdict = "valid" if row["valid"] else row["why_invalid"]
    heading = html.escape(f"{row['problem_id']} {row['update_id']} · {verdict} · pair {decisions.mark(row)}")
    before, after = differences(_problem(row, "revised_"), _problem(row, ""))
    answers = ""
    if isinstance(row["answer"], str):
        revised = row["revised_answer"] if isinstance(row["revised_answer"], str) else "not known"
        answers = f"<tr>{_cell(html.escape(f'Answer: {revised}'))}{_cell(html.escape('Answer: ' + row['answer']))}</tr>"
    update = html.pre(f"<b>Update</b> {html.escape(str(row['update']))}")
    return heading, (
        "<table style='width:100%'>"
        f"<tr><th style='{CELL}'>shown first (revised)</th><th style='{CELL}'>original</th></tr>"
        f"<tr>{_cell(before)}{_cell(after)}</tr>{answers}<tr><td colspan=2 style='{CELL}'>{update}</td></tr></table>"
    )


def differences(revised: str, original: str) -> tuple[str, str]:
    """Both texts as HTML, with the words that only one of them has marked, and long equal stretches left out."""
    ours, theirs = WORD.findall(revised), WORD.findall(original)
    before, after = [], []
    blocks = _opcodes(ours, theirs)
    for number, (kind, a, b, c, d) in enumerate(blocks):
        if kind == "equal":
            same = html.escape(_shortened("".join(ours[a:b]), number == 0, number == len(blocks) - 1))
            before.append(same)
            after.append(same)
        else:
            before += _marked("del", OLD, ours[a:b])
            after += _marked("ins", NEW, theirs[c:d])
    return "".join(before), "".join(after)


def _opcodes(ours: list[str], theirs: list[str]) -> list[tuple[str, int, int, int, int]]:
    """How one list of words becomes another; of words that are repeated too often, in time that does not explode."""
    shared = Counter(ours)
    if sum(shared[word] for word in theirs) <= MOST_PAIRS:
        return difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    if max(len(ours), len(theirs)) > MOST_WORDS:
        return [("replace", 0, len(ours), 0, len(theirs))]
    return [tuple(one) for one in Indel.opcodes(ours, theirs)]


def browse(study: str, problems: pd.DataFrame, made: pd.DataFrame) -> Any:
    """A widget that shows one pair at a time, and writes what a person decides into the study's decisions."""
    import ipywidgets as widgets  # not needed to read a notebook

    rows = pairs(problems, made).to_dict("records")
    place = widgets.BoundedIntText(value=1, min=1, max=max(1, len(rows)), description=f"of {len(rows)}")
    shown, status = widgets.HTML(), widgets.Label()
    reason = widgets.Text(placeholder="why, in a few words")
    buttons = {name: widgets.Button(description=name.capitalize()) for name in decisions.DECISIONS}

    def show(_: Any = None) -> None:
        if not rows:
            shown.value, status.value = NO_PAIRS, "Not decided yet."
            return
        row = rows[place.value - 1]
        shown.value = html.details(*pair(row))
        decided = decisions.read(study)
        mine = decided.loc[decided["pair"].eq(decisions.mark(row)), "decision"]
        status.value = f"Decided: {mine.iloc[0]}" if len(mine) else "Not decided yet."

    def decide(button: Any) -> None:
        decisions.record(study, rows[place.value - 1], button.description.lower(), reason.value.strip())
        reason.value = ""
        place.value = min(place.value + 1, len(rows))
        show()

    for button in buttons.values():
        button.on_click(decide)
        button.disabled = not rows
    place.observe(show, "value")
    show()
    return widgets.VBox([place, shown, widgets.HBox([*buttons.values(), reason, status])])


def _problem(row: Mapping[str, Any], prefix: str) -> str:
    """A problem's text and starter code."""
    text, code = row[f"{prefix}problem"], row[f"{prefix}starter_code"]
    return f"{text}\n\n{code.rstrip()}" if isinstance(code, str) and code.strip() else f"{text}"


def _cell(content: str) -> str:
    return f"<td style='{CELL}'>{html.pre(content)}</td>"


def _marked(tag: str, style: str, words: list[str]) -> Iterator[str]:
    if words:
        yield f"<{tag} style='{style}'>{html.escape(''.join(words))}</{tag}>"


def _shortened(text: str, is_first: bool, is_last: bool) -> str:
    """The ends of an equal stretch that stand beside a difference."""
    if len(text) <= 2 * KEPT + len(LEFT_OUT):
        return text
    head = "" if is_first else text[:KEPT]
    tail = "" if is_last else text[-KEPT:]
    return head + LEFT_OUT + tail
