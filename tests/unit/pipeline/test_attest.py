import json
from pathlib import Path
from typing import Any

import pytest

from kit.layouts import attached
from kit.packages import APP, NOW, Package, checks, key, package, sbom, scai, scan, vex
from miniseal.formats.errors import MinisealError
from miniseal.formats.oci import MANIFEST_TYPE, Descriptor
from miniseal.pipeline.attest import TYPES, attest, predicate_of, type_of
from miniseal.registry import LayoutStore

VEX = "https://openvex.dev/ns"


@pytest.fixture
def made() -> Package:
    return package()


@pytest.fixture
def store(tmp_path: Path, made: Package) -> LayoutStore:
    """A layout with the package, under its tag."""
    layout = LayoutStore(str(tmp_path / "layout"))
    for descriptor, data in made.contents[1:]:
        layout.put(data, descriptor.media_type)
    layout.tag("1.0.0", layout.put_manifest(made.contents[0][1]))
    return layout


def code(call: Any, *arguments: object) -> str:
    with pytest.raises(MinisealError) as error:
        call(*arguments)
    return error.value.code


@pytest.mark.parametrize("name", TYPES)
def test_a_short_name_stands_for_a_predicate_type(name: str) -> None:
    assert type_of(name) == TYPES[name]
    assert type_of(TYPES[name]) == TYPES[name]


def test_a_uri_stands_for_itself() -> None:
    assert type_of("https://example.org/review/v1") == "https://example.org/review/v1"


def test_the_package_is_what_a_link_calls_it(
    store: LayoutStore, made: Package, tmp_path: Path
) -> None:
    attest(store, "1.0.0", TYPES["link"], {"name": "review"}, key("acme"))

    (said,) = attached(tmp_path / "layout", made.digest)
    digest = {"sha256": made.digest.removeprefix("sha256:")}
    assert said.statement["subject"] == [{"name": "package", "digest": digest}]


@pytest.mark.parametrize("name", ["", "vuln", "OpenVEX", "review"])
def test_another_word_is_refused(name: str) -> None:
    assert code(type_of, name) == "predicate-type-unknown"


@pytest.mark.parametrize(
    "said",
    [vex(), scan(), checks(), scai(), sbom("sha256:" + "ab" * 32)],
    ids=lambda said: str(said[0]),
)
def test_a_predicate_of_a_known_type_is_read_and_kept_as_it_is(
    said: tuple[str, dict[str, object]],
) -> None:
    kind, predicate = said
    whole = {**predicate, "x-more": [1.5, None]}

    assert predicate_of(json.dumps(whole).encode(), kind) == whole


@pytest.mark.parametrize("kind", TYPES.values())
def test_a_predicate_that_no_host_could_read_is_refused(kind: str) -> None:
    assert code(predicate_of, b'{"statements": 1}', kind) == "predicate-malformed"


def test_a_predicate_of_an_unknown_type_is_any_object() -> None:
    assert predicate_of(b'{"a": 1}', "https://example.org/review/v1") == {"a": 1}
    assert code(predicate_of, b"[]", "https://example.org/review/v1") == "predicate-malformed"
    assert code(predicate_of, b"{", "https://example.org/review/v1") == "json-malformed"


def test_a_statement_is_about_the_package_alone_and_hangs_on_it(
    store: LayoutStore, made: Package, tmp_path: Path
) -> None:
    kind, predicate = vex()

    done = attest(store, "1.0.0", kind, predicate, key("security"))

    (found,) = attached(tmp_path / "layout", made.digest)
    digits = made.digest.removeprefix("sha256:")
    assert found.statement["subject"] == [{"name": APP, "digest": {"sha256": digits}}]
    assert found.statement["predicateType"] == VEX == found.kind
    assert found.statement["predicate"] == predicate
    hint = found.bundle["verificationMaterial"]["publicKey"]["hint"]
    assert hint == key("security").hint
    assert (done.app_id, done.package.digest) == (APP, made.digest)
    assert done.bundle in {each.digest for each in store_layers(store, done.referrer)}


def store_layers(store: LayoutStore, referrer: Descriptor) -> tuple[Descriptor, ...]:
    manifest = json.loads(store.read(referrer, limit=1 << 20))
    return tuple(
        Descriptor(media_type=each["mediaType"], digest=each["digest"], size=each["size"])
        for each in manifest["layers"]
    )


def test_what_is_no_package_is_refused(store: LayoutStore) -> None:
    config = store.put(b"{}", "application/vnd.oci.empty.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "layers": []}
    data = json.dumps({**manifest, "config": config.to_json()}).encode()
    store.tag("other", store.put_manifest(data))

    assert code(attest, store, "other", VEX, {}, key("security")) == "package-malformed"
    assert code(attest, store, "none", VEX, {}, key("security")) == "content-missing"


class Forgetful(LayoutStore):
    """A store without referrers."""

    def referrers(self, subject: Descriptor) -> tuple[Descriptor, ...]:
        del subject
        return ()


class Confused(LayoutStore):
    """A store that serves another bundle than the one it was given."""

    def read(self, descriptor: Descriptor, *, limit: int) -> bytes:
        data = super().read(descriptor, limit=limit)
        return data[::-1] if "sigstore" in descriptor.media_type else data


@pytest.mark.parametrize("kind", [Forgetful, Confused])
def test_what_the_store_does_not_give_back_was_not_attached(
    kind: type[LayoutStore], store: LayoutStore, tmp_path: Path
) -> None:
    assert store.tags()
    bad = kind(str(tmp_path / "layout"))

    assert code(attest, bad, "1.0.0", *vex(at=NOW), key("security")) == "attestation-lost"


def test_a_summary_that_no_host_could_read_is_refused() -> None:
    said = {"verifier": {"id": "https://gate.example"}, "verificationResult": "PASSED"}

    assert code(predicate_of, json.dumps(said).encode(), type_of("vsa")) == "predicate-malformed"
