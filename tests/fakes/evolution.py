"""A planted world for tests of evolution: items, a rubric, and FAKE engines that propose questions and answer them."""

import hashlib
import json

import numpy as np
import pandas as pd

from lib.grm import Judge, Policy
from lib.grm.rubric import Criterion, Rubric
from lib.markup import tokens
from tests.fakes.judge import Fake

KNOWN = Criterion("polite", "Is a word of thanks written?", "desired", ("problem", "answer"))
RUBRIC = Rubric(
    name="planted",
    version="1.2.0",
    title="Planted",
    scope="answer",
    interrupts=("soft",),
    criteria=(KNOWN, Criterion("filler", "Does any word occur at all?", "undesired", ("answer",))),
    author="us",
    status="active",
)
# what the FAKE writer proposes: id, question, polarity; the stage that each comes to, and its status there
PLANTED = [
    ("names_unit", "Does the answer name a unit of measurement?", "desired", "confirmation", "kept"),
    ("loses_thread", "Is a sentence broken off in the middle?", "undesired", "confirmation", "kept"),
    ("unit_again", "Does a unit of measurement occur which the answer does name?", "desired", "sifting", "duplicate"),
    ("no_unit", "Does the answer not name a unit of measurement?", "undesired", "sifting", "mirrored"),
    ("nice", "Is the answer written well?", "desired", "proposal", "invalid"),
    ("apt", "Is an appropriate tone held throughout?", "desired", "sifting", "vague"),
    ("stretched", "Is the answer longer than ten lines?", "undesired", "sifting", "length"),
    ("gram", "Are kilograms, metres or litres mentioned?", "desired", "trial", "twin"),
    ("weather", "Does rain play any part?", "desired", "trial", "discrimination"),
    ("padded", "Are there many adjectives?", "desired", "trial", "length"),
    ("moody", "Would a reader feel hope?", "desired", "trial", "retest"),
    ("backward", "Is something crossed out?", "desired", "trial", "direction"),
    ("constant", "Is it written in English?", "desired", "trial", "variance"),
]
SLIPS = {"moody": 0.3, "gram": 0.05}  # how often the FAKE judge turns a verdict round; else 0.02


def items(problems=150, each=3, seed=0):
    """Items whose answers hold the planted words, and whether each is good."""
    draw, rows = np.random.default_rng(seed), []
    for problem in range(problems):
        for i in range(each):
            good = bool(draw.random() < 0.5)
            has = {word: draw.random() < (rates[0] if good else rates[1]) for word, rates in WORDS.items()}
            pad = "big " * int(np.exp(draw.normal(2 + 0.7 * good, 0.8)))
            answer = " ".join([word for word, is_there in has.items() if is_there] + [pad])
            known = {"item_id": f"p{problem}~{i}", "problem_id": f"p{problem}", "problem": f"What is {problem}?"}
            rows.append(known | {"answer": answer, "good": good})
    return pd.DataFrame(rows).assign(interrupt="speed_up", position=0.3)


# how often a word stands in a good and in a bad item
WORDS = {"thanks": (0.6, 0.4), "unit": (0.85, 0.2), "broken": (0.15, 0.6), "rain": (0.5, 0.5), "crossed": (0.2, 0.8)}
HOLDS = {
    "polite": lambda text: "thanks" in text,
    "filler": lambda text: True,
    "names_unit": lambda text: "unit" in text,
    "gram": lambda text: "unit" in text,
    "loses_thread": lambda text: "broken" in text,
    "weather": lambda text: "rain" in text,
    "padded": lambda text: text.count("big") > 10,
    "moody": lambda text: "unit" in text,
    "backward": lambda text: "crossed" in text,
    "constant": lambda text: True,
}


def by_words(shown):
    """FAKE: judges by planted words, and slips by a hash of the request's seed and the criterion."""
    name = shown.criterion
    drawn = int(hashlib.sha256(f"{shown.seed} {name}".encode()).hexdigest()[:8], 16) / 16**8
    slip = 0 if name in ("filler", "constant") else SLIPS.get(name, 0.02)
    return "yes" if HOLDS[name](shown.views["answer"]) ^ (drawn < slip) else "no"


def word_judge():
    """A judge of all questions in one call."""
    return Judge(Fake(mind=by_words, max_model_len=30_000), Policy(per_call=None))


class FakeWriter(Fake):
    """A FAKE model that says its replies one after the other, the last one for ever."""

    def __init__(self, *replies):
        super().__init__(max_model_len=30_000)
        self.replies, self.prompts = replies, []
        self.spoil = lambda reply, number: reply

    def reply(self, request):
        self.prompts.append(tokens.decode(request.prompt_ids, self.model))
        found = self.replies[min(len(self.requests), len(self.replies)) - 1]
        text, finish = found if isinstance(found, tuple) else (found, "stop")
        return (text if isinstance(text, str) else json.dumps({"criteria": text})), finish


def said(name="shows_work", question="Is the working shown?", polarity="desired", **more):
    """A proposal as a writer replies it."""
    return {"id": name, "question": question, "polarity": polarity, "views": ["answer"], "quote_from": ""} | more


def planted_writer():
    every = [said(*row[:3]) for row in PLANTED]
    every[4]["views"] = ["reference"]  # what nobody may see
    return FakeWriter(every[:5], every[5:10], every[10:], [])
