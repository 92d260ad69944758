"""How a person is shown whose fault it was."""

from loopwright.actors.faults import Blame, Confirmation, Fault, blame_of
from loopwright.actors.faults.confirming import with_confirmation
from loopwright.actors.faults.fault import Said
from loopwright.bus.messages import FailureClass, FaultClass, Status, StopReason, Usage
from loopwright.deploy.blaming import in_words
from tests.unit.actors.faults.story import Story, of_a_call


def test_the_chain_is_told_line_by_line_with_its_places() -> None:
    story = Story()
    story.begin()
    asked = story.ask('{"result": {"total": 41}}')
    story.made({"total": 42})
    passed, refused = story.judged("books", 1.0), story.judged("auditor", 0.0)
    assert list(in_words(blame_of(story.ended(StopReason.ATTEMPTS)))) == [
        "      goal  g1: failed (attempts)",
        f"     fault  agent clerk, confidence 0.90, contract C2, at {asked} {asked + 1}",
        f"introduced  at {asked} by clerk: the model said that total is 41, and the result says 42",
        f"    missed  at {passed} by books: passed it with 1.00",
        f"     found  at {refused} by auditor: refused it with 0.00",
        f" attempt 1  agent clerk, confidence 0.90, contract C2, at {asked} {asked + 1}:"
        " the model said that total is 41, and the result says 42",
    ]


def test_what_a_replay_has_said_stands_beside_the_fault_that_it_is_about() -> None:
    story = Story()
    story.begin()
    story.made(42)
    story.judged("books", 0.0)
    blame = blame_of(story.ended(StopReason.ATTEMPTS))
    told = {"because": "the goal is met then", "swapped": "clerk of mended", "at": 2, "goal": "confirmed/g2"}
    found = Confirmation(said=Said.CONFIRMED, usage=Usage(tokens_in=1200, cost=0.1, worker_seconds=2), **told)
    lines = list(in_words(with_confirmation(blame, found)))
    assert lines[1] == "     fault  agent clerk, confidence 0.95, confirmed by replay, contract C8, at 3 4"
    assert lines[4] == (
        " confirmed  by replay with clerk of mended, from 2 on: the goal is met then;"
        " 1,200 tokens, $0.10, 2.0 worker seconds; see confirmed/g2"
    )
    beside = list(in_words(with_confirmation(blame, found.model_copy(update={"about": False}))))
    assert "by replay" not in beside[1]
    assert beside[4].startswith("   swapped  by replay with clerk of mended")


def test_a_goal_that_was_met_names_nobody_but_shows_what_went_wrong_on_the_way() -> None:
    story = Story()
    story.begin()
    story.failed(FailureClass.TRANSIENT, of_a_call(FaultClass.ENVIRONMENT, FailureClass.TRANSIENT))
    story.begin()
    story.made(7)
    story.judged("books", 1.0)
    lines = list(in_words(blame_of(story.ended(StopReason.ACCEPTED, Status.COMPLETED))))
    assert [line.split()[0] for line in lines] == ["goal", "attempt"]
    assert "environment stock, confidence 0.95" in lines[1]
    quiet = Story()
    assert list(in_words(blame_of(quiet.ended(StopReason.ACCEPTED, Status.COMPLETED))))[1:] == [
        "     fault  nothing went wrong"
    ]


def test_a_fault_is_told_with_its_step_where_there_may_be_several() -> None:
    fault = Fault(fault=FaultClass.AGENT, confidence=0.9, who="author", step="report", attempt=2, because="It broke.")
    blame = Blame(goal="g1", fault=fault, faults=(fault,))
    assert list(in_words(blame))[-1] == "report, attempt 2  agent author, confidence 0.90: It broke."
