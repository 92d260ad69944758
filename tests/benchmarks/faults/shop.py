"""A healthy loop into which one fault is put: a clerk asks a model what to order, and orders it with tools.

Nothing is scripted beyond what each part would do by itself: the model reads what it is shown and nothing else, the
evaluators look at the books. A fault is put into one part, and the others do their best.
"""

import errno
import json
import re
from collections.abc import Sequence
from typing import Any

import anyio
from pydantic import BaseModel

from loopwright.actors import Attempt, Bounds, Loop, Made, Step, StepFailed, Verdict, evaluator, worker
from loopwright.bus.messages import Evaluation, FailureClass, FaultClass
from loopwright.tools import IdempotencyKey, Tool, tool
from loopwright.tools.model import Answer, ModelBusy, ModelRefused, Turn
from tests.benchmarks.faults.cases import Case

CASES: dict[str, Case] = {}
"""By goals, and by articles: a tool is not told for whom it works."""
MODEL, AGENT, TOOL = FaultClass.MODEL, FaultClass.AGENT, FaultClass.TOOL
ENVIRONMENT, EVALUATOR, LOOP = FaultClass.ENVIRONMENT, FaultClass.EVALUATOR, FaultClass.LOOP


class Errand(BaseModel):
    article: str
    want: int


class Report(BaseModel):
    stock: int
    moved: int
    ordered: int
    draft: int


class Unavailable(Exception):
    """What a client raises when a service answers with a status."""

    status_code = 503


class Hand:
    """The model and the tools of one attempt, which know in which case they are."""

    def __init__(self, case: Case, attempt: int, draft: int) -> None:
        self.case = case
        self.attempt = attempt
        self.draft = draft

    def has(self, fault: FaultClass, *kinds: str) -> bool:
        return self.case.has(fault, *kinds, attempt=self.attempt)

    async def ask(self, turns: Sequence[Turn], model: str | None = None) -> Answer:
        """Answer what is asked, from what stands in the conversation."""
        case = self.case
        if case.busy:
            case.busy = False
            raise ModelBusy("too many at once", wait=0.01, status=429)
        if self.has(ENVIRONMENT, "model-503"):
            raise ModelBusy("the model's endpoint answered 503", wait=0.2, status=503)
        if self.has(ENVIRONMENT, "model-unreachable"):
            raise ModelBusy("the model cannot be reached", wait=0.2)
        if self.has(ENVIRONMENT, "model-401"):
            raise ModelRefused("the model's endpoint answered 401", status=401)
        if self.has(LOOP, "steps-too-short"):
            await anyio.sleep(0.9)
        said = self.said(turns, sum(turn.role == "assistant" for turn in turns))
        return Answer(said if isinstance(said, str) else written(case.form, said), 90, 10)

    def said(self, turns: Sequence[Turn], round_: int) -> dict[str, Any] | str:
        """Return what the model makes of a conversation."""
        case, text = self.case, "\n".join(turn.text for turn in turns if turn.role == "user")
        article = {"article": case.article}
        stock, ordered = number_in(text, "stock"), number_in(text, "ordered")
        moved = sum(int(found) for found in re.findall(r"moved (\d+)", text))
        match round_:
            case 0:
                if self.has(MODEL, "garbage"):
                    return "I would first look at the stock, and then at what was moved."
                name = "inventory" if self.has(MODEL, "unknown-tool") else "stock"
                return {"calls": [{"tool": name, "arguments": article}, {"tool": "moves", "arguments": article}]}
            case 1:
                amount: object = case.want - stock
                amount = case.want + 13 if self.has(MODEL, "orders-wrong") else amount
                amount = "plenty" if self.has(MODEL, "misuse") else amount
                return {"calls": [{"tool": "order", "arguments": {**article, "amount": amount}}]}
            case 2:
                return {"calls": [{"tool": "ordered", "arguments": article}]}
        stock = stock + 1007 if self.has(MODEL, "contradicts") else stock
        moved = moved + 100_000 if self.has(MODEL, "invents") else moved
        return {"result": {"stock": stock, "moved": moved, "ordered": ordered, "draft": self.draft}}


def number_in(text: str, name: str) -> int:
    """Return the last number of that name in a text."""
    found = re.findall(rf'"{name}": (\d+)', text)
    return int(found[-1]) if found else 0


def written(form: str, said: dict[str, Any]) -> str:
    """Return what a model says in the form that was agreed on."""
    calls = said.get("calls", [])
    if form == "prose":
        lines = [f"CALL {each['tool']} {pairs(each['arguments'])}" for each in calls]
        return "\n".join(["Well:", *(lines or [f"RESULT {pairs(said['result'])}"])])
    if form == "nested" and calls:
        made = [{"name": each["tool"], "arguments": json.dumps(each["arguments"])} for each in calls]
        return json.dumps({"tool_calls": [{"type": "function", "function": each} for each in made]})
    return json.dumps(said)


def pairs(values: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items())


def understood(form: str, text: str) -> dict[str, Any]:
    """Return what the agent reads out of an answer.

    Raises:
        ValueError: it is in no form that was agreed on.
    """
    if form != "prose":
        said = json.loads(text)
        calls = [each["function"] for each in said.get("tool_calls", [])]
        made = [{"tool": each["name"], "arguments": json.loads(each["arguments"])} for each in calls]
        return {"calls": made} if made else said
    found = re.findall(r"^(CALL \w[\w-]*|RESULT) (.*)$", text, re.M)
    if not found:
        raise ValueError(text)
    read = [(word.removeprefix("CALL "), dict(re.findall(r"(\w+)=(\S+)", rest))) for word, rest in found]
    read = [
        (word, {name: int(each) if each.isdecimal() else each for name, each in told.items()}) for word, told in read
    ]
    if read[0][0] == "RESULT":
        return {"result": read[0][1]}
    return {"calls": [{"tool": word, "arguments": told} for word, told in read]}


HANDS: dict[str, Hand] = {}
"""Who is at work on an article."""


async def trouble(article: str, name: str) -> Hand:
    """Raise what befalls a tool, and return whose hand has called it."""
    hand = HANDS[article]
    if name == "stock" and hand.case.stumbles and hand.attempt == 1:
        raise ConnectionResetError(errno.ECONNRESET, "connection reset by peer")
    if name == "moves":
        if hand.has(TOOL, "raises"):
            raise KeyError("moved")
        if hand.has(TOOL, "hangs"):
            await anyio.sleep_forever()
        if hand.has(ENVIRONMENT, "tool-503"):
            raise Unavailable("the service is down for maintenance")
        if hand.has(ENVIRONMENT, "tool-refused"):
            await anyio.connect_tcp("127.0.0.1", 1)
    return hand


@tool()
async def stock(article: str) -> dict[str, int]:
    hand = await trouble(article, "stock")
    wrong = hand.has(TOOL, "answers-wrong-at-first") and hand.attempt <= 2
    return {"stock": hand.case.stock + (17 if wrong else 0)}


@tool()
async def moves(article: str) -> str:
    hand = await trouble(article, "moves")
    if hand.has(TOOL, "answers-nonsense"):
        return float("nan")  # type: ignore[return-value]  # what it says it never does
    return "\n".join(f"line {line}: moved {count}" for line, count in enumerate(hand.case.moves))


@tool(writes="external")
async def order(article: str, amount: int, *, key: IdempotencyKey) -> dict[str, str]:
    hand = await trouble(article, "order")
    if not hand.has(TOOL, "does-nothing"):
        hand.case.ordered[key] = amount
    return {"order": "taken"}


@tool()
async def ordered(article: str) -> dict[str, int]:
    hand = await trouble(article, "ordered")
    latest = sum(list(hand.case.ordered.values())[hand.case.turns :])
    return {"ordered": latest, "amount": latest}


@tool()
async def forbidden(article: str) -> int:
    return 0


TOOLS: dict[str, Tool[Any]] = {each.name: each for each in (stock, moves, order, ordered)}


@worker("clerk", tools=list(TOOLS.values()))
async def clerk(step: Step[Errand]) -> Any:
    case = CASES[step.goal]
    hand = Hand(case, step.attempt, min(case.needed, 1 + await refusals(step)))
    HANDS[case.article] = hand
    case.turns = len(case.ordered)
    await stumble(step, hand)
    turns = [Turn("system", "Say which tools to call, or the result."), Turn("user", step.input.model_dump_json())]
    while True:
        answer = await step.ask(hand, turns)
        turns.append(Turn("assistant", answer.text))
        try:
            said = understood(case.form, answer.text)
        except ValueError:
            raise StepFailed(
                FailureClass.MISUSE, "the answer has not the form that was agreed on", step.spent
            ) from None
        if "result" in said:
            return Made(output=result_of(hand, said["result"]), usage=step.spent)
        turns.append(Turn("user", "\n".join([await called(step, hand, each) for each in chosen(hand, said["calls"])])))


async def refusals(step: Step[Errand]) -> int:
    """Return how often the loop's evaluators have refused this clerk's work: it gets better with what it hears."""
    entries = [entry.message for entry in await step.past().so_far()]
    heard = {each.attempt for each in entries if isinstance(each, Evaluation) and not each.passed and not each.failure}
    blind = CASES[step.goal].kind == "blind"
    return step.attempt - 1 if blind else len([each for each in heard if each < step.attempt])


async def stumble(step: Step[Errand], hand: Hand) -> None:
    """Do what the agent's own code does wrong before it has asked anybody."""
    if hand.has(AGENT, "crashes"):
        raise IndexError("list index out of range")
    if hand.has(AGENT, "hangs"):
        await anyio.sleep_forever()
    if hand.has(ENVIRONMENT, "disk-full"):
        raise OSError(errno.ENOSPC, "No space left on device")
    if hand.has(AGENT, "calls-a-forbidden-tool"):
        await step.call(forbidden, article=hand.case.article)
    if hand.has(LOOP, "too-short"):
        await anyio.sleep(0.5)


def chosen(hand: Hand, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the calls that the agent makes of those that were named."""
    if hand.has(AGENT, "drops-a-call"):
        return calls[:1]
    if hand.has(AGENT, "calls-twice") and calls[0]["tool"] == "order":
        return calls * 2
    return calls


async def called(step: Step[Errand], hand: Hand, call: dict[str, Any]) -> str:
    """Make a call, and return what the model is shown of it."""
    name, arguments = call["tool"], dict(call["arguments"])
    if name not in TOOLS:
        raise StepFailed(FailureClass.MISUSE, f"there is no tool {name}", step.spent)
    if name == "order" and hand.has(AGENT, "alters-arguments"):
        arguments["amount"] += 1
    answer = await step.call(TOOLS[name], **arguments)
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return text[: len(text) // 2] if name == "moves" and hand.has(AGENT, "cuts-an-answer") else text


def result_of(hand: Hand, said: dict[str, Any]) -> dict[str, Any]:
    """Return what the agent hands in."""
    if hand.has(AGENT, "misfits"):
        return {"report": "as agreed"}
    if hand.has(AGENT, "alters-the-result"):
        return {**said, "moved": said["moved"] + 1}
    return said


def right(case: Case, report: Report) -> float:
    """Return which share of a report agrees with the books."""
    facts = ((report.stock, case.stock), (report.moved, sum(case.moves)), (report.ordered, case.want - case.stock))
    return sum(said == is_so for said, is_so in facts) / len(facts)


@evaluator("books")
async def books(attempt: Attempt[Errand, Report]) -> Verdict:
    case = CASES[attempt.goal]
    assert attempt.output is not None

    def has(kind: str) -> bool:
        return case.has(EVALUATOR, kind, attempt=attempt.attempt)

    if has("crashes"):
        raise ZeroDivisionError("division by zero")
    if has("hangs"):
        await anyio.sleep_forever()
    score = right(case, attempt.output)
    if has("fickle"):
        return Verdict(passed=False, score=round(0.2 + 0.15 * attempt.attempt, 2), feedback="not convincing")
    if has("frozen"):
        return Verdict(passed=False, score=0.5, feedback="not convincing")
    if has("blind"):
        return Verdict(passed=True, score=1.0)
    return Verdict(passed=score == 1, score=score, feedback="" if score == 1 else "the books say otherwise")


@evaluator("style")
async def style(attempt: Attempt[Errand, Report]) -> Verdict:
    case = CASES[attempt.goal]
    assert attempt.output is not None
    score = attempt.output.draft / case.needed
    if case.has(EVALUATOR, "blind", attempt=attempt.attempt):
        return Verdict(passed=True, score=1.0)
    return Verdict(passed=score >= 1, score=score, feedback="" if score >= 1 else "it can be said better")


@evaluator("auditor")
async def auditor(attempt: Attempt[Errand, Report]) -> Verdict:
    case = CASES[attempt.goal]
    assert attempt.output is not None
    good = right(case, attempt.output) == 1 and attempt.output.draft >= case.needed
    return Verdict(passed=good, score=1.0 if good else 0.0)


BOUNDS = Bounds(unserved=1.0, patience=30)
SHOP = Loop(name="shop", work="clerk", judges=("books", "style"), acceptance="auditor", bounds=BOUNDS)
FORSAKEN = SHOP.model_copy(update={"name": "forsaken", "work": "nobody"})
WORKERS = (clerk, books, style, auditor)
