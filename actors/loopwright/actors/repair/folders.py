"""A program's folder on the worker's own disk, fetched from the bus once as long as it is in use."""

import errno
import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path, PurePosixPath

import anyio

from loopwright.actors.errors import Retriable, StepFailed
from loopwright.actors.repair.shelf import Shelf
from loopwright.actors.repair.task import Source
from loopwright.bus.connection import Bus
from loopwright.bus.errors import Unreadable
from loopwright.bus.messages import FailureClass
from loopwright.tools.errors import ToolError, WorkspaceRefused
from loopwright.tools.workspace import unpack

KEPT = 12
"""Folders that one process keeps, unless more are in use."""
DISK = 3.0
"""Seconds until a step is tried again that our own disk has failed."""
NAMES = frozenset({
    None, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP, errno.EILSEQ,
})  # fmt: skip
"""What the disk says of names that cannot be: the program's fault, and no retry mends it."""


class Folders:
    """Folders that were fetched, by what is in them."""

    def __init__(self, bus: Bus, root: Path) -> None:
        self._bus = bus
        self._root = root
        self._shelf: Shelf[Path] = Shelf(KEPT)

    def hold(self, source: Source, beside: Mapping[str, Source] | None = None) -> AbstractAsyncContextManager[Path]:
        """Hold a folder with the files of `source`, and in subfolders those of `beside`, by their names.

        Raises:
            StepFailed: the object store lacks one, or it cannot be unpacked safely.
            Retriable: our own disk is the trouble, or the object store does not answer.
        """
        laid = {"": source} | dict(beside or {})
        key = hashlib.sha256(repr([(where, str(each)) for where, each in laid.items()]).encode()).hexdigest()
        return self._shelf.hold(key, partial(self._fetched, laid))

    @asynccontextmanager
    async def _fetched(self, laid: Mapping[str, Source]) -> AsyncIterator[Path]:
        try:
            bodies = {where: await self._body(each) for where, each in laid.items()}
            folder = await anyio.to_thread.run_sync(lay_out, bodies, self._root)
        except (Unreadable, ToolError, OSError) as error:
            raise failure_of(error) from error
        try:
            yield folder
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(partial(shutil.rmtree, folder, ignore_errors=True))

    async def _body(self, source: Source) -> Mapping[str, str] | bytes:
        return await self._bus.blobs.get(source) if isinstance(source, str) else source


def failure_of(error: Exception) -> StepFailed | Retriable:
    """Return what it means that a program cannot be laid out: its own fault, or that of our disk."""
    cause = error if isinstance(error, OSError) else error.__cause__
    if isinstance(cause, TimeoutError) or (isinstance(cause, OSError) and cause.errno not in NAMES):
        return Retriable(f"the program cannot be laid out now: {cause}", wait=DISK)
    return StepFailed(FailureClass.MISSING, f"the program cannot be laid out: {error}")


def lay_out(bodies: Mapping[str, Mapping[str, str] | bytes], root: Path) -> Path:
    """Return a new folder below `root` with these files and packed folders; nothing is left of one that fails.

    Raises:
        WorkspaceRefused: a path leads out of it, or an archive is none.
        OSError: a path cannot be written.
    """
    folder = Path(tempfile.mkdtemp(dir=root))
    try:
        for where, body in bodies.items():
            lay = partial(unpack, body) if isinstance(body, bytes) else partial(write_files, body)
            lay(folder / where)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def write_files(files: Mapping[str, str], folder: Path) -> None:
    """Write files below a folder.

    Raises:
        WorkspaceRefused: a path leads out of it.
        OSError: a path cannot be written.
    """
    for name, text in files.items():
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or "\0" in name or not pure.parts:
            raise WorkspaceRefused(f"{name!r} is not a path below the program")
        target = folder / pure
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, newline="")


@asynccontextmanager
async def folders(bus: Bus) -> AsyncIterator[Folders]:
    """Hold fetched folders, at most as long as the process lives."""
    root = Path(await anyio.to_thread.run_sync(lambda: tempfile.mkdtemp(prefix="loopwright-")))
    try:
        yield Folders(bus, root)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(root, ignore_errors=True))
