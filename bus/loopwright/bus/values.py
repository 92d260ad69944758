"""Frozen values that are made in a turn: from values that were looked at already, so not validated again.

pydantic's own ways to do the same, `model_construct` and `model_copy`, take five times as long, and a turn would spend
that ten times.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, Self, cast

from pydantic import BaseModel


class Value(BaseModel):  # noqa: PLW1641 - pydantic gives what is frozen a hash
    """A frozen value that can be made without being looked at."""

    def __eq__(self, other: object) -> bool:
        """Tell whether two values say the same; what is as it always is, mostly is the very same object."""
        if self is other:
            return True
        if type(self) is not type(other):
            return NotImplemented
        ours, theirs = self.__dict__, other.__dict__
        if ours.keys() != theirs.keys():  # of one of them more is known that follows from its fields
            return super().__eq__(other)
        return ours == theirs and self.__pydantic_extra__ == other.__pydantic_extra__

    @classmethod
    def of(cls, **fields: object) -> Self:
        """Return the value with these fields; the others are as they always are. Nothing is validated."""
        usual = blank(cls)
        for name, make in usual.made_anew:
            if name not in fields:
                fields[name] = make()
        return assembled(cls, {**usual.fields, **fields}, usual.names, {} if usual.has_more else None)

    def but(self, **changes: object) -> Self:
        """Return this value with some fields changed. Nothing is validated."""
        held = {**self.__dict__, **changes}
        return assembled(type(self), held, self.__pydantic_fields_set__, self.__pydantic_extra__)

    def in_json(self, left_out: set[str] | dict[str, Any]) -> bytes:
        """Return this value as JSON, without some of its fields and without what is as it always is.

        Raises:
            ValueError: it holds what JSON cannot.
        """
        return self.__pydantic_serializer__.to_json(self, exclude=left_out, exclude_defaults=True)


class Blank(NamedTuple):
    """A model of which nobody has said anything."""

    fields: dict[str, object]
    made_anew: tuple[tuple[str, Callable[[], object]], ...]
    names: set[str]
    """Of all its fields: of a value that nobody looked at, nobody asks which of them were given."""
    has_more: bool
    """Whether it may have fields that it does not know."""


@cache
def blank(model: type[BaseModel]) -> Blank:
    """Return how the fields of a model are where nobody says otherwise."""
    fields = {name: field for name, field in model.model_fields.items() if not field.is_required()}
    made_anew = {name: field.default_factory for name, field in fields.items() if field.default_factory}
    always = {name: field.default for name, field in fields.items() if name not in made_anew}
    has_more = model.model_config.get("extra") == "allow"
    return Blank(always, tuple(cast(Any, made_anew).items()), set(model.model_fields), has_more)


def assembled[V: BaseModel](
    model: type[V], fields: dict[str, object], given: set[str], extra: dict[str, object] | None
) -> V:
    """Return a value of `model` that holds these fields."""
    made = object.__new__(model)
    put_fields(made, fields)
    put_given(made, given)
    put_extra(made, extra)
    put_private(made, None)
    return made


put_fields, put_given, put_extra, put_private = [
    vars(BaseModel)[slot].__set__
    for slot in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
]
"""Each puts something into its place in a value; to look the place up by its name takes twice as long."""
