"""Cases worth a look: for each interrupt some that turned wrong and some that stayed right, drawn by a seed."""

from collections.abc import Sequence

import pandas as pd

from lib import params
from lib.engine import seed_of
from lib.params.settings import Study
from lib.report.explorer.records import Case, Reader

KEYS = ["interrupt", "trace_id"]


def settings_of(study: Study | str) -> Study:
    """A study, or the one of this name; raises `lib.params.ParamsError` if there is none."""
    return params.load_study(study) if isinstance(study, str) else study


def chosen(
    study: Study | str, models: Sequence[str] | None = None, each: int = 1, seed: int | None = None
) -> list[Case]:
    """For each interrupt up to `each` cases that turned wrong and `each` that stayed right, as far as there are any.

    A case turned wrong if it is right with full thinking and at some position is not; it stayed right if it is right
    with full thinking and at every position. What is neither, such as a problem that the model never solves, is not
    drawn.

    Args:
        study: whose tables are read, or its name.
        models: from which to draw, together; None takes all of the study.
        each: most cases of either kind, per interrupt.
        seed: which ones are drawn; None takes the study's.

    Returns:
        Cases in the study's order of interrupts, those that turned wrong first. The draw of a case does not depend on
        which others there are.

    Raises:
        ParamsError: no such study.
        TableError: a table is missing or broken.
    """
    own = settings_of(study)
    models = list(models) if models is not None else list(own.models)
    drawn = pd.concat([kinds(Reader(own, model).places).assign(model=model) for model in models], ignore_index=True)
    seed = own.seed if seed is None else seed
    names = zip(drawn["model"], drawn["trace_id"], drawn["interrupt"], strict=True)
    drawn["draw"] = [seed_of(seed, "explorer", *name) for name in names]
    order = {name: i for i, name in enumerate(dict.fromkeys(drawn["interrupt"]))}
    drawn = drawn[drawn["kind"].notna()].assign(which=drawn["interrupt"].map(order))
    drawn = drawn.sort_values(["which", "kind", "draw"], ascending=[True, False, True], kind="stable")
    taken = drawn.groupby(["which", "kind"]).head(each)
    return [Case(*row) for row in taken[["model", "trace_id", "interrupt"]].itertuples(index=False)]


def kinds(places: pd.DataFrame) -> pd.DataFrame:
    """One row per case, in the order of `Reader.places`: interrupt, trace_id, kind (turned, stayed or null)."""
    is_right = places["status"].eq("correct") & places["oracle_correct"].fillna(False).astype(bool)
    groups = places[KEYS].assign(turned=places["new_error"], stayed=is_right).groupby(KEYS, sort=False)
    cases = groups.agg({"turned": "any", "stayed": "all"}).reset_index()
    kind = pd.Series(None, index=cases.index, dtype=object).mask(cases["stayed"], "stayed")
    return cases[KEYS].assign(kind=kind.mask(cases["turned"], "turned"))
