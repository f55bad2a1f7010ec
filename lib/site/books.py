"""An executed notebook as HTML: its text and what it shows, with the code folded; nothing is asked of any network."""

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib import paths
from lib.site.held import SiteError

if TYPE_CHECKING:
    from nbformat import NotebookNode

TEMPLATES = Path(__file__).with_name("templates")
# Frames bring a style for their own cells, once each; the report's stylesheet has it for all.
SCOPED = re.compile(r"<style scoped>.*?</style>\s*", re.DOTALL)
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
    return next((told for kind, told in _headings(book) if kind == 1), "")


def question(book: "NotebookNode") -> str:
    """What it asks, as its first cell says after the word Question; nothing where that does not."""
    found = QUESTION.search(book.cells[0].source) if book.cells else None
    return " ".join(found[1].split()) if found else ""


def html(book: "NotebookNode") -> str:
    """The notebook as a fragment of HTML, from its first heading on; pictures are within it.

    The same notebook gives the same bytes. Pictures are told by the heading they stand under, for those who do not see
    them. Outputs in HTML are kept as they are: they come from the project's own notebooks.
    """
    made, _ = _exporter().from_notebook_node(_prepared(book))
    return made.strip()


def _prepared(book: "NotebookNode") -> "NotebookNode":
    import nbformat

    copied = nbformat.from_dict(book)
    under = "the notebook"
    for cell in copied.cells:
        under = next((told for _, told in reversed(_headings_of(cell))), under)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                data["text/html"] = SCOPED.sub("", data["text/html"])
            if "image/png" in data:
                output.metadata.setdefault("image/png", {}).setdefault("alt", f"Figure: {under}")
    return copied


def _headings(book: "NotebookNode") -> list[tuple[int, str]]:
    return [heading for cell in book.cells for heading in _headings_of(cell)]


def _headings_of(cell: Any) -> list[tuple[int, str]]:
    if cell.cell_type != "markdown":
        return []
    found = re.findall(r"^(#{1,6}) +(.+?) *#*$", cell.source, re.MULTILINE)
    return [(len(marks), re.sub(r"[*`]", "", told)) for marks, told in found]


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
