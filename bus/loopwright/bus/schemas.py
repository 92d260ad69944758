"""The JSON Schema of each message, for whoever speaks to the bus in another language.

`python -m loopwright.bus.schemas` writes them into ``bus/schemas``; a test holds them current.
"""

import inspect
import json
import sys
from pathlib import Path

from pydantic import BaseModel, JsonValue
from pydantic.json_schema import GenerateJsonSchema

from loopwright.bus.envelope import MODELS
from loopwright.bus.memories import Lesson, Noted
from loopwright.bus.messages import Outcome, Presence

DIALECT = GenerateJsonSchema.schema_dialect
ID = "urn:loopwright:schema:{}:v1"
"""Names a schema for ever; nothing is fetched from there."""
DOCUMENTS: dict[str, type[BaseModel]] = {
    **MODELS,
    "outcome": Outcome,
    "presence": Presence,
    "noted": Noted,
    "lesson": Lesson,
}
"""Each message by its kind, the one document inside them that clients read on its own, and what keys hold."""
FOLDER = Path(__file__).parents[2] / "schemas"


def schema_of(kind: str) -> dict[str, JsonValue]:
    """Return the schema of a document as it is written: what has a default may be left out."""
    return described(kind, DOCUMENTS[kind])


def described(kind: str, model: type[BaseModel]) -> dict[str, JsonValue]:
    """Return the schema of a model, with its name and what it is."""
    told = {"title": model.__name__, "description": inspect.getdoc(model) or ""}
    return {"$schema": DIALECT, "$id": ID.format(kind), **model.model_json_schema(), **told}


def files() -> dict[str, str]:
    """Return the text of every schema by the name of its file."""
    return {f"{kind}.v1.json": text_of(schema_of(kind)) for kind in DOCUMENTS}


def text_of(schema: dict[str, JsonValue]) -> str:
    """Return a schema as it stands in its file."""
    return json.dumps(schema, indent=2) + "\n"


def main(folder: Path = FOLDER) -> None:
    """Write every schema."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
