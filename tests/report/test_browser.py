"""The report of a study in a real browser: from disk, on a phone and a desk, by keyboard, light and dark.

Where Chromium is not installed these are skipped, unless `MIDTHOUGHT_CHROMIUM` is `required`, as it is in `.ci/run`.
"""

import os

import pytest

from lib import report as site
from tests.fakes import finished_study
from tests.fakes.finished_study import MODEL, STUDY
from tests.report.chromium import Chromium, found

pytestmark = pytest.mark.browser
HINT = "install it (on Debian: apt-get install chromium), or leave MIDTHOUGHT_CHROMIUM unset to go without these tests"
WIDTHS = {"phone": 375, "desk": 1280}
BOOK = f"notebooks/{MODEL}/05_grade.html"
HOSTILE = (
    "<img src='https://example.org/a.png' alt='x'><script src='https://example.org/a.js'></script>"
    "<link rel='stylesheet' href='https://example.org/a.css'><iframe src='https://example.org/'></iframe>"
    "<style>@import 'https://example.org/b.css'; b { background: url(https://example.org/b.png) }</style><b>b</b>"
    "<script>fetch('https://example.org/c'); new Image().src = 'https://example.org/d.png'</script>"
)
# the contrast of every colour of text with the paper, by WCAG 2.2's relative luminance
CONTRASTS = """
(() => {
  const light = colour => {
    const parts = colour.match(/[\\d.]+/g).map(part => part / 255);
    const [r, g, b] = parts.map(part => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const inks = 'p, a, small, th, td, code, .highlight span, summary, figcaption, button';
  return [...document.querySelectorAll(inks)].filter(one => one.offsetParent).map(one => {
    const [a, b] = [light(getComputedStyle(one).color), paper].sort((a, b) => b - a);
    return [(a + .05) / (b + .05), one.className || one.tagName];
  }).sort((a, b) => a[0] - b[0])[0];
})()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    try:
        started = Chromium(found(), tmp_path_factory.mktemp("profile"))
    except (AssertionError, OSError) as error:
        told = f"Chromium does not start ({str(error).splitlines()[0]}); {HINT}"
        (pytest.fail if os.environ.get("MIDTHOUGHT_CHROMIUM") == "required" else pytest.skip)(told)
    with started:
        yield started


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    with finished_study.written(tmp_path_factory.mktemp("site")):
        yield site.build(STUDY)


@pytest.fixture
def opened(browser, report):
    """Open a page of the report; by default a notebook at the width of a desk."""

    def go(page=BOOK, width="desk", **how):
        browser.open((report / page).as_uri(), WIDTHS[width], **how)
        return browser

    return go


def unfolded(browser):
    return browser.run("[...document.querySelectorAll('details.code')].map(one => one.open)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_opens_from_disk_without_a_complaint_a_request_or_a_scroll_to_the_side(
    report, opened, width, scheme
):
    for file in sorted(report.rglob("*.html")):
        page = opened(file.relative_to(report), width, scheme=scheme)
        page.run("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert page.complaints == [], file.name
        assert [one for one in page.requests if not one.startswith(("file:", "data:"))] == [], file.name
        assert page.overflow <= 0, file.name
        assert page.run("document.styleSheets.length") >= 1 and page.run(
            "[...document.images].every(one => one.naturalWidth)"
        )


def test_wide_tables_scroll_in_their_own_box_and_only_they_are_stops_for_the_tab_key(opened):
    page = opened(width="phone")
    shape = "[one.scrollWidth > one.clientWidth, one.tabIndex]"
    boxes = page.run(f"[...document.querySelectorAll('.scroll, pre.out')].map(one => {shape})")
    assert [True, 0] in boxes
    assert all(stop == (0 if is_wide else -1) for is_wide, stop in boxes)
    page.run("document.querySelector('main').insertAdjacentHTML('beforeend', '<p style=width:500px>wide</p>')")
    assert page.overflow > 0, "a page that is too wide would be noticed"


def test_nothing_is_asked_of_a_network_even_if_an_output_wants_it(browser, report, tmp_path):
    page = (report / BOOK).read_text().replace("</article>", f"{HOSTILE}</article>")
    assert "example.org" in page
    (tmp_path / "hostile.html").write_text(page)
    browser.open((tmp_path / "hostile.html").as_uri(), 1280)
    assert any("Content Security Policy" in told for told in browser.complaints), "it was wanted, and refused"
    assert [one for one in browser.requests if "example.org" in one] == []


def test_code_unfolds_by_keyboard_one_by_one_and_all_at_once(opened):
    page = opened()
    assert True not in unfolded(page)
    page.run("document.querySelector('details.code summary').focus()")
    page.press("Enter", 13)
    assert unfolded(page)[0] and True not in unfolded(page)[1:]
    page.run("document.getElementById('fold').focus()")
    page.press("Enter", 13)
    assert all(unfolded(page)) and page.run("fold.getAttribute('aria-pressed')") == "true"
    page.press("Enter", 13)
    assert True not in unfolded(page)


def test_the_slider_moves_the_cut_by_keyboard(opened):
    page = opened("traces.html")
    seen = "[...document.querySelectorAll('.mt-case:not([hidden]) .mt-step:not([hidden])')].map(one => one.dataset.at)"
    first = page.run(seen)
    page.run("document.querySelector('.mt-case:not([hidden]) input').focus()")
    page.press("ArrowRight", 39)
    second = page.run(seen)
    assert len(first) == len(second) == 1 and first != second
    assert page.run("document.activeElement.getAttribute('aria-valuetext')") == second[0]


def test_the_buttons_go_from_case_to_case_and_round_at_the_ends(opened):
    page = opened("traces.html")
    seen = "[...document.querySelectorAll('.mt-case')].map(one => !one.hidden)"
    count = len(page.run(seen))
    assert count > 1 and page.run(seen) == [True] + [False] * (count - 1)
    for which, expected in (("last", 1), ("first", 0), ("first", count - 1), ("last", 0)):
        page.run(f"document.querySelector('.mt-nav button:{which}-of-type').click()")
        assert page.run(seen) == [i == expected for i in range(count)]
        told = page.run("document.querySelector('.mt-nav output').textContent.trim()")
        assert told == f"case {expected + 1} of {count}"


def test_the_first_stop_leads_past_the_navigation(opened):
    page = opened()
    page.press("Tab", 9)
    assert page.run("document.activeElement.textContent") == "Skip to content"
    assert page.run("document.activeElement.getBoundingClientRect().left") >= 0
    page.press("Enter", 13)
    assert page.run("document.activeElement.id") == "main"


@pytest.mark.parametrize("page", [BOOK, "index.html", "provenance.html"])
def test_every_text_stands_out_from_the_paper_light_and_dark(opened, page):
    papers = set()
    for scheme in ("light", "dark"):
        shown = opened(page, scheme=scheme)
        shown.run("document.querySelectorAll('details').forEach(one => one.open = true)")
        least, where = shown.run(CONTRASTS)
        assert least >= 4.5, (scheme, where)
        papers.add(shown.run("getComputedStyle(document.body).backgroundColor"))
    assert len(papers) == 2


def test_without_scripts_everything_can_be_read(browser, opened):
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        told = opened("traces.html").ask("DOM.getDocument")["root"]["nodeId"]
        steps = browser.ask("DOM.querySelectorAll", nodeId=told, selector=".mt-step")["nodeIds"]
        shown = [browser.ask("DOM.getBoxModel", nodeId=step)["model"]["height"] for step in steps]
    finally:
        browser.ask("Emulation.setScriptExecutionDisabled", value=False)
    assert shown and all(height > 0 for height in shown)
