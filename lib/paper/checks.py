"""Checks of the statements, one small function each: from a statement put to evidence to what it stands on."""

from itertools import pairwise

import numpy as np

from lib.paper.ask import GRID, Ask
from lib.paper.comparison import Part

END, FORCE, HASTE, UPDATE, GUIDED = "end_thinking", "force_answer", "speed_up", "update", "update_guided"
EARLY, LATE = GRID[:2], GRID[-1]


def never_falls(ask: Ask) -> list[Part]:
    """1: each step of the curve, the later position less the earlier."""
    steps = [
        ask.at_least(f"{b:g} less {a:g}", cell, ask.mean(cell, END, b) - ask.mean(cell, END, a), ask.bounds["step"])
        for cell in ask.cells()
        for a, b in pairwise(GRID)
    ]
    return [ask.part(*steps)]


def near_and_far(ask: Ask) -> list[Part]:
    """2: the share of full thinking that is kept at half of the thought, on easy benchmarks and on a hard one."""
    what, kept, far = "share of full thinking at 0.5", ask.bounds["kept"], ask.bounds["far"]
    near = [ask.at_least(what, cell, ask.mean(cell, END, 0.5, "relative_accuracy"), kept) for cell in ask.cells()]
    hard = [(model, far) for model in ask.models]
    below = [ask.at_most(what, cell, ask.mean(cell, END, 0.5, "relative_accuracy"), kept) for cell in hard]
    return [ask.part(*near), ask.part(*below)]


def forced_early_and_late(ask: Ask) -> list[Part]:
    """3: force-answer less end-thinking, at the first and the last position."""
    early, late = [], []
    for cell in ask.cells():
        gaps = {x: ask.mean(cell, FORCE, x) - ask.mean(cell, END, x) for x in (GRID[0], LATE)}
        early.append(ask.at_most("force-answer less end-thinking at 0.1", cell, gaps[GRID[0]], ask.bounds["early"]))
        late.append(ask.at_least("force-answer less end-thinking at 0.9", cell, gaps[LATE], ask.bounds["late"]))
    return [ask.part(*early), ask.part(*late)]


def forced_alike(ask: Ask) -> list[Part]:
    """4: both ways: points between force-answer and end-thinking, and how many times longer one's answers are."""
    points, factor, both = ask.bounds["points"], ask.bounds["factor"], []
    for cell in ask.cells():
        for x in GRID:
            gap = ask.mean(cell, FORCE, x) - ask.mean(cell, END, x)
            times = _over(ask.mean(cell, FORCE, x, "answer_chars"), ask.mean(cell, END, x, "answer_chars"))
            for what, effect, low, high in (("points", gap, -points, points), ("length", times, 1 / factor, factor)):
                told = f"{what} of force-answer against end-thinking at {x:g}"
                both += [ask.at_least(told, cell, effect, low), ask.at_most(told, cell, effect, high)]
    return [ask.part(*both)]


def answers_swell(ask: Ask) -> list[Part]:
    """5: length of early answers over that with full thinking, and of the earliest over the latest."""
    longer = []
    for cell in ask.cells():
        chars = {x: ask.mean(cell, END, x, "answer_chars") for x in (*EARLY, LATE)}
        others = [(x, _over(chars[x], ask.full(cell, "answer_chars")), "full thinking") for x in EARLY]
        for x, ratio, other in [*others, (GRID[0], _over(chars[GRID[0]], chars[LATE]), "that at 0.9")]:
            longer.append(ask.at_least(f"answer length at {x:g} over {other}", cell, ratio, ask.bounds["ratio"]))
    return [ask.part(*longer)]


def leaking_makes_the_gap(ask: Ask) -> list[Part]:
    """6: right answers that leak, less the stated share of what end-thinking gains on force-answer."""
    share, due = ask.bounds["share"], []
    for cell in ask.cells():
        for x in EARLY:
            gap = ask.mean(cell, END, x) - ask.mean(cell, FORCE, x)
            leaking = ask.mean(cell, END, x, "leaking_right")
            due.append(
                ask.at_least(
                    f"leaking right answers less {share:g} of the gap at {x:g}", cell, leaking - share * gap, 0
                )
            )
    return [ask.part(*due)]


def haste_is_cheap(ask: Ask) -> list[Part]:
    """7: speed-up less full thinking, and what it writes over what was left."""
    points, ratio = ask.bounds["points"], ask.bounds["ratio"]
    cost = [
        ask.at_least(f"speed-up at {x:g} less full thinking", cell, ask.mean(cell, HASTE, x) - ask.full(cell), points)
        for cell in ask.cells()
        for x in GRID
    ]
    saved = [
        ask.at_most(f"length over what was left at {x:g}", cell, ask.mean(cell, HASTE, x, "remaining_ratio"), ratio)
        for cell in ask.cells()
        for x in GRID[:-1]
    ]
    return [ask.part(*cost), ask.part(*saved)]


def haste_hurts_early(ask: Ask) -> list[Part]:
    """8: the share of full thinking that speed-up keeps, early and late."""
    checks = []
    for cell in ask.cells():
        kept = {x: ask.mean(cell, HASTE, x, "relative_accuracy") for x in (*EARLY, LATE)}
        for x in EARLY:
            checks.append(ask.at_least(f"share of full thinking at {x:g}", cell, kept[x], ask.bounds["low"]))
            checks.append(ask.at_most(f"share of full thinking at {x:g}", cell, kept[x], ask.bounds["high"]))
        checks.append(ask.at_least("share of full thinking at 0.9", cell, kept[LATE], ask.bounds["late"]))
    return [ask.part(*checks)]


def haste_on_code(ask: Ask) -> list[Part]:
    """9: whether speed-up somewhere keeps no more than the stated share of full thinking."""
    return [ask.part(*_kept(ask, HASTE, GRID, at_most=ask.bounds["kept"]), every=False)]


def middle_saves_most(ask: Ask) -> list[Part]:
    """10: what speed-up writes over what was left: at each end less the mean of the positions between."""
    checks = []
    for cell in ask.cells():
        ratios = [ask.mean(cell, HASTE, x, "remaining_ratio") for x in GRID]
        middle = sum(ratios[1:-1]) / len(ratios[1:-1])
        for x, end in ((GRID[0], ratios[0]), (LATE, ratios[-1])):
            checks.append(ask.at_least(f"ratio at {x:g} less the middle", cell, end - middle, ask.bounds["difference"]))
    return [ask.part(*checks)]


def panic_by_model(ask: Ask) -> list[Part]:
    """11: the share of new errors after speed-up that are panic, at least or at most so much by model."""
    checks = []
    for cell in ask.cells():
        share, bound = ask.mean(cell, HASTE, 0.3, "attributed_share"), ask.bounds[cell[0]]
        side = ask.at_least if bound > 0.5 else ask.at_most
        checks.append(side("share of new errors that are panic at 0.3", cell, share, bound))
    return [ask.part(*checks)]


def updates_come_too_late(ask: Ask) -> list[Part]:
    """12: an update at the last position less one at the first."""
    return _late_less_early(ask, UPDATE)


def guidance_recovers(ask: Ask) -> list[Part]:
    """13: the share of full thinking that a guided update keeps, at every position."""
    return [ask.part(*_kept(ask, GUIDED, GRID, at_least=ask.bounds["kept"]))]


def guided_still_falls(ask: Ask) -> list[Part]:
    """14: a guided update at the last position less one at the first."""
    return _late_less_early(ask, GUIDED)


def guidance_holds_on_code(ask: Ask) -> list[Part]:
    """15: the share of full thinking that a guided update keeps, within so much of 1 on both sides."""
    kept = ask.bounds["kept"]
    return [ask.part(*_kept(ask, GUIDED, GRID, at_least=1 - kept), *_kept(ask, GUIDED, GRID, at_most=1 + kept))]


def late_updates_cost_more(ask: Ask) -> list[Part]:
    """16: all that was written and kept over a fresh run, late; and for one model on code at every position."""
    fresh, most, code = ask.bounds["fresh"], ask.bounds["most"], (ask.bounds["model"], ask.bounds["code"])
    what = "characters in all over a fresh run"
    math = [
        ask.at_least(f"{what} at {x:g}", cell, ask.mean(cell, GUIDED, x, "total_ratio"), fresh)
        for cell in ask.cells()
        for x in GRID[-2:]
    ]
    one = [ask.at_most(f"{what} at {x:g}", code, ask.mean(code, GUIDED, x, "total_ratio"), most) for x in GRID]
    return [ask.part(*math), ask.part(*one)]


def user_turns(ask: Ask) -> list[Part]:
    """17: an update in a user turn less a guided one, at least or at most so much by model."""
    checks = []
    for cell in ask.cells():
        bound = ask.bounds[cell[0]]
        side = ask.at_most if bound <= -0.1 else ask.at_least
        for x in GRID:
            gap = ask.mean(cell, "update_user", x) - ask.mean(cell, GUIDED, x)
            checks.append(side(f"user turn less guided at {x:g}", cell, gap, bound))
    return [ask.part(*checks)]


def size_matters_for_updates(ask: Ask) -> list[Part]:
    """18: share of full thinking kept by the smallest of a family less that of larger ones, by interrupt."""
    updates, others = [], []
    for family in ask.bounds["families"]:
        small, *larger = [name for name in family if name in ask.models] or [None]
        if not larger:
            ask.missing.append(f"two of {', '.join(family)}")
        for large in larger:
            for benchmark in ask.benchmarks:
                for interrupt, x in ((i, x) for i in (GUIDED, END, HASTE) for x in GRID):
                    kept = [ask.mean((m, benchmark), interrupt, x, "relative_accuracy") for m in (small, large)]
                    what, cell = f"{interrupt} at {x:g}, kept less than {large}", (small, benchmark)
                    if interrupt == GUIDED:
                        updates.append(ask.at_most(what, cell, kept[0] - kept[1], ask.bounds["less"]))
                    else:
                        others.append(ask.at_least(what, cell, kept[0] - kept[1], 0))
    return [ask.part(*updates), ask.part(*others, every=False)]


def worst_loss(ask: Ask) -> list[Part]:
    """19: the loss to a late update, as a share of full thinking: somewhere so much, and nowhere more."""
    lost = [(cell, 1 - ask.mean(cell, UPDATE, LATE, "relative_accuracy")) for cell in ask.cells()]
    what = "share of full thinking lost at 0.9"
    least = [ask.at_least(what, cell, effect, ask.bounds["least"]) for cell, effect in lost]
    most = [ask.at_most(what, cell, effect, ask.bounds["most"]) for cell, effect in lost]
    return [ask.part(*least, every=False), ask.part(*most)]


def _late_less_early(ask: Ask, interrupt: str) -> list[Part]:
    changes = [(cell, ask.mean(cell, interrupt, LATE) - ask.mean(cell, interrupt, GRID[0])) for cell in ask.cells()]
    return [ask.part(*(ask.at_most("0.9 less 0.1", cell, change, ask.bounds["change"]) for cell, change in changes))]


def _kept(
    ask: Ask, interrupt: str, positions: tuple, at_least: float | None = None, at_most: float | None = None
) -> list:
    """Shares of full thinking kept at positions, against a bound on one side."""
    side, bound = (ask.at_most, at_most) if at_least is None else (ask.at_least, at_least)
    return [
        side(f"share of full thinking at {x:g}", cell, ask.mean(cell, interrupt, x, "relative_accuracy"), bound)
        for cell in ask.cells()
        for x in positions
    ]


def _over(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return part / whole
