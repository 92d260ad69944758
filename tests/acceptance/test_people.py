"""People at the command line: what they are asked is shown whole, and what they say is about exactly that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from loopwright.bus import connect

if TYPE_CHECKING:
    from loopwright.bus import Run
    from tests.acceptance.conftest import OpenStation, Terminal

PATIENCE = 60.0
APP = """
from typing import Any

from loopwright.actors import Bounds, Loop, Person, Step, worker

DAYS = 24 * 3600.0
BOUNDS = Bounds(deadline=7 * DAYS)
REFUNDS = Loop(name="refunds", work="clerk", judges=("boss",), people={"boss": Person(within=3 * DAYS)}, bounds=BOUNDS)
OWNER = Loop(
    name="owner",
    work="owner",
    judges=("boss",),
    people={"owner": Person(within=3 * DAYS), "boss": Person(within=3 * DAYS)},
    bounds=BOUNDS,
)


@worker("clerk")
async def clerk(step: Step[Any]) -> Any:
    return {"refund": step.input["order"], "amount": step.attempt, "note": "a\\u202eb"}
"""


@pytest.fixture
def there(terminal: Terminal) -> Terminal:
    """A terminal beside an app that asks people."""
    (terminal.folder / "refunds.py").write_text(APP)
    return terminal


async def end_of(run: Run) -> tuple[str, object]:
    with anyio.fail_after(PATIENCE):
        outcome = await run.outcome()
    return outcome.reason, outcome.best


async def test_a_person_approves_exactly_what_was_shown_or_refuses_it_or_answers(
    there: Terminal, open_station: OpenStation
) -> None:
    actors = {"orchestrator": "orchestrator --app refunds", "clerk": "worker clerk --app refunds"}
    async with open_station(**actors) as station, connect(station.url) as goals:
        run = station.terminal.run
        refunding = await goals.submit("refunds", {"order": "a7"}, goal="g1")
        await goals.submit("owner", {"question": "Which one?"}, goal="g2")
        first, question = await until_asked(station.terminal, ("g1", "boss", 1), ("g2", "owner", 1))
        shown = await run("ask", "g1")
        denied = await run("deny", "g1", first["digest"][:12], "--why", "too much")
        answered = await run("answer", "g2", question["digest"], '{"one": 1}', "--json")
        second, judged = await until_asked(station.terminal, ("g1", "boss", 2), ("g2", "boss", 1))
        late = await run("approve", "g1", first["digest"])
        approved = await run("approve", "g1", second["digest"])
        end = await end_of(refunding)

    assert first["output"] == {"refund": "a7", "amount": 1, "note": "a\u202eb"}
    assert '"note": "a\\u202eb"' in shown.out
    assert f"loopwright approve g1 {first['digest'][:12]}" in shown.out
    assert [each.code for each in (denied, answered, approved)] == [0, 0, 0]
    assert denied.out == "boss has refused attempt 1 at the step work of g1\n"
    assert answered.document == {
        "schema_version": 1,
        "goal": "g2",
        "digest": question["digest"],
        "role": "owner",
        "step": "work",
        "attempt": 1,
    }
    assert second["output"]["amount"] == 2
    assert (late.code, late.sentence) == (
        5,
        f"loopwright: The goal g1 asks nothing {first['digest']} now. `loopwright ask g1` shows what it asks.",
    )
    assert end == ("accepted", second["output"])
    assert judged["output"] == {"one": 1}


async def until_asked(terminal: Terminal, *what: tuple[str, str, int], but: str = "") -> list[dict[str, Any]]:
    """Wait until goals ask each of these, a role about an attempt, and no more what has a digest."""
    with anyio.fail_after(PATIENCE):
        while True:
            listed: list[dict[str, Any]] = (await terminal.run("ask", "--json")).lines
            known = {(each["goal"], each["role"], each["attempt"]) for each in listed if each["digest"] != but}
            if known == set(what) and len(listed) == len(what):
                return sorted(listed, key=lambda each: str(each["goal"]))


ACTORS = {"orchestrator": "orchestrator", "agent": "worker agent", "fine": "worker fine"}
SHOP = """
from pathlib import Path
from typing import Any

from loopwright.actors import Attempt, Bounds, Loop, Person, Step, Verdict, evaluator, worker
from loopwright.tools import tool

DAYS = 24 * 3600.0
SHOP = Loop(
    name="shop",
    work="agent",
    judges=("fine",),
    people={"boss": Person(within=3 * DAYS)},
    approvers=("boss",),
    bounds=Bounds(deadline=7 * DAYS),
)


@tool(writes="external", approve="boss")
async def refund(order: str, amount: int) -> str:
    with Path("refunds").open("a") as book:
        book.write(f"{order} {amount}\\n")
    return "done"


@worker("agent", tools=[refund])
async def agent(step: Step[Any]) -> Any:
    amount = await step.ask_person("boss", {"How much for": step.input["order"]})
    return {"refunded": amount, "said": await step.call(refund, order=step.input["order"], amount=amount)}


@evaluator("fine")
async def fine(attempt: Attempt[Any, Any]) -> Verdict:
    return Verdict(passed=True, score=1.0)
"""


async def test_an_agent_asks_in_the_middle_of_its_attempt_and_nobody_waits_but_the_goal(
    terminal: Terminal, open_station: OpenStation
) -> None:
    (terminal.folder / "shop.py").write_text(SHOP)
    actors = {name: f"{words} --app shop" for name, words in ACTORS.items()}
    async with open_station(**actors) as station, connect(station.url) as goals:
        run = station.terminal.run
        going = await goals.submit("shop", {"order": "a7"}, goal="g1")
        (first,) = await until_asked(station.terminal, ("g1", "boss", 1))
        answered = await run("answer", "g1", first["digest"], "5")
        (second,) = await until_asked(station.terminal, ("g1", "boss", 1), but=first["digest"])
        shown, stands = await run("ask", "g1"), await run("goal", "show", "g1")
        approved = await run("approve", "g1", second["digest"][:12])
        end = await end_of(going)
        watched = await run("goal", "watch", "g1")

    assert (first["question"], first["asked_by"]) == ({"How much for": "a7"}, "agent")
    assert second["call"] == {"tool": "refund", "arguments": {"order": "a7", "amount": 5}}
    assert "boss is asked whether agent may make exactly this call by g1" in shown.out
    assert "input_required" in stands.out
    assert [each.code for each in (answered, approved)] == [0, 0]
    assert end == ("accepted", {"refunded": 5, "said": "done"})
    assert (terminal.folder / "refunds").read_text() == "a7 5\n"
    assert 'boss is asked to approve refund with {"order": "a7", "amount": 5}' in watched.out
