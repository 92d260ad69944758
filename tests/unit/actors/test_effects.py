"""What is on record of an attempt's calls, and how a run of the handler goes through it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopwright.actors.effects import EffectRecord, Place, Run, digest_of, in_doubt, key_of
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.messages import StepOrder, Usage

CLAIMED, DONE, FAILED, RELEASED = EffectPhase.CLAIMED, EffectPhase.DONE, EffectPhase.FAILED, EffectPhase.RELEASED
ORDER = StepOrder(goal="g1", loop="shop", step="work", attempt=1, role="support")


def entry(phase: EffectPhase, call: str = "a", occurrence: int = 1, **told: object) -> Effect:
    place = {"goal": "g1", "step": "work", "attempt": 1, "role": "support"}
    return Effect.model_validate({**place, "phase": phase, "call": call, "occurrence": occurrence, **told})


def record_of(*entries: Effect) -> EffectRecord:
    record = EffectRecord()
    for each in entries:
        record.take(each)
    return record


def answers(run: Run, *calls: str) -> list[object]:
    """Make calls one after the other, as a handler does; None where one is not on record."""
    found: list[object] = []
    for call in calls:
        with suppress(ConnectionError), run.taking(call) as place:
            effect = run.recall(place)
            found.append(effect and (effect.failure or effect.answer))
            if effect is not None and effect.phase is FAILED:
                raise ConnectionError
    return found


def test_a_call_is_answered_from_the_record_and_one_that_is_not_found_is_still_to_be_made() -> None:
    run = Run(record_of(entry(DONE, "a", answer="x")))
    assert answers(run, "b", "a", "a") == [None, "x", None]


def test_the_same_call_made_again_is_another_occurrence_in_one_run_and_the_same_ones_in_the_next() -> None:
    record = record_of(entry(DONE, "a", 1, answer="first"), entry(DONE, "a", 2, answer="second"))
    for _ in range(2):
        assert answers(Run(record), "a", "a") == ["first", "second"]


@given(st.lists(st.sampled_from("abc"), max_size=12))
def test_a_run_that_does_what_an_earlier_one_did_makes_no_call_anew(calls: list[str]) -> None:
    record, first = EffectRecord(), Run(EffectRecord())
    for number, call in enumerate(calls):
        with first.taking(call) as place:
            record.take(entry(DONE, *place, answer=number))
    assert answers(Run(record), *calls) == list(range(len(calls)))


@given(st.lists(st.sampled_from("abc"), max_size=12), st.randoms())
def test_changed_code_finds_what_it_still_asks_for_in_any_order(calls: list[str], chance: object) -> None:
    record, first = EffectRecord(), Run(EffectRecord())
    for call in calls:
        with first.taking(call) as place:
            record.take(entry(DONE, *place, answer=call))
    mixed = ["new", *calls]
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert answers(Run(record), *mixed) == [None if call == "new" else call for call in mixed]


def test_a_call_that_raised_or_was_given_up_is_the_same_occurrence_when_it_is_made_again() -> None:
    run = Run(EffectRecord())
    with pytest.raises(TimeoutError), run.taking("a") as first:
        raise TimeoutError
    with run.taking("a") as again, run.taking("a") as beside:
        assert (first, again, beside) == (Place("a", 1), Place("a", 1), Place("a", 2))


def test_a_call_that_failed_fails_as_often_as_it_did_and_then_has_its_answer() -> None:
    record = record_of(entry(FAILED, failure="no"), entry(FAILED, failure="no again"), entry(DONE, answer="yes"))
    for _ in range(2):
        assert answers(Run(record), "a", "a", "a", "a") == ["no", "no again", "yes", None]


def test_a_claim_is_open_until_it_is_known_how_it_ended() -> None:
    for ended in (DONE, FAILED, RELEASED):
        record = record_of(entry(CLAIMED, "a", 1), entry(CLAIMED, "a", 2))
        assert set(record.claimed) == {Place("a", 1), Place("a", 2)}
        record.take(entry(ended, "a", 1))
        assert set(record.claimed) == {Place("a", 2)}
    assert answers(Run(record), "a") == [None], "what was released is still to be made"


def test_what_calls_took_is_counted_once_however_many_runs_go_through_them() -> None:
    spent = Usage(model_calls=1, tokens_in=10)
    record = record_of(entry(EffectPhase.HELD, "", 0), entry(DONE, "a", usage=spent), entry(DONE, "b", usage=spent))
    answers(Run(record), "a", "b")
    answers(Run(record), "a", "b")
    assert record.spent == Usage(model_calls=2, tokens_in=20)


def test_a_digest_tells_calls_apart_by_content_and_not_by_the_order_of_their_arguments() -> None:
    assert digest_of("call", "refund", {"a": 1, "b": 2}) == digest_of("call", "refund", {"b": 2, "a": 1})
    others = [
        digest_of("call", "refund", {"a": 1, "b": 3}),
        digest_of("call", "refunds", {"a": 1, "b": 2}),
        digest_of("ask", "refund", {"a": 1, "b": 2}),
        digest_of("call", "refund", {"a": "1", "b": 2}),
    ]
    assert len({digest_of("call", "refund", {"a": 1, "b": 2}), *others}) == 5


def test_a_key_is_the_same_for_a_call_in_any_process_and_for_no_other() -> None:
    place = Place("a", 1)
    changed = [ORDER.model_copy(update=each) for each in ({"goal": "g2"}, {"step": "s"}, {"attempt": 2}, {"role": "r"})]
    keys = [key_of("default", order, place) for order in (ORDER, *changed)]
    keys += [
        key_of("other", ORDER, place),
        key_of("default", ORDER, Place("a", 2)),
        key_of("default", ORDER, Place("b", 1)),
    ]
    assert len(set(keys)) == len(keys)
    assert key_of("default", ORDER.model_copy(), Place("a", 1)) == keys[0]


def test_a_person_is_told_what_to_look_for() -> None:
    told = in_doubt(entry(CLAIMED, name="refund", key="k1", arguments={"order": "o-7", "amount": "12.50"}))
    assert told == (
        'refund with {"order": "o-7", "amount": "12.50"} may or may not have happened, and nothing here can tell. '
        "Look for the key k1, and go on by hand."
    )


def test_what_a_person_is_asked_is_neither_made_nor_paid_before_there_is_a_reply() -> None:
    asked, approved = entry(EffectPhase.ASKED, what="call"), entry(EffectPhase.APPROVED, what="call")
    record = record_of(asked)
    assert (Run(record).recall(Place("a", 1)), record.asked, record.replied) == (None, {Place("a", 1): asked}, {})
    record.take(approved)
    assert (record.replied, record.claimed, record.spent) == ({Place("a", 1): approved}, {}, Usage())
