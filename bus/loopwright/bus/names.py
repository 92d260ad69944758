"""Names that go into subjects: lower case, digits, ``-`` and ``_``, at most 63 characters."""

import re
import secrets
from functools import lru_cache
from typing import Annotated, NewType

from pydantic import StringConstraints

TOKEN = re.compile(r"[a-z0-9_-]{1,63}")

GoalId = NewType("GoalId", str)
Token = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,63}$")]
"""One token of a subject."""


@lru_cache(maxsize=65_536)  # a goal's id stands in all its subjects
def is_token(text: str) -> bool:
    """Tell whether `text` can stand in a subject."""
    return TOKEN.fullmatch(text) is not None


def new_goal_id() -> GoalId:
    """Return an id that nobody else has: 80 random bits."""
    return GoalId(f"g{secrets.token_hex(10)}")
