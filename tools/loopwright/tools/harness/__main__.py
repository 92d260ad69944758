"""Starts the fork server: ``python <this folder>``."""

import importlib
import importlib.util
import os
import sys

NAME = "_loopwright_harness"


def _adopt(here: str) -> None:
    """Make this folder importable under a name that no program has."""
    spec = importlib.util.spec_from_file_location(
        NAME, os.path.join(here, "__init__.py"), submodule_search_locations=[here]
    )
    assert spec is not None
    sys.modules[NAME] = importlib.util.module_from_spec(spec)
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]


if __name__ == "__main__":
    _adopt(os.path.dirname(os.path.abspath(__file__)))
    importlib.import_module(NAME + ".server").main()
