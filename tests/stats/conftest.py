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
