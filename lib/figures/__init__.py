"""Charts: figures that set one thing against another, from the frames that a study's results come in.

`lib.figures.by_position` shows a study by position of the interrupt; here stand the study at a glance (`overview`),
what an answer
costs (`costs`), how often each failure mode occurs (`modes`), differences and areas with their intervals (`changes`),
what judge, rules and detectors are worth (`trust`), and the paper's own figures with ours beside them (`counterparts`).
All take small frames, share the looks of `lib.figures.style` and are saved by `lib.figures.by_position.save`.
"""

from lib.figures.costs import accuracy_by_cost, spending
from lib.figures.differences import areas, curves_with_area, differences
from lib.figures.judge import agreement, calibration, judged_shares, planted_and_detected
from lib.figures.modes import mode_rates
from lib.figures.overview import overview
from lib.figures.paper import PAPER, RATES, counterpart, shared

__all__ = [
    "PAPER",
    "RATES",
    "accuracy_by_cost",
    "agreement",
    "areas",
    "calibration",
    "counterpart",
    "curves_with_area",
    "differences",
    "judged_shares",
    "mode_rates",
    "overview",
    "planted_and_detected",
    "shared",
    "spending",
]
