"""The tools that a lock names, by hash, in a cache: what fills it is all that has a network.

A folder of the cache appears whole or not at all, once per machine and user, whoever asks first.
What it held then is recorded, so that damage is found before a tool runs, and repaired.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from miniseal.formats.digest import sha256
from miniseal.formats.errors import Code, EnvironmentalError, MinisealError
from miniseal.formats.strictjson import canonical
from miniseal.packager import Install, Tool, install
from miniseal.pipeline.engines.engine import Log
from miniseal.pipeline.tools.install import FETCH_FAILED, Installer
from miniseal.pipeline.tools.shelf import Busy, Entry, Shelf

__all__ = ["FETCH_FAILED", "TOOL_CACHE_DAMAGED", "ToolCache"]

TOOL_CACHE_DAMAGED = Code(
    "tool-cache-damaged",
    EnvironmentalError,
    meaning="a fetched tool is not what it was when it was installed, and cannot be fetched again",
    cause="a disk error, a full disk, or somebody who wrote into the cache; and no network now",
    remedy="find out who writes there; `miniseal cache prune --tools` removes all tools",
)
_LAYOUT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCache:
    """Fetched tools on disk, shared by processes.

    Attributes:
        folder: the cache.
        environ: the environment of pip and npm.
    """

    folder: Path
    environ: Mapping[str, str]

    async def fetch(self, tools: Sequence[Tool], *, log: Log | None = None) -> dict[str, Path]:
        """The folders of these tools by `Install.folder`, fetched where they are not there yet.

        Every file of what is there is read, and what is damaged is fetched again.

        Args:
            tools: of a lock.
            log: is told of damage, and of what is made of fetched tools, which takes long.

        Raises:
            EnvironmentalError: `fetch-failed`, `tool-cache-damaged`, `engine-failed`,
                `exec-timeout`.
            UsageError: `lock-invalid`, for packages of npm without the wheel that runs npm.
        """
        stop = threading.Event()
        steps = {step.folder: step for step in install(tools)}
        fetching = _Fetching(
            folder=self.folder,
            steps=steps,
            keys=_keys(tuple(steps.values())),
            installer=Installer(environ=self.environ, stop=stop),
            log=log or (lambda _: None),
        )
        places: dict[str, Path] = {}
        for name, step in steps.items():
            if not step.mounted:
                continue  # what only other installs need is fetched when one of them is run
            try:
                places[name] = await asyncio.to_thread(fetching.ensure, name)
            except asyncio.CancelledError:
                stop.set()  # the thread does not hear of it, and its client may wait for long
                raise
            except OSError as error:
                raise FETCH_FAILED(
                    f"the tool cache cannot be used: {error.strerror}", found=str(self.folder)
                ) from error
        return places

    def entries(self) -> tuple[Entry, ...]:
        """What is in the cache, used last first.

        Raises:
            EnvironmentalError: `fetch-failed`, where it cannot be read.
        """
        try:
            folders = [path for path in self.folder.iterdir() if path.is_dir()]
            found = [entry for path in folders if (entry := Shelf(path).entry()) is not None]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise FETCH_FAILED(
                f"the tool cache cannot be read: {error.strerror}", found=str(self.folder)
            ) from error
        return tuple(sorted(found, key=lambda entry: entry.used, reverse=True))

    def remove(self, entry: Entry) -> bool:
        """Remove what an entry says; False where it is being fetched right now.

        A command that runs with it goes on without it, and may fail.
        """
        busy = threading.Event()
        busy.set()  # no waiting
        shelf = Shelf(entry.path)
        try:
            with shelf.locked(busy):
                shelf.empty()
        except (Busy, OSError):
            return False
        return True

    def prune(self, keep: int) -> int:
        """Remove what was not used for longest until `keep` bytes are left; the bytes removed."""
        removed, kept = 0, 0
        for entry in self.entries():
            if kept + entry.size <= keep:
                kept += entry.size
            elif self.remove(entry):
                removed += entry.size
        return removed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetching:
    """One `fetch`, in a thread that `installer.stop` ends."""

    folder: Path
    steps: Mapping[str, Install]
    keys: Mapping[str, str]
    installer: Installer
    log: Log

    def ensure(self, name: str) -> Path:
        shelf = Shelf(self.folder / self.keys[name])
        if shelf.state(name) != "there":
            needs = {need: self.ensure(need) for need in self.steps[name].needs}
            with shelf.locked(self.installer.stop):
                state = shelf.state(name)  # again: somebody may have been faster
                if state == "damaged":
                    self._repair(name, needs, shelf)
                elif state == "absent":
                    self._install(name, needs, shelf)
        shelf.use()
        return shelf.path / name

    def _repair(self, name: str, needs: Mapping[str, Path], shelf: Shelf) -> None:
        self.log(f"warning: {name} in the tool cache is damaged, and fetched again")
        try:
            self._install(name, needs, shelf)
        except MinisealError as error:
            raise TOOL_CACHE_DAMAGED(
                f"{name} in the tool cache is damaged", found=str(error)
            ) from error

    def _install(self, name: str, needs: Mapping[str, Path], shelf: Shelf) -> None:
        step = self.steps[name]
        if not step.network:
            self.log(f"making {name} of {', '.join(step.needs)}, once on this machine")
        with shelf.scratch() as scratch:
            shelf.put(self.installer.install(step, needs, scratch), scratch)


def _keys(steps: Sequence[Install]) -> dict[str, str]:
    keys: dict[str, str] = {}
    for step in steps:
        description = {
            "argv": list(step.argv),
            "files": {name: sha256(data) for name, data in step.files.items()},
            "needs": {name: keys[name] for name in step.needs},
            "platform": f"{sys.platform}-{os.uname().machine}",
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
            "layout": _LAYOUT,
        }
        keys[step.folder] = sha256(canonical(description)).removeprefix("sha256:")[:32]
    return keys
