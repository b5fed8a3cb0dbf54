from dataclasses import replace

import pytest

from kit.evidence import policy, said
from miniseal.verifier import Policy
from miniseal.verifier.checks.independent import is_publisher
from miniseal.verifier.evidence import CosignSignature, Evidence
from miniseal.verifier.policy.model import Namespace, Signer
from miniseal.verifier.signatures.certificate import CertificateIdentity
from miniseal.verifier.signatures.signatory import Signatory

ISSUER = "https://issuer.example"
KEYED = policy({"acme": ["acme", "spare"], "other": ["other"]}, {})
KEYLESS = replace(
    KEYED,
    document=replace(
        KEYED.document,
        signer={"acme": Signer(issuer=ISSUER, identity_pattern="*@acme.example")},
    ),
    keys={},
)


def publisher(evidence: Evidence[object], judged: Policy) -> bool:
    namespace: Namespace = judged.namespaces[0]
    return is_publisher(evidence, namespace, judged)


def by_certificate(subject: str, issuer: str = ISSUER) -> Evidence[object]:
    identity = CertificateIdentity(issuer=issuer, subject=subject)
    signatory = Signatory.of_certificate(identity, (1,))
    return replace(said(CosignSignature(), "other"), signatory=signatory)


@pytest.mark.parametrize("key", ["acme", "spare"])
def test_a_publishers_key_is_a_publishers_whatever_it_is_called(key: str) -> None:
    assert publisher(said(CosignSignature(), key, "other"), KEYED)


def test_another_key_is_not() -> None:
    assert not publisher(said(CosignSignature(), "other"), KEYED)


def test_a_publishers_name_is_a_publisher() -> None:
    assert publisher(said(CosignSignature(), "other", "acme", "other"), KEYED)


def test_an_identity_that_could_be_a_publishers_is_one() -> None:
    assert publisher(by_certificate("ci@acme.example"), KEYLESS)


@pytest.mark.parametrize(
    ("subject", "issuer"),
    [("ci@other.example", ISSUER), ("ci@acme.example", "https://other.example")],
    ids=["subject", "issuer"],
)
def test_another_identity_is_not(subject: str, issuer: str) -> None:
    assert not publisher(by_certificate(subject, issuer), KEYLESS)
