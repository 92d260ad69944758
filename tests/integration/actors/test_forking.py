"""Forks: a new goal goes on from a place of another's record, which stays where it is."""

import anyio

from loopwright.actors import Loop, Step, Worker, worker
from loopwright.actors.decisions import NOTHING, known_of
from loopwright.actors.evolve import fold
from loopwright.actors.faults import read_record
from loopwright.actors.forking import open_fork, prefix_of, stood_at
from loopwright.actors.ledger import Ledger
from loopwright.actors.parting import parting
from loopwright.actors.replaying import replayed
from loopwright.actors.rerunning import Came, rerun
from loopwright.bus import Bus, Evaluation, Outcome, Result, Run, Status, StepOrder, StopReason, Trajectory, connect_bus
from loopwright.bus.client import Goals
from loopwright.bus.connection import delivery_id
from loopwright.bus.envelope import read_goal
from loopwright.bus.forks import Fork, ForkPoint
from loopwright.bus.portable import lines_of, put_back, read_portable, taken_out
from loopwright.bus.subjects import INTAKE
from loopwright.deploy.embedded import Server
from loopwright.deploy.watching import follow
from tests.integration.actors.running import Fleet
from tests.processes.guessing import Guess, Target

type Told = tuple[str, str, int]


def attentive(seen: dict[tuple[str, int], list[Told]]) -> Worker:
    """Return a worker that notes what it is shown of the past."""

    @worker("guess")
    async def guess(step: Step[Target]) -> Guess:
        past = await step.past().so_far()
        seen[step.goal, step.attempt] = [
            (each.subject["goal"], each.subject.kind, int(each.subject["attempt"])) for each in past
        ]
        return Guess(number=step.attempt)

    return guess


async def end_of(run: Run) -> Outcome:
    with anyio.fail_after(10):
        return await run.outcome()


async def place(bus: Bus, goal: str, kind: type[Result | Evaluation], attempt: int) -> int:
    """Return where an answer stands on a goal's record."""
    entries = await Trajectory(bus, goal).so_far()
    (found,) = [each.seq for each in entries if isinstance(each.message, kind) and each.message.attempt == attempt]
    return found


async def test_forks_go_on_from_what_was_said_by_then_and_end_otherwise(bus: Bus, fleet: Fleet, judge: Worker) -> None:
    seen: dict[tuple[str, int], list[Told]] = {}
    async with fleet(bus, attentive(seen), judge) as goals:
        origin = await end_of(await goals.submit("guessing", {"target": 3}, goal="origin"))
        at = await place(bus, "origin", Evaluation, 2)
        same = await goals.submit("guessing", {}, goal="same", fork=Fork(goal="origin", seq=at))
        other = await goals.submit("guessing", {"target": 4}, goal="other", fork=Fork(goal="origin", seq=at))
        outcomes = [await end_of(same), await end_of(other)]
        made = await place(bus, "other", Result, 4)
        later = await end_of(await goals.submit("guessing", {}, goal="later", fork=Fork(goal="other", seq=made)))
        shown: list[str] = []
        await follow(bus, goals.run("later"), None, lambda entry: shown.append(entry.subject["goal"]))
        refused = [
            (await end_of(await goals.submit("guessing", {}, fork=Fork(goal=goal, seq=seq)))).why
            for goal, seq in (
                ("nobody", 9),
                ("other", at),
                ("origin", await place(bus, "origin", Evaluation, 3)),
                ("origin", 1_000_000),
            )
        ]

    assert [each.attempts for each in (origin, *outcomes, later)] == [3, 3, 4, 4]
    assert {each.reason for each in (origin, *outcomes, later)} == {StopReason.ACCEPTED}
    assert outcomes[1].evidence["forked"] == {"goal": "origin", "seq": at}
    past: list[Told] = [("origin", kind, attempt) for attempt in (1, 2) for kind in ("result", "eval")]
    assert seen["other", 3] == past, "what is behind the place is not shown"
    assert seen["other", 4] == [*past, ("other", "result", 3), ("other", "eval", 3)]
    assert ("later", 4) not in seen, "what was made by then is judged, not made again"
    assert list(dict.fromkeys(shown)) == ["origin", "other", "later"]
    assert await prefix_of(bus, "later") == (ForkPoint(goal="origin", seq=at), ForkPoint(goal="other", seq=made))
    assert "There is no goal nobody on record" in refused[0]
    assert f"Up to {at} it is origin: go on from that." in refused[1]
    assert "origin had ended with what was on its record" in refused[2]
    assert refused[3].startswith("The record of origin ends at ")
    await tells_the_whole(bus, judge, seen)


async def tells_the_whole(bus: Bus, judge: Worker, shown: dict[tuple[str, int], list[Told]]) -> None:
    """Look at forks as `goal diff`, `blame` and `replay` do."""
    records = {goal: await read_record(bus, goal) for goal in ("origin", "same", "other", "later")}
    assert not parting(records["origin"], records["same"]).parted
    found = parting(records["origin"], records["other"])
    assert (found.differs, found.parted) == (("input",), True)
    assert found.one.what == "attempt work 3: near passed it, score 1.00"
    assert found.other.what == "attempt work 3: near refused it, score 0.90"
    assert [(each.number, len(each.verdicts)) for each in records["later"].tried] == [(n, 1) for n in (1, 2, 3, 4)]
    for goal in records:
        entries = await Trajectory(bus, goal).so_far()
        again = replayed(await known_of(bus, goal), entries)
        assert (again.skipped, again.otherwise) == ((), ())
        seen: dict[tuple[str, int], list[Told]] = {}
        workers = {"guess": attentive(seen), "near": judge}
        assert {each.came for each in await rerun(bus, workers, entries, lambda _: None)} == {Came.SAME}
        assert all(was == shown.get(place) for place, was in seen.items()), "a replay shows what was seen then"
    orders = [each.message for each in await Trajectory(bus, "other").so_far() if isinstance(each.message, StepOrder)]
    assert {(each.attempt, each.hops) for each in orders} == {(3, 2), (4, 2)}, "nothing of the origin was copied"


async def test_a_fork_travels_with_what_it_goes_on_from(
    bus: Bus, server: Server, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    async with fleet(bus, guesser, judge) as goals:
        await end_of(await goals.submit("guessing", {"target": 2}, goal="origin"))
        point = Fork(goal="origin", seq=await place(bus, "origin", Evaluation, 1))
        await end_of(await goals.submit("guessing", {"target": 3}, goal="fork", fork=point))
    whole = await taken_out(bus, "fork", await prefix_of(bus, "fork"))
    portable = read_portable(list(lines_of(whole)))
    assert portable == whole
    async with connect_bus(server.url, ns="imported", name="reader") as there:
        assert await put_back(there, portable) == len(portable.messages)
        assert await put_back(there, portable) == 0
        assert not parting(await read_record(bus, "fork"), await read_record(there, "fork")).parted
        origin = await taken_out(bus, "origin")
        assert 0 < await put_back(there, origin) < len(origin.messages), "its beginning is there already"
        assert await put_back(there, portable) == 0
        assert not parting(await read_record(bus, "origin"), await read_record(there, "origin")).parted
        assert not parting(await read_record(bus, "fork"), await read_record(there, "fork")).parted


async def test_a_fork_is_opened_once_where_orchestrators_die_before_and_behind_its_opening(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker, guessing: Loop
) -> None:
    async with fleet(bus, guesser, judge) as goals:
        await end_of(await goals.submit("guessing", {"target": 2}, goal="origin"))
    at = await place(bus, "origin", Evaluation, 1)
    point = Fork(goal="origin", seq=at)
    for goal in ("before", "behind"):
        await Goals(bus).submit("guessing", {"target": 3}, goal=goal, fork=point)
    async with await bus.consumer(INTAKE, "goals-default", ["lw.v1.goal.default.>"]) as inbox:
        with anyio.fail_after(5):
            before, behind = await inbox.receive(), await inbox.receive()
        await before.later()  # it died with the goal in hand
        forked = read_goal(behind.data, behind.headers, loop="guessing", fallback_id="none")
        opening = open_fork(forked, await stood_at(bus, point), guessing, behind.time)
        standing = fold(None, opening)
        assert standing is not None
        await Ledger(bus).write("behind", NOTHING, delivery_id(behind), opening, standing)
        await behind.later()  # it died with the goal on record, and had sent nothing
    async with fleet(bus, guesser, judge, orchestrators=2) as goals:
        outcomes = [await end_of(goals.run(goal)) for goal in ("before", "behind")]
    for outcome in outcomes:
        assert (outcome.status, outcome.attempts) == (Status.COMPLETED, 3)
        numbers = [known.decision.number for known in await known_of(bus, outcome.goal)]
        assert numbers == list(range(1, len(numbers) + 1))
