"""The generator that asks a model: the program, what its tests say, and what earlier attempts scored."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from loopwright.actors.errors import StepFailed
from loopwright.actors.repair.folders import Folders, folders
from loopwright.actors.repair.record import Record
from loopwright.actors.repair.task import Program, Proposal
from loopwright.actors.work import Made, Step, worker
from loopwright.bus.connection import Bus
from loopwright.bus.messages import FailureClass, Usage
from loopwright.tools.model import Model, Turn
from loopwright.tools.program import Candidate, Edit, Survey
from loopwright.tools.workspace import is_test, sources, texts

REPORTS = 8
"""Failing tests whose reports the model is shown."""
EARLIER = 4
"""Earlier attempts that the model is shown."""
ROOM = 200_000
"""Characters of sources and tests that the model is shown at most."""

RULES = """\
You repair Python programs. You are given a program's files, its tests and how they fail.
Find the cause and change as little as possible. Never change a test.
Answer with the complete new text of every file that you change, each in a block of its own that names the file:

```python path=package/module.py
...the whole file...
```

Say in one sentence before the blocks what was wrong."""

BLOCK = re.compile(r"^```[^\n`]*?path=(?P<path>[^\s`]+)[^\n]*\n(?P<text>.*?)^```[ \t]*$", re.M | re.S)


@asynccontextmanager
async def desk(bus: Bus) -> AsyncIterator[tuple[Folders, Model]]:
    """Hold the folders and the connection to the model for a process."""
    async with folders(bus) as places, Model.from_environment() as model:
        yield places, model


@worker("code", resources=desk)
async def code(step: Step[Program]) -> Made:
    """Propose one changed program.

    Raises:
        StepFailed: the model's answer is unusable, or the model refuses us.
        Retriable: it is busy, or cannot be reached.
    """
    places: Folders
    model: Model
    places, model = step.resources
    program = step.input
    async with places.hold(program.source) as folder:
        everything = await anyio.to_thread.run_sync(texts, folder)
        files = await anyio.to_thread.run_sync(sources, folder)
    record = Record()
    await record.read(step.past())
    await step.say("asks the model")
    name = step.order.model or program.model or os.environ.get("LOOPWRIGHT_MODEL")
    answer = await step.ask(model, prompt(everything, record, step.hint), name)
    candidate = candidate_of(answer.text, files, step.spent)
    proposal = Proposal(candidates=(candidate,))
    return Made(output=proposal.model_dump(mode="json", exclude_defaults=True), usage=step.spent)


def prompt(files: dict[str, str], record: Record, hint: str = "") -> list[Turn]:
    """Return the conversation: the rules, the program with its failing tests, then each attempt and its score.

    Where the loop is stuck, its hint is the last that the model is told.
    """
    survey = record.surveyed()
    turns = [Turn("system", RULES), Turn("user", "\n\n".join([shown(files), failures(survey)]))]
    for attempt in sorted(record.feedback)[-EARLIER:]:
        if attempt == 0:
            continue
        proposal = record.proposals.get(attempt)
        said = proposal.candidates[0].note if proposal else "(unusable)"
        blocks = (
            [f"```python path={edit.path}\n{edit.text}\n```" for edit in proposal.candidates[0].edits]
            if proposal
            else []
        )
        turns += [
            Turn("assistant", "\n".join([said, *blocks])),
            Turn("user", f"That was attempt {attempt}. {record.feedback[attempt]}\nTry something else."),
        ]
    if hint:
        turns[-1] = Turn("user", f"{turns[-1].text}\n\n{hint}")
    return turns


def shown(files: dict[str, str]) -> str:
    """Return the files as the model sees them: the program first, then the tests, as far as there is room."""
    parts: list[str] = []
    room = ROOM
    for path, text in sorted(files.items(), key=lambda item: (is_test(item[0]), item[0])):
        if len(text) > room:
            parts.append(f"({path} is left out: {len(text):,} characters are too many)")
            continue
        room -= len(text)
        parts.append(f"```python path={path}\n{text}\n```")
    return "\n\n".join(parts)


def failures(survey: Survey) -> str:
    """Return what fails, with reports."""
    failing = survey.failing
    reports = [f"{case.id}: {case.status.value}\n{case.message}" for case in failing[:REPORTS]]
    return "\n\n".join([f"{len(failing)} of {len(survey.counted)} tests fail.", *reports])


def candidate_of(text: str, files: dict[str, str], usage: Usage) -> Candidate:
    """Return the candidate in a model's answer.

    Raises:
        StepFailed: it has none, or one that touches what it may not.
    """
    blocks = [(match["path"].removeprefix("./"), match["text"]) for match in BLOCK.finditer(text)]
    edits: list[Edit] = []
    for path, new in blocks:
        if path not in files:
            why = f"it changes {path}, which is not a file of the program (tests may not be changed)"
            raise StepFailed(FailureClass.MISUSE, f"The answer is unusable: {why}.", usage)
        if new != files[path]:
            edits.append(Edit(path=path, start=0, end=len(files[path]), text=new))
    if not edits:
        why = "it changes nothing" if blocks else "it has no block that starts with ```python path=FILE"
        raise StepFailed(FailureClass.MISUSE, f"The answer is unusable: {why}.", usage)
    note = text[: text.find("```")].strip().replace("\n", " ")[:300]
    return Candidate(edits=tuple(edits), note=note or "changed by the model")
