"""`c`: C sources, compiled by the clang of the zig wheel against its WASI libc.

The module is a reactor: it has no `main`, its host calls `_initialize` first where it is exported,
and then what the sources export, with `__attribute__((export_name("...")))` or an argument
`-Wl,--export=NAME`.
"""

from miniseal.packager.install import WASI
from miniseal.packager.lock import Lock
from miniseal.packager.recipe import OUT, TOOLS, WASM, Recipe
from miniseal.packager.settings import Build
from miniseal.packager.toolchains.toolchain import Toolchain, check_members

__all__ = ["TOOLCHAIN"]

_TOOLS = ("ziglang",)
_HOME = f"{TOOLS}/{WASI}"


def _recipe(build: Build, lock: Lock) -> Recipe:
    check_members(build, "entry", "args")
    tool = lock.tool("ziglang")
    return Recipe(
        toolchain="c",
        version=tool.version,
        tools=(tool,),
        argv=(
            *(f"{_HOME}/bin/zig", "clang", "--no-default-config"),
            # a folder is a word of its own, so that it can be put elsewhere
            *("-B", f"{_HOME}/bin", "--sysroot", _HOME, "-resource-dir", f"{_HOME}/resource"),
            # lime1 is a fixed set of wasm features: a newer clang's default has more
            *("--target=wasm32-wasip1", "-mcpu=lime1", "-mexec-model=reactor"),
            # a stack that overflows ends the call, where it would overwrite data otherwise
            *("-Oz", "-s", "-Wl,--stack-first"),
            # relative, as __FILE__ is the path that is named here
            *("-o", f"{OUT}/{WASM}", f"./{build.entry}", *build.args),
        ),
    )


TOOLCHAIN = Toolchain(name="c", tools=_TOOLS, recipe=_recipe)
