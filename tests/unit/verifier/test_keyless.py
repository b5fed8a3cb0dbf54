import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz import fuzz_timestamp, fuzz_trusted_root
from fuzz.damage import damaged
from fuzz.fuzz_keyless import BUNDLE, fuzz_one
from fuzz.mutations import mutated
from kit.fakesigstore import (
    NOW,
    SUBJECT,
    FakeSigstore,
    Json,
    Leaf,
    b64,
    pem,
    signature,
    spki,
    text_time,
)
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE, pae
from miniseal.formats.errors import MinisealError
from miniseal.verifier.signatures.anchors import TRUSTED_ROOT_LIMIT
from miniseal.verifier.signatures.keyless import KeylessVerifier
from miniseal.verifier.signatures.reasons import refusal, translated, unusable

ROOTS = sorted(str(path.parent) for path in Path(__file__).parents[3].glob("*/miniseal"))
FAKE = FakeSigstore()
PAYLOAD = b'{"any":"bytes"}'


def encode(value: Json) -> bytes:
    return json.dumps(value).encode()


def verifier(root: Json | None = None) -> KeylessVerifier:
    return KeylessVerifier(encode(root or FAKE.trusted_root()))


def code_of(bundle: bytes, root: Json | None = None) -> str:
    with pytest.raises(MinisealError) as caught:
        verifier(root).verify(bundle)
    return caught.value.code


@pytest.mark.parametrize("rekor", [1, 2])
def test_a_good_bundle_says_what_who_and_when(rekor: int) -> None:
    signed = verifier().verify(encode(FAKE.dsse(FAKE.leaf(), PAYLOAD, rekor=rekor)))

    assert (signed.payload, signed.payload_type) == (PAYLOAD, IN_TOTO_PAYLOAD_TYPE)
    assert signed.identity.subject == SUBJECT
    assert signed.times == (NOW,)


def test_every_clock_is_told() -> None:
    bundle = FAKE.dsse(FAKE.leaf(), PAYLOAD)
    sig = signature(FAKE.leaf().key, pae(IN_TOTO_PAYLOAD_TYPE, PAYLOAD))
    stamps = [{"signedTimestamp": b64(FAKE.timestamp(sig, at=NOW + late))} for late in (60, 7)]
    data = {"rfc3161Timestamps": stamps}
    bundle["verificationMaterial"]["timestampVerificationData"] = data

    assert verifier().verify(encode(bundle)).times == (NOW, NOW + 7, NOW + 60)


def test_a_timestamp_that_is_too_large_is_not_parsed() -> None:
    bundle = FAKE.dsse(FAKE.leaf(), PAYLOAD)
    data = {"rfc3161Timestamps": [{"signedTimestamp": b64(bytes(64 * 1024 + 1))}]}
    bundle["verificationMaterial"]["timestampVerificationData"] = data

    with pytest.raises(MinisealError, match="too large") as caught:
        verifier().verify(encode(bundle))

    assert caught.value.code == "timestamp-invalid"


def test_no_clock_is_asked_but_those_of_the_bundle() -> None:
    later = NOW + 5 * 365 * 86_400
    root = FAKE.trusted_root()
    root["tlogs"][0]["publicKey"]["validFor"] = {"start": text_time(later)}
    root["certificateAuthorities"][0]["validFor"] = {"start": text_time(later)}
    bundle = encode(FAKE.dsse(FAKE.leaf(at=later), PAYLOAD, at=later))

    assert verifier(root).verify(bundle).times == (later,)


def test_a_payload_type_is_told_and_not_judged() -> None:
    bundle = FAKE.dsse(FAKE.leaf(), PAYLOAD, payload_type="text/plain")

    assert verifier().verify(encode(bundle)).payload_type == "text/plain"


def test_a_bundle_that_a_key_signed_is_nobodys() -> None:
    assert code_of(encode(FAKE.dsse(FAKE.managed(), PAYLOAD))) == "identity-mismatch"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda leaf: FAKE.message(leaf, PAYLOAD), id="message-signature"),
        pytest.param(lambda leaf: FAKE.dsse(leaf, PAYLOAD, version="0.1"), id="version-0.1"),
    ],
)
def test_what_is_no_attestation_is_refused(make: Callable[[Leaf], Json]) -> None:
    assert code_of(encode(make(FAKE.leaf()))) == "bundle-malformed"


def test_a_certificate_that_was_not_valid_is_told_with_its_times() -> None:
    bundle = encode(FAKE.dsse(FAKE.leaf(), PAYLOAD, at=NOW + 3600))

    with pytest.raises(MinisealError, match="not valid when the signature was made") as caught:
        verifier().verify(bundle)

    assert caught.value.code == "certificate-invalid"
    assert caught.value.found == "2026-01-15T13:00:00+00:00"


def test_a_payload_type_that_was_changed_is_refused() -> None:
    bundle = FAKE.dsse(FAKE.leaf(), PAYLOAD)
    bundle["dsseEnvelope"]["payloadType"] = "text/plain"

    assert code_of(encode(bundle)) == "signature-invalid"


@pytest.mark.parametrize("name", ["dsse_envelope", "dsseEnvelope"])
def test_a_second_envelope_under_any_name_is_refused(name: str) -> None:
    bundle = encode(FAKE.dsse(FAKE.leaf(), PAYLOAD))
    other = json.dumps(FAKE.dsse(FAKE.leaf(), b"{}")["dsseEnvelope"])
    twin = bundle[:-1] + f', "{name}": {other}}}'.encode()

    assert code_of(twin) in {"bundle-malformed", "json-malformed"}


def test_a_bundle_of_another_instance_is_refused() -> None:
    stranger = FakeSigstore("stranger")

    assert code_of(encode(stranger.dsse(stranger.leaf(), PAYLOAD))) == "log-entry-invalid"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"[]", id="no object"),
        pytest.param(b"{}", id="empty"),
        pytest.param(b"{", id="no JSON"),
        pytest.param(b" " * (TRUSTED_ROOT_LIMIT + 1), id="too large"),
    ],
)
def test_what_is_no_trusted_root_is_refused(data: bytes) -> None:
    with pytest.raises(MinisealError) as caught:
        KeylessVerifier(data)

    assert caught.value.code == "trusted-root-invalid"


@pytest.mark.parametrize(
    "value", ["yesterday", "2026-01-01T00:00:00", "", 3], ids=["word", "no zone", "empty", "number"]
)
def test_a_period_that_is_no_time_is_refused(value: object) -> None:
    root = FAKE.trusted_root()
    root["certificateAuthorities"][0]["validFor"]["end"] = value

    with pytest.raises(MinisealError) as caught:
        verifier(root)

    assert caught.value.code == "trusted-root-invalid"


@pytest.mark.parametrize("kind", ["certificateAuthorities", "tlogs", "timestampAuthorities"])
def test_a_trusted_root_with_too_many_members_is_refused(kind: str) -> None:
    root = FAKE.trusted_root()
    root[kind] *= 65

    with pytest.raises(MinisealError) as caught:
        verifier(root)

    assert caught.value.code == "trusted-root-invalid"


def test_an_authority_that_cannot_be_read_is_the_trusted_roots_fault() -> None:
    root = FAKE.trusted_root()
    root["certificateAuthorities"][0]["certChain"]["certificates"][0]["rawBytes"] = "AAAA"

    assert code_of(encode(FAKE.dsse(FAKE.leaf(), PAYLOAD)), root) == "trusted-root-invalid"


def test_an_error_that_nobody_expects_is_a_refusal_in_one_line() -> None:
    error = refusal(RuntimeError("boom\n\x1b[31mred"))

    assert error.code == "signature-invalid"
    assert error.message == "sigstore refuses the signature: boom ?[31mred"
    assert unusable(KeyError()).code == "trusted-root-invalid"


class PanicException(BaseException):
    """What comes out of libraries in Rust; it cannot be imported."""


def test_a_panic_of_a_library_is_a_refusal() -> None:
    with pytest.raises(MinisealError) as caught, translated(refusal):
        raise PanicException("called `Result::unwrap()`")

    assert caught.value.code == "signature-invalid"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_what_is_no_verdict_is_no_refusal(error: type[BaseException]) -> None:
    with pytest.raises(error), translated(refusal):
        raise error


def test_an_installation_without_the_extra_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sigstore", None)

    assert code_of(encode(FAKE.dsse(FAKE.leaf(), PAYLOAD))) == "extra-missing"


@settings(deadline=None, max_examples=200)
@given(damaged(BUNDLE) | mutated(json.loads(BUNDLE)))
def test_damage_is_refused_or_makes_no_difference(data: bytes) -> None:
    fuzz_one(data)


@settings(deadline=None, max_examples=100)
@given(damaged(fuzz_trusted_root.ROOT) | mutated(json.loads(fuzz_trusted_root.ROOT)))
def test_a_damaged_trusted_root_is_refused_or_makes_no_difference(data: bytes) -> None:
    fuzz_trusted_root.fuzz_one(data)


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(fuzz_timestamp.SEEDS).flatmap(damaged))
def test_a_damaged_timestamp_is_refused(data: bytes) -> None:
    fuzz_timestamp.fuzz_one(data)


PROGRAM = """
from miniseal.verifier.signatures.{module} import {name}
print(*sorted(set(name.partition('.')[0] for name in sys.modules) - set(sys.stdlib_module_names)))
"""


def imported(program: str, *arguments: str) -> set[str]:
    """The third-party packages that a clean interpreter has after `program`."""
    lines = ["import sys", f"sys.path += {ROOTS}", program]
    done = subprocess.run(
        [sys.executable, "-I", "-c", "\n".join(lines), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("module", "name"), [("keyless", "KeylessVerifier"), ("blob", "verify_blob")]
)
def test_importing_the_verification_imports_no_sigstore(module: str, name: str) -> None:
    found = imported(PROGRAM.format(module=module, name=name))

    assert not found & {"cryptography", "pydantic", "sigstore"}


KEY_PATH = """
from miniseal.formats.bundle import Bundle
from miniseal.verifier.evidence import SIGNATURE_INVALID
from miniseal.verifier.signatures.keys import PublicKey
key = PublicKey.from_pem(sys.argv[1].encode(), what="key", code=SIGNATURE_INVALID)
assert key.verifies(Bundle.from_bytes(sys.argv[2].encode()).envelope)
print(*sorted(set(name.partition('.')[0] for name in sys.modules) - set(sys.stdlib_module_names)))
"""


def test_a_keys_signature_is_checked_with_cryptography_alone() -> None:
    owner = FAKE.managed()
    key = pem(spki(owner.key), "PUBLIC KEY").decode()
    bundle = encode(FAKE.dsse(owner, PAYLOAD)).decode()

    found = imported(KEY_PATH, key, bundle)

    assert {name for name in found if not name.startswith("_")} == {"cryptography", "miniseal"}
