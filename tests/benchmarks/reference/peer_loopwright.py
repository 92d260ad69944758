"""Loopwright on the reference job, for the driver that times its peers: an orchestrator, two workers, one submitter.

The driver (`common`) and the peers come from the folder in PYTHONPATH, which `test_reference.py` puts there.
"""

import inspect
import sys
from pathlib import Path

from common import Box, drive, run

from loopwright.bus import connect

HERE = Path(__file__).resolve().parent
HANDS = "600"
"""Calls at once, each role and worker: a thousand goals in flight, and none waits for a hand."""


def start(box: Box, url: str) -> None:
    """Start the actors, each a process, as the command line does."""
    env = {"LOOPWRIGHT_NATS_URL": url, "PYTHONPATH": f"{HERE}:{Path(inspect.getfile(Box)).parent}"}
    loopwright = [sys.executable, "-m", "loopwright.deploy"]
    box.spawn(*loopwright, "orchestrator", "--app", "actors", env=env)
    for _ in range(2):
        words = ["worker", "plan", "work", "eval", "--app", "actors", "--hands", HANDS, "--sandbox", "auto"]
        box.spawn(*loopwright, *words, env=env, victim="self")


async def main() -> None:
    """Drive the job through the phases."""
    with Box("loopwright") as box:
        url = box.nats()
        start(box, url)
        async with connect(url) as bus:

            async def submit(goal: str, delay: float) -> list[object]:
                made = await bus.submit("reference", {"d": delay}, goal=goal)
                outcome = await made.outcome()
                if outcome.best is None:
                    raise RuntimeError(outcome.why)
                calls: list[object] = outcome.best["calls"]  # type: ignore[index, call-overload, assignment]
                return calls

            await drive(submit)


run(main())
