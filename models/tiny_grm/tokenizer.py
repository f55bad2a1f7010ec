"""The tokenizer of TinyGRM: that of the TinyLRMs, with every fixed line of a judge's prompt as one token more.

So a prompt is little more than the record that it shows. The price is that a question in other words is unknown to it.
"""

from tokenizers import AddedToken
from transformers import PreTrainedTokenizerFast

from lib.grm import prompt
from lib.grm.rubric import Criterion


def build(base: PreTrainedTokenizerFast, criteria: list[Criterion]) -> PreTrainedTokenizerFast:
    """`base` with the lines of prompts about these criteria added, in an order that depends on nothing else."""
    fixed = [AddedToken(line, normalized=False, special=False) for line in lines(criteria)]
    base.add_tokens(fixed)
    return base


def lines(criteria: list[Criterion]) -> list[str]:
    """What stands word for word in every prompt about one of the criteria, line by line or in larger pieces."""
    fences = [f"\n[[{view} " for view in prompt.VIEWS], [" begins]]\n", " ends]]\n"]
    parts = [
        *(part.strip("\n") for part in prompt.OPENING.split("{mark}")),
        *(f"{title.capitalize()}:" for title in prompt.VIEWS.values()),
        f" {prompt.EMPTY}",
        *(part for group in fences for part in group),
        prompt.QUESTIONS.format(what="this question").strip("\n"),
        *(line for criterion in criteria for line in prompt.question(criterion).splitlines()),
        prompt.GROUNDS,
        prompt.AS_JSON.strip("\n"),
    ]
    return list(dict.fromkeys(parts))
