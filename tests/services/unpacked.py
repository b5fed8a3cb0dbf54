"""Debian's packages that are unpacked and not installed, for their services would start.

apt finds, fetches and checks them with what they depend on and the machine lacks. Nothing of them
runs; the programs find their libraries by `LD_LIBRARY_PATH`. Standard library only.
"""

import os
import shutil
import subprocess
from pathlib import Path

from services import cache, system

__all__ = ["PACKAGES", "entry", "environ", "make"]

PACKAGES = ("docker-registry", "nginx", "skopeo")

_HERE = Path(__file__)


def entry() -> Path:
    """Where the files of the packages are or will be, as they would lie in `/`."""
    return cache.root() / f"unpacked-{cache.digest_of(files=[_HERE], base=_HERE.parent)}"


def make(folder: Path) -> None:
    """Unpack the packages into a folder.

    Raises:
        SystemExit: apt-get does not fetch them.
    """
    packages = folder / "packages"
    (packages / "partial").mkdir(parents=True)
    system.apt_get(
        *("-o", f"Dir::Cache::archives={packages}"),
        *("-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="),
        *("-o", "APT::Sandbox::User=", "-o", "Debug::NoLocking=true"),
        *("install", "--download-only", "--reinstall", "--no-install-recommends", *PACKAGES),
    )
    for package in sorted(packages.glob("*.deb")):
        subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
    shutil.rmtree(packages)


def environ(folder: Path) -> dict[str, str]:
    """The variables with which their programs run, from the folder they were unpacked into."""
    libraries = sorted(str(path) for path in folder.glob("usr/lib/*-linux-gnu*"))
    return {
        "LD_LIBRARY_PATH": ":".join(libraries),
        "PATH": f"{folder / 'usr/bin'}:{folder / 'usr/sbin'}:{os.defpath}",
    }
