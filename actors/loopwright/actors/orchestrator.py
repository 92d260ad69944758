"""The orchestrator: hear a message, decide, write one decision, send what follows, and only then let go.

Any number of orchestrators share the same queues. Two that decide on the same goal at once write with the same
guard; the one that loses reads again. After a crash anywhere in a turn the message comes again: either nothing was
written, and the turn is simply taken, or the decision is on record, and its sends are repeated under guards that
refuse what is there already.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import anyio
import structlog
from pydantic import ValidationError

from loopwright.actors.dead import bury
from loopwright.actors.decide import Decision, decide, open_goal, sends
from loopwright.actors.hearing import hear, read_goal_of, refused_goal, says_it_all, stand_in
from loopwright.actors.leases import kept
from loopwright.actors.loop import Loop
from loopwright.actors.serving import serve
from loopwright.actors.standing import Event, Standing, fold
from loopwright.bus.connection import Bus, delivery_id
from loopwright.bus.envelope import Envelope
from loopwright.bus.errors import GuardLost, Unreadable
from loopwright.bus.inbox import Delivery
from loopwright.bus.messages import Cancel, Ended, Message, StepOrder, Timer
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import INTAKE, LOOP, PREFIX, Subject

log = structlog.get_logger()

HANDS = 32
"""Messages that one orchestrator handles at once."""
MAX_DELIVERIES = 5
"""A message that was handed out more often than this has crashed every process that took it."""

EARLY = 30
"""Times that a client's word is handed out while its goal is not on record: it may overtake the goal."""
EARLY_PAUSE = 0.5
"""Seconds between two of them."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is on record for a goal: the last decision, and the sequence to guard the next one with."""

    decision: Decision | None = None
    revision: int = 0


class Orchestrator:
    """One process's share in running every goal."""

    def __init__(self, bus: Bus, loops: Mapping[str, Loop]) -> None:
        self._bus = bus
        self._loops = loops

    async def run(self, stopping: anyio.Event) -> None:
        """Take turns until `stopping` is set."""
        ns = self._bus.ns
        heard = [f"{PREFIX}.{kind}.{ns}.>" for kind in ("result", "eval", "ctl", "due")]
        goals = await self._bus.consumer(INTAKE, f"goals-{ns}", [f"{PREFIX}.goal.{ns}.>"])
        answers = await self._bus.consumer(LOOP, f"orchestrators-{ns}", heard)
        async with goals, answers, anyio.create_task_group() as tasks:
            log.info("orchestrator.ready", loops=sorted(self._loops))
            for inbox, handle in ((goals, self.take_goal), (answers, self.take_answer)):
                tasks.start_soon(partial(serve, inbox, handle, hands=HANDS, stopping=stopping))

    async def take_goal(self, delivery: Delivery) -> None:
        """Open a goal, or refuse it with a reason; either way it is on record."""
        async with kept(delivery):
            try:
                refuse_poison(delivery, MAX_DELIVERIES)
                goal = await read_goal_of(self._bus, delivery)
            except Unreadable as error:
                await bury(self._bus, delivery, str(error), role="orchestrator")
                goal, opening = refused_goal(delivery, str(error))
            else:
                opening = open_goal(goal, self._loops.get(goal.loop), delivery.time, tuple(sorted(self._loops)))
            await self._turn(goal.goal, delivery, opening)
        await delivery.done()

    async def take_answer(self, delivery: Delivery) -> None:
        """Hear a result, an evaluation, a client's word or a timer, and act on it."""
        async with kept(delivery):
            later = await self._answered(delivery)
        if later:
            await delivery.later(EARLY_PAUSE)
        else:
            await delivery.done()

    async def _answered(self, delivery: Delivery) -> bool:
        """Act on an answer; return True for a word on a goal that may be about to be opened."""
        message: Message | None
        try:
            early = says_it_all(delivery)
            refuse_poison(delivery, EARLY if early else MAX_DELIVERIES)
            message = await hear(self._bus, delivery)
        except Unreadable as error:
            await bury(self._bus, delivery, str(error), role="orchestrator")
            message = stand_in(delivery, str(error))
        goal = str(getattr(message, "goal", ""))
        if message is None or await self._turn(goal, delivery, message):
            return False
        if isinstance(message, Cancel) and delivery.deliveries < EARLY:
            return True
        await bury(self._bus, delivery, f"nothing is on record for the goal {goal}", role="orchestrator")
        return False

    async def _turn(self, goal: str, delivery: Delivery, said: Message | tuple[Event, ...]) -> bool:
        """Take one turn: read, decide, write, send; read again if another was faster. False: nobody knows the goal."""
        seen, contended, sure = delivery_id(delivery), delivery.deliveries > 1, False
        while True:
            loaded = await self._load(goal, sure=sure)
            events = self._events(loaded, said, delivery.time)
            if not events and not sure:
                sure = True  # a replica may lag behind: nothing is let go on its word
                continue
            if events is None:
                return False
            if not events:
                if contended:
                    await self._repeat(goal, seen)
                return True
            try:
                decision = await self._write(goal, loaded, seen, events)
            except GuardLost:
                contended = True
                continue
            await self._send(decision)
            return True

    def _events(self, loaded: Loaded, said: Message | tuple[Event, ...], at: datetime) -> tuple[Event, ...] | None:
        """Return what follows; None if it is about a goal that nobody knows."""
        if isinstance(said, tuple):
            return said if loaded.decision is None else ()
        if loaded.decision is None:
            return None
        return decide(loaded.decision.standing, said, at)

    async def _load(self, goal: str, *, sure: bool) -> Loaded:
        """Return what is on record for a goal."""
        stored = await self._bus.last(self._subject(goal), sure=sure)
        if stored is None:
            return Loaded()
        decision = await self._decision(stored)
        if decision is None:
            decision = next((found for found in reversed(await self._decisions(goal)) if found), None)
        return Loaded(decision, stored.seq)

    async def _decision(self, stored: Stored) -> Decision | None:
        """Return the decision in a message; None if somebody has written something else there."""
        try:
            return Decision.model_validate_json(await self._bus.body(stored.data, stored.headers))
        except (ValidationError, Unreadable) as error:
            log.warning("decision.unreadable", subject=stored.subject, seq=stored.seq, reason=str(error)[:200])
            return None

    async def _decisions(self, goal: str) -> list[Decision | None]:
        """Return every decision on record for a goal, in order."""
        return [await self._decision(each) for each in await self._bus.record([str(self._subject(goal))])]

    async def _write(self, goal: str, loaded: Loaded, seen: str, events: tuple[Event, ...]) -> Decision:
        """Put one decision on record."""
        before: Standing | None = loaded.decision.standing if loaded.decision else None
        number = loaded.decision.number + 1 if loaded.decision else 1
        after = fold(before, events)
        assert after is not None, "the first event opens the goal"
        decision = Decision(number=number, seen=seen, events=events, standing=after)
        headers = Envelope(f"{goal}-decision-{number}", f"/loopwright/{self._bus.name}", goal, seen)
        body = decision.model_dump_json(exclude_none=True).encode()
        await self._bus.write(str(self._subject(goal)), body, headers.headers("decision"), guard=loaded.revision)
        log.info("decision", goal=goal, number=number, events=[event.event for event in events])
        return decision

    async def _repeat(self, goal: str, seen: str) -> None:
        """Send again what the decision on `seen` sends: whoever wrote it may have died before sending."""
        for decision in await self._decisions(goal):
            if decision is not None and decision.seen == seen:
                await self._send(decision)

    async def _send(self, decision: Decision) -> None:
        """Send what follows from a decision; what is there already stays."""
        for message in sends(decision.standing, decision.events):
            try:
                await self._send_one(message, cause=decision.seen)
            except GuardLost as known:
                log.info("send.known", subject=str(known))

    async def _send_one(self, message: Message, cause: str) -> None:
        ns = self._bus.ns
        match message:
            case StepOrder(goal=goal, role=role, step=step, attempt=attempt):
                subject = Subject.of("step", ns=ns, role=role, goal=goal, step=step, attempt=attempt)
                await self._bus.publish_first(subject, message, id=f"{goal}-{role}-{attempt}", cause=cause)
            case Ended(goal=goal):
                subject = Subject.of("event", ns=ns, goal=goal)
                await self._bus.publish_first(subject, message, id=f"{goal}-ended", cause=cause)
            case Timer():
                await self._bus.set_timer(message)
            case _:
                raise AssertionError(f"nobody sends {type(message).__name__}")

    def _subject(self, goal: str) -> Subject:
        return Subject.of("decision", ns=self._bus.ns, goal=goal)


def refuse_poison(delivery: Delivery, limit: int) -> None:
    """Raise if a message was handed out so often that it must be what kills whoever takes it."""
    if delivery.deliveries > limit:
        raise Unreadable(f"it was handed out {delivery.deliveries} times, and nobody survived it")
