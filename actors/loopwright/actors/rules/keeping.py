"""Rules of a trajectory: pure functions from a trail to what breaks them, small enough to be put together.

A call is named by a pattern as of file names: ``delete_*``. A call that was refused has not happened, and breaks and
fulfils nothing.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from loopwright.actors.rules.trail import Deed, Trail


@dataclass(frozen=True)
class Breach:
    """How a trajectory broke a rule."""

    rule: str
    why: str
    """One sentence for a person."""
    evidence: tuple[int, ...] = ()
    """Sequence numbers of the messages that show it."""


type Rule = Callable[[Trail], tuple[Breach, ...]]
"""Returns what breaks it; nothing, where it is kept."""


def calls_of(trail: Trail, call: str) -> list[Deed]:
    """Return the calls of a name that have happened."""
    return [deed for deed in trail.deeds if deed.happened and fnmatchcase(deed.name, call)]


def required(call: str, times: int = 1) -> Rule:
    """Return the rule that a tool is called, so many times at least."""

    def rule(trail: Trail) -> tuple[Breach, ...]:
        found = calls_of(trail, call)
        if len(found) >= times:
            return ()
        why = f"{call} is required {times} times, and was called {len(found)} times."
        return (Breach("required", why, tuple(deed.seq for deed in found)),)

    return rule


def at_most(call: str, times: int) -> Rule:
    """Return the rule that a tool is called no more than so many times."""

    def rule(trail: Trail) -> tuple[Breach, ...]:
        found = calls_of(trail, call)
        if len(found) <= times:
            return ()
        why = f"{call} may be called {times} times, and was called {len(found)} times."
        return (Breach("at_most", why, tuple(deed.seq for deed in found[times:])),)

    return rule


def forbidden(call: str) -> Rule:
    """Return the rule that a tool is never called."""

    def rule(trail: Trail) -> tuple[Breach, ...]:
        return tuple(Breach("forbidden", f"{deed.name} was called.", (deed.seq,)) for deed in calls_of(trail, call))

    return rule


def ordered(*calls: str) -> Rule:
    """Return the rule that each call comes only after those before it: after the first call of each."""
    if len(calls) < 2:
        raise ValueError("an order has two calls at least")

    def rule(trail: Trail) -> tuple[Breach, ...]:
        broken: list[Breach] = []
        for before, after in itertools.pairwise(calls):
            first = next((deed.seq for deed in calls_of(trail, before)), None)
            early = [deed for deed in calls_of(trail, after) if first is None or deed.seq < first]
            broken += [Breach("ordered", f"{each.name} was called before {before}.", (each.seq,)) for each in early]
        return tuple(broken)

    return rule


def founded(pattern: str) -> Rule:
    """Return the rule of evidence before claim.

    Whatever `pattern` finds in an output, such as an order's number, stood before in the goal's input or in the answer
    of a tool.
    """
    compiled = re.compile(pattern)

    def rule(trail: Trail) -> tuple[Breach, ...]:
        broken: list[Breach] = []
        for claim in trail.claims:
            told = [text for seq, text in trail.evidence if seq < claim.seq]
            stated = compiled.finditer(json.dumps(claim.output, ensure_ascii=False))
            for found in dict.fromkeys(match[0] for match in stated):
                if not any(found in text for text in told):
                    why = f"Attempt {claim.attempt} states {found!r}, which nobody had told it."
                    broken.append(Breach("founded", why, (claim.seq,)))
        return tuple(broken)

    return rule


def nothing_after_cancel() -> Rule:
    """Return the rule that nothing is changed any more once the goal was called off, or the attempt lost its race."""

    def rule(trail: Trail) -> tuple[Breach, ...]:
        found: list[Breach] = []
        for deed in (each for each in trail.deeds if each.changes and each.happened):
            lost = trail.lost.get((deed.step, deed.attempt))
            if trail.cancelled is not None and deed.seq > trail.cancelled:
                why = f"{deed.name} was called after the goal was called off."
                found.append(Breach("nothing_after_cancel", why, (trail.cancelled, deed.seq)))
            elif lost is not None and deed.seq > lost:
                why = f"{deed.name} was called after its attempt had lost its race and was called off."
                found.append(Breach("nothing_after_cancel", why, (lost, deed.seq)))
        return tuple(found)

    return rule


def no_success_over_failed_child() -> Rule:
    """Return the rule that a goal is not met while a part of it has failed."""

    def rule(trail: Trail) -> tuple[Breach, ...]:
        end = trail.succeeded
        if end is None:
            return ()
        failed = [child for child in trail.children if not child.succeeded]
        why = "The goal counts as met, and {} has failed."
        return tuple(
            Breach("no_success_over_failed_child", why.format(child.name), (child.seq, end)) for child in failed
        )

    return rule


def spend(
    *, calls_per_attempt: int | None = None, tokens_per_attempt: int | None = None, after_best: float | None = None
) -> Rule:
    """Return the rule of how a budget is spent.

    No attempt takes more calls of tools, or tokens, than this; and no more than the share `after_best` of all tokens
    (of all attempts, where no tokens are told) goes into attempts behind the first with the best score.
    """

    def rule(trail: Trail) -> tuple[Breach, ...]:
        limits = (("calls", calls_per_attempt), ("tokens", tokens_per_attempt))
        over = [
            Breach(
                "spend", f"Attempt {each.attempt} took {getattr(each, what)} {what}; {limit} is the limit.", (each.seq,)
            )
            for each in trail.spends
            for what, limit in limits
            if limit is not None and getattr(each, what) > limit
        ]
        return (*over, *(spent_late(trail, after_best) if after_best is not None else ()))

    return rule


def spent_late(trail: Trail, share: float) -> Iterable[Breach]:
    """Yield that too much was spent behind the best attempt, if it was."""
    scored = [each for each in trail.spends if each.score is not None]
    if not scored:
        return
    best = max(scored, key=lambda each: (each.score, -each.seq))
    in_tokens = any(each.tokens for each in trail.spends)
    weights = [(each, each.tokens if in_tokens else 1) for each in trail.spends]
    late = sum(weight for each, weight in weights if each.seq > best.seq)
    found = late / sum(weight for _, weight in weights)
    if found > share:
        what = "tokens" if in_tokens else "attempts"
        yield Breach("spend", f"{found:.0%} of the {what} came after the best attempt; {share:.0%} may.", (best.seq,))


def all_of(*rules: Rule) -> Rule:
    """Return the rule that all of these are kept."""
    return lambda trail: tuple(breach for rule in rules for breach in rule(trail))


def any_of(*rules: Rule) -> Rule:
    """Return the rule that one of these is kept; where none is, each is told."""
    if not rules:
        raise ValueError("say which rules, one of which is to be kept")

    def rule(trail: Trail) -> tuple[Breach, ...]:
        found = [each(trail) for each in rules]
        return () if not all(found) else tuple(breach for breaches in found for breach in breaches)

    return rule


def when(call: str, rule: Rule) -> Rule:
    """Return a rule that holds only where a tool was called: ``when("refund", required("approve"))``."""
    return lambda trail: rule(trail) if calls_of(trail, call) else ()


def in_step(step: str, rule: Rule) -> Rule:
    """Return a rule that looks at one step of a plan alone."""

    def narrowed(trail: Trail) -> tuple[Breach, ...]:
        return rule(
            replace(
                trail,
                deeds=tuple(each for each in trail.deeds if each.step == step),
                claims=tuple(each for each in trail.claims if each.step == step),
                spends=tuple(each for each in trail.spends if each.step == step),
            )
        )

    return narrowed


ALWAYS = all_of(nothing_after_cancel(), no_success_over_failed_child())
"""What holds in every healthy trajectory."""
