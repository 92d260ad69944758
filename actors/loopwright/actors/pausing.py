"""What it means that a worker lays an attempt aside to ask people, and that a person replies."""

from loopwright.actors.events import Answered, Event, Failed, Paused
from loopwright.actors.loop import Loop
from loopwright.actors.phases import Phase
from loopwright.actors.standing import Pending, Standing
from loopwright.bus.messages import Failure, FailureClass
from loopwright.bus.questions import Pause, Reply


def hear_of_people(standing: Standing, message: Pause | Reply, seq: int) -> tuple[Event, ...]:
    """Return what a pause or a reply means, if the attempt waits for one."""
    return hear_pause(standing, message, seq) if isinstance(message, Pause) else hear_reply(standing, message, seq)


def hear_pause(standing: Standing, pause: Pause, seq: int) -> tuple[Event, ...]:
    """Return what a pause means: people are asked, or the attempt has failed, for nobody could ever reply."""
    attempt = standing.attempt(pause.attempt)
    if attempt is None or attempt.phase is not Phase.WORKING or attempt.resumed != pause.resumed:
        return ()
    if why := why_in_vain(standing.loop, pause):
        failure = Failure(kind=FailureClass.POLICY, message=why)
        return (Failed(step=standing.place, attempt=attempt.number, failure=failure, seq=seq, usage=pause.usage),)
    asked = tuple(Pending(digest=digest, person=each.person, asked=seq) for digest, each in pause.digests.items())
    return (Paused(step=standing.place, attempt=attempt.number, pending=asked, usage=pause.usage),)


def why_in_vain(loop: Loop, pause: Pause) -> str:
    """Return why nobody could reply to what is asked; empty where somebody can."""
    if not pause.questions:
        return f"{pause.role} waits for people, and asks them nothing"
    for each in pause.questions:
        if each.person not in loop.people:
            what = f"may call {each.tool} only if {each.person} approves" if each.tool else f"asks {each.person}"
            return f"{pause.role} {what}, and the loop {loop.name} names nobody of that role among its people"
    return ""


def hear_reply(standing: Standing, reply: Reply, seq: int) -> tuple[Event, ...]:
    """Return what a reply means, if somebody waits for it; whatever was said before the question is none."""
    attempt = standing.attempt(reply.attempt)
    if attempt is None or attempt.phase is not Phase.WAITING:
        return ()
    waited_for = [each for each in attempt.pending if each.digest == reply.digest and not each.replied]
    if not waited_for or seq <= waited_for[0].asked:
        return ()
    return (Answered(step=standing.place, attempt=attempt.number, digest=reply.digest, seq=seq),)
