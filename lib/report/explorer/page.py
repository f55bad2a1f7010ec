"""Cases as static HTML: a page with a slider over positions; without a script all of them stand stacked.

The parts of a record have four colours that also differ by number, name and border; quotes of a judge are marked.
Texts may be written by a model: everything is escaped and nothing of it is rendered.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from lib.html import escape
from lib.params.settings import Study
from lib.report.explorer.records import FULL, Case, Piece, Reader, Record, Step, chosen, settings_of

MOST = 400_000  # bytes of a page
LIMITS = (None, 6000, 3000, 1500, 800, 400, 200, 100)  # characters of each part that are shown, tried in turn

# Every page of a document that is not yet alive becomes so; a notebook may hold several, or run this twice.
SCRIPT = """
document.querySelectorAll('.mt-ex:not([data-on])').forEach(root => {
  root.dataset.on = 1;
  const cases = [...root.querySelectorAll('.mt-case')], nav = root.querySelector('.mt-nav');
  let at = 0;
  const go = by => {
    at = (at + by + cases.length) % cases.length;
    cases.forEach((one, i) => one.hidden = i !== at);
    nav.querySelector('output').textContent = ` case ${at + 1} of ${cases.length} `;
  };
  cases.forEach(one => {
    const steps = [...one.querySelectorAll('.mt-step')], slider = one.querySelector('input');
    const show = () => {
      steps.forEach((step, i) => step.hidden = i !== +slider.value);
      slider.setAttribute('aria-valuetext', steps[+slider.value].dataset.at);
    };
    slider.oninput = show;
    slider.parentNode.hidden = false;
    show();
  });
  nav.querySelectorAll('button').forEach((button, i) => button.onclick = () => go(i ? 1 : -1));
  nav.hidden = cases.length < 2;
  if (cases.length) go(0);
});
"""
NAV = "<p class='mt-nav' hidden><button>◀ previous</button><output></output><button>next ▶</button></p>"

# Okabe and Ito's colours, told apart with every common colour blindness; each has a contrast of 3 or more against
# white and against the dark of a notebook, and a border of its own for those who see none of them.
KINDS = {  # class: sign and heading, colour, border
    "kept": ("① Kept thought", "#0072B2", "solid"),
    "inserted": ("② Inserted", "#D55E00", "dashed"),
    "after": ("③ New thought", "#009E73", "double"),
    "answer": ("④ Answer", "#CC79A7", "dotted"),
    "whole": ("① Whole thought", "#0072B2", "solid"),
}
ABSENT = {
    "after": "(none could come: the interrupt closed the thinking)",
    "answer": "(none: the thinking never ended)",
}
EMPTY = "(nothing)"
SIGNS = {"correct": "✓"}  # all else counts as not correct
GRADE = {"reason": "reason", "failed_test": "failed test", "extracted": "read", "gold": "gold", "revised_gold": "old"}
LEFT = "<p>More cases and positions: <code>explorer.browse(study)</code>.</p>"
LEFT_OUT = "[… {} characters left out …]"

STYLE = (
    ".mt-ex{max-width:60em;line-height:1.4;overflow-wrap:anywhere}.mt-ex [hidden]{display:none!important}"
    ".mt-ex pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;background:none;color:inherit;padding:0;"
    "font:.9em/1.4 ui-monospace,monospace;unicode-bidi:isolate;text-align:left}"
    ".mt-ex .p{border:0 solid;border-left-width:6px;padding:2px 0 2px 10px;margin:6px 0}"
    ".mt-ex mark{background:rgba(230,159,0,.35);color:inherit;font-weight:bold;text-decoration:underline}"
    ".mt-ex u{text-decoration:underline dashed #D55E00}.mt-ex small{opacity:.8}"
    ".mt-ex ul{margin:4px 0;padding-left:1.3em}"
    ".mt-ex h3,.mt-ex h4,.mt-ex p{margin:6px 0}.mt-ex input{width:100%;margin:6px 0}.mt-ex button{padding:6px 12px}"
    + "".join(
        f".mt-ex .{kind}{{background:{colour}1a;border-color:{colour};border-left-style:{border}}}"
        for kind, (_, colour, border) in KINDS.items()
    )
)


def static_page(study: Study | str, cases: Sequence[Case], most: int = MOST) -> str:
    """HTML of cases, position by position: one fragment of at most `most` bytes, which loads nothing from anywhere.

    Of long texts as much is shown as fits: start and end of each, with the number of characters left out between.

    Raises:
        ParamsError, TableError: no such study, or a table of it is missing or broken.
        ValueError: the study has no such case, or so many do not fit.
    """
    records = _records(settings_of(study), cases)
    if (made := _fitting(records, most)) is None:
        size = len(fragment(records, LIMITS[-1]).encode())
        raise ValueError(
            f"page of {len(records)} cases: {size:,} bytes at least, expected {most:,}; choose fewer cases"
        )
    return made


def _records(study: Study, cases: Sequence[Case]) -> list[Record]:
    readers = {case.model: Reader(study, case.model) for case in cases}
    return [readers[case.model].record(case) for case in cases]


def _fitting(records: Sequence[Record], most: int, note: str = "") -> str | None:
    """HTML of records with as much of each text as fits into `most` bytes, `note` behind it; None if nothing does."""
    made = (fragment(records, limit) + note for limit in (LIMITS[-4:] if note else LIMITS))
    return next((html for html in made if len(html.encode()) <= most), None)


def sample(study: Study | str, most: int = MOST) -> str:
    """HTML of two cases worth a look, the first and the last of `chosen`, as `static_page` makes it.

    Where not all fits into `most` bytes, positions between the first and the last are left out, then the second case.
    """
    own = settings_of(study)
    cases = chosen(own, own.models)
    records = _records(own, cases[:: max(1, len(cases) - 1)])
    return _fitting(records, most) or next(filter(None, (_fitting(few, most, LEFT) for few in _thinned(records))), LEFT)


def _thinned(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Ever fewer positions of the records, and at last those of the first record alone."""
    most = max((len(record.steps) for record in records), default=0)
    for few in (records, records[:1]):
        count = most
        while count > 1:
            count = (count + 1) // 2 if count > 2 else 1
            places = [np.linspace(0, len(one.steps) - 1, min(count, len(one.steps))).round().astype(int) for one in few]
            steps = [tuple(one.steps[i] for i in at) for one, at in zip(few, places, strict=True)]
            yield [replace(one, steps=own) for one, own in zip(few, steps, strict=True)]


def fragment(records: Iterable[Record], most: int | None = None) -> str:
    """HTML of records; `most` characters of each part are shown, None shows all."""
    cases = "".join(_case(record, most) for record in records) or "<p>There are no cases.</p>"
    return f"<div class='mt-ex'>{style()}{NAV}{cases}</div><script>{SCRIPT}</script>"


def _case(record: Record, most: int | None) -> str:
    steps = [(escape(one.at), step_html(one, most)) for one in record.steps]
    sections = "".join(f'<section class="mt-step" data-at="{at}">{html}</section>' for at, html in steps)
    slider = f"<input type='range' min='0' max='{len(steps) - 1}' value='0' step='1'>"
    label = f"<label hidden>Position of the cut{slider}</label>"
    return f"<article class='mt-case'>{heading_html(record, most)}{label}{sections}</article>"


def style() -> str:
    """The style that everything here needs, once per page."""
    return f"<style>{STYLE}</style>"


def heading_html(record: Record, most: int | None = None) -> str:
    """HTML of what a case is about: model, interrupt, trace, and the problem as the model first saw it."""
    asked = passage(record.problem, (), most)
    return f"<h3>{escape(record.title)}</h3><p><b>What the model was asked</b></p><pre>{asked}</pre>"


def step_html(one: Step, most: int | None = None) -> str:
    """HTML of a record at one position; `most` characters of each part are shown, None shows all."""
    where = "Full thinking, original problem" if one.at == FULL else f"Cut at X = {one.at}"
    quotes = list(filter(None, (_quote(judgement, one.pieces) for judgement in one.judgements)))
    parts = "".join(
        _piece(piece, [(start, end, why) for place, start, end, why in quotes if place == i], most)
        for i, piece in enumerate(one.pieces)
    )
    return f"<h4>{escape(where)}</h4>{_grade(one, most)}{parts}{_judgements(one.judgements, most)}"


def passage(text: str, spans: Iterable[tuple[int, int, str]], most: int | None = None) -> str:
    """A text as HTML with `spans` (start, end, why) marked; of a longer one its start and its end are shown.

    The end gets two thirds of `most`: it is where a thought was cut, and where an answer is stated.
    """
    spans = [span for span in spans if 0 <= span[0] < span[1] <= len(text)]
    if most is None or len(text) <= most:
        return _marked(text, spans, 0, len(text))
    head, tail = most // 3, len(text) - (most - most // 3)
    left_out = f"<i>{escape(LEFT_OUT.format(f'{tail - head:,}'))}</i>"
    return f"{_marked(text, spans, 0, head)} {left_out} {_marked(text, spans, tail, len(text))}"


def _marked(text: str, spans: list[tuple[int, int, str]], start: int, end: int) -> str:
    """`text[start:end]` with marks; where quotes overlap, what they share names all that quote it."""
    edges = {start, end} | {edge for span in spans for edge in span[:2] if start < edge < end}
    shown = []
    for a, b in pairwise(sorted(edges)):
        names = sorted({why for first, last, why in spans if first <= a and b <= last})
        inner = escape(text[a:b])
        shown.append(f'<mark title="{escape(", ".join(names))}">{inner}</mark>' if names else inner)
    return "".join(shown)


def _piece(piece: Piece, spans: list[tuple[int, int, str]], most: int | None) -> str:
    text = piece.text
    if text is None:
        body = f"<i>{ABSENT.get(piece.kind, EMPTY)}</i>"
    elif not text:
        body = f"<i>{EMPTY}</i>"
    elif piece.opener:
        later = [(start - piece.opener, end - piece.opener, why) for start, end, why in spans]
        opener = f'<u title="written for the model">{escape(text[: piece.opener])}</u>'
        body = opener + passage(text[piece.opener :], [(max(0, a), b, why) for a, b, why in later], most)
    else:
        body = passage(text, spans, most)
    count = f"{piece.tokens:,} token{'' if piece.tokens == 1 else 's'}"
    return f'<div class="p {piece.kind}"><b>{KINDS[piece.kind][0]}</b> <small>{count}</small><pre>{body}</pre></div>'


def _grade(one: Step, most: int | None) -> str:
    """Status and failure modes, then what the grade rests on; a long program is not repeated, as it is the answer."""
    grade = one.grade
    line = f"<b>{SIGNS.get(grade['status'], '✗')} {escape(str(grade['status']))}</b>"
    line += "".join(f" · <b>{escape(mode)}</b>" for mode in one.modes)
    values = {name: grade.get(key) for key, name in GRADE.items()}
    texts = {name: str(value) for name, value in values.items() if not pd.isna(value) and str(value) != ""}
    if "\n" in texts.get("read", "") and texts["read"] in str(grade.get("answer")):
        del texts["read"]
    line += "".join(f" · {name} <code>{passage(text, (), most)}</code>" for name, text in texts.items())
    old = grade.get("equals_revised")
    return f"<p>{line}{' · answers the old problem' if not pd.isna(old) and old else ''}</p>"


def _judgements(judgements: Iterable[Mapping[str, Any]], most: int | None) -> str:
    rows = "".join(f"<li>{_judgement(judgement, most)}</li>" for judgement in judgements)
    return f"<p><b>Judgements</b></p><ul>{rows}</ul>" if rows else ""


def _judgement(judgement: Mapping[str, Any], most: int | None) -> str:
    verdict = judgement["verdict"] if isinstance(judgement["verdict"], str) else "no verdict"
    lost = "" if judgement["status"] == "ok" else f" ({judgement['status']}: it does not count)"
    rubric = str(judgement["rubric"]).partition("#")[0]
    line = f"<b>{escape(str(judgement['criterion']))}</b>: {escape(verdict + lost)} <small>{escape(rubric)}</small>"
    reasons = [judgement[key] for key in ("reason", "why") if isinstance(judgement[key], str) and judgement[key]]
    quote = judgement["evidence"]
    quoted = f" <q>{passage(quote, (), most)}</q>" if isinstance(quote, str) and quote else ""
    return line + "".join(f" · {passage(text, (), most)}" for text in reasons) + quoted


def _quote(judgement: Mapping[str, Any], pieces: tuple[Piece, ...]) -> tuple[int, int, int, str] | None:
    """Which piece a judgement quotes, from where to where, and who quotes; None if its words do not stand there.

    A quote of the numbered thinking is looked for in the thinking itself, and marked if it stands there once.
    """
    quote, view, why = judgement["evidence"], judgement["view"], str(judgement["criterion"])
    if not isinstance(quote, str) or not quote or not isinstance(view, str):
        return None
    if view == "steps":
        texts = [(i, one.text) for i, one in enumerate(pieces) if one.kind in ("kept", "after") and one.text]
        places = [(i, text.find(quote)) for i, text in texts if text.count(quote) == 1]
        is_once = sum(text.count(quote) for _, text in texts) == 1
        return (*places[0], places[0][1] + len(quote), why) if is_once else None
    places = [i for i, one in enumerate(pieces) if one.kind == view]
    if not places or pd.isna(judgement["start"]) or pd.isna(judgement["end"]):
        return None
    start, end = int(judgement["start"]), int(judgement["end"])
    is_there = 0 <= start < end and (pieces[places[-1]].text or "")[start:end] == quote
    return (places[-1], start, end, why) if is_there else None
