"""Whoever looks on is shown the steps that take long enough to be seen, and that they are over."""

import anyio

from loopwright.actors.glimpses import Glimpses
from loopwright.bus import Bus
from loopwright.bus.envelope import read
from loopwright.bus.messages import Live, StepOrder
from loopwright.bus.wire import Arrival


def order(attempt: int) -> StepOrder:
    return StepOrder(goal="g1", loop="guessing", step="work", attempt=attempt, role="guess")


async def test_each_step_that_takes_long_is_shown_and_no_other(bus: Bus) -> None:
    shown: list[tuple[int, str]] = []
    both = anyio.Event()

    def look(arrival: Arrival) -> None:
        live = read(Live, arrival.data, arrival.headers)
        shown.append((live.attempt, live.text))
        if shown[-1] == (2, "begins"):
            both.set()

    glimpses = Glimpses(bus)
    async with bus.overhear("lw.v1.live.default.g1", look):
        with glimpses.of(order(1)):
            with glimpses.of(order(3)):
                await anyio.lowlevel.checkpoint()
            with glimpses.of(order(2)), anyio.fail_after(5):
                await both.wait()
        with glimpses.of(order(4)):
            await anyio.lowlevel.checkpoint()
        await bus.nc.reach()
    assert shown == [(1, "begins"), (2, "begins"), (2, ""), (1, "")]
