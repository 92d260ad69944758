"""``python -m tests.benchmarks.converging``: what the stopping rules save, and what they cost.

Planted trajectories run through the core of a loop, once with its rules and once under the attempt cap alone. Told are,
for each nature of a trajectory and for each rule, the attempts before the stop, and how many of those that would have
got there were stopped before they did. Where LOOPWRIGHT_TAUBENCH names the folder of 200 recorded runs of an agent that
books flights (sierra-research/tau-bench, MIT), the rule for calls that bring nothing new is tried on them as well.
"""

import argparse
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

from loopwright.actors.decide import open_goal, turn
from loopwright.actors.evolve import fold
from loopwright.actors.ladder import HINT, Ladder
from loopwright.actors.loop import Bounds, Loop
from loopwright.actors.stale import NUDGE, STALE, Calls
from loopwright.bus.messages import Evaluation, Goal, Message, Outcome, Result, StopReason
from tests.benchmarks.planted import IN_TIME, NEVER, TOLERANCE, Kind

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CAP = 30
"""Attempts, as of a loop whose design does not say."""
RECORDED = "LOOPWRIGHT_TAUBENCH"
SHOWN = (3, 8)
"""Patience: that of a loop whose design does not say, and a long one."""
MEASURED = (StopReason.PLATEAU, StopReason.OSCILLATION, StopReason.REPETITION)


def loop_of(kind: str, *, ladder: Ladder = HINT, patience: int = 3) -> Loop:
    """Return the loop that a trajectory runs through."""
    tolerance = TOLERANCE if kind.startswith("noisy") else 0.0
    bounds = Bounds(attempts=CAP, patience=patience, tolerance=tolerance)
    return Loop(name="planted", work="make", judges=("judge",), ladder=ladder, bounds=bounds)


def run(loop: Loop, kind: Kind, seed: int) -> Outcome:
    """Return how a goal ends whose attempts are those of a trajectory."""
    standing = fold(None, open_goal(Goal(goal="g", loop="planted"), loop, NOON))
    assert standing is not None
    for attempt, tried in enumerate(kind(random.Random(seed)), start=1):
        place = {"goal": "g", "step": "work", "attempt": attempt}
        said = {"passed": tried.score == 1.0, "score": tried.score, "feedback": tried.feedback}
        messages: list[Message] = [Result(**place, output=tried.output), Evaluation(**place, judge="judge", **said)]
        for message in messages:
            _, standing = turn(standing, message, NOON)
        if standing.outcome is not None:
            return standing.outcome
    raise AssertionError("a trajectory never ends by itself")


@dataclass
class Row:
    """What was seen of trajectories of one nature."""

    kind: str
    attempts: list[int] = field(default_factory=list[int])
    """Attempts before the stop."""
    alone: list[int] = field(default_factory=list[int])
    """The same under the attempt cap alone."""
    reasons: Counter[StopReason] = field(default_factory=Counter[StopReason])
    would: int = 0
    """Those that would have got there."""
    false_stops: Counter[StopReason] = field(default_factory=Counter[StopReason])
    """Those of them that were stopped, by the rule that did."""

    @property
    def saved(self) -> float:
        """The share of attempts that the rules save."""
        return 1 - sum(self.attempts) / sum(self.alone)


def row_of(name: str, kind: Kind, seeds: int, patience: int = 3) -> Row:
    """Return what the rules do to trajectories of one nature."""
    row = Row(name)
    with_rules = loop_of(name, patience=patience)
    for seed in range(seeds):
        told, needed = run(with_rules, kind, seed), attempts_needed(kind, seed)
        row.attempts.append(told.attempts)
        row.alone.append(needed or CAP)
        row.reasons[told.reason] += 1
        if needed is not None:
            row.would += 1
            row.false_stops.update([told.reason] if told.reason is not StopReason.ACCEPTED else [])
    return row


def attempts_needed(kind: Kind, seed: int) -> int | None:
    """Return how many attempts it takes to get there, where nothing stops them but the cap; None if that does."""
    tries = zip(range(1, CAP + 1), kind(random.Random(seed)), strict=False)
    return next((attempt for attempt, tried in tries if tried.score == 1.0), None)


def calls_of(trajectory: list[dict[str, object]]) -> Iterator[tuple[str, str]]:
    """Yield the tool calls of a recorded run, each with its answer."""
    asked: dict[object, str] = {}
    for said in trajectory:
        for call in said.get("tool_calls") or []:  # type: ignore[attr-defined]  # as it was recorded
            told = call["function"]
            asked[call["id"]] = json.dumps([told["name"], json.loads(told["arguments"])], sort_keys=True)
        if said["role"] == "tool":
            yield asked[said["tool_call_id"]], str(said["content"])


def most_stale(trajectory: list[dict[str, object]]) -> int:
    """Return the longest row of calls in a recorded run that brought nothing new."""
    calls = Calls()
    return max((calls.take(call, answer) for call, answer in calls_of(trajectory)), default=0)


def recorded(folder: Path) -> list[tuple[bool, int]]:
    """Return of each recorded run whether it was a success, and its longest row of calls that brought nothing new."""
    runs = [run for path in sorted(folder.glob("*.json")) for run in json.loads(path.read_text())]
    return [(run["reward"] == 1.0, most_stale(run["traj"])) for run in runs]


def main() -> int:
    """Run the trajectories, and print what the rules save and cost."""
    words = argparse.ArgumentParser(prog="python -m tests.benchmarks.converging")
    words.add_argument("--seeds", type=int, default=1000)
    given = words.parse_args()
    for patience in SHOWN:
        print(f"patience {patience}, a hint before the stop, {given.seeds} of each, at most {CAP} attempts")
        show([row_of(name, kind, given.seeds, patience) for name, kind in (NEVER | IN_TIME).items()])
        print()
    print("How patience trades one for the other: attempts saved on what is stuck, and late ones stopped too early.")
    for patience in (2, 3, 4, 6, 8):
        flat = row_of("stuck", NEVER["stuck"], given.seeds, patience)
        slow = row_of("improving late", IN_TIME["improving late"], given.seeds, patience)
        print(f"  patience {patience}   saved {flat.saved:4.0%}   false {slow.false_stops.total() / slow.would:6.1%}")
    print()
    show_recorded()
    return 0


def show(rows: list[Row]) -> None:
    """Print a line for each nature, and one for each rule."""
    print(f"{'':>18} {'attempts':>9} {'cap alone':>10} {'saved':>6} {'would':>6} {'false':>7}   ended by")
    for row in rows:
        false = f"{row.false_stops.total() / row.would:.1%}" if row.would else "-"
        ended = ", ".join(f"{reason.value} {number}" for reason, number in row.reasons.most_common())
        attempts, alone = f"{fmean(row.attempts):9.1f}", f"{fmean(row.alone):10.1f}"
        print(f"{row.kind:>18} {attempts} {alone} {row.saved:6.0%} {row.would:6} {false:>7}   {ended}")
    would = sum(row.would for row in rows)
    print()
    for rule in MEASURED:
        wrong = sum(row.false_stops[rule] for row in rows)
        stops = sum(row.reasons[rule] for row in rows)
        print(f"{rule.value:>18} stopped {stops:5}, of them falsely {wrong:4}: {wrong / would:.1%} of {would} in time")


def show_recorded() -> None:
    """Print what the rule for calls that bring nothing new makes of recorded runs."""
    folder = os.environ.get(RECORDED)
    if not folder:
        print(f"No recorded runs: {RECORDED} does not name their folder.")
        return
    runs = recorded(Path(folder))
    for name, success in (("successful", True), ("failed", False)):
        longest = [most for good, most in runs if good is success]
        told = sum(most >= NUDGE for most in longest)
        ended = sum(most >= STALE for most in longest)
        print(f"Of {len(longest)} {name} recorded runs, {told} are told that they get nowhere, and {ended} are ended.")


if __name__ == "__main__":
    sys.exit(main())
