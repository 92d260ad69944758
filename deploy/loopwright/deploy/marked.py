"""A YAML or TOML file that people write by hand, read so that what is wrong with it is told with its place."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import ErrorDetails

from loopwright.bus.errors import LoopwrightError
from loopwright.deploy.tomlplaces import Place, places_in_toml

if TYPE_CHECKING:
    from ruamel.yaml import YAML, Node

type Where = tuple[str | int, ...]
"""The keys and numbers that lead to a value."""

PLAIN = {
    "dict_type": "names and values",
    "list_type": "a list",
    "model_type": "names and values",
    "string_type": "text",
    "tuple_type": "a list",
}
"""What a value should be, where pydantic says it in words of Python."""
TIMESTAMP = "tag:yaml.org,2002:timestamp"
DEEPEST = 32
"""How deep values are followed: an alias may lead into itself."""
MOST = 10_000
"""How many values are followed: aliases of aliases multiply."""
TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


class FileRefused(LoopwrightError):
    """A file that a person wrote cannot be used; the sentence begins with the file and the line."""

    def __init__(self, path: Path, line: int | None, why: str, column: int | None = None) -> None:
        place = "".join(f":{number}" for number in (line, column) if number)
        super().__init__(f"{path}{place}: {why}")
        self.path = path
        self.line = line
        """Counts from one; None where the file as a whole is meant."""
        self.column = column
        self.why = why


class Read(NamedTuple):
    """What a text says, and where it says it: the place of a key, or of an item in a list."""

    data: JsonValue
    places: Mapping[Where, Place]


@dataclass(frozen=True)
class Marked:
    """What a file says, and where."""

    path: Path
    data: JsonValue
    places: Mapping[Where, Place]

    def way(self, where: Sequence[str | int]) -> Where:
        """Return how far a way leads into the file; what leads nowhere is passed over."""
        known: Where = ()
        for part in where:
            if (*known, part) in self.places:
                known = (*known, part)
        return known

    def place(self, where: Sequence[str | int]) -> Place | None:
        """Return the place of a value; of what is around it, if it is absent."""
        return self.places.get(self.way(where))

    def line(self, where: Sequence[str | int]) -> int | None:
        """Return the line of a value, told by the keys and numbers that lead to it; of what is around it, if absent."""
        place = self.place(where)
        return place.line if place else None

    def refuse(self, where: Sequence[str | int], why: str) -> FileRefused:
        """Return the error that something is wrong in a place."""
        place = self.place(where)
        return FileRefused(self.path, place.line, why, place.column) if place else FileRefused(self.path, None, why)

    def validated[M: BaseModel](self, model: type[M]) -> M:
        """Return what the file says as a model.

        Raises:
            FileRefused: it does not fit.
        """
        if not isinstance(self.data, dict):
            raise self.refuse((), f"it holds no names and values; there is {', '.join(model.model_fields)}")
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise self.refuse(first["loc"], self.sentence(first)) from None

    def sentence(self, error: ErrorDetails) -> str:
        """Return what does not fit a model, in one sentence."""
        where, given = ".".join(map(str, self.way(error["loc"]))), error["input"]
        match error["type"]:
            case "missing":
                return f"{error['loc'][-1]} is missing."
            case "extra_forbidden":
                return f"{where} is unknown."
            case "string_pattern_mismatch":
                return f"{where}: {given!r} cannot be a name: use a-z, 0-9, _ and -, at most 63."
            case kind:
                said = error["msg"].removeprefix("Value error, ").replace("Input", "it")
                said = f"it should be {PLAIN[kind]}" if kind in PLAIN else said
                shown = f", and is {json.dumps(given)}" if isinstance(given, str | int | float | None) else ""
                return ": ".join(filter(None, (where, f"{said}{shown}.")))


def read_marked(path: Path) -> Marked:
    """Return what a file says: TOML by the end of its name, else YAML. A date stays the text that it is.

    Raises:
        FileRefused: it cannot be read, or is not what its name says.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileRefused(path, None, f"it cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FileRefused(path, None, "it is not UTF-8") from None
    read = read_toml if path.suffix == ".toml" else read_yaml
    return Marked(path, *read(path, text))


def read_toml(path: Path, text: str) -> Read:
    """Return what a TOML text says, and where.

    Raises:
        FileRefused: it is not TOML.
    """
    try:
        data = tomllib.loads(text)
    except RecursionError:
        raise FileRefused(path, None, "it is nested too deep to be read") from None
    except tomllib.TOMLDecodeError as error:
        found = TOML_PLACE.search(str(error))
        lines = text.splitlines() or [""]
        at = (int(found[1]), int(found[2])) if found and found[1] else (len(lines), len(lines[-1]) + 1)
        raise FileRefused(path, at[0], TOML_PLACE.sub("", str(error)), at[1]) from None
    return Read(undated(data), places_in_toml(text))


def undated(value: object) -> JsonValue:
    """Return what TOML holds, as JSON holds it: a date as text."""
    if isinstance(value, dict):
        return {name: undated(each) for name, each in value.items()}
    if isinstance(value, list):
        return [undated(each) for each in value]
    said: JsonValue = value.isoformat() if isinstance(value, date | time) else value  # type: ignore[assignment]
    return said


def read_yaml(path: Path, text: str) -> Read:
    """Return what a YAML text says, and where.

    Raises:
        FileRefused: it is not YAML.
    """
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415 - few verbs read a file

    try:
        data, root = reader().load(text), reader().compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise FileRefused(path, at[0], str(error.problem or error.context), at[1]) from None
    except YAMLError as error:
        raise FileRefused(path, None, str(error).splitlines()[0]) from None
    except RecursionError:
        raise FileRefused(path, None, "it is nested too deep to be read") from None
    places: dict[Where, Place] = {}
    for where, node in nodes(root) if root else ():
        places[where] = Place(node.start_mark.line + 1, node.start_mark.column + 1)
        if len(places) == MOST:
            break
    return Read(data, places)


def nodes(value: "Node", where: Where = (), shown: "Node | None" = None) -> "Iterator[tuple[Where, Node]]":
    """Yield every value of a YAML text by the way to it, with the node that a person should be shown: its key."""
    yield where, shown or value
    if not isinstance(value.value, list) or len(where) == DEEPEST:
        return
    for number, inside in enumerate(value.value):
        if isinstance(inside, tuple):
            key, held = inside
            yield from nodes(held, (*where, str(key.value)), key)
        else:
            yield from nodes(inside, (*where, number))


def reader() -> "YAML":
    """Return a reader of YAML 1.2 that makes plain values and nothing else."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - see above
    from ruamel.yaml.constructor import SafeConstructor  # noqa: PLC0415

    class Plain(SafeConstructor):
        """Makes what JSON can hold."""

    Plain.add_constructor(TIMESTAMP, SafeConstructor.construct_yaml_str)
    made = YAML(typ="safe", pure=True)
    made.Constructor = Plain
    return made
