"""`command`: any program of the build machine that leaves `app.wasm` in the folder `$OUT`.

Miniseal pins no tool for it: what the command uses is only known to whoever prepared the machine,
and whether it does the same twice is for `rebuild` to find out.
"""

from miniseal.packager.lock import Lock
from miniseal.packager.recipe import OUT, Recipe
from miniseal.packager.settings import Build
from miniseal.packager.toolchains.toolchain import Toolchain, check_members

__all__ = ["TOOLCHAIN"]

_VERSION = "1"
"""Of this recipe; there is no compiler whose version could be known."""


def _recipe(build: Build, lock: Lock) -> Recipe:
    del lock
    check_members(build, "command", "args")
    return Recipe(
        toolchain="command",
        version=_VERSION,
        tools=(),
        argv=(*build.command, *build.args),
        env={"OUT": OUT},
    )


TOOLCHAIN = Toolchain(name="command", tools=(), recipe=_recipe, entry=False)
