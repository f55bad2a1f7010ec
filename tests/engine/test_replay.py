"""Recorded completions in place of an engine: they come back as they were, and what is not one is named."""

import json
from pathlib import Path

import pandas as pd
import pytest

from lib import engine
from lib.engine import Completion, EngineError, Request
from lib.params.settings import Model

ROWS = [
    {"key": "a", "token_ids": [1, 2, 3], "finish_reason": "stop", "cached_tokens": 0},
    {"key": "b", "token_ids": [], "finish_reason": "length", "cached_tokens": 32},
]


def replay(**options) -> Model:
    values = {"name": "m", "title": "M", "path": "a/m", "family": "qwen3", "max_tokens": 100, "max_model_len": 1000}
    return Model(**values, engine="replay", options=options)


def record(folder: Path, rows: list[dict]) -> Path:
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.mark.parametrize("form", ["jsonl", "parquet", "folder"])
def test_what_was_recorded_comes_back_and_what_was_not_is_named(form, tmp_path):
    if form == "jsonl":
        place = record(tmp_path, ROWS)
    else:
        pd.DataFrame(ROWS).to_parquet(place := tmp_path / "rows.parquet")
    if form == "folder":
        record(place := tmp_path, [ROWS[0] | {"token_ids": [9]}])  # read first; of equal keys the first counts
    with engine.open(replay(recorded=str(place))) as ready:
        done = ready.generate(Request(key, [1], 0) for key in ("b", "a", "missing"))
        assert next(done) == Completion("b", [], "length", 32)
        assert next(done) == Completion("a", [9] if form == "folder" else [1, 2, 3], "stop", 0)
        with pytest.raises(EngineError, match=r"^missing: not among the 2 completions recorded"):
            next(done)


# (name of the file, content, what the message says)
@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.parquet", b"PAR1 torn", "x.parquet: no recorded completions"),
        ("x.jsonl", b"", "x.jsonl: no recorded completions"),
        ("x.jsonl", b'{"key": "a"}\n', "expected key, token_ids, finish_reason, cached_tokens"),
        ("x.jsonl", b'{"key": "a", "token_ids": [1.5], "finish_reason": "stop", "cached_tokens": 0}\n', "x.jsonl"),
        ("x.jsonl", b'{"key": "a", "token_ids": [1], "finish_reason": "abort", "cached_tokens": 0}\n', "finish_reason"),
        ("x.jsonl", b'{"key": null, "token_ids": [1], "finish_reason": "stop", "cached_tokens": 0}\n', "no gaps"),
    ],
)
def test_a_recording_that_is_none_is_named(name, content, expected, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EngineError, match=expected), engine.open(replay(recorded=str(tmp_path))):
        pass


@pytest.mark.parametrize(
    ("options", "expected"), [({}, "missing"), ({"recorded": "no/such"}, "nothing recorded in no")]
)
def test_a_recording_that_is_not_there_is_named(options, expected):
    with (
        pytest.raises(EngineError, match=f"params/models/m.yaml: options.recorded: {expected}"),
        engine.open(replay(**options)),
    ):
        pass
