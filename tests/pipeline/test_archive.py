"""Archives of a FAKE study: equal bytes, nothing of this machine in them, nothing damaged or hostile unpacked."""

import io
import json
import stat
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from lib import paths
from lib.pipeline import archive, leaks, unpack
from lib.pipeline.archive import ArchiveError
from lib.pipeline.unpack import FORMAT, MANIFEST, UnpackError, checksum
from tests.fakes.study import MODEL, STUDY, write_params, write_tables


@pytest.fixture
def fake(tmp_path, monkeypatch) -> Path:
    """The outputs of the FAKE study; its parameters stand in the place of the project's."""
    monkeypatch.setattr(paths, "PARAMS", tmp_path / "params")
    monkeypatch.setenv(paths.OUTPUTS_VARIABLE, str(tmp_path / "outputs"))
    write_params(tmp_path / "params")
    write_tables()
    folder = tmp_path / "outputs" / STUDY
    (folder / "summary").mkdir()
    (folder / "summary" / "accuracy.csv").write_text("model,mean\nfake-lrm,0.5\n")
    return folder


def test_an_archive_holds_what_is_needed_and_unpacks_to_the_same_files(fake, tmp_path):
    (fake / "notebooks").mkdir()
    (fake / "notebooks" / "06_failure_modes.failed.ipynb").write_text("{}")
    (fake / "tables" / ".models").write_text("x")
    held = archive.pack(STUDY, tmp_path / "a.zip")
    expected = {
        *(f"params/studies/{STUDY}.yaml", f"params/models/{MODEL}.yaml", "params/failure_modes.yaml"),
        *("params/interrupts/end_thinking.yaml", "params/interrupts/speed_up.yaml"),
        *(f"params/published/{file.name}" for file in (paths.ROOT / "params" / "published").iterdir()),
        *(f"outputs/{STUDY}/tables/{name}.{end}" for name in ("problems", "updates") for end in ("parquet", "json")),
        *(f"outputs/{STUDY}/tables/{MODEL}/{name}.parquet" for name in ("traces", "continuations")),
        *(f"outputs/{STUDY}/tables/{MODEL}/{name}.json" for name in ("traces", "continuations")),
        f"outputs/{STUDY}/summary/accuracy.csv",
    }
    parts = {name for name in held if name.startswith(f"outputs/{STUDY}/parts/{MODEL}/")}
    assert set(held) == expected | parts and len(parts) == 1
    manifest = unpack.unpack(tmp_path / "a.zip", tmp_path / "unpacked")
    assert manifest["study"] == STUDY and set(manifest["members"]) == set(held)
    for name, file in held.items():
        assert (tmp_path / "unpacked" / name).read_bytes() == file.read_bytes()
    assert len(list((tmp_path / "unpacked").rglob("*.*"))) == len(held)


def test_each_kind_of_file_that_is_packed_is_unpacked_too(fake, tmp_path):
    names = {f"{folder}/one{ending}" for folder, endings in unpack.RESULTS.items() for ending in endings}
    for file in (fake / name for name in names):
        file.parent.mkdir(exist_ok=True)
        is_table = file.suffix == ".parquet"
        file.write_bytes((fake / "tables" / "problems.parquet").read_bytes() if is_table else b"1")
    archive.pack(STUDY, tmp_path / "a.zip")
    assert {f"outputs/{STUDY}/{name}" for name in names} < set(unpack.unpack(tmp_path / "a.zip")["members"])


def test_equal_files_give_equal_bytes(fake, tmp_path):
    for name in ("a.zip", "b.zip"):
        archive.pack(STUDY, tmp_path / name)
        for file in fake.rglob("*.csv"):
            file.write_bytes(file.read_bytes())  # another time of change
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_missing_table_is_told_with_the_notebook_that_makes_it(fake, tmp_path):
    (fake / "tables" / MODEL / "traces.parquet").unlink()
    with pytest.raises(ArchiveError, match=r"fake-lrm/traces.parquet: no such table, run 03_initial first"):
        archive.pack(STUDY, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a\nsaved in {root}/outputs\n", "line 2: a folder of this machine"),
        ("key sk-abcdefghijklmnopqrstuvwx\n", "line 1: what looks like a secret key"),
        ("http://ada:lovelace@host/v1\n", "line 1: what looks like a secret key"),
        ("-----BEGIN RSA PRIVATE KEY-----\n", "line 1: what looks like a secret key"),
        ("x open-sesame-1234 y\n", "line 1: a secret of this machine's environment"),
    ],
)
def test_what_must_not_leave_is_told_and_nothing_is_written(fake, tmp_path, monkeypatch, text, told):
    monkeypatch.setenv("SOME_API_KEY", "open-sesame-1234")
    (fake / "summary" / "accuracy.csv").write_text(text.format(root=paths.ROOT))
    with pytest.raises(ArchiveError) as caught:
        archive.pack(STUDY, tmp_path / "a.zip")
    assert str(caught.value) == f"outputs/{STUDY}/summary/accuracy.csv: {told}"
    assert "sesame" not in str(caught.value) and not (tmp_path / "a.zip").exists()


def test_secrets_in_a_table_are_found(fake, tmp_path, monkeypatch):
    assert leaks.faults("t", fake / "tables" / "problems.parquet") == []
    monkeypatch.setenv("SOME_TOKEN", "FAKE: how many?")
    told = leaks.faults("t", fake / "tables" / "problems.parquet")
    assert told == ["t: column problem, row number 0: a secret of this machine's environment"]


@pytest.mark.parametrize("path", ["/data/models/x", "~/models/x", "C:\\models\\x"])
def test_a_model_of_this_machine_alone_is_not_archived(tmp_path, path):
    file = tmp_path / "m.yaml"
    file.write_text(f"title: m\npath: {path}\n")
    assert leaks.faults("m.yaml", file) == ["m.yaml: path: an absolute path, expected one relative to the repository"]


def test_a_link_among_the_results_is_refused(fake, tmp_path):
    (tmp_path / "elsewhere.csv").write_text("secret\n")
    (fake / "summary" / "more.csv").symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(ArchiveError, match=r"summary/more.csv: a link, expected a file of its own"):
        archive.pack(STUDY, tmp_path / "a.zip")


# what is damaged or hostile

GOOD = {"params/studies/fake.yaml": b"title: FAKE\n", "outputs/fake/summary/a.csv": b"a,b\n1,2\n" * 50}
EVIL, LINK = "outputs/fake/evil.csv", stat.S_IFLNK | 0o777


def made(
    file: Path, members: dict[str, bytes], listed: dict[str, bytes] | None = None, kinds: dict | None = None
) -> Path:
    """An archive of `members` whose manifest tells of `listed`; `kinds` are modes of those that are no plain files."""
    told = {name: {"bytes": len(data), "sha256": checksum(data)} for name, data in (listed or members).items()}
    manifest = {"format": FORMAT, "study": "fake", "code": {}, "members": told, "provenance": []}
    with zipfile.ZipFile(file, "w") as packed:
        for name, data in {**members, MANIFEST: json.dumps(manifest).encode()}.items():
            entry = zipfile.ZipInfo(name)
            entry.filename = name  # as it is: ZipInfo cuts at a null and turns separators
            entry.external_attr = (kinds or {}).get(name, stat.S_IFREG | 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, data)
    return file


def faults(file: Path, tmp_path: Path) -> list[str]:
    """What is told of an archive, after a look that nothing was written anywhere."""
    folder = tmp_path / "in" / "unpacked"
    with pytest.raises(UnpackError) as caught:
        unpack.unpack(file, folder)
    assert not folder.exists() and not list(tmp_path.rglob("evil*"))
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{file.name}: ") for line in lines)
    return [line.removeprefix(f"{file.name}: ") for line in lines]


@pytest.mark.parametrize(
    "name",
    [
        *("../evil.csv", "outputs/../../evil.csv", "/evil.csv", "outputs//evil.csv", "outputs/./evil.csv"),
        *("..\\evil.csv", "outputs\\..\\evil.csv", "C:/evil.csv", "outputs/C:evil.csv", "lib/evil.csv"),
        *("evil.csv", "outputs/.evil.csv", "params/.ssh/evil.csv", "outputs/evil\n.csv", "notebooks/evil.ipynb"),
    ],
)
def test_a_member_that_would_lie_outside_is_refused(tmp_path, name):
    told = faults(made(tmp_path / "a.zip", {**GOOD, name: b"x"}), tmp_path)
    assert any("would lie outside" in line for line in told)


@pytest.mark.parametrize(
    ("members", "listed", "fault"),
    [
        ({}, {"params/x.yaml": b"1"}, "params/x.yaml: missing, though the manifest lists it"),
        ({"params/x.yaml": b"1"}, {}, "params/x.yaml: not in the manifest"),
        ({"params/x.yaml": b"1"}, {"params/x.yaml": b"2"}, "params/x.yaml: altered, its SHA-256 is not the manifest's"),
        ({"params/x.yaml": b"12"}, {"params/x.yaml": b"1"}, "altered, not the 1 bytes that the manifest tells"),
        ({"params/x.yaml": b"1"}, {"params/x.yaml": b"1", "../evil": b""}, "listed in the manifest"),
        ({"params/x.yaml": b"1", "params/X.yaml": b"1"}, None, "params/x.yaml: differs from another only in capitals"),
        ({EVIL: b"/etc/passwd"}, None, f"{EVIL}: a link or folder, expected a file"),
        ({"params/models/evil.bin": b"x"}, None, "evil.bin: not a kind of file that an archive holds"),
        ({"outputs/fake/evil": b"x"}, None, "evil: not a kind of file that an archive holds"),
    ],
)
def test_members_and_manifest_must_agree(tmp_path, members, listed, fault):
    file = made(tmp_path / "a.zip", {**GOOD, **members}, None if listed is None else {**GOOD, **listed}, {EVIL: LINK})
    assert any(fault in line for line in faults(file, tmp_path))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_every_fault_has_a_line(tmp_path):
    file = made(tmp_path / "a.zip", GOOD, {name: data[::-1] for name, data in GOOD.items()})
    assert sorted(line.split(":")[0] for line in faults(file, tmp_path)) == sorted(GOOD)
    with zipfile.ZipFile(file, "a") as packed:
        packed.writestr("params/studies/fake.yaml", b"allow_unsafe: true\n")
    assert "params/studies/fake.yaml: stands twice" in faults(file, tmp_path)


def test_wherever_an_archive_is_cut_or_a_byte_changed_it_is_told_in_a_line(tmp_path):
    whole = made(tmp_path / "whole.zip", GOOD).read_bytes()
    file = tmp_path / "a.zip"
    for place in range(0, len(whole), 7):
        file.write_bytes(whole[:place])
        assert len(faults(file, tmp_path)) >= 1
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :])
        try:
            manifest = unpack.unpack(file)
        except UnpackError:
            continue
        with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as packed:  # times and the like hold nothing that counts
            assert {name: packed.read(name) for name in manifest["members"]} == GOOD


@pytest.mark.parametrize(
    "manifest",
    [
        *(b"", b"[]", b"{", b"null", b'{"members": []}', b'{"members": {"a": 1}}', b"\xff"),
        b'{"format": "midthought archive 1", "study": "../evil", "members": {}}',
        b'{"format": "another", "study": "fake", "members": {}}',
        None,
    ],
)
def test_an_unsound_manifest_is_told_in_a_line(tmp_path, manifest):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr(MANIFEST if manifest is not None else "x", manifest or b"")
    (line,) = faults(tmp_path / "a.zip", tmp_path)
    assert line.startswith(f"{MANIFEST}: {'not readable' if manifest is not None else 'found 0 times'}")
    assert faults(tmp_path / "b.zip", tmp_path) == ["No such file or directory"]


@pytest.mark.parametrize(
    ("members", "listed", "manifest", "fault"),
    [
        ({EVIL: bytes(2**25)}, {EVIL: b"0"}, None, f"{EVIL}: altered, not the 1 bytes that the manifest tells"),
        ({EVIL: bytes(2**25)}, {EVIL: bytes(2**25)}, None, f"{EVIL}: 33,554,432 bytes packed in"),
        ({EVIL: b"[]," * 2**24}, {EVIL: b"[]," * 2**24}, None, f"{EVIL}: 50,331,648 bytes packed in"),
        ({}, {}, b"[" + b"[]," * 2**22 + b"0]", f"{MANIFEST}: not readable (12,582,915 bytes, packed in"),
        ({}, {}, b" " * 2**22 + b"{}", f"{MANIFEST}: not readable (4,194,306 bytes, packed in"),
        ({}, {}, b"[" * 100_000, f"{MANIFEST}: not readable ("),
        ({}, {}, {"code": [1]}, f"{MANIFEST}: not readable ("),
        ({}, {}, {"code": {"version": "9" * 10**6}}, f"{MANIFEST}: not readable, expected"),
        ({}, {}, {"code": {"commit": {"a": 1}}}, f"{MANIFEST}: not readable, expected"),
        ({}, {}, {"study": "a\x1b[31m"}, f"{MANIFEST}: not readable, expected"),
        ({}, {}, {"study": "s" * 10**5}, f"{MANIFEST}: not readable, expected"),
        ({}, {}, {"members": {"params/x.yaml": {"bytes": True, "sha256": "0" * 64}}}, f"{MANIFEST}: not readable, exp"),
        ({}, {}, {"members": {"params/x.yaml": {"bytes": -1, "sha256": "0" * 64}}}, f"{MANIFEST}: not readable, exp"),
        ({}, {}, {"members": {"params/x.yaml": {"bytes": 1, "sha256": 7}}}, f"{MANIFEST}: not readable ("),
    ],
)
def test_an_archive_is_read_in_bounded_memory_and_its_manifest_checked(tmp_path, members, listed, manifest, fault):
    file = made(tmp_path / "a.zip", {**GOOD, **members}, {**GOOD, **listed})
    if manifest is not None:
        with zipfile.ZipFile(file) as packed:
            held = {name: packed.read(name) for name in packed.namelist()}
        if isinstance(manifest, dict):
            manifest = json.dumps(json.loads(held[MANIFEST]) | manifest).encode()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, data in {**held, MANIFEST: manifest}.items():
                packed.writestr(name, data)
    del members, listed, manifest
    tracemalloc.start()
    (line,) = faults(file, tmp_path)
    assert line.startswith(fault) and tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
