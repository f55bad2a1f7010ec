"""Thresholds: from where on a row counts as a failure mode, from `params/failure_modes.yaml`."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from lib import params
from lib.params.settings import STRICT, Count, Share

Ratio = Annotated[float, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, config=STRICT)
class Thresholds:
    """The thresholds; the file says where each comes from."""

    leakage_length: Ratio  # times as long as the full-thinking answer
    leakage_sums: Count  # written out in the answer
    leakage_comments: Count  # inside a program
    leakage_working: Ratio  # times as many of these as in full-thinking answers
    leakage_unseen_sums: Count  # which the kept thinking is known to lack
    leakage_restarts: Count  # more than in the full-thinking answer
    leakage_after_result: Count  # sums behind the first result, more than in the full-thinking answer
    panic_share: Share  # of the thinking that was left
    panic_tokens: Whole  # of thinking that count as none


def load() -> Thresholds:
    """Read `params/failure_modes.yaml`.

    Raises:
        params.ParamsError: no such file, no sound YAML, a key that is missing or unknown, or a value of the wrong kind;
            told in one line with file and key.
    """
    return params.read_as(Thresholds, "failure_modes", "the thresholds of the failure modes")
