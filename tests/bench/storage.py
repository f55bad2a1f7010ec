"""Tables on disk: ours, checked, sorted and synced, beside what pandas does with the same frame."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np
import pandas as pd

from lib import paths, schema, tables
from tests.bench import clock
from tests.bench.rows import Row

LENGTH = 150  # token ids in a row


def tables_on_disk(runs: int, size: float) -> Iterator[Row]:
    """Writing and reading a table of continuations."""
    frame = continuations(clock.sized(20_000, size, 200))
    with TemporaryDirectory() as folder, mock.patch.dict(os.environ, {paths.OUTPUTS_VARIABLE: folder}):
        plain = Path(folder) / "plain.parquet"
        works = {
            "write": lambda turn: tables.write(frame, "continuations", "bench", "m"),
            "to_parquet": lambda turn: frame.to_parquet(plain, compression="zstd", index=False),
        }
        written = clock.in_turns(works, runs)
        works = {
            "read": lambda turn: tables.read("continuations", "bench", "m"),
            "read_parquet": lambda turn: pd.read_parquet(plain),
        }
        read = clock.in_turns(works, runs)
    told = f"{len(frame):,} rows of continuations, {LENGTH} token ids each; every value checked, sorted, synced"
    took = written["write"], written["to_parquet"]
    yield Row("tables: write / pandas' to_parquet", "ours / other", "s", *took, told=told)
    took = read["read"], read["read_parquet"]
    yield Row("tables: read / pandas' read_parquet", "ours / other", "s", *took, told="the same rows")


def continuations(count: int) -> pd.DataFrame:
    """Made-up rows of the table continuations, in the order of its key."""
    rng = np.random.default_rng(3)
    ids = rng.integers(0, 150_000, (count, LENGTH), dtype=np.int32)
    names = pd.Series([f"tiny/{i // 25:05}~original~0~update~{i % 25:02}" for i in range(count)])
    constant = {"source": "tiny", "task": "math", "model": "m", "interrupt": "update", "role": "assistant"}
    constant |= {"parent_id": None, "position": 0.5, "unit": "share", "kept_tokens": 70, "remaining_tokens": 70}
    constant |= {"kept_chars": 280, "inserted": "The coins are 14.", "reasoning_start": 0}
    constant |= {"budget": None, "prefill": "", "reasoning_tokens": 100, "answer_start": 100, "ended": True}
    constant |= {"answer_tokens": 50, "reasoning_chars": 400, "answer_chars": 200, "finish_reason": "stop"}
    frame = pd.DataFrame({"continuation_id": names, "trace_id": names.str.rsplit("~", n=2).str[0]}).assign(**constant)
    frame["problem_id"] = frame["trace_id"].str.split("~").str[0]
    answers = pd.Series([f"So Mia has {i} coins, which is what was asked. " * 4 for i in range(count)])
    frame = frame.assign(
        answer=answers, reasoning=answers + answers, seed=np.arange(count), inserted_ids=[row[:20] for row in ids]
    )
    return frame.assign(token_ids=list(ids))[schema.TABLES["continuations"].names()]
