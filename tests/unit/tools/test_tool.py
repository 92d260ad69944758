"""A tool knows its name, its class and its types, and what its errors say of the world."""

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from loopwright.tools import Done, IdempotencyKey, Misuse, NotDone, Tool, ToolError, tool
from loopwright.tools.errors import Problem


class Receipt(BaseModel):
    order: str
    amount: Decimal
    key: str = ""


@tool(writes="external")
async def refund(order: str, amount: Decimal, on: date = date(2026, 1, 1), *, key: IdempotencyKey) -> Receipt:
    return Receipt(order=order, amount=amount, key=key)


@tool()
async def stock(article: str) -> int:
    return len(article)


@tool(spends=True)
async def search(words: str) -> list[str]:
    return words.split()


def test_a_tool_has_the_name_of_its_function_and_a_class() -> None:
    assert [(each.name, each.writes, each.spends, each.changes) for each in (refund, stock, search)] == [
        ("refund", "external", False, True),
        ("stock", None, False, False),
        ("search", None, True, True),
    ]


async def test_arguments_are_read_as_the_function_wants_them_and_written_with_what_was_left_out() -> None:
    read = refund.read({"order": "o-7", "amount": "12.50"})
    assert read == {"order": "o-7", "amount": Decimal("12.50"), "on": date(2026, 1, 1)}
    assert refund.written(read) == {"order": "o-7", "amount": "12.50", "on": "2026-01-01"}


async def test_only_a_tool_that_asks_for_its_key_is_told_it_and_an_answer_comes_back_as_it_was() -> None:
    kept = refund.kept(await refund.make(refund.read({"order": "o-7", "amount": 5}), "k1"))
    assert kept == {"order": "o-7", "amount": "5", "key": "k1"}
    assert refund.answered(kept) == Receipt(order="o-7", amount=Decimal(5), key="k1")
    assert await search.make({"words": "a b"}, "k1") == ["a", "b"]


def test_arguments_that_do_not_fit_are_told_one_by_one() -> None:
    with pytest.raises(Misuse) as caught:
        refund.read({"amount": "much", "key": "mine", "why": "because"})
    assert caught.value.tool == "refund"
    assert {problem.where for problem in caught.value.problems} == {"order", "amount", "key", "why"}
    assert Problem("order", "Field required") in caught.value.problems
    assert str(caught.value).startswith("refund cannot be called so: ")


@pytest.mark.parametrize("article", ["\ud800", "x" * 17_000_000], ids=["half a surrogate pair", "too large"])
def test_arguments_that_cannot_be_written_do_not_fit(article: str) -> None:
    with pytest.raises(Misuse, match="stock cannot be called so"):
        stock.written({"article": article})


async def test_an_answer_that_cannot_be_kept_is_no_silent_loss() -> None:
    @tool()
    async def odd() -> Any:
        return object()

    with pytest.raises(ToolError, match="odd was called, but its answer cannot be kept"):
        odd.kept(await odd.make({}, ""))


async def test_a_plain_call_is_the_plain_function() -> None:
    assert await stock("four") == 4
    assert (await refund("o", Decimal(1), key=IdempotencyKey("k"))).key == "k"


def test_a_function_that_cannot_be_a_tool_is_refused_when_it_is_written() -> None:
    async def untyped(x) -> None: ...  # type: ignore[no-untyped-def]
    async def bag(**more: int) -> None: ...
    async def reads(*, key: IdempotencyKey) -> None: ...

    for function, why in ((untyped, "needs a type"), (bag, "by the names"), (reads, "only a tool that writes")):
        with pytest.raises(TypeError, match=why):
            Tool(function, writes=None, spends=False)


@pytest.mark.parametrize(
    ("error", "alone", "with_somebody_to_ask"),
    [
        (ToolError("declined"), False, False),
        (ConnectionRefusedError(), False, True),
        (KeyError("id"), False, True),
        (TimeoutError(), True, True),
        (ConnectionResetError(), True, True),
        (ExceptionGroup("several", [KeyError("id"), TimeoutError()]), True, True),
        (ExceptionGroup("several", [KeyError("id")]), False, True),
    ],
)
def test_what_an_error_says_of_the_world(error: Exception, alone: bool, with_somebody_to_ask: bool) -> None:
    @tool(writes="external")
    async def write() -> None: ...

    assert write.leaves_in_doubt(error) is alone

    @write.reconcile
    async def written(key: IdempotencyKey) -> NotDone:
        return NotDone()

    assert write.leaves_in_doubt(error) is with_somebody_to_ask


async def test_who_is_asked_is_given_the_key_and_the_arguments_as_their_function_wants_them() -> None:
    @tool(writes="external")
    async def pay(amount: Decimal, on: date = date(2026, 1, 1)) -> Receipt:
        raise AssertionError(f"{amount} on {on} must not be paid")

    @pay.reconcile
    async def paid(key: IdempotencyKey, amount: Decimal, on: date) -> Done:
        await asyncio.sleep(0)
        return Done(Receipt(order=on.isoformat(), amount=amount, key=key))

    told = await pay.what_happened("k1", {"amount": "2.50"})
    assert told == Done({"order": "2026-01-01", "amount": "2.50", "key": "k1"})
    with pytest.raises(Misuse):
        await pay.what_happened("k1", {"sum": "2.50"})


async def test_a_tool_names_the_person_who_approves_it_and_takes_what_was_shown() -> None:
    @tool(writes="external", approve="boss")
    async def pay(amount: Decimal, to: str = "me") -> str:
        return f"{amount} to {to}"

    read = pay.read({"amount": "1.50"})
    written = pay.written(read)
    assert (pay.approve, written, pay.read_again(written)) == ("boss", {"amount": "1.50", "to": "me"}, read)
    with pytest.raises(TypeError, match="close is to be approved by a role, and 'The Boss' cannot be one"):

        @tool(approve="The Boss")
        async def close() -> None: ...
