"""Rates: what an estimate for a hundred models rests on, from `params/scale.yaml`, where each value has its source."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from lib import params
from lib.params.settings import STRICT, Count, Names, Positions, Share

FILE = "params/scale.yaml"
Amount = Annotated[float, Field(gt=0)]
Factor = Annotated[float, Field(ge=0)]
KINDS = {"hard", "soft", "update", "control"}


@dataclass(frozen=True, config=STRICT)
class Size:
    """Models of one size: how many, their shape, and the GPUs that one copy needs."""

    count: Count
    parameters: Amount
    active: Amount  # of these for one token
    layers: Count
    kv_heads: Count
    head_size: Count
    gpus: Count


@dataclass(frozen=True, config=STRICT)
class Rates:
    """The parameters; the file says in which unit each is, and where it comes from."""

    sources: Names
    samples: Count
    interrupts: Names
    positions: Positions
    thoughts: dict[str, tuple[Count, Count]]  # kind of item: how many there are, tokens of a thought
    prompt: Count
    answer: Count
    inserted: Count
    rest: dict[str, Factor]
    models: dict[str, Annotated[Size, BeforeValidator(lambda value: Size(**value) if type(value) is dict else value)]]
    number_bytes: Count
    gpu_memory: Amount
    gpu_bandwidth: Amount
    gpu_flops: Amount
    gpu_hour: Amount
    memory_used: Share
    bandwidth_used: Share
    flops_used: Share
    sequences: Count
    block: Count
    token_bytes: Amount
    row_bytes: Amount
    part_bytes: Amount
    stored_month: Amount
    id_memory: Count
    completion_memory: Amount
    frame_memory: Amount
    copies_written: Factor
    math_rate: Amount
    code_seconds: Amount
    bootstrap_seconds: Amount
    cores: Count
    part_rows: Count
    part_seconds: Amount
    put_price: Amount

    @property
    def thought(self) -> float:
        """Mean tokens of a thought, over all items."""
        return sum(items * tokens for items, tokens in self.thoughts.values()) / self.items

    @property
    def items(self) -> int:
        """Items that thoughts are stated for."""
        return sum(items for items, _ in self.thoughts.values())


def load() -> Rates:
    """Read `params/scale.yaml`.

    Raises:
        ParamsError: no such file, no sound YAML, a key that is missing or unknown, or a value of the wrong kind; told
            in one line with file and key.
    """
    rates = params.read_as(Rates, "scale", "what an estimate rests on", _tuples)
    if rates.rest.keys() != KINDS:
        raise params.ParamsError(f"{FILE}: rest: expected a value for each of {', '.join(sorted(KINDS))}")
    return rates


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    """What YAML reads as lists as the tuples that it stands for."""
    told = values | {key: tuple(values.get(key) or ()) for key in ("sources", "interrupts", "positions")}
    if isinstance(told.get("thoughts"), dict):
        told["thoughts"] = {key: tuple(pair) for key, pair in told["thoughts"].items()}
    return told
