"""The main job while everybody is killed: a program is repaired, by workers that run it in a sandbox."""

from pathlib import Path

import pytest

from tests.chaos.__main__ import show
from tests.chaos.campaign import JOBS, Plan, Story, campaign

REPAIR = JOBS["repair"]


@pytest.mark.chaos
async def test_a_program_is_repaired_once_whoever_is_killed_or_frozen_meanwhile(tmp_path: Path) -> None:
    story = await campaign(Plan(kills=8, seed=21, job=REPAIR, asleep=(0.5, 3.0)), tmp_path)
    assert {name: found for name, found in story.account.bad.items() if found} == {}
    assert story.account.given_up == 0
    assert {whom for what, whom in story.deeds if what == "kill"} == {"worker", "orchestrator", "broker"}
    assert story.account.goals >= REPAIR.in_flight


def test_a_campaign_does_not_tell_as_none_what_nobody_has_counted(capsys: pytest.CaptureFixture[str]) -> None:
    show(Plan(kills=1, seed=1, job=REPAIR), Story())
    told = capsys.readouterr().out
    assert "       0  lost" in told
    assert "       -  effects repeated" in told
    assert "       -  seconds until a killed worker's step ran again, not measured" in told
    show(Plan(kills=1, seed=1), Story(recoveries=[1.5, None]))
    told = capsys.readouterr().out
    assert "       0  effects repeated" in told
    assert "       1  steps of killed workers that did not run again" in told
    assert "    1.50  seconds until a killed worker's step ran again, the longest of 1" in told
