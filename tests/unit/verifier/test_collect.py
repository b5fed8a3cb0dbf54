import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kit.hosts import install_code
from kit.packages import APP, NOW, Package, Repository, Scene, bundle, checks, key, package, scan
from miniseal.formats.bundle import BUNDLE_TYPE, Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.errors import EnvironmentalError, MinisealError
from miniseal.formats.oci import MANIFEST_TYPE, Descriptor, Manifest
from miniseal.formats.package import CONFIG_TYPE
from miniseal.formats.predicates.vulns import Vulns
from miniseal.verifier.budget import Budget
from miniseal.verifier.bundles import bundles
from miniseal.verifier.contents import Fetched
from miniseal.verifier.core import Asked, Trusting, hear
from miniseal.verifier.evidence import Collected
from miniseal.verifier.policy.policy import Policy


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def collected(scene: Scene, made: Package, budget: Budget | None = None) -> Collected:
    trusting = Trusting(policy=Policy.load(scene.path), now=scene.now)
    content = {each.media_type: data for each, data in made.contents}
    fetched = Fetched.of(content[MANIFEST_TYPE], content[CONFIG_TYPE])
    asked = Asked.of(APP, fetched, trusting)
    spent = budget or Budget()
    wanted = asked.keyring.predicate_types
    return hear(asked, bundles(scene.repository, made.descriptor, wanted, spent), spent).collected


def referrer(scene: Scene, made: Package, manifest: Manifest) -> None:
    """Hang a manifest on a package as it is."""
    data = manifest.to_bytes()
    descriptor = replace(Descriptor.of(data, MANIFEST_TYPE), artifact_type=manifest.artifact_type)
    scene.repository.blobs[descriptor.digest] = data
    scene.repository.attached.setdefault(made.digest, []).append(descriptor)


def test_everything_authorised_is_collected(scene: Scene) -> None:
    made = scene.release()

    found = collected(scene, made)

    assert len(found.evidence) == 5
    assert found.aside == ()
    assert {signer for each in found.evidence for signer in each.signers} == {"acme"}


def test_a_registry_that_lists_no_types_is_read_all_the_same(scene: Scene) -> None:
    made = scene.release()
    listed = scene.repository.attached[made.digest]
    bare = [replace(each, artifact_type=None, annotations={}) for each in listed]
    scene.repository.attached[made.digest] = bare

    assert len(collected(scene, made).evidence) == 5


def test_a_bundle_attached_twice_is_verified_once(scene: Scene) -> None:
    made = scene.release()
    scene.repository.attached[made.digest] *= 3

    assert len(collected(scene, made, Budget(verifications=5)).evidence) == 5


def test_of_one_key_only_the_latest_scan_is_verified(scene: Scene) -> None:
    made = package()
    for age in (300, 100, 200):
        scene.repository.say(made, scan(finished=NOW - age))

    found = collected(scene, made, Budget(verifications=1))

    (evidence,) = found.by(Vulns, ("acme",))
    assert evidence.predicate.finished_on == "2026-11-21T11:58:20Z"


def test_what_strangers_claim_is_not_kept_in_memory(scene: Scene) -> None:
    made = package()
    kind, predicate = scan()
    for number in range(8):
        said = {**predicate, "junk": [number, *({} for _ in range(10_000))]}
        forged = Bundle.from_bytes(bundle(kind, said, [made.digest], key("stranger")))
        scene.repository.attach(made, replace(forged, key_hint=key("acme").hint).to_bytes())
    one = sys.getsizeof({}) * 10_000
    tracemalloc.start()
    try:
        found = collected(scene, made)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert {each.error.code for each in found.aside} == {"signature-invalid"}
    assert peak < 4 * one


def test_a_forged_newer_scan_does_not_hide_the_latest_true_one(scene: Scene) -> None:
    made = package()
    scene.repository.say(made, scan([("CVE-1", "critical")], finished=NOW - 60))
    forged = Bundle.from_bytes(bundle(*scan(finished=NOW), [made.digest], key("stranger")))
    scene.repository.attach(made, replace(forged, key_hint=key("acme").hint).to_bytes())

    (evidence,) = collected(scene, made).by(Vulns, ("acme",))

    assert [finding.id for finding in evidence.predicate.findings] == ["CVE-1"]


def test_two_scans_of_one_second_are_both_evidence(scene: Scene) -> None:
    made = package()
    scene.repository.say(made, scan())
    scene.repository.say(made, scan([("CVE-1", "low")]))

    assert len(collected(scene, made).by(Vulns, ("acme",))) == 2


def test_a_hint_of_nobody_costs_no_verification(scene: Scene) -> None:
    made = package()
    signed = Bundle.from_bytes(bundle(*checks(), [made.digest]))
    for hint in (None, "bm9ib2R5", key("stranger").hint):
        scene.repository.attach(made, replace(signed, key_hint=hint).to_bytes())

    found = collected(scene, made, Budget(verifications=0))

    assert [each.error.code for each in found.aside] == ["identity-mismatch"] * 3


def test_a_keyless_bundle_is_nobodys_where_all_have_keys(scene: Scene) -> None:
    made = package()
    data = bundle(*checks(), [made.digest])
    start = data.index(b'"publicKey"')
    end = data.index(b"}", start) + 1
    keyless = data[:start] + b'"certificate":{"rawBytes":"MAA="}' + data[end:]
    scene.repository.attach(made, keyless)

    assert Bundle.from_bytes(keyless).certificate is not None
    found = collected(scene, made)

    assert found.evidence == ()
    assert [each.error.code for each in found.aside] == ["identity-mismatch"]


def test_a_referrer_of_another_subject_is_not_this_packages(scene: Scene) -> None:
    made, other = package(), package(code=2)
    blob = scene.repository.attach(other, bundle(*checks(), [made.digest]))
    config = Descriptor.of(b"{}", "application/vnd.oci.empty.v1+json")
    manifest = Manifest(artifact_type=BUNDLE_TYPE, config=config, layers=(blob,))
    referrer(scene, made, replace(manifest, subject=other.descriptor))
    referrer(scene, made, manifest)

    assert collected(scene, made).evidence == ()


def test_a_referrer_of_several_layers_is_no_bundles(scene: Scene) -> None:
    made = package()
    blob = scene.repository.attach(made, bundle(*checks(), [made.digest]))
    scene.repository.attached.clear()
    config = Descriptor.of(b"{}", "application/vnd.oci.empty.v1+json")
    manifest = Manifest(artifact_type=BUNDLE_TYPE, config=config, layers=(blob, blob))
    referrer(scene, made, replace(manifest, subject=made.descriptor))

    assert collected(scene, made).evidence == ()


def test_too_many_referrers_are_refused(scene: Scene) -> None:
    made = scene.release()

    class Endless(Repository):
        def referrers(self, subject: Descriptor) -> Iterator[Descriptor]:  # type: ignore[override]
            while True:
                yield subject

    scene.repository = Endless(blobs=scene.repository.blobs, tags=scene.repository.tags)

    assert install_code(scene) == "evidence-limit"
    assert made.digest


def test_a_store_that_cannot_answer_ends_the_verification(scene: Scene) -> None:
    scene.release()

    class Failing(Repository):
        def read(self, descriptor: Descriptor, *, limit: int) -> bytes:
            if descriptor.media_type == BUNDLE_TYPE:
                raise EnvironmentalError("store-unreachable", "the network is gone")
            return super().read(descriptor, limit=limit)

    scene.repository = Failing(
        blobs=scene.repository.blobs,
        tags=scene.repository.tags,
        attached=scene.repository.attached,
    )

    assert install_code(scene) == "store-unreachable"


@pytest.mark.parametrize("size", [1, 8 * 1024 * 1024 + 1, 2**50])
def test_a_bundle_of_a_false_size_is_junk(scene: Scene, size: int) -> None:
    made = package()
    data = bundle(*checks(), [made.digest])
    scene.repository.blobs[sha256(data)] = data
    layer = Descriptor(media_type=BUNDLE_TYPE, digest=sha256(data), size=size)
    config = Descriptor.of(b"{}", "application/vnd.oci.empty.v1+json")
    referrer(
        scene,
        made,
        Manifest(
            artifact_type=BUNDLE_TYPE, config=config, layers=(layer,), subject=made.descriptor
        ),
    )

    assert collected(scene, made) == Collected(evidence=())


def test_the_earlier_end_of_a_key_under_two_names_holds(scene: Scene) -> None:
    text = scene.path.read_text(encoding="utf-8")
    ended = '[signer.old]\nkeys = [{file = "acme.pub", not_after = 2026-11-01T00:00:00Z}]\n'
    text = text.replace("[[builder]]", f"{ended}\n[[builder]]")
    scene.policy(text.replace('signers = ["acme", "scanner"]', 'signers = ["acme", "old"]'))
    scene.release()

    assert install_code(scene) == "key-expired"


def test_a_budget_is_not_overdrawn() -> None:
    budget = Budget(verifications=1, bytes=10)
    budget.verify()
    budget.read(10)

    for spend in (budget.verify, lambda: budget.read(1)):
        with pytest.raises(MinisealError) as error:
            spend()
        assert error.value.code == "evidence-limit"


@pytest.mark.parametrize("size", [1, 8 * 1024 * 1024])
def test_a_false_size_does_not_hide_a_true_bundle(scene: Scene, size: int) -> None:
    made = package()
    data = bundle(*checks(failed=["program"]), [made.digest])
    layer = Descriptor(media_type=BUNDLE_TYPE, digest=sha256(data), size=size)
    config = Descriptor.of(b"{}", "application/vnd.oci.empty.v1+json")
    false = Manifest(
        artifact_type=BUNDLE_TYPE, config=config, layers=(layer,), subject=made.descriptor
    )
    referrer(scene, made, false)
    scene.repository.attach(made, data)
    referrer(scene, made, replace(false, annotations={"again": "true"}))

    assert [each.bundle for each in collected(scene, made).evidence] == [sha256(data)]


def test_a_clean_scan_by_a_denied_scanner_hides_no_bad_one(scene: Scene) -> None:
    broken = sha256(b"a scanner that finds nothing")
    text = scene.path.read_text(encoding="utf-8")
    scene.policy(f'{text}\n[[deny]]\nscanner = "{broken}"\nreason = "finds nothing"\n')
    made = scene.release()
    scanner = key("scanner")
    bad = scan([("CVE-1", "critical")], finished=NOW - 120)
    scene.repository.say(made, bad, scanner)
    scene.repository.say(made, scan(finished=NOW - 60, scanner=broken), scanner)

    assert install_code(scene) == "vulnerability-threshold"


def test_years_of_scans_by_a_denied_scanner_do_not_reach_the_limit(scene: Scene) -> None:
    broken = sha256(b"a scanner that finds nothing")
    text = scene.path.read_text(encoding="utf-8")
    scene.policy(f'{text}\n[[deny]]\nscanner = "{broken}"\nreason = "finds nothing"\n')
    made = scene.release()
    for age in range(100):
        scene.repository.say(made, scan(finished=NOW - age, scanner=broken), key("scanner"))

    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1
