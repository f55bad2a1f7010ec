"""The engine: prompt ids in, generated ids out as they finish. Today that is vLLM, offline, on a CPU or a GPU."""

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lib.params import Model

# vLLM reads these when it is imported. One process makes outputs repeatable; the cache is ample for small models.
SETTINGS = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "CRITICAL",  # errors arrive as exceptions
    "VLLM_NO_USAGE_STATS": "1",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TOKENIZERS_PARALLELISM": "false",
}


class EngineError(RuntimeError):
    """The engine cannot be opened or cannot take a request; its text is one line."""


@dataclass(frozen=True)
class Request:
    """One prompt to continue, with a seed of its own."""

    key: str
    prompt_ids: list[int]
    seed: int


@dataclass(frozen=True)
class Completion:
    """What the engine generated for the request of the same key."""

    key: str
    token_ids: list[int]
    finish_reason: str  # "stop" or "length"
    cached_tokens: int  # prompt tokens found in the prefix cache


class Engine:
    """A model that is loaded and ready; made by `open`."""

    def __init__(self, model: Model):
        self.model = model
        self._llm = _load(model)

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Completions as they finish, in no fixed order.

        Args:
            requests: keys must differ.

        Raises:
            EngineError: two requests with one key, or a prompt that leaves no room to generate.
        """
        engine = self._llm.llm_engine
        requests = list(requests)
        self._check(requests)
        for request in requests:
            sampling = _sampling(self.model, request.seed)
            engine.add_request(request.key, {"prompt_token_ids": request.prompt_ids}, sampling)
        waiting = {request.key for request in requests}
        try:
            while waiting:
                for output in engine.step():
                    if output.finished:
                        waiting.remove(output.request_id)
                        yield _completion(output)
        finally:  # a caller that stops early leaves nothing running
            engine.abort_request(list(waiting))

    def close(self) -> None:
        """Give the model's memory back."""
        self._llm = None

    def _check(self, requests: list[Request]) -> None:
        seen: set[str] = set()
        for request in requests:
            if request.key in seen:
                raise EngineError(f"{request.key}: two requests with this key")
            seen.add(request.key)
            if len(request.prompt_ids) >= self.model.max_model_len:
                raise EngineError(
                    f"{request.key}: prompt of {len(request.prompt_ids)} tokens, expected fewer than "
                    f"max_model_len {self.model.max_model_len} of params/models/{self.model.name}.yaml"
                )


@contextmanager
def open(model: Model) -> Iterator[Engine]:
    """Load a model for as long as the `with` block lasts.

    Raises:
        EngineError: vLLM cannot load the model; the message carries vLLM's own reason.
    """
    engine = Engine(model)
    try:
        yield engine
    finally:
        engine.close()


def _load(model: Model) -> Any:
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # vLLM's own, not for a reader of the study
        import torch
        from vllm import LLM  # takes seconds, and must see the settings above
        from vllm.platforms import current_platform

        if model.threads:
            torch.set_num_threads(model.threads)
        # A prompt split over two steps would rewind its seeded generator, which PyTorch cannot do on a CPU.
        options = {"enable_chunked_prefill": False} if current_platform.is_cpu() else {}
        options |= {"max_model_len": model.max_model_len, "disable_log_stats": True, "use_tqdm_on_load": False}
        options |= model.engine
        try:
            return LLM(model.location, revision=model.revision, seed=0, **options)  # each request has its own seed
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise EngineError(f"{model.title}: vLLM cannot load {model.path}: {reason}") from error


def _sampling(model: Model, seed: int) -> Any:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        temperature=model.temperature,
        top_p=model.top_p,
        top_k=model.top_k,
        seed=seed,
        max_tokens=model.max_tokens,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def _completion(output: Any) -> Completion:
    generated = output.outputs[0]
    return Completion(
        key=output.request_id,
        token_ids=list(generated.token_ids),
        finish_reason=generated.finish_reason,
        cached_tokens=output.num_cached_tokens or 0,
    )
