"""Filling a folder of the tool cache: a package client with a network, or a program in the sandbox.

pip and npm run with the user's own configuration (mirrors, proxies, certificates): whatever they
are told, only files with the locked hashes are kept. No script of a package runs. What is made of
fetched tools alone is made by a compiler among them, in the best isolation that works here.
"""

import asyncio
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from miniseal.formats.errors import Code, EnvironmentalError
from miniseal.packager import Install
from miniseal.packager.recipe import TOOLS

__all__ = ["FETCH_FAILED", "Installer"]

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
class Installer:
    """Runs installs.

    Attributes:
        environ: the environment of pip and npm.
        stop: ends what runs when it is set.
    """

    environ: Mapping[str, str]
    stop: threading.Event

    def install(self, step: Install, needs: Mapping[str, Path], scratch: Path) -> Path:
        """The folder that `step` fills, in `scratch`; blocks for as long as that lasts.

        Raises:
            EnvironmentalError: `fetch-failed`, `engine-failed`, `exec-timeout`.
            VerificationError: `output-missing`, `output-refused`.
            OSError: the disk is full.
        """
        target = scratch / step.folder
        if step.network:
            self._fetch(step, needs, target)
        else:
            asyncio.run(self._make(step, needs, target))
        return target

    def _fetch(self, step: Install, needs: Mapping[str, Path], target: Path) -> None:
        for name in step.needs:
            (target.parent / name).symlink_to(needs[name])
        target.mkdir()
        for name, data in step.files.items():
            (target / name).write_bytes(data)
        asyncio.run(self._client(step.at(python=sys.executable, tools=str(target.parent)), target))
        for name in step.files:
            (target / name).unlink(missing_ok=True)

    async def _client(self, step: Install, target: Path) -> None:
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
        while not ended.done() and not self.stop.is_set() and time.monotonic() < until:
            await asyncio.wait({ended}, timeout=_POLL_SECONDS)
        if not ended.done():
            process.kill()
            await asyncio.wait({ended}, timeout=_GRACE_SECONDS)  # its children may hold the pipe
            raise FETCH_FAILED(f"fetching {step.folder} took too long")
        output, _ = ended.result()
        if process.returncode != 0:
            said = output[-_TAIL:].decode("utf-8", "replace").strip()
            raise FETCH_FAILED(f"cannot fetch {step.folder}", found=said or "nothing said")

    async def _make(self, step: Install, needs: Mapping[str, Path], target: Path) -> None:
        from miniseal.pipeline.engines.engine import Exec, Mount  # only when something is made
        from miniseal.pipeline.engines.local import LocalEngine, detect

        folder = f"{TOOLS}/{step.folder}"
        with LocalEngine(detect()) as engine:
            ready = step.at(python=engine.python)
            command = Exec(
                argv=ready.argv,
                env=ready.env,
                inputs=tuple(Mount(path=f"{TOOLS}/{name}", host=needs[name]) for name in needs),
                outputs=(folder,),
                cwd=folder,
                timeout_seconds=_TIMEOUT_SECONDS,
            )
            running = asyncio.create_task(engine.run(command))
            while not running.done():
                await asyncio.wait({running}, timeout=_POLL_SECONDS)
                if self.stop.is_set():
                    running.cancel()
            result = await running
            if result.exit_code != 0:
                raise FETCH_FAILED(f"cannot make {step.folder}", found=result.said[-_TAIL:])
            shutil.move(result.outputs[folder], target)
