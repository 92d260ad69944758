"""Who is there: one key for each process and role, renewed while the process lives, gone soon after it has.

The keys lie in a bucket, for whoever asks: ``$KV.lw_presence.{ns}.{role}.{process}``. Each is written with a time to
live, so that it lapses by itself, and with no acknowledgement, for the next renewal is never far. Whoever has to know
at every moment listens to the same writes (`roster`), and never asks. Protocol: NATS ADR-8 (keys) and ADR-43 (times to
live).
"""

import json
import math
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple

import anyio
import structlog
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from loopwright.bus import streams
from loopwright.bus.answers import ANSWER, persistently, reason_of, translated
from loopwright.bus.connection import Bus
from loopwright.bus.envelope import body_of, encode, validate
from loopwright.bus.errors import BusError, NotPermitted, Unreadable
from loopwright.bus.messages import Activity, Presence
from loopwright.bus.reading import read_all
from loopwright.bus.streams import PRESENCE, PRESENCE_STREAM
from loopwright.bus.subjects import LOOP
from loopwright.bus.wire import Arrival, Headers, header_block

log = structlog.get_logger()

RENEWAL = 2.0
"""Seconds between two renewals of a key."""
SILENCE = 1.5 * RENEWAL
"""Seconds without a renewal from which on a person should know of it."""
LIFE = 5
"""Whole seconds after which a key that is not renewed lapses."""
ORCHESTRATOR = "orchestrator"
"""What stands for a role in the key of an orchestrator."""
MISSED = 30.0
"""Seconds for which whoever had a loop may come back: a process that is stopped and started anew takes so long."""


class Roster:
    """Who serves which role, and who has which loop, as far as it was heard."""

    def __init__(self, clock: Callable[[], float] = anyio.current_time) -> None:
        self._clock = clock
        self._serving: dict[str, dict[str, float]] = {}
        self._served: dict[str, float] = {}
        self._until: dict[str, float] = {}
        self._since = self._heard = clock()

    def serves(self, role: str) -> bool:
        """Tell whether anybody takes work for a role."""
        return role in self._until and self._until[role] > self._clock()

    def unserved(self, role: str) -> float:
        """Return for how many seconds nobody has served a role, for certain; 0 if somebody does.

        Only time counts in which we heard anybody at all, such as ourselves: who was cut off knows nothing of it.
        """
        if self.serves(role):
            return 0.0
        return max(0.0, self._heard - max(self._since, self._served.get(role, self._since)))

    def has(self, loop: str) -> bool:
        """Tell whether an orchestrator that serves has a loop."""
        return self.serves(of_loop(loop))

    def may_have(self, loop: str, *, waited: bool) -> bool:
        """Tell whether any orchestrator may have a loop: one that serves has, or had just now; or we cannot know yet.

        Who listens for as long as a key lives has heard of everybody. But where a goal has `waited` since before we
        listened, whoever has its loop may be started at the same time as we are, and take longer.
        """
        key = of_loop(loop)
        return self.unserved(key) < (MISSED if waited or key in self._served else LIFE)

    def loops(self) -> list[str]:
        """Return every loop that an orchestrator has which serves."""
        return [
            key.removeprefix(of_loop("")) for key in self._until if key.startswith(of_loop("")) and self.serves(key)
        ]

    def hear(self, presence: Presence) -> None:
        """Take down what a process says of itself."""
        serving = presence.state is Activity.SERVING
        self.note(presence.role, presence.process, serving=serving)
        for loop in presence.loops if presence.role == ORCHESTRATOR else ():
            self.note(of_loop(loop), presence.process, serving=serving)

    def cut_off(self) -> None:
        """Take down that the connection was lost: whoever begins meanwhile goes unheard."""
        self._since = math.inf

    def note(self, role: str, process: str, *, serving: bool) -> None:
        """Take down what was heard of a process."""
        now = self._clock()
        if now - self._heard > LIFE or self._since == math.inf:
            self._since = now
        self._heard = now
        others = self._serving.pop(role, {})
        known = {name: until for name, until in others.items() if until > now and name != process}
        if serving:
            known[process] = now + LIFE
            self._served[role] = now
        if known:
            self._serving[role] = known
        self._until[role] = max(known.values(), default=now)


@asynccontextmanager
async def roster(bus: Bus) -> AsyncIterator[Roster]:
    """Hold a roster that is kept current while the body runs."""
    kept = Roster()
    bus.nc.when_lost(kept.cut_off)

    def heard(arrival: Arrival) -> None:
        presence = presence_at(arrival.subject, arrival.data, arrival.headers)
        if presence is not None:
            kept.hear(presence)
        elif not arrival.data:
            kept.note(*arrival.subject.split(".")[-2:], serving=False)

    async with bus.overhear(f"$KV.{PRESENCE}.{bus.ns}.>", heard):
        for presence in await present(bus):
            kept.hear(presence)
        yield kept


def of_loop(name: str) -> str:
    """Return what whoever has a loop is noted under: as if that were a role, of a name that no role can have."""
    return f"{ORCHESTRATOR} {name}"


class Heard(NamedTuple):
    """A process that is there, and what is to be thought of that."""

    presence: Presence
    silent: float
    """Seconds since it was heard of last, by the broker's clock."""

    @property
    def is_silent(self) -> bool:
        """Whether it should have been heard of since: it was killed, or cut off, and its key has yet to lapse."""
        return self.silent > SILENCE


async def heard_of(bus: Bus) -> list[Heard]:
    """Return every process that is there, as `present` does, and how long ago each was heard of.

    Raises:
        BusUnreachable, NotPermitted: as `present` does.
    """
    told = await _told(bus)
    if not told:
        return []
    now = await _now(bus)
    return [Heard(presence, max(0.0, (now - at).total_seconds())) for presence, at in told]


async def present(bus: Bus) -> list[Presence]:
    """Return every process that is there, once for each role that it serves.

    Raises:
        BusUnreachable: no answer for a minute.
        NotPermitted: we may not read the bucket.
    """
    return [presence for presence, _ in await _told(bus)]


async def _told(bus: Bus) -> list[tuple[Presence, datetime]]:
    """Return what every process said of itself last, and when."""
    try:
        stored = await read_all(bus.nc, bus.js, PRESENCE_STREAM, [f"$KV.{PRESENCE}.{bus.ns}.>"])
    except NotPermitted as refused:
        if not isinstance(refused.__cause__, NotFoundError):
            raise
        return []  # the bucket went with its server, and nobody who was there has made it again yet
    found = [(presence_at(each.subject, each.data, each.headers), each.time) for each in stored]
    return [(presence, at) for presence, at in found if presence is not None]


async def _now(bus: Bus) -> datetime:
    """Return the time by the broker's clock: that of this machine may be another."""

    async def ask() -> datetime:
        with translated(bus.nc, f"the bucket {PRESENCE}"):
            answer = await bus.nc.request(f"$JS.API.STREAM.INFO.{PRESENCE_STREAM}", b"", timeout=ANSWER)
        return datetime.fromisoformat(json.loads(answer.data)["ts"])

    return await persistently(bus.nc, ask)


async def unserved(bus: Bus, roles: Iterable[str]) -> list[str]:
    """Return those of some roles that nobody serves now.

    Raises:
        BusUnreachable: no answer for a minute.
    """
    served = {each.role for each in await present(bus) if each.state is Activity.SERVING}
    return [role for role in roles if role not in served and not await serves(bus, role)]


async def serves(bus: Bus, role: str) -> bool:
    """Tell whether a worker that says nothing of itself, such as one in another language, waits for steps of a role.

    Raises:
        BusUnreachable: no answer for a minute.
    """

    async def ask() -> bool:
        with translated(bus.nc, f"the queue of the role {role}"):
            try:
                queue = await bus.js.consumer_info(LOOP, f"role-{bus.ns}-{role}")
            except NotFoundError:
                return False
        return bool(queue.num_waiting)

    return await persistently(bus.nc, ask)


async def restore(bus: Bus) -> bool:
    """Make the bucket exist again, which is kept in memory and goes with its server; return whether it does."""
    try:
        with translated(bus.nc, f"the bucket {PRESENCE}"):
            await streams.create(bus.js, streams.PRESENCE_CONFIG)
    except BusError as error:
        log.info("presence.not_restored", reason=str(error))
        return False
    return True


def say(bus: Bus, presence: Presence) -> None:
    """Say that a process is there; while the server is away nothing is said, for the next time is soon."""
    _put(bus, presence, encode(presence), {"Nats-TTL": str(LIFE)})


def take_back(bus: Bus, presence: Presence) -> None:
    """Say that a process has gone, before its key would lapse."""
    _put(bus, presence, b"", {"KV-Operation": "PURGE", "Nats-Rollup": "sub", "Nats-TTL": str(LIFE)})


def _put(bus: Bus, presence: Presence, data: bytes, headers: Headers) -> None:
    if not bus.nc.is_connected:
        return
    try:
        bus.nc.send(key_of(bus.ns, presence), data, headers=header_block(headers))
    except NatsError as error:
        log.info("presence.unsaid", role=presence.role, reason=reason_of(error))


def key_of(ns: str, presence: Presence) -> str:
    """Return the subject of a process's key."""
    return f"$KV.{PRESENCE}.{ns}.{presence.role}.{presence.process}"


def presence_at(subject: str, data: bytes, headers: Headers) -> Presence | None:
    """Return what a key holds; None for a mark that it has gone, and for what cannot be read."""
    *_, role, process = subject.split(".")
    if not data:
        return None
    try:
        body = body_of(Presence, data, headers)
        return validate(Presence, {**(body if isinstance(body, dict) else {}), "role": role, "process": process})
    except Unreadable as error:
        log.info("presence.unreadable", key=subject, reason=str(error))
        return None
