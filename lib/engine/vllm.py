"""vLLM in this process, on a CPU or on GPUs.

One copy of the model, over as many GPUs of CUDA_VISIBLE_DEVICES as the options tensor_parallel_size and
pipeline_parallel_size say. Several copies (data_parallel_size) are several processes: see `data_parallel`.
"""

import ast
import importlib.util
import json
import logging
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lib import params
from lib.engine import thinking
from lib.engine.request import Completion, EngineError, Request, check, room
from lib.params.settings import Model

# vLLM and torch read these when they are imported. One process makes outputs repeatable; the cache is ample for small
# models.
SETTINGS = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "CRITICAL",  # errors arrive as exceptions
    "VLLM_NO_USAGE_STATS": "1",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TOKENIZERS_PARALLELISM": "false",
}
for _name, _value in SETTINGS.items():  # when this is imported, as torch may be before vLLM is
    os.environ.setdefault(_name, _value)

WINDOW = 4  # requests that vLLM holds, in units of those it works on at a time: its queue never runs dry
# arguments that have a key of their own in a model's file, or, the seed, one for each request
ELSEWHERE = {"model": "path", "revision": "revision", "max_model_len": "max_model_len", "seed": "the study's seed"}
# Types of arguments that can be told from a value of YAML; any other is left to vLLM.
TYPES = {"int": [int], "float": [int, float], "bool": [bool], "str": [str], "None": [type(None)]}
PARALLEL = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")
COUNTS = (*PARALLEL, "block_size", "max_num_seqs", "max_num_batched_tokens")


class VLLMEngine:
    """A model that vLLM has loaded."""

    def __init__(self, model: Model):
        self.model = model
        check_options(model)
        self._marks, self._why_none = _marks(model)
        self._llm = _load(model, self._marks)
        self._running: dict[str, Request] = {}

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        requests = iter(requests)
        try:
            while True:
                for request in islice(requests, self.window - len(self._running)):
                    self.send(request)
                if not self.busy:
                    return
                yield from self.step()
        finally:  # a caller that stops early leaves nothing running
            self.drop()

    def close(self) -> None:
        if self._llm:
            self._llm.llm_engine.engine_core.shutdown()
        self._llm = None

    @property
    def window(self) -> int:
        """Most requests to hold at a time."""
        return WINDOW * self._llm.llm_engine.vllm_config.scheduler_config.max_num_seqs

    @property
    def busy(self) -> bool:
        """Whether requests are running."""
        return bool(self._running)

    def send(self, request: Request) -> None:
        """Queue a request; raises EngineError, which begins with its key."""
        check(request, self.model, self._running)
        if self._marks is None and (request.thinking_budget is not None or request.json_schema is not None):
            raise EngineError(f"{request.key}: {self._why_none}")
        try:
            sampling = _sampling(self.model, request, self._marks)
            self._llm.llm_engine.add_request(request.key, {"prompt_token_ids": request.prompt_ids}, sampling)
        except Exception as error:
            raise EngineError(f"{request.key}: vLLM refuses it: {_reason(error)}") from error
        self._running[request.key] = request

    def step(self) -> Iterator[Completion]:
        """Run one step of vLLM; the completions that it finished."""
        for output in self._llm.llm_engine.step():
            if output.finished:
                yield thinking.check(self._running.pop(output.request_id), _completion(output), self._marks)

    def drop(self) -> None:
        """Abort all requests that are running."""
        self._llm.llm_engine.abort_request(list(self._running))
        self._running.clear()


def _load(model: Model, marks: thinking.Marks | None) -> Any:
    logging.getLogger("vllm").setLevel(os.environ["VLLM_LOGGING_LEVEL"].upper())  # it speaks before it reads it
    import torch
    from vllm import LLM
    from vllm.platforms import current_platform

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # vLLM's own, not for a reader of the study
        if model.threads:
            torch.set_num_threads(model.threads)
        # A prompt split over two steps would rewind its seeded generator, which PyTorch cannot do on a CPU.
        options = {"enable_chunked_prefill": False} if current_platform.is_cpu() else {}
        options |= {"max_model_len": model.max_model_len, "disable_log_stats": True, "use_tqdm_on_load": False}
        if marks:
            options["reasoning_config"] = _reasoning(marks)
            options["structured_outputs_config"] = thinking.structured_outputs(marks)
        options |= model.options
        try:
            return LLM(model.location, revision=model.revision, seed=0, **options)  # each request has its own seed
        except Exception as error:
            raise EngineError(f"{model.title}: vLLM cannot load {model.path}: {_reason(error)}") from error


def check_options(model: Model) -> None:
    """Refuse options that are no arguments of vLLM, or of another type, before anything is loaded; EngineError."""
    if not _arguments():
        raise EngineError(f"{model.title}: vLLM is not installed; `make env` does it")
    known = {name: kind for name, kind in _arguments().items() if name not in ELSEWHERE}
    for key, value in model.options.items():
        where = f"params/models/{model.name}.yaml: options.{key}"
        if key in ELSEWHERE:
            raise EngineError(f"{where}: is given by {ELSEWHERE[key]}, expected to be left out here")
        if key not in known:
            hint = params.suggestion(key, sorted(known))
            raise EngineError(f"{where}: no argument of vLLM's engine{hint}, expected one of `vllm serve --help=all`")
        if key in COUNTS and value is not None and not (type(value) is int and value >= 1):
            raise EngineError(f"{where}: expected a count of 1 or more, got {json.dumps(value)}")
        if not any(_fits(value, kind) for kind in known[key].split(" | ")):
            raise EngineError(f"{where}: expected {known[key]}{_choices(known[key])}, got {json.dumps(value)}")


def _fits(value: Any, kind: str) -> bool:
    """Whether a value may be of a type that vLLM's source names; of one that is not known here, it may."""
    if kind in TYPES:
        return type(value) in TYPES[kind]
    return value in _literal(kind) if _literal(kind) else True


def _choices(kinds: str) -> str:
    named = [str(choice) for kind in kinds.split(" | ") for choice in _literal(kind)]
    return f" ({', '.join(named)})" if named else ""


@cache
def _literal(kind: str) -> tuple:
    """The values of a type such as `ModelDType`, which vLLM defines as Literal["auto", …]; none of any other."""
    for file in sorted(_folder().glob("config/*.py")) if kind.isidentifier() and kind not in TYPES else ():
        if found := re.search(rf"^{kind} = Literal(\[[^][]*\])$", file.read_text(), re.MULTILINE):
            return tuple(ast.literal_eval(found[1]))
    return ()


@cache
def _folder() -> Path:
    found = importlib.util.find_spec("vllm")
    return Path(found.origin).parent if found and found.origin else Path("nowhere")


@cache
def _arguments() -> dict[str, str]:
    """The arguments of vLLM's engine with their types, from its source: to import it takes seconds."""
    file = _folder() / "engine" / "arg_utils.py"
    parts = ast.parse(file.read_text()).body if file.is_file() else []
    own = next((part.body for part in parts if isinstance(part, ast.ClassDef) and part.name == "EngineArgs"), [])
    return {part.target.id: ast.unparse(part.annotation) for part in own if isinstance(part, ast.AnnAssign)}


def _marks(model: Model) -> tuple[thinking.Marks | None, str]:
    """The marks of thinking; None, and why, where requests can have neither a thinking budget nor a JSON schema."""
    try:
        return thinking.marks(model), ""
    except (ValueError, OSError) as error:  # no such family; no tokenizer, about which vLLM has more to say
        return None, _reason(error)


def _reasoning(marks: thinking.Marks) -> Any:
    """vLLM's settings for thinking budgets, in ids: from text it would not make every family's marks."""
    from vllm.config import ReasoningConfig

    config = ReasoningConfig()
    config._reasoning_start_token_ids = marks.opening
    config._reasoning_end_token_ids = config._natural_reasoning_end_token_ids = marks.closing
    return config


def _sampling(model: Model, request: Request, marks: thinking.Marks | None) -> Any:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

    held = StructuredOutputsParams(json=request.json_schema) if request.json_schema is not None else None
    return SamplingParams(
        temperature=model.temperature,
        top_p=model.top_p,
        top_k=model.top_k,
        seed=request.seed,
        max_tokens=room(request, model),
        thinking_token_budget=thinking.allowed(request, marks) if marks else None,
        structured_outputs=held,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def _completion(output: Any) -> Completion:
    generated = output.outputs[0]
    if generated.finish_reason not in ("stop", "length"):
        raise EngineError(f"{output.request_id}: vLLM ended it with {generated.finish_reason}")
    cached = output.num_cached_tokens or 0
    return Completion(output.request_id, list(generated.token_ids), generated.finish_reason, cached)


def _reason(error: Exception) -> str:
    """What vLLM says is wrong: an argument and what was expected, where it checks that, else an error's last line."""
    if isinstance(error, ValidationError):
        return params.format_error(error.errors()[0])
    return (str(error).strip() or type(error).__name__).splitlines()[-1]
