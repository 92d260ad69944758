"""Finding out whether a call has happened whose end nobody saw."""

from typing import Any

import anyio
import structlog

from loopwright.actors.effects import in_doubt
from loopwright.actors.errors import Retriable, StepFailed
from loopwright.actors.kept import SENTENCE
from loopwright.bus.effects import Effect
from loopwright.bus.messages import FailureClass
from loopwright.tools.tool import Done, NotDone, Tool

log = structlog.get_logger()

RECONCILE = 10.0
"""Seconds that finding out about one call may take."""
ASK_AGAIN = 1.0
"""Seconds until somebody is asked again who could not tell."""


async def what_became_of(tool: Tool[Any] | None, claim: Effect) -> Done | NotDone:
    """Return whether a call of a tool happened that was claimed.

    Raises:
        StepFailed: nobody can tell.
        Retriable: it may be told later.
    """
    if tool is None or not tool.can_tell:
        raise StepFailed(FailureClass.IN_DOUBT, in_doubt(claim))
    try:
        with anyio.fail_after(RECONCILE):
            return await tool.what_happened(claim.key, claim.arguments or {})
    except (Retriable, StepFailed):
        raise
    except Exception as error:
        log.warning("reconcile.failed", tool=tool.name, key=claim.key, exc_info=error)
        why = f"whether {tool.name} has happened cannot be told now: {type(error).__name__}: {error}"
        raise Retriable(why[:SENTENCE], wait=ASK_AGAIN) from error
