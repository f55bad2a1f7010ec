"""An engine that is NOT a model, for tests of updates that a model writes or solves."""

from collections.abc import Callable

import pytest

from lib import params
from lib.engine import Completion
from lib.markup import tokens


class Fake:
    """Answers after a thought, by the text of the prompt and the number of the request."""

    def __init__(self, answer: Callable[[str, int], str], finish: str = "stop"):
        self.model = params.load_model("tiny-lrm-m")
        self.answer, self.finish, self.asked = answer, finish, []

    def generate(self, requests):
        for request in requests:
            self.asked.append(request)
            answer = self.answer(tokens.decode(request.prompt_ids, self.model), len(self.asked))
            text = f"<think>\nHm.\n</think>\n\n{answer}"
            yield Completion(request.key, tokens.marks(text, self.model), self.finish, 0)

    def close(self):
        pass


@pytest.fixture
def fake() -> type[Fake]:
    return Fake
