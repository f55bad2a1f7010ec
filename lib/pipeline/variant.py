"""A study with other values of some keys: `python -m lib.pipeline.variant --study tiny --set "problems=20 samples=4"`.

It is a study of its own, with a file, results and provenance of its own, so that no results are overwritten and every
command takes it by its name, such as `tiny+problems-20+samples-4`.
"""

import argparse
import re
import shlex
import sys
from typing import Any

import yaml

from lib import params, paths, tables
from lib.pipeline.provenance import digest

SHORT = re.compile(r"[\w.+-]{1,60}", re.ASCII)  # what a name is made of that can be read


def make(study: str, text: str) -> str:
    """Write the variant of a study that `key=value` words in a text ask for; its name.

    Values are YAML, and lists may have commas alone. A ParamsError: a word that is none, or what the study's own file
    could not say; nothing is written then.
    """
    given = read(text)
    params.load_study(study, **given)
    words = "+".join(f"{key}-{_word(value)}" for key, value in sorted(given.items()))
    name = f"{study}+{words if SHORT.fullmatch(words) else digest(given)[:8]}"
    values = yaml.safe_dump(params.read("studies", study) | given, sort_keys=False, allow_unicode=True, width=1000)
    file, content = paths.PARAMS / "studies" / f"{name}.yaml", f"# {study} with {' '.join(text.split())}\n{values}"
    if not file.is_file() or file.read_text() != content:  # an equal one stays, as make looks at its time
        with tables.atomic_write(file) as opened:
            opened.write(content.encode())
    try:
        params.load_study(name)
    except params.ParamsError:
        file.unlink()
        raise
    return name


def read(text: str) -> dict[str, Any]:
    """The keys and values that a text of `key=value` words gives."""
    given: dict[str, Any] = {}
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise params.ParamsError(f"SET: {error}, expected words such as problems=20 samples=4") from error
    for word in words:
        key, mark, value = word.partition("=")
        if not mark or key in given:
            what = "is given twice" if mark else "no value"
            raise params.ParamsError(f"SET: {key}: {what}, expected words such as problems=20 samples=4, each key once")
        if key == "name":  # which every study gets from its file
            raise params.ParamsError("SET: name: unknown key, expected one of a study's file")
        given[key] = params.parse(key, value)
    if not given:
        raise params.ParamsError("SET: empty, expected words such as problems=20 samples=4")
    return given


def _word(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="tiny")
    parser.add_argument("--set", default="", help="key=value words")
    args = parser.parse_args()
    try:
        print(make(args.study, args.set))
    except (params.ParamsError, tables.TableError, OSError) as error:
        print(error)  # make reads it from here, and says it
        sys.exit(1)


if __name__ == "__main__":
    main()
