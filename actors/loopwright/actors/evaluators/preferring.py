"""A model as judge of two: an output against a reference, asked in both orders, for the first is often preferred."""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel

from loopwright.actors.evaluators.asking import WARNING, asked, shown
from loopwright.actors.evaluators.looking import OUTPUT, Judged, Lacking, Part, built, part_of, sick, verdict
from loopwright.actors.evaluators.rubrics import OpenModel, usual_model
from loopwright.actors.work import Worker
from loopwright.bus.messages import Verdict
from loopwright.tools.model import Turn

REFERENCE = "reference"
"""Where the input has what an output is compared with."""
type Winner = Literal["first", "second", "tie"]


class Preference(BaseModel):
    """What the model answers."""

    better: Winner
    reason: str = ""


def reference_of(attempt: Judged) -> Any:
    """Return the input's `reference`.

    Raises:
        Lacking: it has none.
    """
    if not isinstance(attempt.input, dict) or REFERENCE not in attempt.input:
        raise Lacking("the input has no reference to compare with")
    return attempt.input[REFERENCE]


def prefers(
    role: str,
    question: str,
    *,
    of: Part = OUTPUT,
    against: Callable[[Judged], Any] = reference_of,
    threshold: float = 0.5,
    rounds: int = 2,
    retries: int = 2,
    bias: float = 0.5,
    model: str | None = None,
    resources: OpenModel = usual_model,
) -> Worker:
    """Return an evaluator that asks a model which of two answers `question` better: an output, or what it is against.

    In each of the `rounds` the model is asked twice, with the two in either order. The score is the share of the
    answers that prefer the output, a tie counting half; above `threshold` it passes. Where more than the share `bias`
    of the rounds prefer the same place in both orders, or an answer cannot be read, the evaluator is sick.
    """
    if rounds < 1:
        raise ValueError("there is at least one round")

    async def judge(attempt: Judged) -> Verdict:
        mine, other = part_of(attempt, of), against(attempt)
        answers: list[tuple[Preference, Preference]] = []
        for _ in range(rounds):
            one = await asked(attempt, model, questions(question, attempt, mine, other), Preference, retries)
            two = await asked(attempt, model, questions(question, attempt, other, mine), Preference, retries)
            if one is None or two is None:
                raise sick(role, "an answer could not be read", attempt)
            answers.append((one, two))
        swayed = sum(one.better == two.better != "tie" for one, two in answers)
        if swayed / rounds > bias:
            raise sick(role, f"in {swayed} of {rounds} rounds it prefers a place, whatever stands there", attempt)
        score = sum(won(one.better, "first") + won(two.better, "second") for one, two in answers) / (2 * rounds)
        told = verdict(score > threshold, answers[-1][0].reason, score, rounds=rounds, swayed=swayed)
        return told.model_copy(update={"usage": attempt.spent})

    return built(role, judge, resources=resources)


def won(better: Winner, place: Winner) -> float:
    """Return what an answer counts for whoever stands in a place."""
    return 0.5 if better == "tie" else float(better == place)


def questions(question: str, attempt: Judged, first: object, second: object) -> list[Turn]:
    """Return the conversation in which the model is asked."""
    rules = (
        f"You compare two answers to the same task. {question}\n\n{WARNING}\n\n"
        "The order in which they stand means nothing. Answer with one JSON object alone: "
        '{"reason": "one or two sentences", "better": "first", "second" or "tie"}'
    )
    return [Turn("system", rules), Turn("user", shown({"task": attempt.input, "first": first, "second": second}))]
