"""Who acts in a simulated world: the loops, and handlers whose behaviour follows from the seed."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import anyio

from loopwright.actors import (
    Attempt,
    Bounds,
    Loop,
    Person,
    PlannedStep,
    Retriable,
    Step,
    StepFailed,
    Verdict,
    Worker,
    evaluator,
    worker,
)
from loopwright.bus.messages import FailureClass
from loopwright.tools import Denied, Done, IdempotencyKey, NotDone, Tool, tool
from loopwright.tools.model import Answer, Turn

BOUNDS = Bounds(attempts=3, deadline=12.0, step_timeout=3.0, patience=3, failures=2)
FORSAKEN = Loop(
    name="forsaken",
    work="make",
    judges=("near",),
    bounds=BOUNDS.model_copy(update={"unserved": 12.0, "deadline": 40.0}),
)
"""The one that does not wait for its deadline where nobody serves a role."""
WOVEN = (
    PlannedStep(name="list"),
    PlannedStep(name="part", each="list"),
    PlannedStep(name="side", needs=("list",)),
    PlannedStep(name="whole", needs=("part", "side")),
)
"""Steps that are under way together; the first makes a list."""
NESTED = (
    PlannedStep(name="own"),
    PlannedStep(name="below", loop="plain"),
    PlannedStep(name="beside", needs=("own",), loop="plain", input={"target": 2}),
)
"""Steps of which two are goals of their own."""
LOOPS = (
    Loop(name="plain", work="make", judges=("near",), bounds=BOUNDS),
    Loop(name="judged", work="make", judges=("near", "far"), acceptance="accept", bounds=BOUNDS),
    Loop(name="wide", work="make", judges=("near", "far"), bounds=BOUNDS.model_copy(update={"width": 3})),
    Loop(name="measured", work="make", judges=("near",), acceptance="accept", baseline=True, bounds=BOUNDS),
    Loop(name="voting", work="make", judges=("near", "far"), vote="any", checks=("sure",), bounds=BOUNDS),
    Loop(name="planned", plan="plan", work="make", judges=("near",), bounds=BOUNDS),
    Loop(name="nested", steps=NESTED, work="make", judges=("near",), bounds=BOUNDS.model_copy(update={"attempts": 9})),
    Loop(name="woven", steps=WOVEN, work="make", judges=("near",), bounds=BOUNDS.model_copy(update={"attempts": 9})),
    Loop(
        name="raced",
        work="make",
        judges=("near",),
        steps=(PlannedStep(name="one", race=3), PlannedStep(name="two", race=2, checks=("sure",), judges=())),
        evaluators=("sure",),
        bounds=BOUNDS.model_copy(update={"attempts": 9}),
    ),
    Loop(
        name="asked",
        work="make",
        judges=("near", "boss"),
        people={"boss": Person(within=1.0, default=True)},
        bounds=BOUNDS,
    ),
    Loop(
        name="questioned",
        work="owner",
        judges=("near",),
        people={"owner": Person(within=0.5, default={"number": 1})},
        bounds=BOUNDS,
    ),
    Loop(
        name="approved",
        work="make",
        judges=("near",),
        people={"boss": Person(within=1.0, default=True), "owner": Person(within=0.5)},
        approvers=("boss", "owner"),
        bounds=BOUNDS,
    ),
    FORSAKEN,
    Loop(name="helped", work="make", judges=("near",), bounds=BOUNDS),
    Loop(name="hasty", work="make", judges=("near",), bounds=BOUNDS.model_copy(update={"deadline": 0.6})),
)
JUDGES = frozenset({"near", "far", "sure", "accept"})
POISON = 0.1
"""The share of attempts that kill whoever takes them, every time; only where there is time enough to find that out."""
FAILURES = (FailureClass.TRANSIENT, FailureClass.MISUSE, FailureClass.EXHAUSTED, FailureClass.POLICY)


type Work = tuple[str, str, str, int, int]
"""A goal, a role, a step, the number of an attempt, and how often it was taken up again."""


def place_of(step: Step[Any]) -> Work:
    """Return which work this is."""
    return step.goal, step.order.role, step.order.step, step.attempt, step.order.resumed


class Script:
    """What handlers do, run by run; `calm` ones only succeed, in time or too late."""

    def __init__(self, seed: int, *, calm: bool, poison: bool = False) -> None:
        self.seed = seed
        self.calm = calm
        self.poison = poison and not calm
        self.deaths: Counter[Work] = Counter()
        """How many processes have died in a handler."""
        self.runs: Counter[Work] = Counter()
        """How often a handler was begun."""
        self.turned_away: Counter[Work] = Counter()
        """How often it has found the intake full, and is begun again for that."""
        self.shipped: Counter[str] = Counter()
        """How often something was shipped, by the key of the call."""
        self.sold: Counter[str] = Counter()
        """How often something was sold, by the key of the call; a person is to approve that."""
        self.answered: set[str] = set()
        """What the model has answered, where that is on record."""
        self.paid_again: list[tuple[float, str]] = []
        """When the model was paid, and for what, although its answer was on record."""
        self.ship = self._selling(self.shipped, "")
        self.sell = self._selling(self.sold, "boss")

    async def ask(self, turns: Sequence[Turn], model: str | None = None) -> Answer:
        """Answer as a model does, which is paid for it: with what it was asked."""
        question = turns[-1].text
        if question in self.answered:
            self.paid_again.append((anyio.current_time(), question))
        await anyio.sleep(0.01 * (len(question) % 3))
        return Answer(question, 1, 1)

    def _selling(self, done: Counter[str], boss: str) -> Tool[str]:
        """Return a tool that changes the world outside, and can tell afterwards whether it has."""

        async def ship(number: int, *, key: IdempotencyKey) -> str:
            done[key] += 1
            await anyio.sleep(0.02 * number)
            return key

        ship.__name__ = "sell" if boss else "ship"
        made = tool(writes="external", approve=boss)(ship)

        @made.reconcile
        async def shipped(key: IdempotencyKey, number: int) -> Done | NotDone:
            return Done(key) if done[key] else NotDone()

        return made

    def worker(self, role: str, die: Callable[[], None]) -> Worker:
        """Return the worker of a role in one process, which `die` kills."""
        if role in JUDGES:

            @evaluator(role)
            async def judge(attempt: Attempt[Any, Any]) -> Verdict:
                dice = await self._act(role, attempt, die)
                passed = dice.random() < 0.7
                return Verdict(passed=passed, score=1.0 if passed else dice.choice([0.0, 0.3, 0.6]))

            return judge

        @worker(role, tools=[self.ship, self.sell])
        async def make(step: Step[Any]) -> Any:
            dice = await self._act(role, step, die)
            if role == "plan":
                return {"steps": [{"name": f"s{number}"} for number in range(dice.choice([1, 2]))]}
            if dice.random() < 0.5:
                await step.call(self.ship, number=step.attempt)
            if step.order.loop == "helped":
                await self._have_helped(step, dice)
            if step.order.loop == "approved":
                await self._sell(step, dice)
            if step.order.step == "list":
                return ["a", "b"]
            return {"number": step.attempt}

        return make

    async def _have_helped(self, step: Step[Any], dice: random.Random) -> None:
        """Submit goals on behalf of an attempt, and maybe wait for their ends."""
        for name in dice.choice([("a",), ("a", "b")]):
            try:
                run = await step.submit("plain", {"target": 1}, name=name)
            except Retriable:
                self.turned_away[place_of(step)] += 1
                raise
            if dice.random() < 0.7:
                await run.outcome()

    async def _sell(self, step: Step[Any], dice: random.Random) -> None:
        """Sell what people approve, and ask them what nobody may answer; maybe both at once."""

        async def sell() -> None:
            with suppress(Denied):
                await step.call(self.sell, number=step.attempt)

        async def ask() -> None:
            with suppress(StepFailed):
                await step.ask_person("owner", "how many?")

        if dice.random() < 0.3:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(sell)
                tasks.start_soon(ask)
            return
        await sell()
        if dice.random() < 0.3:
            await ask()

    async def _act(self, role: str, step: Step[Any], die: Callable[[], None]) -> random.Random:
        """Do what the dice say, and return them."""
        place = place_of(step)
        self.runs[place] += 1
        dice = random.Random(f"{self.seed} {place} {self.runs[place]}")
        deadly = self.poison and random.Random(f"{self.seed} {place}").random() < POISON
        fate = 1.0 if deadly else dice.choice([0.0] * 9 + [0.83]) if self.calm else dice.random()
        asks = dice.random() < 0.5
        if asks:
            await step.ask(self, [Turn("user", f"{place} first")])
        if fate < 0.72:
            await anyio.sleep(dice.uniform(0.0, 0.05))
        elif fate < 0.82:
            await anyio.sleep(dice.uniform(0.3, 2.0))
        elif fate < 0.86:
            await anyio.sleep(dice.uniform(2.0, 4.5))  # longer than a lease, and perhaps than the step may take
        elif fate < 0.91:
            raise StepFailed(dice.choice(FAILURES), "the dice said so")
        elif fate < 0.94:
            raise RuntimeError("the dice said so")
        elif fate < 0.97:
            raise Retriable("the dice said so", wait=0.1)
        else:
            self.deaths[place] += 1
            die()
            await anyio.sleep_forever()
        if asks:
            await step.ask(self, [Turn("user", f"{place} then")])
        return dice
