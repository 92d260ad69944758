"""Evaluators of the state that an attempt has left behind: rows of a database, or what a service answers."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
from pydantic import JsonValue

from loopwright.actors.errors import Retriable
from loopwright.actors.evaluators.looking import SHOWN, Judged, Lacking, built, sick, verdict
from loopwright.actors.work import Worker
from loopwright.bus.connection import Bus
from loopwright.bus.messages import Verdict
from loopwright.tools.sqlite import QueryFailed, query

if TYPE_CHECKING:
    from httpx2 import AsyncClient

type Parameters = Mapping[str, JsonValue] | Sequence[JsonValue]

SECONDS = 10.0
"""Seconds that a service may take to answer."""
AGAIN = 1.0
"""Seconds until a service is asked again that could not be reached."""
LARGEST = 1 << 20
"""Bytes of an answer that are read."""


def sql(
    role: str,
    statement: str,
    expects: Sequence[Sequence[JsonValue]],
    *,
    database: Path | Callable[[Judged], Path],
    parameters: Callable[[Judged], Parameters] | Parameters = (),
) -> Worker:
    """Return an evaluator that passes if an SQLite database answers `statement` with the rows `expects`.

    The database is only read. One that is missing, or a statement that it does not understand, is the evaluator's own
    fault.
    """
    wanted = [list(row) for row in expects]

    async def judge(attempt: Judged) -> Verdict:
        path = database(attempt) if callable(database) else database
        given = parameters(attempt) if callable(parameters) else parameters
        try:
            found = await anyio.to_thread.run_sync(partial(query, path, statement, given))
        except QueryFailed as error:
            raise sick(role, str(error)) from error
        right = found == wanted
        return verdict(right, "" if right else f"{statement}\nfound {shown(found)}, and {shown(wanted)} is wanted")

    return built(role, judge, beyond="a database")


def shown(value: object) -> str:
    """Return a value for the generator."""
    text = json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def http(
    role: str,
    base: str,
    path: str | Callable[[Judged], str] = "/",
    *,
    status: int = 200,
    expects: JsonValue = None,
    headers: Mapping[str, str] | None = None,
) -> Worker:
    """Return an evaluator that passes if a service answers GET with a status, and with JSON that holds `expects`.

    JSON holds an object if it has all its fields, and anything else if it is equal. `base` is the service's address;
    whatever an attempt says, `path` leads to no other. Redirections are not followed. A service that cannot be reached
    is asked again for as long as the step may take; one that fails (status 500 and above) tells nothing of the attempt.
    """
    parts = urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError(f"{base!r} is not the address of a service: it begins with http:// or https://")

    async def judge(attempt: Judged) -> Verdict:
        target = path(attempt) if callable(path) else path
        if not target.startswith("/") or target.startswith("//"):
            raise Lacking(f"{target[:SHOWN]!r} is not a path of the service")
        code, body = await answer(attempt.resources, target)
        if code >= 500 and status < 500:
            raise Retriable(f"{base} answers {target} with {code}", wait=AGAIN)
        if code != status:
            return verdict(False, f"GET {target} answers {code}, and {status} is wanted", status=code)
        missing = lacks(body, expects) if expects is not None else ""
        if missing:
            attempt.distrust()  # what the service said stands in what the generator will read
        return verdict(not missing, f"GET {target}: {missing}" if missing else "", status=code)

    return built(role, judge, resources=partial(client, base, headers), beyond="what a service answers")


@asynccontextmanager
async def client(base: str, headers: Mapping[str, str] | None, _: Bus) -> AsyncIterator["AsyncClient"]:
    """Make a client of a service, and close it with the body."""
    from httpx2 import AsyncClient  # noqa: PLC0415 - only who uses it need wait for it

    # What the environment says of proxies and passwords is not for a service that the app names itself.
    named = AsyncClient(base_url=base, timeout=SECONDS, headers=headers, trust_env=False, follow_redirects=False)
    async with named as opened:
        yield opened


async def answer(client: "AsyncClient", target: str) -> tuple[int, bytes]:
    """Return what a service answers: its status, and the first megabyte of its body.

    Raises:
        Retriable: it cannot be reached.
        Lacking: the path cannot be one.
    """
    from httpx2 import HTTPError, InvalidURL  # noqa: PLC0415

    body = b""
    try:
        async with client.stream("GET", target) as reply:
            async for chunk in reply.aiter_bytes():
                body += chunk
                if len(body) > LARGEST:
                    break
            return reply.status_code, body[:LARGEST]
    except InvalidURL as error:
        raise Lacking(f"{target[:SHOWN]!r} is not a path of the service: {error}") from error
    except HTTPError as error:
        raise Retriable(f"{client.base_url} cannot be reached: {error}", wait=AGAIN) from error


def lacks(body: bytes, expects: JsonValue) -> str:
    """Return what a body of JSON lacks of what is expected; nothing, if it holds it all."""
    try:
        found = json.loads(body)
    except ValueError:
        return "the answer is not JSON"
    return differs(found, expects, "the answer")


def differs(found: JsonValue, expects: JsonValue, where: str) -> str:
    """Return where JSON differs from what it should hold."""
    if isinstance(expects, dict) and isinstance(found, dict):
        told = (
            differs(found[name], value, f"{where}.{name}") if name in found else f"{where} has no {name}"
            for name, value in expects.items()
        )
        return next(filter(None, told), "")
    return "" if found == expects else f"{where} is {shown(found)}, and {shown(expects)} is wanted"
