"""The pages of a report and the folder they make: written beside the old one, which they replace as a whole."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from lib import params, paths, schema
from lib.params.settings import Study
from lib.pipeline import provenance
from lib.report import explorer, files, notebooks, overview
from lib.report.files import Book, Figure, SiteError

STYLE = Path(__file__).with_name("site.css")
SIGN = '<meta name="generator" content="midthought">'  # what tells a report from any other folder
CASES = 2_000_000  # bytes of the page of traces
PAGES = {  # of the navigation
    "index.html": "Overview",
    "traces.html": "Traces",
    "tables.html": "Tables",
    "downloads.html": "Downloads",
    "provenance.html": "Provenance",
}


def build(study: str, to: Path | None = None) -> Path:
    """Make the report of a study out of its executed notebooks, summaries, figures and tables; returns its folder.

    Equal inputs give equal bytes. A report that was there before is replaced when the new one is complete. Without `to`
    the folder is `outputs/<study>/report`.

    Raises:
        SiteError: a notebook, a summary or a figure is missing or broken; the folder holds something else.
        ParamsError: a study or an interrupt without a sound file.
        TableError: a table behind the traces is missing or broken.
        ProvenanceError: what was kept about the steps cannot be read.
    """
    target = (to or paths.outputs() / study / "report").expanduser().resolve()
    _refuse_others(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as made:
        folder = Path(made) / "report"
        _write(params.load_study(study), folder)
        old = Path(made) / "old"
        if target.exists():
            target.rename(old)
        folder.rename(target)
    return target


def _refuse_others(target: Path) -> None:
    """A folder that this did not make is never replaced."""
    index = target / "index.html"
    is_ours = index.is_file() and SIGN in index.read_text(encoding="utf-8", errors="replace")
    if target.exists() and not is_ours and not (target.is_dir() and not any(target.iterdir())):
        raise SiteError(f"{paths.show(target)}: holds something else, expected a report, an empty folder or none")


def _write(study: Study, folder: Path) -> None:
    """All of a report into an empty folder, the parts that may fail first."""
    accuracy, tokens, claims = (files.summary(study.name, name) for name in ("accuracy", "tokens", "claims"))
    models = files.models(study, accuracy)
    titles = files.titles(models)
    listed = [_listed(book) for book in files.books(study.name, models)]
    figures = files.figures(study.name, titles)
    shell = _Shell(study, folder)
    _copy(study.name, [one["book"] for one in listed], figures, folder)
    shared = [one for one in figures if one.model is None]
    shell.write(
        "index.html",
        "index",
        done=overview.done(study, titles),
        sentences=overview.sentences(accuracy, titles, study.confidence),
        accuracy=overview.table(accuracy, titles, 100, 1),
        tokens=overview.table(tokens, titles, 1, 0),
        spliced=overview.spliced(study),
        figures=[one for one in shared if not one.slug.startswith(files.PAPER)],
        paper=[one for one in shared if one.slug.startswith(files.PAPER)],
        own_figures={titles[name]: [one for one in figures if one.model == name] for name in titles},
        books=listed,
        level=f"{study.confidence:.0%}",
        statements=overview.statements(claims),
    )
    for i, one in enumerate(listed):
        around = {"before": listed[i - 1] if i else None, "after": listed[i + 1] if i + 1 < len(listed) else None}
        shell.write(one["page"], "book", one["label"], **one, **around, body=notebooks.html(one["read"]))
    traces = explorer.static_page(study, explorer.chosen(study, models), CASES)
    shell.write("traces.html", "traces", PAGES["traces.html"], body=traces)
    glossaries = {name: schema.glossary(name).to_dict("records") for name in schema.TABLES}
    shell.write("tables.html", "tables", PAGES["tables.html"], tables=glossaries)
    shell.write("downloads.html", "downloads", PAGES["downloads.html"], **_downloads(folder, figures))
    shell.write("provenance.html", "provenance", PAGES["provenance.html"], **_provenance(study, models))


class _Shell:
    """What stands around every page: head, navigation, foot."""

    def __init__(self, study: Study, folder: Path) -> None:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        loader = FileSystemLoader(notebooks.TEMPLATES)
        own = {"trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True}
        self.templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, **own)
        self.study, self.folder = study, folder

    def write(self, page: str, template: str, title: str = "", /, **values: Any) -> None:
        """One page; `title` is empty on the first one, which has the study's."""
        file = self.folder / page
        file.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * page.count("/")
        around = {"study": self.study, "pages": PAGES, "here": page, "root": up, "heading": title, "sign": SIGN}
        text = self.templates.get_template(f"{template}.html.j2").render(**around | values)
        file.write_text(text, encoding="utf-8", newline="\n")


def _listed(book: Book) -> dict[str, Any]:
    read = notebooks.read(book.file)
    label = f"{book.name} · {book.model}" if book.model else book.name
    listed = {"book": book, "read": read, "page": book.page, "label": label, "model": book.model}
    return listed | {"title": notebooks.title(read) or book.name, "question": notebooks.question(read)}


def _copy(study: str, listed: list[Book], figures: list[Figure], folder: Path) -> None:
    """What can be downloaded, beside the pages, so that the folder can be moved as a whole."""
    copies = [(book.file, folder / book.page.replace(".html", ".ipynb")) for book in listed]
    copies += [(file, folder / "summary" / file.name) for file in sorted(paths.summary(study).glob("*.csv"))]
    drawn = [paths.figures(study) / f"{one.slug}.{kind}" for one in figures for kind in files.KINDS]
    drawn += sorted(paths.figures(study).glob("*.tex"))
    copies += [(file, folder / "figures" / file.name) for file in drawn if file.is_file()]
    copies += [(STYLE, folder / STYLE.name)]
    for source, target in copies:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _downloads(folder: Path, figures: list[Figure]) -> dict[str, Any]:
    def listed(file: Path) -> dict[str, str]:
        size = f"{max(1, round(file.stat().st_size / 1024)):,} kB"
        return {"path": file.relative_to(folder).as_posix(), "kind": file.suffix[1:], "size": size}

    drawn = {one.slug: [folder / "figures" / f"{one.slug}.{kind}" for kind in files.KINDS] for one in figures}
    return {
        "summaries": [listed(file) for file in sorted((folder / "summary").glob("*.csv"))],
        "figures": [(one, [listed(file) for file in drawn[one.slug] if file.is_file()]) for one in figures],
        "latex": [listed(file) for file in sorted((folder / "figures").glob("*.tex"))],
        "notebooks": [listed(file) for file in sorted((folder / "notebooks").rglob("*.ipynb"))],
    }


def _provenance(study: Study, models: list[str]) -> dict[str, Any]:
    """Parameters as they are in `params/` now, each model's files, and what was kept of each step."""
    steps = provenance.steps(study.name)
    return {
        "settings": {key: _yaml(value) for key, value in study.as_dict().items()},
        "models": {name: _model(study, name) for name in models},
        "steps": [provenance.row(kept) | {"packages": kept.get("packages", {})} for kept in steps],
    }


def _model(study: Study, name: str) -> dict[str, str]:
    """What two equal runs of a model have in common; of one whose file is gone, the reason."""
    try:
        return {key: _yaml(value) for key, value in provenance.of(study.name, name).items()}
    except params.ParamsError as error:
        return {"unknown": str(error)}


def _yaml(value: Any) -> str:
    """A value as YAML would have it on one line; null where it is undefined."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
