from types import SimpleNamespace
from typing import cast

import pytest

from loopwright.actors.answering import as_json, failed, refuse_unsendable, result
from loopwright.actors.errors import StepFailed
from loopwright.actors.work import Made
from loopwright.bus import Bus
from loopwright.bus.envelope import MAX_ANSWER, encode
from loopwright.bus.messages import Failure, FailureClass, Output, StepOrder, Usage, Verdict
from loopwright.bus.plain import JsonValue

SPENT = Usage(tokens_in=7)
BUS = cast("Bus", SimpleNamespace(name="w-1"))
"""All that is asked of a bus here."""


UNREADABLE = pytest.mark.parametrize(
    ("made", "why"),
    [
        ("\ud800", "cannot be written as JSON"),
        (object(), "cannot be written as JSON"),
        ("x" * MAX_ANSWER, "7,900,000 is the limit"),
    ],
    ids=["half a surrogate pair", "no JSON", "too large"],
)


@UNREADABLE
def test_a_verdict_that_nobody_could_read_is_a_misuse_and_what_it_took_is_counted(made: JsonValue, why: str) -> None:
    with pytest.raises(StepFailed, match=why) as refused:
        refuse_unsendable(Verdict.of(passed=True, score=1.0, pick=made, usage=SPENT))
    assert (refused.value.failure.kind, refused.value.usage) == (FailureClass.MISUSE, SPENT)


@UNREADABLE
def test_a_result_that_nobody_could_read_is_a_misuse_and_what_it_took_is_counted(made: JsonValue, why: str) -> None:
    with pytest.raises(StepFailed, match=why) as refused:
        as_json(made, SPENT)
    assert (refused.value.failure.kind, refused.value.usage) == (FailureClass.MISUSE, SPENT)


@pytest.mark.parametrize("made", ["\ud800", {"a": object()}, [float("nan")]], ids=["text", "object", "no number"])
def test_what_json_cannot_hold_is_a_misuse(made: object) -> None:
    with pytest.raises(StepFailed, match="cannot be written as JSON") as refused:
        as_json(made)
    assert refused.value.failure.kind is FailureClass.MISUSE


@pytest.mark.parametrize(
    ("made", "why"),
    [("\ud800", "cannot be written as JSON"), ("x" * MAX_ANSWER, "7,900,000 is the limit")],
    ids=["half a surrogate pair", "too large"],
)
def test_a_model_of_which_nobody_could_read_what_it_holds_is_a_misuse_as_well(made: str, why: str) -> None:
    with pytest.raises(StepFailed, match=why):
        as_json(Output.of(value=made))


@pytest.mark.parametrize("judge", [None, "eval"], ids=["a result", "an evaluation"])
def test_what_was_spent_counts_without_what_json_cannot_hold_of_it(judge: str | None) -> None:
    odd = Usage(tokens_in=7, details=object())
    order = StepOrder(goal="g1", loop="l", step="work", attempt=1, role="eval", judge=judge)
    said = failed(BUS, order, Failure(kind=FailureClass.MISUSE, message="no"), odd)
    assert said.usage == SPENT
    encode(said)


def test_a_result_of_which_nobody_could_read_what_was_spent_is_a_misuse() -> None:
    odd = Usage(tokens_in=7, details="\ud800")
    order = StepOrder(goal="g1", loop="l", step="work", attempt=1, role="work")
    with pytest.raises(StepFailed, match="what was spent cannot be written as JSON"):
        result(BUS, order, Made(output=1, usage=odd))
