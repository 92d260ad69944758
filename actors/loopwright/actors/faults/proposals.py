"""The calls that a model names in its answer, where it names them in JSON.

Agents agree with their models on many forms; these are read: an object with a name under ``tool``, ``function``,
``name``, ``call`` or ``action`` and arguments beside it, also one inside another as OpenAI writes it, alone, in a
list, in a fence or in the middle of prose. What is in no such form names nothing.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from loopwright.bus.messages import Json

NAMES = ("tool", "function", "tool_name", "name", "call", "action")
SAYS_TOOL = frozenset({"tool", "function", "tool_name"})
"""Keys under which nothing but a tool is named."""
ARGUMENTS = ("arguments", "args", "parameters", "input", "params")
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")
LONGEST = 200_000
"""Characters of an answer that are read."""


@dataclass(frozen=True)
class Proposal:
    """A call as a model named it."""

    name: str
    arguments: Json
    certain: bool
    """Whether it can be nothing but a tool's name."""


def proposals(text: str) -> list[Proposal]:
    """Return the calls that an answer names, in its order."""
    return [found for value in values_in(text) for found in named_in(value)]


def values_in(text: str) -> Iterator[JsonValue]:
    """Yield the outermost JSON objects and lists in a text."""
    decoder, at = json.JSONDecoder(), 0
    text = text[:LONGEST]
    while (begin := min((place for mark in "{[" if (place := text.find(mark, at)) >= 0), default=-1)) >= 0:
        try:
            value, at = decoder.raw_decode(text, begin)
        except (ValueError, RecursionError):
            at = begin + 1
        else:
            yield value


def named_in(value: JsonValue) -> Iterator[Proposal]:
    """Yield the calls in a value, however deep."""
    if isinstance(value, list):
        for each in value:
            yield from named_in(each)
    elif isinstance(value, dict):
        if (found := named_by(value)) is not None:
            yield found
        else:
            for each in value.values():
                yield from named_in(each)


def named_by(value: Mapping[str, JsonValue]) -> Proposal | None:
    """Return the call that an object names, if it names one."""
    given = next((read for name in ARGUMENTS if (read := as_arguments(value.get(name))) is not None), None)
    key = next((name for name in NAMES if isinstance(value.get(name), str)), None)
    if given is None or key is None:
        return None
    return Proposal(str(value[key]), given, key in SAYS_TOOL)


def as_arguments(value: JsonValue) -> Json | None:
    """Return arguments, which may be written as JSON inside JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def same_arguments(named: Json, made: Json) -> bool:
    """Tell whether a call was made with what was named; a tool's own defaults may stand beside it."""
    return all(name in made and same(value, made[name]) for name, value in named.items())


def same(one: JsonValue, other: JsonValue) -> bool:
    """Tell whether two values say the same, however they are written: 5, 5.0 and "5" do."""
    return plainly(one) == plainly(other)


def plainly(value: JsonValue) -> object:
    """Return a value in a form in which what says the same is the same."""
    match value:
        case bool() | None:
            return value
        case dict():
            return {name: plainly(each) for name, each in value.items()}
        case list():
            return [plainly(each) for each in value]
        case str():
            return float(value) if NUMBER.fullmatch(value.strip()) else value.strip()
        case _:
            return float(value)
