"""How whoever is at work on a lane of a race hears that another lane has won, and stops.

That an order is called off stands on its effect record, behind what its worker has written there: so whoever reads on
finds it, begins no call any more that changes something, and says what was spent. It is overheard at once as well; one
that misses it learns it at its next call.
"""

from collections.abc import Awaitable, Callable

import anyio
import structlog

from loopwright.actors.answering import Said, accounted, failed
from loopwright.actors.effects import record_place
from loopwright.actors.errors import LeaseLost, RaceLost
from loopwright.actors.holding import Holding
from loopwright.bus.connection import Bus
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.envelope import read_at
from loopwright.bus.errors import Unreadable
from loopwright.bus.messages import StepOrder
from loopwright.bus.subjects import Subject
from loopwright.bus.wire import Arrival

log = structlog.get_logger()

type Make = Callable[[], Awaitable[Said | None]]


async def until_called_off(bus: Bus, order: StepOrder, holding: Holding, answer: Make) -> Said | None:
    """Return what `answer` says to an order; or, as soon as that is called off, what it has spent by then.

    Raises:
        BusError: the bus is the trouble, not the step.
    """
    began, said, place = anyio.current_time(), None, record_place(bus.ns, order)
    race = anyio.CancelScope()

    def heard(arrival: Arrival) -> None:
        if is_called_off(arrival):
            race.cancel()

    async with bus.overhear(str(place), heard):
        last = await bus.last(place)
        entry = await bus.message(Effect, last) if last else None
        if entry is not None and entry.phase is EffectPhase.CALLED_OFF:
            race.cancel()
        with race:
            await anyio.lowlevel.checkpoint()
            said = await answer()
    return await last_word(bus, order, holding, began) if race.cancelled_caught else said


async def last_word(bus: Bus, order: StepOrder, holding: Holding, began: float) -> Said | None:
    """Return what an attempt says that has lost its race: what it took, and whether a call of it is in doubt."""
    log.info("lane.called_off", step=order.step, in_doubt=holding.open_claim())
    try:
        doubt = await holding.doubt()
        await holding.children.call_off()
    except LeaseLost:
        return None
    failure = doubt or RaceLost().failure
    return accounted(failed(bus, order, failure, holding.spent), holding, anyio.current_time() - began)


def is_called_off(arrival: Arrival) -> bool:
    """Tell whether what was overheard calls an order off."""
    try:
        effect = read_at(Effect, Subject.parse(arrival.subject), arrival.data, arrival.headers)
    except Unreadable:
        return False
    return effect.phase is EffectPhase.CALLED_OFF
