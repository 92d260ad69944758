"""Evaluators of text: what it contains, what it matches, and whether what it cites stands in the source."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import anyio
import anyio.to_process

from loopwright.actors.evaluators.looking import OUTPUT, Judged, Lacking, Part, at, built, sick, text_of, verdict
from loopwright.actors.work import Worker
from loopwright.bus.messages import Verdict

SEARCH = 5.0
"""Seconds that a pattern may take: some take for ever on some texts."""
SHOWN = 100
"""Characters of a quotation that are shown."""


def contains(role: str, *texts: str, of: Part = OUTPUT, ignore_case: bool = False) -> Worker:
    """Return an evaluator that passes a text which contains all of `texts`; its score is the share of them."""
    if not texts:
        raise ValueError("say what the text should contain")

    def plain(text: str) -> str:
        return text.casefold() if ignore_case else text

    async def judge(attempt: Judged) -> Verdict:
        text = plain(text_of(attempt, of))
        missing = [each for each in texts if plain(each) not in text]
        feedback = "\n".join(f"it does not contain {each!r}" for each in missing)
        return verdict(not missing, feedback, 1 - len(missing) / len(texts))

    return built(role, judge)


def matches(role: str, pattern: str, *, of: Part = OUTPUT, forbidden: bool = False) -> Worker:
    """Return an evaluator that passes a text in which a regular expression is found, or, `forbidden`, is not.

    The search runs in a process of its own, which is ended after 5 seconds; the evaluator then counts as sick.
    """
    re.compile(pattern)

    async def judge(attempt: Judged) -> Verdict:
        search = partial(found_in, pattern, text_of(attempt, of))
        try:
            with anyio.fail_after(SEARCH):
                found = await anyio.to_process.run_sync(search, cancellable=True)
        except TimeoutError:
            raise sick(role, f"{pattern!r} took longer than {SEARCH:g} seconds") from None
        passed = (found is None) == forbidden
        wanted = f"{found!r} may not stand in it" if forbidden else f"nothing in it matches {pattern!r}"
        return verdict(passed, "" if passed else wanted)

    return built(role, judge)


def found_in(pattern: str, text: str) -> str | None:
    """Return the first stretch of a text that a pattern matches."""
    match = re.search(pattern, text)
    return match[0][:SHOWN] if match else None


type Citation = tuple[str, str]
"""What is quoted, and the name of its source."""


def cited_in(attempt: Judged) -> Sequence[Citation]:
    """Return the citations of an output: its `citations`, each with a `quote` and a `source`.

    Raises:
        Lacking: there are none.
    """
    listed = at(attempt.output, "citations") if attempt.output is not None else None
    if not isinstance(listed, list):
        raise Lacking("the output has no list of citations")
    return [(str(at(each, "quote")), str(at(each, "source"))) for each in listed]


def sources_of(attempt: Judged) -> Mapping[str, str]:
    """Return the texts that may be cited: the input's `sources`, by their names."""
    found = attempt.input.get("sources") if isinstance(attempt.input, dict) else None
    if not isinstance(found, dict):
        raise Lacking("the input has no sources")
    return {str(name): str(text) for name, text in found.items()}


def cites(
    role: str,
    *,
    citations: Callable[[Judged], Iterable[Citation]] = cited_in,
    sources: Callable[[Judged], Mapping[str, str]] = sources_of,
    at_least: int = 1,
) -> Worker:
    """Return an evaluator that passes an output whose quotations all stand in the sources that they name.

    They must stand there word by word; how words are spaced does not matter. `at_least` so many must be given. The
    score is the share that is right.
    """

    async def judge(attempt: Judged) -> Verdict:
        given = list(citations(attempt))
        known = {name: spaced(text) for name, text in sources(attempt).items()}
        wrong = [each for each in given if not spaced(each[0]) or spaced(each[0]) not in known.get(each[1], "")]
        told = [f"{quote[:SHOWN]!r} does not stand in {source}" for quote, source in wrong]
        if len(given) < at_least:
            told.append(f"{at_least} citations are wanted, and {len(given)} given")
        score = (len(given) - len(wrong)) / max(len(given), at_least, 1)
        return verdict(not told, "\n".join(told), score, citations=len(given), wrong=len(wrong))

    return built(role, judge)


def spaced(text: str) -> str:
    """Return a text with single spaces between its words."""
    return " ".join(text.split())
