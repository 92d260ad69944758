import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from loopwright.tools import workspace
from loopwright.tools.errors import WorkspaceRefused


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "program"
    (made / "pkg").mkdir(parents=True)
    (made / "pkg" / "core.py").write_bytes(b"x = 1\r\n")
    (made / "test_core.py").write_text("def test(): pass\n")
    (made / "run.sh").write_text("#!/bin/sh\n")
    (made / "run.sh").chmod(0o755)
    return made


def names(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.getnames()


def test_what_is_packed_is_unpacked(folder: Path, tmp_path: Path) -> None:
    workspace.unpack(workspace.pack(folder), tmp_path / "copy")
    assert (tmp_path / "copy/pkg/core.py").read_bytes() == b"x = 1\r\n"
    assert os.access(tmp_path / "copy/run.sh", os.X_OK)
    assert not os.access(tmp_path / "copy/test_core.py", os.X_OK)


def test_equal_folders_make_equal_bytes(folder: Path) -> None:
    first = workspace.pack(folder)
    os.utime(folder / "run.sh", (1, 1))
    (folder / "test_core.py").chmod(0o600)
    assert workspace.pack(folder) == first


def test_what_is_not_the_program_is_left_out(folder: Path) -> None:
    for name in (".git/config", ".venv/bin/python", "pkg/__pycache__/core.pyc", "node_modules/a.js", "acceptance/t.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    (folder / "pkg/old.pyc").write_text("")
    assert names(workspace.pack(folder, ["acceptance/"])) == ["pkg", "pkg/core.py", "run.sh", "test_core.py"]


def test_a_link_to_a_file_of_the_program_is_a_copy(folder: Path, tmp_path: Path) -> None:
    (folder / "link.py").symlink_to("pkg/core.py")
    (folder / "dangling").symlink_to("nothing")
    (folder / "loop").symlink_to("loop")
    workspace.unpack(workspace.pack(folder), tmp_path / "copy")
    assert (tmp_path / "copy/link.py").read_bytes() == b"x = 1\r\n"
    assert not (tmp_path / "copy/link.py").is_symlink()
    assert not (tmp_path / "copy/dangling").exists()


def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("")
    (folder / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(WorkspaceRefused, match="link is a link that leads out of the folder"):
        workspace.pack(folder)


def test_a_link_to_a_folder_is_refused(folder: Path) -> None:
    (folder / "link").symlink_to("pkg")
    with pytest.raises(WorkspaceRefused, match="link is a link to a folder"):
        workspace.pack(folder)


def test_a_pipe_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(WorkspaceRefused, match="pipe is neither a file nor a folder"):
        workspace.pack(folder)


def test_a_name_that_is_not_utf8_is_refused(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.py")).write_text("")
    with pytest.raises(WorkspaceRefused, match="is not UTF-8"):
        workspace.pack(folder)


def test_a_folder_that_is_too_large_is_refused(folder: Path) -> None:
    with (folder / "large").open("wb") as large:
        large.truncate(workspace.LIMIT)
    with pytest.raises(WorkspaceRefused, match="holds more than 20 MB"):
        workspace.pack(folder)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceRefused, match="is not a folder"):
        workspace.pack(tmp_path / "nothing")


def archive(*members: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return buffer.getvalue()


def member(name: str, **facts: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for fact, value in facts.items():
        setattr(info, fact, value)
    return info


@pytest.mark.parametrize(
    "hostile",
    [
        member("../out"),
        member("/out"),
        member("a/../../out"),
        member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("hard", type=tarfile.LNKTYPE, linkname="other"),
        member("device", type=tarfile.CHRTYPE),
        member("pipe", type=tarfile.FIFOTYPE),
    ],
    ids=lambda info: info.name,
)
def test_a_hostile_archive_is_refused(tmp_path: Path, hostile: tarfile.TarInfo) -> None:
    with pytest.raises(WorkspaceRefused):
        workspace.unpack(archive(hostile), tmp_path / "copy")
    assert not (tmp_path / "out").exists()


def test_an_archive_that_swells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceRefused, match="holds more than 20 MB"):
        workspace.unpack(archive(member("large", size=workspace.LIMIT + 1)), tmp_path / "copy")
    assert not (tmp_path / "copy/large").exists()


@pytest.mark.parametrize("rubbish", [b"", b"rubbish", gzip.compress(b"rubbish" * 100, mtime=0), b"\x1f\x8b\x08"])
def test_what_is_no_archive_is_refused(tmp_path: Path, rubbish: bytes) -> None:
    with pytest.raises(WorkspaceRefused, match="cannot be unpacked"):
        workspace.unpack(rubbish, tmp_path / "copy")


def test_sources_are_the_programs_own_files(folder: Path) -> None:
    (folder / "bad.py").write_bytes(b"\xff\xfe")
    (folder / "tests").mkdir()
    (folder / "tests/helper.py").write_text("")
    assert workspace.sources(folder) == {"pkg/core.py": "x = 1\r\n"}


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        ("test_a.py", True),
        ("a_test.py", True),
        ("conftest.py", True),
        ("tests/helper.py", True),
        ("pkg/tests/deep/x.py", True),
        ("testing.py", False),
        ("contest.py", False),
        ("latest/x.py", False),
    ],
)
def test_tests_are_known_by_their_names(path: str, verdict: bool) -> None:
    assert workspace.is_test(path) is verdict


def test_a_repair_is_written_with_encoding_line_ends_and_mode(folder: Path) -> None:
    (folder / "old.py").write_bytes(b"# coding: latin-1\r\nx = '\xe9'\r\n")
    (folder / "old.py").chmod(0o640)
    before = workspace.sources(folder)
    after = {"old.py": before["old.py"].replace("x", "y"), "new/file.py": "z = 1\n"}
    workspace.apply_to_folder(folder, before, after)
    assert (folder / "old.py").read_bytes() == b"# coding: latin-1\r\ny = '\xe9'\r\n"
    assert (folder / "old.py").stat().st_mode & 0o777 == 0o640
    assert (folder / "new/file.py").read_text() == "z = 1\n"
    assert not list(folder.glob(".loopwright*"))


def test_nothing_is_written_when_a_file_has_changed_meanwhile(folder: Path) -> None:
    (folder / "other.py").write_text("a = 1\n")
    before = workspace.sources(folder)
    (folder / "other.py").write_text("a = 2\n")
    with pytest.raises(WorkspaceRefused, match=r"other\.py has changed since it was read"):
        workspace.apply_to_folder(folder, before, {"pkg/core.py": "x = 9\n", "other.py": "a = 3\n"})
    assert (folder / "pkg/core.py").read_bytes() == b"x = 1\r\n"


@pytest.mark.parametrize("name", ["../out.py", "/out.py", "link/out.py"])
def test_a_repair_stays_in_the_folder(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(WorkspaceRefused, match="leads out of the program's folder"):
        workspace.apply_to_folder(folder, {}, {name: "x\n"})
    assert not (tmp_path / "out.py").exists()
