"""What an answer means: the events that a result or a verdict stands for, if it is waited for."""

from pydantic import ValidationError
from pydantic_core import to_json

from loopwright.actors.events import Event, Failed, Judged, Planned, Produced, came_with
from loopwright.actors.fingerprint import of_failure, of_output
from loopwright.actors.loop import Loop
from loopwright.actors.phases import MAKING
from loopwright.actors.plan import PLAN, Plan
from loopwright.actors.standing import Standing
from loopwright.bus.messages import Brief, Evaluation, Failure, FailureClass, Result
from loopwright.bus.misfit import misfit

HEARD = ("attempt", "judge", "passed", "score", "pick", "rejected", "usage", "aside", "untrusted")
"""What a decision keeps of a verdict; what it says in words stays where it is."""


def hear_result(standing: Standing, result: Result, seq: int) -> tuple[Event, ...]:
    """Return what a worker's result means, if the attempt waits for one."""
    attempt = standing.attempt(result.attempt)
    if attempt is None or attempt.phase not in MAKING:
        return ()
    if result.failure is not None:
        told = {"attempt": attempt.number, "seq": seq, **came_with(result)}
        return (Failed.of(step=standing.place, failure=result.failure, **told),)
    if standing.step == PLAN:
        return (hear_plan(standing.loop, result, seq),)
    made = of_output(result.output)
    told = {"size": result.size, "made": made, **came_with(result)}
    return (Produced.of(step=standing.place, attempt=attempt.number, **told),)


def hear_plan(loop: Loop, result: Result, seq: int) -> Event:
    """Return what a planner's result means: the steps, or that it is no plan."""
    try:
        plan = Plan.model_validate_json(to_json(result.output))
    except ValidationError as error:
        why = misfit(error, whole="it")
    else:
        why = next((flaw.said for flaw in (*plan.flaws(), *loop.flaws_of_steps(plan.steps))), "")
        if not why:
            return Planned.of(attempt=result.attempt, steps=plan.steps, **came_with(result))
    failure = Failure(kind=FailureClass.MISUSE, message=f"the planner's output is no plan: {why}")
    return Failed(attempt=result.attempt, failure=failure, seq=seq, **came_with(result))


def hear_verdict(standing: Standing, verdict: Evaluation, seq: int) -> tuple[Event, ...]:
    """Return what an evaluator's verdict means, if the attempt waits for that evaluator."""
    attempt = standing.attempt(verdict.attempt)
    if attempt is None:
        return ()
    if attempt.phase in MAKING and was_handed(standing, verdict):
        brief = verdict.made or Brief()
        told = {"size": brief.size, "made": brief.made, **came_with(brief)}
        made = Produced.of(step=standing.place, attempt=attempt.number, handed=True, **told)
        return (made, opinion(standing, verdict, seq))
    return (opinion(standing, verdict, seq),) if verdict.judge in attempt.waiting else ()


def was_handed(standing: Standing, verdict: Evaluation) -> bool:
    """Tell whether an evaluator speaks of a result that went straight to it."""
    told = verdict.made is not None or verdict.failure is not None
    return told and verdict.judge == standing.judge_of(standing)


def opinion(standing: Standing, verdict: Evaluation, seq: int) -> Event:
    """Return what a verdict means that is waited for."""
    if verdict.failure is not None:
        told = {"judge": verdict.judge, "seq": seq, **came_with(verdict)}
        return Failed.of(step=standing.place, attempt=verdict.attempt, failure=verdict.failure, **told)
    held = verdict.__dict__
    kept = {name: held[name] for name in HEARD}
    found = "" if verdict.passed else of_failure(verdict.judge, verdict.feedback)
    return Judged.of(step=standing.place, **kept, found=found, seq=seq)
