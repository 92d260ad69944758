"""A decision on record: one orchestrator turn, as the message that moves a goal on.

A decision that orders one step is that order: the worker reads the body, and what was decided stands in a header beside
it, so that a turn is one write. Any other decision is the body of a message of its own. Either way it holds where the
goal stands then; what the goal brings, and its loop, stand in the first one only.
"""

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json, to_json

from loopwright.actors.events import Event, Opened
from loopwright.actors.standing import Standing
from loopwright.bus.errors import Unreadable
from loopwright.bus.messages import StepOrder

CARRIED = "Loopwright-Decision"
"""The header with the decision that an order carries."""
MAX_CARRIED = 48 * 1024
"""Bytes of a decision that travels in a header; the server takes 64 KB of headers."""
PINNED = {"goal", "loop"}
"""What never changes, and is told once, by the event that opened the goal."""


class Decision(BaseModel):
    """One orchestrator turn on record: what it saw, what follows, and where the goal stands then."""

    model_config = ConfigDict(frozen=True)

    number: int
    """Counts from one."""
    seen: str
    """Id of the message it answers."""
    events: tuple[Event, ...]
    standing: Standing

    def record(self) -> bytes:
        """Return what goes on record: what follows from the events, or is as it always is, is left out."""
        events = ",".join([written(event) for event in self.events])
        standing = self.standing.model_dump_json(exclude=PINNED, exclude_defaults=True)
        told = f'"number":{self.number},"seen":"{self.seen}","goal":"{self.standing.goal.goal}"'
        return f'{{{told},"events":[{events}],"standing":{standing}}}'.encode()

    @classmethod
    def read(cls, record: bytes | str, first: "Decision | None" = None) -> "Decision":
        """Return the decision on record; a later one needs the goal's `first`.

        Raises:
            Unreadable: it is none, or what the goal brings is not to be had.
        """
        try:
            told = from_json(record)
            events = [event for event in told["events"] if event["event"] == "opened"]
            pinned = Opened.model_validate_json(to_json(events[0])) if events else first.standing if first else None
            if pinned is None:
                raise Unreadable("it is not the first decision on its goal, and that cannot be read")
            if told["goal"] != pinned.goal.goal:
                raise Unreadable(f"it is a decision on the goal {str(told['goal'])[:80]}")
            standing = told["standing"] | {"goal": pinned.goal, "loop": pinned.loop}
            return cls.model_validate_json(to_json(told | {"standing": standing}))
        except (ValidationError, ValueError, TypeError, KeyError) as error:
            raise Unreadable(f"it is no decision: {str(error)[:200]}") from None


def written(event: Event) -> str:
    """Return an event as JSON, without what is as it always is."""
    rest = event.model_dump_json(exclude={"event"}, exclude_defaults=True)[1:]
    return f'{{"event":"{event.event}"{"," if rest != "}" else ""}{rest}'


def carried_by(orders: tuple[StepOrder, ...], record: bytes) -> StepOrder | None:
    """Return the order that carries a decision; None where it stands by itself."""
    return orders[0] if len(orders) == 1 and len(record) <= MAX_CARRIED else None
