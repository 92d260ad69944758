"""Where a worker's steps are done: pulled for free hands, kept under a lease, answered once, given back in time.

A delivery is settled in exactly one way, in the order that survives a crash: the answer is on record before the step
is off the queue. A worker that lost its lease finds its place taken and drops its answer.
"""

from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from functools import partial

import anyio
import structlog

from loopwright.actors.answering import Said, accounted, answer, failed
from loopwright.actors.at_work import AT_WORK
from loopwright.actors.dead import bury
from loopwright.actors.effects import record_place
from loopwright.actors.errors import LeaseLost
from loopwright.actors.glimpses import Glimpses
from loopwright.actors.handing import handed_on, handed_to
from loopwright.actors.holding import Holding
from loopwright.actors.lanes import until_called_off
from loopwright.actors.leases import Leases, passed
from loopwright.actors.memory import Memory
from loopwright.actors.presence import announced
from loopwright.actors.serving import serve
from loopwright.actors.suspects import Suspects
from loopwright.actors.work import Worker
from loopwright.bus.client import Run
from loopwright.bus.connection import BODY, LEASE, Bus, delivery_id
from loopwright.bus.envelope import read_at
from loopwright.bus.errors import GuardLost, Unreadable
from loopwright.bus.inbox import Delivery
from loopwright.bus.messages import Brief, Ended, Failure, FailureClass, Result, StepOrder
from loopwright.bus.names import GoalId
from loopwright.bus.questions import Pause
from loopwright.bus.subjects import LOOP, Subject, orders_for
from loopwright.bus.wire import Arrival

log = structlog.get_logger()

SAFE = 64 * 1024
"""Bytes of an order that kill nobody who reads them."""
FRESH = timedelta(seconds=LEASE)
"""How long an order may have waited before anybody asks whether its goal goes on."""


class Workplace:
    """One process's share in serving a role."""

    def __init__(self, bus: Bus, worker: Worker, *, hands: int = 1, clock: Callable[[], float] = passed) -> None:
        self._bus = bus
        self._worker = worker
        self._hands = hands
        self._resources: object = None
        self._leases = Leases(bus.nc, clock)
        self._suspects = Suspects(bus)
        self._memory = Memory(bus)
        self._glimpses = Glimpses(bus)
        self._in_hand: dict[int, anyio.Event | None] = {}
        """The orders that we hold, by their places in the stream, and what tells that we hold one no longer; None:
        nobody waits for that."""

    async def run(self, stopping: anyio.Event) -> None:
        """Serve the role until `stopping` is set, then finish or hand back."""
        bus, role = self._bus, self._worker.role
        inbox = await bus.consumer(LOOP, f"role-{bus.ns}-{role}", orders_for(bus.ns, role))
        await bus.ends.listen()
        process, busy = self._suspects.process, self._leases.count
        there = announced(bus, role, stopping, process=process, hands=self._hands, busy=busy)
        resources, memory = self._worker.resources(bus), aclosing(self._memory)
        async with memory, resources as self._resources, inbox, there, anyio.create_task_group() as keeping:
            log.info("worker.ready", role=role, hands=self._hands)
            keeping.start_soon(self._leases.keep, name="leases")
            await serve(inbox, self.take, hands=self._hands, stopping=stopping)
            keeping.cancel_scope.cancel()

    async def take(self, delivery: Delivery) -> None:
        """Do one step, and settle it in exactly one way."""
        try:
            if delivery.seq in self._in_hand:
                await self._take_again(delivery)
            else:
                await self._take_first(delivery)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True), anyio.move_on_after(1):
                await delivery.later()
            raise

    async def _take_first(self, delivery: Delivery) -> None:
        self._in_hand[delivery.seq] = None
        try:
            with self._leases.kept(delivery):
                await (self._take(delivery) if delivery.deliveries == 1 else self._take_suspect(delivery))
        finally:
            if (over := self._in_hand.pop(delivery.seq)) is not None:
                over.set()

    async def _take_suspect(self, delivery: Delivery) -> None:
        """Do a step that was handed out before, unless it has killed whoever took it."""
        async with self._suspects.in_hand(delivery) as deadly:
            await (self._give_up(delivery, deadly) if deadly else self._take(delivery))

    async def _take_again(self, delivery: Delivery) -> None:
        """Let a step that we hold already be done once: a broker that was killed hands it out anew."""
        log.info("step.in_hand_already", subject=delivery.subject, deliveries=delivery.deliveries)
        over = self._in_hand[delivery.seq] = self._in_hand[delivery.seq] or anyio.Event()
        with self._leases.kept(delivery):
            await over.wait()
        await delivery.later()

    async def _take(self, delivery: Delivery) -> None:
        try:
            order = await self._read(delivery)
        except Unreadable as error:
            await self._refuse(delivery, str(error))
            return
        before = AT_WORK.set(order)
        try:
            new = self._is_new(delivery) and not self._bus.ends.may_have_ended(order.goal)
            if new or await self._is_wanted(order, delivery):  # a new order of a goal that goes on costs no question
                await self._do(order, delivery, new=new)
            else:
                await delivery.done()
        finally:
            AT_WORK.reset(before)

    async def _give_up(self, delivery: Delivery, why: str) -> None:
        """Settle a step that kills whoever takes it, unread; if a call is in doubt, that is what matters about it."""
        try:
            order = await self._resumed(self._told(delivery), delivery)
        except Unreadable:
            await self._refuse(delivery, why)
            return
        if not await self._is_wanted(order, delivery):
            await delivery.done()
            return
        await bury(self._bus, delivery, why, role=self._worker.role)
        holding = self._hold(order, delivery, new=False)
        try:
            await holding.take_over()
        except LeaseLost:
            log.info("lease.lost", goal=order.goal, attempt=order.attempt, role=order.role)
            return
        doubt = holding.open_claim()
        kind = FailureClass.IN_DOUBT if doubt else FailureClass.CRASHED
        failure = Failure(kind=kind, message=f"{why}. {doubt}".strip(". "))
        await holding.children.settle_all()
        order = order.but(made=told_by_its_maker(delivery))
        await self._put_on_record(order, accounted(failed(self._bus, order, failure), holding, 0.0), delivery)

    async def _read(self, delivery: Delivery) -> StepOrder:
        subject = Subject.parse(delivery.subject)
        body = await self._bus.body(delivery.data, delivery.headers)
        order = read_at(StepOrder, subject, body, delivery.headers)
        if (order.judge is not None) != self._worker.judges:
            raise Unreadable(f"the role {order.role} {'judges' if self._worker.judges else 'does not judge'}")
        return order

    async def _refuse(self, delivery: Delivery, why: str) -> None:
        """Bury an order that cannot be understood; if an orchestrator sent it, say so to its goal, which waits."""
        await bury(self._bus, delivery, why, role=self._worker.role)
        try:
            order = self._told(delivery)
        except Unreadable:
            await delivery.reject()
            return
        if "ce-causationid" not in delivery.headers:
            await delivery.done()  # no decision sent it; a real order is written over what cannot be read
            return
        failure = Failure(kind=FailureClass.UNREADABLE, message=f"the order could not be read: {why}")
        await self._put_on_record(order, failed(self._bus, order, failure), delivery)

    def _told(self, delivery: Delivery) -> StepOrder:
        """Return an order of which no more is known than its subject tells.

        Raises:
            Unreadable: that tells nothing either.
        """
        subject = Subject.parse(delivery.subject)
        goal, step, role = subject["goal"], subject["step"], subject["role"]
        judge, attempt = role if self._worker.judges else None, int(subject.told()["attempt"])
        return StepOrder(goal=goal, loop="unknown", step=step, attempt=attempt, role=role, judge=judge)

    async def _resumed(self, order: StepOrder, delivery: Delivery) -> StepOrder:
        """Return an order with how often its attempt had been laid aside by then, which its subject does not tell.

        An evaluation has nothing of that, unless its order was handed on by whoever made the attempt.
        """
        if order.judge is not None and Subject.parse(delivery.subject).kind != "made":
            return order
        while (pause := await self._bus.last(place_of_pause(self._bus, order))) and pause.seq < delivery.seq:
            order = order.but(resumed=order.resumed + 1)
        return order

    async def _is_wanted(self, order: StepOrder, delivery: Delivery) -> bool:
        """Tell whether anybody still waits for the answer to an order that may not be new.

        Where its goal has ended, the goals end with it that whoever died with the order in hand has submitted.
        """
        if await self._is_answered(order, delivery):
            return False
        if not await Run(self._bus, GoalId(order.goal)).ended():
            return True
        if delivery.deliveries > 1 and await self._bus.last(record_place(self._bus.ns, order)) is not None:
            await self._hold(order, delivery, new=False).call_off()
        return False

    async def _is_answered(self, order: StepOrder, delivery: Delivery) -> bool:
        """Tell whether an order has its answer on record."""
        places = [place_of(self._bus, order)]
        if order.judge is None:
            places.append(place_of_pause(self._bus, order))
        if order.to is not None and order.judge is None:
            places.append(handed_to(self._bus, order, order.to))
        answers = [await self._bus.last(place) for place in places]
        return any(answer is not None and answer.seq > delivery.seq for answer in answers)

    def _is_new(self, delivery: Delivery) -> bool:
        """Tell whether nobody can have had an order before.

        Handed out for the first time means little: who slept meanwhile comes late, and a broker that was killed forgets
        what it has handed out, and what was settled; whether it was, a process that began after that does not know.
        """
        first, age = delivery.deliveries == 1, datetime.now(UTC) - delivery.time
        return first and age < FRESH and delivery.time > self._bus.nc.heard_since

    async def _do(self, order: StepOrder, delivery: Delivery, *, new: bool) -> None:
        """Do the step under its lease; it is called off when the goal ends."""
        holding = self._hold(order, delivery, new=new)

        def ended(arrival: Arrival) -> None:
            if is_an_end(arrival):
                holding.stint.call_off()

        with self._bus.ends.telling(order.goal, ended), self._glimpses.of(order):
            at_hand = self._bus, self._worker, order, self._resources, holding
            raced = partial(answer, *at_hand) if order.lane else None
            said = await (until_called_off(self._bus, order, holding, raced) if raced else answer(*at_hand))
        if holding.stint.is_called_off:
            await holding.call_off()
            log.info("step.called_off", in_doubt=holding.open_claim())
            await delivery.done()
            return
        if said is not None:
            await self._put_on_record(order, said, delivery)
        else:  # it is another's, who will settle it
            await self._suspects.let_go(delivery)

    def _hold(self, order: StepOrder, delivery: Delivery, *, new: bool) -> Holding:
        """Return the hold on an attempt that a delivery gives us."""
        return Holding(
            self._bus,
            order,
            self._worker.tools,
            memory=self._memory,
            delivery=delivery.deliveries,
            new=new,
            cause=delivery_id(delivery),
            leases=self._leases,
        )

    async def _put_on_record(self, order: StepOrder, said: Said, delivery: Delivery) -> None:
        """Put an answer on its place; a result that has one evaluator only is that evaluator's order."""
        message: Said | StepOrder = said
        if isinstance(said, Pause):
            subject = place_of_pause(self._bus, order)
        elif order.to is not None and isinstance(said, Result) and said.failure is None:
            subject, message = handed_to(self._bus, order, order.to), handed_on(order, order.to, said)
        else:
            subject = place_of(self._bus, order)
        try:
            cause = delivery_id(delivery)
            await self._bus.publish_first(subject, message, id=str(subject), cause=cause, after=delivery.seq)
        except GuardLost:
            log.info("step.answered_elsewhere", subject=str(subject))
        await delivery.done()


def told_by_its_maker(delivery: Delivery) -> Brief | None:
    """Return what a result says of what it took that was handed on with its order; None where it is too large to try.

    Its goal hears of that in no other way.
    """
    subject = Subject.parse(delivery.subject)
    if subject.kind != "made" or len(delivery.data) > SAFE or BODY in delivery.headers:
        return None
    try:
        return read_at(StepOrder, subject, delivery.data, delivery.headers).made
    except Unreadable:
        return None


def is_an_end(arrival: Arrival) -> bool:
    """Tell whether what was overheard is the end of a goal: anybody can say anything there."""
    if BODY in arrival.headers:
        return True  # a large outcome; that it is one the record tells
    try:
        read_at(Ended, Subject.parse(arrival.subject), arrival.data, arrival.headers)
    except Unreadable:
        return False
    return True


def place_of_pause(bus: Bus, order: StepOrder) -> Subject:
    """Return where it belongs that an attempt is laid aside."""
    told: dict[str, str | int] = {"goal": order.goal, "step": order.step, "attempt": order.attempt}
    return Subject.of("pause", ns=bus.ns, resumed=order.resumed, **told)


def place_of(bus: Bus, order: StepOrder) -> Subject:
    """Return where the answer to an order belongs."""
    goal, step, attempt = order.goal, order.step, order.attempt
    if order.judge is not None:
        return Subject.of("eval", ns=bus.ns, goal=goal, step=step, attempt=attempt, judge=order.judge)
    return Subject.of("result", ns=bus.ns, goal=goal, step=step, attempt=attempt)
