"""A role that a person serves: how long it waits, and what counts where nobody has answered by then."""

from pydantic import JsonValue

from loopwright.actors.design import Design
from loopwright.bus.messages import Seconds


class Person(Design):
    """Somebody who is asked, and may take days: no process waits meanwhile, and the broker holds the time."""

    within: Seconds = 24 * 3600.0
    """Seconds that an answer may take."""
    default: JsonValue = None
    """What counts as the answer then: for a role that judges, whether what it is asked about passes; for one that
    makes, the output. None: the attempt has failed. In the middle of an attempt: the answer to a question, where None
    means that there is none; and a call is approved by true alone."""
