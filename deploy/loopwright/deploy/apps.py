"""The loops and workers that a process knows: the built-in ones, and those of modules that it is told of."""

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loopwright.actors import Loop, Worker
from loopwright.actors.design import Flaw, meant
from loopwright.actors.design import Path as Place
from loopwright.actors.loop import JUDGING
from loopwright.bus.errors import LoopwrightError
from loopwright.deploy.loopfiles import read_loops

BUILT_IN = "loopwright.actors.repair"


class AppRefused(LoopwrightError):
    """A module cannot be used as an app."""


@dataclass
class App:
    """Loops and workers by their names."""

    loops: dict[str, Loop] = field(default_factory=dict[str, Loop])
    workers: dict[str, Worker] = field(default_factory=dict[str, Worker])

    def worker(self, role: str) -> Worker:
        """Return who serves a role.

        Raises:
            AppRefused: nobody does.
        """
        if role not in self.workers:
            known = ", ".join(sorted(self.workers))
            raise AppRefused(f"Nobody here serves the role {role}; there is {known}. Name your module with --app.")
        return self.workers[role]

    def flaws(self, loop: Loop) -> Iterator[Flaw]:
        """Yield the roles of a loop that nobody here serves, or that somebody serves who does something else."""
        for place, role in loop.parts():
            worker = self.workers.get(role)
            judges = place[0] in JUDGING
            if worker is None and role in loop.people:
                continue
            if worker is None:
                yield Flaw(place, f"nobody serves the role {role}{meant(role, sorted(self.workers))}")
            elif worker.judges != judges:
                kinds = ("a worker, and an evaluator", "an evaluator, and a worker")
                yield Flaw(place, f"the role {role} is served by {kinds[worker.judges]} belongs here.")
            else:
                yield from tools_nobody_approves(loop, worker, place)
        yield from self._flaws_of_goals(loop)

    def _flaws_of_goals(self, loop: Loop) -> Iterator[Flaw]:
        """Yield the steps whose loop nobody here has, or whose goals would have goals without end."""
        for number, step in enumerate(loop.steps):
            place = ("steps", number, "loop")
            if step.loop is None or step.loop == loop.name:
                continue
            if step.loop not in self.loops:
                yield Flaw(place, f"there is no loop {step.loop}{meant(step.loop, sorted(self.loops))}")
            elif loop.name in self._below(step.loop):
                yield Flaw(place, f"a goal of {step.loop} has goals of {loop.name}, and they have others, without end.")

    def _below(self, name: str) -> set[str]:
        """Return the loops of the goals that a goal of a loop has, and those have, as far as it is known here."""
        found, new = set[str](), [name]
        while new:
            loop = self.loops.get(new.pop())
            steps = {step.loop for step in loop.steps if step.loop} if loop else set()
            new += steps - found
            found |= steps
        return found


def tools_nobody_approves(loop: Loop, worker: Worker, place: Place) -> Iterator[Flaw]:
    """Yield the tools of a worker that a person is to approve whom the loop does not have."""
    for tool in worker.tools:
        if tool.approve and tool.approve not in loop.people:
            said = f"{tool.name}, a tool of {worker.role}, is called only if {tool.approve} approves"
            yield Flaw(place, f"{said}, who is nobody among the people{meant(tool.approve, loop.people)}")


def load(modules: Sequence[str], files: Sequence[Path] = ()) -> App:
    """Return the loops and workers that are built in, in modules, and in loop files; of one name the last counts.

    A module may lie in the current folder.

    Raises:
        AppRefused: a module cannot be imported, or has neither.
        LoopRefused: a loop file cannot be used.
    """
    app = App()
    for name in (BUILT_IN, *modules):
        found = App()
        for value in vars(imported(name)).values():
            if isinstance(value, Loop):
                found.loops[value.name] = value
            elif isinstance(value, Worker):
                found.workers[value.role] = value
        if not found.loops and not found.workers:
            raise AppRefused(f"The module {name} has no Loop, no @worker and no @evaluator.")
        app.loops |= found.loops
        app.workers |= found.workers
    app.loops |= {each.loop.name: each.loop for each in read_loops(files)}
    return app


def imported(name: str) -> object:
    """Return a module, with the current folder on the path as for ``python -m``."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise AppRefused(f"The app {name} cannot be imported: {error}.") from error
    except Exception as error:  # whatever a module does when it is imported, it is the app's fault
        raise AppRefused(f"The app {name} cannot be imported: {type(error).__name__}: {error}.") from error
