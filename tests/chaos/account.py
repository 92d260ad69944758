"""What became of everything: worked out from the record and the outside ledger, whatever the orchestrators think."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from loopwright.bus import Bus, Status
from loopwright.bus.effects import Effect, EffectPhase
from loopwright.bus.messages import Ended
from loopwright.bus.questions import Reply
from loopwright.bus.stored import Stored
from loopwright.bus.subjects import Subject
from tests.chaos.ledger import Line, Work, open_work

ONCE = ("decision", "step", "result", "made", "eval", "pause", "reply", "event")
"""Kinds of which a subject has one message, for ever."""
ORDERS = frozenset({"decision", "step"})
RECOVERY = 2.5
"""Seconds within which a killed worker's step runs again elsewhere."""
EVALUATOR = {"refine": "review", "scout": "nod", "sell": "nod"}
"""Who judges what a role has made."""
ASKING = frozenset({"sell"})
"""Roles that ship nothing but what a person has approved."""

REPEATED, PAID_TWICE, UNAPPROVED = "effects repeated", "model calls paid twice", "made without approval"
OUTSIDE = frozenset({REPEATED, PAID_TWICE, UNAPPROVED})
"""What only the outside ledger shows, where handlers tell it what they do."""


@dataclass(frozen=True)
class Record:
    """What is on record, as far as it is looked at here."""

    said: Sequence[tuple[str, float]]
    """Every subject of `ONCE`, and when the broker stored the message."""
    ends: Mapping[str, tuple[str, int]]
    """Status and attempts of every goal that has ended."""
    asked: Mapping[Work, float] = field(default_factory=dict[Work, float])
    """When it was on record what the model has answered, where it is."""
    approved: Mapping[tuple[str, str, int], float] = field(default_factory=dict[tuple[str, str, int], float])
    """When a person has approved a call, by goal, step and attempt."""

    def goals(self) -> set[str]:
        """Return every goal that was ever opened, those of goals included."""
        return {subject.split(".")[4] for subject, _ in self.said if subject.startswith("lw.v1.decision.")}

    def when(self) -> dict[str, float]:
        """Return when there was something on each subject."""
        return dict(reversed(self.said))


@dataclass
class Account:
    """The figures that must be zero, and those that are told."""

    goals: int = 0
    lost: list[str] = field(default_factory=list[str])
    """Accepted, and never ended."""
    ended_twice: list[str] = field(default_factory=list[str])
    not_accepted: list[str] = field(default_factory=list[str])
    """Ended, but otherwise than undisturbed."""
    said_twice: list[str] = field(default_factory=list[str])
    """Subjects with a second order, result or evaluation."""
    effects_repeated: list[Work] = field(default_factory=list[Work])
    """Work that was shipped again."""
    paid_twice: list[Work] = field(default_factory=list[Work])
    """Work whose model was paid again although its answer was on record."""
    unapproved: list[Work] = field(default_factory=list[Work])
    """Work that was shipped although nobody had approved it by then."""
    run_again: int = 0
    """Handlers that were begun another time: what happens where there was no answer yet."""
    given_up: int = 0
    """Attempts more than an undisturbed goal needs: their step was handed out too often."""

    @property
    def bad(self) -> dict[str, Sequence[object]]:
        """What must be empty."""
        return {
            "lost": self.lost,
            "ended twice": self.ended_twice,
            "ended otherwise": self.not_accepted,
            "said twice": self.said_twice,
            REPEATED: self.effects_repeated,
            PAID_TWICE: self.paid_twice,
            UNAPPROVED: self.unapproved,
        }


async def read_record(bus: Bus) -> Record:
    """Return what the stream says."""
    stored = await bus.record([f"lw.v1.{kind}.{bus.ns}.>" for kind in ONCE])
    ends = {}
    for each in stored:
        if each.subject.startswith("lw.v1.event."):
            ended = await bus.message(Ended, each)
            if ended is not None:
                ends[ended.goal] = (str(ended.outcome.status), ended.outcome.attempts)
    asked: dict[Work, float] = {}
    for each in await bus.record([f"lw.v1.effect.{bus.ns}.>"]):
        effect = await bus.message(Effect, each)
        if effect is not None and effect.what == "ask" and effect.phase is EffectPhase.DONE:
            asked.setdefault(Work(effect.goal, effect.step, effect.attempt, effect.role), moment(each))
    return Record([(each.subject, moment(each)) for each in stored], ends, asked, await approvals(bus, stored))


async def approvals(bus: Bus, stored: Iterable[Stored]) -> dict[tuple[str, str, int], float]:
    """Return when a person has approved a call, by goal, step and attempt."""
    found: dict[tuple[str, str, int], float] = {}
    for each in stored:
        if each.subject.startswith("lw.v1.reply."):
            reply = await bus.message(Reply, each)
            if reply is not None and reply.approved:
                found[reply.goal, reply.step, reply.attempt] = moment(each)
    return found


def moment(stored: Stored) -> float:
    """Return when a message was stored, in seconds since the epoch."""
    return stored.time.timestamp()


def place_of(work: Work, ns: str = "default") -> str:
    """Return the subject of the answer to some work."""
    kind, last = ("made", EVALUATOR[work.role]) if work.role in EVALUATOR else ("eval", work.role)
    return ".".join(["lw.v1", kind, ns, work.goal, work.step, str(work.attempt), last])


def audit(goals: Mapping[str, int], record: Record, ledger: Sequence[Line]) -> Account:
    """Return the account of these goals, of which each needs so many attempts."""
    ends = Counter(subject.split(".")[4] for subject, _ in record.said if subject.startswith("lw.v1.event."))
    ended = {goal: record.ends[goal] for goal in goals if goal in record.ends}
    begun = Counter(line.work for line in ledger if line.what == "began")
    shipped = Counter(line.work for line in ledger if line.what == "shipped")
    return Account(
        goals=len(goals),
        lost=sorted((goals.keys() | record.goals()) - record.ends.keys()),
        ended_twice=[goal for goal, count in ends.items() if count > 1],
        not_accepted=[
            f"{goal}: {status} after {attempts}"
            for goal, (status, attempts) in ended.items()
            if status != Status.COMPLETED or attempts < goals[goal]
        ],
        said_twice=list(said_twice(record)),
        effects_repeated=[work for work, count in shipped.items() if count > 1],
        paid_twice=list(paid_twice(record, ledger)),
        unapproved=list(unapproved(record, ledger)),
        run_again=begun.total() - len(begun),
        given_up=sum(max(0, attempts - goals[goal]) for goal, (_, attempts) in ended.items()),
    )


def said_twice(record: Record) -> Iterable[str]:
    """Yield the subjects that stand twice; an attempt is ordered once more each time that it was laid aside."""
    places = Counter(subject for subject, _ in record.said)
    asides = Counter(attempt_in(place) for place in map(Subject.parse, places) if place.kind == "pause")
    for subject, count in places.items():
        place = Subject.parse(subject)
        if count > 1 + (asides[attempt_in(place)] if place.kind in ORDERS else 0):
            yield subject


def attempt_in(place: Subject) -> tuple[str, str, str]:
    """Return the attempt that a subject is about."""
    return place["goal"], place["step"], place["attempt"]


def paid_twice(record: Record, ledger: Sequence[Line]) -> Iterable[Work]:
    """Yield the work whose model was paid again although there was an answer on record."""
    answered, paid = record.when(), set[Work]()
    for line in ledger:
        if line.what != "paid":
            continue
        known = min(answered.get(place_of(line.work), line.at), record.asked.get(line.work, line.at))
        if line.work in paid and known < line.at:
            yield line.work
        paid.add(line.work)


def unapproved(record: Record, ledger: Sequence[Line]) -> Iterable[Work]:
    """Yield the work that was shipped before a person had approved it, if ever anybody did."""
    for line in ledger:
        if line.what == "shipped" and line.work.role in ASKING:
            said = record.approved.get((line.work.goal, line.work.step, line.work.attempt))
            if said is None or said > line.at:
                yield line.work


def recoveries(killed: int, at: float, ledger: Sequence[Line]) -> dict[Work, float | None]:
    """Return how long it took until each step that a killed process held was begun elsewhere; None: it never was."""
    before, after = [line for line in ledger if line.at <= at], [line for line in ledger if line.at > at]
    held = open_work(before)
    again = {line.work: line.at for line in reversed(after) if line.what == "began" and line.pid != killed}
    ours = [work for work, pid in held.items() if pid == killed]
    return {work: again[work] - at if work in again else None for work in ours}
