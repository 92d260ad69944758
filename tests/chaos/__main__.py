"""``python -m tests.chaos --kills 1000 --seed 1``: a campaign of kills at random, and a table of what came of it.

It ends with 0 if no goal was lost, nothing happened twice, and a killed worker's steps ran again elsewhere in time.
"""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

import anyio

from loopwright.deploy import logs
from tests.chaos.account import OUTSIDE
from tests.chaos.campaign import JOBS, Plan, Story, campaign

SHOWN = 10
"""Cases of a kind that are shown."""


def main() -> int:
    """Run a campaign, print its table, and return the exit code."""
    words = argparse.ArgumentParser(prog="python -m tests.chaos")
    words.add_argument("--kills", type=int, default=1_000)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--job", choices=JOBS, default="toil")
    words.add_argument("--cluster", action="store_true", help="three servers, of which any may die")
    words.add_argument("--keep", type=Path, help="a folder for the store, the ledger and what the actors say")
    given = words.parse_args()
    logs.configure(logging.ERROR)
    plan = Plan(given.kills, given.seed, JOBS[given.job], is_clustered=given.cluster)
    if given.keep:
        story = anyio.run(campaign, plan, given.keep)
    else:
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
            story = anyio.run(campaign, plan, Path(folder))
    show(plan, story)
    return 0 if story.is_good else 1


def show(plan: Plan, story: Story) -> None:
    """Print what was done and what came of it."""
    account, deeds = story.account, story.deeds
    print(f"{story.kills:>8,}  kills in {story.seconds:.0f} s, from the seed {plan.seed}")
    for (what, whom), count in sorted(deeds.items(), reverse=True):
        print(f"{count:>8,}    {what} {whom}")
    print(f"{account.goals:>8,}  goals")
    for name, found in account.bad.items():
        is_counted = plan.job.is_told or name not in OUTSIDE
        print(f"{counted(len(found), is_counted)}  {name}")
        for case in found[:SHOWN]:
            print(f"            {case}")
    print(f"{counted(account.run_again, plan.job.is_told)}  handlers begun again, whose answer was not on record")
    print(f"{account.given_up:>8,}  attempts given up, whose step was handed out too often")
    recovered = [each for each in story.recoveries if each is not None]
    never = len(story.recoveries) - len(recovered)
    print(f"{counted(never, plan.job.is_measured)}  steps of killed workers that did not run again")
    longest = f"{max(recovered):.2f}" if recovered else "-"
    how = f"the longest of {len(recovered)}" if recovered else "not measured"
    print(f"{longest:>8}  seconds until a killed worker's step ran again, {how}")
    if not plan.job.is_told:
        print("A dash: not counted. The handlers of this job do not tell the outside ledger what they do.")


def counted(figure: int, is_counted: bool) -> str:
    """Return a figure, or a dash where nobody has counted: that is not none."""
    return f"{figure:>8,}" if is_counted else f"{'-':>8}"


if __name__ == "__main__":
    sys.exit(main())
