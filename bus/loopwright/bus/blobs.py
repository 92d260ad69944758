"""Large bytes by their content: stored once, named by their SHA-256."""

import hashlib
import re

from nats.js.errors import NotFoundError, ObjectNotFoundError
from nats.js.object_store import ObjectStore

from loopwright.bus.errors import Unreadable

NAME = re.compile(r"sha256-[0-9a-f]{64}")


def digest(data: bytes) -> str:
    """Return the name of these bytes."""
    return f"sha256-{hashlib.sha256(data).hexdigest()}"


class Blobs:
    """The object store, addressed by content."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(self, data: bytes) -> str:
        """Store `data` unless it is there, and return its name."""
        name = digest(data)
        try:
            await self._store.get_info(name)
        except (ObjectNotFoundError, NotFoundError):
            await self._store.put(name, data)
        return name

    async def get(self, name: str) -> bytes:
        """Return the bytes of that name.

        Raises:
            Unreadable: there are none, or they are not what the name says.
        """
        if not NAME.fullmatch(name):
            raise Unreadable(f"{name[:80]!r} is not the name of anything in the object store")
        try:
            found = await self._store.get(name)
        except (ObjectNotFoundError, NotFoundError):
            raise Unreadable(f"the object store has nothing under {name[:80]}") from None
        data = found.data or b""
        if digest(data) != name:
            raise Unreadable(f"what the object store has under {name} is something else")
        return data
