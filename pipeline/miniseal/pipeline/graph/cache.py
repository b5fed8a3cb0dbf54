"""The step cache: a file per result, named by the digest of its inputs, checked when it is read.

    steps/v1/KEY          32 bytes of SHA-256, then what they are of
    steps/v1/last/…       the inputs that a project's step had when it last ran, for explanations

A file appears whole or not at all and is never written again, so that any number of processes can
share the folder without a lock: whoever loses a race has written the same. A damaged file is a
miss, and is removed. The cache is as trusted as the user whose folder it is in.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from miniseal.formats.errors import Code, EnvironmentalError
from miniseal.pipeline.whole import write_whole

__all__ = ["CACHE_UNUSABLE", "LIMIT", "Entry", "StepCache"]

CACHE_UNUSABLE = Code(
    "cache-unusable",
    EnvironmentalError,
    meaning="the step cache cannot be read or written",
    cause="a full disk, missing rights, or a file where a folder has to be",
    remedy="free space, or name another folder with MINISEAL_CACHE",
)
LIMIT = 2 * 1024 * 1024 * 1024
"""How many bytes are kept, unless somebody says otherwise."""

_DIGEST = 32
_ENTRY_LIMIT = 512 * 1024 * 1024
_KEY_LENGTH = 64
_LEFT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A kept result.

    Attributes:
        path: its file.
        size: in bytes.
        used: when it was last asked for, seconds since the epoch.
    """

    path: Path
    size: int
    used: float


class StepCache:
    """Results by key, and the last inputs of each project's steps."""

    def __init__(self, folder: Path, *, limit: int = LIMIT) -> None:
        """Use `folder`, which is made when something is kept; `limit` is in bytes."""
        self._folder = folder / "v1"
        self._limit = limit

    def find(self, key: str) -> bytes | None:
        """The result under `key`; None where there is none, or a damaged one.

        Raises:
            EnvironmentalError: `cache-unusable`.
        """
        path = self._folder / key
        try:
            with path.open("rb") as file:
                digest, data = file.read(_DIGEST), file.read(_ENTRY_LIMIT + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path, error) from error
        whole = hashlib.sha256(data).digest() == digest
        with contextlib.suppress(OSError):  # somebody may just have removed it, or it is read-only
            if whole:
                os.utime(path)
            else:
                path.unlink()
        return data if whole else None

    def keep(self, key: str, data: bytes) -> None:
        """Keep a result, and no more than the limit of all of them.

        Raises:
            EnvironmentalError: `cache-unusable`.
        """
        if len(data) > _ENTRY_LIMIT:
            return
        self._write(self._folder / key, hashlib.sha256(data).digest() + data)
        self.prune(self._limit)

    def last(self, project: str, step: str) -> dict[str, str] | None:
        """The inputs that `step` of a project had when it ran last; None where nobody knows."""
        try:
            found: object = json.loads(self._last(project, step).read_bytes())
        except (OSError, ValueError):
            return None
        if not isinstance(found, dict):
            return None
        inputs = cast("dict[str, object]", found)
        return {name: str(value) for name, value in inputs.items()}

    def remember(self, project: str, step: str, inputs: Mapping[str, str]) -> None:
        """Note the inputs of a step that ran.

        Raises:
            EnvironmentalError: `cache-unusable`.
        """
        self._write(self._last(project, step), json.dumps(dict(inputs), sort_keys=True).encode())

    def entries(self) -> Iterator[Entry]:
        """What is kept, in no order."""
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder) as found:
            for file in found:
                if len(file.name) != _KEY_LENGTH:
                    continue
                with contextlib.suppress(FileNotFoundError):
                    status = file.stat()
                    yield Entry(path=Path(file), size=status.st_size, used=status.st_mtime)

    def prune(self, limit: int) -> int:
        """Remove what was not used for longest until at most `limit` bytes are kept.

        Returns:
            How many bytes were removed.
        """
        self._sweep()
        entries = list(self.entries())
        held, removed = sum(entry.size for entry in entries), 0
        if held <= limit:
            return 0
        for entry in sorted(entries, key=lambda entry: entry.used):
            if held - removed <= limit:
                break
            with contextlib.suppress(OSError):
                entry.path.unlink()
            removed += entry.size
        return removed

    def _sweep(self) -> None:
        """Remove what a writer that was killed has left."""
        old = time.time() - _LEFT_SECONDS
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder) as found:
            for file in found:
                with contextlib.suppress(OSError):
                    if file.name.startswith(".") and file.stat().st_mtime < old:
                        Path(file).unlink()

    def _last(self, project: str, step: str) -> Path:
        name = hashlib.sha256(project.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        return self._folder / "last" / f"{name}-{step}.json"

    def _write(self, path: Path, data: bytes) -> None:
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            self._folder.mkdir(mode=0o700, exist_ok=True)  # who writes here, writes what is signed
            path.parent.mkdir(exist_ok=True)
            write_whole(path, data, mode=0o600)
        except OSError as error:
            raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> Exception:
    return CACHE_UNUSABLE(f"the step cache cannot be used: {error.strerror}", found=str(path))
