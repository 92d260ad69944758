"""Messages of the right shape that nobody was asked for: they are counted, and they change nothing."""

import anyio
import pytest
from structlog.testing import capture_logs

from loopwright.actors import Worker
from loopwright.actors.decision import CARRIED
from loopwright.bus import Bus, Outcome, StopReason
from loopwright.bus.envelope import encode
from loopwright.bus.messages import Ended, Evaluation, Message, Result, Status, StepOrder
from loopwright.bus.subjects import LOOP, TIMERS, decisions_on
from tests.integration.actors.running import Fleet, end_of

WRONG = {"number": 99}
EARLY: dict[str, tuple[str, Message]] = {
    "step": (
        "step.default.guess.g1.work.1",
        StepOrder(goal="g1", loop="guessing", step="work", attempt=1, role="guess", input={"target": 99}),
    ),
    "result": ("result.default.g1.work.1", Result(goal="g1", step="work", attempt=1, output=WRONG)),
    "eval": (
        "eval.default.g1.work.1.near",
        Evaluation(goal="g1", step="work", attempt=1, judge="near", passed=True, score=1.0, pick=WRONG),
    ),
}


async def everything_heard(bus: Bus) -> None:
    """Wait until the orchestrators have nothing more to hear."""
    with anyio.fail_after(10):
        while True:
            info = await bus.js.consumer_info(LOOP, "orchestrators-default")
            if not info.num_pending and not info.num_ack_pending:
                return
            await anyio.sleep(0.02)


async def answered(bus: Bus, place: str) -> None:
    """Wait until a worker has done what nobody ordered."""
    with anyio.fail_after(10):
        while await bus.last(place) is None:  # noqa: ASYNC110 - the stream knows
            await anyio.sleep(0.02)


@pytest.mark.parametrize("kind", EARLY)
async def test_what_stood_in_a_place_before_anybody_was_asked_is_written_over(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker, kind: str
) -> None:
    subject, forged = EARLY[kind]
    async with fleet(bus, guesser, judge) as goals:
        await end_of(await goals.submit("guessing", {"target": 1}))  # everybody is there
        await bus.js.publish(f"lw.v1.{subject}", encode(forged))
        if kind == "step":
            await answered(bus, "lw.v1.result.default.g1.work.1")
        await everything_heard(bus)
        outcome = await end_of(await goals.submit("guessing", {"target": 2}, goal="g1"), 8)
    assert (outcome.reason, outcome.attempts, outcome.best) == (StopReason.ACCEPTED, 2, {"number": 2})


async def test_an_end_that_was_told_before_the_goal_began_is_written_over_by_the_true_one(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    told = Outcome(goal="g1", loop="guessing", status=Status.COMPLETED, reason=StopReason.ACCEPTED, best=WRONG)
    await bus.js.publish("lw.v1.event.default.g1", encode(Ended(goal="g1", outcome=told)))
    async with fleet(bus, guesser, judge) as goals:
        run = await goals.submit("guessing", {"target": 1}, goal="g1")
        await run.cancel("enough")  # no worker takes a step of a goal that it must believe to be over
        with anyio.fail_after(5):
            while (found := await run.ended()) is None or found.best == WRONG:  # noqa: ASYNC110
                await anyio.sleep(0.02)
    assert found.reason is StopReason.CANCELLED


async def test_a_decision_on_another_goal_decides_nothing(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    async with fleet(bus, guesser, judge) as goals:
        await end_of(await goals.submit("guessing", {"target": 1}, goal="g1"))
        for there in await bus.record([decisions_on("default", "g1")]):
            await bus.js.publish(
                there.subject.replace("g1", "g2"), there.data, headers={CARRIED: there.headers.get(CARRIED, "")}
            )
        outcome = await end_of(await goals.submit("guessing", {"target": 2}, goal="g2"))
    assert (outcome.goal, outcome.attempts) == ("g2", 2)


async def test_an_answer_that_nobody_waits_for_is_counted(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    with capture_logs() as logs:
        async with fleet(bus, guesser, judge) as goals:
            await end_of(await goals.submit("guessing", {"target": 1}, goal="g1"))
            await bus.js.publish("lw.v1.result.default.g1.work.7", encode(Result(goal="g1", step="work", attempt=7)))
            await everything_heard(bus)
    (counted,) = [line for line in logs if line["event"] == "answer.unexpected"]
    assert (counted["reason"], counted["goal"], counted["attempt"]) == ("goal over", "g1", 7)


async def timers(bus: Bus) -> set[str]:
    return set((await bus.js.stream_info(TIMERS, subjects_filter=">")).state.subjects or {})


async def test_a_goal_takes_its_timer_with_it_when_it_ends(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    async with fleet(bus, judge) as goals:
        run = await goals.submit("guessing", {"target": 1}, goal="g1")
        with anyio.fail_after(5):
            async for entry in run:
                if isinstance(entry.message, StepOrder):
                    break
        with anyio.fail_after(5):
            while "lw.v1.timer.default.g1.deadline" not in await timers(bus):  # noqa: ASYNC110 - the stream knows
                await anyio.sleep(0.02)
        async with fleet(bus, guesser, orchestrators=0):
            await end_of(run)
    with anyio.fail_after(5):
        while await timers(bus):  # noqa: ASYNC110 - the stream knows
            await anyio.sleep(0.1)


async def test_dead_letters_cannot_fill_the_disk(bus: Bus) -> None:
    config = (await bus.js.stream_info("DEAD")).config
    assert (config.max_bytes, config.max_msgs, config.discard) == (500_000_000, 100_000, "old")
