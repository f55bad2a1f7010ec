"""Small tokenizers made for tests, one for each model family: its special tokens, and a chat template like its own."""

import base64
import json
from pathlib import Path

import mistral_common
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from lib.params.settings import Model

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
NEMOTRON = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' %}<think></think>{% endif %}{{ m.content | trim }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking %}<think>\n{% else %}<think></think>{% endif %}{% endif %}"
)
DEEPSEEK = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}"
    "{% elif m.role == 'user' %}<｜User｜>{{ m.content }}"
    "{% else %}<｜Assistant｜>{{ m.content.split('</think>')[-1] }}<｜end▁of▁sentence｜>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<｜Assistant｜><think>\n{% endif %}"
)
HARMONY = (
    "<|start|>system<|message|>Date: {{ strftime_now('%Y-%m-%d') }}. Reasoning: {{ reasoning_effort }}<|end|>"
    "{% for m in messages %}{% if m.role == 'system' %}<|start|>developer<|message|>{{ m.content }}<|end|>"
    "{% elif m.role == 'user' %}<|start|>user<|message|>{{ m.content }}<|end|>"
    "{% else %}<|start|>assistant<|channel|>final<|message|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
PLAIN = "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"
V31 = (  # opens the thought or closes it, and shows none
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}<｜User｜>{{ m.content }}"
    "{% else %}<｜Assistant｜></think>{{ m.content }}<｜end▁of▁sentence｜>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<｜Assistant｜>{% if thinking %}<think>{% else %}</think>{% endif %}{% endif %}"
)
GEMMA = (  # knows no system role
    "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'system' %}{{ raise_exception('No system role') }}{% endif %}"
    "<|turn>{{ m.role }}\n{% if m.reasoning %}<|channel>thought\n{{ m.reasoning }}<channel|>{% endif %}"
    "{{ m.content }}<turn|>\n{% endfor %}{% if add_generation_prompt %}<|turn>model\n"
    "{% if not enable_thinking %}<|channel>thought\n<channel|>{% endif %}{% endif %}"
)
SEED = (
    "{% for m in messages %}<seed:bos>{{ m.role }}\n{{ m.content }}<seed:eos>{% endfor %}"
    "{% if add_generation_prompt %}<seed:bos>assistant\n{% endif %}"
)

# marks that a tokenizer does not call special, though they are tokens of their own, stand in `quiet`
KINDS = {
    "qwen3": {
        "family": "qwen3",
        "specials": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        "quiet": ["<think>", "</think>", "<tool_call>", "</tool_call>"],
        "eos": "<|im_end|>",
        "template": CHATML,
    },
    "deepseek_r1": {  # adds BOS to whatever it encodes, opens the thought, and names a class that does not fit
        "family": "deepseek_r1",
        "specials": ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"],
        "quiet": ["<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"],
        "bos": "<｜begin▁of▁sentence｜>",
        "eos": "<｜end▁of▁sentence｜>",
        "template": DEEPSEEK,
        "class": "LlamaTokenizerFast",
    },
    "nemotron": {
        "family": "nemotron",
        "specials": ["</s>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"],
        "eos": "<|im_end|>",
        "template": NEMOTRON,
        "options": {"enable_thinking": True},
    },
    "gpt_oss": {
        "family": "gpt_oss",
        "specials": [
            *("<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>", "<|return|>", "<|call|>"),
            "<|endoftext|>",
        ],
        "eos": "<|return|>",
        "template": HARMONY,
        "options": {"reasoning_effort": "high", "date_string": "2025-08-05"},
    },
    "plain": {  # no mark is a token, and BOS is added to whatever it encodes
        "family": "deepseek_r1",
        "specials": ["<s>", "</s>"],
        "bos": "<s>",
        "eos": "</s>",
        "template": PLAIN,
    },
    "v31": {
        "family": "deepseek_r1",
        "specials": ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"],
        "quiet": ["<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"],
        "bos": "<｜begin▁of▁sentence｜>",
        "eos": "<｜end▁of▁sentence｜>",
        "template": V31,
    },
    "gemma": {
        "family": "vllm:gemma4",
        "specials": ["<bos>", "<turn|>", "<|turn>", "<|channel>", "<channel|>"],
        "quiet": ["<table>", "</td>", "<h1>", "<b>"],
        "bos": "<bos>",
        "eos": "<turn|>",
        "template": GEMMA,
        "options": {"enable_thinking": True},
    },
    "seed": {
        "family": "vllm:seed_oss",
        "specials": ["<seed:bos>", "<seed:eos>", "<seed:think>", "</seed:think>"],
        "eos": "<seed:eos>",
        "template": SEED,
    },
}


def model(kind: str, folder: Path, **changes) -> Model:
    """A model whose folder holds nothing but a tokenizer of one of KINDS, or of Mistral's own kind."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"name": kind, "title": kind, "path": str(folder), "max_tokens": 100, "max_model_len": 1000}
    if kind == "mistral":
        _tekken(folder)
        return Model(**settings, **{"family": "mistral", "opens_thinking": True} | changes)
    return _fast(KINDS[kind], folder, settings, changes)


def marked(folder: Path, family: str, marks: list[str], template: str, **changes) -> Model:
    """A model of a tokenizer with these special tokens, and <end> for the end of a turn."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {"family": family, "specials": ["<end>", *marks], "eos": "<end>", "template": template}
    settings = {"name": "marked", "title": "M", "path": str(folder), "max_tokens": 100, "max_model_len": 1000}
    return _fast(made, folder, settings, changes)


def _fast(made: dict, folder: Path, settings: dict, changes: dict) -> Model:
    tok = _byte_level(made["specials"], made.get("quiet", []))
    if "bos" in made:
        tok.post_processor = processors.TemplateProcessing(
            single=f"{made['bos']} $A", special_tokens=[(made["bos"], tok.token_to_id(made["bos"]))]
        )
    names = {f"{name}_token": made[name] for name in ("bos", "eos") if name in made}
    fast = PreTrainedTokenizerFast(tokenizer_object=tok, chat_template=made["template"], **names)
    fast.save_pretrained(folder)
    if "class" in made:
        config = json.loads((folder / "tokenizer_config.json").read_text())
        (folder / "tokenizer_config.json").write_text(json.dumps(config | {"tokenizer_class": made["class"]}))
        (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    return Model(**settings, **{"family": made["family"], "template": made.get("options", {})} | changes)


def _byte_level(specials: list[str], quiet: list[str]) -> Tokenizer:
    """A byte-level BPE whose merges come from this file, so that words and marks are of several tokens each."""
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = decoders.ByteLevel()
    words = [Path(__file__).read_text(), "That is so. We start with 14 coins, so 14 + 8 = 22.\n\nLet me check.\n" * 50]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tok.train_from_iterator(words, trainers.BpeTrainer(vocab_size=700, initial_alphabet=alphabet, show_progress=False))
    tok.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in specials])
    tok.add_tokens([AddedToken(text, special=False, normalized=False) for text in quiet])
    return tok


def _tekken(folder: Path) -> None:
    """Mistral's own vocabulary as mistral_common bundles it, cut short, with the marks of Magistral named in it."""
    bundled = Path(mistral_common.__file__).parent / "data" / "tekken_240911.json"
    layout = json.loads(bundled.read_text())
    names = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]"]
    names += ["[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]"]
    names += ["[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]", "[ARGS]", "[CALL_ID]"]
    names += ["[THINK]", "[/THINK]"]
    layout["special_tokens"] = [{"rank": i, "token_str": text, "is_control": True} for i, text in enumerate(names)]
    layout["vocab"] = layout["vocab"][:20_000]
    sizes = {"default_num_special_tokens": 100, "default_vocab_size": 20_100, "num_vocab_tokens": 20_000}
    layout["config"] |= {"version": "v13"} | sizes
    assert base64.b64decode(layout["vocab"][65]["token_bytes"]) == b"A"
    (folder / "tekken.json").write_text(json.dumps(layout))
