"""How events lead from one standing of a goal to the next.

Attempts move through the table of `phases`. ACCEPTED ends a step once no earlier attempt is under way; the goal goes on
with what its plan has next, or is met. SETTLED makes room for the next attempt. A goal is over exactly when its
outcome is set, and then no event follows.
"""

from collections.abc import Callable, Iterable
from typing import Any

from loopwright.actors.anew import judged_anew, made_anew
from loopwright.actors.course import Course, Ready, entered, finished
from loopwright.actors.events import (
    Accounted,
    Advanced,
    Answered,
    Began,
    CalledOff,
    Escalated,
    Event,
    Failed,
    Forked,
    Judged,
    Opened,
    Over,
    Paused,
    Planned,
    Produced,
    Replanned,
)
from loopwright.actors.fingerprint import of_failure, together
from loopwright.actors.losing import accounted, call_off
from loopwright.actors.measured import Measured
from loopwright.actors.phases import IllegalTransition, Mark, Phase, advance
from loopwright.actors.plan import PLAN, WORK
from loopwright.actors.purse import purse_of
from loopwright.actors.recovery import AT_ONCE
from loopwright.actors.standing import FRESH, Attempt, Best, Standing, part_of
from loopwright.actors.voting import NEVER_OUTVOTED, Ballot, Tally
from loopwright.bus.forks import ForkPoint
from loopwright.bus.messages import Failure, FailureClass
from loopwright.bus.names import Token
from loopwright.bus.plain import JsonValue


def evolve(standing: Standing | None, event: Event) -> Standing:
    """Return where the goal stands after `event`."""
    kind = type(event)
    if kind in OPENING:
        return OPENING[kind](event)
    if standing is None or standing.over:
        raise IllegalTransition(f"{event.event} before the goal was opened, or after it ended")
    if kind in OF_THE_GOAL:
        return OF_THE_GOAL[kind](standing, event)
    step: Token | None = getattr(event, "step", None)
    there = standing.at(step)
    if there is None:
        raise IllegalTransition(f"{event.event} in the step {step}, which is not under way")
    return OF_A_STEP[kind](there, event)


def over(standing: Standing, event: Over) -> Standing:
    """Return where the goal stands after its end: what it came to is in its outcome, and nothing is under way."""
    left = {"under_way": (), "task": None, "before": None}
    course = standing.course.but(done={}) if standing.course else None
    beside = tuple(each.but(**left) for each in standing.beside)
    return standing.but(**left, outcome=event.outcome, beside=beside, course=course)


def fold(standing: Standing | None, events: Iterable[Event]) -> Standing | None:
    """Return where the goal stands after `events`."""
    for event in events:
        standing = evolve(standing, event)
    return standing


def fork(event: Forked) -> Standing:
    """Go on from where another goal stood. What it spent stays counted; what was under way, or waits, is done anew.

    With another design, input or acceptance what was being judged is judged anew, and the ladder climbed from its foot.
    """
    was, goal = event.was, event.goal
    prefix = (*was.prefix, *([ForkPoint(goal=goal.fork.goal, seq=goal.fork.seq)] if goal.fork else []))
    held = {name: getattr(was, name) for name in Standing.model_fields}  # and not its bounds, which it remembers
    standing = Standing.of(**held | {"goal": goal, "loop": event.loop, "opened": event.at, "prefix": prefix})
    left = {"set_aside": standing.aside, "losers": (), "untrusted": standing.untrusted or goal.untrusted}
    standing = made_anew(standing).but(beside=tuple(map(made_anew, standing.beside)), **left)
    if (event.loop, goal.input, goal.acceptance) != (was.loop, was.goal.input, was.goal.acceptance):
        beside = tuple(judged_anew(each, standing.panel_of(each).everybody) for each in standing.beside)
        standing = judged_anew(standing, standing.panel.everybody).but(beside=beside)
    orders = sum(len(each.waiting) if each.phase is not Phase.WORKING else 1 for each in standing.everywhere)
    return standing.but(steps=standing.steps + orders)


def begin(standing: Standing, event: Began) -> Standing:
    """Begin an attempt; the baseline goes to the evaluators at once."""
    number, lane = event.attempt, event.lane
    evaluators = standing.panel.everybody
    if number == 0:
        attempt = Attempt.of(number=0, phase=Phase.JUDGING, waiting=evaluators)
    else:
        attempt = Attempt.of(number=number, phase=Phase.WORKING, lane=lane)
    if standing.bounds.width > 1 or standing.beside or lane:
        slots = sum(map(standing.ways, standing.doing)) - len(standing.everywhere)
        attempt = attempt.but(purse=standing.room.shared(max(1, slots), standing.takes))
    return standing.but(
        under_way=(*standing.under_way, attempt),
        begun=max(standing.begun, number),
        steps=standing.steps + (len(evaluators) if number == 0 else 1),
    )


def produce(standing: Standing, event: Produced) -> Standing:
    """Hand an attempt's result to every evaluator."""
    evaluators = standing.panel.everybody
    attempt, noted = spent(standing, event, steps=len(evaluators))
    attempt = moved(attempt, Mark.PRODUCED, size=event.size, made=event.made, waiting=evaluators)
    return replaced(standing, attempt, **noted)


def pause(standing: Standing, event: Paused) -> Standing:
    """Lay an attempt aside until people have replied."""
    attempt = moved(known(standing, event.attempt), Mark.PAUSED, pending=event.pending)
    return replaced(standing, attempt, usage=standing.usage + event.usage)


def answer(standing: Standing, event: Answered) -> Standing:
    """Note a person's reply; the last one has the attempt taken up again."""
    attempt = known(standing, event.attempt)
    pending = tuple(each.but(replied=event.seq) if each.digest == event.digest else each for each in attempt.pending)
    if all(each.replied for each in pending):
        return replaced(standing, moved(attempt, Mark.ANSWERED, pending=pending, resumed=attempt.resumed + 1))
    return replaced(standing, attempt.but(pending=pending))


def opened(event: Opened) -> Standing:
    """Return where a new goal stands: before its plan, in its first steps, or at its one step."""
    told = {"goal": event.goal, "loop": event.loop, "opened": event.at, "untrusted": event.goal.untrusted}
    standing = Standing.of(**told, step=PLAN if event.loop.plan else WORK)
    steps = event.loop.steps
    return onward(standing, *entered(steps, standing.bounds.fan_out)) if steps else standing


def plan(standing: Standing, event: Planned) -> Standing:
    """Take the plan, and go to the steps that need nothing."""
    attempt, noted = spent(standing, event)
    standing = dropped(standing, moved(attempt, Mark.PLANNED), **noted)
    return onward(standing, *entered(event.steps, standing.bounds.fan_out, standing.before))


def done(standing: Standing, _: Advanced) -> Standing:
    """Leave the step at hand, which is met, and go to the steps that waited for it alone."""
    came_to = standing.best.pick if standing.best else None
    course = standing.course or Course()
    standing = leaving_behind(standing, standing.under_way)
    return onward(standing, *finished(course, standing.step, standing.one_of, came_to, standing.bounds.fan_out))


def onward(standing: Standing, course: Course, ready: Iterable[Ready]) -> Standing:
    """Go to the steps that can begin, or to one of those beside; what is counted for each step starts anew."""
    fresh = [FRESH.but(**each._asdict(), begun=standing.base) for each in ready]
    others = (*fresh, *standing.beside)
    if not others:
        return standing.but(course=course)
    first, *beside = others
    left = None if not beside and course.is_only(first.step) else course
    earlier = standing.earlier + standing.begun - first.begun
    return standing.but(**first.__dict__, beside=tuple(beside), course=left, earlier=earlier)


def leaving_behind(standing: Standing, attempts: tuple[Attempt, ...]) -> Standing:
    """Set aside what attempts under way may still spend, of which nothing will be heard."""
    for attempt in attempts:
        if attempt.purse is not None:
            standing = standing.but(set_aside=standing.set_aside.plus(attempt.purse))
    return standing


def escalate(standing: Standing, event: Escalated) -> Standing:
    """Climb the ladder; the attempts from here on are another story."""
    measured = standing.measured.anew()
    return standing.but(height=event.height, hint=event.why, measured=measured, failures=0, exhausted=False)


def replan(standing: Standing, event: Replanned) -> Standing:
    """Go back to the planner, with what was tried. The numbers of attempts go on: their places are taken."""
    tried: JsonValue = {
        "step": standing.step,
        "why": event.why,
        "score": standing.best.score if standing.best else None,
        "best": standing.best.pick if standing.best else None,
        "steps_left": [step.name for step in standing.ahead],
    }
    standing = leaving_behind(standing, standing.everywhere)
    made = standing.attempts
    anew = part_of(FRESH.but(step=PLAN, before=standing.before, tried=tried, begun=made))
    return standing.but(**anew, beside=(), course=None, replans=standing.replans + 1, base=made, earlier=made)


def judge(standing: Standing, event: Judged) -> Standing:
    """Note what an evaluator said."""
    attempt, noted = spent(standing, event)
    standing = standing.but(**noted)
    if attempt.phase is Phase.ACCEPTING:
        return accept(standing, attempt, event)
    found = attempt.found if event.passed or attempt.broken else together(attempt.found, event.found)
    ballot = Ballot.of(role=event.judge, passed=event.passed, score=event.score)
    return cast(standing, attempt, ballot, event.pick, found=found, seq=event.seq)


def cast(standing: Standing, attempt: Attempt, ballot: Ballot, pick: JsonValue = None, **heard: str | int) -> Standing:
    """Note an evaluator's ballot; the last to speak moves the attempt, also one that cannot be saved by then."""
    ballots = (*attempt.ballots, ballot)
    panel = standing.panel
    outvoted = not ballot.passed and any(each.passed for each in attempt.ballots)
    attempt = attempt.but(
        **heard,
        waiting=tuple([role for role in attempt.waiting if role != ballot.role]),
        ballots=ballots,
        score=panel.score(ballots),
        pick=attempt.pick if pick is None or outvoted else pick,
    )
    if attempt.broken is not None:
        standing = replaced(standing, attempt)
        return standing if attempt.waiting else failed(standing, attempt, attempt.broken)
    match panel.tally(ballots):
        case Tally.PASSED:
            return passed(standing, moved(attempt, Mark.PASSED))
        case Tally.REFUSED:
            return settled(standing, moved(attempt, Mark.REFUSED))
        case _:
            return replaced(standing, attempt)


def passed(standing: Standing, attempt: Attempt) -> Standing:
    """Send an attempt that its evaluators passed to the acceptance evaluator, where there is one to be asked."""
    if standing.goal.acceptance is None or standing.loop.acceptance is None:
        return won(standing, attempt)
    waiting = (standing.loop.acceptance,)
    return replaced(standing, attempt.but(waiting=waiting)).but(steps=standing.steps + 1)


def accept(standing: Standing, attempt: Attempt, event: Judged) -> Standing:
    """Note what the acceptance evaluator said: the goal is met, or the success was a false one."""
    pick = attempt.pick if event.pick is None else event.pick
    rejected = event.rejected if event.passed else max(1, event.rejected)
    standing = standing.but(false_successes=standing.false_successes + rejected)
    if event.passed:
        return won(standing, attempt.but(pick=pick, seq=event.seq))
    advance(attempt.phase, Mark.REFUSED)
    attempt = attempt.but(found=of_failure(event.judge, ""), seq=event.seq)
    return closed(standing, attempt, measured_with(standing, attempt, scored=False))


def closed(standing: Standing, attempt: Attempt, measured: Measured, best: Best | None = None) -> Standing:
    """Take a judged attempt off: the generator may know more now, and needs no hint any more once it got better."""
    hint = "" if best else standing.hint
    noted = {"measured": measured, "hint": hint, "failures": 0, "exhausted": False}
    return dropped(standing, attempt, best=best or standing.best, **noted)


def measured_with(standing: Standing, attempt: Attempt, *, scored: bool = True) -> Measured:
    """Return what is measured once an attempt was judged."""
    told = (attempt.score if scored else None, attempt.size, attempt.made, attempt.found, attempt.seq)
    return standing.measured.judged(*told, standing.bounds.tolerance, attempt.lane)


def won(standing: Standing, attempt: Attempt) -> Standing:
    """Make the attempt the best one, unless an earlier one was accepted: the goal is met."""
    advance(attempt.phase, Mark.PASSED)
    number = attempt.number
    best = Best.of(attempt=number, score=attempt.score, pick=attempt.pick)
    if standing.accepted and standing.best and standing.best.attempt < number:
        best = standing.best
    standing = with_baseline(standing, attempt)
    measured = standing.measured.met(attempt.score, attempt.seq) if number else standing.measured
    return dropped(standing, attempt, best=best, measured=measured, accepted=True, failures=0)


def settled(standing: Standing, attempt: Attempt) -> Standing:
    """Close an attempt that was judged and refused; keep it if it is the best so far."""
    number = attempt.number
    standing = with_baseline(standing, attempt)
    if number == 0:
        return dropped(standing, attempt)
    measured = measured_with(standing, attempt)
    if standing.accepted:
        return closed(standing, attempt, measured)
    floor = standing.best.score if standing.best else (standing.baseline or 0.0)
    if attempt.score > floor or (standing.best is None and standing.baseline is None):
        without = tuple(ballot.role for ballot in attempt.ballots if not ballot.passed)
        best = Best.of(attempt=number, score=attempt.score, pick=attempt.pick, without=without)
        return closed(standing, attempt, measured, best)
    return closed(standing, attempt, measured)


def with_baseline(standing: Standing, attempt: Attempt) -> Standing:
    """Note the baseline's score."""
    if attempt.number != 0:
        return standing
    return standing.but(baseline=attempt.score, measured=standing.measured.from_baseline(attempt.score, attempt.seq))


def fail(standing: Standing, event: Failed) -> Standing:
    """Note that a worker or an evaluator has nothing to show, which the others of a panel may outvote."""
    attempt, noted = spent(standing, event)
    standing = standing.but(**noted)
    if event.judge is None or attempt.phase is not Phase.JUDGING:
        return failed(standing, attempt.but(seq=event.seq), event.failure, event.judge)
    abstention = Ballot(role=event.judge)
    is_void = standing.panel.tally((*attempt.ballots, abstention)) is Tally.VOID
    if attempt.broken is None and (is_void or event.failure.kind in NEVER_OUTVOTED):
        if standing.loop.after(event.failure.kind) in AT_ONCE:
            return failed(leaving_judges(standing, attempt), attempt.but(seq=event.seq), event.failure, event.judge)
        attempt = attempt.but(broken=event.failure, found=of_failure(event.judge, event.failure.message))
    return cast(standing, attempt.but(seq=event.seq), abstention)


def failed(standing: Standing, attempt: Attempt, failure: Failure, judge: Token | None = None) -> Standing:
    """Close an attempt that has nothing to show; neither an exhausted generator nor an empty purse is a failure."""
    advance(attempt.phase, Mark.FAILED)
    if failure.kind is FailureClass.EXHAUSTED:
        exhausted = not standing.measured.round  # another lane of the race had something to try
        return dropped(standing, attempt, exhausted=exhausted, empty=standing.empty + 1)
    if failure.kind is FailureClass.SPENT:
        return dropped(standing, attempt)
    found = attempt.found if attempt.broken else of_failure(judge or failure.kind, failure.message)
    measured = standing.measured.without_score(max(1, attempt.size), found, attempt.seq, attempt.lane)
    noted = {"failures": standing.failures + 1, "last_failure": failure, "measured": measured}
    return dropped(standing, attempt, **noted)


def leaving_judges(standing: Standing, attempt: Attempt) -> Standing:
    """Set aside what the evaluators of an attempt may still spend who have not spoken, and are not waited for."""
    if len(attempt.waiting) < 2:
        return standing
    return standing.but(set_aside=standing.set_aside.plus(attempt.purse or standing.room))


def known(standing: Standing, number: int) -> Attempt:
    """Return the attempt of that number, which is under way."""
    attempt = standing.attempt(number)
    if attempt is None:
        raise IllegalTransition(f"attempt {number} is not under way")
    return attempt


def moved(attempt: Attempt, mark: Mark, **heard: object) -> Attempt:
    """Return an attempt that has moved on, by the table."""
    return attempt.but(**heard, phase=advance(attempt.phase, mark))


def replaced(standing: Standing, attempt: Attempt, **noted: object) -> Standing:
    """Put an attempt in its place."""
    under_way = [attempt if each.number == attempt.number else each for each in standing.under_way]
    return standing.but(**noted, under_way=tuple(under_way))


def dropped(standing: Standing, attempt: Attempt, **noted: object) -> Standing:
    """Take an attempt off, with what it leaves behind."""
    under_way = tuple([each for each in standing.under_way if each.number != attempt.number])
    standing = standing.but(**noted, under_way=under_way)
    if standing.measured.round and not under_way:
        return standing.but(measured=standing.measured.round_over())
    return standing


def spent(
    standing: Standing, event: Produced | Planned | Judged | Failed, *, steps: int = 0
) -> tuple[Attempt, dict[str, object]]:
    """Return the attempt that an event is about, with what its purse holds then, and what the goal has spent."""
    attempt = known(standing, event.attempt)
    noted: dict[str, object] = {"usage": standing.usage + event.usage, "steps": standing.steps + steps}
    noted["untrusted"] = standing.untrusted or event.untrusted
    purse = attempt.purse.less(event.usage) if attempt.purse is not None else None
    if event.aside is not None:
        aside = purse_of(event.aside)
        noted["set_aside"] = standing.set_aside.plus(aside)
        purse = purse.without(aside) if purse is not None else None
    if purse is not None:
        attempt = attempt.but(purse=purse)
    return attempt, noted


OPENING: dict[type, Callable[[Any], Standing]] = {Opened: opened, Forked: fork}
OF_THE_GOAL: dict[type, Callable[[Standing, Any], Standing]] = {Planned: plan, Over: over, Accounted: accounted}
OF_A_STEP: dict[type, Callable[[Standing, Any], Standing]] = {
    Began: begin,
    Produced: produce,
    Paused: pause,
    Answered: answer,
    Judged: judge,
    Failed: fail,
    CalledOff: lambda there, event: call_off(there, known(there, event.attempt), event),
    Escalated: escalate,
    Replanned: replan,
    Advanced: done,
}
"""What an event does where its step is at hand."""
