"""Following a goal for a person: its record from the start, and glimpses of its workers."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import anyio

from loopwright.actors.decisions import decisions_of
from loopwright.actors.forking import joined, prefix_of
from loopwright.actors.loop import Loop
from loopwright.bus import Bus, Entry, Outcome, Run, Trajectory
from loopwright.bus.envelope import read
from loopwright.bus.errors import Unreadable
from loopwright.bus.messages import Live, StepOrder
from loopwright.bus.presence import roster, serves
from loopwright.bus.subjects import Subject
from loopwright.bus.wire import Arrival
from loopwright.deploy.board import Board
from loopwright.deploy.screen import Screen

ABSENT = 3.0
"""Seconds without anybody in a role before a person is told: those who start together are not there all at once."""
TICK = 0.25
"""Seconds between two redraws where nothing happens: the clock moves."""


async def follow(bus: Bus, run: Run, screen: Screen | None, told: Callable[[Entry], None] | None = None) -> Outcome:
    """Show a goal until it ends, and return how it ended."""
    board = Board(goal=run.goal)

    def glimpse(arrival: Arrival) -> None:
        nonlocal board
        try:
            board = board.glimpse(read(Live, arrival.data, arrival.headers))
        except Unreadable:
            return  # it may be lost anyway

    async def tick() -> None:
        while screen is not None:
            screen.show(board)
            await anyio.sleep(TICK)

    async def look() -> None:
        nonlocal board
        while screen is not None:
            roles = [role for role in board.waiting if role not in board.people]
            missing = [role for role in roles if there.unserved(role) > ABSENT]
            board = replace(board, unserved=tuple([role for role in missing if not await serves(bus, role)]))
            await anyio.sleep(1)

    glimpses = bus.overhear(str(Subject.of("live", ns=bus.ns, goal=run.goal)), glimpse)
    async with glimpses, roster(bus) as there, anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        tasks.start_soon(look)
        async for entry in whole(bus, run):
            if board.panel is None and isinstance(entry.message, StepOrder):
                board = designed(board, await loop_of(bus, run.goal))
            board = board.after(entry)
            if told is not None:
                told(entry)
        tasks.cancel_scope.cancel()
    if screen is not None:
        screen.show(board)
    assert board.outcome is not None
    return board.outcome


async def whole(bus: Bus, run: Run) -> AsyncIterator[Entry]:
    """Yield what a goal goes on from, where it is a fork, and then what is on its own record, until it has ended."""
    if prefix := await prefix_of(bus, run.goal):
        kept = await Trajectory(bus, run.goal, prefix=prefix).so_far()
        for entry in joined(kept, run.goal):
            if entry.subject["goal"] != run.goal:
                yield entry
    async for entry in run:
        yield entry


async def loop_of(bus: Bus, goal: str) -> Loop | None:
    """Return the loop of a goal, which its decisions pin; None if nobody can read them."""
    decisions = await decisions_of(bus, goal)
    return decisions[0].standing.loop if decisions else None


def designed(board: Board, loop: Loop | None) -> Board:
    """Return the board with what is to be known of its goal's loop."""
    if loop is None:
        return board
    panels = {step.name: step.panel(loop.panel) for step in loop.steps if step.own}
    return replace(board, panel=loop.panel, panels=panels, people=frozenset(loop.people))
