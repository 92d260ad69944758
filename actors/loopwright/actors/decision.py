"""A decision on record: one orchestrator turn, as the message that moves a goal on.

A decision that orders one step is that order: the worker reads the body, and what was decided stands in a header beside
it, so that a turn is one write. Any other decision is the body of a message of its own. Either way it holds where the
goal stands then. Nothing stands twice: what the goal brings, and its loop, are in the first decision only; what the
order tells its worker, and what the outcome tells everybody, is there and not in the decision as well.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from loopwright.actors.events import Event, Forked, Judged, Opened, Over
from loopwright.actors.frozen import Frozen
from loopwright.actors.standing import Standing
from loopwright.bus.errors import Unreadable
from loopwright.bus.messages import StepOrder
from loopwright.bus.plain import JsonValue

CARRIED = "Loopwright-Decision"
"""The header with the decision that an order carries."""
MAX_CARRIED = 48 * 1024
"""Bytes of a decision that travels in a header; the server takes 64 KB of headers."""
TOLD = ("task", "before", "best")
"""What an order tells its worker of where the goal stands."""
OPENING = ("opened", "forked")
OPENED: TypeAdapter[Opened | Forked] = TypeAdapter(Annotated[Opened | Forked, Field(discriminator="event")])


class Decision(Frozen):
    """One orchestrator turn on record: what it saw, what follows, and where the goal stands then."""

    number: int
    """Counts from one."""
    seen: str
    """Id of the message it answers."""
    events: tuple[Event, ...]
    standing: Standing

    def record(self, order: StepOrder | None = None) -> bytes:
        """Return what goes on record beside the `order` that carries it; what is as it always is, is left out."""
        told = told_elsewhere(self.events, order)
        events = b",".join([written(event, told) for event in self.events])
        standing, elsewhere = standing_written(self.standing, told)
        head = f'"number":{self.number},"seen":"{self.seen}","goal":"{self.standing.goal.goal}"'.encode()
        return b'{%b,"events":[%b],"elsewhere":%b,"standing":%b}' % (head, events, elsewhere, standing)

    @classmethod
    def read(
        cls, record: bytes | str, first: "Decision | None" = None, order: Mapping[str, JsonValue] | None = None
    ) -> "Decision":
        """Return the decision on record beside an `order`; a later one needs the goal's `first`.

        Raises:
            Unreadable: it is none, or what the goal brings is not to be had.
        """
        try:
            read = from_json(record)
            opened = [event for event in read["events"] if event["event"] in OPENING]
            pinned = OPENED.validate_json(to_json(opened[0])) if opened else first.standing if first else None
            if pinned is None:
                raise Unreadable("it is not the first decision on its goal, and that cannot be read")
            if read["goal"] != pinned.goal.goal:
                raise Unreadable(f"it is a decision on the goal {str(read['goal'])[:80]}")
            put_back(read, order or {})
            read["standing"] |= {"goal": pinned.goal, "loop": pinned.loop}
            return cls.model_validate_json(to_json(read))
        except (ValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise Unreadable(f"it is no decision: {str(error)[:200]}") from None


def told_elsewhere(events: tuple[Event, ...], order: StepOrder | None) -> dict[str, JsonValue]:
    """Return what stands in the order beside a decision, or in the outcome among its events, by where it stands."""
    told: dict[str, JsonValue] = {name: order.__dict__[name] for name in TOLD} if order else {}
    if type(events[-1]) is Over:
        told["outcome"] = events[-1].outcome.best
    return told


def place_among(told: Mapping[str, JsonValue], value: JsonValue) -> str:
    """Return where a value stands that is told elsewhere; it travels as it is, so it is the same object."""
    if value is not None:
        for name, there in told.items():
            if there is value:
                return name
    return ""


def written(event: Event, told: Mapping[str, JsonValue]) -> bytes:
    """Return an event as JSON, without what is as it always is."""
    place = place_among(told, event.pick) if type(event) is Judged else ""
    rest = event.in_json({"event", "pick"} if place else {"event"})[1:]
    head = f'{{"event":"{event.event}"' + (f',"pick_in":"{place}"' if place else "")
    return head.encode() + (rest if rest == b"}" else b"," + rest)


def standing_written(standing: Standing, told: Mapping[str, JsonValue]) -> tuple[bytes, bytes]:
    """Return where a goal stands as JSON, and where to find what that leaves out."""
    best = standing.best.pick if standing.best else None
    told_of = {"task": standing.task, "before": standing.before, "best": best}
    places = {name: place for name, value in told_of.items() if (place := place_among(told, value))}
    left_out: dict[str, Any] = {"goal": True, "loop": True, "outcome": True}
    left_out |= {name: {"pick": True} if name == "best" else True for name in places}
    elsewhere = ",".join([f'"{name}":"{place}"' for name, place in places.items()])
    return standing.in_json(left_out), f"{{{elsewhere}}}".encode()


def put_back(read: dict[str, Any], order: Mapping[str, JsonValue]) -> None:
    """Put into a decision what it tells elsewhere.

    Raises:
        KeyError: it is not there.
    """
    standing, events = read["standing"], read["events"]
    told = {name: order.get(name) for name in TOLD}
    if events and events[-1]["event"] == "over":
        standing["outcome"] = events[-1]["outcome"]
        told["outcome"] = standing["outcome"].get("best")
    for event in events:
        if (place := event.pop("pick_in", "")) != "":
            event["pick"] = told[place]
    for name, place in read.pop("elsewhere", {}).items():
        if name == "best":
            standing["best"]["pick"] = told[place]
        else:
            standing[name] = told[place]


def on_record(decision: Decision, orders: tuple[StepOrder, ...]) -> tuple[bytes, StepOrder | None]:
    """Return what goes on record, and the order that carries it, where it sends one and is not too large for that."""
    if len(orders) == 1 and len(record := decision.record(orders[0])) <= MAX_CARRIED:
        return record, orders[0]
    return decision.record(), None
