"""Large bytes by their content: stored once, named by their SHA-256.

An object is one message about it and its chunks, and either may expire or be lost without the other. So they are
read as a record is, which ends where the stream ends, and count only if they are what the name says.
"""

import hashlib
import re
from datetime import UTC, datetime

import anyio
from nats.js import JetStreamContext
from nats.js.api import ObjectInfo
from nats.js.errors import BadObjectMetaError, NotFoundError
from nats.js.object_store import ObjectStore

from loopwright.bus.answers import address_of, persistently, translated
from loopwright.bus.errors import BusUnreachable, Unreadable
from loopwright.bus.reading import read_all
from loopwright.bus.streams import BLOBS, BLOBS_KEPT, BLOBS_STREAM
from loopwright.bus.wire import WireClient

NAME = re.compile(r"sha256-[0-9a-f]{64}")
TRANSFER = 60.0
"""Seconds that storing or fetching one object may take."""


def digest(data: bytes) -> str:
    """Return the name of these bytes."""
    return f"sha256-{hashlib.sha256(data).hexdigest()}"


class Blobs:
    """The object store, addressed by content."""

    def __init__(self, nc: WireClient, js: JetStreamContext, store: ObjectStore, *, kept: float = BLOBS_KEPT) -> None:
        self._nc = nc
        self._js = js
        self._store = store
        self._kept = kept

    async def put(self, data: bytes) -> str:
        """Store `data` unless it is there for long enough, and return its name.

        Raises:
            BusUnreachable: no answer for a minute.
        """
        name = digest(data)

        async def put() -> None:
            with translated(self._nc, f"storing {name}"), anyio.fail_after(TRANSFER):
                info = await self._about(name)
                if info is None or age_of(info) > self._kept / 2 or not await self._is_whole(info):
                    await self._store.put(name, data)

        await persistently(self._nc, put)
        return name

    async def get(self, name: str) -> bytes:
        """Return the bytes of that name.

        Raises:
            Unreadable: there are none, or they are not what the name says.
            BusUnreachable: no answer for a minute.
        """
        if not NAME.fullmatch(name):
            raise Unreadable(f"{name[:80]!r} is not the name of anything in the object store")

        async def get() -> bytes:
            with translated(self._nc, f"fetching {name}"), anyio.fail_after(TRANSFER):
                return await self._fetch(name)

        return await persistently(self._nc, get)

    async def _fetch(self, name: str) -> bytes:
        """Return the bytes; while we read, another may have renewed them, which moves the chunks.

        A replica from which we read may lag behind, and be asked again: not so the leader, who says what is there.
        """
        tried = ""
        while True:
            info = await self._about(name)
            if info is None:
                raise Unreadable(f"the object store has nothing under {name}")
            if info.nuid == tried:
                raise Unreadable(f"what the object store has under {name} is incomplete, or something else")
            chunks = await read_all(self._nc, self._js, BLOBS_STREAM, [place_of(info)])
            data = b"".join(chunk.data for chunk in chunks)
            if digest(data) == name:
                return data
            if len(chunks) < (info.chunks or 0) and await self._is_whole(info):
                raise BusUnreachable(address_of(self._nc), "a replica lags behind")
            tried = info.nuid

    async def _about(self, name: str) -> ObjectInfo | None:
        """Return what is on record about an object, if anything."""
        try:
            return await self._store.get_info(name)
        except NotFoundError:
            return None
        except BadObjectMetaError:
            raise Unreadable(f"what the object store says about {name} cannot be read") from None

    async def _is_whole(self, info: ObjectInfo) -> bool:
        """Tell whether an object's chunks are all there."""
        place = place_of(info)
        state = (await self._js.stream_info(BLOBS_STREAM, subjects_filter=place)).state
        return (state.subjects or {}).get(place, 0) == (info.chunks or 0)


def place_of(info: ObjectInfo) -> str:
    """Return the subject of an object's chunks."""
    return f"$O.{BLOBS}.C.{info.nuid}"


def age_of(info: ObjectInfo) -> float:
    """Return the seconds since an object was stored; without end where nobody can tell."""
    try:
        stored = datetime.fromisoformat(str(info.mtime))
    except ValueError:
        return float("inf")
    return (datetime.now(UTC) - (stored if stored.tzinfo else stored.replace(tzinfo=UTC))).total_seconds()
