"""Train a TinyLRM from nothing on one CPU core: `python -m models.tiny_lrm.train --size s|m`.

It learns in two stages: word problems first, then these and programming problems together.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain, count, islice
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from lib import paths
from models.tiny_lrm import mixture, mixture_code, tokenizer
from models.tiny_lrm.muon import Muon

FOLDER = paths.MODELS / "tiny_lrm"
IGNORED = -100
Parts = tuple[tuple[str, bool], ...]  # of a text, each with whether it is learned


@dataclass(frozen=True)
class Stage:
    """How long and how fast it learns, and from what."""

    steps: int
    code: float = 0.0  # share of programming problems
    rate: float = 1.0  # share of the full learning rates at its height
    drilled: float = 0.25  # share of the steps in which drills are many
    drills: tuple[float, float] = (0.6, 0.15)  # share of drills in these steps, and in the others


@dataclass(frozen=True)
class Recipe:
    """One size: its shape, and its stages."""

    hidden: int
    layers: int
    heads: int
    inner: int
    stages: tuple[Stage, ...]
    batch: int = 32
    muon_rate: float = 0.02
    adam_rate: float = 4e-3
    warmup: int = 50
    seed: int = 1


BOTH = Stage(steps=1300, code=0.6, rate=0.7, drilled=0.4, drills=(0.4, 0.1))
RECIPES = {
    "s": Recipe(hidden=64, layers=4, heads=2, inner=192, stages=(Stage(1200), BOTH)),
    "m": Recipe(hidden=128, layers=4, heads=4, inner=384, stages=(Stage(1900), BOTH)),
}


def config(recipe: Recipe, vocabulary: int, tok: PreTrainedTokenizerFast) -> Qwen3Config:
    return Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=recipe.hidden,
        intermediate_size=recipe.inner,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        head_dim=recipe.hidden // recipe.heads,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        use_cache=False,
        bos_token_id=None,
        eos_token_id=tok.eos_token_id,
        pad_token_id=tok.pad_token_id,
        dtype="float32",
    )


def encode(parts: Parts, tok: PreTrainedTokenizerFast) -> tuple[list[int], list[int]]:
    """Token ids of an example, and the same ids with what is only read masked out."""
    ids: list[int] = []
    targets: list[int] = []
    for text, learned in parts:
        part = tok.encode(text, add_special_tokens=False)
        ids += part
        targets += part if learned else [IGNORED] * len(part)
    return ids, targets


def drawn(rng: random.Random, stage: Stage, step: int) -> mixture.Example:
    """A text for a step of a stage."""
    drills = stage.drills[step >= stage.drilled * stage.steps]
    if stage.code and rng.random() < stage.code:
        return mixture_code.example(rng, drills)
    return mixture.example(rng, drills)


def batches(recipe: Recipe, stage: Stage, tok: PreTrainedTokenizerFast) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Endless batches of a stage, as from `padded`."""
    rng = random.Random(recipe.seed + recipe.stages.index(stage))
    return padded(lambda step: drawn(rng, stage, step).parts, recipe.batch, tok, rng)


def padded(
    draw: Callable[[int], Parts], size: int, tok: PreTrainedTokenizerFast, rng: random.Random, pool: int = 40
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Endless padded (ids, targets), each (size, longest); texts of like length share a batch.

    Args:
        draw: makes a text for a step.
        size: texts in a batch.
        pool: batches that are drawn and sorted together.
    """
    for step in count(step=pool):
        rows = [encode(draw(step), tok) for _ in range(size * pool)]
        rows.sort(key=lambda pair: len(pair[0]))
        groups = [rows[i : i + size] for i in range(0, len(rows), size)]
        rng.shuffle(groups)
        for group in groups:
            ids, targets = ([torch.tensor(row) for row in side] for side in zip(*group, strict=True))
            yield (
                pad_sequence(ids, batch_first=True, padding_value=tok.pad_token_id),
                pad_sequence(targets, batch_first=True, padding_value=IGNORED),
            )


def optimizers(model: Qwen3ForCausalLM, recipe: Recipe, stage: Stage) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings and gains."""
    inner = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    outer = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return [
        Muon(inner, lr=recipe.muon_rate * stage.rate),
        torch.optim.AdamW(outer, lr=recipe.adam_rate * stage.rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def rate(step: int, steps: int, warmup: int) -> float:
    """Share of the full learning rate at a step: linear warm-up, then a cosine down to 2 %."""
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))


def loss_of(model: Qwen3ForCausalLM, ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy over the learned tokens; padding stands at the end, where no causal token looks."""
    hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]
    wanted = targets[:, 1:]
    learned = wanted != IGNORED
    return functional.cross_entropy(model.lm_head(hidden[learned]), wanted[learned])


def learn(
    model: Qwen3ForCausalLM, recipe: Recipe, stage: Stage, feed: Iterator[tuple[torch.Tensor, torch.Tensor]]
) -> Iterator[float]:
    """Take a model through a stage on batches of `feed`; the loss of every step, as it is taken."""
    opts = optimizers(model, recipe, stage)
    shares = [rate(step, stage.steps, recipe.warmup) for step in range(stage.steps + 1)]
    schedules = [torch.optim.lr_scheduler.LambdaLR(opt, shares.__getitem__) for opt in opts]
    for ids, targets in islice(feed, stage.steps):
        loss = loss_of(model, ids, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for opt, schedule in zip(opts, schedules, strict=True):
            opt.step()
            schedule.step()
            opt.zero_grad(set_to_none=True)
        yield loss.item()


def train(recipe: Recipe) -> tuple[Qwen3ForCausalLM, PreTrainedTokenizerFast, list[float]]:
    """A trained model, its tokenizer, and the loss of every step."""
    torch.manual_seed(recipe.seed)
    tok = tokenizer.build()
    model = Qwen3ForCausalLM(config(recipe, len(tok), tok))
    losses: list[float] = []
    with tqdm(total=sum(stage.steps for stage in recipe.stages), mininterval=5, unit="step") as bar:
        for loss in chain.from_iterable(
            learn(model, recipe, stage, batches(recipe, stage, tok)) for stage in recipe.stages
        ):
            losses.append(loss)
            bar.set_postfix(loss=f"{sum(losses[-50:]) / len(losses[-50:]):.4f}")
            bar.update()
    return model, tok, losses


def draw_losses(losses: list[float], file: Path, window: int = 25) -> None:
    """The loss curve, smoothed over `window` steps."""
    smooth = np.convolve(losses, np.ones(window) / window, mode="valid")
    figure, ax = plt.subplots(figsize=(4.5, 2.6), layout="constrained")
    ax.plot(np.arange(len(smooth)) + window, smooth, linewidth=1)
    ax.set(yscale="log", xlabel="step", ylabel="loss (nats per learned token)")
    figure.savefig(file, dpi=150, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=RECIPES, required=True)
    parser.add_argument("--folder", type=Path, help="where the checkpoint goes; default: where the study reads it")
    args = parser.parse_args()
    folder = args.folder or FOLDER / f"tiny-lrm-{args.size}"
    recipe = RECIPES[args.size]
    torch.set_num_threads(1)  # two threads are slower at this size
    model, tok, losses = train(recipe)
    minutes = round(time.process_time() / 60)  # of one core, whatever else ran beside
    log = {"recipe": asdict(recipe), "parameters": model.num_parameters(), "cpu_minutes": minutes}
    model.save_pretrained(folder)
    tok.save_pretrained(folder)
    draw_losses(losses, folder / "loss.png")
    (folder / "training.json").write_text(json.dumps(log | {"last_loss": round(losses[-1], 4)}, indent=1) + "\n")


if __name__ == "__main__":
    main()
