"""The main job while everybody is killed: a program is repaired, by workers that run it in a sandbox."""

import pytest

from tests.chaos.__main__ import show
from tests.chaos.campaign import JOBS, Plan, Story

REPAIR = JOBS["repair"]


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
