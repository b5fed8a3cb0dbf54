"""Where built programs and images are kept between runs, and that each is made once.

A name holds the digest of everything that goes into it, so an entry never changes: what is there is
complete, and another version lies beside it. Standard library only.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

__all__ = ["building", "digest_of", "keep", "root"]

_SCRATCH = "making-"


def root() -> Path:
    """`$MINISEAL_SERVICES`, or a folder of the user's cache."""
    named = os.environ.get("MINISEAL_SERVICES")
    folder = Path(named) if named else Path.home() / ".cache" / "miniseal-services"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def digest_of(*texts: str, files: Iterable[Path], base: Path) -> str:
    """A short name for these words and these files, which lie under `base`."""
    hashed = hashlib.sha256()
    for text in texts:
        hashed.update(f"{len(text)}:{text}".encode())
    for path in sorted(files):
        content = path.read_bytes()
        hashed.update(f"{path.relative_to(base)}:{len(content)}:".encode() + content)
    return hashed.hexdigest()[:16]


@contextmanager
def building() -> Generator[None]:
    """One build at a time on this machine; whoever comes second waits."""
    with (root() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for scratch in root().glob(f"{_SCRATCH}*"):  # of a build that was killed
            shutil.rmtree(scratch)
        yield


def keep(entry: Path, make: Callable[[Path], None]) -> Path:
    """The entry; where it is missing, `make` fills a new folder, which then gets that name."""
    if not entry.is_dir():
        scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=entry.parent))
        try:
            make(scratch)
            scratch.chmod(0o755)
            scratch.rename(entry)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return entry
