"""A small rubric, items, and a FAKE engine that judges them honestly: for tests of the judge and of its reports."""

import json
import re

import pandas as pd

from lib import params
from lib.engine import Completion, EngineError
from lib.grm import fence
from lib.grm.rubric import Criterion, Rubric
from lib.markup import tokens

HASTY = Criterion(
    id="hasty",
    question="Does the answer say that there was no time?",
    polarity="undesired",
    views=("answer",),
    evidence=True,
    evidence_from="answer",
)
KIND = Criterion(id="kind", question="Is the answer polite?", polarity="desired", views=("problem", "answer"))
RIGHT = Criterion(
    id="right", question="Is it the reference?", polarity="desired", views=("answer", "reference"), reference=True
)
RUBRIC = Rubric(
    name="manners",
    version="1.0.0",
    title="Manners",
    scope="answer",
    interrupts=("soft",),
    criteria=(HASTY, KIND, RIGHT),
    author="us",
)


class Fake:
    """A FAKE engine: an honest judge of `hasty` and `kind`, by words inside the fences; `spoil` changes its replies."""

    def __init__(self, spoil=lambda text, number: (text, "stop")):
        self.model = params.load_model("tiny-lrm-m")
        self.model = type(self.model)(**self.model.as_dict() | {"max_model_len": 4000, "max_tokens": 500})
        self.spoil, self.requests = spoil, []

    def generate(self, requests):
        for request in requests:
            self.requests.append(request)
            text, finish = self.spoil(self.says(request), len(self.requests))
            if finish == "error":
                raise EngineError(f"{request.key}: no usable answer in 9 attempts: status 500")
            yield Completion(request.key, tokens.marks(f"<think>\nHm.\n</think>\n\n{text}", self.model), finish, 0)

    def says(self, request):
        asked = tokens.decode(request.prompt_ids, self.model)
        mark = re.search(r"mark ([0-9a-f]{12})", asked.replace("\n", " "))[1]
        answer = fence.unfence(asked, "answer", mark)
        rows = []
        for name in re.findall(r"^(hasty|kind|right): ", asked.split(f"[[answer {mark} ends]]")[1], re.MULTILINE):
            is_so = {"hasty": "no time" in answer, "kind": "please" in answer, "right": "12" in answer}[name]
            quotes = ["no time"] if is_so and name == "hasty" else []
            rows.append({"criterion": name, "evidence": quotes, "reason": "so", "verdict": "yes" if is_so else "no"})
        if request.json_schema is None:
            return "\n".join(
                f"EVIDENCE {row['criterion']}: {quote}" for row in rows for quote in row["evidence"]
            ) + "".join(f"\nVERDICT {row['criterion']}: {row['verdict']}" for row in rows)
        return json.dumps({"judgements": rows})

    def close(self):
        pass


ANSWERS = ["There was no time.", "Here you are, please: 12.", "12"]


def items(answers=ANSWERS, reference="12"):
    rows = [
        {"item_id": f"i{i}", "problem_id": f"p{i // 2}", "problem": "What?", "answer": a} for i, a in enumerate(answers)
    ]
    return pd.DataFrame(rows).assign(reference=reference)
