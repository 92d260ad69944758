"""The folder a trial runs in: always the same path, always a fresh copy, never any bytecode.

Bytecode is found by a source's size and whole second of change. Two candidates of one second and one size would
be given each other's, so none is kept.
"""

from __future__ import annotations

import base64
import contextlib
import io
import os
import stat
import tarfile


class Workshop:
    """Holds the program in memory and lays it out again for every trial."""

    def __init__(self, room: str, archive: str, keep: list[str]) -> None:
        self.room = room
        self.root = os.path.join(room, "program")
        self.others = [os.path.join(room, name) for name in ("tmp", "home")]
        self.keep = tuple(keep)
        self.folders: list[str] = []
        self.files: dict[str, tuple[int, bytes]] = {}
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(archive))) as tar:
            for member in tar:
                self._remember(tar, member)

    def _remember(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        body = tar.extractfile(member) if member.isfile() else None
        if body is not None:
            self.files[member.name] = (member.mode, body.read())
        elif member.isdir():
            self.folders.append(member.name)

    def lay_out(self, changed: dict[str, str]) -> None:
        """Put the program there with the texts of `changed` in it; the room must be empty."""
        for folder in (self.root, *self.others):
            os.makedirs(folder, exist_ok=True)
        for name in self.folders:
            os.makedirs(os.path.join(self.root, name), exist_ok=True)
        for name, (mode, body) in self.files.items():
            self._write(name, mode, base64.b64decode(changed[name]) if name in changed else body)
        for name in changed.keys() - self.files.keys():
            self._write(name, 0o644, base64.b64decode(changed[name]))

    def clear(self) -> None:
        """Leave nothing of a trial, wherever it could write."""
        for folder in self._scratch():
            _empty(folder, self.keep)

    def _scratch(self) -> list[str]:
        shared = ["/tmp", "/dev/shm"] if os.getpid() == 1 else []
        return [self.room, *(folder for folder in shared if os.path.isdir(folder))]

    def _write(self, name: str, mode: int, body: bytes) -> None:
        path = os.path.join(self.root, name)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode | 0o600)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode | 0o600)
        with open(fd, "wb") as file:
            file.write(body)


def _empty(folder: str, keep: tuple[str, ...]) -> None:
    """Remove what is in `folder`, however deep and however forbidden, except what leads to `keep`."""
    pending = [folder]
    seen = []
    while pending:
        current = pending.pop()
        seen.append(current)
        with contextlib.suppress(OSError):
            os.chmod(current, 0o700)
        with os.scandir(current) as entries:
            for entry in entries:
                if any(kept == entry.path or kept.startswith(entry.path + os.sep) for kept in keep):
                    continue
                if stat.S_ISDIR(entry.stat(follow_symlinks=False).st_mode):
                    pending.append(entry.path)
                else:
                    os.unlink(entry.path)
    for current in reversed(seen[1:]):
        os.rmdir(current)
