"""What chance does in one world: all of it follows from the seed.

What happens to a message on its way is drawn from what it says and how often it was said, not from the order in which
tasks of one instant happen to run: so a seed leads to the same world in every process.
"""

import random
import zlib
from dataclasses import dataclass, replace

from nats.aio.msg import Msg

from tests.simulation.network import Way

KEYS = "$KV."
"""Who is there: keys that name processes by chance, and the machine; what happens to them may not follow from that.

They are slow, and never lost while their sender lives, for nobody would see that he is there who loses them all."""
MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Climate:
    """How rough a world is: shares of messages, and of other things that can go wrong."""

    slow: float = 0.0
    """Up to half a second on their way, so that others overtake them."""
    stuck: float = 0.0
    """Up to four seconds: two leases."""
    lost: float = 0.0
    twice: float = 0.0
    stale: float = 0.0
    """Direct gets that a replica answers which lags."""
    off: float = 0.0
    """Timers that fire too early or too late."""
    forgets: float = 0.0
    """What was settled last, and is forgotten by a broker that is killed."""


CALM = Climate()


class Fate:
    """Draws for each message, replica and timer of one world."""

    def __init__(self, seed: int, climate: Climate) -> None:
        self.climate = climate
        self._seed = seed & 0xFFFFFFFF
        self._counts: dict[int, int] = {}

    def draw(self, *words: bytes) -> int:
        """Return 64 random bits for the next time that this is said."""
        key = self._seed
        for word in words:
            key = zlib.crc32(word, key)
        count = self._counts[key] = self._counts.get(key, 0) + 1
        x = (key + (count << 32) + self._seed * 0x9E3779B97F4A7C15) & MASK
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
        return x ^ (x >> 31)

    def share(self, *words: bytes) -> float:
        """Return a number in 0..1 for the next time that this is said."""
        return self.draw(*words) / (1 << 64)

    def up(self, client: str, subject: str, data: bytes) -> Way:
        """Return how a message goes from a client to the broker."""
        if subject.startswith(KEYS):
            subject, data = KEYS, b""
        way = self._way(self.draw(client.encode(), subject.encode(), data))
        if subject == KEYS:
            return Way(way.delay)
        return way if not subject.startswith("$JS.API") else Way(way.delay, way.lost)

    def down(self, client: str, said: Msg) -> Way:
        """Return how a message goes from the broker to a client."""
        about, data = b"" if said.subject.startswith("_INBOX") else said.subject.encode(), said.data
        if said.subject.startswith(KEYS):
            about, data = KEYS.encode(), b""
        status = (said.headers or {}).get("Nats-Sequence", "") or (said.headers or {}).get("Status", "")
        drawn = data.partition(b'"hdrs"')[0]  # headers tell the time of day, which is another in every process
        way = self._way(self.draw(client.encode(), about, drawn, said.reply.encode(), status.encode()))
        return Way(way.delay, way.lost and data is said.data)

    def _way(self, bits: int) -> Way:
        """Return what 64 random bits mean."""
        climate = self.climate
        chance, pace = (bits >> 32) / (1 << 32), (bits & 0xFFFFFFFF) / (1 << 32)
        delay = 0.0001 + 0.0015 * pace
        if chance < climate.lost:
            return Way(delay, lost=True)
        chance -= climate.lost
        if chance < climate.twice:
            return Way(delay, twice=True)
        chance -= climate.twice
        if chance < climate.stuck:
            return Way(0.5 + 3.5 * pace)
        chance -= climate.stuck
        return Way(delay + 0.5 * pace if chance < climate.slow else delay)

    def lag(self, subject: str) -> float:
        """Return how many seconds behind the replica is that answers a direct get."""
        share = self.share(b"lag", subject.encode())
        return share / self.climate.stale if share < self.climate.stale else 0.0

    def reader_lag(self) -> float:
        """Return how many seconds behind the replica is that a new passing consumer reads."""
        return self.lag("reader")

    def timer(self, subject: str) -> float:
        """Return how many seconds too late (below zero: too early) a timer fires."""
        share = self.share(b"timer", subject.encode())
        return 6 * share / self.climate.off - 3 if share < self.climate.off else 0.0

    def forgets(self, seq: int) -> bool:
        """Tell whether a broker that is killed forgets that this message was just settled."""
        return self.share(b"forgets", str(seq).encode()) < self.climate.forgets


@dataclass(frozen=True)
class Strike:
    """Something that befalls the world at a time."""

    at: float
    what: str
    whom: float
    """0..1: which of those whom it may befall."""
    seconds: float
    """How long it lasts."""


WHAT = ("kill", "vanish", "freeze", "drain", "restart", "hasten", "call off", "submit again")
"""What may befall: a process is killed; it is gone and the broker does not notice; it stands still, and goes on; it is
told to stop; the broker is killed; leases lapse early; a client calls its goal off, or submits it once more."""


@dataclass(frozen=True)
class Plan:
    """What one seed has in store."""

    seed: int
    climate: Climate
    strikes: tuple[Strike, ...]
    deadly: float
    """The share of processes that die at one of their writes."""
    orchestrators: int
    workers: int
    """Processes of each role."""
    goals: int
    room: int
    """Goals that may wait."""
    late: float
    """Seconds until anybody serves one of the roles."""
    hands: int
    """Messages of a kind that an orchestrator handles at once."""
    is_apart: bool
    """Whether only one orchestrator has the loop of the world's goals."""

    @classmethod
    def of(cls, seed: int) -> "Plan":
        """Return what a seed has in store.

        One in ten is a world in which nothing goes wrong, and one in ten is one of sleepers: processes stand still for
        longer than a lease, and nothing else happens.
        """
        dice = random.Random(seed)
        kind = dice.random()
        calm, sleepy = kind < 0.1, kind > 0.9
        climate = CALM if calm else climate_of(dice)
        count = 0 if calm else dice.choice([0, 1, 1, 2, 3])
        strikes = [
            Strike(dice.uniform(0.0, 1.5), dice.choice(WHAT), dice.random(), dice.choice([0.1, 1.0, 2.5, 5.0]))
            for _ in range(count)
        ]
        if sleepy:
            climate = replace(climate, lost=0.0, stuck=0.0)
            strikes = [
                Strike(dice.uniform(0.0, 2.5), "freeze", dice.random(), dice.choice([2.5, 5.0])) for _ in range(3)
            ]
        return cls(
            seed=seed,
            climate=climate,
            strikes=tuple(sorted(strikes, key=lambda strike: strike.at)),
            deadly=0.0 if calm or sleepy else dice.choice([0.0, 0.0, 0.2, 0.5]),
            orchestrators=dice.choice([1, 2, 2, 3]),
            workers=2 if sleepy else dice.choice([1, 1, 1, 2]),
            goals=dice.choice([1, 1, 1, 1, 2, 3]),
            room=dice.choice([1, 2, 10]),
            late=0.0 if calm or sleepy else dice.choice([0.0] * 6 + [5.0, 60.0]),
            hands=dice.choice([1, 4, 16]),
            is_apart=0.4 < dice.random() < 0.55,
        )


def climate_of(dice: random.Random) -> Climate:
    """Return how rough a world is: most things go well in most of them."""

    def rate(*choices: float) -> float:
        return dice.choice(choices)

    return Climate(
        slow=rate(0.0, 0.02, 0.2),
        stuck=rate(0.0, 0.0, 0.01, 0.05),
        lost=rate(0.0, 0.0, 0.01, 0.05),
        twice=rate(0.0, 0.02, 0.2),
        stale=rate(0.0, 0.2, 0.6),
        off=rate(0.0, 0.3),
        forgets=rate(0.0, 0.5),
    )
