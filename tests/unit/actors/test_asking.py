"""What people are asked: who waits for them, until when, and what exactly it was."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from loopwright.actors.asking import Asked, reminders, timer_id, waited_for
from loopwright.actors.drawing import mermaid
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.person import Person
from loopwright.actors.unserved import roles_waited_for
from loopwright.bus.messages import StepOrder, StopReason
from loopwright.bus.questions import Pause, Question, Reply
from tests.unit.actors.telling import NOON, Told

DAY = 24 * 3600.0
BOUNDS = Bounds(deadline=7 * DAY)
ASKING = Loop(
    name="refunds",
    work="clerk",
    judges=("policy", "boss"),
    people={"boss": Person(within=2 * DAY, default=False)},
    bounds=BOUNDS,
)
ORDER = StepOrder(goal="g1", loop="refunds", step="work", attempt=1, role="boss", judge="boss", input={"ticket": 7})

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=3), inside, max_size=3),
    max_leaves=6,
)


def test_a_goal_that_waits_for_a_person_waits_for_no_process() -> None:
    told = Told(ASKING)
    assert (waited_for(told.standing), roles_waited_for(told.standing)) == ([], ("clerk",))
    told.makes(1)
    assert (waited_for(told.standing), roles_waited_for(told.standing)) == ([("work", 1, "boss", "")], ("policy",))
    told.judges(1, 1.0, "policy")
    assert (waited_for(told.standing), roles_waited_for(told.standing)) == ([("work", 1, "boss", "")], ())
    told.judges(1, 1.0, "boss")
    assert told.outcome.reason is StopReason.ACCEPTED
    assert waited_for(told.standing) == []


def test_a_question_is_work_for_a_person() -> None:
    told = Told(Loop(name="ask", work="owner", judges=("near",), people={"owner": Person(within=60)}))
    assert (waited_for(told.standing), roles_waited_for(told.standing)) == ([("work", 1, "owner", "")], ())


def test_with_the_order_to_a_person_goes_the_time_that_the_answer_may_take() -> None:
    told = Told(ASKING)
    told.makes(1)
    (timer,) = reminders(told.standing, (), told.sent, NOON)
    assert (timer.goal, timer.id) == ("g1", timer_id("work", 1, "boss"))
    assert timer.at == NOON + timedelta(days=2)
    assert list(reminders(Told().standing, (), Told().sent, NOON)) == []


@given(values, values)
def test_a_digest_tells_one_thing_from_another(one: Any, other: Any) -> None:
    alike = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (Asked(ORDER, 7, NOON, one).digest == Asked(ORDER, 9, NOON, other).digest) == alike


def test_a_digest_is_of_the_goal_and_the_attempt_as_well() -> None:
    changes: list[dict[str, Any]] = [{}, {"goal": "g2"}, {"attempt": 2}, {"input": {}}]
    orders = [ORDER.model_copy(update=each) for each in changes]
    assert len({Asked(order, 7, NOON, {"amount": 5}).digest for order in orders}) == len(orders)


@pytest.mark.parametrize(
    ("people", "why"),
    [
        ({"bos": Person(within=1)}, "bos is no role of this loop; did you mean boss"),
        ({"boss": Person(within=1, default="yes")}, "boss judges, so the default is true or false"),
        ({"boss": Person(within=7 * DAY)}, "the goal ends after 604800 seconds, before boss has had 604800"),
    ],
)
def test_a_design_that_asks_nobody_or_in_vain_is_refused(people: dict[str, Person], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Loop(name="refunds", work="clerk", judges=("policy", "boss"), people=people, bounds=BOUNDS)


def test_a_drawing_tells_people_from_processes() -> None:
    assert "boss, a person" in mermaid(ASKING)
    assert "policy, a person" not in mermaid(ASKING)


APPROVING = Loop(
    name="refunds",
    work="clerk",
    judges=("policy",),
    people={"boss": Person(within=60)},
    approvers=("boss",),
    bounds=BOUNDS,
)
REFUND = Question(person="boss", tool="refund", arguments={"order": "a7", "amount": 5})
OTHER = Question(person="boss", says="Are you sure?")


def paused(*questions: Question, resumed: int = 0) -> Pause:
    return Pause(goal="g1", step="work", attempt=1, resumed=resumed, role="clerk", questions=questions)


def replied(question: Question, **more: Any) -> Reply:
    told = {"goal": "g1", "step": "work", "attempt": 1, "digest": question.digest_in("g1", "work", 1)}
    return Reply.model_validate(told | {"approved": True} | more)


def test_an_attempt_that_asks_a_person_waits_for_no_process_and_is_handed_out_again_after_the_last_reply() -> None:
    told = Told(APPROVING)
    told.hears(paused(REFUND, OTHER), seq=7)
    digests = [each.digest_in("g1", "work", 1) for each in (REFUND, OTHER)]
    assert waited_for(told.standing) == [("work", 1, "boss", digest) for digest in digests]
    assert roles_waited_for(told.standing) == ()
    told.hears(replied(REFUND), seq=8)
    assert waited_for(told.standing) == [("work", 1, "boss", digests[1])]
    told.sent.clear()
    told.hears(replied(OTHER), seq=9)
    (order,) = [each for each in told.sent if isinstance(each, StepOrder)]
    assert (order.attempt, order.resumed, order.replies) == (1, 1, dict(zip(digests, (8, 9), strict=True)))
    assert (told.standing.steps, waited_for(told.standing)) == (1, [])


def test_with_what_a_person_is_asked_goes_the_time_that_the_reply_may_take() -> None:
    told = Told(APPROVING)
    events = told.hears(paused(REFUND), seq=7)
    (timer,) = reminders(told.standing, events, (), NOON)
    (wait,) = waited_for(told.standing)
    assert (timer.goal, timer.id, timer.at) == ("g1", wait.timer, NOON + timedelta(seconds=60))


@pytest.mark.parametrize(
    ("message", "seq"),
    [
        (paused(REFUND), 8),
        (paused(OTHER, resumed=1), 8),
        (replied(OTHER), 8),
        (replied(REFUND), 7),
        (replied(REFUND, attempt=2), 8),
    ],
    ids=["paused twice", "paused ahead", "not asked", "said before it was asked", "another attempt"],
)
def test_what_nobody_waits_for_changes_nothing(message: Pause | Reply, seq: int) -> None:
    told = Told(APPROVING)
    told.hears(paused(REFUND), seq=7)
    assert told.hears(message, seq=seq) == ()


def test_only_the_first_reply_counts_and_a_worker_that_was_thought_lost_may_still_answer() -> None:
    told = Told(APPROVING)
    told.hears(paused(REFUND, OTHER), seq=7)
    told.hears(replied(REFUND), seq=8)
    assert told.hears(replied(REFUND, approved=False), seq=9) == ()
    told.makes(1)
    assert told.hears(replied(OTHER), seq=10) == ()
    told.judges(1, 1.0, "policy")
    assert told.outcome.reason is StopReason.ACCEPTED


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ((), "clerk waits for people, and asks them nothing"),
        (
            (REFUND.model_copy(update={"person": "chief"}),),
            "clerk may call refund only if chief approves, and the",
        ),
        ((OTHER.model_copy(update={"person": "chief"}),), "clerk asks chief, and the loop refunds names nobody"),
    ],
)
def test_whoever_asks_nobody_has_failed(asked: tuple[Question, ...], why: str) -> None:
    told = Told(APPROVING)
    told.hears(paused(*asked), seq=7)
    assert told.outcome.reason is StopReason.ERROR
    assert told.outcome.why.startswith(why)


changes = st.fixed_dictionaries(
    {},
    optional={
        "arguments": st.dictionaries(st.text(max_size=3), values, max_size=2),
        "tool": st.sampled_from(["refund", "pay"]),
        "occurrence": st.integers(1, 3),
        "person": st.sampled_from(["boss", "chief"]),
    },
)


@given(changes, st.sampled_from([("g1", "work", 1), ("g2", "work", 1), ("g1", "s", 1), ("g1", "work", 2)]))
def test_a_reply_is_bound_to_exactly_what_was_asked(changed: dict[str, Any], place: tuple[str, str, int]) -> None:
    other = REFUND.model_copy(update=changed)
    alike = place == ("g1", "work", 1) and json.dumps(other.model_dump(), sort_keys=True) == json.dumps(
        REFUND.model_dump(), sort_keys=True
    )
    assert (other.digest_in(*place) == REFUND.digest_in("g1", "work", 1)) == alike


def test_a_person_who_is_asked_in_the_middle_of_an_attempt_is_named_twice_or_not_at_all() -> None:
    with pytest.raises(ValidationError, match="bos is nobody among the people; did you mean boss"):
        Loop(name="refunds", work="clerk", judges=("policy",), people={"boss": Person()}, approvers=("bos",))


def test_a_drawing_shows_whom_a_worker_asks_in_the_middle_of_an_attempt() -> None:
    drawn = mermaid(APPROVING)
    assert 'approver0[/"asked<br/>boss, a person"/]' in drawn
    assert "work -. asks in the middle .-> approver0" in drawn
