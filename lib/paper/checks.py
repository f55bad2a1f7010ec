"""Checks of the statements, one function each: from a statement with its evidence to the comparisons it stands on."""

from itertools import pairwise

import numpy as np

from lib.paper.comparison import Comparison, Part
from lib.paper.statements import GRID, Case

END, FORCE, SPEED_UP, UPDATE, GUIDED = "end_thinking", "force_answer", "speed_up", "update", "update_guided"
FIRST, LATE = GRID[0], GRID[-1]
EARLY = GRID[:2]


def accuracy_never_falls(case: Case) -> list[Part]:
    """1: each step of the curve, the later position less the earlier."""
    steps = [
        case.at_least(f"{b:g} less {a:g}", cell, case.mean(cell, END, b) - case.mean(cell, END, a), case.bounds["step"])
        for cell in case.cells()
        for a, b in pairwise(GRID)
    ]
    return [case.part(*steps)]


def half_the_thought_is_enough_when_easy(case: Case) -> list[Part]:
    """2: the share of full thinking that is kept at half of the thought, on easy benchmarks and on a hard one."""
    what, bound = "share of full thinking at 0.5", case.bounds["kept"]
    easy = [case.at_least(what, cell, case.kept(cell, END, 0.5), bound) for cell in case.cells()]
    hard_cells = [(model, case.bounds["far"]) for model in case.models]
    hard = [case.at_most(what, cell, case.kept(cell, END, 0.5), bound) for cell in hard_cells]
    return [case.part(*easy), case.part(*hard)]


def force_answer_catches_up(case: Case) -> list[Part]:
    """3: force-answer less end-thinking, at the first and the last position."""
    early, late = [], []
    for cell in case.cells():
        gaps = {x: case.mean(cell, FORCE, x) - case.mean(cell, END, x) for x in (FIRST, LATE)}
        early.append(case.at_most("force-answer less end-thinking at 0.1", cell, gaps[FIRST], case.bounds["early"]))
        late.append(case.at_least("force-answer less end-thinking at 0.9", cell, gaps[LATE], case.bounds["late"]))
    return [case.part(*early), case.part(*late)]


def force_answer_is_end_thinking_on_code(case: Case) -> list[Part]:
    """4: both ways: points between force-answer and end-thinking, and how many times longer one's answers are."""
    points, factor, both = case.bounds["points"], case.bounds["factor"], []
    for cell in case.cells():
        for x in GRID:
            gap = case.mean(cell, FORCE, x) - case.mean(cell, END, x)
            times = _ratio(case.mean(cell, FORCE, x, "answer_chars"), case.mean(cell, END, x, "answer_chars"))
            for measure, effect, low, high in (("points", gap, -points, points), ("length", times, 1 / factor, factor)):
                what = f"{measure} of force-answer against end-thinking at {x:g}"
                both += [case.at_least(what, cell, effect, low), case.at_most(what, cell, effect, high)]
    return [case.part(*both)]


def early_answers_are_longer(case: Case) -> list[Part]:
    """5: length of early answers over that with full thinking, and of the earliest over the latest."""
    longer = []
    for cell in case.cells():
        chars = {x: case.mean(cell, END, x, "answer_chars") for x in (*EARLY, LATE)}
        others = [(x, _ratio(chars[x], case.full(cell, "answer_chars")), "full thinking") for x in EARLY]
        for x, ratio, other in [*others, (FIRST, _ratio(chars[FIRST], chars[LATE]), "that at 0.9")]:
            longer.append(case.at_least(f"answer length at {x:g} over {other}", cell, ratio, case.bounds["ratio"]))
    return [case.part(*longer)]


def leakage_explains_the_gap(case: Case) -> list[Part]:
    """6: right answers that leak, less the stated share of what end-thinking gains on force-answer."""
    share, explained = case.bounds["share"], []
    for cell in case.cells():
        for x in EARLY:
            gap = case.mean(cell, END, x) - case.mean(cell, FORCE, x)
            left = case.mean(cell, END, x, "leaking_right") - share * gap
            explained.append(case.at_least(f"leaking right answers less {share:g} of the gap at {x:g}", cell, left, 0))
    return [case.part(*explained)]


def speed_up_saves_tokens(case: Case) -> list[Part]:
    """7: speed-up less full thinking, and what it writes over what was left."""
    points, ratio, cost, saved = case.bounds["points"], case.bounds["ratio"], [], []
    for cell in case.cells():
        for x in GRID:
            change = case.mean(cell, SPEED_UP, x) - case.full(cell)
            cost.append(case.at_least(f"speed-up at {x:g} less full thinking", cell, change, points))
    for cell in case.cells():
        for x in GRID[:-1]:
            left = case.mean(cell, SPEED_UP, x, "remaining_ratio")
            saved.append(case.at_most(f"length over what was left at {x:g}", cell, left, ratio))
    return [case.part(*cost), case.part(*saved)]


def speed_up_costs_accuracy_early(case: Case) -> list[Part]:
    """8: the share of full thinking that speed-up keeps, early and late."""
    shares = []
    for cell in case.cells():
        kept = {x: case.kept(cell, SPEED_UP, x) for x in (*EARLY, LATE)}
        for x in EARLY:
            shares.append(case.at_least(f"share of full thinking at {x:g}", cell, kept[x], case.bounds["low"]))
            shares.append(case.at_most(f"share of full thinking at {x:g}", cell, kept[x], case.bounds["high"]))
        shares.append(case.at_least("share of full thinking at 0.9", cell, kept[LATE], case.bounds["late"]))
    return [case.part(*shares)]


def speed_up_costs_accuracy_on_code(case: Case) -> list[Part]:
    """9: whether speed-up somewhere keeps no more than the stated share of full thinking."""
    return [case.part(*_shares_kept(case, SPEED_UP, at_most=case.bounds["kept"]), every=False)]


def speed_up_saves_most_in_the_middle(case: Case) -> list[Part]:
    """10: what speed-up writes over what was left: at each end less the mean of the positions between."""
    differences = []
    for cell in case.cells():
        ratios = [case.mean(cell, SPEED_UP, x, "remaining_ratio") for x in GRID]
        middle = sum(ratios[1:-1]) / len(ratios[1:-1])
        for x, end in ((FIRST, ratios[0]), (LATE, ratios[-1])):
            what, bound = f"ratio at {x:g} less the middle", case.bounds["difference"]
            differences.append(case.at_least(what, cell, end - middle, bound))
    return [case.part(*differences)]


def panic_explains_new_errors(case: Case) -> list[Part]:
    """11: the share of new errors after speed-up that are panic, at least or at most so much by model."""
    shares = []
    for cell in case.cells():
        share, bound = case.mean(cell, SPEED_UP, 0.3, "attributed_share"), case.bounds[cell[0]]
        side = case.at_least if bound > 0.5 else case.at_most
        shares.append(side("share of new errors that are panic at 0.3", cell, share, bound))
    return [case.part(*shares)]


def late_updates_lower_accuracy(case: Case) -> list[Part]:
    """12: an update at the last position less one at the first."""
    return _last_less_first(case, UPDATE)


def guided_updates_keep_accuracy(case: Case) -> list[Part]:
    """13: the share of full thinking that a guided update keeps, at every position."""
    return [case.part(*_shares_kept(case, GUIDED, at_least=case.bounds["kept"]))]


def late_guided_updates_lower_accuracy(case: Case) -> list[Part]:
    """14: a guided update at the last position less one at the first."""
    return _last_less_first(case, GUIDED)


def guided_updates_keep_accuracy_on_code(case: Case) -> list[Part]:
    """15: the share of full thinking that a guided update keeps, within so much of 1 on both sides."""
    off = case.bounds["kept"]
    return [case.part(*_shares_kept(case, GUIDED, at_least=1 - off), *_shares_kept(case, GUIDED, at_most=1 + off))]


def late_updates_cost_more(case: Case) -> list[Part]:
    """16: all that was written and kept over a fresh run, late; and for one model on code at every position."""
    fresh, most, code = case.bounds["fresh"], case.bounds["most"], (case.bounds["model"], case.bounds["code"])
    what = "characters in all over a fresh run"
    late = [
        case.at_least(f"{what} at {x:g}", cell, case.mean(cell, GUIDED, x, "total_ratio"), fresh)
        for cell in case.cells()
        for x in GRID[-2:]
    ]
    on_code = [case.at_most(f"{what} at {x:g}", code, case.mean(code, GUIDED, x, "total_ratio"), most) for x in GRID]
    return [case.part(*late), case.part(*on_code)]


def user_turns_lower_accuracy(case: Case) -> list[Part]:
    """17: an update in a user turn less a guided one, at least or at most so much by model."""
    gaps = []
    for cell in case.cells():
        bound = case.bounds[cell[0]]
        side = case.at_most if bound <= -0.1 else case.at_least
        for x in GRID:
            gap = case.mean(cell, "update_user", x) - case.mean(cell, GUIDED, x)
            gaps.append(side(f"user turn less guided at {x:g}", cell, gap, bound))
    return [case.part(*gaps)]


def size_matters_for_updates(case: Case) -> list[Part]:
    """18: share of full thinking kept by the smallest of a family less that of larger ones, by interrupt."""
    updates, others = [], []
    for family in case.bounds["families"]:
        small, *larger = [name for name in family if name in case.models] or [None]
        if not larger:
            case.missing.append(f"two of {', '.join(family)}")
        for large in larger:
            for benchmark in case.benchmarks:
                for interrupt, x in ((i, x) for i in (GUIDED, END, SPEED_UP) for x in GRID):
                    kept = [case.kept((model, benchmark), interrupt, x) for model in (small, large)]
                    what, cell = f"{interrupt} at {x:g}, kept less than {large}", (small, benchmark)
                    if interrupt == GUIDED:
                        updates.append(case.at_most(what, cell, kept[0] - kept[1], case.bounds["less"]))
                    else:
                        others.append(case.at_least(what, cell, kept[0] - kept[1], 0))
    return [case.part(*updates), case.part(*others, every=False)]


def largest_loss_to_late_updates(case: Case) -> list[Part]:
    """19: the loss to a late update, as a share of full thinking: somewhere so much, and nowhere more."""
    lost = [(cell, 1 - case.kept(cell, UPDATE, LATE)) for cell in case.cells()]
    what = "share of full thinking lost at 0.9"
    least = [case.at_least(what, cell, effect, case.bounds["least"]) for cell, effect in lost]
    most = [case.at_most(what, cell, effect, case.bounds["most"]) for cell, effect in lost]
    return [case.part(*least, every=False), case.part(*most)]


def _last_less_first(case: Case, interrupt: str) -> list[Part]:
    changes = [(cell, case.mean(cell, interrupt, LATE) - case.mean(cell, interrupt, FIRST)) for cell in case.cells()]
    return [case.part(*(case.at_most("0.9 less 0.1", cell, change, case.bounds["change"]) for cell, change in changes))]


def _shares_kept(
    case: Case, interrupt: str, at_least: float | None = None, at_most: float | None = None
) -> list[Comparison | None]:
    """Shares of full thinking kept at all positions, against a bound on one side."""
    side, bound = (case.at_most, at_most) if at_least is None else (case.at_least, at_least)
    return [
        side(f"share of full thinking at {x:g}", cell, case.kept(cell, interrupt, x), bound)
        for cell in case.cells()
        for x in GRID
    ]


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return part / whole
