"""What leaves a sandbox: regular files and folders, bounded, with modes of two kinds.

It runs when every process of the command is gone, so nothing changes under it. Contents are not
looked at.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from miniseal.formats.errors import Code, VerificationError
from miniseal.pipeline.engines import staging
from miniseal.pipeline.engines.engine import Exec
from miniseal.pipeline.engines.sandbox import Step

__all__ = ["ENTRIES_LIMIT", "OUTPUT_MISSING", "OUTPUT_REFUSED", "check_size", "collect"]

OUTPUT_MISSING = Code(
    "output-missing",
    VerificationError,
    meaning="a command ended without an output folder that it had to leave",
    cause="it removed the folder, or put something else in its place",
    remedy="have the command write below the folder it was given",
)
OUTPUT_REFUSED = Code(
    "output-refused",
    VerificationError,
    meaning="an output holds something that is never copied out of a sandbox",
    cause="a symlink, device, pipe, socket or setuid file among the outputs, or too much data",
    remedy="leave regular files only, within the bound that the message names",
)

ENTRIES_LIMIT = 100_000
_DEPTH_LIMIT = 64


def collect(command: Exec, steps: tuple[Step, ...], keep: Path) -> dict[str, Path]:
    """Copy the outputs of `command` below `keep`; files become 0644, or 0755 where executable.

    Raises:
        VerificationError: `output-missing`, `output-refused`.
        OSError: the disk is full.
    """
    room = [command.output_limit, ENTRIES_LIMIT]
    folders: dict[str, Path] = {}
    for number, path in enumerate(command.outputs):
        way = staging.way(path, steps)
        # a link on the way would lead to who knows whose files
        if not way or any(part.is_symlink() for part in way) or not way[-1].is_dir():
            raise OUTPUT_MISSING(f"{path} is not a folder when the command has ended")
        target = keep / str(number)
        target.mkdir()
        _copy_tree(way[-1], target, path, room, depth=1)
        folders[path] = target
    return folders


def check_size(folder: Path, command: Exec) -> None:
    """Refuse what has come of the outputs so far, where that alone is too much.

    Raises:
        VerificationError: `output-refused`.
    """
    room = [command.output_limit, ENTRIES_LIMIT + len(command.outputs)]
    pending = [folder]
    while pending:
        with contextlib.suppress(FileNotFoundError):  # it is being written
            for entry, status in _entries(pending.pop(), "an output"):
                room[1] -= 1
                if stat.S_ISDIR(status.st_mode):
                    pending.append(entry)
                else:
                    room[0] -= status.st_size
                _check_room(room)


def _copy_tree(source: Path, target: Path, shown: str, room: list[int], *, depth: int) -> None:
    if depth > _DEPTH_LIMIT:
        raise OUTPUT_REFUSED(
            "the outputs have folders nested too deeply", expected=f"at most {_DEPTH_LIMIT} levels"
        )
    for entry, status in _entries(source, shown):
        name = f"{shown}/{entry.name}"
        room[1] -= 1
        if stat.S_ISDIR(status.st_mode):
            (target / entry.name).mkdir()
            _copy_tree(entry, target / entry.name, name, room, depth=depth + 1)
        elif stat.S_ISREG(status.st_mode) and not status.st_mode & (stat.S_ISUID | stat.S_ISGID):
            room[0] -= status.st_size
            _check_room(room)
            _copy_file(entry, target / entry.name, executable=bool(status.st_mode & 0o100))
        else:
            raise OUTPUT_REFUSED(
                f"{name!r} cannot leave the sandbox", found=_kind(status.st_mode), expected="a file"
            )
        _check_room(room)


def _entries(folder: Path, shown: str) -> Iterator[tuple[Path, os.stat_result]]:
    try:
        for name in sorted(os.listdir(folder)):  # noqa: PTH208 - names in byte order, not paths
            name.encode()
            yield folder / name, (folder / name).lstat()
    except (PermissionError, UnicodeEncodeError) as error:
        raise OUTPUT_REFUSED(f"{shown!r} cannot be read: {error}") from error


def _check_room(room: list[int]) -> None:
    if min(room) < 0:
        what = "bytes" if room[0] < 0 else "entries"
        raise OUTPUT_REFUSED(f"the outputs hold too many {what}")


def _copy_file(source: Path, target: Path, *, executable: bool) -> None:
    try:
        shutil.copyfile(source, target, follow_symlinks=False)
    except PermissionError as error:
        raise OUTPUT_REFUSED(f"{source.name!r} cannot be read: {error}") from error
    target.chmod(0o755 if executable else 0o644)


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFLNK: "a symlink",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFREG: "a setuid or setgid file",
    }
    return kinds.get(stat.S_IFMT(mode), "a device")
