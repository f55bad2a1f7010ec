"""Results in an object store, a real S3-compatible server: equal on both sides, whole, and never overwritten unseen."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lib import params, paths, tables
from lib.engine import store as parts
from lib.pipeline import archive, mirror, notebook, remote, sharing, sync, unpack, verify
from lib.pipeline.mirror import MirrorError
from lib.pipeline.remote import Objects, ObjectsError
from lib.pipeline.sharing import SharingError, Sources
from tests.fakes import s3 as stores
from tests.fakes.study import MODEL, STUDY, write_params, write_tables

WAIT = 120  # seconds until a test gives up on what has to come


@pytest.fixture(scope="module")
def server():
    with stores.serving() as address:
        yield address


@pytest.fixture
def s3(server, monkeypatch) -> str:
    """URL of an empty bucket; S3 is the server of this machine for the test."""
    stores.use(server, monkeypatch)
    return stores.bucket()


@pytest.fixture
def url(request, tmp_path) -> str:
    """A place in a store for a test: of S3, or of what the test asks for."""
    kind = getattr(request, "param", "s3")
    if kind == "s3":
        return f"{request.getfixturevalue('s3')}/results"
    return f"file://{tmp_path}/far/results" if kind == "file" else f"memory://{tmp_path.name}/results"


@pytest.fixture
def on(url, tmp_path, monkeypatch):
    """Be on a machine, by name: results are in the store, and the working copy is its own."""

    def be(machine: str) -> Path:
        monkeypatch.setenv(paths.OUTPUTS_VARIABLE, url)
        monkeypatch.setenv(paths.COPY_VARIABLE, str(tmp_path / machine))
        return tmp_path / machine / STUDY

    return be


@pytest.fixture
def study(on, tmp_path, monkeypatch) -> Path:
    """The FAKE study on machine `a`, and its own parameters; the folder of its results."""
    folder = on("a")
    monkeypatch.setattr(paths, "PARAMS", tmp_path / "params")
    write_params(tmp_path / "params")
    write_tables()
    (folder / "tables" / ".interrupts").write_text("\n")
    put(folder, "summary/accuracy.csv", "model,mean\nfake-lrm,0.5\n")
    put(folder, "notebooks/06_failure_modes.failed.ipynb", "{}")
    return folder


def put(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def held(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and time of every file that belongs into the store."""
    names = (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    return {n: ((folder / n).read_bytes(), (folder / n).stat().st_mtime_ns) for n in names if mirror.mirrored(n)}


# there and back


@pytest.mark.parametrize("url", ["s3", "file", "memory"], indirect=True)
def test_what_is_pushed_is_pulled_with_the_same_bytes_and_times(study, on, url):
    moved = sharing.push(STUDY)
    before = held(study)
    assert set(moved.names) == set(before) and moved.bytes == sum(len(data) for data, _ in before.values())
    assert {"tables/.interrupts", "tables/problems.parquet", "summary/accuracy.csv"} < set(before)
    assert any(name.startswith(f"parts/{MODEL}/") for name in before)
    assert not any("failed" in name for name in before)
    assert set(filter(mirror.mirrored, Objects(f"{url}/{STUDY}").listed())) == set(before)  # under their own names
    other = on("b")
    assert set(sharing.pull(STUDY).names) == set(before)
    assert held(other) == before
    assert len(tables.read("traces", STUDY, MODEL)) > 0


@pytest.mark.parametrize("url", ["s3", "file"], indirect=True)
def test_what_is_equal_is_not_moved_again(study, on, monkeypatch):
    sharing.push(STUDY)
    on("b")
    sharing.pull(STUDY)
    for name in ("put", "write", "chunks", "digest"):
        monkeypatch.setattr(Objects, name, lambda *given, **named: pytest.fail("moved"))
    for machine in ("a", "b"):
        on(machine)
        for move in (sharing.push, sharing.pull):
            moved = move(STUDY)
            assert (moved.names, moved.bytes) == ([], 0) and len(moved.plan.equal) == len(held(study))


def test_only_what_changed_moves(study, on):
    sharing.push(STUDY)
    put(study, "summary/accuracy.csv", "model,mean\nfake-lrm,0.25\n")
    assert sharing.push(STUDY).names == ["summary/accuracy.csv"]
    on("b")
    sharing.pull(STUDY)
    put(on("b"), "summary/tokens.csv", "model,mean\n")
    assert sharing.push(STUDY).names == ["summary/tokens.csv"]
    on("a")
    assert sharing.status(STUDY).plan.down == ["summary/tokens.csv"]
    assert sharing.pull(STUDY).names == ["summary/tokens.csv"]


def test_what_was_removed_here_comes_again_only_when_asked_for(study):
    sharing.push(STUDY)
    (study / "tables" / "problems.parquet").unlink()  # as `make clean` does, and make after a step that failed
    moved = sharing.pull(STUDY, again=False)
    assert (moved.names, moved.plan.removed) == ([], ["tables/problems.parquet"])
    assert sharing.push(STUDY).names == []
    assert sharing.pull(STUDY).names == ["tables/problems.parquet"]
    assert len(tables.read("problems", STUDY)) == 3


# times


def test_after_a_pull_make_sees_what_it_saw_before_where_the_sources_are_equal(study, on, monkeypatch):
    first, second = (study / "tables" / name for name in ("problems.parquet", "updates.parquet"))
    now = time.time_ns()
    for i, file in enumerate((first, second)):
        os.utime(file, ns=(now + i, now + i))
    sharing.push(STUDY)
    own = sharing.sources()
    checkout = now + 10**12  # the sources are a fresh checkout
    monkeypatch.setattr(sharing, "sources", lambda: Sources(own.digest, checkout - 10**9, checkout))
    folder = on("b")
    sharing.pull(STUDY)
    times = [(folder / "tables" / file.name).stat().st_mtime_ns for file in (first, second)]
    assert checkout < times[0] < times[1]
    sharing.push(STUDY)
    on("c")
    sharing.pull(STUDY)
    assert held(on("c")) == held(on("b"))


def test_what_other_sources_made_is_older_than_the_sources_here(study, on, tmp_path):
    sharing.push(STUDY)
    (tmp_path / "params" / "failure_modes.yaml").write_text("changed: since\n")
    folder = on("b")
    sharing.pull(STUDY)
    oldest = sharing.sources().oldest
    assert all(moment < oldest for _, moment in held(folder).values())
    sharing.push(STUDY)  # and it is not told as made from these
    on("c")
    sharing.pull(STUDY)
    assert all(moment < oldest for _, moment in held(on("c")).values())


def test_what_is_made_anew_with_the_same_bytes_counts_as_made_from_the_new_sources(study, on, tmp_path):
    sharing.push(STUDY)
    (tmp_path / "params" / "failure_modes.yaml").write_text("changed: since\n")
    for name in held(study):
        (study / name).write_bytes((study / name).read_bytes())
    assert sharing.push(STUDY).names == []
    on("b")
    sharing.pull(STUDY)
    assert held(on("b")) == held(study)


def test_nothing_that_comes_is_newer_than_a_table_that_has_changed_here(study, on):
    sharing.push(STUDY)
    other = on("b")
    sharing.pull(STUDY)
    put(other, "tables/problems.json", '{"changed": "here"}')
    on("a")
    put(study, "summary/accuracy.csv", "model,mean\nfake-lrm,0.25\n")
    sharing.push(STUDY)
    on("b")
    sharing.pull(STUDY)
    assert (other / "summary/accuracy.csv").stat().st_mtime_ns < (other / "tables/problems.json").stat().st_mtime_ns


# two machines


def test_what_both_sides_changed_is_told_and_touched_on_neither(study, on, capsys):
    name = "summary/accuracy.csv"
    sharing.push(STUDY)
    other = on("b")
    sharing.pull(STUDY)
    put(other, name, "model,mean\nfrom b\n")
    put(other, "summary/own.csv", "b\n")
    sharing.push(STUDY)
    on("a")
    put(study, name, "model,mean\nfrom a, longer\n")
    for move in (sharing.push, sharing.pull):
        assert move(STUDY).plan.conflicts == [name]
    assert (study / name).read_text() == "model,mean\nfrom a, longer\n"
    assert (study / "summary/own.csv").exists()  # the rest has come
    with pytest.raises(SystemExit) as caught:
        command("push")
    first, second = str(caught.value).splitlines()
    assert re.fullmatch(rf"error: s3://\S+/{STUDY}/{name}: changed here and in the store since .*", first)
    assert f"make push FORCE=1 STUDY={STUDY}" in second
    assert "nothing put there" in capsys.readouterr().out
    sharing.pull(STUDY, force=True)
    assert (study / name).read_text() == "model,mean\nfrom b\n"
    assert (study / mirror.OWN / "replaced" / name).read_text() == "model,mean\nfrom a, longer\n"


def test_a_person_can_have_this_side_win(study, on):
    sharing.push(STUDY)
    other = on("b")
    put(other, "summary/accuracy.csv", "from b\n")
    assert sharing.push(STUDY).plan.conflicts == ["summary/accuracy.csv"]
    assert sharing.push(STUDY, force=True).names == ["summary/accuracy.csv"]
    on("a")
    sharing.pull(STUDY)
    assert (study / "summary/accuracy.csv").read_text() == "from b\n"


def test_parts_of_two_machines_lie_side_by_side_and_so_do_their_steps(study, on):
    def ran(model: str, ended: str) -> None:
        step = {"step": "03_initial", "model": model, "started": ended, "ended": ended}
        put(paths.outputs() / STUDY, mirror.PROVENANCE, json.dumps({"steps": [step]}))

    ran("one", "2026-01-01T00:00:00Z")
    sharing.push(STUDY)
    other = on("b")
    ran("two", "2026-01-02T00:00:00Z")
    with parts.open(STUDY, MODEL) as kept:
        kept.add(parts.Completion("1" * 32, [1, 2], "stop", 0))
    moved = sharing.push(STUDY)
    assert moved.plan.conflicts == [] and len(moved.names) == 2
    sharing.pull(STUDY)
    with parts.open(STUDY, MODEL) as kept:
        assert set(kept.completions()) == {"0" * 32, "1" * 32}
    on("a")
    sharing.pull(STUDY)
    told = json.loads((study / mirror.PROVENANCE).read_bytes())["steps"]
    assert [step["model"] for step in told] == ["one", "two"]
    assert held(study) == held(other)


# what is not whole, or not ours

KILLED = """
import pathlib, sys, time
from lib.pipeline import sharing
from lib.pipeline.remote import Objects
whole, marker = Objects.put, pathlib.Path(sys.argv[1])

def put(self, file, name, shown):
    if name.endswith("traces.parquet"):
        with self._target(name) as target:
            if self.url.startswith("file:"):
                pathlib.Path(target).write_bytes(file.read_bytes()[:100])
            marker.write_text("now")
            time.sleep(600)  # never over: the process is killed here
    whole(self, file, name, shown)

Objects.put = put
sharing.push("fake")
"""


@pytest.mark.parametrize("url", ["s3", "file"], indirect=True)
def test_a_push_that_is_killed_leaves_nothing_that_looks_finished(study, on, tmp_path):
    marker = tmp_path / "marker"
    env = os.environ | {"PYTHONPATH": str(paths.ROOT)}
    with subprocess.Popen([sys.executable, "-c", KILLED, marker], env=env) as child:
        try:
            end = time.monotonic() + WAIT
            while not marker.exists() and child.poll() is None and time.monotonic() < end:
                time.sleep(0.02)
            assert marker.exists()
        finally:
            child.send_signal(signal.SIGKILL)
    other = on("b")
    came = sharing.pull(STUDY).names
    assert f"tables/{MODEL}/traces.parquet" not in came
    assert {name: data for name, (data, _) in held(other).items()} == {n: held(study)[n][0] for n in came}
    on("a")
    assert f"tables/{MODEL}/traces.parquet" in sharing.push(STUDY).names
    on("b")
    sharing.pull(STUDY)
    assert held(other).keys() == held(study).keys()


def test_parts_of_an_upload_that_never_ended_are_no_file(study, url):
    there = Objects(f"{url}/{STUDY}")
    bucket, key = there._root.split("/", 1)[0], f"{there._root.split('/', 1)[1]}/tables/problems.parquet"
    started = there._fs.call_s3("create_multipart_upload", Bucket=bucket, Key=key)
    there._fs.call_s3(
        "upload_part", Bucket=bucket, Key=key, UploadId=started["UploadId"], PartNumber=1, Body=b"half of a table"
    )
    assert sharing.status(STUDY).plan.down == [] and there.listed() == {}


@pytest.mark.parametrize("url", ["s3", "file"], indirect=True)
def test_a_file_that_nobody_told_of_or_that_was_cut_is_not_taken(study, on, url):
    sharing.push(STUDY)
    there = Objects(f"{url}/{STUDY}")
    there.write("summary/accuracy.csv", b"cut")
    there.write("summary/else.csv", b"who knows")
    other = on("b")
    moved = sharing.pull(STUDY)
    assert moved.strange == ["summary/else.csv"]
    assert not {"summary/accuracy.csv", "summary/else.csv"} & set(held(other))
    put(other, "summary/else.csv", "mine")
    assert sharing.push(STUDY).plan.conflicts == ["summary/else.csv"]
    on("a")
    assert sharing.push(STUDY).names == ["summary/accuracy.csv"]


def test_a_file_altered_under_its_mark_is_refused(study, on, monkeypatch):
    sharing.push(STUDY)
    other = on("b")
    whole = Objects.chunks
    monkeypatch.setattr(Objects, "chunks", lambda *given: (bytes(b ^ 1 for b in chunk) for chunk in whole(*given)))
    with pytest.raises(SharingError, match=r"changed while it was read, pull again$"):
        sharing.pull(STUDY)
    assert held(other) == {}


def test_a_store_puts_nothing_beside_the_results(study, on):
    sharing.push(STUDY)
    there = Objects(f"{paths.store()}/{STUDY}")
    (own,) = (file for file in there.listed() if file.startswith(mirror.OWN))
    told = json.loads(there.read(own))
    beside = ["../evil.csv", "summary/../../evil.csv", "evil.csv", "lib/evil.py", "summary/.evil.csv", "tables/evil.py"]
    for name in beside:
        told["files"][name] = told["files"]["summary/accuracy.csv"]
        there.write(name, (study / "summary/accuracy.csv").read_bytes())
    there.write(own, json.dumps(told).encode())
    other = on("b")
    assert set(sharing.pull(STUDY).names) == set(held(study))
    assert not list(other.parent.parent.rglob("*evil*"))


def test_a_manifest_that_is_none_is_told(study):
    for text in ("", "[]", '{"format": "x"}', '{"format": "midthought store 1", "files": {"a": 1}}'):
        Objects(f"{paths.store()}/{STUDY}").write(f"{mirror.OWN}/0a.json", text.encode())
        with pytest.raises(
            MirrorError, match=rf"^s3://\S+/{mirror.OWN}/0a\.json: not readable .*, expected a manifest"
        ):
            sharing.pull(STUDY)


def test_a_store_that_fails_for_a_moment_is_asked_again(study, on, server):
    stores.fail(server, "PUT", "GET", "GET")
    sharing.push(STUDY)
    other = on("b")
    stores.fail(server, "GET")
    sharing.pull(STUDY)
    assert stores.fail(server) == [] and held(other) == held(study)


# a step of a run


def test_parts_go_while_a_step_runs_and_the_rest_when_it_ended_well(study, url, capsys):
    there = Objects(f"{url}/{STUDY}")
    with pytest.raises(KeyError), sync.kept(STUDY, seconds=0.05):
        end = time.monotonic() + WAIT
        while not any(name.startswith("parts/") for name in there.listed()) and time.monotonic() < end:
            time.sleep(0.05)
        assert not any(name.startswith("tables/") for name in there.listed())
        raise KeyError("a cell failed")
    names = {name for name in there.listed() if mirror.mirrored(name)}
    assert names and all(name.startswith("parts/") for name in names)
    with sync.kept(STUDY):
        pass
    assert {name for name in there.listed() if mirror.mirrored(name)} == set(held(study))
    told = capsys.readouterr().err.splitlines()
    assert re.fullmatch(rf"{url}/{STUDY}: \d+ files \(\d+\.\d MiB\) put there, \d+ were equal", told[-1])


def test_a_store_that_fails_fails_no_step(study, monkeypatch, capsys):
    monkeypatch.setenv(paths.OUTPUTS_VARIABLE, "s3://no-such-bucket-here/results")
    with sync.kept(STUDY):
        pass
    told = set(capsys.readouterr().err.splitlines())
    assert len(told) == 1 and "no such bucket" in told.pop()


def test_a_notebook_pushes_what_it_made(study, url, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["notebook", "01_load", "--study", STUDY])
    monkeypatch.setattr(notebook, "execute", lambda *given, **named: put(study, "summary/new.csv", "FAKE\n"))
    notebook.main()
    assert "summary/new.csv" in Objects(f"{url}/{STUDY}").listed()


# what cannot be


def command(what: str, study: str = STUDY) -> None:
    """Run the command as a shell would; it ends as the process would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["store", what, "--study", study])
        sync.main()


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("s3://no-such-bucket-here/x", "no such bucket or file"),
        ("nowhere://bucket/x", "expected a kind of store that fsspec knows"),
        ("s3:///", "names no bucket"),
        ("s3:// bucket/x", "expected a URL"),
        ("s3://bucket/../x", "expected a URL"),
        ("s3://ada:lovelace-0001@bucket/x", "expected a URL"),
        ("s3://bucket/x?signature=lovelace-0001", "expected a URL"),
        ("simplecache::s3://bucket/x", "expected a URL"),
    ],
)
def test_what_is_wrong_with_a_place_is_told_in_a_line(s3, monkeypatch, tmp_path, place, told):
    monkeypatch.setenv(paths.OUTPUTS_VARIABLE, place)
    monkeypatch.setenv(paths.COPY_VARIABLE, str(tmp_path))
    for what in ("pull", "push", "status"):
        with pytest.raises(SystemExit) as caught:
            command(what, "tiny")
        (line,) = str(caught.value).splitlines()
        assert line.startswith("error: ") and told in line
        assert "lovelace" not in line


@pytest.fixture
def elsewhere(s3, monkeypatch):
    """Connections that are made in the test see the environment as the test changes it."""
    stores.forget()
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    yield monkeypatch
    stores.forget()


def test_no_server_is_told_in_a_line(study, elsewhere):
    elsewhere.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(ObjectsError, match=r"^s3://\S+: not reachable \(.*127\.0\.0\.1:1.*\)$"):
        sharing.push(STUDY)


def test_no_keys_are_told_in_a_line(study, elsewhere):
    for name in stores.KEYS:
        elsewhere.delenv(name)
    with pytest.raises(ObjectsError, match=r"^s3://\S+: no credentials .* expected AWS_ACCESS_KEY_ID and"):
        sharing.push(STUDY)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError("Access Denied for FAKE-KEY-ID-0001"), "not permitted (Access Denied for …)"),
        (RuntimeError("bad\nFAKE-SECRET-0001 http://a:b@h/x?X-Amz-Signature=abc"), "RuntimeError: bad … http://h/x"),
    ],
)
def test_what_a_package_says_is_one_line_without_secrets(s3, monkeypatch, error, told):
    there = Objects(s3)
    monkeypatch.setattr(there._fs, "find", lambda *given, **named: (_ for _ in ()).throw(error))
    with pytest.raises(ObjectsError) as caught:
        there.listed()
    assert str(caught.value) == f"{s3}: {told}"


def test_a_missing_package_is_told_with_the_extra_that_brings_it(s3, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "s3fs", None)  # what an import of a package that is not installed meets
        patch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
        with pytest.raises(ObjectsError, match=r"a package is missing, which comes with the extra `s3` of this proj"):
            Objects(s3)


def test_a_folder_has_nothing_to_pull(outputs):
    with pytest.raises(SharingError, match=r"^MIDTHOUGHT_OUTPUTS: expected a URL such as s3://bucket/folder"):
        sharing.pull(STUDY)


def test_no_secret_is_kept_anywhere(study, url):
    sharing.push(STUDY)
    there = Objects(f"{url}/{STUDY}")
    kept = [there.read(name) for name in there.listed()] + [f.read_bytes() for f in study.rglob("*") if f.is_file()]
    assert not any(secret.encode() in data for data in kept for secret in stores.KEYS.values())


# where the working copy is


def test_the_working_copy_has_the_name_of_the_url(monkeypatch, tmp_path):
    monkeypatch.setenv(paths.OUTPUTS_VARIABLE, "s3://bucket/a/folder/")
    monkeypatch.delenv(paths.COPY_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert paths.outputs() == tmp_path / "midthought" / "s3" / "bucket" / "a" / "folder"
    assert paths.store() == "s3://bucket/a/folder"
    assert paths.show(paths.tables("tiny") / "x.parquet") == "s3://bucket/a/folder/tiny/tables/x.parquet"
    monkeypatch.setenv(paths.COPY_VARIABLE, str(tmp_path / "own"))
    assert paths.outputs() == tmp_path / "own"


# archives


def test_an_archive_goes_to_a_store_and_is_verified_from_there(study, s3, tmp_path, monkeypatch, capsys):
    to = f"{s3}/archives/fake.zip"
    monkeypatch.setattr(sys, "argv", ["archive", "--study", STUDY, "--to", to])
    archive.main()
    name, told = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"fake\.zip: \d+ files, \d+\.\d MiB, put to {to}", name)
    remote.fetch(to, tmp_path / "back.zip", 2**30)
    assert told == f"sha256 {unpack.checksum((tmp_path / 'back.zip').read_bytes())}"
    monkeypatch.setattr(sys, "argv", ["verify", "--archive", to, "--checksums"])
    verify.main()
    assert re.match(r"fake\.zip: \d+ files as the manifest of study fake has them", capsys.readouterr().out)
    monkeypatch.setattr(sys, "argv", ["verify", "--archive", to])
    seen = []
    monkeypatch.setattr(verify, "archive", lambda file: seen.append(unpack.unpack(file)["study"]) or ([], []))
    with pytest.raises(SystemExit) as caught:
        verify.main()
    assert (caught.value.code, seen) == (0, [STUDY])


def test_an_archive_is_kept_here_and_put_there_as_well(study, s3, tmp_path, monkeypatch):
    words = ["archive", "--study", STUDY, "--to", str(tmp_path / "fake.zip"), "--put", f"{s3}/fake.zip"]
    monkeypatch.setattr(sys, "argv", words)
    archive.main()
    assert b"".join(Objects(s3).chunks("fake.zip")) == (tmp_path / "fake.zip").read_bytes()


def test_an_archive_from_a_store_is_fetched_no_further_than_allowed(s3, tmp_path, monkeypatch):
    Objects(s3).write("bomb.zip", bytes(5000))
    with pytest.raises(ObjectsError, match=r"bomb\.zip: larger than expected, 5,000 bytes of 4,000 at most$"):
        remote.fetch(f"{s3}/bomb.zip", tmp_path / "bomb.zip", 4000)
    monkeypatch.setattr(Objects, "size", lambda self, name: 10)  # FAKE: a store that lies about it
    with pytest.raises(ObjectsError, match=r"bomb\.zip: larger than expected"):
        remote.fetch(f"{s3}/bomb.zip", tmp_path / "bomb.zip", 4000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("{s3}/none.zip", "no such bucket or file"),
        ("{s3}/torn.zip", "no zip file, or cut short"),
        ("s3://bucket", "names no file"),
        ("s3://key:lovelace-0001@bucket/x.zip", "expected a URL"),
    ],
)
def test_what_is_wrong_with_an_archive_in_a_store_is_told_in_a_line(s3, monkeypatch, place, told):
    Objects(s3).write("torn.zip", b"PK\3\4 and no more")
    monkeypatch.setattr(sys, "argv", ["verify", "--archive", place.format(s3=s3)])
    with pytest.raises(SystemExit) as caught:
        verify.main()
    (line,) = str(caught.value).splitlines()
    assert line.startswith("error: ") and told in line and "lovelace" not in line


# make


@pytest.fixture
def environment(tmp_path) -> Path:
    """A FAKE environment for make, whose Python says what it is asked to do."""
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    python = tmp_path / "venv" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "ran $*"\n')
    python.chmod(0o755)
    (tmp_path / "venv" / ".installed-cpu").write_text("")
    return tmp_path / "venv"


def make(environment: Path, *words: str) -> str:
    """What make would do, or, of lines that call make again, what it does with that Python."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    said = subprocess.run(
        ["make", "-n", *words, f"VENV={environment}"], cwd=paths.ROOT, env=env, capture_output=True, text=True
    )
    assert said.returncode == 0, said.stderr
    return said.stdout


def test_make_pulls_runs_on_the_working_copy_and_pushes(environment, on):
    copy = on("a").parent
    said = make(environment, "reproduce").splitlines()
    ran = [line.split("-m ", 1)[1] for line in said if " -m lib." in line]
    assert ran[0] == "lib.pipeline.sync pull --new --study tiny"
    assert ran[-2:] == ["lib.pipeline.sync push --study tiny", "lib.pipeline.notebook --report --study tiny"]
    assert len([line for line in ran if line.startswith("lib.pipeline.notebook 0")]) > 6
    assert f"{copy}/tiny/tables/.models" in "\n".join(said)


def test_make_knows_the_working_copy_and_the_archive_in_the_store(environment, on, url, monkeypatch, tmp_path):
    on("a")
    monkeypatch.delenv(paths.COPY_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file = f"{paths.outputs()}/tiny.zip"
    assert f"lib.pipeline.archive --study tiny --to {file} --put {url}/tiny.zip\n" in make(environment, "archive")
    assert "lib.pipeline.archive --study tiny --to s3://b/x.zip\n" in make(environment, "archive", "TO=s3://b/x.zip")
    assert "lib.pipeline.verify --archive s3://b/x.zip\n" in make(environment, "verify", "ARCHIVE=s3://b/x.zip")
    assert "lib.pipeline.sync pull --study tiny --force\n" in make(environment, "pull", "FORCE=1")
    assert "lib.pipeline.sync push --study tiny\n" in make(environment, "push")
    monkeypatch.delenv(paths.OUTPUTS_VARIABLE)
    assert "lib.pipeline.sync" not in make(environment, "reproduce") + make(environment, "archive")
    assert make(environment, "archive").strip().endswith(" --to outputs/tiny.zip")


def finished(folder: Path, environment: Path, since: int) -> None:
    """FAKE files in the place of all that make would make of the default study, each a little newer than the last."""
    env = os.environ | {"MAKEFLAGS": ""}
    words = ["make", "-pnq", "results", f"VENV={environment}"]
    database = subprocess.run(words, cwd=paths.ROOT, env=env, capture_output=True, text=True).stdout
    targets = set(re.findall(rf"^{re.escape(str(folder))}/(\S+?):", database, re.MULTILINE))
    order = [
        "01_",
        "problems",
        "02_",
        "updates",
        "03_",
        "traces",
        "04_",
        "continuations",
        "05_",
        "grades",
        "judge",
        "06_",
    ]
    for name in filter(mirror.mirrored, targets):
        put(folder, name, f"FAKE {name}\n")
        step = max((i for i, part in enumerate(order) if part in name), default=len(order))
        os.utime(folder / name, ns=(since + step, since + step))
    for name, text in {"interrupts": "", "positions": "", "models": " ".join(params.load_study("tiny").models)}.items():
        put(folder, f"tables/.{name}", f"{text}\n")
        os.utime(folder / f"tables/.{name}", ns=(since - 1, since - 1))


def test_after_a_pull_make_has_nothing_to_do_and_runs_all_where_the_sources_differ(environment, on, monkeypatch):
    own, hour = sharing.sources(), 3600 * 10**9
    finished(on("a").with_name("tiny"), environment, own.oldest - hour)
    assert "lib.pipeline.notebook" in make(environment, "results")  # as these sources are of a later checkout
    with monkeypatch.context() as patch:  # as on the machine that made it
        patch.setattr(sharing, "sources", lambda: Sources(own.digest, own.oldest - 3 * hour, own.oldest - 2 * hour))
        assert len(sharing.push("tiny").names) > 20
    on("b")
    sharing.pull("tiny")
    assert "lib.pipeline.notebook" not in make(environment, "results")
    on("c")
    with monkeypatch.context() as patch:
        patch.setattr(sharing, "sources", lambda: Sources("other", own.oldest, own.newest))
        sharing.pull("tiny")
    said = make(environment, "results")
    assert all(f"lib.pipeline.notebook {file.stem}" in said for file in paths.NOTEBOOKS.glob("0*.ipynb"))
