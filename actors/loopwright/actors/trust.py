"""Whether an attempt has met content that nobody vouches for, such as the text of a web page: prompt injection, maybe.

What an attempt makes after that is labelled by the runtime, whatever its handler says: its result or verdict, what it
writes into memory, the goals that it submits. Who reads any of it has met such content, too. So the label goes with the
content, over summaries and forks; nothing takes it off.
"""

from typing import Any

from loopwright.bus.memories import Author, Remembered
from loopwright.bus.messages import Evaluation, Json, Message, Result
from loopwright.tools.tool import Tool


class Trust:
    """What an attempt has met by now. It never forgets."""

    def __init__(self, *, untrusted: bool) -> None:
        self.untrusted = untrusted
        """Whether any of it was content that nobody vouches for."""

    def meet(self, *, untrusted: bool) -> None:
        """Take in that the attempt has met something."""
        self.untrusted = self.untrusted or untrusted

    def call(self, tool: Tool[Any]) -> None:
        """Take in that a tool is called: what it answers, an error included, comes from where it reads."""
        self.meet(untrusted=not tool.is_trusted)

    def hear(self, answer: object) -> None:
        """Take in what a call has answered: entries of memory bring their labels."""
        for each in answer if isinstance(answer, list) else [answer]:
            if isinstance(each, Remembered):
                self.meet(untrusted=each.is_untrusted)

    def read(self, message: Message | None) -> None:
        """Take in what the attempt has read on the record of its goal."""
        if isinstance(message, Result | Evaluation):
            self.meet(untrusted=message.untrusted)

    def signed(self, read: dict[str, Any], written: Json) -> tuple[dict[str, Any], Json]:
        """Return the arguments of a write into memory with the label, where it is due; they are told by the author.

        That is done after the call was given its place on record: it is the same call, however it comes to be labelled.
        """
        by, told = read.get("by"), written.get("by")
        if not self.untrusted or not isinstance(by, Author) or not isinstance(told, dict):
            return read, written
        return read | {"by": by.model_copy(update={"untrusted": True})}, written | {"by": told | {"untrusted": True}}
