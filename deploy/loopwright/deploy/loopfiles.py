"""A loop in a file, YAML or TOML: the same value as in Python, with all that is wrong with it told at its place."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import JsonValue, ValidationError

from loopwright.actors import Loop
from loopwright.actors.design import FLAW, meant
from loopwright.bus.errors import LoopwrightError
from loopwright.deploy.marked import FileRefused, Marked, Where, read_marked

ENDINGS = (".yaml", ".yml", ".toml")
"""How the name of a loop file ends."""


class Fault(NamedTuple):
    """Something wrong with a loop file."""

    file: str
    line: int | None
    """Counts from one; None where the file as a whole is meant."""
    column: int | None
    said: str
    """One sentence."""

    def __str__(self) -> str:
        return ":".join([str(part) for part in self[:3] if part is not None] + [f" {self.said}"])


class LoopRefused(LoopwrightError):
    """A loop file cannot be used; every fault has a line of its own."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda each: (each.file, each.line or 0, each.column or 0)))
        super().__init__("\n".join(map(str, self.faults)))


class LoopUnknown(LoopwrightError):
    """There is no loop of that name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no loop named {name}{meant(name, sorted(known))} Name your module with --app.")


class Written(NamedTuple):
    """A loop as it stands in a file."""

    loop: Loop
    marked: Marked

    def fault(self, where: Where, said: str) -> Fault:
        """Return what is wrong in a place."""
        return fault(self.marked, where, said)


def read_loop(path: Path) -> Written:
    """Return the loop in a file.

    Raises:
        LoopRefused: with every fault that could be found.
    """
    if path.suffix not in ENDINGS:
        raise LoopRefused([Fault(str(path), None, None, f"a loop file ends in {', '.join(ENDINGS)}.")])
    try:
        marked = read_marked(path)
    except FileRefused as error:
        raise LoopRefused([Fault(str(path), error.line, error.column, error.why)]) from None
    if not isinstance(marked.data, dict):
        raise LoopRefused([fault(marked, (), "a loop file holds the names and values of one loop.")])
    try:
        loop = Loop.model_validate(marked.data)
    except ValidationError as error:
        told = error.errors(include_url=False)
        raise LoopRefused(
            [
                fault(marked, each["loc"], each["msg"] if each["type"] == FLAW else marked.sentence(each))
                for each in told
            ]
        ) from None
    mistaken = [fault(marked, where, said) for where, said in taken_otherwise(marked.data, loop.model_dump())]
    if mistaken:
        raise LoopRefused(mistaken)
    return Written(loop, marked)


def read_loops(paths: Iterable[Path]) -> list[Written]:
    """Return the loops in files, each with a name of its own.

    Raises:
        LoopRefused: with every fault of every file.
    """
    faults: list[Fault] = []
    found: dict[str, Written] = {}
    for path in paths:
        try:
            written = read_loop(path)
        except LoopRefused as error:
            faults += error.faults
            continue
        first = found.setdefault(written.loop.name, written)
        if first is not written:
            faults.append(
                written.fault(("name",), f"{first.marked.path} has a loop of the name {first.loop.name} too.")
            )
    if faults:
        raise LoopRefused(faults)
    return list(found.values())


def fault(marked: Marked, where: Where, said: str) -> Fault:
    """Return what is wrong in a place of a file."""
    line, column = marked.place(where) or (None, None)
    return Fault(str(marked.path), line, column, said)


def taken_otherwise(given: JsonValue, taken: object, where: Where = ()) -> Iterator[tuple[Where, str]]:
    """Yield what pydantic would read kindly, as it does in Python, and what a person may have meant otherwise."""
    if isinstance(given, dict) and isinstance(taken, dict):
        for name, value in given.items():
            yield from taken_otherwise(value, taken.get(name), (*where, name))
    elif isinstance(given, list) and isinstance(taken, list | tuple):
        for number, (value, other) in enumerate(zip(given, taken, strict=False)):
            yield from taken_otherwise(value, other, (*where, number))
    elif isinstance(given, bool | str) != isinstance(taken, bool | str) or given != taken:
        name, meant = ".".join(map(str, where)), json.dumps(taken)
        yield where, f"{name} is {json.dumps(given)}, which would be read as {meant}: write {meant}."
