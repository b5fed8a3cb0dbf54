from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from miniseal.attestations import FileSigner, generate_key
from miniseal.packager import Project
from miniseal.pipeline.selfpolicy import policy_of, policy_text
from miniseal.pipeline.steps.attest import BUILDER_DAGGER, BUILDER_ISOLATED, BUILDER_UNSAFE
from miniseal.verifier import Policy

EXAMPLES = Path(__file__).parents[3] / "examples"
ALL = sorted(path.parent.name for path in EXAMPLES.glob("*/miniseal.toml"))


@pytest.fixture
def signer(tmp_path: Path) -> FileSigner:
    return generate_key(tmp_path / "key")


@pytest.mark.parametrize("name", ALL)
def test_the_first_policy_of_every_example_reads(name: str, signer: FileSigner) -> None:
    project = Project.load(EXAMPLES / name)
    text = policy_text(project, key="a.pub", expires="2027-01-01T00:00:00Z")

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
    text = policy_text(project, key="a.pub", expires="2027-01-01T00:00:00Z")
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
