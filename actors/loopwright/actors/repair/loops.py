"""The repair loop, with a search or a model to propose; everything else is the same."""

from loopwright.actors.ladder import HINT
from loopwright.actors.loop import Bounds, Loop

REPAIR = Loop(
    name="repair",
    work="search",
    judges=("test",),
    acceptance="accept",
    baseline=True,
    ladder=(),
    bounds=Bounds(attempts=2000, deadline=300, step_timeout=120, patience=6000, width=6),
)
"""Search proposes: thousands of candidates are cheap, so patience is long, several batches are under way, and nobody
reads hints."""

REPAIR_WITH_MODEL = REPAIR.model_copy(
    update={
        "name": "repair-with-model",
        "work": "code",
        "ladder": HINT,
        "bounds": Bounds(attempts=30, deadline=900, step_timeout=180, patience=4, width=1),
    }
)
"""A model proposes: each attempt sees what the ones before it scored, and is told when they lead nowhere."""
