"""The explorer as a widget: choose model, interrupt and problem, move the cut, jump from one failure to the next."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import pandas as pd

from lib.params.settings import Study
from lib.report.explorer import page
from lib.report.explorer.records import FULL, Case, Reader, settings_of


def browse(study: Study | str, models: Sequence[str] | None = None) -> Any:
    """A widget that shows one trace at a time; tables are read when their model is first chosen.

    The buttons go to the places where an answer is wrong after the interrupt though right with full thinking, by
    interrupt and then by problem. Without `models` all of the study can be chosen. Raises ParamsError and TableError.
    """
    own = settings_of(study)
    return Browser(own, list(models) if models is not None else list(own.models)).box


class Browser:
    """The widgets and what they show; `box` holds them all."""

    def __init__(self, study: Study, models: list[str]) -> None:
        import ipywidgets as widgets  # not needed to read a notebook

        self.reader = cache(lambda model: Reader(study, model))
        self.is_moving = False
        self.model = widgets.Dropdown(options=models, description="Model")
        self.interrupt = widgets.Dropdown(description="Interrupt")
        self.problem = widgets.Dropdown(description="Problem")
        self.trace = widgets.Dropdown(description="Trace")
        self.columns = ((self.interrupt, "interrupt"), (self.problem, "problem_id"), (self.trace, "trace_id"))
        self.position = widgets.SelectionSlider(options=[FULL], description="Cut at X")
        self.before, self.after = (widgets.Button(description=text) for text in ("◀ turned wrong", "turned wrong ▶"))
        self.count, self.shown = widgets.Label(), widgets.HTML()
        chosen = [self.model, self.interrupt, self.problem, self.trace]
        buttons = widgets.HBox([self.before, self.after, self.count], layout=widgets.Layout(flex_flow="row wrap"))
        self.box = widgets.VBox([*chosen, self.position, buttons, self.shown])
        for widget in (*chosen, self.position):
            widget.observe(self.update, "value")
        self.before.on_click(lambda _: self.go(-1))
        self.after.on_click(lambda _: self.go(1))
        self.update()

    @property
    def places(self) -> pd.DataFrame:
        """Of the chosen model, as `Reader.places`."""
        return self.reader(self.model.value).places

    def update(self, _: Any = None) -> None:
        """Offer what there is for what is chosen, keep what still fits, and show it."""
        if self.is_moving:
            return
        with self._moving():
            rows = self.places
            for widget, column in self.columns:
                _offer(widget, list(dict.fromkeys(rows[column])))
                rows = rows[rows[column].eq(widget.value)]
            _offer(self.position, [*rows["at"], FULL])
            # a problem with one trace leaves nothing to choose
            self.trace.layout.display = None if len(self.trace.options) > 1 else "none"
        self.show()

    def show(self) -> None:
        """Show the record at the chosen position, and where it stands among the failures."""
        lost = self.places["new_error"].to_numpy().nonzero()[0]
        self.before.disabled = self.after.disabled = not len(lost)
        self.count.value = f"{len(lost):,} of {len(self.places):,} turned wrong"
        if self.trace.value is None:
            self.shown.value = "There are no continuations."
            return
        case = Case(self.model.value, self.trace.value, self.interrupt.value)
        record = self.reader(case.model).record(case)
        step = next((one for one in record.steps if one.at == self.position.value), record.steps[0])
        self.shown.value = f"{page.style()}<div class='mt-ex'>{page.heading_html(record)}{page.step_html(step)}</div>"

    def go(self, by: int) -> None:
        """To the next failure, or with -1 to the one before; both go round."""
        lost = self.places.index[self.places["new_error"]]
        here = self._here()
        # at a place that is no failure both neighbours are one step away
        at = lost.searchsorted(here, side="left" if by < 0 else "right") - (by < 0)
        row = self.places.loc[lost[at % len(lost)]]
        with self._moving():
            rows = self.places
            for widget, column in (*self.columns, (self.position, "at")):
                options = list(dict.fromkeys(rows[column]))
                _offer(widget, [*options, FULL] if widget is self.position else options, row[column])
                rows = rows[rows[column].eq(row[column])]
        self.update()

    def _here(self) -> int:
        """Where in the places the shown record stands; full thinking stands after the last of its case."""
        rows = self.places
        mine = rows[rows["interrupt"].eq(self.interrupt.value) & rows["trace_id"].eq(self.trace.value)]
        at = mine.index[mine["at"].eq(self.position.value)]
        return int(at[0]) if len(at) else int(mine.index[-1])

    @contextmanager
    def _moving(self) -> Iterator[None]:
        """Several widgets are set at once, so that none of them redraws yet."""
        self.is_moving = True
        try:
            yield
        finally:
            self.is_moving = False


def _offer(widget: Any, options: list[str], value: str | None = None) -> None:
    """Give a widget its options and a value: this one, else what it had if that is still there, else the first."""
    wanted = widget.value if value is None else value
    if list(widget.options) != options:
        widget.options = options
    widget.value = wanted if wanted in options else next(iter(options), None)
