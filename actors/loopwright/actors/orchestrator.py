"""The orchestrator: hear a message, decide, write one decision, send what else follows, and only then let go.

Any number of orchestrators share the same queues. Two that decide on the same goal at once write with the same
guard; the one that loses reads again. After a crash anywhere in a turn the message comes again: either nothing was
written, and the turn is simply taken, or the decision is on record, and its sends are repeated under guards that
refuse what is there already.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

import anyio
import structlog

from loopwright.actors.asking import ASKED, asked, by_default, give, reminders, waited_for
from loopwright.actors.dead import bury
from loopwright.actors.decide import DEADLINE, open_goal, sends, turn
from loopwright.actors.decisions import NOTHING, Known, Loaded
from loopwright.actors.elsewhere import Elsewhere
from loopwright.actors.errors import NoWayOn, Retriable
from loopwright.actors.events import Event
from loopwright.actors.evolve import fold
from loopwright.actors.forking import open_fork, refused_fork, stood_at
from loopwright.actors.hearing import hear, read_goal_of, refused_goal, stand_in, why_unexpected
from loopwright.actors.hooks import hooked
from loopwright.actors.leases import Leases
from loopwright.actors.ledger import Ledger
from loopwright.actors.lookout import Lookout
from loopwright.actors.loop import Loop
from loopwright.actors.ordering import left
from loopwright.actors.phases import MAKING
from loopwright.actors.presence import announced
from loopwright.actors.serving import serve
from loopwright.actors.standing import Standing
from loopwright.actors.subgoals import sub_goal, under_way
from loopwright.actors.suspects import Suspects
from loopwright.actors.unheard import EARLY, EARLY_PAUSE, Found, answered_before, called_off_before
from loopwright.actors.unserved import UNSERVED
from loopwright.bus.connection import BODY, Bus, delivery_id
from loopwright.bus.effects import Effect
from loopwright.bus.errors import GuardLost, IntakeFull, Unreadable
from loopwright.bus.inbox import Delivery
from loopwright.bus.messages import Cancel, Due, Ended, Evaluation, Goal, Message, Output, Result, StepOrder, Timer
from loopwright.bus.names import is_token
from loopwright.bus.presence import ORCHESTRATOR
from loopwright.bus.questions import Reply
from loopwright.bus.subjects import INTAKE, LOOP, PREFIX, TIMERS, Subject

log = structlog.get_logger()

HANDS = 256
"""Messages that one orchestrator handles at once; nearly all of that time it waits for the server."""
NEWCOMERS = 4
"""Of so many hands one opens goals: a full intake keeps nobody from what is under way."""

SUBMIT = "submit-"
"""What the id of the timer begins with at which a goal is submitted again."""
FULL_PAUSE = 0.5
"""Seconds between two times that a goal is submitted while the intake is full."""
INLINE = 32 * 1024
"""Bytes of a result up to which it goes to its evaluators in their orders; a larger one they read themselves."""


class Orchestrator:
    """One process's share in running every goal."""

    def __init__(self, bus: Bus, loops: Mapping[str, Loop], *, hands: int = HANDS) -> None:
        self._bus = bus
        self._loops = loops
        self._hands = hands
        self._ledger = Ledger(bus)
        self._leases = Leases(bus.nc)
        self._suspects = Suspects(bus)
        self._lookout = Lookout(bus)
        self._elsewhere = Elsewhere()

    async def run(self, stopping: anyio.Event) -> None:
        """Take turns until `stopping` is set."""
        ns = self._bus.ns
        heard = [f"{PREFIX}.{kind}.{ns}.>" for kind in ("result", "eval", "pause", "reply", "ctl")]
        goals = await self._bus.consumer(INTAKE, f"goals-{ns}", [f"{PREFIX}.goal.{ns}.>"])
        answers = await self._bus.consumer(LOOP, f"orchestrators-{ns}", heard)
        timers = await self._bus.consumer(TIMERS, f"timers-{ns}", [f"{PREFIX}.due.{ns}.>"])
        process, loops = self._suspects.process, tuple(sorted(self._loops))
        there = announced(self._bus, ORCHESTRATOR, stopping, process=process, loops=loops)
        async with goals, answers, timers, self._lookout.kept(), there, anyio.create_task_group() as keeping:
            log.info("orchestrator.ready", loops=sorted(self._loops))
            keeping.start_soon(self._leases.keep, name="leases")
            async with anyio.create_task_group() as tasks:
                opening = max(1, self._hands // NEWCOMERS)
                tasks.start_soon(partial(serve, goals, self.take_goal, hands=opening, stopping=stopping))
                for inbox in (answers, timers):
                    tasks.start_soon(partial(serve, inbox, self.take_answer, hands=self._hands, stopping=stopping))
            keeping.cancel_scope.cancel()

    async def take_goal(self, delivery: Delivery) -> None:
        """Open a goal, or refuse it with a reason; either way it is on record. One whose loop others have is theirs."""
        loop = delivery.subject.rpartition(".")[2]
        if loop not in self._loops and is_token(loop) and self._lookout.may_have(loop, delivery.time):
            await delivery.later(self._elsewhere.pause(loop, delivery.deliveries, served=self._lookout.has(loop)))
            return
        with self._leases.kept(delivery):
            async with self._suspects.in_hand(delivery) as deadly:
                await self._take_goal(delivery, deadly)
        await delivery.done()

    async def _take_goal(self, delivery: Delivery, deadly: str) -> None:
        try:
            refuse_deadly(deadly)
            goal = await read_goal_of(self._bus, delivery)
        except Unreadable as error:
            await bury(self._bus, delivery, str(error), role="orchestrator")
            goal, opening = refused_goal(delivery, str(error))
        else:
            opening = await self._opening(goal, delivery.time)
        await self._turn(goal.goal, delivery, opening)
        if (word := await called_off_before(self._bus, goal, delivery)) is not None:
            await self._turn(goal.goal, *word)

    async def _opening(self, goal: Goal, at: datetime) -> tuple[Event, ...]:
        """Return what follows from a goal that is new; the same whenever it is asked."""
        loop = self._loops.get(goal.loop)
        if goal.fork is None:
            return open_goal(goal, loop, at, () if loop else tuple(sorted({*self._loops, *self._lookout.loops()})))
        try:
            was = await stood_at(self._bus, goal.fork)
        except NoWayOn as error:
            return refused_fork(goal, str(error), at)
        return open_fork(goal, was, loop, at)

    async def take_answer(self, delivery: Delivery) -> None:
        """Hear a result, an evaluation, a client's word or a timer, and act on it."""
        with self._leases.kept(delivery):
            async with self._suspects.in_hand(delivery) as deadly:
                later = await self._answered(delivery, deadly)
            if later:
                await self._suspects.let_go(delivery)
        if later:
            await delivery.later(EARLY_PAUSE)
        else:
            await delivery.done()

    async def _answered(self, delivery: Delivery, deadly: str) -> bool:
        """Act on an answer; return True for a word on what may be about to be: a goal opened, or a question asked."""
        message: Message | None
        try:
            refuse_deadly(deadly)
            message = await hear(self._bus, delivery)
            if type(message) is Due and message.id == UNSERVED:
                message = await self._look_again(message, delivery.time)
        except Unreadable as error:
            await bury(self._bus, delivery, str(error), role="orchestrator")
            message = stand_in(delivery, str(error))
        if type(message) is Due and message.id.startswith(ASKED):
            return await self._answer_for(message, delivery)
        if type(message) is Due and message.id.startswith(SUBMIT):
            await self._submit_again(message, delivery)
            return False
        goal = str(getattr(message, "goal", ""))
        if message is None or await self._turn(goal, delivery, message):
            return type(message) is Reply and delivery.deliveries < EARLY and await self._is_early(message)
        if isinstance(message, Cancel) and delivery.deliveries < EARLY:
            return True
        if isinstance(message, Cancel) and message.serves:
            return False  # it was never submitted: the intake was full as long as it was wanted
        await bury(self._bus, delivery, f"nothing is on record for the goal {goal}", role="orchestrator")
        return False

    async def _is_early(self, reply: Reply) -> bool:
        """Tell whether a reply may have overtaken its question: nobody has noted it, and its attempt is still made."""
        standing = await self._where_it_stands(reply.goal)
        there = standing.at(reply.step) if standing and not standing.over else None
        attempt = there.attempt(reply.attempt) if there else None
        if attempt is None or attempt.phase not in MAKING:
            return False
        return not any(each.digest == reply.digest and each.replied for each in attempt.pending)

    async def _look_again(self, due: Due, at: datetime) -> Message | None:
        """Return what it means that the time has come to look who is there; None if it means nothing."""
        standing = await self._where_it_stands(due.goal)
        return await self._lookout.look_again(standing, at) if standing else None

    async def _where_it_stands(self, goal: str) -> Standing | None:
        """Return where a goal stands for certain; None if nobody knows it."""
        loaded = await self._ledger.load(goal, sure=True)
        return loaded.decision.standing if loaded.decision else None

    async def _answer_for(self, due: Due, delivery: Delivery) -> bool:
        """Answer for a person who has not, by default; return True if what was asked is not to be seen yet."""
        standing = await self._where_it_stands(due.goal)
        if standing is None:
            return False
        waiting = [each for each in waited_for(standing) if each.timer == due.id]
        if not waiting:
            return False  # somebody has answered
        try:
            questions = await asked(self._bus, standing)
        except Retriable as error:
            log.info("person.later", goal=due.goal, reason=str(error))
            return True
        for question in questions:
            if question.wait in waiting:
                said = by_default(self._bus, question, standing.loop.people[question.role])
                try:
                    await give(self._bus, question, said, cause=delivery_id(delivery))
                except GuardLost as taken:
                    log.info("person.faster", subject=str(taken))
                    if (answer := await answered_before(self._bus, question, said)) is not None:
                        await self._turn(due.goal, *answer)
                return False
        return delivery.deliveries < EARLY

    async def _turn(self, goal: str, delivery: Delivery | Found, said: Message | tuple[Event, ...]) -> bool:
        """Take one turn: recall, decide, write, send; read the record if another was faster. False: nobody knows it.

        Nothing is let go on what we remember, or on the word of a replica: both may lag behind.
        """
        seen, sure = delivery_id(delivery), False
        loaded = NOTHING if isinstance(said, tuple) and delivery.deliveries == 1 else await self._ledger.recall(goal)
        while True:
            loaded = loaded or await self._ledger.load(goal, sure=sure)
            events, after = self._events(loaded, said, delivery)
            if not events and not sure:
                loaded, sure = None, True
                continue
            if events is None:
                return False
            if not events or after is None:
                # Whoever decided on it may not have sent yet, whatever we are told of deliveries: a lease lapses, and
                # a broker that was killed forgets them. A last decision older than the message was not made on it.
                decided = delivery.stream != LOOP or loaded.revision > delivery.seq
                if not (decided and await self._repeat(goal, delivery, output_in(said, delivery), loaded.revision)):
                    reject(loaded, said)
                elif loaded.decision:
                    await self._lookout.mind(loaded.decision.standing, delivery.time)
                return True
            try:
                messages = follows(after, events, output_in(said, delivery), delivery.time)
                orders = tuple([message for message in messages if type(message) is StepOrder])
                known = await self._ledger.write(goal, loaded, seen, events, after, orders)
            except GuardLost:
                loaded = None
                continue
            await self._send(known, messages, delivery.time)
            await self._lookout.mind(known.decision.standing, delivery.time)
            return True

    def _events(
        self, loaded: Loaded, said: Message | tuple[Event, ...], delivery: Delivery | Found
    ) -> tuple[tuple[Event, ...] | None, Standing | None]:
        """Return what follows, and where the goal stands then; None if it is about a goal that nobody knows."""
        if isinstance(said, tuple):
            return (said, fold(None, said)) if loaded.decision is None else ((), None)
        if loaded.decision is None:
            return None, None
        seq = delivery.seq if delivery.stream == LOOP else 0
        return turn(loaded.decision.standing, said, delivery.time, seq)

    async def _repeat(self, goal: str, delivery: Delivery | Found, output: Output | None, upto: int) -> bool:
        """Send again what the decision on a delivery sends: whoever wrote it may have died before sending.

        Return whether there is one.
        """
        seen = delivery_id(delivery)
        found = [known for known in await self._ledger.decisions(goal, upto=upto) if known.decision.seen == seen]
        for known in found:
            decision = known.decision
            messages = follows(decision.standing, decision.events, output, delivery.time)
            await self._send(known, messages, delivery.time)
        return bool(found)

    async def _send(self, known: Known, messages: tuple[Message, ...], at: datetime) -> None:
        """Send what follows from a decision on what was said at a time, all at once; what is there already stays."""
        if known.is_order:
            messages = tuple([message for message in messages if type(message) is not StepOrder])
        if len(messages) == 1:
            await self._send_one(messages[0], known, at)
        if len(messages) < 2:
            return
        async with anyio.create_task_group() as tasks:
            for message in messages:
                tasks.start_soon(self._send_one, message, known, at)

    async def _send_one(self, message: Message, known: Known, at: datetime) -> None:
        try:
            await self._sent(message, known.decision.seen, known.seq, at)
        except GuardLost as taken:
            log.info("send.known", subject=str(taken))

    async def _sent(self, message: Message, cause: str, after: int, at: datetime) -> None:
        ns = self._bus.ns
        match message:
            case StepOrder(goal=goal, role=role, step=step, attempt=attempt):
                subject = Subject.of("step", ns=ns, role=role, goal=goal, step=step, attempt=attempt)
                id_ = f"{goal}-{role}-{step}-{attempt}"
                await self._bus.publish_first(subject, message, id=id_, cause=cause, after=after)
            case Ended(goal=goal):
                subject = Subject.of("event", ns=ns, goal=goal)
                await self._bus.publish_first(subject, message, id=f"{goal}-ended", cause=cause, after=after)
                self._bus.forget_timer(goal, DEADLINE)  # it would wake us for nothing
            case Effect(goal=goal, step=step, attempt=attempt, role=role):
                subject = Subject.of("effect", ns=ns, goal=goal, step=step, attempt=attempt, role=role)
                await self._bus.publish(subject, message, id=f"{subject}-{message.phase.value}", cause=cause)
            case Timer():
                await self._bus.set_timer(message)
            case Goal():
                await self._submit(message, cause, at)
            case Result(goal=goal, step=step, attempt=attempt):
                subject = Subject.of("result", ns=ns, goal=goal, step=step, attempt=attempt)
                await self._bus.publish_first(subject, message, id=str(subject), cause=cause)
            case Cancel(goal=goal):
                subject = Subject.of("ctl", ns=ns, goal=goal)
                await self._bus.publish(subject, message, id=f"{goal}-not-waited-for", cause=cause)
            case _:
                raise AssertionError(f"nobody sends {type(message).__name__}")

    async def _submit(self, goal: Goal, cause: str, at: datetime) -> None:
        """Submit a goal that is a step of another; where the intake is full, the broker says when to try again.

        It is now `at` least that late, by the broker's clock: ours may be another.
        """
        subject = Subject.of("goal", ns=self._bus.ns, loop=goal.loop)
        try:
            await self._bus.publish(subject, goal, id=goal.goal, cause=cause)
        except IntakeFull:
            log.info("goal.later", child=goal.goal)
            serves = goal.parent.goal if goal.parent else goal.goal
            again = at + timedelta(seconds=FULL_PAUSE)
            await self._bus.set_timer(Timer(goal=serves, id=f"{SUBMIT}{goal.goal}", at=again))

    async def _submit_again(self, due: Due, delivery: Delivery) -> None:
        """Submit a goal that found the intake full, if it is still waited for; one of a hook is in any case."""
        loaded, cause, at = await self._ledger.load(due.goal, sure=True), delivery_id(delivery), delivery.time
        standing = loaded.decision.standing if loaded.decision else None
        if standing and standing.loop.hooks:
            decisions = [known.decision for known in await self._ledger.decisions(due.goal, upto=loaded.revision)]
            told = [goal for each in decisions for goal in hooked(each.standing, each.events)]
            for goal in (each for each in told if due.id == f"{SUBMIT}{each.goal}"):
                await self._submit(goal, cause, at)
        for there, attempt in under_way(standing) if standing and not standing.over else ():
            goal = sub_goal(there, attempt, left(there, attempt))
            if due.id == f"{SUBMIT}{goal.goal}":
                await self._submit(goal, cause, at)


def follows(standing: Standing, events: tuple[Event, ...], output: Output | None, at: datetime) -> tuple[Message, ...]:
    """Return what a decision sends, made on a message of a time: the same whenever it is sent again."""
    messages = tuple(sends(standing, events, output))
    return (*messages, *reminders(standing, events, messages, at)) if standing.loop.people else messages


def reject(loaded: Loaded, said: Message | tuple[Event, ...]) -> None:
    """Say so when an answer is of no use; a word that may always be said twice is not worth a line."""
    if loaded.decision is not None and isinstance(said, Result | Evaluation):
        why = why_unexpected(loaded.decision.standing, said)
        log.info("answer.unexpected", reason=why, goal=said.goal, step=said.step, attempt=said.attempt)


def output_in(said: Message | tuple[Event, ...], delivery: Delivery | Found) -> Output | None:
    """Return a result's output, if it is small enough to travel on to its evaluators."""
    if type(said) is not Result or said.failure is not None or len(delivery.data) > INLINE:
        return None
    return None if BODY in delivery.headers else Output(value=said.output)


def refuse_deadly(why: str) -> None:
    """Raise if nobody may take a message any more, so that it counts as one that cannot be read."""
    if why:
        raise Unreadable(why)
