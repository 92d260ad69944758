"""Trajectory rules as a gate in the loop: an attempt that breaks one is refused, whatever it came to."""

from loopwright.actors.evaluators.looking import Judged, built, verdict
from loopwright.actors.faults import read_record
from loopwright.actors.rules import Rule, all_of, trail_of
from loopwright.actors.work import Worker
from loopwright.bus.messages import Verdict


def keeps(role: str, *rules: Rule, whole: bool = False) -> Worker:
    """Return an evaluator that passes an attempt which keeps all of `rules`, by the goal's record.

    They look at what the attempt itself did and stated; with `whole`, at everything that is on record of the goal, so
    that what an earlier attempt broke stays broken.
    """
    if not rules:
        raise ValueError("say which rules are to be kept")
    kept = all_of(*rules)

    async def judge(attempt: Judged) -> Verdict:
        trail = trail_of(await read_record(attempt.bus, attempt.goal))
        breaches = kept(trail if whole else trail.of_attempt(attempt.order.step, attempt.attempt))
        feedback = "\n".join(breach.why for breach in breaches)
        return verdict(not breaches, feedback, None, breaches=[[each.rule, *each.evidence] for each in breaches])

    return built(role, judge, beyond="what the attempt did")
