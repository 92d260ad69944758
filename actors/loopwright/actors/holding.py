"""One worker's hold on an attempt, through which its calls are made and go on record.

Every entry is written behind the last one that this holder has seen. Whoever takes an attempt over says so on its
record first: so a holder that comes back from the dead is refused at its next entry, and since a call that changes
something is claimed before it is made, it makes none any more. One that is frozen in the very moment between hearing
that its claim stands and the call may still make that one, late: the key is what tells the tool then.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import anyio
import structlog

from loopwright.actors.effects import EffectRecord, Place, Run, digest_of, in_doubt, key_of
from loopwright.actors.errors import LeaseLost, Retriable, StepFailed
from loopwright.actors.memory import Memory
from loopwright.bus.connection import LEASE, Bus
from loopwright.bus.errors import GuardLost, Unreadable
from loopwright.bus.messages import Effect, EffectPhase, Failure, FailureClass, Json, StepOrder, Usage
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import Subject
from loopwright.tools.errors import ToolError, ToolFailed
from loopwright.tools.model import DEFAULT_MODEL, Answer, LanguageModel, ModelBusy, ModelRefused, Turn
from loopwright.tools.tool import Done, NotDone, Tool

log = structlog.get_logger()

RECONCILE = 10.0
"""Seconds that finding out about one call may take."""
ASK_AGAIN = 1.0
"""Seconds until somebody is asked again who could not tell."""
FRESH = LEASE / 2
"""Seconds after a claim in which nobody else can hold the attempt: our last sign of life was a third of a lease ago."""
LAST_WORDS = 2.0
"""Seconds to put on record how a call ended while we are being cancelled."""
LOOKS = 5
"""Times to look for what has refused an entry before we give way to it unseen."""
LAG = 0.1
"""Seconds between two looks: a replica may be behind."""
SENTENCE = 2000
"""Characters of a tool's error that are kept."""


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
        cause: str = "",
    ) -> None:
        self.memory = memory or Memory(bus)
        """What every role may call besides its tools."""
        self._bus = bus
        self._order = order
        self._tools = {each.name: each for each in tools}
        self._delivery = delivery
        self._cause = cause
        self._record = EffectRecord()
        self._run = Run(self._record)
        self._lock = anyio.Lock()
        self._seen = 0
        self._lost = False
        self._looked = delivery > 1
        self._taken_over = delivery == 1

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

        A broker that was killed forgets what it has handed out, and hands it out for the first time again; the next
        time it is the second, and then the record is taken over.

        Raises:
            LeaseLost: another worker holds the attempt, or held it.
        """
        self.refuse_if_lost()
        if not self._looked:
            self._looked = True
            stored = await self._bus.last(self._subject)
            found = await self._bus.message(Effect, stored) if stored else None
            self._lost = found is not None and found.worker != self._bus.name
            self.refuse_if_lost()

    def _tool(self, name: str) -> Tool[Any] | None:
        """Return what may be called by a name."""
        return self._tools.get(name) or self.memory.tools.get(name)

    @property
    def _subject(self) -> Subject:
        order = self._order
        told: dict[str, str | int] = {"goal": order.goal, "step": order.step, "attempt": order.attempt}
        return Subject.of("effect", ns=self._bus.ns, role=order.role, **told)

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
        self._run = Run(self._record)
        for place, claim in list(self._record.claimed.items()):
            told = await self._find_out(claim)
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
        with self._run.taking(digest_of("ask", name, [[turn.role, turn.text] for turn in turns])) as place:
            effect = self._run.recall(place)
            if effect is None:
                effect = await self._asked(model, turns, name, place)
            return Answer(str(effect.answer), effect.usage.tokens_in, effect.usage.tokens_out)

    async def _asked(self, model: LanguageModel, turns: Sequence[Turn], name: str, place: Place) -> Effect:
        try:
            heard = await model.ask(turns, name)
        except ModelBusy as error:
            raise Retriable(str(error), wait=error.wait) from error
        except ModelRefused as error:
            raise StepFailed(FailureClass.POLICY, str(error)) from error
        usage = Usage(model_calls=1, tokens_in=heard.tokens_in, tokens_out=heard.tokens_out)
        effect = self._entry(EffectPhase.DONE, "ask", name, place, answer=readable(heard.text), usage=usage)
        await self._put_at_last(effect)
        return effect

    async def call[T](self, tool: Tool[T], arguments: dict[str, Any]) -> T:
        """Return what a tool answers, from the record if it is there."""
        await self._look_first()
        if self._tool(tool.name) is not tool:
            why = f"the role {self._order.role} may not call {tool.name}: it is not among its tools"
            raise StepFailed(FailureClass.POLICY, why)
        read = tool.read(arguments)
        written = tool.written(read)
        with self._run.taking(digest_of("call", tool.name, written)) as place:
            effect = self._run.recall(place)
            if effect is None:
                await self._make(tool, read, written, place)
                effect = self._run.recall(place)
            assert effect is not None, "how a call ended is on record"
            return said(tool, effect)

    async def _make(self, tool: Tool[Any], read: dict[str, Any], written: Json, place: Place) -> None:
        """Make a call, and put on record how it ended."""
        if not tool.changes:
            answer = await tool.make(read, "")
            await self._put_at_last(self._entry(EffectPhase.DONE, "call", tool.name, place, **kept(tool, answer)))
            return
        key = key_of(self._bus.ns, self._order, place)
        claim = self._entry(EffectPhase.CLAIMED, "call", tool.name, place, key=key, arguments=written)
        await self._claim(claim)
        try:
            answer = await tool.make(read, key)
        except (Retriable, StepFailed):  # it says so in our own words: nothing has happened
            await self._put_at_last(self._entry(EffectPhase.RELEASED, "call", tool.name, place))
            raise
        except Exception as error:
            failure = readable(f"{type(error).__name__}: {error}"[:SENTENCE])
            log.info("tool.failed", tool=tool.name, exc_info=error)
            told = await self._find_out(claim) if tool.leaves_in_doubt(error) else NotDone()
            phase = EffectPhase.DONE if isinstance(told, Done) else EffectPhase.FAILED
            end = {"answer": told.answer} if isinstance(told, Done) else {"failure": failure}
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

    async def _find_out(self, claim: Effect) -> Done | NotDone:
        """Return whether a call happened whose end nobody saw.

        Raises:
            StepFailed: nobody can tell.
            Retriable: it may be told later.
        """
        tool = self._tool(claim.name)
        if tool is None or not tool.can_tell:
            raise StepFailed(FailureClass.IN_DOUBT, in_doubt(claim))
        try:
            with anyio.fail_after(RECONCILE):
                return await tool.what_happened(claim.key, claim.arguments or {})
        except (Retriable, StepFailed):
            raise
        except Exception as error:
            log.warning("reconcile.failed", tool=tool.name, key=claim.key, exc_info=error)
            why = f"whether {tool.name} has happened cannot be told now: {type(error).__name__}: {error}"
            raise Retriable(why[:SENTENCE], wait=ASK_AGAIN) from error

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
        what: Literal["ask", "call"] | None = None,
        name: str = "",
        place: Place = Place("", 0),  # noqa: B008 - frozen
        **told: Any,
    ) -> Effect:
        order = self._order
        return Effect(
            goal=order.goal,
            step=order.step,
            attempt=order.attempt,
            role=order.role,
            phase=phase,
            worker=self._bus.name,
            delivery=self._delivery,
            what=what,
            name=name,
            call=place.call,
            occurrence=place.occurrence,
            **told,
        )


def kept[T](tool: Tool[T], answer: T) -> dict[str, Any]:
    """Return what goes on record of a call that was made: its answer, or why that cannot be kept."""
    try:
        return {"answer": tool.kept(answer)}
    except ToolError as error:
        log.warning("answer.not_kept", tool=tool.name, reason=str(error))
        return {"failure": readable(str(error)[:SENTENCE])}


def said[T](tool: Tool[T], effect: Effect) -> T:
    """Return what a tool has answered, according to the record.

    Raises:
        ToolFailed: it said no.
        StepFailed: it was called, and its answer could not be kept, or is none of those that it gives now.
    """
    if effect.phase is EffectPhase.FAILED:
        raise ToolFailed(tool.name, effect.failure)
    if effect.failure:
        raise StepFailed(FailureClass.UNREADABLE, f"what {tool.name} has answered is lost: {effect.failure}")
    try:
        return tool.answered(effect.answer)
    except Unreadable as error:
        raise StepFailed(FailureClass.UNREADABLE, str(error)) from error


def readable(text: str) -> str:
    """Return a text that can be written as UTF-8, whatever it was made of."""
    return text.encode(errors="replace").decode()
