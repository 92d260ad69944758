"""A letter tells what happened to its message, and what can be tried again without harm is."""

import itertools
import re
from collections.abc import Awaitable, Callable

import anyio
import pytest

from loopwright.actors import Loop, Worker
from loopwright.actors.dead import bury
from loopwright.actors.retrying import NotRetriable, retry
from loopwright.actors.suspects import ENOUGH
from loopwright.bus import Bus, Status, StepOrder, StopReason
from loopwright.bus.errors import LetterUnknown
from loopwright.bus.letters import Letter, letter, letters, remove, remove_up_to
from loopwright.bus.subjects import DEAD, INTAKE, LOOP
from tests.integration.actors.dying import take_in_vain, take_orders_in_vain
from tests.integration.actors.running import Fleet, end_of

type Speak = Callable[[bytes, bytes | None, bytes], Awaitable[None]]


async def a_letter(bus: Bus) -> Letter:
    """Wait for the first dead letter there is."""
    with anyio.fail_after(10):
        while not (found := await letters(bus)):  # noqa: ASYNC110 - nothing is said when one comes
            await anyio.sleep(0.02)
    return await letter(bus, found[0].number)


async def one_letter(bus: Bus, subject: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Letter:
    """Bury a message as an actor does that cannot read it."""
    async with await bus.consumer(LOOP, "gravedigger", [subject]) as inbox:
        await bus.write(subject, body, headers or {})
        with anyio.fail_after(5):
            delivery = await inbox.receive()
        await bury(bus, delivery, "it cannot be read", role="orchestrator")
        await delivery.done()
    return await letter(bus, (await letters(bus))[-1].number)


async def test_a_step_that_nobody_survived_is_a_letter_from_which_its_goal_begins_anew(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker, guessing: Loop
) -> None:
    one_chance = guessing.model_copy(update={"bounds": guessing.bounds.model_copy(update={"failures": 1})})
    async with fleet(bus, judge, loop=one_chance) as goals:
        run = await goals.submit("guessing", {"target": 1}, goal="g1")
        await take_orders_in_vain(bus, "guess")
        async with fleet(bus, guesser, orchestrators=0):
            outcome = await end_of(run)
            found = await a_letter(bus)
            retried = await retry(bus, found)
            again = await end_of(goals.run(retried.goal))
            with pytest.raises(NotRetriable, match="the goal g1-retry-1 is on record already"):
                await retry(bus, found)

    assert (outcome.status, outcome.fault and outcome.fault.kind) == (Status.FAILED, "crashed")
    assert (found.role, found.goal, found.step, found.attempt) == ("guess", "g1", "work", "1")
    assert (found.deliveries, found.worker) == (ENOUGH + 2, "test")
    assert found.stored is not None
    assert found.stored <= found.buried
    assert retried.goal == "g1-retry-1"
    assert (again.reason, again.best) == (StopReason.ACCEPTED, {"number": 1})


async def test_a_step_whose_goal_was_met_all_the_same_is_not_tried_again(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker
) -> None:
    async with fleet(bus, judge) as goals:
        run = await goals.submit("guessing", {"target": 2}, goal="g1")
        await take_orders_in_vain(bus, "guess")
        async with fleet(bus, guesser, orchestrators=0):
            await end_of(run)
    with pytest.raises(NotRetriable, match="its goal g1 was met all the same"):
        await retry(bus, await a_letter(bus))


@pytest.mark.parametrize(("given", "id_"), [("g1", "g1-retry-1"), (None, r"g[0-9a-f]+-1-retry-1")])
async def test_a_goal_that_no_orchestrator_survived_is_submitted_again_under_a_new_id(
    bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker, given: str | None, id_: str
) -> None:
    headers = {"Nats-Msg-Id": given} if given else {}
    await bus.js.publish("lw.v1.goal.default.guessing", b'{"target": 1}', headers=headers)
    await take_in_vain(bus, INTAKE, "goals-default", "lw.v1.goal.default.>")
    async with fleet(bus, guesser, judge) as goals:
        retried = await retry(bus, await a_letter(bus))
        outcome = await end_of(goals.run(retried.goal))

    assert outcome.reason is StopReason.ACCEPTED
    assert re.fullmatch(id_, retried.goal)


async def test_a_goal_whose_id_is_free_keeps_it(bus: Bus, fleet: Fleet, guesser: Worker, judge: Worker) -> None:
    document = b'{"goal": "mine", "input": {"target": 1}}'
    await bus.js.publish("lw.v1.goal.default.guessing", document)
    await take_in_vain(bus, INTAKE, "goals-default", "lw.v1.goal.default.>")
    async with fleet(bus, guesser, judge) as goals:
        retried = await retry(bus, await a_letter(bus))
        outcome = await end_of(goals.run("mine"))

    assert (retried.goal, outcome.reason) == ("mine", StopReason.ACCEPTED)


async def test_a_cancellation_is_heard_when_it_is_said_again(bus: Bus, fleet: Fleet, judge: Worker) -> None:
    headers = {"Loopwright-Subject": "lw.v1.ctl.default.g1", "Loopwright-Reason": "an older version cannot read it"}
    await bus.write("lw.v1.dead.default.orchestrator.g1.unknown", b'{"why": "Enough."}', headers)
    found = await letter(bus, 1)
    with pytest.raises(NotRetriable, match="nothing is on record for its goal g1"):
        await retry(bus, found)
    async with fleet(bus, judge) as goals:
        run = await goals.submit("guessing", {"target": 1}, goal="g1")
        async for entry in run:
            if isinstance(entry.message, StepOrder):
                break
        await retry(bus, found)
        outcome = await end_of(run)

    assert (outcome.reason, outcome.why) == (StopReason.CANCELLED, "Enough.")
    with pytest.raises(NotRetriable, match="its goal g1 has ended"):
        await retry(bus, found)


async def test_what_would_change_nothing_is_refused_with_the_reason(bus: Bus) -> None:
    answered, nobody = "an answer's place is taken once for ever", "nobody reads what is there"
    reasons = {
        "lw.v1.result.default.g1.work.1": answered,
        "lw.v1.eval.default.g1.work.1.near": answered,
        "lw.v1.step.default.guess.g1.work.1": "no orchestrator sent it",
        "lw.v1.decision.default.g1.guess.work.1": "no orchestrator sent it",
        "lw.v1.decision.default.g1.-.-.1": "nobody waits for a decision",
        "lw.v1.ctl.other.g1": "it was published in the namespace other",
        "lw.v1.result.NO": f"it does not say where it was published, or {nobody}",
    }
    for subject, why in reasons.items():
        with pytest.raises(NotRetriable, match=why):
            await retry(bus, await one_letter(bus, subject, b"{}"))


async def test_a_letter_whose_body_is_gone_is_refused(bus: Bus) -> None:
    found = await one_letter(bus, "lw.v1.ctl.default.g1", b"", {"Loopwright-Body": f"sha256-{'0' * 64}"})
    with pytest.raises(NotRetriable, match="its body is gone: the object store has nothing"):
        await retry(bus, found)


async def test_letters_are_removed_one_by_one_or_all_that_were_seen(bus: Bus) -> None:
    for goal in ("g1", "g2", "g1", "g2"):
        await one_letter(bus, f"lw.v1.ctl.default.{goal}")

    assert await remove(bus, 1)
    assert not await remove(bus, 1)
    assert not await remove(bus, 99)
    await remove_up_to(bus, 3, goal="g2")
    assert [each.number for each in await letters(bus)] == [3, 4]
    assert [each.number for each in await letters(bus, goal="g2")] == [4]
    await remove_up_to(bus, 4)
    assert await letters(bus) == []
    assert (await bus.js.stream_info(DEAD)).state.messages == 0


STRANGE_HEADERS = [
    None,
    b"NATS/1.0 \xff\r\n\r\n",
    b"NATS/1.0 404\r\n\r\n",
    b"NATS/1.0\r\nNats-Sequence: 4\r\nNats-Time-Stamp: never\r\nLoopwright-Subject: lw.v1.ctl.default.x\r\n\r\n",
]


async def test_whatever_lies_among_the_letters_can_be_listed_looked_at_and_removed(bus: Bus, speak: Speak) -> None:
    subjects = [b"lw.v1.dead.default.\xff", b"lw.v1.dead.default.a.b.c", b"lw.v1.dead.default.a"]
    for subject, headers in itertools.product(subjects, STRANGE_HEADERS):
        await speak(subject, headers, b"\xff\x00")

    listed = await letters(bus)
    for each in listed:
        found = await letter(bus, each.number)
        with pytest.raises(NotRetriable):
            await retry(bus, found)
        assert found.data == b"\xff\x00"
        assert await remove(bus, found.number)
        with pytest.raises(LetterUnknown, match=f"There is no dead letter {each.number}"):
            await letter(bus, each.number)
    assert len(listed) == len(subjects) * len(STRANGE_HEADERS)


async def test_a_letter_of_another_namespace_is_none_of_ours(bus: Bus) -> None:
    await bus.js.publish("lw.v1.dead.other.a.b.c", b"")

    assert await letters(bus) == []
    with pytest.raises(LetterUnknown):
        await letter(bus, 1)
