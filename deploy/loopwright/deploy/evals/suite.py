"""A suite: cases to run a loop on, written by a person in YAML.

suite: roots
loop: roots
limits: {attempts: 12}
cases:
  - name: nine
    input: {number: 9}
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from loopwright.actors.rules import WrittenRule
from loopwright.bus.messages import Json, Limits
from loopwright.bus.names import Token
from loopwright.deploy.marked import Marked, read_marked

READABLE = 20
"""Characters of a run's and of a case's name that stand in the id of a goal."""
DIGITS = 12
"""Hexadecimal digits that tell a trial from every other."""


class Written(BaseModel):
    """A frozen part of a suite; a word that means nothing is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SuiteLimits(Limits):
    """Limits of goals; a word that means nothing is a mistake."""

    model_config = ConfigDict(extra="forbid")


class WrittenCase(Written):
    """One case as it is written."""

    name: Token
    loop: Token | None = None
    input: dict[str, JsonValue] | str = Field(default_factory=dict[str, JsonValue])
    """What the goal is given: a mapping, ``@FILE`` with JSON, or text."""
    acceptance: dict[str, JsonValue] | None = None
    """What only the acceptance evaluator is given."""
    folder: str | None = None
    """A folder that is packed, and named in the input as its `workspace`."""
    acceptance_folder: str | None = None
    """The same for the acceptance evaluator."""
    limits: SuiteLimits = SuiteLimits()
    rules: tuple[WrittenRule, ...] = ()
    """What its trajectories must keep besides."""


class WrittenSuite(Written):
    """A suite as it is written."""

    suite: Token
    loop: Token | None = None
    """The loop of the cases that name none."""
    limits: SuiteLimits = SuiteLimits()
    """Limits of the cases that set none of their own."""
    rules: tuple[WrittenRule, ...] = ()
    """What every trajectory must keep."""
    judges: tuple[Token, ...] = ()
    """Evaluators that what a loop accepted must pass as well; the loop knows nothing of them."""
    cases: Annotated[tuple[WrittenCase, ...], Field(min_length=1)]


class Case(BaseModel):
    """One case, with all that its goals are given."""

    model_config = ConfigDict(frozen=True)

    name: Token
    loop: Token
    input: Json
    acceptance: Json | None = None
    folder: Path | None = None
    acceptance_folder: Path | None = None
    limits: Limits = Limits()
    rules: tuple[WrittenRule, ...] = ()


class Suite(BaseModel):
    """The cases to run, each several times."""

    model_config = ConfigDict(frozen=True)

    name: Token
    cases: tuple[Case, ...]
    judges: tuple[Token, ...] = ()


def goal_id(run: str, case: Case, given: JsonValue, repetition: int) -> str:
    """Return the id of the goal that is a trial of a case: the same for ever, so that it is accepted once.

    `given` is what the goal and its acceptance are given; a case that was changed is another trial.
    """
    limits = case.limits.model_dump(mode="json", exclude_none=True)
    content = json.dumps([run, case.name, case.loop, limits, given, repetition], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:DIGITS]
    return f"{run[:READABLE]}-{case.name[:READABLE]}-{repetition}-{digest}"


def read_suite(path: Path) -> Suite:
    """Return the suite in a file.

    Raises:
        FileRefused: it is none; the error points at the line.
    """
    marked = read_marked(path)
    written = marked.validated(WrittenSuite)
    names: set[str] = set()
    cases: list[Case] = []
    for number, each in enumerate(written.cases):
        if each.name in names:
            raise marked.refuse(("cases", number, "name"), f"there are two cases of the name {each.name}")
        names.add(each.name)
        cases.append(case_of(written, each, marked, number))
    return Suite(name=written.suite, cases=tuple(cases), judges=written.judges)


def case_of(suite: WrittenSuite, written: WrittenCase, marked: Marked, number: int) -> Case:
    """Return a case with what the suite says for all of them."""
    place = ("cases", number)
    loop = written.loop or suite.loop
    if loop is None:
        raise marked.refuse(place, f"the case {written.name} has no loop, and neither has the suite")
    given = written.limits.model_dump(exclude_none=True)
    return Case(
        name=written.name,
        loop=loop,
        input=input_in(written.input, marked, (*place, "input")),
        acceptance=written.acceptance,
        folder=folder_in(written.folder, marked, (*place, "folder")),
        acceptance_folder=folder_in(written.acceptance_folder, marked, (*place, "acceptance_folder")),
        limits=Limits(**(suite.limits.model_dump(exclude_none=True) | given)),
        rules=(*suite.rules, *written.rules),
    )


def input_in(written: dict[str, JsonValue] | str, marked: Marked, place: tuple[str | int, ...]) -> Json:
    """Return a goal's input: what is written, or what the file says that is named."""
    if isinstance(written, dict):
        return written
    if not written.startswith("@"):
        return {"text": written}
    path = marked.path.parent / written[1:]
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise marked.refuse(place, f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise marked.refuse(place, f"{path} is not JSON: {error}") from None
    return found if isinstance(found, dict) else {"data": found}


def folder_in(written: str | None, marked: Marked, place: tuple[str | int, ...]) -> Path | None:
    """Return a folder that is named, relative to the suite."""
    if written is None:
        return None
    path = marked.path.parent / written
    if not path.is_dir():
        raise marked.refuse(place, f"{path} is not a folder")
    return path
