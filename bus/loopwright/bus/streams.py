"""The streams, the object store and the buckets of keys that the bus consists of, and how they come to be."""

from dataclasses import replace

from nats.js import JetStreamContext
from nats.js.api import (
    DiscardPolicy,
    ObjectStoreConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BadRequestError, NotFoundError

from loopwright.bus.errors import BusError
from loopwright.bus.messages import KEPT
from loopwright.bus.subjects import DEAD, INTAKE, LOOP, TIMERS, stream_subjects

WAITING = 100_000
"""Goals that may wait in the intake; one more is refused."""
MAX_MESSAGE = 980_000
"""Bytes of one message with its headers; leaves room for a dead letter's reason below the server's 1 MB."""
READERS = 20_000
"""Consumers that a stream may have: one for each that reads a record just now. The server's own limit is 1,000."""
DEAD_LETTERS = 100_000
"""Dead letters that are kept; the newest push out the oldest. Anybody who may publish can make one, for ever."""
DEAD_BYTES = 500_000_000
"""Bytes of dead letters that are kept: garbage must not fill the disk that the trajectories need."""
RECORDED = KEPT + 24 * 3600.0
"""Seconds that a record is kept: a day longer than a goal may last, so that its beginning is there when it ends."""
BLOBS = "lw_blobs"
BLOBS_STREAM = f"OBJ_{BLOBS}"
BLOBS_KEPT = 2 * RECORDED
"""Seconds that an object is kept. One that is used again is renewed at half of that: it outlives every record of it."""
PRESENCE = "lw_presence"
PRESENCE_STREAM = f"KV_{PRESENCE}"
FORGOTTEN = 60.0
"""Seconds after which a key goes whose writer has set no time for it, and a mark that one has gone."""
BOARD = "lw_board"
BOARD_STREAM = f"KV_{BOARD}"
HISTORY = 64
"""Words on one key of a board that are kept; as many as a bucket of NATS can have."""
LESSONS = "lw_lessons"
LESSONS_STREAM = f"KV_{LESSONS}"
MOST_LESSONS = 100_000
"""Lessons that are kept; the newest push out the oldest. Whoever searches them holds an index of all."""
LESSONS_KEPT = 365 * 24 * 3600.0
"""Seconds that a lesson may be kept; one that is noted again is new."""
NAME_IN_USE = 10058

PRESENCE_CONFIG = StreamConfig(
    name=PRESENCE_STREAM,
    subjects=[f"$KV.{PRESENCE}.>"],
    retention=RetentionPolicy.LIMITS,
    discard=DiscardPolicy.NEW,
    max_msgs_per_subject=1,
    max_age=FORGOTTEN,
    duplicate_window=FORGOTTEN,
    storage=StorageType.MEMORY,  # it is said anew within seconds; on disk every renewal would be a sync
    allow_direct=True,
    allow_msg_ttl=True,
    allow_rollup_hdrs=True,
    deny_delete=True,
    subject_delete_marker_ttl=FORGOTTEN,
    description="Which processes are there, and which roles they serve",
)
BOARD_CONFIG = StreamConfig(
    # Without roll-ups, which would let anybody who may publish clear a key, or all of them.
    name=BOARD_STREAM,
    subjects=[f"$KV.{BOARD}.>"],
    retention=RetentionPolicy.LIMITS,
    max_msgs_per_subject=HISTORY,
    max_age=RECORDED,
    max_msg_size=MAX_MESSAGE,
    storage=StorageType.FILE,
    allow_direct=True,
    deny_delete=True,
    description="Each goal's blackboard, kept as long as its record",
)
LESSONS_CONFIG = StreamConfig(
    name=LESSONS_STREAM,
    subjects=[f"$KV.{LESSONS}.>"],
    retention=RetentionPolicy.LIMITS,
    discard=DiscardPolicy.OLD,
    max_msgs=MOST_LESSONS,
    max_msgs_per_subject=1,
    max_age=LESSONS_KEPT,
    max_msg_size=MAX_MESSAGE,
    storage=StorageType.FILE,
    allow_direct=True,
    allow_msg_ttl=True,
    deny_delete=True,
    description="What goals have taught: what worked, and what failed",
)
STREAMS = (
    StreamConfig(
        name=INTAKE,
        subjects=stream_subjects(INTAKE),
        retention=RetentionPolicy.WORK_QUEUE,
        discard=DiscardPolicy.NEW,
        max_msgs=WAITING,
        max_msg_size=MAX_MESSAGE,
        storage=StorageType.FILE,
        description="Goals that wait for an orchestrator",
    ),
    StreamConfig(
        name=LOOP,
        subjects=stream_subjects(LOOP),
        retention=RetentionPolicy.LIMITS,
        max_age=RECORDED,
        max_msg_size=MAX_MESSAGE,
        storage=StorageType.FILE,
        allow_direct=True,
        max_consumers=READERS,
        description="Every trajectory: the queue of steps, the state, the record",
    ),
    StreamConfig(
        # Apart from the record: where messages may be scheduled the server lets anybody who may publish roll up the
        # whole stream, which leaves nothing of it but his own message.
        name=TIMERS,
        subjects=stream_subjects(TIMERS),
        retention=RetentionPolicy.LIMITS,
        max_age=RECORDED,
        max_msg_size=MAX_MESSAGE,
        storage=StorageType.FILE,
        allow_msg_schedules=True,
        allow_msg_ttl=True,
        description="Deadlines that the broker holds, and those that have come",
    ),
    StreamConfig(
        name=DEAD,
        subjects=stream_subjects(DEAD),
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        max_msgs=DEAD_LETTERS,
        max_bytes=DEAD_BYTES,
        max_age=KEPT,
        storage=StorageType.FILE,
        allow_direct=True,
        description="Messages that nobody could understand or survive, as they came",
    ),
    PRESENCE_CONFIG,
    BOARD_CONFIG,
    LESSONS_CONFIG,
)
OBJECTS = ObjectStoreConfig(bucket=BLOBS, description="Workspaces and large bodies, by content", ttl=BLOBS_KEPT)


def replicas_wanted(told: str, *, clustered: bool) -> int:
    """Return on how many servers a new stream is kept: as many as we are `told`, else three in a cluster.

    Raises:
        BusError: what we are told is not a number that a server knows.
    """
    if not told:
        return 3 if clustered else 1
    if told not in {"1", "2", "3", "4", "5"}:
        raise BusError(f"LOOPWRIGHT_REPLICAS is {told!r}: set it to a number from 1 to 5, or leave it unset.")
    return int(told)


async def ensure(js: JetStreamContext, *, replicas: int) -> None:
    """Make all of them exist; leave what an operator has configured as it is."""
    for config in STREAMS:
        try:
            await js.stream_info(str(config.name))
        except NotFoundError:
            await create(js, replace(config, num_replicas=replicas))
    try:
        await js.stream_info(BLOBS_STREAM)
    except NotFoundError:
        await create(js, replace(OBJECTS, replicas=replicas))


async def create(js: JetStreamContext, config: StreamConfig | ObjectStoreConfig) -> None:
    """Create a stream, or the object store; another process may have been faster."""
    try:
        if isinstance(config, ObjectStoreConfig):
            await js.create_object_store(BLOBS, config)
        else:
            await js.add_stream(config)
    except BadRequestError as error:
        if error.err_code != NAME_IN_USE:
            raise
