"""A judge's reply read as verdicts: the golden table of `replies`, beginnings of replies, the schema."""

import json

import jsonschema
import pytest

from lib.grm import prompt
from lib.grm.reply import Verdict, read, schema
from lib.grm.rubric import CANNOT
from tests.grm import replies
from tests.grm.replies import BOTH, DEPTH, LEAK, ONE, TWO, reply, row


def params(table):
    return [pytest.param(*row, id=name) for name, row in table.items()]


@pytest.mark.parametrize(("text", "path", "label"), params(replies.READ))
def test_a_verdict_is_read(text, path, label):
    found = read(text, ONE)
    assert (found.status, found.why, found.path, found.verdicts["leak"].label) == ("ok", None, path, label)


@pytest.mark.parametrize(("text", "why"), params(replies.UNREADABLE))
def test_what_cannot_be_read_is_never_a_verdict(text, why):
    found = read(text, ONE)
    assert (found.status, found.verdicts, found.path) == ("parse_error", {}, None)
    assert why in found.why and "\n" not in found.why and len(found.why) < 200


@pytest.mark.parametrize("text", replies.REFUSED)
def test_a_refusal_is_a_status_of_its_own(text):
    found = read(text, ONE)
    assert (found.status, found.verdicts, found.why) == ("refused", {}, "the judge declined")


@pytest.mark.parametrize(("text", "ended", "status"), params(replies.ENDED))
def test_how_a_reply_ended_counts(text, ended, status):
    found = read(text, ONE, ended)
    assert (found.status, list(found.verdicts)) == (status, ["leak"] if status == "ok" else [])


@pytest.mark.parametrize(("text", "first", "second"), params(replies.TWO_ASKED))
def test_a_set_of_verdicts_is_whole_or_none(text, first, second):
    found = read(text, TWO)
    if second is None:
        assert (found.status, found.verdicts) == ("parse_error", {}) and first in found.why
    else:
        assert [(one, verdict.label) for one, verdict in found.verdicts.items()] == [("leak", first), ("depth", second)]


def test_no_beginning_of_a_reply_is_a_verdict_but_one_with_every_verdict_in_it():
    last = BOTH.rindex('"2"') + len('"2"')
    for cut in range(len(BOTH)):
        assert read(BOTH[:cut], TWO, "length").status == "truncated"
        found = read(BOTH[:cut], TWO, "stop")
        assert (found.status, found.path) == (("ok", "repaired") if cut >= last else ("parse_error", None)), cut


def test_grounds_are_kept_as_the_judge_wrote_them_and_can_be_stored():
    found = read(reply(row(evidence=["a  b", " ", "c", "d", "e"], reason="so\nso")), ONE)
    assert found.verdicts["leak"] == Verdict("yes", ("a  b", "c", "d"), "so\nso")
    assert found.path == "repaired"  # more quotes than the schema allows
    lines = read("It works on.\nEVIDENCE leak: “so x is 4”\nEVIDENCE leak: 2*3\nVERDICT leak: yes", ONE)
    assert lines.verdicts["leak"] == Verdict("yes", ("“so x is 4”", "2*3"), "It works on.")
    half = read('{"judgements": [{"criterion": "leak", "evidence": ["\\ud800"], "reason": "", "verdict": "no"}]}', ONE)
    assert "".join(half.verdicts["leak"].evidence).encode()


@pytest.mark.parametrize("asked", [ONE, TWO, (DEPTH,), (DEPTH, LEAK)])
def test_the_example_of_the_prompt_is_never_a_verdict(asked):
    example = prompt.example(asked)
    for echo in (example, f"{example}\n", f"Sure.\n\n{example}", example.replace("<", "")):
        assert read(echo, asked).status == "parse_error"


def test_the_schema_takes_what_is_asked_and_nothing_else():
    is_valid = jsonschema.Draft202012Validator(schema(TWO)).is_valid
    for rows, fits in [
        ((row(), row("depth", "2")), True),
        ((row(verdict=CANNOT), row("depth", CANNOT)), True),
        ((row(verdict="2"), row("depth", "yes")), False),
        ((row(),), False),
        ((row(), row("panic")), False),
        ((row(evidence="abcd"), row("depth", "2")), False),
        ((row() | {"score": 1}, row("depth", "2")), False),
    ]:
        assert is_valid(json.loads(reply(*rows))) is fits
    properties = schema(ONE)["properties"]["judgements"]["items"]["properties"]
    assert list(properties) == ["criterion", "evidence", "reason", "verdict"]  # the verdict last
    assert properties["verdict"]["enum"] == ["no", "yes", CANNOT]


@pytest.mark.parametrize("asked", [ONE, TWO])
def test_what_fits_the_schema_is_read_as_grammar(asked):
    text = reply(*(row(one.id, one.levels[-1]) for one in asked))
    jsonschema.validate(json.loads(text), schema(asked))
    assert (read(text, asked).status, read(text, asked).path) == ("ok", "grammar")
