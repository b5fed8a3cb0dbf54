"""fetch: the tools that a lock names, by hash, into a cache: the only step with a network.

pip and npm run with the user's own configuration (mirrors, proxies, certificates): whatever they
are told, only files with the locked hashes are kept. No script of a package runs. A folder of the
cache appears whole or not at all.
"""

import asyncio
import os
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, EnvironmentalError
from miniseal.formats.strictjson import canonical
from miniseal.packager import Install, Tool, install

__all__ = ["FETCH_FAILED", "ToolCache"]

FETCH_FAILED = Code(
    "fetch-failed",
    EnvironmentalError,
    meaning="a tool of the lock could not be fetched",
    cause="no network, a registry that does not have the file, a file with another hash, or a "
    "cache that cannot be written",
    remedy="read what the package client said; `miniseal lock` writes the lock again",
)
_TIMEOUT_SECONDS = 900.0
_POLL_SECONDS = 0.2
_GRACE_SECONDS = 2.0
_TAIL = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCache:
    """Fetched tools on disk, shared by processes.

    Attributes:
        folder: the cache.
        environ: the environment of pip and npm.
    """

    folder: Path
    environ: Mapping[str, str]

    async def fetch(self, tools: Sequence[Tool]) -> dict[str, Path]:
        """The folders of these tools by `Install.folder`, fetched where they are not there yet.

        Raises:
            EnvironmentalError: `fetch-failed`.
            UsageError: `lock-invalid`, for packages of npm without the wheel that runs npm.
        """
        places: dict[str, Path] = {}
        stop = threading.Event()
        for step in install(tools):
            try:
                places[step.folder] = await asyncio.to_thread(
                    self._ensure, step, dict(places), stop
                )
            except asyncio.CancelledError:
                stop.set()  # the thread does not hear of it, and its client may wait for long
                raise
            except OSError as error:
                raise FETCH_FAILED(
                    f"the tool cache cannot be used: {error.strerror}", found=str(self.folder)
                ) from error
        return places

    def _ensure(self, step: Install, places: dict[str, Path], stop: threading.Event) -> Path:
        place = self.folder / _key(step, places) / step.folder
        if not place.is_dir():
            from filelock import FileLock  # what is there already needs no lock

            place.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(place.parent / ".lock"):
                if not place.is_dir():
                    self._install(step, place, places, stop)
        return place

    def _install(
        self, step: Install, place: Path, places: dict[str, Path], stop: threading.Event
    ) -> None:
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            tools = Path(scratch)
            for name in step.needs:
                (tools / name).symlink_to(places[name])
            target = tools / step.folder
            target.mkdir()
            for name, data in step.files.items():
                (target / name).write_bytes(data)
            ready = step.at(python=sys.executable, tools=scratch)
            asyncio.run(self._run(ready, target, stop))
            for name in step.files:
                (target / name).unlink(missing_ok=True)
            os.replace(target, place)  # noqa: PTH105 - a rename, atomic

    async def _run(self, step: Install, target: Path, stop: threading.Event) -> None:
        process = await asyncio.create_subprocess_exec(
            *step.argv,
            cwd=target,
            # what a client that is killed leaves behind goes with the scratch folder
            env={**self.environ, **step.env, "TMPDIR": str(target.parent)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        ended = asyncio.ensure_future(process.communicate())
        until = time.monotonic() + _TIMEOUT_SECONDS
        while not ended.done() and not stop.is_set() and time.monotonic() < until:
            await asyncio.wait({ended}, timeout=_POLL_SECONDS)
        if not ended.done():
            process.kill()
            await asyncio.wait({ended}, timeout=_GRACE_SECONDS)  # its children may hold the pipe
            raise FETCH_FAILED(f"fetching {step.folder} took too long")
        output, _ = ended.result()
        if process.returncode != 0:
            said = output[-_TAIL:].decode("utf-8", "replace").strip()
            raise FETCH_FAILED(f"cannot fetch {step.folder}", found=said or "nothing said")


def _key(step: Install, places: Mapping[str, Path]) -> str:
    description = {
        "argv": list(step.argv),
        "files": {name: sha256(data) for name, data in step.files.items()},
        "needs": {name: places[name].parent.name for name in step.needs},
        "platform": f"{sys.platform}-{os.uname().machine}",
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
    }
    return sha256(canonical(description)).removeprefix("sha256:")[:32]
