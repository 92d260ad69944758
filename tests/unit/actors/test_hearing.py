"""Why an answer that was understood is of no use: a word for each, so that they can be counted."""

from datetime import UTC, datetime

import pytest

from loopwright.actors.decide import decide, open_goal
from loopwright.actors.evolve import fold
from loopwright.actors.hearing import why_unexpected
from loopwright.actors.loop import Loop
from loopwright.actors.standing import Standing
from loopwright.bus.messages import Cancel, Evaluation, Goal, Message, Result

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LOOP = Loop(name="repair", work="code", judges=("tests",))
MADE = Result(goal="g1", step="work", attempt=1, output={})
REFUSED = Evaluation(goal="g1", step="work", attempt=1, judge="tests", passed=False, score=0.5)


def standing_after(*messages: Message) -> Standing:
    standing = fold(None, open_goal(Goal(goal="g1", loop="repair"), LOOP, NOON))
    for message in messages:
        assert standing is not None
        standing = fold(standing, decide(standing, message, NOON))
    assert standing is not None
    return standing


@pytest.mark.parametrize(
    ("heard", "said", "why"),
    [
        ([Cancel(goal="g1")], MADE, "goal over"),
        ([], MADE.model_copy(update={"step": "other"}), "other step"),
        ([], MADE.model_copy(update={"attempt": 2}), "attempt not begun"),
        ([MADE, REFUSED], MADE, "attempt settled"),
        ([MADE], MADE, "already answered"),
        ([], REFUSED, "judge not waited for"),
        ([MADE], REFUSED.model_copy(update={"judge": "other"}), "judge not waited for"),
    ],
)
def test_an_answer_that_nobody_waits_for_is_told_apart(
    heard: list[Message], said: Result | Evaluation, why: str
) -> None:
    standing = standing_after(*heard)
    assert decide(standing, said, NOON) == ()
    assert why_unexpected(standing, said) == why
