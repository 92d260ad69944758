"""What the bus consists of."""

from loopwright.bus.message import KEPT
from loopwright.bus.streams import BLOBS_KEPT, STREAMS
from loopwright.bus.subjects import LOOP, TIMERS


def test_the_record_of_a_goal_and_its_timer_outlive_the_longest_goal_and_large_bodies_the_record() -> None:
    kept = {config.name: config.max_age or 0.0 for config in STREAMS}
    assert min(kept[LOOP], kept[TIMERS]) > KEPT
    assert kept[LOOP] <= BLOBS_KEPT / 2, "what has half of its time left is not renewed"
