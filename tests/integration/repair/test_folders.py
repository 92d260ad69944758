"""Fetched folders: the last dozen stay, nothing of a failed one does, and a full disk is nobody's fault."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from loopwright.actors.errors import Retriable, StepFailed
from loopwright.actors.repair.folders import KEPT, Folders, folders
from loopwright.bus import Bus
from loopwright.bus.messages import FailureClass
from loopwright.tools.workspace import pack


def program(number: int) -> dict[str, str]:
    return {"deep/program.py": f"x = {number}\n"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def inside(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_only_the_last_dozen_folders_stay_and_those_in_use(bus: Bus, root: Path) -> None:
    held = Folders(bus, root)
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(held.hold(program(0)))
        for number in range(1, KEPT + 5):
            async with held.hold(program(number)) as folder:
                assert (folder / "deep/program.py").read_text() == f"x = {number}\n"
        assert first.is_dir()
        assert len(inside(root)) == KEPT
        async with held.hold(program(0)) as again:
            assert again == first


async def test_a_packed_folder_lies_beside_files_and_all_of_it_goes_in_the_end(bus: Bus, root: Path) -> None:
    (root / "test_it.py").write_text("def test(): pass\n")
    name = await bus.blobs.put(pack(root))
    async with folders(bus) as held, held.hold(program(1), {"hidden": name}) as folder:
        found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.py"))
    assert found == ["deep/program.py", "hidden/test_it.py"]
    assert not folder.exists()


@pytest.mark.parametrize("path", ["../out.py", "/etc/out.py", "a/../../out.py", "nul\0.py", "p.py/below.py", "x" * 300])
async def test_a_path_that_cannot_be_is_the_programs_fault_and_leaves_nothing(bus: Bus, root: Path, path: str) -> None:
    with pytest.raises(StepFailed, match="cannot be laid out") as caught:
        async with Folders(bus, root).hold({"p.py": "x = 1\n", path: ""}):
            pass
    assert caught.value.failure.kind is FailureClass.MISSING
    assert inside(root) == []


async def test_an_archive_that_is_none_is_the_programs_fault(bus: Bus, root: Path) -> None:
    name = await bus.blobs.put(b"no archive")
    with pytest.raises(StepFailed, match="cannot be laid out"):
        async with Folders(bus, root).hold(name):
            pass
    assert inside(root) == []


async def test_when_our_own_disk_fails_the_step_is_tried_again(bus: Bus, root: Path) -> None:
    with pytest.raises(Retriable, match="now") as caught:
        async with Folders(bus, root / "gone").hold(program(1)):
            pass
    assert caught.value.wait >= 1
