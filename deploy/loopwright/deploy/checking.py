"""What ``loopwright goal check`` does: a goal that is on record is held against rules, and judged again."""

import json
from collections.abc import Sequence
from pathlib import Path

import click
from pydantic import JsonValue

from loopwright.actors.rules import ALWAYS, Breach, trail_of
from loopwright.bus import Evaluation
from loopwright.deploy.apps import load
from loopwright.deploy.blaming import known_record
from loopwright.deploy.evals.grading import breaches_of, judges_of, verdicts
from loopwright.deploy.exits import Exit
from loopwright.deploy.goals import bus_of
from loopwright.deploy.rulefile import read_rules
from loopwright.deploy.telling import versioned


async def check(goal: str, rules: Path | None, roles: Sequence[str], apps: Sequence[str], as_json: bool) -> int:
    """Say which rules a goal's trajectory breaks, and what evaluators say of what it ended with."""
    written = read_rules(rules) if rules is not None else ()
    app = load(apps)
    async with bus_of(goal) as (bus, name), judges_of(bus, app, roles) as judges:
        record = await known_record(bus, name)
        said = await verdicts(bus, record, list(judges.values()))
    breaches = tuple(dict.fromkeys((*ALWAYS(trail_of(record)), *breaches_of(record, written))))
    click.echo(json.dumps(document(goal, breaches, said), indent=2) if as_json else in_words(breaches, said))
    bad = bool(breaches) or any(not each.passed for each in said.values())
    return Exit.NOT_CONVERGED if bad else Exit.DONE


def document(goal: str, breaches: Sequence[Breach], said: dict[str, Evaluation]) -> dict[str, JsonValue]:
    """Return what was found as JSON."""
    broken: list[JsonValue] = [
        {"rule": each.rule, "why": each.why, "evidence": list(each.evidence)} for each in breaches
    ]
    told: dict[str, JsonValue] = {
        role: each.model_dump(mode="json", include={"passed", "score", "feedback", "failure"})
        for role, each in said.items()
    }
    return versioned({"goal": goal, "breaches": broken, "verdicts": told})


def in_words(breaches: Sequence[Breach], said: dict[str, Evaluation]) -> str:
    """Return what was found, for a person."""
    lines = [f"BROKEN  {each.rule}: {each.why} ({', '.join(map(str, each.evidence)) or '-'})" for each in breaches]
    lines += [verdict_line(role, each) for role, each in said.items()]
    return "\n".join(lines or ["Every rule is kept."])


def verdict_line(role: str, each: Evaluation) -> str:
    """Return what an evaluator says, in a line."""
    if each.failure is not None:
        return f"FAILED  {role}: {each.failure.message}"
    said = "passed" if each.passed else "REFUSED"
    first = each.feedback.splitlines()[0] if each.feedback else ""
    return f"{said:<7} {role}, score {each.score:.2f}. {first}".rstrip()
