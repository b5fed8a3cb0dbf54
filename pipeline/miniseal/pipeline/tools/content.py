"""What is in a folder, as one digest: names, bytes, and which files can be run.

Times, owners and other modes are left out, since a copy has others. A symlink is its text. Nothing
here changes anything.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from miniseal.formats.digest import sha256
from miniseal.formats.strictjson import canonical

__all__ = ["Content", "content_of"]

_THREADS = 4  # hashing leaves Python's lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is in a folder.

    Attributes:
        digest: over every name below it and what that names.
        size: of all files, in bytes.
    """

    digest: str
    size: int


def content_of(folder: Path) -> Content:
    """The content of a folder; every file is read.

    Raises:
        OSError: something in it cannot be read.
        ValueError: a name is not Unicode.
    """
    paths = sorted(_below(os.fspath(folder)))
    with ThreadPoolExecutor(_THREADS) as threads:
        found = list(threads.map(_describe, paths))
    start = len(os.fspath(folder)) + 1
    table = [[path[start:], *words] for path, (words, _) in zip(paths, found, strict=True)]
    return Content(digest=sha256(canonical(table)), size=sum(size for _, size in found))


def _below(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry.path
            if entry.is_dir(follow_symlinks=False):
                yield from _below(entry.path)


def _describe(path: str) -> tuple[list[str], int]:
    status = os.lstat(path)
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - twenty thousand of them
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        kind = "program" if status.st_mode & stat.S_IXUSR else "file"
        return [kind, digest], status.st_size
    if stat.S_ISLNK(status.st_mode):
        return ["link", os.readlink(path)], 0  # noqa: PTH115 - its text, as it is
    return ["folder" if stat.S_ISDIR(status.st_mode) else "other"], 0
