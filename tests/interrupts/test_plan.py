"""Plans: which requests follow from a study, under which names, seeds and limits, before an engine is there."""

import dataclasses

import pandas as pd
import pytest

from lib import engine, params, problems, updates
from lib.interrupts import plan
from lib.markup import tokens
from lib.params.settings import Interrupt

THOUGHT = "\nStart with 14.\nAdd 8: 14 + 8 = 22.\n"
SYSTEM = "The user may interrupt you."


@pytest.fixture(scope="module")
def model():
    return params.load_model("tiny-lrm-s")


@pytest.fixture(scope="module")
def asked():
    return problems.load("tiny").head(3)


@pytest.fixture(scope="module")
def news(asked):
    return updates.by_construction(asked)


@pytest.fixture
def study():
    return params.load_study("tiny", positions=[0.3, 0.7])


def load(*names):
    return [params.load_interrupt(name) for name in names]


@pytest.fixture
def traces(study, asked, news, model):
    """Traces as an engine would have left them, all with the same short thought."""
    written = tokens.marks(f"<think>{THOUGHT}</think>\n\nMia has 22 coins.\n\\boxed{{22}}<|im_end|>", model)
    hurried = dataclasses.replace(params.load_interrupt("speed_up"), system=SYSTEM)
    rows = plan.questions(study, asked, news, model, [*load("update"), hurried])
    return pd.DataFrame(list(rows)).assign(token_ids=[written] * 9)


def test_originals_are_asked_always_and_revised_problems_if_an_update_cuts_them():
    assert plan.variants([]) == {"original": [""], "revised": []}
    assert plan.variants(load("speed_up", "false_update")) == {"original": [""], "revised": []}
    assert plan.variants(load("speed_up", "update")) == {"original": [""], "revised": [""]}
    assert plan.variants(load("update_then_end_thinking"))["revised"] == [""]


def test_a_system_message_gets_traces_of_its_own_and_its_own_reference(traces):
    assert plan.variants([Interrupt("a", "A", "soft", "x", system=SYSTEM)])["original"] == ["", SYSTEM]
    assert traces.groupby(["variant", traces["system"].fillna("")]).size().to_dict() == {
        ("original", ""): 3,
        ("original", SYSTEM): 3,
        ("revised", ""): 3,
    }
    assert traces["trace_id"].is_unique and traces["seed"].is_unique


def test_a_source_may_have_samples_of_its_own(asked, news, model):
    study = params.load_study("tiny", samples=2, samples_by_source={"tiny": 5})
    rows = list(plan.questions(study, asked, news, model, []))
    assert len(rows) == 5 * len(asked) and {row["sample"] for row in rows} == set(range(5))


def test_a_code_problem_comes_with_its_own_starter_code_and_a_revised_one_with_the_revised(study, model):
    asked = {
        "problem_id": "c/0",
        "source": "c",
        "task": "code",
        "problem": "Add up.",
        "starter_code": "def add(a): ...",
    }
    news = {"problem_id": "c/0", "update_id": "0", "kind": "necessary", "valid": True, "update": "All of them."}
    news |= {"revised_problem": "Add three.", "revised_starter_code": "def add(a, b, c): ..."}
    rows = plan.questions(study, pd.DataFrame([asked]), pd.DataFrame([news]), model, load("update"))
    prompts = {row["variant"]: tokens.decode(row["prompt_ids"], model) for row in rows}
    assert "Add up.\n\n```python\ndef add(a): ...\n```" in prompts["original"]
    assert "Add three.\n\n```python\ndef add(a, b, c): ...\n```" in prompts["revised"]


def test_each_interrupt_cuts_the_traces_that_it_is_for(study, traces, news, asked):
    chosen = load("end_thinking", "update", "false_update", "noop_update", "restart", "update_then_end_thinking")
    rows = [(job.names[0], job.trace["variant"], job.at) for job in plan.jobs(study, traces, news, chosen, asked)]
    assert set(rows) == {
        (name, "revised" if name in ("update", "restart") else "original", at)
        for name in ("end_thinking", "update", "false_update", "noop_update", "restart")
        for at in (0.3, 0.7)
    }
    assert all(job.trace["system"] is None for job in plan.jobs(study, traces, news, chosen, asked))


def test_news_is_that_of_the_problem_and_of_the_kind(study, traces, news, asked):
    said = news.set_index(["problem_id", "kind"])["update"]
    for job in plan.jobs(study, traces, news, load("update", "false_update", "noop_update"), asked):
        kind = job.steps[0].update
        assert job.updates == {kind: said[job.trace["problem_id"], kind]}


@pytest.mark.parametrize(("name", "variant"), [("update", "revised"), ("false_update", "original")])
def test_an_interrupt_that_has_nothing_to_cut_is_named(study, traces, news, asked, name, variant):
    for have, told in ((traces, news[news["kind"].eq("none")]), (traces[traces["variant"].ne(variant)], news)):
        with pytest.raises(ValueError, match=rf"params/interrupts/{name}.yaml: no trace to cut: .* {variant} problems"):
            list(plan.jobs(study, have, told, load("end_thinking", name) if len(have) > 6 else load(name), asked))


def test_the_second_of_two_interrupts_cuts_what_followed_the_first(study, traces, news, asked, model):
    chain = load("update_then_end_thinking")
    job = next(plan.jobs(study, traces, news, chain, asked))
    assert job.names == ["update", "update_then_end_thinking"] and job.positions == (0.3, 0.5)
    first = plan.splice(job, model)
    written = tokens.encode(" 14 + 8 = 22.", model)
    (second,) = plan.following(job, first, written)
    cut = plan.splice(second, model)
    assert (second.parent_id, second.names, second.at) == (plan.row_id(job), ["update_then_end_thinking"], 0.3)
    assert cut.ids == first.ids + written[: len(written) // 2] + cut.inserted_ids
    assert tokens.decode(cut.inserted_ids, model).endswith("</think>\n\n")
    assert plan.following(second, cut, written) == []
    left = dataclasses.replace(study, second_pass="remaining")  # the limit of a chain counts every step
    assert cut.kept_tokens > 0
    assert plan.limit(left, second, cut, model) == model.max_tokens - first.kept_tokens - cut.kept_tokens


def test_the_limit_of_the_second_pass_is_full_or_what_is_left(study, traces, news, asked, model):
    left = dataclasses.replace(study, second_pass="remaining")
    for job in plan.jobs(study, traces, news, load("end_thinking", "restart", "budget"), asked):
        cut = plan.splice(job, model)
        assert plan.limit(study, job, cut, model) is None
        assert plan.limit(left, job, cut, model) == model.max_tokens - cut.passed_tokens
        assert (cut.passed_tokens > 0) == (job.names[0] != "budget")


def test_a_restart_is_one_request_whatever_the_position(study, traces, news, asked, model):
    keys = {}
    for job in plan.jobs(study, traces, news, load("restart", "resume"), asked):
        cut = plan.splice(job, model)
        key = engine.request_key(model, cut.ids, plan.own_seed(study, job), plan.limit(study, job, cut, model))
        keys.setdefault((job.names[0], job.trace["trace_id"]), set()).add(key)
    assert {name: {len(found) for (n, _), found in keys.items() if n == name} for name in ("restart", "resume")} == {
        "restart": {1},
        "resume": {2},
    }
