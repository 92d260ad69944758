"""Runs unittest programs where the interpreter has no pytest; the tests go by the names pytest would give them."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import types
import unittest
from collections.abc import Iterator
from typing import Any

from .teller import Teller

SKIPPED_FOLDERS = {"node_modules", "build", "dist", "venv", "__pycache__"}


class NeedsPytest(Exception):
    """The tests are written for pytest, and it is not there."""


class Outcome(unittest.TestResult):
    """Remembers how the one test that runs ended."""

    def __init__(self) -> None:
        super().__init__()
        self.status = "passed"
        self.message = ""

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802 (unittest's name)
        """Note an exception of the test, its fixtures or its module."""
        self._worse("failed" if isinstance(test, unittest.TestCase) else "error", err)

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802 (unittest's name)
        """Note a failed assertion."""
        self._worse("failed", err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802 (unittest's name)
        """Note a failed part of a test."""
        if err is not None:
            self._worse("failed", err)

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: N802 (unittest's name)
        """Note that the test was not meant to run."""
        self.status = "skipped"

    def addExpectedFailure(self, test: Any, err: Any) -> None:  # noqa: N802 (unittest's name)
        """Note a failure that is known of, as pytest does."""
        self.status = "skipped"

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802 (unittest's name)
        """Note a success where a failure was promised."""
        self.status = "failed"

    def _worse(self, status: str, err: Any) -> None:
        self.status = status
        self.message = "".join(traceback.format_exception(*err))


def run(teller: Teller, root: str, order: dict[str, Any]) -> None:
    """Collect the tests, run those asked for, and tell how each ends."""
    found = list(_collect(teller, root, order["tests"]))
    rank = {name: place for place, name in enumerate(order["first"])}
    chosen = [(name, test) for name, test in found if _wanted(name, order)]
    chosen.sort(key=lambda pair: _place(pair[0], rank))
    opening = sum(_place(name, rank) < len(rank) for name, _ in chosen)
    teller.collected([name for name, _ in chosen])
    passed = 0
    for done, (name, test) in enumerate(chosen, 1):
        passed += _run_one(teller, name, test)
        if order["gate"] and done == opening and not passed:
            break
    teller.end(0)


def _run_one(teller: Teller, name: str, test: unittest.TestCase) -> bool:
    """Run a test as the only one of its suite, so that the fixtures of its class and module are run too."""
    outcome = Outcome()
    teller.begin(name)
    unittest.TestSuite([test]).run(outcome)
    teller.finish(outcome.status, outcome.message)
    return outcome.status == "passed"


def _wanted(name: str, order: dict[str, Any]) -> bool:
    only = order["only"]
    return (only is None or name in only or name.partition("::")[0] in only) and name not in order["skip"]


def _place(name: str, rank: dict[str, int]) -> int:
    return rank.get(name, rank.get(name.partition("::")[0], len(rank)))


def _collect(teller: Teller, root: str, tests: list[str]) -> Iterator[tuple[str, unittest.TestCase]]:
    for path in _test_files(root, tests or ["."]):
        name = os.path.relpath(path, root).replace(os.sep, "/")
        try:
            module = _load(path)
            cases = list(_cases(module))
        except BaseException as error:  # noqa: BLE001 (a module of tests may raise anything)
            if isinstance(error, ModuleNotFoundError) and error.name == "pytest":
                raise NeedsPytest from None
            teller.broken(name, traceback.format_exc())
            continue
        if not cases and any(attribute.startswith("test") for attribute in vars(module)):
            raise NeedsPytest
        for case in cases:
            yield f"{name}::{type(case).__name__}::{case._testMethodName}", case


def _test_files(root: str, places: list[str]) -> Iterator[str]:
    for place in places:
        start = os.path.normpath(os.path.join(root, place.partition("::")[0]))
        if os.path.isfile(start):
            yield start
        for where, folders, names in os.walk(start):
            folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in SKIPPED_FOLDERS)
            yield from (os.path.join(where, name) for name in sorted(names) if _is_test(name))


def _is_test(name: str) -> bool:
    return name.endswith(".py") and (name.startswith("test") or name.endswith("_test.py"))


def _load(path: str) -> types.ModuleType:
    """Import a file under the name it has below the first folder that is not a package."""
    parts = [os.path.basename(path)[:-3]]
    folder = os.path.dirname(path)
    while os.path.exists(os.path.join(folder, "__init__.py")):
        parts.insert(0, os.path.basename(folder))
        folder = os.path.dirname(folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(".".join(parts))


def _cases(module: types.ModuleType) -> Iterator[unittest.TestCase]:
    pending: list[Any] = [unittest.defaultTestLoader.loadTestsFromModule(module)]
    while pending:
        test = pending.pop(0)
        if isinstance(test, unittest.TestCase):
            yield test
        else:
            pending[:0] = list(test)
