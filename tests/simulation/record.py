"""What must hold in every world, looked at after everything that the broker stores or lets go."""

import json
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from loopwright.actors.asking import ASKED, waited_for
from loopwright.actors.decide import decide
from loopwright.actors.decision import CARRIED, Decision
from loopwright.actors.effects import Place, key_of
from loopwright.actors.evolve import fold
from loopwright.actors.hearing import MODELS
from loopwright.actors.orchestrator import SUBMIT, follows
from loopwright.actors.standing import Pending, Standing
from loopwright.actors.suspects import ENOUGH
from loopwright.actors.unserved import UNSERVED, roles_needed
from loopwright.bus.connection import LEASE
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.envelope import read_at
from loopwright.bus.letters import REASON
from loopwright.bus.messages import Due, Ended, Outcome, StepOrder, StopReason
from loopwright.bus.streams import PRESENCE_STREAM
from loopwright.bus.subjects import DEAD, INTAKE, LOOP, NOBODY, TIMERS, Subject
from tests.simulation.broker import Broker
from tests.simulation.cast import Script
from tests.simulation.consumers import Consumer
from tests.simulation.places import goal_place, ordered_at, place_of, resumed_in
from tests.simulation.store import ROLLUP, Kept, Stream

ONCE = frozenset({"decision", "step", "result", "made", "eval", "pause", "reply", "event"})
"""Kinds of which each place holds one message for ever."""

NEVER = datetime.min.replace(tzinfo=UTC)
SLOW = 8.0
"""Seconds that a key may take to whoever listens, and a decision to the broker."""
MOST = ENOUGH + 4
"""Processes that a message may kill: the first is not counted, nor one at each of three restarts of the broker."""
SETTLED = 0.1
"""Seconds after which everybody has said that he is there, where nothing goes wrong."""
FORGETFUL = 2 * LEASE
"""Seconds in which two may do a step at once because a lease did not hold; then the first of them gives way."""


class Broken(AssertionError):
    """A promise was broken."""


class Attendance(Protocol):
    """Whoever knows who is really there."""

    lives_lost: int
    """How often a process ended, or stood still, that nobody had told to stop."""

    def served_since(self, role: str) -> float:
        """Return since when somebody has served a role without a break; infinity if nobody does."""

    def absent_since(self, role: str) -> float:
        """Return since when nobody who serves a role has lived; infinity if somebody does."""


class Auditor:
    """Reads along what the broker stores and lets go, and knows what may not be."""

    def __init__(self, broker: Broker, script: Script, tell: Callable[[str], None], presence: Attendance) -> None:
        self.broker = broker
        self.presence = presence
        self.tell = tell
        self.script = script
        self.faults: list[tuple[str, BaseException | None]] = []
        self.standings: dict[str, Standing] = {}
        self.firsts: dict[str, Decision] = {}
        self.numbers: dict[str, int] = {}
        self.implied: dict[str, set[str]] = {}
        """What the decisions on record send, by goal."""
        self.owed: dict[str, list[str]] = {}
        """What the decision on a message sends, by the message's id."""
        self.there: set[str] = set()
        """Subjects in LOOP that hold a message, timers that have fired included."""
        self.minded: dict[str, float] = {}
        """When the broker was first told to look again who serves the roles of a goal."""
        self.waited: set[str] = set()
        """Goals that have waited for somebody's answer."""
        self.holders: dict[str, tuple[tuple[int, int], str]] = {}
        """Who wrote last on the effect record of an attempt: the how manieth to hold it, and its name."""
        self.called_off: set[str] = set()
        """The effect records on which it stands that another attempt has won."""
        self.approved: set[str] = set()
        """The keys of the calls that people have approved."""
        self.outcomes: dict[str, Ended] = {}
        self.accepted: set[str] = set()
        self.digest = 0
        """Tells two histories apart."""
        broker.stored = self.stored
        broker.settled = self.settled

    def blame(self, what: str, error: BaseException | None = None) -> None:
        """Note that a promise was broken."""
        self.faults.append((f"at {self.broker.loop.time():.4f} s: {what}", error))

    def check(self) -> None:
        """Raise what was noted first."""
        self.check_the_calls()
        for what, error in self.faults:
            raise Broken(what) from error

    def demand(self, holds: object, what: str) -> None:
        """Note that a promise was broken unless it holds."""
        if not holds:
            self.blame(what)

    def stored(self, stream: Stream, kept: Kept) -> None:
        """Look at a message that the broker has stored."""
        if stream.name == PRESENCE_STREAM:
            return
        self.digest = zlib.crc32(f"{kept.at:.6f} {stream.name} {kept.seq} {kept.subject}".encode(), self.digest)
        self.digest = zlib.crc32(kept.data, self.digest)
        self.tell(f"{stream.name}-{kept.seq} {kept.subject} {kept.data[:150]!r} {kept.headers.get('ce-source', '')}")
        if stream.name == INTAKE:
            self.accepted.add(kept.headers.get("Nats-Msg-Id", ""))
            self.there.add(goal_place(kept.headers.get("Nats-Msg-Id", "")))
        if stream.name == DEAD:
            self.demand(not self.script.calm, f"a dead letter where nothing goes wrong: {kept.headers}")
            deadly, lost = "not heard of again" in kept.headers[REASON], self.presence.lives_lost
            self.demand(not deadly or lost >= ENOUGH, f"{kept.subject} counts as deadly, and only {lost} have died")
        if stream.name not in {LOOP, TIMERS}:
            return
        subject = Subject.parse(kept.subject)
        if subject.kind == "timer" and ROLLUP in kept.headers:
            self.forgotten(subject["goal"])
            return
        place = ordered_at(kept) if subject.kind in {"decision", "step"} else kept.subject
        again = place in self.there
        self.there.add(place)
        if subject.kind in ONCE:
            self.demand(not again, f"a second message in the place of {kept.subject}")
        self.said(subject, kept)

    def said(self, subject: Subject, kept: Kept) -> None:
        """Look at what a message says: whether it follows from what is on record, and what follows from it."""
        match subject.kind:
            case "decision":
                record = kept.headers.get(CARRIED, "")
                beside = json.loads(kept.data) if record else None
                decision = Decision.read(record or kept.data, self.firsts.get(subject["goal"]), beside)
                self.decided(subject["goal"], decision, ordered_at(kept))
            case "timer" if subject["id"] == UNSERVED:
                self.mind(subject["goal"])
            case "effect":
                self.taken(kept.subject, read_at(Effect, subject, kept.data, kept.headers))
            case "made":
                order = read_at(StepOrder, subject, kept.data, kept.headers)
                self.demand(order.made is not None and order.to == order.role, f"{kept.subject} brings no result")
            case "step" | "timer":
                self.sent(subject, ordered_at(kept) if subject.kind == "step" else kept.subject)
            case "event":
                self.ended(subject["goal"], read_at(Ended, subject, kept.data, kept.headers))

    def sent(self, subject: Subject, there: str) -> None:
        """Look at an order or a timer; one to submit a goal again stands for the goal, until there is room for it."""
        again = subject.kind == "timer" and subject["id"].startswith(SUBMIT)
        place = goal_place(subject["id"].removeprefix(SUBMIT)) if again else there
        wanted = place in self.implied.get(subject["goal"], ())
        self.demand(wanted, f"{subject} follows from no decision on record")
        self.there.add(place)

    def decided(self, goal: str, decision: Decision, place: str) -> None:
        """Look at a decision, which may be the one order that it sends."""
        events = [f"{event.event} {getattr(event, 'attempt', '')}" for event in decision.events]
        self.tell(f"    decision {decision.number} of {goal} on {decision.seen}: {', '.join(events)}")
        self.firsts.setdefault(goal, decision)
        before = self.standings.get(goal)
        number = self.numbers[goal] = self.numbers.get(goal, 0) + 1
        self.demand(decision.number == number, f"decision {decision.number} of {goal} stands in the place of {number}")
        if before is not None and before.over:
            self.blame(f"decision {number} of {goal} follows its end")
            return
        if before is not None and decision.standing.outcome is not None:
            self.forsaken(goal, before, decision.standing.outcome)
        self.demand(fold(before, decision.events) == decision.standing, f"decision {number} of {goal} does not add up")
        self.standings[goal] = decision.standing
        if roles_needed(decision.standing):
            self.waited.add(goal)
        if before is not None and roles_needed(before) != roles_needed(decision.standing):
            self.minded.pop(goal, None)  # it waits for others now, and the time for them begins anew
        following = follows(decision.standing, decision.events, None, NEVER)
        ordered = any(isinstance(message, StepOrder) for message in following)
        self.demand(not (decision.standing.over and ordered), f"{goal} orders a step at its end")
        orders = [each for each in following if isinstance(each, StepOrder)]
        is_order = not place.endswith(f".{NOBODY}.{NOBODY}.{number}")
        self.demand(is_order == (len(orders) == 1), f"decision {number} of {goal} stands in {place}")
        places = [place if is_order and each in orders else place_of(each) for each in following]
        self.demand(place in places or not is_order, f"decision {number} of {goal} is not the order that it sends")
        implied = self.implied.setdefault(goal, set())
        self.demand(implied.isdisjoint(places), f"decision {number} of {goal} sends again what was sent: {places}")
        implied.update(places)
        self.owed.setdefault(decision.seen, []).extend(places)

    def mind(self, goal: str) -> None:
        """Look at a timer for a role that nobody serves."""
        self.demand(goal in self.waited, f"{goal} is to be looked at again, and has never waited for anybody")
        settled = self.broker.loop.time() > SETTLED
        self.demand(not (self.script.calm and settled), f"{goal} waits for somebody, and everybody is there")
        self.minded.setdefault(goal, self.broker.loop.time())

    def forsaken(self, goal: str, before: Standing, outcome: Outcome) -> None:
        """Look at the end of a goal that waited for roles: it ends for want of them if and only if nobody served."""
        now, bound = self.broker.loop.time(), before.bounds.unserved
        roles = roles_needed(before)
        if outcome.reason is StopReason.NO_ROLE:
            role = outcome.evidence.get("role")
            served = now - self.presence.served_since(str(role))
            unserved = float(str(outcome.evidence.get("unserved")))
            self.demand(role in roles, f"{goal} ends for want of {role}, and does not wait for it")
            self.demand(unserved > bound - 0.1, f"{goal} ends for want of {role} after {unserved:g} s, before its time")
            self.demand(served <= bound + SLOW, f"{goal} ends for want of {role}, which was served for {served:g} s")
        elif outcome.reason is StopReason.DEADLINE and (since := self.minded.get(goal)) is not None:
            lacking = [role for role in roles if self.presence.absent_since(role) <= since]
            long = now - since > bound + 2 * SLOW
            self.demand(not (lacking and long), f"{goal} was left to wait for {lacking}, which nobody has served")

    def forgotten(self, goal: str) -> None:
        """Look at a timer that was taken back."""
        standing = self.standings.get(goal)
        self.demand(standing is not None and standing.over, f"a timer of {goal} was taken back before its end")

    def taken(self, place: str, entry: Effect) -> None:
        """Look at an entry in the effect record of an attempt: whoever was succeeded writes no more.

        Whoever was called off begins no call any more.
        """
        if entry.phase is EffectPhase.CALLED_OFF:
            wanted = f"{place}#" in self.implied.get(entry.goal, ())
            self.demand(wanted, f"{place} is called off, and no decision on record has done so")
            self.called_off.add(place)
            self.there.add(f"{place}#")
            return
        late = entry.phase is EffectPhase.CLAIMED and place in self.called_off
        self.demand(not late, f"{entry.worker} claims a call on {place}, which was called off")
        holder, rank = self.holders.get(place, ((0, 0), "")), (entry.resumed, entry.delivery)
        newer = entry.phase is EffectPhase.HELD and rank > holder[0]
        ours = (rank, entry.worker) == holder
        self.demand(newer or ours or place not in self.holders, f"{entry.worker} writes on {place} behind {holder}")
        self.holders[place] = rank, entry.worker
        if entry.what == "ask" and entry.phase is EffectPhase.DONE:
            self.script.answered.add(str(entry.answer))
        if entry.phase is EffectPhase.APPROVED:
            order = StepOrder(goal=entry.goal, loop="-", step=entry.step, attempt=entry.attempt, role=entry.role)
            self.approved.add(key_of("default", order, Place(entry.call, entry.occurrence)))

    def ended(self, goal: str, said: Ended) -> None:
        """Look at the end of a goal."""
        standing = self.standings.get(goal)
        self.demand(standing is not None and standing.over, f"{goal} was told its end before that was decided")
        self.demand(standing is None or said.outcome == standing.outcome, f"{goal} was told another end than on record")
        self.outcomes[goal] = said

    def settled(self, consumer: Consumer, kept: Kept, how: str) -> None:
        """Look at a message that was let go: whatever follows from it must be on record."""
        self.tell(f"{consumer.name} lets go of {consumer.stream.name}-{kept.seq} ({how})")
        seen = f"{consumer.stream.name}-{kept.seq}"
        missing = [place for place in self.owed.get(seen, ()) if place not in self.there]
        self.demand(not missing, f"{kept.subject} was let go before {missing} were sent")
        if consumer.name.startswith("role-"):
            self.answered(kept)
        elif consumer.stream.name == INTAKE:
            goal = kept.headers.get("Nats-Msg-Id")
            self.demand(goal is None or goal in self.standings, f"{goal} was let go before it was opened")
        elif consumer.wanted.durable:
            self.heard(kept)

    def answered(self, kept: Kept) -> None:
        """Look at a step that was let go."""
        subject = Subject.parse(kept.subject)
        goal, step, attempt, role = (subject[token] for token in ("goal", "step", "attempt", "role"))
        place = f"{goal}.{step}.{attempt}"
        loop = self.standings[goal].loop
        places = {f"lw.v1.result.default.{place}", f"lw.v1.eval.default.{place}.{role}"}
        if subject.kind != "made":
            places |= {f"lw.v1.made.default.{place}.{judge}" for judge in loop.roles}
            places.add(f"lw.v1.pause.default.{place}.{resumed_in(kept)}")
        known = not self.there.isdisjoint(places) or goal in self.outcomes
        self.demand(known, f"{kept.subject} was let go without an answer")

    def heard(self, kept: Kept) -> None:
        """Look at an answer, a word or a timer that was let go."""
        subject = Subject.parse(kept.subject)
        standing = self.standings.get(subject["goal"])
        if standing is None and kept.data and json.loads(kept.data).get("serves") in self.standings:
            return  # a goal that was not wanted any more before there was room for it
        if standing is None:
            buried = f"lw.v1.dead.default.orchestrator.{subject['goal']}."
            known = any(place.startswith(buried) for place in self.broker.streams[DEAD].on_subject)
            self.demand(known, f"{kept.subject} was let go, and nobody knew its goal")
            return
        message = read_at(MODELS[subject.kind], subject, kept.data or b"{}", kept.headers)
        if isinstance(message, Due) and message.id.startswith(ASKED):
            self.answered_by_default(standing, message)
        at = self.broker.date(kept.at)
        self.demand(not decide(standing, message, at, kept.seq), f"{kept.subject} was let go unheard")

    def answered_by_default(self, standing: Standing, due: Due) -> None:
        """Look at a time that has come at which a person should have answered: somebody has, or nobody waits."""
        makers = {doing.step: standing.maker_of(doing) for doing in standing.doing}
        for wait in waited_for(standing):
            place = f"lw.v1.eval.default.{due.goal}.{wait.step}.{wait.attempt}.{wait.role}"
            if wait.digest:
                place = f"lw.v1.reply.default.{due.goal}.{wait.step}.{wait.attempt}.{wait.digest}"
            elif wait.role == makers[wait.step]:
                place = f"lw.v1.result.default.{due.goal}.{wait.step}.{wait.attempt}"
            ours = wait.timer == due.id
            self.demand(not ours or place in self.there, f"{due.id} of {due.goal} was let go, and nobody has answered")

    def asked(self) -> list[tuple[str, str, int, Pending]]:
        """Return what goals ask people in the middle of attempts, each with its goal, step and attempt."""
        return [
            (goal, doing.step, attempt.number, each)
            for goal, standing in self.standings.items()
            for doing in standing.doing
            for attempt in doing.under_way
            for each in attempt.pending
            if not each.replied and not standing.over
        ]

    def is_at_rest(self, goals: list[str]) -> bool:
        """Tell whether every goal has ended and nothing waits any more."""
        consumers = self.broker.consumers.values()
        return all(goal in self.outcomes for goal in {*goals, *self.standings}) and all(
            consumer.is_idle for consumer in consumers if consumer.wanted.durable
        )

    def what_waits(self, goals: list[str]) -> str:
        """Return what has not come to rest."""
        open_goals = [goal for goal in {*goals, *self.standings} if goal not in self.outcomes]
        busy = {
            each.name: (each.left, sorted(each.held)) for each in self.broker.consumers.values() if not each.is_idle
        }
        return f"these goals have not ended: {open_goals}, and these consumers are not done: {busy}"

    def check_the_calls(self) -> None:
        """Look whether a call was made twice that changes something, or was paid again and its answer on record.

        README admits one exception: a broker that was killed, or stood still, forgets who holds what, and a model may
        be paid twice. So may it where leases lapse early, for whoever holds one cannot know.
        """
        often = {key: count for key, count in (self.script.shipped + self.script.sold).items() if count > 1}
        self.demand(not often, f"made more than once: {often}")
        forgetful = [(since, until + FORGETFUL) for since, until in self.broker.forgetful]
        paid_again = [
            question
            for at, question in self.script.paid_again
            if not any(since <= at <= until for since, until in forgetful)
        ]
        self.demand(not paid_again, f"paid again: {paid_again}")

    def check_the_end(self, goals: list[str]) -> None:
        """Look at everything once more when it has come to rest."""
        for goal in {*goals, *self.standings}:
            standing = self.standings[goal]
            self.demand(standing.over, f"{goal} has not ended")
            for place in self.implied[goal]:
                self.demand(place in self.there, f"{place} was never sent")
        if self.script.calm:
            again = self.script.runs - self.script.turned_away
            often = {place: count for place, count in again.items() if count > 1}
            self.demand(not often, f"done more than once where nothing goes wrong: {often}")
        unasked = [key for key in self.script.sold if key not in self.approved]
        self.demand(not unasked, f"sold, and nobody has approved it: {unasked}")
        for work, count in self.script.deaths.items():
            self.demand(count <= MOST, f"{work} has killed {count} processes, and was still taken")
        self.check()
