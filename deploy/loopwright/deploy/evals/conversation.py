"""A conversation with tool calls, as chat APIs have it, as the trail that rules look at; messages count from one."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue

from loopwright.actors.rules.trail import Claim, Deed, Trail

REFUSED = "Error"
"""How τ-bench begins the answer of a tool that has done nothing."""


class Called(BaseModel):
    """The function that a model calls."""

    model_config = ConfigDict(frozen=True)

    name: str = ""
    arguments: str = "{}"


class ToolCall(BaseModel):
    """One call of a tool."""

    model_config = ConfigDict(frozen=True)

    id: str = ""
    function: Called = Called()


class Said(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(frozen=True)

    role: str = ""
    content: str | list[Any] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str = ""

    @property
    def text(self) -> str:
        """What it says."""
        return self.content if isinstance(self.content, str) else json.dumps(self.content or "", ensure_ascii=False)


def trail_of(conversation: Sequence[Said]) -> Trail:
    """Return a conversation as a trail: what the assistant called and said, and what it was told."""
    placed = list(enumerate(conversation, start=1))
    return Trail(
        deeds=tuple(deeds_in(placed)),
        claims=tuple(Claim(at, "", 1, said.text) for at, said in placed if said.role == "assistant" and said.content),
        evidence=tuple((at, said.text) for at, said in placed if said.role != "assistant"),
    )


def deeds_in(placed: Sequence[tuple[int, Said]]) -> Iterator[Deed]:
    """Yield the calls of tools, each with its answer; what was answered by an error has not happened."""
    answers = {said.tool_call_id: said for _, said in placed if said.role == "tool"}
    for at, said in placed:
        for call in said.tool_calls or ():
            answer = answers.get(call.id)
            happened = answer is None or not answer.text.startswith(REFUSED)
            told: JsonValue = answer.text if answer else None
            given = arguments_in(call.function.arguments)
            yield Deed(at, "", 1, call.function.name, happened=happened, arguments=given, answer=told)


def arguments_in(text: str) -> dict[str, JsonValue] | None:
    """Return the arguments of a call; None where they are no JSON object."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
