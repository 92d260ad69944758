"""A small campaign of kills at random, and an account that would not miss what it is kept for."""

from pathlib import Path

import pytest

from tests.chaos.account import Record, audit, place_of, recoveries
from tests.chaos.campaign import DEEDS, JOBS, Plan, campaign
from tests.chaos.ledger import Line, Work

WORK = Work("g1", "work", 1, "refine")
ENDED = "lw.v1.event.default.g1"
STEP = "lw.v1.step.default.refine.g1.work.1"


async def test_a_few_kills_of_actors_at_random_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    # A broker that is killed may still have a model paid twice, for a moment: see the campaign of a thousand kills.
    deeds = {deed: often for deed, often in DEEDS.items() if "broker" not in deed}
    story = await campaign(Plan(kills=10, seed=1, asleep=(0.5, 1.0), deeds=deeds), tmp_path)
    assert {name: found for name, found in story.account.bad.items() if found} == {}
    assert story.account.goals > 20
    # How soon is for tests/simulation/test_recovering.py to say: other tests may keep this machine busy.
    assert story.recoveries
    assert None not in story.recoveries


@pytest.mark.chaos
async def test_a_race_an_approval_and_a_goal_of_a_goal_come_to_one_end_whoever_is_killed(tmp_path: Path) -> None:
    deeds = {deed: often for deed, often in DEEDS.items() if "broker" not in deed}
    plan = Plan(kills=6, seed=1, job=JOBS["venture"], asleep=(0.5, 1.0), deeds=deeds)
    story = await campaign(plan, tmp_path)
    assert {name: found for name, found in story.account.bad.items() if found} == {}
    assert story.account.goals >= 10


@pytest.mark.chaos
async def test_nor_does_anything_get_lost_where_any_of_three_servers_may_die(tmp_path: Path) -> None:
    deeds = DEEDS | {("kill", "broker"): 30}
    plan = Plan(kills=40, seed=1, asleep=(0.5, 3.0), deeds=deeds, is_clustered=True)
    story = await campaign(plan, tmp_path)
    assert {name: found for name, found in story.account.bad.items() if found} == {}
    assert story.account.goals >= plan.job.in_flight
    assert story.deeds["kill", "broker"] >= 5


def test_a_goal_that_ended_once_is_well_accounted_for() -> None:
    ledger = [Line(1.0, "began", WORK, 7), Line(1.1, "paid", WORK, 7), Line(1.2, "completed", WORK, 7)]
    record = Record([(STEP, 0.9), (place_of(WORK), 1.3), (ENDED, 1.4)], {"g1": ("completed", 1)})
    assert not any(audit({"g1": 1}, record, ledger).bad.values())


def test_everything_that_must_not_happen_is_noticed() -> None:
    ledger = [
        Line(1.0, "paid", WORK, 7),
        Line(1.1, "shipped", WORK, 7, "k"),
        Line(1.5, "paid", WORK, 8),
        Line(1.6, "shipped", WORK, 8, "k"),
    ]
    said = [(place_of(WORK), 1.3), (place_of(WORK), 1.4), (ENDED, 1.7), (ENDED, 1.8)]
    account = audit({"g1": 1, "g2": 1}, Record(said, {"g1": ("failed", 1)}), ledger)
    assert account.bad == {
        "lost": ["g2"],
        "ended twice": ["g1"],
        "ended otherwise": ["g1: failed after 1"],
        "said twice": [place_of(WORK), ENDED],
        "effects repeated": [WORK],
        "model calls paid twice": [WORK],
        "made without approval": [],
    }


def test_a_goal_of_a_goal_that_never_ended_is_lost() -> None:
    record = Record([("lw.v1.decision.default.g1-child.refine.work.1", 1.0), (ENDED, 2.0)], {"g1": ("completed", 1)})
    assert audit({"g1": 1}, record, []).lost == ["g1-child"]


def test_what_is_shipped_before_a_person_has_approved_it_is_noticed() -> None:
    sold = Work("g1", "sale", 1, "sell")
    ledger = [Line(1.0, "shipped", sold, 7, "k")]
    assert audit({}, Record([], {}, approved={("g1", "sale", 1): 0.9}), ledger).unapproved == []
    assert audit({}, Record([], {}, approved={("g1", "sale", 1): 1.1}), ledger).unapproved == [sold]
    assert audit({}, Record([], {}), ledger).unapproved == [sold]


def test_an_attempt_is_ordered_once_more_for_each_time_that_it_was_laid_aside() -> None:
    order = ("lw.v1.decision.default.g1.sell.sale.1", 1.0)
    pause = ("lw.v1.pause.default.g1.sale.1.0", 1.1)
    assert audit({}, Record([order, pause, order], {}), []).said_twice == []
    assert audit({}, Record([order, pause, order, order], {}), []).said_twice == [order[0]]
    assert audit({}, Record([order, pause, pause], {}), []).said_twice == [pause[0]]


def test_a_call_that_is_paid_again_before_its_answer_is_on_record_is_no_fault() -> None:
    ledger = [Line(1.0, "paid", WORK, 7), Line(1.2, "paid", WORK, 8)]
    assert audit({}, Record([(place_of(WORK), 1.3)], {}), ledger).paid_twice == []
    assert audit({}, Record([], {}, {WORK: 1.1}), ledger).paid_twice == [WORK]


def test_a_recovery_is_measured_from_the_kill_until_the_step_begins_elsewhere() -> None:
    other = Work("g2", "work", 1, "refine")
    ledger = [
        Line(1.0, "began", WORK, 7),
        Line(1.0, "began", other, 7),
        Line(1.1, "completed", other, 7),
        Line(4.0, "began", WORK, 8),
    ]
    assert recoveries(7, 2.0, ledger) == {WORK: 2.0}
    assert recoveries(7, 2.0, ledger[:3]) == {WORK: None}
