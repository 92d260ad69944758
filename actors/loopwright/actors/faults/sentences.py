"""Why a goal ended and what to do about it, in one sentence each."""

from loopwright.actors.faults.fault import GUESSED, SURE, Blame, Fault
from loopwright.actors.faults.recorded import GoalRecord
from loopwright.bus.messages import FaultClass, Outcome, Status, StopReason

WHOSE = {
    FaultClass.MODEL: "the model {who}",
    FaultClass.AGENT: "the agent's code in the role {who}",
    FaultClass.LOOP: "the loop {who}",
    FaultClass.TOOL: "the tool {who}",
    FaultClass.ENVIRONMENT: "the environment of {who}",
    FaultClass.EVALUATOR: "the evaluator {who}",
    FaultClass.UNKNOWN: "nobody that the record tells of",
}
MEND = {
    FaultClass.MODEL: "Give it more to go on, tell it the form to answer in, or ask another model.",
    FaultClass.AGENT: "Mend the worker's code, and submit the goal again.",
    FaultClass.LOOP: "Change the loop's bounds or the goal's input, and submit it again.",
    FaultClass.TOOL: "Mend the tool, and submit the goal again.",
    FaultClass.ENVIRONMENT: "Bring back what was missing, and submit the goal again: nothing else has to change.",
    FaultClass.EVALUATOR: "Mend the evaluator first: until then neither a pass nor a refusal means much.",
    FaultClass.UNKNOWN: "Look at the evidence; the record does not tell more.",
}
STOPPED = {
    StopReason.DEADLINE: "Give it a longer deadline, or a smaller goal.",
    StopReason.ATTEMPTS: "Allow more attempts, or another worker.",
    StopReason.TOKENS: "Allow more tokens, or show the model less.",
    StopReason.STEPS: "Allow more steps, or ask fewer evaluators.",
    StopReason.TOOL_CALLS: "Allow more tool calls, or find out what the worker calls so often.",
    StopReason.COST: "Allow more money, or ask a cheaper model.",
    StopReason.PLATEAU: "Try another worker or model: this one has stopped getting better.",
    StopReason.OSCILLATION: "Split the goal, or tell the worker all that must stay as it is.",
    StopReason.REPETITION: "Try another worker or model: this one does the same again and again.",
    StopReason.STEP_TIMEOUT: "Allow a step more time, or find out what it waits for.",
}


def why_of(record: GoalRecord, blame: Blame) -> str:
    """Return in one sentence why a goal ended, whose fault that was, and what to do."""
    outcome = record.outcome
    if outcome is None:
        return f"{record.goal.goal} has not ended: {so_far(blame)}"
    why = outcome.why.strip()
    ended = f"{outcome.goal} ended as {outcome.status.value} ({outcome.reason.value}): {why}{stop_behind(why)}"
    if outcome.status is Status.COMPLETED:
        return f"{ended} {after_all(record, outcome)}".strip()
    if outcome.status is Status.CANCELED:
        return f"{ended} Submit it again to go on."
    if blame.fault is None:
        return f"{ended} {STOPPED.get(outcome.reason, MEND[FaultClass.UNKNOWN])}"
    return f"{ended} {charge(blame.fault)} {advice(outcome, blame.fault)}"


def stop_behind(text: str) -> str:
    """Return the full stop that a text lacks which is to be a sentence."""
    return "" if not text or text.endswith((".", "!", "?", "…")) else "."


def so_far(blame: Blame) -> str:
    """Return what has gone wrong with a goal that goes on."""
    if not blame.faults:
        return "nothing has gone wrong yet."
    return f"{len(blame.faults)} of its attempts went wrong. {charge(blame.fault or blame.faults[-1])}"


def charge(fault: Fault) -> str:
    """Return whose fault it was, as sure as that is."""
    if fault.fault is FaultClass.UNKNOWN:
        return f"Whose fault that was the record does not tell{at(fault)}."
    whose = WHOSE[fault.fault].format(who=fault.who).strip()
    how = "The fault lies with" if fault.confidence >= SURE else "It lies probably with"
    how = "It may lie with" if fault.confidence < GUESSED else how
    return f"{how} {whose}{at(fault)}: {fault.because.rstrip('.')}."


def at(fault: Fault) -> str:
    """Return where a fault shows, and how sure it is."""
    where = f"at {', '.join(map(str, fault.evidence))}, " if fault.evidence else ""
    return f" ({where}confidence {fault.confidence:.2f})"


def advice(outcome: Outcome, fault: Fault) -> str:
    """Return what to do."""
    if outcome.reason is StopReason.NO_ROLE:
        return f"Start `loopwright worker {fault.who}`, and submit the goal again."
    if fault.confidence < GUESSED and outcome.reason in STOPPED:
        return STOPPED[outcome.reason]
    return MEND[fault.fault]


def after_all(record: GoalRecord, outcome: Outcome) -> str:
    """Return what a goal that was met went through on its way, and what to look at."""
    wrong = sum(each.went_wrong for each in record.tried)
    told = f"{wrong} earlier attempt{'s' if wrong > 1 else ''} went wrong. " if wrong else ""
    return f"{told}{outcome.unverified}".strip()
