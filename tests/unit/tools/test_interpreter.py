import os
import sys
from pathlib import Path

import pytest

from loopwright.tools.errors import InterpreterUnusable
from loopwright.tools.interpreter import describe, find_interpreter


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A Python installation, reached by a link as some installers make them."""
    real = tmp_path / "pythons" / "3.13.1"
    (real / "lib/python3.13").mkdir(parents=True)
    (real / "lib/python3.13/os.py").write_text("")
    (real / "bin").mkdir()
    (real / "bin/python3.13").write_text("")
    (real / "bin/python3.13").chmod(0o755)
    (tmp_path / "pythons/3.13").symlink_to("3.13.1")
    return tmp_path / "pythons" / "3.13"


def make_venv(folder: Path, base: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text(f"home = {base}/bin\n")
    (folder / "bin/python").symlink_to(base / "bin/python3.13")
    return folder / "bin/python"


def test_the_programs_own_environment_comes_first(tmp_path: Path, base: Path) -> None:
    program = tmp_path / "program"
    executable = make_venv(program / ".venv", base)
    found = find_interpreter(program, Path(sys.executable))
    assert found.executable == executable
    assert found.prefix == program / ".venv"
    assert found.base_prefix == tmp_path / "pythons/3.13.1"
    assert set(found.folders) == {program / ".venv", base, tmp_path / "pythons/3.13.1"}


def test_then_comes_what_was_asked_for(tmp_path: Path, base: Path) -> None:
    found = find_interpreter(tmp_path, base / "bin/python3.13")
    assert (found.executable, found.prefix) == (base / "bin/python3.13", base)


def test_then_comes_our_own(tmp_path: Path) -> None:
    found = find_interpreter(tmp_path)
    assert found.prefix == Path(sys.prefix)
    assert os.path.samefile(found.base_prefix, sys.base_prefix)


def test_an_environment_that_points_into_a_home_gets_nothing_of_it(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a program could have any folder made visible by a link in its .venv."""
    home = base.resolve()
    monkeypatch.setenv("HOME", str(home))
    with pytest.raises(InterpreterUnusable, match="no standard library stands beside it"):
        describe(home / "bin/python3.13")


@pytest.mark.parametrize("name", ["missing", "program"])
def test_what_is_no_python_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/program").write_text("")
    (tmp_path / "bin/program").chmod(0o755)
    with pytest.raises(InterpreterUnusable):
        describe(tmp_path / "bin" / name)
