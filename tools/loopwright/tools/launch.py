"""The command lines that start a Python program inside a sandbox.

Inside bubblewrap a program finds ``/usr``, its interpreter and the harness, all read-only; a work folder, ``/tmp`` and
``/dev/shm``, each of a fixed size; and nothing else. It is process 1 of its namespace: when it dies, everything it has
started dies with it, and nothing it has started can kill it.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from loopwright.tools import seccomp
from loopwright.tools.interpreter import Interpreter

ROOM = Path("/sandbox")
"""The one work folder inside."""
HARNESS = Path("/harness")
"""Where the harness is seen inside."""

_SHUT_IN = (
    *("--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL"),
    *("--die-with-parent", "--new-session", "--as-pid-1", "--clearenv", "--hostname", "sandbox"),
)
_LINKS = ("/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin")


def find_bwrap() -> str | None:
    """Return the path of bubblewrap, or None when it is not installed."""
    return shutil.which("bwrap")


@contextmanager
def seccomp_fd() -> Iterator[int]:
    """Hold open a file descriptor from which the filter of system calls can be read once."""
    reading, writing = os.pipe()
    try:
        os.write(writing, seccomp.assemble())
        os.close(writing)
        yield reading
    finally:
        os.close(reading)


def in_bwrap(
    bwrap: str, interpreter: Interpreter, *, room_bytes: int, seccomp_fd: int, program: Sequence[str]
) -> list[str]:
    """Return the command that runs ``python <program>`` inside bubblewrap.

    `room_bytes` is the size of each writable file system; `program` is Python's arguments.
    """
    return [
        bwrap,
        *_SHUT_IN,
        *("--seccomp", str(seccomp_fd)),
        *_system(),
        *("--proc", "/proc", "--remount-ro", "/proc"),  # as root we own /proc/sys, capabilities or not
        *("--dev", "/dev"),
        *_writable("/dev/shm", room_bytes),
        *_writable("/tmp", room_bytes),
        *_writable(str(ROOM), room_bytes),
        *_read_only(interpreter),
        *("--remount-ro", "/dev", "--remount-ro", "/"),
        *("--chdir", str(ROOM)),
        *(part for name, value in environment(interpreter, ROOM).items() for part in ("--setenv", name, value)),
        "--",
        str(interpreter.executable),
        *program,
    ]


def _writable(folder: str, size: int) -> tuple[str, ...]:
    return ("--perms", "0700", "--size", str(size), "--tmpfs", folder)


def _system() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for name in _LINKS:
        path = Path(name)
        if path.is_symlink():
            yield from ("--symlink", os.readlink(path), name)
        elif path.is_dir():
            yield from ("--ro-bind", name, name)
    yield from ("--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache")  # finds libpython in /usr/local/lib


def _read_only(interpreter: Interpreter) -> Iterator[str]:
    for folder in interpreter.folders:
        if not folder.is_relative_to("/usr"):
            yield from ("--ro-bind", str(folder), str(folder))
    yield from ("--ro-bind", str(harness_folder()), str(HARNESS))


def environment(interpreter: Interpreter, room: Path) -> dict[str, str]:
    """Return the whole environment of sandboxed code; nothing of ours is in it."""
    return {
        "PATH": f"{interpreter.executable.parent}:/usr/bin:/bin",
        "HOME": str(room / "home"),
        "TMPDIR": str(room / "tmp"),
        "USER": "sandbox",
        "LOGNAME": "sandbox",
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",  # a candidate is judged by the same order of a set each time
        "OMP_NUM_THREADS": "1",  # threads reserve address space, which is limited
        "OPENBLAS_NUM_THREADS": "1",
    }


def harness_folder() -> Path:
    """Return where the harness is kept in this installation."""
    return Path(__file__).parent / "harness"
