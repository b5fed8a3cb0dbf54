import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from fuzz.damage import damaged
from fuzz.fuzz_certificate import fuzz_one
from kit.fakesigstore import GITHUB, ISSUER, SUBJECT, FakeSigstore
from miniseal.formats.errors import MinisealError
from miniseal.verifier.signatures.certificate import CertificateIdentity

FAKE = FakeSigstore()
DER = FAKE.leaf().certificate or b""
LATE = 2_600_000_000  # written as four digits of a year, not two
USERNAME = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")


def identity(**options: object) -> CertificateIdentity:
    return CertificateIdentity.from_der(FAKE.leaf(**options).certificate or b"")


def refusal(**options: object) -> str:
    with pytest.raises(MinisealError) as caught:
        identity(**options)
    assert caught.value.code == "certificate-invalid"
    return caught.value.message


def test_a_workflows_certificate_is_read() -> None:
    assert identity() == CertificateIdentity(
        issuer=ISSUER,
        subject=SUBJECT,
        runner_environment="github-hosted",
        source_repository="https://github.com/acme/wallet",
        source_ref="refs/heads/main",
        source_repository_id="1234567",
        source_owner_id="7654321",
        build_trigger="push",
    )


def test_a_persons_certificate_is_read() -> None:
    found = identity(
        subject="dev@acme.example", issuer="https://idp.example", extensions={}, old_issuer=None
    )

    assert found == CertificateIdentity(issuer="https://idp.example", subject="dev@acme.example")
    assert found.to_json() == {"issuer": "https://idp.example", "subject": "dev@acme.example"}


def test_a_user_name_is_read() -> None:
    name = x509.OtherName(USERNAME, b"\x0c\x03dev")

    assert identity(subjects=(name,)).subject == "dev"


def test_an_issuer_may_be_written_in_the_old_way_alone() -> None:
    assert identity(issuer=None, old_issuer=ISSUER).issuer == ISSUER


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"issuer": None, "old_issuer": None}, "no issuer", id="no issuer"),
        pytest.param({"old_issuer": "https://b.example"}, "two issuers", id="two issuers"),
        pytest.param({"subject": None}, "no subject", id="no subject"),
        pytest.param({"subjects": (x509.DNSName("a.example"),)}, "another kind", id="host name"),
        pytest.param(
            {"subjects": (x509.RFC822Name("a@b.example"),) * 2}, "one subject", id="two subjects"
        ),
        pytest.param(
            {"subjects": (x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x0c\x01a"),)},
            "another kind",
            id="other name",
        ),
        pytest.param(
            {"issuer": None, "old_issuer": "https://idp.example/\x7f"}, "issuer", id="control"
        ),
        pytest.param({"extensions": {"14": ""}}, "source_ref", id="empty"),
        pytest.param({"extensions": {"14": "a\nb"}}, "source_ref", id="two lines"),
        pytest.param({"extensions": {"14": "a" * 2049}}, "source_ref", id="long"),
    ],
)
def test_a_certificate_that_names_nobody_clearly_is_refused(
    options: dict[str, object], message: str
) -> None:
    assert message in refusal(**options)


@pytest.mark.parametrize(
    "der",
    [b"", b"a", b"\x0c\x02a", b"\x0c\x01ab", b"\x16\x01a", b"\x0c\x81\x01a", b"\x0c\x01\xff"],
    ids=["empty", "text", "short", "long", "ia5", "length", "utf8"],
)
def test_a_user_name_that_is_no_utf8_string_is_refused(der: bytes) -> None:
    with pytest.raises((MinisealError, ValueError)) as caught:
        identity(subjects=(x509.OtherName(USERNAME, der),))

    assert getattr(caught.value, "code", "certificate-invalid") == "certificate-invalid"


def test_what_is_no_certificate_is_refused() -> None:
    with pytest.raises(MinisealError) as caught:
        CertificateIdentity.from_der(b"\x30\x00")

    assert caught.value.code == "certificate-invalid"


def test_a_certificate_of_a_year_that_no_calendar_has_is_refused() -> None:
    der = FAKE.leaf(at=LATE).certificate or b""
    impossible = re.sub(rb"(\x18\x0f)[0-9]{4}", rb"\g<1>0000", der)
    assert impossible != der

    with pytest.raises(MinisealError) as caught:
        CertificateIdentity.from_der(impossible)

    assert caught.value.code == "certificate-invalid"


def test_a_certificate_that_is_too_large_is_not_parsed() -> None:
    names = tuple(x509.DNSName(f"{number}.example") for number in range(4000))

    assert "too large" in refusal(subjects=names)


@pytest.mark.parametrize("value", ["3003020163", "3000"], ids=["unknown", "none"])
def test_an_extension_that_its_parser_stumbles_over_is_refused(value: str) -> None:
    """cryptography answers such lists of TLS features with a KeyError, and with a TypeError."""
    name = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.24")
    extension = x509.UnrecognizedExtension(name, bytes.fromhex(value))
    key = FAKE.key("leaf")
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(FAKE.issuing.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2026, 2, 1, tzinfo=UTC))
        .add_extension(extension, critical=False)
    )
    data = builder.sign(key, SHA256()).public_bytes(Encoding.DER)

    with pytest.raises(MinisealError) as caught:
        CertificateIdentity.from_der(data)

    assert caught.value.code == "certificate-invalid"


def test_a_run_a_commit_and_a_ref_are_the_same_signatory() -> None:
    one = identity()

    assert one.digest == replace(one, source_ref="refs/tags/v1", run_invocation="x").digest


@pytest.mark.parametrize("name", ["issuer", "subject", "source_repository_id", "source_owner_id"])
def test_another_name_or_source_is_another_signatory(name: str) -> None:
    one = identity()

    assert one.digest != replace(one, **{name: "other"}).digest
    assert one.digest.startswith("sha256:")


def test_every_extension_of_a_workflow_is_read() -> None:
    assert len(identity().to_json()) == len(GITHUB) + 2


@given(damaged(DER))
def test_damage_is_read_or_refused(data: bytes) -> None:
    fuzz_one(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(MinisealError):
        CertificateIdentity.from_der(data)
