"""The pytest plugin that chooses the tests, puts them in order, and tells how each ends."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from . import child, preload
from .teller import TAIL, Teller

if TYPE_CHECKING:
    from .server import Server


class Reporter:
    """Lives for one pytest session."""

    def __init__(self, lean: bool) -> None:
        self.lean = lean
        self.teller: Teller
        self._opening = 0
        self._passed = 0
        self._done = 0
        self._status = ""
        self._message = ""

    def adopt(self, teller: Teller, order: dict[str, Any]) -> None:
        """Run `order`, and tell of it to `teller`."""
        self.teller = teller
        self.only = order["only"]
        self.skip = set(order["skip"])
        self.first = order["first"]
        self.gate = order["gate"]

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Send the terminal reporter home: its header alone makes plugins import half a world."""
        if self.lean:
            config.pluginmanager.unregister(name="terminalreporter")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the tests that were asked for, those of `first` in front."""
        rank = {name: place for place, name in enumerate(self.first)}
        wanted = [item for item in items if self._wanted(item.nodeid)]
        wanted.sort(key=lambda item: _place(item.nodeid, rank))  # stable: the others keep their order
        self._opening = sum(_place(item.nodeid, rank) < len(rank) for item in wanted)
        items[:] = wanted

    def _wanted(self, name: str) -> bool:
        asked = self.only is None or name in self.only or name.partition("::")[0] in self.only
        return asked and name not in self.skip

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell of a file that could not be read."""
        if report.failed:
            self.teller.broken(report.nodeid, report.longreprtext)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell which tests there are."""
        self.teller.collected([item.nodeid for item in session.items])

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, None, None]:
        """Keep one test's time."""
        self._status, self._message = "", ""
        self.teller.begin(item.nodeid)
        yield
        self.teller.finish(self._status or "error", self._message)
        self._done += 1
        self._passed += self._status == "passed"
        if self.gate and self._done == self._opening and not self._passed:
            item.session.shouldstop = "none of the first tests passed"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Make one status of a test's phases: the first that is not a pass counts."""
        if self._status in ("failed", "error"):
            return
        if report.failed:
            self._status = "failed" if report.when == "call" else "error"
            self._message = report.longreprtext
        elif report.skipped:
            self._status = "skipped"
        elif report.when == "call":
            self._status = self._status or "passed"

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Leave at once: nobody reads the summary."""
        if self.teller.current is None:
            self.teller.end(int(exitstatus))
        os._exit(0)


def _place(name: str, rank: dict[str, int]) -> int:
    return rank.get(name, rank.get(name.partition("::")[0], len(rank)))


def arguments(root: str, order: dict[str, Any]) -> list[str]:
    """Return pytest's command line; a lean one leaves out what no trial needs."""
    verbosity = ["--tb=short"] if order["explain"] else ["--tb=no", "--assert=plain"]
    return [
        f"--rootdir={root}",
        "-q",
        "--capture=no",  # what is printed is dropped: a buffer would fill the memory, and break the session with it
        "--maxfail=0",
        "--continue-on-collection-errors",
        *verbosity,
        *(preload.lean_arguments() if order["lean"] else []),
        *(["-n0"] if "xdist" in sys.modules else []),  # its workers would escape the reporter
        *(["--no-cov"] if "pytest_cov" in sys.modules else []),
        *order["tests"],
    ]


def run(teller: Teller, root: str, order: dict[str, Any]) -> None:
    """Run a session in this process; it comes back only when pytest refused to start one."""
    complaint = io.StringIO()
    options, reporter = arguments(root, order), Reporter(order["lean"])
    reporter.adopt(teller, order)
    if order["lean"]:
        preload.hand_over(options, [reporter])
    with contextlib.redirect_stderr(complaint):
        status = pytest.main(options, plugins=[reporter])
    teller.end(int(status), complaint.getvalue()[-TAIL:])


class Forked(Exception):
    """We are the child, and on our way back into the session that the parent has begun."""


class Resident(Reporter):
    """A session of the server itself that has come as far as it can without looking at the program.

    Each trial is a fork of it, and saves what it takes to begin: half of its time. Only for programs without a
    conftest, since the server must never run anything of theirs.
    """

    def __init__(self, server: Server, order: dict[str, Any]) -> None:
        super().__init__(lean=True)
        self._server = server
        self._order: dict[str, Any] | None = order
        self._session: pytest.Session
        self._path: list[str] = []
        self.is_child = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        """Answer every order there will be; only the children come out of it."""
        self._session = session
        self._server.workshop.clear()
        root = self._server.workshop.root
        self._path = sys.path[:]
        sys.path[:] = [entry for entry in sys.path if not os.path.abspath(entry).startswith(root)]
        try:
            while self._order is not None:
                self._server.answer(self._order, self._live)
                self._order = self._server.next()
        except Forked:
            return
        except BaseException:  # noqa: BLE001 (pytest would go on; the bench replaces us)
            os._exit(1)
        os._exit(0)

    def _live(self, pipe: int, parent: int, root: str, order: dict[str, Any], limits: dict[str, Any]) -> None:
        self.is_child = True
        if order["explain"] or any(name.endswith("conftest.py") for name in order["changed"]):
            preload.forget()
            child.live(pipe, parent, root, order, limits)
        sys.path[:] = self._path
        self.adopt(child.arrive(pipe, parent, root, order, limits), order)
        if order["tests"]:
            self._session.config.args = list(order["tests"])
        raise Forked

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Leave at once, if we are a child."""
        if self.is_child:
            super().pytest_sessionfinish(exitstatus)


def stay(server: Server, order: dict[str, Any]) -> None:
    """Answer `order` and all further ones from one session; come back only if it cannot be begun."""
    os.chdir(server.workshop.root)
    options = arguments(server.workshop.root, {**order, "tests": []})
    resident = Resident(server, order)
    preload.hand_over(options, [resident])
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            pytest.main(options, plugins=[resident])
    finally:
        if resident.is_child:
            os._exit(0)
    preload.forget()
