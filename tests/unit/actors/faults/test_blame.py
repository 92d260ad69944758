"""One fault put into a record at a time, and whose it is found to be."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopwright.actors.faults import Contract, blame_of, why_of
from loopwright.actors.faults.answers import AT_FIRST_SIGHT
from loopwright.actors.faults.recorded import GoalRecord
from loopwright.bus.effects import EffectPhase
from loopwright.bus.messages import Failure, FailureClass, FaultClass, Source, Status, StopReason
from tests.unit.actors.faults.story import Story, of_a_call

CALL = json.dumps({"calls": [{"tool": "stock", "arguments": {"article": "bolt"}}]})
ORDER = json.dumps({"tool": "order", "arguments": {"article": "bolt", "amount": 7}})


@pytest.fixture
def story() -> Story:
    return Story()


def found(record: GoalRecord) -> tuple[FaultClass, Contract | None]:
    fault = blame_of(record).fault
    assert fault is not None
    return fault.fault, fault.contract


def healthy(story: Story, number: int = 12) -> None:
    """Tell an attempt in which everything is in order but that the books refuse it."""
    story.begin()
    story.ask(CALL)
    story.call("stock", {"stock": number}, article="bolt")
    story.ask(json.dumps({"result": {"stock": number}}), shown={"stock": 1.0})
    story.made({"stock": number})


def refuse(story: Story, score: float = 0.5) -> GoalRecord:
    story.judged("books", score, feedback="the books say otherwise")
    return story.ended(StopReason.ATTEMPTS)


def test_an_attempt_in_which_no_contract_is_broken_is_the_models_decision_and_no_more_than_likely(story: Story) -> None:
    healthy(story)
    fault = blame_of(refuse(story)).fault
    assert fault is not None
    assert (fault.fault, fault.contract, fault.confidence) == (FaultClass.MODEL, Contract.DECIDED, 0.55)
    assert fault.because == "books refused it: the books say otherwise"


def test_an_attempt_that_lost_its_race_has_done_nothing_wrong(story: Story) -> None:
    story.begin()
    story.effect(EffectPhase.CALLED_OFF, "call", "", call="")
    story.failed(FailureClass.CALLED_OFF)
    healthy(story)
    story.judged("books", 1.0)
    blame = blame_of(record := story.ended(StopReason.ACCEPTED, Status.COMPLETED))
    assert (blame.faults, record.tried[0].is_called_off, record.tried[1].is_called_off) == ((), True, False)


def test_what_the_agent_cut_from_a_tools_answer_is_the_agents_fault(story: Story) -> None:
    story.begin()
    story.ask(CALL)
    answered = story.call("stock", "\n".join(f"line {number}" for number in range(9)), article="bolt")
    asked = story.ask("{}", shown={"stock": 0.5})
    story.made({})
    refused = story.judged("style", 0.2)
    blame = blame_of(story.ended(StopReason.ATTEMPTS))
    assert blame.fault is not None
    assert (blame.fault.fault, blame.fault.contract) == (FaultClass.AGENT, Contract.SHOWN)
    assert blame.fault.evidence == (answered, asked)
    assert blame.introduced is not None
    assert blame.found is not None
    assert (blame.introduced.seq, blame.found.seq, blame.found.who) == (answered, refused, "style")


@pytest.mark.parametrize(
    ("calls", "contract"),
    [
        ([], Contract.DISPATCHED),
        ([{"article": "bolt", "amount": 8}], Contract.DISPATCHED),
        ([{"article": "bolt", "amount": 7}] * 2, Contract.DISPATCHED),
    ],
    ids=["never made", "made otherwise", "made twice"],
)
def test_a_call_that_the_model_named_and_the_agent_did_not_make_so_is_the_agents_fault(
    story: Story, calls: list[dict[str, Any]], contract: Contract
) -> None:
    story.begin()
    story.ask(ORDER)
    for arguments in calls:
        story.write("order", "taken", **arguments)
    story.ask("{}")
    story.made({})
    assert found(refuse(story)) == (FaultClass.AGENT, contract)


def test_a_call_made_as_it_was_named_with_defaults_beside_it_is_nobodys_fault(story: Story) -> None:
    story.begin()
    story.ask(ORDER)
    story.write("order", "taken", article="bolt", amount="7.0", express=False)
    story.ask("{}")
    story.made({})
    assert found(refuse(story)) == (FaultClass.MODEL, Contract.DECIDED)


@pytest.mark.parametrize("times", [1, 2])
def test_where_calls_are_named_in_prose_a_write_made_twice_or_with_other_arguments_is_still_the_agents_fault(
    story: Story, times: int
) -> None:
    story.begin()
    story.ask(f"I would order {9 - times} of bolt.")
    for _ in range(times):
        story.write("order", "taken", article="bolt", amount=7)
    story.ask("Done, as far as I can see.")
    story.made({})
    assert found(refuse(story)) == (FaultClass.AGENT, Contract.DISPATCHED)


def test_a_tool_that_the_model_made_up_is_the_models_fault(story: Story) -> None:
    story.begin()
    asked = story.ask(json.dumps({"tool": "inventory", "arguments": {}}))
    story.failed(FailureClass.MISUSE)
    record = story.ended(StopReason.ERROR)
    assert found(record) == (FaultClass.MODEL, Contract.FITS)
    blame = blame_of(record)
    assert blame.introduced is not None
    assert blame.introduced.seq == asked


@pytest.mark.parametrize(("amount", "whose"), [("plenty", FaultClass.MODEL), ("7", FaultClass.AGENT)])
def test_arguments_that_do_not_fit_are_the_fault_of_who_chose_them(
    story: Story, amount: str, whose: FaultClass
) -> None:
    story.begin()
    story.ask(json.dumps({"tool": "order", "arguments": {"amount": amount}}))
    source = of_a_call(FaultClass.UNKNOWN, FailureClass.MISUSE, "order")
    story.effect(EffectPhase.RAISED, "call", "order", call="", source=source, arguments={"amount": "plenty"})
    story.failed(FailureClass.MISUSE, source)
    assert found(story.ended(StopReason.ERROR))[0] is whose


@pytest.mark.parametrize("whose", [FaultClass.TOOL, FaultClass.ENVIRONMENT])
def test_a_call_that_failed_the_attempt_is_the_fault_of_whose_it_was_where_it_was_met(
    story: Story, whose: FaultClass
) -> None:
    story.begin()
    story.ask(CALL)
    source = of_a_call(whose, FailureClass.CRASHED)
    raised = story.effect(EffectPhase.RAISED, "call", "stock", source=source, failure="KeyError: 'bolt'")
    reported = story.failed(FailureClass.CRASHED, source)
    blame = blame_of(story.ended(StopReason.ERROR))
    assert blame.fault is not None
    assert (blame.fault.fault, blame.fault.confidence, blame.fault.who) == (whose, 0.95, "stock")
    assert blame.introduced is not None
    assert blame.found is not None
    assert (blame.introduced.seq, blame.found.seq) == (raised, reported)


def test_trouble_that_was_got_over_is_nobodys_fault(story: Story) -> None:
    story.begin()
    story.ask(CALL)
    source = of_a_call(FaultClass.ENVIRONMENT, FailureClass.TRANSIENT)
    story.effect(EffectPhase.RAISED, "call", "stock", source=source)
    story.call("stock", {"stock": 12}, article="bolt")
    story.ask(json.dumps({"stock": 12}), shown={"stock": 1.0})
    story.made({"stock": 12})
    assert found(refuse(story)) == (FaultClass.MODEL, Contract.DECIDED)


def test_a_tool_that_hung_and_one_that_had_too_little_time_are_told_apart(story: Story) -> None:
    source = of_a_call(FaultClass.TOOL, FailureClass.TIMEOUT)
    story.begin()
    story.ask(CALL)
    story.failed(FailureClass.TIMEOUT, source, after=60)
    assert found(story.ended(StopReason.STEP_TIMEOUT)) == (FaultClass.TOOL, Contract.ANSWERED)
    steady = Story()
    steady.begin()
    for number in range(6):
        steady.effect(EffectPhase.DONE, "ask", "m", after=10, answer="{}", call=f"a{number}")
    steady.failed(FailureClass.TIMEOUT, source, after=10)
    assert found(steady.ended(StopReason.STEP_TIMEOUT)) == (FaultClass.LOOP, Contract.JUDGED)


def test_a_tool_that_answers_otherwise_where_the_work_was_accepted_is_at_fault(story: Story) -> None:
    healthy(story, 29)
    story.judged("books", 0.5)
    healthy(story, 12)
    story.judged("books", 1.0)
    blame = blame_of(story.ended(StopReason.ACCEPTED, Status.COMPLETED))
    assert blame.fault is None, "the goal was met"
    assert [(each.fault, each.attempt, each.contract) for each in blame.faults] == [
        (FaultClass.TOOL, 1, Contract.ANSWERED)
    ]


def test_a_write_that_is_not_there_afterwards_is_the_tools_fault(story: Story) -> None:
    story.begin()
    story.ask(ORDER)
    story.write("order", "taken", article="bolt", amount=7)
    story.ask("{}")
    story.call("ordered", {"article": "bolt", "amount": 0}, article="bolt")
    story.ask("{}", shown={"ordered": 1.0})
    story.made({})
    assert found(refuse(story)) == (FaultClass.TOOL, Contract.ANSWERED)


def test_a_result_that_says_otherwise_than_the_model_is_the_agents_fault(story: Story) -> None:
    story.begin()
    story.ask(json.dumps({"result": {"total": 41}}))
    story.made({"total": 42})
    assert found(refuse(story)) == (FaultClass.AGENT, Contract.DISPATCHED)


def test_a_model_that_contradicts_a_tool_is_at_fault(story: Story) -> None:
    story.begin()
    story.ask(CALL)
    story.call("stock", {"stock": 12}, article="bolt")
    story.ask(json.dumps({"result": {"stock": 99}}), shown={"stock": 1.0})
    story.made({"stock": 99})
    assert found(refuse(story)) == (FaultClass.MODEL, Contract.FOUNDED)


def test_an_evaluator_that_looks_at_more_than_the_work_may_judge_the_same_work_anew(story: Story) -> None:
    for score in (0, 1):
        healthy(story)
        story.judged("books", score, beyond="a database")
    assert found(story.ended(StopReason.PLATEAU)) != (FaultClass.EVALUATOR, Contract.JUDGED)


def test_an_evaluator_that_breaks_down_contradicts_itself_or_sees_nothing_is_at_fault(story: Story) -> None:
    healthy(story)
    story.judged("books", 0.0, failure=Failure(kind=FailureClass.CRASHED, message="division by zero"))
    assert found(story.ended(StopReason.ERROR)) == (FaultClass.EVALUATOR, Contract.JUDGED)
    fickle = Story()
    for score in (0.2, 0.7):
        healthy(fickle)
        fickle.judged("books", score)
    assert found(fickle.ended(StopReason.PLATEAU)) == (FaultClass.EVALUATOR, Contract.JUDGED)
    blind = Story()
    for number in (12, 13):
        healthy(blind, number)
        passed = blind.judged("books", 1.0)
        blind.judged("auditor", 0.0)
    blame = blame_of(blind.ended(StopReason.ATTEMPTS))
    assert blame.fault is not None
    assert (blame.fault.fault, blame.fault.contract) == (FaultClass.EVALUATOR, Contract.AGREED)
    assert passed > blame.fault.evidence[0], "the first success that was none is where it began"


def test_a_false_success_was_missed_by_who_passed_it_and_found_by_acceptance(story: Story) -> None:
    story.begin()
    begun = story.ask(json.dumps({"result": {"total": 41}}))
    story.made({"total": 42})
    passed, refused = story.judged("books", 1.0), story.judged("auditor", 0.0)
    blame = blame_of(story.ended(StopReason.ATTEMPTS))
    assert blame.introduced is not None
    assert blame.found is not None
    assert (blame.introduced.seq, [each.seq for each in blame.missed], blame.found.seq) == (begun, [passed], refused)


def test_a_goal_that_was_stopped_while_it_got_better_was_bound_too_tightly(story: Story) -> None:
    for number, score in ((12, 0.2), (13, 0.5), (14, 0.8)):
        healthy(story, number)
        story.judged("books", score)
    record = story.ended(StopReason.ATTEMPTS)
    assert found(record) == (FaultClass.LOOP, Contract.JUDGED)
    assert "Change the loop's bounds" in why_of(record, blame_of(record))


def test_that_nobody_serves_a_role_is_the_environments_fault(story: Story) -> None:
    story.begin()
    record = story.ended(StopReason.NO_ROLE, evidence={"role": "clerk"})
    blame = blame_of(record)
    assert blame.fault is not None
    assert (blame.fault.fault, blame.fault.who, blame.fault.confidence) == (FaultClass.ENVIRONMENT, "clerk", 1.0)
    assert why_of(record, blame).endswith("Start `loopwright worker clerk`, and submit the goal again.")


def test_where_the_record_does_not_tell_unknown_is_the_answer(story: Story) -> None:
    story.begin()
    story.failed(FailureClass.CRASHED)
    record = story.ended(StopReason.ERROR)
    blame = blame_of(record)
    assert blame.fault is not None
    assert (blame.fault.fault, blame.fault.confidence) == (FaultClass.UNKNOWN, 0.3)
    assert "the record does not tell" in why_of(record, blame)


def test_a_failure_that_was_got_over_weighs_less_than_those_that_ended_the_goal(story: Story) -> None:
    story.begin()
    story.failed(FailureClass.TRANSIENT, of_a_call(FaultClass.ENVIRONMENT, FailureClass.TRANSIENT))
    healthy(story)
    story.judged("books", 0.5)
    for _ in range(3):
        story.begin()
        story.failed(FailureClass.CRASHED, Source(fault=FaultClass.AGENT, kind=FailureClass.CRASHED, name="clerk"))
    fault = blame_of(story.ended(StopReason.ERROR)).fault
    assert fault is not None
    assert (fault.fault, fault.attempt, fault.confidence) == (FaultClass.AGENT, 3, 0.95)


def test_a_goal_that_goes_on_or_was_called_off_has_no_culprit(story: Story) -> None:
    healthy(story)
    story.judged("books", 0.5)
    record = story.so_far()
    assert why_of(record, blame_of(record)).startswith("g1 has not ended: 1 of its attempts went wrong.")
    assert blame_of(story.ended(StopReason.CANCELLED, Status.CANCELED)).fault is None


def test_every_kind_of_failure_has_somebody_who_is_blamed_at_first_sight() -> None:
    assert AT_FIRST_SIGHT.keys() | {FailureClass.MISUSE} == set(FailureClass)


texts = st.sampled_from(["", "{", CALL, ORDER, "12", '{"result": {"stock": 5}}', '[[{"tool": 1}]]'])
values: st.SearchStrategy[Any] = st.sampled_from([None, True, 7, "x", {"stock": 5}, [1, {"a": "b"}], {}])
sources = st.none() | st.builds(
    Source, fault=st.sampled_from(FaultClass), kind=st.sampled_from(FailureClass), call=st.sampled_from(["", "stock"])
)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_is_on_record_is_blamed_on_somebody_or_nobody_with_evidence_that_is_there(data: st.DataObject) -> None:
    story = Story()
    for _ in range(data.draw(st.integers(0, 4))):
        story.begin()
        for _ in range(data.draw(st.integers(0, 5))):
            what, name = data.draw(st.sampled_from([("ask", "m"), ("call", "stock"), ("call", "order")]))
            told = {"answer": data.draw(texts if what == "ask" else values), "source": data.draw(sources)}
            told |= {"arguments": data.draw(st.none() | st.just({"article": "bolt"})), "shown": {"stock": 0.4}}
            story.effect(data.draw(st.sampled_from(EffectPhase)), what, name, **told)
        if data.draw(st.booleans()):
            story.failed(data.draw(st.sampled_from(FailureClass)), data.draw(sources))
            continue
        story.made(data.draw(values))
        for judge in data.draw(st.sets(st.sampled_from(["books", "style", "auditor"]))):
            story.judged(judge, data.draw(st.sampled_from([0.0, 0.5, 1.0])))
    record = story.ended(data.draw(st.sampled_from(StopReason)), data.draw(st.sampled_from(Status)))
    blame = blame_of(record)
    there = {entry.seq for entry in story.entries}
    assert len(blame.faults) == sum(each.went_wrong for each in record.tried)
    assert all(there >= set(fault.evidence) for fault in blame.faults)
    assert all(point.seq in there for point in (blame.introduced, blame.found, *blame.missed) if point)
    assert why_of(record, blame)


def test_a_goal_that_was_given_too_few_attempts_blames_that_and_does_not_say_that_nothing_went_wrong() -> None:
    blame = blame_of(Story().ended(StopReason.ATTEMPTS, unverified="Nothing was accepted at work."))
    assert blame.fault is not None
    assert (blame.fault.fault, blame.fault.who) == (FaultClass.LOOP, "shop")
    assert blame.fault.because == "It is over. Nothing was accepted at work."
