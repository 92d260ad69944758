"""What the loop verbs do."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from loopwright.actors import Loop
from loopwright.actors.drawing import mermaid
from loopwright.deploy.apps import load
from loopwright.deploy.exits import Exit
from loopwright.deploy.loopfiles import ENDINGS, Fault, LoopRefused, LoopUnknown, Written, read_loop, read_loops
from loopwright.deploy.telling import versioned


def check(files: Sequence[Path], modules: Sequence[str], as_json: bool) -> int:
    """Print what is wrong with loop files; with `modules` also the roles that nobody there serves."""
    loops: list[Written] = []
    try:
        loops = read_loops(files)
        faults = list(unserved(loops, modules)) if modules else []
    except LoopRefused as error:
        faults = list(error.faults)
    if as_json:
        names = [each.loop.name for each in loops]
        click.echo(json.dumps(versioned({"loops": names, "faults": [each._asdict() for each in faults]}), indent=2))
    else:
        for each in faults:
            click.echo(each)
        for written in loops if not faults else ():
            click.echo(f"{written.marked.path}: the loop {written.loop.name}, version {written.loop.version}, is well.")
    return Exit.USAGE if faults else Exit.DONE


def unserved(loops: Sequence[Written], modules: Sequence[str]) -> Iterator[Fault]:
    """Yield the roles of loops that nobody in these modules serves as they ask for it."""
    app = load(modules)
    app.loops |= {each.loop.name: each.loop for each in loops}
    for each in loops:
        for flaw in app.flaws(each.loop):
            yield each.fault(flaw.path, flaw.said)


def show(name: str, modules: Sequence[str], as_json: bool) -> None:
    """Print a loop's drawing, or its design.

    Raises:
        LoopRefused: the file cannot be used.
        LoopUnknown: nobody has a loop of that name.
    """
    loop = found(name, modules)
    click.echo(loop.model_dump_json(indent=2, exclude_none=True) if as_json else mermaid(loop))


def found(name: str, modules: Sequence[str]) -> Loop:
    """Return the loop in a file, or of a name."""
    if name.endswith(ENDINGS):
        return read_loop(Path(name)).loop
    app = load(modules)
    if name not in app.loops:
        raise LoopUnknown(name, app.loops)
    return app.loops[name]
