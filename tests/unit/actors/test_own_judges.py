"""A step that is judged by whom it names, whatever the rest of its loop is judged by."""

from loopwright.actors.drawing import mermaid
from loopwright.actors.loop import Loop
from loopwright.actors.plan import PlannedStep
from loopwright.actors.race import Lane
from loopwright.bus.messages import Evaluation, Result, Status, StepOrder, StopReason
from tests.unit.actors.telling import Told, at

OWN = Loop(
    name="own",
    work="write",
    judges=("style", "facts"),
    evaluators=("spelling",),
    steps=(
        PlannedStep(name="draft", judges=("style",)),
        PlannedStep(name="book", judges=(), checks=("spelling",), race=(Lane(model="a"), Lane(model="b"))),
        PlannedStep(name="page", vote="any"),
    ),
)


def judges_asked(told: Told, step: str) -> list[str]:
    return [each.role for each in told.sent if isinstance(each, StepOrder) and each.step == step and each.judge]


def test_a_step_is_judged_by_whom_it_names_and_else_by_whom_the_loop_names() -> None:
    told = Told(OWN)
    told.hears(Result(**at("draft", 1)))
    told.hears(Evaluation(**at("draft", 1), judge="style", passed=True, score=1.0))
    told.hears(Result(**at("book", 2)))
    told.hears(Evaluation(**at("book", 2), judge="spelling", passed=True, score=1.0))
    told.hears(Result(**at("page", 1)))
    told.hears(Evaluation(**at("page", 1), judge="style", passed=False, score=0.0))
    told.hears(Evaluation(**at("page", 1), judge="facts", passed=True, score=1.0))
    assert [judges_asked(told, step) for step in ("draft", "book", "page")] == [
        ["style"],
        ["spelling"],
        ["style", "facts"],
    ]
    assert told.end == (Status.COMPLETED, StopReason.ACCEPTED)
    assert told.outcome.why == (
        "Every step of its plan passed its evaluators; another attempt came too late and was called off."
    )


def test_a_plan_that_names_judges_nobody_has_is_no_plan() -> None:
    loop = Loop(name="planned", plan="outline", work="write", judges=("style",), evaluators=("facts",))
    told = Told(loop)
    told.hears(Result(**at("plan", 1), output={"steps": [{"name": "a", "judges": ["fact"]}]}))
    assert told.standing.last_failure is not None
    assert "fact is not among the roles that judge in this loop; did you mean facts?" in (
        told.standing.last_failure.message
    )
    told.hears(Result(**at("plan", 2), output={"steps": [{"name": "a", "judges": ["facts"]}]}))
    told.hears(Result(**at("a", 1)))
    assert judges_asked(told, "a") == ["facts"]


def test_a_drawing_shows_who_races_for_a_step_and_who_judges_it() -> None:
    drawn = mermaid(OWN)
    assert "draft<br/>write<br/>judged by style" in drawn
    assert "book<br/>write<br/>a race of 2: the model a, the model b<br/>judged by spelling" in drawn
    assert "page<br/>write<br/>judged by style, facts: one of its judges" in drawn
