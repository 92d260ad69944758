"""The decisions of a goal, as one orchestrator remembers them and as they are on record."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
import structlog.testing

from loopwright.actors.decide import open_goal, turn
from loopwright.actors.decisions import FEW, HEAVIEST, NOTHING, PAGE, Loaded, decisions_of, first_decision, known_of
from loopwright.actors.evolve import fold
from loopwright.actors.ledger import Ledger
from loopwright.actors.loop import Loop
from loopwright.actors.standing import Standing
from loopwright.bus import Bus
from loopwright.bus.errors import GuardLost
from loopwright.bus.messages import Evaluation, Goal, Result
from loopwright.bus.subjects import LOOP as RECORD
from loopwright.bus.subjects import decisions_on

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LOOP = Loop(name="loop", work="code", judges=("tests",))
MADE = Result(goal="g1", step="work", attempt=1)
REFUSED = Evaluation(goal="g1", step="work", attempt=1, judge="tests", passed=False, score=0.5)


async def opened(ledger: Ledger, goal: str = "g1", text: str = "much to do", loaded: Loaded = NOTHING) -> Standing:
    events = open_goal(Goal(goal=goal, loop="loop", input={"text": text}, acceptance={"hidden": text}), LOOP, NOON)
    standing = fold(None, events)
    assert standing is not None
    await ledger.write(goal, loaded, "INTAKE-1", events, standing)
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


async def spoil(bus: Bus, times: int = 1) -> None:
    """Write what is no decision among the decisions of g1."""
    for number in range(times):
        await bus.write(f"lw.v1.decision.default.g1.guess.work.{100 + number}", b"\xff garbage", {})


def looked_at(logs: Sequence[structlog.typing.EventDict]) -> Counter[int]:
    """Return how often each place was found to be no decision."""
    return Counter(line["seq"] for line in logs if line["event"] == "decision.unreadable")


async def numbers(ledger: Ledger, upto: int) -> list[int]:
    """Return the numbers of the decisions that are on record for g1."""
    return [known.decision.number for known in await ledger.decisions("g1", upto=upto)]


async def test_each_place_of_garbage_is_looked_at_once_however_often_a_goal_is_read(bus: Bus) -> None:
    ledger, before = Ledger(bus), PAGE + 10
    await spoil(bus, before)
    with structlog.testing.capture_logs() as logs:
        nothing = await ledger.load("g1", sure=False)
        assert nothing.decision is None
        await opened(ledger, loaded=nothing)
        for more in (1, FEW + 2):
            await spoil(bus, more)
            for sure in (False, True):
                loaded = await ledger.load("g1", sure=sure)
                assert loaded.decision is not None
                assert loaded.decision.number == 1
                assert await numbers(ledger, loaded.revision) == [1]
    assert looked_at(logs) == dict.fromkeys([*range(1, before + 1), *range(before + 2, before + FEW + 5)], 1)


async def test_how_a_goal_was_opened_is_found_behind_garbage(bus: Bus) -> None:
    ledger = Ledger(bus)
    await spoil(bus, 3)
    assert await first_decision(bus, "g1") is None
    with pytest.raises(GuardLost):
        await opened(ledger)
    nothing = await ledger.load("g1", sure=True)
    await opened(ledger, loaded=nothing)
    await spoil(bus)
    found = await first_decision(bus, "g1")
    assert found is not None
    assert (found.decision.number, found.seq) == (1, 4)


async def test_the_next_decision_is_guarded_by_the_garbage_behind_the_last(bus: Bus) -> None:
    ledger = Ledger(bus)
    await opened(ledger)
    await spoil(bus)
    with pytest.raises(GuardLost):
        await hear(ledger, MADE)
    await hear(ledger, MADE)
    assert [known.seq for known in await known_of(bus, "g1")] == [1, 3]


async def test_what_a_rival_decided_among_garbage_is_seen(bus: Bus) -> None:
    ours, theirs = Ledger(bus), Ledger(bus)
    await opened(ours)
    await spoil(bus)
    assert (await ours.load("g1", sure=True)).revision == 2
    await theirs.load("g1", sure=True)
    await hear(theirs, MADE)
    await spoil(bus)
    loaded = await ours.load("g1", sure=False)
    assert loaded.decision is not None
    assert (loaded.decision.number, loaded.revision) == (2, 4)
    assert await numbers(ours, 4) == [1, 2]


async def test_a_server_that_has_lost_the_end_of_a_spoilt_record_is_believed(bus: Bus) -> None:
    ledger = Ledger(bus)
    await opened(ledger)
    await spoil(bus)
    await ledger.load("g1", sure=True)
    await hear(ledger, MADE)
    await spoil(bus, 2)
    assert await numbers(ledger, (await ledger.load("g1", sure=True)).revision) == [1, 2]
    for lost in (3, 4, 5):
        await bus.js.delete_msg(RECORD, lost)
    loaded = await ledger.load("g1", sure=True)
    assert loaded.decision is not None
    assert (loaded.decision.number, loaded.revision) == (1, 2)
    assert await numbers(ledger, 2) == [1]


async def test_what_is_remembered_of_a_spoilt_record_goes_with_the_connection(bus: Bus) -> None:
    ledger = Ledger(bus)
    await opened(ledger)
    await spoil(bus)
    with structlog.testing.capture_logs() as logs:
        await ledger.load("g1", sure=True)
        bus.nc.losses += 1
        await ledger.load("g1", sure=True)
    assert looked_at(logs) == {2: 2}
