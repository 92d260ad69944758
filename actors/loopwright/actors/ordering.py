"""What is ordered of workers and evaluators, by where a goal stands."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from loopwright.actors import subgoals
from loopwright.actors.events import Answered, Began, Failed, Judged, Produced
from loopwright.actors.phases import Phase
from loopwright.actors.standing import Standing
from loopwright.bus.messages import Allowance, Goal, Output, StepOrder


def of_an_attempt(standing: Standing, event: Began, _: Output | None) -> Iterable[StepOrder | Goal]:
    """Return what is ordered where an attempt begins; the baseline is only judged."""
    if event.attempt == 0:
        return [evaluation(standing, 0, role) for role in standing.panel.everybody]
    return (work(standing, event.attempt),)


def of_a_result(standing: Standing, event: Produced, output: Output | None) -> Iterable[StepOrder | Goal]:
    """Return what is ordered where an attempt was made, and nobody has handed it on."""
    judges = () if event.handed else standing.panel.everybody
    return [evaluation(standing, event.attempt, role, output) for role in judges]


def of_a_verdict(standing: Standing, event: Judged | Failed, _: Output | None) -> Iterable[StepOrder | Goal]:
    """Return what is ordered where an evaluator was the last to speak: acceptance, if it is asked."""
    accepting = has_come_to(standing, event, Phase.ACCEPTING)
    return (evaluation(standing, event.attempt, str(standing.loop.acceptance)),) if accepting else ()


def of_a_reply(standing: Standing, event: Answered, _: Output | None) -> Iterable[StepOrder | Goal]:
    """Return what is ordered where a person was the last to reply."""
    return (work(standing, event.attempt),) if has_come_to(standing, event, Phase.WORKING) else ()


ORDERS: dict[type, Callable[[Standing, Any, Output | None], Iterable[StepOrder | Goal]]] = {
    Began: of_an_attempt,
    Produced: of_a_result,
    Judged: of_a_verdict,
    Failed: of_a_verdict,
    Answered: of_a_reply,
}
"""What is ordered where an attempt at the step at hand has moved."""


def ordered_anew(standing: Standing) -> Iterator[StepOrder | Goal]:
    """Yield the orders for all that is under way."""
    for there in filter(None, [standing.at(doing.step) for doing in standing.doing]):
        for attempt in there.under_way:
            if attempt.phase is Phase.WORKING:
                yield work(there, attempt.number)
            else:
                yield from (evaluation(there, attempt.number, role) for role in attempt.waiting)


def has_come_to(standing: Standing, event: Answered | Judged | Failed, phase: Phase) -> bool:
    """Tell whether an event has brought its attempt to a phase: it was the last that was waited for."""
    attempt = standing.attempt(event.attempt)
    return attempt is not None and attempt.phase is phase


def work(standing: Standing, attempt: int) -> StepOrder | Goal:
    """Return the order to make a result, or to go on making it where people have replied; or the goal that makes it."""
    share, under_way = left(standing, attempt), standing.attempt(attempt)
    if standing.subloop is not None:
        return subgoals.sub_goal(standing, attempt, share)
    lane = under_way.lane if under_way else 0
    made: dict[str, object] = {
        "role": standing.maker_of(standing, lane),
        "best": standing.best.pick if standing.best else None,
        "hint": standing.hint,
        "model": standing.model_of(lane),
        "tried": standing.tried,
    }
    if under_way is not None and under_way.resumed:
        replies = {each.digest: each.replied for each in under_way.pending}
        made |= {"resumed": under_way.resumed, "replies": replies}
    return order(standing, attempt, share, lane=lane, **made)


def order(standing: Standing, attempt: int, share: Allowance | None, **told: object) -> StepOrder:
    """Return an order about an attempt, which may spend its share."""
    goal = standing.goal
    return StepOrder.of(
        goal=goal.goal,
        loop=standing.loop.name,
        step=standing.step,
        attempt=attempt,
        input=goal.input,
        task=standing.task,
        before=standing.before,
        left=share,
        timeout=standing.bounds.step_timeout,
        hops=goal.hops + 1,
        prefix=standing.prefix,
        untrusted=standing.untrusted,
        to=standing.judge_of(standing),
        **told,
    )


def left(standing: Standing, attempt: int, ways: int = 1) -> Allowance | None:
    """Return what an order may spend, one of so many for the same attempt."""
    under_way = standing.attempt(attempt)
    return (under_way.purse or standing.room).left(standing.bounds, ways) if under_way else None


def evaluation(standing: Standing, attempt: int, judge: str, output: Output | None = None) -> StepOrder:
    """Return the order to judge a result, by itself; only the acceptance evaluator is given what acceptance needs."""
    hidden = standing.goal.acceptance if judge == standing.loop.acceptance else None
    ways = 1 if judge == standing.loop.acceptance else len(standing.panel.everybody)
    share, under_way = left(standing, attempt, ways), standing.attempt(attempt)
    lane = under_way.lane if under_way else 0
    told = {"role": judge, "judge": judge, "acceptance": hidden, "output": output, "lane": lane}
    return order(standing, attempt, share, **told)
