"""Two main jobs on one machine at once."""

import anyio

from loopwright.deploy.repairing import bus_at


async def test_two_runs_that_begin_at_once_have_a_bus_each() -> None:
    urls, both = set[str](), anyio.Event()

    async def job() -> None:
        async with bus_at(None) as url:
            urls.add(url)
            if len(urls) == 2:
                both.set()
            await both.wait()

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(job)
            tasks.start_soon(job)
    assert len(urls) == 2
