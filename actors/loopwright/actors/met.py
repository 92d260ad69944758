"""What the calls of an attempt have met: which error came from which call, and which call was given up unanswered.

A handler may let a call's error fly, wrap it, or raise something of its own; only in the first two cases is it the
call's. So the error itself is remembered, and looked for among the causes of what the handler raises in the end.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from loopwright.bus.messages import FailureClass, FaultClass, Source
from loopwright.tools.symptoms import causes

REMEMBERED = 16
"""Errors that are remembered, the latest; an attempt may meet any number and go on."""


class Met:
    """What the calls of one attempt have met so far."""

    def __init__(self) -> None:
        self._errors: deque[tuple[BaseException, Source]] = deque(maxlen=REMEMBERED)
        self.given_up: Source | None = None
        """The call that was under way when the attempt was cut off."""

    def note(self, error: BaseException, source: Source) -> None:
        """Remember where an error came from."""
        self._errors.append((error, source))

    def source_of(self, error: BaseException) -> Source | None:
        """Return where an error came from; None if it is no call's."""
        found = list(causes(error))
        return next((source for each in found for met, source in self._errors if met is each), None)

    @contextmanager
    def under_way(self, name: str, whose: FaultClass, call: str) -> Iterator[None]:
        """Note a call as given up if the attempt is cut off while the body waits for it."""
        try:
            yield
        except anyio.get_cancelled_exc_class():
            self.given_up = Source(fault=whose, kind=FailureClass.TIMEOUT, name=name, call=call)
            raise
