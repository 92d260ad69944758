"""How evaluators come to one verdict on an attempt.

The checks run something (tests, a linter, a schema), and each of them must pass: no vote outweighs one. The judges have
opinions, and vote. Every vote is one rule, told by what a judge weighs and how much weight must pass:

    vote       a judge weighs   needed
    all        1                as many as there are
    any        1                1
    quorum     1                the quorum
    weighted   its weight       the threshold

The score follows the same rule: it is the highest that judges of the needed weight reached, or a check's where that is
lower. So it is the lowest of `all`, the highest of `any`, the second highest of a quorum of two. Neither verdict nor
score depends on the order in which the evaluators speak.

An evaluator that cannot judge casts no vote. Where the others could not pass the attempt whatever they said, it has
failed; else they decide without it.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from loopwright.actors.design import Design, Flaw, meant
from loopwright.bus.messages import FailureClass
from loopwright.bus.names import Token
from loopwright.bus.values import Value

SLACK = 1e-9
"""By how much a sum of weights may miss the threshold: seven tenths and two times one tenth are nine tenths."""
NEVER_OUTVOTED = frozenset({FailureClass.IN_DOUBT, FailureClass.POLICY, FailureClass.MISSING})
"""Failures that a person must hear of, whoever has them."""


class Quorum(Design):
    """So many judges must pass a result."""

    quorum: int = Field(ge=1)
    """Counts judges, not checks."""


class Weighted(Design):
    """Judges that together weigh enough must pass a result."""

    weights: dict[Token, Annotated[float, Field(gt=0, le=1_000_000)]] = Field(min_length=1)
    """What each judge weighs."""
    threshold: float = Field(gt=0)
    """The weight that must pass."""


def kind_of(vote: object) -> str:
    """Return which kind of vote was meant, so that only its own errors are told."""
    if isinstance(vote, Quorum) or (isinstance(vote, dict) and "quorum" in vote):
        return "counted"
    return "weighed" if isinstance(vote, Weighted | dict) else "named"


type Vote = Annotated[
    Annotated[Literal["all", "any"], Tag("named")]
    | Annotated[Quorum, Tag("counted")]
    | Annotated[Weighted, Tag("weighed")],
    Discriminator(kind_of),
]


class Ballot(Value):
    """What one evaluator said of an attempt."""

    model_config = ConfigDict(frozen=True)

    role: Token
    passed: bool | None = None
    """None: it could not judge."""
    score: float = 0.0


class Tally(StrEnum):
    """What the ballots come to."""

    OPEN = "open"  #: somebody has yet to speak
    PASSED = "passed"
    REFUSED = "refused"
    VOID = "void"  #: too many could not judge


@dataclass(frozen=True)
class Panel:
    """The evaluators of an attempt."""

    checks: tuple[Token, ...]
    judges: tuple[Token, ...]
    vote: Vote = "all"

    @cached_property
    def everybody(self) -> tuple[Token, ...]:
        """Every role that is asked."""
        return (*self.checks, *self.judges)

    @cached_property
    def needed(self) -> float:
        """The weight that must pass."""
        match self.vote:
            case Quorum(quorum=quorum):
                return quorum
            case Weighted(threshold=threshold):
                return threshold
            case "any":
                return min(1, len(self.judges))
            case _:
                return len(self.judges)

    def weight(self, judge: str) -> float:
        """Return what a judge weighs."""
        return self.vote.weights.get(judge, 0.0) if isinstance(self.vote, Weighted) else 1.0

    def tally(self, ballots: Collection[Ballot]) -> Tally:
        """Return what the ballots come to."""
        silent = {ballot.role for ballot in ballots if ballot.passed is None}
        if silent and not self.suffice({role for role in self.everybody if role not in silent}):
            return Tally.VOID
        if len(ballots) < len(self.checks) + len(self.judges):
            return Tally.OPEN
        passing = {ballot.role for ballot in ballots if ballot.passed}
        return Tally.PASSED if self.suffice(passing) else Tally.REFUSED

    def suffice(self, passing: set[str]) -> bool:
        """Tell whether these are enough to pass an attempt."""
        weight = sum([self.weight(judge) for judge in self.judges if judge in passing])
        return weight >= self.needed - SLACK and passing.issuperset(self.checks)

    def score(self, ballots: Collection[Ballot]) -> float:
        """Return the score that the ballots come to; who has not judged counts as 0."""
        given = {ballot.role: ballot.score for ballot in ballots if ballot.passed is not None}
        return min([given.get(check, 0.0) for check in self.checks] + [self.agreed(given)])

    def agreed(self, given: Mapping[str, float]) -> float:
        """Return the highest score that judges of the needed weight reached; 1 where there are only checks."""
        missing = self.needed - SLACK
        if missing <= 0:
            return 1.0
        for judge in sorted(self.judges, key=lambda judge: -given.get(judge, 0.0)):
            missing -= self.weight(judge)
            if missing <= 0:
                return given.get(judge, 0.0)
        return 0.0

    def in_words(self) -> str:
        """Return whom an accepted attempt has passed."""
        match self.vote:
            case Quorum(quorum=quorum):
                voted = f"{quorum} of its {len(self.judges)} judges"
            case Weighted(threshold=threshold):
                total = sum(map(self.weight, self.judges))
                voted = f"judges who weigh {threshold:g} of {total:g}"
            case "any":
                voted = "one of its judges" if len(self.judges) > 1 else ""
            case _:
                voted = ""
        if not voted:
            return "every evaluator"
        return f"every check and {voted}" if self.checks else voted

    def flaws(self) -> Iterator[Flaw]:
        """Yield why this panel could never pass anything, or would pass everything."""
        if not self.everybody:
            yield Flaw(("judges",), "nobody judges what is made: name a judge or a check.")
        elif not self.judges and self.vote != "all":
            yield Flaw(("vote",), "there are no judges to vote.")
        elif isinstance(self.vote, Quorum) and self.vote.quorum > len(self.judges):
            why = f"the quorum is {self.vote.quorum} and there are {len(self.judges)} judges: nothing can be accepted."
            yield Flaw(("vote", "quorum"), why)
        elif isinstance(self.vote, Weighted):
            yield from self._flaws_of_weights(self.vote)

    def _flaws_of_weights(self, vote: Weighted) -> Iterator[Flaw]:
        for name in vote.weights:
            if name not in self.judges:
                yield Flaw(("vote", "weights", name), f"{name} is none of the judges{meant(name, self.judges)}")
        for judge in self.judges:
            if judge not in vote.weights:
                yield Flaw(("vote", "weights"), f"the judge {judge} has no weight.")
        total = sum(map(self.weight, self.judges))
        if total < vote.threshold - SLACK:
            why = f"the judges weigh {total:g} and the threshold is {vote.threshold:g}: nothing can be accepted."
            yield Flaw(("vote", "threshold"), why)
