"""The streams and the object store that the subjects live in, and how they come to be."""

from nats.js import JetStreamContext
from nats.js.api import (
    DiscardPolicy,
    ObjectStoreConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BadRequestError, NotFoundError

from loopwright.bus.messages import KEPT
from loopwright.bus.subjects import DEAD, INTAKE, LOOP, stream_subjects

WAITING = 100_000
"""Goals that may wait in the intake; one more is refused."""
MAX_MESSAGE = 980_000
"""Bytes of one message with its headers; leaves room for a dead letter's reason below the server's 1 MB."""
BLOBS = "lw_blobs"
BLOBS_STREAM = f"OBJ_{BLOBS}"
BLOBS_KEPT = 2 * KEPT
"""Seconds that an object is kept. One that is used again is renewed at half of that: it outlives every record of it."""
NAME_IN_USE = 10058

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
        max_age=KEPT,
        max_msg_size=MAX_MESSAGE,
        storage=StorageType.FILE,
        allow_direct=True,
        allow_msg_schedules=True,
        allow_msg_ttl=True,
        description="Every trajectory: the queue of steps, the state, the record",
    ),
    StreamConfig(
        name=DEAD,
        subjects=stream_subjects(DEAD),
        retention=RetentionPolicy.LIMITS,
        max_age=KEPT,
        storage=StorageType.FILE,
        allow_direct=True,
        description="Messages that nobody could understand or survive, as they came",
    ),
)
OBJECTS = ObjectStoreConfig(bucket=BLOBS, description="Workspaces and large bodies, by content", ttl=BLOBS_KEPT)


async def ensure(js: JetStreamContext) -> None:
    """Make the streams and the object store exist; leave what an operator has configured as it is."""
    for config in STREAMS:
        try:
            await js.stream_info(str(config.name))
        except NotFoundError:
            await create(js, config)
    try:
        await js.stream_info(BLOBS_STREAM)
    except NotFoundError:
        await create(js, OBJECTS)


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
