"""What is left of a tree whose first process dies before it has started the others properly."""

import asyncio

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.pipeline.engines.process import run_tree


def test_what_a_process_leaves_behind_does_not_hold_up_its_end() -> None:
    with pytest.raises(MinisealError) as error:
        asyncio.run(run_tree(("sh", "-c", "sleep 60 & echo died >&2"), {}, timeout_seconds=20))

    assert error.value.code == "engine-failed"
    assert error.value.message.endswith("died")
