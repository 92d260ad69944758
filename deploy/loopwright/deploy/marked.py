"""A YAML file that people write by hand, read so that what is wrong with it is told with the line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, JsonValue, ValidationError

from loopwright.bus.errors import LoopwrightError

if TYPE_CHECKING:
    from ruamel.yaml import YAML, Node

TIMESTAMP = "tag:yaml.org,2002:timestamp"


class FileRefused(LoopwrightError):
    """A file that a person wrote cannot be used; the sentence begins with the file and the line."""

    def __init__(self, path: Path, line: int | None, why: str) -> None:
        super().__init__(f"{path}:{line}: {why}" if line else f"{path}: {why}")
        self.path = path
        self.line = line
        """Counts from one; None where the file as a whole is meant."""


@dataclass(frozen=True)
class Marked:
    """What a file says, and where."""

    path: Path
    data: JsonValue
    root: "Node | None"

    def line(self, place: Sequence[str | int]) -> int | None:
        """Return the line of a value, told by the keys and numbers that lead to it; of what is around it, if absent."""
        node = self.root
        for part in place:
            inside = within(node, part)
            if inside is None:
                break
            node = inside
        return node.start_mark.line + 1 if node is not None else None

    def refuse(self, place: Sequence[str | int], why: str) -> FileRefused:
        """Return the error that something is wrong in a place."""
        return FileRefused(self.path, self.line(place), why)

    def validated[M: BaseModel](self, model: type[M]) -> M:
        """Return what the file says as a model.

        Raises:
            FileRefused: it does not fit.
        """
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            why = first["msg"].removeprefix("Value error, ")
            raise self.refuse(first["loc"], f"{where}: {why}" if where else why) from None


def read_marked(path: Path) -> Marked:
    """Return what a YAML file says. A date stays the text that it is.

    Raises:
        FileRefused: it cannot be read, or is not YAML.
    """
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415 - few verbs read a file

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileRefused(path, None, f"it cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FileRefused(path, None, "it is not UTF-8") from None
    try:
        return Marked(path, reader().load(text), reader().compose(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FileRefused(path, mark.line + 1 if mark else None, str(error.problem or error.context)) from None
    except YAMLError as error:
        raise FileRefused(path, None, str(error).splitlines()[0]) from None


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


def within(node: "Node | None", part: str | int) -> "Node | None":
    """Return the node that a key, or a number in a list, leads to."""
    value = getattr(node, "value", None)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part] if not isinstance(value[part], tuple) else None
    if isinstance(value, list):
        return next((each[1] for each in value if isinstance(each, tuple) and each[0].value == str(part)), None)
    return None
