"""The Python that runs a program: which one it is, and which folders it needs to be seen.

Everything is read off the file system. The program's own ``.venv/bin/python`` may be any file at all, so it is
never run outside of the sandbox, not even to ask for its version.
"""

import os
import shutil
import sys
from pathlib import Path

from loopwright.tools.errors import InterpreterUnusable
from loopwright.tools.program import Value

VENVS = (".venv", "venv")


class Interpreter(Value):
    """One Python installation, or virtual environment on top of one."""

    executable: Path
    """What is started; its place decides which ``pyvenv.cfg`` applies."""
    prefix: Path
    """``sys.prefix``: where its site-packages are."""
    base_prefix: Path
    """``sys.base_prefix``: where its standard library is."""
    folders: tuple[Path, ...]
    """All that must be visible, at these very paths, for it to run; outer ones first."""


def find_interpreter(program_dir: Path, explicit: Path | None = None) -> Interpreter:
    """Return the interpreter of a program: of its ``.venv`` or ``venv``, else `explicit`, else our own.

    Raises:
        InterpreterUnusable: what stands there is not a Python 3 installation.
    """
    for name in VENVS:
        executable = program_dir.absolute() / name / "bin" / "python"
        if executable.exists():
            return describe(executable)
    return describe(explicit or Path(sys.executable))


def describe(executable: Path) -> Interpreter:
    """Return what `executable` needs, by following its links and its ``pyvenv.cfg``.

    Raises:
        InterpreterUnusable: it is not the executable of a Python 3 installation.
    """
    found = shutil.which(executable)
    if found is None:
        raise InterpreterUnusable(executable, "there is no such program")
    executable = Path(found).absolute()
    hops = _hops(executable)
    home = executable.parent.parent
    is_venv = (home / "pyvenv.cfg").is_file()
    bases = [hop.parent.parent for hop in hops if _is_installation(hop.parent.parent)]
    if not bases:
        raise InterpreterUnusable(executable, "no standard library stands beside it")
    folders = {*bases, home} if is_venv else set(bases)
    return Interpreter(
        executable=executable,
        prefix=home if is_venv else bases[0],
        base_prefix=bases[-1],
        folders=tuple(sorted(folders, key=lambda folder: len(folder.parts))),
    )


def _hops(executable: Path) -> list[Path]:
    """Return the executable, everything its links lead over, and their end."""
    hops = [executable]
    while hops[-1].is_symlink() and len(hops) < 40:
        target = hops[-1].parent / os.readlink(hops[-1])
        hops.append(Path(os.path.normpath(target)))
    hops.append(executable.resolve())
    return hops


def _is_installation(folder: Path) -> bool:
    """Tell whether a standard library is in `folder`; never true of a folder that holds people's files."""
    if folder == Path(folder.anchor) or folder == Path.home() or folder == Path("/root"):
        return False
    return any(folder.glob("lib*/python3.*/os.py"))
