"""The processes that are there, for a person: what ``loopwright worker ls`` prints."""

import json
from datetime import UTC, datetime
from operator import attrgetter

import click
from pydantic import JsonValue
from rich.table import Table

from loopwright.bus import connect_bus
from loopwright.bus.presence import Heard, heard_of
from loopwright.deploy.exits import Exit
from loopwright.deploy.stdout import stdout
from loopwright.deploy.telling import versioned

COLUMNS = ("role", "name", "state", "heard", "hands", "busy", "version", "age")


async def ls(as_json: bool) -> int:
    """List every process that is there, once for each role that it serves."""
    async with connect_bus() as bus:
        there = sorted(await heard_of(bus), key=lambda each: attrgetter("role", "name", "process")(each.presence))
    if as_json:
        for each in there:
            click.echo(json.dumps(facts(each)))
        return Exit.DONE
    if not there:
        click.echo("Nobody is there: start `loopwright orchestrator` and `loopwright worker ROLE`.", err=True)
        return Exit.DONE
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for each in there:
        table.add_row(*row_of(each, datetime.now(UTC)))
    stdout().print(table, highlight=False)
    return Exit.DONE


def facts(heard: Heard) -> dict[str, JsonValue]:
    """Return all that is known of a process."""
    return versioned({**heard.presence.model_dump(mode="json"), "silent": round(heard.silent, 1)})


def row_of(heard: Heard, now: datetime) -> tuple[str, ...]:
    """Return what a person should know of a process; an orchestrator has no hands."""
    each, silent = heard.presence, age(heard.silent)
    state = f"not heard of for {silent}" if heard.is_silent else each.state.value
    hands, busy = (str(each.hands), str(each.busy)) if each.hands else ("-", "-")
    since = age((now - each.started).total_seconds()) if each.started else "-"
    return each.role, each.name or each.process, state, f"{silent} ago", hands, busy, each.version or "-", since


def age(seconds: float) -> str:
    """Return a time for a person, in the largest unit that it fills."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
