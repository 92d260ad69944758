"""How a goal ended: the outcome document, with the best attempt, its curve, and what stayed unverified."""

from datetime import datetime

from pydantic import JsonValue

from loopwright.actors.course import finished
from loopwright.actors.plan import PLAN
from loopwright.actors.purse import EMPTY
from loopwright.actors.standing import Doing, Standing
from loopwright.actors.stopping import Stop
from loopwright.bus.messages import TEXT, Allowance, Outcome


def outcome_of(standing: Standing, stop: Stop, at: datetime) -> Outcome:
    """Return the outcome document of a goal that stops now."""
    best = standing.best
    baseline = standing.baseline
    return Outcome.of(
        goal=standing.goal.goal,
        loop=standing.loop.name,
        status=stop.status,
        reason=stop.reason,
        why=(stop.why or accepted_sentence(standing))[:TEXT],
        score=min([each.best.score if each.best else 0.0 for each in standing.beside] + [scored(standing)]),
        baseline=baseline,
        best=came_to(standing),
        best_attempt=best.attempt if best else None,
        curve=standing.measured.curve.points,
        attempts=standing.attempts - standing.empty,
        steps=standing.steps,
        false_successes=standing.false_successes,
        seconds=max(0.0, (at - standing.opened).total_seconds()),
        usage=standing.usage,
        set_aside=set_aside(standing),
        fault=None if standing.is_met else standing.last_failure if standing.failures else None,
        evidence={**stop.evidence, **where(standing), **forked(standing), **raced(standing), **shown(standing, stop)},
        unverified=unverified(standing),
        untrusted=standing.untrusted,
    )


def shown(standing: Standing, stop: Stop) -> dict[str, JsonValue]:
    """Return how many attempts were under way, and where the messages stand that bear witness."""
    seqs: list[JsonValue] = [seq for seq in (*standing.measured.shown, stop.seq) if seq]
    told: dict[str, JsonValue] = {"under_way": sum(len(each.under_way) for each in standing.doing)}
    return told | ({"messages": seqs} if seqs else {})


def set_aside(standing: Standing) -> Allowance | None:
    """Return what may have been spent besides, at most: by attempts that were left behind, or are under way still."""
    aside = standing.aside
    for attempt in standing.everywhere:
        aside = aside.plus(attempt.purse or standing.room)
    return None if aside == EMPTY else aside.left(standing.bounds)


def scored(standing: Standing) -> float:
    """Return the score of the step at hand."""
    return standing.best.score if standing.best else standing.baseline or 0.0


def came_to(standing: Standing) -> JsonValue:
    """Return what the goal came to: its plan, where that is met, else the steps that were under way."""
    course = standing.course
    if standing.is_met and course is not None:
        for each in standing.doing:
            course, _ = finished(course, each.step, each.one_of, each.best.pick if each.best else None, 0)
        return course.came_to
    best = [(each.step, each.best.pick if each.best else each.before) for each in standing.doing]
    return dict(best) if standing.beside else best[0][1]


def where(standing: Standing) -> dict[str, JsonValue]:
    """Return which steps of a plan were under way, and how many were to come."""
    if not has_plan(standing):
        return {}
    beside: dict[str, JsonValue] = {"beside": [each.step for each in standing.beside]} if standing.beside else {}
    return {"step": standing.step, **beside, "steps_ahead": len(standing.ahead)}


def has_plan(standing: Standing) -> bool:
    """Tell whether the goal is planned."""
    return standing.loop.plan is not None or len(standing.loop.steps) > 0


def forked(standing: Standing) -> dict[str, JsonValue]:
    """Return what a fork goes on from."""
    return {"forked": standing.prefix[-1].model_dump(mode="json")} if standing.prefix else {}


def raced(standing: Standing) -> dict[str, JsonValue]:
    """Return how many attempts were called off because another had won."""
    return {"called_off": standing.called_off} if standing.called_off else {}


def accepted_sentence(standing: Standing) -> str:
    """Return one sentence on why the goal is met."""
    if standing.begun == 0 and not has_plan(standing):
        return "It was met before anything was tried."
    attempt = standing.best.attempt if standing.best else 0
    witness = "its evaluators" if has_several_panels(standing) else standing.loop.panel.in_words()
    if checked_by_acceptance(standing):
        witness += " and the acceptance evaluator"
    others = standing.called_off
    named = f"{others} other attempts came too late and were" if others > 1 else "another attempt came too late and was"
    lost = f"; {named} called off" if others else ""
    if has_plan(standing):
        return f"Every step of its plan passed {witness}{lost}."
    return f"Attempt {attempt} passed {witness}{lost}."


def has_several_panels(standing: Standing) -> bool:
    """Tell whether steps of the plan may be judged by others than the loop's own evaluators."""
    loop = standing.loop
    return len(loop.evaluators) > 0 or any(step.panel(loop.panel) != loop.panel for step in loop.steps)


def checked_by_acceptance(standing: Standing) -> bool:
    """Tell whether the goal has an acceptance evaluator that was asked."""
    return standing.goal.acceptance is not None and standing.loop.acceptance is not None


def unverified(standing: Standing) -> str:
    """Return what nobody checked about the best attempt, and what was left undone."""
    told: list[str] = []
    under_way = sum(len(each.under_way) for each in standing.doing)
    if not standing.is_met:
        told += [not_passed(standing, each) for each in standing.doing if not each.accepted]
    elif standing.best and not checked_by_acceptance(standing):
        told.append("Only the evaluators whose feedback the generator saw have looked at it.")
    if under_way and not standing.is_met:
        told.append(f"{under_way} attempt{'s' if under_way > 1 else ''} under way came too late to be judged.")
    if standing.ahead:
        told.append(f"Not begun: {', '.join(step.name for step in standing.ahead)}.")
    return " ".join(filter(None, told))


def not_passed(standing: Standing, doing: Doing) -> str:
    """Return what nobody has passed at a step under way; its name, where there is a plan."""
    at = f" at {doing.step}" if has_plan(standing) else ""
    if doing.step == PLAN and standing.loop.plan:
        return "It was not planned."
    if doing.best is None:
        return f"Nothing was accepted{at}." if at else ""
    found = f": {', '.join(doing.best.without)} did not pass it" if doing.best.without else ""
    return f"The best attempt{at} did not pass {standing.panel.in_words()}{found}."
