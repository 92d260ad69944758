"""What is kept of a call that went on record, and what is made of it again."""

from typing import Any, cast

import structlog

from loopwright.actors.errors import StepFailed
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.errors import Unreadable
from loopwright.bus.messages import FailureClass, FaultClass, Json, Source
from loopwright.bus.plain import plain
from loopwright.tools.errors import Denied, ToolError, ToolFailed
from loopwright.tools.tool import Tool

log = structlog.get_logger()

SENTENCE = 2000
"""Characters of a tool's error that are kept."""


def kept[T](tool: Tool[T], answer: T) -> dict[str, Any]:
    """Return what goes on record of a call that was made: its answer, or why that cannot be kept."""
    try:
        return {"answer": tool.kept(answer)}
    except ToolError as error:
        log.warning("answer.not_kept", tool=tool.name, reason=str(error))
        return {"failure": readable(str(error)[:SENTENCE])}


def said[T](tool: Tool[T], effect: Effect) -> T:
    """Return what a tool has answered, according to the record.

    Raises:
        ToolFailed: it said no.
        StepFailed: it was called, and its answer could not be kept, or is none of those that it gives now.
    """
    if effect.phase is EffectPhase.FAILED:
        raise ToolFailed(tool.name, effect.failure)
    if effect.failure:
        why = f"what {tool.name} has answered is lost: {effect.failure}"
        raise StepFailed(FailureClass.UNREADABLE, why, source=unreadable_answer(effect))
    try:
        return tool.answered(effect.answer)
    except Unreadable as error:
        raise StepFailed(FailureClass.UNREADABLE, str(error), source=unreadable_answer(effect)) from error


def unreadable_answer(effect: Effect) -> Source:
    """Return where an answer comes from that is none of those that its tool gives."""
    return Source(fault=FaultClass.TOOL, kind=FailureClass.UNREADABLE, name=effect.name, call=effect.call)


def not_allowed(role: str, tool: str) -> StepFailed:
    """Return the refusal of a call that a role may not make."""
    source = Source(fault=FaultClass.UNKNOWN, kind=FailureClass.POLICY, name=tool)
    why = f"the role {role} may not call {tool}: it is not among its tools"
    return StepFailed(FailureClass.POLICY, why, source=source)


def asks_nobody(role: str, name: str) -> str:
    """Return why an evaluator may not ask people in the middle of its work."""
    return f"the evaluator {role} waits for nobody, and {name} is a person's: let a person judge beside it"


def denied(said: Effect) -> Denied | StepFailed:
    """Return what a call raises that a person has not approved, or a question that nobody has answered."""
    if said.what == "call":
        return Denied(said.name, said.person, said.failure)
    return StepFailed(FailureClass.TIMEOUT, said.failure, source=refused_by_a_person(said))


def refused_by_a_person(said: Effect) -> Source:
    """Return where it comes from that a person has not agreed."""
    kind = FailureClass.POLICY if said.what == "call" else FailureClass.TIMEOUT
    return Source(fault=FaultClass.UNKNOWN, kind=kind, name=said.name, call=said.call)


def given(arguments: dict[str, Any]) -> Json:
    """Return arguments that did not fit, as far as JSON can hold them."""
    try:
        return cast("Json", plain(arguments))
    except ValueError:
        return {name: readable(repr(value)[:SENTENCE]) for name, value in arguments.items()}


def sentence_of(error: Exception) -> str:
    """Return what an error says, as it is kept."""
    return readable(f"{type(error).__name__}: {error}"[:SENTENCE])


def readable(text: str) -> str:
    """Return a text that can be written as UTF-8, whatever it was made of."""
    return text.encode(errors="replace").decode()
