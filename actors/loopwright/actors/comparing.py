"""What of two answers to the same order is compared, and where they differ first."""

from loopwright.actors.recalled import in_json
from loopwright.bus.messages import Evaluation, FailureClass, Result
from loopwright.bus.plain import JsonValue

SHOWN = 200
"""Characters of an answer that a person is shown."""
SAID = {
    "result": {"output", "size", "failure"},
    "evaluation": {"passed", "score", "feedback", "pick", "rejected", "failure"},
}
"""What of an answer is compared, by its kind."""
LATE = frozenset({FailureClass.TIMEOUT, FailureClass.TRANSIENT})
"""Failures for want of time; today's code has as much as it wants."""


def facts(said: Result | Evaluation | None) -> dict[str, JsonValue]:
    """Return what of an answer is compared; of a failure for want of time only that it was one."""
    if said is None:
        return {}
    found: dict[str, JsonValue] = said.model_dump(mode="json", include=SAID[said.kind])
    if said.failure is not None:
        late = said.failure.kind in LATE
        kind = "late" if late else said.failure.kind.value
        found["failure"] = {"kind": kind, "message": "" if late else said.failure.message}
    return found


def first_difference(now: JsonValue, then: JsonValue, where: str = "") -> tuple[str, str, str] | None:
    """Return where two values differ first, and what stands there in each; None where they do not."""
    if now == then:
        return None
    if isinstance(now, dict) and isinstance(then, dict) and now.keys() == then.keys():
        pairs = [(f"{where}.{name}".strip("."), each, then[name]) for name, each in now.items()]
        return next((found for place, a, b in pairs if (found := first_difference(a, b, place))), None)
    if isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        each = [(f"{where}[{at}]", a, b) for at, (a, b) in enumerate(zip(now, then, strict=True))]
        return next((found for place, a, b in each if (found := first_difference(a, b, place))), None)
    return where, in_json(now), in_json(then)


def told(said: Result | Evaluation | None) -> str:
    """Return what an answer says, for a person."""
    match said:
        case Result(failure=None):
            return in_json(said.output)[:SHOWN]
        case Evaluation(failure=None):
            return f"{'passed' if said.passed else 'refused'} with {said.score:.2f}"
        case Result() | Evaluation():
            return f"failed: {said.failure.message if said.failure else ''}"[:SHOWN]
        case None:
            return "nothing"
