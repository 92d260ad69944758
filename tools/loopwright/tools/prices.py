"""What models cost: a table that whoever pays for them keeps. None ships with us, for prices change.

`LOOPWRIGHT_PRICES` names a TOML file with US dollars for a million tokens, by the names of models:

    [small]
    input = 0.25
    output = 2.0
    cached = 0.025

    ["large-*"]
    input = 2.0
    output = 10.0

A name that ends in `*` stands for all that begin so; of several that fit, the longest counts. What an endpoint itself
says that an answer has cost comes before the table.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from loopwright.bus.misfit import misfit
from loopwright.tools.errors import ToolError

FILE = "LOOPWRIGHT_PRICES"
"""The variable that names the file."""
MILLION = 1_000_000


class PricesRefused(ToolError):
    """The file of prices cannot be used."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"The prices in {path} cannot be used: {why}. Mend the file, or unset {FILE}.")


class Price(BaseModel):
    """What a model costs, in US dollars for a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)
    """Of the input that the endpoint had in its cache. None: as all input."""


TABLE = TypeAdapter(dict[str, Price])


@dataclass(frozen=True)
class Prices:
    """Prices by the names of models."""

    table: Mapping[str, Price] = field(default_factory=dict[str, Price])

    @classmethod
    def from_environment(cls) -> Self:
        """Return the prices in the file that `LOOPWRIGHT_PRICES` names; none where it names none.

        Raises:
            PricesRefused: it cannot be read, or holds something else.
        """
        path = os.environ.get(FILE)
        return cls.read(Path(path)) if path else cls()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the prices in a TOML file.

        Raises:
            PricesRefused: it cannot be read, or holds something else.
        """
        try:
            return cls(TABLE.validate_python(tomllib.loads(path.read_text(encoding="utf-8"))))
        except OSError as error:
            raise PricesRefused(str(path), str(error.strerror)) from None
        except ValidationError as error:
            raise PricesRefused(str(path), misfit(error, whole="it")) from None
        except ValueError as error:  # no TOML, or no UTF-8
            raise PricesRefused(str(path), str(error)) from None

    def price_of(self, model: str) -> Price | None:
        """Return what a model costs; None if nobody has said."""
        fits = [name for name in self.table if name == model or (name[-1:] == "*" and model.startswith(name[:-1]))]
        return self.table[max(fits, key=lambda name: (name == model, len(name)))] if fits else None

    def cost(self, model: str, tokens_in: int, tokens_out: int, cached: int = 0) -> float | None:
        """Return the US dollars for so many tokens, of which the input was `cached` in part; None if nobody knows."""
        price = self.price_of(model)
        if price is None:
            return None
        cached = min(cached, tokens_in)
        again = price.input if price.cached is None else price.cached
        return ((tokens_in - cached) * price.input + cached * again + tokens_out * price.output) / MILLION
