"""Whoever changes a bit of a signed object is refused, or has changed nothing that it says.

`MINISEAL_FLIPS` bits are changed in all, nine of ten below managed keys, which are cheap.
"""

import json
from functools import cache

import pytest

from kit.fakesigstore import FakeSigstore
from kit.flips import FLIPS, flips
from kit.packages import bundle, checks, cosign_signature, key, provenance, sbom, scai, scan, vex
from kit.policies import signed_layout
from miniseal.formats.bundle import Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates.link import Link
from miniseal.formats.predicates.vsa import Vsa
from miniseal.verifier.evidence import SIGNATURE_INVALID, URIS
from miniseal.verifier.signatures.keyless import KeylessVerifier, Signed
from miniseal.verifier.signatures.keys import PublicKey

SUBJECT = sha256(b"package")
WASM = sha256(b"wasm")
STATEMENTS = {
    "provenance": provenance(),
    "scan": scan([("CVE-2026-1", "high")]),
    "checks": checks(),
    "sbom": sbom(WASM),
    "vex": vex(),
    "capabilities": scai(),
    "cosign": cosign_signature(),
    "link": (URIS[Link], {"name": "pack", "materials": [], "byproducts": {}}),
    "summary": (URIS[Vsa], {"verifier": {"id": "https://host.example"}, "inputAttestations": []}),
}
SHARDS = 6
"""Of each statement's keyless sample, so that several processes share them."""
KEY_FLIPS = FLIPS * 9 // 10 // (2 * len(STATEMENTS) + 1)
KEYLESS_FLIPS = FLIPS // 10 // (3 * SHARDS)


@cache
def fake() -> FakeSigstore:
    return FakeSigstore()


@cache
def verifier() -> KeylessVerifier:
    return KeylessVerifier(json.dumps(fake().trusted_root()).encode())


def public(name: str, *, ed: bool) -> PublicKey:
    return PublicKey.from_pem(key(name, ed=ed).public_pem, what="key", code=SIGNATURE_INVALID)


def accepted(mutant: bytes, owner: PublicKey) -> bytes | None:
    """The payload that a mutant proves, whatever its hint says."""
    try:
        found = Bundle.from_bytes(mutant)
    except MinisealError:
        return None
    return found.envelope.payload if owner.verifies(found.envelope) else None


def keyless(mutant: bytes) -> Signed | None:
    try:
        return verifier().verify(mutant)
    except MinisealError:
        return None


@pytest.mark.parametrize("ed", [False, True], ids=["p256", "ed25519"])
@pytest.mark.parametrize("name", STATEMENTS)
def test_a_changed_bundle_of_a_key_is_refused_or_says_the_same(name: str, *, ed: bool) -> None:
    signed = bundle(*STATEMENTS[name], [SUBJECT], key("acme", ed=ed))

    assert_the_same(signed, public("acme", ed=ed), name)


def test_a_changed_layout_is_refused_or_says_the_same() -> None:
    assert_the_same(signed_layout("acme"), public("acme", ed=False), "layout")


def assert_the_same(signed: bytes, owner: PublicKey, name: str) -> None:
    payload = accepted(signed, owner)
    assert payload is not None

    found = {accepted(mutant, owner) for mutant in flips(signed, KEY_FLIPS, name)}

    assert found <= {None, payload}


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize(
    ("rekor", "stamped"),
    [(1, False), (2, True), (1, True)],
    ids=["promise", "timestamp", "both"],
)
def test_a_changed_keyless_bundle_is_refused_or_says_the_same(
    rekor: int, *, stamped: bool, shard: int
) -> None:
    made = fake().dsse(fake().leaf(), b'{"any":"payload"}', rekor=rekor, stamped=stamped)
    signed = json.dumps(made).encode()
    proven = keyless(signed)
    assert proven is not None

    found = [keyless(mutant) for mutant in flips(signed, KEYLESS_FLIPS, f"{shard}")]

    assert all(each is None or each == proven for each in found)


def test_the_sample_is_as_large_as_it_says() -> None:
    changed = KEY_FLIPS * (2 * len(STATEMENTS) + 1) + KEYLESS_FLIPS * 3 * SHARDS

    assert FLIPS * 0.95 < changed <= FLIPS
    assert len(list(flips(b"ab", 20, "more than there are bits"))) == 20
