"""What a design is made of: frozen values that refuse all that is wrong with them at once, each flaw at its place.

The same value is written in Python or in a file, so the flaws are told where both find them: in pydantic's own
`ValidationError`, whose `loc` leads to the place. What is on record is taken as it stands: it was looked at when its
goal was opened, and a version with other rules or fewer fields must still be able to read it.
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple, Self

from pydantic import ConfigDict, ModelWrapValidatorHandler, ValidationError, ValidationInfo, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from loopwright.bus.values import Value

FLAW = "flaw"
"""The type of an error that is ours, in a `ValidationError`; its sentence is told as it stands."""

type Path = tuple[str | int, ...]


class Flaw(NamedTuple):
    """What is wrong with a design."""

    path: Path
    """Names and numbers that lead to the place."""
    said: str
    """One sentence."""


class Design(Value):
    """A part of a design."""

    model_config = ConfigDict(
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        json_schema_extra={"additionalProperties": False},
    )

    def flaws(self) -> Iterator[Flaw]:
        """Yield what is wrong between its parts, where each is well by itself."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_flaws(cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Refuse unknown names, wrong values and flaws, all in one error."""
        if info.mode == "json" or not isinstance(data, dict):
            return handler(data)
        unknown = [name for name in data if name not in cls.model_fields]
        told = [in_error(Flaw((name,), unknown_name(str(name), cls.model_fields)), data[name]) for name in unknown]
        try:
            made = handler({name: value for name, value in data.items() if name not in unknown})
        except ValidationError as error:
            told += [once_more(each) for each in error.errors(include_url=False)]
        else:
            told += [in_error(flaw, data) for flaw in made.flaws()]
            if not told:
                return made
        raise ValidationError.from_exception_data(cls.__name__, told)


def in_error(flaw: Flaw, given: object) -> InitErrorDetails:
    """Return a flaw as pydantic tells errors."""
    said = PydanticCustomError(FLAW, "{said}", {"said": flaw.said})
    return InitErrorDetails(type=said, loc=flaw.path, input=given)


def once_more(error: ErrorDetails) -> InitErrorDetails:
    """Return an error that pydantic has told, to be told again with others."""
    if error["type"] == FLAW:
        return in_error(Flaw(error["loc"], error["msg"]), error["input"])
    return InitErrorDetails(type=error["type"], loc=error["loc"], input=error["input"], ctx=error.get("ctx", {}))


def unknown_name(name: str, known: Iterable[str]) -> str:
    """Return the sentence on a name that stands for nothing."""
    return f"{name} is unknown{meant(name, known)}"


def meant(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence on an unknown name: the one that was probably meant, or those that there are."""
    names = list(known)
    close = get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; there is {', '.join(names)}." if names else "; there is none."
