"""Rules as they are written, and the trail that they are held against."""

from dataclasses import replace

import pytest
from pydantic import TypeAdapter, ValidationError

from loopwright.actors.faults.recorded import Seen
from loopwright.actors.rules import Trail, WrittenRule, rules_of, trail_of
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.messages import Cancel, FailureClass, FaultClass, Source, Status, StopReason
from tests.unit.actors.faults.story import Story

RULES = TypeAdapter(list[WrittenRule])


def broken(written: list[object], trail: Trail) -> list[str]:
    return [breach.why for breach in rules_of(RULES.validate_python(written))(trail)]


def story() -> Trail:
    told = Story()
    told.begin()
    told.call("stock", {"left": 4}, article="A-7")
    told.effect(
        EffectPhase.RAISED, "call", "delete_all", source=Source(fault=FaultClass.AGENT, kind=FailureClass.POLICY)
    )
    told.write("order", {"number": "ORD-1"}, article="A-7")
    told.made({"ordered": "ORD-1", "also": "ORD-2"})
    told.judged("books", 1)
    told.judged("style", 1)
    told.begin()
    word = Cancel(goal="g1")
    called_off = Seen(told.tell(word), told.at, word)
    told.effect(EffectPhase.CLAIMED, "call", "refund", key="k2", arguments={"number": "ORD-1"})
    return trail_of(replace(told.ended(StopReason.CANCELLED, Status.CANCELED), called_off=called_off))


def test_the_trail_of_a_record_has_each_call_once_with_how_far_it_came() -> None:
    trail = story()
    assert [(deed.name, deed.attempt, deed.changes, deed.happened) for deed in trail.deeds] == [
        ("stock", 1, False, True),
        ("delete_all", 1, False, False),
        ("order", 1, True, True),
        ("refund", 2, True, True),
    ]
    assert trail.deeds[2].arguments == {"article": "A-7"}
    assert [claim.output for claim in trail.claims] == [{"ordered": "ORD-1", "also": "ORD-2"}]
    assert trail.cancelled is not None
    assert trail.deeds[2].seq < trail.cancelled < trail.deeds[3].seq
    assert (trail.succeeded, trail.children) == (None, ())


def test_a_call_that_an_attempt_begins_after_it_has_lost_its_race_comes_too_late() -> None:
    told = Story()
    told.begin()
    told.write("order", {"number": "ORD-1"}, article="A-7")
    told.tell(Effect(goal="g1", step="work", attempt=1, role="clerk", phase=EffectPhase.CALLED_OFF))
    told.effect(EffectPhase.CLAIMED, "call", "refund", key="k2")
    why = "refund was called after its attempt had lost its race and was called off."
    assert broken(["nothing_after_cancel"], trail_of(told.so_far())) == [why]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ({"required": "stock"}, []),
        ({"required": {"call": "stock", "times": 2}}, ["stock is required 2 times, and was called 1 times."]),
        ({"forbidden": "delete_*"}, []),
        ({"forbidden": "refund"}, ["refund was called."]),
        ({"ordered": ["stock", "order", "refund"]}, []),
        ({"ordered": ["order", "stock"]}, ["stock was called before order."]),
        ({"at_most": {"call": "*", "times": 3}}, []),
        ({"founded": r"ORD-\d+"}, ["Attempt 1 states 'ORD-2', which nobody had told it."]),
        ({"spend": {"calls_per_attempt": 2}}, ["Attempt 1 took 3 calls; 2 is the limit."]),
        ("nothing_after_cancel", ["refund was called after the goal was called off."]),
        ("no_success_over_failed_child", []),
    ],
)
def test_a_written_rule_is_the_rule_of_its_name(written: object, why: list[str]) -> None:
    assert broken([written], story()) == why


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("nothing", "is no rule that stands alone"),
        ({}, "a rule has one name"),
        ({"required": "a", "forbidden": "b"}, "a rule has one name"),
        ({"forbiden": "a"}, "Extra inputs"),
        ({"founded": "("}, "is no regular expression"),
        ({"ordered": ["a"]}, "at least 2 items"),
        ({"at_most": {"call": "a", "times": -1}}, "greater than or equal to 0"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(written: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RULES.validate_python([written])
