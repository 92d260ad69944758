r"""Rules as they are written in a suite, or in a file of their own.

rules:
  - required: lookup
  - forbidden: "delete_*"
  - ordered: [lookup, refund]
  - at_most: {call: refund, times: 1}
  - founded: 'ORD-\d+'
  - spend: {tokens_per_attempt: 50000}
  - nothing_after_cancel
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from loopwright.actors.rules import keeping
from loopwright.actors.rules.keeping import Rule, all_of

BARE = {
    "nothing_after_cancel": keeping.nothing_after_cancel,
    "no_success_over_failed_child": keeping.no_success_over_failed_child,
}
"""Rules that are written as a word alone."""


class Written(BaseModel):
    """A frozen part of a rule; a word that means nothing is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Times(Written):
    """A call, and a number."""

    call: str
    times: Annotated[int, Field(ge=0)] = 1


class Spending(Written):
    """How a budget may be spent."""

    calls_per_attempt: Annotated[int, Field(ge=0)] | None = None
    tokens_per_attempt: Annotated[int, Field(ge=0)] | None = None
    after_best: Annotated[float, Field(ge=0, le=1)] | None = None


class WrittenRule(Written):
    """One rule, under its name."""

    required: str | Times | None = None
    at_most: Times | None = None
    forbidden: str | None = None
    ordered: Annotated[tuple[str, ...], Field(min_length=2)] | None = None
    founded: str | None = None
    spend: Spending | None = None
    bare: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _word_alone(cls, given: Any) -> Any:
        """Read a rule that is written as a word alone."""
        if isinstance(given, str):
            if given not in BARE:
                raise ValueError(f"{given} is no rule that stands alone; these are {', '.join(BARE)}")
            return {"bare": given}
        return given

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        """Refuse none and several, and a pattern that is none."""
        if len(self.model_fields_set) != 1:
            raise ValueError("a rule has one name, and what it demands")
        if self.founded is not None:
            try:
                re.compile(self.founded)
            except re.error as error:
                raise ValueError(f"founded: {self.founded!r} is no regular expression: {error}") from None
        return self

    @property
    def rule(self) -> Rule:
        """The rule itself."""
        (name,) = self.model_fields_set
        match getattr(self, name):
            case Times(call=call, times=times):
                made: Rule = getattr(keeping, name)(call, times)
            case Spending() as limits:
                made = keeping.spend(**limits.model_dump())
            case tuple() as calls:
                made = keeping.ordered(*calls)
            case str() as text:
                made = BARE[text]() if name == "bare" else getattr(keeping, name)(text)
        return made


def rules_of(written: Sequence[WrittenRule]) -> Rule:
    """Return the rule that all of these are kept."""
    return all_of(*(each.rule for each in written))
