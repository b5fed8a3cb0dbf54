import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kit.fakesigstore import FakeSigstore
from kit.identities import Known
from miniseal.attestations import FileSigner, generate_key
from miniseal.packager import Project
from miniseal.pipeline.selfpolicy import WorkflowSigner, policy_of, policy_text
from miniseal.pipeline.steps.attest import BUILDER_DAGGER, BUILDER_ISOLATED, BUILDER_UNSAFE
from miniseal.verifier import Policy
from miniseal.verifier.signatures.identity import matches

EXAMPLES = Path(__file__).parents[3] / "examples"
ALL = sorted(path.parent.name for path in EXAMPLES.glob("*/miniseal.toml"))


@pytest.fixture
def signer(tmp_path: Path) -> FileSigner:
    return generate_key(tmp_path / "key")


@pytest.mark.parametrize("name", ALL)
def test_the_first_policy_of_every_example_reads(name: str, signer: FileSigner) -> None:
    project = Project.load(EXAMPLES / name)
    text = policy_text(project, signer="a.pub", expires="2027-01-01T00:00:00Z")

    policy = Policy.from_toml(text.encode(), lambda _: signer.public_pem)

    namespace = policy.namespace(project.manifest.app_id)
    assert namespace.executable_assets == ()
    assert namespace.require.provenance is not None
    assert [builder.id for builder in policy.document.builder] == [BUILDER_ISOLATED, BUILDER_DAGGER]


def scanned(**scan: Any) -> Project:
    """An example with another `[scan]`."""
    project = Project.load(EXAMPLES / "tip")
    settings = replace(project.settings, scan=replace(project.settings.scan, **scan))
    return replace(project, settings=settings)


@pytest.mark.parametrize("own", [True, False])
def test_what_a_project_says_of_its_scan_gets_into_both_policies(
    own: bool, signer: FileSigner
) -> None:
    project = scanned(deny_licenses=("GPL-*",), ignore_unfixed=True, vex=("vex/openvex.json",))
    text = policy_text(project, signer="a.pub", expires="2027-01-01T00:00:00Z")
    policy = (
        policy_of(project, signer)
        if own
        else Policy.from_toml(text.encode(), lambda _: signer.public_pem)
    )

    require = policy.namespace(project.manifest.app_id).require

    assert require.vulnerabilities is not None
    assert require.vulnerabilities.vex_signers == ("publisher",)
    assert require.vulnerabilities.ignore_unfixed
    assert require.sbom is not None
    assert require.sbom.deny_licenses == ("GPL-*",)
    assert require.checks is not None
    assert ("licenses" in require.checks.passed) is not own


def test_without_vex_nobody_is_heard(signer: FileSigner) -> None:
    require = policy_of(scanned(), signer).namespace("com.example.tip").require

    assert require.vulnerabilities is not None
    assert require.vulnerabilities.vex_signers == ()


def test_a_releases_own_policy_names_every_builder(signer: FileSigner) -> None:
    policy = policy_of(Project.load(EXAMPLES / "tip"), signer)

    builders = [builder.id for builder in policy.document.builder]
    assert builders == [BUILDER_ISOLATED, BUILDER_DAGGER, BUILDER_UNSAFE]


class TestKeyless:
    def test_a_workflow_is_named_with_the_repository_that_it_ran_for(self) -> None:
        signer = Known.of(FakeSigstore())

        policy = policy_of(Project.load(EXAMPLES / "tip"), signer)

        publisher, named = policy.document.signer["publisher"], signer.named
        assert publisher.keys == ()
        assert (publisher.issuer, publisher.identity) == (named.issuer, named.subject)
        assert publisher.source_repository_id == named.source_repository_id is not None
        assert publisher.source_owner_id == named.source_owner_id is not None
        assert matches(publisher, named)

    def test_a_person_is_named_by_an_address(self) -> None:
        signer = Known.of(
            FakeSigstore(),
            subject="dev@example.com",
            issuer="https://login.example.com",
            old_issuer="https://login.example.com",
            extensions={},
        )

        policy = policy_of(Project.load(EXAMPLES / "tip"), signer)

        publisher = policy.document.signer["publisher"]
        assert publisher.identity == "dev@example.com"
        assert publisher.source_repository_id is None

    def test_the_trusted_root_is_the_signers_own(self) -> None:
        stack = FakeSigstore()

        policy = policy_of(Project.load(EXAMPLES / "tip"), Known.of(stack))

        assert policy.trusted_root is not None
        assert json.loads(policy.trusted_root) == stack.trusted_root()


def test_a_first_policy_for_a_workflow_admits_its_builds_alone() -> None:
    workflow = "https://github.com/acme/ci/.github/workflows/release.yml@refs/tags/v1.0.0"
    signer = WorkflowSigner(
        issuer="https://token.actions.githubusercontent.com",
        workflow=workflow,
        repository_id="1001",
        owner_id="2002",
        ref="refs/tags/*",
    )
    root = json.dumps(FakeSigstore().trusted_root()).encode()

    text = policy_text(
        Project.load(EXAMPLES / "tip"), signer=signer, expires="2027-01-01T00:00:00Z"
    )

    policy = Policy.from_toml(text.encode(), lambda _: root)
    (builder,) = policy.document.builder
    publisher = policy.document.signer["publisher"]
    require = policy.namespace("com.example.tip").require
    assert (builder.id, builder.level, builder.signers) == (workflow, 3, ("publisher",))
    assert (publisher.identity, publisher.runner_environment) == (workflow, "github-hosted")
    assert (publisher.source_repository_id, publisher.source_owner_id) == ("1001", "2002")
    assert require.provenance is not None
    assert require.provenance.min_level == 3
