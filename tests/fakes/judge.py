"""A FAKE engine that judges by a function of what it is shown, with rubrics and items to judge.

The function, a mind, takes a `Shown` and gives a label for it, or a label and quotes. Each draw is a hash of the
request, so that none is luck.
"""

import dataclasses
import hashlib
import json
import re

import pandas as pd

from lib import params
from lib.engine import Completion, EngineError
from lib.grm import Judge, Policy, prompt
from lib.grm.rubric import Criterion, Option, Rubric
from lib.markup import tokens

HASTY = Criterion(
    "hasty",
    "Does the answer say that there was no time?",
    "undesired",
    ("answer",),
    evidence=True,
    evidence_from="answer",
)
KIND = Criterion("kind", "Is the answer polite?", "desired", ("problem", "answer"))
RIGHT = Criterion("right", "Is it the reference?", "desired", ("answer", "reference"), reference=True)
RUBRIC = Rubric("manners", "1.0.0", "Manners", "answer", ("soft",), (HASTY, KIND, RIGHT), "us")
LEVELS = tuple(Option(name, value, name) for name, value in (("none", 0.0), ("some", 0.5), ("all", 1.0)))
ANSWERS = ["There was no time.", "Here you are, please: 12.", "12"]


@dataclasses.dataclass
class Shown:
    """One question as a FAKE judge reads it."""

    criterion: str
    labels: list[str]  # in the order shown, without cannot_assess
    views: dict[str, str]
    text: str
    seed: int

    def draw(self, *parts, fixed=False):
        """A number from 0 to 1: by the request's own seed, or `fixed`, by the parts given alone."""
        key = "|".join(map(str, (*parts, self.criterion) if fixed else (*parts, self.criterion, self.seed)))
        return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6]) / 2**48


def honest(shown):
    """FAKE: judges `RUBRIC` by words of the answer."""
    word = {"hasty": "no time", "kind": "please", "right": "12"}[shown.criterion]
    is_so = word in shown.views["answer"]
    return "yes" if is_so else "no", [word] if is_so and shown.criterion == "hasty" else []


class Fake:
    """A FAKE engine that asks its mind each question of a request.

    `spoil` turns a reply and its number into another reply and why it ended.
    """

    def __init__(self, spoil=lambda text, number: (text, "stop"), mind=honest, max_model_len=4000):
        model = params.load_model("tiny-lrm-m")
        self.model = dataclasses.replace(model, max_model_len=max_model_len, max_tokens=500)
        self.spoil, self.mind, self.requests = spoil, mind, []

    def generate(self, requests):
        for request in requests:
            self.requests.append(request)
            text, finish = self.spoil(self.reply(request), len(self.requests))
            if finish == "error":
                raise EngineError(f"{request.key}: no usable answer in 9 attempts: status 500")
            yield Completion(request.key, tokens.marks(f"<think>\nHm.\n</think>\n\n{text}", self.model), finish, 0)

    def reply(self, request):
        text = tokens.decode(request.prompt_ids, self.model)
        mark = re.search(r"mark ([0-9a-f]{12})", text.replace("\n", " "))[1]
        views = {view: unfence(text, view, mark) for view in prompt.VIEWS}
        views = {view: part for view, part in views.items() if part is not None}
        rows = []
        for block in re.split(r"\n(?=[a-z_]+: )", text[text.rindex(mark) :].split("Quote first")[0])[1:]:
            labels = re.findall(r"^  (\w+)(?::|$)", block, re.MULTILINE)
            label = self.mind(shown := Shown(block.split(":")[0], labels[:-1], views, text, request.seed))
            label, quotes = label if isinstance(label, tuple) else (label, [])
            rows.append({"criterion": shown.criterion, "evidence": quotes, "reason": "so", "verdict": label})
        if request.json_schema is None:
            quotes = [f"EVIDENCE {row['criterion']}: {quote}\n" for row in rows for quote in row["evidence"]]
            return "".join(quotes) + "\n".join(f"VERDICT {row['criterion']}: {row['verdict']}" for row in rows)
        return json.dumps({"judgements": rows})

    def close(self):
        pass


def unfence(text, name, nonce):
    """The text that `fence.fence` put under this name and nonce; None unless each of its lines stands there once."""
    lines, opens, closes = text.split("\n"), f"[[{name} {nonce} begins]]", f"[[{name} {nonce} ends]]"
    if lines.count(opens) != 1 or lines.count(closes) != 1:
        return None
    start, stop = lines.index(opens) + 1, lines.index(closes)
    return "\n".join(lines[start:stop]) if start < stop else None


def items(answers=ANSWERS, reference="12"):
    rows = [{"item_id": f"i{i}", "problem_id": f"p{i // 2}", "answer": answer} for i, answer in enumerate(answers)]
    return pd.DataFrame(rows).assign(problem="What?", reference=reference)


# judges with planted biases

SHARP = Criterion("sharp", "Is the answer marked as good?", "desired", ("answer",))
ALSO_SHARP = Criterion("also_sharp", "Is it marked as good?", "undesired", ("answer",))


def rubric(*criteria):
    return Rubric("fakes", "1.0.0", "For FAKE judges", "answer", ("soft",), criteria or (SHARP,), "us")


def judge(mind, seed=1, **policy):
    return Judge(Fake(mind=mind, max_model_len=40_000), Policy(**policy), seed)


def other(label):
    return "no" if label == "yes" else "yes"


def fair(shown):
    """FAKE: what the answer is marked as, always."""
    return "yes" if "good" in shown.views["answer"] else "no"


def noisy(share):
    """FAKE: fair, but for a share of the calls, by seed."""
    return lambda shown: other(fair(shown)) if shown.draw() < share else fair(shown)


def marked_items(n=90, problems=45, words=lambda i: ""):
    """Items, half of them marked as good."""
    marks = ["good" if int(hashlib.sha256(str(i).encode()).hexdigest(), 16) % 2 else "poor" for i in range(n)]
    rows = [
        {"item_id": f"i{i}", "problem_id": f"p{i % problems}", "answer": f"{mark} {i}{words(i)}"}
        for i, mark in enumerate(marks)
    ]
    return pd.DataFrame(rows).assign(problem="What?")
