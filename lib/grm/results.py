"""What a study's judgements say: how much was judged, how far it can be trusted, and where judge and rules differ."""

from collections.abc import Iterator, Mapping

import pandas as pd

from lib import tables
from lib.grm import html, judging, labelling, scores, trust
from lib.grm import truth as programs
from lib.grm.rubric import Rubric
from lib.html import escape
from lib.params.settings import Study
from lib.problems.tiny_math import truth as tiny_truth

Asked = Mapping[str, Rubric]
KEY = programs.KEY
TRUSTED = ["rubric", "criterion", "truth", *trust.COLUMNS[1:]]
LISTED = ["model", "rubric", "criterion", "rule", "judge", "truth", "item_id", "quote", "reason"]


def overview(judgements: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """A row per criterion: judgements, coverage, counts of the statuses that occur, and the labels' shares of verdicts.

    Coverage is the share of judgements with a verdict; cannot_assess, which stands under abstain, is none.
    """
    rows = []
    for name, rubric in asked.items():
        own = _of(judgements, rubric)
        for criterion in rubric.criteria:
            mine = own[own["criterion"].eq(criterion.id)]
            is_ok = mine["status"].eq("ok")
            known = {"rubric": name, "criterion": criterion.id, "judgements": len(mine), "coverage": is_ok.mean()}
            shares = mine.loc[is_ok, "verdict"].value_counts(normalize=True)
            rows.append(known | mine["status"].value_counts().to_dict() | {f"share {k}": v for k, v in shares.items()})
    frame = pd.DataFrame(rows).set_index(["rubric", "criterion"]) if rows else pd.DataFrame()
    counts = [name for name in frame.columns if name not in ("judgements", "coverage") and not name.startswith("share")]
    return frame.fillna(dict.fromkeys(counts, 0)).astype(dict.fromkeys(counts, int))


def labels(study: Study, model: str, asked: Asked) -> dict[str, pd.DataFrame]:
    """Labels by people of a model's records, by rubric: as from `labelling.read`, but an item is a continuation id."""
    found = {name: labelling.read(study.name, rubric) for name, rubric in asked.items()}
    own = {name: frame[frame["item_id"].str.startswith(f"{model}/")] for name, frame in found.items()}
    return {name: frame.assign(item_id=frame["item_id"].str[len(model) + 1 :]) for name, frame in own.items()}


def truth(
    items: pd.DataFrame,
    asked: Asked,
    grades: pd.DataFrame,
    rules: pd.DataFrame,
    by_people: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """What is known about items: item_id, criterion, label (never null), by.

    | by | |
    |---|---|
    | planted | the problem is our own, and `lib.problems.tiny_math.truth` knows |
    | people | else, the majority of people |
    | a table and a column | else, what a program found out about the same: the criterion's proxy |

    `grades` and `rules` are rows of the tables grades and labels, `by_people` is as from `labels`.
    """
    planted = tiny_truth.truth(items).assign(by="planted")
    parts = [planted[[*KEY, "label", "by"]]]
    for name, rubric in asked.items():
        if by_people and len(by_people[name]):
            parts.append(labelling.majority(by_people[name], rubric).assign(by="people"))
    for rubric in asked.values():
        proxies = {one.id: one.proxy for one in rubric.criteria if one.proxy}
        ruled = programs.by_program(items, rubric, grades, rules)
        parts.append(ruled.assign(by=ruled["criterion"].map(proxies)))
    known = pd.concat(parts, ignore_index=True)
    # where a record is ours, what no planted rule can tell stays unknown
    is_late = known["criterion"].isin(tiny_truth.RULES) & known["by"].ne("planted")
    known = known[~(is_late & known["item_id"].isin(planted["item_id"]))]
    return known.dropna(subset="label").drop_duplicates(KEY).reset_index(drop=True)


def standings(
    judgements: pd.DataFrame,
    known: pd.DataFrame,
    asked: Asked,
    study: Study,
    by_people: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """A row per criterion, as from `trust.standing`, with the rubric's name and what the truth comes from."""
    frames = []
    for name, rubric, voted in _voted(judgements, asked):
        labels = by_people[name] if by_people and len(by_people[name]) else None
        frame = trust.standing(voted, known[[*KEY, "label"]], rubric, **_bootstrap(study), labels=labels)
        frames.append(frame.assign(rubric=name))
    sources = known.groupby("criterion")["by"].agg(lambda by: ", ".join(sorted(set(by))))
    frame = _joined(frames, ["rubric", *trust.COLUMNS])
    return frame.assign(truth=frame["criterion"].map(sources))[TRUSTED]


def shares(judgements: pd.DataFrame, known: pd.DataFrame, asked: Asked, study: Study) -> pd.DataFrame:
    """The figures of `trust.calibrate`, with the rubric's name."""
    frames = [
        trust.calibrate(voted, known, rubric, **_bootstrap(study)).assign(rubric=name)
        for name, rubric, voted in _voted(judgements, asked)
    ]
    return _joined(frames, ["rubric", *trust.CALIBRATION])


def squares(judgements: pd.DataFrame, asked: Asked, grades: pd.DataFrame) -> pd.DataFrame:
    """The program's verdict on the answer against the judge's score, in counts, for each rubric that gives scores."""
    correct = grades[grades["status"].ne("ungradable")].set_index("row_id")["correct"]
    frames = {
        name: scores.against_program(scores.summary(voted, rubric), correct)
        for name, rubric, voted in _voted(judgements, asked)
        if any(one.polarity == "desired" and one.weight for one in rubric.criteria)
    }
    return pd.concat(frames, names=["rubric"]) if frames else pd.DataFrame()


def beside_rules(table: pd.DataFrame, asked: Asked, labels: pd.DataFrame) -> pd.DataFrame:
    """The items of one model on which both a rule of `lib.failures` and the judge have a verdict, a row each.

    `rule` and `judge` are labels of the criterion whose proxy the rule is; `truth` is the planted label, null where
    nothing was planted; quote and reason are the judge's. Rows on which rule and judge disagree come first. `table` and
    `labels` are rows of the tables judgements and labels.
    """
    judgements = judging.judgements(table)
    frames = [voted.assign(rubric=name) for name, _, voted in _voted(judgements, asked)]
    voted = _joined(frames, ["rubric", *KEY, "verdict"]).dropna(subset="verdict").rename(columns={"verdict": "judge"})
    ruled = [
        programs.by_program(voted[["item_id"]].drop_duplicates(), rubric.only(names), labels=labels)
        for rubric in asked.values()
        if (names := [one.id for one in rubric.criteria if one.proxy.startswith("labels.")])
    ]
    if not ruled:
        return pd.DataFrame(columns=LISTED)
    rules = pd.concat(ruled, ignore_index=True).dropna(subset="label").rename(columns={"label": "rule"})
    planted = table[table["truth_by"].eq("planted")].rename(columns={"continuation_id": "item_id"})
    planted = planted.drop_duplicates(KEY)[[*KEY, "truth"]]
    quotes = judgements[judgements["status"].eq("ok")].drop_duplicates(KEY)[[*KEY, "quote", "reason"]]
    rows = voted.merge(rules, on=KEY).merge(planted, on=KEY, how="left").merge(quotes, on=KEY, how="left")
    rows = rows.assign(model=labels["model"].iloc[0], same=rows["rule"].eq(rows["judge"]))
    return rows.sort_values("same", kind="stable")[LISTED].reset_index(drop=True)


def compared(study: Study, asked: Asked, labels: pd.DataFrame) -> pd.DataFrame:
    """`beside_rules` of all models of a study, from its tables; no rows without a judge."""
    by_model = labels.groupby("model")
    frames = [
        beside_rules(tables.read("judgements", study.name, model), asked, by_model.get_group(model))
        for model in study.models
        if study.judge
    ]
    return _joined(frames, LISTED)


def page(judgements: pd.DataFrame, items: pd.DataFrame, asked: Asked, n: int, seed: int) -> str:
    """HTML of `n` judgements by each rubric, as `html.page` shows them."""
    shown = []
    for rubric in asked.values():
        some = html.sample(_of(judgements, rubric), items, n, seed)
        shown.append(f"<h4>{escape(rubric.title)}</h4>{html.page(some, items, rubric)}")
    return "".join(shown) or "Nothing was judged."


def agreement(beside: pd.DataFrame) -> pd.DataFrame:
    """Per model and criterion, over rows of `beside_rules`: how often both agree, and how often each is right.

    `rule_right` and `judge_right` are shares of the rows whose truth is known, null without any.
    """
    is_known = beside["truth"].notna()
    flags = beside.assign(
        n=1,
        rule_yes=beside["rule"].eq("yes"),
        judge_yes=beside["judge"].eq("yes"),
        agree=beside["rule"].eq(beside["judge"]),
        rule_right=beside["rule"].eq(beside["truth"]).astype(float).where(is_known),
        judge_right=beside["judge"].eq(beside["truth"]).astype(float).where(is_known),
    )
    groups = flags.groupby(["model", "rubric", "criterion"], sort=False)
    counts = groups[["n", "rule_yes", "judge_yes"]].sum()
    return counts.join(groups[["agree", "rule_right", "judge_right"]].mean().astype(float))


def _bootstrap(study: Study) -> dict[str, float]:
    return {"draws": study.bootstrap, "seed": study.seed, "level": study.confidence}


def _voted(judgements: pd.DataFrame, asked: Asked) -> Iterator[tuple[str, Rubric, pd.DataFrame]]:
    """Name, rubric and votes (as from `scores.verdicts`) of each rubric that has judgements."""
    for name, rubric in asked.items():
        if len(own := _of(judgements, rubric)):
            yield name, rubric, scores.verdicts(own, rubric)


def _joined(frames: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def _of(judgements: pd.DataFrame, rubric: Rubric) -> pd.DataFrame:
    return judgements[judgements["rubric"].eq(rubric.identity)]
