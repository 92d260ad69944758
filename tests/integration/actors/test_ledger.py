"""The decisions of a goal, as one orchestrator remembers them and as they are on record."""

from datetime import UTC, datetime

import pytest

from loopwright.actors.decide import open_goal, turn
from loopwright.actors.evolve import fold
from loopwright.actors.ledger import HEAVIEST, NOTHING, Ledger, decisions_of
from loopwright.actors.loop import Loop
from loopwright.actors.standing import Standing
from loopwright.bus import Bus
from loopwright.bus.errors import GuardLost
from loopwright.bus.messages import Evaluation, Goal, Result
from loopwright.bus.subjects import decisions_on

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LOOP = Loop(name="loop", work="code", judges=("tests",))
MADE = Result(goal="g1", step="work", attempt=1)
REFUSED = Evaluation(goal="g1", step="work", attempt=1, judge="tests", passed=False, score=0.5)


async def opened(ledger: Ledger, goal: str = "g1", text: str = "much to do") -> Standing:
    events = open_goal(Goal(goal=goal, loop="loop", input={"text": text}, acceptance={"hidden": text}), LOOP, NOON)
    standing = fold(None, events)
    assert standing is not None
    await ledger.write(goal, NOTHING, "INTAKE-1", events, standing)
    return standing


async def hear(ledger: Ledger, message: Result | Evaluation) -> Standing:
    loaded = await ledger.recall("g1") or await ledger.load("g1", sure=True)
    assert loaded.decision is not None
    events, after = turn(loaded.decision.standing, message, NOON)
    await ledger.write("g1", loaded, "LOOP-1", events, after)
    return after


async def test_where_a_goal_stands_is_the_same_remembered_and_read(bus: Bus) -> None:
    ledger = Ledger(bus)
    await opened(ledger)
    await hear(ledger, MADE)
    after = await hear(ledger, REFUSED)
    remembered = await ledger.recall("g1")
    assert remembered is not None
    assert remembered.decision is not None
    assert remembered.decision.standing == after
    for sure in (False, True):
        assert await Ledger(bus).load("g1", sure=sure) == remembered
    assert [each.standing for each in await decisions_of(bus, "g1")][-1] == after


async def test_what_a_goal_brings_is_on_record_once(bus: Bus) -> None:
    ledger = Ledger(bus)
    await opened(ledger, text="x" * 10_000)
    await hear(ledger, MADE)
    await hear(ledger, REFUSED)
    sizes = [len(each.data) for each in await bus.record([decisions_on("default", "g1")])]
    assert sizes[0] > 20_000
    assert max(sizes[1:]) < 700, "what is measured of the attempts stands in each decision"


async def test_a_goal_larger_than_a_message_is_read_back_whole(bus: Bus) -> None:
    text = "x" * 300_000
    ledger = Ledger(bus)
    await opened(ledger, text=text)
    await hear(ledger, MADE)
    loaded = await Ledger(bus).load("g1", sure=False)
    assert loaded.decision is not None
    assert loaded.decision.standing.goal.input == {"text": text}


async def test_a_rival_that_was_faster_is_noticed_and_forgotten_is_what_we_knew(bus: Bus) -> None:
    ours, theirs = Ledger(bus), Ledger(bus)
    await opened(ours)
    await hear(theirs, MADE)
    with pytest.raises(GuardLost):
        await hear(ours, MADE)
    assert await ours.recall("g1") is None
    loaded = await ours.load("g1", sure=False)
    assert loaded.decision is not None
    assert loaded.decision.number == 2


async def test_a_goal_that_is_forgotten_for_want_of_room_is_read_back(bus: Bus) -> None:
    ledger = Ledger(bus)
    standing = await opened(ledger)
    ledger._known.keep("g2", NOTHING, HEAVIEST)
    assert await ledger.recall("g1") is None
    loaded = await ledger.load("g1", sure=False)
    assert loaded.decision is not None
    assert loaded.decision.standing == standing


async def test_a_goal_that_brings_much_weighs_as_much_remembered_and_read(bus: Bus) -> None:
    ledger = Ledger(bus)
    await opened(ledger, text="x" * 100_000)
    await hear(ledger, MADE)
    remembered, read = await ledger.recall("g1"), await ledger.load("g1", sure=False)
    assert remembered is not None
    assert min(remembered.weight, read.weight) > 200_000
