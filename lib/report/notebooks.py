"""An executed notebook as HTML: its text and what it shows, with the code folded; nothing is asked of any network."""

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib import paths
from lib.report.files import SiteError

if TYPE_CHECKING:
    from nbformat import NotebookNode

TEMPLATES = Path(__file__).with_name("templates")
# Frames bring a style for their own cells, once each; the report's stylesheet has it for all.
SCOPED = re.compile(r"<style scoped>.*?</style>\s*", re.DOTALL)
FRAME = re.compile(r'<table border="1" class="dataframe">.*?</table>', re.DOTALL)
ROWS = re.compile(r"<tr[^>]*>.*?</tr>", re.DOTALL)
NUMBER = re.compile(r"\s*(?:[-+]?[\d,]*\.?\d+(?:e[-+]?\d+)?%?|NaN|None|&lt;NA&gt;|\.\.\.)\s*", re.IGNORECASE)
QUESTION = re.compile(r"\*\*Question\.?\*\*\s*(.+?)(?:\n\s*\n|\Z)", re.DOTALL)


def read(file: Path) -> "NotebookNode":
    """An executed notebook; raises SiteError where the file is none."""
    import nbformat  # takes its time to import

    try:
        return nbformat.read(file, as_version=4)
    except Exception as error:  # what is not JSON, or not of the format, has an exception of its own each
        raise SiteError(f"{paths.show(file)}: cannot be read as a notebook ({type(error).__name__})") from error


def title(book: "NotebookNode") -> str:
    """Its first heading, or nothing where it has none."""
    headings = (heading for cell in book.cells for heading in _headings(cell))
    return next((text for level, text in headings if level == 1), "")


def question(book: "NotebookNode") -> str:
    """What it asks, as its first cell says after the word Question; nothing where that does not."""
    found = QUESTION.search(book.cells[0].source) if book.cells else None
    return " ".join(found[1].split()) if found else ""


def html(book: "NotebookNode") -> str:
    """The notebook as a fragment of HTML, from its first heading on; pictures are within it.

    A picture's alternative text is the heading it stands under. Outputs in HTML are kept as they are: they come from
    the project's own notebooks.
    """
    made, _ = _exporter().from_notebook_node(_prepared(book))
    return made.strip()


def _prepared(book: "NotebookNode") -> "NotebookNode":
    import nbformat

    copied = nbformat.from_dict(book)
    under = "the notebook"
    for cell in copied.cells:
        under = next((text for _, text in reversed(_headings(cell))), under)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                data["text/html"] = FRAME.sub(_aligned, SCOPED.sub("", data["text/html"]))
            if "image/png" in data:
                output.metadata.setdefault("image/png", {}).setdefault("alt", f"Figure: {under}")
    return copied


def _aligned(found: re.Match) -> str:
    """The table of a frame, its columns of numbers named `n`, as pandas tells heads and texts to stand right too."""
    head, mark, body = found[0].partition("<tbody>")
    rows = [re.findall(r"<td>(.*?)</td>", row, re.DOTALL) for row in ROWS.findall(body)]
    if len({len(row) for row in rows}) != 1:
        return found[0]
    numbers = [all(map(NUMBER.fullmatch, column)) for column in zip(*rows, strict=True)]

    def marked(row: re.Match, cell: str) -> str:
        parts = re.split(rf"(?=<{cell}>)", row[0])
        last = range(len(parts) - len(numbers), len(parts))  # what stands before names rows
        if len(numbers) < len(parts):
            for i, is_number in zip(last, numbers, strict=True):
                parts[i] = parts[i].replace(f"<{cell}>", f'<{cell} class="n">', 1) if is_number else parts[i]
        return "".join(parts)

    return ROWS.sub(lambda row: marked(row, "th"), head) + mark + ROWS.sub(lambda row: marked(row, "td"), body)


def _headings(cell: Any) -> list[tuple[int, str]]:
    """Level and text of each heading of a cell."""
    if cell.cell_type != "markdown":
        return []
    headings = re.findall(r"^(#{1,6}) +(.+?) *#*$", cell.source, re.MULTILINE)
    return [(len(marks), re.sub(r"[*`]", "", text)) for marks, text in headings]


@cache
def _exporter() -> Any:
    """An exporter with the template of the report alone: nbconvert's own ones load scripts from elsewhere."""
    from jinja2 import FileSystemLoader
    from nbconvert import HTMLExporter  # takes a second to import

    return HTMLExporter(
        template_file="notebook.html.j2",
        extra_loaders=[FileSystemLoader(TEMPLATES)],
        exclude_anchor_links=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
