"""The template for GitLab CI, job by job, with a key in place of GitLab's token."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from kit.commands import Run
from kit.gitlab import Pipeline

TEMPLATE = Path(__file__).parents[2] / "examples" / "gitlab" / "release.gitlab-ci.yml"


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
    policy = source / "platform" / "policy.toml"
    miniseal("policy", "init", source / "greeting", "--key", f"{key}.pub", "-o", policy).ok()
    text = TEMPLATE.read_text(encoding="utf-8")
    assert text.count("--keyless") == 1
    return Pipeline(
        text=text.replace("--keyless", f"--key {key}"),
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


def test_the_jobs_release_what_a_host_verifies(pipeline: Pipeline) -> None:
    assert pipeline.jobs == ["build", "rebuild", "scan", "sign", "verify"]

    ended = [pipeline.run(job).ok() for job in pipeline.jobs]

    assert "com.example.greeting 1.0.1 (code 2): verified" in ended[-1].said
    assert json.loads((ended[3].folder / "release.json").read_bytes())["result"]["published"]


def test_a_result_that_was_changed_on_the_way_is_refused(pipeline: Pipeline) -> None:
    for job in ("build", "rebuild", "scan"):
        pipeline.run(job).ok()

    def change(checkout: Path) -> None:
        results = checkout / "results" / "build" / "results.json"
        results.write_bytes(results.read_bytes() + b" ")

    ended = pipeline.run("sign", change)

    error = json.loads((ended.folder / "release.json").read_bytes())["error"]
    assert (ended.code, error["code"]) == (1, "results-mismatch")
    assert not (pipeline.folder.parent / "registry").exists()


def test_only_the_job_that_signs_gets_a_token() -> None:
    document = yaml.safe_load(TEMPLATE.read_bytes())
    jobs = {name: job for name, job in document.items() if isinstance(job, dict)}

    assert [name for name, job in jobs.items() if "id_tokens" in job] == ["sign"]
    assert jobs["sign"]["id_tokens"] == {"SIGSTORE_ID_TOKEN": {"aud": "sigstore"}}
    said = [line for line in jobs["sign"]["script"] if "miniseal" in line]
    assert [line.split()[:2] for line in said] == [["miniseal", "release"]]
    assert all(line.count("--performed") == 3 for line in said)
