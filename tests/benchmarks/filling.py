"""A stream full of goals that have ended: the record of a real one, written again under other names."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import anyio
from anyio.abc import SocketStream

from loopwright.bus import Bus, Goals, Status
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import INTAKE, LOOP, TIMERS, of_goal, orders_for
from loopwright.bus.wire import header_block

TEMPLATE = "size-0000000"
"""The goal that is really run; the others have names of the same length."""
CHUNK = 500
"""Goals that are written in one go, after which the server says that it has stored the last."""
STORED = 120.0
"""Seconds that it may take to."""
INBOX = b"_INBOX.filling"
MARKER = "lw.v1.ctl.marker.end"
CONSUMERS = {
    (INTAKE, "goals-default"): ["lw.v1.goal.default.>"],
    (LOOP, "orchestrators-default"): [f"lw.v1.{kind}.default.>" for kind in ("result", "eval", "ctl")],
    (LOOP, "role-default-guess"): orders_for("default", "guess"),
    (LOOP, "role-default-near"): orders_for("default", "near"),
    (TIMERS, "timers-default"): ["lw.v1.due.default.>"],
}


async def record_of_one(bus: Bus) -> list[Stored]:
    """Run one goal, and return every message on its record."""
    outcome = await (await Goals(bus).submit("guessing", {"target": 1}, goal=TEMPLATE)).outcome()
    assert outcome.status is Status.COMPLETED
    return await bus.record(of_goal(bus.ns, TEMPLATE))


def frame(stored: Stored) -> bytes:
    """Return a message on record in the server's protocol, as it was first written."""
    kept = {name: text for name, text in stored.headers.items() if not name.startswith("Nats-")}
    head = header_block(kept)
    size = len(head) + len(stored.data)
    return b"HPUB %s %d %d\r\n%s%s\r\n" % (stored.subject.encode(), len(head), size, head, stored.data)


@asynccontextmanager
async def filler(url: str) -> AsyncIterator[SocketStream]:
    """Connect to the server without a client."""
    parts = urlsplit(url)
    async with await anyio.connect_tcp(str(parts.hostname), parts.port or 0) as stream:
        await stream.send(b'CONNECT {"verbose":false,"headers":true}\r\nSUB ' + INBOX + b" 1\r\n")
        yield stream


async def fill(url: str, record: Sequence[Stored], first: int, last: int) -> None:
    """Write the record again for the goals numbered from `first` up to before `last`."""
    frames = [frame(stored) for stored in record]
    subject, rest = frames[-1].split(b" ", 2)[1:]
    told = b"".join(frames)
    asking = b"".join([*frames[:-1], b"HPUB " + subject + b" " + INBOX + b" " + rest])
    async with filler(url) as stream:
        for start in range(first, last, CHUNK):
            names = [b"size-%07d" % number for number in range(start, min(start + CHUNK, last))]
            goals = [told.replace(TEMPLATE.encode(), name) for name in names[:-1]]
            await stream.send(b"".join([*goals, asking.replace(TEMPLATE.encode(), names[-1])]))
            heard = b""
            with anyio.fail_after(STORED):
                while b'"seq"' not in heard:
                    heard = heard[-1000:] + await stream.receive()


async def wait_in_intake(url: str, count: int) -> None:
    """Have so many goals wait in the intake."""
    body = b'{"input": {"target": 1}}'
    async with filler(url) as stream:
        for start in range(0, count, CHUNK):
            said = []
            for number in range(start, min(start + CHUNK, count)):
                head = header_block({"Nats-Msg-Id": f"wait-{number:07}"})
                reply = b"" if number + 1 < min(start + CHUNK, count) else INBOX + b" "
                sizes = b"%d %d" % (len(head), len(head) + len(body))
                said.append(b"HPUB lw.v1.goal.default.guessing " + reply + sizes + b"\r\n" + head + body + b"\r\n")
            await stream.send(b"".join(said))
            heard = b""
            with anyio.fail_after(STORED):
                while b'"seq"' not in heard:
                    heard = heard[-1000:] + await stream.receive()


async def all_read(bus: Bus) -> None:
    """Leave the queues as those leave them who have done all that is on record.

    A consumer reads one message at the end of the stream and is then given the filter of the real one: it has left
    everything behind it.
    """
    for (stream, name), filters in CONSUMERS.items():
        if stream != LOOP:
            continue
        await bus.js.delete_consumer(stream, name)
        await bus.js.publish(MARKER, b"{}")
        async with await bus.consumer(stream, name, [MARKER]) as inbox:
            with anyio.fail_after(STORED):
                waiting = 1
                while waiting:
                    delivery = await inbox.receive()
                    await delivery.done()
                    waiting = delivery.waiting
        await bus.consumer(stream, name, filters)
