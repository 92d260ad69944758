"""What takes the place of a component, and what cannot."""

import sys
from types import ModuleType

import pytest

from loopwright.actors import Step, Worker, evaluator, worker
from loopwright.actors.faults import Fault
from loopwright.bus.messages import FaultClass, Limits, StopReason
from loopwright.deploy.apps import App, AppRefused
from loopwright.deploy.swaps import Swap, SwapRefused, as_it_was, exchanged, usual
from loopwright.tools import Tool, tool
from tests.unit.actors.faults.story import SHOP, Story

RECORD = Story().ended(StopReason.TOKENS)


def made(role: str, *tools: Tool[int]) -> Worker:
    async def handle(step: Step[dict[str, int]]) -> int:
        return 1

    return worker(role, tools=tools)(handle)


def judging(role: str) -> Worker:
    async def handle(attempt: object) -> None:
        raise AssertionError(attempt)

    return evaluator(role)(handle)


def stock() -> Tool[int]:
    @tool()
    async def stock(article: str) -> int:
        return 0

    return stock


APP = App({"shop": SHOP}, {"clerk": made("clerk", stock()), "books": judging("books")})


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module with another of each."""
    module = ModuleType("mended")
    vars(module).update(clerk=made("clerk"), books=judging("books"), stock=stock(), style=made("style"))
    monkeypatch.setitem(sys.modules, "mended", module)
    return module


def test_a_component_is_told_by_its_name(mended: ModuleType) -> None:
    clerk = exchanged(RECORD, APP, Swap("clerk", "mended"))
    assert clerk.app.workers == {**APP.workers, "clerk": mended.clerk}
    assert (clerk.whose, clerk.who, clerk.others) == (FaultClass.AGENT, "clerk", True)
    assert exchanged(RECORD, APP, Swap("books", "mended")).whose is FaultClass.EVALUATOR
    tooled = exchanged(RECORD, APP, Swap("stock", "mended"))
    assert (tooled.whose, tooled.app.workers["clerk"].tools) == (FaultClass.TOOL, (mended.stock,))
    assert tooled.app.workers["books"] is APP.workers["books"], "it has no such tool"
    assert exchanged(RECORD, APP, Swap("model", "large")).model == "large"
    assert exchanged(RECORD, APP, Swap("loop", "shop")).loop is SHOP
    assert exchanged(RECORD, APP, Swap("attempts", "9")).limits == Limits(attempts=9)
    assert not exchanged(RECORD, App({}, {"clerk": mended.clerk}), Swap("clerk", "mended")).others


@pytest.mark.parametrize(
    ("what", "other", "why"),
    [
        ("nobody", "mended", "nobody is no component of g1 that can be swapped: name a tool, or clerk, books,"),
        ("attempts", "many", "many is no limit of attempts: "),
        ("attempts", "0", "0 is no limit of attempts: "),
        ("loop", "other", "There is no loop other here; there is shop."),
        ("auditor", "mended", "Nothing in the module mended serves the role auditor."),
        ("style", "mended", "style of mended cannot take the place of style: only one of them judges."),
    ],
)
def test_what_cannot_take_a_place_is_refused_with_the_reason(
    mended: ModuleType, what: str, other: str, why: str
) -> None:
    app = App(APP.loops, {**APP.workers, "style": judging("style")})
    with pytest.raises(SwapRefused) as refused:
        exchanged(RECORD, app, Swap(what, other))
    assert str(refused.value).startswith(why)
    with pytest.raises(AppRefused):
        exchanged(RECORD, app, Swap("clerk", "no_such_module"))


def fault(whose: FaultClass, who: str = "clerk") -> Fault:
    return Fault(fault=whose, confidence=0.6, who=who)


def test_what_is_usually_tried_needs_no_other_component() -> None:
    more = usual(RECORD, APP, fault(FaultClass.LOOP, "shop"))
    assert (more.said, more.limits) == ("tokens 800000", Limits(tokens=800_000))
    assert as_it_was(more, APP) is not None
    again = usual(RECORD, APP, fault(FaultClass.ENVIRONMENT, "stock"))
    assert (again.said, as_it_was(again, APP)) == ("nothing but the time", None)


@pytest.mark.parametrize(
    ("whose", "example"),
    [
        (FaultClass.AGENT, "the agent clerk: --swap clerk=MODULE."),
        (FaultClass.TOOL, "the tool clerk: --swap clerk=MODULE."),
        (FaultClass.MODEL, "the model clerk: --swap model=NAME."),
    ],
)
def test_where_it_needs_one_somebody_has_to_say_which(whose: FaultClass, example: str) -> None:
    with pytest.raises(SwapRefused) as refused:
        usual(RECORD, APP, fault(whose))
    assert str(refused.value) == f"Say what is to take the place of {example}"


def test_a_swap_is_about_what_is_blamed_if_it_takes_its_place(mended: ModuleType) -> None:
    clerk, model = exchanged(RECORD, APP, Swap("clerk", "mended")), exchanged(RECORD, APP, Swap("model", "large"))
    assert clerk.is_about(fault(FaultClass.AGENT))
    assert not clerk.is_about(fault(FaultClass.AGENT, "packer"))
    assert not clerk.is_about(fault(FaultClass.MODEL))
    assert model.is_about(fault(FaultClass.MODEL, "small"))
