import json
from dataclasses import replace

import pytest

from kit.packages import vex
from miniseal.formats.predicates import openvex, provenance, sbom, scai, test_result, vulns
from miniseal.formats.predicates.openvex import Document
from miniseal.formats.predicates.vulns import Vulns
from miniseal.formats.statement import Statement
from miniseal.packager import Packed, pack
from miniseal.pipeline.engines.engine import Description, Image
from miniseal.pipeline.steps.attest import (
    BUILDER_DAGGER,
    BUILDER_ISOLATED,
    BUILDER_UNSAFE,
    Build,
    Claim,
    checks,
    provenance_of,
    statements,
)
from miniseal.pipeline.steps.gate import Checks
from miniseal.pipeline.steps.resolve import Origin, Resolved
from miniseal.pipeline.steps.sbom import bill_of

WASM = b"\0asm\1\0\0\0"
TIME = "2026-11-21T00:00:00Z"
SCAN = Vulns(
    scanner_uri="pkg:generic/trivy@0.76.0",
    database_updated=TIME,
    started_on=TIME,
    finished_on=TIME,
    findings=(),
)


@pytest.fixture
def packed(resolved: Resolved) -> Packed:
    project = resolved.project
    return pack(project.manifest, project.settings, WASM, project.assets, project.toolchain)


@pytest.fixture
def build(resolved: Resolved) -> Build:
    recipe = resolved.project.recipe()
    assert recipe is not None
    return Build(
        source=Origin(uri=None, commit=None).of(resolved.project),
        settings=resolved.project.settings,
        tools=recipe.tools,
        toolchain=resolved.project.toolchain,
        engine=Description(name="local", isolation="bwrap"),
        invocation="urn:uuid:1",
        started=TIME,
        finished=TIME,
    )


def _claims(packed: Packed, build: Build, *documents: Document) -> tuple[Claim, ...]:
    bill = bill_of(packed.config, (), build.tools, package_digest=packed.package.descriptor.digest)
    return statements(
        packed,
        build=build,
        bill=bill,
        scan=SCAN,
        pipeline=Checks(passed=("coverage", "rebuild", "secrets")),
        program=Checks(warned=("program",)),
        vex=documents,
    )


def test_there_is_a_statement_of_every_kind(packed: Packed, build: Build) -> None:
    kinds = [claim.predicate_type for claim in _claims(packed, build)]

    assert kinds == [
        provenance.PREDICATE_TYPE,
        sbom.PREDICATE_TYPE,
        vulns.PREDICATE_TYPE,
        test_result.PREDICATE_TYPE,
        test_result.PREDICATE_TYPE,
        scai.PREDICATE_TYPE,
    ]


def test_a_vex_document_is_a_statement_of_its_own_with_all_that_it_had(
    packed: Packed, build: Build
) -> None:
    said = {**vex()[1], "x-ticket": 7}

    *_, claim = _claims(packed, build, Document.from_json(said))

    assert (claim.predicate_type, claim.everywhere) == (openvex.PREDICATE_TYPE, False)
    assert Statement.from_bytes(claim.statement).predicate == said


def test_the_package_is_the_first_subject_of_four(packed: Packed, build: Build) -> None:
    statement = Statement.from_bytes(_claims(packed, build)[0].statement)

    digests = [f"sha256:{subject.digest['sha256']}" for subject in statement.subjects]
    assert digests == [
        packed.package.descriptor.digest,
        packed.wasm.descriptor.digest,
        packed.image.descriptor.digest,
        packed.config.wasm.digest,
    ]


def test_what_other_clients_ask_for_is_attached_everywhere(packed: Packed, build: Build) -> None:
    everywhere = {claim.predicate_type for claim in _claims(packed, build) if claim.everywhere}

    assert everywhere == {provenance.PREDICATE_TYPE, sbom.PREDICATE_TYPE, vulns.PREDICATE_TYPE}


def test_provenance_names_source_tools_and_builder(packed: Packed, build: Build) -> None:
    statement = Statement.from_bytes(_claims(packed, build)[0].statement)
    read = provenance.Provenance.from_json(statement.predicate)

    assert read.builder_id == BUILDER_ISOLATED
    assert read.dependencies[0].name == "source"
    assert [tool.uri for tool in read.dependencies[1:]] == [
        "https://miniseal.dev/toolchains/wat",
        "pkg:pypi/wasmtime@50.0.1",
    ]
    assert read.internal_parameters == {
        "engine": {"name": "local", "version": None},
        "isolation": "bwrap",
        "network": False,
    }


def test_a_build_without_isolation_is_another_builders(packed: Packed, build: Build) -> None:
    unsafe = replace(build, engine=Description(name="local", isolation=None))

    statement = Statement.from_bytes(_claims(packed, unsafe)[0].statement)

    assert provenance.Provenance.from_json(statement.predicate).builder_id == BUILDER_UNSAFE


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (Checks(passed=("a",)), "PASSED"),
        (Checks(passed=("a",), warned=("b",)), "WARNED"),
        (Checks(passed=("a",), warned=("b",), failed=("c",)), "FAILED"),
    ],
)
def test_the_worst_check_is_the_result(outcome: Checks, result: str) -> None:
    assert checks("pipeline", outcome, "sha256:" + "0" * 64)["result"] == result


def test_the_bill_is_the_same_twice_and_describes_the_wasm(packed: Packed, build: Build) -> None:
    digest = packed.package.descriptor.digest
    bills = [bill_of(packed.config, (), build.tools, package_digest=digest) for _ in range(2)]

    assert json.dumps(bills[0]) == json.dumps(bills[1])
    assert sbom.Sbom.from_json(bills[0]).describes(packed.config.wasm.digest)
    assert "timestamp" not in json.dumps(bills[0])


def test_provenance_names_the_images_that_a_build_ran_in(build: Build) -> None:
    image = Image(name="registry.example/base", digest="sha256:" + "ab" * 32)
    inside = replace(
        build, engine=Description(name="dagger", isolation="x", version="v1", images=(image,))
    )

    read = provenance.Provenance.from_json(provenance_of(inside))

    named = {found.name: found for found in read.dependencies}
    assert named["registry.example/base"].digest == {"sha256": "ab" * 32}
    assert read.internal_parameters["engine"] == {"name": "dagger", "version": "v1"}
    assert read.builder_id == BUILDER_DAGGER
