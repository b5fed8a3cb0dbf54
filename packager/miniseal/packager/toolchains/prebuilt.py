"""`prebuilt`: a wasm file of the source tree, taken as it is. The provenance says so."""

from miniseal.packager.lock import Lock
from miniseal.packager.settings import Build
from miniseal.packager.toolchains.toolchain import Toolchain, check_members

__all__ = ["TOOLCHAIN"]


def _recipe(build: Build, lock: Lock) -> None:
    del lock
    check_members(build, "entry")


TOOLCHAIN = Toolchain(name="prebuilt", tools=(), recipe=_recipe)
