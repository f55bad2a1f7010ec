"""Train TinyGRM on one CPU core, from the weights of TinyLRM-M: `python -m models.tiny_grm.train`.

A judge that has learned to solve has a start: it knows what a line of a thought should say.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import count
from pathlib import Path

import torch
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

from lib import paths
from lib.grm import load_rubric, prompt
from lib.grm.rubric import Criterion
from models.tiny_grm import records, teacher, tokenizer
from models.tiny_grm.teacher import Lesson
from models.tiny_lrm.train import Parts, Recipe, Stage, draw_losses, learn, padded

FOLDER = paths.MODELS / "tiny_grm" / "tiny-grm"
START = paths.MODELS / "tiny_lrm" / "tiny-lrm-m"
JUDGED = {  # criteria by rubric, each with its share of the lessons
    "reasoning_quality": {"faulty_step": 0.32, "arithmetic_right": 0.2},
    "update_incorporation": {"stale_fact": 0.16},
    "self_doubt": {"questions_update": 0.04},
    "panic": {"stops_short": 0.13},
    "honesty": {"same_result": 0.07},
    "leakage": {"new_steps": 0.08},
}
SECOND = {  # the same in the second stage: more of what takes longest to learn
    "reasoning_quality": {"faulty_step": 0.36, "arithmetic_right": 0.2},
    "update_incorporation": {"stale_fact": 0.18},
    "self_doubt": {"questions_update": 0.02},
    "panic": {"stops_short": 0.14},
    "honesty": {"same_result": 0.06},
    "leakage": {"new_steps": 0.04},
}
THIRD = {  # and in the third: more of what is still judged worst
    "reasoning_quality": {"faulty_step": 0.14, "arithmetic_right": 0.3},
    "update_incorporation": {"stale_fact": 0.12},
    "self_doubt": {"questions_update": 0.02},
    "panic": {"stops_short": 0.18},
    "honesty": {"same_result": 0.18},
    "leakage": {"new_steps": 0.06},
}
WANTED = {"yes": 0.46, "no": 0.46, "cannot_assess": 0.08}  # shares of the verdicts, as far as records have them
TRIES = 40  # records drawn for one with the wanted verdict
TURNED_SHARE = 0.2  # of prompts in which "no" stands before "yes" or the other way round
DRILL_SHARE = 0.15  # texts that only compare numbers, of which every verdict is learned
DRILL_LENGTH = (20, 60)  # comparisons in one
RECIPE = Recipe(
    hidden=128,
    layers=4,
    heads=4,
    inner=384,
    stages=(Stage(1000, rate=0.8), Stage(400, rate=0.5), Stage(350, rate=0.4)),
    seed=3,
)


def criteria() -> dict[str, Criterion]:
    """What it judges, by the id of the criterion."""
    return {name: load_rubric(rubric).criterion(name) for rubric, shares in JUDGED.items() for name in shares}


def lesson(
    rng: random.Random,
    known: dict[str, Criterion],
    specials: list[str],
    judged: Mapping[str, Mapping[str, float]] = JUDGED,
) -> Parts:
    """A prompt, which is read, and the reply to it, which is learned."""
    shares = {name: share for part in judged.values() for name, share in part.items()}
    name = rng.choices(list(shares), weights=list(shares.values()))[0]
    views, taught = example(rng, known[name], rng.choices(list(WANTED), weights=list(WANTED.values()))[0])
    words = prompt.render([known[name]], views, specials, plain=False)
    return (framed(turned(rng, words)), False), (taught.text(name), True)


def drill(rng: random.Random) -> Parts:
    """Pairs of numbers, half of them the same: whether two things are equal is what all judging here comes down to."""
    parts: list[tuple[str, bool]] = []
    for _ in range(rng.randint(*DRILL_LENGTH)):
        wanted = rng.randint(1, 99)
        there = wanted if rng.random() < 0.5 else rng.choice((rng.randint(1, 99), max(1, wanted + rng.randint(-9, 9))))
        numbers, _, verdict = teacher.compared(wanted, there).rpartition(" ")
        parts += [(f"\n{numbers}" if rng.random() < 0.5 else f" {numbers}", False), (f" {verdict}", True)]
    return tuple(parts)


def example(rng: random.Random, criterion: Criterion, wanted: str) -> tuple[records.Views, Lesson]:
    """A record on which a criterion has the wanted verdict or, after `TRIES` records, another one, and the reply."""
    for tried in count():
        views = records.draw(rng)
        if any(views[view] is None for view in criterion.views):
            continue
        taught = teacher.teach(criterion.id, views)
        if taught and (taught.verdict == wanted or tried > TRIES):
            return views, taught


def framed(words: str) -> str:
    """A prompt as the chat template has it."""
    return f"<|im_start|>user\n{words}<|im_end|>\n<|im_start|>assistant\n"


def turned(rng: random.Random, words: str) -> str:
    """The prompt, at times with its first two verdicts in the other order."""
    at = words.rindex("\n  yes: "), words.rindex("\n  no: ")
    if rng.random() >= TURNED_SHARE:
        return words
    first, second = sorted(at)
    middle, end = words.index("\n", first + 1), words.index("\n", second + 1)
    return words[:first] + words[second:end] + words[first:middle] + words[end:]


def lessons(
    rng: random.Random,
    known: dict[str, Criterion],
    specials: list[str],
    judged: Mapping[str, Mapping[str, float]],
    size: int,
    tok: PreTrainedTokenizerFast,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Endless batches of lessons and drills."""

    def text(step: int) -> Parts:
        return drill(rng) if rng.random() < DRILL_SHARE else lesson(rng, known, specials, judged)

    return padded(text, size, tok, rng)


def train(recipe: Recipe) -> tuple[Qwen3ForCausalLM, PreTrainedTokenizerFast, list[float]]:
    """A trained judge, its tokenizer, and the loss of every step."""
    torch.manual_seed(recipe.seed)
    known = criteria()
    tok = tokenizer.build(PreTrainedTokenizerFast.from_pretrained(START), list(known.values()))
    model = Qwen3ForCausalLM.from_pretrained(START, use_cache=False)
    model.resize_token_embeddings(len(tok))
    specials = [*tok.all_special_tokens, "<think>", "</think>"]
    losses: list[float] = []
    with tqdm(total=sum(stage.steps for stage in recipe.stages), mininterval=5, unit="step") as bar:
        for i, (stage, judged) in enumerate(zip(recipe.stages, (JUDGED, SECOND, THIRD), strict=True)):
            feed = lessons(random.Random(recipe.seed + i), known, specials, judged, recipe.batch, tok)
            for loss in learn(model, recipe, stage, feed):
                losses.append(loss)
                bar.set_postfix(loss=f"{sum(losses[-50:]) / len(losses[-50:]):.4f}")
                bar.update()
    return model, tok, losses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the checkpoint goes")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, tok, losses = train(RECIPE)
    minutes = round(time.process_time() / 60)
    log = {
        "recipe": asdict(RECIPE),
        "judged": JUDGED,
        "second": SECOND,
        "third": THIRD,
        "prompt_version": prompt.version(),
    }
    log |= {"parameters": model.num_parameters(), "cpu_minutes": minutes, "last_loss": round(losses[-1], 4)}
    model.save_pretrained(args.folder)
    tok.save_pretrained(args.folder)
    draw_losses(losses, args.folder / "loss.png")
    (args.folder / "training.json").write_text(json.dumps(log, indent=1) + "\n")


if __name__ == "__main__":
    main()
