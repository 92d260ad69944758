"""One worker's hold on an attempt, through which its calls are made and go on record.

A holder that comes back from the dead is refused at its next entry, and since a call that changes something is claimed
before it is made, it makes none any more; nor does it ask a model, which is paid, before it has made sure that nobody
has been here. One that is frozen in the very moment between that and the call may still make that one, late: the key is
what tells the tool then.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, ClassVar

import structlog

from loopwright.actors.children import Children
from loopwright.actors.consulting import SAYS, Break, outcome_of, phase_of, question_of, replies
from loopwright.actors.effects import Place, Run, digest_of, in_doubt, key_of
from loopwright.actors.errors import LeaseLost, Retriable, StepFailed
from loopwright.actors.finding_out import what_became_of
from loopwright.actors.kept import (
    asks_nobody,
    denied,
    given,
    kept,
    not_allowed,
    readable,
    refused_by_a_person,
    said,
    sentence_of,
)
from loopwright.actors.leases import Leases
from loopwright.actors.memory import Memory
from loopwright.actors.met import Met
from loopwright.actors.pen import Pen
from loopwright.actors.purse import refuse_if_spent
from loopwright.actors.showing import Showing
from loopwright.actors.stale import Calls
from loopwright.actors.stint import Stint
from loopwright.actors.trust import Trust
from loopwright.bus.connection import Bus
from loopwright.bus.effects import Effect, EffectPhase, What
from loopwright.bus.messages import Failure, FailureClass, FaultClass, Json, StepOrder, Usage
from loopwright.bus.plain import JsonValue
from loopwright.tools.errors import Misuse, ToolFailed
from loopwright.tools.model import DEFAULT_MODEL, Answer, LanguageModel, ModelBusy, ModelRefused, Turn
from loopwright.tools.symptoms import source_of
from loopwright.tools.tool import Done, NotDone, Tool

log = structlog.get_logger()


class Holding:
    """The calls of one attempt, as long as one worker holds it. Nothing is written or read before the first."""

    pen: ClassVar[type[Pen]] = Pen
    """What its calls go on record with."""

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
        leases: Leases | None = None,
    ) -> None:
        self.memory = memory or Memory(bus)
        """What every role may call besides its tools."""
        self._bus = bus
        self._order = order
        self._own_tools = tools
        self._pen = self.pen(bus, order, delivery=delivery, new=new, cause=cause, leases=leases)
        self._record = self._pen.record
        self.trust = Trust(untrusted=order.untrusted)
        self.stint = Stint()
        """The time that there is for it."""
        self._begun = False

    @cached_property
    def _tools(self) -> dict[str, Tool[Any]]:
        """The tools of the role by their names. It and what follows is made by the first call, and many make none."""
        return {each.name: each for each in self._own_tools}

    @cached_property
    def _run(self) -> Run:
        """The run of the handler through the record."""
        return Run(self._record)

    @cached_property
    def _showing(self) -> Showing:
        """What of the answers is shown to models."""
        return Showing()

    @cached_property
    def calls(self) -> Calls:
        """The calls of that run."""
        return Calls()

    @cached_property
    def met(self) -> Met:
        """What its calls have met."""
        return Met()

    @cached_property
    def pause(self) -> Break:
        """Where people are asked, and the run of the handler ends."""
        return Break(self.stint)

    @cached_property
    def children(self) -> Children:
        """The goals that it submits; most attempts submit none."""
        put, entry = self._pen.put, self._pen.entry
        return Children(self._bus, self._order, self._record, put, entry, self._begin_goal, self.trust)

    @property
    def has_children(self) -> bool:
        """Whether it has submitted any."""
        return bool(self._record.goals)

    @property
    def spent(self) -> Usage:
        """What all calls on record took together, those of earlier holders included."""
        return self._record.spent

    def refuse_if_lost(self) -> None:
        """Raise if another worker holds the attempt now.

        Raises:
            LeaseLost: it does.
        """
        self._pen.refuse_if_lost()

    async def refuse_if_taken(self) -> None:
        """Raise if another worker has taken the attempt over, where that may be.

        Raises:
            LeaseLost: one has.
        """
        await self._pen.refuse_if_taken()

    async def take_over(self) -> None:
        """Read what earlier holders have put on record, if they have; they can write no more.

        Raises:
            LeaseLost: there is a later holder already.
        """
        await self._pen.take_over()

    async def call_off(self) -> None:
        """Call off the goals that were submitted in this attempt, by whomever: nobody waits for what comes of it."""
        try:
            await self.take_over()  # it may have been called off before that was done
        except LeaseLost:
            return
        if self.has_children:
            await self.children.call_off()

    async def _begin_call(self) -> None:
        """Begin no call where people are asked, nor where another worker has been.

        Raises:
            LeaseLost: one has.
        """
        if self.pause.questions:
            await self.pause.wait()
        await self._pen.look_first()

    async def _begin_goal(self) -> None:
        """Begin to submit no goal there either."""
        with self.pause:
            await self._begin_call()

    def _tool(self, name: str) -> Tool[Any] | None:
        """Return what may be called by a name."""
        return self._tools.get(name) or self.memory.tools.get(name)

    async def begin(self) -> None:
        """Begin a run of the handler, once it is known of every call whether it happened.

        Raises:
            StepFailed: nobody can tell.
            Retriable: it may be told later.
        """
        if self._begun:
            self._run, self._showing, self.calls, self.pause = Run(self._record), Showing(), Calls(), Break(self.stint)
        self._begun = True
        for place, claim in list(self._record.claimed.items()):
            told = await what_became_of(self._tool(claim.name), claim)
            phase = EffectPhase.DONE if isinstance(told, Done) else EffectPhase.RELEASED
            answer = told.answer if isinstance(told, Done) else None
            log.info("effect.reconciled", tool=claim.name, key=claim.key, phase=phase.value)
            await self._pen.put(self._pen.entry(phase, "call", claim.name, place, answer=answer))
        if self._order.replies:
            await self._take_replies()

    async def _take_replies(self) -> None:
        """Put on record what people have said since the attempt was laid aside."""
        async for asked, reply in replies(self._bus, self._order, self._record):
            place, said = Place(asked.call, asked.occurrence), outcome_of(asked, reply)
            entry = self._pen.entry(phase_of(asked, reply), asked.what, asked.name, place, person=asked.person, **said)
            await self._pen.put(entry)

    async def doubt(self) -> Failure | None:
        """Return the failure of an attempt that ends, and nobody knows of a call of it whether it happened.

        Raises:
            LeaseLost: another worker holds the attempt now, and finds out.
        """
        await self.take_over()  # its time may have run out, or it was called off, before that was done
        if not self._record.claimed:
            return None
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
        with self.pause:
            await self._begin_call()
            return await self._ask(model, turns, name or DEFAULT_MODEL)

    async def _ask(self, model: LanguageModel, turns: Sequence[Turn], name: str) -> Answer:
        shown = self._showing.asked(turns)
        with self._run.taking(digest_of("ask", name, [[turn.role, turn.text] for turn in turns])) as place:
            effect = self._run.recall(place)
            if effect is None:
                refuse_if_spent(self._order.left, self._record.committed, calls=False)
                effect = await self._asked(model, turns, name, place, shown)
            took = effect.usage
            return Answer(str(effect.answer), took.tokens_in, took.tokens_out, None if took.unpriced else took.cost)

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
        price = {"unpriced": 1} if heard.cost is None else {"cost": heard.cost}
        usage = Usage(model_calls=1, tokens_in=heard.tokens_in, tokens_out=heard.tokens_out, **price)
        told: dict[str, Any] = {"answer": readable(heard.text), "usage": usage, "shown": shown}
        told["untrusted"] = self.trust.untrusted
        if self._tools and not self._record.done:
            told["offered"] = tuple(sorted(self._tools))
        effect = self._pen.entry(EffectPhase.DONE, "ask", name, place, **told)
        await self._pen.put_at_last(effect)
        return effect

    async def call[T](self, tool: Tool[T], arguments: dict[str, Any]) -> T:
        """Return what a tool answers, from the record if it is there."""
        with self.pause:
            await self._begin_call()
            return await self._call(tool, arguments)

    async def _call[T](self, tool: Tool[T], arguments: dict[str, Any]) -> T:
        read, written = await self._fitting(tool, arguments)
        with self._run.taking(digest_of("call", tool.name, written)) as place:
            effect = self._run.recall(place)
            self.trust.call(tool)
            again = effect is None and self.calls.knows(place.call)
            if effect is None:
                refuse_if_spent(self._order.left, self._record.committed, calls=True)
                if tool.approve:
                    await self._agreed("call", tool.name, place, tool.approve, written)
                    read = tool.read_again(written)  # exactly what was shown
                await self._make(tool, *self.trust.signed(read, written), place)
                effect = self._run.recall(place)
            assert effect is not None, "how a call ended is on record"
            self.calls.hear(tool, effect, again=again)
            return self._said(tool, effect)

    async def ask_person(self, role: str, says: JsonValue) -> JsonValue:
        """Return what a person answers, from the record if it is there."""
        with self.pause:
            await self._begin_call()
            with self._run.taking(digest_of("person", role, says)) as place:
                effect = self._run.recall(place)
                if effect is None:
                    await self._agreed("person", role, place, role, {SAYS: says})
                    effect = self._run.recall(place)
                assert effect is not None, "a question that was answered is done"
                return effect.answer

    async def _agreed(self, what: What, name: str, place: Place, person: str, arguments: Json) -> None:
        """Return once a person has agreed to a call: not in this run of the handler, if nobody has been asked yet."""
        if self._order.judge is not None:
            raise StepFailed(FailureClass.POLICY, asks_nobody(self._order.role, name))
        if (said := self._record.replied.get(place)) is None:
            if place not in self._record.asked:
                told = {"person": person, "arguments": arguments, "untrusted": self.trust.untrusted}
                await self._pen.put(self._pen.entry(EffectPhase.ASKED, what, name, place, **told))
            await self.pause.ask(question_of(self._record.asked[place]))
        elif said.phase is EffectPhase.DENIED:
            error = denied(said)
            self.met.note(error, refused_by_a_person(said))
            raise error

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
        entry = self._pen.entry(
            EffectPhase.RAISED, what, name, place, failure=failure, source=source, arguments=arguments
        )
        await self._pen.put(entry)

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
            await self._pen.put_at_last(self._pen.entry(EffectPhase.DONE, "call", tool.name, place, **end))
            return
        key = key_of(self._bus.ns, self._order, place)
        claim = self._pen.entry(EffectPhase.CLAIMED, "call", tool.name, place, key=key, arguments=written)
        await self._pen.claim(claim)
        try:
            with self.met.under_way(tool.name, FaultClass.TOOL, place.call):
                answer = await tool.make(read, key)
        except (Retriable, StepFailed) as error:  # it says so in our own words: nothing has happened
            source = source_of(error, tool.name, call=place.call)
            self.met.note(error, source)
            end = {"failure": sentence_of(error), "source": source}
            await self._pen.put_at_last(self._pen.entry(EffectPhase.RELEASED, "call", tool.name, place, **end))
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
        await self._pen.put_at_last(self._pen.entry(phase, "call", tool.name, place, **end))
