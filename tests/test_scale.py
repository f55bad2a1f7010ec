"""What a hundred models would take: the sums, what they rest on, and that the document tells what is computed."""

import dataclasses
import itertools

import pandas as pd
import pytest

from lib import params, paths, problems, rates, scale, updates
from lib.interrupts import plan
from lib.markup import marks


@pytest.fixture(scope="module")
def given() -> rates.Rates:
    return rates.load()


def test_the_document_holds_what_is_computed():
    text = scale.DOCUMENT.read_text()
    assert scale.written(text, scale.computed()) == text, "run `make scale WRITE=1`"
    with pytest.raises(ValueError, match=r"docs/scale\.md: expected the lines"):
        scale.written("no marks", "x")


def test_the_grid_is_the_one_asked_for(given):
    assert sum(size.count for size in given.models.values()) == 100
    assert given.items == sum(map(problems.size, given.sources)) == 1401
    assert (given.samples, len(given.interrupts), len(given.positions)) == (16, 8, 9)
    asked = scale.load(given)
    assert asked.traces == 1401 * 16 * 2  # originals, and revised problems for the updates
    assert asked.continuations == 1401 * 16 * 8 * 9


def test_requests_and_tokens_are_those_of_a_plan_made_row_by_row(given, monkeypatch):
    """Ten of our own small problems in place of the benchmark, every thought of 100 tokens; each request looked at."""
    monkeypatch.setattr(problems, "size", lambda source: 10)
    small = dataclasses.replace(given, sources=("tiny",), samples=2, thoughts={"tiny": (10, 100)}, block=16)
    asked = scale.load(small)
    study = params.load_study(
        "tiny", sources=["tiny"], samples=2, interrupts=list(small.interrupts), positions=list(small.positions)
    )
    model = params.load_model("tiny-lrm-m")
    texts = problems.load("tiny").head(10)
    news = updates.collect(texts, ["tiny"])
    chosen = [params.load_interrupt(name) for name in study.interrupts]
    traces = pd.DataFrame(list(plan.questions(study, texts, news, model, chosen)))
    assert len(traces) == asked.traces
    traces["token_ids"] = [marks("<think>\n</think>\n\n22<|im_end|>", model)] * len(traces)
    jobs = list(plan.jobs(study, traces, news, chosen, texts))
    assert len(jobs) == asked.continuations
    # by hand: what is kept of 100 tokens at each job's position, and what it then writes
    kept = [100 * job.at for job in jobs]
    prompt, inserted, answer = small.prompt, small.inserted, small.answer
    assert asked.prompts_plain == pytest.approx(
        len(traces) * prompt + sum(prompt + inserted + tokens for tokens in kept)
    )
    farthest: dict[str, float] = {}
    for job, tokens in zip(jobs, kept, strict=True):
        name = job.trace["trace_id"]
        farthest[name] = max(farthest.get(name, 0), tokens)
    own = len(jobs) * (inserted + small.block / 2)
    assert asked.prompts == pytest.approx(len(traces) * prompt + sum(prompt + far for far in farthest.values()) + own)
    kinds = [job.steps[0].kind for job in jobs]
    written = sum(answer + small.rest[kind] * (100 - tokens) for kind, tokens in zip(kinds, kept, strict=True))
    assert asked.continued == pytest.approx(written)
    assert asked.traced == len(traces) * (100 + answer)


def test_costs_follow_what_they_rest_on(given):
    asked = scale.load(given)
    eight = given.models["8B"]
    one = scale.cost(given, eight, asked)
    assert one["cache_per_sequence"] == pytest.approx(147_456 * (given.prompt + given.thought))  # bytes a token
    assert one["gpu_hours"] == pytest.approx(one["days"] * 24 * eight.gpus)
    seconds = asked.prompts / one["read"] + asked.generated / one["decoded"]
    assert one["gpu_hours"] == pytest.approx(seconds / 3600)
    assert one["sequences"] * one["cache_per_sequence"] + 2 * eight.parameters <= given.gpu_memory * given.memory_used
    dearer = scale.cost(dataclasses.replace(given, gpu_hour=2 * given.gpu_hour), eight, asked)
    assert dearer["usd"] == pytest.approx(2 * one["usd"])
    longer = dataclasses.replace(given, thoughts={name: (n, 2 * long) for name, (n, long) in given.thoughts.items()})
    more = scale.cost(longer, eight, scale.load(longer))
    assert more["gpu_hours"] > 2 * one["gpu_hours"]  # more tokens, and fewer sequences at a time
    with pytest.raises(params.ParamsError, match=r"1 GPUs do not hold 2\.35e"):
        scale.cost(given, dataclasses.replace(given.models["235B-A22B"], gpus=1), asked)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("samples: 16", "sampels: 16", "sampels: unknown key"),
        ("samples: 16", "samples: many", "samples: should be a valid integer"),
        ("gpu_hour: 2.5", "gpu_hour: -1.0", "gpu_hour: should be greater than 0"),
        ("gpu_hour: 2.5  #", "#", "gpu_hour: missing"),
        ("rest: {hard: 0.0, ", "rest: {", "rest: expected a value for each of control, hard, soft, update"),
        ("gsm8k: [500, 1600]", "gsm8k: [400, 1600]", "thoughts: 1301 items, the sources have 1401"),
    ],
)
def test_a_wrong_parameter_is_told_in_one_line(monkeypatch, tmp_path, old, new, told):
    text = (paths.PARAMS / "scale.yaml").read_text()
    assert old in text
    for folder in ("interrupts", "models", "studies"):
        (tmp_path / folder).symlink_to(paths.PARAMS / folder)
    (tmp_path / "scale.yaml").write_text(text.replace(old, new))
    monkeypatch.setattr(paths, "PARAMS", tmp_path)
    with pytest.raises(params.ParamsError) as caught:
        scale.computed()
    assert told in str(caught.value) and str(caught.value).startswith("params/scale.yaml: ")
    assert "\n" not in str(caught.value)


def test_every_parameter_has_its_source_beside_it():
    lines = (paths.PARAMS / "scale.yaml").read_text().splitlines()
    words = ("given", "published", "measured", "assumed", "plan", "default", "counted")
    for number, line in enumerate(lines):
        if line and not line.startswith(("#", " ")):
            above = itertools.takewhile(lambda told: told.strip(), reversed(lines[:number]))
            told = " ".join([line, *(text for text in above if text.startswith("#"))]).lower()
            assert any(word in told for word in words), line
