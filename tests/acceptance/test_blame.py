"""Asking a goal that came to nothing why it ended, and whose fault that was."""

import json
from typing import Any

NO_TESTS = json.dumps({"files": {"gcd.py": "def gcd(a, b):\n    return a\n"}})


async def test_a_goal_says_why_it_ended_and_whose_fault_that_was_and_its_evaluator_says_so_again(station: Any) -> None:
    terminal = station.terminal
    ended = await terminal.run("goal", "submit", "repair", NO_TESTS, "--goal", "no-tests", "--watch")
    assert ended.code == 2, ended.err
    why = await terminal.run("goal", "why", "no-tests")
    blame = await terminal.run("goal", "blame", "no-tests", "--json")
    again = await terminal.run("goal", "replay", "no-tests", "--workers", "--json")
    assert (why.code, blame.code, again.code) == (0, 0, 0)
    confirm = await terminal.run("goal", "blame", "no-tests", "--confirm")
    assert (confirm.code, confirm.sentence) == (
        2,
        "loopwright: Say what is to take the place of the loop repair: --swap loop=NAME.",
    )
    assert [(each["role"], each["came"]) for each in again.document["steps"]] == [("test", "same")]
    assert why.out.startswith("no-tests ended as rejected (rejected): no tests were found")
    assert why.out.endswith("Change the loop's bounds or the goal's input, and submit it again.\n")
    told = blame.document
    assert (told["goal"], told["fault"]["fault"], told["found"]["who"]) == ("no-tests", "loop", "test")
    assert told["introduced"]["seq"] in told["fault"]["evidence"]
