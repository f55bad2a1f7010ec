"""Random data that several tests of statistics share."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def judged() -> Callable[..., pd.DataFrame]:
    """Makes the verdicts (said) of a judge with known errors on problems whose rows share the truth."""

    def make(
        seed: int, problems: int, prevalence: float, sensitivity: float = 0.85, specificity: float = 0.9, repeats=2
    ) -> pd.DataFrame:
        random = np.random.default_rng(seed)
        truth = np.repeat(random.random(problems) < prevalence, repeats)
        said = random.random(len(truth)) < np.where(truth, sensitivity, 1 - specificity)
        return pd.DataFrame({"problem_id": np.repeat(range(problems), repeats), "truth": truth * 1, "said": said * 1})

    return make


@pytest.fixture(scope="session")
def curve_grades() -> Callable[..., pd.DataFrame]:
    """Makes grades of one curve: right with the rate of each position, shifted by problem, or `exact` shares of rows.

    A thought has 100 tokens, of which a cut at X keeps 100 X; an answer has 20.
    """

    def make(
        rates: dict[float, float],
        full: float = 1.0,
        problems: int = 40,
        repeats: int = 1,
        seed: int = 0,
        model: str = "m",
        interrupt: str = "speed_up",
        exact: bool = False,
        spread: float = 0.0,
    ) -> pd.DataFrame:
        random = np.random.default_rng(seed)
        shift = np.repeat(random.uniform(-spread, spread, problems), repeats)
        keys = {"problem_id": np.repeat([f"p{i:03}" for i in range(problems)], repeats)}
        keys |= {"sample": np.tile(np.arange(repeats), problems), "model": model, "source": "s", "variant": "original"}
        count = problems * repeats
        trace = {"kind": "trace", "interrupt": None, "unit": None, "position": np.nan}
        trace |= {"remaining_tokens": np.nan, "reasoning_tokens": 100, "tokens": 120}
        parts = []
        for position, rate in [(None, full), *rates.items()]:
            right = np.arange(count) < round(rate * count) if exact else random.random(count) < rate + shift
            own = trace
            if position is not None:
                own = {"kind": "continuation", "interrupt": interrupt, "unit": "share", "position": position}
                own |= {"remaining_tokens": 100 - 100 * position, "reasoning_tokens": 0, "tokens": 20}
            parts.append(pd.DataFrame(keys | own | {"correct": right}))
        return pd.concat(parts, ignore_index=True)

    return make
