"""What a built-in evaluator looks at, and what it says where that is not there."""

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel

from loopwright.actors.errors import StepFailed
from loopwright.actors.work import Attempt, Resources, Worker, evaluator, no_resources
from loopwright.bus.errors import LoopwrightError
from loopwright.bus.messages import FailureClass, FaultClass, Source, Verdict
from loopwright.bus.plain import JsonValue

type Judged = Attempt[Any, Any]
"""An attempt whose input and output are plain JSON."""
type Part = str | Callable[[Judged], Any]
"""What is looked at: a path into the output, such as ``answer.text`` or ``rows.0``, or a function of the attempt."""
type Judge = Callable[[Judged], Awaitable[Verdict]]

OUTPUT = ""
"""The path to the whole output."""
SHOWN = 1000
"""Characters of a value that are shown to the generator."""


class Lacking(LoopwrightError):
    """The output has nothing where an evaluator looks."""


def built(role: str, judge: Judge, *, resources: Resources = no_resources, beyond: str = "") -> Worker:
    """Return an evaluator that refuses an output which has nothing where it looks.

    `beyond` is what it looks at besides the output.
    """

    @evaluator(role, resources=resources)
    async def handle(attempt: Attempt[Any, Any]) -> Verdict:
        try:
            return (await judge(attempt)).model_copy(update={"beyond": beyond})
        except Lacking as error:
            return verdict(False, str(error))

    return handle


def verdict(passed: bool, feedback: str = "", score: float | None = None, **evidence: JsonValue) -> Verdict:
    """Return a verdict; where nothing finer is known, its score is 1 or 0."""
    return Verdict(passed=passed, score=float(passed) if score is None else score, feedback=feedback, evidence=evidence)


def part_of(attempt: Judged, part: Part) -> Any:
    """Return what is looked at.

    Raises:
        Lacking: it is not there.
    """
    if not isinstance(part, str):
        return part(attempt)
    if attempt.output is None:
        raise Lacking("there is no output to judge")
    return at(attempt.output, part)


def at(value: Any, path: str) -> Any:
    """Return what stands at a path into a value.

    Raises:
        Lacking: nothing does.
    """
    found = value
    for name in filter(None, path.split(".")):
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            raise Lacking(f"the output has no {path}")
    return found


def text_of(attempt: Judged, part: Part) -> str:
    """Return the text that is looked at.

    Raises:
        Lacking: it is not there, or is no text.
    """
    found = part_of(attempt, part)
    if not isinstance(found, str):
        raise Lacking(f"{part if isinstance(part, str) and part else 'the output'} is not a text")
    return found


def plainly(value: Any) -> JsonValue:
    """Return a model or JSON as JSON."""
    plain: JsonValue = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return plain


def sick(role: str, why: str, attempt: Judged | None = None) -> StepFailed:
    """Return the failure of an evaluator whose verdict would mean nothing: a fault of its own, and never a pass."""
    source = Source(fault=FaultClass.EVALUATOR, kind=FailureClass.SICK, name=role)
    spent = attempt.spent if attempt is not None else None
    return StepFailed(FailureClass.SICK, f"the evaluator {role} cannot be trusted: {why}", spent, source=source)
