"""What is written into a folder, and what is kept from whom."""

from pathlib import Path

import pytest

from loopwright.deploy.fleet import inherited, repair_fleet
from loopwright.deploy.repairing import Repair, written
from loopwright.deploy.report import Change


async def test_a_folder_that_was_edited_meanwhile_is_left_as_it_is(tmp_path: Path) -> None:
    program = tmp_path / "gcd.py"
    program.write_text("# a line that was added while the search went on\nreturn a\n")
    change = Change({"gcd.py": "return a\n"}, {"gcd.py": "return b\n"})
    refusal = await written(Repair(path=tmp_path, apply=True), change)
    assert "gcd.py has changed since it was read" in str(refusal)
    assert program.read_text().endswith("return a\n")


async def test_a_change_is_written_into_the_folder_that_was_submitted(tmp_path: Path) -> None:
    (tmp_path / "gcd.py").write_text("return a\n")
    change = Change({"gcd.py": "return a\n"}, {"gcd.py": "return b\n"})
    assert await written(Repair(path=tmp_path, apply=True), change) is None
    assert (tmp_path / "gcd.py").read_text() == "return b\n"


def test_only_who_asks_the_model_knows_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    knows = {
        member.name: "OPENAI_API_KEY" in inherited(member)
        for member in repair_fleet(workers=1, model=True, sandbox="limits")
    }
    assert knows == {"orchestrator": False, "code": True, "test-1": False}
