"""What a roster makes of what it hears, on a clock of ours."""

import pytest

from loopwright.bus.messages import Activity, Presence
from loopwright.bus.presence import LIFE, MISSED, ORCHESTRATOR, Roster


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def roster(clock: Clock) -> Roster:
    return Roster(clock)


def hear(roster: Roster, clock: Clock, *roles: str, seconds: int) -> None:
    """Hear a process of each role every second."""
    for _ in range(seconds):
        clock.now += 1
        for role in roles:
            roster.note(role, f"{role}-1", serving=True)


def test_a_role_is_served_for_as_long_as_one_of_its_processes_is_heard(roster: Roster, clock: Clock) -> None:
    roster.note("tests", "one", serving=True)
    roster.note("tests", "two", serving=True)
    roster.note("tests", "one", serving=False)
    assert roster.serves("tests")
    clock.now += LIFE - 0.1
    assert roster.serves("tests")
    clock.now += 0.1
    assert not roster.serves("tests")


def test_a_process_that_drains_serves_no_more(roster: Roster) -> None:
    roster.note("tests", "one", serving=True)
    roster.note("tests", "one", serving=False)
    assert not roster.serves("tests")


def test_a_role_is_unserved_since_its_last_process_was_heard(roster: Roster, clock: Clock) -> None:
    hear(roster, clock, "ours", "tests", seconds=50)
    assert roster.unserved("tests") == 0
    hear(roster, clock, "ours", seconds=20)
    assert roster.unserved("tests") == 20
    hear(roster, clock, "ours", "tests", seconds=1)
    assert roster.unserved("tests") == 0


def test_a_role_that_was_never_heard_of_is_unserved_since_we_listen(roster: Roster, clock: Clock) -> None:
    assert roster.unserved("tests") == 0
    hear(roster, clock, "ours", seconds=20)
    assert roster.unserved("tests") == 20


def test_time_in_which_we_heard_nobody_does_not_count(roster: Roster, clock: Clock) -> None:
    hear(roster, clock, "ours", "tests", seconds=10)
    clock.now += 600  # cut off, or asleep: others may well have been there
    assert roster.unserved("tests") == 0
    hear(roster, clock, "ours", seconds=1)
    assert roster.unserved("tests") == 0
    hear(roster, clock, "ours", seconds=7)
    assert roster.unserved("tests") == 7


def of(process: str, *loops: str, state: Activity = Activity.SERVING) -> Presence:
    return Presence(role=ORCHESTRATOR, process=process, loops=loops, state=state)


def hear_of(roster: Roster, clock: Clock, presence: Presence, seconds: int) -> None:
    """Hear an orchestrator every second."""
    for _ in range(seconds):
        clock.now += 1
        roster.hear(presence)


def test_others_may_have_a_loop_until_whoever_lives_has_been_heard(roster: Roster, clock: Clock) -> None:
    assert roster.may_have("roots", waited=False)
    hear_of(roster, clock, of("ours"), LIFE - 1)
    assert roster.may_have("roots", waited=False)
    hear_of(roster, clock, of("ours"), 1)
    assert not roster.may_have("roots", waited=False)


def test_a_loop_that_an_orchestrator_had_is_waited_for_as_long_as_that_may_come_back(
    roster: Roster, clock: Clock
) -> None:
    hear_of(roster, clock, of("ours", "sums"), 60)
    roster.hear(of("other", "roots", "squares"))
    assert roster.may_have("roots", waited=False)
    assert sorted(roster.loops()) == ["roots", "squares", "sums"]
    roster.hear(of("other", "roots", "squares", state=Activity.DRAINING))
    assert roster.loops() == ["sums"]
    hear_of(roster, clock, of("ours", "sums"), int(MISSED) - 1)
    assert roster.may_have("roots", waited=False)
    hear_of(roster, clock, of("ours", "sums"), 1)
    assert not roster.may_have("roots", waited=False)


def test_a_goal_that_waited_before_we_came_waits_for_those_who_are_started_with_us(
    roster: Roster, clock: Clock
) -> None:
    hear_of(roster, clock, of("ours"), int(MISSED) - 1)
    assert roster.may_have("roots", waited=True)
    assert not roster.may_have("roots", waited=False)
    hear_of(roster, clock, of("ours"), 1)
    assert not roster.may_have("roots", waited=True)


def test_who_was_cut_off_does_not_know_who_has_come_meanwhile(roster: Roster, clock: Clock) -> None:
    hear_of(roster, clock, of("ours"), 60)
    roster.cut_off()
    assert roster.may_have("roots", waited=False)
    hear_of(roster, clock, of("ours"), LIFE)
    assert roster.may_have("roots", waited=False)
    hear_of(roster, clock, of("ours"), 1)
    assert not roster.may_have("roots", waited=False)
