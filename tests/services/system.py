"""What the tests need of the machine itself, from Debian's packages. Standard library only."""

import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

__all__ = ["PACKAGES", "apt_get", "install", "missing", "say"]

PACKAGES = {
    "bubblewrap": "bwrap",  # the local engine's first choice; without it `unshare` alone is tested
    "chromium": "chromium",  # shows a report as its readers see it
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "dnsmasq-base": "dnsmasq",
    "fonts-dejavu-core": "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "git": "git",
    "iproute2": "ip",
    "iptables": "iptables",
    "opensc": "pkcs11-tool",
    "runc": "runc",
    "shellcheck": "shellcheck",  # actionlint runs it
    "slirp4netns": "slirp4netns",
    "softhsm2": "softhsm2-util",
    "util-linux": "setpriv",
}
"""A package, and the program or file that shows that it is installed."""

_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # not everybody has it on PATH


def say(text: str) -> None:
    """Show a line at once, also where the output is a file."""
    sys.stdout.write(f"services: {text}\n")
    sys.stdout.flush()


def missing(among: Collection[str] = ()) -> list[str]:
    """The packages whose program is not there, of these or of all."""
    path = f"{os.environ.get('PATH', os.defpath)}:{_SBIN}"
    return [
        package
        for package, shows in PACKAGES.items()
        if (not among or package in among)
        and not (Path(shows).exists() if "/" in shows else shutil.which(shows, path=path))
    ]


def install(packages: Sequence[str]) -> None:
    """Install packages, without what they only recommend.

    Raises:
        SystemExit: with what a person has to do.
    """
    words = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise SystemExit(f"no apt-get here: install what Debian calls {words}")
    if os.geteuid() != 0:
        raise SystemExit(f"as root: apt-get install --no-install-recommends {words}")
    apt_get("install", "--no-install-recommends", *packages)
    if left := missing(packages):
        raise SystemExit(f"apt-get has not installed {' '.join(left)}")


def apt_get(*words: str) -> None:
    """Run apt-get; where that fails, look for newer package lists and try once more.

    Raises:
        SystemExit: it failed again; what it printed is shown.
    """
    if _apt_get(*words).returncode != 0:
        _apt_get("update")
        done = _apt_get(*words)
        if done.returncode != 0:
            sys.stdout.write(done.stdout)
            raise SystemExit(f"apt-get {words[0]} ended with {done.returncode}")


def _apt_get(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["apt-get", "-q", "-y", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        check=False,
    )
