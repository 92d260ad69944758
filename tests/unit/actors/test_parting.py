"""Where two trajectories part, as a person is told."""

from loopwright.actors.faults import GoalRecord
from loopwright.actors.parting import ROOM, in_short, parting
from loopwright.bus.forks import Fork
from loopwright.bus.messages import StopReason
from tests.unit.actors.faults.story import Story


def asked(answer: str, model: str | None = None) -> GoalRecord:
    """Return the record of a goal whose first attempt was answered so."""
    story = Story()
    story.begin()
    story.call("stock", answer, article="bolt")
    story.made({"said": answer})
    record = story.ended(StopReason.ATTEMPTS)
    goal = record.goal.model_copy(update={"fork": Fork(goal="g0", seq=1, model=model)})
    return GoalRecord(goal, record.loop, 1, record.tried, record.ended)


def test_two_calls_of_one_name_are_told_apart_by_what_they_answered() -> None:
    found = parting(asked("41"), asked("42"))
    assert (found.shared, found.differs) == (1, ())
    assert found.one.what == 'attempt work 1: stock {"article": "bolt"} answered "41"'
    assert found.other.what == 'attempt work 1: stock {"article": "bolt"} answered "42"'


def test_forks_that_name_different_models_did_not_begin_alike() -> None:
    assert parting(asked("41"), asked("41", "large")).differs == ("model",)


def test_what_is_long_is_cut() -> None:
    assert in_short("x" * ROOM) == '"' + "x" * (ROOM - 1) + "…"
