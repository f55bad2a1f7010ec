"""Grades what other projects' suites hold and prints how often ours agrees: `make grade-check`.

The material lies beside the repository and is never copied into it. `CHECKS` lists functions that take its folder and
give one `Result` for each part of it; a new kind of material is one more function.
"""

import ast
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import sympy

from lib import grade, paths
from lib.answers import equality, latex, notation
from lib.problems import code_tests
from lib.sandbox import Limits

DATA = paths.ROOT.parent / "shared" / "data"

WHY = {  # misses that were read, and why they stand
    "meq-f0809aafe3": "a price within a line that states no answer; numbers are not fished out of prose",
    "meq-5c095a4205": "the last of two numbers in prose",
    "meq-2a67bdf955": "the last of two numbers in prose",
    "meq-369882f941": "a number between a stray and a closing dollar sign, which read as a formula",
    "meq-fd5d4557ef": "a list without brackets for a pair: brackets belong to an answer",
    "meq-2f6cad3035": "a dollar sign that is money within a formula",
    "math-1005": "a piecewise function for an absolute value",
    "math-1067": "a sum with an ellipsis",
    "math-1412": "a dot between digits multiplies",
    "ltx-c26a66f3e6": "the parser reads a gamma as Euler's constant",
    "ltx-a579fe6db1": "the parser reads a gamma as Euler's constant",
    "ltx-9fa308d00d": "a remainder of floating point: we compute with exact decimals",
    "ltx-5aa92faa04": "a remainder of floating point: we compute with exact decimals",
    "ltx-1bf620f582": "the same value, multiplied out by the floating point of the expected one",
    "ltx-18e988c79f": "a notation for variables that is the parser's own; underscores may not begin a name",
    "meq-eaff086f49": "accepted: the value is the last side of an equation",
    "meq-b745ec9ab7": "accepted: a formula over several lines is a formula",
    "meq-cb6cacffb9": "accepted: a formula over several lines is a formula",
    "meq-5f02a78895": "five digits of a number are not the number",
    "meq-38bc9716a5": "no tolerance",
    "meq-b73f604eb6": "no factor of 100",
}


@dataclass
class Result:
    """How often grades agree with a file; `wanted` is the share of rows that should be right."""

    name: str
    wanted: float = 0.0
    rows: int = 0
    right: int = 0
    false_plus: int = 0
    false_minus: int = 0
    other: int = 0  # should be right, and is ungradable
    misses: list[str] = field(default_factory=list)

    def add(self, key: str, expected: bool, status: str, note: str) -> None:
        """Count one row: whether it should be correct, and the status that it was given."""
        self.rows += 1
        if (status == "correct") == expected:
            self.right += 1
            return
        kind = "false_plus" if status == "correct" else "other" if status == "ungradable" else "false_minus"
        setattr(self, kind, getattr(self, kind) + 1)
        why = WHY.get(key)
        self.misses.append(f"{self.name} {key} {kind}: {why or note}")


def equivalence(data: Path) -> Iterator[Result]:
    """Pairs of answers, bare or in a text; what a library chose (tolerance, language, choices) apart."""
    rows = _rows(data, "math_equiv_cases")
    bare = [row["mode"] == "compare" for row in rows]
    texts = [rf"\boxed{{{row['pred']}}}" if alone else row["pred"] for row, alone in zip(rows, bare, strict=True)]
    statuses = _graded(texts, [row["gold"] for row in rows], ["math500"] * len(rows))
    parts = {"mathematical": Result("equivalence", 0.98), "source_policy": Result("equivalence, policies")}
    for row, status in zip(rows, statuses, strict=True):
        note = f"{status}, {row['gold'][-60:]!r} for {row['pred'][-60:]!r}"
        parts[row["label_kind"]].add(row["id"], row["expected"], status, note)
    yield from parts.values()


def responses(data: Path) -> Iterator[Result]:
    """Whole answers of other models with the verdict that they were given, as corrected and as first published."""
    rows = _rows(data, "math_graded_responses")
    number_sets = {"asdiv": "gsm8k", "svamp": "gsm8k"}  # problems of the same kind
    sources = [number_sets.get(row["dataset"], row["dataset"]) for row in rows]
    statuses = _graded([row["response"] for row in rows], [row["gold"] for row in rows], sources)
    result, published = Result("whole answers", 0.99), Result("whole answers, first labels")
    for row, status in zip(rows, statuses, strict=True):
        note = f"{status}, gold {row['gold']!r}: {row['response'][-80:]!r}"
        result.add(row["id"], row["expected"], status, note)
        published.add(row["id"], row["source_label"], status, note)
    yield from (result, published)


def thoughts(data: Path) -> Iterator[Result]:
    """Outputs with their thinking, of which only the answer counts; without an end of thinking there is none."""
    rows, result = _rows(data, "think_answer_cases"), Result("answers after thinking", 1.0)
    statuses = _graded([row["raw"] for row in rows], [row["gold"] for row in rows], ["math500"] * len(rows))
    for row, status in zip(rows, statuses, strict=True):
        result.add(row["id"], row["expected"], status, f"{status}: {row['raw'][-60:]!r}")
    yield result


def golds(data: Path) -> Iterator[Result]:
    """Every gold answer against itself."""
    files = {"gsm8k": "gsm8k_test", "math500": "math500", "aime2024": "aime2024", "aime2025": "aime2025"}
    for source, name in files.items():
        rows, result = _rows(data, name), Result(f"gold against itself, {source}", 1.0)
        own = [row.get("final_answer", row["answer"]) for row in rows]
        for row, gold, status in zip(rows, own, _graded([rf"\boxed{{{g}}}" for g in own], own, source), strict=True):
            result.add(row["id"], True, status, f"{status}: {gold!r}")
        yield result


def adversarial(data: Path) -> Iterator[Result]:
    """Answers that try to run code or to take for ever: none may be correct, or stop the rest."""
    rows, result = _rows(data, "math_adversarial"), Result("hostile answers", 1.0)
    texts, gold = [rf"\boxed{{{row['model_output']}}}" for row in rows], [row["gold"] for row in rows]
    for row, status in zip(rows, _graded(texts, gold, "math500"), strict=True):
        result.add(row["id"], False, status, f"{status}: {row['model_output']!r}")
    yield result


def parsing(data: Path) -> Iterator[Result]:
    """LaTeX with the expression it stands for; what is no LaTeX has to be refused as such."""
    valid, broken = Result("LaTeX", 0.97), Result("LaTeX, broken")
    for row in _rows(data, "latex_parse_cases"):
        try:
            found = latex.read(notation.normal(row["latex"]))
        except latex.UnreadableError:
            found = None
        if row["valid"]:
            same = found is not None and equality.equal(_plain(_built(row["expected_srepr"])), _plain(found))
            note = f"{row['latex']!r} is {found}, not {row['expected_sympy']}"
            valid.add(row["id"], True, "correct" if same else "incorrect", note)
        else:
            broken.add(row["id"], False, "correct" if found is not None else "ungradable", f"{row['latex']!r}")
    yield from (valid, broken)


def reported(data: Path) -> Iterator[Result]:
    """Inputs made from public bug reports: verdicts that are clear, and those that depend on a benchmark's custom."""
    rows = [row for row in _rows(data, "grading_cases") if row["task"] == "math"]
    parts = {False: Result("reported cases", 0.97), True: Result("reported cases, customs")}
    columns = ([row[name] for row in rows] for name in ("text", "gold", "source"))
    for row, status in zip(rows, _graded(*columns), strict=True):
        note = f"{status}, gold {row['gold']!r}: {row['text'][-80:]!r}"
        parts[row["convention"]].add(row["id"], row["expected_status"] == "correct", status, note)
    yield from parts.values()


def programs_with_verdicts(data: Path) -> Iterator[Result]:
    """Programs of other models with the tests that decide, and the verdicts of a replay."""
    yield _programs(data, Result("programs, exact", 0.995), "exact", "expected_pass")


def programs_by_livecodebench(data: Path) -> Iterator[Result]:
    """The same by LiveCodeBench's rules, which depend on how far threads get that nobody waits for."""
    yield _programs(data, Result("programs, lcb"), "lcb", "official_pass")


def _programs(data: Path, result: Result, profile: str, expected: str) -> Result:
    rows = _rows(data, "lcb_code_verdicts")
    frame = pd.DataFrame(rows).rename(columns={"func_name": "fn_name"})[["code", "tests", "fn_name"]]
    graded = grade.code(frame, profile=profile)
    for row, status, reason in zip(rows, graded["status"], graded["reason"], strict=True):
        result.add(row["id"], row[expected], status, f"{reason}, there {row['error_message']}")
    return result


def canonical_programs(data: Path) -> Iterator[Result]:
    """Solutions with tests that must run through."""
    rows, result = _rows(data, "code_canonical"), Result("canonical programs", 1.0)
    quiet = [{"input": "", "output": "", "testtype": "stdin"}]
    frame = pd.DataFrame({"code": [row["code"] + "\n" + row["test"] for row in rows], "tests": [quiet] * len(rows)})
    graded = grade.code(frame, limits=Limits(seconds=60))  # one of them takes 5.8 s of processor time
    for row, status, reason in zip(rows, graded["status"], graded["reason"], strict=True):
        result.add(row["id"], row["expected_pass"], status, str(reason))
    yield result


def hostile_programs(data: Path) -> Iterator[Result]:
    """Programs that try to get out or to bring the grader down: none may pass."""
    rows, result = _rows(data, "sandbox_hostile_cases"), Result("hostile programs", 1.0)
    tests = [
        [{"input": row.get("stdin") or "", "output": row.get("expected_stdout") or "never", "testtype": "stdin"}]
        for row in rows
    ]
    graded = grade.code(pd.DataFrame({"code": [row["code"] for row in rows], "tests": tests}))
    for row, status, reason in zip(rows, graded["status"], graded["reason"], strict=True):
        result.add(row["id"], row["threat"] == "stdin", status, f"{row['threat']}: {reason}")
    yield result


def extraction(data: Path) -> Iterator[Result]:
    """The code in an answer."""
    rows, result = _rows(data, "code_extraction_cases"), Result("code in answers", 1.0)
    for row in rows:
        found = grade.extract_code(row["raw"]) or ""
        same = found == row["expected_code"]
        result.add(row["id"], True, "correct" if same else "incorrect", f"{found[:60]!r}")
    yield result


def packed_tests(data: Path) -> Iterator[Result]:
    """Public and private tests, half of the latter packed."""
    rows, result = _rows(data, "lcb_sample"), Result("tests that can be read", 1.0)
    for row in rows:
        name = json.loads(row["metadata"]).get("func_name")
        for field_name in ("public_test_cases", "private_test_cases"):
            try:
                status, note = "correct", code_tests.read_tests(row[field_name], function=name)
            except code_tests.TestsError as error:
                status, note = "incorrect", error
            result.add(f"{row['id']} {field_name}", True, status, str(note))
    yield result


def reported_code(data: Path) -> Iterator[Result]:
    """The same for answers with programs, and for programs."""
    rows = [row for row in _rows(data, "grading_cases") if row["task"] == "code"]
    parts = {False: Result("reported programs", 0.97), True: Result("reported programs, customs")}
    code = [grade.extract_code(row["text"]) if "text" in row else row["code"] for row in rows]
    graded = grade.code(pd.DataFrame(rows).reindex(columns=["tests", "fn_name"]).assign(code=code))
    for row, status, reason in zip(rows, graded["status"], graded["reason"], strict=True):
        note = f"{row['kind']}: {status}, {reason}"
        parts[row["convention"]].add(row["id"], row["expected_status"] == "correct", status, note)
    yield from parts.values()


MATH = [equivalence, responses, thoughts, golds, adversarial, parsing, reported]
CODE = [programs_with_verdicts, canonical_programs, hostile_programs, extraction, packed_tests, reported_code]
CHECKS = [*MATH, CODE[0], programs_by_livecodebench, *CODE[1:]]


def _rows(data: Path, name: str) -> list[dict]:
    return [json.loads(line) for line in (data / f"{name}.jsonl").open(encoding="utf-8")]


def _graded(texts: list[str], gold: list[str], source: list[str] | str) -> list[str]:
    frame = pd.DataFrame({"text": texts, "gold": gold, "source": source})
    return grade.math(frame)["status"].tolist()


def _plain(expression: sympy.Basic) -> sympy.Basic:
    """The same with real variables, whatever their case."""
    return expression.xreplace({name: sympy.Symbol(name.name.lower(), real=True) for name in expression.free_symbols})


def _built(written: str) -> object:
    """The expression that sympy wrote down; nothing but its classes and constants is looked up, nothing is run."""

    def build(node: ast.AST) -> object:
        match node:
            case ast.Call(ast.Name(name), arguments, keywords):
                kind = getattr(sympy, name)
                assert issubclass(kind, (sympy.Basic, sympy.MatrixBase)), name
                options = {keyword.arg: build(keyword.value) for keyword in keywords}
                return kind(*map(build, arguments), **options)
            case ast.Name(name):
                assert isinstance(getattr(sympy, name), sympy.Basic), name
                return getattr(sympy, name)
            case ast.Attribute(ast.Name("S"), name):
                return getattr(sympy.S, name)
            case ast.List(items) | ast.Tuple(items):
                return [build(item) for item in items]
        return ast.literal_eval(node)

    return build(ast.parse(written, mode="eval").body)


def main() -> None:
    if not DATA.is_dir():
        sys.exit("no folder ../shared/data beside the repository: there is nothing to check against")
    print(f"{'part':32} {'rows':>6} {'right':>6} {'':>7} {'false +':>8} {'false -':>8} {'ungradable':>10}   wanted")
    misses = []
    for result in (result for check in CHECKS for result in check(DATA)):
        share = result.right / result.rows
        counts = f"{result.false_plus:8} {result.false_minus:8} {result.other:10}"
        wanted = f">= {result.wanted:.1%}" if result.wanted else "reported"
        print(f"{result.name:32} {result.rows:6} {result.right:6} {share:7.1%} {counts}   {wanted}", flush=True)
        misses += result.misses
    print("\nNot as expected:", *misses, sep="\n  ")


if __name__ == "__main__":
    main()
