"""How far a run of an engine is: a bar on a terminal, lines in a log, with tokens per second."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from tqdm import tqdm

from lib import progress_bar


def progress(total: int, completions: Iterable[Any], name: str = "") -> Iterator[Any]:
    """Pass completions through and show how many are done, the time left and tokens per second.

    The clock starts with the first, as the model may have had to be loaded for it. What a run before has answered
    already never comes by, so that the end may come early.

    Args:
        total: requests that there are at most.
        completions: with `token_ids`.
        name: what a line of a log begins with, as several runs may write into it.
    """
    return (_bar if progress_bar.draws() else _lines)(total, completions, name)


def _bar(total: int, completions: Iterable[Any], name: str) -> Iterator[Any]:
    tokens = 0
    with tqdm(
        total=total, unit="request", mininterval=2, file=sys.stderr, dynamic_ncols=True, disable=not total
    ) as bar:
        for done in completions:
            if bar.n:
                tokens += len(done.token_ids)
            else:
                bar.unpause()
            bar.set_postfix_str(_rate(tokens, bar.format_dict["elapsed"]), refresh=False)
            bar.update()
            yield done
        bar.total = bar.n


def _lines(total: int, completions: Iterable[Any], name: str) -> Iterator[Any]:
    tokens = 0
    with progress_bar.Lines(total, "request", name, lambda gone: _rate(tokens, gone)) as lines:
        for done in completions:
            if lines.n:
                tokens += len(done.token_ids)
            lines.update()
            yield done


def _rate(tokens: int, seconds: float) -> str:
    return f"{tokens / max(seconds, 1e-3):,.0f} tokens/s"
