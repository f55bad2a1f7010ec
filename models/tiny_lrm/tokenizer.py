"""The tokenizer that every model of this project shares: byte-level BPE, lossless, numbers 0-99 as single tokens."""

import random
import re
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from models.tiny_lrm import mixture

VOCABULARY = 1536
MARKS = PAD, TURN, END, THINK, THINK_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"
CORPUS = Path(__file__).with_name("corpus.txt")
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def corpus(stories: int = 3000, seed: int = 0) -> list[str]:
    """What the merges are learned from: our prose, Python and JSON, training texts without marks, all numbers."""
    rng = random.Random(seed)
    marks = re.compile("|".join(map(re.escape, MARKS)))
    told = [marks.sub("", mixture.example(rng).text()) for _ in range(stories)]
    numbers = [f" {n} = {n}, ({n}) {{{n}}}" for n in range(100)] * 40
    return [CORPUS.read_text()] * 4 + told + numbers


def build() -> PreTrainedTokenizerFast:
    """Train the tokenizer; the same on every machine."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(mixture.PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [AddedToken(mark, special=mark not in (THINK, THINK_END)) for mark in MARKS]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )
