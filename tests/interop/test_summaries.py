"""cosign verifies what a gate says of a package, and what a host says of an admission."""

import shutil
from pathlib import Path

import pytest

from kit.commands import run_miniseal
from kit.cosign import Cosign
from kit.exchange import Published
from kit.layouts import tags
from kit.registries import Registry

APP = "com.example.tip"
GATE = "https://gate.example/verifier"
VSA = "https://slsa.dev/verification_summary/v1"
WITHOUT_LOG = "--insecure-ignore-tlog"


@pytest.fixture
def layout(tip: Published, tmp_path: Path) -> Path:
    """A copy of the release that a test may change."""
    return Path(shutil.copytree(tip.layout, tmp_path / "layout"))


def test_a_gates_summary_in_a_registry(
    tip: Published, layout: Path, key: Path, registry: Registry, cosign: Cosign
) -> None:
    words = ("verify", f"oci:{layout}:{tip.tag}", "--app", APP)
    policy = ("--policy", tip.policy / "policy.toml")
    run_miniseal(*words, *policy, "--attest", "--verifier-id", GATE, "--key", key).ok()
    registry.push(layout, "verified")
    reference = registry.reference("verified", tip.tag)

    verify = ("verify-attestation", "--key", f"{key}.pub", WITHOUT_LOG, "--type")
    cosign(*verify, VSA, reference).ok()
    assert VSA in cosign("tree", reference).ok()


def test_a_hosts_summary_as_a_file(
    tip: Published, layout: Path, cosign: Cosign, tmp_path: Path
) -> None:
    state = ("--state", tmp_path / "state")
    policy = ("--policy", tip.policy / "policy.toml")
    run_miniseal("install", APP, f"oci:{layout}:{tip.tag}", *policy, *state).ok()
    bundle, public = tmp_path / "summary.json", tmp_path / "host.pub"
    run_miniseal("summary", "show", APP, *state, "-o", bundle).ok()
    public.write_text(run_miniseal("summary", "key", *state).ok()["public_key"], encoding="utf-8")
    digest = tags(layout)[tip.tag].removeprefix("sha256:")

    verify = ("verify-blob-attestation", "--key", public, WITHOUT_LOG, "--bundle", bundle)
    about = ("--type", VSA, "--digestAlg", "sha256", "--digest")
    cosign(*verify, *about, digest).ok()
    cosign(*verify, *about, "0" * 64).refused("does not match any digest in statement")
