"""Other values of a study's keys on the command line: a study of its own, checked like a file."""

import shutil

import pytest

from lib import params, paths
from lib.pipeline import provenance, variant


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    shutil.copytree(paths.PARAMS, tmp_path / "params")
    monkeypatch.setattr(paths, "PARAMS", tmp_path / "params")
    return tmp_path / "params" / "studies"


# what SET says, the name that it makes, and what the study then has
GOOD = [
    ("problems=20 samples=4", "smoke+problems-20+samples-4", {"problems": 20, "samples": 4}),
    (" samples=4\tproblems=20", "smoke+problems-20+samples-4", {"problems": 20, "samples": 4}),
    ("positions=0.1,40t", "smoke+positions-0.1-40t", {"positions": (0.1, "40t")}),
    ("positions=[0.1,0.5s] seed=7", "smoke+positions-0.1-0.5s+seed-7", {"positions": (0.1, "0.5s"), "seed": 7}),
    ("sources=tiny", "smoke+sources-tiny", {"sources": ("tiny",)}),
    ("problems=null", "smoke+problems-None", {"problems": None}),
    ("'samples_by_source={tiny: 3}'", None, {"samples_by_source": {"tiny": 3}}),
    ("'title=A title'", None, {"title": "A title"}),
]


@pytest.mark.parametrize(("text", "name", "values"), GOOD)
def test_a_variant_is_a_study_of_its_own(folder, text, name, values):
    made = variant.make("smoke", text)
    assert name in (made, None) and made.startswith("smoke+")
    study = params.load_study(made).as_dict()
    assert {key: getattr(params.load_study(made), key) for key in values} == values
    assert {key for key, value in params.load_study("smoke").as_dict().items() if study[key] != value} == {
        "name",
        *values,
    }
    parameters = [provenance.of(each)["parameters"] for each in ("smoke", made)]
    assert parameters[0] != parameters[1]
    before = (folder / f"{made}.yaml").stat().st_mtime_ns
    assert variant.make("smoke", text) == made
    assert (folder / f"{made}.yaml").stat().st_mtime_ns == before, "make looks at the time"


# what SET says, what the message says
BAD = [
    ("problms=3", "problms: unknown key (did you mean problems?)"),
    ("problems", "SET: problems: no value"),
    ("problems=2 problems=3", "SET: problems: is given twice"),
    ("problems=0", "(with problems overridden): problems: should be greater than or equal to 1"),
    ("problems=many", 'problems: should be a valid integer, got "many"'),
    ("seed=010", 'seed: should be a valid integer, got "010"'),
    ('positions="0.1', "SET: No closing quotation"),
    ("positions=[0.1", "positions: [0.1: cannot be read as YAML"),
    ("positions=0.1,0.10", "positions: should hold each value once"),
    ("judge=tiny-grm", "rubrics: missing"),
    ("sources=gsm8k samples_by_source='{tiny: 2}'", "samples_by_source: tiny is no source"),
    ("models=$(touch${IFS}x)", "models[0]: no file"),
    ("name=x", "name: unknown key"),
    ("", "SET: empty"),
]


@pytest.mark.parametrize(("text", "expected"), BAD)
def test_what_a_file_could_not_say_is_refused_and_nothing_is_written(folder, text, expected):
    before = sorted(folder.iterdir())
    with pytest.raises(params.ParamsError) as caught:
        variant.make("smoke", text)
    assert expected in str(caught.value) and "\n" not in str(caught.value)
    assert sorted(folder.iterdir()) == before
