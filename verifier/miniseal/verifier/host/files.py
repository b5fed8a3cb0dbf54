"""Reading the state's files: one open, one read, never more bytes than the caller allows.

In the state no link is followed at the last step of a path; a policy may be a link, as mounted
configuration is. Nothing is written here.
"""

import os

from miniseal.formats.errors import Code, EnvironmentalError, VerificationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["STATE_DAMAGED", "STATE_UNREADABLE", "read"]

STATE_DAMAGED = Code(
    "state-damaged",
    VerificationError,
    meaning="the host's state lacks a file that its head or a record names, or one has grown",
    cause="files were deleted or replaced by hand, or a disk was restored in part",
    remedy="install the program again from its store",
)
STATE_UNREADABLE = Code(
    "state-unreadable",
    EnvironmentalError,
    meaning="a file of the host's state cannot be read or written",
    cause="missing rights, a full or failing disk, or a link in a file's place",
    remedy="let the host's own user own the state folder and everything in it",
)


_PIECE = 1024 * 1024


def read(
    path: str,
    limit: int,
    what: str,
    *,
    follow: bool = False,
    piece: int = 64 * 1024,
    check: "Callable[[os.stat_result], None] | None" = None,
) -> bytes:
    """The whole file of at most `limit` bytes; `what` names it in errors.

    Args:
        path: of the file.
        limit: the largest size accepted, in bytes.
        what: how errors call the file.
        follow: whether `path` may be a symbolic link.
        piece: how many bytes to ask for first: more than the file is expected to have.
        check: told about the very file that is read, before it is; raises to refuse it.

    Raises:
        VerificationError: `state-damaged`, if it is missing or larger than `limit`.
        EnvironmentalError: `state-unreadable`.
    """
    try:
        # O_NONBLOCK: a pipe in a file's place must not hang the host.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
        file = os.open(path, flags)
        try:
            if check is not None:
                check(os.fstat(file))
            data = _read(file, limit + 1, piece)
        finally:
            os.close(file)
    except FileNotFoundError as error:
        raise STATE_DAMAGED(f"{what} is missing from the state", found=path) from error
    except OSError as error:
        raise STATE_UNREADABLE(f"{what} cannot be read: {error.strerror}", found=path) from error
    if len(data) > limit:
        raise STATE_DAMAGED(
            f"{what} is larger than it should be", found=path, expected=f"{limit} bytes at most"
        )
    return data


def _read(file: int, most: int, piece: int) -> bytes:
    """At most `most` bytes; without a copy where the first `piece` is all that there is."""
    data = os.read(file, min(most, piece))
    pieces = [data]
    total = len(data)
    while total < most and (data := os.read(file, min(most - total, _PIECE))):
        pieces.append(data)
        total += len(data)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
