from pathlib import Path

import pytest

from miniseal.attestations import FileSigner, generate_key
from miniseal.packager import Project
from miniseal.pipeline.selfpolicy import policy_of, policy_text
from miniseal.pipeline.steps.attest import BUILDER_ISOLATED, BUILDER_UNSAFE
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
    assert [builder.id for builder in policy.document.builder] == [BUILDER_ISOLATED]


def test_a_releases_own_policy_names_both_builders(signer: FileSigner) -> None:
    policy = policy_of(Project.load(EXAMPLES / "tip"), signer)

    builders = [builder.id for builder in policy.document.builder]
    assert builders == [BUILDER_ISOLATED, BUILDER_UNSAFE]
