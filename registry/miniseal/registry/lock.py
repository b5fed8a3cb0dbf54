"""The lock under which a layout's names change.

It is the operating system's (`flock` on `.lock` in the folder), so it ends with the process that
holds it, however that ends. Readers do not take it.
"""

from collections.abc import Generator
from contextlib import contextmanager

from miniseal.formats.errors import Code, EnvironmentalError
from miniseal.registry.files import storage

__all__ = ["LAYOUT_LOCKED", "LOCK", "locked"]

LOCK = ".lock"

LAYOUT_LOCKED = Code(
    "layout-locked",
    EnvironmentalError,
    meaning="another process kept a layout's lock for too long",
    cause="a process that writes to the same layout is stopped, or waits for a slow disk",
    remedy="end that process, then try again; nothing was changed",
)


@contextmanager
def locked(folder: str, *, seconds: float) -> Generator[None]:
    """Hold the lock of the layout in `folder` for the block, after at most `seconds` of waiting.

    Raises:
        EnvironmentalError: `layout-locked`, `storage-failed`.
    """
    from filelock import FileLock, Timeout  # readers do without it

    # A new object each time: threads exclude each other as processes do.
    lock = FileLock(f"{folder}/{LOCK}", timeout=seconds)
    with storage(f"lock {folder}"):
        try:
            lock.acquire(poll_interval=0.01)
        except Timeout as error:
            raise LAYOUT_LOCKED(
                f"{folder} is locked by another process", found=f"waited {seconds:g} seconds"
            ) from error
    try:
        yield
    finally:
        lock.release()
