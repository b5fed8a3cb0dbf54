import json
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from kit.packages import APP, NOW, POLICY, Scene, bundle, key, provenance
from miniseal.attestations import FileSigner, generate_key
from miniseal.formats.bundle import Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.predicates.vsa import PREDICATE_TYPE, AuditMark, Vsa
from miniseal.formats.statement import Statement
from miniseal.formats.times import to_text
from miniseal.verifier import Policy
from miniseal.verifier.core import Trusting
from miniseal.verifier.examine import Examined, examine
from miniseal.verifier.host.head import Head
from miniseal.verifier.host.reader import StateReader
from miniseal.verifier.host.record import Record
from miniseal.verifier.host.state import State
from miniseal.verifier.host.summary import HostKey, Summary, read_summary, summarise, verifier_id
from miniseal.verifier.policy.values import POLICY_INVALID
from miniseal.verifier.signatures.keys import PublicKey
from miniseal.verifier.summary import failed, level_of, passed

HOST = "0123456789abcdef0123456789abcdef"
ANCHOR = (7, sha256(b"a line"))
ID = "https://platform.example/gate"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    scene.release()
    return scene


def look(scene: Scene) -> tuple[Examined, Policy]:
    policy = Policy.load(scene.path)
    return examine(APP, scene.repository, "1.0.0", Trusting(policy=policy, now=NOW)), policy


def state_of(folder: Path) -> State:
    folder.mkdir(exist_ok=True)
    return State(str(folder), StateReader(str(folder)), os.urandom)


def summary(scene: Scene, folder: Path) -> Summary:
    examined, policy = look(scene)
    return summarise(
        state_of(folder),
        examined.verdict,
        policy,
        examined.evidence,
        host=HOST,
        anchor=ANCHOR,
    )


def test_a_summary_says_what_was_verified_by_which_policy_and_when(scene: Scene) -> None:
    examined, policy = look(scene)

    said = passed(examined.verdict, policy, examined.evidence, verifier_id=ID)

    assert said.passed
    assert said.verifier_id == ID
    assert said.verified_on == "2026-11-21T12:00:00Z"
    assert said.resource_uri == "pkg:generic/com.acme.tip@1.0.0"
    assert f"sha256:{said.policy.digest['sha256']}" == policy.digest
    assert said.policy.annotations == {"serial": 1}
    assert {f"sha256:{each.digest['sha256']}" for each in said.inputs} == {
        each.bundle for each in examined.evidence
    }
    assert said.levels == ("SLSA_BUILD_LEVEL_2",)
    assert said.audit is None
    assert Vsa.from_json(said.to_json()) == said


def test_a_policy_is_called_by_its_digest(scene: Scene) -> None:
    examined, policy = look(scene)

    uri = passed(examined.verdict, policy, (), verifier_id=ID).policy.uri

    assert uri is not None
    assert uri.startswith("ni:///sha-256;")
    assert len(uri) == len("ni:///sha-256;") + 43


def test_a_refusal_has_no_level(scene: Scene) -> None:
    examined, policy = look(scene)

    said = failed(examined.verdict.config, policy, verifier_id=ID, now=NOW)

    assert not said.passed
    assert (said.result, said.levels) == ("FAILED", ("FAILED",))
    assert said.resource_uri == "pkg:generic/com.acme.tip@1.0.0"


def test_the_level_is_the_highest_of_a_builder_whose_provenance_is_accepted(scene: Scene) -> None:
    better = "https://builders.example/better"
    scene.policy(f'{POLICY}\n[[builder]]\nid = "{better}"\nsigners = ["acme"]\nlevel = 3\n')
    examined, policy = look(scene)
    assert level_of(examined.verdict, policy, examined.evidence) == 2

    made = scene.release(version="1.0.1", code=2)
    scene.repository.say(made, provenance(builder=better, source={"uri": "https://fork.example"}))
    examined = examine(APP, scene.repository, "1.0.1", Trusting(policy=policy, now=NOW))
    assert level_of(examined.verdict, policy, examined.evidence) == 2

    scene.repository.say(made, provenance(builder=better))
    examined = examine(APP, scene.repository, "1.0.1", Trusting(policy=policy, now=NOW))
    assert level_of(examined.verdict, policy, examined.evidence) == 3


def test_without_provenance_nothing_is_claimed(scene: Scene) -> None:
    examined, policy = look(scene)

    said = passed(examined.verdict, policy, (), verifier_id=ID)

    assert said.levels == ("SLSA_BUILD_LEVEL_0",)


def test_where_no_provenance_is_demanded_the_publishers_counts(tmp_path: Path) -> None:
    rule = POLICY.index("[namespace.require.provenance]")
    scene = Scene(tmp_path)
    scene.policy(POLICY[:rule] + POLICY[POLICY.index("[namespace.require.sbom]") :])
    scene.release()
    examined, policy = look(scene)

    assert level_of(examined.verdict, policy, examined.evidence) == 2


def test_a_hosts_summary_is_a_statement_about_the_package_under_its_key(
    scene: Scene, tmp_path: Path
) -> None:
    examined, _ = look(scene)

    made = summary(scene, tmp_path / "host")

    bundle = Bundle.from_bytes(made.bundle)
    statement = Statement.from_bytes(bundle.envelope.payload)
    said = Vsa.from_json(statement.predicate)
    public = PublicKey.from_pem(
        HostKey.read(tmp_path / "host").public_pem, what="key", code=POLICY_INVALID
    )
    assert public.verifies(bundle.envelope)
    assert bundle.key_hint == public.hint
    assert made.key == public.digest
    assert statement.predicate_type == PREDICATE_TYPE
    assert len(statement.subjects) == 1
    assert statement.names(examined.verdict.package.digest)
    assert said.verifier_id == verifier_id(HOST) == f"https://miniseal.dev/hosts/{HOST}"
    assert said.audit == AuditMark(count=7, head=sha256(b"a line"))
    assert b"keyid" not in made.bundle


def test_a_records_entry_leads_to_the_bundle_and_names_no_signer(
    scene: Scene, tmp_path: Path
) -> None:
    made = summary(scene, tmp_path / "host")

    entry = made.to_json()

    assert entry["bundle"] == sha256(made.bundle)
    assert entry["size"] == len(made.bundle)
    assert entry["signers"] == []


def test_a_host_keeps_its_key(scene: Scene, tmp_path: Path) -> None:
    first, second = (summary(scene, tmp_path / "host") for _ in range(2))

    assert first.key == second.key
    assert summary(scene, tmp_path / "another").key != first.key


def test_the_key_is_the_hosts_users_alone(tmp_path: Path) -> None:
    HostKey.open(state_of(tmp_path / "host"))

    mode = (tmp_path / "host" / "host.key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert [path.name for path in (tmp_path / "host").iterdir()] == ["host.key"]


def test_there_is_no_key_before_the_first_admission(tmp_path: Path) -> None:
    with pytest.raises(MinisealError) as error:
        HostKey.read(tmp_path)

    assert error.value.code == "not-installed"


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    state = state_of(tmp_path)
    HostKey.open(state)
    (tmp_path / "host.key").chmod(0o640)

    with pytest.raises(MinisealError) as error:
        HostKey.open(state)

    assert error.value.code == "host-key-unusable"


def pem(key: ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a key",
        key("acme").public_pem,
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(ec.generate_private_key(ec.SECP256R1()), b"secret"),
    ],
    ids=["empty", "text", "public", "P-384", "encrypted"],
)
def test_a_file_that_is_no_such_key_is_refused_and_not_replaced(
    tmp_path: Path, content: bytes
) -> None:
    state = state_of(tmp_path)
    state.write_own("host.key", content)

    with pytest.raises(MinisealError) as error:
        HostKey.open(state)

    assert error.value.code == "host-key-unusable"
    assert (tmp_path / "host.key").read_bytes() == content


def test_an_ed25519_key_is_refused(tmp_path: Path) -> None:
    generate_key(tmp_path / "host.key", kind="ed25519")

    with pytest.raises(MinisealError) as error:
        HostKey.read(tmp_path)

    assert error.value.code == "host-key-unusable"


def test_no_link_is_followed_to_a_key(tmp_path: Path) -> None:
    generate_key(tmp_path / "other.key")
    state = tmp_path / "state"
    state.mkdir()
    (state / "host.key").symlink_to(tmp_path / "other.key")

    with pytest.raises(MinisealError) as error:
        HostKey.read(state)

    assert error.value.code == "state-unreadable"


def own_summary(scene: Scene) -> tuple[Bundle, Vsa]:
    bundle = Bundle.from_bytes(scene.verifier().summary(APP))
    return bundle, Vsa.from_json(Statement.from_bytes(bundle.envelope.payload).predicate)


def test_an_admission_leaves_a_summary_that_the_hosts_key_verifies(scene: Scene) -> None:
    verifier = scene.verifier()
    admission = verifier.install(APP, scene.repository, "1.0.0")

    bundle, said = own_summary(scene)
    public = PublicKey.from_pem(verifier.public_key(), what="key", code=POLICY_INVALID)
    assert public.verifies(bundle.envelope)
    assert said.passed
    assert said.verifier_id.startswith("https://miniseal.dev/hosts/")
    assert Statement.from_bytes(bundle.envelope.payload).names(admission.package)
    assert {f"sha256:{each.digest['sha256']}" for each in said.inputs} == {
        entry["bundle"] for entry in admission.to_json()["evidence"] if entry["signers"]
    }


def test_a_summary_says_where_the_audit_log_ended(scene: Scene) -> None:
    verifier = scene.verifier()
    verifier.install(APP, scene.repository, "1.0.0")
    _, said = own_summary(scene)
    verifier.readmit(APP)

    assert said.audit is not None
    audit = verifier.audit(anchors=[(said.audit.count, said.audit.head)])
    assert audit.entries[said.audit.count - 1]["event"] == "install"


def test_each_admission_has_one_summary_of_its_own(scene: Scene) -> None:
    verifier = scene.verifier()
    verifier.install(APP, scene.repository, "1.0.0")
    first = verifier.summary(APP)
    scene.now += 60

    admission = verifier.readmit(APP)

    _, said = own_summary(scene)
    assert verifier.summary(APP) != first
    assert said.verified_on == "2026-11-21T12:01:00Z"
    kinds = [entry["predicateType"] for entry in admission.to_json()["evidence"]]
    assert kinds.count(PREDICATE_TYPE) == 1


def test_another_host_can_rely_on_it_without_seeing_the_rest(scene: Scene, tmp_path: Path) -> None:
    made = scene.release(code=2, version="1.0.1")
    verifier = scene.verifier()
    verifier.install(APP, scene.repository, "1.0.1")
    bundle, said = own_summary(scene)
    other = Scene(tmp_path / "other")
    other.release(made=made, without=["sbom", "scan", "checks", "scai"])
    (other.path.parent / "gate.pub").write_bytes(verifier.public_key())
    rules = POLICY[POLICY.index("[namespace.require.provenance]") : POLICY.index("[permission.")]
    text = POLICY.replace(
        rules,
        "[namespace.require.verification]\n"
        f'verifiers = [{{signer = "gate", id = "{said.verifier_id}"}}]\nmax_age = "1d"\n\n',
    ).replace("[[builder]]", '[signer.gate]\nkeys = [{file = "gate.pub"}]\n\n[[builder]]')
    other.policy(text)
    with pytest.raises(MinisealError) as error:
        other.verifier().install(APP, other.repository, "1.0.1")
    assert error.value.code == "attestation-missing"

    other.repository.attach(made, bundle.to_bytes())
    admission = other.verifier().install(APP, other.repository, "1.0.1")

    assert admission.expires == "2026-11-22T12:00:00Z"
    assert other.verifier().readmit(APP).package == made.digest
    _, own = own_summary(other)
    assert own.verifier_id != said.verifier_id


def test_a_summary_goes_with_its_program(scene: Scene) -> None:
    verifier = scene.verifier()
    verifier.install(APP, scene.repository, "1.0.0")
    verifier.remove(APP)

    with pytest.raises(MinisealError) as error:
        verifier.summary(APP)

    assert error.value.code == "not-installed"
    assert list((scene.state / "blobs" / "sha256").iterdir()) == []


def test_a_summary_that_was_changed_is_not_shown(scene: Scene) -> None:
    verifier = scene.verifier()
    verifier.install(APP, scene.repository, "1.0.0")
    data = verifier.summary(APP)
    blob = scene.state / "blobs" / "sha256" / sha256(data).removeprefix("sha256:")
    blob.write_bytes(data.replace(b"v0.3", b"v0.2"))

    with pytest.raises(MinisealError) as error:
        verifier.summary(APP)

    assert error.value.code == "digest-mismatch"


class Unsummed(StateReader):
    """A state whose admissions have no summary."""

    def record(self, head: Head, app_id: str) -> Record:
        record = super().record(head, app_id)
        record.evidence = tuple(entry for entry in record.evidence if entry["signers"])
        return record


def test_an_admission_without_a_summary_is_told(scene: Scene) -> None:
    scene.verifier().install(APP, scene.repository, "1.0.0")

    with pytest.raises(MinisealError) as error:
        read_summary(Unsummed(str(scene.state)), APP)

    assert error.value.code == "summary-missing"


def test_a_host_whose_key_is_exposed_admits_nothing(scene: Scene) -> None:
    verifier = scene.verifier()
    verifier.install(APP, scene.repository, "1.0.0")
    (scene.state / "host.key").chmod(0o644)

    with pytest.raises(MinisealError) as error:
        verifier.readmit(APP)

    assert error.value.code == "host-key-unusable"
    assert verifier.load(APP).app_id == APP


def gated(scene: Scene) -> None:
    """Let the policy demand a summary by `second`, as the verifier `ID`."""
    rule = f'verifiers = [{{signer = "gate", id = "{ID}"}}]\nmax_age = "7d"\n\n'
    scene.policy(
        POLICY.replace(
            "[permission.", f"[namespace.require.verification]\n{rule}[permission."
        ).replace("[[builder]]", '[signer.gate]\nkeys = [{file = "second.pub"}]\n\n[[builder]]')
    )


def gate_says(
    *,
    ago: int,
    result: str = "PASSED",
    by: str = ID,
    about: str = f"pkg:generic/{APP}@1.0.0",
    used: str = "ab" * 32,
) -> dict[str, object]:
    return Vsa(
        verifier_id=by,
        verified_on=to_text(NOW - ago),
        resource_uri=about,
        policy=Resource(digest={"sha256": used}),
        result=result,
        levels=("SLSA_BUILD_LEVEL_1",) if result == "PASSED" else ("FAILED",),
    ).to_json()


def test_a_gate_may_verify_every_day(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    made = scene.release()
    gated(scene)
    for day in range(100):
        said = gate_says(ago=day * 86_400, result="FAILED" if day else "PASSED")
        scene.repository.say(made, (PREDICATE_TYPE, said), key("second"))

    admission = scene.verifier().install(APP, scene.repository, "1.0.0")

    kinds = [entry["predicateType"] for entry in admission.to_json()["evidence"]]
    assert kinds.count(PREDICATE_TYPE) == 2  # the gate's latest, and the host's own


def test_what_a_gate_says_as_another_verifier_hides_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    made = scene.release()
    gated(scene)
    for said in (gate_says(ago=100), gate_says(ago=50, by=f"{ID}/other", result="FAILED")):
        scene.repository.say(made, (PREDICATE_TYPE, said), key("second"))

    assert scene.verifier().install(APP, scene.repository, "1.0.0").app_id == APP


@pytest.mark.parametrize(
    "later",
    [gate_says(ago=50, about="pkg:generic/com.other@1.0.0"), gate_says(ago=50, used="cd" * 32)],
    ids=["another resource", "another policy"],
)
def test_what_a_gate_says_of_something_else_hides_no_failure(
    tmp_path: Path, later: dict[str, object]
) -> None:
    scene = Scene(tmp_path)
    made = scene.release()
    gated(scene)
    text = scene.path.read_text(encoding="utf-8")
    digest = "ab" * 32
    scene.policy(text.replace('max_age = "7d"', f'max_age = "7d"\npolicies = ["sha256:{digest}"]'))
    for said in (gate_says(ago=100, result="FAILED"), later):
        scene.repository.say(made, (PREDICATE_TYPE, said), key("second"))

    with pytest.raises(MinisealError) as error:
        scene.verifier().install(APP, scene.repository, "1.0.0")

    assert error.value.code == "summary-failed"


def test_a_forged_later_summary_does_not_hide_a_failure(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    made = scene.release()
    gated(scene)
    scene.repository.say(made, (PREDICATE_TYPE, gate_says(ago=100, result="FAILED")), key("second"))
    forged = bundle_of(gate_says(ago=50), [made.digest], key("second"))
    swapped = json.loads(forged)
    other = json.loads(bundle_of(gate_says(ago=50), [made.digest], key("stranger")))
    swapped["dsseEnvelope"]["signatures"] = other["dsseEnvelope"]["signatures"]
    scene.repository.attach(made, json.dumps(swapped).encode())

    with pytest.raises(MinisealError) as error:
        scene.verifier().install(APP, scene.repository, "1.0.0")

    assert error.value.code == "summary-failed"


def bundle_of(said: dict[str, object], subjects: list[str], signer: FileSigner) -> bytes:
    return bundle(PREDICATE_TYPE, said, subjects, signer)
