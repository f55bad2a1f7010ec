"""A FAKE study: three problems and what a model that does not exist might have written, so that no engine is needed."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from lib import failures, grade, params, paths, schema, stats, tables
from lib.engine import Completion
from lib.engine import store as parts
from lib.grm import judging
from lib.interrupts import records

STUDY, MODEL = "fake", "fake-lrm"
GOLD = {"tiny/0000": "7", "tiny/0001": "12", "tiny/0002": "30"}
YAML = f"""title: FAKE
models: [{MODEL}]
sources: [tiny]
interrupts: [end_thinking, speed_up]
positions: [0.1, 0.9]
seed: 7
bootstrap: 50
"""
MODEL_YAML = """title: FAKE
path: models/fake_lrm
family: qwen3
max_tokens: 32
max_model_len: 64
"""


def write_params(folder: Path) -> None:
    """The project's own parameters and those of the FAKE study; a stand-in takes the place of its model."""
    shutil.copytree(paths.ROOT / "params", folder)
    (folder / "studies" / f"{STUDY}.yaml").write_text(YAML)
    (folder / "models" / f"{MODEL}.yaml").write_text(MODEL_YAML.replace("models/fake_lrm", "fake/lrm"))


def write_tables() -> None:
    """The tables that 01 to 04 would have written, with the parameters beside them, and some completions."""
    beside = {"study": params.load_study(STUDY).as_dict(), "model": params.load_model(MODEL).as_dict()}
    tables.write(_frame("problems", _problems()), "problems", STUDY, params=beside["study"])
    tables.write(_frame("updates", []), "updates", STUDY, params=beside["study"])
    traces = list(_traces())
    tables.write(_frame("traces", traces), "traces", STUDY, MODEL, params=beside)
    after = [row for trace in traces for row in _continuations(trace)]
    tables.write(_frame("continuations", after), "continuations", STUDY, MODEL, params=beside)
    with parts.open(STUDY, MODEL) as store:
        store.add(Completion("0" * 32, np.arange(5, dtype=np.int32), "stop", 0))


def write_results() -> None:
    """The tables and one summary that 05 and 06 would make of them, made without a notebook."""
    settings, own = params.load_study(STUDY), params.load_model(MODEL).as_dict()
    traces, after = (tables.read(name, STUDY, MODEL) for name in ("traces", "continuations"))
    grades = grade.rows(traces, after, tables.read("problems", STUDY), tables.read("updates", STUDY))
    tables.write(grades, "grades", STUDY, MODEL, params={"study": settings.as_dict(), "model": own})
    tables.write(_frame("judgements", []), "judgements", STUDY, MODEL, params=judging.parameters(settings))
    texts = failures.with_thoughts(grades, records.read(STUDY, MODEL), tables.read("problems", STUDY))
    tables.write(failures.label(texts), "labels", STUDY, MODEL, params={"study": settings.as_dict(), "model": own})
    cells = ["model", "source", "interrupt", "unit", "position"]
    drawn = {"confidence": settings.confidence, "draws": settings.bootstrap, "seed": settings.seed}
    tables.write_summary(stats.accuracy(grades, by=cells, **drawn), "accuracy", STUDY)


def _frame(name: str, rows: list[dict]) -> pd.DataFrame:
    names = schema.TABLES[name].names()
    return pd.DataFrame([{column: row.get(column) for column in names} for row in rows], columns=names)


def _problems():
    for name, answer in GOLD.items():
        told = {"source": "tiny", "task": "math", "problem": "FAKE: how many?", "answer": answer, "revision": "FAKE"}
        yield {"problem_id": name} | told


def _written(answer: str, reasoning: int) -> dict:
    text = f"The answer is {answer}."
    counted = {"reasoning_tokens": reasoning, "answer_tokens": 4, "answer_start": reasoning, "ended": True}
    counted |= {"reasoning_start": 0, "reasoning": "step " * reasoning}
    counted |= {"reasoning_chars": 5 * reasoning, "answer_chars": len(text), "answer": text, "finish_reason": "stop"}
    return counted | {"token_ids": np.arange(reasoning + 4, dtype=np.int32), "source": "tiny", "task": "math"}


def _traces():
    for i, (problem, answer) in enumerate(GOLD.items()):
        own = {"trace_id": f"{problem}~original~0", "problem_id": problem, "variant": "original", "sample": 0}
        own |= {"model": MODEL, "seed": i, "prompt_ids": np.array([1, 2], dtype=np.int32)}
        yield own | _written(answer, 10)


def _continuations(trace: dict):
    for interrupt in ("end_thinking", "speed_up"):
        for position in (0.1, 0.9):
            kept = int(10 * position)
            right = position > 0.5 or trace["problem_id"] == "tiny/0000"
            own = {key: trace[key] for key in ("trace_id", "problem_id", "model")}
            own |= {"continuation_id": f"{trace['trace_id']}~{interrupt}~{position}", "interrupt": interrupt}
            own |= {"role": "assistant", "position": position, "unit": "share", "kept_tokens": kept, "prefill": ""}
            own |= {"kept_chars": 5 * kept, "inserted": "Hm."}
            own |= {"remaining_tokens": 10 - kept, "inserted_ids": np.array([3], dtype=np.int32), "seed": kept}
            left = 10 - kept if interrupt == "speed_up" else 0
            yield own | _written(GOLD[trace["problem_id"]] if right else "1", left)
