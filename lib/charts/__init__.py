"""Charts: figures that set one thing against another, from the frames that a study's results come in.

`lib.figures` shows a study by position of the interrupt; here stand the study at a glance (`overview`), what an answer
costs (`costs`), how often each failure mode occurs (`modes`), differences and areas with their intervals (`changes`),
what judge, rules and detectors are worth (`trust`), and the paper's own figures with ours beside them (`counterparts`).
All take small frames, share the looks of `lib.panels` and are saved by `lib.figures.save`.
"""

from lib.charts.changes import areas, curves_with_area, differences
from lib.charts.costs import accuracy_by_cost, spending
from lib.charts.counterparts import PAPER, RATES, counterpart, shared
from lib.charts.modes import mode_rates
from lib.charts.overview import overview
from lib.charts.trust import agreement, calibration, judged_shares, planted_and_detected

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
