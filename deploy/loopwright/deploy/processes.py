"""The processes that are there, for a person: what ``loopwright worker ls`` prints."""

from datetime import UTC, datetime

import click
from rich.table import Table

from loopwright.bus import connect_bus
from loopwright.bus.messages import Presence
from loopwright.bus.presence import present
from loopwright.deploy.exits import Exit
from loopwright.deploy.stdout import stdout

COLUMNS = ("role", "name", "state", "hands", "busy", "version", "age")


async def ls(as_json: bool) -> int:
    """List every process that is there, once for each role that it serves."""
    async with connect_bus() as bus:
        there = sorted(await present(bus), key=lambda each: (each.role, each.name, each.process))
    if as_json:
        for each in there:
            click.echo(each.model_dump_json())
        return Exit.DONE
    if not there:
        click.echo("Nobody is there: start `loopwright orchestrator` and `loopwright worker ROLE`.", err=True)
        return Exit.DONE
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for each in there:
        table.add_row(*row_of(each, datetime.now(UTC)))
    stdout().print(table, highlight=False)
    return Exit.DONE


def row_of(each: Presence, now: datetime) -> tuple[str, ...]:
    """Return what a person should know of a process; an orchestrator has no hands."""
    hands, busy = (str(each.hands), str(each.busy)) if each.hands else ("-", "-")
    since = age((now - each.started).total_seconds()) if each.started else "-"
    return each.role, each.name or each.process, each.state.value, hands, busy, each.version or "-", since


def age(seconds: float) -> str:
    """Return a time for a person, in the largest unit that it fills."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
