"""People who are asked in the middle of an attempt, as its worker sees it.

A person may take days, so nobody waits: what is asked goes on record, this run of the handler ends, and another one
goes through the record again when there is a reply. It ends by being cancelled, so that no handler takes it for an
error of its own; and not before every call is over that is under way beside the question, for those are paid.
"""

from collections.abc import AsyncIterator

import anyio

from loopwright.actors.effects import EffectRecord, Place
from loopwright.actors.errors import Retriable
from loopwright.actors.stint import Stint
from loopwright.bus.connection import Bus
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.messages import StepOrder
from loopwright.bus.plain import JsonValue
from loopwright.bus.questions import Question, Reply
from loopwright.bus.subjects import Subject

SAYS = "says"
"""Under which name the record holds what a person is asked, where it is no call."""


class Break:
    """The end of a run of the handler in which people are asked: entered for each call, left after it."""

    def __init__(self, stint: Stint) -> None:
        self.questions: list[Question] = []
        self.is_taken = False
        """Whether the handler was left so."""
        self._calls = 0
        self._stint = stint

    def __enter__(self) -> None:
        self._calls += 1

    def __exit__(self, *_: object) -> None:
        self._calls -= 1
        self._leave()

    async def ask(self, question: Question) -> None:
        """Ask a person; never returns."""
        if question not in self.questions:
            self.questions.append(question)
        await self.wait()

    async def wait(self) -> None:
        """Wait inside a call for the run to end."""
        self._calls -= 1
        try:
            self._leave()
            await anyio.sleep_forever()
        finally:
            self._calls += 1

    def _leave(self) -> None:
        if self.questions and not self._calls and not self._stint.is_over:
            self.is_taken = True
            self._stint.cut_short()


def question_of(asked: Effect) -> Question:
    """Return what a person is asked, according to the record."""
    told = asked.arguments or {}
    about = {"tool": asked.name, "arguments": told} if asked.what == "call" else {"says": told.get(SAYS)}
    return Question(person=asked.person, occurrence=asked.occurrence, untrusted=asked.untrusted, **about)


async def replies(bus: Bus, order: StepOrder, record: EffectRecord) -> AsyncIterator[tuple[Effect, Reply]]:
    """Yield each reply that an order brings to what is asked on record, and is not on record itself.

    Raises:
        Retriable: it is not to be seen yet.
    """
    for asked in list(record.asked.values()):
        digest = question_of(asked).digest_in(order.goal, order.step, order.attempt)
        seq = (order.replies or {}).get(digest)
        place = Place(asked.call, asked.occurrence)
        if seq is not None and place not in record.replied and place not in record.done:
            yield asked, await reply_at(bus, order, digest, seq)


async def reply_at(bus: Bus, order: StepOrder, digest: str, seq: int) -> Reply:
    """Return the reply at a place in the stream; whatever stands behind it on the same subject does not count."""
    told: dict[str, str | int] = {"goal": order.goal, "step": order.step, "attempt": order.attempt}
    subject = str(Subject.of("reply", ns=bus.ns, digest=digest, **told))
    for stored in await bus.record([subject], after=seq - 1, upto=seq):
        if stored.seq == seq and (found := await bus.message(Reply, stored)) is not None:
            return found
    raise Retriable(f"the reply at {seq} is not visible yet", wait=0.2)


def phase_of(asked: Effect, reply: Reply) -> EffectPhase:
    """Return how far a call has come once a person has replied."""
    if not reply.approved:
        return EffectPhase.DENIED
    return EffectPhase.APPROVED if asked.what == "call" else EffectPhase.DONE


def outcome_of(asked: Effect, reply: Reply) -> dict[str, JsonValue]:
    """Return what goes on record of a reply."""
    if not reply.approved:
        return {"failure": reply.why}
    return {} if asked.what == "call" else {"answer": reply.output}
