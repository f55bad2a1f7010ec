"""A page of chosen cases: static HTML with a slider over positions; without a script all of them stand stacked."""

from collections.abc import Iterable, Sequence

from lib.html import escape
from lib.params.settings import Study
from lib.report.explorer import shown
from lib.report.explorer.cases import chosen, settings_of
from lib.report.explorer.records import Case, Reader, Record

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


def page(study: Study | str, cases: Sequence[Case], most: int = MOST) -> str:
    """HTML of cases, position by position: one fragment, to be shown in a notebook or put into a `document`.

    Nothing is loaded from anywhere. Of long texts as much is shown as fits: start and end of each, with the number of
    characters left out between.

    Args:
        study: whose tables are read, or its name.
        cases: which are shown, in this order, as from `lib.report.explorer.chosen`.
        most: bytes that the page may have.

    Raises:
        ParamsError: no such study.
        TableError: a table is missing or broken.
        ValueError: the study has no such case, or so many do not fit; their text is one line.
    """
    own = settings_of(study)
    readers = {case.model: Reader(own, case.model) for case in cases}
    records = [readers[case.model].record(case) for case in cases]
    for limit in LIMITS:
        made = fragment(records, limit)
        if len(made.encode()) <= most:
            return made
    size = len(made.encode())
    raise ValueError(f"page of {len(records)} cases: {size:,} bytes at least, expected {most:,}; choose fewer cases")


def sample(study: Study | str, most: int = MOST) -> str:
    """HTML of two cases worth a look, the first and the last of `chosen`, as `page` makes it."""
    own = settings_of(study)
    cases = chosen(own, own.models)
    return page(own, cases[:: max(1, len(cases) - 1)], most)


def fragment(records: Iterable[Record], most: int | None = None) -> str:
    """HTML of records; `most` characters of each part are shown, None shows all."""
    told = "".join(_case(record, most) for record in records) or "<p>There are no cases.</p>"
    return f"<div class='mt-ex'>{shown.style()}{NAV}{told}</div><script>{SCRIPT}</script>"


def document(made: str, title: str = "Interrupted thoughts") -> str:
    """A whole HTML file around a page."""
    viewport = "<meta name='viewport' content='width=device-width,initial-scale=1'>"
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'>{viewport}"
        f"<meta name='color-scheme' content='light dark'><title>{escape(title)}</title></head>"
        f"<body style='font-family:system-ui,sans-serif'>{made}</body></html>"
    )


def _case(record: Record, most: int | None) -> str:
    steps = "".join(
        f'<section class="mt-step" data-at="{escape(one.at)}">{shown.step(one, most)}</section>' for one in record.steps
    )
    slider = f"<input type='range' min='0' max='{len(record.steps) - 1}' value='0' step='1'>"
    return (
        f"<article class='mt-case'>{shown.heading(record, most)}"
        f"<label hidden>Position of the cut{slider}</label>{steps}</article>"
    )
