"""Reward functions for reinforcement learning, from a rubric and, where there is one, a program's verdict."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from lib import grade
from lib.grm import reply, scores
from lib.grm.judge import Judge
from lib.grm.rubric import Rubric

Text = str | Sequence[dict[str, str]]  # plain, or messages of role and content
GIVEN = ("kept", "inserted", "after", "steps", "reference")  # views that columns of the same name may bring
DECIDED = {"correct": 1.0, "incorrect": 0.0, "no_answer": 0.0}


def make(judge: Judge, rubric: Rubric, share: float = 0.0, samples: int = 1) -> Callable[..., list[float | None]]:
    """A reward function `reward(prompts, completions, **columns)`, as TRL's GRPO trainer and others call it.

    Where a program decides (a column `answer` with gold answers, and perhaps `source`; or a column `tests`), the reward
    is (1 - share) x its verdict (1 right, 0 wrong or none given) + share x the judge's score; elsewhere it is the
    judge's score alone. What neither can tell, or only one of two that are both asked, has no reward: None, which
    trainers leave out. With share 0 the judge is asked only where no program decides.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share: expected 0 to 1, got {share}")

    def reward(prompts: Sequence[Text], completions: Sequence[Text], **columns: Any) -> list[float | None]:
        frame = _frame(prompts, completions, columns)
        verdicts = _decided(frame)
        asked = frame if share else frame[verdicts.isna()]
        shares = pd.Series(float("nan"), frame.index)
        if len(asked):
            _check_views(asked, rubric)
            judged = scores.summary(scores.verdicts(judge.score(asked, rubric, samples), rubric), rubric)
            shares.loc[asked.index] = judged.set_index("item_id")["score"].reindex(asked["item_id"]).to_numpy(float)
        mixed = (1 - share) * verdicts + (share * shares if share else 0.0)
        return [None if pd.isna(value) else float(value) for value in mixed.where(verdicts.notna(), shares)]

    reward.__name__ = f"{rubric.name}_reward"  # trainers log it by its name
    return reward


def _frame(prompts: Sequence[Text], completions: Sequence[Text], columns: dict[str, Any]) -> pd.DataFrame:
    """The items of a batch; columns that are no list as long as the batch, such as a trainer's state, are left out."""
    for name, texts in (("prompts", prompts), ("completions", completions)):
        if isinstance(texts, str):
            raise ValueError(f"{name}: expected a list of texts, got one text")
    count = len(prompts)
    if len(completions) != count:
        raise ValueError(f"completions: expected {count}, as many as prompts, got {len(completions)}")

    def column(name: str, default: Any = None) -> list[Any]:
        values = columns.get(name)
        fits = isinstance(values, Sequence) and not isinstance(values, str) and len(values) == count
        return list(values) if fits else [default] * count

    frame = pd.DataFrame({name: column(name) for name in (*GIVEN, "tests")} | {"gold": column("answer")})
    return frame.assign(
        item_id=[f"item {i}" for i in range(count)],
        problem_id=[name or f"problem {i}" for i, name in enumerate(column("problem_id"))],
        problem=list(map(_text, prompts)),
        answer=[reply.after_thinking(_text(completion)).strip() for completion in completions],
        reference=frame["reference"].where(frame["reference"].notna(), frame["gold"]),
        source=column("source", "math500"),
    )


def _check_views(items: pd.DataFrame, rubric: Rubric) -> None:
    """Raises ValueError where a criterion shows what no item has: every reward would be None."""
    for criterion in rubric.criteria:
        for view in criterion.views:
            if items[view].isna().all():
                raise ValueError(f"columns: {view} is missing, and criterion {criterion.id} of {rubric.name} shows it")


def _decided(frame: pd.DataFrame) -> pd.Series:
    """1 or 0 where a program decides, else null."""
    verdicts = pd.Series(float("nan"), frame.index)
    math = frame[frame["gold"].notna() & frame["tests"].isna()].rename(columns={"answer": "text"})
    if len(math):
        verdicts.loc[math.index] = grade.math(math)["status"].map(DECIDED)
    code = frame[frame["tests"].notna()]
    if len(code):
        graded = grade.code(code.assign(code=code["answer"].map(grade.extract_code)))
        verdicts.loc[code.index] = graded["status"].map(DECIDED)
    return verdicts


def _text(text: Text) -> str:
    return text if isinstance(text, str) else "\n\n".join(str(message.get("content") or "") for message in text)
