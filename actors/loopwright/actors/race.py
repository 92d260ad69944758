"""A race: several attempts at a step are made side by side; the first that is accepted wins, the rest are called off.

The lanes of a race are begun together and know nothing of each other. When all of them are refused there is another
round, with what was found wanting as feedback; a lane that is refused counts as a proposal, as any attempt does.
"""

from collections.abc import Collection, Iterator
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from loopwright.actors.design import Design, Flaw, Path, meant
from loopwright.bus.names import Token

LEAST, MOST = 2, 16
"""Lanes that a race may have."""


class Lane(Design):
    """One of the attempts that are made side by side."""

    role: Token | None = None
    """Whose workers make it, where it is not the step's role; the loop's `work`, or one of its `makers`."""
    model: str | None = Field(default=None, min_length=1)
    """The model to ask, as its maker names it, unless the worker names one itself."""


def kind_of(race: object) -> str:
    """Return which kind of race was meant, so that only its own errors are told."""
    return "named" if isinstance(race, list | tuple) else "counted"


type Race = Annotated[
    Annotated[int, Field(ge=LEAST, le=MOST, strict=True), Tag("counted")] | Annotated[tuple[Lane, ...], Tag("named")],
    Discriminator(kind_of),
]
"""So many lanes, or what each of them is."""

USUAL = Lane()


def lanes_of(race: Race | None) -> tuple[Lane, ...]:
    """Return the lanes of a race; none where there is no race."""
    if race is None:
        return ()
    return (USUAL,) * race if isinstance(race, int) else race


def in_words(race: Race) -> str:
    """Return what a race is, in a few words."""
    named = [lane for lane in lanes_of(race) if lane != USUAL]
    told = f"a race of {len(lanes_of(race))}"
    return f"{told}: {', '.join(map(lane_in_words, lanes_of(race)))}" if named else told


def lane_in_words(lane: Lane) -> str:
    """Return what a lane is told."""
    model = f"the model {lane.model}" if lane.model else ""
    return " with ".join(filter(None, [lane.role, model])) or "as usual"


def flaws_of_race(
    race: Race | None, where: Path, *, role: Token, makers: Collection[Token], people: Collection[Token], most: int
) -> Iterator[Flaw]:
    """Yield what is wrong with a race: `role` makes what no other is named for, and `most` attempts may be made."""
    lanes = lanes_of(race)
    for place, lane in enumerate(lanes):
        if lane.role is not None and lane.role not in makers:
            why = f"{lane.role} is not among the roles that make results{meant(lane.role, makers)}"
            yield Flaw((*where, place, "role"), why)
    if race is not None and not LEAST <= len(lanes) <= MOST:
        yield Flaw(where, f"a race has {LEAST} lanes at least and {MOST} at most, and this one has {len(lanes)}.")
    elif len(lanes) > most:
        why = f"{len(lanes)} attempts are made side by side, and {most} may be made: no race could be run to its end."
        yield Flaw(where, why)
    asked = [lane.role or role for lane in lanes]
    for person in sorted({each for each in asked if each in people and asked.count(each) > 1}):
        yield Flaw(where, f"{person} is a person, and is asked one thing once: give {person} one lane.")
