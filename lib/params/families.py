"""The marks that each model family writes around its thinking, as text. Data only: `lib.markup` finds them."""

from dataclasses import dataclass

PARSER = "vllm:"  # `family: vllm:<parser>` takes the marks of one of vLLM's reasoning parsers


@dataclass(frozen=True)
class Family:
    """The marks of a family. What opens and ends a turn is no mark: the chat template of each model says it."""

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
