"""What a goal has spent, for a person."""

from loopwright.bus import Outcome


def spent_in_words(outcome: Outcome) -> str:
    """Return what a goal and all goals below it took, and what they may have taken besides."""
    usage, aside = outcome.usage, outcome.set_aside
    told = sums_in_words(usage.tokens_in + usage.tokens_out, usage.cost, usage.tool_calls, outcome.steps + usage.steps)
    if usage.unpriced:
        told += f", and what {usage.unpriced:,} model calls cost, which no bound holds: their price is not known"
    if aside is None:
        return told
    most = sums_in_words(aside.tokens, aside.cost, aside.tool_calls or 0, aside.steps or 0)
    return f"{told}; nobody has heard what was spent of another {most}, which were set aside"


def sums_in_words(tokens: int, cost: float, calls: int, steps: int) -> str:
    """Return sums that are not zero."""
    named = ((f"{tokens:,} tokens", tokens), (f"${cost:.4f}", cost), (f"{calls:,} tool calls", calls))
    told = [words for words, value in (*named, (f"{steps:,} steps", steps)) if value]
    return ", ".join(words.removesuffix("s") if words.startswith("1 ") else words for words in told) or "nothing"
