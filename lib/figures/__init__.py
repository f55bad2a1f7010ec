"""Figures, drawn at printed size from small prepared frames, each with its caption.

A function here draws one figure of its frames and returns it with the attribute `caption`: what it shows and what to
conclude, every number computed from the same frames, what is undefined said to be so or left out. It raises ValueError
where a frame is empty, lacks a column, or holds positions of several units. `models` gives the order of the colours, by
default that of the names. `save` writes figure and caption, byte for byte the same each time.
"""

from lib.figures.by_position import (
    accuracy_by_position,
    failure_bars,
    length_ratio_by_position,
    thinking_lengths,
    tokens_by_position,
)
from lib.figures.costs import accuracy_by_cost, overview, spending
from lib.figures.differences import areas, paired_differences
from lib.figures.judge import agreement, calibration, planted_and_detected
from lib.figures.paper import PAPER, RATES, counterpart, shared
from lib.figures.style import save, slug, use_style

__all__ = [
    "PAPER",
    "RATES",
    "accuracy_by_cost",
    "accuracy_by_position",
    "agreement",
    "areas",
    "calibration",
    "counterpart",
    "failure_bars",
    "length_ratio_by_position",
    "overview",
    "paired_differences",
    "planted_and_detected",
    "save",
    "shared",
    "slug",
    "spending",
    "thinking_lengths",
    "tokens_by_position",
    "use_style",
]
