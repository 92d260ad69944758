import pytest

from loopwright.actors.answering import as_json, refuse_unsendable
from loopwright.actors.errors import StepFailed
from loopwright.bus.envelope import MAX_BODY
from loopwright.bus.messages import Evaluation, FailureClass, Result, Usage
from loopwright.bus.plain import JsonValue

SPENT = Usage(tokens_in=7)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ("\ud800", "cannot be written as JSON"),
        (object(), "cannot be written as JSON"),
        ("x" * MAX_BODY, "900,000 is the limit"),
    ],
    ids=["half a surrogate pair", "no JSON", "too large"],
)
def test_an_answer_that_nobody_could_read_is_a_misuse_and_what_it_took_is_counted(made: JsonValue, why: str) -> None:
    place = {"goal": "g1", "step": "work", "attempt": 1, "usage": SPENT}
    for said in (
        Result.of(**place, output=made),
        Evaluation.of(**place, judge="tests", passed=True, score=1, pick=made),
    ):
        with pytest.raises(StepFailed, match=why) as refused:
            refuse_unsendable(said)
        assert (refused.value.failure.kind, refused.value.usage) == (FailureClass.MISUSE, SPENT)


@pytest.mark.parametrize("made", ["\ud800", {"a": object()}, [float("nan")]], ids=["text", "object", "no number"])
def test_what_json_cannot_hold_is_a_misuse(made: object) -> None:
    with pytest.raises(StepFailed, match="cannot be written as JSON") as refused:
        as_json(made)
    assert refused.value.failure.kind is FailureClass.MISUSE
