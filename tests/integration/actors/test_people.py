"""People who are asked: their answers wait for nobody, the broker holds the time, and the first answer counts."""

from typing import Any

import anyio
import pytest

from loopwright.actors import Bounds, Loop, Person, Step, Worker, worker
from loopwright.actors.answering import result
from loopwright.actors.asking import Asked, asked, give, verdict
from loopwright.actors.decisions import last_decision
from loopwright.actors.work import Made
from loopwright.bus import Bus, StopReason, Trajectory
from loopwright.bus.errors import GuardLost
from loopwright.bus.messages import Evaluation, StepOrder
from tests.integration.actors.running import Fleet, end_of

BOUNDS = Bounds(deadline=60, unserved=1)
BOSS = Loop(
    name="refunds", work="clerk", judges=("boss",), people={"boss": Person(within=1.5, default=False)}, bounds=BOUNDS
)


@worker("clerk")
async def clerk(step: Step[dict[str, Any]]) -> dict[str, Any]:
    return {"refund": step.input["order"], "amount": step.attempt}


async def question(bus: Bus, attempt: int) -> Asked:
    """Wait until a person is asked about an attempt, and return what."""
    async with Trajectory(bus, "g1").follow() as entries:
        with anyio.fail_after(15):
            async for entry in entries:
                match entry.message:
                    case StepOrder(attempt=number, role="boss" | "guess") if number == attempt:
                        break
                    case _:
                        pass
    standing = (await last_decision(bus, "g1", sure=True)).decision
    assert standing is not None
    (found,) = await asked(bus, standing.standing)
    return found


async def test_what_nobody_answers_in_time_is_refused_by_default_and_what_is_approved_is_what_was_shown(
    bus: Bus, fleet: Fleet
) -> None:
    async with fleet(bus, clerk, loop=BOSS) as goals:
        run = await goals.submit("refunds", {"order": "a7"}, goal="g1")
        first = await question(bus, 1)
        assert first.output == {"refund": "a7", "amount": 1}
        second = await question(bus, 2)  # it waited for longer than for a role that nobody serves
        with pytest.raises(GuardLost):
            await give(bus, first, verdict(bus, first, True))
        await give(bus, second, verdict(bus, second, True, "as discussed"))
        outcome = await end_of(run)
    assert (outcome.reason, outcome.best, outcome.attempts) == (StopReason.ACCEPTED, second.output, 2)
    record = [entry.message for entry in await Trajectory(bus, "g1").so_far()]
    said = [(each.passed, each.evidence["digest"], each.feedback) for each in record if isinstance(each, Evaluation)]
    late = "boss has not answered within 1.5 seconds, and this counts instead"
    assert said == [(False, first.digest, late), (True, second.digest, "as discussed")]


async def test_a_question_is_answered_by_a_person_or_by_default(bus: Bus, fleet: Fleet, judge: Worker) -> None:
    people = {"guess": Person(within=1, default={"number": 5})}
    loop = Loop(name="guessing", work="guess", judges=("near",), people=people, bounds=BOUNDS)
    async with fleet(bus, judge, loop=loop) as goals:
        run = await goals.submit("guessing", {"target": 5}, goal="g1")
        first = await question(bus, 1)
        await give(bus, first, result(bus, first.order, Made(output={"number": 4})))
        outcome = await end_of(run)
    assert (outcome.reason, outcome.best, outcome.attempts) == (StopReason.ACCEPTED, {"number": 5}, 2)


async def test_an_answer_outlives_every_process(bus: Bus, fleet: Fleet) -> None:
    patient = BOSS.model_copy(update={"people": {"boss": Person(within=30)}})
    async with fleet(bus, clerk, loop=patient) as goals:
        run = await goals.submit("refunds", {"order": "a7"}, goal="g1")
        first = await question(bus, 1)
    await give(bus, first, verdict(bus, first, True))
    async with fleet(bus, loop=patient):
        assert (await end_of(run)).best == first.output
