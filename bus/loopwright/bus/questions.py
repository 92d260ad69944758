"""What people are asked in the middle of an attempt, and what they reply.

A worker that needs a person's word pauses its attempt: it says what it asks, and holds nothing any more. What a person
says is bound to the digest of exactly what was asked: another argument, another attempt or another goal has another.
"""

import hashlib
import json
from typing import Literal

from pydantic import Field

from loopwright.bus.messages import Amount, Count, Json, Message, Text, Usage
from loopwright.bus.names import Token
from loopwright.bus.plain import JsonValue

DIGITS = 32
"""Hexadecimal digits of a digest."""


class Question(Message):
    """What one person is asked: whether a call may be made exactly so, or whatever an agent wants to know."""

    person: Token
    """The role of the person, as the loop names it."""
    tool: str = ""
    """The tool that is to be called; empty where the answer itself is what matters."""
    arguments: Json | None = None
    """What the tool is to be called with, to the last character."""
    says: JsonValue = None
    """What is asked, where it is no call."""
    occurrence: Count = 1
    """Counts the same in one attempt, from one."""
    untrusted: bool = False
    """Whether whoever asks had met content that nobody vouches for: the question may be what that wants."""

    def digest_in(self, goal: str, step: str, attempt: int) -> str:
        """Return what tells exactly this, asked in an attempt, from all else that could be asked."""
        content = [goal, step, attempt, self.person, self.tool, self.arguments, self.says, self.occurrence]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


class Pause(Message):
    """A worker has laid an attempt aside until people have replied; whoever takes it up again has its record."""

    kind: Literal["pause"] = "pause"
    goal: Token
    step: Token
    attempt: int = Field(ge=0)
    resumed: int = Field(ge=0)
    """How often the attempt had been taken up again by then."""
    role: Token
    """Whose workers make the attempt."""
    worker: str = ""
    questions: tuple[Question, ...]
    usage: Usage = Usage()
    """What is to be counted now; its calls are counted when the attempt ends."""
    seconds: Amount = 0.0

    @property
    def digests(self) -> dict[str, Question]:
        """What is asked, by what tells it."""
        return {each.digest_in(self.goal, self.step, self.attempt): each for each in self.questions}


class Reply(Message):
    """What a person says to exactly what was asked."""

    kind: Literal["reply"] = "reply"
    goal: Token
    step: Token
    attempt: int = Field(ge=0)
    digest: Token
    approved: bool
    """Whether the call may be made; of a question, whether somebody answers it."""
    output: JsonValue = None
    """The answer to a question."""
    why: Text = ""
    """What whoever asked should know of it."""
    person: str = ""
    """Who says so, as far as his machine knows; `nobody` where it counts by default."""
