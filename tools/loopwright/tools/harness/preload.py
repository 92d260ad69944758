"""What is done once, before the first fork, so that no trial has to: pytest, its plugins, the program's libraries."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import time
import types
from typing import Any

#: What keeps pytest from doing things no trial needs. A program whose options need them is run without these.
LEAN = ("no:cacheprovider", "no:stepwise", "no:pastebin", "no:randomly", "no:sugar")

_ready: Any = None
_get_config: Any = None


def everything() -> str | None:
    """Import pytest and its plugins, and return its version; None when this interpreter has no pytest."""
    try:
        pytest = importlib.import_module("pytest")
    except ImportError:
        return None
    with contextlib.suppress(Exception):  # pytest will say what is wrong with a plugin
        _make_ready()
    return str(pytest.__version__)


def lean_arguments() -> list[str]:
    """Return the options that switch off what no trial needs."""
    return [part for name in LEAN for part in ("-p", name)]


def _make_ready() -> None:
    """Build what ``pytest.main`` begins with, up to where it looks at the program."""
    global _ready  # noqa: PLW0603 (made once, used by every fork)
    config = importlib.import_module("_pytest.config")
    ready = config.get_config(lean_arguments())
    rewrite = importlib.import_module("_pytest.assertion.rewrite")
    ready.pluginmanager.load_setuptools_entrypoints("pytest11")
    rewrite.AssertionRewritingHook._warn_already_imported = lambda *_: None  # it is we who imported them
    ready.pluginmanager.load_setuptools_entrypoints = lambda *_, **__: 0  # reads every package's metadata
    _show_fixtures_only(ready.pluginmanager.get_plugins())
    _ready = ready


def _show_fixtures_only(plugins: set[Any]) -> None:
    """Spare each session the search of every plugin's every name for fixtures: it took a third of a trial."""
    manager = importlib.import_module("_pytest.fixtures").FixtureManager
    look = manager.parsefactories
    slim = {id(plugin): _fixtures_of(plugin) for plugin in plugins if type(plugin) is types.ModuleType}

    def parsefactories(self: Any, *args: Any, **options: Any) -> None:
        if "holder" in options:
            options["holder"] = slim.get(id(options["holder"]), options["holder"])
        elif args:
            args = (slim.get(id(args[0]), args[0]), *args[1:])
        look(self, *args, **options)

    manager.parsefactories = parsefactories


def _fixtures_of(plugin: types.ModuleType) -> types.ModuleType:
    """Return a module that has only the fixtures of `plugin`."""
    slim = types.ModuleType(plugin.__name__)
    for name, value in vars(plugin).items():
        if type(value).__name__ == "FixtureFunctionDefinition" or hasattr(value, "_pytestfixturefunction"):
            setattr(slim, name, value)
    return slim


def hand_over(arguments: list[str], plugins: list[Any]) -> None:
    """Let the next ``pytest.main`` of this process begin with what is ready."""
    global _get_config
    if _ready is None:
        return
    config: Any = importlib.import_module("_pytest.config")
    pathlib = importlib.import_module("pathlib")
    _ready.invocation_params = config.Config.InvocationParams(args=arguments, plugins=plugins, dir=pathlib.Path.cwd())
    _get_config, config.get_config = config.get_config, lambda *_, **__: _ready


def forget() -> None:
    """Let the next ``pytest.main`` begin from scratch: what was ready has been used."""
    global _ready  # noqa: PLW0603 (see above)
    _ready = None
    config: Any = importlib.import_module("_pytest.config")
    config.get_config = _get_config or config.get_config


def installed_modules() -> list[str]:
    """Name the modules that this process has imported from its interpreter's own folders."""
    homes = (sys.prefix + os.sep, sys.base_prefix + os.sep)
    files = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    return [name for name, path in files.items() if isinstance(path, str) and path.startswith(homes)]


def learn(names: list[str], seconds: float) -> None:
    """Import what a child had to import, unless that starts threads, hangs or crashes, as a first fork finds out."""
    missing = [name for name in names if name not in sys.modules]
    if missing and _harmless(missing, seconds):
        _import(missing)


def _import(names: list[str]) -> None:
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def _harmless(names: list[str], seconds: float) -> bool:
    pid = os.fork()
    if pid == 0:
        _import(names)
        os._exit(len(os.listdir("/proc/self/task")) - 1)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.01)
    return False
