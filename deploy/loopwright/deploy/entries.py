"""What an entry on record says to a person, in one line, and to a program."""

import json

from pydantic import JsonValue

from loopwright.actors.plan import WORK
from loopwright.bus import Entry
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.messages import Ended, Evaluation, FailureClass, Result, StepOrder, Usage
from loopwright.bus.questions import Pause, Question, Reply
from loopwright.deploy.visible import visible

LINE = 120
"""Characters of a value that is shown in a line."""


def plain(entry: Entry) -> dict[str, JsonValue]:
    """Return an entry as JSON."""
    body = entry.message.model_dump(mode="json") if entry.message else None
    return {"seq": entry.seq, "time": entry.time.isoformat(), "subject": str(entry.subject), "message": body}


def question_in_words(question: Question) -> str:
    """Return what a person is asked in the middle of an attempt."""
    if question.tool:
        return f"{question.person} is asked to approve {question.tool} with {short(question.arguments)}"
    return f"{question.person} is asked {short(question.says)}"


def short(value: JsonValue) -> str:
    """Return the beginning of a value, for one line."""
    text = json.dumps(value, ensure_ascii=False)
    return visible(text if len(text) <= LINE else f"{text[:LINE]}…")


def sentence_of(entry: Entry) -> str:
    """Return what an entry says, in a few words."""
    match entry.message:
        case StepOrder(judge=None) as order:
            lane = f", in lane {order.lane} of a race" if order.lane else ""
            model = f", by the model {order.model}" if order.model else ""
            hint = f", with a hint: {order.hint}" if order.hint else ""
            return f"{place_of(order)}: {order.role} is asked to work{lane}{model}{hint}"
        case StepOrder() as order:
            return f"{place_of(order)}: {order.role} is asked to judge"
        case (Result() | Evaluation()) as answer if is_called_off(answer):
            who = answer.judge if isinstance(answer, Evaluation) else answer.worker
            return f"{place_of(answer)}: {who} has stopped{tokens_in_words(answer.usage)}"
        case (Result() | Evaluation()) as answer if answer.failure is not None:
            who = answer.judge if isinstance(answer, Evaluation) else answer.worker
            return f"{place_of(answer)}: {who} failed: {answer.failure.kind.value}: {answer.failure.message}"
        case Result() as result:
            made = "a result" if result.size == 1 else f"{result.size:,} proposals"
            of_others = ", of content that nobody vouches for" if result.untrusted else ""
            return f"{place_of(result)}: {result.worker} made {made} in {result.seconds:.1f} s{of_others}"
        case Evaluation() as found:
            passed = "passed" if found.passed else "refused"
            first = found.feedback.splitlines()[0] if found.feedback else ""
            return f"{place_of(found)}: {found.judge} {passed}, score {found.score:.2f}. {first}".rstrip()
        case Effect() as effect:
            return f"{place_of(effect)}: {call_in_words(effect)}"
        case Pause() as pause:
            return f"{place_of(pause)}: {'; '.join(map(question_in_words, pause.questions))}; nobody has it meanwhile"
        case Reply() as reply:
            why = f": {reply.why}" if reply.why else ""
            return f"{place_of(reply)}: {reply.person or 'somebody'} says {'yes' if reply.approved else 'no'}{why}"
        case Ended(outcome=outcome):
            return f"ended: {outcome.status.value} ({outcome.reason.value})"
        case _:
            return ""


def place_of(message: StepOrder | Result | Evaluation | Effect | Pause | Reply) -> str:
    """Return which attempt is meant, and at which step where there may be several."""
    attempt = f"attempt {message.attempt}"
    return attempt if message.step == WORK else f"{message.step}, {attempt}"


def call_in_words(effect: Effect) -> str:
    """Return what an entry of an attempt's effect record says, in a few words."""
    match effect.phase:
        case EffectPhase.HELD:
            return f"{effect.worker} goes on where another worker was lost"
        case EffectPhase.CALLED_OFF:
            return f"{effect.role} is told to stop: another attempt has won"
        case EffectPhase.CLAIMED:
            return f"{effect.role} calls {effect.name}"
        case EffectPhase.RESERVED:
            return f"{effect.role} submits {effect.key}, of the loop {effect.name}"
        case EffectPhase.DONE if effect.what == "goal":
            return f"{effect.key} has ended"
        case EffectPhase.RELEASED:
            return f"{effect.name} has not happened"
        case EffectPhase.FAILED:
            return f"{effect.name} failed: {effect.failure}"
        case EffectPhase.RAISED:
            return f"{effect.name} did not answer: {effect.failure}"
        case EffectPhase.ASKED | EffectPhase.APPROVED | EffectPhase.DENIED:
            return word_of_a_person(effect)
        case EffectPhase.DONE:
            if effect.failure:
                return effect.failure
            met = ", asked with untrusted content" if effect.untrusted else ""
            return f"{effect.name} answered {effect.role}{tokens_in_words(effect.usage)}{met}"


def word_of_a_person(effect: Effect) -> str:
    """Return how far it has come with what a person is asked in the middle of an attempt."""
    if effect.phase is EffectPhase.ASKED:
        return f"{effect.role} needs the word of {effect.person}"
    if effect.phase is EffectPhase.APPROVED:
        return f"{effect.name} may be called"
    return f"{effect.name} is not called: {effect.failure or f'{effect.person} says no'}"


def tokens_in_words(usage: Usage) -> str:
    """Return the tokens that something took, behind what is said of it; nothing where it took none."""
    tokens = usage.tokens_in + usage.tokens_out
    return f", {tokens:,} tokens" if tokens else ""


def is_called_off(answer: Result | Evaluation) -> bool:
    """Tell whether somebody has stopped because another attempt has won."""
    return answer.failure is not None and answer.failure.kind is FailureClass.CALLED_OFF
