"""What goals may spend, and what they have spent."""

from datetime import datetime

from pydantic import Field

from loopwright.bus.message import FIGURE, Amount, Count, Message, Seconds
from loopwright.bus.names import Token


class Usage(Message):
    """What was spent; sums over attempts."""

    model_calls: Count = 0
    tool_calls: Count = 0
    tokens_in: Count = 0
    tokens_out: Count = 0
    cost: Amount = 0.0
    """US dollars, as far as prices are known."""
    candidates: Count = 0
    """Distinct proposals that were evaluated."""
    worker_seconds: Amount = 0.0
    """Wall-clock seconds that workers spent."""
    steps: Count = 0
    """Pieces of work that were handed out for goals of theirs."""
    all_attempts: Count = 0
    """Attempts that were begun for goals of theirs."""
    unpriced: Count = 0
    """Model calls of which nobody knows the price: they are not in `cost`, and no bound on that holds them."""

    def __add__(self, other: "Usage") -> "Usage":
        ours, theirs = self.__dict__, other.__dict__
        more = {name: min(ours[name] + spent, FIGURE) for name, spent in theirs.items() if spent}
        return self.but(**more) if more else self


class Limits(Message):
    """What a goal may spend, and when it counts as stuck. None: the loop's own figure."""

    attempts: int | None = Field(default=None, ge=1, le=FIGURE)
    """Attempts after the baseline, at all steps together; one at a plan is one of them."""
    deadline: Seconds | None = None
    """Seconds from acceptance to the end; held by the broker."""
    step_timeout: Seconds | None = None
    """Seconds that one attempt of one worker may take."""
    patience: int | None = Field(default=None, ge=1, le=FIGURE)
    """Distinct proposals without a better score before the loop counts as stuck."""
    width: int | None = Field(default=None, ge=1, le=64)
    """Attempts that may be under way at once."""
    tokens: int | None = Field(default=None, ge=1, le=FIGURE)
    """Tokens in and out, all attempts together."""
    cost: float | None = Field(default=None, gt=0, le=FIGURE)
    """US dollars, all attempts together."""
    tool_calls: int | None = Field(default=None, ge=1, le=FIGURE)
    """Tool calls, all attempts together."""
    steps: int | None = Field(default=None, ge=1, le=FIGURE)
    """Pieces of work handed out, evaluations included."""
    all_attempts: int | None = Field(default=None, ge=1, le=FIGURE)
    """Attempts of the goal and of all goals below it."""


class Allowance(Message):
    """What may still be spent."""

    tokens: Count = 0
    """In and out."""
    cost: Amount = 0.0
    """US dollars."""
    tool_calls: Count | None = None
    """None: as many as it takes."""
    steps: Count | None = None
    """Pieces of work that goals of its own may hand out. None: as many as it takes."""
    all_attempts: Count | None = None
    """Attempts that goals of its own may begin. None: as many as it takes."""


class Parent(Message):
    """On whose behalf a goal is worked on, and what that one may spend of it."""

    goal: Token
    step: Token
    attempt: Count
    left: Allowance | None = None
    """What it has set aside: the goal's bounds are no higher. None: nobody counts."""
    until: datetime | None = None
    """When it ends itself, by the broker's clock: the goal ends no later."""
    answers: bool = False
    """Whether the goal is the attempt, so that its end is the attempt's result."""
