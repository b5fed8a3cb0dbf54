"""From a source folder to a package: resolve, fetch, build, pack."""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from miniseal.formats import times
from miniseal.formats.digest import sha256
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.strictjson import canonical
from miniseal.formats.wasm.inspect import inspect
from miniseal.packager import Packed, Project, TreeFile, check_permissions, install, pack
from miniseal.pipeline.engines.engine import Description
from miniseal.pipeline.flow.job import Job
from miniseal.pipeline.graph import Codec, Results, Step, json_codec
from miniseal.pipeline.steps.attest import Build
from miniseal.pipeline.steps.build import build
from miniseal.pipeline.steps.resolve import Resolved, resolve
from miniseal.pipeline.steps.workflow import Workflow

__all__ = [
    "BUILD",
    "FETCH",
    "PACK",
    "RESOLVE",
    "STEPS",
    "Built",
    "build_inputs",
    "engine_inputs",
    "file_inputs",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A wasm, and how it came to be.

    Attributes:
        wasm: the module.
        engine: that ran the toolchain.
        invocation: a URI that no other build has.
        started: `YYYY-MM-DDTHH:MM:SSZ`.
        finished: the same.
    """

    wasm: bytes = field(repr=False)
    engine: Description
    invocation: str
    started: str
    finished: str

    def described(
        self, project: Project, source: Resource, workflow: Workflow | None = None
    ) -> Build:
        """What provenance says of it; the builder is the workflow, or else this machine."""
        return Build(
            source=source,
            settings=project.settings,
            tools=project.tools,
            toolchain=project.toolchain,
            engine=self.engine,
            invocation=self.invocation,
            started=self.started,
            finished=self.finished,
            workflow=workflow,
        )


async def _resolve(job: Job, of: Results) -> Resolved:
    del of
    return resolve(job.root, job.work)


def _show_resolved(resolved: Resolved) -> dict[str, object]:
    project = resolved.project
    return {
        "app": project.manifest.app_id,
        "version": project.manifest.version_name,
        "source": project.tree.digest,
        "files": len(project.tree.files),
    }


RESOLVE = Step[Job, Resolved](
    name="resolve",
    does="reads the source tree and its digest",
    run=_resolve,
    pure=True,
    shows=_show_resolved,
)


async def _fetch(job: Job, of: Results) -> dict[str, Path]:
    tools = of[RESOLVE].project.tools
    return await job.making.tools.fetch(tools, log=job.log(FETCH.name))


FETCH = Step[Job, dict[str, Path]](
    name="fetch",
    does="downloads the toolchain, by hash",
    run=_fetch,
    uses=(RESOLVE,),
    shows=lambda tools: {"tools": ", ".join(tools) or "none"},
)


def engine_inputs(job: Job) -> dict[str, str]:
    """What a result depends on where the engine ran something."""
    engine = job.making.engine.describe()
    images = {f"image {image.name}": image.digest for image in engine.images}
    machine = f"{sys.platform}-{os.uname().machine}"  # there is a build of each tool for each
    return {
        "engine": engine.name,
        "isolated": str(engine.isolated),
        "machine": machine,
        **images,
    }


def file_inputs(files: Iterable[TreeFile]) -> dict[str, str]:
    """Files as inputs, by names that nothing else among them has, whatever the files are called."""
    return {f"file {file.path}": file.digest for file in files}


def build_inputs(job: Job, of: Results) -> dict[str, str] | None:
    """What a wasm depends on; None where something of it is not pinned."""
    project = of[RESOLVE].project
    recipe = project.recipe()
    engine = engine_inputs(job)
    if recipe is None or (not recipe.tools and not job.making.engine.describe().images):
        return None  # what is not pinned can change without a sign
    words = {
        "argv": list(recipe.argv),
        "env": recipe.env,
        "wasm": recipe.wasm,
        "version": recipe.version,
        "installs": [list(step.argv) for step in install(recipe.tools)],
    }
    return {
        **engine,
        "toolchain": recipe.toolchain,
        "toolchain lock": project.lock.toolchain_digest,
        "compiler command": sha256(canonical(words)),
        **file_inputs(project.build_files),
    }


async def _build(job: Job, of: Results) -> Built:
    making, tools = job.making, of[FETCH]
    started = times.to_text(int(making.clock()))
    wasm = await build(
        of[RESOLVE], tools, making.engine, job.work, room=making.room, log=job.log(BUILD.name)
    )
    return Built(
        wasm=wasm,
        engine=making.engine.describe(),
        invocation=making.identify(),
        started=started,
        finished=times.to_text(int(making.clock())),
    )


def _encode_built(built: Built) -> bytes:
    facts = json_codec(tuple[Description, str, str, str])
    head = facts.encode((built.engine, built.invocation, built.started, built.finished))
    return head + b"\n" + built.wasm


def _decode_built(data: bytes) -> Built:
    head, _, wasm = data.partition(b"\n")
    engine, invocation, started, finished = json_codec(tuple[Description, str, str, str]).decode(
        head
    )
    return Built(
        wasm=wasm, engine=engine, invocation=invocation, started=started, finished=finished
    )


BUILD = Step[Job, Built](
    name="build",
    does="compiles the source to wasm, isolated",
    run=_build,
    reads=(RESOLVE,),
    uses=(FETCH,),
    inputs=build_inputs,
    codec=Codec(encode=_encode_built, decode=_decode_built),
    shows=lambda built: {"wasm": sha256(built.wasm), "bytes": len(built.wasm)},
)


async def _pack(job: Job, of: Results) -> Packed:
    del job
    project, wasm = of[RESOLVE].project, of[BUILD].wasm
    module = inspect(wasm)
    check_permissions(project.manifest, project.settings.permissions, module.import_modules())
    return pack(project.manifest, project.settings, wasm, project.assets, project.toolchain)


def _show_packed(packed: Packed) -> dict[str, object]:
    return {
        "package": packed.package.descriptor.digest,
        "wasm": packed.wasm.descriptor.digest,
        "image": packed.image.descriptor.digest,
        **({"warnings": "; ".join(packed.warnings)} if packed.warnings else {}),
    }


PACK = Step[Job, Packed](
    name="pack",
    does="checks imports and permissions, makes the package and the images",
    run=_pack,
    uses=(RESOLVE, BUILD),
    pure=True,
    shows=_show_packed,
)


STEPS: tuple[Step[Job, Any], ...] = (RESOLVE, FETCH, BUILD, PACK)
