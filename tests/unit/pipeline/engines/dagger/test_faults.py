import asyncio

import pytest

from miniseal.formats.errors import MinisealError
from miniseal.pipeline.engines.dagger.faults import explained, fault


def test_a_full_disk_is_told_from_everything_else() -> None:
    full = fault("process failed", "write /x: No space left on device")

    assert full.code == "engine-failed"
    assert full.message == "the engine has no space left on its disk"
    assert fault("process failed").message == "the engine said no"


def test_the_end_of_a_long_reason_is_kept() -> None:
    error = fault("x" * 10_000 + "the reason")

    assert (error.found or "").endswith("the reason")
    assert len(error.found or "") < 2100


def test_no_error_of_the_sdk_gets_out() -> None:
    import dagger

    async def lost() -> None:
        async with explained():
            raise dagger.TransportError("502 Bad Gateway")

    with pytest.raises(MinisealError) as error:
        asyncio.run(lost())

    assert error.value.code == "engine-failed"
    assert error.value.found == "502 Bad Gateway"
