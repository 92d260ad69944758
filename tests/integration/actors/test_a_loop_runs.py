"""The loop as a whole: made, judged, refined, and over for a reason."""

import anyio

from loopwright.actors import Loop, Worker
from loopwright.actors.ladder import HINT
from loopwright.bus import Bus, Outcome, Run, Status, StopReason
from tests.integration.actors.running import Fleet


async def end_of(run: Run) -> Outcome:
    with anyio.fail_after(10):
        return await run.outcome()


async def test_a_loop_makes_judges_and_refines_until_it_is_accepted(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    async with fleet(bus, guesser, judge) as goals:
        outcome = await end_of(await goals.submit("guessing", {"target": 3}))

    assert (outcome.status, outcome.reason, outcome.attempts) == (Status.COMPLETED, StopReason.ACCEPTED, 3)
    assert outcome.best == {"number": 3}
    assert outcome.steps == 6


async def test_a_loop_that_does_not_improve_stops_and_returns_the_best(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker, guessing: Loop
) -> None:
    loop = guessing.model_copy(update={"bounds": guessing.bounds.model_copy(update={"patience": 2})})
    assert loop.rungs == HINT
    async with fleet(bus, guesser, judge, loop=loop) as goals:
        outcome = await end_of(await goals.submit("guessing", {"target": -1}))

    assert (outcome.status, outcome.reason, outcome.attempts) == (Status.FAILED, StopReason.PLATEAU, 5)
    assert outcome.best == {"number": 1}
