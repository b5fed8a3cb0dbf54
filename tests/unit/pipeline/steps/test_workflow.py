"""Provenance of a workflow is what the certificate says, and nothing that a caller sets."""

from dataclasses import replace

import pytest

from kit.fakesigstore import GITHUB
from kit.keyless import FakeSigner
from miniseal.attestations import KeyIdentity
from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates.provenance import Provenance
from miniseal.pipeline.engines.engine import Description
from miniseal.pipeline.steps.attest import Build, provenance_of
from miniseal.pipeline.steps.resolve import Resolved
from miniseal.pipeline.steps.workflow import BUILD_TYPE, Workflow

REPOSITORY = "https://github.com/acme/wallet"
CALLED = "https://github.com/miniseal/miniseal/.github/workflows/release-mini-program.yml"
COMMIT, ITS_COMMIT = "c" * 40, "d" * 40
RUN = f"{REPOSITORY}/actions/runs/7/attempts/1"
CLAIMS = {
    **GITHUB,
    "9": f"{CALLED}@refs/tags/v1.0.0",
    "10": ITS_COMMIT,
    "13": COMMIT,
    "18": f"{REPOSITORY}/.github/workflows/release.yml@refs/heads/main",
    "21": RUN,
}
INPUTS = {"path": "apps/wallet", "engine": "local"}
TREE = f"sha256:{'e' * 64}"


def workflow() -> Workflow:
    return Workflow.of(FakeSigner.of(extensions=CLAIMS).identity, INPUTS)


def code(error: pytest.ExceptionInfo[MinisealError]) -> str:
    return error.value.code


def test_builder_run_and_caller_are_the_certificates(resolved: Resolved) -> None:
    run = workflow()
    build = Build(
        source=run.source(TREE, COMMIT),
        settings=resolved.project.settings,
        tools=resolved.project.tools,
        toolchain=resolved.project.toolchain,
        engine=Description(name="a lie", isolation="of the job that built"),
        invocation="urn:uuid:a-lie",
        started="2001-01-01T00:00:00Z",
        finished="2001-01-01T00:00:00Z",
        workflow=run,
    )

    said = provenance_of(build)
    read = Provenance.from_json(said)

    assert read.build_type == BUILD_TYPE
    assert read.builder_id == f"{CALLED}@refs/tags/v1.0.0"
    assert read.invocation_id == RUN
    assert (read.started_on, read.finished_on) == (None, None)
    assert read.external_parameters["workflow"] == {
        "ref": "refs/heads/main",
        "repository": REPOSITORY,
        "path": ".github/workflows/release.yml",
        "inputs": INPUTS,
    }
    assert read.external_parameters["source"] == {
        "uri": f"git+{REPOSITORY}@refs/heads/main",
        "digest": {"sha256": "e" * 64, "gitCommit": COMMIT},
    }
    assert read.internal_parameters["github"] == {
        "build_signer_digest": ITS_COMMIT,
        "build_trigger": "push",
        "runner_environment": "github-hosted",
        "source_owner_id": GITHUB["17"],
        "source_repository_id": GITHUB["15"],
    }
    assert "lie" not in str(said)


def test_the_source_is_the_commit_that_the_workflow_ran_for() -> None:
    assert workflow().source(TREE, COMMIT).digest["gitCommit"] == COMMIT


@pytest.mark.parametrize("commit", [None, "f" * 40], ids=["changed", "another"])
def test_another_source_is_refused(commit: str | None) -> None:
    with pytest.raises(MinisealError) as error:
        workflow().source(TREE, commit)

    assert code(error) == "workflow-source"


@pytest.mark.parametrize(
    "number", ["9", "10", "11", "12", "13", "14", "15", "17", "18", "20", "21"]
)
def test_a_certificate_that_says_less_is_no_workflows(number: str) -> None:
    claims = {name: text for name, text in CLAIMS.items() if name != number}

    with pytest.raises(MinisealError) as error:
        Workflow.of(FakeSigner.of(extensions=claims).identity, INPUTS)

    assert code(error) == "workflow-unknown"


def test_a_key_is_no_workflow() -> None:
    with pytest.raises(MinisealError) as error:
        Workflow.of(KeyIdentity(hint="a", public_pem=b""), INPUTS)

    assert code(error) == "workflow-unknown"


def test_a_workflow_in_another_repository_keeps_its_whole_name() -> None:
    called = replace(
        workflow(), config="https://github.com/other/repo/.github/workflows/a.yml@main"
    )

    assert called.external["path"] == "https://github.com/other/repo/.github/workflows/a.yml"


def test_a_ref_that_provenance_cannot_name_is_refused_before_anything_is_signed() -> None:
    run = Workflow.of(
        FakeSigner.of(extensions={**CLAIMS, "14": "refs/tags/tip@1.0.0"}).identity, INPUTS
    )

    with pytest.raises(MinisealError) as error:
        run.source(TREE, COMMIT)

    assert code(error) == "workflow-source"
