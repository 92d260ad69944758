from loopwright.actors.at_work import AT_WORK, tell_order
from loopwright.bus.messages import StepOrder

ORDER = StepOrder(goal="g1", loop="repair", step="work", attempt=2, role="code")


def test_a_line_says_which_order_it_is_about() -> None:
    before = AT_WORK.set(ORDER)
    try:
        line = tell_order(None, "info", {"event": "step.again"})
        said_itself = tell_order(None, "info", {"event": "goal.called_off", "goal": "g2"})
    finally:
        AT_WORK.reset(before)
    assert line == {"event": "step.again", "goal": "g1", "attempt": 2, "role": "code"}
    assert said_itself == {"event": "goal.called_off", "goal": "g2", "attempt": 2, "role": "code"}


def test_a_line_that_is_about_no_order_stays_as_it_is() -> None:
    assert tell_order(None, "info", {"event": "worker.ready", "role": "code"}) == {
        "event": "worker.ready",
        "role": "code",
    }
