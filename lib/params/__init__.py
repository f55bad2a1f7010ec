"""Studies, models and interrupts: YAML files in `params/` read into checked, frozen dataclasses.

What is wrong is told in one line: file, key, what was expected. Nothing is converted: `1e-1`, a string to YAML, fails.
"""

import dataclasses
import difflib
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from lib import paths
from lib.params.settings import FAMILIES, PARSER, UPDATE_SLOT, Interrupt, Model, Prompt, Study, Thresholds

LISTS = ("models", "sources", "interrupts", "positions")  # keys of a study that may come as one text with commas
NAME = re.compile(r"\w[\w.+-]*")  # of a file of parameters, which names files, targets of make and arguments
# Arguments of an engine that load code, at any depth, and what names it in a value: a class by its module, or a file.
CODE_KEY = re.compile(
    r"(.*_)?(trust_remote_code|auto_map|cls|class|class_overrides|plugins?|module|module_path|logits_processors|"
    r"log_config_file|logging_config)",
    re.IGNORECASE,
)
CODE_NAME = re.compile(r"[^\W\d]\w*([.:][^\W\d]\w*)+|.*\.(py|so|pyc)", re.DOTALL)
LARGEST, MOST_VALUES = 2**17, 20_000  # bytes of a file of parameters, values in it
HOSTS = (
    "url",
    "master_addr",
    "data_parallel_address",
    "served_model_name",
)  # whose values look like the name of a class
HOOKS = ("system_prompt", "reasoning_prefix", "reasoning_suffix", "update_prefix", "update_suffix")


class ParamsError(ValueError):
    """Parameters that cannot be used; its text is one line."""

    def __init__(self, text: str):
        super().__init__(paths.printable(text))


def load_study(name: str, **overrides: Any) -> Study:
    """Read `params/studies/<name>.yaml`; overrides replace its keys, None and "" keep them.

    A list may be one text with commas, as papermill passes it. A ParamsError: a missing file, an unknown key, a wrong
    type or value, here or in a file of a model or interrupt that it names. Of rubrics only the files are looked for.
    """
    given = {key: _split(key, value) for key, value in overrides.items() if value not in (None, "")}
    study = _load(Study, "studies", name, given)
    file = location("studies", name, _changed(read("studies", name), given))
    if study.rubrics and not study.judge:
        raise ParamsError(f"{file}: judge: missing, expected a model that judges by the rubrics")
    if study.judge and not study.rubrics:
        raise ParamsError(f"{file}: rubrics: missing, expected what the judge is asked, such as {{leakage: all}}")
    for key in ("writer", "solver", "judge"):
        if named := getattr(study, key):
            _expect(f"{file}: {key}", "models", named)
            _expect_data(load_model(named), study)
    for named in study.rubrics:
        _expect(f"{file}: rubrics.{named}", "rubrics", named)
    for i, named in enumerate(study.models):
        _expect(f"{file}: models[{i}]", "models", named)
        _expect_data(_load(Model, "models", named), study)
    for i, named in enumerate(study.interrupts):
        _expect(f"{file}: interrupts[{i}]", "interrupts", named)
        load_interrupt(named)
    return study


def load_model(name: str) -> Model:
    """Read `params/models/<name>.yaml`; raises ParamsError as `load_study`, and if a local model is not there."""
    model = _load(Model, "models", name)
    has_marks = model.family in FAMILIES or {"think", "think_end"} <= model.own_marks.keys()
    if not has_marks and not re.fullmatch(rf"{PARSER}\w+", model.family):
        hint = suggestion(model.family, list(FAMILIES))
        raise ParamsError(
            f"{location('models', name)}: family: no markup for {model.family}{hint}, "
            f"expected one of {', '.join(FAMILIES)}, or {PARSER}<parser>, a reasoning parser of vLLM; or marks "
            "of its own under think and think_end"
        )
    if model.is_local and not Path(model.location, "config.json").is_file():
        raise ParamsError(
            f"{location('models', name)}: path: no model in folder {model.path}, expected a folder that holds "
            "config.json (relative to the repository) or a hub name such as Qwen/Qwen3-8B"
        )
    return model


def load_prompt(name: str) -> Prompt:
    """Read `params/prompts/<name>.yaml`; raises ParamsError as `load_study`."""
    return _load(Prompt, "prompts", name)


def load_thresholds() -> Thresholds:
    """Read `params/failure_modes.yaml`; raises ParamsError as `load_study`."""
    return _load(Thresholds, "", "failure_modes")


def load_interrupt(name: str) -> Interrupt:
    """Read `params/interrupts/<name>.yaml`; raises ParamsError as `load_study`.

    A `prompt_file` in it, relative to the repository, gives wording in the paper authors' JSON format: `system_prompt`,
    and around the update `reasoning_prefix`, `update_prefix`, `update_suffix`, `reasoning_suffix` (in a user turn only
    those of the update).
    """
    interrupt = _load(Interrupt, "interrupts", name)
    load_steps(interrupt)
    return interrupt


def load_steps(interrupt: Interrupt) -> list[Interrupt]:
    """The interrupts that one is made of: itself, or those that its steps name.

    A ParamsError: a step has no sound file, has steps itself, or closes the thinking although another follows.
    """
    if not interrupt.steps:
        return [interrupt]
    file = location("interrupts", interrupt.name)
    parts = []
    for i, named in enumerate(interrupt.steps):
        _expect(f"{file}: steps[{i}]", "interrupts", named)
        parts.append(part := _load(Interrupt, "interrupts", named))
        if part.steps or part.action != "splice" or (part.closes_thinking and i < len(interrupt.steps) - 1):
            raise ParamsError(
                f"{file}: steps[{i}]: {named}: expected an interrupt of one step that splices words in; only the "
                "last may close the thinking"
            )
        if part.system != parts[0].system:
            raise ParamsError(f"{file}: steps[{i}]: {named}: expected the system message that {parts[0].name} needs")
    return parts


def _load(cls: type, kind: str, name: str, overrides: dict[str, Any] | None = None) -> Any:
    _expect("", kind, name)
    own = read(kind, name)
    file = location(kind, name, _changed(own, overrides or {}))
    values = own | (overrides or {})
    if cls is Interrupt and "prompt_file" in values:
        values = _worded(values, file)
    fields = [field.name for field in dataclasses.fields(cls)]
    keys = [field for field in fields if field != "name"]
    for key in values:
        if key not in keys:
            raise ParamsError(f"{file}: {key}: unknown key{suggestion(key, keys)}, expected {', '.join(keys)}")
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    try:
        return cls(**({"name": name} if "name" in fields else {}), **plain)
    except ValidationError as error:
        raise ParamsError(f"{file}: {'; '.join(map(format_error, error.errors()))}") from error


def _changed(own: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if own.get(key) != value}


def _worded(values: dict[str, Any], file: str) -> dict[str, Any]:
    """Values of an interrupt with `system` and `text` taken from the prompt file that they name."""
    if both := [key for key in ("text", "system") if key in values]:
        raise ParamsError(f"{file}: {both[0]}: given beside prompt_file, expected one of the two")
    named = values["prompt_file"]
    try:
        hooks = json.loads((paths.ROOT / str(named)).read_bytes())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ParamsError(f"{file}: prompt_file: {named}: {reason}, expected a JSON file in the repository") from error
    if not isinstance(hooks, dict) or not all(isinstance(text, str) for text in hooks.values()) or hooks.keys() - HOOKS:
        raise ParamsError(f"{file}: prompt_file: {named}: expected texts under {', '.join(HOOKS)} and nothing else")
    system, before, after, *around = (hooks.get(hook, "") for hook in HOOKS)
    update = (UPDATE_SLOT if values.get("kind") == "update" else "").join(around)
    text = update if values.get("role") == "user" else f"{before}{update}{after}"
    return {key: value for key, value in values.items() if key != "prompt_file"} | {"system": system, "text": text}


def _expect_data(model: Model, study: Study) -> None:
    """Refuse options of an engine that load code, unless the study allows it."""
    if not study.allow_code and (option := next(_code(model.options), None)):
        raise ParamsError(
            f"{location('models', model.name)}: options{option}: may load code, which is run only if "
            f"{location('studies', study.name)} says allow_code: true"
        )


def _code(value: Any, place: str = "", key: str = "") -> Iterator[str]:
    """Places among options where code is turned on or named, as `.worker_cls`; a JSON text is looked into."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            value = json.loads(value)
    if value and value != "auto" and CODE_KEY.fullmatch(key):
        yield place
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _code(inner, f"{place}.{name}", name)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _code(inner, f"{place}[{i}]")
    elif isinstance(value, str) and CODE_NAME.fullmatch(value) and key not in HOSTS:
        yield place


def _split(key: str, value: Any) -> Any:
    """A text with commas as a list, for the keys of a study that hold lists; anything else as it is."""
    if not isinstance(value, str) or key not in LISTS:
        return value
    items = [item.strip() for item in value.split(",")]
    if key != "positions":
        return items
    return [float(item) if re.fullmatch(r"[0-9]*\.?[0-9]+|[0-9]+\.", item) else item for item in items]


def parse(key: str, text: str) -> Any:
    """The value of a key of a study as YAML reads it; a list may be its items with commas between. A ParamsError."""
    try:
        value = yaml.load(text, _Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ParamsError(
            f"{key}: {text[:60]}: cannot be read as YAML, expected a value as in a study's file"
        ) from error
    if key in LISTS and not isinstance(value, list):
        return _split(key, text)
    return value


def read(kind: str, name: str) -> dict[str, Any]:
    """What `params/<kind>/<name>.yaml` says; a ParamsError if it is not valid YAML, or not lines of `key: value`."""
    return parse_file((paths.PARAMS / kind / f"{name}.yaml").read_bytes(), location(kind, name))


def parse_file(data: bytes, file: str) -> dict[str, Any]:
    """What the bytes of a file of parameters say, in bounded time and memory; raises ParamsError as `read`."""
    if len(data) > LARGEST:
        raise ParamsError(f"{file}: {len(data):,} bytes, expected {LARGEST:,} of parameters at most")
    try:
        values = yaml.load(data, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        where = f"{file}: line {mark.line + 1}" if mark else file
        raise ParamsError(f"{where}: cannot be read as YAML ({what}), expected lines of `key: value`") from error
    except RecursionError:
        raise ParamsError(f"{file}: nested too deeply, expected lines of `key: value`") from None
    if not isinstance(values, dict):
        raise ParamsError(f"{file}: expected lines of `key: value`, got {_show(values)}")
    return values


class _Loader(yaml.SafeLoader):
    """YAML's safe types. A key written twice is an error, where PyYAML would keep the second silently.

    What only looks like a number or a day stays a text, which the checks then show: 010 would be 8 to PyYAML, 1:30
    would be 90, and 2024-13-01 an exception.
    """

    def get_single_data(self) -> Any:
        node = self.get_single_node()
        if node is None:
            return None
        if (count := _count(node, {})) > MOST_VALUES:
            raise yaml.MarkedYAMLError(None, None, f"{count:,} values, with what its aliases repeat", node.start_mark)
        return self.construct_document(node)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError:
            if isinstance(node, yaml.ScalarNode):
                return node.value
            raise

    def construct_count(self, node: yaml.ScalarNode) -> int:
        if re.fullmatch(r"[-+]?(0|[1-9][0-9_]*)", node.value):
            return int(node.value)
        raise ValueError(node.value)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        known = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in known:
                raise yaml.MarkedYAMLError(None, None, f"key {key.value[:60]} is given twice", key.start_mark)
            known.add(key.value)
        return super().construct_mapping(node, deep)


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node holds, where each alias counts as all that it stands for; an error if it holds itself."""
    if known.get(id(node)) == 0:
        raise yaml.MarkedYAMLError(None, None, "an alias stands for what it is in", node.start_mark)
    if id(node) not in known:
        known[id(node)] = 0
        inner = chain.from_iterable(node.value) if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 + sum(_count(one, known) for one in inner if isinstance(one, yaml.Node))
    return known[id(node)]


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_count)


def format_error(error: Any) -> str:
    """One of pydantic's errors as `key: what was expected, got value`."""
    place = [part for part in error["loc"] if part not in ("number", "text") or part == error["loc"][0]]  # not our tags
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
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


def location(kind: str, name: str, overrides: dict[str, Any] | None = None) -> str:
    """A file of parameters as messages name it; kind "" is `params/` itself."""
    file = "/".join(filter(None, ("params", kind, f"{name}.yaml")))
    return file + (f" (with {', '.join(overrides)} overridden)" if overrides else "")


def missing(kind: str, name: str) -> str:
    """A file that is not there, with a guess and the names of those that are."""
    known = _names(kind)
    expected = f"one of {', '.join(known)}" if known else "it there"
    return f"{location(kind, name)}{suggestion(name, known)}, expected {expected}"


def _names(kind: str) -> list[str]:
    return sorted(file.stem for file in (paths.PARAMS / kind).glob("*.yaml"))


def _expect(where: str, kind: str, name: str) -> None:
    where += ": " if where else ""
    if name not in _names(kind):
        raise ParamsError(f"{where}no file {missing(kind, name)}")
    if not NAME.fullmatch(name):
        raise ParamsError(f"{where}{location(kind, name)}: expected a name of letters, digits and . _ + - alone")


def suggestion(name: Any, known: list[str]) -> str:
    """A hint at the known name that a given one resembles, in brackets, or ""."""
    close = difflib.get_close_matches(str(name), known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
