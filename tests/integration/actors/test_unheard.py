"""What was let go before anybody could hear it is heard all the same, when its time comes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from loopwright.actors import (
    Attempt,
    Bounds,
    Loop,
    Orchestrator,
    Person,
    Step,
    Verdict,
    Worker,
    Workplace,
    evaluator,
    worker,
)
from loopwright.actors.asking import Asked, asked, give, reply
from loopwright.actors.decisions import last_decision
from loopwright.actors.unheard import OVERTAKEN, is_about, may_be_given_up
from loopwright.bus import Bus, StopReason
from loopwright.bus.client import Goals
from loopwright.bus.messages import Cancel, Goal, Parent
from loopwright.bus.subjects import LOOP, PREFIX
from tests.integration.actors.running import Fleet, end_of

HEARD = [f"{PREFIX}.{kind}.default.>" for kind in ("result", "eval", "pause", "reply", "ctl")]
CHILD = Goal(goal="g1", loop="guessing", parent=Parent(goal="g0", step="work", attempt=1))
CLIENTS = Goal(goal="g1", loop="guessing")
SERVES, SAID = Cancel(goal="g1", serves="g0"), Cancel(goal="g1")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHORT, LONG = timedelta(seconds=1), OVERTAKEN + timedelta(seconds=1)


async def let_go(bus: Bus) -> str:
    """Let go of the next word as an orchestrator does that has given it up, and return its subject."""
    async with await bus.consumer(LOOP, "orchestrators-default", HEARD) as inbox:
        with anyio.fail_after(5):
            word = await inbox.receive()
        await word.done()
        await bus.nc.reach()
        return word.subject


async def test_a_goal_of_a_goal_is_called_off_by_a_word_that_was_given_up_while_it_was_in_the_intake(
    bus: Bus, fleet: Fleet, judge: Worker
) -> None:
    run = await Goals(bus).submit("guessing", {"target": 1}, goal="g1", parent=CHILD.parent)
    await run.cancel("it is not waited for", serves="g0")
    await let_go(bus)
    async with fleet(bus, judge):
        assert (await end_of(run, 5)).reason is StopReason.CANCELLED


@pytest.mark.parametrize(
    ("goal", "waited", "may_be"),
    [
        (CHILD, SHORT, True),
        (CLIENTS, SHORT, False),
        (CLIENTS, LONG, True),
        (CLIENTS, -LONG, True),
    ],
)
def test_a_word_may_have_been_given_up_where_its_goal_has_waited_by_whatever_clock(
    goal: Goal, waited: timedelta, *, may_be: bool
) -> None:
    assert may_be_given_up(goal, waited) is may_be


@pytest.mark.parametrize(
    ("goal", "word", "before", "counts"),
    [
        (CLIENTS, SAID, -LONG, True),
        (CLIENTS, SAID, SHORT, True),
        (CLIENTS, SAID, LONG, False),
        (CHILD, SERVES, LONG, True),
    ],
)
def test_a_word_on_another_goal_that_once_had_the_id_does_not_count(
    goal: Goal, word: Cancel, before: timedelta, *, counts: bool
) -> None:
    assert is_about(goal, word, NOW - before, NOW) is counts


@worker(
    "guess",
)
async def unsure(step: Step[Any]) -> dict[str, Any]:
    return {"number": await step.ask_person("boss", "which?")}


@evaluator("fine")
async def fine(attempt: Attempt[Any, Any]) -> Verdict:
    return Verdict(passed=True, score=1.0)


ASKING = Loop(
    name="asking",
    work="guess",
    judges=("fine",),
    people={"boss": Person(within=1, default=2)},
    approvers=("boss",),
    bounds=Bounds(deadline=20),
)


async def question_of(bus: Bus, goal: str) -> Asked:
    """Wait until a goal asks something, and return what."""
    with anyio.fail_after(10):
        while True:
            decision = (await last_decision(bus, goal)).decision
            for question in await asked(bus, decision.standing) if decision else ():
                return question
            await anyio.sleep(0.02)


async def test_a_reply_that_was_given_up_counts_when_the_time_for_the_default_comes(bus: Bus) -> None:
    over = anyio.Event()
    async with anyio.create_task_group() as tasks:
        for each in (unsure, fine):
            tasks.start_soon(Workplace(bus, each).run, over)
        async with anyio.create_task_group() as first:
            asks = anyio.Event()
            first.start_soon(Orchestrator(bus, {"asking": ASKING}).run, asks)
            run = await Goals(bus).submit("asking", {}, goal="g1")
            question = await question_of(bus, "g1")
            asks.set()
        await give(bus, question, reply(question, True, 1, person="boss"))
        assert ".reply." in await let_go(bus)
        tasks.start_soon(Orchestrator(bus, {"asking": ASKING}).run, over)
        assert (await end_of(run)).best == {"number": 1}
        over.set()
