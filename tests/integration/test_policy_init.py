"""A platform's first policy for programs that a workflow releases."""

import json
from pathlib import Path

import pytest

from kit.commands import run_miniseal
from kit.fakesigstore import FakeSigstore

WORKFLOW = "https://github.com/acme/ci/.github/workflows/release.yml@refs/tags/v1.0.0"
NUMBERS = ("--source-repository-id", "1001", "--source-owner-id", "2002")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root.json"
    path.write_text(json.dumps(FakeSigstore().trusted_root()), encoding="utf-8")
    return path


def test_it_pins_workflow_and_caller_and_reads(root: Path, examples: Path, tmp_path: Path) -> None:
    policy = tmp_path / "platform" / "policy.toml"

    run_miniseal(
        *("policy", "init", examples / "tip", "--workflow", WORKFLOW, *NUMBERS),
        *("--trusted-root", root, "-o", policy),
    ).ok()

    assert (policy.parent / "trusted_root.json").read_bytes() == root.read_bytes()
    said = run_miniseal("policy", "check", policy).ok()
    lines = " ".join(line for section in said["demands"].values() for line in section)
    for word in (WORKFLOW, "1001", "2002", "refs/tags/*", "github-hosted"):
        assert word in lines


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--key", "a.pub", "--workflow", WORKFLOW),
        ("--workflow", WORKFLOW),
        ("--workflow", WORKFLOW, *NUMBERS),
    ],
    ids=["nobody", "both", "anybody", "unrooted"],
)
def test_a_signer_that_is_not_pinned_is_refused(
    words: tuple[str, ...], examples: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"

    run = run_miniseal("policy", "init", examples / "tip", *words, "-o", policy)

    run.refused("usage", 2)
    assert not policy.exists()


def test_what_names_no_workflow_is_refused(root: Path, examples: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"

    run = run_miniseal(
        *("policy", "init", examples / "tip", "--workflow", "https://github.com/acme/ci"),
        *(*NUMBERS, "--trusted-root", root, "-o", policy),
    )

    run.refused("policy-invalid", 2)
    assert not policy.exists()
