"""Studies, models and interrupts: YAML files in `params/` read into checked, frozen dataclasses.

What is wrong is told in one line: file, key, what was expected. Nothing is converted: `1e-1`, a string to YAML, fails.
"""

import dataclasses
import difflib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from lib import paths


class ParamsError(ValueError):
    """Parameters that cannot be used; its text is one line."""


STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
UPDATE_SLOT = "{update}"


def _some_distinct(values: tuple) -> tuple:
    if not values:
        raise ValueError("should hold at least one value, got an empty list")
    repeated = [value for i, value in enumerate(values) if value in values[:i]]
    if repeated:
        raise ValueError(f"should hold each value once, {repeated[0]!r} is repeated")
    return values


Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Names = Annotated[tuple[Text, ...], AfterValidator(_some_distinct)]
Positions = Annotated[tuple[Share, ...], AfterValidator(_some_distinct)]


class _Params:
    def as_dict(self) -> dict[str, Any]:
        """All parameters as plain dicts and lists: what is stored beside a table and shown in a notebook."""
        return json.loads(json.dumps(dataclasses.asdict(self)))


@dataclass(frozen=True, config=STRICT)
class Study(_Params):
    """What is run: which models, problems, interrupts and positions, and with which seed."""

    name: Text
    title: Text
    models: Names
    sources: Names
    interrupts: Names
    positions: Positions  # fractions of a trace's own thinking that are kept
    problems: Count | None = None  # problems per source; null takes all
    samples: Count = 1  # repeats per problem
    seed: Annotated[int, Field(ge=0)] = 42
    data_dir: Text | None = None  # folder of JSON Lines, relative to the repository; null: the hub
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95  # level of the intervals
    bootstrap: Count = 2000  # draws of the bootstrap behind an interval


@dataclass(frozen=True, config=STRICT)
class Model(_Params):
    """A reasoning model: where it is, how its thinking is marked, and how it is sampled."""

    name: Text
    title: Text
    path: Text  # hub name, or folder relative to the repository
    family: Text  # markup family: how thinking is opened and closed
    max_tokens: Count  # limit of generated tokens per request
    max_model_len: Count  # limit of prompt and generated tokens together
    revision: Text | None = None  # hub commit; null for a folder
    temperature: Annotated[float, Field(ge=0)] = 0.6
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    top_k: Annotated[int, Field(ge=-1)] = 20  # -1 takes the whole vocabulary
    threads: Count | None = None  # CPU threads of the engine, which decide how sums round; null takes all
    engine: dict[str, bool | int | float | str] = Field(default_factory=dict)  # further engine arguments

    @property
    def is_local(self) -> bool:
        """Whether `path` is a folder rather than a hub name."""
        return self.path.startswith(("models/", ".", "/", "~")) or (paths.ROOT / self.path).is_dir()

    @property
    def location(self) -> str:
        """What the engine opens: the absolute folder of a local model, else the hub name."""
        return str(paths.ROOT / Path(self.path).expanduser()) if self.is_local else self.path


@dataclass(frozen=True, config=STRICT)
class Interrupt(_Params):
    """What is spliced into a thought after the kept prefix."""

    name: Text
    title: Text
    kind: Literal["hard", "soft", "update"]
    text: str  # inserted text; `{update}` in it stands for the update of the problem
    closes_thinking: bool
    prefill_math: str = ""  # start of the answer, written for the model on math problems
    prefill_code: str = ""  # start of the answer, written for the model on code problems
    role: Literal["assistant", "user"] = "assistant"

    @property
    def needs_update(self) -> bool:
        """Whether the text has a place for the update of a problem."""
        return UPDATE_SLOT in self.text

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        slots = 1 if self.kind == "update" else 0
        if self.text.count(UPDATE_SLOT) != slots:
            must = "should hold {update} exactly once" if slots else "should not hold {update}"
            raise ValueError(f"text: {must}, as kind is {self.kind}")
        if self.closes_thinking != (self.kind == "hard"):
            raise ValueError("closes_thinking: should be true for kind hard and false for the others")
        if (self.prefill_math or self.prefill_code) and not self.closes_thinking:
            raise ValueError("prefill: an answer can be opened only where the thinking is closed (kind hard)")
        return self


def load_study(name: str, **overrides: Any) -> Study:
    """Read `params/studies/<name>.yaml`; overrides replace its keys, None and "" keep them.

    A list may be one text with commas, as papermill passes it. Every model and interrupt needs a sound file.

    Raises:
        ParamsError: a missing file, an unknown key, a wrong type or value, here or in a file it names.
    """
    given = {key: _listed(key, value) for key, value in overrides.items() if value not in (None, "")}
    study = _load(Study, "studies", name, given)
    file = _file("studies", name, given)
    for key, cls in (("models", Model), ("interrupts", Interrupt)):
        for i, named in enumerate(getattr(study, key)):
            if named not in _names(key):
                raise ParamsError(f"{file}: {key}[{i}]: no file {_missing(key, named)}")
            _load(cls, key, named)
    return study


def load_model(name: str) -> Model:
    """Read `params/models/<name>.yaml`; raises ParamsError as `load_study`, and if a local model is not there."""
    model = _load(Model, "models", name)
    if model.is_local and not Path(model.location, "config.json").is_file():
        raise ParamsError(
            f"{_file('models', name)}: path: no model in folder {model.path}, expected a folder that holds "
            "config.json (relative to the repository) or a hub name such as Qwen/Qwen3-8B"
        )
    return model


def load_interrupt(name: str) -> Interrupt:
    """Read `params/interrupts/<name>.yaml`; raises ParamsError as `load_study`."""
    return _load(Interrupt, "interrupts", name)


def _load(cls: type, kind: str, name: str, overrides: dict[str, Any] | None = None) -> Any:
    file = _file(kind, name, overrides)
    if name not in _names(kind):
        raise ParamsError(f"no file {_missing(kind, name)}")
    values = _read(kind, name) | (overrides or {})
    known = [field.name for field in dataclasses.fields(cls) if field.name != "name"]
    for key in values:
        if key not in known:
            raise ParamsError(f"{file}: {key}: unknown key{_guess(key, known)}, expected {', '.join(known)}")
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    try:
        return cls(name=name, **plain)
    except ValidationError as error:
        raise ParamsError(f"{file}: {'; '.join(map(_tell, error.errors()))}") from error


def _listed(key: str, value: Any) -> Any:
    """A text with commas as a list, for the keys of a study that hold lists; anything else as it is."""
    if not isinstance(value, str) or key not in ("models", "sources", "interrupts", "positions"):
        return value
    items = [item.strip() for item in value.split(",")]
    if key != "positions":
        return items
    try:
        return [float(item) for item in items]
    except ValueError as error:
        raise ParamsError(f"positions: expected numbers with commas between them, got {value!r}") from error


def _read(kind: str, name: str) -> dict[str, Any]:
    file = _file(kind, name)
    try:
        values = yaml.load((paths.PARAMS / kind / f"{name}.yaml").read_bytes(), _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        where = f"{file}: line {mark.line + 1}" if mark else file
        raise ParamsError(f"{where}: not sound YAML ({what}), expected lines of `key: value`") from error
    if not isinstance(values, dict):
        raise ParamsError(f"{file}: expected lines of `key: value`, got {_show(values)}")
    return values


class _Loader(yaml.SafeLoader):
    """YAML's safe types; a key written twice is an error, where PyYAML would keep the second silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [key.value for key, _ in node.value]
        for i, (key, _) in enumerate(node.value):
            if key.value in keys[:i]:
                raise yaml.MarkedYAMLError(None, None, f"key {key.value} stands twice", key.start_mark)
        return super().construct_mapping(node, deep)


def _tell(error: Any) -> str:
    """One of pydantic's errors as `key: what was expected, got value`."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    if error["type"] == "missing":
        return f"{key}: missing, expected a value"
    if error["type"] == "value_error":
        message = error["msg"].removeprefix("Value error, ")
        return f"{key}: {message}" if key else message
    expected = error["msg"].removeprefix("Input ").replace("a valid tuple", "a list in [ ]")
    hint = ""
    if error["type"] == "float_type" and isinstance(error["input"], str):
        hint = ", a string (write numbers plainly, such as 0.1; YAML reads 1e-1 as a string)"
    return f"{key}: {expected}, got {_show(error['input'])}{hint}"


def _show(value: Any) -> str:
    shown = json.dumps(value, default=str)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _file(kind: str, name: str, overrides: dict[str, Any] | None = None) -> str:
    return f"params/{kind}/{name}.yaml" + (f" (with {', '.join(overrides)} overridden)" if overrides else "")


def _names(kind: str) -> list[str]:
    return sorted(file.stem for file in (paths.PARAMS / kind).glob("*.yaml"))


def _missing(kind: str, name: str) -> str:
    known = _names(kind)
    return f"{_file(kind, name)}{_guess(name, known)}, expected one of {', '.join(known)}"


def _guess(name: Any, known: list[str]) -> str:
    close = difflib.get_close_matches(str(name), known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
