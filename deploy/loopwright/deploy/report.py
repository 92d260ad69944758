"""What is said of a repair when it is over: the diff, what was changed, who witnessed it, why it ended."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue, ValidationError
from rich.console import Console
from rich.syntax import Syntax

from loopwright.actors.repair import Pick
from loopwright.bus import Outcome, Status
from loopwright.deploy.screen import counted
from loopwright.tools.program import apply_edits
from loopwright.tools.workspace import unified_diff


def pick_of(outcome: Outcome) -> Pick | None:
    """Return the best candidate of a repair, if it has one."""
    try:
        return Pick.model_validate(outcome.best)
    except ValidationError:
        return None


@dataclass(frozen=True)
class Change:
    """What a repair changes: the texts of its files before and after."""

    before: Mapping[str, str]
    after: Mapping[str, str]

    @property
    def diff(self) -> str:
        """The change as a unified diff; empty where there is none."""
        return unified_diff(self.before, self.after)


def change_of(files: Mapping[str, str], outcome: Outcome) -> Change:
    """Return what the best candidate changes in the program as it was submitted."""
    pick = pick_of(outcome)
    after = apply_edits(files, pick.candidate) if pick else {}
    return Change({name: files[name] for name in after}, after)


def document(outcome: Outcome, change: Change, *, applied: bool) -> str:
    """Return the outcome as one JSON document, with the diff."""
    pick = pick_of(outcome)
    body: dict[str, JsonValue] = outcome.model_dump(mode="json")
    body["diff"] = change.diff
    body["applied"] = applied
    body["edit"] = pick.candidate.note if pick else None
    body["witnesses"] = pick.witnesses if pick else None
    return json.dumps(body, indent=2)


def report(outcome: Outcome, change: Change, *, applied: bool) -> None:
    """Print the diff and the outcome on stdout."""
    console = Console()
    diff = change.diff
    if diff and outcome.status is Status.COMPLETED:
        if console.is_terminal:
            console.print(Syntax(diff, "diff", background_color="default", word_wrap=False))
        else:
            print(diff, end="")
        print()
    for sentence in sentences(outcome, applied=applied, changed=bool(diff)):
        console.print(sentence, highlight=False, soft_wrap=True, markup=False)


def sentences(outcome: Outcome, *, applied: bool, changed: bool) -> list[str]:
    """Return what a person should know of the outcome."""
    pick = pick_of(outcome)
    told = [f"{outcome.status.value} ({outcome.reason.value}): {outcome.why}"]
    if pick is not None and outcome.status is Status.COMPLETED:
        hidden = f", and {pick.hidden} acceptance tests that the generator never saw" if pick.hidden else ""
        told.append(f"{pick.candidate.note}; witnessed by {pick.witnesses} of {pick.tests} tests{hidden}")
    elif pick is not None:
        told.append(f"best so far, not good enough: {pick.candidate.note}; {pick.witnesses} of {pick.tests} tests pass")
    if outcome.false_successes:
        told.append(f"{counted(outcome.false_successes)}: passed the tests and failed acceptance")
    told.append(figures(outcome))
    if changed and outcome.status is Status.COMPLETED:
        told.append("The change is written." if applied else "The folder is untouched; --apply writes the change.")
    if outcome.unverified:
        told.append(f"Unverified: {outcome.unverified}")
    return told


def figures(outcome: Outcome) -> str:
    """Return what it took, in one line."""
    usage = outcome.usage
    parts = [
        f"score {outcome.score:.2f}" + ("" if outcome.baseline is None else f" (was {outcome.baseline:.2f})"),
        f"{outcome.attempts} attempts",
        f"{usage.candidates:,} candidates",
        f"{outcome.seconds:.1f} s",
    ]
    if usage.model_calls:
        parts.append(f"{usage.model_calls} model calls, {usage.tokens_in + usage.tokens_out:,} tokens")
    if usage.cost:
        parts.append(f"${usage.cost:.4f}" + (" and more" if usage.unpriced else ""))
    return " · ".join(parts)
