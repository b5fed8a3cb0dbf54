from pathlib import Path
from typing import Any

import pytest

from kit.layouts import attached
from kit.packages import APP, NOW, POLICY, Package, Scene, key
from miniseal.formats.bundle import Bundle
from miniseal.formats.errors import MinisealError, VerificationError
from miniseal.formats.oci import Manifest
from miniseal.formats.predicates.vsa import PREDICATE_TYPE
from miniseal.formats.statement import Statement
from miniseal.pipeline.summary import Sayer, blames_package
from miniseal.registry import LayoutStore, attach
from miniseal.verifier import Policy
from miniseal.verifier.core import Trusting
from miniseal.verifier.examine import examine

GATE = "https://gate.example/verifier"
RELYING = """
[signer.gate]
keys = [{file = "second.pub"}]
"""
RULE = """
[namespace.require.verification]
verifiers = [{signer = "gate", id = "https://gate.example/verifier"}]
max_age = "7d"
levels = ["SLSA_BUILD_LEVEL_1"]
"""
SAYER = Sayer(signer=key("second"), verifier_id=GATE)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def layout(scene: Scene, made: Package, folder: Path) -> LayoutStore:
    """What the scene has of a package, as a store that can be written to."""
    store = LayoutStore(str(folder))
    for descriptor, data in made.contents[1:]:
        store.put(data, descriptor.media_type)
    store.tag("1.0.0", store.put_manifest(made.contents[0][1]))
    for referrer in scene.repository.referrers(made.descriptor):
        layer = Manifest.from_bytes(scene.repository.blobs[referrer.digest]).layers[0]
        bundle = scene.repository.blobs[layer.digest]
        payload = Bundle.from_bytes(bundle).envelope.payload
        attach(store, made.descriptor, bundle, Statement.from_bytes(payload).predicate_type)
    return store


def relying(scene: Scene) -> Policy:
    """The same policy, that demands a summary besides."""
    mark = "\n[permission.storage]"
    text = POLICY.replace("\n[[builder]]", f"{RELYING}\n[[builder]]").replace(mark, RULE + mark)
    scene.path.with_name("relying.toml").write_text(text, encoding="utf-8")
    return Policy.load(scene.path.with_name("relying.toml"))


def say(scene: Scene, made: Package, store: LayoutStore, *, now: int = NOW) -> None:
    policy = Policy.load(scene.path)
    with SAYER.refusing(store, made.digest, policy, now=now):
        examined = examine(APP, store, made.digest, Trusting(policy=policy, now=now))
    SAYER.passed(store, examined, policy)


def judge(scene: Scene, store: LayoutStore, *, now: int = NOW) -> None:
    examine(APP, store, "1.0.0", Trusting(policy=relying(scene), now=now))


def refused(scene: Scene, store: LayoutStore, *, now: int = NOW) -> str:
    with pytest.raises(MinisealError) as error:
        judge(scene, store, now=now)
    return error.value.code


def summaries(folder: Path, made: Package) -> list[dict[str, Any]]:
    found = [each.statement for each in attached(folder, made.digest)]
    return [each for each in found if each["predicateType"] == PREDICATE_TYPE]


def test_who_demands_a_summary_is_content_with_one_that_was_attached(
    scene: Scene, tmp_path: Path
) -> None:
    made = scene.release()
    store = layout(scene, made, tmp_path / "layout")
    assert refused(scene, store) == "attestation-missing"

    say(scene, made, store)

    judge(scene, store)
    (statement,) = summaries(tmp_path / "layout", made)
    predicate = statement["predicate"]
    assert statement["subject"] == [{"name": APP, "digest": {"sha256": made.digest[7:]}}]
    assert predicate["verifier"]["id"] == GATE
    assert predicate["verificationResult"] == "PASSED"
    assert predicate["verifiedLevels"] == ["SLSA_BUILD_LEVEL_2"]
    assert predicate["resourceUri"] == f"pkg:generic/{APP}@1.0.0"


def test_a_summary_gets_too_old(scene: Scene, tmp_path: Path) -> None:
    made = scene.release()
    store = layout(scene, made, tmp_path / "layout")
    say(scene, made, store)

    assert refused(scene, store, now=NOW + 7 * 86_400) == "summary-stale"


def test_a_refusal_is_attached_and_outvotes_what_was_said_before(
    scene: Scene, tmp_path: Path
) -> None:
    made = scene.release()
    store = layout(scene, made, tmp_path / "layout")
    say(scene, made, store, now=NOW - 60)
    scene.policy(POLICY.replace('source = "https://git.example', 'source = "https://else.example'))

    with pytest.raises(MinisealError) as error:
        say(scene, made, store)

    assert error.value.code == "source-mismatch"
    results = {
        each["predicate"]["verificationResult"] for each in summaries(tmp_path / "layout", made)
    }
    assert results == {"PASSED", "FAILED"}
    assert refused(scene, store) == "summary-failed"


@pytest.mark.parametrize(
    ("code", "blames"),
    [
        ("attestation-missing", True),
        ("vulnerability-threshold", True),
        ("namespace-unknown", True),
        ("app-mismatch", False),
        ("policy-expired", False),
        ("verification-failed", False),
        ("evidence-limit", False),
        ("digest-mismatch", False),
        ("trust-stale", False),
        ("trusted-root-invalid", False),
    ],
)
def test_only_what_is_the_packages_fault_is_said_of_it(code: str, *, blames: bool) -> None:
    assert blames_package(VerificationError(code, "a reason")) is blames


@pytest.mark.parametrize("asked", ["org.other.tip", "com.acme.other"])
def test_who_asks_for_another_program_says_nothing_of_the_package(
    scene: Scene, tmp_path: Path, asked: str
) -> None:
    made = scene.release()
    store = layout(scene, made, tmp_path / "layout")
    policy = Policy.load(scene.path)

    with (
        pytest.raises(MinisealError) as error,
        SAYER.refusing(store, made.digest, policy, now=NOW),
    ):
        examine(asked, store, made.digest, Trusting(policy=policy, now=NOW))

    assert error.value.code in {"namespace-unknown", "app-mismatch"}
    assert summaries(tmp_path / "layout", made) == []


def test_a_program_that_the_policy_does_not_know_any_more_has_failed(
    scene: Scene, tmp_path: Path
) -> None:
    made = scene.release()
    store = layout(scene, made, tmp_path / "layout")
    scene.policy(POLICY.replace('apps = "com.acme.*"', 'apps = "com.other.*"'))

    with pytest.raises(MinisealError) as error:
        say(scene, made, store)

    assert error.value.code == "namespace-unknown"
    assert len(summaries(tmp_path / "layout", made)) == 1


def test_a_policy_past_its_end_says_nothing_of_a_package(scene: Scene, tmp_path: Path) -> None:
    made = scene.release()
    store = layout(scene, made, tmp_path / "layout")
    scene.policy(POLICY.replace("2027-03-01", "2026-03-01"))

    with pytest.raises(MinisealError) as error:
        say(scene, made, store)

    assert error.value.code == "policy-expired"
    assert summaries(tmp_path / "layout", made) == []


def test_a_refusal_is_not_signed_of_a_tag(scene: Scene, tmp_path: Path) -> None:
    store = layout(scene, scene.release(), tmp_path / "layout")

    with (
        pytest.raises(MinisealError) as error,
        SAYER.refusing(store, "1.0.0", Policy.load(scene.path), now=NOW),
    ):
        pytest.fail("it was verified")

    assert error.value.code == "refusal-by-tag"
