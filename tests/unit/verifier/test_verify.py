from importlib.util import find_spec
from pathlib import Path

import pytest

from kit.packages import APP, NOW, POLICY, SOURCE, Scene, package, provenance, wasm_module
from miniseal import verifier
from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates.provenance import Provenance
from miniseal.verifier import Policy, verify
from miniseal.verifier.checks.provenance import source_of

DAY = 86_400


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_verdict_says_what_was_found(scene: Scene) -> None:
    made = scene.release(made=package(hosts=["api.acme.example"], assets={"a.json": b"{}"}))

    verdict = verify(APP, scene.repository, "1.0.0", Policy.load(scene.path), now=NOW)

    result = verdict.to_json()
    assert result["app_id"] == APP
    assert result["package"] == {"digest": made.digest, "size": made.descriptor.size}
    assert result["grants"] == {
        "permissions": ["storage"],
        "interfaces": ["env", "host:storage/kv@1.0.0"],
        "network_hosts": ["api.acme.example"],
    }
    assert result["limits"] == {"fuel": 1_000_000, "memory_mib": 16, "wall_ms": 1_000}
    assert len(verdict.evidence) == 5


def test_a_digest_needs_no_tag(scene: Scene) -> None:
    made = scene.release()

    verdict = verify(APP, scene.repository, made.digest, Policy.load(scene.path), now=NOW)

    assert verdict.package.digest == made.digest


def test_a_verdict_ends_with_the_scan(scene: Scene) -> None:
    scene.release()

    verdict = verify(APP, scene.repository, "1.0.0", Policy.load(scene.path), now=NOW)

    assert verdict.ends_at == NOW - 3600 + 14 * DAY


@pytest.mark.parametrize(
    ("old", "new", "end"),
    [
        ('max_age = "14d"', 'max_age = "999d"', NOW + 30 * DAY),
        ('max_admission_age = "30d"', 'max_admission_age = "1h"', NOW + 3600),
        ("2027-03-01T00:00:00Z", "2026-11-21T12:00:01Z", NOW + 1),
        ('"acme.pub"}', '"acme.pub", not_after = 2026-11-21T12:00:02Z}', NOW + 2),
    ],
)
def test_a_verdict_ends_with_the_first_thing_that_does(
    scene: Scene, old: str, new: str, end: int
) -> None:
    scene.release()
    scene.policy(POLICY.replace(old, new))

    verdict = verify(APP, scene.repository, "1.0.0", Policy.load(scene.path), now=NOW)

    assert verdict.ends_at == end


def test_the_end_itself_is_too_late(scene: Scene) -> None:
    scene.release()
    scene.policy(POLICY.replace("2027-03-01T00:00:00Z", "2026-11-21T12:00:00Z"))

    with pytest.raises(MinisealError) as error:
        verify(APP, scene.repository, "1.0.0", Policy.load(scene.path), now=NOW)

    assert error.value.code == "policy-expired"


@pytest.mark.parametrize("reference", ["9.9.9", f"sha256:{'0' * 64}"])
def test_what_the_store_lacks_is_its_own_error(scene: Scene, reference: str) -> None:
    with pytest.raises(MinisealError) as error:
        verify(APP, scene.repository, reference, Policy.load(scene.path), now=NOW)

    assert error.value.code == "content-missing"


def test_a_malformed_digest_is_refused(scene: Scene) -> None:
    with pytest.raises(MinisealError) as error:
        verify(APP, scene.repository, "sha256:1234", Policy.load(scene.path), now=NOW)

    assert error.value.code == "digest-malformed"


def test_a_manifest_of_a_claimed_gigabyte_is_not_read(scene: Scene) -> None:
    made = scene.release()
    reads = scene.repository.reads
    huge = made.descriptor.__class__(
        media_type=made.descriptor.media_type, digest=made.digest, size=10**9
    )
    scene.repository.tags["1.0.0"] = huge

    with pytest.raises(MinisealError) as error:
        verify(APP, scene.repository, "1.0.0", Policy.load(scene.path), now=NOW)

    assert error.value.code == "too-large"
    assert scene.repository.reads == reads


@pytest.mark.parametrize("always", ["host:log/log@1", "host:log/log@1.0.0"])
def test_what_is_always_open_needs_no_other_offer(scene: Scene, always: str) -> None:
    scene.policy(POLICY.replace('always = ["env"]', f'always = ["{always}"]'))
    scene.release(made=package(wasm=wasm_module(("host:log/log@1.0.0", "log")), permissions=()))

    verdict = verify(APP, scene.repository, "1.0.0", Policy.load(scene.path), now=NOW)

    assert verdict.grants.interfaces == ("host:log/log@1.0.0",)


def test_an_interface_without_versions_is_offered_by_name(scene: Scene) -> None:
    unversioned = POLICY.replace('"host:storage/kv" = "1.2.0"', '"kv" = ""')
    scene.policy(unversioned.replace('["host:storage/kv@1"]', '["kv"]'))
    scene.release(made=package(wasm=wasm_module(("kv", "get"))))

    verdict = verify(APP, scene.repository, "1.0.0", Policy.load(scene.path), now=NOW)

    assert verdict.grants.interfaces == ("kv",)


def test_git_sources_are_compared_without_prefix_and_ref() -> None:
    def of(source: object) -> tuple[str | None, str | None]:
        return source_of(Provenance.from_json(provenance(source=source)[1]))

    assert of({"uri": SOURCE}) == (SOURCE, None)
    assert of(SOURCE) == (SOURCE, None)
    assert of(f"git+{SOURCE}@refs/heads/main") == (SOURCE, "refs/heads/main")
    assert of("git+ssh://git@git.example/tip@v1") == ("ssh://git@git.example/tip", "v1")
    assert of(["list"]) == (None, None)
    assert of(f"git+{SOURCE}@a@main") == (None, None)
    assert of(f"git+{SOURCE}@x/../../mallory/tip@main") == (None, None)


@pytest.mark.parametrize("without", [["provenance"], ["scan"], ["sbom", "checks"]])
def test_content_that_nobody_vouches_for_is_not_even_fetched(
    scene: Scene, without: list[str]
) -> None:
    made = scene.release(without=without)
    del scene.repository.blobs[made.config.wasm.digest]

    with pytest.raises(MinisealError) as error:
        verify(APP, scene.repository, "1.0.0", Policy.load(scene.path), now=NOW)

    assert error.value.code == "attestation-missing"


@pytest.mark.parametrize("name", verifier.__all__)
def test_no_module_hides_a_public_name(name: str) -> None:
    # an imported submodule becomes an attribute of its package, and the name would lead to it
    assert find_spec(f"{verifier.__name__}.{name}") is None
