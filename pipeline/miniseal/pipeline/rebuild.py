"""Somebody else's rebuild: the source built again, held against what is published, and said so.

A rebuild agrees when it gives the very same package, to the digest of its manifest. Nothing that a
build gave before is taken from a cache, and what is published is only compared: neither its
signatures nor its policy matter here. Which source belongs to a package is for the rebuilder to
know; a source of another program, version or toolchain is refused, not called a difference.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from miniseal.attestations import Signer
from miniseal.formats.config import Config
from miniseal.formats.errors import Code, UsageError
from miniseal.formats.oci import Descriptor
from miniseal.formats.predicates import provenance, test_result
from miniseal.formats.predicates.provenance import Provenance
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.predicates.test_result import TestResult
from miniseal.packager import Packed, Project, compare_assets, compare_wasm
from miniseal.pipeline.attest import Attested
from miniseal.pipeline.attest import attest as attach_statement
from miniseal.pipeline.flow.make import BUILD, PACK, RESOLVE
from miniseal.pipeline.flow.publish import ORIGIN
from miniseal.pipeline.release import Workshop
from miniseal.pipeline.steps.attest import Build, provenance_of
from miniseal.registry import Store
from miniseal.verifier.checks.rebuilders import TEST
from miniseal.verifier.contents import Fetched
from miniseal.verifier.fetch import fetch, fetch_content

__all__ = [
    "NOTHING_TO_REBUILD",
    "REBUILD_OTHER_SOURCE",
    "Rebuilt",
    "Whole",
    "attest_rebuild",
    "differences",
    "rebuild",
]

NOTHING_TO_REBUILD = Code(
    "nothing-to-rebuild",
    UsageError,
    meaning="the source has the wasm ready made, so that building it again shows nothing",
    cause="the project's toolchain is `prebuilt`",
    remedy="have the program built from its source by Miniseal",
)
REBUILD_OTHER_SOURCE = Code(
    "rebuild-other-source",
    UsageError,
    meaning="the folder is not the source of the package that it is rebuilt for",
    cause="another program, another version, or a miniseal.lock with other tools",
    remedy="check out the commit that the package's provenance names",
)

_CONFIGURATION = "https://miniseal.dev/checks/rebuild@v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A package with its content.

    Attributes:
        package: digest of its manifest.
        config: what it says of itself.
        wasm: the module's bytes.
        assets: by name.
    """

    package: str
    config: Config
    wasm: bytes = field(repr=False)
    assets: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What a rebuild gave.

    Attributes:
        published: the manifest that it was held against.
        packed: the package that was built.
        build: how it was built.
        differences: between the two, one line each; none where they are the same package.
    """

    published: Descriptor
    packed: Packed
    build: Build
    differences: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether it is the same package."""
        return self.packed.package.descriptor.digest == self.published.digest


async def rebuild(root: Path, shop: Workshop, store: Store, name: str) -> Rebuilt:
    """Build the project at `root` and compare with the package that `store` has under `name`.

    Raises:
        UsageError: `nothing-to-rebuild`, `rebuild-other-source`, `isolation-required`.
        MinisealError: what building or the published package is refused for.
    """
    fetched = fetch(store, name)
    content = fetch_content(store, fetched)
    first = Whole(
        package=fetched.descriptor.digest,
        config=fetched.config,
        wasm=content.wasm,
        assets=content.parts.assets,
    )
    fresh = replace(shop, cache=None)
    with tempfile.TemporaryDirectory(prefix="miniseal-rebuild-") as scratch:
        runner = fresh.runner(fresh.job(root, scratch))
        project = (await runner.reach(RESOLVE)).project
        _check_source(project, fetched)
        packed = await runner.reach(PACK)
        built, origin = runner.results[BUILD], await runner.reach(ORIGIN)
        build = built.described(project, origin.of(project))
    second = Whole(
        package=packed.package.descriptor.digest,
        config=packed.config,
        wasm=built.wasm,
        assets=packed.contents.assets,
    )
    return Rebuilt(
        published=fetched.descriptor,
        packed=packed,
        build=build,
        differences=differences(first, second),
    )


def differences(first: Whole, second: Whole) -> tuple[str, ...]:
    """Where a published package and a rebuilt one differ; never empty if their digests do."""
    if first.package == second.package:
        return ()
    lines = (
        *(f"app.wasm: {line}" for line in compare_wasm(first.wasm, second.wasm)),
        *(f"assets: {line}" for line in compare_assets(first.assets, second.assets)),
        *(f"config: {name} differs" for name in _members(first.config, second.config)),
    )
    return lines or ("the same content is written in another way",)


def attest_rebuild(store: Store, rebuilt: Rebuilt, signer: Signer, *, builder_id: str) -> Attested:
    """Say what came of a rebuild, as a statement about the published package, and attach it.

    Args:
        store: that has the package.
        rebuilt: what came of it.
        signer: who rebuilt.
        builder_id: a URI; the rebuilder's own builder, which nobody else signs for.

    Raises:
        MinisealError: as `pipeline.attest.attest`.
    """
    if rebuilt.agrees:
        made = replace(Provenance.from_json(provenance_of(rebuilt.build)), builder_id=builder_id)
        said = (provenance.PREDICATE_TYPE, made.to_json())
    else:
        said = (test_result.PREDICATE_TYPE, _mismatch(rebuilt, builder_id).to_json())
    return attach_statement(store, rebuilt.published.digest, *said, signer)


def _mismatch(rebuilt: Rebuilt, builder_id: str) -> TestResult:
    """That a rebuild failed: what came out, of which source, by whom."""
    digest = rebuilt.packed.package.descriptor.digest
    made = Resource(
        name=TEST,
        uri=_CONFIGURATION,
        digest={"sha256": digest.removeprefix("sha256:")},
        annotations={"builder": builder_id, "differences": list(rebuilt.differences[:20])},
    )
    return TestResult(result="FAILED", configuration=(made, rebuilt.build.source), failed=(TEST,))


def _check_source(project: Project, fetched: Fetched) -> None:
    """Refuse a source that cannot be the package's: its rebuild would say nothing of it."""
    if project.recipe() is None:
        raise NOTHING_TO_REBUILD("nothing is built here", found=str(project.root))
    manifest, config = project.manifest, fetched.config
    theirs = config.manifest
    facts = {
        "app_id": (manifest.app_id, theirs.app_id),
        "version.name": (manifest.version_name, theirs.version_name),
        "version.code": (str(manifest.version_code), str(theirs.version_code)),
        "toolchain": (project.toolchain.name, config.toolchain.name),
        "toolchain version": (project.toolchain.version, config.toolchain.version),
        "toolchain lock": (project.toolchain.lock, config.toolchain.lock),
    }
    for name, (found, expected) in facts.items():
        if found != expected:
            raise REBUILD_OTHER_SOURCE(
                f"the source's {name} is not the package's", found=found, expected=expected
            )


def _members(first: Config, second: Config) -> tuple[str, ...]:
    names = (each.name for each in fields(Config))
    return tuple(name for name in names if getattr(first, name) != getattr(second, name))
