"""What a goal that went on with one component swapped says of a blame."""

import pytest

from loopwright.actors.faults import Blame, Confirmation, Fault
from loopwright.actors.faults.confirming import (
    held_up,
    place_before,
    raised,
    said_by_acceptance,
    said_of,
    with_confirmation,
)
from loopwright.actors.faults.fault import Said
from loopwright.bus.messages import KEPT, Evaluation, FailureClass, FaultClass, Limits, Status, StopReason
from tests.unit.actors.faults.story import Story

AGENT, TOOL, ENVIRONMENT, LOOP = FaultClass.AGENT, FaultClass.TOOL, FaultClass.ENVIRONMENT, FaultClass.LOOP
SUSPECT = Fault(fault=AGENT, confidence=0.55, who="clerk", step="work", attempt=2, evidence=(7,))
MET = Blame(goal="g2", status=Status.COMPLETED, reason=StopReason.ACCEPTED)


def failed(fault: Fault | None = SUSPECT, reason: StopReason = StopReason.ATTEMPTS) -> Blame:
    return Blame(goal="g2", status=Status.FAILED, reason=reason, fault=fault)


def charged(fault: FaultClass, who: str = "clerk") -> Fault:
    return SUSPECT.model_copy(update={"fault": fault, "who": who})


@pytest.mark.parametrize(
    ("swapped", "unswapped", "said"),
    [
        (MET, failed(), Said.CONFIRMED),
        (MET, None, Said.CONFIRMED),
        (MET, MET, Said.UNKNOWN),
        (failed(), None, Said.REFUTED),
        (failed(charged(AGENT, "packer")), None, Said.UNKNOWN),
        (failed(charged(TOOL)), None, Said.UNKNOWN),
        (failed(reason=StopReason.NO_ROLE), None, Said.UNKNOWN),
        (failed(None), None, Said.UNKNOWN),
    ],
)
def test_a_blame_is_confirmed_where_the_failure_goes_with_the_component_and_refuted_where_it_stays(
    swapped: Blame, unswapped: Blame | None, said: Said
) -> None:
    assert said_of(SUSPECT, AGENT, swapped, unswapped)[0] is said


@pytest.mark.parametrize("whose", [ENVIRONMENT, LOOP])
def test_that_something_is_not_there_yet_or_still_too_little_refutes_nothing(whose: FaultClass) -> None:
    suspect = charged(whose)
    assert said_of(suspect, whose, failed(suspect), None)[0] is Said.UNKNOWN
    assert said_of(suspect, AGENT, failed(suspect), None)[0] is Said.REFUTED, "a sound worker did not help"


def test_what_was_said_counts_for_the_confidence_only_if_it_is_about_what_is_blamed() -> None:
    blame = failed()
    for said, sure in ((Said.CONFIRMED, 0.95), (Said.REFUTED, 0.3), (Said.UNKNOWN, 0.55)):
        found = Confirmation(said=said, because="so", swapped="clerk of mended")
        fault = with_confirmation(blame, found).fault
        assert fault is not None
        assert (fault.confidence, fault.replay) == (sure, said)
        beside = with_confirmation(blame, found.model_copy(update={"about": False}))
        assert (beside.fault, beside.confirmation is not None) == (SUSPECT, True)


def two_attempts() -> Story:
    story = Story()
    for _ in range(2):
        story.begin()  # at 2 and 6
        story.made({"total": 1})  # at 3 and 7
        story.judged("books", 0.5)  # at 4 and 8
        story.judged("style", 1.0)
    return story


def test_a_goal_goes_on_so_that_what_is_at_fault_has_its_turn_again() -> None:
    record = two_attempts().ended(StopReason.ATTEMPTS)
    assert place_before(record, SUSPECT) == 6
    assert place_before(record, charged(FaultClass.EVALUATOR)) == 7, "what it judges is on record"
    assert place_before(record, SUSPECT.model_copy(update={"attempt": None})) == 6
    assert place_before(Story().ended(StopReason.REJECTED), SUSPECT) is None


@pytest.mark.parametrize(
    ("reason", "more"),
    [
        (StopReason.ATTEMPTS, Limits(attempts=120)),
        (StopReason.TOKENS, Limits(tokens=800_000)),
        (StopReason.DEADLINE, Limits(deadline=2400)),
        (StopReason.ERROR, None),
        (StopReason.TOOL_CALLS, None),
    ],
)
def test_a_goal_is_given_more_of_what_it_ran_out_of(reason: StopReason, more: Limits | None) -> None:
    assert raised(two_attempts().ended(reason)) == more


def test_a_step_that_was_too_slow_is_given_more_time_and_no_more_than_there_is() -> None:
    story = Story()
    story.begin()
    story.failed(FailureClass.TIMEOUT)
    record = story.ended(StopReason.STEP_TIMEOUT)
    assert raised(record) == Limits(step_timeout=480)
    goal = record.goal.model_copy(update={"limits": Limits(step_timeout=KEPT)})
    assert raised(type(record)(goal, record.loop, 1, record.tried, record.ended)) == Limits(step_timeout=KEPT)


@pytest.mark.parametrize(
    ("books", "auditor", "said"),
    [
        ({"score": 0.5}, {"score": 1.0}, Said.CONFIRMED),
        ({"score": 0.5}, {"score": 0.0}, Said.REFUTED),
        ({"score": 0.0, "failure": {"kind": "crashed"}}, {"score": 1.0}, Said.CONFIRMED),
        ({"score": 0.0, "failure": {"kind": "crashed"}}, {"score": 0.0}, Said.UNKNOWN),
        ({"score": 0.5}, {"score": 0.0, "failure": {"kind": "crashed"}}, Said.UNKNOWN),
    ],
)
def test_acceptance_judges_in_the_place_of_an_evaluator(
    books: dict[str, object], auditor: dict[str, object], said: Said
) -> None:
    story = Story()
    story.begin()
    story.made({"total": 1})
    story.judged("books", **books)  # type: ignore[arg-type]
    record = story.ended(StopReason.ATTEMPTS)
    place = {"goal": "g1", "step": "work", "attempt": 1, "judge": "auditor", "passed": auditor["score"] == 1}
    tried, fault = held_up(record, "books"), charged(FaultClass.EVALUATOR, "books")
    verdict = Evaluation.model_validate({**place, **auditor})
    assert said_by_acceptance(fault, "auditor", tried, {1: verdict}).said is said
    assert held_up(record, "style") == []
