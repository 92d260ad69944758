"""Where an attempt stands, and what moves it on.

Nobody sets a phase by hand. An attempt moves through this table:

    WORKING ──produced──▶ JUDGING ──passed──▶ ACCEPTING ──passed──▶ ACCEPTED
     │ │  ▲                  │                    │
     │ └paused─▶ WAITING     │                    │
     │    └─answered─┘       │                    │
     └──failed, planned──────┴───refused/failed───┴──────────────▶ SETTLED

The baseline, attempt 0, enters at JUDGING: there is nothing to make. A plan is settled as soon as it is made: its steps
are what is judged. Where a goal brings nothing for an acceptance evaluator, ACCEPTING is passed through at once.
JUDGING lasts until every evaluator has spoken; what their ballots come to, `voting` says. WAITING lasts until people
have replied to all that they were asked; an answer that comes meanwhile from a worker which was thought lost counts as
in WORKING, for the first answer of an attempt is the one that there is.
"""

from enum import StrEnum

from loopwright.bus.errors import LoopwrightError


class Phase(StrEnum):
    """Where an attempt stands."""

    WORKING = "working"  #: a worker makes a result
    WAITING = "waiting"  #: people are asked, and no worker has it
    JUDGING = "judging"  #: the loop's evaluators look at it
    ACCEPTING = "accepting"  #: the evaluator that the generator never sees looks at it
    ACCEPTED = "accepted"  #: the step is met
    SETTLED = "settled"  #: nothing more will come of it


class Mark(StrEnum):
    """What moves an attempt on."""

    PAUSED = "paused"
    ANSWERED = "answered"
    PRODUCED = "produced"
    PLANNED = "planned"
    PASSED = "passed"
    REFUSED = "refused"
    FAILED = "failed"


MAKING = frozenset({Phase.WORKING, Phase.WAITING})
"""Where there is no result yet."""
ENDS: dict[Mark, Phase] = {Mark.PRODUCED: Phase.JUDGING, Mark.PLANNED: Phase.SETTLED, Mark.FAILED: Phase.SETTLED}
"""What a worker's answer leads to."""
TRANSITIONS: dict[Phase, dict[Mark, Phase]] = {
    Phase.WORKING: ENDS | {Mark.PAUSED: Phase.WAITING},
    Phase.WAITING: ENDS | {Mark.ANSWERED: Phase.WORKING},
    Phase.JUDGING: {Mark.PASSED: Phase.ACCEPTING, Mark.REFUSED: Phase.SETTLED, Mark.FAILED: Phase.SETTLED},
    Phase.ACCEPTING: {Mark.PASSED: Phase.ACCEPTED, Mark.REFUSED: Phase.SETTLED, Mark.FAILED: Phase.SETTLED},
    Phase.ACCEPTED: {},
    Phase.SETTLED: {},
}


class IllegalTransition(LoopwrightError):
    """An attempt cannot move so from where it stands; a bug in `decide`."""


def advance(phase: Phase, mark: Mark) -> Phase:
    """Return the phase that `mark` leads to."""
    try:
        return TRANSITIONS[phase][mark]
    except KeyError:
        raise IllegalTransition(f"an attempt that is {phase} cannot be {mark}") from None
