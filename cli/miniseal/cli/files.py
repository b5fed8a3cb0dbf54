"""Files that the command line names: read with a clear error, written whole or not at all.

A file that others write to as well is appended to instead.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from miniseal.formats.errors import Code, UsageError
from miniseal.pipeline.whole import write_whole

__all__ = ["FILE_UNUSABLE", "append_file", "append_summary", "read_file", "write_file"]

FILE_UNUSABLE = Code(
    "file-unusable",
    UsageError,
    meaning="a file or folder that the command line names cannot be read or written",
    cause="a misspelt path, missing rights, or a full disk",
    remedy="check the path and its rights",
)
_LIMIT = 16 * 1024 * 1024


def read_file(path: Path, *, limit: int = _LIMIT) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Raises:
        UsageError: `file-unusable`.
    """
    try:
        # not to hang on a pipe
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(file, "rb") as stream:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise FILE_UNUSABLE(f"{path} is not a regular file")
            data = stream.read(limit + 1)
    except OSError as error:
        raise FILE_UNUSABLE(f"cannot read {path}: {error.strerror}") from error
    if len(data) > limit:
        raise FILE_UNUSABLE(f"{path} is too large", expected=f"at most {limit} bytes")
    return data


def write_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file by a temporary one beside it: whole, or not at all.

    Raises:
        UsageError: `file-unusable`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data, mode=mode)
    except OSError as error:
        raise FILE_UNUSABLE(f"cannot write {path}: {error.strerror}") from error


def append_file(path: Path, data: bytes) -> None:
    """Write at the end of a regular file, which is made where there is none.

    Raises:
        UsageError: `file-unusable`.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, flags, 0o644)
        with os.fdopen(file, "ab") as stream:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise FILE_UNUSABLE(f"{path} is not a regular file")
            stream.write(data)
    except OSError as error:
        raise FILE_UNUSABLE(f"cannot write {path}: {error.strerror}") from error


def append_summary(path: Path, render: Callable[[int], str]) -> None:
    """Append markdown, as much as there is room for: of too much GitHub shows nothing at all.

    Args:
        path: the file, which others write to as well.
        render: makes a text of at most so many bytes.

    Raises:
        UsageError: `file-unusable`.
    """
    from miniseal.pipeline.report.markdown import SIZE  # few ask for it

    there = path.stat().st_size if path.is_file() else 0
    start = "\n" if there else ""
    text = render(max(0, SIZE - there - len(start)))
    append_file(path, f"{start}{text}".encode() if text else b"")
