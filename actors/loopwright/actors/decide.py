"""What to do about a message: a pure function from where a goal stands to what follows.

A decision is a list of events and nothing else; what is to be sent follows from them (`sends`), so that a decision on
record can be acted on again after a crash, and the repeated sends are refused as duplicates.

A goal goes on like this. It is opened, and planned where the loop has a planner; of the steps of a plan those are under
way that wait for no other. The baseline is judged where the loop asks for it. Then attempts at each step are made, up
to `width` of them under way, of which one is made and the others are judged; or all lanes of a race at once (`racing`).
A worker makes it, or a goal of another loop does (`subgoals`).
When a bound is reached no attempt is begun any more, and the goal ends when those under way are settled, for they may
yet succeed; a step that is stuck ends it as soon as its own are. A deadline, a cancellation, a role that nobody serves
or a failure that nothing will mend ends it at once. An attempt that is accepted ends its step as soon as every earlier
one is settled: the earliest wins, however slow its evaluators were; in a race it is the first. The steps that waited
for it begin, and when every step is accepted the goal is met. An attempt whose worker asks people is laid aside until
they have replied. What is not waited for (a duplicate, a late message, an answer to what is settled) changes nothing.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from loopwright.actors import racing, subgoals
from loopwright.actors.events import (
    Advanced,
    Began,
    CalledOff,
    Escalated,
    Event,
    Forked,
    Opened,
    Over,
    Planned,
    Replanned,
)
from loopwright.actors.evolve import evolve
from loopwright.actors.hooks import hooked
from loopwright.actors.loop import Loop, unknown_loop
from loopwright.actors.meaning import hear_result, hear_verdict
from loopwright.actors.ordering import ORDERS, ordered_anew
from loopwright.actors.outcome import outcome_of
from loopwright.actors.pausing import hear_of_people
from loopwright.actors.standing import Standing
from loopwright.actors.stopping import (
    Stop,
    called_off,
    deadline_reached,
    is_waited_for,
    no_role,
    reason_to_replan,
    reason_to_stop,
    spent_up,
    stop_at_once,
)
from loopwright.actors.unserved import Unserved, roles_needed
from loopwright.bus.envelope import MAX_HOPS
from loopwright.bus.messages import (
    TEXT,
    Cancel,
    Due,
    Ended,
    Evaluation,
    Goal,
    Message,
    Output,
    Result,
    Status,
    StopReason,
    Timer,
)
from loopwright.bus.questions import Pause, Reply

DEADLINE = "deadline"
BASELINE = 0


type Story = tuple[tuple[Event, ...], Standing]
"""What happens, and where the goal stands then."""


def open_goal(goal: Goal, loop: Loop | None, at: datetime, known: tuple[str, ...] = ()) -> tuple[Event, ...]:
    """Return what follows from a goal that is new."""
    pinned = loop or unknown_loop(goal.loop)
    opened = Opened.of(goal=goal, loop=pinned, at=at)
    standing = evolve(None, opened)
    refusal = None
    if loop is None:
        why = f"There is no loop named {goal.loop} here; there is {', '.join(known) or 'none at all'}."
        refusal = Stop(StopReason.REJECTED, why, status=Status.REJECTED)
    elif goal.hops > MAX_HOPS:
        refusal = Stop(StopReason.HOPS, f"It is {goal.hops} messages from its first cause; {MAX_HOPS} is the limit.")
    elif goal.parent is not None and standing.ends <= at:
        refusal = deadline_reached(standing)
    else:
        refusal = spent_up(standing)
    if refusal:
        return (opened, Over(outcome=outcome_of(standing, refusal, at)))
    if pinned.steps or (pinned.race and not pinned.plan and not pinned.baseline):
        return (opened, *take_up(standing, at)[0])
    return (opened, Began.of(attempt=BASELINE if pinned.baseline else 1))


def decide(standing: Standing, message: Message, at: datetime, seq: int = 0) -> tuple[Event, ...]:
    """Return what follows from `message`, heard at the broker's time `at`; nothing if it was not waited for."""
    return turn(standing, message, at, seq)[0]


def turn(standing: Standing, message: Message, at: datetime, seq: int = 0) -> Story:
    """Return what follows from `message`, as `decide` does, and where the goal stands then.

    `seq` is the message's place in the stream, for whoever wants to see what a stop is put down to.
    """
    if standing.over:
        return (), standing
    heard, stop = hear(standing, message, seq)
    if not heard and stop is None:
        return (), standing
    for event in heard:
        standing = evolve(standing, event)
    stop = stop or stop_at_once(standing)
    planned = stop is None and type(heard[0]) is Planned
    follows, then = take_up(standing, at) if planned else go_on(standing, stop, at)
    return (*heard, *follows), then


def hear(standing: Standing, message: Message, seq: int) -> tuple[tuple[Event, ...], Stop | None]:
    """Return the events that a message stands for, and the reason to stop at once that it brings."""
    match message:
        case Evaluation() | Result() if standing.losers and (word := racing.last_word(standing, message)) is not None:
            return word
        case Evaluation():
            there = standing.at(message.step)
            return hear_verdict(there, message, seq) if there else (), None
        case Result():
            there = standing.at(message.step)
            return hear_result(there, message, seq) if there else (), None
        case Pause() | Reply():
            there = standing.at(message.step)
            return hear_of_people(there, message, seq) if there else (), None
        case Cancel():
            return (), called_off(message, seq)
        case Due(id="deadline"):
            return (), deadline_reached(standing)
        case Unserved(role=role) if role in roles_needed(standing) and not racing.may_do_without(standing, role):
            return (), no_role(role, message.seconds)
        case _:
            return (), None


def told(standing: Standing, event: Event) -> Story:
    """Return an event, and where the goal stands then."""
    return (event,), evolve(standing, event)


def after(first: Story, second: Story) -> Story:
    """Return a story that goes on with another, which begins where it ends."""
    return (*first[0], *second[0]), second[1]


def go_on(standing: Standing, stop: Stop | None, at: datetime) -> Story:
    """Return what to do next: end the goal, begin an attempt, or wait."""
    wait: Story = (), standing
    if standing.accepted and standing.races:
        return and_on(racing.call_off(standing, (standing,)), at, stop)
    if standing.is_met and (stop is not None or (standing.is_decided and not standing.beside)):
        stop = Stop(StopReason.ACCEPTED, "", status=Status.COMPLETED)
    elif standing.accepted and stop is None:
        return next_steps(standing, at) if standing.is_decided else wait
    if stop is None and (why := reason_to_replan(standing)):
        return and_on(replanned(standing, why), at)
    if stop is None:
        stop = reason_to_stop(standing)
        if stop is not None and is_waited_for(standing, stop):
            return wait
        if stop is not None and (escalated := rung_for(standing, stop)):
            return escalate(standing, escalated, at)
    if stop is not None:
        return end(standing, stop, at)
    may_spend = not standing.under_way or not standing.room.is_empty
    return racing.begin(standing) if racing.may_begin(standing) and may_spend else wait


def end(standing: Standing, stop: Stop, at: datetime) -> Story:
    """Return the end of a goal, with that of the goals that its steps are."""
    return told(
        standing, Over.of(outcome=outcome_of(standing, stop, at), below=subgoals.goals_of(standing, standing.doing))
    )


def next_steps(standing: Standing, at: datetime) -> Story:
    """Return what goes on to the next steps of the plan; attempts at this one that are under way come too late."""
    advanced = told(standing, Advanced.of(step=standing.place, below=subgoals.goals_of(standing, (standing,))))
    return after(advanced, take_up(advanced[1], at))


def take_up(standing: Standing, at: datetime) -> Story:
    """Return what to do about the steps in which nothing is under way: they are new, or wait for others to settle."""
    why = standing.course.blocked(standing.bounds.fan_out) if standing.course else ""
    if why:
        return end(standing, Stop(StopReason.ERROR, why), at)
    if standing.is_met:
        return go_on(standing, None, at)
    story: Story = (), standing
    for step in [doing.step for doing in standing.doing if not doing.under_way]:
        there = story[1].at(step)
        if there is not None and not there.over:
            more = go_on(there, None, at)
            story = after(story, more) if more[0] else story
    return story


def and_on(story: Story, at: datetime, stop: Stop | None = None) -> Story:
    """Return a story and what to do then. Attempts under way at a step that the goal leaves come too late."""
    return after(story, go_on(story[1], stop, at))


def escalate(standing: Standing, escalated: Escalated, at: datetime) -> Story:
    """Return what climbing the ladder leads to."""
    climbed = told(standing, escalated)
    if escalated.rung != "replan":
        return and_on(climbed, at)
    return and_on(after(climbed, replanned(climbed[1], escalated.why)), at)


def replanned(standing: Standing, why: str) -> Story:
    """Return what it means that the goal is planned anew: it leaves all that is under way."""
    left = racing.call_off(standing, standing.doing)
    below = subgoals.goals_of(left[1], left[1].doing)
    return after(left, told(left[1], Replanned(step=standing.place, why=why, below=below)))


def rung_for(standing: Standing, stop: Stop) -> Escalated | None:
    """Return what the loop does instead of stopping; None if it stops."""
    if not stop.is_measured or spent_up(standing) is not None:
        return None
    ways = enumerate(standing.loop.rungs[standing.height :], start=standing.height + 1)
    for height, rung in ways:
        if rung != "replan" or standing.may_replan:
            told = {"reason": stop.reason, "why": stop.hint[:TEXT], "evidence": stop.evidence}
            return Escalated(step=standing.place, height=height, rung=rung, **told)
    return None


def sends(standing: Standing, events: tuple[Event, ...], output: Output | None = None) -> Iterator[Message]:
    """Return what a decision sends: `standing` is where the goal stands after its `events`.

    `output` is that of the result which it answers, where it is to travel on to the evaluators.
    """
    if standing.loop.hooks:
        yield from hooked(standing, events)
    for event in events:
        if (orders := ORDERS.get(type(event))) is not None:
            there = standing.at(getattr(event, "step", None))
            yield from orders(there, event, output) if there else ()
        elif (words := WORDS.get(type(event))) is not None:
            yield from words(standing, event)


def of_a_beginning(standing: Standing, event: Opened | Forked) -> Iterator[Message]:
    """Yield what is sent of a goal that is new: its deadline, and for a fork what was under way."""
    if standing.over:
        return
    yield Timer.of(goal=standing.goal.goal, id=DEADLINE, at=standing.ends)
    if isinstance(event, Forked):
        yield from ordered_anew(evolve(None, event))


def of_a_loser(standing: Standing, event: CalledOff) -> Iterator[Message]:
    """Yield what is sent where an attempt has lost its race."""
    yield from racing.calls_to_stop(standing, event)
    yield from subgoals.call_off(standing, event.below)


def of_an_end(standing: Standing, event: Over) -> Iterator[Message]:
    """Yield what is sent where the goal has ended."""
    yield Ended.of(goal=standing.goal.goal, outcome=event.outcome)
    yield from subgoals.answer(standing.goal, event.outcome)
    yield from subgoals.call_off(standing, event.below)


def of_what_is_left(standing: Standing, event: Advanced | Replanned) -> Iterator[Message]:
    """Yield what is sent to the goals of attempts that come too late."""
    yield from subgoals.call_off(standing, event.below)


WORDS: dict[type, Callable[[Standing, Any], Iterator[Message]]] = {
    Opened: of_a_beginning,
    Forked: of_a_beginning,
    CalledOff: of_a_loser,
    Over: of_an_end,
    Advanced: of_what_is_left,
    Replanned: of_what_is_left,
}
"""What is sent besides orders, by what has happened."""
