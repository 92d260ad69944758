"""``python -m tests.fuzz --messages 1000000 --seed 1``: a campaign of bad input, and a table of what came of it.

It ends with 0 if nothing hung, nobody crashed, no forged answer was dropped without being counted, no garbage among
decisions was looked at twice by one process, the server holds no more memory than garbage is worth, and every goal that
was submitted meanwhile ended as it should.
"""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

import anyio

from loopwright.deploy import logs
from tests.fuzz.campaign import Tally, campaign

SHOWN = 40
"""Reasons that are shown; the rest is summed up."""


def main() -> int:
    """Run a campaign, print its table, and return the exit code."""
    words = argparse.ArgumentParser(prog="python -m tests.fuzz")
    words.add_argument("--messages", type=int, default=1_000_000)
    words.add_argument("--seed", type=int, default=1)
    given = words.parse_args()
    logs.configure(logging.ERROR)  # the actors' logs are counted; ours is about their garbage once more
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        tally = anyio.run(campaign, given.messages, given.seed, Path(folder))
    show(tally)
    return 0 if tally.is_well else 1


def show(tally: Tally) -> None:
    """Print what was sent and what came of it."""
    total = tally.sent.total()
    print(f"{total:>10,}  messages in {tally.seconds:.0f} s, {total / tally.seconds:,.0f} a second")
    for kind, count in sorted(tally.sent.items()):
        print(f"{count:>10,}    {kind}")
    print(f"{tally.unheard:>10,}  where nobody listens until somebody asks")
    print(f"{tally.decisions:>10,}  where only decisions should stand")
    for event in ("dead.letter", "answer.unexpected", "decision.unreadable", "place.retaken"):
        print(f"{tally.counted(event):>10,}  {event}")
    for said, count in tally.said.most_common(SHOWN):
        print(f"{count:>10,}    {said}")
    print(f"{sum(count for _, count in tally.said.most_common()[SHOWN:]):>10,}    of other kinds")
    print(f"{tally.dead_kept:>10,}  dead letters kept, {tally.dead_bytes / 1e6:.1f} MB")
    print(f"{tally.right:>10,}  goals of ours ended as they should, {len(tally.wrong)} did not")
    for line in [*tally.wrong, *tally.crashes]:
        print(f"            {line}")
    print(f"{tally.silent:>10,}  forged answers were dropped and not counted")
    print(f"            {len(tally.crashes)} crashes; {tally.hang or 'nothing hangs'}")
    for name, (began, warm, ended) in tally.memory.items():
        print(f"{name:>20}: {began:.0f} MiB at the start, {warm:.0f} warmed up, {ended:.0f} at the end")


if __name__ == "__main__":
    sys.exit(main())
