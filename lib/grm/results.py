"""What a study's judgements say: how much was judged, how far it can be trusted, and where judge and rules differ."""

from collections.abc import Mapping

import pandas as pd

from lib import tables
from lib.grm import html, labelling, scores, trust
from lib.grm import study as judging
from lib.grm import truth as programs
from lib.grm.rubric import Rubric
from lib.params.settings import Study
from lib.problems.tiny_math import truth as tiny_truth

Asked = Mapping[str, Rubric]
KEY = programs.KEY
TRUSTED = ["rubric", "criterion", "truth", *trust.COLUMNS[1:]]
LISTED = ["model", "rubric", "criterion", "rule", "judge", "truth", "item_id", "quote", "reason"]


def votes(judgements: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """One verdict per item and criterion, as from `scores.verdicts`, with the rubric's name."""
    frames = [
        scores.verdicts(own, rubric).assign(rubric=name)
        for name, rubric in asked.items()
        if len(own := _of(judgements, rubric))
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["rubric", *KEY, "verdict"])


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
    """What people said on a model's records, by rubric: rows as from `labelling.read`, with plain continuation ids.

    In the file an item is `<model>/<continuation_id>`, as different models have continuations of one name.

    Raises:
        LabelError: as `labelling.read`.
    """
    found = {name: labelling.read(study.name, rubric) for name, rubric in asked.items()}
    own = {name: frame[frame["item_id"].str.startswith(f"{model}/")] for name, frame in found.items()}
    return {name: frame.assign(item_id=frame["item_id"].str[len(model) + 1 :]) for name, frame in own.items()}


def truth(
    items: pd.DataFrame,
    asked: Asked,
    grades: pd.DataFrame,
    rules: pd.DataFrame,
    told: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """What is known about items: item_id, criterion, label, by.

    Where the problems are our own, `lib.problems.tiny_math.truth` tells, as what is so was planted (`by` is planted);
    else the
    majority of people (`people`); else what a program found out about the same, where a criterion names one (`by` is
    its proxy). Null labels are left out.

    Args:
        items: as from `lib.grm.study.items`.
        asked: the rubrics.
        grades, rules: rows of the tables grades and labels, of the items' model.
        told: as from `labels`.
    """
    planted = tiny_truth.truth(items).assign(by="planted")
    found = [planted[[*KEY, "label", "by"]]]
    for name, rubric in asked.items():
        if told and len(told[name]):
            found.append(labelling.majority(told[name], rubric)[[*KEY, "label"]].assign(by="people"))
    for rubric in asked.values():
        proxies = {one.id: one.proxy for one in rubric.criteria if one.proxy}
        ruled = programs.by_program(items, rubric, grades, rules)
        found.append(ruled.assign(by=ruled["criterion"].map(proxies)))
    known = pd.concat(found, ignore_index=True)
    # where a record is ours, what no planted rule can tell stays unknown
    is_late = known["criterion"].isin(tiny_truth.RULES) & known["by"].ne("planted")
    known = known[~(is_late & known["item_id"].isin(planted["item_id"]))]
    return known.dropna(subset="label").drop_duplicates(KEY).reset_index(drop=True)


def standings(
    judgements: pd.DataFrame,
    known: pd.DataFrame,
    asked: Asked,
    study: Study,
    told: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """A row per criterion, as from `trust.standing`, with the rubric's name and what the truth comes from."""
    frames = []
    for name, rubric in asked.items():
        if len(own := _of(judgements, rubric)):
            said = told[name] if told and len(told[name]) else None
            voted = scores.verdicts(own, rubric)
            stands = trust.standing(voted, known[[*KEY, "label"]], rubric, **_how(study), labels=said)
            frames.append(stands.assign(rubric=name))
    if not frames:
        return pd.DataFrame(columns=TRUSTED)
    frame = pd.concat(frames, ignore_index=True)
    sources = known.groupby("criterion")["by"].agg(lambda by: ", ".join(sorted(set(by))))
    return frame.assign(truth=frame["criterion"].map(sources))[TRUSTED]


def shares(judgements: pd.DataFrame, known: pd.DataFrame, asked: Asked, study: Study) -> pd.DataFrame:
    """All figures of `trust.calibrate` on the problems kept for a test, with the rubric's name.

    Among them are the share judged so, and that share corrected by the rates found on the problems for calibration.
    """
    frames = [
        trust.calibrate(scores.verdicts(own, rubric), known, rubric, ["test"], **_how(study)).assign(rubric=name)
        for name, rubric in asked.items()
        if len(own := _of(judgements, rubric))
    ]
    columns = ["rubric", *trust.CALIBRATION]
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def squares(judgements: pd.DataFrame, asked: Asked, grades: pd.DataFrame) -> pd.DataFrame:
    """The program's verdict on the answer against the judge's score, in counts, for each rubric that gives scores."""
    correct = grades[grades["status"].ne("ungradable")].set_index("row_id")["correct"]
    frames = {}
    for name, rubric in asked.items():
        own = _of(judgements, rubric)
        if len(own) and any(one.polarity == "desired" and one.weight for one in rubric.criteria):
            frames[name] = scores.against_program(scores.summary(scores.verdicts(own, rubric), rubric), correct)
    return pd.concat(frames, names=["rubric"]) if frames else pd.DataFrame()


def beside_rules(table: pd.DataFrame, asked: Asked, labels: pd.DataFrame) -> pd.DataFrame:
    """The items of one model on which both a rule of `lib.failures` and the judge have a verdict, a row each.

    `rule` and `judge` are labels of the criterion whose proxy the rule is; `truth` is the planted label, null where
    nothing was planted; quote and reason are the judge's. Rows on which rule and judge disagree come first.

    Args:
        table: rows of the table judgements, of one model.
        asked: the rubrics.
        labels: rows of the table labels, of that model.
    """
    judgements = judging.judgements(table)
    voted = votes(judgements, asked)
    voted = voted[voted["verdict"].notna()].rename(columns={"verdict": "judge"})
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
    """`beside_rules` of all models of a study, from its tables; no rows without a judge.

    Args:
        study: whose judgements are read.
        asked: its rubrics.
        labels: rows of the table labels, of all its models.
    """
    if not study.judge:
        return pd.DataFrame(columns=LISTED)
    by_model = labels.groupby("model")
    tables_of = {model: tables.read("judgements", study.name, model) for model in study.models}
    frames = [beside_rules(table, asked, by_model.get_group(model)) for model, table in tables_of.items()]
    return pd.concat(frames, ignore_index=True)


def page(judgements: pd.DataFrame, items: pd.DataFrame, asked: Asked, n: int, seed: int) -> str:
    """HTML of `n` judgements by each rubric, as `html.page` shows them."""
    shown = []
    for rubric in asked.values():
        some = html.sample(_of(judgements, rubric), items, n, seed)
        shown.append(f"<h4>{rubric.title}</h4>{html.page(some, items, rubric)}")
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


def _how(study: Study) -> dict[str, float]:
    return {"draws": study.bootstrap, "seed": study.seed, "level": study.confidence}


def _of(judgements: pd.DataFrame, rubric: Rubric) -> pd.DataFrame:
    return judgements[judgements["rubric"].eq(rubric.identity)]
