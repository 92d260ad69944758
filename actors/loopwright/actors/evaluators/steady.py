"""An evaluator that is watched: it has to agree with itself, and to tell different outputs apart.

One that contradicts itself, or gives the same middling score to whatever it is shown, is sick. Its verdict is a failure
of its own then, in place of a pass or a refusal.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from pydantic_core import to_json

from loopwright.actors.evaluators.looking import Judged, sick
from loopwright.actors.work import Worker
from loopwright.bus.messages import Evaluation, Result, Verdict


def steady(worker: Worker, *, times: int = 2, disagreement: float = 0.1, frozen: int = 6) -> Worker:
    """Return an evaluator as before, that accepts only what it accepts again.

    What would pass is judged `times` times in all; where two scores are more than `disagreement` apart, or not all of
    the verdicts pass, the evaluator is sick. So it is where its last `frozen` verdicts on different outputs, this one
    included, have one and the same score that is neither 0 nor 1: every hard task looks like a row of zeros.
    """
    if not worker.judges:
        raise ValueError(f"the role {worker.role} does not judge")

    async def judge(attempt: Judged) -> Verdict:
        verdicts: list[Verdict] = [await worker.handle(attempt)]
        while verdicts[0].passed and len(verdicts) < times:
            verdicts.append(await worker.handle(attempt))
        refuse_contradiction(worker.role, verdicts, disagreement, attempt)
        if 0 < verdicts[0].score < 1 and await before(attempt, worker.role, verdicts[0].score) >= frozen - 1:
            why = f"it gave {verdicts[0].score:g} to {frozen} different outputs in a row"
            raise sick(worker.role, why, attempt)
        return verdicts[-1]

    return replace(worker, handle=judge)


def refuse_contradiction(role: str, verdicts: Sequence[Verdict], disagreement: float, attempt: Judged) -> None:
    """Raise if verdicts on the same attempt are too far apart.

    Raises:
        StepFailed: they are.
    """
    scores = [each.score for each in verdicts]
    if max(scores) - min(scores) > disagreement or len({each.passed for each in verdicts}) > 1:
        told = ", ".join(f"{each.score:g}{'' if each.passed else ' (refused)'}" for each in verdicts)
        raise sick(role, f"of the same attempt it says {told}", attempt)


async def before(attempt: Judged, role: str, score: float) -> int:
    """Return how many different outputs got this very score in a row, up to the attempt and without its own."""
    outputs: dict[int, str] = {}
    scores: dict[int, float] = {}
    for entry in await attempt.past().so_far():
        match entry.message:
            case Result(failure=None, step=step) as result if step == attempt.order.step:
                outputs[result.attempt] = digest(result.output)
            case Evaluation(failure=None, step=step, judge=judge) as verdict if (step, judge) == (
                attempt.order.step,
                role,
            ):
                scores[verdict.attempt] = verdict.score
            case _:
                pass
    seen = {outputs.get(attempt.attempt, "")}
    for number in sorted(scores, reverse=True):
        if number >= attempt.attempt:
            continue
        if scores[number] != score:
            break
        seen.add(outputs.get(number, ""))
    return len(seen) - 1


def digest(value: object) -> str:
    """Return what tells an output from every other."""
    return hashlib.sha256(to_json(value)).hexdigest()
