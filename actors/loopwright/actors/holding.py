"""One worker's hold on an attempt, through which its calls are made and go on record.

Every entry is written behind the last one that this holder has seen. Whoever takes an attempt over says so on its
record first: so a holder that comes back from the dead is refused at its next entry, and since a call that changes
something is claimed before it is made, it makes none any more. One that is frozen in the very moment between hearing
that its claim stands and the call may still make that one, late: the key is what tells the tool then.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Literal

import anyio
import structlog

from loopwright.actors.children import Children
from loopwright.actors.effects import EffectRecord, Place, Run, digest_of, in_doubt, key_of, record_place
from loopwright.actors.errors import LeaseLost, Retriable, StepFailed
from loopwright.actors.finding_out import what_became_of
from loopwright.actors.kept import given, kept, not_allowed, readable, said, sentence_of
from loopwright.actors.memory import Memory
from loopwright.actors.met import Met
from loopwright.actors.purse import refuse_if_spent
from loopwright.actors.showing import Showing
from loopwright.actors.stale import Calls
from loopwright.actors.trust import Trust
from loopwright.bus.connection import LEASE, Bus
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.errors import GuardLost
from loopwright.bus.messages import Failure, FailureClass, FaultClass, Json, StepOrder, Usage
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import Subject
from loopwright.tools.errors import Misuse, ToolFailed
from loopwright.tools.model import DEFAULT_MODEL, Answer, LanguageModel, ModelBusy, ModelRefused, Turn
from loopwright.tools.symptoms import source_of
from loopwright.tools.tool import Done, NotDone, Tool

log = structlog.get_logger()

type What = Literal["ask", "call", "goal"]

FRESH = LEASE / 2
"""Seconds after a claim in which nobody else can hold the attempt: our last sign of life was a third of a lease ago."""
LAST_WORDS = 2.0
"""Seconds to put on record how a call ended while we are being cancelled."""
LOOKS = 5
"""Times to look for what has refused an entry before we give way to it unseen."""
LAG = 0.1
"""Seconds between two looks: a replica may be behind."""


class Holding:
    """The calls of one attempt, as long as one worker holds it. Nothing is written or read before the first."""

    def __init__(
        self,
        bus: Bus,
        order: StepOrder,
        tools: Iterable[Tool[Any]] = (),
        *,
        memory: Memory | None = None,
        delivery: int = 1,
        new: bool = True,
        cause: str = "",
    ) -> None:
        self.memory = memory or Memory(bus)
        """What every role may call besides its tools."""
        self._bus = bus
        self._order = order
        self._subject = record_place(bus.ns, order)
        self._tools = {each.name: each for each in tools}
        self._delivery = delivery
        self._new = new
        self._cause = cause
        self._record = EffectRecord()
        self._run = Run(self._record)
        self._showing = Showing()
        self.trust = Trust(untrusted=order.untrusted)
        self.children = Children(bus, order, self._record, self._put, self._entry, self._look_first, self.trust)
        self.met = Met()
        """What its calls have met."""
        self.calls = Calls()
        self._begun = False
        self._seen = 0
        self._lost = False
        self._looked = delivery > 1
        self._taken_over = delivery == 1

    @cached_property
    def _lock(self) -> anyio.Lock:
        """Has one entry written at a time; most steps write none."""
        return anyio.Lock()

    @property
    def spent(self) -> Usage:
        """What all calls on record took together, those of earlier holders included."""
        return self._record.spent

    def refuse_if_lost(self) -> None:
        """Raise if another worker holds the attempt now.

        Raises:
            LeaseLost: it does.
        """
        if self._lost:
            raise LeaseLost

    async def _look_first(self) -> None:
        """Give way before the first call if somebody has been here.

        A broker that was killed, or has handed its lead to another, forgets what it has handed out, and hands it out
        for the first time again; the next time it is the second, and then the record is taken over. Where that may have
        happened we say so on record and not only look, so that an answer on its way there is refused, or seen.

        Raises:
            LeaseLost: another worker holds the attempt, or held it.
            RaceLost: it is called off.
        """
        self.refuse_if_lost()
        self._record.refuse_if_called_off()
        if not self._looked:
            self._looked = True
            asked = anyio.current_time()
            if self._new:
                stored = await self._bus.last(self._subject)
                found = await self._bus.message(Effect, stored) if stored else None
                self._lost = found is not None and found.worker != self._bus.name
                self.refuse_if_lost()
            if not self._new or anyio.current_time() - asked > FRESH:  # cut off: somebody may have been here since
                await self._put(self._entry(EffectPhase.HELD))

    def _tool(self, name: str) -> Tool[Any] | None:
        """Return what may be called by a name."""
        return self._tools.get(name) or self.memory.tools.get(name)

    async def take_over(self) -> None:
        """Read what earlier holders have put on record, if they have; they can write no more.

        Raises:
            LeaseLost: there is a later holder already.
        """
        if not self._taken_over:
            await self._put(self._entry(EffectPhase.HELD))
            self._taken_over = True

    async def begin(self) -> None:
        """Begin a run of the handler, once it is known of every call whether it happened.

        Raises:
            StepFailed: nobody can tell.
            Retriable: it may be told later.
        """
        if self._begun:
            self._run, self._showing, self.calls = Run(self._record), Showing(), Calls()
        self._begun = True
        for place, claim in list(self._record.claimed.items()):
            told = await what_became_of(self._tool(claim.name), claim)
            phase = EffectPhase.DONE if isinstance(told, Done) else EffectPhase.RELEASED
            answer = told.answer if isinstance(told, Done) else None
            log.info("effect.reconciled", tool=claim.name, key=claim.key, phase=phase.value)
            await self._put(self._entry(phase, "call", claim.name, place, answer=answer))

    async def doubt(self) -> Failure | None:
        """Return the failure of an attempt that ends, and nobody knows of a call of it whether it happened.

        Raises:
            LeaseLost: another worker holds the attempt now, and finds out.
        """
        if not self._record.claimed:
            return None
        await self.take_over()  # its time may have run out before that was done
        try:
            await self.begin()
        except StepFailed as error:
            return error.failure
        except Retriable as error:
            return Failure(kind=FailureClass.IN_DOUBT, message=f"{self.open_claim()} ({error})")
        return None

    def open_claim(self) -> str:
        """Return what a person should know of a call in doubt; empty where there is none."""
        return next((in_doubt(claim) for claim in self._record.claimed.values()), "")

    async def ask(self, model: LanguageModel, turns: Sequence[Turn], name: str | None = None) -> Answer:
        """Return the model's answer to a conversation, from the record if it is there."""
        await self._look_first()
        name = name or DEFAULT_MODEL
        shown = self._showing.asked(turns)
        with self._run.taking(digest_of("ask", name, [[turn.role, turn.text] for turn in turns])) as place:
            effect = self._run.recall(place)
            if effect is None:
                refuse_if_spent(self._order.left, self._record.committed, calls=False)
                effect = await self._asked(model, turns, name, place, shown)
            return Answer(str(effect.answer), effect.usage.tokens_in, effect.usage.tokens_out)

    async def _asked(
        self, model: LanguageModel, turns: Sequence[Turn], name: str, place: Place, shown: dict[str, float]
    ) -> Effect:
        try:
            with self.met.under_way(name, FaultClass.ENVIRONMENT, place.call):
                heard = await model.ask(turns, name)
        except (ModelBusy, ModelRefused) as error:
            await self._raised("ask", name, place, error)
            if isinstance(error, ModelBusy):
                raise Retriable(str(error), wait=error.wait) from error
            raise StepFailed(FailureClass.POLICY, str(error)) from error
        usage = Usage(model_calls=1, tokens_in=heard.tokens_in, tokens_out=heard.tokens_out)
        told: dict[str, Any] = {"answer": readable(heard.text), "usage": usage, "shown": shown}
        told["untrusted"] = self.trust.untrusted
        if self._tools and not self._record.done:
            told["offered"] = tuple(sorted(self._tools))
        effect = self._entry(EffectPhase.DONE, "ask", name, place, **told)
        await self._put_at_last(effect)
        return effect

    async def call[T](self, tool: Tool[T], arguments: dict[str, Any]) -> T:
        """Return what a tool answers, from the record if it is there."""
        await self._look_first()
        read, written = await self._fitting(tool, arguments)
        with self._run.taking(digest_of("call", tool.name, written)) as place:
            effect = self._run.recall(place)
            self.trust.call(tool)
            again = effect is None and self.calls.knows(place.call)
            if effect is None:
                refuse_if_spent(self._order.left, self._record.committed, calls=True)
                await self._make(tool, *self.trust.signed(read, written), place)
                effect = self._run.recall(place)
            assert effect is not None, "how a call ended is on record"
            self.calls.hear(tool, effect, again=again)
            return self._said(tool, effect)

    async def _fitting(self, tool: Tool[Any], arguments: dict[str, Any]) -> tuple[dict[str, Any], Json]:
        """Return a call's arguments as the tool wants them, and as JSON.

        Raises:
            StepFailed: the role may not call it.
            Misuse: they do not fit.
        """
        try:
            if self._tool(tool.name) is not tool:
                raise not_allowed(self._order.role, tool.name)
            read = tool.read(arguments)
            written = tool.written(read)
        except (Misuse, StepFailed) as error:
            await self._raised("call", tool.name, Place("", 0), error, given(arguments))
            raise
        return read, written

    def _said[T](self, tool: Tool[T], effect: Effect) -> T:
        """Return what a tool has answered, or raise what it said instead."""
        try:
            answer = said(tool, effect)
        except ToolFailed as error:
            self.met.note(error, effect.source or source_of(error, tool.name, call=effect.call))
            raise
        if tool.name in self._tools:
            self._showing.answered(effect.call, effect.answer)
        self.trust.hear(answer)
        return answer

    async def _raised(
        self, what: What, name: str, place: Place, error: Exception, arguments: Json | None = None
    ) -> None:
        """Put on record that a call was not answered, for whoever asks later whose fault it was."""
        source = error.failure.source if isinstance(error, StepFailed) else None
        source = source or source_of(error, name, call=place.call)
        self.met.note(error, source)
        failure = sentence_of(error)
        entry = self._entry(EffectPhase.RAISED, what, name, place, failure=failure, source=source, arguments=arguments)
        await self._put(entry)

    async def _make(self, tool: Tool[Any], read: dict[str, Any], written: Json, place: Place) -> None:
        """Make a call, and put on record how it ended."""
        if not tool.changes:
            try:
                with self.met.under_way(tool.name, FaultClass.TOOL, place.call):
                    answer = await tool.make(read, "")
            except Exception as error:
                await self._raised("call", tool.name, place, error, written)
                raise
            end = {"arguments": written} | kept(tool, answer)
            await self._put_at_last(self._entry(EffectPhase.DONE, "call", tool.name, place, **end))
            return
        key = key_of(self._bus.ns, self._order, place)
        claim = self._entry(EffectPhase.CLAIMED, "call", tool.name, place, key=key, arguments=written)
        await self._claim(claim)
        try:
            with self.met.under_way(tool.name, FaultClass.TOOL, place.call):
                answer = await tool.make(read, key)
        except (Retriable, StepFailed) as error:  # it says so in our own words: nothing has happened
            source = source_of(error, tool.name, call=place.call)
            self.met.note(error, source)
            end = {"failure": sentence_of(error), "source": source}
            await self._put_at_last(self._entry(EffectPhase.RELEASED, "call", tool.name, place, **end))
            raise
        except Exception as error:
            log.info("tool.failed", tool=tool.name, exc_info=error)
            told = await what_became_of(tool, claim) if tool.leaves_in_doubt(error) else NotDone()
            phase = EffectPhase.DONE if isinstance(told, Done) else EffectPhase.FAILED
            source = source_of(error, tool.name, call=place.call)
            no = {"failure": sentence_of(error), "source": source}
            end = {"answer": told.answer} if isinstance(told, Done) else no
        else:
            phase, end = EffectPhase.DONE, kept(tool, answer)
        await self._put_at_last(self._entry(phase, "call", tool.name, place, **end))

    async def _claim(self, claim: Effect) -> None:
        """Claim a call, and hear at once that the claim stands: whoever hears it late may have a successor by then."""
        while True:
            asked = anyio.current_time()
            await self._put(claim)
            if anyio.current_time() - asked < FRESH:
                return
            log.info("claim.heard_late", tool=claim.name, key=claim.key)

    async def _put_at_last(self, effect: Effect) -> None:
        """Put on record how a call ended, even if we are being cancelled: it will not be asked for again."""
        try:
            await self._put(effect)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True), anyio.move_on_after(LAST_WORDS):
                await self._put(effect)
            raise

    async def _put(self, effect: Effect) -> None:
        """Put an entry on record behind all that is there.

        Raises:
            LeaseLost: another worker holds the attempt now.
            BusUnreachable: no answer for a minute.
        """
        bus, subject = self._bus, self._subject
        id_ = f"{subject}-{self._delivery}-{effect.call}-{effect.occurrence}-{effect.phase}"
        async with self._lock:
            while True:
                self.refuse_if_lost()
                self._record.refuse_to_begin(effect)
                try:
                    self._seen = await bus.publish(subject, effect, id=id_, cause=self._cause, guard=self._seen)
                except GuardLost:
                    if not await self._catch_up(subject, effect):
                        continue
                else:
                    self._record.take(effect)
                return

    async def _catch_up(self, subject: Subject, effect: Effect) -> bool:
        """Read on behind the last entry that was seen; True if `effect` itself is there: only its receipt was lost."""
        ours = False
        for stored in await self._news(subject):
            self._seen = stored.seq
            found = await self._bus.message(Effect, stored)
            if found is None:
                continue  # somebody has written what nobody can read, and it means nothing
            later = found.phase is EffectPhase.HELD and found.delivery > self._delivery
            rival = found.worker != self._bus.name and found.delivery >= self._delivery
            if later or rival:
                self._lost = True
                raise LeaseLost
            self._record.take(found)
            ours = ours or found == effect
        return ours

    async def _news(self, subject: Subject) -> list[Stored]:
        """Return the entries behind the last one that was seen, of which there must be some.

        Raises:
            LeaseLost: there are none, so that the record is not the one that we have begun.
        """
        for _ in range(LOOKS):
            if found := await self._bus.record([str(subject)], after=self._seen):
                return found
            await anyio.sleep(LAG)
        self._lost = True
        raise LeaseLost

    def _entry(
        self,
        phase: EffectPhase,
        what: What | None = None,
        name: str = "",
        place: Place = Place("", 0),  # noqa: B008 - frozen
        **told: Any,
    ) -> Effect:
        order = self._order
        told |= {"goal": order.goal, "step": order.step, "attempt": order.attempt, "role": order.role}
        told |= {"worker": self._bus.name, "delivery": self._delivery}
        return Effect(phase=phase, what=what, name=name, call=place.call, occurrence=place.occurrence, **told)
