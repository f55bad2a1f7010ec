"""A FAKE study: the tables of two small problems, cut by several interrupts, in the markup of a real model."""

import pandas as pd

from lib import failures, markup, params, schema, tables
from lib.markup import tokens
from lib.params.settings import Study

MODEL = params.load_model("tiny-lrm-m")
STUDY = Study(
    name="fake",
    title="FAKE",
    models=("tiny-lrm-m",),
    sources=("tiny",),
    interrupts=("speed_up", "force_answer", "update", "update_then_end_thinking"),
    positions=(0.5, 0.9),
)
THOUGHT = "Start with 5.\nAdd 3: 5 + 3 = 8.\n"
BOX = "\\boxed{"


def ids(text):
    return tokens.marks(text, MODEL)


def frame(name, rows):
    """Rows of a table, with null where a row does not say what stands in a column."""
    return pd.DataFrame([{column: row.get(column) for column in schema.TABLES[name].names()} for row in rows])


def trace(problem, variant="original", status="correct", thought=THOUGHT, answer="It is 8."):
    told = {"problem_id": problem, "source": "tiny", "task": "math", "model": MODEL.name, "variant": variant}
    told |= {"trace_id": f"{problem}~{variant}~0", "sample": 0, "seed": 0, "prompt_ids": [1], "status": status}
    whole = ids(f"<think>{thought}</think>{answer}")
    split = markup.split(whole, MODEL)
    return told | {
        "update_id": "0" if variant == "revised" else None,
        "token_ids": whole,
        "reasoning_start": split.reasoning[0],
        "reasoning_tokens": split.reasoning[1] - split.reasoning[0],
        "reasoning": thought,
        "answer_start": split.answer[0],
        "ended": True,
        "answer_tokens": split.answer[1] - split.answer[0],
        "reasoning_chars": len(thought),
        "answer_chars": len(answer),
        "answer": answer,
        "finish_reason": "stop",
    }


def continuation(origin, interrupt, position, status, inserted="\nHm.\n", new="So 8.\n", answer="It is 8.", **more):
    """A row that keeps as many ids as there are; `new` None: the thinking was closed; `answer` None: it never ended."""
    generated = ids((new or "") + ("" if answer is None else f"{'' if new is None else '</think>'}{answer}"))
    thinking = ids(new or "")
    start = len(generated) - len(ids(answer)) if answer is not None else len(generated)
    kept = int(position * origin["reasoning_tokens"]) + 1
    kept_text = tokens.decode(origin["token_ids"][origin["reasoning_start"] : kept], MODEL)
    told = {key: origin[key] for key in ("trace_id", "problem_id", "source", "task", "model", "sample", "variant")}
    return (
        told
        | {
            "continuation_id": f"{origin['trace_id']}~{interrupt}~{position}",
            "interrupt": interrupt,
            "role": "assistant",
            "position": position,
            "unit": "share",
            "kept_tokens": kept,
            "kept_chars": len(kept_text),
            "remaining_tokens": origin["reasoning_tokens"] + 1 - kept,
            "inserted_ids": ids(inserted),
            "inserted": tokens.decode(ids(inserted), MODEL),
            "token_ids": generated,
            "prefill": "",
            "reasoning_start": 0,
            "reasoning_tokens": len(thinking),
            "reasoning": new or "",
            "answer_start": start,
            "ended": answer is not None,
            "answer_tokens": len(generated) - start,
            "reasoning_chars": len(new or ""),
            "answer_chars": len(answer or ""),
            "answer": answer or "",
            "finish_reason": "stop",
            "seed": 0,
            "status": status,
        }
        | more
    )


def graded(row, **more):
    is_trace = "continuation_id" not in row
    told = {"row_id": row["trace_id"] if is_trace else row["continuation_id"]}
    told |= {"kind": "trace" if is_trace else "continuation", "correct": row["status"] == "correct", "gold": "8"}
    told |= {"tokens": row["reasoning_tokens"] + row["answer_tokens"]}
    told |= {"answer": f"{row.get('prefill') or ''}{row['answer']}"}
    return row | told | more


def rows(spoil=""):
    """Traces and continuations; `spoil` stands in every text of them."""
    first, second = trace("p0", thought=f"{THOUGHT}{spoil}\n"), trace("p1", status="incorrect", answer=f"9{spoil}")
    revised = trace("p0", "revised", thought=f"Start with 6.\nAdd 3: 6 + 3 = 9.\n{spoil}")
    closed = f"\nStop. {spoil}\n</think>\n\n"
    chained = continuation(
        revised, "update", 0.5, "correct", f"<update>It is 5.</update>{spoil}", f"So 5{spoil} and\n8.\n"
    )
    made = [
        continuation(first, "speed_up", 0.5, "correct", new=f"So 8{spoil}.\n"),
        continuation(first, "speed_up", 0.9, "correct", new=f"So 8{spoil}.\n", answer=f"8 {spoil}"),
        continuation(first, "force_answer", 0.5, "incorrect", f"{closed}{BOX}", None, "9}", prefill=BOX),
        continuation(first, "force_answer", 0.9, "correct", f"{closed}{BOX}", None, "8}", prefill=BOX),
        continuation(second, "speed_up", 0.5, "censored", answer=None, finish_reason="length"),
        continuation(second, "speed_up", 0.9, "correct"),
        chained,
        continuation(
            chained, "update_then_end_thinking", 0.5, "incorrect", closed, None, "9",
            trace_id=revised["trace_id"], continuation_id=f"{revised['trace_id']}~update_then_end_thinking~0.5",
            parent_id=chained["continuation_id"],
        ),
    ]  # fmt: skip
    return [first, second, revised], made


def write(spoil="", judgements=(), drop=(), ungraded=(), **grade):
    """Store the tables of the FAKE study where `lib.paths` has its outputs; `grade` goes into every row of grades."""
    traces, made = rows(spoil)
    traces = [row for row in traces if row["trace_id"] not in drop]
    told = [
        {"problem_id": name, "source": "tiny", "task": "math", "problem": f"5 and 3? {spoil}"} for name in ("p0", "p1")
    ]
    news = [{"problem_id": "p0", "update_id": "0", "kind": "necessary", "revised_problem": f"6 and 3? {spoil}"}]
    for name, model, content in [
        ("problems", None, told),
        ("updates", None, [row | {"update": "It is 5.", "valid": True} for row in news]),
        ("traces", MODEL.name, traces),
        ("continuations", MODEL.name, made),
        (
            "grades",
            MODEL.name,
            [graded(row, **grade) for row in (*traces, *made) if row["trace_id"] not in ungraded or row in made],
        ),
    ]:
        tables.write(frame(name, content), name, "fake", model)
    labels = failures.label(tables.read("grades", "fake", MODEL.name))
    tables.write(labels, "labels", "fake", MODEL.name)
    if judgements:
        tables.write(frame("judgements", judgements), "judgements", "fake", MODEL.name)


def judgement(name="p0~original~0~speed_up~0.5", **told):
    known = {"continuation_id": name, "rubric": "manners@1.0.0#abc", "criterion": "hasty", "draw": 0, "status": "ok"}
    known |= {"verdict": "yes", "value": 1.0, "reason": "It says so.", "evidence": "is 8", "view": "answer"}
    return (
        known
        | {"start": 3, "end": 7, "model": MODEL.name, "problem_id": "p0", "judge": "j", "attempts": 1, "why": None}
        | told
    )
