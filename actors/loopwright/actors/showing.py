"""How much of what a tool answered the model is shown in the next question.

An agent may cut, rewrite or lose what it should pass on; afterwards nobody can tell from the record, for a question
stands there only as a digest. So it is measured as the question is asked: an answer is taken to pieces, the numbers
and the lines of text in it, and the pieces are looked for, word by word. Each answer is measured once, in the first
question after it.
"""

import re
from collections.abc import Iterator, Sequence

from loopwright.bus.plain import JsonValue
from loopwright.tools.model import Turn

PIECES = 32
"""Pieces of an answer that are looked for, spread over all of it."""
PLAIN = 8
"""Characters from which on a piece is not found by chance inside another word."""


class Showing:
    """The answers of tools that no question has followed yet."""

    def __init__(self) -> None:
        self._answers: dict[str, JsonValue] = {}

    def answered(self, call: str, answer: JsonValue) -> None:
        """Take in what a tool answered."""
        self._answers[call] = answer

    def asked(self, turns: Sequence[Turn]) -> dict[str, float]:
        """Return how much of each answer stands in a question; it is not measured again."""
        if not self._answers:
            return {}
        text = "\n".join(turn.text for turn in turns)
        found = {call: round(share_of(answer, text), 2) for call, answer in self._answers.items()}
        self._answers.clear()
        return found


def share_of(answer: JsonValue, text: str) -> float:
    """Return which share of an answer's pieces stands in a text; 1 where it has none."""
    every = list(pieces_of(answer))
    step = max(1, len(every) / PIECES)
    some = [every[int(number * step)] for number in range(min(len(every), PIECES))]
    return sum(stands_in(piece, text) for piece in some) / len(some) if some else 1.0


def pieces_of(value: JsonValue) -> Iterator[str]:
    """Yield the numbers and the lines of text in a value."""
    match value:
        case bool() | None:
            return
        case str():
            yield from (line.strip() for line in value.splitlines() if line.strip())
        case list():
            for each in value:
                yield from pieces_of(each)
        case dict():
            for each in value.values():
                yield from pieces_of(each)
        case _:
            yield str(value)


def stands_in(piece: str, text: str) -> bool:
    """Tell whether a piece stands in a text, not as a part of a longer word."""
    if len(piece) >= PLAIN:
        return piece in text
    return re.search(rf"(?<!\w){re.escape(piece)}(?!\w)", text) is not None
