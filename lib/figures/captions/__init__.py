"""Captions: what a figure shows and what to conclude, with every number computed from the frame that was drawn.

Each function takes the frames of the figure of its name (`lib.figures.by_position`, `lib.figures`) and returns plain
text of a few
sentences, for `figures.save`. What is undefined is said to be so, or left out; no number is typed here.
"""

from lib.figures.captions.studies import (
    accuracy_by_cost,
    accuracy_by_position,
    areas,
    differences,
    failure_bars,
    length_ratio_by_position,
    mode_rates,
    overview,
    thinking_lengths,
    tokens_by_position,
)
from lib.figures.captions.trust import agreement, calibration, counterpart, judged_shares, planted_and_detected

__all__ = [
    "accuracy_by_cost",
    "accuracy_by_position",
    "agreement",
    "areas",
    "calibration",
    "counterpart",
    "differences",
    "failure_bars",
    "judged_shares",
    "length_ratio_by_position",
    "mode_rates",
    "overview",
    "planted_and_detected",
    "thinking_lengths",
    "tokens_by_position",
]
