"""Where things live: every path of the project, independent of the working directory.

Nothing here makes a folder; whoever writes a file makes the folder it goes to.
"""

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARAMS = ROOT / "params"
NOTEBOOKS = ROOT / "notebooks"
MODELS = ROOT / "models"

OUTPUTS_VARIABLE = "MIDTHOUGHT_OUTPUTS"
COPY_VARIABLE = "MIDTHOUGHT_WORKING_COPY"
# Of a URL only what neither make nor a shell reads in a way of its own, and no place for a key.
PLAIN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[\w.+=:~/-]*", re.ASCII)


class PathError(OSError):
    """A place for results that cannot be one; its text is one line, and holds no secret that stood in a URL."""


def outputs() -> Path:
    """Folder of all results: the variable `MIDTHOUGHT_OUTPUTS` if set, else `outputs/` of the project.

    Of an object store it is the working copy on this disk: the folder `MIDTHOUGHT_WORKING_COPY` if that is set, else
    one below the user's cache that has the URL's name, as in the Makefile. `lib.pipeline.sync` pulls and pushes it. A
    PathError: a URL that is not plain.
    """
    if url := store():
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "midthought")
        named = os.environ.get(COPY_VARIABLE) or cache / url.replace("://", "/").replace(":", "_")
    else:
        named = os.environ.get(OUTPUTS_VARIABLE) or ROOT / "outputs"
    return Path(named).expanduser().resolve()


def store() -> str | None:
    """URL of the object store that `MIDTHOUGHT_OUTPUTS` names, as `check_url` returns it; None for a folder."""
    value = os.environ.get(OUTPUTS_VARIABLE, "")
    return check_url(value, f"{OUTPUTS_VARIABLE}: ") if is_url(value) else None


def is_url(place: str) -> bool:
    """Whether a place is named by a URL; else it is a file or folder."""
    return "://" in place


def check_url(url: str, where: str = "") -> str:
    """A URL of a bucket or folder, without a slash at its end; `where` opens the message of an error.

    A PathError: a key or password in it, or a character that does not belong into it.
    """
    shown = re.sub(r"://[^/]*@", "://", url).split("?")[0]
    if not PLAIN_URL.fullmatch(url) or ".." in url.split("/"):
        raise PathError(
            f"{where}{shown}: expected a URL such as s3://bucket/folder, of letters, digits and . _ - + = ~ : / alone; "
            f"keys and options come from variables such as AWS_PROFILE and AWS_ENDPOINT_URL"
        )
    if not url.split("://", 1)[1].strip("/"):
        raise PathError(f"{where}{shown}: names no bucket or folder, expected one as in s3://bucket/folder")
    return url.rstrip("/")


def tables(study: str, model: str | None = None) -> Path:
    """Folder of the tables of a study, or of one model in it."""
    return outputs() / study / "tables" / (model or "")


def parts(study: str, model: str) -> Path:
    """Folder of what a model has written for a study so far, completion by completion."""
    return outputs() / study / "parts" / model


def notebooks(study: str, model: str | None = None) -> Path:
    """Folder of the executed notebooks of a study, or of one model in it."""
    return outputs() / study / "notebooks" / (model or "")


def summary(study: str) -> Path:
    """Folder of the small CSV tables behind the figures of a study."""
    return outputs() / study / "summary"


def figures(study: str) -> Path:
    """Folder of the figures of a study."""
    return outputs() / study / "figures"


def show(path: Path) -> str:
    """A path as messages name it: from the repository or the store's URL on, where it lies below one of them."""
    if path.is_relative_to(ROOT):
        return str(path.relative_to(ROOT))
    url = store()
    return f"{url}/{path.relative_to(outputs()).as_posix()}" if url and path.is_relative_to(outputs()) else str(path)


def printable(text: str) -> str:
    """A text in one line, as messages show it: what would move a terminal's cursor or colour it is written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)
