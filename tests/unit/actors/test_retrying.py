from datetime import UTC, datetime

import pytest

from loopwright.actors import Loop
from loopwright.actors.retrying import NotRetriable, goal_in, goal_to_begin, id_again, id_of, refuse_unheard
from loopwright.actors.standing import Standing
from loopwright.bus import Goal, Outcome, Status, StopReason
from loopwright.bus.letters import Letter
from loopwright.bus.subjects import Subject

AT = datetime(2026, 1, 2, tzinfo=UTC)
GOAL = Goal(goal="g1", loop="guessing", input={"target": 7})
SENT = {"ce-causationid": "LOOP-3"}


def letter(headers: dict[str, str] = SENT, subject: str = "lw.v1.step.default.guess.g1.work.1") -> Letter:
    return Letter(7, AT, "guess", "g1", "work", "why", subject, 42, AT, 6, "host-1", headers, b"{}")


def standing(status: Status | None) -> Standing:
    reason = StopReason.ACCEPTED if status is Status.COMPLETED else StopReason.ERROR
    outcome = Outcome(goal="g1", loop="guessing", status=status, reason=reason) if status else None
    loop = Loop(name="guessing", work="guess", judges=("near",))
    return Standing(goal=GOAL, loop=loop, opened=AT, outcome=outcome)


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELED])
def test_a_step_that_nobody_survived_begins_its_goal_anew_once_that_has_ended(status: Status) -> None:
    assert goal_to_begin(letter(), standing(status)) == GOAL


@pytest.mark.parametrize(
    ("headers", "before", "why"),
    [
        ({}, standing(Status.FAILED), "no orchestrator sent it"),
        (SENT, None, "nothing is on record for its goal g1"),
        (SENT, standing(None), "its goal g1 has counted a failed attempt, and goes on"),
        (SENT, standing(Status.COMPLETED), "its goal g1 was met all the same"),
    ],
)
def test_a_step_is_not_tried_again_where_that_makes_no_sense(
    headers: dict[str, str], before: Standing | None, why: str
) -> None:
    with pytest.raises(NotRetriable, match=f"The dead letter 7 cannot be tried again: {why}"):
        goal_to_begin(letter(headers), before)


@pytest.mark.parametrize(
    ("body", "before", "why"),
    [
        (b"{}", None, "nothing is on record for its goal g1"),
        (b"{}", standing(Status.FAILED), "its goal g1 has ended"),
        (b"\xff", standing(None), "this version of Loopwright cannot read it either: its body is not UTF-8"),
    ],
)
def test_a_word_is_not_said_again_to_whom_it_would_tell_nothing(body: bytes, before: Standing | None, why: str) -> None:
    subject = Subject.of("ctl", ns="default", goal="g1")
    with pytest.raises(NotRetriable, match=why):
        refuse_unheard(letter({}, str(subject)), subject, body, before)


def test_a_word_is_said_again_while_its_goal_goes_on() -> None:
    subject = Subject.of("due", ns="default", goal="g1", id="deadline")

    refuse_unheard(letter({}, str(subject)), subject, b"", standing(None))


def test_a_goal_that_nobody_can_read_yet_stays_a_letter() -> None:
    subject = Subject.of("goal", ns="default", loop="guessing")

    with pytest.raises(NotRetriable, match=r"cannot read it either: limits\.attempts"):
        goal_in(letter({}, str(subject)), subject, b'{"input": {}, "limits": {"attempts": 0}}')


@pytest.mark.parametrize(
    ("headers", "body", "id_"),
    [
        ({"Nats-Msg-Id": "g1"}, b"{}", "g1-retry-7"),
        ({"Nats-Msg-Id": "Not A Token", "ce-id": "g2"}, b"{}", None),
        ({"ce-id": "g2"}, b"{}", "g2"),
        ({}, b'{"goal": "g3", "input": {}}', "g3"),
        ({}, b"{}", f"g{int(AT.timestamp() * 1e6):x}-42-retry-7"),
    ],
)
def test_a_goal_keeps_its_own_id_unless_its_refusal_has_it(
    headers: dict[str, str], body: bytes, id_: str | None
) -> None:
    subject = Subject.of("goal", ns="default", loop="guessing")
    found = letter(headers, str(subject))

    if id_ is None:
        with pytest.raises(NotRetriable, match="cannot be a goal's id"):
            goal_in(found, subject, body)
    else:
        assert id_of(found, goal_in(found, subject, body)) == id_


@pytest.mark.parametrize(
    ("goal", "number", "id_"),
    [
        ("g1", 1, "g1-retry-1"),
        ("g1-retry-1", 2, "g1-retry-2"),
        ("g" * 63, 12, f"{'g' * 54}-retry-12"),
        (f"{'g' * 55}-retry-9", 10, f"{'g' * 54}-retry-10"),
    ],
)
def test_another_run_of_a_goal_has_an_id_that_tells_whose_it_is(goal: str, number: int, id_: str) -> None:
    assert id_again(goal, number) == id_
    assert len(id_) <= 63
