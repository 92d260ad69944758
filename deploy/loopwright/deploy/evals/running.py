"""Running a suite: its goals are submitted to the fleet, so many at once, and each is told as a trial when it ends."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import anyio

from loopwright.actors.decisions import known_of
from loopwright.actors.design import meant
from loopwright.actors.faults import blame_of, record_of
from loopwright.bus import Bus, Outcome, Trajectory
from loopwright.bus.client import Goals
from loopwright.bus.errors import IntakeFull, LoopwrightError
from loopwright.bus.messages import Json
from loopwright.bus.presence import ORCHESTRATOR, present
from loopwright.deploy.evals.grading import Judge, breaches_of, graded, verdicts, way_of
from loopwright.deploy.evals.health import judging_of
from loopwright.deploy.evals.suite import Case, Suite, goal_id
from loopwright.deploy.evals.trials import Trial, trial_of
from loopwright.tools.workspace import pack

FULL = 1.0
"""Seconds until a goal is submitted again that the intake had no room for."""
LOOK = 5.0
"""Seconds between two looks whether an orchestrator is there."""
ABSENT = 30.0
"""Seconds without one after which nobody waits any more."""


class NobodyRuns(LoopwrightError):
    """No orchestrator is there to run the goals."""

    def __init__(self) -> None:
        super().__init__("No orchestrator is there: start `loopwright up` or `loopwright orchestrator`, and go on.")


@dataclass(frozen=True)
class Planned:
    """A trial that is to be run."""

    case: Case
    given: Json
    """What its goal is given."""
    acceptance: Json | None
    repetition: int
    goal: str
    way: str = ""
    """By which rules and evaluators it is judged once it has ended."""


class LoopNotServed(LoopwrightError):
    """No orchestrator that is there runs a loop which the suite names."""

    def __init__(self, loop: str, known: Iterable[str]) -> None:
        super().__init__(f"no orchestrator here runs a loop named {loop}{meant(loop, sorted(known))}")


type Told = Callable[[Trial], None]


async def planned(bus: Bus, suite: Suite, run: str, repetitions: int) -> list[Planned]:
    """Return the trials of a run, every case once before any comes again; folders are put on the bus."""
    given = [(case, *await given_to(bus, case)) for case in suite.cases]
    return [
        Planned(
            case,
            input_,
            acceptance,
            number,
            goal_id(run, case, [input_, acceptance], number),
            way_of(case.rules, suite.judges),
        )
        for number in range(1, repetitions + 1)
        for case, input_, acceptance in given
    ]


async def given_to(bus: Bus, case: Case) -> tuple[Json, Json | None]:
    """Return what the goals of a case are given, and what their acceptance evaluator is."""
    given, acceptance = case.input, case.acceptance
    if case.folder is not None:
        packed = await anyio.to_thread.run_sync(pack, case.folder)
        given = {**given, "workspace": await bus.blobs.put(packed)}
    if case.acceptance_folder is not None:
        packed = await anyio.to_thread.run_sync(pack, case.acceptance_folder)
        acceptance = {**(acceptance or {}), "workspace": await bus.blobs.put(packed)}
    return given, acceptance


async def run_trials(bus: Bus, trials: list[Planned], parallel: int, told: Told, judges: Sequence[Judge] = ()) -> None:
    """Run trials, up to `parallel` at once, and tell each when it has ended and `judges` have judged it.

    Raises:
        NobodyRuns: no orchestrator is there.
    """
    waiting = iter(trials)

    async def hand() -> None:
        for each in waiting:
            told(await trial(bus, each, judges))

    async with anyio.create_task_group() as watching:
        watching.start_soon(refuse_nobody, bus, name="orchestrators")
        async with anyio.create_task_group() as working:
            for number in range(min(parallel, len(trials))):
                working.start_soon(hand, name=f"trial {number}")
        watching.cancel_scope.cancel()


async def refuse_unknown_loops(bus: Bus, trials: Iterable[Planned]) -> None:
    """Refuse to submit what would be rejected, for no orchestrator that is there has its loop.

    Raises:
        LoopNotServed: of the first such loop.
    """
    there = [each for each in await present(bus) if each.role == ORCHESTRATOR]
    known = {loop for each in there for loop in each.loops}
    for loop in dict.fromkeys(each.case.loop for each in trials) if there else ():
        if loop not in known:
            raise LoopNotServed(loop, known)


async def refuse_nobody(bus: Bus) -> None:
    """Look whether an orchestrator is there, for as long as we wait for goals.

    Raises:
        NobodyRuns: none was for some time.
    """
    last = anyio.current_time()
    while True:
        if any(each.role == ORCHESTRATOR for each in await present(bus)):
            last = anyio.current_time()
        elif anyio.current_time() - last > ABSENT:
            raise NobodyRuns
        await anyio.sleep(LOOK)


async def trial(bus: Bus, each: Planned, judges: Sequence[Judge]) -> Trial:
    """Return what a trial came to; its goal is submitted unless that was done before."""
    outcome = await ended(bus, each)
    entries = await Trajectory(bus, each.goal).so_far()
    decisions = await known_of(bus, each.goal)
    record = record_of(decisions[0].decision, decisions[0].seq, entries)
    standings = [known.decision.standing for known in decisions]
    told = trial_of(each.case.name, each.repetition, outcome, entries, standings, blame_of(record).fault)
    told = told.model_copy(update={"evaluators": judging_of(record)})
    if not each.way:
        return told
    said = await verdicts(bus, record, judges) if told.passed else {}
    return graded(told, each.way, breaches_of(record, each.case.rules), said)


async def ended(bus: Bus, each: Planned) -> Outcome:
    """Return how a goal ended, once it has; the same goal submitted twice is one."""
    goals, case = Goals(bus), each.case
    if (outcome := await goals.run(each.goal).ended()) is not None:
        return outcome
    submit = partial(goals.submit, goal=each.goal, acceptance=each.acceptance, limits=case.limits)
    while True:
        try:
            run = await submit(case.loop, each.given)
        except IntakeFull:
            await anyio.sleep(FULL)
        else:
            return await run.outcome()


async def hands(bus: Bus) -> int:
    """Return how many goals the fleet can work on at once: the hands of the role that has the most."""
    there: dict[str, int] = {}
    for each in await present(bus):
        there[each.role] = there.get(each.role, 0) + each.hands
    return max(1, *there.values(), 0)
