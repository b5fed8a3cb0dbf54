"""The template for GitLab CI, job by job: with a token as GitLab gives it, and with a key."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.commands import Run
from kit.gitlab import Pipeline
from kit.sigstore import PrivateSigstore

TEMPLATE = Path(__file__).parents[2] / "examples" / "gitlab" / "release.gitlab-ci.yml"
POLICY = Path("platform") / "policy.toml"


@pytest.fixture
def pipeline(
    tmp_path: Path,
    examples: Path,
    key: Path,
    vulnerability_db: Path,
    miniseal: Callable[..., Run],
) -> Pipeline:
    """A pipeline for the tag of `greeting`, which is quick to build."""
    source = tmp_path / "source"
    shutil.copytree(examples / "greeting", source / "greeting")
    policy = source / POLICY
    miniseal("policy", "init", source / "greeting", "--key", f"{key}.pub", "-o", policy).ok()
    return Pipeline(
        text=TEMPLATE.read_text(encoding="utf-8"),
        source=source,
        folder=tmp_path / "jobs",
        variables={
            "APP": "com.example.greeting",
            "CI_COMMIT_TAG": "v1.0.1",
            "MINISEAL_VULNERABILITY_DB": str(vulnerability_db),
            "PROJECT": "greeting",
            "REPOSITORY": f"oci:{tmp_path / 'registry'}",
        },
    )


def keyless(policy: Path, sigstore: PrivateSigstore) -> None:
    """Have a policy name the identity of the private Sigstore's tokens in place of a key."""
    shutil.copy(sigstore.trusted_root, policy.parent / "trusted_root.json")
    by_key = '[signer.publisher]\nkeys = [{file = "publisher.pub"}]\n'
    named = f"""
[trust]
trusted_root = "trusted_root.json"

[signer.publisher]
issuer = "{sigstore.issuer_url("email")}"
identity = "{sigstore.identity("email")}"
"""
    text = policy.read_text(encoding="utf-8")
    assert by_key in text
    policy.write_text(text.replace(by_key, named), encoding="utf-8")


def test_the_jobs_release_with_a_token_what_a_host_verifies(
    pipeline: Pipeline, sigstore: PrivateSigstore
) -> None:
    assert pipeline.jobs == ["build", "rebuild", "scan", "sign", "verify"]
    keyless(pipeline.source / POLICY, sigstore)
    pipeline.variables |= {"MINISEAL_TRUST_CONFIG": str(sigstore.trust_config)}
    pipeline.token = {"GITLAB_CI": "true", "SIGSTORE_ID_TOKEN": sigstore.token("email")}

    with sigstore.inside():
        ended = [pipeline.run(job).ok() for job in pipeline.jobs]

    assert "com.example.greeting 1.0.1 (code 2): verified" in ended[-1].said
    assert json.loads((ended[3].folder / "release.json").read_bytes())["result"]["published"]


def test_a_result_that_was_changed_on_the_way_is_refused(pipeline: Pipeline, key: Path) -> None:
    assert pipeline.text.count("--keyless") == 1
    pipeline.text = pipeline.text.replace("--keyless", f"--key {key}")
    for job in ("build", "rebuild", "scan"):
        pipeline.run(job).ok()

    def change(checkout: Path) -> None:
        result = checkout / "results" / "build" / "test"
        result.write_bytes(result.read_bytes() + b" ")

    ended = pipeline.run("sign", change)

    error = json.loads((ended.folder / "release.json").read_bytes())["error"]
    assert (ended.code, error["code"]) == (1, "results-mismatch")
    assert not (pipeline.folder.parent / "registry").exists()


def test_only_the_job_that_signs_gets_a_token(pipeline: Pipeline) -> None:
    jobs = {name: pipeline.document[name] for name in pipeline.jobs}

    assert [name for name, job in jobs.items() if "id_tokens" in job] == ["sign"]
    assert jobs["sign"]["id_tokens"] == {"SIGSTORE_ID_TOKEN": {"aud": "sigstore"}}
    (line,) = jobs["sign"]["script"]
    assert line.startswith("miniseal release ")
    for part in ("build", "rebuild", "scan"):
        assert f'--performed "$(performed {part})"' in line


def test_no_job_sets_variables_of_another_or_keeps_a_cache(pipeline: Pipeline) -> None:
    for name in pipeline.jobs:
        job = pipeline.document[name]
        assert "cache" not in job
        assert set(job.get("artifacts", {})) <= {"paths", "when"}
