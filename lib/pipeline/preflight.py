"""What can be known of a study before anything runs.

`make plan` and `make reproduce` begin with it: what would stop a later step, or go wrong in silence, is told at once,
without an engine, a GPU or, but for models of the hub, a network.
"""

import inspect
import json
import logging
import re
from pathlib import Path
from typing import Any

import pandas as pd

from lib import engine, params, paths, problems
from lib.grade import math
from lib.grm import judging
from lib.interrupts import plan
from lib.markup import prompts, tokens
from lib.params.settings import PARSER, RELEASED, Model, Study, source_name

BRING_UPDATES = {"tiny", "tiny-code", *RELEASED}
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth", "*.gguf")
PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?|[A-Za-z]+")  # gold answers that need no parser
SECONDS = 10  # until the hub must have answered
NO_ANSWER = r"\boxed{-987654321}"  # an answer that is no gold answer, so that the gold answer has to be read


def check(study: Study, hub: bool = False) -> list[str]:
    """Refuse a study that a later step would refuse; what else a reader should know comes as lines of text.

    Args:
        study: as `params.load_study` has checked it.
        hub: whether to ask the hub for the models that are on it and not in this machine's cache.

    Raises:
        ParamsError: parameters, an engine's options, or a model's own files.
        ProblemError: problems, as far as they come from files.
    """
    params.load_thresholds()
    judging.rubrics(study)
    if study.writer:
        for file in sorted((paths.PARAMS / "prompts").glob("*.yaml")):
            params.load_prompt(file.stem)
    _need_updates(study)
    frames, notes = _problems(study)
    for name in dict.fromkeys(filter(None, (*study.models, study.writer, study.solver, study.judge))):
        _check_model(params.load_model(name), frames if name in study.models else [], hub)
    return notes


def _need_updates(study: Study) -> None:
    """Refuse an interrupt that tells a necessary update where no source brings any and nobody writes them."""
    names = [name for name in study.interrupts if _is_told_news(name)]
    if names and not study.writer and not BRING_UPDATES & set(study.sources):
        raise params.ParamsError(
            f"{params.location('studies', study.name)}: writer: missing: the interrupt {names[0]} needs "
            f"updates and no source brings any, expected a model that writes them, or other interrupts"
        )


def _is_told_news(name: str) -> bool:
    return plan.variant_of(params.load_steps(params.load_interrupt(name))) == "revised"


def _problems(study: Study) -> tuple[list[pd.DataFrame], list[str]]:
    """The problems that come from files, as many as the study asks; and where that are fewer than it says."""
    folder = study.data_dir
    if folder and not (paths.ROOT / Path(folder).expanduser()).is_dir():
        where = f"{params.location('studies', study.name)}: data_dir"
        raise params.ParamsError(
            f"{where}: no folder {folder}, expected one with benchmarks (relative to the repository)"
        )
    frames, notes = [], []
    for source in study.sources:
        is_own = problems.jsonl.is_own(source)
        try:
            count = problems.size(source)
        except problems.ProblemError as error:
            named = re.match(re.escape(source) + r"(:\d|\[\d)", str(error))  # the row of a file
            where = "" if named else f"{params.location('studies', study.name)}: sources: "
            raise problems.ProblemError(f"{where}{error}") from error
        if is_own or (folder and source not in ("tiny", "tiny-code")):
            frame = problems.load(source, folder, study.window)
            frames.append(problems.subset(frame, study.problems))
            count = len(frame)
        if is_own:
            _check_gold(source, frames[-1])
        if study.problems and study.problems > count:
            notes.append(
                f"{source_name(source)} has {count:,} problems, {study.problems:,} are asked for: all are taken"
            )
    return frames, notes


def _check_gold(source: str, frame: pd.DataFrame) -> None:
    """Refuse gold answers that the grader cannot read: every answer to such a problem would be ungradable."""
    hard = frame[frame["answer"].notna() & ~frame["answer"].fillna("").str.fullmatch(PLAIN)]
    graded = math(pd.DataFrame({"text": NO_ANSWER, "gold": hard["answer"], "source": source_name(source)}))
    for row, place in zip(graded.itertuples(), hard["problem_id"], strict=True):
        if row.status == "ungradable":
            raise problems.ProblemError(f"{source}: {place}: answer: {row.reason}, got {row.gold[:60]!r}")


def _check_model(model: Model, frames: list[pd.DataFrame], hub: bool) -> None:
    file = params.location("models", model.name)
    try:
        engine.check_options(model)
    except engine.EngineError as error:
        raise params.ParamsError(str(error)) from error
    if model.family.startswith(PARSER):
        _check_parser(model, file)
    if model.is_local:
        _check_folder(model, file)
    elif not _is_cached(model):
        _check_hub(model, file, hub)
        return
    try:
        _check_template(model, file)
        prompts.prompt_ids("What is 1 + 1?", model)
        prompts.opening(model), prompts.closing(model)
    except (params.ParamsError, problems.ProblemError):
        raise
    except Exception as error:  # whatever a tokenizer or a chat template raises
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        told = (
            reason if reason.startswith("params/") else f"{file}: path: {model.path}: no prompt can be made: {reason}"
        )
        raise params.ParamsError(told) from error
    for frame in frames:
        _check_lengths(model, frame)


def _check_parser(model: Model, file: str) -> None:
    logging.getLogger("vllm").setLevel(logging.CRITICAL)  # it speaks while it is imported
    from vllm.reasoning import ReasoningParserManager  # takes seconds, and few models need it

    known = sorted(ReasoningParserManager.list_registered())
    if (name := model.family.removeprefix(PARSER)) not in known:
        hint = params.suggestion(name, known)
        raise params.ParamsError(
            f"{file}: family: vLLM has no reasoning parser {name}{hint}, expected one of {', '.join(known)}"
        )


def _check_folder(model: Model, file: str) -> None:
    """Refuse a folder whose config.json says nothing or too little, or that lacks what an engine opens."""
    folder = Path(model.location)
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise params.ParamsError(f"{file}: path: {model.path}/config.json: {error}, expected JSON") from error
    if not isinstance(config, dict) or not {"model_type", "architectures"} & config.keys():
        raise params.ParamsError(f"{file}: path: {model.path}/config.json: names no model_type, expected a model's own")
    most, stretched = config.get("max_position_embeddings"), (config.get("rope_scaling"), config.get("rope_parameters"))
    if isinstance(most, int) and most < model.max_model_len and not any(map(_stretches, stretched)):
        raise params.ParamsError(f"{file}: max_model_len: the model has {most} positions, got {model.max_model_len}")
    if model.engine in ("vllm", "ray") and not any(next(folder.glob(kind), None) for kind in WEIGHTS):
        raise params.ParamsError(f"{file}: path: {model.path}: no weights, expected one of {', '.join(WEIGHTS)}")
    if not any(next(folder.glob(kind), None) for kind in ("tokenizer*", "*tekken*", "vocab*", "*.model", "*.tiktoken")):
        raise params.ParamsError(
            f"{file}: path: {model.path}: no tokenizer, expected tokenizer.json or a model's own kind"
        )


def _stretches(rope: Any) -> bool:
    return isinstance(rope, dict) and rope.get("rope_type", rope.get("type", "default")) != "default"


def _check_template(model: Model, file: str) -> None:
    """Refuse options of a chat template that it does not read, or that are not the user's to set."""
    if not model.template or tokens.is_native(model):
        return
    tokenizer = tokens.tokenizer(model)
    text, own = str(tokenizer.chat_template), inspect.signature(tokenizer.apply_chat_template).parameters
    for key in model.template:
        if key == "messages" or (key in own and key not in ("tools", "documents", "conversation")):
            raise params.ParamsError(f"{file}: template.{key}: is set by the program, expected to be left out")
        if not re.search(rf"\b{re.escape(key)}\b", text) and not (key == "date_string" and "strftime_now" in text):
            named = sorted(set(re.findall(r"\b[a-z]+_[a-z_]+\b", text)))
            hint = params.suggestion(key, named)
            raise params.ParamsError(
                f"{file}: template.{key}: the chat template of {model.path} reads no such option{hint}"
            )


def _check_lengths(model: Model, frame: pd.DataFrame) -> None:
    """Refuse a problem whose prompt leaves the model no room; it would end 03 in the middle."""
    rows = frame[["problem_id", "problem", "task", "starter_code"]].astype(object)
    for place, text, task, code in rows.where(rows.notna(), None).itertuples(index=False):
        length = len(prompts.prompt_ids(text, model, task, "", code))
        if length >= model.max_model_len:
            most = f"max_model_len {model.max_model_len} of {params.location('models', model.name)}"
            raise problems.ProblemError(f"{place}: problem: a prompt of {length} tokens, expected fewer than {most}")


def _is_cached(model: Model) -> bool:
    from huggingface_hub import try_to_load_from_cache  # takes its time to import, as its users do

    names = ("tokenizer.json", "tekken.json", "tokenizer_config.json")
    return HUB_NAME.fullmatch(model.path) is not None and any(
        isinstance(try_to_load_from_cache(model.path, name, revision=model.revision), str) for name in names
    )


def _check_hub(model: Model, file: str, ask: bool) -> None:
    """Refuse a name that can be none of the hub's, and, if it is asked, one that it does not have; it is asked once."""
    expected = (
        "expected a folder that holds config.json (relative to the repository), or a hub name such as Qwen/Qwen3-8B"
    )
    if not HUB_NAME.fullmatch(model.path):
        raise params.ParamsError(f"{file}: path: {model.path}: no such folder, and no name of the hub's; {expected}")
    if not ask:
        return
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(model.path, revision=model.revision, timeout=SECONDS)
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        reason = f"{type(error).__name__}{': ' if lines else ''}{lines[0][:120] if lines else ''}"
        raise params.ParamsError(
            f"{file}: path: {model.path}: no such folder, not in this machine's cache, and not to be had from the hub "
            f"({reason}); {expected}"
        ) from error
