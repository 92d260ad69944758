"""What `goal fork`, `goal export`, `goal import`, `goal diff` and `goal replay` do."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
from pydantic import JsonValue

from loopwright.actors.decisions import known_of
from loopwright.actors.errors import NoWayOn
from loopwright.actors.faults import GoalRecord
from loopwright.actors.forking import prefix_of, stood_at
from loopwright.actors.parting import Parting, Side, parting
from loopwright.actors.replaying import Replayed, replayed
from loopwright.actors.rerunning import Came, Rerun, orders_in, rerun
from loopwright.bus import Entry, Trajectory, connect_bus
from loopwright.bus.client import Goals, wait_until_known
from loopwright.bus.errors import Unreadable
from loopwright.bus.forks import Fork
from loopwright.bus.messages import Limits
from loopwright.bus.portable import Portable, lines_of, put_back, read_portable, taken_out
from loopwright.deploy.apps import App, AppRefused, load
from loopwright.deploy.blaming import first_line, known_record
from loopwright.deploy.exits import Exit
from loopwright.deploy.goals import PATIENCE, bus_of, known_by_name
from loopwright.deploy.marked import FileRefused
from loopwright.deploy.telling import tell


@dataclass(frozen=True)
class Changes:
    """What is to be otherwise in a goal that goes on from another."""

    loop: str | None = None
    """A loop as it is now; None: the one that is pinned."""
    model: str | None = None
    given: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    """Another input; empty: the same."""
    limits: Limits = field(default_factory=Limits)


async def fork(goal: str, seq: int, changes: Changes, new: str | None, as_json: bool) -> int:
    """Publish a goal that goes on from a place on the record of another, and print its id."""
    async with bus_of(goal) as (bus, name):
        if "/" in goal:
            raise NoWayOn(f"{goal} lies in the namespace {bus.ns}, and goals go on only where they were run.")
        await wait_until_known(known_by_name(bus, name), PATIENCE)
        point = Fork(goal=name, seq=seq, today=changes.loop is not None, model=changes.model)
        loop = changes.loop or (await stood_at(bus, point)).loop.name
        run = await Goals(bus).submit(loop, dict(changes.given), goal=new, limits=changes.limits, fork=point)
    tell({"goal": run.goal}, run.goal, as_json=as_json)
    return Exit.DONE


async def export(goal: str, to: Path | None, as_json: bool) -> int:
    """Write a goal's record into a file, and print what it came to; or the record itself on stdout."""
    async with bus_of(goal) as (bus, name):
        known_by_name(bus, name)
        portable = await taken_out(bus, name, await prefix_of(bus, name))
    text = "".join(f"{line}\n" for line in lines_of(portable))
    if to is None:
        sys.stdout.write(text)
    else:
        write_file(to, text)
        messages, large = len(portable.messages), len(portable.blobs)
        told: dict[str, JsonValue] = {"goal": goal, "file": str(to), "messages": messages, "large": large}
        said = f"{to}: {messages} messages, {large} large bodies"
        tell(told | {"missing": list(portable.missing)}, said, as_json=as_json)
    for name in portable.missing:
        click.echo(f"loopwright: {name} is gone from the object store, and is missing in the file.", err=True)
    return Exit.DONE


def write_file(path: Path, text: str) -> None:
    """Write a file.

    Raises:
        FileRefused: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FileRefused(path, None, f"it cannot be written: {error.strerror}") from None


async def import_(path: Path, ns: str, as_json: bool) -> int:
    """Put the record in a file on the bus, in a namespace where nobody acts on it."""
    portable = read_file(path)
    async with connect_bus(ns=ns) as bus:
        new = await put_back(bus, portable)
    name = f"{ns}/{portable.goal}"
    tell({"goal": name, "messages": len(portable.messages), "new": new}, name, as_json=as_json)
    return Exit.DONE


def read_file(path: Path) -> Portable:
    """Return the record in a file.

    Raises:
        FileRefused: there is none.
    """
    try:
        return read_portable(path.read_text(encoding="utf-8").splitlines())
    except OSError as error:
        raise FileRefused(path, None, f"it cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FileRefused(path, None, "it is no record of a goal: it is not UTF-8") from None
    except Unreadable as error:
        raise FileRefused(path, None, f"it is no record of a goal: {error}") from None


async def diff(one: str, other: str, as_json: bool) -> int:
    """Show where two trajectories part, and what that cost."""
    found = parting(await record_named(one), await record_named(other))
    click.echo(found.model_dump_json(indent=2) if as_json else "\n".join(in_words(found)))
    return Exit.DONE


async def replay(goal: str, workers: bool, apps: Sequence[str], as_json: bool) -> int:
    """Show where today's code would decide otherwise than is on record; with `workers`, or answer otherwise."""
    app = load(apps) if workers else App()

    def show(each: Rerun) -> None:
        if not as_json:
            click.echo(rerun_line(each))

    async with bus_of(goal) as (bus, name):
        await wait_until_known(known_by_name(bus, name), PATIENCE)
        entries = await Trajectory(bus, name).so_far()
        found = replayed(await known_of(bus, name), entries)
        if not as_json:
            click.echo("".join(f"{line}\n" for line in otherwise_lines(found)), nl=False)
        if workers:
            refuse_strangers(app, entries)
            found = found.model_copy(update={"steps": await rerun(bus, app.workers, entries, show)})
    click.echo(found.model_dump_json(indent=2) if as_json else "\n".join(summary(found)))
    return Exit.NOT_CONVERGED if found.differs else Exit.DONE


def refuse_strangers(app: App, entries: Sequence[Entry]) -> None:
    """Raise if a goal has orders, and none of them is for anybody here.

    Raises:
        AppRefused: so it is; to say that nothing differs would be misleading.
    """
    roles = dict.fromkeys(each.order.role for each in orders_in(entries))
    if roles and not any(role in app.workers for role in roles):
        raise AppRefused(f"Nobody here serves {', '.join(roles)}. Name the module of the goal's workers with --app.")


def otherwise_lines(found: Replayed) -> Iterator[str]:
    """Yield a line for each decision that comes out otherwise."""
    for each in found.otherwise:
        yield f"{each.seq:>8}  decision {each.number}: {each.then}; today: {each.now}"


def rerun_line(each: Rerun) -> str:
    """Return what today's code makes of an order, in a line."""
    where = f"{each.seq:>8}  {each.step}, attempt {each.attempt}, {each.role}: "
    match each.came:
        case Came.SAME:
            return f"{where}same"
        case Came.PARTS:
            return f"{where}parts at call {each.call}: it {first_line(each.now)}; {first_line(each.then)}"
        case Came.OTHER:
            return f"{where}other answer: {each.now}; then: {each.then}"
        case Came.UNTOLD:
            return f"{where}cannot be told: {each.now}"


def summary(found: Replayed) -> Iterator[str]:
    """Yield what a replay comes to."""
    skipped = f", {len(found.skipped)} cannot be made again" if found.skipped else ""
    yield f"{found.replayed} of {found.decisions} decisions: {len(found.otherwise)} come out otherwise{skipped}"
    if found.steps is not None:
        came = Counter(each.came for each in found.steps)
        untold = f", {came[Came.UNTOLD]} cannot be told" if came[Came.UNTOLD] else ""
        same = f"{came[Came.SAME]} of {len(found.steps)} answers are the same"
        yield f"{same}, {came[Came.PARTS]} part, {came[Came.OTHER]} are others{untold}"


async def record_named(goal: str) -> GoalRecord:
    """Return the record of a goal.

    Raises:
        GoalUnknown: nothing is on record for it.
    """
    async with bus_of(goal) as (bus, name):
        return await known_record(bus, name)


def in_words(found: Parting) -> list[str]:
    """Return the lines that a person reads."""
    differs = f"before they began they differed in {', '.join(found.differs)}" if found.differs else "they began alike"
    told = [f"{differs}; {found.shared} move{' is' if found.shared == 1 else 's are'} the same"]
    if not found.parted:
        return [*told, "they never part"]
    told += [f"{mark} at {side.seq or '-'}: {side.what}" for mark, side in (("-", found.one), ("+", found.other))]
    return [*told, *costs(found.one, found.other)]


def costs(one: Side, other: Side) -> list[str]:
    """Return what two trajectories came to, side by side."""
    ends = [f"{each.status} ({each.reason})" if each.reason else each.status for each in (one, other)]
    rows: list[tuple[str, str, str]] = [
        ("goal", one.goal, other.goal),
        ("status", ends[0], ends[1]),
        ("score", f"{one.score:.2f}", f"{other.score:.2f} ({difference(one.score, other.score, 2)})"),
        ("attempts", str(one.attempts), f"{other.attempts} ({other.attempts - one.attempts:+d})"),
        ("seconds", f"{one.seconds:.1f}", f"{other.seconds:.1f} ({difference(one.seconds, other.seconds, 1)})"),
    ]
    tokens = [each.usage.tokens_in + each.usage.tokens_out for each in (one, other)]
    rows += [("tokens", f"{tokens[0]:,}", f"{tokens[1]:,} ({tokens[1] - tokens[0]:+,})")]
    cost = (one.usage.cost, other.usage.cost)
    rows += [("dollars", f"{cost[0]:.2f}", f"{cost[1]:.2f} ({difference(*cost, 2)})")]
    width = max(len(left) for _, left, _ in rows)
    return [f"{name:>10}  {left:<{width}}  {right}" for name, left, right in rows]


def difference(one: float, other: float, digits: int) -> str:
    """Return by how much a figure is larger than another, as it is written."""
    return f"{round(other - one, digits) + 0.0:+.{digits}f}"  # that little less is no minus
