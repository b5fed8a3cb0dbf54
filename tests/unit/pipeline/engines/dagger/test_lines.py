import asyncio
import contextlib
from pathlib import Path

from miniseal.pipeline.engines.dagger.lines import Lines, listening


async def say(place: Path, text: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(place)
    writer.write(text)
    if text:
        writer.write_eof()
    answer = b""
    with contextlib.suppress(ConnectionResetError):  # of one that comes too late
        answer = await reader.read()
    writer.close()
    return answer


def test_one_connection_is_listened_to_and_never_answered(tmp_path: Path) -> None:
    told: list[str] = []

    async def both() -> tuple[Lines, list[bytes]]:
        async with listening(tmp_path / "s", told.append) as lines:
            assert lines.socket is not None
            answers = [await say(lines.socket, b"one\ntw\xff") for _ in range(2)]
        return lines, answers

    lines, answers = asyncio.run(both())

    assert told == ["one", "tw\ufffd"]
    assert lines.came
    assert answers == [b"", b""]


def test_somebody_who_stays_is_left(tmp_path: Path) -> None:
    told: list[str] = []

    async def stay() -> None:
        came = asyncio.Event()

        def log(line: str) -> None:
            told.append(line)
            came.set()

        async with listening(tmp_path / "s", log) as lines:
            _, writer = await asyncio.open_unix_connection(lines.socket)
            writer.write(b"one\n")
            await writer.drain()
            await came.wait()
        writer.close()

    asyncio.run(asyncio.wait_for(stay(), 10))

    assert told == ["one"]


def test_without_a_log_there_is_no_socket(tmp_path: Path) -> None:
    async def nobody() -> Lines:
        async with listening(tmp_path / "s", None) as lines:
            return lines

    assert asyncio.run(nobody()).socket is None
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_too_long_is_done_without(tmp_path: Path) -> None:
    async def nobody() -> Lines:
        async with listening(tmp_path / ("x" * 200), print) as lines:
            return lines

    lines = asyncio.run(nobody())

    assert lines.socket is None
    assert not lines.came
