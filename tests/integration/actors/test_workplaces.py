"""A step is done once, kept under a lease while it is done, and done elsewhere when its worker has gone."""

from typing import Any

import anyio
import pytest
import structlog
from nats.js.errors import NotFoundError
from structlog.testing import capture_logs

from loopwright.actors import (
    Attempt,
    Loop,
    PlannedStep,
    Retriable,
    Step,
    Verdict,
    Worker,
    Workplace,
    evaluator,
    worker,
)
from loopwright.actors.at_work import tell_order
from loopwright.bus import Bus, StopReason, connect_bus
from loopwright.bus.connection import LEASE
from loopwright.bus.envelope import MAX_ANSWER, MAX_BODY
from loopwright.bus.subjects import LOOP, orders_for
from loopwright.deploy.embedded import Server
from tests.integration.actors.running import Fleet, end_of


async def test_a_handler_that_outlives_several_leases_runs_once(
    bus: Bus, server: Server, fleet: Fleet, judge: Worker
) -> None:
    runs: list[int] = []

    @worker("guess")
    async def slow(step: Step[Any]) -> dict[str, int]:
        runs.append(step.attempt)
        await anyio.sleep(2.5 * LEASE)
        return {"number": 1}

    async with connect_bus(server.url, name="rival") as rival, fleet(rival, slow), fleet(bus, slow, judge) as goals:
        outcome = await end_of(await goals.submit("guessing", {"target": 1}))
    assert (outcome.reason, runs) == (StopReason.ACCEPTED, [1])


async def test_the_step_of_a_worker_that_vanished_is_done_elsewhere_as_soon_as_its_lease_is_over(
    bus: Bus, fleet: Fleet, judge: Worker
) -> None:
    begun, at = anyio.Event(), list[float]()

    @worker("guess")
    async def successor(step: Step[Any]) -> dict[str, int]:
        at.append(anyio.current_time())
        begun.set()
        return {"number": 1}

    role = orders_for("default", "guess")
    async with (
        await bus.consumer(LOOP, "role-default-guess", role) as vanishing,
        await bus.consumer(LOOP, "clock", role) as clock,
        fleet(bus, judge) as goals,
    ):
        submitted = anyio.current_time()
        run = await goals.submit("guessing", {"target": 1})
        with anyio.fail_after(5):
            await vanishing.receive()
            await clock.receive()
        async with fleet(bus, successor, orchestrators=0):
            with anyio.fail_after(15):
                await clock.receive()  # a lease that was given no sooner is over, however busy the machine
            with anyio.fail_after(LEASE):
                await begun.wait()
            assert (await end_of(run)).reason is StopReason.ACCEPTED
    assert [each - submitted > LEASE for each in at] == [True]


async def test_the_step_of_a_worker_that_is_told_to_go_is_handed_back_at_once(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    begun = anyio.Event()

    @worker("guess")
    async def stuck(step: Step[Any]) -> None:
        begun.set()
        await anyio.sleep_forever()

    async with fleet(bus, judge) as goals:
        run = await goals.submit("guessing", {"target": 1})
        async with anyio.create_task_group() as going:
            going.start_soon(Workplace(bus, stuck).run, anyio.Event())
            with anyio.fail_after(5):
                await begun.wait()
            going.cancel_scope.cancel()
        async with fleet(bus, guesser, orchestrators=0):
            assert (await end_of(run, LEASE - 0.5)).reason is StopReason.ACCEPTED


async def test_work_is_called_off_when_its_goal_ends_and_not_when_somebody_only_says_so(bus: Bus, fleet: Fleet) -> None:
    begun, over = anyio.Event(), anyio.Event()

    @worker("guess")
    async def endless(step: Step[Any]) -> None:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            over.set()

    async with fleet(bus, endless) as goals:
        run = await goals.submit("guessing", {"target": 1}, goal="g1")
        with anyio.fail_after(5):
            await begun.wait()
        await bus.nc.publish("lw.v1.event.default.g1", b"it is over, honestly")
        with anyio.move_on_after(0.3):
            await over.wait()
        assert not over.is_set()
        await run.cancel()
        assert (await end_of(run)).reason is StopReason.CANCELLED
        with anyio.fail_after(5):
            await over.wait()


async def test_an_answer_beyond_what_a_message_holds_goes_by_reference_to_whoever_needs_it(
    bus: Bus, fleet: Fleet, guessing: Loop
) -> None:
    large, seen = "x" * (2 * MAX_BODY), list[tuple[bool, bool]]()
    steps = (PlannedStep(name="first"), PlannedStep(name="second", needs=("first",)))

    @worker("guess")
    async def wordy(step: Step[Any]) -> Any:
        order: Any = step.order
        assert order.before is None or order.before["text"] == large
        assert order.best is None or order.best["text"] == large
        seen.append((order.before is not None, order.best is not None))
        return {"text": large, "attempt": step.attempt}

    @evaluator("near")
    async def second_thoughts(attempt: Attempt[Any, Any]) -> Verdict:
        assert attempt.output is not None
        assert attempt.output["text"] == large
        return Verdict(passed=attempt.attempt == 2, score=attempt.attempt / 2)

    loop = guessing.model_copy(update={"steps": steps})
    async with fleet(bus, wordy, second_thoughts, loop=loop) as goals:
        outcome = await end_of(await goals.submit("guessing", {"target": 1}))
    assert (outcome.reason, outcome.attempts) == (StopReason.ACCEPTED, 4), outcome.why
    assert outcome.best == {"text": large, "attempt": 2}
    assert seen == [(False, False), (False, True), (True, False), (True, True)]


@pytest.mark.parametrize("answer", ["\ud800", "x" * MAX_ANSWER], ids=["half a surrogate pair", "too large"])
async def test_an_answer_that_cannot_be_sent_is_a_failed_attempt_and_the_worker_lives_on(
    bus: Bus, fleet: Fleet, judge: Worker, answer: str
) -> None:
    @worker("guess")
    async def odd(step: Step[Any]) -> Any:
        return {"number": answer} if step.attempt == 1 else {"number": 2}

    async with fleet(bus, odd, judge) as goals:
        outcome = await end_of(await goals.submit("guessing", {"target": 2}))
    assert (outcome.reason, outcome.attempts) == (StopReason.ACCEPTED, 2)


async def test_what_a_handler_logs_says_which_step_it_is_about(bus: Bus, fleet: Fleet, judge: Worker) -> None:
    @worker("guess")
    async def talkative(step: Step[Any]) -> dict[str, int]:
        structlog.get_logger().info("guessed")
        return {"number": step.attempt}

    with capture_logs([tell_order]) as logs:
        async with fleet(bus, talkative, judge) as goals:
            await end_of(await goals.submit("guessing", {"target": 2}, goal="g1"))
    told = [(line["goal"], line["attempt"], line["role"]) for line in logs if line["event"] == "guessed"]
    assert told == [("g1", 1, "guess"), ("g1", 2, "guess")]


async def test_an_error_that_cannot_be_written_is_a_failed_attempt(bus: Bus, fleet: Fleet, judge: Worker) -> None:
    @worker("guess")
    async def broken(step: Step[Any]) -> Any:
        if step.attempt == 1:
            raise ValueError("a file named \udcff")
        return {"number": 2}

    async with fleet(bus, broken, judge) as goals:
        assert (await end_of(await goals.submit("guessing", {"target": 2}))).attempts == 2


async def test_a_step_that_takes_too_long_is_a_failed_attempt(bus: Bus, fleet: Fleet, guessing: Loop) -> None:
    @worker("guess")
    async def slow(step: Step[Any]) -> None:
        await anyio.sleep_forever()

    hasty = guessing.model_copy(update={"bounds": guessing.bounds.model_copy(update={"step_timeout": 0.1})})
    async with fleet(bus, slow, loop=hasty) as goals:
        outcome = await end_of(await goals.submit("guessing", {"target": 1}))
    assert (outcome.reason, outcome.attempts) == (StopReason.STEP_TIMEOUT, 3)


async def test_a_worker_in_passing_trouble_tries_again_in_hand_and_no_attempt_is_lost(
    bus: Bus, fleet: Fleet, judge: Worker
) -> None:
    tries: list[int] = []

    @worker("guess")
    async def busy(step: Step[Any]) -> dict[str, int]:
        tries.append(step.attempt)
        if len(tries) <= 7:
            raise Retriable("the model is busy", wait=0.01)
        return {"number": 1}

    async with fleet(bus, busy, judge) as goals:
        outcome = await end_of(await goals.submit("guessing", {"target": 1}))
    assert (outcome.reason, outcome.attempts, tries) == (StopReason.ACCEPTED, 1, [1] * 8)


async def test_trouble_that_does_not_pass_is_told_by_its_name(
    bus: Bus, fleet: Fleet, judge: Worker, guessing: Loop
) -> None:
    @worker("guess")
    async def down(step: Step[Any]) -> dict[str, int]:
        raise Retriable("the model cannot be reached", wait=0.1)

    bounds = guessing.bounds.model_copy(update={"step_timeout": 0.3, "failures": 1})
    async with fleet(bus, down, judge, loop=guessing.model_copy(update={"bounds": bounds})) as goals:
        outcome = await end_of(await goals.submit("guessing", {"target": 1}))
    assert outcome.reason is StopReason.ERROR
    assert outcome.fault is not None
    assert (outcome.fault.kind, "the model cannot be reached" in outcome.fault.message) == ("transient", True)


async def test_a_step_that_a_killed_broker_hands_out_anew_to_its_own_holder_is_done_once(
    bus: Bus, fleet: Fleet, judge: Worker
) -> None:
    begun, go_on, runs = anyio.Event(), anyio.Event(), 0

    @worker("guess")
    async def slow(step: Step[Any]) -> dict[str, int]:
        nonlocal runs
        runs += 1
        begun.set()
        await go_on.wait()
        return {"number": 1}

    role = orders_for("default", "guess")
    place = Workplace(bus, slow)
    async with fleet(bus, judge) as goals:
        run = await goals.submit("guessing", {"target": 1}, goal="g1")
        async with await bus.consumer(LOOP, "role-default-guess", role) as inbox, anyio.create_task_group() as tasks:
            with anyio.fail_after(5):
                first = await inbox.receive()
            tasks.start_soon(place.take, first)
            with anyio.fail_after(5):
                await begun.wait()
            await first.later()  # the broker has forgotten whom it gave the step
            with anyio.fail_after(5):
                tasks.start_soon(place.take, await inbox.receive())
            await anyio.wait_all_tasks_blocked()
            go_on.set()
        assert (await end_of(run)).reason is StopReason.ACCEPTED
        info = bus.js.consumer_info
        with anyio.fail_after(5):
            while (left := await info(LOOP, "role-default-guess")).num_ack_pending:  # noqa: ASYNC110 - the server knows
                await anyio.sleep(0.01)
    assert (runs, left.num_pending) == (1, 0)


async def test_a_worker_that_begins_after_the_broker_forgot_what_was_settled_does_no_step_that_was_answered(
    bus: Bus, server: Server, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    runs: list[str] = []

    @worker("guess")
    async def counting(step: Step[Any]) -> dict[str, int]:
        runs.append(step.goal)
        return {"number": 1}

    async with fleet(bus, counting, judge) as goals:
        for number in range(3):
            await end_of(await goals.submit("guessing", {"target": 1}, goal=f"g{number}"))
    await bus.js.delete_consumer(LOOP, "role-default-guess")  # all of it is handed out anew, for the first time
    async with connect_bus(server.url, name="late") as late, fleet(late, counting, orchestrators=0):
        with anyio.fail_after(5):
            while True:
                try:
                    info = await late.js.consumer_info(LOOP, "role-default-guess")
                except NotFoundError:
                    continue
                if info.delivered.consumer_seq >= 3 and not info.num_pending and not info.num_ack_pending:
                    break
                await anyio.sleep(0.02)
    assert runs == ["g0", "g1", "g2"]
