"""The forked child: limits on, the program's world set up, the tests run."""

from __future__ import annotations

import base64
import os
import sys
import traceback
import types
from typing import Any

from . import keeper
from .lines import LineWatch, Watch
from .teller import Teller

try:
    from . import plugin as runner

    PYTEST = True
except ImportError:
    from . import plain as runner  # type: ignore[no-redef]

    PYTEST = False

__all__ = ["PYTEST", "arrive", "live", "runner"]


def live(pipe: int, parent: int, root: str, order: dict[str, Any], limits: dict[str, Any]) -> None:
    """Run one order of tests, and end the process."""
    try:
        teller = arrive(pipe, parent, root, order, limits)
        runner.run(teller, root, order)
    except BaseException as error:  # noqa: BLE001 (it must not return into the server)
        _last_words(Teller(pipe, order["token"], root, 0, Watch()), error)
    finally:
        os._exit(0)


def arrive(pipe: int, parent: int, root: str, order: dict[str, Any], limits: dict[str, Any]) -> Teller:
    """Put the limits on, move in, start the clock of the imports; end here if there is nothing to run."""
    keeper.leave_home(limits, parent)
    watch = LineWatch(root, order["cover"]) if order["cover"] else Watch()
    teller = Teller(pipe, order["token"], root, order["seconds"], watch)
    problem = _syntax(order["changed"])
    if problem is not None:
        teller.say("problem", text=problem)
        os._exit(0)
    _move_in(root)
    teller.collecting(order["collect_seconds"])
    return teller


def _last_words(teller: Teller, error: BaseException) -> None:
    if type(error).__name__ == "NeedsPytest":
        text = f"the tests need pytest, which {sys.executable} does not have"
    else:
        text = "the tests could not be run: " + traceback.format_exception_only(type(error), error)[-1].strip()
    teller.say("problem", text=text)


def _syntax(changed: dict[str, str]) -> str | None:
    """Say what is wrong with the grammar of the changed files, if anything is."""
    for name in sorted(changed):
        try:
            compile(base64.b64decode(changed[name]), name, "exec", dont_inherit=True)
        except SyntaxError as error:
            return f"{name}:{error.lineno}: {error.msg}"
        except (ValueError, MemoryError, RecursionError) as error:
            return f"{name}: {error or type(error).__name__}"
    return None


def _move_in(root: str) -> None:
    """Make the world look as it does under ``python -m pytest`` in the program's folder."""
    os.chdir(root)
    homes = [folder for folder in (root, os.path.join(root, "src")) if os.path.isdir(folder)]
    sys.path[:0] = homes
    sys.argv[:] = ["pytest"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    for name in {name for home in homes for name in _modules(home)} & sys.modules.keys():
        _forget(name)


def _modules(home: str) -> list[str]:
    """Name the top modules of a folder: the program's ``calendar.py`` comes before the library's."""
    names = [entry.name for entry in os.scandir(home) if entry.is_dir() or entry.name.endswith(".py")]
    return [name.partition(".")[0] for name in names]


def _forget(name: str) -> None:
    if name in sys.builtin_module_names or name in ("os", "pytest", "_pytest", "site", "encodings"):
        return
    path = getattr(sys.modules[name], "__file__", None)
    if path is not None and os.path.isfile(os.path.join(os.getcwd(), name + ".py")):
        for module in [key for key in sys.modules if key == name or key.startswith(name + ".")]:
            del sys.modules[module]
