"""Captions of the figures of a study: positions, costs, failure modes, differences, areas."""

from collections.abc import Mapping, Sequence

import pandas as pd

from lib.figures import style
from lib.figures.phrases import change, ends, named, percent, place, points, several

BANDS = "Bands are intervals clustered by problem"
FLAT = 0.01  # a change of accuracy below this is called none


def thinking_lengths(traces: pd.DataFrame) -> str:
    """Of `figures.thinking_lengths`: how long half of the thoughts are, and how far the longest go."""
    style.need(traces, ["variant", "reasoning_tokens"])
    told = []
    for variant, lengths in traces.groupby("variant")["reasoning_tokens"]:
        half, most = lengths.median(), lengths.max()
        told.append(
            f"{variant} problems: half of {len(lengths)} thoughts have up to {half:.0f} tokens, all up to {most}"
        )
    return f"How long uninterrupted thoughts are. {'; '.join(told).capitalize()}."


def accuracy_by_position(frame: pd.DataFrame, reference: pd.DataFrame) -> str:
    """Of `figures.accuracy_by_position`: what each interrupt costs at most, and whether waiting helps."""
    style.need(frame, [*style.KEYS, "mean"])
    full = [f"{row.model} {percent(row.mean)} on {named(row.source)}" for row in _rows(reference)]
    lost = frame.merge(reference[["model", "source", "mean"]], on=["model", "source"], suffixes=("", "_full"))
    told = ["Accuracy by position of the interrupt.", f"{BANDS}, dashed lines are full thinking ({several(full)})."]
    if len(lost := lost.assign(loss=lost["mean_full"] - lost["mean"]).dropna(subset="loss")):
        worst = lost.loc[lost["loss"].idxmax()]
        told.append(f"The largest loss against it is {points(worst['loss'])}: {place(worst)}.")
    return " ".join([*told, _trend(frame), *_uncounted(frame)])


def tokens_by_position(frame: pd.DataFrame, reference: pd.DataFrame) -> str:
    """Of `figures.tokens_by_position`: what share of a full run is still generated, early and late."""
    style.need(frame, [*style.KEYS, "mean"])
    first, last = _of_full(frame, reference)
    early = [f"{style.title(name)} {percent(first[name])} and {percent(last[name])}" for name in first]
    at = f"{frame['position'].min():g} and at {frame['position'].max():g}"
    told = "Tokens generated after the interrupt, reasoning and answer; dashed lines are uninterrupted runs."
    shown = f"As a share of these, on average over models and problems, at {at}: {several(early)}."
    more = [style.title(name) for name in last if last[name] > 1]
    end = f"A late interrupt still costs more than a full run after {several(more)}." if more else ""
    return " ".join(filter(None, [told, shown, end or "No late interrupt costs more than a full run."]))


def overview(accuracy: pd.DataFrame, tokens: pd.DataFrame) -> str:
    """Of `charts.overview`: accuracy and tokens after the earliest and the latest cut."""
    cut, whole = (accuracy[accuracy["interrupt"].notna()], accuracy[accuracy["interrupt"].isna()])
    style.need(cut, [*style.KEYS, "mean"])
    first, last = ends(cut, "mean")
    cost, _ = _of_full(tokens[tokens["interrupt"].notna()], tokens[tokens["interrupt"].isna()])
    at = f"{cut['position'].min():g} to {cut['position'].max():g}"
    rows = [f"{style.title(name)} {percent(first[name])} to {percent(last[name])}" for name in first]
    dear = [style.title(name) for name, share in cost.items() if share >= 1]
    told = "What an interrupt does, cut early (hollow) and late (filled); full thinking gets "
    told += percent(whole["mean"].mean())
    saved = f"An early {several(dear, 'or')} saves no tokens." if dear else "Every early interrupt saves tokens."
    return f"{told} right on average. Accuracy from {at}: {several(rows)}. {_trend(cut)} {saved}"


def accuracy_by_cost(frame: pd.DataFrame) -> str:
    """Of `charts.accuracy_by_cost`: where an interrupt is both dearer and worse than full thinking."""
    style.need(frame, [*style.KEYS, "tokens", "accuracy"])
    keys = ["model", "source", "interrupt"]
    full = frame[frame["position"].isna()].set_index(keys)[["tokens", "accuracy"]].add_suffix("_full")
    cut = frame[frame["position"].notna()].join(full, on=keys)
    worse = cut["accuracy"].lt(cut["accuracy_full"]) & cut["tokens"].gt(cut["tokens_full"])
    cheap = cut["accuracy"].ge(cut["accuracy_full"]) & cut["tokens"].lt(cut["tokens_full"])
    told = (
        "Accuracy against all tokens generated for an answer, those kept of the cut thought included; later cuts are "
    )
    told += "larger marks, hollow ones full thinking."
    names = [style.title(name) for name in style.in_order(cut.loc[worse, "interrupt"], style.INTERRUPTS)]
    where = f", all after {several(names)}" if names else ""
    return (
        f"{told} Of {len(cut)} cells, {worse.sum()} pay more than full thinking for less{where}; {cheap.sum()} are as "
        "right as full thinking for fewer tokens."
    )


def failure_bars(frame: pd.DataFrame) -> str:
    """Of `figures.failure_bars`: how many answers turn wrong, and how much of that a mode explains."""
    style.need(frame, ["interrupt", "n_oracle", "new_errors", "attributed"])
    sums = frame[["n_oracle", "new_errors", "attributed"]].sum()
    by = frame.groupby("interrupt")[["new_errors", "attributed"]].sum()
    shares = (by["attributed"] / by["new_errors"].where(by["new_errors"] > 0)).dropna().sort_values(ascending=False)
    told = f"Answers that full thinking had right and the interrupt turned wrong: {sums['new_errors']:.0f} of "
    told += f"{sums['n_oracle']:.0f} ({percent(_share(sums['new_errors'], sums['n_oracle']))})."
    if not len(shares):
        return f"{told} There is nothing to explain."
    best, least = shares.index[0], shares.index[-1]
    explained = f"The hatched part, {percent(_share(sums['attributed'], sums['new_errors']))}, is explained by the mode"
    range_ = f"most after {style.title(best)} ({percent(shares[best])})"
    if len(shares) > 1:
        range_ += f", least after {style.title(least)} ({percent(shares[least])})"
    return f"{told} {explained} of the interrupt, {range_}; why the rest is wrong no rule says."


def length_ratio_by_position(frame: pd.DataFrame) -> str:
    """Of `figures.length_ratio_by_position`: where the answer grew most."""
    style.need(frame, [*style.KEYS, "length_ratio"])
    told = "Mean answer length after the interrupt over that with full thinking, in characters, on a logarithmic axis."
    known = frame.dropna(subset="length_ratio")
    if known.empty:
        return f"{told} No ratio is defined."
    top, grown = known.loc[known["length_ratio"].idxmax()], known["length_ratio"].gt(1).sum()
    largest = f"the most {top['length_ratio']:.1f} times: {place(top)}"
    return f"{told} The answer grew in {grown} of {len(known)} cells, {largest}."


def mode_rates(frame: pd.DataFrame) -> str:
    """Of `charts.mode_rates`: how often each mode occurs, and where most."""
    modes = {"leakage": "leakage", "panic": "panic", "self_doubt": "self-doubt"}
    style.need(frame, [*style.KEYS, "n", *modes])
    told = []
    for name, shown in modes.items():
        rows = frame[frame["interrupt"].isin(frame.loc[frame[name].gt(0), "interrupt"])]
        if rows.empty:
            told.append(f"no {shown}")
            continue
        top = rows.assign(rate=rows[name] / rows["n"]).pipe(lambda found: found.loc[found["rate"].idxmax()])
        total = _share(rows[name].sum(), rows["n"].sum())
        told.append(f"{shown} in {percent(total)}, at most {percent(top['rate'])} ({place(top)})")
    return f"Share of answers that fail in the way of their interrupt, by position: {'; '.join(told)}."


def differences(frame: pd.DataFrame, what: str = "each interrupt less full thinking", level: float = 0.05) -> str:
    """Of `charts.differences`: how many differences are proven, and the largest of them."""
    value = "net" if "net" in frame.columns else "difference"
    style.need(frame, [value, "p_holm"])
    frame = frame[frame["interrupt"].notna()] if "interrupt" in frame.columns else frame
    tested = frame.dropna(subset="p_holm")
    proven = tested[tested["p_holm"] < level]
    below, above = proven[value].lt(0).sum(), proven[value].gt(0).sum()
    told = f"Paired differences in accuracy, {what}, on the same problems and samples; intervals clustered by problem."
    counts = (
        f"Of {len(tested)} differences that can be tested {below} are below 0 and {above} above it (Holm's p < {level}"
    )
    rest = f"); {len(tested) - len(proven)} cannot be told from chance."
    if proven.empty:
        return f"{told} {counts}{rest}"
    top = proven.loc[proven[value].abs().idxmax()]
    return f"{told} {counts}{rest} The largest is {change(top[value])}: {place(top)}."


def areas(summary: pd.DataFrame) -> str:
    """Of `charts.areas` and `charts.curves_with_area`: which interrupt keeps most of full thinking's accuracy."""
    style.need(summary, ["interrupt", "area", "area_of_full"])
    known = summary.dropna(subset="area_of_full").groupby("interrupt")["area_of_full"].mean().sort_values()
    told = (
        "Area under accuracy from the first position to full thinking at 1: accuracy expected when the moment of the "
    )
    told += "interrupt is not known."
    if known.empty:
        return f"{told} It is not defined here."
    best, least = known.index[-1], known.index[0]
    found = f"{style.title(best)} keeps most of full thinking's accuracy, {percent(known[best])} on average"
    if len(known) == 1:
        return f"{told} {found}."
    return f"{told} {found}; {style.title(least)} the least, {percent(known[least])}."


def _trend(frame: pd.DataFrame) -> str:
    """Whether accuracy rises or falls from the first position to the last, on average, interrupt by interrupt."""
    if frame["position"].nunique() < 2:
        return "There is one position only."
    first, last = ends(frame, "mean")
    moved = {name: last[name] - first[name] for name in first}
    rises = [f"{style.title(name)} ({change(by)})" for name, by in moved.items() if by >= FLAT]
    falls = [f"{style.title(name)} ({change(by)})" for name, by in moved.items() if by <= -FLAT]
    flat = [style.title(name) for name, by in moved.items() if abs(by) < FLAT]
    told = [f"the later the cut, the better after {several(rises)}"] if rises else []
    told += [f"the later the cut, the worse after {several(falls)}"] if falls else []
    told += [f"it matters little when, after {several(flat)}"] if flat else []
    return _sentence(told)


def _sentence(parts: Sequence[str]) -> str:
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def _uncounted(frame: pd.DataFrame) -> list[str]:
    """What else than right and wrong there is among the rows, where the frame counts them."""
    counts: Mapping[str, str] = {
        "no_answer": "have no answer",
        "censored": "met the limit",
        "ungradable": "could not be graded",
    }
    found = {told: int(frame[name].sum()) for name, told in counts.items() if name in frame.columns}
    told = [f"{count} {name}" for name, count in found.items() if count]
    return [f"Of {int(frame['n'].sum())} rows {several(told)}: all count as not right."] if told else []


def _of_full(frame: pd.DataFrame, reference: pd.DataFrame) -> tuple[dict[str, float], dict[str, float]]:
    full = reference.set_index(["model", "source"])["mean"].rename("full")
    rows = frame.join(full, on=["model", "source"])
    return ends(rows.assign(share=rows["mean"] / rows["full"]), "share")


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _rows(frame: pd.DataFrame) -> list:
    return list(frame.sort_values(["source", "model"]).itertuples(index=False))
