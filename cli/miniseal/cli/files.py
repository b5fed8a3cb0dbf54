"""Files that the command line names: read with a clear error, written whole or not at all."""

import os
import tempfile
from pathlib import Path

from miniseal.formats.errors import Code, UsageError

__all__ = ["FILE_UNUSABLE", "read_file", "write_file"]

FILE_UNUSABLE = Code(
    "file-unusable",
    UsageError,
    meaning="a file or folder that the command line names cannot be read or written",
    cause="a misspelt path, missing rights, or a full disk",
    remedy="check the path and its rights",
)
_LIMIT = 16 * 1024 * 1024


def read_file(path: Path) -> bytes:
    """The content of a file of at most 16 MiB.

    Raises:
        UsageError: `file-unusable`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise FILE_UNUSABLE(f"cannot read {path}: {error.strerror}") from error
    if len(data) > _LIMIT:
        raise FILE_UNUSABLE(f"{path} is too large", expected=f"at most {_LIMIT} bytes")
    return data


def write_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file by a temporary one beside it: whole, or not at all.

    Raises:
        UsageError: `file-unusable`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            try:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise FILE_UNUSABLE(f"cannot write {path}: {error.strerror}") from error
