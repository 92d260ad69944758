"""What ``loopwright eval`` does: run a suite or go on with a run, look at one, read one that was recorded elsewhere."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from secrets import token_hex

import click

from loopwright.bus import connect_bus
from loopwright.deploy.apps import App, load
from loopwright.deploy.evals.against import Comparison, compare
from loopwright.deploy.evals.conversations import accused_in, agreement
from loopwright.deploy.evals.grading import judges_of
from loopwright.deploy.evals.junit import junit
from loopwright.deploy.evals.recorded import recorded_runs
from loopwright.deploy.evals.running import Planned, hands, planned, refuse_unknown_loops, run_trials
from loopwright.deploy.evals.runs import Heading, Run, RunFile, find_run, open_run
from loopwright.deploy.evals.suite import READABLE, Suite, read_suite
from loopwright.deploy.evals.table import print_report
from loopwright.deploy.evals.tally import Report, report_of
from loopwright.deploy.evals.trials import Trial
from loopwright.deploy.exits import Exit
from loopwright.deploy.rulefile import read_rules
from loopwright.deploy.telling import versioned


@dataclass(frozen=True)
class Wanted:
    """How a run is to be shown, and compared."""

    runs: Path
    """The folder in which runs are kept."""
    seed: int
    as_json: bool
    junit: Path | None
    against: str | None


async def run_suite(
    path: Path, repetitions: int, run: str | None, parallel: int | None, wanted: Wanted, apps: Sequence[str] = ()
) -> int:
    """Run a suite, or go on where its run was left, and show what came of it; `apps` have the suite's own judges."""
    suite = read_suite(path)
    app = load(apps)
    earlier = find_run(wanted.against, wanted.runs) if wanted.against else None
    with open_run(wanted.runs, heading_of(run or new_run(suite), suite)) as file:
        name = file.run.heading.run
        click.echo(f"run {name} · to go on with it: loopwright eval {path} -k {repetitions} --run {name}", err=True)
        trials = await all_trials(suite, file, repetitions, parallel, app)
    return shown(Run(heading=file.run.heading, trials=tuple(trials)), earlier, wanted)


async def all_trials(suite: Suite, file: RunFile, repetitions: int, parallel: int | None, app: App) -> list[Trial]:
    """Return every trial of a run, those included that are in its file already and were judged in the same way."""
    async with connect_bus() as bus, judges_of(bus, app, suite.judges) as judges:
        wanted = await planned(bus, suite, file.run.heading.run, repetitions)
        ways = {each.goal: each.way for each in wanted}
        found = {trial.goal: trial for trial in file.run.trials if ways.get(trial.goal) == trial.graded}
        missing = [each for each in wanted if each.goal not in found]

        def told(trial: Trial) -> None:
            found[trial.goal] = trial
            file.add(trial)
            click.echo(line(trial, len(found), len(wanted)), err=True)

        if missing:
            await refuse_unknown_loops(bus, missing)
            await run_trials(bus, missing, parallel or await hands(bus), told, list(judges.values()))
    return in_order(wanted, found)


def in_order(wanted: Sequence[Planned], found: dict[str, Trial]) -> list[Trial]:
    """Return trials in the order in which the suite has their cases."""
    return [found[each.goal] for each in wanted]


def show_run(run: str, wanted: Wanted) -> int:
    """Show a run that is kept."""
    earlier = find_run(wanted.against, wanted.runs) if wanted.against else None
    return shown(find_run(run, wanted.runs), earlier, wanted)


def import_runs(path: Path, rules: Path | None, wanted: Wanted) -> int:
    """Show runs that were recorded elsewhere, and keep them, so that later ones can be compared with them.

    `rules` is a file of rules that their conversations are held against.
    """
    earlier = find_run(wanted.against, wanted.runs) if wanted.against else None
    runs = recorded_runs(path, read_rules(rules) if rules else ())
    if len(runs) > 1 and wanted.junit is not None:
        raise click.UsageError("--junit writes one run, and there are several: name one file.")
    codes = []
    for run in runs:
        kept(run, wanted.runs)
        codes.append(shown(run, earlier, wanted))
    return max(codes)


def import_conversations(paths: Sequence[Path], wanted: Wanted) -> int:
    """Show whom we blame in conversations that were recorded elsewhere, and how often people agree."""
    for path in paths:
        found = accused_in(path)
        agreed = agreement(path.stem, found)
        if wanted.as_json:
            accused = [asdict(each) | {"fault": each.fault.model_dump(mode="json")} for each in found]
            click.echo(json.dumps(versioned({**asdict(agreed), "conversations": accused})))
        else:
            told = f"{agreed.agent:.1%} of the agents, {agreed.step:.1%} of the steps, {agreed.near:.1%} of them nearly"
            click.echo(f"{path.stem}: {len(found)} conversations; of {agreed.labelled} with an answer {told}")
    return Exit.DONE


def kept(run: Run, folder: Path) -> None:
    """Keep a run that was recorded elsewhere."""
    with open_run(folder, run.heading) as file:
        known = set(map(repr, file.run.trials))
        for trial in run.trials:
            if repr(trial) not in known:
                file.add(trial)


def shown(run: Run, earlier: Run | None, wanted: Wanted) -> int:
    """Print what came of a run, and return the exit code."""
    heading, trials = run.heading, run.trials
    report = report_of(heading.run, heading.suite, heading.machine, trials, wanted.seed)
    comparison = None
    if earlier is not None:
        comparison = compare(earlier.heading.run, earlier.trials, heading.run, trials, wanted.seed)
    if wanted.junit is not None:
        wanted.junit.write_text(junit(report, trials), encoding="utf-8")
    if wanted.as_json:
        click.echo(document(report, trials, comparison))
    else:
        print_report(report, comparison)
    return exit_code(report, comparison)


def exit_code(report: Report, comparison: Comparison | None) -> Exit:
    """Return 3 for a regression, 1 where of some case nothing is known, else 0: how often it passes is a figure."""
    if comparison is not None and comparison.regressions:
        return Exit.NOT_CONVERGED
    return Exit.ERROR if any(not each.decided for each in report.cases.values()) else Exit.DONE


def document(report: Report, trials: Sequence[Trial], comparison: Comparison | None) -> str:
    """Return all that is known of a run as one JSON document."""
    body = report.model_dump(mode="json")
    body["comparison"] = comparison.model_dump(mode="json") if comparison else None
    body["trials"] = [trial.model_dump(mode="json") for trial in trials]
    return json.dumps(body, indent=2)


def line(trial: Trial, number: int, of: int) -> str:
    """Return a trial that has ended, for whoever waits."""
    ending = trial.apart.value if trial.apart else "passed" if trial.passed else "failed"
    facts = f"score {trial.score:.2f}, {trial.attempts} attempts, {trial.seconds:.1f} s"
    return f"{number}/{of}  {trial.case}[{trial.repetition}]  {ending} ({trial.reason}): {facts}"


def heading_of(run: str, suite: Suite) -> Heading:
    """Return the first line of a run's file."""
    machine = f"{platform.machine()}, {cpu_count()} cores, Python {platform.python_version()}"
    return Heading(run=run, suite=suite.name, began=datetime.now(UTC), version=version("loopwright"), machine=machine)


def new_run(suite: Suite) -> str:
    """Return the name of a run that nobody has begun."""
    return f"{suite.name[:READABLE]}-{datetime.now(UTC):%m%d-%H%M}-{token_hex(2)}"
