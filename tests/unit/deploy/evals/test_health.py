"""How evaluators fared, by the records of goals."""

from loopwright.bus.messages import Failure, FailureClass
from loopwright.deploy.evals.health import MANY, Judging, judging_of, together
from tests.unit.actors.faults.story import Story


def judged(*scores: tuple[str, float]) -> dict[str, Judging]:
    """What the evaluator `books` did that gave these scores to these outputs."""
    story = Story()
    for output, score in scores:
        story.begin()
        story.made(output)
        story.judged("books", score)
    return judging_of(story.so_far())


def test_an_evaluator_that_gives_one_output_two_scores_contradicts_itself() -> None:
    books = judged(("a", 0.5), ("b", 0.2), ("a", 0.9), ("b", 0.2))["books"]
    assert books == Judging(verdicts=4, outputs=2, contradictions=1, low=0.2, high=0.9)
    assert books.sickness == "contradicted itself on 1 of 2 outputs"


def test_an_evaluator_that_looks_at_more_than_the_output_may_change_its_mind() -> None:
    story = Story()
    for score in (0.0, 1.0):
        story.begin()
        story.made("the same")
        story.judged("books", score, beyond="a database")
    assert judging_of(story.so_far()) == {}


def test_an_evaluator_that_tells_nothing_apart_is_told_once_it_saw_enough() -> None:
    few = judged(*((f"o{number}", 0.3) for number in range(MANY - 1)))
    more = judged(("another", 0.3))
    assert few["books"].sickness == ""
    assert together([few, more])["books"].sickness == f"gave 0.3 to all {MANY} outputs"
    assert together([few, judged(("right", 1.0))])["books"].sickness == ""


def test_an_evaluator_that_failed_has_no_verdict() -> None:
    story = Story()
    story.begin()
    story.made("a")
    story.judged("style", 0.0, failure=Failure(kind=FailureClass.SICK))
    found = judging_of(story.so_far())
    assert found == {"style": Judging(failures=1)}
    assert together([found, found])["style"].sickness == "failed 2 times"
