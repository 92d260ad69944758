"""Orchestrators share goals without asking each other, and pick up what a dead one left half done."""

from collections import Counter
from datetime import datetime, timedelta

import anyio
import pytest

from loopwright.actors import Bounds, Loop, Orchestrator, PlannedStep, Worker
from loopwright.actors.decide import decide, open_goal, sends
from loopwright.actors.decision import Decision
from loopwright.actors.decisions import decisions_of
from loopwright.actors.events import Event
from loopwright.actors.evolve import fold
from loopwright.actors.ledger import Ledger
from loopwright.actors.orchestrator import FULL_PAUSE, SUBMIT
from loopwright.actors.standing import Standing
from loopwright.bus import Bus, Result, Status, StepOrder, StopReason, Trajectory, connect_bus
from loopwright.bus.answers import ANSWER
from loopwright.bus.client import Goals, wait_until_known
from loopwright.bus.connection import delivery_id
from loopwright.bus.envelope import encode, read_goal
from loopwright.bus.inbox import Delivery, Inbox
from loopwright.bus.messages import Ended, Evaluation, Limits
from loopwright.bus.stored import in_json
from loopwright.bus.subjects import INTAKE, LOOP, TIMERS, Subject, decisions_on
from loopwright.bus.wire import Arrival
from loopwright.deploy.embedded import Server
from tests.integration.actors.running import Fleet, end_of

MADE = Result(goal="g1", step="work", attempt=1, output={"number": 1})


def verdict_of(judge: str) -> Evaluation:
    return Evaluation(goal="g1", step="work", attempt=1, judge=judge, passed=True, score=1.0)


async def put_on_record(bus: Bus, delivery: Delivery, before: Decision | None, events: tuple[Event, ...]) -> None:
    """Do what an orchestrator does that dies right behind its decision."""
    await decide_elsewhere(bus, delivery, before, events)
    await delivery.later()


async def decide_elsewhere(bus: Bus, delivery: Delivery, before: Decision | None, events: tuple[Event, ...]) -> None:
    """Decide on a delivery as another orchestrator does, and send nothing."""
    standing = fold(before.standing if before else None, events)
    assert isinstance(standing, Standing)
    goal, ledger = standing.goal.goal, Ledger(bus)
    loaded = await ledger.load(goal, sure=True)
    assert loaded.decision == before
    orders = tuple(each for each in sends(standing, events) if isinstance(each, StepOrder))
    await ledger.write(goal, loaded, delivery_id(delivery), events, standing, orders)


async def next_in(inbox: Inbox) -> Delivery:
    with anyio.fail_after(5):
        return await inbox.receive()


async def answer(
    bus: Bus, inbox: Inbox, orchestrator: Orchestrator, said: Result | Evaluation, *, elsewhere: bool
) -> None:
    """Say something and have an orchestrator hear it, after another has decided on it if that is asked for."""
    kind, judge = ("eval", f".{said.judge}") if isinstance(said, Evaluation) else ("result", "")
    await bus.publish_first(Subject.parse(f"lw.v1.{kind}.default.g1.work.1{judge}"), said, id=f"{kind}{judge}")
    delivery = await next_in(inbox)
    if elsewhere:
        *_, before = await decisions_of(bus, "g1")
        await decide_elsewhere(bus, delivery, before, decide(before.standing, said, delivery.time))
    await orchestrator.take_answer(delivery)


async def test_rival_orchestrators_make_exactly_one_trajectory_of_each_goal(
    bus: Bus, server: Server, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    wanted = {f"g{number}": 1 + number % 3 for number in range(60)}
    async with (
        connect_bus(server.url, name="rival") as rival,
        fleet(rival, guesser, judge),
        fleet(bus, guesser, judge, orchestrators=2) as goals,
    ):
        for goal, target in wanted.items():
            await goals.submit("guessing", {"target": target}, goal=goal)
        outcomes = {goal: await end_of(goals.run(goal)) for goal in wanted}
        trajectories = {goal: await Trajectory(bus, goal).so_far() for goal in wanted}

    assert {goal: outcome.attempts for goal, outcome in outcomes.items()} == wanted
    for goal, trajectory in trajectories.items():
        places = Counter(str(entry.subject) for entry in trajectory if entry.message is not None)
        assert set(places.values()) == {1}, "something was said twice"
        assert places.total() == 4 * wanted[goal] + 1
        on_record = await decisions_of(bus, goal)
        assert [each.number for each in on_record] == list(range(1, len(on_record) + 1))
        assert fold(None, [event for each in on_record for event in each.events]) == on_record[-1].standing
        assert isinstance(trajectory[-1].message, Ended)


async def test_a_goal_that_was_published_many_times_is_opened_once(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    for _ in range(20):
        await bus.nc.publish("lw.v1.goal.default.guessing", b'{"goal": "g1", "input": {"target": 2}}')
    await bus.nc.flush()
    async with fleet(bus, guesser, judge, orchestrators=3) as goals:
        assert (await end_of(goals.run("g1"))).attempts == 2
    assert [each.number for each in await decisions_of(bus, "g1")] == [1, 2, 3]


async def test_an_orchestrator_that_died_behind_its_first_decision_has_its_messages_sent_by_another(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker, guessing: Loop
) -> None:
    await Goals(bus).submit("guessing", {"target": 1}, goal="g1")
    async with await bus.consumer(INTAKE, "goals-default", ["lw.v1.goal.default.>"]) as inbox:
        delivery = await next_in(inbox)
        goal = read_goal(delivery.data, delivery.headers, loop="guessing", fallback_id="none")
        await put_on_record(bus, delivery, None, open_goal(goal, guessing, delivery.time))
    timers = list[Arrival]()
    deadline = bus.overhear("lw.v1.timer.default.g1.deadline", timers.append)
    async with deadline, fleet(bus, guesser, judge) as goals:
        outcome = await end_of(goals.run("g1"))
    assert (outcome.reason, outcome.steps) == (StopReason.ACCEPTED, 2)
    assert len(await decisions_of(bus, "g1")) == 2
    assert any("Nats-Schedule" in each.headers for each in timers), "nobody minds its deadline"


async def test_an_orchestrator_that_died_behind_a_later_decision_has_its_messages_sent_by_another(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker, guessing: Loop
) -> None:
    await Goals(bus).submit("guessing", {"target": 1}, goal="g1")
    async with await bus.consumer(INTAKE, "goals-default", ["lw.v1.goal.default.>"]) as inbox:
        await Orchestrator(bus, {"guessing": guessing}).take_goal(await next_in(inbox))
    place = Subject.of("result", ns="default", goal="g1", step="work", attempt=1)
    await bus.publish_first(place, MADE, id="made")
    heard = [f"lw.v1.{kind}.default.>" for kind in ("result", "eval", "ctl")]
    async with await bus.consumer(LOOP, "orchestrators-default", heard) as inbox:
        delivery = await next_in(inbox)
        (opened,) = await decisions_of(bus, "g1")
        await put_on_record(bus, delivery, opened, decide(opened.standing, MADE, delivery.time))
    async with fleet(bus, guesser, judge) as goals:
        outcome = await end_of(goals.run("g1"))
    assert (outcome.reason, outcome.attempts) == (StopReason.ACCEPTED, 1)


@pytest.mark.parametrize("said", ["goal", "result", "evaluation"])
async def test_a_message_whose_lease_lapsed_is_not_let_go_before_all_that_follows_from_it_was_sent(
    bus: Bus, said: str
) -> None:
    # Another has it when our lease has lapsed: it has decided, and has not sent yet.
    loop = Loop(name="guessing", work="guess", judges=("near", "far"), bounds=Bounds(deadline=30))
    orchestrator = Orchestrator(bus, {"guessing": loop})
    await Goals(bus).submit("guessing", {"target": 1}, goal="g1")
    async with await bus.consumer(INTAKE, "goals-default", ["lw.v1.goal.default.>"]) as inbox:
        delivery = await next_in(inbox)
        if said == "goal":
            goal = read_goal(delivery.data, delivery.headers, loop="guessing", fallback_id="none")
            await decide_elsewhere(bus, delivery, None, open_goal(goal, loop, delivery.time))
        await orchestrator.take_goal(delivery)
    assert await in_json(bus.nc, TIMERS, {"last_by_subj": "lw.v1.timer.default.g1.deadline"}, ANSWER) is not None
    async with await bus.consumer(LOOP, "orchestrators-default", ["lw.v1.result.>", "lw.v1.eval.>"]) as inbox:
        await answer(bus, inbox, orchestrator, MADE, elsewhere=said == "result")
        for judge in ("near", "far"):
            assert await bus.last(f"lw.v1.step.default.{judge}.g1.work.1") is not None
        await answer(bus, inbox, orchestrator, verdict_of("near"), elsewhere=False)
        await answer(bus, inbox, orchestrator, verdict_of("far"), elsewhere=said == "evaluation")
    assert await bus.last("lw.v1.event.default.g1") is not None


async def test_the_broker_holds_the_deadline_while_nobody_of_ours_runs(bus: Bus, fleet: Fleet, guessing: Loop) -> None:
    await Goals(bus).submit("guessing", {"target": 1}, goal="g1", limits=Limits(deadline=0.5))
    async with await bus.consumer(INTAKE, "goals-default", ["lw.v1.goal.default.>"]) as inbox:
        await Orchestrator(bus, {"guessing": guessing}).take_goal(await next_in(inbox))
    async with await bus.consumer(TIMERS, "timers-default", ["lw.v1.due.default.>"]) as timers:
        due = await next_in(timers)
    async with fleet(bus) as goals:
        outcome = await end_of(goals.run("g1"))
    assert (outcome.status, outcome.reason) == (Status.FAILED, StopReason.DEADLINE)
    assert timedelta(seconds=outcome.seconds) < timedelta(seconds=5)
    assert outcome.seconds >= 0.5
    assert due.subject.endswith("g1.deadline")


async def test_a_goal_is_called_off_before_and_after_its_end(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    async with fleet(bus) as goals:
        run = await goals.submit("guessing", {"target": 1})
        with anyio.fail_after(5):
            async for entry in run:
                if isinstance(entry.message, StepOrder):
                    break
        await run.cancel("changed our mind")
        outcome = await end_of(run)
        await run.cancel("again")
    assert (outcome.status, outcome.reason, outcome.why) == (
        Status.CANCELED,
        StopReason.CANCELLED,
        "changed our mind",
    )
    assert await run.ended() == outcome


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff", "The goal cannot be read: its body is not UTF-8."),
        (b'{"input": {}, "limits": {"deadline": 1e300}}', "The goal cannot be read: limits.deadline"),
    ],
)
async def test_a_goal_that_cannot_be_worked_on_is_rejected_on_record(
    bus: Bus, fleet: Fleet, data: bytes, why: str
) -> None:
    await bus.js.publish("lw.v1.goal.default.guessing", data, headers={"Nats-Msg-Id": "g1"})
    async with fleet(bus) as goals:
        outcome = await end_of(goals.run("g1"))
    assert (outcome.status, outcome.reason) == (Status.REJECTED, StopReason.REJECTED)
    assert outcome.why.startswith(why)


async def test_a_result_from_another_language_may_leave_out_what_its_subject_tells(
    bus: Bus, fleet: Fleet, judge: Worker
) -> None:
    async with fleet(bus, judge) as goals:
        run = await goals.submit("guessing", {"target": 7}, goal="g1")
        with anyio.fail_after(5):
            async for entry in run:
                if isinstance(entry.message, StepOrder):
                    await bus.nc.publish("lw.v1.result.default.g1.work.1", b'{"output": {"number": 7}}')
                    break
        assert (await end_of(run)).best == {"number": 7}


async def test_a_forged_result_for_an_unknown_goal_is_a_dead_letter_and_no_more(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    forged = Result(goal="nobody", step="work", attempt=1, output={"number": 1})
    await bus.js.publish("lw.v1.result.default.nobody.work.1", encode(forged))
    async with fleet(bus, guesser, judge) as goals:
        assert (await end_of(await goals.submit("guessing", {"target": 1}))).reason is StopReason.ACCEPTED
        with anyio.fail_after(5):
            letter = await bus.js.get_last_msg("DEAD", "lw.v1.dead.default.orchestrator.nobody.work")
    assert letter.headers is not None
    assert letter.headers["Loopwright-Reason"] == "nothing is on record for the goal nobody"
    assert await bus.last(decisions_on("default", "nobody")) is None


async def test_a_cancellation_that_overtakes_its_goal_is_not_lost(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    run = Goals(bus).run("soon-called-off")
    await run.cancel("changed my mind")
    async with fleet(bus, judge) as goals:
        await anyio.sleep(0.7)  # the word is handed out, and nobody knows the goal
        await goals.submit("guessing", {"target": 5}, goal="soon-called-off")
        assert (await end_of(run)).reason is StopReason.CANCELLED


async def test_a_goal_of_a_goal_that_found_the_intake_full_is_submitted_again_by_the_clock_of_the_broker(
    bus: Bus, fleet: Fleet
) -> None:
    other = PlannedStep(name="one", loop="another")
    outer = Loop(name="outer", work="guess", judges=("near",), steps=(other,), bounds=Bounds(deadline=30))
    intake = (await bus.js.stream_info(INTAKE)).config
    await bus.js.update_stream(intake.evolve(max_msgs=1))
    said = list[Arrival]()
    async with bus.overhear("lw.v1.timer.default.g1.*", said.append), fleet(bus, loop=outer) as goals:
        run = await goals.submit("outer", {"target": 1}, goal="g1")
        await wait_until_known(run, 10)
        with anyio.fail_after(10):
            while not (late := [each for each in said if SUBMIT in each.subject]):  # noqa: ASYNC110
                await anyio.sleep(0.01)
    decision, *_ = await decisions_of(bus, "g1")
    at = datetime.fromisoformat(late[0].headers["Nats-Schedule"].removeprefix("@at "))
    assert at - decision.standing.opened == timedelta(seconds=FULL_PAUSE)
