"""What somebody who owns the store would try against a host: each refused with its own code.

Here the package and who speaks for it; the evidence itself, the policy with the clock, and the
host's state have files of their own beside this one.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kit.hosts import install_code, installed
from kit.packages import (
    APP,
    POLICY,
    Scene,
    assemble,
    bundle,
    checks,
    cosign_signature,
    key,
    package,
    provenance,
    scan,
    wasm_module,
)
from miniseal.formats import ustar
from miniseal.formats.bundle import Bundle
from miniseal.formats.config import Limits
from miniseal.formats.digest import sha256
from miniseal.formats.dsse import Envelope, pae
from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import Descriptor


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_package_with_all_its_evidence_is_admitted_and_loaded(scene: Scene) -> None:
    made = installed(scene)

    program = scene.verifier().load(APP)

    assert program.wasm == made.wasm
    assert program.package == made.digest
    assert program.grants.interfaces == ("env", "host:storage/kv@1.0.0")


def test_the_same_wasm_under_another_manifest_does_not_inherit_evidence(scene: Scene) -> None:
    honest = scene.release()
    greedy = package(hosts=["api.acme.example"])
    scene.repository.publish(greedy)
    for referrer in scene.repository.referrers(honest.descriptor):
        layer = json.loads(scene.repository.blobs[referrer.digest])["layers"][0]
        scene.repository.attach(greedy, scene.repository.blobs[layer["digest"]])

    assert greedy.wasm == honest.wasm
    assert install_code(scene) == "subject-mismatch"


def test_the_same_wasm_with_other_assets_does_not_inherit_evidence(scene: Scene) -> None:
    made = package(assets={"rates.json": b'{"tip": 15}'})
    scene.release(made=made)
    assert made.config.assets is not None
    other_tar = ustar.write({"rates.json": b'{"tip": 99}'})
    config = replace(
        made.config,
        assets=replace(made.config.assets, digest=sha256(other_tar), size=len(other_tar)),
    )
    swapped = assemble(config, made.wasm, other_tar)
    scene.repository.publish(swapped)

    assert install_code(scene) == "attestation-missing"


def test_other_bytes_than_the_config_says_are_refused(scene: Scene) -> None:
    made = package()
    lying = assemble(made.config, wasm_module(mark=b"evil"), None)
    scene.release(made=lying)

    assert install_code(scene) == "package-inconsistent"


def test_a_store_that_serves_other_bytes_is_noticed(scene: Scene) -> None:
    made = scene.release()
    scene.repository.blobs[made.config.wasm.digest] = made.wasm[:-1] + b"\xff"

    assert install_code(scene) == "digest-mismatch"


def test_a_store_that_resolves_a_digest_to_another_is_noticed(scene: Scene) -> None:
    made = scene.release()
    other = scene.release(code=2)
    repository = scene.repository

    class Lying:
        read = staticmethod(repository.read)
        referrers = staticmethod(repository.referrers)

        def resolve(self, name: str) -> Descriptor:
            del name
            return other.descriptor

    with pytest.raises(MinisealError) as error:
        scene.verifier().install(APP, Lying(), made.digest)

    assert error.value.code == "digest-mismatch"


def test_a_statement_for_another_package_does_not_count(scene: Scene) -> None:
    other = package(code=2, version="2.0.0")
    made = scene.release(without=["checks"])
    scene.repository.attach(made, bundle(*checks(), [other.digest]))

    assert install_code(scene) == "subject-mismatch"


def test_a_statement_about_the_wasm_alone_does_not_count(scene: Scene) -> None:
    made = scene.release(without=["provenance"])
    scene.repository.attach(made, bundle(*provenance(), [made.config.wasm.digest]))

    assert install_code(scene) == "subject-mismatch"


def test_a_strangers_signature_does_not_count(scene: Scene) -> None:
    scene.release(signer=key("stranger"))

    assert install_code(scene) == "identity-mismatch"


def test_a_stranger_who_claims_anothers_key_is_refused(scene: Scene) -> None:
    made = scene.release(without=["provenance"])
    forged = Bundle.from_bytes(bundle(*provenance(), [made.digest], key("stranger")))
    scene.repository.attach(made, replace(forged, key_hint=key("acme").hint).to_bytes())

    assert install_code(scene) == "signature-invalid"


def test_a_changed_statement_is_refused(scene: Scene) -> None:
    made = scene.release(without=["scan"])
    signed = Bundle.from_bytes(bundle(*scan([("CVE-1", "critical")]), [made.digest]))
    payload = signed.envelope.payload.replace(b'"critical"', b'"low"')
    envelope = replace(signed.envelope, payload=payload)
    scene.repository.attach(made, replace(signed, envelope=envelope).to_bytes())

    assert install_code(scene) == "signature-invalid"


def test_a_signature_over_another_payload_type_is_refused(scene: Scene) -> None:
    made = scene.release(without=["scan"])
    signed = Bundle.from_bytes(bundle(*scan(), [made.digest]))
    envelope = Envelope(
        payload=signed.envelope.payload,
        payload_type="application/json",
        signatures=signed.envelope.signatures,
    )
    scene.repository.attach(made, replace(signed, envelope=envelope).to_bytes())

    assert install_code(scene) == "signature-invalid"


def test_a_true_signature_over_another_payload_type_is_refused(scene: Scene) -> None:
    """What a key has signed for another purpose is not a statement of its owner's."""
    made = scene.release(without=["scan"])
    payload = Bundle.from_bytes(bundle(*scan(), [made.digest])).envelope.payload
    signature = key("acme").sign(pae("application/json", payload))
    envelope = Envelope(payload=payload, payload_type="application/json", signatures=(signature,))
    signed = Bundle(envelope=envelope, key_hint=key("acme").hint)
    scene.repository.attach(made, signed.to_bytes())

    assert install_code(scene) == "signature-invalid"


def test_a_scanner_may_not_speak_for_the_publisher(scene: Scene) -> None:
    scene.release(signer=key("scanner"))

    assert install_code(scene) == "identity-mismatch"


def test_evidence_without_the_publishers_hand_is_not_enough(scene: Scene) -> None:
    only_scan = POLICY[: POLICY.index("[namespace.require.provenance]")] + (
        '[namespace.require.vulnerabilities]\nsigners = ["scanner"]\nmax_age = "14d"\n'
        'fail_on = "high"\n' + POLICY[POLICY.index("[permission.storage]") :]
    )
    scene.policy(only_scan)
    made = package()
    scene.repository.publish(made)
    scene.repository.say(made, scan(), key("scanner"))

    assert install_code(scene) == "publisher-missing"

    scene.repository.say(made, cosign_signature(), key("acme"))

    assert scene.verifier().install(APP, scene.repository, "1.0.0").version_code == 1


def test_another_program_in_its_place_is_refused(scene: Scene) -> None:
    scene.release("com.acme.other")

    assert install_code(scene) == "app-mismatch"


def test_a_namespace_ends_at_a_label(scene: Scene) -> None:
    scene.release("com.acmebank.wallet")

    assert install_code(scene, app_id="com.acmebank.wallet") == "namespace-unknown"


def test_a_prefix_is_not_below_itself(scene: Scene) -> None:
    scene.release("com.acme")

    assert install_code(scene, app_id="com.acme") == "namespace-unknown"


def test_a_version_may_not_take_anothers_tag(scene: Scene) -> None:
    made = scene.release(code=2, version="2.0.0")
    scene.repository.publish(made, "1.0.0")

    assert install_code(scene) == "tag-mismatch"


def test_the_wasm_artifact_is_not_a_package(scene: Scene) -> None:
    made = package()
    artifact = (
        b'{"schemaVersion":2,"config":{"mediaType":"application/vnd.wasm.config.v0+json",'
        + (b'"digest":"%s","size":2},"layers":[]}' % made.digest.encode())
    )
    descriptor = Descriptor.of(artifact, "application/vnd.oci.image.manifest.v1+json")
    scene.repository.blobs[descriptor.digest] = artifact
    scene.repository.tags["1.0.0-wasm"] = descriptor

    assert install_code(scene, "1.0.0-wasm") == "package-malformed"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("logo.png", b"\0asm\x01\0\0\0"),
        ("data.txt", b"#!/bin/sh\nrm -rf /\n"),
        ("help.txt", b"<!doctype html><script>steal()</script>"),
        ("main.js", b"steal()"),
    ],
)
def test_what_could_run_among_the_assets_is_refused(scene: Scene, name: str, data: bytes) -> None:
    scene.release(made=package(assets={name: data}))

    assert install_code(scene) == "executable-asset"


def test_a_list_of_executables_that_hides_one_is_refused(scene: Scene) -> None:
    made = package(assets={"main.js": b"steal()"})
    assert made.config.assets is not None
    config = replace(made.config, assets=replace(made.config.assets, executable=()))
    tar = ustar.write({"main.js": b"steal()"})
    scene.release(made=assemble(config, made.wasm, tar))

    assert install_code(scene) == "package-inconsistent"


def test_a_nested_wasm_may_import_no_more_than_the_main_one(scene: Scene) -> None:
    scene.policy(POLICY.replace("network_hosts", 'executable_assets = ["wasm"]\nnetwork_hosts'))
    nested = wasm_module(("host:payment/pay@1.0.0", "send"))
    scene.release(made=package(assets={"plugin.bin": nested}))

    assert install_code(scene) == "permission-denied"


def test_an_import_that_no_permission_opens_is_refused(scene: Scene) -> None:
    scene.release(made=package(wasm=wasm_module(("host:payment/pay@1.0.0", "send"))))

    assert install_code(scene) == "permission-denied"


def test_an_import_of_a_permission_not_asked_for_is_refused(scene: Scene) -> None:
    scene.release(made=package(permissions=()))

    assert install_code(scene) == "permission-denied"


def test_a_permission_that_the_namespace_may_not_have_is_refused(scene: Scene) -> None:
    scene.release(made=package(permissions=("storage", "camera")))

    assert install_code(scene) == "permission-denied"


@pytest.mark.parametrize("host", ["evil.example", "acme.example", "evilacme.example"])
def test_a_host_outside_the_namespaces_is_refused(scene: Scene, host: str) -> None:
    scene.release(made=package(hosts=[host]))

    assert install_code(scene) == "permission-denied"


def test_more_memory_than_allowed_is_refused(scene: Scene) -> None:
    scene.release(made=package(limits=Limits(fuel=1, memory_mib=65, wall_ms=1)))

    assert install_code(scene) == "limits-exceeded"


def test_a_newer_interface_than_the_hosts_is_refused(scene: Scene) -> None:
    scene.release(made=package(wasm=wasm_module(("host:storage/kv@1.3.0", "get"))))

    assert install_code(scene) == "host-incompatible"


def test_a_newer_platform_than_the_hosts_is_refused(scene: Scene) -> None:
    scene.release(made=package(min_platform=13))

    assert install_code(scene) == "host-incompatible"


def test_a_retired_version_is_refused(scene: Scene) -> None:
    scene.policy(POLICY.replace("network_hosts", "min_version_code = 2\nnetwork_hosts"))
    scene.release()

    assert install_code(scene) == "version-too-low"


def test_a_store_that_breaks_is_a_refusal(scene: Scene) -> None:
    scene.release()

    class Broken:
        resolve = staticmethod(scene.repository.resolve)
        read = staticmethod(scene.repository.read)

        def referrers(self, subject: Descriptor) -> tuple[Descriptor, ...]:
            raise KeyError(subject.digest)

    with pytest.raises(MinisealError) as error:
        scene.verifier().install(APP, Broken(), "1.0.0")

    assert error.value.code == "verification-failed"
