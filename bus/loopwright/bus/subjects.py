"""Every subject there is: built here, parsed here, and told to people from here.

A subject is ``lw.v1.{kind}.…``; the table `KINDS` names the tokens behind the kind. A decision that orders one step
*is* that order, and stands where the workers of the role look for it; `goal` comes first there, so that all decisions
on a goal are behind one prefix, which one guard covers (measured: a guard on a prefix costs the same however many goals
there are, one on `*.{goal}` costs more with each). `role` stands before `goal` in any other step that an orchestrator
orders. Where a result has one evaluator only, it is that evaluator's order, and stands where both look for it.
"""

import re
from dataclasses import dataclass
from typing import Self

from loopwright.bus.errors import Unreadable
from loopwright.bus.names import is_token

PREFIX = "lw.v1"
START = f"{PREFIX}."
NUMBERS = ("attempt", "resumed")
"""Tokens that are numbers."""
TOKENS = re.compile(r"[a-z0-9_-]{1,63}(?:\.\.[a-z0-9_-]{1,63})*")
"""Several tokens, with what no token has between them."""
NOBODY = "-"
"""Stands in the place of role and step in a decision that orders no step, or several."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table of subjects."""

    name: str
    tokens: tuple[str, ...]
    stream: str
    """The stream that keeps it; empty for what may be lost."""
    who: str
    """Writer → reader."""
    guard: str
    """What keeps it from being written twice, or lost."""

    @property
    def pattern(self) -> str:
        """The subject with its tokens in braces, for people."""
        return ".".join([PREFIX, self.name, *(f"{{{token}}}" for token in self.tokens)])

    @property
    def wildcard(self) -> str:
        """The subject that matches every message of the kind."""
        return ".".join([PREFIX, self.name, *("*" for _ in self.tokens)])


INTAKE = "INTAKE"
LOOP = "LOOP"
TIMERS = "TIMERS"
DEAD = "DEAD"

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "goal",
            ("ns", "loop"),
            INTAKE,
            "any service, or an orchestrator for a goal of a goal → orchestrators",
            "message id = goal id; a full queue is an error to the sender",
        ),
        Kind(
            "decision",
            ("ns", "goal", "role", "step", "attempt"),
            LOOP,
            "orchestrator → itself, auditors; where it orders one step, also the workers of the role",
            "expects the goal's last decision; the first expects none, so a goal id is accepted once for ever",
        ),
        Kind(
            "step",
            ("ns", "role", "goal", "step", "attempt"),
            LOOP,
            "orchestrator → workers of the role, where a decision orders several steps",
            "expects that there is none yet",
        ),
        Kind(
            "effect",
            ("ns", "goal", "step", "attempt", "role"),
            LOOP,
            "worker → itself after a crash, auditors",
            "expects the last that it has seen: a worker that lost its lease writes no more",
        ),
        Kind(
            "result",
            ("ns", "goal", "step", "attempt"),
            LOOP,
            "worker, or the orchestrator of a goal that is a step → orchestrators",
            "expects that there is none yet: the first wins, for ever",
        ),
        Kind(
            "made",
            ("ns", "goal", "step", "attempt", "role"),
            LOOP,
            "worker → the evaluator of the result, where there is only one: its order, with the result",
            "expects that there is none yet: the first wins, for ever",
        ),
        Kind(
            "eval",
            ("ns", "goal", "step", "attempt", "judge"),
            LOOP,
            "evaluator → orchestrators",
            "expects that there is none yet: the first wins, for ever",
        ),
        Kind(
            "pause",
            ("ns", "goal", "step", "attempt", "resumed"),
            LOOP,
            "worker → orchestrators, where people are asked in the middle of an attempt",
            "expects that there is none yet: the attempt is laid aside once, each time that it was taken up",
        ),
        Kind(
            "reply",
            ("ns", "goal", "step", "attempt", "digest"),
            LOOP,
            "a person, or an orchestrator by default → orchestrators, worker",
            "expects that there is none yet: the first wins, for ever",
        ),
        Kind(
            "event",
            ("ns", "goal"),
            LOOP,
            "orchestrator → clients, screens",
            "expects that there is none yet: a goal ends once",
        ),
        Kind(
            "suspect",
            ("ns", "message"),
            LOOP,
            "who takes a message another time → the next",
            "expects the last that it has seen",
        ),
        Kind(
            "ctl",
            ("ns", "goal"),
            LOOP,
            "client, or an orchestrator whose goal waits no more → orchestrators, workers",
            "a repeated word changes nothing",
        ),
        Kind("timer", ("ns", "goal", "id"), TIMERS, "orchestrator → the broker", "one timer a subject, the last wins"),
        Kind("due", ("ns", "goal", "id"), TIMERS, "the broker → orchestrators", "a late timer changes nothing"),
        Kind(
            "dead",
            ("ns", "role", "goal", "step"),
            DEAD,
            "runtime → operator",
            "the unreadable message as it came, with the reason in its headers",
        ),
        Kind("live", ("ns", "goal"), "", "worker → screens", "may be lost"),
    )
}


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject: its kind and the values of its tokens, in the order of the table."""

    kind: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what could not be parsed again."""
        tokens = KINDS[self.kind].tokens
        if len(tokens) == len(self.values) and TOKENS.fullmatch("..".join(self.values)):
            return
        if len(tokens) != len(self.values):
            raise Unreadable(f"a {self.kind} subject has the tokens {', '.join(tokens)}")
        for token, value in zip(tokens, self.values, strict=True):
            if not is_token(value):
                raise Unreadable(f"{value!r} cannot be the {token} of a subject: use a-z, 0-9, _ and -, at most 63")

    @classmethod
    def of(cls, kind: str, /, **values: str | int) -> Self:
        """Return the subject of `kind` with these tokens.

        Raises:
            Unreadable: a token cannot stand in a subject.
        """
        return cls(kind, tuple([str(values[token]) for token in KINDS[kind].tokens]))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the subject that `text` spells.

        Raises:
            Unreadable: it is none of ours.
        """
        if not text.startswith(START):
            raise Unreadable(f"{text!r} is not a subject of {PREFIX}")
        name, *tokens = text[len(START) :].split(".")
        if name not in KINDS:
            raise Unreadable(f"{name!r} is not a kind of message of {PREFIX}")
        return cls(name, tuple(tokens))

    def __getitem__(self, token: str) -> str:
        return self.values[KINDS[self.kind].tokens.index(token)]

    def __str__(self) -> str:
        return ".".join([PREFIX, self.kind, *self.values])

    def tokens(self) -> dict[str, str]:
        """Return the values of its tokens by their names."""
        return dict(zip(KINDS[self.kind].tokens, self.values, strict=True))

    def told(self) -> dict[str, str | int]:
        """Return what the subject tells of its message, token by token.

        Raises:
            Unreadable: the attempt is not a number as we write it, so that each attempt has one place.
        """
        told: dict[str, str | int] = {**self.tokens()}
        for name in NUMBERS:
            if name in told:
                told[name] = number_in(str(told[name]))
        return told


def number_in(text: str) -> int:
    """Return the number that a token spells, written in one way only."""
    if not text.isdecimal() or not text.isascii() or (text[0] == "0" and text != "0"):
        raise Unreadable(f"{text!r} is not the number of an attempt")
    return int(text)


def decisions_on(ns: str, goal: str = "*") -> str:
    """Return the filter that matches every decision on a goal."""
    return f"{PREFIX}.decision.{ns}.{goal}.>"


def orders_for(ns: str, role: str) -> list[str]:
    """Return the filters that together match every step that is ordered of a role."""
    return [
        f"{PREFIX}.decision.{ns}.*.{role}.>",
        f"{PREFIX}.step.{ns}.{role}.>",
        f"{PREFIX}.made.{ns}.*.*.*.{role}",
    ]


def of_goal(ns: str, goal: str) -> list[str]:
    """Return the filters that together match everything on record for one goal."""
    return [
        ".".join([PREFIX, kind.name, *({"ns": ns, "goal": goal}.get(token, "*") for token in kind.tokens)])
        for kind in KINDS.values()
        if kind.stream == LOOP and "goal" in kind.tokens
    ]


def stream_subjects(stream: str) -> list[str]:
    """Return the subjects that a stream keeps."""
    return [f"{PREFIX}.{kind.name}.>" for kind in KINDS.values() if kind.stream == stream]


def table() -> str:
    """Return the table of subjects in Markdown, as the README has it."""
    rows = ["| subject | stream | writer → reader | guard |", "|---|---|---|---|"]
    rows += [f"| `{kind.pattern}` | {kind.stream or 'none'} | {kind.who} | {kind.guard} |" for kind in KINDS.values()]
    return "\n".join(rows)
