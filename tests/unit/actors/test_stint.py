import anyio
from anyio.abc import TaskStatus

from loopwright.actors.consulting import Break
from loopwright.actors.stint import Stint
from loopwright.bus.questions import Question

QUESTION = Question(person="boss", says="may I?")


async def test_whoever_asks_people_is_left_at_once_and_that_is_why() -> None:
    stint = Stint()
    pause = Break(stint)
    with stint.lasting(60), pause:
        await pause.ask(QUESTION)
    assert (pause.is_taken, pause.questions, stint.is_called_off) == (True, [QUESTION], False)


async def test_a_question_waits_for_the_call_beside_it() -> None:
    stint, ended = Stint(), []
    pause = Break(stint)

    async def call(*, task_status: TaskStatus[None]) -> None:
        with pause:
            task_status.started()
            await anyio.lowlevel.checkpoint()
            ended.append(pause.is_taken)

    with stint.lasting(60):
        async with anyio.create_task_group() as calls:
            await calls.start(call)
            with pause:
                await pause.ask(QUESTION)
    assert (ended, pause.is_taken) == ([False], True)


async def test_a_question_that_meets_the_end_of_the_time_lays_nothing_aside() -> None:
    stint = Stint()
    pause = Break(stint)

    async def call(*, task_status: TaskStatus[None]) -> None:
        with pause:
            task_status.started()
            await anyio.sleep_forever()

    with stint.lasting(0.01):
        async with anyio.create_task_group() as calls:
            await calls.start(call)
            with pause:
                await pause.ask(QUESTION)
    assert (stint.is_over, pause.is_taken) == (True, False)


async def test_what_nobody_waits_for_is_left_before_it_has_begun() -> None:
    stint, done = Stint(), []
    stint.call_off()
    with stint.lasting(60):
        await anyio.lowlevel.checkpoint()
        done.append("more")
    assert (stint.is_called_off, done) == (True, [])
