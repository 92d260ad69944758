"""Where garbage goes: on every kind of subject that there is, shaped as real ones are, and on every bucket of keys.

Kinds, their tokens and buckets are the product's own: what is new there is hit from then on.
"""

import random
from dataclasses import dataclass

from loopwright.bus.streams import STREAMS
from loopwright.bus.subjects import KINDS, NOBODY, Subject

ROLES = ("guess", "near")
LISTENED = frozenset({"goal", "result", "eval", "pause", "reply", "ctl", "due", "step", "made"})
"""Kinds that an actor of the campaign pulls whatever they say; of decisions only those that order something."""
WAITED_FOR = frozenset({"ctl"})
"""Kinds of which a readable word on a goal that never comes is waited for."""
SELDOM = 0.02
"""How often a goal is hit where all are: each that can be read is another goal under way."""
BUCKETS = {text.split(".")[1] for config in STREAMS for text in config.subjects or () if text.startswith("$KV.")}
"""The names of all buckets of keys."""
KEYS = {
    "lw_presence": ("ns", "role", "process"),
    "lw_board": ("ns", "goal", "key"),
    "lw_lessons": ("ns", "key"),
}
"""The tokens of their keys, behind the bucket's name."""


@dataclass(frozen=True, slots=True)
class Place:
    """A subject, and whether an actor listens to it."""

    subject: bytes
    heard: bool


class Places:
    """A source of subjects on which something real might stand."""

    def __init__(self, dice: random.Random, *, patient: bool) -> None:
        """`patient` is whether there may be readable words on goals that never come."""
        self._dice = dice
        self._kinds = [kind for kind in KINDS if kind != "goal"]
        self._readable = [kind for kind in self._kinds if patient or kind not in WAITED_FOR]

    def any(self, goal: str, *, readable: bool = True) -> Place:
        """Return a place of a goal; what is said there is `readable`, for all that we know."""
        dice = self._dice
        if dice.random() < SELDOM:
            return self.of("goal", goal)
        kinds = self._readable if readable else self._kinds
        chosen = dice.choice([*kinds, *KEYS])
        return self.key(chosen, goal) if chosen in KEYS else self.of(chosen, goal)

    def of(self, kind: str, goal: str, attempt: int | None = None) -> Place:
        """Return a place of one kind; of an attempt where one is given."""
        told = self._tokens(goal) | ({} if attempt is None else {"attempt": attempt})
        if kind == "decision" and self._dice.random() < 0.5:
            told |= {"role": NOBODY, "step": NOBODY}
        heard = kind in LISTENED or (kind == "decision" and told["role"] != NOBODY)
        return Place(str(Subject.of(kind, **{name: told[name] for name in KINDS[kind].tokens})).encode(), heard)

    def key(self, bucket: str, goal: str) -> Place:
        """Return a key of a bucket."""
        told = self._tokens(goal)
        return Place(".".join(["$KV", bucket, *(str(told[name]) for name in KEYS[bucket])]).encode(), heard=False)

    def _tokens(self, goal: str) -> dict[str, str | int]:
        dice = self._dice
        number = dice.randrange(20)
        return {
            "ns": "default",
            "loop": "cook",
            "goal": goal,
            "role": dice.choice(ROLES),
            "step": "work",
            "attempt": number,
            "judge": "near",
            "resumed": number % 3,
            "digest": f"{dice.getrandbits(128):032x}",
            "message": f"loop-{dice.randrange(1, 10_000)}",
            "id": f"odd-{number}",
            "process": f"p{number}",
            "key": f"k{number}",
        }
