"""FAKE engines behind a real judge, with biases of known size; each draw is a hash of the request, so none is luck.

A mind decides: it is shown what a judge is shown, a `Shown`, and says a label for each question.
"""

import hashlib
import json
import re
from dataclasses import dataclass

import pandas as pd

from lib import params
from lib.engine import Completion
from lib.grm import Judge, Policy, fence, prompt
from lib.grm.rubric import Criterion, Option, Rubric
from lib.markup import tokens

SHARP = Criterion("sharp", "Is the answer marked as good?", "desired", ("answer",))
BAD = Criterion("bad", "Is a step wrong?", "undesired", ("steps",), evidence=True, evidence_from="steps")
LEVELS = tuple(Option(f"level_{i}", i / 3, f"seen {i} times") for i in range(4))
GRADED = Criterion("graded", "How often?", "desired", ("answer",), scale="ordinal", options=LEVELS)


def rubric(*criteria):
    return Rubric("fakes", "1.0.0", "For FAKE judges", "answer", ("soft",), criteria or (SHARP,), "us")


@dataclass
class Shown:
    """One question as a FAKE judge reads it."""

    criterion: str
    labels: list[str]  # in the order shown, without cannot_assess
    views: dict[str, str]
    text: str
    seed: int
    is_plain: bool

    def draw(self, *parts, fixed=False):
        """A number from 0 to 1: by the request's own seed, or `fixed`, by the parts given alone."""
        said = "|".join(map(str, (*parts, self.criterion) if fixed else (*parts, self.criterion, self.seed)))
        return int.from_bytes(hashlib.sha256(said.encode()).digest()[:6]) / 2**48


class Biased:
    """A FAKE engine: asks a mind (`Shown` to a label, or a label and a quote) about each question of a request."""

    def __init__(self, mind):
        self.model = params.load_model("tiny-lrm-m")
        self.model = type(self.model)(**self.model.as_dict() | {"max_model_len": 40000, "max_tokens": 500})
        self.mind, self.requests = mind, []

    def generate(self, requests):
        for request in requests:
            self.requests.append(request)
            text = self.says(request)
            yield Completion(request.key, tokens.marks(f"<think>\nHm.\n</think>\n\n{text}", self.model), "stop", 0)

    def says(self, request):
        text = tokens.decode(request.prompt_ids, self.model)
        mark = re.search(r"mark ([0-9a-f]{12})", text.replace("\n", " "))[1]
        views = {view: fence.unfence(text, view, mark) for view in prompt.VIEWS}
        views = {view: part for view, part in views.items() if part is not None}
        asked = text[text.rindex(mark) :].split("Quote first")[0]
        is_plain, rows = request.json_schema is None, []
        for block in re.split(r"\n(?=[a-z_]+: )", asked)[1:]:
            labels = re.findall(r"^  (\w+)(?::|$)", block, re.MULTILINE)
            shown = Shown(block.split(":")[0], labels[:-1], views, text, request.seed, is_plain)
            label = self.mind(shown)
            label, quotes = label if isinstance(label, tuple) else (label, [])
            rows.append({"criterion": shown.criterion, "evidence": quotes, "reason": "so", "verdict": label})
        if is_plain:
            quotes = [f"EVIDENCE {row['criterion']}: {quote}\n" for row in rows for quote in row["evidence"]]
            return "".join(quotes) + "\n".join(f"VERDICT {row['criterion']}: {row['verdict']}" for row in rows)
        return json.dumps({"judgements": rows})

    def close(self):
        pass


def judge(mind, seed=1, **policy):
    return Judge(Biased(mind), Policy(**policy), seed)


def other(label):
    return "no" if label == "yes" else "yes"


def fair(shown):
    """FAKE: what the answer is marked as, always."""
    return "yes" if "good" in shown.views["answer"] else "no"


def noisy(share):
    """FAKE: fair, but for a share of the calls, by seed."""
    return lambda shown: other(fair(shown)) if shown.draw() < share else fair(shown)


def items(n=90, problems=45, words=lambda i: ""):
    """Items, three a problem, half of them marked as good."""
    rows = [
        {
            "item_id": f"i{i}",
            "problem_id": f"p{i % problems}",
            "problem": "What?",
            "answer": f"{'good' if int(hashlib.sha256(str(i).encode()).hexdigest(), 16) % 2 else 'poor'} {i}{words(i)}",
        }
        for i in range(n)
    ]
    return pd.DataFrame(rows)
