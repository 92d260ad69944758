"""Memory as steps have it: what an attempt saw it sees again, and what it wrote is written once."""

import math
import os
import runpy
import signal
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import pytest

from loopwright.actors import Step
from loopwright.actors.effects import Place, digest_of, key_of
from loopwright.actors.errors import LeaseLost, Moved, StepFailed
from loopwright.actors.holding import Holding
from loopwright.actors.memory import Memory
from loopwright.actors.remembering import author_of
from loopwright.bus import Bus, FailureClass, Outcome, Run, Trajectory, board, connect_bus, lessons
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.memories import Author, Noted
from loopwright.bus.messages import Json, StepOrder
from loopwright.bus.streams import BOARD_STREAM
from loopwright.bus.subjects import LOOP, Subject
from loopwright.deploy.embedded import Server
from loopwright.tools import Misuse
from tests.integration.actors.running import Fleet
from tests.processes.remembering import RECALLING, Told, nod, recall
from tests.processes.running import running

EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples"
ORDER = StepOrder(goal="g1", loop="shop", step="work", attempt=1, role="support")


def step_of(bus: Bus, order: StepOrder = ORDER, **told: Any) -> Step[Any]:
    """Return a step as a worker is given it."""
    return Step(order, order.input, bus, holding=Holding(bus, order, **told))


async def taken_over(bus: Bus, **told: Any) -> Step[Any]:
    """Return the step as a second worker is given it."""
    step = step_of(bus, delivery=2, **told)
    await step.holding.take_over()
    await step.holding.begin()
    return step


async def test_whoever_goes_on_with_an_attempt_sees_what_it_saw_and_writes_nothing_again(
    server: Server, bus: Bus
) -> None:
    async with (
        connect_bus(server.url, name="another") as elsewhere,
        aclosing(Memory(bus)) as memory,
        aclosing(Memory(elsewhere)) as others,
    ):

        async def work(step: Step[Any]) -> list[Any]:
            plan = await step.board.get("plan")
            own = await step.lessons.note("Rounding comes last", labels=["money"])
            named = await step.lessons.note("Tax comes first", key="tax", worked=False, kept=60)
            revision = await step.board.put("plan", {"tax": "first"}, revision=plan.revision if plan else 0)
            found = await step.lessons.search("rounding")
            return [plan, own, named, revision, found, await step.board.history("plan"), await step.board.keys()]

        first = step_of(bus, memory=memory)
        before = await work(first)
        await board.put(bus, Noted(goal="g1", key="plan", value="something else"))
        await board.put(bus, Noted(goal="g1", key="more", value=1))
        await lessons.forget(bus, before[1])
        second = await taken_over(elsewhere, memory=others)
        assert await work(second) == before
        assert await second.lessons.search("rounding") == []
        assert await second.board.keys() == ["more", "plan"]
        with pytest.raises(LeaseLost):
            await first.board.put("plan", "late")
    plan, own, named, revision, (lesson,), (noted,), keys = before
    assert (plan, named, revision, keys) == (None, "tax", 1, ["plan"])
    assert (lesson.key, lesson.text, lesson.labels, lesson.worked) == (own, "Rounding comes last", ("money",), None)
    assert (noted.value, noted.revision) == ({"tax": "first"}, 1)
    assert noted.by == lesson.by == author_of(ORDER).model_copy(update={"worker": "test"})
    assert [each.value for each in await board.history(bus, "g1", "plan")] == [{"tax": "first"}, "something else"]
    tax = await lessons.lesson(bus, "tax")
    assert tax is not None
    assert (tax.text, tax.worked, tax.kept) == ("Tax comes first", False, 60)


@pytest.mark.parametrize("written", [True, False])
async def test_a_write_that_a_dead_worker_had_claimed_is_made_once(bus: Bus, written: bool) -> None:
    by = author_of(ORDER)
    arguments: Json = {"name": "plan", "value": 7, "body": "", "by": by.model_dump(mode="json"), "revision": None}
    call = digest_of("call", "board.put", arguments)
    key = key_of(bus.ns, ORDER, Place(call, 1))
    subject = Subject.of("effect", ns="default", goal="g1", step="work", attempt=1, role="support")
    about = {"goal": "g1", "step": "work", "attempt": 1, "role": "support", "what": "call", "name": "board.put"}
    claim = {"phase": "claimed", "call": call, "occurrence": 1, "key": key, "arguments": arguments}
    await bus.publish(subject, Effect.model_validate(about | claim), id="claim", guard=0)
    if written:
        await board.put(bus, Noted(goal="g1", key="plan", value=7, id=key, by=by))
    await board.put(bus, Noted(goal="g1", key="plan", value=8))
    step = await taken_over(bus)
    assert await step.board.put("plan", 7) == (1 if written else 2)
    words = [each.value for each in await board.history(bus, "g1", "plan")]
    assert words == ([7, 8] if written else [8, 7])
    phases = [await bus.message(Effect, each) for each in await bus.record([str(subject)])]
    claimed, held, done, released = (EffectPhase(each) for each in ("claimed", "held", "done", "released"))
    expected = [claimed, held, done] if written else [claimed, held, released, claimed, done]
    assert [each.phase for each in phases if each] == expected


async def test_steps_that_change_one_value_at_once_lose_nothing(server: Server, bus: Bus) -> None:
    async with connect_bus(server.url, name="another") as elsewhere:
        steps = [
            step_of(each, ORDER.model_copy(update={"step": f"s{number}"}))
            for number, each in enumerate((bus, elsewhere, bus, elsewhere))
        ]

        async def count(step: Step[Any]) -> None:
            for _ in range(3):
                await step.board.update("total", lambda total: (total or 0) + 1)

        async with anyio.create_task_group() as tasks:
            for each in steps:
                tasks.start_soon(count, each)
    said = [each.value for each in await board.history(bus, "g1", "total")]
    assert said == list(range(1, 13))


async def test_who_writes_at_an_old_revision_is_told_and_an_attempt_that_minds_may_be_made_again(bus: Bus) -> None:
    step = step_of(bus)
    assert await step.board.put("plan", 1, revision=0) == 1
    assert await step.board.put("plan", 2) == 2
    why = "plan on the board is at revision 2, and was expected at 1: another has written since"
    for _ in range(2):
        with pytest.raises(Moved, match=why) as moved:
            await step.board.put("plan", 3, revision=1)
        assert (moved.value.revision, moved.value.failure.kind) == (2, FailureClass.TRANSIENT)
        await step.holding.begin()
    with pytest.raises(Moved, match="other on the board is empty, and was expected at 7"):
        await step.board.put("other", 3, revision=7)


async def test_a_large_value_lies_in_the_object_store_once_and_is_told_of_by_name(bus: Bus) -> None:
    large = {"text": "x" * 1_000_000}
    step = step_of(bus)
    await step.board.put("draft", large)
    before = await bus.js.stream_info("OBJ_lw_blobs")
    for _ in range(3):
        assert (await seen(step)).value == large
    await step.board.put("draft", "short")
    again = await taken_over(bus)
    assert await again.board.put("draft", large) == 1
    assert [(await seen(again)).value == large for _ in range(4)] == [True, True, True, False]
    assert [each.value == large for each in await again.board.history("draft")] == [True, False]
    after = await bus.js.stream_info("OBJ_lw_blobs")
    assert (before.state.bytes, before.state.messages) == (after.state.bytes, after.state.messages)
    for stream in (LOOP, BOARD_STREAM):
        assert (await bus.js.stream_info(stream)).state.bytes < 20_000


async def seen(step: Step[Any]) -> Noted:
    found = await step.board.get("draft")
    assert found is not None
    return found


async def test_what_cannot_be_kept_is_refused_in_one_sentence_and_nothing_is_claimed(bus: Bus) -> None:
    step = step_of(bus)
    trials: list[tuple[Any, str]] = [
        (step.board.get("My plan"), "board.get cannot be called so: key: 'My plan' cannot be a key: use a-z"),
        (step.board.put("", 1), "board.put cannot be called so: key: '' cannot be a key"),
        (step.board.put("a", math.nan), "board.put cannot be called so: value: its body is not JSON"),
        (step.board.put("a", object()), "board.put cannot be called so: value: it cannot be written as JSON"),
        (step.board.put("a", "x" * 16_000_001), "value: its body of 16,000,003 bytes is over the limit of 16,000,000"),
        (step.board.put("a", 1, revision=-1), "board.put cannot be called so: revision: "),
        (step.lessons.note(""), "lesson.note cannot be called so: text: String should have at least 1 char"),
        (step.lessons.note("x" * 8001), "lesson.note cannot be called so: text: String should have at most 8000 char"),
        (step.lessons.note("a", labels=["A b"]), "lesson.note cannot be called so: labels.0: "),
        (step.lessons.note("a", kept=0.5), "lesson.note cannot be called so: kept: "),
        (step.lessons.search("a", limit=51), "lesson.search cannot be called so: limit: "),
    ]
    for trial, why in trials:
        with pytest.raises(Misuse, match=why):
            await trial
    found = [await bus.message(Effect, each) for each in await bus.record([f"lw.v1.effect.default.{ORDER.goal}.>"])]
    assert not [each for each in found if each is None or each.phase in {EffectPhase.CLAIMED, EffectPhase.DONE}]


async def test_who_judges_acceptance_reads_memory_and_writes_nothing(bus: Bus) -> None:
    told = {"role": "accept", "judge": "accept", "acceptance": {"secret": 7}}
    step = step_of(bus, ORDER.model_copy(update=told))
    assert await step.board.get("plan") is None
    for trial in (step.board.put("plan", 7), step.lessons.note("It is 7")):
        with pytest.raises(StepFailed, match="accept judges acceptance, and may not write into memory") as refused:
            await trial
        assert refused.value.failure.kind is FailureClass.POLICY


async def test_a_goal_knows_what_another_has_found_out(bus: Bus, fleet: Fleet) -> None:
    """The example in deploy/examples, as it is."""
    doors = runpy.run_path(str(EXAMPLES / "doors.py"))
    async with fleet(bus, doors["dial"], doors["pull"], loop=doors["DOORS"]) as goals, aclosing(Memory(bus)) as memory:
        attempts = [
            (await end_of(await goals.submit("doors", {"door": "cellar"}, goal=goal))).attempts for goal in ("a", "b")
        ]
        other = await end_of(await goals.submit("doors", {"door": "attic"}))
        learned = await memory.index.search("which code opens the door")
        tried = await board.noted(bus, "a", "tried")
    assert (attempts, other.attempts) == ([5, 1], 3)
    assert [(each.key, each.text) for each in learned] == [
        ("attic", "The attic door opens with 2"),
        ("cellar", "The cellar door opens with 4"),
    ]
    assert learned[1].by == Author(goal="b", loop="doors", step="work", attempt=1, role="pull", worker="test")
    assert tried is not None
    assert tried.value == [0, 1, 2, 3]


async def test_the_successor_of_a_process_that_was_killed_sees_the_memory_that_it_saw(
    server: Server, bus: Bus, fleet: Fleet
) -> None:
    await board.put(bus, Noted(goal="g1", key="plan", value="first"))
    first = running(server.url, ("worker", "recall", "--app", "remembering"))
    async with first, fleet(bus, nod, loop=RECALLING) as goals:
        run = await goals.submit("recalling", {}, goal="g1")
        killed = await searcher(bus)
        os.kill(killed, signal.SIGKILL)
        (lesson,) = await lessons.all_lessons(bus)
        await lessons.forget(bus, lesson.key)
        await board.put(bus, Noted(goal="g1", key="plan", value="changed"))
        await board.put(bus, Noted(goal="g1", key="go", value=True))
        async with fleet(bus, recall, orchestrators=0):
            outcome = await end_of(run)
    told = Told.model_validate(outcome.best)
    assert told == Told(plan="first", revision=2, found=[lesson.key], noted=lesson.key, by=told.by)
    assert told.by == os.getpid() != killed
    assert outcome.attempts == 1
    assert [each.value for each in await board.history(bus, "g1", "plan")] == ["first", "recalled", "changed"]
    assert await lessons.all_lessons(bus) == []


async def searcher(bus: Bus) -> int:
    """Wait until a process has searched the lessons, and return its number."""
    async with Trajectory(bus, "g1").follow() as entries:
        with anyio.fail_after(30):
            async for entry in entries:
                match entry.message:
                    case Effect(name="lesson.search", worker=worker):
                        return int(worker.rpartition("-")[2])
                    case _:
                        pass
    raise AssertionError


async def end_of(run: Run) -> Outcome:
    with anyio.fail_after(30):
        return await run.outcome()
