"""What an attacker would do where a publisher signs keyless; every refusal by its code."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from kit.fakesigstore import GITHUB, SUBJECT, FakeSigstore, b64
from kit.hosts import install_code
from kit.keyless import KEYLESS, FakeSigner, keyless_scene, statement
from kit.packages import APP, NOW, SOURCE, Scene, checks, key, package, provenance, scan
from miniseal.attestations import sign_statement
from miniseal.formats.errors import MinisealError
from miniseal.verifier.collect import collect
from miniseal.verifier.keyring import Keyring
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.signatures.trust import TrustedRoot

DAY = 86_400


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return keyless_scene(tmp_path)


@pytest.fixture
def signer() -> FakeSigner:
    return FakeSigner.of()


@pytest.mark.parametrize("rekor", [1, 2])
def test_a_package_signed_by_the_workflow_is_admitted_and_loaded(scene: Scene, rekor: int) -> None:
    made = scene.release(signer=FakeSigner.of(rekor=rekor))

    admission = scene.verifier().install(APP, scene.repository, "1.0.0")

    assert scene.verifier().load(APP).wasm == made.wasm
    own = [each for each in admission.evidence if each["signers"] == ["acme"]]
    assert len(own) == 5
    assert {each["identity"]["subject"] for each in own} == {SUBJECT}
    assert {each["key"] for each in own} == {None}
    assert scene.verifier().readmit(APP).package == made.digest


def _callers() -> dict[str, dict[str, str]]:
    return {
        "another-repository": {**GITHUB, "15": "999", "12": "https://github.com/mallory/x"},
        "another-owner": {**GITHUB, "17": "999"},
        "another-ref": {**GITHUB, "14": "refs/tags/v1"},
        "a-self-hosted-runner": {**GITHUB, "11": "self-hosted"},
        "no-source": {name: value for name, value in GITHUB.items() if name != "15"},
    }


@pytest.mark.parametrize("caller", _callers())
def test_the_same_workflow_called_by_somebody_else_is_refused(scene: Scene, caller: str) -> None:
    scene.release(signer=FakeSigner.of(extensions=_callers()[caller]))

    assert install_code(scene) == "identity-mismatch"


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param(f"{SUBJECT}-and-more", id="longer"),
        pytest.param(SUBJECT.removesuffix("n"), id="shorter"),
        pytest.param(SUBJECT.replace("acme", "ACME"), id="other-case"),
        pytest.param(f"{SUBJECT}#x", id="fragment"),
        pytest.param(SUBJECT.replace("https", "http"), id="other-scheme"),
    ],
)
def test_a_subject_that_only_resembles_the_allowed_one_is_refused(
    scene: Scene, subject: str
) -> None:
    scene.release(signer=FakeSigner.of(subject=subject))

    assert install_code(scene) == "identity-mismatch"


def test_a_pattern_matches_in_full(scene: Scene) -> None:
    pattern = SUBJECT.replace("refs/heads/main", "refs/tags/v*")
    scene.policy(KEYLESS.replace(f'identity = "{SUBJECT}"', f'identity_pattern = "{pattern}"'))
    scene.release(signer=FakeSigner.of(subject=pattern.replace("*", "1")))
    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1

    scene.release(code=2, signer=FakeSigner.of(subject="https://evil.example/" + pattern))
    assert install_code(scene, "2.0.0") == "identity-mismatch"


def test_another_issuer_with_the_same_subject_is_refused(scene: Scene) -> None:
    other = "https://issuer.example"
    scene.release(signer=FakeSigner.of(issuer=other, old_issuer=other))

    assert install_code(scene) == "identity-mismatch"


def test_another_sigstore_with_the_same_names_is_refused(scene: Scene) -> None:
    scene.release(signer=FakeSigner.of(sigstore=FakeSigstore("mallory")))

    assert install_code(scene) == "log-entry-invalid"


@pytest.mark.parametrize("minutes", [-20, 20], ids=["not-yet-valid", "expired"])
def test_a_certificate_that_was_not_valid_when_it_signed_is_refused(
    scene: Scene, minutes: int
) -> None:
    sigstore = FakeSigstore()
    leaf = sigstore.leaf(at=NOW - 3600)
    at = NOW - 3600 + minutes * 60
    scene.release(signer=FakeSigner(sigstore=sigstore, leaf=leaf, at=at))

    assert install_code(scene) == "certificate-invalid"


def _payload(bundle: dict[str, Any], change: Any) -> None:
    envelope = bundle["dsseEnvelope"]
    payload = change(base64.b64decode(envelope["payload"]))
    envelope["payload"] = base64.b64encode(payload).decode()


def _reencoded(bundle: dict[str, Any]) -> None:
    """The same statement, spelt with white space."""
    _payload(bundle, lambda data: json.dumps(json.loads(data), indent=1).encode())


def _of_another(bundle: dict[str, Any]) -> None:
    """The log entry of something else that the same certificate has signed."""
    signer = FakeSigner.of()
    other = json.loads(signer.sign_statement(statement(checks(), package(code=9))))
    bundle["verificationMaterial"]["tlogEntries"] = other["verificationMaterial"]["tlogEntries"]


def _without_log(bundle: dict[str, Any]) -> None:
    del bundle["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]


def _signed_twice(bundle: dict[str, Any]) -> None:
    bundle["dsseEnvelope"]["signatures"] *= 2


def _other_type(bundle: dict[str, Any]) -> None:
    bundle["dsseEnvelope"]["payloadType"] = "application/json"


def _with_root(bundle: dict[str, Any]) -> None:
    material = bundle["verificationMaterial"]
    root = FakeSigstore().root.public_bytes(Encoding.DER)
    chain = [material.pop("certificate"), {"rawBytes": base64.b64encode(root).decode()}]
    material["x509CertificateChain"] = {"certificates": chain}


@pytest.mark.parametrize(
    ("twist", "code"),
    [
        (_reencoded, "signature-invalid"),
        (_of_another, "log-entry-invalid"),
        (_without_log, "log-entry-invalid"),
        (_signed_twice, "attestation-missing"),
        (_other_type, "signature-invalid"),
        (_with_root, "attestation-missing"),
    ],
)
def test_a_bundle_that_almost_verifies_is_refused(
    scene: Scene, signer: FakeSigner, twist: Any, code: str
) -> None:
    made = scene.release(signer=signer, without=["checks"])
    twisted = signer.twisted(twist)
    scene.repository.attach(made, twisted.sign_statement(statement(checks(), made)))

    assert install_code(scene) == code


def test_a_duplicate_member_is_no_evidence(scene: Scene, signer: FakeSigner) -> None:
    made = scene.release(signer=signer, without=["checks"])
    bundle = signer.sign_statement(statement(checks(), made))
    twice = bundle.replace(b'"mediaType"', b'"mediaType":"x","mediaType"', 1)
    scene.repository.attach(made, twice)

    assert install_code(scene) == "attestation-missing"


def test_a_timestamp_out_of_its_authoritys_time_is_refused(tmp_path: Path) -> None:
    scene = keyless_scene(tmp_path)
    root = FakeSigstore().trusted_root()
    root["timestampAuthorities"][0]["validFor"]["end"] = "2026-11-01T00:00:00Z"
    (scene.path.parent / "trusted_root.json").write_text(json.dumps(root), encoding="utf-8")
    scene.release(signer=FakeSigner.of(rekor=2))

    assert install_code(scene) == "timestamp-invalid"


def test_the_right_signer_of_another_namespace_is_refused(scene: Scene) -> None:
    other = KEYLESS.replace('apps = "com.acme.*"', 'apps = "com.other.*"')
    scene.policy(other)
    scene.release("com.acme.tip", signer=FakeSigner.of())

    assert install_code(scene) == "namespace-unknown"


def test_a_statement_about_another_package_is_refused(scene: Scene, signer: FakeSigner) -> None:
    made = scene.release(signer=signer, without=["checks"])
    scene.repository.attach(made, signer.sign_statement(statement(checks(), package(code=7))))

    assert install_code(scene) == "subject-mismatch"


def test_junk_beside_good_evidence_changes_nothing(scene: Scene, signer: FakeSigner) -> None:
    made = scene.release(signer=signer)
    stranger = FakeSigner.of(subject="https://evil.example/")
    for number in range(100):
        said = checks([f"test-{number}"])
        scene.repository.attach(made, stranger.sign_statement(statement(said, made)))
    scene.repository.attach(made, b"{" * 10_000)

    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


def test_a_forged_claim_beside_good_evidence_changes_nothing(
    scene: Scene, signer: FakeSigner
) -> None:
    made = scene.release(signer=signer)
    forger = FakeSigner.of(sigstore=FakeSigstore("mallory"))
    bad = scan([("CVE-2026-1", "critical")], finished=NOW - 1)
    scene.repository.attach(made, forger.sign_statement(statement(bad, made)))

    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


def test_a_certificate_of_an_impossible_year_beside_good_evidence_changes_nothing(
    scene: Scene, signer: FakeSigner
) -> None:
    made = scene.release(signer=signer)
    late = FakeSigstore().leaf(at=2_600_000_000).certificate or b""
    impossible = b64(re.sub(rb"(\x18\x0f)[0-9]{4}", rb"\g<1>0000", late))

    def twist(bundle: dict[str, Any]) -> None:
        bundle["verificationMaterial"]["certificate"]["rawBytes"] = impossible

    scene.repository.attach(made, signer.twisted(twist).sign_statement(statement(checks(), made)))

    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


def test_bad_news_of_the_future_is_not_passed_over(scene: Scene) -> None:
    """A clock that is set back must not bring back what was good before."""
    made = scene.release(signer=FakeSigner.of(at=NOW - 7200))
    bad = scan([("CVE-2026-1", "critical")], finished=NOW - 60)
    scene.repository.attach(made, FakeSigner.of(at=NOW).sign_statement(statement(bad, made)))
    scene.now = NOW - 3600

    assert install_code(scene) == "evidence-from-future"


def test_a_denied_workflow_cannot_veto_from_the_future(scene: Scene) -> None:
    text = KEYLESS.replace('signers = ["acme", "scanner"]', 'signers = ["acme", "scanner", "old"]')
    old = KEYLESS[KEYLESS.index("[signer.acme]") : KEYLESS.index("[signer.scanner]")]
    old = old.replace("signer.acme", "signer.old").replace(SUBJECT, f"{SUBJECT}-old")
    text = text.replace("[signer.scanner]", f"{old}[signer.scanner]")
    scene.policy(f'{text}\n[[deny]]\nsigner = "old"\nreason = "stolen"\n')
    made = scene.release(signer=FakeSigner.of())
    thief = FakeSigner.of(subject=f"{SUBJECT}-old", at=NOW + 3600)
    bad = scan([("CVE-2026-1", "critical")], finished=NOW + 3600)
    scene.repository.attach(made, thief.sign_statement(statement(bad, made)))

    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


def test_a_newer_bad_scan_by_the_workflow_decides(scene: Scene, signer: FakeSigner) -> None:
    made = scene.release(signer=signer)
    bad = scan([("CVE-2026-1", "critical")], finished=NOW - 1)
    scene.repository.attach(made, signer.sign_statement(statement(bad, made)))

    assert install_code(scene) == "vulnerability-threshold"


def test_a_denied_workflow_counts_for_nothing(scene: Scene, signer: FakeSigner) -> None:
    scene.policy(f'{KEYLESS}\n[[deny]]\nsigner = "acme"\nreason = "stolen"\n')
    scene.release(signer=signer)

    assert install_code(scene) == "denied"


def test_a_key_that_claims_to_be_the_workflow_is_refused(scene: Scene) -> None:
    made = scene.release(signer=FakeSigner.of(), without=["checks"])
    said = statement(checks(), made)
    scene.repository.attach(made, sign_statement(said, key("acme")))

    assert install_code(scene) == "identity-mismatch"


def test_a_signature_of_the_future_is_refused(scene: Scene) -> None:
    scene.release(signer=FakeSigner.of(at=NOW + 3600))

    assert install_code(scene) == "evidence-from-future"


def test_a_signed_age_is_counted_from_the_verified_time(scene: Scene) -> None:
    rule = '[namespace.require.checks]\nsigners = ["acme"]\n'
    assert rule in KEYLESS
    scene.policy(KEYLESS.replace(rule, f'{rule}max_age = "2d"\n'))
    scene.release(signer=FakeSigner.of(at=NOW - 3600))
    admission = scene.verifier().install(APP, scene.repository, "1.0.0")
    assert admission.record.expires == NOW - 3600 + 2 * DAY

    made = scene.release(code=2, signer=FakeSigner.of(), without=["checks"])
    old = FakeSigner.of(at=NOW - 3 * DAY)
    scene.repository.attach(made, old.sign_statement(statement(checks(), made)))
    assert install_code(scene, "2.0.0") == "evidence-stale"


def test_without_a_trusted_root_that_can_be_read_nothing_is_admitted(scene: Scene) -> None:
    (scene.path.parent / "trusted_root.json").write_text('{"tlogs": 1}', encoding="utf-8")
    scene.release(signer=FakeSigner.of())

    assert install_code(scene) == "policy-invalid"


@pytest.mark.parametrize("root", [b"{", b'{"tlogs":[],"tlogs":[]}', bytes(2**20 + 1)])
def test_a_trusted_root_that_cannot_be_read_makes_nobodys_word_junk(
    scene: Scene, signer: FakeSigner, root: bytes
) -> None:
    """It may come by TUF, and what nobody could verify with it may be bad news."""
    made, policy = package(), Policy.load(scene.path)
    data = signer.sign_statement(statement(checks(failed=["program"]), made))
    keyring = Keyring(policy, policy.namespace(APP))

    with pytest.raises(MinisealError) as caught:
        collect([data], made.digest, policy, keyring, now=NOW, trust=TrustedRoot.of_file(root))

    assert caught.value.code == "trusted-root-invalid"


def test_packages_of_each_other(scene: Scene, signer: FakeSigner) -> None:
    """Evidence moved from one package to another, and back."""
    first, second = scene.release(signer=signer), scene.release(code=2, signer=signer)
    attached: dict[str, Any] = dict(scene.repository.attached)
    scene.repository.attached = {
        first.digest: attached[second.digest],
        second.digest: attached[first.digest],
    }

    assert install_code(scene) == "attestation-missing"


def test_a_key_proves_no_age(scene: Scene, signer: FakeSigner) -> None:
    rule = '[namespace.require.checks]\nsigners = ["acme"]\n'
    either = rule.replace('"acme"', '"acme", "scanner"')
    scene.policy(KEYLESS.replace(rule, f'{either}max_age = "2d"\n'))
    made = scene.release(signer=signer, without=["checks"])
    scene.repository.say(made, checks(), key("scanner"))

    assert install_code(scene) == "evidence-undated"


def test_provenance_of_another_ref_or_an_old_build_is_refused(
    scene: Scene, signer: FakeSigner
) -> None:
    rule = '[namespace.require.provenance]\nsigners = ["acme"]\n'
    assert rule in KEYLESS
    scene.policy(KEYLESS.replace(rule, f'{rule}ref = "refs/tags/v*"\n'))
    made = scene.release(signer=signer, without=["provenance"])
    said = provenance(source={"uri": f"git+{SOURCE}@refs/heads/main"})
    scene.repository.say(made, said, signer)
    assert install_code(scene) == "source-mismatch"

    scene.repository.say(made, provenance(source={"uri": f"git+{SOURCE}@refs/tags/v1"}), signer)
    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1

    dated = KEYLESS.replace(rule, f'{rule}max_age = "1d"\n').replace("serial = 1", "serial = 2")
    scene.policy(dated)
    old = FakeSigner.of(at=NOW - 2 * DAY)
    other = scene.release(code=2, signer=signer, without=["provenance"])
    scene.repository.say(other, provenance(), old)
    assert install_code(scene, "2.0.0") == "evidence-stale"
