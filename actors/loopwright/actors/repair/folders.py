"""A program's folder on the worker's own disk, fetched from the bus once a process."""

import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath

import anyio

from loopwright.actors.work import StepFailed
from loopwright.bus.connection import Bus
from loopwright.bus.errors import Unreadable
from loopwright.bus.messages import FailureClass
from loopwright.tools.errors import ToolError
from loopwright.tools.workspace import unpack

type Source = Mapping[str, str] | str
"""Files by their paths, or the name of a packed folder."""


class Folders:
    """Folders that were fetched, by what is in them."""

    def __init__(self, bus: Bus, root: Path) -> None:
        self._bus = bus
        self._root = root
        self._turn = anyio.Lock()

    async def fetch(self, source: Source, beside: Mapping[str, Source] | None = None) -> Path:
        """Return a folder with the files of `source`, and in subfolders those of `beside`, by their names.

        Raises:
            StepFailed: the object store lacks one, or it cannot be unpacked safely.
        """
        laid = {"": source} | dict(beside or {})
        name = hashlib.sha256(repr([(where, str(each)) for where, each in laid.items()]).encode()).hexdigest()[:32]
        folder = self._root / name
        async with self._turn:
            if not await anyio.Path(folder).is_dir():
                fresh = Path(await anyio.to_thread.run_sync(lambda: tempfile.mkdtemp(dir=self._root)))
                try:
                    for where, each in laid.items():
                        await self._lay(each, fresh / where)
                except (Unreadable, ToolError, OSError) as error:
                    raise StepFailed(FailureClass.MISSING, f"the program cannot be laid out: {error}") from error
                await anyio.to_thread.run_sync(fresh.rename, folder)
        return folder

    async def _lay(self, source: Source, folder: Path) -> None:
        if isinstance(source, str):
            await anyio.to_thread.run_sync(unpack, await self._bus.blobs.get(source), folder)
        else:
            await anyio.to_thread.run_sync(write_files, source, folder)


def write_files(files: Mapping[str, str], folder: Path) -> None:
    """Write files below a folder; a path that leads out of it is refused.

    Raises:
        OSError: a path cannot be written.
    """
    for name, text in files.items():
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or not pure.parts:
            raise OSError(f"{name!r} is not a path below the program")
        target = folder / pure
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, newline="")


@asynccontextmanager
async def folders(bus: Bus) -> AsyncIterator[Folders]:
    """Hold fetched folders for as long as the process lives."""
    root = Path(await anyio.to_thread.run_sync(lambda: tempfile.mkdtemp(prefix="loopwright-")))
    try:
        yield Folders(bus, root)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(root, ignore_errors=True))
