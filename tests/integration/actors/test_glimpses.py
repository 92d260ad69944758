"""Whoever looks on is shown the steps that take long enough to be seen, and that they are over."""

import anyio

from loopwright.actors.at_work import AT_WORK
from loopwright.actors.glimpses import NOTICED, Glimpses
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
            await anyio.sleep(NOTICED / 2)
            with glimpses.of(order(2)), anyio.fail_after(5):
                await both.wait()
        with glimpses.of(order(4)):
            await anyio.lowlevel.checkpoint()
        await bus.nc.reach()
    assert shown == [(1, "begins"), (2, "begins"), (2, ""), (1, "")]


async def test_what_is_logged_as_a_step_is_shown_is_not_said_of_the_step_that_began_before_it(bus: Bus) -> None:
    at_work: list[StepOrder | None] = []
    shown = anyio.Event()

    class Noted(Glimpses):
        def _look(self) -> None:
            at_work.append(AT_WORK.get())
            super()._look()
            shown.set()

    glimpses = Noted(bus)
    before = AT_WORK.set(order(1))
    with glimpses.of(order(1)), anyio.fail_after(5):
        await shown.wait()
    AT_WORK.reset(before)
    assert at_work == [None]
