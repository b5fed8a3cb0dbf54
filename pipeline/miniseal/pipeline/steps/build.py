"""build, and rebuild: the toolchain in the sandbox, from the snapshot to one wasm.

A rebuild runs the same recipe where path, user name, time zone, locale, hash seed, umask and the
files' times are others, and compares. The wall clock is only later, not another: nothing short of a
virtual machine changes it for a whole process tree. Only somebody else's rebuild is independent.
"""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from miniseal.formats.errors import Code, UsageError, VerificationError
from miniseal.formats.wasm.sections import WASM_LIMIT
from miniseal.packager import Project, Recipe, compare_wasm
from miniseal.packager.recipe import OUT, SOURCE, TOOLS
from miniseal.pipeline.engines.engine import EPOCH, Engine, Exec, Log, Mount
from miniseal.pipeline.steps.resolve import Resolved

__all__ = ["BUILD_FAILED", "ELSEWHERE", "REBUILD_DIFFERS", "Room", "build", "rebuild"]

BUILD_FAILED = Code(
    "build-failed",
    UsageError,
    meaning="the toolchain ended with an error, or without the wasm that it had to write",
    cause="an error in the source, or a command that writes elsewhere",
    remedy="read what the toolchain said",
)
REBUILD_DIFFERS = Code(
    "rebuild-differs",
    VerificationError,
    meaning="building the same source again gave other bytes",
    cause="a time, a path, a random value or an environment variable that gets into the output",
    remedy="find it by the section that the message names; docs/explanation/reproducibility helps",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Where a recipe runs: its folders, and what surrounds it."""

    source: str = SOURCE
    tools: str = TOOLS
    out: str = OUT
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    umask: str = "022"
    modified: int = EPOCH


ELSEWHERE = Room(
    source="/elsewhere/of/another/depth/source",
    tools="/elsewhere/tools",
    out="/elsewhere/out",
    env={
        "TZ": "Pacific/Kiritimati",
        "LANG": "tr_TR.UTF-8",
        "LC_ALL": "tr_TR.UTF-8",
        "USER": "somebody",
        "LOGNAME": "somebody",
        "PYTHONHASHSEED": "4711",
    },
    umask="077",
    modified=946_684_800,  # 2000-01-01
)


async def build(
    resolved: Resolved,
    tools: Mapping[str, Path],
    engine: Engine,
    work: Path,
    *,
    room: Room | None = None,
    log: Log | None = None,
) -> bytes:
    """The wasm of the project.

    Args:
        resolved: the project.
        tools: fetched tools by their folder's name.
        engine: runs the toolchain.
        work: scratch space.
        room: where the recipe runs, if it is not the usual place.
        log: is told what the toolchain says.

    Raises:
        UsageError: `build-failed`.
    """
    project = resolved.project
    recipe = project.recipe()
    if recipe is None:
        return project.tree.read(project.settings.build.entry or "")
    source = work / "build"
    project.tree.copy(source, project.build_files)
    return await _compile(
        project, recipe, room or Room(), source=source, tools=tools, engine=engine, log=log
    )


async def rebuild(
    resolved: Resolved,
    tools: Mapping[str, Path],
    engine: Engine,
    wasm: bytes,
    work: Path,
    *,
    log: Log | None = None,
) -> bool:
    """Build again elsewhere and compare; False where there is nothing to build (`prebuilt`).

    Raises:
        VerificationError: `rebuild-differs`.
        UsageError: `build-failed`.
    """
    project = resolved.project
    recipe = project.recipe()
    if recipe is None:
        return False
    source = work / "build-again"
    project.tree.copy(source, project.build_files)
    again = await _compile(
        project, recipe, ELSEWHERE, source=source, tools=tools, engine=engine, log=log
    )
    if again != wasm:
        raise REBUILD_DIFFERS(
            "the second build gave other bytes",
            found="; ".join(compare_wasm(wasm, again))[:1000],
            expected=f"the same {len(wasm)} bytes",
        )
    return True


async def _compile(
    project: Project,
    recipe: Recipe,
    room: Room,
    *,
    source: Path,
    tools: Mapping[str, Path],
    engine: Engine,
    log: Log | None,
) -> bytes:
    ready = recipe.at(python=engine.python, source=room.source, tools=room.tools, out=room.out)
    result = await engine.run(
        Exec(
            argv=("/bin/sh", "-c", f'umask {room.umask}; exec "$@"', "sh", *ready.argv),
            env={**ready.env, **room.env},
            inputs=(
                Mount(path=room.source, host=source, writable=True, modified=room.modified),
                *(Mount(path=f"{room.tools}/{name}", host=path) for name, path in tools.items()),
            ),
            outputs=(room.out,),
            cwd=room.source,
        ),
        log,
    )
    if result.exit_code != 0:
        raise BUILD_FAILED(
            f"{recipe.toolchain} ended with exit code {result.exit_code}",
            found=result.said,
            hint=f"by hand, without the sandbox: {_by_hand(project, recipe, tools)}",
        )
    return _output(result.outputs[room.out], recipe)


def _by_hand(project: Project, recipe: Recipe, tools: Mapping[str, Path]) -> str:
    """The toolchain's command as a person can type it on this machine."""
    out = str(project.root / "build")
    ready = recipe.at(python=sys.executable, source=str(project.root), out=out)
    words = [*(f"{name}={value}" for name, value in ready.env.items()), *ready.argv]
    for name, path in tools.items():
        words = [word.replace(f"{TOOLS}/{name}", str(path)) for word in words]
    return f"cd {shlex.quote(str(project.root))} && mkdir -p build && env {shlex.join(words)}"


def _output(folder: Path, recipe: Recipe) -> bytes:
    path = folder / recipe.wasm
    if not path.is_file():
        left = ", ".join(sorted(entry.name for entry in folder.iterdir())) or "nothing"
        raise BUILD_FAILED("the toolchain wrote no wasm", found=left, expected=recipe.wasm)
    if path.stat().st_size > WASM_LIMIT:
        raise BUILD_FAILED(
            "the wasm is too large",
            found=f"{path.stat().st_size} bytes",
            expected=f"at most {WASM_LIMIT}",
        )
    return path.read_bytes()
