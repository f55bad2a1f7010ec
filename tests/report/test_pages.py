"""The report of a study: every page links only to what is there, asks nothing of anyone, and repeats byte for byte."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from lib import params, paths
from lib import report as site
from lib.pipeline import provenance
from lib.report import SiteError, __main__, explorer, files, notebooks, overview
from tests.fakes import finished_study
from tests.fakes.finished_study import CAPTION, COLUMNS, MODEL, ROWS, STUDY, TITLE

VOID = {"meta", "link", "img", "br", "input", "hr"}
TITLES = {MODEL: "TinyLRM-M"}


class Page(HTMLParser):
    """What a browser would make of a page: elements with attributes, text by element, and whether all are closed."""

    def __init__(self, file: Path):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []
        self.feed(file.read_text())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, dict(attrs).get("class")))

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        self.texts.append((tuple(self.open), data))

    def text(self, inside="main", without=()):
        around = [(dict(tags), {*tags}, data) for tags, data in self.texts]
        told = [data for names, tags, data in around if inside in names and not {*without} & tags]
        return " ".join(" ".join(told).split())


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The FAKE study, once for all tests here that only read it."""
    with finished_study.written(tmp_path_factory.mktemp("site")) as folder:
        yield folder


@pytest.fixture(scope="module")
def report(outputs):
    return site.build(STUDY)


@pytest.fixture
def quick(monkeypatch):
    """Without the traces, whose models' tokens take seconds to read."""
    monkeypatch.setattr("lib.report.explorer.chosen", lambda *_: [])


def contents(folder):
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def pages_of(folder):
    return {file.relative_to(folder).as_posix(): Page(file) for file in sorted(folder.rglob("*.html"))}


def test_every_page_has_one_heading_the_navigation_and_a_language(report):
    pages = pages_of(report)
    assert len(pages) == 5 + len(files.ONCE) + len(files.PER_MODEL)
    for page in pages.values():
        tags = [tag for tag, _ in page.elements]
        assert tags.count("h1") == tags.count("main") == 1 and "nav" in tags
        assert ("html", {"lang": "en"}) in page.elements
        assert TITLE in page.text("title")
        assert next(attrs["href"] for tag, attrs in page.elements if tag == "a") == "#main"
        assert all("alt" in attrs for tag, attrs in page.elements if tag == "img")


def test_every_link_leads_to_a_file_of_the_report_and_every_mark_is_there(report):
    pages = pages_of(report)
    for name, page in pages.items():
        targets = [
            attrs.get("href") or attrs.get("src") for _, attrs in page.elements if {"href", "src"} & attrs.keys()
        ]
        for target in targets:
            if target.startswith("data:"):
                continue
            file, _, mark = target.partition("#")
            there = (report / name).parent / file if file else report / name
            assert there.is_file(), f"{name}: {target}"
            if mark:
                known = pages[there.resolve().relative_to(report).as_posix()]
                assert mark in [attrs.get("id") for _, attrs in known.elements], f"{name}: {target}"


def test_nothing_in_a_report_names_an_address_elsewhere(report):
    for name, content in contents(report).items():
        if name.endswith((".html", ".css")):
            assert not re.search(rb"(?:https?:)?//[\w.-]+\.\w+/|@import|url\(", content), name


def test_what_a_cell_shows_is_seen_and_its_code_is_folded(report):
    page = Page(report / "notebooks" / MODEL / "05_grade.html")
    told = page.text(without=[("details", "code")])
    assert "longlonglong" in told and "<b>plain</b> word" in told and "wide wide" in told
    assert "x = 1" not in told and "x = 1" in page.text()
    assert "a figure" not in page.text() and "a frame" not in page.text()
    assert [attrs["alt"] for tag, attrs in page.elements if tag == "img"] == ["Figure: A picture"]
    assert "style scoped" not in (report / "notebooks" / MODEL / "05_grade.html").read_text()


def test_a_caption_stands_under_its_figure_and_without_one_its_name(report):
    page, text = Page(report / "index.html"), (report / "index.html").read_text()
    told = page.text("figcaption")
    assert told.startswith(CAPTION.strip()) and "Tokens. " in told and "TinyLRM-M, accuracy. " in told
    assert "lrm-s" not in told, "a model without results has no figure"
    assert not any(tag in ("i", "b") for tag, _ in page.elements)
    shown = [attrs for tag, attrs in page.elements if tag == "img"]
    assert (shown[0]["src"], shown[0]["width"], shown[0]["height"]) == ("figures/accuracy.png", "600", "200")
    places = [text.index(part) for part in ("figures/tokens.png", "The figures of the paper", "figures/paper_hard.png")]
    assert places == sorted(places)


def test_downloads_are_the_files_of_the_study(report, outputs):
    own = {name: content for name, content in contents(outputs / STUDY).items() if name.startswith(("sum", "note"))}
    assert own and own == {name: content for name, content in contents(report).items() if name in own}
    links = [attrs["href"] for tag, attrs in Page(report / "downloads.html").elements if "download" in attrs]
    assert {"summary/accuracy.csv", "figures/accuracy.svg", f"notebooks/{MODEL}/05_grade.ipynb"} <= set(links)


def test_traces_are_those_that_the_explorer_chooses(report):
    told = Page(report / "traces.html").text()
    chosen = explorer.chosen(params.load_study(STUDY))
    assert chosen and all(case.trace_id in told for case in chosen) and "Kept thought" in told


def test_equal_inputs_give_equal_bytes(report, tmp_path):
    assert contents(site.build(STUDY, tmp_path / "again")) == contents(report)


def test_a_report_takes_the_place_of_an_older_one_as_a_whole(outputs, tmp_path, quick):
    made = site.build(STUDY, tmp_path / "made")
    (made / "stale.html").write_text("")
    assert "stale.html" not in contents(site.build(STUDY, made))
    assert [file.name for file in tmp_path.iterdir()] == ["made"], "nothing half made stays"


def test_a_report_that_fails_leaves_the_old_one(outputs, tmp_path, quick, monkeypatch):
    made = site.build(STUDY, tmp_path / "made")
    before = contents(made)
    monkeypatch.setattr("lib.pipeline.provenance.steps", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        site.build(STUDY, made)
    assert contents(made) == before
    assert [file.name for file in tmp_path.iterdir()] == ["made"]


def test_the_overview_lists_statements_with_both_verdicts_and_notebooks_in_the_order_they_ran(report):
    told = Page(report / "index.html").text()
    row = "7. Haste is <cheap> holds does not hold speed-up less full: -0.250 (-0.500 to -0.125) they differ"
    assert row in told
    assert "12. An update is late holds cannot say – nothing here was updated" in told
    places = [told.index(f"FAKE {name}") for name in sorted([*files.ONCE, *files.PER_MODEL])]
    assert places == sorted(places) and "Is `05_grade` a notebook?" in told


@pytest.mark.parametrize("held_there", ["notes.txt", "index.html"])
def test_a_folder_that_holds_something_else_is_never_replaced(outputs, tmp_path, held_there):
    (tmp_path / held_there).write_text("mine")
    with pytest.raises(SiteError, match="holds something else, expected a report, an empty folder or none"):
        site.build(STUDY, tmp_path)
    assert contents(tmp_path) == {held_there: b"mine"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notebooks/01_load.ipynb", None, "01_load.ipynb: no executed notebook, `make reproduce STUDY=fake` makes it"),
        (f"notebooks/{MODEL}", None, r"03_initial.ipynb: no executed notebook \(3 of 6 are missing\), `make reproduce"),
        ("summary/accuracy.csv", None, "accuracy.csv: no such summary, `make reproduce STUDY=fake` makes it"),
        ("figures/tokens.png", b"no picture, though it is long enough to be one", r"tokens\.png: not a PNG"),
        *(
            ("notebooks/01_load.ipynb", content, r"01_load\.ipynb: cannot be read as a notebook")
            for content in (b"", b"{", b"[]", b"\xff\xfe")
        ),
    ],
)
def test_what_is_missing_or_broken_is_told_in_one_line(outputs, tmp_path, monkeypatch, name, content, message):
    file, away = outputs / STUDY / name, tmp_path / "away"
    file.rename(away)
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setattr(sys, "argv", ["report", "--study", STUDY, "--to", str(tmp_path / "made")])
    try:
        with pytest.raises(SystemExit, match=message) as ended:
            __main__.main()
    finally:
        file.unlink(missing_ok=True)
        away.rename(file)
    assert "\n" not in str(ended.value) and not (tmp_path / "made").exists()


def test_steps_are_shown_where_they_were_kept(outputs, tmp_path, quick):
    made = site.build(STUDY, tmp_path / "made")
    assert "Nothing was kept" in Page(made / "provenance.html").text()
    with provenance.step("05_grade", STUDY, MODEL):
        pass
    told = Page(site.build(STUDY, made) / "provenance.html").text()
    provenance.location(STUDY).unlink()
    assert "Nothing was kept" not in told and "Packages of 05_grade" in told and "processor" not in told
    assert str(paths.ROOT) not in told


# what the overview says


def test_a_cell_without_rows_is_a_dash_and_positions_stand_by_unit():
    told = overview.table(pd.DataFrame(ROWS, columns=COLUMNS), TITLES, 100, 1)
    assert told["head"] == ["0.5", "0.9"]
    (group,) = told["groups"]
    assert (group["source"], group["model"], group["full"]) == ("word problems", "TinyLRM-M", ("50.0", "25.0–75.0"))
    assert group["rows"] == [
        ("speed_up", [("50.0", "25.0–75.0"), ("–", "")]),
        ("update", [("100.0", "100.0–100.0"), ("–", "")]),
    ]
    places = [("tokens", 8), ("tokens", 40), ("share", 0.5)]
    rows = [[MODEL, "tiny", "update", *place, 1, 1, 1, 1] for place in places]
    assert overview.table(pd.DataFrame(rows, columns=COLUMNS), TITLES, 1, 0)["head"] == ["0.5", "8t", "40t"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            ROWS,
            "TinyLRM-M on word problems: 50.0% right with full thinking (2 rows, 95% interval 25.0% to 75.0%); after "
            "an interrupt between 50.0% (speed up at 0.5) and 100.0% (update at 0.5).",
        ),
        (ROWS[:1], "TinyLRM-M on word problems: 50.0% right with full thinking (2 rows, 95% interval 25.0% to 75.0%)."),
        (ROWS[2:3], "TinyLRM-M on word problems: no row could be graded."),
    ],
)
def test_sentences_say_what_the_rows_hold(rows, expected):
    assert overview.sentences(pd.DataFrame(rows, columns=COLUMNS), TITLES, 0.95) == [expected]


@pytest.mark.parametrize(
    ("study", "overrides", "parts"),
    [
        (
            "tiny",
            {},
            ["M thought through up to 120 problems of each source (word problems and programs), once,"],
        ),
        ("paper", {}, ["M thought through up to 500 problems", "LiveCodeBench), once or several times, and"]),
        ("tiny", {"positions": "0.5,512t"}, ["was cut at the positions 0.5 and 512t."]),
        ("tiny", {"interrupts": "speed_up"}, ["At each cut an interrupt was spliced in (speed up), the model went on"]),
        ("tiny", {"samples": 4, "problems": 1000}, ["up to 1,000 problems of each source", "programs), 4 times,"]),
    ],
)
def test_two_sentences_say_what_was_done(study, overrides, parts):
    told = overview.done(params.load_study(study, **overrides), {"s": "S", "m": "M"})
    assert told.startswith("S and M") and all(part in told for part in parts)
    assert len(re.findall(r"\.(?: |$)", told)) == 2


# tables of frames


@pytest.mark.parametrize(
    ("frame", "right"),
    [
        (pd.DataFrame({"name": ["a", "b"], "n": [1, 20], "s": [0.5, None]}), ["n", "1", "20", "s", "0.5", "NaN"]),
        (pd.DataFrame({"mixed": ["1", "<b>"]}), []),
        (pd.DataFrame({"p": ["a"] * 2, "q": ["x", "y"], "n": [1, 2]}).set_index(["p", "q"]), ["n", "", "1", "2"]),
        (pd.DataFrame({"n": []}), []),
    ],
)
def test_columns_of_numbers_stand_right_with_their_heads(frame, right):
    plain = notebooks.SCOPED.sub("", frame._repr_html_())
    table = notebooks.FRAME.sub(notebooks._aligned, plain)
    assert sorted(re.findall(r'<t[hd] class="n">(.*?)</t[hd]>', table)) == sorted(right)
    assert table.replace(' class="n"', "") == plain
