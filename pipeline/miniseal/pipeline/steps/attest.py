"""attest: says what the steps found, as unsigned in-toto statements about the package.

Every fact comes from another step's outcome; nothing is measured here. Subjects and kinds are
FORMATS section 4's. Whether the facts are good enough is the gate's, and then the host's, to
decide.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata

from miniseal.formats.config import Config, Toolchain
from miniseal.formats.predicates import openvex, provenance, sbom, scai, test_result, vulns
from miniseal.formats.predicates.openvex import Document
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.statement import Statement, Subject
from miniseal.packager import Packed, Settings, Tool
from miniseal.pipeline.engines.engine import Description, Image
from miniseal.pipeline.steps.gate import Checks
from miniseal.pipeline.steps.workflow import BUILD_TYPE as WORKFLOW_TYPE
from miniseal.pipeline.steps.workflow import Workflow

__all__ = [
    "BUILDER_DAGGER",
    "BUILDER_ISOLATED",
    "BUILDER_UNSAFE",
    "BUILD_TYPE",
    "KINDS",
    "Build",
    "Claim",
    "capabilities",
    "checks",
    "provenance_of",
    "statements",
]

BUILD_TYPE = "https://miniseal.dev/build-types/mini-program@v1"
BUILDER_ISOLATED = "https://miniseal.dev/builders/local@v1"
BUILDER_DAGGER = "https://miniseal.dev/builders/dagger@v1"
BUILDER_UNSAFE = "https://miniseal.dev/builders/local-unsafe@v1"
KINDS = (
    provenance.PREDICATE_TYPE,
    sbom.PREDICATE_TYPE,
    vulns.PREDICATE_TYPE,
    test_result.PREDICATE_TYPE,
    test_result.PREDICATE_TYPE,
    scai.PREDICATE_TYPE,
)
"""The predicate types that every release has, in the order in which they are signed."""
_CHECKS = "https://miniseal.dev/checks/{}@v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One statement to be signed.

    Attributes:
        predicate_type: of the statement.
        statement: the bytes to sign.
        everywhere: whether it is attached to the wasm artifact and the image as well: consumers
            that know nothing of packages look there.
    """

    predicate_type: str
    statement: bytes
    everywhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What provenance says of a build.

    Attributes:
        source: the tree that was built.
        settings: what the project's author chose.
        tools: what was fetched for it.
        toolchain: as the package's config names it.
        engine: what ran it.
        invocation: a URI that no other build has.
        started: `YYYY-MM-DDTHH:MM:SSZ`.
        finished: the same.
        workflow: of the platform that is the builder, or None: then it is this machine.
    """

    source: Resource
    settings: Settings
    tools: tuple[Tool, ...]
    toolchain: Toolchain
    engine: Description
    invocation: str
    started: str
    finished: str
    workflow: Workflow | None = None


def provenance_of(build: Build) -> dict[str, object]:
    """The SLSA provenance predicate of a build; docs/reference/build-types has its members."""
    if build.workflow is not None:
        return _of_workflow(build, build.workflow).to_json()
    engine = build.engine
    return provenance.Provenance(
        build_type=BUILD_TYPE,
        builder_id=_builder(engine),
        builder_version=_version(),
        external_parameters=_parameters(build),
        internal_parameters={
            "engine": {"name": engine.name, "version": engine.version},
            "isolation": engine.isolation,
            "network": False,
        },
        dependencies=_dependencies(build),
        invocation_id=build.invocation,
        started_on=build.started,
        finished_on=build.finished,
    ).to_json()


def _of_workflow(build: Build, run: Workflow) -> provenance.Provenance:
    """All of it from the certificate, but what went in: the job that built has said nothing else.

    When the build ended is not known either; a host takes the time of the signature.
    """
    return provenance.Provenance(
        build_type=WORKFLOW_TYPE,
        builder_id=run.builder,
        builder_version=_version(),
        external_parameters={**_parameters(build), "workflow": run.external},
        internal_parameters={"github": run.internal, "network": False},
        dependencies=_dependencies(build),
        invocation_id=run.invocation,
    )


def _version() -> dict[str, str]:
    return {"miniseal": metadata.version("miniseal")}


def _parameters(build: Build) -> dict[str, object]:
    """What the project's author chose."""
    settings = build.settings.build
    source = {name: value for name, value in build.source.to_json().items() if name != "name"}
    return {
        "source": source,
        "toolchain": build.toolchain.to_json(),
        "entry": settings.entry,
        "args": list(settings.args),
        "command": list(settings.command),
        "inputs": list(settings.inputs),
    }


def _dependencies(build: Build) -> tuple[Resource, ...]:
    return (
        build.source,
        _pins(build.toolchain),
        *map(_tool, build.tools),
        *map(_image, build.engine.images),
    )


def _builder(engine: Description) -> str:
    """Who is to be trusted: this machine alone, or whoever runs the Dagger engine as well."""
    if not engine.isolated:
        return BUILDER_UNSAFE
    return BUILDER_DAGGER if engine.name == "dagger" else BUILDER_ISOLATED


def _image(image: Image) -> Resource:
    """A base image by its manifest's digest."""
    digest = image.digest.removeprefix("sha256:")
    return Resource(name=image.name, uri=f"oci://{image.name}", digest={"sha256": digest})


def _pins(toolchain: Toolchain) -> Resource:
    """The toolchain as a whole, by the digest of its pins: what a policy denies it by."""
    return Resource(
        name=toolchain.name,
        uri=f"https://miniseal.dev/toolchains/{toolchain.name}",
        digest={"sha256": toolchain.lock.removeprefix("sha256:")},
    )


def _tool(tool: Tool) -> Resource:
    """A tool by the hashes that were accepted: one per wheel, or npm's integrity."""
    from miniseal.pipeline.steps.sbom import tool_url  # slow, as `scan` says

    if tool.source == "npm":
        integrity = base64.b64decode(tool.hashes[0].removeprefix("sha512-")).hex()
        return Resource(name=tool.name, uri=tool_url(tool), digest={"sha512": integrity})
    accepted = [text.removeprefix("sha256:") for text in tool.hashes]
    digest = {"sha256": accepted[0]} if len(accepted) == 1 else {}
    annotations: dict[str, object] = {} if digest else {"accepted_sha256": accepted}
    return Resource(name=tool.name, uri=tool_url(tool), digest=digest, annotations=annotations)


def checks(name: str, outcome: Checks, digest: str) -> dict[str, object]:
    """The test-result predicate of a set of checks; `digest` is of what they looked at."""
    result = "FAILED" if outcome.failed else "WARNED" if outcome.warned else "PASSED"
    configuration = Resource(
        name=name,
        uri=_CHECKS.format(name),
        digest={"sha256": digest.removeprefix("sha256:")},
    )
    return test_result.TestResult(
        result=result,
        configuration=(configuration,),
        passed=outcome.passed,
        warned=outcome.warned,
        failed=outcome.failed,
    ).to_json()


def capabilities(config: Config) -> dict[str, object]:
    """The SCAI predicate: what the wasm and its executable assets can reach."""
    wasm = Resource(name="app.wasm", digest={"sha256": config.wasm.digest.removeprefix("sha256:")})
    attributes = [
        scai.Attribute(
            attribute="IMPORTS",
            target=wasm,
            conditions={"module": module.name, "functions": list(module.functions)},
        )
        for module in config.wasm.imports
    ]
    attributes += [
        scai.Attribute(
            attribute="EXECUTABLE_ASSET", conditions={"name": asset.name, "kind": asset.kind}
        )
        for asset in (config.assets.executable if config.assets else ())
    ]
    closed = scai.Attribute(attribute="NO_OTHER_IMPORTS", target=wasm)
    return scai.Scai(attributes=(*attributes, closed)).to_json()


def statements(
    packed: Packed,
    *,
    build: Build,
    bill: Mapping[str, object],
    scan: vulns.Vulns,
    pipeline: Checks,
    program: Checks,
    vex: Iterable[Document] = (),
) -> tuple[Claim, ...]:
    """Every statement of a release, the package's manifest as their first subject."""
    subjects = _subjects(packed)
    looked_at = packed.package.descriptor.digest
    predicates: tuple[tuple[str, Mapping[str, object], bool], ...] = (
        (provenance.PREDICATE_TYPE, provenance_of(build), True),
        (sbom.PREDICATE_TYPE, bill, True),
        (vulns.PREDICATE_TYPE, scan.to_json(), True),
        (test_result.PREDICATE_TYPE, checks("pipeline", pipeline, looked_at), False),
        (test_result.PREDICATE_TYPE, checks("program", program, looked_at), False),
        (scai.PREDICATE_TYPE, capabilities(packed.config), False),
        *((openvex.PREDICATE_TYPE, document.to_json(), False) for document in vex),
    )
    return tuple(
        Claim(
            predicate_type=kind,
            statement=Statement(
                subjects=subjects, predicate_type=kind, predicate=dict(predicate)
            ).to_bytes(),
            everywhere=everywhere,
        )
        for kind, predicate, everywhere in predicates
    )


def _subjects(packed: Packed) -> tuple[Subject, ...]:
    app = packed.config.manifest.app_id
    return (
        Subject.of(packed.package.descriptor.digest, app),
        Subject.of(packed.wasm.descriptor.digest, f"{app}-wasm"),
        Subject.of(packed.image.descriptor.digest, f"{app}-image"),
        Subject.of(packed.config.wasm.digest, "app.wasm"),
    )
