"""Reading a goal's record from the bus, as far as it goes."""

from loopwright.actors.decisions import first_decision
from loopwright.actors.faults.recorded import GoalRecord, record_of
from loopwright.actors.forking import joined
from loopwright.bus.connection import Bus
from loopwright.bus.errors import GoalUnknown
from loopwright.bus.trajectory import Trajectory


async def read_record(bus: Bus, goal: str) -> GoalRecord:
    """Return all that is on record of a goal now; that of a fork begins with what it goes on from.

    Raises:
        GoalUnknown: nothing is on record for it, or not how it began.
    """
    opening = await first_decision(bus, goal)
    if opening is None:
        raise GoalUnknown(goal)
    decision = opening.decision
    entries = await Trajectory(bus, goal, prefix=decision.standing.prefix).so_far()
    return record_of(decision, opening.seq, joined(entries, goal))
