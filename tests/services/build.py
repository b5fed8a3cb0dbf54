"""Fetch and build what the tests run beside the project: `make services`.

Debian's packages first, then the Go programs (a private Sigstore, a Dagger engine, registries and
their clients, what runs GitHub workflows), wheels, sigstore-js, and a base image for containers.
What is there already is left as it is. `--packages` stops after Debian's, which are installed
machine-wide, so that nothing changes under tests that run while the rest is built.

Standard library only, for it runs before anything else is there.
"""

import argparse
import time
from collections.abc import Callable, Collection
from pathlib import Path

from services import cache, image, node, programs, system, unpacked, wheels
from services.golang import GoPrograms


def main() -> None:
    """Bring the machine up to date, saying what takes long.

    Raises:
        SystemExit: something could not be had, and what a person can do.
    """
    parser = argparse.ArgumentParser(prog="services", description="what the tests run beside them")
    parser.add_argument("--packages", action="store_true", help="only Debian's packages")
    only = parser.parse_args().packages
    with cache.building():
        get_packages()
        if not only:
            for built in (programs.ACT, programs.ACTIONLINT, programs.SIGSTORE):
                get_programs(built)
            for built in (programs.DAGGER, programs.REGISTRIES):
                get_programs(built)
            _keep("fetching what jobs install", wheels.entry(), wheels.make)
            _keep("installing sigstore-js", node.entry(), node.make)
            _keep("unpacking registries of Debian", unpacked.entry(), unpacked.make)
            _keep("making a base image", image.entry(), image.make)


def get_packages(among: Collection[str] = ()) -> None:
    """Install what is missing of these Debian packages, or of all."""
    if packages := system.missing(among):
        _say(f"installing {' '.join(packages)}", lambda: system.install(packages))


def get_programs(built: GoPrograms) -> None:
    """Build a set of programs that is not there."""
    what = f"building the programs of {built.name} (minutes, once)"
    _keep(what, built.entry(), built.make)


def _keep(what: str, entry: Path, make: Callable[[Path], None]) -> None:
    if not entry.is_dir():
        _say(what, lambda: cache.keep(entry, make))


def _say(what: str, do: Callable[[], object]) -> None:
    system.say(f"{what} ...")
    begin = time.monotonic()
    do()
    system.say(f"done in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
