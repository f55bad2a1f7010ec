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
from lib.pipeline import archive, notebook, remote, sync, unpack, verify
from lib.pipeline.remote import RemoteError, Store
from lib.pipeline.sync import Sources, SyncError
from lib.pipeline.unpack import PROVENANCE
from tests.fakes import s3 as stores
from tests.fakes.study import MODEL, STUDY, write_params, write_tables

WAIT = 120  # seconds until a test gives up on what has to come
ACCURACY = "summary/accuracy.csv"


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


every_kind = pytest.mark.parametrize("url", ["s3", "file", "memory"], indirect=True)
on_disk_too = pytest.mark.parametrize("url", ["s3", "file"], indirect=True)


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
    put(folder, "tables/.interrupts", "\n")
    put(folder, ACCURACY, "model,mean\nfake-lrm,0.5\n")
    put(folder, "notebooks/06_failure_modes.failed.ipynb", "{}")
    return folder


@pytest.fixture
def pushed(study, on) -> Path:
    """Machine `b`, where the FAKE study has been pulled; the folder of its results."""
    sync.push(STUDY)
    folder = on("b")
    sync.pull(STUDY)
    return folder


def put(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def results(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and time of every file that belongs into the store."""
    names = (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    return {n: ((folder / n).read_bytes(), (folder / n).stat().st_mtime_ns) for n in names if sync.is_result(n)}


def command(what: str, study: str = STUDY) -> list[str]:
    """Run the command as a shell would; the lines of the error that it ends in."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as caught:
        patch.setattr(sys, "argv", ["sync", what, "--study", study])
        sync.main()
    return str(caught.value).splitlines()


# there and back


@every_kind
def test_what_is_pushed_is_pulled_with_the_same_bytes_and_times_and_moves_once(study, on, url, monkeypatch):
    moved, before = sync.push(STUDY), results(study)
    assert set(moved.names) == set(before) and moved.bytes == sum(len(data) for data, _ in before.values())
    assert {"tables/.interrupts", "tables/problems.parquet", ACCURACY} < set(before)
    assert any(name.startswith(f"parts/{MODEL}/") for name in before) and not any("failed" in name for name in before)
    assert Store(f"{url}/{STUDY}").names() == {*before, sync.MANIFEST}  # under their own names
    other = on("b")
    assert set(sync.pull(STUDY).names) == set(before)
    assert results(other) == before and len(tables.read("traces", STUDY, MODEL)) > 0
    for name in ("put", "write", "chunks"):
        monkeypatch.setattr(Store, name, lambda *given, **named: pytest.fail("moved"))
    for machine in ("a", "b"):
        on(machine)
        for move in (sync.push, sync.pull):
            moved = move(STUDY)
            assert (moved.names, moved.bytes, len(moved.plan.equal)) == ([], 0, len(before))


def test_what_was_removed_here_comes_again_only_when_asked_for(study):
    sync.push(STUDY)
    (study / "tables" / "problems.parquet").unlink()  # as `make clean` does, and make after a step that failed
    moved = sync.pull(STUDY, again=False)
    assert (moved.names, moved.plan.removed) == ([], ["tables/problems.parquet"])
    assert sync.push(STUDY).names == []
    assert sync.pull(STUDY).names == ["tables/problems.parquet"]


# times


def test_what_other_sources_made_is_older_than_the_sources_here_until_it_is_made_anew(study, on, tmp_path):
    sync.push(STUDY)
    (tmp_path / "params" / "failure_modes.yaml").write_text("changed: since\n")
    for machine in ("b", "c"):  # the second, as a push does not call it made from these
        folder = on(machine)
        sync.pull(STUDY)
        assert all(moment < sync.sources().oldest for _, moment in results(folder).values())
        sync.push(STUDY)
    on("a")
    for name in results(study):
        (study / name).write_bytes((study / name).read_bytes())
    assert sync.push(STUDY).names == []
    on("d")
    sync.pull(STUDY)
    assert results(on("d")) == results(study)


def test_nothing_that_comes_is_newer_than_a_table_that_has_changed_here(study, pushed, on):
    put(pushed, "tables/problems.json", '{"changed": "here"}')
    on("a")
    put(study, ACCURACY, "model,mean\nfake-lrm,0.25\n")
    sync.push(STUDY)
    on("b")
    sync.pull(STUDY)
    assert (pushed / ACCURACY).stat().st_mtime_ns < (pushed / "tables/problems.json").stat().st_mtime_ns


# two machines


def test_a_conflict_is_named_and_touched_on_neither_side_unless_forced(study, pushed, on):
    put(pushed, ACCURACY, "from b\n")
    put(pushed, "summary/own.csv", "b\n")
    sync.push(STUDY)
    on("a")
    put(study, ACCURACY, "from a, longer\n")
    for move in (sync.push, sync.pull):
        assert move(STUDY).plan.conflicts == [ACCURACY]
    assert (study / ACCURACY).read_text() == "from a, longer\n"
    assert (study / "summary/own.csv").exists()  # the rest has come
    first, second = command("push")
    assert re.fullmatch(rf"error: s3://\S+/{STUDY}/{ACCURACY}: changed here and in the store since .*", first)
    assert f"make push FORCE=1 STUDY={STUDY}" in second
    sync.pull(STUDY, force=True)
    assert (study / ACCURACY).read_text() == "from b\n"
    assert (study / sync.OWN / "replaced" / ACCURACY).read_text() == "from a, longer\n"
    put(study, ACCURACY, "from a again\n")
    sync.push(STUDY)
    on("b")
    put(pushed, ACCURACY, "b wins\n")
    assert sync.push(STUDY, force=True).names == [ACCURACY]
    on("a")
    sync.pull(STUDY)
    assert (study / ACCURACY).read_text() == "b wins\n"


def test_parts_of_two_machines_lie_side_by_side_and_so_do_their_steps(study, on):
    def ran(model: str, ended: str) -> None:
        step = {"step": "03_initial", "model": model, "started": ended, "ended": ended}
        put(paths.outputs() / STUDY, PROVENANCE, json.dumps({"steps": [step]}))

    ran("one", "2026-01-01T00:00:00Z")
    sync.push(STUDY)
    other = on("b")
    ran("two", "2026-01-02T00:00:00Z")
    with parts.open(STUDY, MODEL) as store:
        store.add(parts.Completion("1" * 32, [1, 2], "stop", 0))
    moved = sync.push(STUDY)
    assert moved.plan.conflicts == [] and len(moved.names) == 2
    sync.pull(STUDY)
    with parts.open(STUDY, MODEL) as store:
        assert set(store.completions()) == {"0" * 32, "1" * 32}
    on("a")
    sync.pull(STUDY)
    steps = json.loads((study / PROVENANCE).read_bytes())["steps"]
    assert [step["model"] for step in steps] == ["one", "two"]
    assert results(study) == results(other)


# what is not whole, or not ours

KILLED = """
import pathlib, sys, time
from lib.pipeline import sync
from lib.pipeline.remote import Store
whole, marker = Store.put, pathlib.Path(sys.argv[1])

def put(self, file, name):
    if name.endswith("traces.json"):
        with self._target(name) as target:
            if self.url.startswith("file:"):
                pathlib.Path(target).write_bytes(file.read_bytes()[:100])
            marker.write_text("now")
            time.sleep(600)  # never over: the process is killed here
    whole(self, file, name)

Store.put = put
sync.push("fake")
"""


@on_disk_too
@pytest.mark.parametrize("is_first", [True, False])
def test_a_push_that_is_killed_leaves_nothing_that_looks_finished(study, on, tmp_path, is_first):
    name = f"tables/{MODEL}/traces.json"
    if not is_first:
        sync.push(STUDY)
        put(study, name, "{}")
    marker, env = tmp_path / "marker", os.environ | {"PYTHONPATH": str(paths.ROOT)}
    with subprocess.Popen([sys.executable, "-c", KILLED, marker], env=env) as child:
        try:
            end = time.monotonic() + WAIT
            while not marker.exists() and child.poll() is None and time.monotonic() < end:
                time.sleep(0.02)
            assert marker.exists()
        finally:
            child.send_signal(signal.SIGKILL)
    other = on("b")
    assert name not in sync.pull(STUDY).names
    on("a")
    assert name in sync.push(STUDY).names
    on("b")
    sync.pull(STUDY)
    assert {n: data for n, (data, _) in results(other).items()} == {n: d for n, (d, _) in results(study).items()}


@on_disk_too
def test_only_results_of_the_manifest_are_taken_and_each_with_its_digest(study, on, url):
    sync.push(STUDY)
    store = Store(f"{url}/{STUDY}")
    content = json.loads(store.read(sync.MANIFEST))
    names = ["../evil.csv", "summary/../../evil.csv", "evil.csv", "lib/evil.py", "summary/.evil.csv", "tables/evil.py"]
    for name in names:
        content["files"][name] = content["files"][ACCURACY]
        store.write(name, (study / ACCURACY).read_bytes())
    store.write(sync.MANIFEST, json.dumps(content).encode())
    store.write("summary/evil.csv", b"in no manifest")
    other = on("b")
    assert set(sync.pull(STUDY).names) == set(results(study))
    assert not list(other.parent.parent.rglob("a/**/*evil*")) and not list(other.rglob("*evil*"))
    store.write(ACCURACY, b"x" * (study / ACCURACY).stat().st_size)
    on("c")
    with pytest.raises(SyncError, match=r"accuracy\.csv: changed while it was read, pull again$"):
        sync.pull(STUDY)
    assert not (on("c") / ACCURACY).exists()


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", '{"format": "x", "files": {}}'),
        *(
            json.dumps({"format": "midthought store 2", "files": {"a": {"bytes": 1, "sha256": "0" * 64} | version}})
            for version in ({}, {"mtime_ns": "1"}, {"mtime_ns": 2**63}, {"mtime_ns": 1, "sha256": "../x"})
        ),
    ],
)
def test_a_manifest_that_is_none_is_an_error(study, text):
    Store(f"{paths.store()}/{STUDY}").write(sync.MANIFEST, text.encode())
    with pytest.raises(SyncError, match=rf"^s3://\S+/{sync.MANIFEST}: not readable .*, expected a manifest"):
        sync.pull(STUDY)


def test_a_store_that_fails_for_a_moment_is_asked_again(study, on, server):
    stores.fail(server, "PUT", "GET", "GET")
    sync.push(STUDY)
    other = on("b")
    stores.fail(server, "GET")
    sync.pull(STUDY)
    assert stores.fail(server) == [] and results(other) == results(study)


def test_secrets_and_paths_of_this_machine_stay_here(study, url, monkeypatch):
    put(study, "summary/path.csv", f"saved in {paths.ROOT}/outputs\n")
    put(study, "notebooks/01_load.ipynb", f"key {stores.KEYS['AWS_SECRET_ACCESS_KEY']}\n")
    lines = command("push")
    assert lines == [
        "error: notebooks/01_load.ipynb: line 1: a secret of this machine's environment; it was not put there",
        "error: summary/path.csv: line 1: a folder of this machine; it was not put there",
    ]
    store = Store(f"{url}/{STUDY}")
    contents = [store.read(name) for name in store.names()]
    assert len(contents) > 5
    assert not any(secret.encode() in data for data in contents for secret in stores.KEYS.values())


# a step of a run


def test_parts_go_while_a_step_runs_and_the_rest_when_it_ended_well(study, url, capsys, monkeypatch):
    store = Store(f"{url}/{STUDY}")
    with pytest.raises(KeyError), sync.kept(STUDY, seconds=0.05):
        end = time.monotonic() + WAIT
        while sync.MANIFEST not in store.names() and time.monotonic() < end:
            time.sleep(0.05)
        raise KeyError("a cell failed")
    names = set(filter(sync.is_result, store.names()))
    assert names and all(name.startswith("parts/") for name in names)
    monkeypatch.setattr(sys, "argv", ["notebook", "01_load", "--study", STUDY])
    monkeypatch.setattr(notebook.preflight, "check", lambda *given, **named: [])  # its model is no folder
    monkeypatch.setattr(notebook, "execute", lambda *given, **named: put(study, "summary/new.csv", "FAKE\n"))
    notebook.main()
    assert set(filter(sync.is_result, store.names())) == set(results(study)) > {"summary/new.csv"}
    line = capsys.readouterr().err.splitlines()[-2]
    assert re.fullmatch(rf"{url}/{STUDY}: \d+ files \(\d+\.\d MiB\) put there, \d+ were equal", line)


def test_a_store_that_fails_fails_no_step(study, monkeypatch, capsys):
    monkeypatch.setenv(paths.OUTPUTS_VARIABLE, "s3://no-such-bucket-here/results")
    with sync.kept(STUDY):
        pass
    lines = set(capsys.readouterr().err.splitlines())
    assert len(lines) == 1 and "no such bucket" in lines.pop()


# what cannot be


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("s3://no-such-bucket-here/x", "no such bucket or file"),
        ("nowhere://bucket/x", "expected a kind of store that fsspec knows"),
        ("s3:///", "names no bucket"),
        ("s3:// bucket/x", "expected a URL"),
        ("s3://bucket/../x", "expected a URL"),
        ("s3://ada:lovelace-0001@bucket/x", "expected a URL"),
        ("s3://bucket/x?signature=lovelace-0001", "expected a URL"),
        ("simplecache::s3://bucket/x", "expected a URL"),
        ("a/folder", "MIDTHOUGHT_OUTPUTS: expected a URL such as s3://bucket/folder"),
    ],
)
def test_a_wrong_place_is_an_error_of_one_line(s3, monkeypatch, tmp_path, place, message):
    monkeypatch.setenv(paths.OUTPUTS_VARIABLE, place)
    monkeypatch.setenv(paths.COPY_VARIABLE, str(tmp_path))
    for what in ("pull", "push"):
        (line,) = command(what, "tiny")
        assert line.startswith("error: ") and message in line and "lovelace" not in line


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, r"not reachable \(.*127\.0\.0\.1:1.*\)$"),
        (dict.fromkeys(stores.KEYS), "no credentials .* expected AWS_ACCESS_KEY_ID and"),
    ],
)
def test_no_server_and_no_keys_are_an_error_of_one_line(study, monkeypatch, changes, message):
    stores.forget()  # so that connections are made anew, with the environment as it is now
    for name, value in {"AWS_MAX_ATTEMPTS": "1", **changes}.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    with pytest.raises(RemoteError, match=rf"^s3://\S+: {message}"):
        sync.push(STUDY)
    stores.forget()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError("Access Denied for FAKE-KEY-ID-0001"), "not permitted (Access Denied for …)"),
        (RuntimeError("bad\nFAKE-SECRET-0001 http://a:b@h/x?X-Amz-Signature=abc"), "RuntimeError: bad … http://h/x"),
    ],
)
def test_the_message_of_a_package_is_one_line_without_secrets(s3, monkeypatch, error, message):
    store = Store(s3)
    monkeypatch.setattr(store._fs, "find", lambda *given, **named: (_ for _ in ()).throw(error))
    with pytest.raises(RemoteError) as caught:
        store.names()
    assert str(caught.value) == f"{s3}: {message}"


def test_a_missing_package_is_named_with_the_extra_that_brings_it(s3, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "s3fs", None)  # what an import of a package that is not installed meets
        patch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
        with pytest.raises(RemoteError, match=r"a package is missing, which comes with the extra `s3` of this proj"):
            Store(s3)


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
    to, here = f"{s3}/archives/fake.zip", tmp_path / "fake.zip"
    archive.pack(STUDY, here)
    monkeypatch.setattr(sys, "argv", ["archive", "--study", STUDY, "--to", to])
    archive.main()
    name, digest = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"fake\.zip: \d+ files, \d+\.\d MiB, put to {to}", name)
    remote.fetch(to, tmp_path / "back.zip", 2**30)
    assert (tmp_path / "back.zip").read_bytes() == here.read_bytes()
    assert digest == f"sha256 {unpack.checksum(here.read_bytes())}"
    monkeypatch.setattr(sys, "argv", ["verify", "--archive", to, "--checksums"])
    verify.main()
    assert re.match(r"fake\.zip: \d+ files as the manifest of study fake has them", capsys.readouterr().out)


def test_an_archive_from_a_store_is_fetched_no_further_than_allowed(s3, tmp_path, monkeypatch):
    Store(s3).write("bomb.zip", bytes(5000))
    with pytest.raises(RemoteError, match=r"bomb\.zip: larger than expected, 5,000 bytes of 4,000 at most$"):
        remote.fetch(f"{s3}/bomb.zip", tmp_path / "bomb.zip", 4000)
    monkeypatch.setattr(Store, "size", lambda self, name: 10)  # FAKE: a store that lies about it
    with pytest.raises(RemoteError, match=r"bomb\.zip: larger than expected"):
        remote.fetch(f"{s3}/bomb.zip", tmp_path / "bomb.zip", 4000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("{s3}/none.zip", "no such bucket or file"),
        ("{s3}/torn.zip", "no zip file, or cut short"),
        ("s3://bucket", "names no file"),
        ("s3://key:lovelace-0001@bucket/x.zip", "expected a URL"),
    ],
)
def test_a_wrong_archive_in_a_store_is_an_error_of_one_line(s3, monkeypatch, place, message):
    Store(s3).write("torn.zip", b"PK\3\4 and no more")
    monkeypatch.setattr(sys, "argv", ["verify", "--archive", place.format(s3=s3)])
    with pytest.raises(SystemExit) as caught:
        verify.main()
    (line,) = str(caught.value).splitlines()
    assert line.startswith("error: ") and message in line and "lovelace" not in line


# make


@pytest.fixture
def environment(tmp_path) -> Path:
    """A FAKE environment for make, whose Python reads studies, and prints what else it is asked to do."""
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    python = tmp_path / "venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\ncase "$2" in lib.pipeline.graph) exec {sys.executable} "$@";; esac\necho "ran $*"\n')
    python.chmod(0o755)
    (tmp_path / "venv" / ".installed-cpu").write_text("")
    return tmp_path / "venv"


def make(environment: Path, *words: str) -> str:
    """What make would do, or, of lines that call make again, what it does with that Python."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "-n", *words, f"VENV={environment}"], cwd=paths.ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_make_pulls_runs_on_the_working_copy_and_pushes(environment, on, url, monkeypatch):
    copy = on("a").parent
    lines = make(environment, "reproduce").splitlines()
    ran = [line.split("-m ", 1)[1] for line in lines if " -m lib." in line]
    assert ran[0] == "lib.pipeline.sync pull --new --study 'tiny'"
    assert ran[-2:] == ["lib.pipeline.sync push --study 'tiny'", "lib.pipeline.notebook --report --study 'tiny'"]
    assert len([line for line in ran if line.startswith("lib.pipeline.notebook 0")]) > 6
    assert f"{copy}/tiny/tables/.models" in "\n".join(lines)
    for words, line in [
        (["archive", "TO=s3://b/x.zip"], "archive --study 'tiny' --to 's3://b/x.zip'\n"),
        (["verify", "ARCHIVE=s3://b/x.zip"], "lib.pipeline.verify --archive 's3://b/x.zip'\n"),
        (["pull", "FORCE=1"], "lib.pipeline.sync pull --study 'tiny' --force\n"),
        (["push"], "lib.pipeline.sync push --study 'tiny'\n"),
    ]:
        assert line in make(environment, *words)
    monkeypatch.delenv(paths.COPY_VARIABLE)
    assert f"{paths.outputs()}/tiny/tables/.models" in make(environment, "reproduce")
    monkeypatch.delenv(paths.OUTPUTS_VARIABLE)
    assert "lib.pipeline.sync" not in make(environment, "reproduce") + make(environment, "archive")


def write_targets(folder: Path, environment: Path, since: int) -> None:
    """FAKE files in the place of all that make would make of the default study, each a little newer than the last."""
    words = ["make", "-pnq", "results", f"VENV={environment}"]
    env = os.environ | {"MAKEFLAGS": ""}
    database = subprocess.run(words, cwd=paths.ROOT, env=env, capture_output=True, text=True).stdout
    targets = set(re.findall(rf"^{re.escape(str(folder))}/(\S+?):", database, re.MULTILINE))
    order = ["01_", "problems", "02_", "updates", "03_", "traces", "04_", "continuations"]
    order += ["05_", "grades", "labels", "judge", "06_"]
    for name in filter(sync.is_result, targets):
        put(folder, name, f"FAKE {name}\n")
        step = max((i for i, part in enumerate(order) if part in name), default=len(order))
        os.utime(folder / name, ns=(since + step, since + step))
    for name, text in {"interrupts": "", "positions": "", "models": " ".join(params.load_study("tiny").models)}.items():
        put(folder, f"tables/.{name}", f"{text}\n")
        os.utime(folder / f"tables/.{name}", ns=(since - 1, since - 1))


def test_after_a_pull_make_has_nothing_to_do_and_runs_all_where_the_sources_differ(environment, on, monkeypatch):
    own, hour = sync.sources(), 3600 * 10**9
    write_targets(on("a").with_name("tiny"), environment, own.oldest - hour)
    monkeypatch.setattr(sync.leaks, "faults", lambda name, file: [])  # as these tables are none
    assert "lib.pipeline.notebook" in make(environment, "results")  # as these sources are of a later checkout
    with monkeypatch.context() as patch:  # as on the machine that made it
        patch.setattr(sync, "sources", lambda: Sources(own.digest, own.oldest - 3 * hour, own.oldest - 2 * hour))
        assert len(sync.push("tiny").names) > 20
    on("b")
    sync.pull("tiny")
    assert "lib.pipeline.notebook" not in make(environment, "results")
    on("c")
    with monkeypatch.context() as patch:
        patch.setattr(sync, "sources", lambda: Sources("other", own.oldest, own.newest))
        sync.pull("tiny")
    lines = make(environment, "results")
    assert all(f"lib.pipeline.notebook {file.stem}" in lines for file in paths.NOTEBOOKS.glob("0*.ipynb"))
