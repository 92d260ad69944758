"""What the verbs do by which a person is asked, and answers."""

import getpass
import json
import os
from datetime import UTC, datetime

import click
from pydantic import JsonValue

from loopwright.actors.answering import result
from loopwright.actors.asking import ASKED, AnswerRefused, Asked, NothingAsked, asked, give, reply, verdict
from loopwright.actors.work import Made
from loopwright.bus import Bus, Evaluation, Result, connect_bus
from loopwright.bus.errors import GoalUnknown, GuardLost
from loopwright.bus.questions import Reply
from loopwright.bus.reading import read_all
from loopwright.bus.subjects import PREFIX, TIMERS
from loopwright.deploy.exits import Exit
from loopwright.deploy.lettering import age_in_words, columns
from loopwright.deploy.listing import where_it_stands
from loopwright.deploy.telling import SCHEMA_VERSION, tell
from loopwright.deploy.visible import visible

SHOWN = 12
"""Digits of a digest that a person is shown, and that are enough."""


async def ask(goal: str | None, as_json: bool) -> int:
    """Show what people are asked, by one goal or by all."""
    async with connect_bus() as bus:
        found = await questions(bus, goal) if goal is not None else await all_questions(bus)
    if as_json:
        for each in found:
            click.echo(json.dumps(facts(each)))
    elif not found:
        click.echo("Nobody is asked anything.", err=True)
    elif goal is None:
        click.echo("\n".join(rows(found)))
    else:
        click.echo("\n\n".join(map(in_words, found)))
    return Exit.DONE


async def judge(goal: str, digest: str, passed: bool, why: str, as_json: bool) -> int:
    """Pass or refuse exactly what a person was asked about."""
    async with connect_bus() as bus:
        question = await the_one(bus, goal, digest)
        if not wants_yes_or_no(question):
            raise AnswerRefused(f"{question.role} is asked a question: `loopwright answer {goal} {digest} ANSWER`.")
        if question.question is not None:
            await given(bus, question, reply(question, passed, why=why, person=person_here()))
        else:
            await given(bus, question, verdict(bus, question, passed, why, person=person_here()))
    said = f"{question.role} has {'passed' if passed else 'refused'}"
    tell(taken(question) | {"passed": passed}, f"{said} {about(question)}", as_json=as_json)
    return Exit.DONE


async def answer(goal: str, digest: str, output: JsonValue, as_json: bool) -> int:
    """Answer a question."""
    async with connect_bus() as bus:
        question = await the_one(bus, goal, digest)
        if wants_yes_or_no(question):
            what = "approve a call" if question.question is not None else "judge"
            raise AnswerRefused(f"{question.role} is asked to {what}: `loopwright approve {goal} {digest}`, or `deny`.")
        if question.question is not None:
            await given(bus, question, reply(question, True, output, person=person_here()))
        else:
            await given(bus, question, result(bus, question.order, Made(output=output)))
    tell(taken(question), f"{question.role} has answered {about(question)}", as_json=as_json)
    return Exit.DONE


def taken(question: Asked) -> dict[str, JsonValue]:
    """Return to what an answer was taken."""
    told = facts(question)
    return {name: told[name] for name in ("goal", "digest", "role", "step", "attempt")}


def about(question: Asked) -> str:
    """Return what was asked about, in a few words."""
    attempt = f"attempt {question.order.attempt} at the step {question.order.step} of {question.order.goal}"
    call = f"the call of {question.question.tool} in " if question.question and question.question.tool else ""
    return f"{call}{attempt}"


def wants_yes_or_no(question: Asked) -> bool:
    """Tell whether a person is to pass something, or a call; else an answer is wanted."""
    return question.order.judge is not None if question.question is None else bool(question.question.tool)


def person_here() -> str:
    """Return who sits here, as far as the machine knows."""
    try:
        return getpass.getuser()
    except OSError:  # a container may have no name for its user
        return f"user {os.getuid()}"


async def given(bus: Bus, question: Asked, said: Result | Evaluation | Reply) -> None:
    """Put an answer on record.

    Raises:
        AnswerRefused: somebody was faster, or nobody was in time.
    """
    try:
        await give(bus, question, said)
    except GuardLost:
        raise AnswerRefused("It was answered already; the first answer counts.") from None


async def all_questions(bus: Bus) -> list[Asked]:
    """Return what is asked by all goals for which the broker holds the time that a person may take."""
    held = await read_all(bus.nc, bus.js, TIMERS, [f"{PREFIX}.timer.{bus.ns}.*.*"], headers_only=True)
    timers = [stored.subject.split(".")[-2:] for stored in held]
    goals = sorted({goal for goal, id_ in timers if id_.startswith(ASKED)})
    standings = [found[0] for goal in goals if (found := await where_it_stands(bus, goal)) is not None]
    return [each for standing in standings for each in await asked(bus, standing)]


async def questions(bus: Bus, goal: str) -> list[Asked]:
    """Return what a goal asks people.

    Raises:
        GoalUnknown: there is no such goal.
    """
    found = await where_it_stands(bus, goal)
    if found is None:
        raise GoalUnknown(goal)
    return await asked(bus, found[0])


async def the_one(bus: Bus, goal: str, digest: str) -> Asked:
    """Return what a goal asks under a digest, or under the beginning of one.

    Raises:
        NothingAsked: nothing, or several things.
    """
    found = [each for each in await questions(bus, goal) if each.digest.startswith(digest)]
    if len(found) != 1:
        raise NothingAsked(goal, digest)
    return found[0]


def facts(question: Asked) -> dict[str, JsonValue]:
    """Return all that is asked."""
    order = question.order
    return {
        "schema_version": SCHEMA_VERSION,
        "goal": order.goal,
        "digest": question.digest,
        "role": question.role,
        "step": order.step,
        "attempt": order.attempt,
        "judge": order.judge is not None,
        "until": question.until.isoformat(timespec="seconds"),
        "input": order.input,
        "task": order.task,
        "before": order.before,
        "output": question.output,
        "untrusted": is_untrusted(question),
        "asked_by": order.role if question.question else None,
        "call": call_in(question),
        "question": question.question.says if question.question else None,
    }


def rows(found: list[Asked]) -> list[str]:
    """Return one line for each thing that is asked."""
    table: list[tuple[str, ...]] = [("goal", "digest", "role", "left", "asks")]
    return columns(table + [(*place_of(each), json.dumps(subject_of(each), ensure_ascii=False)[:80]) for each in found])


def place_of(question: Asked) -> tuple[str, ...]:
    """Return who asks whom, and how long it will wait."""
    order, left = question.order, age_in_words(question.until - datetime.now(UTC))
    return order.goal, question.digest[:SHOWN], question.role, left


def subject_of(question: Asked) -> JsonValue:
    """Return what is to be judged, what is to be called, or what is asked."""
    order = question.order
    if question.question is not None:
        return call_in(question) or question.question.says
    if order.judge is not None and order.attempt > 0:
        return question.output
    return order.input if order.task is None else order.task


def is_untrusted(question: Asked) -> bool:
    """Tell whether text of others, for which nobody vouches, went into what is asked."""
    return question.order.untrusted or (question.question is not None and question.question.untrusted)


def call_in(question: Asked) -> JsonValue:
    """Return the call that is to be approved; None where it is none."""
    asked_for = question.question
    return {"tool": asked_for.tool, "arguments": asked_for.arguments} if asked_for and asked_for.tool else None


def in_words(question: Asked) -> str:
    """Return all of what is asked for a person, nothing of it hidden."""
    goal, digest, role, left = place_of(question)
    words = ("approve", "deny") if wants_yes_or_no(question) else ("answer",)
    about = f"step {question.order.step}, attempt {question.order.attempt}"
    told = [f"{role} is asked {what_for(question)} by {goal} ({about}), {left} left:"]
    told += [visible(json.dumps(subject_of(question), ensure_ascii=False, indent=2)), ""]
    if is_untrusted(question):
        told += ["Nobody vouches for all of this: text of others, such as a web page, went into it.", ""]
    if wants_yes_or_no(question):
        told += ["It was asked for with:", visible(json.dumps(question.order.input, ensure_ascii=False, indent=2)), ""]
    return "\n".join([*told, *(f"loopwright {word} {goal} {digest}" for word in words)])


def what_for(question: Asked) -> str:
    """Return what a person is asked for, in a few words."""
    if question.question is None:
        return "to judge exactly this" if question.order.judge is not None else "this"
    asking = question.order.role
    return f"whether {asking} may make exactly this call" if question.question.tool else f"this for {asking}"
