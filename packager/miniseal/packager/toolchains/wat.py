"""`wat`: WebAssembly text, assembled by wasmtime."""

from miniseal.packager.lock import Lock
from miniseal.packager.recipe import OUT, PYTHON, SOURCE, TOOLS, WASM, Recipe
from miniseal.packager.settings import Build
from miniseal.packager.toolchains.toolchain import Toolchain, check_members

__all__ = ["TOOLCHAIN"]

# -I and -S: neither the project's files nor the interpreter's packages can take wasmtime's place
_ASSEMBLE = """\
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import wasmtime
text = pathlib.Path(sys.argv[2]).read_text(encoding="utf-8")
try:
    wasm = wasmtime.wat2wasm(text)
except wasmtime.WasmtimeError as error:
    sys.exit(f"{sys.argv[2]}: {error}")
pathlib.Path(sys.argv[3]).write_bytes(wasm)
"""


def _recipe(build: Build, lock: Lock) -> Recipe:
    check_members(build, "entry")
    tool = lock.tool("wasmtime")
    return Recipe(
        toolchain="wat",
        version=tool.version,
        tools=(tool,),
        argv=(
            *(PYTHON, "-I", "-S", "-c", _ASSEMBLE),
            *(f"{TOOLS}/wasmtime", f"{SOURCE}/{build.entry}", f"{OUT}/{WASM}"),
        ),
    )


TOOLCHAIN = Toolchain(name="wat", tools=("wasmtime",), recipe=_recipe)
