"""Trees of processes that end before they have started properly."""

import asyncio

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.pipeline.engines.process import run_tree


def test_what_a_process_leaves_behind_does_not_hold_up_its_end() -> None:
    words = ("sh", "-c", "sleep 60 & sleep 0.3; echo died >&2")

    with pytest.raises(MinisealError) as error:
        asyncio.run(run_tree(words, {}, timeout_seconds=20))

    assert error.value.code == "engine-failed"
    assert error.value.message.endswith("died")


def test_a_command_that_is_cancelled_while_it_starts_ends() -> None:
    async def cancelled() -> None:
        words = ("sh", "-c", "sleep 60 & read plan; cat; kill $!")
        running = asyncio.ensure_future(run_tree(words, {}, timeout_seconds=20))
        await asyncio.sleep(0)
        running.cancel()

        await asyncio.wait({running}, timeout=20)

        assert running.cancelled()

    asyncio.run(cancelled())
