"""What an attempt may spend: budgets by reservation, so that attempts under way together cannot overspend.

Where several attempts may be under way, each is begun with a purse: its share of what is neither spent nor in the purse
of another. Each order may spend what its purse holds, evaluators that are asked at once share it, and what an answer
says was spent is taken out of it. What is left when the attempt is settled is free again. One that is left behind may
go on spending, unheard: its purse is set aside for good. A worker refuses a call once its purse is empty; so a goal
spends more than its budget by the calls that were in flight then, and by no more.

What an attempt sets aside for a goal of its own comes out of its purse, and what that goal did not need goes back when
the attempt hears of its end. So the budget of a goal covers the whole tree of goals below it. How many attempts it may
make each goal says for itself; `all_attempts` is the bound over the tree.
"""

import math

from loopwright.actors.errors import StepFailed
from loopwright.actors.frozen import Frozen
from loopwright.actors.loop import Bounds
from loopwright.bus.messages import FIGURE, Allowance, FailureClass, Limits, Usage


class Purse(Frozen):
    """What may be spent."""

    tokens: int = 0
    cost: float = 0.0
    """US dollars."""
    tool_calls: int = 0
    steps: int = 0
    """Pieces of work that goals of its own may hand out; nothing, where nobody counts them."""
    all_attempts: int = 0
    """Attempts that goals of its own may begin; nothing, where nobody counts them."""

    def less(self, usage: Usage) -> "Purse":
        """Return what is left once this was spent."""
        return self.without(spent_in(usage))

    def without(self, other: "Purse") -> "Purse":
        """Return what is left once the other is taken out; nothing is the least."""
        return Purse.of(
            tokens=max(0, self.tokens - other.tokens),
            cost=max(0.0, self.cost - other.cost),
            tool_calls=max(0, self.tool_calls - other.tool_calls),
            steps=max(0, self.steps - other.steps),
            all_attempts=max(0, self.all_attempts - other.all_attempts),
        )

    def plus(self, other: "Purse") -> "Purse":
        """Return both together."""
        return Purse.of(
            tokens=self.tokens + other.tokens,
            cost=self.cost + other.cost,
            tool_calls=self.tool_calls + other.tool_calls,
            steps=self.steps + other.steps,
            all_attempts=self.all_attempts + other.all_attempts,
        )

    def shared(self, ways: int, takes: int) -> "Purse":
        """Return one of so many equal parts; where there is anything, it is something.

        Of the steps those that the attempt `takes` itself come first: it needs them, and they are not in its purse.
        """
        return Purse.of(
            tokens=math.ceil(self.tokens / ways),
            cost=self.cost / ways,
            tool_calls=math.ceil(self.tool_calls / ways),
            steps=max(0, self.steps - takes) // ways,
            all_attempts=max(0, self.all_attempts - 1) // ways,
        )

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing left of something."""
        return self.tokens <= 0 or self.cost <= 0 or self.tool_calls <= 0

    def left(self, bounds: Bounds, ways: int = 1) -> Allowance:
        """Return what one of so many who spend at once is told that it may spend."""
        calls = self.tool_calls // ways if bounds.tool_calls is not None else None
        steps = self.steps // ways if bounds.steps is not None else None
        told = {"tokens": self.tokens // ways, "cost": self.cost / ways, "tool_calls": calls, "steps": steps}
        attempts = self.all_attempts // ways if bounds.all_attempts is not None else None
        return Allowance.of(**told, all_attempts=attempts)


EMPTY = Purse()


def spent_in(usage: Usage) -> Purse:
    """Return what a usage takes out of a purse."""
    tokens = usage.tokens_in + usage.tokens_out
    below = {"steps": usage.steps, "all_attempts": usage.all_attempts}
    return Purse.of(tokens=tokens, cost=usage.cost, tool_calls=usage.tool_calls, **below)


def purse_of(aside: Allowance) -> Purse:
    """Return the purse that holds what was set aside; where nobody counts, that is nothing."""
    calls, steps = aside.tool_calls or 0, aside.steps or 0
    told = {"tokens": aside.tokens, "cost": aside.cost, "tool_calls": calls, "steps": steps}
    return Purse.of(**told, all_attempts=aside.all_attempts or 0)


def unspent(bounds: Bounds, usage: Usage, aside: Purse, steps: int, attempts: int) -> Purse:
    """Return what is left of a goal's budget once so much was spent and set aside; nothing is the least.

    `steps` are those that it has taken itself, and those that what is under way may still take, and `attempts` those
    that it has begun.
    """
    calls = FIGURE if bounds.tool_calls is None else bounds.tool_calls
    below = usage.all_attempts + aside.all_attempts
    return Purse.of(
        all_attempts=0 if bounds.all_attempts is None else max(0, bounds.all_attempts - below - attempts),
        steps=0 if bounds.steps is None else max(0, bounds.steps - usage.steps - aside.steps - steps),
        tokens=max(0, bounds.tokens - usage.tokens_in - usage.tokens_out - aside.tokens),
        cost=max(0.0, bounds.cost - usage.cost - aside.cost),
        tool_calls=max(0, calls - usage.tool_calls - aside.tool_calls),
    )


def remaining(left: Allowance, usage: Usage, aside: Allowance | None) -> Allowance:
    """Return what may still be spent once so much was spent and set aside."""
    spent = spent_in(usage).plus(purse_of(aside)) if aside else spent_in(usage)
    there = left.__dict__
    took = {what: much for what, much in spent.__dict__.items() if much and there[what] is not None}
    return left.but(**{what: max(0, there[what] - much) for what, much in took.items()}) if took else left


def share_for_a_goal(left: Allowance, committed: Usage, limits: Limits) -> Allowance:
    """Return what an attempt sets aside for a goal of its own; see `shares`.

    Raises:
        StepFailed: nothing is left of something.
    """
    share = shares(left, committed, limits)
    if gone := next((what for what in Purse.model_fields if getattr(share, what) == 0), ""):
        raise StepFailed(FailureClass.SPENT, f"nothing is left of the {gone.replace('_', ' ')} for a goal of its own")
    return share


def shares(left: Allowance, committed: Usage, limits: Limits) -> Allowance:
    """Return what the limits of a goal name, as far as it is there once so much is committed.

    Of what they do not name it is half of what is left, so that neither the attempt nor its next goal goes without.
    """
    spent, told = spent_in(committed), dict[str, float]()
    for what in Purse.model_fields:
        there, named = getattr(left, what), getattr(limits, what)
        if there is None:
            continue
        free = max(0, there - getattr(spent, what))
        half = free / 2 if what == "cost" else (free + 1) // 2
        told[what] = half if named is None else min(named, free)
    return Allowance.of(**told)


def refuse_if_spent(left: Allowance | None, spent: Usage, *, calls: bool) -> None:
    """Raise if an attempt has spent what it may, before it makes one more of its `calls`, or asks a model.

    Raises:
        StepFailed: it has.
    """
    if left is None:
        return
    tokens = spent.tokens_in + spent.tokens_out
    why = ""
    if tokens >= left.tokens:
        why = f"the {left.tokens:,} tokens that it may take are spent"
    elif spent.cost >= left.cost:
        why = f"the ${left.cost:.2f} that it may cost are spent"
    elif calls and left.tool_calls is not None and spent.tool_calls >= left.tool_calls:
        why = f"the {left.tool_calls:,} tool calls that it may make are made"
    if why:
        raise StepFailed(FailureClass.SPENT, why)
