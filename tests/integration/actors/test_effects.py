"""No call on record is made again: not by a second run, not by a successor, not by a worker back from the dead."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from loopwright.actors import Attempt, Loop, Retriable, Step, StepFailed, Verdict, Worker, evaluator, worker
from loopwright.actors.effects import Place, digest_of, key_of
from loopwright.actors.errors import LeaseLost
from loopwright.actors.holding import Holding
from loopwright.actors.suspects import ENOUGH, Suspects
from loopwright.bus import Bus, FailureClass, Outcome, Run, StopReason, Trajectory, Usage, connect_bus
from loopwright.bus.client import Goals
from loopwright.bus.connection import LEASE
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.errors import LoopwrightError
from loopwright.bus.messages import Allowance, StepOrder
from loopwright.bus.subjects import LOOP, Subject, orders_for
from loopwright.deploy.embedded import Server
from loopwright.tools import Done, IdempotencyKey, Misuse, NotDone, Tool, ToolError, ToolFailed, tool
from loopwright.tools.model import Answer, ModelBusy, Turn

type Fleet = Callable[..., AbstractAsyncContextManager[Goals]]
type LayCable = Callable[[], AbstractAsyncContextManager[Any]]

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


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def pay(ledger: Ledger) -> Tool[int]:
    @tool(writes="external")
    async def pay(amount: int, *, key: IdempotencyKey) -> int:
        ledger.paid.append((key, amount))
        return amount

    return pay


async def end_of(run: Run, seconds: float = 15) -> Outcome:
    with anyio.fail_after(seconds):
        return await run.outcome()


async def on_record(bus: Bus, subject: Subject = SUBJECT) -> list[tuple[str, int]]:
    found = [await bus.message(Effect, stored) for stored in await bus.record([str(subject)])]
    return [(str(each.phase), each.delivery) for each in found if each is not None]


async def test_a_second_run_is_answered_from_the_record_in_memory(bus: Bus, pay: Tool[int], ledger: Ledger) -> None:
    holding, script = Holding(bus, ORDER, [pay]), Script()
    for _ in range(2):
        await holding.begin()
        answers = [await holding.ask(script, [Turn("user", text)], "m") for text in ("a", "b", "a")]
        assert [answer.text[-1] for answer in answers] == ["a", "b", "a"]
        assert [await holding.call(pay, {"amount": amount}) for amount in (5, 5, 6)] == [5, 5, 6]
    assert script.asked == ["a", "b", "a"]
    assert ledger.amounts == [5, 5, 6]
    assert len({key for key, _ in ledger.paid}) == 3
    assert holding.spent == Usage(model_calls=3, tool_calls=3, tokens_in=30, tokens_out=3, unpriced=3)


async def test_a_successor_goes_on_from_the_record_and_whoever_held_it_before_writes_no_more(
    bus: Bus, pay: Tool[int], ledger: Ledger
) -> None:
    script, large = Script(), "x" * 400_000

    @tool()
    async def fetch() -> str:
        script.asked.append("fetch")
        return large

    tools: list[Tool[Any]] = [pay, fetch]
    first, second = Holding(bus, ORDER, tools), Holding(bus, ORDER, tools, delivery=2)
    await first.ask(script, [Turn("user", "a")], None)
    await first.call(pay, {"amount": 5})
    await first.call(fetch, {})
    await second.take_over()
    await second.begin()
    assert (await second.ask(script, [Turn("user", "a")], None)).tokens_in == 10
    assert await second.call(fetch, {}) == large
    assert await second.call(pay, {"amount": 5}) == 5
    for late in (first.call(pay, {"amount": 6}), first.call(pay, {"amount": 5}), first.ask(script, [], None)):
        with pytest.raises(LeaseLost):
            await late
    with pytest.raises(LeaseLost):
        await Holding(bus, ORDER, tools).call(pay, {"amount": 7})
    assert await second.call(pay, {"amount": 6}) == 6
    assert (script.asked, ledger.amounts) == (["a", "fetch"], [5, 6])
    assert second.spent == Usage(model_calls=1, tool_calls=3, tokens_in=10, tokens_out=1, unpriced=1)
    done, claimed = EffectPhase.DONE, EffectPhase.CLAIMED
    assert await on_record(bus) == [
        (done, 1),
        (claimed, 1),
        (done, 1),
        (done, 1),
        (EffectPhase.HELD, 2),
        (claimed, 2),
        (done, 2),
    ]


async def test_whoever_hears_late_that_its_claim_stands_asks_again_before_it_pays(
    bus: Bus, lay_cable: LayCable, pay: Tool[int], ledger: Ledger
) -> None:
    @pay.reconcile
    async def happened(key: IdempotencyKey, amount: int) -> Done | NotDone:
        return Done(amount) if (key, amount) in ledger.paid else NotDone()

    refused = False

    async def late() -> None:
        nonlocal refused
        try:
            await holding.call(pay, {"amount": 1})
        except LeaseLost:
            refused = True

    async with lay_cable() as cable, connect_bus(cable.url, name="lost") as lost, anyio.create_task_group() as tasks:
        holding = Holding(lost, ORDER, [pay])
        await holding.ask(Script(), [Turn("user", "a")], "m")
        cable.mute()
        cut = anyio.current_time()
        tasks.start_soon(late)
        async with Trajectory(bus, "g1").follow() as entries:
            with anyio.fail_after(5):
                for _ in range(2):
                    await anext(entries)
        successor = Holding(bus, ORDER, [pay], delivery=2)
        await successor.take_over()
        await successor.begin()
        assert await successor.call(pay, {"amount": 1}) == 1
        await anyio.sleep(cut + LEASE / 2 - anyio.current_time() + 0.1)
        cable.mend()
    assert refused
    assert ledger.amounts == [1]


async def test_whoever_is_handed_an_attempt_for_the_first_time_again_pays_nothing(
    server: Server, bus: Bus, pay: Tool[int], ledger: Ledger
) -> None:
    script = Script()
    first = Holding(bus, ORDER, [pay])
    await first.ask(script, [Turn("user", "a")], None)
    await first.call(pay, {"amount": 5})
    async with connect_bus(server.url, name="another") as elsewhere:
        for _ in range(2):  # a broker that is killed forgets how often it has handed out a step
            again = Holding(elsewhere, ORDER, [pay])
            with pytest.raises(LeaseLost):
                await again.ask(script, [Turn("user", "a")], None)
            with pytest.raises(LeaseLost):
                await again.call(pay, {"amount": 5})
        successor = Holding(elsewhere, ORDER, [pay], delivery=2)
        await successor.take_over()
        rival = Holding(bus, ORDER, [pay], delivery=2)
        with pytest.raises(LeaseLost):
            await rival.take_over()
        assert await successor.call(pay, {"amount": 5}) == 5
    assert (script.asked, ledger.amounts) == (["a"], [5])


async def test_who_may_have_been_handed_an_attempt_anew_says_so_before_it_pays_and_an_answer_under_way_is_refused(
    server: Server, bus: Bus
) -> None:
    paying, both = Paying(), anyio.Event()
    async with connect_bus(server.url, name="another") as elsewhere, anyio.create_task_group() as tasks:

        async def first() -> None:
            with pytest.raises(LeaseLost):
                await Holding(bus, ORDER).ask(paying, [Turn("user", "a")], None)
            both.set()

        tasks.start_soon(first)
        await paying.begun.wait()
        anew = Holding(elsewhere, ORDER, new=False)
        tasks.start_soon(anew.ask, Script(), [Turn("user", "a")], None)
        while await bus.last(SUBJECT) is None:  # noqa: ASYNC110 - nothing is said when it is there
            await anyio.sleep(0.01)
        paying.answer.set()
        with anyio.fail_after(5):
            await both.wait()
        late = Script()
        with pytest.raises(LeaseLost):
            await Holding(bus, ORDER, new=False).ask(late, [Turn("user", "a")], None)
    assert late.asked == []


class Paying(Script):
    """A model that answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.answer = anyio.Event(), anyio.Event()

    async def ask(self, turns: Sequence[Turn], model: str | None = None) -> Answer:
        self.begun.set()
        await self.answer.wait()
        return await super().ask(turns, model)


async def test_an_older_successor_that_is_late_gives_way(bus: Bus) -> None:
    await Holding(bus, ORDER, delivery=3).take_over()
    with pytest.raises(LeaseLost):
        await Holding(bus, ORDER, delivery=2).take_over()


async def test_calls_that_are_made_at_once_are_each_on_record(bus: Bus, pay: Tool[int], ledger: Ledger) -> None:
    holding, script = Holding(bus, ORDER, [pay]), Script()

    async def call(amount: int) -> None:
        assert await holding.call(pay, {"amount": amount % 5}) == amount % 5
        await holding.ask(script, [Turn("user", str(amount))])

    for _ in range(2):
        await holding.begin()
        async with anyio.create_task_group() as tasks:
            for amount in range(20):
                tasks.start_soon(call, amount)
    assert (len(ledger.paid), len({key for key, _ in ledger.paid})) == (20, 20)
    assert holding.spent.model_calls == len(script.asked) == 20


async def test_what_a_tool_has_done_goes_on_record_even_if_its_worker_is_told_to_go_just_then(
    bus: Bus, ledger: Ledger
) -> None:
    with anyio.CancelScope() as leaving:

        @tool(writes="external")
        async def last(amount: int, *, key: IdempotencyKey) -> int:
            ledger.paid.append((key, amount))
            leaving.cancel()
            return amount

        await Holding(bus, ORDER, [last]).call(last, {"amount": 4})
    assert leaving.cancelled_caught
    successor = Holding(bus, ORDER, [last], delivery=2)
    await successor.take_over()
    await successor.begin()
    assert await successor.call(last, {"amount": 4}) == 4
    assert ledger.amounts == [4]


async def test_an_entry_whose_receipt_was_lost_is_still_ours(bus: Bus) -> None:
    script, question = Script(), [Turn("user", "a")]
    await Holding(bus, ORDER).ask(script, question, "m")
    before = await on_record(bus)
    assert (await Holding(bus, ORDER).ask(script, question, "m")).text == "m has heard a"
    assert await on_record(bus) == before


async def test_what_nobody_can_read_on_an_effect_record_means_nothing(bus: Bus, pay: Tool[int], ledger: Ledger) -> None:
    holding = Holding(bus, ORDER, [pay])
    for garbage in (b"", b"\xff", b'{"phase": "held", "delivery": "many"}', b'{"phase": "held", "goal": "other"}'):
        await bus.js.publish(str(SUBJECT), garbage)
        await holding.call(pay, {"amount": 1})
    successor = Holding(bus, ORDER, [pay], delivery=2)
    await successor.take_over()
    assert [await successor.call(pay, {"amount": 1}) for _ in range(5)] == [1] * 5
    assert len(ledger.paid) == 5


async def test_whoever_finds_the_record_gone_gives_way(bus: Bus, pay: Tool[int], ledger: Ledger) -> None:
    holding = Holding(bus, ORDER, [pay])
    await holding.call(pay, {"amount": 1})
    await bus.js.purge_stream(LOOP, subject=str(SUBJECT))
    with pytest.raises(LeaseLost):
        await holding.call(pay, {"amount": 2})
    assert ledger.amounts == [1]


async def test_a_tool_that_says_no_says_so_again_and_is_then_called_with_the_same_key(bus: Bus, ledger: Ledger) -> None:
    keys: list[str] = []

    @tool(writes="external")
    async def strict(amount: int, *, key: IdempotencyKey) -> int:
        keys.append(key)
        if len(keys) == 1:
            raise ToolError("declined")
        return amount

    first, second = Holding(bus, ORDER, [strict]), Holding(bus, ORDER, [strict], delivery=2)
    for holding in (first, second):
        await holding.take_over()
        with pytest.raises(ToolFailed, match="strict failed: ToolError: declined"):
            await holding.call(strict, {"amount": 1})
        assert await holding.call(strict, {"amount": 1}) == 1
    assert len(keys) == 2
    assert len(set(keys)) == 1


async def test_an_answer_that_cannot_be_kept_ends_the_attempt_and_what_was_done_stays_done(
    bus: Bus, ledger: Ledger
) -> None:
    @tool(writes="external")
    async def odd(amount: int, *, key: IdempotencyKey) -> Any:
        ledger.paid.append((key, amount))
        return object()

    for delivery in (1, 2):
        holding = Holding(bus, ORDER, [odd], delivery=delivery)
        await holding.take_over()
        await holding.begin()
        with pytest.raises(StepFailed, match="what odd has answered is lost: odd was called, but") as lost:
            await holding.call(odd, {"amount": 1})
        assert lost.value.failure.kind is FailureClass.UNREADABLE
    assert ledger.amounts == [1]


async def test_a_tool_that_may_succeed_later_is_called_again_with_the_same_key(bus: Bus) -> None:
    keys: list[str] = []

    @tool(writes="external")
    async def slow(*, key: IdempotencyKey) -> None:
        keys.append(key)
        if len(keys) == 1:
            raise Retriable("later", wait=0.1)

    holding = Holding(bus, ORDER, [slow])
    with pytest.raises(Retriable):
        await holding.call(slow, {})
    await holding.begin()
    await holding.call(slow, {})
    assert len(keys) == 2
    assert len(set(keys)) == 1


async def test_a_call_that_was_given_up_is_looked_after_before_anything_else_is_done(bus: Bus, ledger: Ledger) -> None:
    asked: list[tuple[str, int]] = []

    @tool(writes="external")
    async def stuck(amount: int, *, key: IdempotencyKey) -> int:
        ledger.paid.append((key, amount))
        await anyio.sleep_forever()
        return amount

    @stuck.reconcile
    async def happened(key: IdempotencyKey, amount: int) -> Done | NotDone:
        asked.append((key, amount))
        return Done(amount) if (key, amount) in ledger.paid else NotDone()

    holding = Holding(bus, ORDER, [stuck])
    with anyio.move_on_after(0.1):
        await holding.call(stuck, {"amount": 3})
    await holding.begin()
    assert await holding.call(stuck, {"amount": 3}) == 3
    assert await holding.doubt() is None
    assert asked == ledger.paid
    assert len(asked) == 1


async def test_a_call_in_doubt_that_has_not_happened_is_made_by_the_successor_with_the_same_key(
    bus: Bus, ledger: Ledger
) -> None:
    keys: list[str] = []

    @tool(writes="external")
    async def slow(amount: int, *, key: IdempotencyKey) -> int:
        keys.append(key)
        if len(keys) == 1:
            await anyio.sleep_forever()
        ledger.paid.append((key, amount))
        return amount

    @slow.reconcile
    async def happened(key: IdempotencyKey, amount: int) -> Done | NotDone:
        return Done(amount) if (key, amount) in ledger.paid else NotDone()

    with anyio.move_on_after(0.1):
        await Holding(bus, ORDER, [slow]).call(slow, {"amount": 3})
    successor = Holding(bus, ORDER, [slow], delivery=2)
    await successor.take_over()
    await successor.begin()
    assert await successor.call(slow, {"amount": 3}) == 3
    assert (ledger.amounts, len(keys), len(set(keys))) == ([3], 2, 1)


async def test_a_call_that_broke_is_asked_about_at_once_where_somebody_can_tell(bus: Bus) -> None:
    happened = [True, False]

    @tool(writes="external")
    async def broken(number: int) -> int:
        raise ConnectionResetError("gone")

    @broken.reconcile
    async def told(key: IdempotencyKey, number: int) -> Done | NotDone:
        return Done(number) if happened[number] else NotDone()

    holding = Holding(bus, ORDER, [broken])
    assert await holding.call(broken, {"number": 0}) == 0
    with pytest.raises(ToolFailed, match="gone"):
        await holding.call(broken, {"number": 1})
    assert await holding.doubt() is None


async def test_who_cannot_be_asked_now_is_asked_later_and_at_the_end_it_stays_in_doubt(bus: Bus) -> None:
    @tool(writes="external")
    async def broken() -> None:
        raise TimeoutError

    @broken.reconcile
    async def told(key: IdempotencyKey) -> NotDone:
        raise ConnectionRefusedError("nobody is in")

    holding = Holding(bus, ORDER, [broken])
    trials: list[Callable[[], Awaitable[None]]] = [lambda: holding.call(broken, {}), holding.begin]
    for trial in trials:
        with pytest.raises(Retriable, match=r"whether broken has happened cannot be told now: .* nobody is in"):
            await trial()
    doubt = await holding.doubt()
    assert doubt is not None
    assert doubt.kind is FailureClass.IN_DOUBT
    key = key_of("default", ORDER, Place(digest_of("call", "broken", {}), 1))
    assert f"Look for the key {key}" in doubt.message


async def test_what_does_not_fit_or_is_not_allowed_is_told_before_anything_is_done(bus: Bus, pay: Tool[int]) -> None:
    @tool()
    async def other() -> None: ...

    holding = Holding(bus, ORDER, [pay])
    with pytest.raises(Misuse, match="pay cannot be called so: amount"):
        await holding.call(pay, {"amount": "much"})
    with pytest.raises(StepFailed, match="the role support may not call other") as refused:
        await holding.call(other, {})
    assert refused.value.failure.kind is FailureClass.POLICY
    assert await on_record(bus) == [("raised", 1), ("raised", 1)]


async def test_a_worker_that_returns_from_the_dead_pays_nothing_and_its_answer_is_dropped(
    bus: Bus, fleet: Fleet, lay_cable: LayCable, judge: Worker, pay: Tool[int], ledger: Ledger
) -> None:
    paid, returned, dropped, taken_over, may_end = (anyio.Event() for _ in range(5))
    refused: list[str] = []

    @worker("guess", tools=[pay])
    async def frozen(step: Step[Any]) -> dict[str, int]:
        await step.call(pay, amount=1)
        paid.set()
        await returned.wait()
        try:
            await step.call(pay, amount=99)
        except LoopwrightError as error:
            refused.append(str(error))
        dropped.set()
        return {"number": 99}

    @worker("guess", tools=[pay])
    async def successor(step: Step[Any]) -> dict[str, int]:
        number = await step.call(pay, amount=1) + await step.call(pay, amount=2)
        taken_over.set()
        await may_end.wait()
        return {"number": number}

    with capture_logs() as logs:
        async with (
            lay_cable() as cable,
            connect_bus(cable.url, name="lost") as lost,
            fleet(bus, judge) as goals,
            fleet(lost, frozen, orchestrators=0),
        ):
            run = await goals.submit("guessing", {"target": 3}, goal="g1")
            with anyio.fail_after(15):
                await paid.wait()
                cable.cut()
                async with fleet(bus, successor, orchestrators=0):
                    await taken_over.wait()
                    cable.mend()
                    returned.set()
                    await dropped.wait()
                    may_end.set()
                    outcome = await run.outcome()
    assert (outcome.reason, outcome.best, outcome.attempts) == (StopReason.ACCEPTED, {"number": 3}, 1)
    assert ledger.amounts == [1, 2]
    assert refused == ["another worker holds this attempt now"]
    assert [log["event"] for log in logs].count("lease.lost") == 1
    entries = [entry.message for entry in await Trajectory(bus, "g1").so_far() if isinstance(entry.message, Effect)]
    assert [entry.phase for entry in entries] == ["claimed", "done", "held", "claimed", "done"]


async def test_a_payment_in_doubt_is_reconciled_by_whoever_takes_over(
    bus: Bus, fleet: Fleet, lay_cable: LayCable, judge: Worker, ledger: Ledger
) -> None:
    called = anyio.Event()

    @tool(writes="external")
    async def pay(amount: int, *, key: IdempotencyKey) -> int:
        ledger.paid.append((key, amount))
        called.set()
        await anyio.sleep_forever()
        return amount

    @pay.reconcile
    async def happened(key: IdempotencyKey, amount: int) -> Done | NotDone:
        return Done(amount) if (key, amount) in ledger.paid else NotDone()

    @worker("guess", tools=[pay])
    async def payer(step: Step[Any]) -> dict[str, int]:
        return {"number": await step.call(pay, amount=2)}

    async with (
        lay_cable() as cable,
        fleet(bus, judge) as goals,
        anyio.create_task_group() as tasks,
        connect_bus(cable.url, name="lost") as lost,
    ):
        tasks.start_soon(serve, fleet, lost, payer)
        run = await goals.submit("guessing", {"target": 2})
        with anyio.fail_after(5):
            await called.wait()
        cable.cut()
        async with fleet(bus, payer, orchestrators=0):
            outcome = await end_of(run)
        cable.mend()
        tasks.cancel_scope.cancel()
    assert (outcome.reason, outcome.attempts) == (StopReason.ACCEPTED, 1)
    assert ledger.amounts == [2]


async def serve(fleet: Fleet, bus: Bus, each: Worker) -> None:
    """Have one worker serve until it is cancelled."""
    async with fleet(bus, each, orchestrators=0):
        await anyio.sleep_forever()


async def test_a_payment_that_nobody_can_tell_of_ends_the_goal_at_once_and_is_not_made_again(
    bus: Bus, fleet: Fleet, judge: Worker, guessing: Loop, ledger: Ledger
) -> None:
    @tool(writes="external")
    async def pay(amount: int, *, key: IdempotencyKey) -> int:
        ledger.paid.append((key, amount))
        await anyio.sleep_forever()
        return amount

    @worker("guess", tools=[pay])
    async def payer(step: Step[Any]) -> dict[str, int]:
        return {"number": await step.call(pay, amount=2)}

    hasty = guessing.model_copy(update={"bounds": guessing.bounds.model_copy(update={"step_timeout": 0.2})})
    async with fleet(bus, payer, judge, loop=hasty) as goals:
        outcome = await end_of(await goals.submit("guessing", {"target": 2}))
    assert (outcome.reason, outcome.attempts) == (StopReason.ERROR, 1)
    assert outcome.fault is not None
    assert outcome.fault.kind is FailureClass.IN_DOUBT
    assert f"Look for the key {ledger.paid[0][0]}" in outcome.why
    assert ledger.amounts == [2]


async def test_a_step_that_kills_whoever_takes_it_is_in_doubt_if_it_was_paying(
    bus: Bus, fleet: Fleet, judge: Worker, guesser: Worker
) -> None:
    async with fleet(bus, judge) as goals:
        run = await goals.submit("guessing", {"target": 1}, goal="g1")
        async with await bus.consumer(LOOP, "role-default-guess", orders_for("default", "guess")) as dying:
            for _ in range(1 + ENOUGH):
                with anyio.fail_after(5):
                    delivery = await dying.receive()
                await Suspects(bus).take(delivery)
                await delivery.later()  # its lease has lapsed
        subject = Subject.of("effect", ns="default", goal="g1", step="work", attempt=1, role="guess")
        told = subject.told() | {"phase": "claimed", "name": "pay", "call": "c", "occurrence": 1, "key": "k1"}
        await bus.publish(subject, Effect.model_validate(told), id="c1", guard=0)
        async with fleet(bus, guesser, orchestrators=0):
            outcome = await end_of(run)
    assert outcome.reason is StopReason.ERROR
    assert "one after the other (test). pay with null may or may not have happened" in outcome.why


async def test_trouble_in_hand_asks_the_model_again_and_nothing_that_it_has_answered(
    bus: Bus, fleet: Fleet, judge: Worker
) -> None:
    script, runs = Script(busy=2), 0

    @worker("guess")
    async def asking(step: Step[Any]) -> dict[str, int]:
        nonlocal runs
        runs += 1
        await step.ask(script, [Turn("user", "a")])
        await step.ask(script, [Turn("user", "b")])
        if runs <= 3:
            raise Retriable("later", wait=0.01)
        return {"number": step.spent.model_calls}

    async with fleet(bus, asking, judge) as goals:
        outcome = await end_of(await goals.submit("guessing", {"target": 2}))
    assert (outcome.reason, outcome.attempts, script.asked) == (StopReason.ACCEPTED, 1, ["a", "a", "a", "b"])


async def test_an_evaluator_has_calls_of_its_own_and_one_that_makes_none_leaves_no_trace(
    bus: Bus, fleet: Fleet, guesser: Worker
) -> None:
    script = Script()

    @evaluator("near")
    async def near(attempt: Attempt[Any, Any]) -> Verdict:
        said = await attempt.ask(script, [Turn("user", "is it right?")], "m")
        return Verdict(passed=True, score=1.0, feedback=said.text, usage=attempt.spent)

    async with fleet(bus, guesser, near) as goals:
        run = await goals.submit("guessing", {"target": 1}, goal="g1")
        outcome = await end_of(run)
    assert (outcome.usage.model_calls, outcome.usage.tokens_in) == (1, 10)
    subjects = [str(each.subject) for each in await Trajectory(bus, "g1").so_far() if each.subject.kind == "effect"]
    assert subjects == ["lw.v1.effect.default.g1.work.1.near"]


async def test_what_a_task_group_gathers_still_means_what_it_meant(
    bus: Bus, fleet: Fleet, judge: Worker, pay: Tool[int]
) -> None:
    @worker("guess", tools=[pay])
    async def several(step: Step[Any]) -> dict[str, int]:
        async with anyio.create_task_group() as tasks:
            for amount in ("much", "more"):
                tasks.start_soon(misuse, step, pay, amount)
        return {"number": 1}

    async with fleet(bus, several, judge) as goals:
        outcome = await end_of(await goals.submit("guessing", {"target": 1}))
    assert outcome.fault is not None
    assert outcome.fault.kind is FailureClass.MISUSE
    assert "pay cannot be called so: amount" in outcome.fault.message


async def misuse(step: Step[Any], pay: Tool[int], amount: str) -> None:
    await step.call(pay, amount=amount)


async def test_what_an_attempt_may_spend_is_counted_across_the_workers_that_were_lost(
    bus: Bus, pay: Tool[int], ledger: Ledger
) -> None:
    order = ORDER.model_copy(update={"left": Allowance(tokens=100, cost=1.0, tool_calls=3)})
    first = Holding(bus, order, [pay])
    for amount in (1, 2):
        await first.call(pay, {"amount": amount})
    successor = Holding(bus, order, [pay], delivery=2)
    await successor.take_over()
    await successor.begin()
    for amount in (1, 2, 3):
        await successor.call(pay, {"amount": amount})
    with pytest.raises(StepFailed, match="the 3 tool calls that it may make are made") as refused:
        await successor.call(pay, {"amount": 4})
    assert refused.value.failure.kind is FailureClass.SPENT
    assert (len(ledger.paid), successor.spent.tool_calls) == (3, 3)


async def test_an_attempt_whose_calls_bring_nothing_new_is_told_and_then_ended(bus: Bus) -> None:
    answers = iter("111111")

    @tool()
    async def look(where: str) -> str:
        return next(answers)

    holding = Holding(bus, ORDER, [look])

    async def again(times: int) -> None:
        for _ in range(times):
            await holding.call(look, {"where": "here"})

    await again(3)
    assert holding.calls.nudge.startswith("The last 2 calls brought nothing new.")
    with pytest.raises(StepFailed, match="5 calls in a row, the last one of look, brought nothing new") as refused:
        await again(3)
    assert refused.value.failure.kind is FailureClass.STUCK


async def test_a_tool_that_polls_is_asked_as_often_as_it_takes(bus: Bus) -> None:
    answers = iter("0000000001")

    @tool(polls=True)
    async def status() -> str:
        return next(answers)

    holding = Holding(bus, ORDER, [status])
    while await holding.call(status, {}) == "0":
        pass
    assert holding.calls.nudge == ""
