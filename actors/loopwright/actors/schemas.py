"""The JSON Schema of a loop file, for editors and for whoever writes loops by program.

`python -m loopwright.actors.schemas` writes it into ``actors/schemas``; a test holds it current.
"""

import sys
from pathlib import Path

from loopwright.actors.loop import Loop
from loopwright.bus.schemas import described, text_of

FOLDER = Path(__file__).parents[2] / "schemas"
NAME = "loop.v1.json"


def loop_schema() -> str:
    """Return the text of the schema."""
    return text_of(described("loop", Loop))


def main(folder: Path = FOLDER) -> None:
    """Write the schema."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_text(loop_schema())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
