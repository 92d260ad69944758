"""How a race goes on: its lanes are begun together, and when one of them is accepted the others are called off."""

from collections.abc import Iterator

from loopwright.actors.events import Accounted, Began, CalledOff, Event
from loopwright.actors.evolve import evolve, fold
from loopwright.actors.phases import MAKING, Phase
from loopwright.actors.recovery import reason_of
from loopwright.actors.standing import Attempt, Doing, Standing
from loopwright.actors.stopping import Stop, spent_up
from loopwright.actors.subgoals import goals_of
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.messages import Evaluation, FailureClass, Result
from loopwright.bus.names import Token


def begin(standing: Standing) -> tuple[tuple[Event, ...], Standing]:
    """Return what begins at the step at hand: an attempt, or a round of its race, as far as the budget goes."""
    lanes = standing.lanes_of(standing)
    events: list[Event] = [Began.of(step=standing.place, attempt=standing.begun + 1, lane=int(bool(lanes)))]
    standing = evolve(standing, events[0])
    for lane in range(2, len(lanes) + 1):
        if standing.room.is_empty or spent_up(standing):
            break
        events.append(Began.of(step=standing.place, attempt=standing.begun + 1, lane=lane))
        standing = evolve(standing, events[-1])
    return tuple(events), standing


def may_begin(standing: Standing) -> bool:
    """Tell whether another attempt may begin: one is made at a time, and up to `width` are under way; or a round."""
    under_way = standing.under_way
    if not under_way or standing.lanes_of(standing):
        return not under_way
    busy = any(attempt.phase in MAKING or attempt.number == 0 for attempt in under_way)
    return not busy and len(under_way) < standing.bounds.width


def call_off(standing: Standing, steps: tuple[Doing, ...]) -> tuple[tuple[Event, ...], Standing]:
    """Return what calls off every lane that is under way at some steps, of which nothing is waited for any more."""
    events = tuple(
        CalledOff.of(
            step=doing.step,
            attempt=each.number,
            roles=at_work(standing, doing, each),
            below=goals_of(standing, (doing.but(under_way=(each,)),)),
        )
        for doing in steps
        for each in doing.under_way
        if each.lane
    )
    return events, fold(standing, events) or standing


def at_work(standing: Standing, doing: Doing, attempt: Attempt) -> tuple[Token, ...]:
    """Return the roles whose workers an attempt waits for; people need no word, for they take nothing."""
    if attempt.phase is Phase.WORKING and doing.subloop:
        return ()
    roles = (standing.maker_of(doing, attempt.lane),) if attempt.phase is Phase.WORKING else attempt.waiting
    return tuple(role for role in roles if role not in standing.loop.people)


def may_do_without(standing: Standing, role: Token) -> bool:
    """Tell whether only lanes of races wait for a role, each beside another under way which does not: that may win."""
    waiting = [
        (doing, attempt)
        for doing in standing.doing
        for attempt in doing.under_way
        if role in at_work(standing, doing, attempt)
    ]
    return len(waiting) > 0 and all(
        attempt.lane and any(role not in at_work(standing, doing, other) for other in doing.under_way)
        for doing, attempt in waiting
    )


def last_word(standing: Standing, said: Result | Evaluation) -> tuple[tuple[Event, ...], Stop | None] | None:
    """Return what it means that somebody speaks who was called off: it is counted what that took.

    None: nobody there was called off. That nobody can tell whether a call has happened a person must hear all the same.
    """
    judge = said.judge if isinstance(said, Evaluation) else None
    for loser in standing.losers:
        speaks = judge in loser.waiting if judge else not loser.is_made
        if (loser.step, loser.attempt) == (said.step, said.attempt) and speaks:
            took = {"judge": judge, "usage": said.usage, "aside": said.aside}
            heard = Accounted.of(step=said.step, attempt=said.attempt, **took)
            failure = said.failure
            doubt = failure if failure and failure.kind is FailureClass.IN_DOUBT else None
            return (heard,), Stop(reason_of(doubt.kind), doubt.message) if doubt else None
    return None


def calls_to_stop(standing: Standing, event: CalledOff) -> Iterator[Effect]:
    """Yield the word for whoever is at work on an attempt that has lost, on the record of what each of them does."""
    told = {"goal": standing.goal.goal, "step": event.step, "attempt": event.attempt, "delivery": 0}
    yield from (Effect.of(**told, role=role, phase=EffectPhase.CALLED_OFF) for role in event.roles)
