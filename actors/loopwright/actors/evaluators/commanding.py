"""An evaluator that runs a command on the files of an attempt, in the sandbox: tests, a linter, a build."""

import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from loopwright.actors.evaluators.looking import Judged, Lacking, built, verdict
from loopwright.actors.work import Worker
from loopwright.bus.connection import Bus
from loopwright.bus.messages import Verdict
from loopwright.tools.command import CommandRunner, Ran
from loopwright.tools.errors import WorkspaceRefused
from loopwright.tools.interpreter import describe
from loopwright.tools.sandbox import Limits, choose_level, policy

FILES = "files"
"""Where the files of an input and of an output stand, by their paths."""
TOLD = 4000
"""Characters of what a command said that the generator is told, from the end."""


def files_of(attempt: Judged) -> Mapping[str, str]:
    """Return the files of the input, with those of the output in their places.

    Raises:
        Lacking: neither has any.
    """
    found: dict[str, str] = {}
    for value in (attempt.input, attempt.output):
        files = value.get(FILES) if isinstance(value, dict) else None
        if isinstance(files, dict):
            found |= {str(name): str(text) for name, text in files.items()}
    if not found:
        raise Lacking("neither the input nor the output has files")
    return found


def command(
    role: str,
    words: Sequence[str],
    *,
    files: Callable[[Judged], Mapping[str, str | bytes]] = files_of,
    passes: Sequence[int] = (0,),
    score: Callable[[Ran], float] | None = None,
    limits: Limits | None = None,
    python: Path | None = None,
) -> Worker:
    """Return an evaluator that passes what a command ends on with one of the exit statuses in `passes`.

    The command runs in a fresh folder that holds `files`, without network, under `limits`; `python` is the interpreter
    that it finds first, by default our own. `score` reads a finer figure in 0..1 off what the command said.
    """

    async def judge(attempt: Judged) -> Verdict:
        runner: CommandRunner = attempt.resources
        try:
            ran = await runner.run(words, files(attempt))
        except WorkspaceRefused as error:
            raise Lacking(str(error)) from error
        passed = ran.problem is None and ran.exit in passes
        given = score(ran) if score is not None and ran.problem is None else float(passed)
        return verdict(passed, "" if passed else told(words, ran), min(1.0, max(0.0, given)), exit=ran.exit)

    return built(role, judge, resources=runners(limits, python))


def told(words: Sequence[str], ran: Ran) -> str:
    """Return what a generator should know of a command that did not pass."""
    ended = ran.problem or f"it ended with {ran.exit}"
    return "\n".join(part for part in (f"{' '.join(words)}: {ended}", ran.out, ran.err) if part)[-TOLD:]


def runners(limits: Limits | None, python: Path | None) -> Callable[[Bus], Any]:
    """Return what holds a runner for a process; which sandbox there is was found out by trying."""

    @asynccontextmanager
    async def held(_: Bus) -> AsyncIterator[CommandRunner]:
        report = await choose_level(policy())
        interpreter = describe(python or Path(sys.executable))
        async with CommandRunner.open(level=report.level, interpreter=interpreter, limits=limits) as runner:
            yield runner

    return held
