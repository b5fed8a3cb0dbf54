import base64
import hashlib
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kit.packages import bundle, key, scan
from miniseal.formats.bundle import Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.dsse import Envelope
from miniseal.formats.errors import MinisealError
from miniseal.verifier.policy.values import POLICY_INVALID
from miniseal.verifier.signatures.keys import PublicKey


def public(name: str, *, ed: bool = False, not_after: int | None = None) -> PublicKey:
    pem = key(name, ed=ed).public_pem
    return PublicKey.from_pem(pem, what="key", code=POLICY_INVALID, not_after=not_after)


def envelope(name: str, *, ed: bool = False) -> Envelope:
    signed = bundle(*scan(), [sha256(b"package")], key(name, ed=ed))
    return Bundle.from_bytes(signed).envelope


@pytest.mark.parametrize("ed", [False, True])
def test_a_signature_of_the_key_verifies(*, ed: bool) -> None:
    assert public("acme", ed=ed).verifies(envelope("acme", ed=ed))


@pytest.mark.parametrize(("mine", "theirs"), [(False, False), (False, True), (True, False)])
def test_a_signature_of_another_key_does_not(*, mine: bool, theirs: bool) -> None:
    assert not public("acme", ed=mine).verifies(envelope("stranger", ed=theirs))


def test_a_signature_over_another_payload_does_not_verify() -> None:
    signed = envelope("acme")

    assert not public("acme").verifies(replace(signed, payload=signed.payload + b" "))


def test_a_signature_over_another_type_does_not_verify() -> None:
    signed = envelope("acme")

    assert not public("acme").verifies(replace(signed, payload_type="application/json"))


@pytest.mark.parametrize("ed", [False, True])
@pytest.mark.parametrize("signature", [b"", b"\x30\x00", bytes(64), bytes(10_000)])
def test_what_is_no_signature_does_not_verify(signature: bytes, *, ed: bool) -> None:
    signed = replace(envelope("acme", ed=ed), signatures=(signature,))

    assert not public("acme", ed=ed).verifies(signed)


def test_two_signatures_do_not_verify() -> None:
    signed = envelope("acme")

    assert not public("acme").verifies(replace(signed, signatures=signed.signatures * 2))


def test_the_hint_is_what_cosign_and_our_signers_write() -> None:
    der = hashlib.sha256(
        base64.b64decode(b"".join(key("acme").public_pem.splitlines()[1:-1]))
    ).digest()

    assert public("acme").hint == base64.b64encode(der).decode() == key("acme").hint


def test_a_key_is_valid_until_its_end() -> None:
    ending = public("acme", not_after=100)

    assert ending.valid_at(99)
    assert not ending.valid_at(100)
    assert public("acme").valid_at(2**40)


@pytest.mark.parametrize(
    "made",
    [
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
    ],
    ids=["rsa", "p384", "secp256k1"],
)
def test_other_kinds_of_keys_are_refused(
    made: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
) -> None:
    pem = made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    with pytest.raises(MinisealError) as error:
        PublicKey.from_pem(pem, what="key", code=POLICY_INVALID)

    assert error.value.code == "policy-invalid"


@pytest.mark.parametrize(
    "pem", [b"", b"junk", b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----"]
)
def test_what_is_no_key_is_refused(pem: bytes) -> None:
    with pytest.raises(MinisealError) as error:
        PublicKey.from_pem(pem, what="key", code=POLICY_INVALID)

    assert error.value.code == "policy-invalid"
