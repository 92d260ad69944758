"""The search as a value: what was proposed, what came of it, what to try next."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, islice

from loopwright.tools.astsearch.enumeration import LIMIT, Ranked, enumerate_edits
from loopwright.tools.astsearch.fingerprint import Fingerprint, Fingerprints, applied
from loopwright.tools.astsearch.project import Project, read_sources
from loopwright.tools.astsearch.seeds import Standing
from loopwright.tools.astsearch.source import Source
from loopwright.tools.astsearch.suspicion import moved
from loopwright.tools.program import Candidate, Edit, Survey, Trial

type Edits = tuple[Edit, ...]

TIME_SCALES = (1.0, 5.0, 25.0, 100.0)
"""How much more time a candidate is given each time it only ran out of it."""
RETRY_SHARE, HOPEFUL_SHARE = 0.15, 0.5
"""The share of all time that such retries may have while there is anything else to try: of those that mend nothing
so far, and with those that do."""
DEPTH = 3
"""How many edits a candidate has at most."""
SEEDS = 6
"""How many of the best seeds are built upon at a time."""
SEED_LIMIT = 3_000
"""How many edits of one seed are looked at."""


@dataclass(frozen=True)
class Batch:
    """Candidates to be tried together."""

    candidates: tuple[Candidate, ...] = ()
    """The likeliest first; none when there is nothing left to try."""
    time_scale: float = 1.0
    """How many times the usual time a test gets: more than 1 for what only ran out of time before."""

    def __bool__(self) -> bool:
        """Tell whether there is anything to try."""
        return bool(self.candidates)


def size(candidate: Candidate) -> tuple[int, int, tuple[tuple[str, int, int, str], ...]]:
    """Return a key that puts the smallest change first: fewest edits, then fewest characters, then any order."""
    characters = sum(edit.end - edit.start + len(edit.text) for edit in candidate.edits)
    order = tuple((edit.path, edit.start, edit.end, edit.text) for edit in candidate.edits)
    return len(candidate.edits), characters, order


class Line:
    """A queue of single edits on top of the program, or of a seed; each is given out once."""

    def __init__(self, base: Candidate, ranked: list[Ranked], worth: float) -> None:
        self.base = base
        self.worth = worth
        self._ranked = ranked
        self._at = 0

    @property
    def rank(self) -> float:
        """How likely the next one is; 0 when there is none."""
        return self._ranked[self._at].rank * self.worth if self._at < len(self._ranked) else 0.0

    def take(self) -> Candidate:
        """Return the next candidate."""
        one = self._ranked[self._at]
        self._at += 1
        note = f"{self.base.note}; {one.note}" if self.base.note else one.note
        return Candidate(edits=(*self.base.edits, one.edit), note=note)


class Search:
    """A search for the edits that make the tests pass, driven from outside.

    It holds neither clock nor chance: what `next` returns follows from the sources, the survey, and what was
    noted and recorded, in whatever order that came in.
    """

    def __init__(self, sources: Mapping[str, str], survey: Survey, *, limit: int = LIMIT) -> None:
        self._suspicion = survey.suspicion
        self._standing = Standing(survey)
        self._project = Project(read_sources(sources))
        self._limit = limit
        self._fingerprints = Fingerprints(self._project.sources)
        self._seen: set[Fingerprint] = set()
        self._asked: dict[Edits, float] = {}
        self._trials: dict[Edits, dict[float, Trial]] = {}
        self._gains: dict[Edits, float] = {}
        self._candidates: dict[Edits, Candidate] = {}
        self._lines: dict[Edits, Line] = {}

    def handed_out(self, candidate: Candidate) -> bool:
        """Tell whether `candidate` was proposed before, here or according to the record."""
        return candidate.edits in self._asked

    def note_proposed(self, candidates: Iterable[Candidate], time_scale: float = 1.0) -> None:
        """Take note that these were proposed, so that they are not proposed again."""
        for candidate in candidates:
            found = self._fingerprints.of(candidate) if candidate.edits not in self._asked else None
            if found:
                self._seen.add(found)
            self._candidates.setdefault(candidate.edits, candidate)
            self._asked[candidate.edits] = max(time_scale, self._asked.get(candidate.edits, 0.0))

    def record(self, candidate: Candidate, trial: Trial, time_scale: float = 1.0) -> None:
        """Take note of what came of `candidate` when its tests had `time_scale` times the usual time."""
        self.note_proposed([candidate], time_scale)
        self._trials.setdefault(candidate.edits, {})[time_scale] = trial
        self._gains[candidate.edits] = self._standing.gain(self._last(candidate.edits))

    def next(self, limit: int) -> Batch:
        """Return up to `limit` candidates, and take note that they were proposed.

        An empty batch means that nothing is left to try, given what is recorded: a trial that is still under way may
        make a new seed, or ask for more time.
        """
        due = self._due_retries()
        if affordable := [] if self._retrying() else self._affordable(due)[: max(1, limit // 4)]:
            return self._retry(affordable)
        fresh = tuple(islice(self._fresh(), limit))
        if fresh:
            return Batch(fresh)
        return self._retry(due[: max(1, limit // 2)]) if due else Batch()

    def _fresh(self) -> Iterator[Candidate]:
        """Yield candidates that were not tried yet; every third on top of a seed, if there is any."""
        primary = self._line((), 1.0)
        seeded = [self._line(base, 0.25 + 0.5 * gain) for base, gain in self._seeds()]
        for turn in count():
            best = max(seeded, key=lambda line: line.rank, default=primary)
            line = best if best.rank > 0 and (turn % 3 == 2 or primary.rank == 0) else primary
            candidate = self._take_new(line)
            if candidate is not None:
                yield candidate
            elif primary.rank == best.rank == 0:
                return

    def _take_new(self, line: Line) -> Candidate | None:
        """Return the next of a line that was not tried yet, or None when the line is at its end."""
        while line.rank > 0:
            candidate = line.take()
            if self._is_new(candidate):
                return candidate
        return None

    def _is_new(self, candidate: Candidate) -> bool:
        """Tell whether this program was not proposed before, and take note of it."""
        if candidate.edits in self._asked:
            return False
        found = self._fingerprints.of(candidate)
        if found is None or found in self._seen:
            return False
        self.note_proposed([candidate])
        return True

    def _seeds(self) -> list[tuple[Edits, float]]:
        """Return the edits worth building upon with what they gained, the best first."""
        gains = self._gains
        grown = [(edits, gain) for edits, gain in gains.items() if gain > gains.get(edits[:-1], 0.0)]
        grown = [(edits, gain) for edits, gain in grown if len(edits) < DEPTH and not self._last(edits).timed_out]
        return sorted(grown, key=lambda one: (-one[1], size(self._candidates[one[0]])))[:SEEDS]

    def _last(self, edits: Edits) -> Trial:
        """Return the trial that had the most time."""
        return self._trials[edits][max(self._trials[edits])]

    def _line(self, base: Edits, worth: float) -> Line:
        """Return the queue of edits on top of `base`, worked out when it is first asked for."""
        if base not in self._lines:
            limit = SEED_LIMIT if base else self._limit
            changed = self._changed(base)
            ranked = enumerate_edits(*changed, limit) if changed else []
            self._lines[base] = Line(self._candidates.get(base, Candidate(edits=base)), ranked, worth)
        return self._lines[base]

    def _changed(self, base: Edits) -> tuple[Project, Mapping[str, Mapping[int, float]]] | None:
        """Return the program after `base`, and how suspicious its lines are; None when it is no program."""
        sources: dict[str, Source] = dict(self._project.sources)
        suspicion: dict[str, dict[int, float]] = dict(self._suspicion)
        for edit in base:
            try:
                text = sources[edit.path].text
                sources[edit.path] = Source.of(edit.path, applied(edit, text))
            except (KeyError, SyntaxError):
                return None
            suspicion[edit.path] = moved(suspicion.get(edit.path, {}), edit, text)
        return (Project(sources) if base else self._project), suspicion

    def _due_retries(self) -> list[tuple[Edits, float]]:
        """Return what only ran out of time, with the next time scale; what mends most first."""
        found: list[tuple[Edits, float]] = []
        for edits, scale in self._asked.items():
            trial = self._trials.get(edits, {}).get(scale)
            longer = next((value for value in TIME_SCALES if value > scale), None)
            if trial is not None and trial.timed_out and longer is not None:
                found.append((edits, longer))
        return sorted(found, key=lambda one: (-self._gains[one[0]], one[1], size(self._candidates[one[0]])))

    def _affordable(self, due: list[tuple[Edits, float]]) -> list[tuple[Edits, float]]:
        """Return those retries that keep all of them within their share of the time."""
        trials = [(scale, trial.seconds) for tried in self._trials.values() for scale, trial in tried.items()]
        total = sum(seconds for _, seconds in trials)
        again = sum(seconds for scale, seconds in trials if scale > 1)
        found: list[tuple[Edits, float]] = []
        for edits, longer in due:
            scale = self._asked[edits]
            cost = self._trials[edits][scale].seconds * longer / scale
            if again + cost < total * (HOPEFUL_SHARE if self._gains[edits] > 0 else RETRY_SHARE):
                again += cost
                found.append((edits, longer))
        return found

    def _retrying(self) -> bool:
        """Tell whether a retry is under way."""
        return any(scale > 1 and scale not in self._trials.get(edits, {}) for edits, scale in self._asked.items())

    def _retry(self, due: list[tuple[Edits, float]]) -> Batch:
        """Return those of the retries that get the same time as the first."""
        scale = due[0][1]
        batch = tuple(self._candidates[edits] for edits, longer in due if longer == scale)
        self.note_proposed(batch, scale)
        return Batch(batch, scale)
