"""Calls inside an attempt that bring nothing new: the same call has had the same answer before.

As long as something new comes of every few calls, going back to an old one is no repetition; nor is asking again what
answers differently. So it does not matter how long an agent works, nor whether it goes round alone or in a circle.
Neither calls that are made at once count, which do not know of each other's answers, nor those that are answered from
the record.
"""

from typing import Any

from loopwright.actors.errors import StepFailed
from loopwright.actors.fingerprint import of_output
from loopwright.bus.effects import Effect
from loopwright.bus.messages import FailureClass
from loopwright.tools.tool import Tool

STALE = 5
"""So many calls in a row that bring nothing new end an attempt. In 200 recorded runs of an agent that books flights, a
successful one never made more than one."""
NUDGE = 2
"""From so many on, the agent is told."""
REMEMBERED = 1024
"""Calls of an attempt that are remembered."""
ANSWERS = 8
"""Answers to each that are."""
WARNING = "Do something else, or finish with what there is."


class Calls:
    """The calls of one run of a handler, with what they brought."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, ...]] = {}
        self.stale = 0
        """Calls in a row, up to the last, that brought nothing new."""

    @property
    def nudge(self) -> str:
        """What whoever makes the calls should know, once the last few brought nothing new; else empty."""
        return f"The last {self.stale} calls brought nothing new. {WARNING}" if self.stale >= NUDGE else ""

    def take(self, call: str, answer: str, *, again: bool = True) -> int:
        """Take in a call and its answer, both told by their digests; return how many now bring nothing new.

        `again` tells whether it was made although it had been answered before.
        """
        answers = self._known.pop(call, ())
        if answer not in answers:
            self.stale = 0
        elif again:
            self.stale += 1
        self._known[call] = (*answers, answer)[-ANSWERS:] if answer not in answers else answers
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        return self.stale

    def knows(self, call: str) -> bool:
        """Tell whether a call was answered before."""
        return call in self._known

    def hear(self, tool: Tool[Any], effect: Effect, *, again: bool) -> None:
        """Take in how a call ended; a tool that one asks again until it says otherwise does not count.

        Raises:
            StepFailed: call after call brings nothing new.
        """
        if tool.polls:
            return
        answer = of_output([effect.phase, effect.answer, effect.failure])
        if self.take(effect.call, answer, again=again) >= STALE:
            why = f"{STALE} calls in a row, the last one of {tool.name}, brought nothing new"
            raise StepFailed(FailureClass.STUCK, f"{why}. {WARNING}")
