"""What can be set: studies, models and interrupts as checked, frozen dataclasses; `lib.params` reads them from YAML."""

import dataclasses
import datetime
import json
import re
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Discriminator, Field, JsonValue, Tag, model_validator
from pydantic.dataclasses import dataclass

from lib import paths, schema

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
OWN_MARKS = ("think", "think_end", "header", "gap")  # keys of a model's file that replace marks of its family
UPDATE_SLOT = "{update}"
PROBLEM_SLOT = "{problem}"
RELEASED = ("update_math", "update_coding")  # sources whose rows say of which benchmark they are
SLOTS = {"problem", "revised_problem", "reduced_problem", "starter_code"}  # of the prompts that ask for updates


def _some_distinct(values: tuple) -> tuple:
    if not values:
        raise ValueError("should hold at least one value, got an empty list")
    repeated = [value for i, value in enumerate(values) if value in values[:i]]
    if repeated:
        raise ValueError(f"should hold each value once, {repeated[0]!r} is repeated")
    return values


def _place(text: str) -> str:
    """A position that is no number, as `lib.interrupts.position` reads it."""
    if not re.fullmatch(r"[0-9]+t|(0(\.[0-9]+)?|1(\.0+)?)[sp]", text):
        raise ValueError(
            f'should be a number from 0 to 1, or such as "512t", "0.3s", "0.3p", got {json.dumps(text)} (write numbers '
            "plainly, such as 0.1; YAML reads 1e-1 as a string)"
        )
    return text


def _cut(place: float | str) -> tuple[Fraction, str]:
    """What a position keeps, as a value and a unit, the same for all ways to write it; all ends are one unit's."""
    value, unit = (Fraction(place[:-1]), place[-1]) if isinstance(place, str) else (Fraction(str(place)), "")
    return value, "" if value == 0 or (value == 1 and unit in "sp") else unit


def _distinct_cuts(places: tuple) -> tuple:
    cuts = [_cut(place) for place in _some_distinct(places)]
    for i, cut in enumerate(cuts):
        if cut in cuts[:i]:
            both = f"{json.dumps(places[cuts.index(cut)])} and {json.dumps(places[i])}"
            raise ValueError(f"should hold each cut once, {both} are the same")
    return places


def _asking(text: str) -> str:
    if PROBLEM_SLOT not in text:
        raise ValueError(f"should hold {PROBLEM_SLOT}, the place of the statement, got {json.dumps(text)[:60]}")
    return _slotted(text, PROBLEM_SLOT)


def _slotted(text: str, *slots: str) -> str:
    """Words with no `{name}` but those of `slots`; the argument of a LaTeX command, as in `\\boxed{x}`, is none."""
    for command, name in re.findall(r"(\\[A-Za-z]+)?(\{ *\w+ *\})", text, re.ASCII):
        if not command and name not in slots:
            raise ValueError(f"should hold no {name}, expected {' or '.join(slots) or 'no name in braces'}")
    return text


def source_name(source: str) -> str:
    """A source as tables name it: of a file of one's own, its name without folder and ending."""
    return Path(source).stem if Path(source).suffix.lower() in schema.OWN else source


def _distinct_files(sources: tuple[str, ...]) -> tuple[str, ...]:
    names = [source_name(source) for source in _some_distinct(sources)]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ValueError(
                f"{sources[names.index(name)]} and {sources[i]} both give problems named {name}/…, "
                "expected different file names"
            )
    return sources


def _day(value: Any) -> str:
    text = value.isoformat() if isinstance(value, datetime.date) else value  # YAML reads a day without quotes as a date
    try:
        return datetime.date.fromisoformat(text).isoformat()
    except (TypeError, ValueError):
        raise ValueError(f'should be a day such as "2024-10-01", got {json.dumps(text)}') from None


def _in_order(days: tuple[str, str]) -> tuple[str, str]:
    if days[0] > days[1]:
        raise ValueError("should hold the first day, then the last")
    return days


def shown_url(url: str) -> str:
    """An address without the user, the password and the query in it."""
    address, slashes, rest = url.partition("?")[0].partition("//")
    return address + slashes + rest.rpartition("@")[2] if slashes else address.rpartition("@")[2]


def _criteria(value: Any) -> Any:
    listed = tuple(value) if isinstance(value, (list, tuple)) else ()
    if value == "all" or (listed and all(isinstance(name, str) and name for name in listed)):
        return _some_distinct(listed) if listed else value
    raise ValueError(f"should be all, or a list of criteria in [ ], got {json.dumps(value, default=str)[:60]}")


def _modes(rates: dict[str, float]) -> dict[str, float]:
    if unknown := [name for name in rates if name not in schema.MODES]:
        raise ValueError(f"no failure mode {unknown[0]}, expected {', '.join(schema.MODES)}")
    return rates


Text = Annotated[str, Field(min_length=1)]
Day = Annotated[str, BeforeValidator(_day)]
Window = Annotated[tuple[Day, Day], AfterValidator(_in_order)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Place = Annotated[
    Annotated[Share, Tag("number")] | Annotated[str, AfterValidator(_place), Tag("text")],
    Discriminator(lambda value: "text" if isinstance(value, str) else "number"),
]
Names = Annotated[tuple[Text, ...], AfterValidator(_some_distinct)]
Planted = Annotated[dict[Text, Share], AfterValidator(_modes)]
Criteria = Annotated[tuple[Text, ...] | Literal["all"], BeforeValidator(_criteria)]
Positions = Annotated[tuple[Place, ...], AfterValidator(_distinct_cuts)]
Sources = Annotated[tuple[Text, ...], AfterValidator(_distinct_files)]
Asked = Annotated[Text, AfterValidator(_asking)]
Plain = Annotated[str, AfterValidator(_slotted)]
Wording = Annotated[str, AfterValidator(lambda text: _slotted(text, UPDATE_SLOT))]


class _Params:
    def as_dict(self) -> dict[str, Any]:
        """All parameters as plain dicts and lists, as stored beside a table."""
        return json.loads(json.dumps(dataclasses.asdict(self)))


@dataclass(frozen=True, config=STRICT)
class Study(_Params):
    """What is run: which models, problems, interrupts and positions, and with which seed."""

    name: Text
    title: Text
    models: Names
    sources: Sources
    interrupts: Names
    positions: Positions  # share of a trace's own thinking that is kept, or tokens, as lib.interrupts reads them
    problems: Count | None = None  # problems per source; null takes all
    samples: Count = 1  # repeats per problem
    samples_by_source: dict[Text, Count] = Field(default_factory=dict)  # where a source needs another number of them
    seed: Annotated[int, Field(ge=0)] = 42
    second_pass: Literal["full", "remaining"] = "full"  # after an interrupt: max_tokens again, or what is left of it
    data_dir: Text | None = None  # folder of JSON Lines, relative to the repository; null: the hub
    window: Window = ("2024-10-01", "2025-05-01")  # first and last day of LiveCodeBench's contests, as published
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95  # level of the intervals
    bootstrap: Count = 2000  # draws of the bootstrap behind an interval
    # published: the looser rules for math of the published study, and LiveCodeBench's for code, to compare with them
    grading: Literal["exact", "published"] = "exact"
    writer: Text | None = None  # model that writes updates for problems that come without; null: they get none
    solver: Text | None = None  # model that solves revised problems whose answer nobody knows; null: none does
    solutions: Count = 5  # of each such problem; more than half must agree
    judge: Text | None = None  # model that judges continuations by rubrics; null: none does
    rubrics: dict[Text, Criteria] = Field(default_factory=dict)  # what it is asked: criteria of each rubric, or all
    judged: Count = 200  # continuations of a model that are judged by a rubric, at most
    judged_sources: Names | None = None  # sources of these; null: all
    draws: Count = 1  # verdicts on each question, of which most count
    allow_unsafe: bool = False  # run model-written code even where no sandbox can be had
    allow_code: bool = False  # let options of its models load code, such as trust_remote_code

    def as_dict(self) -> dict[str, Any]:
        """As of all parameters; what loads no code is left out, as in studies from before the key."""
        return {key: value for key, value in super().as_dict().items() if key != "allow_code" or value}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [source_name(source) for source in self.sources]
        for key in () if set(RELEASED) & set(self.sources) else ("samples_by_source", "judged_sources"):
            if unknown := [name for name in getattr(self, key) or () if name not in names]:
                raise ValueError(f"{key}: {unknown[0]} is no source of this study, expected one of {', '.join(names)}")
        return self


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
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.6
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    top_k: Annotated[int, Field(ge=-1)] = 20  # -1 takes the whole vocabulary
    threads: Count | None = None  # CPU threads of the engine, which decide how sums round; null takes all
    template: dict[str, JsonValue] = Field(default_factory=dict)  # options of the chat template
    prompt_math: Asked = PROBLEM_SLOT  # what the model is asked on a math problem, `{problem}` being its statement
    prompt_code: Asked = PROBLEM_SLOT  # the same on a code problem; its starter code follows in a fence
    opens_thinking: bool = False  # whether the mark that opens the thinking is put at the end of the prompt
    system_file: Text | None = None  # system prompt that the model needs: a file beside its weights
    system: str = ""  # the same as a text
    think: Text | None = None  # marks of its own, in place of those of the family: what opens the thinking
    think_end: Text | None = None  # what closes it
    header: str | None = None  # what stands between that and the answer
    gap: str | None = None  # white space before the answer
    engine: Literal["vllm", "ray", "server", "replay"] = "vllm"  # what generates
    structured: bool = True  # whether the engine holds answers to a JSON schema; false leaves it to the prompt
    options: dict[str, JsonValue] = Field(default_factory=dict)  # the engine's own arguments
    planted: Planted | None = None  # rate of each failure mode it was taught; null: a model like others

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.max_tokens > self.max_model_len:
            raise ValueError(
                f"max_tokens: should be at most max_model_len ({self.max_model_len}), which prompt and generated "
                f"tokens share, got {self.max_tokens}"
            )
        if self.revision and self.is_local:
            raise ValueError(f"revision: should be left out, as {self.path} is a folder, got {self.revision}")
        if self.system_file and (self.system_file.startswith("/") or ".." in self.system_file.split("/")):
            raise ValueError(f"system_file: expected a file in the model's folder, got {self.system_file}")
        if self.system and self.system_file:
            raise ValueError("system: stands beside system_file, expected one of the two")
        if self.think is not None and self.think == self.think_end:
            raise ValueError("think_end: should differ from think")
        if self.own_marks and self.family in FAMILIES and FAMILIES[self.family].channels:
            raise ValueError(f"{next(iter(self.own_marks))}: {self.family} has marks that cannot be changed")
        return self

    def as_dict(self) -> dict[str, Any]:
        """As of all parameters, without a password; keys that few models need are left out where they say nothing."""
        rare = {"planted": None, "system": "", **dict.fromkeys(OWN_MARKS)}
        values = super().as_dict()
        values = {key: value for key, value in values.items() if key not in rare or value != rare[key]}
        if isinstance(url := self.options.get("url"), str):
            values["options"]["url"] = shown_url(url)
        return values

    @property
    def own_marks(self) -> dict[str, str]:
        """The marks that the file itself gives."""
        return {name: value for name in OWN_MARKS if (value := getattr(self, name)) is not None}

    @cached_property
    def is_local(self) -> bool:
        """Whether `path` is a folder rather than a hub name."""
        return self.path.startswith(("models/", ".", "/", "~")) or (paths.ROOT / self.path).is_dir()

    @cached_property
    def location(self) -> str:
        """What the engine opens: the absolute folder of a local model, else the hub name."""
        return str(paths.ROOT / Path(self.path).expanduser()) if self.is_local else self.path


@dataclass(frozen=True, config=STRICT)
class Prompt(_Params):
    """What a model is asked when it writes updates; its reply is one JSON object."""

    name: Text
    title: Text
    text: Text  # `{slot}` stands for a text, with the slots of `SLOTS`
    fields: Names  # of the reply, all texts

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        used = set(re.findall(r"\{(\w+)\}", self.text))
        if unknown := sorted(used - SLOTS):
            raise ValueError(f"text: {{{unknown[0]}}}: no such slot, expected {', '.join(sorted(SLOTS))}")
        if not used:
            raise ValueError("text: should hold a slot, such as {problem}")
        return self


@dataclass(frozen=True, config=STRICT)
class Interrupt(_Params):
    """What happens to a thought after the kept prefix: words are spliced in, or a control takes their place."""

    name: Text
    title: Text
    kind: Literal["hard", "soft", "update", "control"]
    text: Wording = ""  # inserted text; `{update}` in it stands for the update of the problem
    closes_thinking: bool = False
    prefill_math: Plain = ""  # start of the answer, written for the model on math problems
    prefill_code: Plain = ""  # start of the answer, written for the model on code problems
    role: Literal["assistant", "user"] = "assistant"
    system: Plain = ""  # system message that the model has had from the start
    update: Literal["necessary", "false", "noop"] = "necessary"  # kind of the updates that `{update}` stands for
    # restart asks anew instead of splicing; budget has the engine end the thinking where the cut would be
    action: Literal["splice", "restart", "budget"] = "splice"
    steps: tuple[Text, ...] = ()  # several interrupts, each into what followed the one before
    step_positions: tuple[Place, ...] = ()  # where each but the first cuts; that does at the study's

    @property
    def needs_update(self) -> bool:
        """Whether the text has a place for the update of a problem."""
        return UPDATE_SLOT in self.text

    @property
    def variant(self) -> str:
        """Which traces it is for: a necessary update restores the original, so the revised problem comes first."""
        return "revised" if self.needs_update and self.update == "necessary" else "original"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.text.count(UPDATE_SLOT) > 1:
            raise ValueError("text: should hold {update} at most once")
        if self.steps:
            return self._consistent_steps()
        if self.kind == "update" and not self.needs_update:
            raise ValueError("text: should hold {update} exactly once, as kind is update")
        if self.kind in ("hard", "soft") and self.needs_update:
            raise ValueError(f"text: should not hold {{update}}, as kind is {self.kind}")
        if self.kind == "soft" and not self.text.strip():
            raise ValueError("text: missing, expected the words of a soft interrupt (kind control says nothing)")
        if self.kind in ("hard", "soft") and self.closes_thinking != (self.kind == "hard"):
            raise ValueError("closes_thinking: should be true for kind hard and false for kind soft")
        if (self.prefill_math or self.prefill_code) and not self.closes_thinking:
            raise ValueError("prefill: an answer can be opened only where the thinking is closed")
        if self.action != "splice" and (self.closes_thinking or self.role == "user"):
            raise ValueError(f"action: {self.action} splices nothing, so closes_thinking and role should be left out")
        if self.step_positions:
            raise ValueError("step_positions: should stand beside steps")
        return self

    def _consistent_steps(self) -> Self:
        if len(self.steps) == 1 or len(self.step_positions) != len(self.steps) - 1:
            raise ValueError("steps: should name two interrupts or more, and step_positions one position fewer")
        if self.text or self.prefill_math or self.prefill_code or self.closes_thinking:
            raise ValueError("steps: what is inserted stands in the files of the steps, and should be left out here")
        return self


@dataclass(frozen=True, config=STRICT)
class Thresholds:
    """From where on a row counts as a failure mode; `params/failure_modes.yaml` says where each comes from."""

    leakage_length: Annotated[float, Field(ge=1)]  # times as long as the full-thinking answer
    leakage_sums: Count  # written out in the answer
    leakage_comments: Count  # inside a program
    leakage_working: Annotated[float, Field(ge=1)]  # times as many of these as in full-thinking answers
    leakage_unseen_sums: Count  # which the kept thinking is known to lack
    leakage_restarts: Count  # more than in the full-thinking answer
    leakage_after_result: Count  # sums behind the first result, more than in the full-thinking answer
    panic_share: Share  # of the thinking that was left
    panic_tokens: Annotated[int, Field(ge=0)]  # of thinking that count as none


PARSER = "vllm:"  # `family: vllm:<parser>` takes the marks of one of vLLM's reasoning parsers


@dataclasses.dataclass(frozen=True)
class Family:
    """The marks that a model family writes around its thinking, as text; `lib.markup` finds them.

    What opens and ends a turn is no mark: the chat template of each model says it.
    """

    think: str  # opens the thinking
    think_end: str  # closes the thinking
    gap: str = "\n\n"  # what the model writes between the closing mark and its answer
    header: str = ""  # what stands between the closing mark and the answer where an answer is a message of its own
    also_ends: tuple[str, ...] = ()  # special tokens that end a thought without its mark, and belong to the answer
    ends: tuple[str, ...] = ()  # special tokens at the end of what is generated, beside the tokenizer's own
    channels: bool = False  # whether thoughts and answers are messages on named channels (harmony)


FAMILIES = {
    "qwen3": Family("<think>", "</think>", also_ends=("<tool_call>",), ends=("<|im_end|>", "<|endoftext|>")),
    "deepseek_r1": Family("<think>", "</think>", ends=("<｜end▁of▁sentence｜>",)),
    "nemotron": Family("<think>", "</think>", gap="\n", also_ends=("<tool_call>",), ends=("<|im_end|>", "</s>")),
    "mistral": Family("[THINK]", "[/THINK]", gap="", ends=("</s>",)),
    "gpt_oss": Family(
        "<|channel|>analysis<|message|>",
        "<|end|>",
        gap="",
        header="<|start|>assistant<|channel|>final<|message|>",
        ends=("<|return|>", "<|end|>", "<|call|>"),
        channels=True,
    ),
}
# What vLLM's parsers do not say, as they only read; the model's own chat template is asked first.
PARSER_MARKS: dict[str, dict[str, Any]] = {
    "gemma4": {"think": "<|channel>thought\n", "gap": ""},
    "cohere_command3": {"header": "<|START_RESPONSE|>", "gap": "", "ends": ("<|END_RESPONSE|>",)},
    "cohere_command4": {"header": "<|START_TEXT|>", "gap": "", "ends": ("<|END_TEXT|>",)},
    "kimi_k3": {"header": "<|open|>response<|sep|>", "gap": ""},
    "inkling": {"header": "<|message_model|><|content_text|>", "gap": "", "ends": ("<|end_message|>",)},
    **{name: {"gap": "\n"} for name in ("glm45", "seed_oss", "step3p5", "nemotron_v3")},
    **{name: {"gap": ""} for name in ("glm47", "deepseek_v4", "deepseek_v41", "kimi_k2", "mistral")},
}
