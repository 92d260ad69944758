"""A support desk that pays: its ledger, its model, and what is on the record of its attempt."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from loopwright.bus import Bus
from loopwright.bus.effects import Effect
from loopwright.bus.messages import StepOrder
from loopwright.bus.subjects import Subject
from loopwright.tools.model import Answer, ModelBusy, Turn

ORDER = StepOrder(goal="g1", loop="shop", step="work", attempt=1, role="support")
SUBJECT = Subject.of("effect", ns="default", goal="g1", step="work", attempt=1, role="support")


@dataclass
class Ledger:
    """What has happened outside, payment by payment."""

    paid: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    @property
    def amounts(self) -> list[int]:
        return [amount for _, amount in self.paid]


@dataclass
class Script:
    """A model that counts how often it is asked."""

    asked: list[str] = field(default_factory=list[str])
    busy: int = 0

    async def ask(self, turns: Sequence[Turn], model: str | None = None) -> Answer:
        self.asked.append(turns[-1].text)
        if len(self.asked) <= self.busy:
            raise ModelBusy("later", wait=0.01)
        return Answer(f"{model} has heard {turns[-1].text}", 10, 1)


async def on_record(bus: Bus, subject: Subject = SUBJECT) -> list[tuple[str, int]]:
    found = [await bus.message(Effect, stored) for stored in await bus.record([str(subject)])]
    return [(str(each.phase), each.delivery) for each in found if each is not None]
