"""A step's answer: run the handler under its deadline, and turn whatever comes of it into a message."""

import asyncio
import itertools
import random

import anyio
import structlog
from pydantic import BaseModel, JsonValue
from pydantic_core import PydanticSerializationError

from loopwright.actors.effects import NOTHING
from loopwright.actors.errors import LeaseLost, Retriable, StepFailed
from loopwright.actors.handing import handed_result
from loopwright.actors.holding import Holding
from loopwright.actors.kept import readable
from loopwright.actors.work import Attempt, Made, Step, Worker
from loopwright.bus.connection import Bus
from loopwright.bus.envelope import MAX_ANSWER
from loopwright.bus.errors import BusError
from loopwright.bus.messages import (
    FIGURE,
    Evaluation,
    Failure,
    FailureClass,
    FaultClass,
    Result,
    Source,
    StepOrder,
    Usage,
    Verdict,
)
from loopwright.bus.plain import held, written
from loopwright.bus.questions import Pause
from loopwright.bus.subjects import Subject
from loopwright.bus.trajectory import last_said, place_of
from loopwright.tools.errors import Denied, Misuse
from loopwright.tools.symptoms import source_of

log = structlog.get_logger()

LONGEST_PAUSE = 30.0
"""Seconds between two tries at most, a quarter of jitter left out."""


type Said = Result | Evaluation | Pause
"""What comes of a step: an answer, or that people are asked first."""


async def answer(bus: Bus, worker: Worker, order: StepOrder, resources: object, holding: Holding) -> Said | None:
    """Return what the handler says to a step, or how it failed. None: nobody wants to hear it, or not from us.

    What may succeed later is tried again here, with growing pauses, for as long as the step may take; calls that are on
    record by then are not made again.

    Raises:
        BusError: the bus is the trouble, not the step.
    """
    now = asyncio.get_running_loop().time
    began = now()
    try:
        said = await answered(bus, worker, order, resources, holding)
        if holding.stint.is_called_off:
            return None
        if (doubt := await holding.doubt()) is not None:
            said = failed(bus, order, doubt, said.usage)
        if holding.has_children:
            await holding.children.settle_all()
    except LeaseLost:
        log.info("lease.lost", goal=order.goal)
        return None
    return accounted(said, holding, now() - began)


def accounted(said: Said, holding: Holding, seconds: float) -> Said:
    """Return an answer with all that it took, in that many seconds; the attempt's goals are counted here only.

    Of an attempt that was laid aside only the seconds are: whatever else it took is on record, and counted at its end.
    """
    if isinstance(said, Pause):
        return said.but(seconds=seconds, usage=Usage(worker_seconds=seconds))
    usage, aside = said.usage, None
    if holding.spent is not NOTHING:
        usage = at_least(usage, holding.spent)
    if holding.has_children:
        usage, aside = usage + holding.children.spent, holding.children.aside
    usage = usage.but(worker_seconds=min(usage.worker_seconds + seconds, FIGURE))
    return said.but(seconds=seconds, usage=usage, aside=aside, untrusted=holding.trust.untrusted)


def at_least(told: Usage, recorded: Usage) -> Usage:
    """Return what a handler says it has spent, and no less than is on record: it may leave that out."""
    return Usage.of(**{name: max(getattr(told, name), getattr(recorded, name)) for name in Usage.model_fields})


async def answered(bus: Bus, worker: Worker, order: StepOrder, resources: object, holding: Holding) -> Said:
    """Return what came of a step within its time."""
    trouble, source = "", None
    with holding.stint.lasting(order.timeout):
        await holding.take_over()
        for tries in itertools.count():
            try:
                return await attempted(bus, worker, order, resources, holding)
            except Retriable as error:
                trouble, source = str(error), holding.met.source_of(error)
                pause = min(error.wait * 2**tries, LONGEST_PAUSE) * random.uniform(1, 1.25)
                log.info("step.again", goal=order.goal, reason=trouble, pause=pause)
                await anyio.sleep(pause)
    if not holding.stint.is_called_off:
        await holding.refuse_if_taken()
    if holding.pause.is_taken:
        return laid_aside(bus, order, holding)
    return failed(bus, order, too_late(order, trouble, holding.met.given_up or source), holding.spent)


def too_late(order: StepOrder, trouble: str, source: Source | None) -> Failure:
    """Return the failure of a step whose time ran out: it was too slow, or something stayed out of order."""
    limit = f"its {order.timeout:g} seconds"
    if trouble:
        message = f"{order.role} had trouble for {limit}: {trouble}"
        return Failure(kind=FailureClass.TRANSIENT, message=message, source=source)
    return Failure(kind=FailureClass.TIMEOUT, message=f"{order.role} took longer than {limit}", source=source)


async def attempted(
    bus: Bus, worker: Worker, order: StepOrder, resources: object, holding: Holding
) -> Result | Evaluation:
    """Return the handler's answer, or the failure that it raised."""
    try:
        await holding.begin()
        said = await call(bus, worker, order, resources, holding)
    except Exception as raised:  # noqa: BLE001 - whatever a handler raises is what it says
        said = failure_of(bus, order, raised, holding)
    holding.refuse_if_lost()
    return said


def failure_of(bus: Bus, order: StepOrder, raised: Exception, holding: Holding) -> Result | Evaluation:
    """Return the failure that an error means.

    Raises:
        LeaseLost, BusError, Retriable: it is none of the handler's, or none yet.
    """
    error, spent = cause_of(raised), holding.spent
    source = holding.met.source_of(error)
    match error:
        case LeaseLost() | BusError() | Retriable():
            raise error
        case StepFailed():
            told = error.failure if error.failure.source else error.failure.model_copy(update={"source": source})
            return failed(bus, order, told, error.usage)
        case Denied():
            return failed(
                bus, order, Failure(kind=FailureClass.POLICY, message=readable(str(error)), source=source), spent
            )
        case Misuse():
            misuse = Failure(kind=FailureClass.MISUSE, message=readable(str(error)), source=source)
            return failed(bus, order, misuse, spent)
    log.warning("step.crashed", exc_info=error)
    message = readable(f"{type(error).__name__}: {error}"[:2000])
    whose = FaultClass.EVALUATOR if order.judge else FaultClass.AGENT
    source = source or source_of(error, order.role, whose=whose)
    return failed(bus, order, Failure(kind=FailureClass.CRASHED, message=message, source=source), spent)


def cause_of(error: Exception) -> Exception:
    """Return which error counts, where a handler's task group has gathered several."""
    if isinstance(error, ExceptionGroup):
        for kind in (LeaseLost, BusError, StepFailed, Retriable, Denied, Misuse):
            if (found := error.subgroup(kind)) is not None:
                return cause_of(found.exceptions[0])
    return error


def laid_aside(bus: Bus, order: StepOrder, holding: Holding) -> Said:
    """Return that an attempt is laid aside until people have replied; or how it failed, if that cannot be told.

    Raises:
        LeaseLost: another worker holds the attempt now.
    """
    holding.refuse_if_lost()
    told = {"goal": order.goal, "step": order.step, "attempt": order.attempt, "worker": bus.name, "role": order.role}
    said = Pause(**told, resumed=order.resumed, questions=tuple(holding.pause.questions))
    try:
        refuse_unsendable(said)
    except StepFailed as error:
        return failed(bus, order, error.failure, error.usage)
    return said


def refuse_unsendable(said: Verdict | Pause) -> None:
    """Raise if nobody could read the answer: while it is not on record, it is the handler's own fault.

    Raises:
        StepFailed: it is too large, or JSON cannot hold it.
    """
    try:
        text = written(said)
    except PydanticSerializationError as error:
        raise no_json(error, said.usage) from None
    refuse_larger(text, said.usage)


def refuse_larger(text: bytes, spent: Usage | None) -> None:
    """Raise if an answer, as it is written, has more bytes than anybody reads."""
    if len(text) > MAX_ANSWER:
        why = f"the answer has {len(text):,} bytes, and {MAX_ANSWER:,} is the limit"
        raise StepFailed(FailureClass.MISUSE, why, spent)


async def call(bus: Bus, worker: Worker, order: StepOrder, resources: object, holding: Holding) -> Result | Evaluation:
    """Call the handler with what it wants, and return its answer as a message."""
    given = worker.read_input(order)
    if not worker.judges:
        return result(bus, order, await worker.handle(Step(order, given, bus, resources, holding=holding)))
    output = await output_of(bus, order)
    part = None if output is None else worker.read_output(output)
    earlier = await verdicts_before(bus, order)
    attempt = Attempt(order, given, bus, resources, output=part, earlier=earlier, holding=holding)
    verdict = await worker.handle(attempt)
    said = evaluation(bus, order, verdict, output)
    refuse_unsendable(verdict)
    return said


def result(bus: Bus, order: StepOrder, returned: object) -> Result:
    """Return the result of what a handler returned: a model, JSON, or `Made` with its cost."""
    told: dict[str, object] = {"goal": order.goal, "step": order.step, "attempt": order.attempt, "worker": bus.name}
    if isinstance(returned, Made):
        if countable(returned.usage) is not returned.usage:
            raise StepFailed(FailureClass.MISUSE, "what was spent cannot be written as JSON", returned.usage)
        output = as_json(returned.output, returned.usage)
        return Result.of(**told, output=output, size=returned.size, usage=returned.usage)
    return Result.of(**told, output=as_json(returned))


def evaluation(bus: Bus, order: StepOrder, verdict: Verdict, output: JsonValue) -> Evaluation:
    """Return the evaluation that a verdict makes; it speaks of the whole output unless it picks a part."""
    told = {**verdict.__dict__, "goal": order.goal, "step": order.step, "attempt": order.attempt, "worker": bus.name}
    pick = output if verdict.pick is None else verdict.pick
    told |= {"pick": pick, "judge": order.role, "made": order.made}
    return Evaluation(**told, **verdict.model_extra) if verdict.model_extra else Evaluation.of(**told)


def failed(
    bus: Bus,
    order: StepOrder,
    failure: Failure,
    usage: Usage = Usage(),  # noqa: B008 - frozen
) -> Result | Evaluation:
    """Return the answer of a handler that has nothing to show."""
    told = {"goal": order.goal, "step": order.step, "attempt": order.attempt, "worker": bus.name}
    if order.judge is None:
        return Result(**told, failure=failure, usage=countable(usage))
    told |= {"judge": order.role, "made": order.made}
    return Evaluation(**told, passed=False, score=0.0, failure=failure, usage=countable(usage))


def countable(spent: Usage) -> Usage:
    """Return what was spent, without what a handler has noted besides where JSON cannot hold that."""
    if spent.model_extra:
        try:
            written(spent)
        except ValueError:
            return Usage(**{name: getattr(spent, name) for name in Usage.model_fields})
    return spent


def as_json(value: object, spent: Usage | None = None) -> JsonValue:
    """Return plain JSON of what a handler returned, which has spent so much.

    Raises:
        StepFailed: it is too large, or JSON cannot hold it.
    """
    try:
        model = value.model_dump(mode="json") if isinstance(value, BaseModel) else None
        text = written(value if model is None else model)
        refuse_larger(text, spent)
        return held(text) if model is None else model
    except ValueError as error:
        raise no_json(error, spent) from None


def no_json(error: ValueError, spent: Usage | None) -> StepFailed:
    """Return the failure of a handler whose answer nobody could write."""
    return StepFailed(FailureClass.MISUSE, f"the answer cannot be written as JSON: {error}", spent)


async def output_of(bus: Bus, order: StepOrder) -> JsonValue:
    """Return the output of the result to judge; None for the baseline."""
    if order.attempt == 0:
        return None
    if order.output is not None:
        return order.output.value
    found = await handed_result(bus, order, order.to) if order.to else None
    found = found or await result_of(bus, order)
    if found is None:
        raise Retriable("the result to judge is not visible yet", wait=0.2)
    return found.output


async def result_of(bus: Bus, order: StepOrder) -> Result | None:
    """Return the result of an order's attempt that orchestrators have heard."""
    subject = Subject.of("result", ns=bus.ns, goal=order.goal, step=order.step, attempt=order.attempt)
    stored = await last_said(bus, subject, order.prefix)
    return await bus.message(Result, stored) if stored else None


async def verdicts_before(bus: Bus, order: StepOrder) -> tuple[Verdict, ...]:
    """Return what the loop's evaluators said of the attempt, for the acceptance evaluator."""
    if order.acceptance is None:
        return ()
    found = await verdicts_on(bus, order, order.goal)
    for point in reversed(order.prefix):
        known = {verdict.judge for verdict in found}
        before = await verdicts_on(bus, order, point.goal, upto=point.seq)
        found = [*(verdict for verdict in before if verdict.judge not in known), *found]
    return tuple(found)


async def verdicts_on(bus: Bus, order: StepOrder, goal: str, upto: int = FIGURE) -> list[Evaluation]:
    """Return what was said of an order's attempt on the record of a goal, up to a place in it."""
    subject = Subject.of("eval", ns=bus.ns, goal=goal, step=order.step, attempt=order.attempt, judge=order.role)
    record = await bus.record([str(subject).rpartition(".")[0] + ".*"])
    found = [await bus.message(Evaluation, stored) for stored in record if (place_of(stored) or stored.seq) <= upto]
    return [verdict for verdict in found if verdict is not None]
