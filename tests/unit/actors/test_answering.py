import pytest

from loopwright.actors.answering import as_json, refuse_unsendable
from loopwright.actors.errors import StepFailed
from loopwright.bus.envelope import MAX_BODY
from loopwright.bus.messages import FailureClass, Output, Usage, Verdict
from loopwright.bus.plain import JsonValue

SPENT = Usage(tokens_in=7)


UNREADABLE = pytest.mark.parametrize(
    ("made", "why"),
    [
        ("\ud800", "cannot be written as JSON"),
        (object(), "cannot be written as JSON"),
        ("x" * MAX_BODY, "900,000 is the limit"),
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
    [("\ud800", "cannot be written as JSON"), ("x" * MAX_BODY, "900,000 is the limit")],
    ids=["half a surrogate pair", "too large"],
)
def test_a_model_of_which_nobody_could_read_what_it_holds_is_a_misuse_as_well(made: str, why: str) -> None:
    with pytest.raises(StepFailed, match=why):
        as_json(Output.of(value=made))
