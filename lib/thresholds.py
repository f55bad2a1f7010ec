"""Thresholds: from where on a row counts as a failure mode, from `params/failure_modes.yaml`."""

import dataclasses
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic.dataclasses import dataclass

from lib import params
from lib.settings import STRICT, Count, Share

FILE = "params/failure_modes.yaml"
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
    try:
        values = params.read(".", "failure_modes")
    except OSError as error:
        raise params.ParamsError(f"no file {FILE}, expected the thresholds of the failure modes") from error
    except params.ParamsError as error:
        raise params.ParamsError(str(error).replace("/./", "/")) from error
    known = [field.name for field in dataclasses.fields(Thresholds)]
    for key in values:
        if key not in known:
            raise params.ParamsError(f"{FILE}: {key}: unknown key, expected {', '.join(known)}")
    try:
        return Thresholds(**values)
    except ValidationError as error:
        raise params.ParamsError(f"{FILE}: {'; '.join(map(params.explain, error.errors()))}") from error
