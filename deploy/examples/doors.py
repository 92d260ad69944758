"""A loop that learns: what one goal found out, the next one knows.

uv run loopwright up --app doors
uv run loopwright goal submit doors '{"door": "cellar"}' --watch
uv run loopwright memory search cellar
"""

from pydantic import BaseModel

from loopwright.actors import Attempt, Bounds, Loop, Step, Verdict, evaluator, worker

CODES = {"cellar": 4, "attic": 2}


class Door(BaseModel):
    """Which door is to be opened."""

    door: str


class Code(BaseModel):
    """What was dialled."""

    code: int


@worker("dial")
async def dial(step: Step[Door]) -> Code:
    """Dial what a lesson says, else the next code that this goal has not tried."""
    for lesson in await step.lessons.search(step.input.door, ["opens"], limit=1):
        return Code(code=int(lesson.text.split()[-1]))
    tried = await step.board.get("tried")
    return Code(code=len(tried.value) if tried else 0)


@evaluator("pull")
async def pull(attempt: Attempt[Door, Code]) -> Verdict:
    """Pull the door: what failed goes on the goal's board, and what opened it is a lesson for other goals."""
    assert attempt.output is not None
    door, code = attempt.input.door, attempt.output.code
    if opens := code == CODES[door]:
        await attempt.lessons.note(f"The {door} door opens with {code}", key=door, labels=["opens"], worked=True)
    else:
        await attempt.board.update("tried", lambda tried: [*(tried or []), code])
    return Verdict(passed=opens, score=float(opens))


DOORS = Loop(name="doors", work="dial", judges=("pull",), bounds=Bounds(patience=9))
