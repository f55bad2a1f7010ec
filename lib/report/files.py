"""Files of a study that its report shows: executed notebooks, figures, summaries."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lib import params, paths
from lib.params.settings import Study

ONCE, PER_MODEL = ("01_load", "02_augment", "06_failure_modes"), ("03_initial", "04_interrupt", "05_grade")
# figures, the most telling ones first
FIRST = ("overview", "accuracy", "differences", "areas", "tokens", "costs", "failure_modes", "answer_length", "planted")
PAPER = "paper_"  # figures of the paper, drawn again
KINDS = ("png", "svg", "pdf")


class SiteError(RuntimeError):
    """A report that cannot be made; its text is one line."""


@dataclass(frozen=True)
class Book:
    """An executed notebook: its name without the ending, its model (None: it runs once per study), and its file."""

    name: str
    model: str | None
    file: Path

    @property
    def page(self) -> str:
        """Where its page lies in the report."""
        return "/".join(filter(None, ("notebooks", self.model, f"{self.name}.html")))


@dataclass(frozen=True)
class Figure:
    """A saved figure."""

    slug: str
    model: str | None  # None: it shows several
    words: str  # its name in words
    caption: str
    width: int  # pixels
    height: int


def summary(study: str, name: str) -> pd.DataFrame:
    """A small table of a study; raises SiteError, with the command that makes it, where there is none."""
    file = paths.summary(study) / f"{name}.csv"
    try:
        return pd.read_csv(file)
    except (OSError, ValueError) as error:
        raise SiteError(f"{paths.show(file)}: no such summary, {_command(study)} makes it") from error


def models(study: Study, accuracy: pd.DataFrame) -> list[str]:
    """Models with results, in the order of the study; one that was named on the command line only comes last."""
    found = list(dict.fromkeys(accuracy["model"]))
    return sorted(found, key=lambda name: study.models.index(name) if name in study.models else len(study.models))


def books(study: str, models: Sequence[str]) -> list[Book]:
    """The executed notebooks in the order they run, model by model; raises SiteError where one is missing."""
    placed = [(name, None) for name in ONCE] + [(name, model) for name in PER_MODEL for model in models]
    ordered = sorted(placed, key=lambda one: (one[0] == ONCE[-1], models.index(one[1]) if one[1] else -1, one[0]))
    found = [Book(name, model, paths.notebooks(study, model) / f"{name}.ipynb") for name, model in ordered]
    if missing := [book for book in found if not book.file.is_file()]:
        more = f" ({len(missing)} of {len(found)} are missing)" if len(missing) > 1 else ""
        raise SiteError(f"{paths.show(missing[0].file)}: no executed notebook{more}, {_command(study)} makes it")
    return found


def titles(models: Sequence[str]) -> dict[str, str]:
    """What models are called; one whose file is gone keeps its name."""
    found = {}
    for name in models:
        try:
            found[name] = params.load_model(name).title
        except params.ParamsError:
            found[name] = name
    return found


def figures(study: str, titles: dict[str, str]) -> list[Figure]:
    """Figures with a PNG, those of the whole study first; of a model without results none is taken.

    The caption stands beside a figure in `<slug>.txt`; without it the slug is shown in words. Raises SiteError where a
    PNG is none.
    """
    found = []
    known = {*titles, *(file.stem for file in (paths.PARAMS / "models").glob("*.yaml"))}
    for file in paths.figures(study).glob("*.png"):
        owner = max((name for name in known if file.stem.startswith(f"{name}_")), key=len, default=None)
        if owner is None or owner in titles:
            words = file.stem.removeprefix(f"{owner}_").replace("_", " ")
            words = f"{titles[owner]}, {words}" if owner else words.capitalize()
            found.append(Figure(file.stem, owner, words, _caption(file) or f"{words}.", *_size(file)))
    shared = {slug: i for i, slug in enumerate(FIRST)}
    order = [None, *titles]
    return sorted(found, key=lambda one: (order.index(one.model), shared.get(one.slug, len(shared)), one.slug))


def _caption(file: Path) -> str:
    beside = file.with_suffix(".txt")
    try:
        return " ".join(beside.read_text(encoding="utf-8").split()) if beside.is_file() else ""
    except (OSError, ValueError) as error:
        raise SiteError(f"{paths.show(beside)}: cannot be read, expected a caption in UTF-8") from error


def _size(file: Path) -> tuple[int, int]:
    """Width and height as the head of a PNG tells them, so that a page is laid out before its pictures are read."""
    head = file.read_bytes()[:24]
    if len(head) < 24 or head[:8] != b"\x89PNG\r\n\x1a\n":
        raise SiteError(f"{paths.show(file)}: not a PNG, expected a figure as lib.figures.save writes it")
    return struct.unpack(">II", head[16:24])


def _command(study: str) -> str:
    return "`make reproduce`" if study == "tiny" else f"`make reproduce STUDY={study}`"
