"""The reusable workflow keeps who signs apart from what was built: what its YAML says of that.

act gives every job the same environment and enforces no permissions, so that a release which ran in
it shows nothing of this (`tests/integration/test_workflow_release.py` shows the rest).
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".github" / "workflows" / "release-mini-program.yml"
WORKFLOW: dict[Any, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
CALL: dict[str, Any] = WORKFLOW[True]["workflow_call"]  # YAML 1.1 takes `on` for a truth value
PERFORMING = ("build", "rebuild", "scan")
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
NAME = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)+")
CONTEXTS = {"github.actor", "github.token", "job.workflow_repository", "job.workflow_sha"}
"""What expressions may take beside inputs, secrets, and what earlier steps and jobs gave."""


def steps(job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = JOBS[job]["steps"]
    return found


def scripts(job: str) -> str:
    return "\n".join(step.get("run", "") for step in steps(job))


def used(job: str) -> list[str]:
    return [step["uses"].partition("@")[0] for step in steps(job) if "uses" in step]


def test_the_jobs_are_these_and_wait_for_each_other() -> None:
    assert {name: job.get("needs", []) for name, job in JOBS.items()} == {
        "build": [],
        "rebuild": [],
        "scan": "build",
        "sign": ["build", "rebuild", "scan"],
        "verify": "sign",
        "report": ["scan", "sign"],
    }
    conditions = {name: job["if"] for name, job in JOBS.items() if "if" in job}
    assert conditions == {"report": "always() && needs.scan.result == 'success'"}
    assert not [name for name, job in JOBS.items() if "continue-on-error" in job]


@pytest.mark.parametrize("job", PERFORMING)
def test_what_runs_or_reads_the_program_can_get_no_token_and_has_no_secret(job: str) -> None:
    assert JOBS[job]["permissions"] == {"contents": "read"}
    assert "environment" not in JOBS[job]
    assert not re.search(r"\bsecrets\b|github\.token", json.dumps(JOBS[job]))
    assert JOBS[job]["outputs"] == {"results": "${{ steps.perform.outputs.results }}"}


def test_only_the_signing_job_can_get_a_token() -> None:
    able = [name for name, job in JOBS.items() if job["permissions"].get("id-token")]

    assert able == ["sign"]


def test_the_build_and_the_rebuild_are_on_different_images() -> None:
    assert JOBS["build"]["runs-on"] != JOBS["rebuild"]["runs-on"]


@pytest.mark.parametrize("job", [name for name in JOBS if name != "report"])
def test_a_job_refuses_other_runners_first_and_takes_miniseal_at_the_workflows_commit(
    job: str,
) -> None:
    guard, source, own, *_ = steps(job)

    assert guard["run"].splitlines()[0] == 'test "$RUNNER_ENVIRONMENT" = github-hosted'
    assert guard["env"] == {"OURS": "${{ job.workflow_repository }}@${{ job.workflow_sha }}"}
    assert source["with"] == {"path": "source", "persist-credentials": False}
    assert own["with"] == {
        "repository": "${{ job.workflow_repository }}",
        "ref": "${{ job.workflow_sha }}",
        "path": "miniseal",
        "persist-credentials": False,
    }
    assert used(job)[:2] == ["actions/checkout"] * 2


def test_the_signing_job_runs_nothing_of_the_program() -> None:
    words = re.findall(r"\bminiseal (?!/)([a-z]+)\b", scripts("sign"))

    assert words == ["release", "copy"]
    assert used("sign") == [
        *("actions/checkout", "actions/checkout", "actions/setup-python"),
        *("actions/download-artifact",) * 3,
        "actions/upload-artifact",
    ]


def test_the_signing_job_believes_results_by_the_digests_that_their_jobs_gave() -> None:
    (step,) = [step for step in steps("sign") if step.get("id") == "release"]

    for part in PERFORMING:
        assert f'--performed "{part}@${part.upper()}"' in step["run"]
        assert step["env"][part.upper()] == f"${{{{ needs.{part}.outputs.results }}}}"
    assert step["run"].count("--performed") == len(PERFORMING)
    (scan,) = [step for step in steps("scan") if step.get("id") == "perform"]
    assert '--performed "build@$BUILD"' in scan["run"]
    assert scan["env"]["BUILD"] == "${{ needs.build.outputs.results }}"


def test_all_inputs_are_in_the_provenance_and_nothing_else_steers_it() -> None:
    (step,) = [step for step in steps("sign") if step.get("id") == "release"]
    inputs = {f"inputs.{name}" for name in CALL["inputs"]}
    secrets = {f"secrets.{name}" for name in CALL["secrets"]}
    text = "\n".join(line for line in json.dumps(JOBS, indent=1).splitlines())
    named = {name for each in EXPRESSION.findall(text) for name in NAME.findall(each)}
    named |= {name for job in JOBS.values() for name in NAME.findall(str(job.get("if", "")))}
    given = {name for name in named if name.split(".")[0] in {"needs", "steps"}}

    assert step["env"]["INPUTS"] == "${{ toJSON(inputs) }}"
    assert '--workflow-inputs "$INPUTS"' in step["run"]
    assert named - given == inputs | secrets | CONTEXTS


def test_the_authority_that_a_caller_names_gets_a_token_that_is_good_there_alone() -> None:
    text = FILE.read_text(encoding="utf-8")

    lines = [line for line in scripts("sign").splitlines() if "TRUST_CONFIG" in line]
    assert ['--trust-config "source/$TRUST_CONFIG" --bound-token' in line for line in lines] == [
        True
    ]
    assert "MINISEAL_TRUST_CONFIG" not in text
    assert scripts("sign").count('--keyless "$@"') == 1


def test_outputs_are_digests_and_names_that_were_checked() -> None:
    assert JOBS["sign"]["outputs"] == {
        "subject-name": "${{ inputs.repository }}",
        "subject-digest": "${{ steps.release.outputs.subject-digest }}",
        "reference": "${{ steps.release.outputs.reference }}",
        "app-id": "${{ steps.release.outputs.app-id }}",
        "evidence": "${{ inputs.artifact-prefix }}-evidence",
    }
    for job in (*PERFORMING, "sign"):
        lines = [line for line in scripts(job).splitlines() if "GITHUB_OUTPUT" in line]
        assert len(lines) == 1
        assert lines[0].startswith("python3 -I miniseal/.github/program/outputs.py ")
    assert [name for name, job in JOBS.items() if "outputs" in job] == [*PERFORMING, "sign"]


def test_the_findings_are_shown_and_decide_nothing() -> None:
    assert used("report") == ["actions/download-artifact", "github/codeql-action/upload-sarif"]
    assert scripts("report").strip() == ""


def test_the_verifying_job_may_read_alone_and_does_as_a_host_does() -> None:
    assert set(JOBS["verify"]["permissions"].values()) == {"read"}
    words = re.findall(r"\bminiseal (?!/)([a-z]+)\b", scripts("verify"))
    assert words == ["verify"]
