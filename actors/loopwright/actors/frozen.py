"""Frozen values of the orchestrator's own record."""

from typing import Self

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A frozen value of the orchestrator's own record."""

    model_config = ConfigDict(frozen=True)

    def but(self, **changes: object) -> Self:
        """Return this value with some fields changed. They are not validated: we decide on them ourselves.

        `model_copy` does the same and takes five times as long, which a turn would spend ten times.
        """
        made = type(self).__new__(type(self))
        object.__setattr__(made, "__dict__", {**self.__dict__, **changes})
        object.__setattr__(made, "__pydantic_fields_set__", self.__pydantic_fields_set__)
        object.__setattr__(made, "__pydantic_extra__", None)
        object.__setattr__(made, "__pydantic_private__", None)
        return made
