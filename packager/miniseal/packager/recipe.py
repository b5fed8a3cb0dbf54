"""What has to run to compile a project: a plain description.

A recipe runs in a sandbox without a network, where the source tree, the tools and the output always
have the same paths. Whoever executes it (the pipeline's engines, a test) puts the interpreter in
place of `{python}`. Nothing here starts a process.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from miniseal.packager.lock import Tool

__all__ = ["OUT", "PYTHON", "SOURCE", "TOOLS", "WASM", "Recipe", "place", "place_all"]

SOURCE = "/build/src"
"""The source tree, writable; also the working folder."""
TOOLS = "/build/tools"
"""One folder per install, read-only in a recipe."""
OUT = "/build/out"
"""What is copied out."""
PYTHON = "{python}"
WASM = "app.wasm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to compile a project.

    Attributes:
        toolchain: its name.
        version: of its compiler.
        tools: what must be installed below `TOOLS`.
        argv: `{python}` stands for the engine's interpreter.
        env: the whole environment, but for what the engine needs.
        wasm: the output's path below `OUT`.
    """

    toolchain: str
    version: str
    tools: tuple[Tool, ...]
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict[str, str])
    wasm: str = WASM

    def at(
        self, *, python: str, source: str = SOURCE, tools: str = TOOLS, out: str = OUT
    ) -> "Recipe":
        """The same with this interpreter, and with the fixed folders elsewhere."""
        places = {PYTHON: python, SOURCE: source, TOOLS: tools, OUT: out}
        return replace(
            self,
            argv=tuple(place(word, places) for word in self.argv),
            env=place_all(self.env, places),
        )


def place(word: str, places: Mapping[str, str]) -> str:
    """A word with the fixed folder that it is, or that it begins with, put elsewhere."""
    for fixed, elsewhere in places.items():
        if word == fixed or word.startswith(f"{fixed}/"):
            return elsewhere + word[len(fixed) :]
    return word


def place_all(env: Mapping[str, str], places: Mapping[str, str]) -> dict[str, str]:
    """An environment with each value's fixed folder put elsewhere."""
    return {name: place(value, places) for name, value in env.items()}
