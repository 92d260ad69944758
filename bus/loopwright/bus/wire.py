"""The NATS client, made to survive what other clients put on the wire.

The server passes on subjects that are not UTF-8 and header blocks that are none. nats-py 2.16 raises on both inside
its read loop and then never reads again, while the connection looks healthy: one such message on a stream would
silence every process that pulls from it.
"""

from nats.aio.client import Client
from nats.aio.msg import Msg

type Headers = dict[str, str]


class WireClient(Client):
    """A client for which nothing that arrives is an error; what cannot be read is told apart later."""

    @property
    def offers_jetstream(self) -> bool:
        """Tell whether the server said, when it greeted us, that it keeps streams."""
        return bool(self._server_info.get("jetstream"))

    async def _process_headers(self, headers: bytes) -> Headers | None:
        try:
            return await super()._process_headers(headers)
        except (ValueError, IndexError):
            return None

    def _build_message(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: Headers | None) -> Msg:
        readable = subject.decode(errors="replace").encode()
        message: Msg = super()._build_message(sid, readable, reply, data, headers)
        return message
