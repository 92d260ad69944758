"""The refinement ladder: what a stuck loop does, rung by rung, before it stops.

Below the first rung a loop refines with feedback. Each time it is measured to be stuck it climbs to the next rung that
it can: it gives its workers a hint, hands the work to another role or another model, or has the rest of the goal
planned anew. From there it goes on as before, and what was measured begins anew. Behind the last rung it stops.
"""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from loopwright.actors.design import Design
from loopwright.bus.names import Token


class OtherRole(Design):
    """Another role makes what is asked for from now on."""

    role: Token


class OtherModel(Design):
    """The worker asks another model from now on, unless it names one itself."""

    model: str = Field(min_length=1)
    """Its name, as its maker gives it."""


def kind_of(rung: object) -> str:
    """Return which kind of rung was meant, so that only its own errors are told."""
    if isinstance(rung, OtherModel) or (isinstance(rung, dict) and "model" in rung):
        return "model"
    return "role" if isinstance(rung, OtherRole | dict) else "named"


type Rung = Annotated[
    Annotated[Literal["hint", "replan"], Tag("named")]
    | Annotated[OtherRole, Tag("role")]
    | Annotated[OtherModel, Tag("model")],
    Discriminator(kind_of),
]
type Ladder = tuple[Rung, ...]

HINT: Ladder = ("hint",)
"""What a loop does whose design does not say."""
HINT_AND_REPLAN: Ladder = ("hint", "replan")
"""The same of a loop that has a planner."""


def in_words(rung: Rung) -> str:
    """Return what a rung does, in a few words."""
    match rung:
        case OtherRole(role=role):
            return f"the role {role}"
        case OtherModel(model=model):
            return f"the model {model}"
        case "hint":
            return "a hint"
        case _:
            return "a new plan"
