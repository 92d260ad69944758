"""What does not fit a model, told in one line: where, and why."""

from pydantic import ValidationError


def misfits(error: ValidationError, *, whole: str = "") -> list[str]:
    """Return what does not fit, each with its place; what is wrong as a `whole` is called so."""
    found = error.errors(include_url=False, include_input=False)
    return [": ".join(filter(None, (".".join(map(str, each["loc"])) or whole, each["msg"]))) for each in found]


def misfit(error: ValidationError, *, whole: str = "") -> str:
    """Return the first thing that does not fit."""
    return misfits(error, whole=whole)[0]
