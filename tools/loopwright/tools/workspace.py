"""A program's folder: packed for travel, unpacked safely, its sources read, and a repair written back."""

import gzip
import io
import os
import stat
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from loopwright.tools.errors import WorkspaceRefused
from loopwright.tools.sourcetext import decode, encode, unified_diff

__all__ = ["apply_to_folder", "is_test", "members", "pack", "sources", "texts", "unified_diff", "unpack"]

LIMIT = 20 << 20
"""How many bytes the files of a program may hold, all together."""
MANY = 20_000
"""How many files and folders it may have."""

LEFT_OUT = frozenset({
    ".git", ".hg", ".svn", ".venv", "venv", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox",
    ".nox", ".hypothesis", "node_modules", ".loopwright",
})  # fmt: skip
"""Folders that are not the program."""


def is_test(path: str) -> bool:
    """Tell whether a file, named relative to the program, belongs to its tests."""
    pure = PurePosixPath(path)
    named = pure.name.startswith("test_") or pure.stem.endswith("_test") or pure.name in ("conftest.py", "tests.py")
    return named or any(part in ("test", "tests") for part in pure.parts[:-1])


def members(folder: Path, exclude: Sequence[str] = ()) -> Iterator[tuple[str, Path]]:
    """Yield the name and path of every file and folder of the program, sorted by name.

    A link to a file of the program counts as a copy of it; one that leads nowhere is left out. `exclude` names
    files and subfolders, relative to `folder`, that are left out too.

    Raises:
        WorkspaceRefused: there is something that is no file or folder, a link that leads out of the folder or to
            a folder, or a name that is not UTF-8; or `folder` is no folder.
    """
    if not folder.is_dir():
        raise WorkspaceRefused(f"{folder} is not a folder")
    skipped = {os.path.normpath(name) for name in exclude}
    pending = [folder]
    found: list[tuple[str, Path]] = []
    while pending:
        for path in pending.pop().iterdir():
            name = path.relative_to(folder).as_posix()
            if path.name in LEFT_OUT or path.name.endswith(".pyc") or name in skipped:
                continue
            if _belongs(name, path, folder):
                found.append((name, path))
                pending += [path] if path.is_dir() else []
    yield from sorted(found)


def _belongs(name: str, path: Path, folder: Path) -> bool:
    """Tell whether an entry is part of the program, or refuse it."""
    if not name.isprintable() and any("\udc80" <= letter <= "\udcff" for letter in name):
        raise WorkspaceRefused(f"the file name {name!r} is not UTF-8")
    if path.is_symlink():
        return _followed(name, path, folder)
    mode = path.lstat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise WorkspaceRefused(f"{name} is neither a file nor a folder, and cannot be packed")
    return True


def _followed(name: str, path: Path, folder: Path) -> bool:
    try:
        target = path.resolve()
    except (OSError, RuntimeError):  # a link to itself
        return False
    if not target.is_relative_to(folder.resolve()):
        raise WorkspaceRefused(f"{name} is a link that leads out of the folder; replace it by a copy or exclude it")
    if target.is_dir():
        raise WorkspaceRefused(f"{name} is a link to a folder; replace it by a copy or exclude it")
    if target.exists() and not target.is_file():
        raise WorkspaceRefused(f"{name} leads to something that is neither a file nor a folder")
    return target.is_file()


def pack(folder: Path, exclude: Sequence[str] = ()) -> bytes:
    """Return the program as a gzipped tar file: equal folders make equal bytes.

    Times, owners and all of the mode but "executable" are left out.

    Raises:
        WorkspaceRefused: as `members`; or it is larger than `LIMIT`, or has more than `MANY` files.
    """
    size = 0
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1, mtime=0, filename="") as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for count, (name, path) in enumerate(members(folder, exclude)):
            size += 0 if path.is_dir() else path.stat().st_size
            _check_size(str(folder), size, count)
            _add(tar, name, path)
    return buffer.getvalue()


def _check_size(what: str, size: int, count: int) -> None:
    if size > LIMIT:
        raise WorkspaceRefused(f"{what} holds more than {LIMIT >> 20} MB; exclude what the tests do not need")
    if count >= MANY:
        raise WorkspaceRefused(f"{what} holds more than {MANY} files; exclude what the tests do not need")


def _add(tar: tarfile.TarFile, name: str, path: Path) -> None:
    info = tarfile.TarInfo(name)
    if path.is_dir():
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(info)
        return
    body = path.read_bytes()
    info.mode = 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644
    info.size = len(body)
    tar.addfile(info, io.BytesIO(body))


def unpack(archive: bytes, folder: Path) -> None:
    """Write what `pack` packed into `folder`, which is made if it is not there.

    Raises:
        WorkspaceRefused: it is no such archive, too large once unpacked, or has a name that leads out of the folder,
            a link, or anything else that is no file or folder. What came before it may have been written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    size = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            for count, member in enumerate(tar):
                size += member.size
                _check_size("the archive", size, count)
                _extract(tar, member, folder)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise WorkspaceRefused(f"the archive of the program cannot be unpacked: {error}") from error


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    target = _inside(folder, member.name)
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    body = tar.extractfile(member) if member.isreg() else None
    if body is None:
        raise WorkspaceRefused(f"{member.name} in the archive is neither a file nor a folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(body.read())
    target.chmod(0o755 if member.mode & stat.S_IXUSR else 0o644)


def _inside(folder: Path, name: str) -> Path:
    """Return the path of `name` below `folder`, where nothing on the way is a link."""
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\0" in name or not pure.parts:
        raise WorkspaceRefused(f"the name {name!r} leads out of the program's folder")
    path = folder / pure
    for step in [path, *path.parents[: len(pure.parts) - 1]]:
        if step.is_symlink() and not step.resolve().is_relative_to(folder.resolve()):
            raise WorkspaceRefused(f"the name {name!r} leads out of the program's folder")
    return path


def sources(files_dir: Path, exclude: Sequence[str] = ()) -> dict[str, str]:
    """Return the texts of the program's own Python files, tests left out, with the line ends they have.

    A file that Python could not read itself, for its encoding, is left out.

    Raises:
        WorkspaceRefused: as `members`.
    """
    paths = [(name, path) for name, path in members(files_dir, exclude) if name.endswith(".py") and path.is_file()]
    texts = {name: decode(path.read_bytes()) for name, path in paths if not is_test(name)}
    return {name: text for name, text in texts.items() if text is not None}


def texts(folder: Path) -> dict[str, str]:
    """Return the texts of every Python file, tests included, by path."""
    paths = [(name, path) for name, path in members(folder) if name.endswith(".py") and path.is_file()]
    found = {name: decode(path.read_bytes()) for name, path in paths}
    return {name: text for name, text in found.items() if text is not None}


def apply_to_folder(folder: Path, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Write the files of `after` that differ from `before`, each at once, keeping encoding, line ends and mode.

    Nothing is written unless all of it can be.

    Raises:
        WorkspaceRefused: a file no longer holds the text of `before`, or its name leads out of the folder.
    """
    changed = {name: text for name, text in after.items() if before.get(name) != text}
    targets = {name: _inside(folder, name).resolve() for name in changed}
    olds = {name: target.read_bytes() if target.is_file() else None for name, target in targets.items()}
    for name, old in olds.items():
        if (None if old is None else decode(old)) != before.get(name):
            raise WorkspaceRefused(f"{name} has changed since it was read; the repair was not written")
    for name, target in targets.items():
        _replace(target, encode(changed[name], olds[name] or b""))


def _replace(target: Path, body: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o644
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".loopwright-", delete=False) as file:
        try:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
            os.replace(file.name, target)
        except BaseException:
            os.unlink(file.name)
            raise
