"""What becomes of a dead letter that an operator wants to have tried again.

Most places are taken once for ever, so that nothing happens twice; trying again never gives one of them away:

- a goal that could not be read is published again as it came, under a new id: its own is taken by its refusal.
- a step that nobody survived, or whose order could not be read, has a failed result on record. What can be tried again
  is its goal, as it was submitted, under a new id; not while it goes on without that attempt, nor if it was met anyway.
- a client's word or a timer is published again as it came, while its goal can still hear it.
- an answer is never published again: the first one wins, and its goal has gone on.
"""

import re
from dataclasses import dataclass

from loopwright.actors.decisions import decisions_of
from loopwright.actors.hearing import MODELS, SAY_IT_ALL, id_given, refused_id
from loopwright.actors.standing import Standing
from loopwright.bus.connection import Bus
from loopwright.bus.envelope import read_at, read_goal
from loopwright.bus.errors import LoopwrightError, Unreadable
from loopwright.bus.letters import Letter
from loopwright.bus.messages import Goal, Status
from loopwright.bus.names import GoalId, is_token
from loopwright.bus.subjects import NOBODY, Subject

AGAIN = re.compile(r"-retry-[0-9]+$")


class NotRetriable(LoopwrightError):
    """A dead letter cannot be tried again; the sentence says why."""

    def __init__(self, letter: Letter, why: str) -> None:
        super().__init__(f"The dead letter {letter.number} cannot be tried again: {why}")


@dataclass(frozen=True, slots=True)
class Retried:
    """What was published for a dead letter."""

    subject: str
    goal: GoalId
    """The goal that goes on, or that was submitted anew."""


async def retry(bus: Bus, letter: Letter) -> Retried:
    """Publish what a dead letter asks for, once more; the letter itself is left to the caller.

    Raises:
        NotRetriable: that would change nothing, or cannot be.
        IntakeFull: the queue of goals takes no more.
        BusUnreachable: no answer for a minute.
    """
    try:
        subject = Subject.parse(letter.subject)
    except Unreadable:
        raise NotRetriable(letter, "it does not say where it was published, or nobody reads what is there.") from None
    if subject["ns"] != bus.ns:
        raise NotRetriable(letter, f"it was published in the namespace {subject['ns']}.")
    try:
        body = await bus.body(letter.data, letter.headers)
    except Unreadable as error:
        raise NotRetriable(letter, f"its body is gone: {error}.") from None
    match subject.kind:
        case "goal":
            return await submit_again(bus, letter, subject, body)
        case "step" | "decision" | "made" if subject["role"] != NOBODY:
            return await begin_anew(bus, letter, subject["goal"])
        case kind if kind in SAY_IT_ALL:
            return await say_again(bus, letter, subject, body)
        case "result" | "eval":
            raise NotRetriable(letter, "an answer's place is taken once for ever, and its goal has gone on without it.")
        case kind:
            raise NotRetriable(letter, f"nobody waits for a {kind}.")


async def submit_again(bus: Bus, letter: Letter, subject: Subject, body: bytes) -> Retried:
    """Publish a goal as it came, under its own id unless its refusal has that."""
    id_ = id_of(letter, goal_in(letter, subject, body))
    await refuse_known(bus, letter, id_)
    await bus.write(letter.subject, letter.data, letter.headers | {"Nats-Msg-Id": id_})
    return Retried(letter.subject, id_)


def id_of(letter: Letter, goal: Goal) -> GoalId:
    """Return the id under which a goal in a letter can be accepted."""
    refused = refused_id(letter.headers, letter.stored or letter.buried, letter.sequence)
    return id_again(goal.goal, letter.number) if goal.goal == refused else GoalId(goal.goal)


async def refuse_known(bus: Bus, letter: Letter, id_: GoalId) -> None:
    """Raise NotRetriable if there is such a goal: whoever tried the letter again may have died before removing it."""
    if await standing_of(bus, id_) is not None:
        raise NotRetriable(letter, f"the goal {id_} is on record already.")


def goal_in(letter: Letter, subject: Subject, body: bytes) -> Goal:
    """Return the goal in a letter, which this version may be able to read.

    Raises:
        NotRetriable: it is not.
    """
    fallback = id_given(letter.stored or letter.buried, letter.sequence)
    try:
        return read_goal(body, letter.headers, loop=subject["loop"], fallback_id=fallback)
    except Unreadable as error:
        raise NotRetriable(letter, f"this version of Loopwright cannot read it either: {error}.") from None


async def begin_anew(bus: Bus, letter: Letter, goal: str) -> Retried:
    """Submit the goal of a step anew, as it was submitted, under a new id."""
    again = goal_to_begin(letter, await standing_of(bus, goal))
    id_ = id_again(goal, letter.number)
    await refuse_known(bus, letter, id_)
    subject = Subject.of("goal", ns=bus.ns, loop=again.loop)
    await bus.publish(subject, again.model_copy(update={"goal": id_}), id=id_, cause=f"DEAD-{letter.number}")
    return Retried(str(subject), id_)


def goal_to_begin(letter: Letter, standing: Standing | None) -> Goal:
    """Return the goal to submit anew for a step that came to nothing.

    Raises:
        NotRetriable: nobody sent the step, or its goal needs it no more.
    """
    if "ce-causationid" not in letter.headers:
        raise NotRetriable(letter, "no orchestrator sent it, so no goal waits for it.")
    if standing is None:
        raise NotRetriable(letter, f"nothing is on record for its goal {letter.goal}.")
    if standing.outcome is None:
        raise NotRetriable(letter, f"its goal {letter.goal} has counted a failed attempt, and goes on.")
    if standing.outcome.status is Status.COMPLETED:
        raise NotRetriable(letter, f"its goal {letter.goal} was met all the same.")
    return standing.goal


async def say_again(bus: Bus, letter: Letter, subject: Subject, body: bytes) -> Retried:
    """Publish a client's word or a timer as it came."""
    refuse_unheard(letter, subject, body, await standing_of(bus, subject["goal"]))
    await bus.write(letter.subject, letter.data, letter.headers | {"Nats-Msg-Id": f"retry-DEAD-{letter.number}"})
    return Retried(letter.subject, GoalId(subject["goal"]))


def refuse_unheard(letter: Letter, subject: Subject, body: bytes, standing: Standing | None) -> None:
    """Raise NotRetriable unless somebody would understand a word now, and act on it."""
    if standing is None:
        raise NotRetriable(letter, f"nothing is on record for its goal {subject['goal']}.")
    if standing.over:
        raise NotRetriable(letter, f"its goal {subject['goal']} has ended.")
    try:
        read_at(MODELS[subject.kind], subject, body or b"{}", letter.headers)
    except Unreadable as error:
        raise NotRetriable(letter, f"this version of Loopwright cannot read it either: {error}.") from None


async def standing_of(bus: Bus, goal: str) -> Standing | None:
    """Return where a goal stands by its last decision that can be read, with all that it brought; None if unknown."""
    if not is_token(goal):
        return None
    decisions = await decisions_of(bus, goal)
    if not decisions or decisions[0].number != 1:
        return None
    return next((each.standing for each in reversed(decisions) if each.standing.goal.goal == goal), None)


def id_again(goal: str, letter: int) -> GoalId:
    """Return the id of a goal's run for a letter: one letter begins one run, however often that is asked for."""
    ending = f"-retry-{letter}"
    return GoalId(AGAIN.sub("", goal)[: 63 - len(ending)] + ending)
