"""The file of thresholds, sound and spoilt."""

import re

import pytest

from lib import paths
from lib.params import ParamsError, thresholds

TEXT = (paths.PARAMS / "failure_modes.yaml").read_text()


def test_the_shipped_thresholds_are_sound_and_each_says_where_it_comes_from():
    found = thresholds.load()
    assert found.panic_share == 0.01  # published
    above = ""
    for line in TEXT.splitlines():
        if re.match(r"\w+:", line):
            assert re.search(r"\b(Ours|Published)\b", above), line
        above = "" if not line else above + line


SPOILT = [  # what is changed in the file, how the message goes on
    (("leakage_length: 2.0", "leakage_length: 0.5"), "leakage_length: .*greater than or equal to 1"),
    (("leakage_length: 2.0", "leakage_length: long"), "leakage_length: .*number"),
    (("leakage_sums: 2\n", ""), "leakage_sums: missing"),
    (("leakage_sums: 2\n", "leakage_sum: 2\n"), "leakage_sum: unknown key, expected leakage_length, .*"),
    (("panic_tokens: 1", "panic_tokens: -1"), "panic_tokens: .*greater than or equal to 0"),
    (("panic_share: 0.01", "panic_share: 1e-2"), "panic_share: .*write numbers plainly"),
    (("panic_share: 0.01", "panic_share: [0.01"), "line .*not sound YAML"),
    (("panic_tokens: 1", "panic_tokens: 1\npanic_tokens: 2"), "line .*key panic_tokens stands twice"),
]


@pytest.mark.parametrize(("change", "told"), SPOILT)
def test_a_spoilt_file_is_told_in_one_line_with_file_and_key(change, told, tmp_path, monkeypatch):
    assert change[0] in TEXT
    (tmp_path / "failure_modes.yaml").write_text(TEXT.replace(*change))
    monkeypatch.setattr(paths, "PARAMS", tmp_path)
    with pytest.raises(ParamsError, match=rf"^params/failure_modes\.yaml: {told}") as error:
        thresholds.load()
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "PARAMS", tmp_path)
    with pytest.raises(ParamsError, match=r"^no file params/failure_modes\.yaml, expected"):
        thresholds.load()
