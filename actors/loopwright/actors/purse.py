"""What an attempt may spend: budgets by reservation, so that attempts under way together cannot overspend.

Where several attempts may be under way, each is begun with a purse: its share of what is neither spent nor in the purse
of another. Each order may spend what its purse holds, evaluators that are asked at once share it, and what an answer
says was spent is taken out of it. What is left when the attempt is settled is free again. One that is left behind may
go on spending, unheard: its purse is set aside for good. A worker refuses a call once its purse is empty; so a goal
spends more than its budget by the calls that were in flight then, and by no more.
"""

import math

from loopwright.actors.errors import StepFailed
from loopwright.actors.frozen import Frozen
from loopwright.actors.loop import Bounds
from loopwright.bus.messages import FIGURE, Allowance, FailureClass, Usage


class Purse(Frozen):
    """What may be spent."""

    tokens: int = 0
    cost: float = 0.0
    """US dollars."""
    tool_calls: int = 0

    def less(self, usage: Usage) -> "Purse":
        """Return what is left once this was spent."""
        spent = Purse.of(tokens=usage.tokens_in + usage.tokens_out, cost=usage.cost, tool_calls=usage.tool_calls)
        return self.without(spent)

    def without(self, other: "Purse") -> "Purse":
        """Return what is left once the other is taken out; nothing is the least."""
        return Purse.of(
            tokens=max(0, self.tokens - other.tokens),
            cost=max(0.0, self.cost - other.cost),
            tool_calls=max(0, self.tool_calls - other.tool_calls),
        )

    def plus(self, other: "Purse") -> "Purse":
        """Return both together."""
        return Purse.of(
            tokens=self.tokens + other.tokens,
            cost=self.cost + other.cost,
            tool_calls=self.tool_calls + other.tool_calls,
        )

    def shared(self, ways: int) -> "Purse":
        """Return one of so many equal parts; where there is anything, it is something."""
        return Purse.of(
            tokens=math.ceil(self.tokens / ways),
            cost=self.cost / ways,
            tool_calls=math.ceil(self.tool_calls / ways),
        )

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing left of something."""
        return self.tokens <= 0 or self.cost <= 0 or self.tool_calls <= 0

    def left(self, bounds: Bounds, ways: int = 1) -> Allowance:
        """Return what one of so many who spend at once is told that it may spend."""
        calls = self.tool_calls // ways if bounds.tool_calls is not None else None
        return Allowance.of(tokens=self.tokens // ways, cost=self.cost / ways, tool_calls=calls)


EMPTY = Purse()


def unspent(bounds: Bounds, usage: Usage, aside: Purse) -> Purse:
    """Return what is left of a goal's budget once so much was spent and set aside; nothing is the least."""
    calls = FIGURE if bounds.tool_calls is None else bounds.tool_calls
    return Purse.of(
        tokens=max(0, bounds.tokens - usage.tokens_in - usage.tokens_out - aside.tokens),
        cost=max(0.0, bounds.cost - usage.cost - aside.cost),
        tool_calls=max(0, calls - usage.tool_calls - aside.tool_calls),
    )


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
