"""Dead letters: what nobody could understand or survive, kept as it came, with what is known of it."""

import structlog

from loopwright.bus.connection import Bus
from loopwright.bus.inbox import Delivery
from loopwright.bus.letters import letter_headers, letter_subject

log = structlog.get_logger()


async def bury(bus: Bus, delivery: Delivery, reason: str, *, role: str) -> None:
    """Keep a message among the dead letters; its queue is left to the caller."""
    subject = letter_subject(bus.ns, delivery.subject, role)
    number = await bus.write(str(subject), delivery.data, letter_headers(delivery, reason, bus.name))
    log.warning("dead.letter", letter=number, subject=delivery.subject, seq=delivery.seq, reason=reason)
