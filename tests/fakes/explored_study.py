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
    """A row of traces."""
    whole = ids(f"<think>{thought}</think>{answer}")
    parts = markup.split(whole, MODEL)
    own = {"trace_id": f"{problem}~{variant}~0", "problem_id": problem, "source": "tiny", "task": "math"}
    own |= {"model": MODEL.name, "variant": variant, "update_id": "0" if variant == "revised" else None}
    own |= {"sample": 0, "seed": 0, "prompt_ids": [1], "token_ids": whole, "status": status}
    return own | _parts(parts.reasoning, parts.answer, thought, answer)


def continuation(origin, interrupt, position, status, inserted="\nHm.\n", new="So 8.\n", answer="It is 8.", **more):
    """A row that keeps as many ids as there are; `new` None: the thinking was closed; `answer` None: it never ended."""
    generated = ids((new or "") + ("" if answer is None else f"{'' if new is None else '</think>'}{answer}"))
    start = len(generated) - len(ids(answer)) if answer is not None else len(generated)
    kept = int(position * origin["reasoning_tokens"]) + 1
    kept_text = tokens.decode(origin["token_ids"][origin["reasoning_start"] : kept], MODEL)
    own = {key: origin[key] for key in ("trace_id", "problem_id", "source", "task", "model", "sample", "variant")}
    own |= {"continuation_id": f"{origin['trace_id']}~{interrupt}~{position}", "interrupt": interrupt}
    own |= {"role": "assistant", "position": position, "unit": "share", "prefill": "", "seed": 0, "status": status}
    own |= {"kept_tokens": kept, "kept_chars": len(kept_text)}
    own |= {"remaining_tokens": origin["reasoning_tokens"] + 1 - kept, "token_ids": generated}
    own |= {"inserted_ids": ids(inserted), "inserted": tokens.decode(ids(inserted), MODEL)}
    return own | _parts((0, len(ids(new or ""))), (start, len(generated)), new or "", answer) | more


def _parts(reasoning, answer, thought, text):
    """Columns of the parts of a generated text, by their first and last token."""
    own = {"reasoning_start": reasoning[0], "reasoning_tokens": reasoning[1] - reasoning[0]}
    own |= {"answer_start": answer[0], "answer_tokens": answer[1] - answer[0], "ended": text is not None}
    own |= {"reasoning": thought, "answer": text or "", "finish_reason": "stop"}
    return own | {"reasoning_chars": len(thought), "answer_chars": len(text or "")}


def graded(row, **more):
    is_trace = "continuation_id" not in row
    own = {"row_id": row["trace_id"] if is_trace else row["continuation_id"]}
    own |= {"kind": "trace" if is_trace else "continuation", "correct": row["status"] == "correct", "gold": "8"}
    own |= {"tokens": row["reasoning_tokens"] + row["answer_tokens"]}
    return row | own | {"answer": f"{row.get('prefill') or ''}{row['answer']}"} | more


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
    problem = {"source": "tiny", "task": "math", "problem": f"5 and 3? {spoil}"}
    update = {"problem_id": "p0", "update_id": "0", "kind": "necessary", "update": "It is 5.", "valid": True}
    written = {
        "problems": [problem | {"problem_id": name} for name in ("p0", "p1")],
        "updates": [update | {"revised_problem": f"6 and 3? {spoil}"}],
        "traces": traces,
        "continuations": made,
        "grades": [graded(row, **grade) for row in (*traces, *made) if row["trace_id"] not in ungraded or row in made],
    }
    written |= {"judgements": judgements} if judgements else {}
    for name, content in written.items():
        tables.write(frame(name, content), name, "fake", None if name in ("problems", "updates") else MODEL.name)
    labels = failures.label(tables.read("grades", "fake", MODEL.name))
    tables.write(labels, "labels", "fake", MODEL.name)


def judgement(name="p0~original~0~speed_up~0.5", **more):
    own = {"continuation_id": name, "rubric": "manners@1.0.0#abc", "criterion": "hasty", "draw": 0, "status": "ok"}
    own |= {"verdict": "yes", "value": 1.0, "reason": "It says so.", "evidence": "is 8", "view": "answer"}
    own |= {"start": 3, "end": 7, "model": MODEL.name, "problem_id": "p0", "judge": "j", "attempts": 1, "why": None}
    return own | more
