"""Trajectories of attempts with a known nature, each from a seed: some get there in time, and the others never would.

Whoever makes them takes no hint and is no better in another role: what a ladder is good for is not measured here.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

NOISE = 0.03
"""Standard deviation of the scores of the noisy ones."""
TOLERANCE = 3 * NOISE
"""What their loop is told of it."""


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt: what was made, and what its evaluator said."""

    score: float
    output: str
    feedback: str


type Kind = Callable[[random.Random], Iterator[Try]]


def stuck(dice: random.Random) -> Iterator[Try]:
    """Always something else, and never better."""
    best = dice.uniform(0.2, 0.9)
    for number in count(1):
        yield Try(dice.choice([best, best * dice.random()]), f"patch {number}", f"{dice.randrange(50)} tests fail")


def repeating(dice: random.Random) -> Iterator[Try]:
    """After a few attempts always the same."""
    start = dice.randint(1, 4)
    for number in count(1):
        yield Try(0.1 * min(number, start), f"patch {min(number, start)}", f"{5 - min(number, start)} tests fail")


def oscillating(dice: random.Random) -> Iterator[Try]:
    """After a few attempts the same two to four, over and over."""
    start, period = dice.randint(1, 4), dice.randint(2, 4)
    for number in count(1):
        place = number if number < start else start + (number - start) % period
        yield Try(0.1 * min(number, start), f"patch {place}", f"test {place} fails")


def trading(dice: random.Random) -> Iterator[Try]:
    """Always something else, which mends one thing and breaks the other."""
    scores = dice.uniform(0.3, 0.9), dice.uniform(0.3, 0.9)
    for number in count(1):
        yield Try(scores[number % 2], f"patch {number}", ("the parser fails", "the printer fails")[number % 2])


def noisy_stuck(dice: random.Random) -> Iterator[Try]:
    """Never better, and judged by an evaluator that never says the same twice."""
    level = dice.uniform(0.2, 0.8)
    for number in count(1):
        yield Try(shaken(dice, level), f"draft {number}", f"rated {dice.random():.3f}")


def slowly(dice: random.Random) -> Iterator[Try]:
    """A little better every one to three attempts."""
    score, step, wait = dice.uniform(0.1, 0.5), dice.uniform(0.05, 0.12), 0
    for number in count(1):
        if wait == 0:
            score, wait = min(1.0, score + step), dice.randint(1, 3)
        wait -= 1
        yield Try(score, f"patch {number}", f"{dice.randrange(50)} tests fail")


def noisy_slowly(dice: random.Random) -> Iterator[Try]:
    """A little better all the time, seen through noise."""
    score, step = dice.uniform(0.1, 0.4), dice.uniform(0.03, 0.06)
    for number in count(1):
        score += step
        yield Try(1.0 if score >= 1 else shaken(dice, score), f"draft {number}", f"rated {dice.random():.3f}")


def late(dice: random.Random) -> Iterator[Try]:
    """No better at first, for one attempt or a dozen, and then all at once."""
    waits = 1
    while waits < 12 and dice.random() < 0.6:
        waits += 1
    level = dice.uniform(0.1, 0.6)
    for number in count(1):
        yield Try(level if number <= waits + 1 else 1.0, f"patch {number}", f"{dice.randrange(50)} tests fail")


def polling(dice: random.Random) -> Iterator[Try]:
    """The same is asked again and again, until what it waits for has come about."""
    ready, needed = 0, dice.randint(4, 14)
    while True:
        for _ in range(dice.randint(1, 2)):
            yield Try(ready / needed, "deployed?", f"{ready} of {needed} are ready")
        ready = min(ready + 1, needed)


def shaken(dice: random.Random, score: float) -> float:
    """Return a score as a noisy evaluator gives it; never one that passes."""
    return min(0.99, max(0.0, score + dice.gauss(0, NOISE)))


NEVER: dict[str, Kind] = {
    "stuck": stuck,
    "repeating": repeating,
    "oscillating": oscillating,
    "trading": trading,
    "noisy, stuck": noisy_stuck,
}
"""Those that never get there."""
IN_TIME: dict[str, Kind] = {
    "slowly improving": slowly,
    "noisy, improving": noisy_slowly,
    "improving late": late,
    "healthy polling": polling,
}
"""Those that do."""
