"""Whether a message kills whoever takes it: only deaths with it in hand tell, and nothing else does."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import anyio
import pytest
from structlog.testing import capture_logs

from loopwright.actors import Attempt, Verdict, Workplace, evaluator
from loopwright.actors.handing import handed_on, handed_to
from loopwright.actors.presence import this_process
from loopwright.actors.suspects import ALONE, ENOUGH, Suspects
from loopwright.actors.workplace import place_of
from loopwright.bus import Bus
from loopwright.bus.inbox import Delivery, Inbox
from loopwright.bus.messages import Evaluation, FailureClass, Result, StepOrder, Usage
from loopwright.bus.presence import restore, say
from loopwright.bus.streams import STREAMS
from loopwright.bus.subjects import LOOP, orders_for
from tests.simulation.broker import Broker
from tests.simulation.chance import CALM, Fate
from tests.simulation.clock import VirtualLoop
from tests.simulation.network import Network, SimClient
from tests.simulation.world import Shelf, bus_of

type Story = Callable[["Scene"], Awaitable[None]]


class Scene:
    """One message or more on a simulated broker, and processes that take them."""

    def __init__(self) -> None:
        fate = Fate(0, CALM)
        self.network = Network(Broker(STREAMS, fate, epoch=datetime.now(UTC)), fate)
        self.shelf = Shelf()
        self.bus = self.process("first")
        self.inbox: Inbox | None = None

    def process(self, name: str) -> Bus:
        return bus_of(SimClient(self.network, name), self.shelf)

    async def begin(self, messages: int) -> None:
        await restore(self.bus)
        for attempt in range(messages):
            await self.bus.write(f"lw.v1.result.default.g1.work.{attempt}", b"{}", {})

    async def taken(self) -> Delivery:
        """Take the next message, from the second time on."""
        assert self.inbox is not None
        with anyio.fail_after(10):
            while (delivery := await self.inbox.receive()).deliveries == 1:
                await delivery.later()
        return delivery

    async def die_with_it(self, name: str) -> Suspects:
        """Be a process that takes the next message and is never heard of again."""
        delivery, suspects = await self.taken(), Suspects(self.process(name))
        await suspects.take(delivery)
        await delivery.later()  # its lease has lapsed
        return suspects

    async def verdict(self) -> str:
        """Take the next message, hand it back, and return why nobody may take it any more."""
        delivery, suspects = await self.taken(), Suspects(self.bus)
        async with suspects.in_hand(delivery) as deadly:
            pass
        await suspects.let_go(delivery)
        await delivery.later()
        return deadly


def play(story: Story, messages: int = 1) -> None:
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)

    async def main() -> None:
        scene = Scene()
        await scene.begin(messages)
        async with await scene.bus.consumer(LOOP, "test", ["lw.v1.result.default.>"]) as scene.inbox:
            await story(scene)

    try:
        loop.run_until_complete(main())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_a_message_that_so_many_processes_died_with_is_taken_by_nobody_any_more() -> None:
    async def story(scene: Scene) -> None:
        for number in range(ENOUGH):
            assert await scene.verdict() == ""
            await scene.die_with_it(f"w{number}")
        said = await scene.verdict()
        assert said.startswith(f"{ENOUGH} processes took it and were not heard of again")
        assert "(w0, w1, w2," in said

    play(story)


@evaluator("near")
async def near(attempt: Attempt[object, object]) -> Verdict:
    raise AssertionError


def test_what_a_result_took_counts_whose_evaluator_nobody_survives() -> None:
    async def story(scene: Scene) -> None:
        bus, spent = scene.bus, Usage(model_calls=1, tokens_in=7)
        order = StepOrder(goal="g1", loop="guessing", step="work", attempt=1, role="guess", to="near")
        made = handed_on(order, "near", Result(goal="g1", step="work", attempt=1, output=5, usage=spent))
        await bus.publish(handed_to(bus, order, "near"), made, id="made")
        async with await bus.consumer(LOOP, "role-default-near", orders_for("default", "near")) as scene.inbox:
            for number in range(ENOUGH):
                await scene.die_with_it(f"w{number}")
            await Workplace(bus, near).take(await scene.taken())
        said = await bus.last(place_of(bus, made))
        assert said is not None
        verdict = await bus.message(Evaluation, said)
        assert verdict is not None
        assert verdict.failure is not None
        assert verdict.made is not None
        assert (verdict.failure.kind, verdict.made.usage) == (FailureClass.CRASHED, spent)

    play(story)


def test_a_message_that_is_handed_back_politely_can_be_handed_back_for_ever() -> None:
    async def story(scene: Scene) -> None:
        for _ in range(5 * ENOUGH):
            assert await scene.verdict() == ""

    play(story)


def test_who_is_cancelled_with_a_message_in_hand_has_not_died_of_it() -> None:
    async def story(scene: Scene) -> None:
        for number in range(2 * ENOUGH):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(hold, Suspects(scene.process(f"w{number}")), delivery := await scene.taken())
                await anyio.sleep(1)
                tasks.cancel_scope.cancel()
            await delivery.later()
        assert await scene.verdict() == ""

    play(story)


async def hold(suspects: Suspects, delivery: Delivery, begun: anyio.Event | None = None) -> None:
    async with suspects.in_hand(delivery):
        if begun:
            begun.set()
        await anyio.sleep_forever()


def test_what_is_sent_to_a_process_that_is_cut_off_and_never_sees_it_is_not_held_against_it() -> None:
    async def story(scene: Scene) -> None:
        for _ in range(5 * ENOUGH):
            await (await scene.taken()).later()  # its lease has lapsed, and nobody ever had it in hand
        assert await scene.verdict() == ""

    play(story)


def test_one_process_that_dies_is_one_death_however_often_it_had_the_message() -> None:
    async def story(scene: Scene) -> None:
        suspects = Suspects(scene.process("w"))
        for _ in range(2 * ENOUGH):
            delivery = await scene.taken()
            async with suspects.in_hand(delivery) as deadly:
                assert deadly == ""
            await delivery.later()
        assert await scene.verdict() == ""

    play(story)


@pytest.mark.parametrize(("back", "deadly"), [(1, False), (0, True)])
def test_a_process_that_is_there_again_has_not_died(back: int, *, deadly: bool) -> None:
    async def story(scene: Scene) -> None:
        cut_off = [(await scene.die_with_it(f"w{number}")).process for number in range(ENOUGH)]
        async with anyio.create_task_group() as tasks:
            for process in cut_off[:back]:
                tasks.start_soon(renew, scene.bus, process)
            await anyio.sleep(1)
            assert bool(await scene.verdict()) is deadly
            tasks.cancel_scope.cancel()

    play(story)


async def renew(bus: Bus, process: str) -> None:
    while True:
        say(bus, this_process(process, "w", "work", 1, ()))
        await anyio.sleep(2)


def test_nobody_is_taken_for_dead_or_alive_before_his_key_can_have_lapsed() -> None:
    async def story(scene: Scene) -> None:
        died = [(await scene.die_with_it(f"w{number}")).process for number in range(ENOUGH)]
        say(scene.bus, this_process(died[-1], "w", "work", 1, ()))  # its last words
        await anyio.sleep(0.5)
        assert await scene.verdict()

    play(story)


def test_messages_that_died_together_are_taken_one_at_a_time_so_that_only_one_is_to_blame() -> None:
    async def story(scene: Scene) -> None:
        died = Counter({1: 0, 2: 0})
        while min(died.values()) < ALONE:
            delivery = await scene.taken()
            if died[delivery.seq] < ALONE:
                died[delivery.seq] += 1
                await Suspects(scene.process(f"w{died.total()}")).take(delivery)
            await delivery.later()
        suspects = Suspects(scene.process("careful"))
        async with anyio.create_task_group() as tasks:
            first, second = await scene.taken(), await scene.taken()
            tasks.start_soon(hold, suspects, first)
            await anyio.sleep(1)
            with anyio.move_on_after(1) as waiting:
                await hold(suspects, second, begun := anyio.Event())
            assert waiting.cancelled_caught
            assert not begun.is_set()
            tasks.cancel_scope.cancel()
        async with suspects.in_hand(second) as deadly:
            assert deadly == ""

    play(story, messages=2)


def test_the_log_says_once_that_messages_are_taken_one_at_a_time_and_once_that_they_are_no_more() -> None:
    messages = 5

    async def story(scene: Scene) -> None:
        for number in range(ALONE):
            taken, suspects = [await scene.taken() for _ in range(messages)], Suspects(scene.process(f"w{number}"))
            for delivery in taken:
                await suspects.take(delivery)
                await delivery.later()
        careful = Suspects(scene.process("careful"))

        async def take(delivery: Delivery) -> None:
            async with careful.in_hand(delivery):
                await anyio.sleep(1)

        for _ in range(2):
            taken = [await scene.taken() for _ in range(messages)]
            with capture_logs() as said:
                async with anyio.create_task_group() as tasks:
                    for delivery in taken:
                        tasks.start_soon(take, delivery)
            for delivery in taken:
                await delivery.later()
            assert [(each["event"], each.get("messages")) for each in said] == [
                ("suspect.alone", None),
                ("suspect.alone_no_more", messages),
            ]

    play(story, messages=messages)
