"""Running workers' code again on what is on record: what it asks is answered so, and where it parts is told."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import anyio

from loopwright.actors import Attempt, Loop, Orchestrator, Step, Verdict, Worker, Workplace, evaluator, worker
from loopwright.actors.rerunning import Came, Rerun, rerun
from loopwright.bus import Bus, Trajectory, connect_bus
from loopwright.bus.client import Goals
from loopwright.bus.messages import Cancel
from loopwright.bus.portable import put_back, taken_out
from loopwright.bus.streams import BLOBS_STREAM, BOARD_STREAM, LESSONS_STREAM
from loopwright.bus.subjects import DEAD, INTAKE, LOOP, Subject
from loopwright.deploy.embedded import Server
from loopwright.tools import IdempotencyKey, tool
from loopwright.tools.model import Answer, ModelBusy, Turn
from tests.processes.guessing import Guess, Target

type Handler = Callable[[Step[Target]], Awaitable[Guess]]


class Clerk:
    """A model that is busy at first, and answers with how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def ask(self, turns: Sequence[Turn], model: str | None = None) -> Answer:
        self.asked += 1
        if self.asked == 1:
            raise ModelBusy("too many at once", wait=0.01)
        return Answer(f"{model} says {self.asked}", 10, 1)


CLERK = Clerk()
MADE: list[str] = []


@tool()
async def weigh(number: int) -> int:
    MADE.append(f"weigh {number}")
    if number == 0:
        raise KeyError("nothing to weigh")
    return number * 10


@tool(writes="external")
async def order(number: int, *, key: IdempotencyKey) -> str:
    MADE.append(f"order {number}")
    return key[:8]


async def thorough(step: Step[Target]) -> Guess:
    """Ask, call, write, read and publish as handlers do."""
    past = [(entry.subject.kind, int(entry.subject["attempt"])) for entry in await step.past().so_far()]
    weight, ended = await anything(step), await Goals(step.bus).run(step.goal).ended()
    answer = await step.ask(CLERK, [Turn("user", f"{past} {weight} {ended} {step.hint}")])
    key = await step.call(order, number=step.attempt)
    await step.board.put("note", {"answer": answer.text, "key": key, "spent": step.spent.tokens_in})
    noted = await step.board.get("note")
    assert noted is not None
    await step.lessons.note(f"{noted.value}", labels=["guesses"])
    await step.bus.blobs.put(b"a workspace of attempt " + bytes([step.attempt]))
    if step.attempt == 1 and step.input.target != 9:
        await (await step.submit("guessing", {"target": 9}, limits={"attempts": 1})).outcome()
    return Guess(number=step.attempt)


async def anything(step: Step[Target]) -> int:
    """Weigh nothing, and then something."""
    try:
        return await step.call(weigh, number=0)
    except KeyError:
        return await step.call(weigh, number=step.attempt)


@evaluator("near")
async def near(attempt: Attempt[Target, Guess]) -> Verdict:
    """Pass the target, and say what the model thinks of it."""
    assert attempt.output is not None
    said = await attempt.ask(CLERK, [Turn("user", f"What of {attempt.output.number}?")])
    found = attempt.output.number == attempt.input.target
    return Verdict(passed=found, score=float(found), feedback=said.text)


def by(handle: Handler) -> dict[str, Worker]:
    """Return who serves, where this is how it is guessed."""
    return {"guess": worker("guess", tools=[weigh, order])(handle), "near": near}


async def run_here(bus: Bus, loop: Loop, target: int, goal: str, workers: dict[str, Worker]) -> None:
    """Run a goal to its end."""
    stopping = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Orchestrator(bus, {loop.name: loop}).run, stopping)
        for each in workers.values():
            tasks.start_soon(partial(Workplace(bus, each, hands=4).run, stopping))
        with anyio.fail_after(20):
            await (await Goals(bus).submit(loop.name, {"target": target}, goal=goal)).outcome()
        stopping.set()


async def again(bus: Bus, goal: str, workers: dict[str, Worker]) -> tuple[Rerun, ...]:
    heard: list[Rerun] = []
    found = await rerun(bus, workers, await Trajectory(bus, goal).so_far(), heard.append)
    assert found == tuple(heard)
    return found


async def written(bus: Bus) -> list[int]:
    """Return how many messages were ever written, stream by stream; timers and presence go by themselves."""
    names = (INTAKE, LOOP, DEAD, BOARD_STREAM, LESSONS_STREAM, BLOBS_STREAM)
    return [(await bus.js.stream_info(name)).state.last_seq for name in names]


def changed(how: str) -> Handler:
    """Return how it is guessed by code that was changed since."""

    async def guess(step: Step[Target]) -> Guess:
        match how:
            case "asks otherwise":
                try:
                    await step.ask(CLERK, [Turn("user", "Dear model")])
                except Exception as error:
                    raise SystemError("whoever is stopped is stopped") from error
            case "calls otherwise":
                await step.call(weigh, number=-step.attempt)
            case "writes":
                await anything(step)
                forged = Subject.of("ctl", ns=step.bus.ns, goal=step.goal)
                await step.bus.publish(forged, Cancel(goal=step.goal), id="forged")
            case "publishes another goal":
                await step.submit("guessing", {"target": 8}, name="another")
            case "publishes the goal with another input":
                await step.submit("guessing", {"target": 7}, limits={"attempts": 1})
            case "calls less":
                return Guess(number=step.attempt)
        return Guess(number=7 * (await thorough(step)).number)

    return guess


async def test_code_that_was_not_changed_answers_as_it_did_and_nothing_is_called_or_written(
    bus: Bus, server: Server, guessing: Loop
) -> None:
    await run_here(bus, guessing, 2, "g1", by(thorough))
    before, asked, made = await written(bus), CLERK.asked, list(MADE)
    found = await again(bus, "g1", by(thorough))
    assert [(each.step, each.attempt, each.role, each.came) for each in found] == [
        ("work", attempt, role, Came.SAME) for attempt in (1, 2) for role in ("guess", "near")
    ]
    assert (await written(bus), CLERK.asked, MADE) == (before, asked, made)
    async with connect_bus(server.url, ns="imported", name="reader") as there:
        await put_back(there, await taken_out(bus, "g1"))
        copied = await again(there, "g1", by(thorough))
    assert [each.came for each in copied] == [Came.UNTOLD, Came.SAME, Came.SAME, Came.SAME]
    assert copied[0].now.endswith("that it has submitted is not on record here, and was not exported with it")


PARTINGS = {
    "asks otherwise": (Came.PARTS, 1, "asks gpt-5: Dear model", "the record has a call of weigh with"),
    "calls otherwise": (Came.PARTS, 1, 'calls weigh with {"number": -1}', "the record has a call of weigh with"),
    "writes": (Came.PARTS, 3, "writes on lw.v1.ctl.default.g1", "the record has another question to gpt-5"),
    "publishes another goal": (
        Came.PARTS,
        1,
        "of guessing, which is not on record here",
        "the record has a call of weigh with",
    ),
    "publishes the goal with another input": (
        Came.PARTS,
        1,
        " with another input",
        "the record has a call of weigh with",
    ),
    "calls less": (Came.PARTS, 1, 'answers without it: {"number": 1}', "the record has a call of weigh with"),
    "answers otherwise": (Came.OTHER, None, "output.number 7", "1"),
}
"""What is told of a changed handler: what came, at which call, what it does now, and what is on record."""


async def test_where_code_that_was_changed_goes_another_way_is_told_and_there_it_is_stopped(
    bus: Bus, guessing: Loop
) -> None:
    await run_here(bus, guessing, 1, "g1", by(thorough))
    before, asked, made = await written(bus), CLERK.asked, list(MADE)
    for how, (came, call, now, then) in PARTINGS.items():
        first = (await again(bus, "g1", by(changed(how))))[0]
        assert (first.came, first.call) == (came, call), how
        assert now in first.now, how
        assert first.then.startswith(then), how
    nobody = await again(bus, "g1", {"near": near})
    assert [each.came for each in nobody] == [Came.UNTOLD, Came.SAME]
    assert (await written(bus), CLERK.asked, MADE) == (before, asked, made)
