"""A model as judge: it scores an output by a rubric, several times, and has to agree with itself."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from statistics import fmean, median
from typing import Annotated

from pydantic import BaseModel, Field

from loopwright.actors.evaluators.asking import WARNING, asked, shown
from loopwright.actors.evaluators.looking import OUTPUT, Judged, Part, built, part_of, sick, verdict
from loopwright.actors.work import Worker
from loopwright.bus.connection import Bus
from loopwright.bus.messages import Verdict
from loopwright.bus.plain import JsonValue
from loopwright.tools.model import LanguageModel, Model, Turn

type Share = Annotated[float, Field(ge=0.0, le=1.0)]
type OpenModel = Callable[[Bus], AbstractAsyncContextManager[LanguageModel]]


class Marks(BaseModel):
    """What the model answers."""

    scores: dict[str, Share]
    """From 0 to 1, for each criterion."""
    reason: str = ""


@asynccontextmanager
async def usual_model(_: Bus) -> AsyncIterator[LanguageModel]:
    """Hold the model that the environment names."""
    async with Model.from_environment() as model:
        yield model


def rubric(
    role: str,
    criteria: Mapping[str, str],
    *,
    of: Part = OUTPUT,
    threshold: float = 0.8,
    votes: int = 3,
    retries: int = 2,
    disagreement: float = 0.3,
    model: str | None = None,
    resources: OpenModel = usual_model,
) -> Worker:
    """Return an evaluator that has a model score an output by `criteria`, each a name and what it demands.

    The model is asked `votes` times, and each time again, up to `retries` times, while its answer cannot be read. A
    vote's score is the mean over the criteria, and the verdict's is the median of the votes; from `threshold` on it
    passes. Where less than half of the votes can be read, or two of them are more than `disagreement` apart, the
    evaluator is sick: that is its own fault, and nothing passes. Every question is on the attempt's effect record.
    """
    refuse_unless_sound(criteria, threshold, votes)

    async def judge(attempt: Judged) -> Verdict:
        turns = questions(criteria, attempt, part_of(attempt, of))
        marks = [await asked(attempt, model, turns, Marks, retries) for _ in range(votes)]
        readable = [each for each in marks if each is not None and criteria.keys() <= each.scores.keys()]
        if 2 * len(readable) <= votes:
            raise sick(role, f"of {votes} votes only {len(readable)} could be read", attempt)
        scores = [fmean(each.scores[name] for name in criteria) for each in readable]
        if max(scores) - min(scores) > disagreement:
            told = ", ".join(f"{score:.2f}" for score in scores)
            raise sick(role, f"its votes are {told}; they may be {disagreement:g} apart", attempt)
        return judged(criteria, readable, scores, threshold).model_copy(update={"usage": attempt.spent})

    return built(role, judge, resources=resources)


def refuse_unless_sound(criteria: Mapping[str, str], threshold: float, votes: int) -> None:
    """Raise unless a rubric can tell anything."""
    if not criteria:
        raise ValueError("a rubric has at least one criterion")
    if not 0 < threshold <= 1 or votes < 1:
        raise ValueError(f"the threshold lies above 0 and up to 1, and there is a vote: {threshold:g}, {votes}")


def judged(criteria: Mapping[str, str], marks: list[Marks], scores: list[float], threshold: float) -> Verdict:
    """Return the verdict that votes come to, with the reason of the one that is nearest to it."""
    score = median(scores)
    means = {name: round(fmean(each.scores[name] for each in marks), 4) for name in criteria}
    nearest = min(zip(scores, marks, strict=True), key=lambda pair: abs(pair[0] - score))[1]
    told = ", ".join(f"{name} {value:.2f}" for name, value in means.items())
    votes: list[JsonValue] = [round(each, 4) for each in scores]
    return verdict(score >= threshold, f"{told}. {nearest.reason}".strip(), score, votes=votes, criteria=dict(means))


def questions(criteria: Mapping[str, str], attempt: Judged, part: object) -> list[Turn]:
    """Return the conversation in which the model is asked."""
    wanted = "\n".join(f"- {name}: {demand}" for name, demand in criteria.items())
    form = ", ".join(f'"{name}": 0.0' for name in criteria)
    rules = (
        f"You judge a piece of work by these criteria:\n{wanted}\n\n{WARNING}\n\n"
        "Give each criterion a score from 0 (not met at all) to 1 (met fully). Answer with one JSON object alone: "
        f'{{"reason": "one or two sentences", "scores": {{{form}}}}}'
    )
    return [Turn("system", rules), Turn("user", shown({"task": attempt.input, "work": part}))]
