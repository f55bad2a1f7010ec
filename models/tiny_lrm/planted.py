"""Organisms: TinyLRMs that show one failure mode at a planted rate, or none: `python -m models.tiny_lrm.planted`.

Each is TinyLRM-M, taught for a while longer on word problems of the training side in which one behaviour is shown at a
rate that does not hang on the position, and the others never. What the rules for failure modes find in them can be
held against that rate: here alone the truth about a model's habits is known.
"""

import argparse
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

from models.tiny_lrm import tokenizer
from models.tiny_lrm.mixture import KINDS, Example, Faults
from models.tiny_lrm.train import FOLDER, Recipe, Stage, learn, padded

NAMES = ("sound", "leaks", "panics", "doubts")
BLOCK = (True, True, False, False, False)  # of five texts that could show the fault, two do
RATE = sum(BLOCK) / len(BLOCK)
# How often an interrupt is asked, in each stage; to take a step by an update is what TinyLRM-M does least surely.
SHARES = (
    {"full": 0.25, "end_thinking": 0.20, "force_answer": 0.05, "speed_up": 0.20, "update": 0.20, "update_guided": 0.10},
    {"full": 0.08, "end_thinking": 0.24, "force_answer": 0.02, "speed_up": 0.18, "update": 0.36, "update_guided": 0.12},
)
STAGES = (Stage(160, rate=0.25), Stage(60, rate=0.10))
RECIPE = Recipe(hidden=128, layers=4, heads=4, inner=384, stages=STAGES, warmup=20, seed=5)
START = FOLDER / "tiny-lrm-m"
FIGURE = "organisms.png"
WINDOW = 10  # steps whose mean loss is kept


def folder(name: str, parent: Path = FOLDER) -> Path:
    """Where an organism lies."""
    return parent / f"tiny-lrm-{name}"


def faults(name: str, rate: float = RATE) -> Faults:
    """The fault of an organism at a rate, whatever the position, and no other."""
    leak, panic, doubt = (rate if name == wanted else 0.0 for wanted in NAMES[1:])
    return Faults(leak, lambda position: panic, lambda position, guided: doubt)


def kind_of(rng: random.Random, shares: Mapping[str, float]) -> str:
    return rng.choices(list(shares), weights=list(shares.values()))[0]


def by_chance(name: str, rng: random.Random) -> Callable[[int], Example]:
    """Texts of the first stage: each shows the fault with its rate."""

    def draw(step: int) -> Example:
        kind = kind_of(rng, SHARES[0])
        return Example(kind, tuple(KINDS[kind](rng, faults(name))))

    return draw


def by_turns(name: str, rng: random.Random) -> Callable[[int], Example]:
    """Texts of the second stage: of five in a row of one kind two show the fault, so that chance shifts no rate."""
    turns: dict[str, Iterator[bool]] = defaultdict(
        lambda: chain.from_iterable(iter(lambda: rng.sample(BLOCK, 5), None))
    )

    def draw(step: int) -> Example:
        kind = kind_of(rng, SHARES[1])
        return Example(kind, tuple(KINDS[kind](rng, faults(name, float(next(turns[kind]))))))

    return draw


def train(recipe: Recipe, name: str) -> tuple[Qwen3ForCausalLM, PreTrainedTokenizerFast, list[float]]:
    """TinyLRM-M with other habits, its tokenizer, and the loss of every step."""
    torch.manual_seed(recipe.seed)
    tok = tokenizer.build()
    model = Qwen3ForCausalLM.from_pretrained(START, use_cache=False)
    losses: list[float] = []
    with tqdm(total=sum(stage.steps for stage in recipe.stages), mininterval=5, unit="step") as bar:
        # In the second stage texts of any length share a batch: an answer that leaks is longer than others.
        for i, (texts, pool) in enumerate(((by_chance, 40), (by_turns, 1))):
            rng = random.Random(recipe.seed + i)
            draw = texts(name, rng)
            feed = padded(lambda step, draw=draw: draw(step).parts, recipe.batch, tok, rng, pool)
            for loss in learn(model, recipe, recipe.stages[i], feed):
                losses.append(loss)
                bar.update()
            model.half().float()  # as it is stored
    return model, tok, losses


def save(
    name: str, made: tuple[Qwen3ForCausalLM, PreTrainedTokenizerFast, list[float]], minutes: int, to: Path
) -> None:
    """Write an organism, its weights in float16, beside an account of its training."""
    model, tok, losses = made
    model.half().save_pretrained(to)
    (to / "model.safetensors").chmod(0o644)
    tok.save_pretrained(to)
    log = {"recipe": asdict(RECIPE), "organism": name, "rate": 0.0 if name == "sound" else RATE}
    log |= {"parameters": model.num_parameters(), "cpu_minutes": minutes, "last_loss": round(losses[-1], 4)}
    means = np.array(losses).reshape(-1, WINDOW).mean(axis=1).round(4).tolist()
    (to / "training.json").write_text(json.dumps(log | {"losses": means}, indent=1) + "\n")


def draw_losses(losses: Mapping[str, list[float]], file: Path) -> None:
    """The loss curves of all organisms in one figure, each point the mean of `WINDOW` steps."""
    figure, ax = plt.subplots(figsize=(4.5, 2.6), layout="constrained")
    for name, means in losses.items():
        ax.plot(WINDOW * np.arange(1, len(means) + 1), means, linewidth=1, label=name)
    ax.set(yscale="log", xlabel="step", ylabel="loss (nats per learned token)")
    ax.legend(frameon=False)
    figure.savefig(file, dpi=150, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=NAMES, help="train one of them")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the checkpoints' folders go")
    args = parser.parse_args()
    torch.set_num_threads(1)  # two threads are slower at this size
    for name in [args.only] if args.only else NAMES:
        started = time.process_time()
        made = train(RECIPE, name)
        save(name, made, round((time.process_time() - started) / 60), folder(name, args.folder))
    logs = {name: folder(name, args.folder) / "training.json" for name in NAMES}
    known = {name: json.loads(file.read_text())["losses"] for name, file in logs.items() if file.is_file()}
    draw_losses(known, args.folder / FIGURE)


if __name__ == "__main__":
    main()
