"""An app of its own for processes under test: numbers are guessed in turn, until one is the target."""

from pydantic import BaseModel

from loopwright.actors import Attempt, Bounds, Loop, Step, Verdict, evaluator, worker


class Target(BaseModel):
    """What is looked for."""

    target: int


class Guess(BaseModel):
    """What was guessed."""

    number: int


@worker("guess")
async def guess(step: Step[Target]) -> Guess:
    """Guess one number after the other."""
    return Guess(number=step.attempt)


@evaluator("near")
async def near(attempt: Attempt[Target, Guess]) -> Verdict:
    """Pass the target itself."""
    found = attempt.output is not None and attempt.output.number == attempt.input.target
    return Verdict(passed=found, score=float(found))


GUESSING = Loop(name="guessing", work="guess", judges=("near",), bounds=Bounds(deadline=120, patience=20))
