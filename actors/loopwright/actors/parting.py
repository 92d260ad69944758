"""Where two trajectories part, and what that cost.

A trajectory is told as a list of moves, each without what differs anyway: ids, places, times and who did it. Up to the
first move that differs the two are one.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from pydantic import BaseModel, ConfigDict, JsonValue

from loopwright.actors.faults.recorded import GoalRecord, Tried
from loopwright.bus.effects import PENDING, Effect, EffectPhase
from loopwright.bus.messages import Usage

ROOM = 120
"""Characters of a value that a person is shown."""


@dataclass(frozen=True)
class Move:
    """One thing that happened."""

    seq: int
    what: str
    """In words, for a person."""
    tells: str
    """What tells it from another."""


class Side(BaseModel):
    """One of two trajectories."""

    model_config = ConfigDict(frozen=True)

    goal: str
    seq: int | None = None
    """Where it leaves the other; None where it ends before."""
    what: str = ""
    status: str = "working"
    reason: str | None = None
    score: float = 0.0
    attempts: int = 0
    seconds: float = 0.0
    usage: Usage = Usage()


class Parting(BaseModel):
    """Where two trajectories part."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    schema_version: int = 1
    differs: tuple[str, ...] = ()
    """What was different before they began: the input, the loop, the limits, the model of a fork."""
    shared: int
    """Moves that both have made."""
    parted: bool
    one: Side
    other: Side


def parting(one: GoalRecord, other: GoalRecord) -> Parting:
    """Return where two trajectories part."""
    left, right = list(moves_of(one)), list(moves_of(other))
    pairs = enumerate(zip_longest((each.tells for each in left), (each.tells for each in right)))
    shared = next((number for number, (a, b) in pairs if a != b), len(left))
    return Parting(
        differs=tuple(before(one, other)),
        shared=shared,
        parted=shared < max(len(left), len(right)),
        one=side(one, left, shared),
        other=side(other, right, shared),
    )


def before(one: GoalRecord, other: GoalRecord) -> Iterator[str]:
    """Yield what was different before two goals began."""
    yield from (["input"] if one.goal.input != other.goal.input else [])
    yield from (["acceptance"] if one.goal.acceptance != other.goal.acceptance else [])
    yield from (["limits"] if one.goal.limits != other.goal.limits else [])
    yield from (["loop"] if one.loop != other.loop else [])
    yield from (["model"] if model_of(one) != model_of(other) else [])


def model_of(record: GoalRecord) -> str | None:
    """Return the model that a fork has named for its workers."""
    return record.goal.fork.model if record.goal.fork else None


def moves_of(record: GoalRecord) -> Iterator[Move]:
    """Yield what happened to a goal, attempt by attempt."""
    for tried in record.tried:
        yield from moves_in(tried)
    if record.ended is not None:
        outcome = record.ended.message.outcome
        yield Move(record.ended.seq, f"it ended: {outcome.reason.value}", f"ended {outcome.status} {outcome.reason}")


def moves_in(tried: Tried) -> Iterator[Move]:
    """Yield what happened in an attempt: evaluators speak in any order, and are told by their names."""
    where = f"{tried.step} {tried.number}"
    if tried.order is not None:
        order = tried.order.message
        given: JsonValue = [order.task, order.before, order.best]
        yield Move(
            tried.order.seq, f"attempt {where}: {order.role} is asked", f"order {where} {order.role} {hashed(given)}"
        )
    for seq, _, effect in tried.effects:
        if effect.phase not in PENDING:
            said: JsonValue = [effect.phase.value, effect.name, effect.call, effect.answer, effect.failure]
            yield Move(seq, f"attempt {where}: {call_in_words(effect)}", f"effect {hashed(said)}")
    if tried.result is not None:
        result = tried.result.message
        failure = result.failure.model_dump(mode="json", include={"kind", "message"}) if result.failure else None
        what = f"failed: {result.failure.message}" if result.failure else f"made {in_short(result.output)}"
        yield Move(tried.result.seq, f"attempt {where}: {what}", f"result {hashed([result.output, failure])}")
    for seq, _, verdict in sorted(tried.verdicts, key=lambda each: each.message.judge):
        said = [verdict.judge, verdict.passed, verdict.score, verdict.failure is None, verdict.pick]
        word = "failed" if verdict.failure else "passed" if verdict.passed else "refused"
        what = f"attempt {where}: {verdict.judge} {word} it, score {verdict.score:.2f}"
        yield Move(seq, what, f"verdict {hashed(said)}")


def call_in_words(effect: Effect) -> str:
    """Return what became of a call, for a person."""
    if effect.phase is not EffectPhase.DONE or effect.failure:
        return f"{effect.name} {effect.phase.value}: {effect.failure}".rstrip(": ")
    asked = f" {in_short(effect.arguments)}" if effect.arguments else ""
    return f"{effect.name}{asked} answered {in_short(effect.answer)}"


def in_short(value: JsonValue) -> str:
    """Return a value as JSON, as far as there is room for it in a line."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= ROOM else f"{text[:ROOM]}…"


def hashed(value: JsonValue) -> str:
    """Return a digest of a value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def side(record: GoalRecord, moves: list[Move], shared: int) -> Side:
    """Return what one trajectory does where they part, and what came of it."""
    move = moves[shared] if shared < len(moves) else None
    told = Side(goal=record.goal.goal, seq=move.seq if move else None, what=move.what if move else "nothing more")
    outcome = record.outcome
    if outcome is None:
        usage = sum((each.result.message.usage for each in record.tried if each.result), start=Usage())
        return told.model_copy(update={"attempts": len(record.tried), "usage": usage})
    return told.model_copy(
        update={
            "status": outcome.status.value,
            "reason": outcome.reason.value,
            "score": outcome.score,
            "attempts": outcome.attempts,
            "seconds": outcome.seconds,
            "usage": outcome.usage,
        }
    )
