"""Memory at the command line: what goals have taught is listed, searched, shown and forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from loopwright.bus import Bus, board, lessons
from loopwright.bus.memories import Author, Lesson, Noted

if TYPE_CHECKING:
    from loopwright.deploy.embedded import Server
    from tests.acceptance.conftest import Done, Terminal

BY = Author(goal="g1", loop="shop", step="work", attempt=2, role="support")


async def several(terminal: Terminal, *commands: str) -> list[Done]:
    """Run several commands at once."""
    ended: dict[str, Done] = {}

    async def one(words: str) -> None:
        ended[words] = await terminal.run(*words.split())

    async with anyio.create_task_group() as tasks:
        for words in commands:
            tasks.start_soon(one, words)
    return [ended[words] for words in commands]


async def test_a_person_looks_at_what_goals_have_learned_and_has_some_of_it_forgotten(
    terminal: Terminal, server: Server, bus: Bus
) -> None:
    await lessons.note(bus, Lesson(key="tax", text="Tax comes last\n\x1b[31m", labels=("money",), worked=True, by=BY))
    poisoned = BY.model_copy(update={"untrusted": True})
    await lessons.note(
        bus, Lesson(key="cents", text="Rounding each price lost cents", labels=("money",), by=poisoned, worked=False)
    )
    for value in ("first", {"then": 2}):
        await board.put(bus, Noted(goal="g1", key="plan", value=value, by=BY))
    there = terminal.on(server.url)
    listed, found, trusted, shown, stands, said = await several(
        there,
        "memory ls",
        "memory search rounded --label money --json",
        "memory search rounded --trusted-only --json",
        "memory show tax",
        "memory ls --goal g1",
        "memory show plan --goal g1 --json",
    )
    forgot, unknown, nowhere = await several(
        there, "memory forget tax gone --yes --json", "memory show plan --goal g2", "memory ls --goal imported/g2"
    )

    rows = [line.split() for line in listed.out.splitlines()]
    assert [row[0] for row in rows] == ["lesson", "cents", "tax"]
    assert [row[3] for row in rows] == ["labels", "untrusted,money", "money"]
    assert rows[2][2:] == ["worked", "money", "g1/work/2", "support", "Tax", "comes", "last", "\\u001b[31m"]
    assert [(line["key"], line["worked"], line["by"]["role"]) for line in found.lines] == [("cents", False, "support")]
    assert (found.lines[0]["untrusted"], trusted.lines) == (True, [])
    assert "kept for  90 days" in shown.out
    assert "\x1b" not in shown.out + listed.out
    assert stands.out.splitlines()[1].split()[2:] == ["2", "-", "g1/work/2", "support", '{"then":', "2}"]
    assert said.document["value"] == {"then": 2}
    assert [word["value"] for word in said.document["history"]] == ["first", {"then": 2}]
    assert (forgot.code, forgot.document) == (5, {"schema_version": 1, "forgotten": ["tax"]})
    assert forgot.sentence == (
        "loopwright: There is no gone among the lessons. `loopwright memory ls` shows what there is."
    )
    assert [each.key for each in await lessons.all_lessons(bus)] == ["cents"]
    assert unknown.code == 5
    assert unknown.sentence.startswith(
        "loopwright: There is no plan on the board of the goal g2. `loopwright memory ls"
    )
    assert (nowhere.code, nowhere.sentence) == (
        5,
        "loopwright: Nothing is on record for the goal g2. `loopwright goal ls` shows what is.",
    )
