"""The wheels that a job of a release installs, by hash, for jobs that run here without a network.

Standard library only.
"""

import subprocess
import sys
from pathlib import Path

from services import cache

__all__ = ["entry", "make"]

_REQUIREMENTS = Path(__file__).resolve().parent.parent.parent / "requirements"
_FILES = tuple(_REQUIREMENTS / name for name in ("bootstrap.txt", "run.txt"))


def entry() -> Path:
    """Where the wheels are or will be."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return cache.root() / f"wheels-{cache.digest_of(python, files=_FILES, base=_REQUIREMENTS)}"


def make(folder: Path) -> None:
    """Fetch the wheels into a folder.

    Raises:
        SystemExit: pip does not get them; what it said is shown.
    """
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--dest", folder),
            *(word for file in _FILES for word in ("--requirement", file)),
        ],
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"pip download ended with {done.returncode}")
