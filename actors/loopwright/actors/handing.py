"""A result that has one evaluator only goes straight to it: it is put on record as that evaluator's order.

Who made it hands it on, and the evaluator tells the orchestrators of both: a goal hears of a result with its verdict,
in one turn. A result that failed, or has several evaluators, is heard by the orchestrators, who order what follows.
"""

from loopwright.actors.fingerprint import of_output
from loopwright.actors.purse import remaining
from loopwright.bus.connection import Bus
from loopwright.bus.messages import Brief, Output, Result, StepOrder
from loopwright.bus.names import Token
from loopwright.bus.subjects import Subject
from loopwright.bus.trajectory import last_said, result_in


def handed_to(bus: Bus, order: StepOrder, role: Token) -> Subject:
    """Return where the result of an order's attempt goes if it is handed to its evaluator."""
    return Subject.of("made", ns=bus.ns, goal=order.goal, step=order.step, attempt=order.attempt, role=role)


def handed_on(order: StepOrder, to: Token, result: Result) -> StepOrder:
    """Return the order to judge a result, which goes to its evaluator as it is."""
    brief = Brief.of(
        worker=result.worker,
        size=result.size,
        made=of_output(result.output),
        usage=result.usage,
        aside=result.aside,
        seconds=result.seconds,
        untrusted=result.untrusted,
    )
    left = remaining(order.left, result.usage, result.aside) if order.left else None
    output = Output.of(value=result.output)
    return order.but(
        role=to,
        judge=to,
        output=output,
        made=brief,
        left=left,
        untrusted=order.untrusted or result.untrusted,
        best=None,
        hint="",
        model=None,
        tried=None,
    )


async def handed_result(bus: Bus, order: StepOrder, role: Token) -> Result | None:
    """Return the result of an order's attempt that was handed to an evaluator."""
    stored = await last_said(bus, handed_to(bus, order, role), order.prefix)
    handed = await bus.message(StepOrder, stored) if stored else None
    return result_in(handed) if handed else None
