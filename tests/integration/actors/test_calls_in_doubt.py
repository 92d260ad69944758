"""A call that fails, or of which nobody knows whether it happened: it is asked about, and not made blindly again."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from loopwright.actors import Retriable, StepFailed
from loopwright.actors.effects import Place, digest_of, key_of
from loopwright.actors.holding import Holding
from loopwright.bus import Bus, FailureClass
from loopwright.tools import Done, IdempotencyKey, Misuse, NotDone, Tool, ToolError, ToolFailed, tool
from tests.integration.actors.paying import ORDER, Ledger, on_record


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
