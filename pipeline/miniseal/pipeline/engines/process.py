"""One sandboxed process tree, from its start to the end of its last process.

The link is a socket pair: the plan goes in, the answer comes out, and closing our end, which the
kernel does even when this process is killed, ends the tree. The jail is reaped only after the whole
process namespace is gone, so when `run_tree` returns or raises, nothing runs any more.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Mapping, Sequence

from miniseal.formats.errors import Code, EnvironmentalError
from miniseal.pipeline.engines.engine import STREAM_LIMIT, Log
from miniseal.pipeline.engines.jail import PLAN_LIMIT

__all__ = ["ENGINE_FAILED", "EXEC_TIMEOUT", "run_tree", "tail"]

ENGINE_FAILED = Code(
    "engine-failed",
    EnvironmentalError,
    meaning="the engine could not start a command or lost it",
    cause="namespaces are forbidden here, an input is missing, or the disk is full",
    remedy="read the reason in the message; `miniseal doctor` tries the engine by itself",
)
EXEC_TIMEOUT = Code(
    "exec-timeout",
    EnvironmentalError,
    meaning="a command did not end in the time it was given and was killed",
    cause="an endless loop, a wait for input or network that never comes, or a slow machine",
    remedy="give it more time, or find what it waits for: there is no network and no input",
)

_GRACE_SECONDS = 5.0
_LOOK_SECONDS = 0.2
_LINE_LIMIT = 4096
_LAUNCHER_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


async def run_tree(
    argv: Sequence[str],
    plan: Mapping[str, object],
    timeout_seconds: float,
    log: Log | None = None,
) -> tuple[int, bytes, bytes]:
    """Start `argv`, which is `jail.py` behind an isolation, and see it to its end.

    Each line that it writes goes to `log` when it is whole.

    Returns:
        The command's exit code, and the tails of what it wrote to stdout and stderr.

    Raises:
        EnvironmentalError: `engine-failed`, `exec-timeout`.
        OSError: the tool cannot be started.
    """
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            _send(ours, plan)
            starting = asyncio.ensure_future(_start(argv, theirs))
            try:
                process = await asyncio.shield(starting)
            except asyncio.CancelledError:
                ours.close()
                process = await starting  # half started it would leave its child behind
                await _end(process, asyncio.ensure_future(_watch(process, log)))
                raise
        ended = asyncio.ensure_future(_watch(process, log))
        try:
            async with asyncio.timeout(timeout_seconds):
                stdout, stderr = await asyncio.shield(ended)
        except TimeoutError as error:
            raise EXEC_TIMEOUT(
                "the command took too long", expected=f"at most {timeout_seconds:g} seconds"
            ) from error
        finally:
            answer = _receive(ours)
            ours.close()
            await _end(process, ended)
    return _exit_code(answer, stderr), stdout, stderr


def _send(link: socket.socket, plan: Mapping[str, object]) -> None:
    data = json.dumps(plan).encode() + b"\n"
    if len(data) > PLAN_LIMIT:
        raise ENGINE_FAILED(
            "the command's words and environment are too long",
            found=f"{len(data)} bytes",
            expected=f"at most {PLAN_LIMIT}",
        )
    link.setblocking(False)
    link.sendall(data)


async def _start(argv: Sequence[str], link: socket.socket) -> asyncio.subprocess.Process:
    environment = {"PATH": _LAUNCHER_PATH}
    if "LD_LIBRARY_PATH" in os.environ:  # this interpreter may need it to start once more
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return await asyncio.create_subprocess_exec(
        *argv,
        stdin=link.fileno(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        cwd="/",
        start_new_session=True,
        umask=0o022,
    )


async def _watch(process: asyncio.subprocess.Process, log: Log | None) -> tuple[bytes, bytes]:
    left = asyncio.ensure_future(_end_what_is_left(process))
    try:
        stdout, stderr, _ = await asyncio.gather(
            tail(process.stdout, log), tail(process.stderr, log), process.wait()
        )
    finally:
        left.cancel()
    return stdout, stderr


async def _end_what_is_left(process: asyncio.subprocess.Process) -> None:
    """Kill what is there after the process: bubblewrap's child, where that dies while it starts.

    It would keep the pipes open, and `wait` waits for them as well.
    """
    while process.returncode is None:  # noqa: ASYNC110 - asyncio tells nobody earlier
        await asyncio.sleep(_LOOK_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def tail(stream: asyncio.StreamReader | None, log: Log | None) -> bytes:
    """Read a stream to its end, tell its lines, and keep its last `STREAM_LIMIT` bytes."""
    kept, line = bytearray(), b""
    while stream is not None and (chunk := await stream.read(65536)):
        kept += chunk
        del kept[:-STREAM_LIMIT]
        if log is not None:
            *lines, line = (line + chunk).split(b"\n")
            _tell(log, lines)
            line = line[-_LINE_LIMIT:]
    if log is not None and line:
        _tell(log, [line])
    return bytes(kept)


def _tell(log: Log, lines: Sequence[bytes]) -> None:
    for line in lines:
        log(line[:_LINE_LIMIT].decode("utf-8", "replace").rstrip())


def _receive(link: socket.socket) -> bytes:
    with contextlib.suppress(BlockingIOError, ConnectionResetError):
        return link.recv(65536)
    return b""


async def _end(
    process: asyncio.subprocess.Process, ended: asyncio.Future[tuple[bytes, bytes]]
) -> None:
    """Wait for the tree, which ends by itself when the link is closed; kill what does not."""
    done, _ = await asyncio.wait({ended}, timeout=_GRACE_SECONDS)
    if not done:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await asyncio.wait({ended})


def _exit_code(answer: bytes, stderr: bytes) -> int:
    reply: dict[str, object] = json.loads(answer) if answer else {}
    code = reply.get("exit")
    if not isinstance(code, int):
        reason = reply.get("error") or stderr.decode(errors="replace").strip()[-500:]
        raise ENGINE_FAILED(f"the sandbox could not be made: {reason or 'it ended at once'}")
    return code
