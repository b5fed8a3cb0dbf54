"""The lines of a command while it runs, out of a container that has no network.

The engine forwards one socket of this machine into the container, as it would an SSH agent's. The
program that starts the command connects before it does, and only writes; this side takes that one
connection, reads lines, and never answers. Where it does not work, lines come at the end.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from miniseal.pipeline.engines.engine import Log
from miniseal.pipeline.engines.process import tail

__all__ = ["Lines", "listening"]

_LEAVE_SECONDS = 2.0


@dataclass(slots=True, kw_only=True)
class Lines:
    """What is listened to.

    Attributes:
        socket: its place here, or None where there is none.
        came: whether somebody connected; what they said was told then.
    """

    socket: Path | None
    came: bool = False


@contextlib.asynccontextmanager
async def listening(place: Path, log: Log | None) -> AsyncGenerator[Lines]:
    """Listen at `place`, a path that is free, and tell `log`; nothing is done without it."""
    lines = Lines(socket=None)
    if log is None:
        yield lines
        return
    reading: list[asyncio.Task[bytes]] = []

    async def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not lines.came:
            lines.came = True
            reading.append(asyncio.create_task(tail(reader, log)))
            await asyncio.wait(reading)
        writer.close()

    try:
        server = await asyncio.start_unix_server(came, place)
    except OSError:  # a path that is too long for a socket
        yield lines
        return
    lines.socket = place
    try:
        yield lines
        if reading:
            await asyncio.wait(reading, timeout=_LEAVE_SECONDS)
    finally:
        server.close()
        for task in reading:
            task.cancel()
