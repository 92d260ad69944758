"""Judging an attempt that is on record: the same evaluator, asked in the same way as in the live loop.

What the evaluator asks a model is on the attempt's effect record, as in the loop, so that nothing is paid for twice; an
evaluator that judged the attempt in its loop finds there all that it asked then.
"""

from datetime import UTC, datetime

from loopwright.actors.answering import answer
from loopwright.actors.holding import Holding
from loopwright.actors.work import Worker
from loopwright.bus.connection import Bus
from loopwright.bus.errors import LoopwrightError
from loopwright.bus.messages import Evaluation, Json, Output, StepOrder
from loopwright.bus.plain import JsonValue
from loopwright.bus.subjects import Subject


class JudgedElsewhere(LoopwrightError):
    """Another process judges the same attempt by the same evaluator now."""

    def __init__(self, role: str, order: StepOrder) -> None:
        super().__init__(
            f"{role} is at work on attempt {order.attempt} of {order.goal} elsewhere: try again when it has ended."
        )


async def judged(
    bus: Bus, worker: Worker, order: StepOrder, output: JsonValue, resources: object, *, acceptance: Json | None = None
) -> Evaluation:
    """Return what an evaluator says of an attempt: `order` asked for it, and `output` came of it.

    `resources` is what the evaluator's own have yielded. An evaluator that fails says so in the evaluation's failure.

    Raises:
        JudgedElsewhere: somebody else holds the same judgement.
    """
    given = {"role": worker.role, "judge": worker.role, "best": None, "acceptance": acceptance}
    asked = order.model_copy(update={**given, "output": Output(value=output)})
    said = await answer(bus, worker, asked, resources, await holding(bus, worker, asked))
    if not isinstance(said, Evaluation):
        raise JudgedElsewhere(worker.role, order)
    return said


async def holding(bus: Bus, worker: Worker, order: StepOrder) -> Holding:
    """Return the hold on a judgement: one that takes over what is on record of it, as the latest holder there is."""
    told: dict[str, str | int] = {"goal": order.goal, "step": order.step, "attempt": order.attempt}
    known = await bus.last(Subject.of("effect", ns=bus.ns, role=order.role, **told))
    later = int(datetime.now(UTC).timestamp())  # above every number of deliveries, and above who did the same before
    return Holding(bus, order, worker.tools, delivery=later if known else 1)
