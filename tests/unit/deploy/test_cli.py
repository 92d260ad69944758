"""How the program ends whose reader has gone, as that of `goal watch my-goal | head` has."""

import os
import subprocess
import sys

import pytest

from loopwright.deploy.cli import UNREAD, explained


def test_a_program_whose_reader_has_gone_ends_without_a_word() -> None:
    read, write = os.pipe()
    os.close(read)
    called = [sys.executable, "-m", "loopwright.deploy", "--help"]
    done = subprocess.run(called, check=False, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (UNREAD, b"")


def test_it_is_no_traceback_either_where_several_tasks_have_failed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull, "w") as nowhere:
        monkeypatch.setattr(sys, "stdout", nowhere)
        assert (
            explained(ExceptionGroup("tasks", [BrokenPipeError(), ExceptionGroup("more", [BrokenPipeError()])]))
            == UNREAD
        )
