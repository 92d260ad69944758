"""Goals that beget goals: a storm is stopped, and an attempt that is done again has no second child."""

from collections import Counter
from typing import Any

import anyio

from loopwright.actors import Attempt, Loop, Orchestrator, Step, Verdict, Workplace, evaluator, worker
from loopwright.bus import Bus, StopReason
from loopwright.bus.client import Goals
from loopwright.bus.envelope import MAX_HOPS
from loopwright.bus.messages import Ended, Limits, Outcome
from loopwright.bus.subjects import INTAKE, LOOP

type Nothing = dict[str, Any]


@worker("serve")
async def serve(step: Step[Nothing]) -> Nothing:
    await step.submit("pong", {})
    return {}


@worker("hit")
async def hit(step: Step[Nothing]) -> Nothing:
    await step.submit("ping", {})
    await step.submit("ping", {})  # the same once more
    return {}


@evaluator("nod")
async def nod(attempt: Attempt[Nothing, Nothing]) -> Verdict:
    return Verdict(passed=True, score=1.0)


PING = Loop(name="ping", work="serve", judges=("nod",))
PONG = Loop(name="pong", work="hit", judges=("nod",))


async def all_at_rest(bus: Bus) -> None:
    """Wait until no goal waits and nobody has anything to do."""
    with anyio.fail_after(20):
        while True:
            waiting = (await bus.js.stream_info(INTAKE)).state.messages
            busy = [info.num_pending or info.num_ack_pending for info in await bus.js.consumers_info(LOOP)]
            if not waiting and not any(busy):
                return
            await anyio.sleep(0.05)


async def storm(bus: Bus, limits: Limits | None = None) -> list[Outcome]:
    """Let two loops feed each other until they come to rest, and return how each goal ended, the first one first."""
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Orchestrator(bus, {"ping": PING, "pong": PONG}).run, stopping)
        for each in (serve, hit, nod):
            tasks.start_soon(Workplace(bus, each).run, stopping)
        with anyio.fail_after(20):
            first = await (await Goals(bus).submit("ping", {}, limits=limits)).outcome()
        await all_at_rest(bus)
        stopping.set()
    ends = [await bus.message(Ended, stored) for stored in await bus.record(["lw.v1.event.default.*"])]
    return [first, *(each.outcome for each in ends if each and each.goal != first.goal)]


async def test_two_loops_that_feed_each_other_are_stopped_by_the_length_of_the_chain(bus: Bus) -> None:
    first, *others = await storm(bus)
    reasons = Counter(each.reason for each in (first, *others))
    assert first.reason is StopReason.ACCEPTED
    assert reasons == {StopReason.ACCEPTED: MAX_HOPS // 2 + 1, StopReason.HOPS: 1}, "two messages a goal"


async def test_two_loops_that_feed_each_other_are_stopped_by_the_budget_of_the_goal_at_their_root(bus: Bus) -> None:
    outcomes = await storm(bus, Limits(all_attempts=10))
    assert StopReason.ATTEMPTS in {each.reason for each in outcomes}, "the last that has nothing left to share"
    assert sum(each.attempts for each in outcomes) <= 10


async def test_the_end_of_a_goal_is_told_to_a_goal_of_another_loop_once(bus: Bus) -> None:
    heard: list[Nothing] = []

    @worker("tell")
    async def tell(step: Step[Nothing]) -> Nothing:
        heard.append(step.input)
        return {}

    @worker("make")
    async def make(step: Step[Nothing]) -> str:
        return "made"

    making = Loop(name="making", work="make", judges=("nod",), hooks={"ended": "telling"})
    telling = Loop(name="telling", work="tell", judges=("nod",))
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(Orchestrator(bus, {"making": making, "telling": telling}).run, stopping)
        for each in (tell, make, nod):
            tasks.start_soon(Workplace(bus, each).run, stopping)
        with anyio.fail_after(20):
            outcome = await (await Goals(bus).submit("making", {}, goal="g1")).outcome()
        await all_at_rest(bus)
        stopping.set()
    (told,) = heard
    assert (told["goal"], told["moment"], told["outcome"]) == ("g1", "ended", outcome.model_dump(mode="json"))
