"""A release is verified at a gate, hosts rely on the gate's word, and give their own."""

import json
import shutil
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kit.commands import Run, run_miniseal
from kit.layouts import attached
from kit.publishing import Publisher
from kit.sigstore import PrivateSigstore

APP = "com.example.greeting"
GATE = "https://gate.example/verifier"
VSA = "https://slsa.dev/verification_summary/v1"
HOSTS = """\
version = 1
serial = 1
expires = 2099-01-01T00:00:00Z
max_admission_age = "30d"
{trust}
[signer.publisher]
keys = [{{file = "publisher.pub"}}]

[signer.gate]
{gate}

[[namespace]]
apps = "com.example.*"
publishers = ["publisher"]
permissions = ["storage"]
[namespace.require.verification]
verifiers = [{{signer = "gate", id = "https://gate.example/verifier"}}]
max_age = "7d"
levels = ["SLSA_BUILD_LEVEL_1"]

[permission.storage]
interfaces = ["host:storage/kv@1"]

[host]
platform_version = 1
always = ["env"]
interfaces = {{"host:storage/kv" = "1.0.0"}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A release, the policy that a gate goes by, and the one of hosts that rely on the gate."""

    layout: Path
    package: str
    policy: Path
    hosts: Path
    key: Path

    def verify(self, *more: str | Path, policy: Path | None = None, name: str = "") -> Run:
        reference = f"oci:{self.layout}{name or ':1.0.1'}"
        words = ("verify", reference, "--app", APP, "--policy", policy or self.policy)
        return run_miniseal(*words, *more)

    def attest(self, *more: str | Path, **where: Any) -> Run:
        own = ("--attest", "--verifier-id", GATE, "--key", self.key)
        return self.verify(*own, *more, **where)

    def summaries(self) -> list[dict[str, Any]]:
        found = attached(self.layout, self.package)
        return [each.statement["predicate"] for each in found if each.kind == VSA]


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, examples: Path, vulnerability_db: Path
) -> Platform:
    folder = tmp_path_factory.mktemp("platform")
    publisher = Publisher.new(folder, vulnerability_db)
    released = publisher.release(examples / "greeting", folder / "registry").ok()
    policy = publisher.policy(examples / "greeting", folder / "policy")
    run_miniseal("keys", "generate", folder / "gate.key").ok()
    hosts = folder / "hosts"
    hosts.mkdir()
    shutil.copy(folder / "gate.key.pub", hosts / "gate.pub")
    shutil.copy(folder / "publisher.key.pub", hosts / "publisher.pub")
    text = HOSTS.format(trust="", gate='keys = [{file = "gate.pub"}]')
    (hosts / "policy.toml").write_text(text, encoding="utf-8")
    return Platform(
        layout=folder / "registry",
        package=str(released["package"]),
        policy=policy,
        hosts=hosts / "policy.toml",
        key=folder / "gate.key",
    )


@pytest.fixture
def platform(made: Platform, tmp_path: Path) -> Platform:
    """With a layout that a test may change."""
    layout = Path(shutil.copytree(made.layout, tmp_path / "registry"))
    return Platform(
        layout=layout, package=made.package, policy=made.policy, hosts=made.hosts, key=made.key
    )


def test_hosts_that_rely_on_a_gate_wait_for_its_word(platform: Platform, tmp_path: Path) -> None:
    where = ("--policy", platform.hosts, "--state", tmp_path / "state")
    install = ("install", APP, f"oci:{platform.layout}:1.0.1", *where)
    run_miniseal(*install).refused("attestation-missing")

    result = platform.attest().ok()

    assert result["attested"]["predicate_type"] == VSA
    (summary,) = platform.summaries()
    assert summary["verificationResult"] == "PASSED"
    assert summary["verifiedLevels"] == ["SLSA_BUILD_LEVEL_1"]
    assert summary["policy"]["digest"]["sha256"] == result["policy"]["digest"][7:]
    assert len(summary["inputAttestations"]) == len(result["evidence"]) == 6
    run_miniseal(*install).ok()
    run_miniseal("load", APP, *where).ok()


def test_a_gates_refusal_holds_until_it_says_otherwise(platform: Platform, tmp_path: Path) -> None:
    shutil.copytree(platform.policy.parent, tmp_path / "strict")
    strict = tmp_path / "strict" / "policy.toml"
    text = strict.read_text(encoding="utf-8").replace("passed = [", 'passed = ["fuzzing", ')
    strict.write_text(text, encoding="utf-8")
    platform.attest().ok()
    by_digest = {"policy": strict, "name": f"@{platform.package}"}

    platform.attest(policy=strict).refused("test-missing")
    assert len(platform.summaries()) == 1
    platform.attest("--attest-refusal", policy=strict).refused("refusal-by-tag", 2)
    assert len(platform.summaries()) == 1
    platform.attest("--attest-refusal", "--explain", **by_digest).refused("test-missing")

    assert [each["verificationResult"] for each in platform.summaries()].count("FAILED") == 1
    platform.verify(policy=platform.hosts).refused("summary-failed")


@pytest.mark.parametrize(
    "words",
    [
        ("--attest",),
        ("--attest", "--verifier-id", GATE),
        ("--attest", "--verifier-id", "gate"),
        ("--attest-refusal",),
    ],
    ids=["no verifier", "no key", "no URI", "nothing to attest"],
)
def test_words_that_do_not_fit_are_refused(platform: Platform, words: tuple[str, ...]) -> None:
    platform.verify(*words).refused("usage", 2)

    assert platform.summaries() == []


def test_a_gate_can_sign_with_an_identity(
    platform: Platform, tmp_path: Path, sigstore: PrivateSigstore
) -> None:
    folder = Path(shutil.copytree(platform.hosts.parent, tmp_path / "hosts"))
    shutil.copy(sigstore.trusted_root, folder / "trusted_root.json")
    issuer, identity = sigstore.issuer_url("email"), sigstore.identity("email")
    gate = f'issuer = "{issuer}"\nidentity = "{identity}"'
    trust = '\n[trust]\ntrusted_root = "trusted_root.json"\n'
    (folder / "policy.toml").write_text(HOSTS.format(trust=trust, gate=gate), encoding="utf-8")
    token = tmp_path / "token"
    token.write_text(sigstore.token("email"), encoding="utf-8")
    keyless = ("--keyless", "--identity-token", token, "--trust-config", sigstore.trust_config)

    with sigstore.inside():
        platform.verify("--attest", "--verifier-id", GATE, *keyless).ok()

    result = platform.verify(policy=folder / "policy.toml").ok()
    summary = next(each for each in result["evidence"] if each["predicateType"] == VSA)
    assert summary["identity"]["subject"] == identity


def test_a_host_shows_what_it_has_signed(platform: Platform, tmp_path: Path) -> None:
    state, out = ("--state", tmp_path / "state"), tmp_path / "summary.json"
    run_miniseal("summary", "key", *state).refused("not-installed")
    run_miniseal("summary", "show", APP, *state).refused("not-installed")
    install = ("install", APP, f"oci:{platform.layout}:1.0.1", "--policy", platform.policy)
    run_miniseal(*install, *state).ok()

    key = run_miniseal("summary", "key", *state).ok()
    shown = run_miniseal("summary", "show", APP, *state, "-o", out).ok()

    bundle = json.loads(out.read_bytes())
    statement = json.loads(b64decode(bundle["dsseEnvelope"]["payload"]))
    assert statement["predicate"] == shown["predicate"]
    assert statement["subject"] == shown["subject"]
    assert shown["subject"] == [{"name": APP, "digest": {"sha256": platform.package[7:]}}]
    assert shown["predicate"]["verifier"]["id"] == key["verifier_id"]
    assert bundle["verificationMaterial"]["publicKey"]["hint"] == key["hint"] == shown["key"]
    audit = shown["predicate"]["https://miniseal.dev/verification-summary/audit/v1"]
    anchor = f"{audit['count']}:{audit['head']}"
    run_miniseal("audit", "verify", *state, "--anchor", anchor).ok()
