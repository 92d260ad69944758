"""How long a goal is given back for whose loop others have."""

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from loopwright.actors.elsewhere import ABSENT, LONGEST, PAUSE, RATE, TOLD, Elsewhere


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_goal_alone_is_out_of_hand_for_longer_each_time() -> None:
    clock = Clock()
    elsewhere = Elsewhere(clock)
    pauses = []
    for deliveries in range(1, 200):
        pauses.append(elsewhere.pause("roots", deliveries, served=True))
        clock.now += pauses[-1]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (PAUSE, LONGEST)
    assert sum(pauses[:10]) < 0.3, "the last of ten has it soon"
    assert elsewhere.pause("roots", 1, served=False) == ABSENT


@given(st.lists(st.tuples(st.integers(1, 1000), st.sampled_from([0.0, 0.0, 0.001, 1.0])), min_size=1, max_size=300))
def test_what_is_given_back_returns_no_faster_than_goals_are_opened(given_back: list[tuple[int, float]]) -> None:
    clock = Clock()
    elsewhere = Elsewhere(clock)
    returns = list[float]()
    for deliveries, passes in given_back:
        clock.now += passes
        returns.append(clock.now + elsewhere.pause("roots", deliveries, served=True))
        assert returns[-1] >= clock.now + 1 / RATE
    at_once = [each for each, (_, passes) in zip(returns, given_back, strict=True) if not passes]
    assert max(returns) >= len(at_once) / RATE - 1e-9


def test_the_log_tells_of_it_now_and_then() -> None:
    clock = Clock()
    elsewhere = Elsewhere(clock)
    with capture_logs() as told:
        for _ in range(1000):
            elsewhere.pause("roots", 1, served=True)
            clock.now += TOLD / 400
    assert len(told) == 3
    assert sum(line["times"] for line in told) <= 1000
