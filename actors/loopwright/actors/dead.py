"""Dead letters: what nobody could understand or survive, kept as it came, with the reason."""

import re

import structlog

from loopwright.bus.connection import BODY, Bus, delivery_id
from loopwright.bus.inbox import Delivery
from loopwright.bus.names import is_token
from loopwright.bus.subjects import KINDS, Subject

log = structlog.get_logger()

UNKNOWN = "unknown"
KEPT = re.compile(rf"(?i:ce)-[A-Za-z0-9-]+|content-type|{BODY}")
"""The headers that go with a dead letter; not every name that arrives may be sent again."""


async def bury(bus: Bus, delivery: Delivery, reason: str, *, role: str) -> None:
    """Keep a message among the dead letters; its queue is left to the caller."""
    tokens = {"ns": bus.ns, "role": role, "goal": UNKNOWN, "step": UNKNOWN} | told_by(delivery.subject)
    subject = Subject.of("dead", **{name: tokens[name] for name in KINDS["dead"].tokens})
    kept = {name: value for name, value in delivery.headers.items() if KEPT.fullmatch(name)}
    headers = kept | {
        "Nats-Msg-Id": f"dead-{delivery_id(delivery)}",
        "Loopwright-Reason": " ".join(reason.split())[:1000],
        "Loopwright-Subject": delivery.subject,
        "Loopwright-Sequence": str(delivery.seq),
        "Loopwright-Deliveries": str(delivery.deliveries),
    }
    log.warning("dead.letter", subject=delivery.subject, seq=delivery.seq, reason=reason)
    await bus.write(str(subject), delivery.data, headers)


def told_by(subject: str) -> dict[str, str]:
    """Return what a subject tells of role, goal and step, as far as it can be used."""
    _, _, kind, *values = [*subject.split("."), "", "", ""]
    names = KINDS[kind].tokens if kind in KINDS else ()
    pairs = zip(names, values, strict=False)
    return {name: value for name, value in pairs if name in {"role", "goal", "step"} and is_token(value)}
