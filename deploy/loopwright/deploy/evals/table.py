"""A run for a person: a line for each case, what came of it in total, and what has changed."""

from collections.abc import Iterator, Mapping

from rich.table import Table

from loopwright.deploy.evals.against import Comparison
from loopwright.deploy.evals.tally import Effort, Figure, Report, Spread, Tally
from loopwright.deploy.screen import counted
from loopwright.deploy.stdout import stdout

WIDTH = 13
"""Columns of the names on the left."""


def print_report(report: Report, comparison: Comparison | None) -> None:
    """Print a run on stdout."""
    console = stdout()
    console.print(case_table(report), highlight=False)
    console.print()
    told = Table(box=None, show_header=False, pad_edge=False)
    told.add_column(no_wrap=True, min_width=WIDTH)
    told.add_column(overflow="fold")
    for name, text in rows(report):
        told.add_row(name, text)
    console.print(told, highlight=False)
    if comparison is not None:
        console.print()
        for line in compared(comparison):
            console.print(line, highlight=False, soft_wrap=True, markup=False)


def rows(report: Report) -> Iterator[tuple[str, str]]:
    """Yield what came of all cases together."""
    total = report.total
    yield "run", f"{report.run} · suite {report.suite} · {len(report.cases)} cases · {total.trials} trials"
    yield "outcome", outcome(total)
    yield from reliability(total)
    if total.curve:
        yield "score after", " ".join(f"{at}:{score:.2f}" for at, score in total.curve.items()) + " attempts"
    if total.accepted_by:
        yield "accepted by", " ".join(f"{at}:{count}" for at, count in total.accepted_by.items()) + " attempts"
    if total.effort is not None:
        yield "effort", effort(total.effort)
    if total.stops:
        yield "stops", named(total.stops)
    if total.faults:
        yield "faults", named(total.faults)
    if total.breaches:
        yield "rules broken", named(total.breaches)
    for name, each in total.evaluators.items():
        if each.sickness:
            yield "sick?", f"{name} {each.sickness} ({each.verdicts} verdicts)"
    if total.apart:
        yield "apart", f"{named(total.apart)} (not in any rate)"
    yield "measured on", f"{report.machine} · seed {report.seed}"


def outcome(tally: Tally) -> str:
    """Return how many trials passed."""
    if not tally.decided:
        return "nothing is decided"
    shown = f"{tally.passed} of {tally.decided} trials passed, {share(tally.success)}"
    if tally.false_successes:
        shown += f" · {counted(tally.false_successes)}"
    return shown


def reliability(tally: Tally) -> Iterator[tuple[str, str]]:
    """Yield the estimates for every k."""
    for name, figures in (("pass^", tally.pass_all), ("pass@", tally.pass_at)):
        for k, each in figures.items():
            yield f"{name}{k}", f"{number(each)}  {each.of} case{'' if each.of == 1 else 's'}"


def number(figure: Figure) -> str:
    """Return a figure with its interval."""
    return f"{figure.value:.3f} [{figure.low:.3f} {figure.high:.3f}]"


def share(figure: Figure) -> str:
    """Return a share of trials with its interval."""
    return f"{figure.value:.1%} [{figure.low:.1%} {figure.high:.1%}]"


def effort(effort: Effort) -> str:
    """Return what trials took."""
    usage = effort.usage
    parts = [f"attempts {spread(effort.attempts)}"]
    if effort.seconds.most:
        parts.append(f"seconds {spread(effort.seconds)}")
    if usage.candidates:
        parts.append(f"{usage.candidates:,} candidates")
    if usage.model_calls:
        parts.append(f"{usage.model_calls:,} model calls, {usage.tokens_in + usage.tokens_out:,} tokens")
    if usage.cost:
        parts.append(f"${usage.cost:.2f}")
    if usage.worker_seconds:
        parts.append(f"{usage.worker_seconds:.1f} worker seconds")
    return " · ".join(parts)


def spread(spread: Spread) -> str:
    """Return how a figure is spread."""
    return f"median {spread.median:g}, p90 {spread.p90:g}, most {spread.most:g}"


def named(counts: Mapping[str, int]) -> str:
    """Return counts with their names."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def case_table(report: Report) -> Table:
    """Return a line for each case; pass^k and pass@k are those of the most trials that it has."""
    table = Table(box=None, pad_edge=False)
    for name in ("case", "passed", "95 %", "pass^k", "pass@k", "score", "to accept", "seconds", "stops"):
        table.add_column(name, no_wrap=name in {"case", "95 %"})
    for name, each in report.cases.items():
        table.add_row(name, *cells(each))
    return table


def cells(each: Tally) -> tuple[str, ...]:
    """Return what stands in the line of a case."""
    k = max(each.pass_all, default=0)
    return (
        f"{each.passed}/{each.decided}" + (f" (+{each.trials - each.decided})" if each.apart else ""),
        f"{each.success.low:.2f} {each.success.high:.2f}",
        f"{each.pass_all[k].value:.2f}" if k else "-",
        f"{each.pass_at[k].value:.2f}" if k else "-",
        f"{each.score.value:.2f}" if each.score else "-",
        f"{each.attempts_to_accept.median:g}" if each.attempts_to_accept else "-",
        f"{each.effort.seconds.median:.1f}" if each.effort else "-",
        named({**each.stops, **each.apart}) + (f", {counted(each.false_successes)}" if each.false_successes else ""),
    )


def compared(comparison: Comparison) -> Iterator[str]:
    """Yield what has changed."""
    each = comparison.difference
    yield (
        f"against {comparison.before}: success {each.value:+.1%} [{each.low:+.1%} {each.high:+.1%}]"
        f" over {each.of} cases; a fall like this happens by chance in {comparison.chance:.1%}"
    )
    for name, case in comparison.cases.items():
        if case.difference:
            yield f"  {name:<20} {case.before}/{case.of_before} → {case.now}/{case.of_now}"
    for what, names in (("not measured now", comparison.missing), ("new", comparison.new)):
        if names:
            yield f"{what}: {', '.join(names)}"
    yield from (f"REGRESSION: {sentence}" for sentence in comparison.regressions)
