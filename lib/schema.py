"""The columns of every table, with their types and a meaning a reader understands.

Tables on disk are the only interface between notebooks; this file is their contract. A column may hold nulls
unless it belongs to the key. Lengths are in tokens, and in characters where the name ends in `_chars`.
"""

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

ARROW = {
    "string": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "ids": pa.list_(pa.int32()),
}

VERSION = 2  # of the columns below, stored with every table; another version is refused when it is read
STATUSES = ("correct", "incorrect", "no_answer", "censored", "ungradable")  # of a grade
OWN = (".jsonl", ".json")  # endings of files of one's own problems
MODES = ("leakage", "panic", "self_doubt")  # of failure
JUDGEMENT_STATUSES = (
    "ok",
    "abstain",
    "parse_error",
    "truncated",
    "refused",
    "infra_error",
    "evidence_missing",
)  # of a judgement


@dataclass(frozen=True)
class Column:
    """One column; `type` is a key of `ARROW`."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """A table: its name, the columns that identify a row, and all columns in the order they are stored."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def names(self) -> list[str]:
        """Column names in stored order."""
        return [column.name for column in self.columns]

    def arrow(self) -> pa.Schema:
        """Arrow schema of the parquet file; key columns are not nullable."""
        fields = [pa.field(c.name, ARROW[c.type], c.name not in self.key) for c in self.columns]
        return pa.schema(fields, metadata={"schema_version": str(VERSION)})


def glossary(table_name: str) -> pd.DataFrame:
    """One row per column of a table: column, type, meaning."""
    rows = [(c.name, c.type, c.meaning) for c in TABLES[table_name].columns]
    return pd.DataFrame(rows, columns=["column", "type", "meaning"])


def _table(name: str, key: str, *columns: tuple[str, str, str]) -> Table:
    return Table(name, tuple(key.split()), tuple(Column(*column) for column in columns))


PROBLEMS = _table(
    "problems",
    "problem_id",
    ("problem_id", "string", "source and row number in the benchmark's own order, e.g. gsm8k/0007"),
    ("source", "string", "benchmark the problem comes from, or tiny for generated problems"),
    ("task", "string", "math (graded by its answer) or code (graded by its tests)"),
    ("problem", "string", "statement shown to the model"),
    ("answer", "string", "gold answer of a math problem"),
    ("starter_code", "string", "code the solution of a code problem must start from"),
    ("tests", "string", "tests of a code problem, JSON in LiveCodeBench form"),
    ("difficulty", "string", "difficulty as the source states it; its scale differs from source to source"),
    ("contest_date", "string", "day a contest problem was first published, YYYY-MM-DD"),
    ("revision", "string", "version of the source: hub revision, generator seed, or hash of the local file"),
)

UPDATES = _table(
    "updates",
    "problem_id update_id",
    ("problem_id", "string", "problem that the update is about"),
    ("update_id", "string", "name of the update within its problem"),
    ("kind", "string", "necessary (changes the answer), false (must be resisted) or noop (changes nothing)"),
    ("revised_problem", "string", "changed statement that the model sees first"),
    ("revised_starter_code", "string", "starter code of the changed problem"),
    ("revised_answer", "string", "correct answer of the changed math problem"),
    ("revised_tests", "string", "tests of the changed code problem, in the form of `tests` in problems"),
    ("revised_by", "string", "who told the answer or the tests of the changed problem: a program, or a model's votes"),
    ("update", "string", "news given in mid-thought; a necessary one turns the revised problem into the original"),
    ("generator", "string", "what made the update: a program and its version, or a model"),
    ("valid", "bool", "whether the update passed its checks, e.g. that the two answers differ"),
    ("why_invalid", "string", "the check that failed; null for a valid update"),
)

TRACES = _table(
    "traces",
    "trace_id",
    ("trace_id", "string", "problem, variant and sample, e.g. tiny/0007~original~0"),
    ("problem_id", "string", "problem the model was asked"),
    ("source", "string", "benchmark of the problem"),
    ("task", "string", "math or code"),
    ("model", "string", "model that thought, by the name of its file in params/models"),
    ("variant", "string", "original statement, or the revised one that an update later restores"),
    ("update_id", "string", "update whose revised problem was shown; null for the original"),
    ("sample", "int", "repeat of the problem, from 0, each with a seed of its own"),
    ("system", "string", "system message that an interrupt needs and that was given from the start; null if none"),
    ("seed", "int", "random seed of this request"),
    ("prompt_ids", "ids", "token ids of the prompt, exactly as the engine got them"),
    ("token_ids", "ids", "token ids the model generated, exactly as the engine gave them"),
    ("reasoning_start", "int", "index in token_ids where the thinking begins, behind its opening mark"),
    ("reasoning_tokens", "int", "length of the thinking: generated tokens before the end-of-thinking marker"),
    ("answer_start", "int", "index in token_ids where the answer begins; len(token_ids) if none does"),
    ("ended", "bool", "whether the model closed its thinking"),
    ("answer_tokens", "int", "length of the answer: generated tokens after the end-of-thinking marker"),
    ("reasoning_chars", "int", "length of the thinking in characters"),
    ("answer_chars", "int", "length of the answer in characters"),
    ("reasoning", "string", "text of the thinking, without its marks"),
    ("answer", "string", "text of the answer; empty if thinking never ended"),
    ("finish_reason", "string", "stop (the model finished) or length (it hit the token limit)"),
)

CONTINUATIONS = _table(
    "continuations",
    "continuation_id",
    ("continuation_id", "string", "trace, interrupt and position, e.g. tiny/0007~original~0~speed_up~0.3"),
    ("trace_id", "string", "trace that was cut"),
    ("problem_id", "string", "problem of the trace"),
    ("source", "string", "benchmark of the problem"),
    ("task", "string", "math or code"),
    ("model", "string", "model that thought and continues"),
    ("interrupt", "string", "what was spliced in, by the name of its file in params/interrupts"),
    ("role", "string", "who seems to say it: assistant (in the thinking) or user (a new turn)"),
    ("parent_id", "string", "continuation that was cut, by the second of several interrupts; null for the first"),
    ("position", "float", "where the thought was cut: share of its tokens that was kept, 0 to 1, or a count of tokens"),
    ("unit", "string", "share, tokens, sentence or paragraph (a share, moved back to the end of one)"),
    ("kept_tokens", "int", "number of generated tokens that were kept"),
    ("kept_chars", "int", "characters kept of the cut row's `reasoning`: of its trace, or of parent_id"),
    ("remaining_tokens", "int", "thinking that the cut took away, in tokens"),
    ("budget", "int", "most tokens of thinking that the engine allowed; null if it did not limit them"),
    ("inserted_ids", "ids", "token ids spliced in after the kept ones"),
    ("inserted", "string", "text of inserted_ids, without marks"),
    ("token_ids", "ids", "token ids generated after the splice"),
    ("prefill", "string", "start of the answer written for the model, put back for grading; empty if none"),
    ("reasoning_start", "int", "index in token_ids where the new thinking begins"),
    ("reasoning_tokens", "int", "length of the new thinking, after the splice"),
    ("answer_start", "int", "index in token_ids where the answer begins; len(token_ids) if none does"),
    ("ended", "bool", "whether thinking was closed, by the interrupt or by the model"),
    ("answer_tokens", "int", "length of the new answer, without the prefill"),
    ("reasoning_chars", "int", "length of the new thinking in characters"),
    ("answer_chars", "int", "length of the new answer in characters, without the prefill"),
    ("reasoning", "string", "text of the new thinking, without its marks"),
    ("answer", "string", "text of the new answer, without prefill; empty if thinking never ended"),
    ("finish_reason", "string", "stop (the model finished) or length (it hit the token limit)"),
    ("seed", "int", "random seed of this request"),
)

GRADES = _table(
    "grades",
    "row_id",
    ("row_id", "string", "trace_id or continuation_id of the graded row"),
    ("kind", "string", "trace (full thinking) or continuation (after an interrupt)"),
    ("problem_id", "string", "problem that was answered; rows of one problem form one cluster"),
    ("source", "string", "benchmark of the problem"),
    ("model", "string", "model that answered"),
    ("variant", "string", "statement the thinking began with: original or revised"),
    ("interrupt", "string", "interrupt by name; null for a trace"),
    ("role", "string", "who seemed to say the interrupt: assistant or user; null for a trace"),
    ("position", "float", "where the thought was cut, a share or a count of tokens; null for a trace"),
    ("unit", "string", "share, tokens, sentence or paragraph; null for a trace"),
    ("system", "string", "system message given from the start; null if none"),
    ("sample", "int", "repeat of the problem, from 0"),
    ("status", "string", "correct, incorrect, no_answer, censored (hit the token limit first) or ungradable"),
    ("correct", "bool", "whether status is correct; every other status counts as not correct"),
    ("extracted", "string", "answer, or code, found in the answer text; null if none"),
    ("gold", "string", "answer that grades the row: the revised one for revised traces, else the original"),
    ("revised_gold", "string", "answer of the revised problem, where the row has one"),
    ("equals_revised", "bool", "whether the answer is the one of the revised problem, or passes its tests"),
    ("reason", "string", "why a math answer is neither right nor wrong, or how a program failed; else null"),
    ("failed_test", "int", "first test that a program failed, from 0, null if none; those after it are not run"),
    ("sandbox", "string", "walls that stood around the program; null if none was run"),
    ("reasoning_tokens", "int", "length of the thinking: all of a trace's, or what came after the splice"),
    ("answer_tokens", "int", "length of the answer"),
    ("tokens", "int", "thinking and answer together: what was generated for this row"),
    ("remaining_tokens", "int", "thinking that the cut took away; null for a trace"),
    ("reasoning_chars", "int", "length of the thinking in characters"),
    ("answer_chars", "int", "length of the answer in characters"),
    ("answer", "string", "text of the answer that was graded, with its prefill put back"),
)

LABELS = _table(
    "labels",
    "model continuation_id",
    ("model", "string", "model that answered"),
    ("continuation_id", "string", "continuation that is labelled"),
    ("problem_id", "string", "problem that was answered"),
    ("source", "string", "benchmark of the problem"),
    ("interrupt", "string", "interrupt by name"),
    ("position", "float", "where the thought was cut, a share or a count of tokens"),
    ("unit", "string", "share, tokens, sentence or paragraph"),
    ("status", "string", "verdict on the answer after the interrupt, as in grades"),
    ("new_error", "bool", "correct with full thinking, not correct after the interrupt"),
    ("leakage", "bool", "hard interrupts: the answer goes on reasoning, told by its length or by what it does"),
    ("leakage_published", "bool", "the published measure on one row: length against the mean; the threshold is ours"),
    ("panic", "bool", "soft interrupts: a new error after thinking was dropped almost at once"),
    ("panic_published", "bool", "the published rule: a new error after less than 1 % of the remaining thinking"),
    ("self_doubt", "bool", "updates: a new error that keeps to the old problem or questions the update"),
    ("oracle_correct", "bool", "whether the same problem and sample was correct with full thinking"),
    ("oracle_answer_chars", "int", "characters of the full-thinking answer to the same problem and sample"),
    ("answer_chars", "int", "characters of the answer after the interrupt"),
    ("answer_ratio", "float", "answer_chars over oracle_answer_chars"),
    ("mean_answer_ratio", "float", "answer_chars over the mean length of the model's full-thinking answers"),
    ("full_answer_ratio", "float", "the same over the mean of all full-thinking runs, those without an answer too"),
    ("answer_tokens", "int", "tokens of the answer after the interrupt"),
    ("oracle_answer_tokens", "int", "tokens of the full-thinking answer"),
    ("answer_token_ratio", "float", "answer_tokens over oracle_answer_tokens"),
    ("works_on", "bool", "hard interrupts: the answer computes, comments or starts over more than the full one"),
    ("answer_sums", "int", "sums written out in the answer, each once"),
    ("oracle_answer_sums", "int", "the same in the full-thinking answer"),
    ("unseen_sums", "int", "those of answer_sums that the kept thinking lacks; null if that is not known"),
    ("answer_comments", "int", "lines with a comment in the programs of the answer"),
    ("oracle_answer_comments", "int", "the same in the full-thinking answer"),
    ("answer_restarts", "int", "how often the answer starts over, as with: wait"),
    ("oracle_answer_restarts", "int", "the same in the full-thinking answer"),
    ("after_result", "int", "sums that the answer writes out behind its first result"),
    ("oracle_after_result", "int", "the same in the full-thinking answer"),
    ("remaining_tokens", "int", "thinking that the uninterrupted trace still had after the cut"),
    ("reasoning_tokens", "int", "thinking that was done after the interrupt"),
    ("remaining_share", "float", "reasoning_tokens over remaining_tokens"),
    ("equals_revised", "bool", "whether the answer is the one of the revised (old) problem"),
    ("questions_update", "bool", "whether the answer or the new thinking questions the update"),
    ("takes_up", "string", "updates: problem that the new thinking works with: old, new, both; null if unknown"),
)

JUDGEMENTS = _table(
    "judgements",
    "continuation_id rubric criterion draw",
    ("continuation_id", "string", "continuation that was judged"),
    ("rubric", "string", "what was asked, as name@version#hash; the hash is of all that the rubric says"),
    ("criterion", "string", "question of the rubric, by its id"),
    ("draw", "int", "repeat of the question, from 0, each with a seed of its own"),
    ("model", "string", "model that is judged"),
    ("problem_id", "string", "problem that was answered; rows of one problem form one cluster"),
    ("judge", "string", "model that judges, by the name of its file in params/models"),
    ("status", "string", "ok, or why there is no value: " + ", ".join(JUDGEMENT_STATUSES[1:])),
    ("verdict", "string", "label that the judge gave; one without its evidence stands here too, but has no value"),
    ("value", "float", "how far what is asked about is so, 0 to 1; null unless the status is ok"),
    ("reason", "string", "why, in the judge's words"),
    ("evidence", "string", "first quote of the judge that was found in the record, as it stands there"),
    ("view", "string", "part of the record in which it was found"),
    ("start", "int", "place of its first character in that part, from 0"),
    ("end", "int", "place after its last character"),
    ("why", "string", "what went wrong, where the status is not ok and more is known"),
    ("path", "string", "how the reply was read: grammar (as the schema has it), repaired, or plain (lines of text)"),
    ("attempts", "int", "calls that were made; 0 if the record lacks a part that the question needs"),
    ("prompt_version", "string", "eight digits that tell the words around the question from others"),
    ("truth", "string", "label that is known to be right; null where nothing is known"),
    ("truth_by", "string", "who knows it: planted (our own problems), people, or a program's table and column"),
)

TABLES = {t.name: t for t in (PROBLEMS, UPDATES, TRACES, CONTINUATIONS, GRADES, LABELS, JUDGEMENTS)}
