"""Whatever bytes are published on whatever subject: nothing hangs, nobody dies, and goals go on.

What an actor reads and cannot understand becomes a dead letter with a reason. An answer's place that is taken by
garbage counts as a failed attempt; a place that garbage took too early is taken back.
"""

import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable

import anyio
import pytest
import structlog.testing

from loopwright.actors import Worker
from loopwright.bus import Bus, Status, StopReason
from loopwright.bus.envelope import MAX_BODY, TYPE, encode
from loopwright.bus.messages import Due, Evaluation, Goal, Result, StepOrder
from loopwright.bus.subjects import INTAKE, KINDS, LOOP, NOBODY, TIMERS, Subject
from tests.fuzz.places import BUCKETS, KEYS, LISTENED
from tests.integration.actors.running import Fleet, end_of

type Speak = Callable[[bytes, bytes | None, bytes], Awaitable[None]]

CONSUMERS = (
    (INTAKE, "goals-default"),
    (LOOP, "orchestrators-default"),
    (LOOP, "role-default-guess"),
    (LOOP, "role-default-near"),
    (TIMERS, "timers-default"),
)
TOKENS = {
    "ns": "default",
    "loop": "guessing",
    "goal": "g9",
    "role": "guess",
    "step": "work",
    "attempt": "1",
    "judge": "near",
    "resumed": "0",
    "digest": "0" * 32,
    "message": "loop-1",
    "id": "deadline",
    "process": "p1",
    "key": "k1",
}
PLACES = {kind: str(Subject.of(kind, **{token: TOKENS[token] for token in KINDS[kind].tokens})) for kind in KINDS}
"""A place of every kind of message that there is, about a goal g9."""
ORDERED = f"lw.v1.decision.default.g9.{NOBODY}.{NOBODY}.1"
"""A decision that orders nothing by itself, which no role pulls; the other does."""
BUCKETED = {bucket: ".".join(["$KV", bucket, *(TOKENS[token] for token in KEYS[bucket])]) for bucket in BUCKETS}
HEARD = [
    *(PLACES[kind].encode() for kind in KINDS if (kind in LISTENED or kind == "decision") and kind != "ctl"),
    b"lw.v1.ctl.default.g8",
    b"lw.v1.goal.default.Cook",
    b"lw.v1.goal.default.NO.SUCH",
    b"lw.v1.result.default.g9.work.01",
    b"lw.v1.result.default.g9",
    b"lw.v1.result.default.\xff\xfe.work.1",
    b"lw.v1.eval.default.g9.work.x.near",
    b"lw.v1.ctl.default.\xc3\xa9",
    b"lw.v1.due.default.a.b.c.d.e",
    b"lw.v1.step.default.near.g9.work.1",
    b"lw.v1.step.default.guess.G9.work.\xff",
    b"lw.v1.made.default.g9.work.x.near",
    b"lw.v1.pause.default.g9.work.1.-1",
    b"lw.v1.decision.default.g9.near.work.1",
]
"""Subjects from which an actor pulls: its queue, or its role's. A client's word is about a goal that is over: one on
no goal is waited for, for it may overtake its goal."""
UNHEARD = [
    ORDERED.encode(),
    *(PLACES[kind].encode() for kind in KINDS if kind not in LISTENED and kind != "decision"),
    *(key.encode() for key in BUCKETED.values()),
]
"""Subjects from which nobody pulls: they are read about a goal, a step or a message in hand, by people, or in
passing."""
BODIES = [
    b"\xff\xfe\x00",
    b'{"goal": "g9", "output"',
    b"[" * 5000,
    b'{"attempt": "' + b"x" * 90_000 + b'"}',
    b'{"goal": "' + b"x" * 90_000 + b'"}',
    b"[]",
    b"null",
    b'{"kind": "nonsense"}',
    b'{"usage": {"cost": 1e999}, "seconds": NaN}',
    b"x" * (MAX_BODY + 1),
]
HEADERS = [
    None,
    b"NATS/1.0\r\n\r\n",
    b"NATS/1.0 503\r\n\r\n",
    b"NATS/1.0 \xff\r\n\r\n",
    b"NATS/1.0\r\nStatus: 404\r\nce-type: loopwright.step.v2\r\nce-\xff: 1\r\nce-(x): \x00\r\n\r\n",
    b"NATS/1.0\r\nce-type: loopwright.result.v9\r\nce-id: A B\r\n\r\n",
    b"NATS/1.0\r\ncontent-type: application/cloudevents+json\r\n\r\n",
    b"NATS/1.0\r\nLoopwright-Body: sha256-" + b"0" * 64 + b"\r\n\r\n",
]


async def settled(bus: Bus) -> None:
    """Wait until every queue is empty and nothing is in anybody's hands."""
    with anyio.fail_after(30):
        for stream, consumer in CONSUMERS:
            while True:
                info = await bus.js.consumer_info(stream, consumer)
                if not info.num_pending and not info.num_ack_pending:
                    break
                await anyio.sleep(0.02)


async def dead_letters(bus: Bus) -> dict[int, str]:
    """Return the reason of each dead letter by the sequence of the message it was."""
    info = await bus.js.stream_info("DEAD")
    found = {}
    for seq in range(info.state.first_seq, info.state.last_seq + 1):
        letter = await bus.js.get_msg("DEAD", seq)
        if letter.headers and "Loopwright-Reason" in letter.headers:
            found[seq] = str(letter.headers["Loopwright-Reason"])
    return found


async def test_garbage_on_every_subject_becomes_dead_letters_and_the_next_goal_completes(
    bus: Bus, fleet: Fleet, speak: Speak, guesser: Worker, judge: Worker
) -> None:
    said = 0
    async with fleet(bus, guesser, judge) as goals:
        await end_of(await goals.submit("guessing", {"target": 1}, goal="g8"))
        for subject, body in itertools.product(HEARD, BODIES):
            await speak(subject, HEADERS[said % len(HEADERS)], body)
            said += 1
        for subject, body, headers in itertools.product(UNHEARD, BODIES[:3], HEADERS):
            await speak(subject, headers, body)
        outcome = await end_of(await goals.submit("guessing", {"target": 2}))
        await settled(bus)
    assert (outcome.status, outcome.attempts) == (Status.COMPLETED, 2)
    reasons = list((await dead_letters(bus)).values())
    assert all(reasons)
    assert len(reasons) > said / 2, "what is plain text or plain JSON is a goal all the same"


@pytest.mark.parametrize("headers", HEADERS[:5])
async def test_every_place_that_garbage_took_before_its_time_is_taken_back(
    bus: Bus, fleet: Fleet, speak: Speak, guesser: Worker, judge: Worker, headers: bytes | None
) -> None:
    orders = ["lw.v1.step.default.near.g9.work.1", "lw.v1.made.default.g9.work.1.near"]
    async with fleet(bus, guesser, judge) as goals:
        for place in [*(PLACES[kind] for kind in KINDS if kind != "goal"), ORDERED, *BUCKETED.values(), *orders]:
            await speak(place.encode(), headers, b"\xff garbage")
        await settled_when_ready(bus)
        run = await goals.submit("guessing", {"target": 1}, goal="g9")
        outcome = await end_of(run, 8)
    assert outcome.status is Status.COMPLETED


async def settled_when_ready(bus: Bus) -> None:
    """Wait until the actors are there and have heard everything."""
    with anyio.fail_after(10):
        wanted = {name for stream, name in CONSUMERS if stream == LOOP}
        while not wanted <= {info.name for info in await bus.js.consumers_info(LOOP)}:  # noqa: ASYNC110 - it knows
            await anyio.sleep(0.02)
    await settled(bus)


@pytest.mark.parametrize("kind", ["result", "eval"])
async def test_an_answer_whose_place_is_taken_by_garbage_is_a_failed_attempt_and_the_goal_goes_on(
    bus: Bus, fleet: Fleet, speak: Speak, guesser: Worker, judge: Worker, kind: str
) -> None:
    role, place = {
        "result": ("guess", b"lw.v1.result.default.g1.work.1"),
        "eval": ("near", b"lw.v1.eval.default.g1.work.1.near"),
    }[kind]
    there = [] if kind == "result" else [guesser]
    missing = [guesser, judge] if kind == "result" else [judge]
    async with fleet(bus, *there) as goals:
        run = await goals.submit("guessing", {"target": 2}, goal="g1")
        with anyio.fail_after(5):
            async for entry in run:
                if isinstance(entry.message, StepOrder) and entry.message.role == role:
                    break
        await speak(place, None, b"\xff garbage")
        async with fleet(bus, *missing, orchestrators=0):
            outcome = await end_of(run)
    assert (outcome.status, outcome.attempts, outcome.best) == (Status.COMPLETED, 2, {"number": 2})
    assert "its body is not UTF-8" in (await dead_letters(bus)).values()


async def test_garbage_among_the_decisions_of_a_goal_is_looked_at_once_and_holds_it_up_for_moments(
    bus: Bus, fleet: Fleet, speak: Speak, guesser: Worker, judge: Worker
) -> None:
    garbage = itertools.cycle(itertools.product(HEADERS, BODIES[:3], (b"-.-.9", b"guess.work.99")))

    async def spoil() -> None:
        headers, body, place = next(garbage)
        await speak(b"lw.v1.decision.default.g1." + place, headers, body)

    async def go_on() -> None:
        while True:
            await spoil()
            await anyio.sleep(0.005)

    with structlog.testing.capture_logs() as logs:
        async with fleet(bus, guesser, judge) as goals, anyio.create_task_group() as spoiling:
            for _ in range(200):
                await spoil()
            spoiling.start_soon(go_on)
            outcome = await end_of(await goals.submit("guessing", {"target": 3}, goal="g1"))
            spoiling.cancel_scope.cancel()
    assert (outcome.reason, outcome.attempts) == (StopReason.ACCEPTED, 3)
    places = Counter(line["seq"] for line in logs if line["event"] == "decision.unreadable")
    assert len(places) >= 200
    assert set(places.values()) == {1}


def mutated(dice: random.Random, data: bytes) -> bytes:
    """Return the bytes with something done to them that happens to bytes."""
    at = dice.randrange(len(data) + 1)
    match dice.randrange(6):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + dice.randbytes(dice.randrange(1, 9)) + data[at:]
        case 2:
            return data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]
        case 3:
            return data[at:] + data[:at]
        case 4:
            return dice.randbytes(dice.randrange(200))
    return data


def messages() -> list[bytes]:
    """Return one good body of each kind."""
    return [
        encode(Goal(goal="f1", loop="guessing", input={"target": 2})),
        encode(Result(goal="f1", step="work", attempt=1, output={"number": 1})),
        encode(Evaluation(goal="f1", step="work", attempt=1, judge="near", passed=False, score=0.5)),
        encode(StepOrder(goal="f1", loop="guessing", step="work", attempt=1, role="guess", input={"target": 2})),
        encode(Due(goal="f1", id="deadline")),
    ]


async def test_thousands_of_random_messages_hurt_nobody(
    bus: Bus, fleet: Fleet, speak: Speak, guesser: Worker, judge: Worker
) -> None:
    dice = random.Random(20260101)
    kinds = [TYPE.format(kind).encode() for kind in ("goal", "step", "result", "evaluation", "cancel", "due", "odd")]
    kinds += [b"", b"\xff"]
    async with fleet(bus, guesser, judge) as goals:
        await end_of(await goals.submit("guessing", {"target": 1}, goal="g8"))
        for number in range(1200):
            subject = dice.choice(HEARD + UNHEARD).replace(b"g9", b"f%d" % dice.randrange(5))
            headers = None
            if dice.random() < 0.5:
                lines = [b"ce-type: " + dice.choice(kinds), b"Nats-Msg-Id: f%d" % dice.randrange(3000), b"x"]
                block = b"NATS/1.0\r\n" + b"\r\n".join(lines[dice.randrange(3) :]) + b"\r\n\r\n"
                headers = b"NATS/1.0" + mutated(dice, block[8:-4]) + b"\r\n\r\n"
            await speak(subject, headers, mutated(dice, dice.choice(messages())))
            if number % 500 == 250:
                assert (await end_of(await goals.submit("guessing", {"target": 1}))).status is Status.COMPLETED
        outcome = await end_of(await goals.submit("guessing", {"target": 3}))
        await settled(bus)
    assert (outcome.status, outcome.attempts) == (Status.COMPLETED, 3)
