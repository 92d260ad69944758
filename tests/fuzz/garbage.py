"""Messages that nobody should send: by the million, from a seed, each with the name of its class.

`Garbage.next` may use the goals that run and those that have ended: what is made up about them has the right shape, and
speaks of a step, an attempt, a judge or a goal that nobody asked for.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.envelope import TYPE, encode
from loopwright.bus.messages import (
    Activity,
    Cancel,
    Due,
    Ended,
    Evaluation,
    Goal,
    Outcome,
    Presence,
    Result,
    Status,
    StepOrder,
    StopReason,
    Suspect,
    Taker,
)
from loopwright.bus.questions import Pause, Reply
from loopwright.bus.wire import Headers
from tests.fuzz.places import Places

UNORDERED = 50
"""No goal of a campaign gets as far as this attempt."""
STRANGERS = 5_000
"""Goals that nobody ever submitted."""
TYPES = ("goal", "step", "result", "evaluation", "pause", "reply", "cancel", "due", "ended", "timer", "live", "effect")
EARLY = ("decision", "event", "timer", "effect")
"""Kinds of places that garbage may take for good before a goal of ours is there, or while it runs, and change
nothing."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message."""

    kind: str
    """The class of garbage that it is."""
    subject: bytes
    headers: bytes | None
    body: bytes
    heard: bool = True
    """Whether an actor listens to the subject."""


@dataclass
class Known:
    """The goals that garbage can be about."""

    coming: list[str] = field(default_factory=list[str])
    """Those that will be submitted next."""
    running: list[str] = field(default_factory=list[str])
    over: list[str] = field(default_factory=list[str])
    decisions: list[tuple[Headers, bytes]] = field(default_factory=list[tuple[Headers, bytes]])
    """Real decisions on goals that are over, as they are on record."""


class Garbage:
    """A source of messages that is the same for the same seed, as long as the goals are."""

    def __init__(self, seed: int, known: Known, *, patient: bool) -> None:
        """`patient` is whether there may be words on goals that never come: an orchestrator waits for those."""
        self._dice = random.Random(seed)
        self._known = known
        self._places = Places(self._dice, patient=patient)
        weights: dict[Callable[[], Said], float] = {
            self.random_bytes: 14,
            self.truncated: 12,
            self.mutated: 12,
            self.wrong_types: 10,
            self.other_version: 8,
            self.hostile_headers: 8,
            self.hostile_subject: 6,
            self.unheard: 2,
            self.among_ours: 4,
            self.stranger: 8,
            self.unasked: 8,
            self.late: 5,
            self.of_another_goal: 2,
            self.odd_goal: 0.6,
            self.early_cancel: 0.2 if patient else 0.0,
            self.huge: 0.1,
        }
        self._makers, self._weights = list(weights), list(weights.values())

    def next(self) -> Said:
        """Return one more."""
        return self._dice.choices(self._makers, self._weights)[0]()

    def random_bytes(self) -> Said:
        """Return bytes."""
        data = self._dice.randbytes(self._dice.randrange(2, 300))
        return self._said("random bytes", self._some_headers(), data, readable=False)

    def truncated(self) -> Said:
        """Return a good message that ends too early."""
        body = self._good()
        return self._said("truncated", None, body[: self._dice.randrange(1, len(body))], readable=False)

    def mutated(self) -> Said:
        """Return a good message in which a few bytes are others."""
        body = bytearray(self._good())
        for _ in range(self._dice.randrange(1, 5)):
            body[self._dice.randrange(len(body))] = self._dice.randrange(256)
        return self._said("mutated", self._some_headers(), bytes(body))

    def wrong_types(self) -> Said:
        """Return JSON with the right names and the wrong values."""
        odd: list[object] = [
            None,
            True,
            -1,
            1e300,
            10**30,
            "",
            "x" * 300,
            [],
            {},
            [[[]]],
            {"a": {"b": []}},
            "\x00",
            "..",
            "NaN",
        ]
        names = ["goal", "step", "attempt", "judge", "output", "usage", "size", "failure", "passed", "score", "kind"]
        names += ["limits", "input", "hops", "timeout", "role", "id", "at", "why", "seconds", "pick", "evidence"]
        chosen = self._dice.sample(names, self._dice.randrange(1, 6))
        body = json.dumps({name: self._dice.choice(odd) for name in chosen})
        return self._said("wrong types", None, body.encode())

    def other_version(self) -> Said:
        """Return a good body whose type is old, or of the future, or unheard of."""
        version = self._dice.choice(["v0", "v2", "v9", "v1.1", "", "v01", "v1\t"])
        kind = self._dice.choice([*TYPES, "odd", ""])
        return self._said("other version", header(f"ce-type: loopwright.{kind}.{version}"), self._good())

    def hostile_headers(self) -> Said:
        """Return a good body under headers that are none, or that pretend to be the broker's."""
        lines = self._dice.choice(
            [
                b"NATS/1.0 503\r\n\r\n",
                b"NATS/1.0 404 No Messages\r\n\r\n",
                b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 1\r\n\r\n",
                b"NATS/1.0 \xff\xfe\r\n\r\n",
                b"NATS/1.0\r\nno colon at all\r\n\r\n",
                b"NATS/1.0\r\nStatus: 409\r\nDescription: Consumer Deleted\r\n\r\n",
                b"NATS/1.0\r\nce-\xff: 1\r\n\r\n",
                b"NATS/1.0\r\n: \r\n\r\n",
                b"NATS/1.0\r\ncontent-type: application/cloudevents+json\r\n\r\n",
                b"NATS/1.0\r\nLoopwright-Body: sha256-" + b"%064x" % self._dice.randrange(99) + b"\r\n\r\n",
                b"NATS/1.0\r\nLoopwright-Body: ../../etc/passwd\r\n\r\n",
                b"NATS/1.0\r\nce-id: " + b"x" * 20_000 + b"\r\n\r\n",
                b"NATS/1.0\r\n" + b"a: b\r\n" * 1_000 + b"\r\n",
                b"NATS/1.0\r\nNats-Sequence: 1\r\nNats-Subject: lw.v1.decision.default.x\r\n\r\n",
                b"NATS/1.0\r\nNats-Expected-Last-Sequence: 1\r\n\r\n",
                b"NATS/1.0\r\nNats-Rollup: all\r\n\r\n",
                b"NATS/1.0\r\nNats-TTL: 1\r\n\r\n",
                b"NATS/1.0\r\nNats-Schedule: @at never\r\nNats-Schedule-Target: lw.v1.due.default.f1.odd\r\n\r\n",
                b"NATS/1.0\r\nNats-Schedule: @at 2026-01-01T00:00:00Z\r\n"
                b"Nats-Schedule-Target: lw.v1.due.default.f1.odd\r\n\r\n",
                b"NATS/1.0\r\nLoopwright-Decision: " + b"[" * self._dice.randrange(1, 40_000) + b"\r\n\r\n",
                b"NATS/1.0\r\nKV-Operation: PURGE\r\nNats-Rollup: sub\r\n\r\n",
            ]
        )
        return self._said("hostile headers", lines, self._good())

    def hostile_subject(self) -> Said:
        """Return a good body where it does not belong."""
        end = self._dice.choice(
            [
                b"result.default.\xff\xfe.work.1",
                b"result.default.g.work.01",
                b"result.default.g.work.1e3",
                b"result.default.g.work." + b"9" * 400,
                b"result.default.g",
                b"result.default.g.work.1.2.3.4.5",
                b"eval.default.G.work.1.near",
                b"eval.default.g.work.1." + b"x" * 2_000,
                b"ctl.default.\xc3\xa9",
                b"ctl.default.a.b",
                b"due.default.g",
                b"due.default.g.\x01",
                b"goal.default.\xe2\x80\xae",
                b"goal.default.a.b.c",
                b"step.default.guess.g",
                b"step.default.near.\xf0.work.1",
                b"step.default.guess.g.work.-1",
            ]
        )
        return Said("hostile subject", b"lw.v1." + end, self._some_headers(), self._good())

    def unheard(self) -> Said:
        """Return garbage where nobody listens: a kind that there is not, or too few tokens."""
        kind = self._dice.choice(["decision.default.%s", "odd.default.%s", "event.default.%s.work"])
        subject = f"lw.v1.{kind % self._stranger()}".encode()
        body = self._dice.choice([self._good(), self._dice.randbytes(40)])
        return Said("where nobody listens", subject, self._some_headers(), body, heard=False)

    def among_ours(self) -> Said:
        """Return garbage on a place of a goal of ours, before it is opened or while it runs."""
        ours = [*self._known.coming, *self._known.running]
        if not ours:
            return self.stranger()
        place = self._places.of(self._dice.choice(EARLY), self._dice.choice(ours), UNORDERED + self._dice.randrange(9))
        body = self._dice.choice([self._dice.randbytes(60), b"{}", self._order(self._stranger(), 1)])
        return Said("among ours", place.subject, self._some_headers(), body, heard=place.heard)

    def stranger(self) -> Said:
        """Return an answer about a goal that is not on record."""
        return self._answer("forged: goal not on record", self._stranger(), "work", self._dice.randrange(1, 5), "near")

    def unasked(self) -> Said:
        """Return an answer about a goal that runs, which nobody asked for: another step, attempt or judge."""
        if not self._known.running:
            return self.stranger()
        goal, attempt = self._dice.choice(self._known.running), UNORDERED + self._dice.randrange(1000)
        if self._dice.random() < 0.5:
            return self._answer("forged: attempt not ordered", goal, "work", attempt, "near")
        if self._dice.random() < 0.5:
            return self._answer("forged: other step", goal, f"other-{attempt}", 1, "near")
        return self._verdict("forged: judge not asked", goal, "work", 1, f"judge-{attempt}")

    def late(self) -> Said:
        """Return an answer, an order, a word or a timer for a goal that is over."""
        if not self._known.over:
            return self.stranger()
        goal = self._dice.choice(self._known.over)
        if self._dice.random() < 0.7:
            return self._answer("forged: goal over", goal, "work", self._dice.randrange(1, 4), "near")
        kind, subject, body = self._dice.choice(
            [
                ("late order", f"step.default.guess.{goal}.work.{UNORDERED}", self._order(goal, UNORDERED)),
                ("late word", f"ctl.default.{goal}", encode(Cancel(goal=goal))),
                ("late timer", f"due.default.{goal}.deadline", encode(Due(goal=goal, id="deadline"))),
                ("late timer", f"due.default.{goal}.odd", b""),
            ]
        )
        return Said(kind, f"lw.v1.{subject}".encode(), None, body)

    def of_another_goal(self) -> Said:
        """Return something true of one goal on the subject of another that runs."""
        if not (self._known.running and self._known.over and self._known.decisions):
            return self.stranger()
        goal, other = self._dice.choice(self._known.running), self._dice.choice(self._known.over)
        if self._dice.random() < 0.4:
            return self._decision_on(goal)
        told = Outcome(goal=other, loop="guessing", status=Status.FAILED, reason=StopReason.ERROR)
        kind, subject, body, heard = self._dice.choice(
            [
                ("event", f"event.default.{goal}", encode(Ended(goal=other, outcome=told)), False),
                ("result", f"result.default.{goal}.work.{UNORDERED}", self._result(other, "work", UNORDERED), True),
                ("word", f"ctl.default.{goal}", encode(Cancel(goal=other)), True),
                ("timer", f"due.default.{goal}.deadline", encode(Due(goal=other, id="deadline")), True),
            ]
        )
        return Said(f"another goal's {kind}", f"lw.v1.{subject}".encode(), None, body, heard=heard)

    def _decision_on(self, goal: str) -> Said:
        headers, body = self._dice.choice(self._known.decisions)
        lines = [f"{name}: {value}" for name, value in headers.items() if not name.startswith("Nats-")]
        place = self._places.of("decision", goal, UNORDERED + self._dice.randrange(9))
        return Said("another goal's decision", place.subject, header(*lines), body, heard=place.heard)

    def odd_goal(self) -> Said:
        """Return something that is a goal, for all that anybody can tell."""
        loop = self._dice.choice(["guessing", "cook", "repair"])
        body = self._dice.choice([b"do it", b"[]", b"7", b'{"input": {"target": "x"}}', b'{"input": {"target": 1e9}}'])
        return Said("a goal after all", f"lw.v1.goal.default.{loop}".encode(), None, body)

    def early_cancel(self) -> Said:
        """Return a client's word on a goal that never comes; it is waited for."""
        goal = f"never-{self._dice.randrange(10**9)}"
        return Said("word on no goal", f"lw.v1.ctl.default.{goal}".encode(), None, b"")

    def huge(self) -> Said:
        """Return a message that is large, wide or deep."""
        body = self._dice.choice(
            [
                b"[" * self._dice.randrange(1_000, 200_000),
                b'{"goal": "' + b"x" * self._dice.randrange(100_000, 900_000) + b'"}',
                b"{" + b",".join(b'"%d": 0' % number for number in range(50_000)) + b"}",
                b'{"a":' * 20_000 + b"0" + b"}" * 20_000,
                self._dice.randbytes(970_000),
            ]
        )
        return self._said("huge", None, body)

    def _stranger(self) -> str:
        return f"f{self._dice.randrange(STRANGERS)}"

    def _said(self, kind: str, headers: bytes | None, body: bytes, *, readable: bool = True) -> Said:
        """Return a message on any place there is, or where it may be read, if it is `readable`."""
        place = self._places.any(self._stranger(), readable=readable)
        return Said(kind, place.subject, headers, body, place.heard)

    def _some_headers(self) -> bytes | None:
        if self._dice.random() < 0.6:
            return None
        kind = self._dice.choice([*TYPES, "odd"])
        return header(f"ce-type: {TYPE.format(kind)}", f"ce-id: {self._dice.randrange(10**6)}")

    def _good(self) -> bytes:
        goal, attempt = self._stranger(), self._dice.randrange(20)
        makers: list[Callable[[], bytes]] = [
            lambda: encode(Goal(goal=goal, loop="cook", input={"target": 2})),
            lambda: self._result(goal, "work", attempt),
            lambda: encode(Evaluation(goal=goal, step="work", attempt=attempt, judge="near", passed=False, score=0.5)),
            lambda: self._order(goal, attempt),
            lambda: encode(Due(goal=goal, id="odd")),
            lambda: encode(Pause(goal=goal, step="work", attempt=attempt, resumed=0, role="guess", questions=())),
            lambda: encode(Reply(goal=goal, step="work", attempt=attempt, digest="0" * 32, approved=True)),
            lambda: encode(
                Effect(goal=goal, step="work", attempt=attempt, role="guess", phase=EffectPhase.HELD, delivery=9)
            ),
            lambda: encode(Suspect(message="loop-1", takers=tuple(Taker(process=f"p{n}") for n in range(9)))),
            lambda: encode(Presence(role="guess", process="p1", state=Activity.DRAINING)),
        ]
        return self._dice.choice(makers)()

    def _result(self, goal: str, step: str, attempt: int) -> bytes:
        return encode(Result(goal=goal, step=step, attempt=attempt, output={"number": self._dice.randrange(99)}))

    def _order(self, goal: str, attempt: int) -> bytes:
        order = StepOrder(goal=goal, loop="guessing", step="work", attempt=attempt, role="guess", input={"target": 2})
        return encode(order)

    def _answer(self, kind: str, goal: str, step: str, attempt: int, judge: str) -> Said:
        if self._dice.random() < 0.5:
            return self._verdict(kind, goal, step, attempt, judge)
        body = self._result(goal, step, attempt)
        return Said(kind, f"lw.v1.result.default.{goal}.{step}.{attempt}".encode(), None, body)

    def _verdict(self, kind: str, goal: str, step: str, attempt: int, judge: str) -> Said:
        verdict = Evaluation(goal=goal, step=step, attempt=attempt, judge=judge, passed=True, score=1.0)
        return Said(kind, f"lw.v1.eval.default.{goal}.{step}.{attempt}.{judge}".encode(), None, encode(verdict))


def header(*lines: str) -> bytes:
    """Return a header block of these lines."""
    return "\r\n".join(["NATS/1.0", *lines, "", ""]).encode()
