"""The cases of sigstore-conformance that are here, each with our reason, in both input forms."""

import re
from pathlib import Path

import pytest

from conformance.suite import ROOT, Form, request_of, shared_cases, verify
from miniseal.formats.errors import MinisealError

REASONS = {
    "bundle-empty-certificate-chain_fail": "bundle-malformed",
    "bundle-invalid-base64-signature_fail": "bundle-malformed",
    "bundle-negative-log-index_fail": "log-entry-invalid",
    "bundle-with-root-cert_fail": "certificate-invalid",
    "checkpoint-bad-keyhint_fail": "log-entry-invalid",
    "dsse-invalid-sig_fail": "signature-invalid",
    "dsse-mismatch-sig_fail": "log-entry-invalid",
    "happy-path-v0.1": None,
    "happy-path-v0.3-new-mediaType": None,
    "inclusion-proof-corrupted-hash_fail": "log-entry-invalid",
    "integrated-time-in-future_fail": "certificate-invalid",
    "intoto-log-entry-mismatch_fail": "log-entry-invalid",
    "intoto-set-outside-signing-cert-validity_fail": "certificate-invalid",
    "intoto-with-custom-trust-root": None,
    "invalid-ct-key_fail": "certificate-invalid",
    "managed-key-and-trusted-root": None,
    "managed-key-no-key_fail": "identity-mismatch",
    "message-digest-mismatch_fail": "digest-mismatch",
    "rekor2-checkpoint-missing-log-signature_fail": "log-entry-invalid",
    "rekor2-checkpoint-missing-root-hash_fail": "log-entry-invalid",
    "rekor2-checkpoint-multiple-cosigs": None,
    "rekor2-checkpoint-origin-not-first": None,
    "rekor2-checkpoint-two-sigs-from-origin": None,
    "rekor2-dsse-invalid-sig_fail": "signature-invalid",
    "rekor2-dsse-mismatch-sig_fail": "log-entry-invalid",
    "rekor2-no-inclusion-proof_fail": "log-entry-invalid",
    "rekor2-timestamp-outside-trust-root-tsa-validity_fail": "timestamp-invalid",
    "rekor2-timestamp-payload-mismatch_fail": "timestamp-invalid",
    "rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail": "timestamp-invalid",
    "rekor2-timestamp-with-expired-cert-chain": None,
    "rekor2-timestamp-without-embedded-cert": None,
    "signature-mismatch_fail": "signature-invalid",
    "trust-root-tlog-validity-end-inclusive": None,
    "wrong-hashedrekord-artifact_fail": "log-entry-invalid",
    "wrong-hashedrekord-entry_fail": "log-entry-invalid",
}
"""Every case of the suite that we have, with the code of its refusal, or None for a good one."""


@pytest.fixture(scope="module")
def cases() -> Path:
    folder = shared_cases()
    assert folder.is_dir(), (
        f"the cases of sigstore-conformance are not in {folder}: name their folder in the "
        "environment variable MINISEAL_CONFORMANCE"
    )
    return folder


def test_the_table_names_every_case(cases: Path) -> None:
    assert sorted(path.name for path in cases.iterdir() if path.is_dir()) == sorted(REASONS)


def test_the_documentation_names_the_reason_of_every_refusal() -> None:
    text = (ROOT / "docs" / "reference" / "conformance.md").read_text(encoding="utf-8")
    told: dict[str, str] = {}
    for code, cases in re.findall(r"^\| `([a-z-]+)` \| (.*_fail.*) \|$", text, re.MULTILINE):
        told.update(dict.fromkeys(re.findall(r"`([^`]+)`", cases), code))

    assert told == {name: code for name, code in REASONS.items() if code}
    assert f"{len(REASONS)} of {len(REASONS)}" in text


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("name", REASONS)
def test_a_case_is_accepted_or_refused_for_its_reason(cases: Path, name: str, form: Form) -> None:
    request = request_of(cases / name, form)
    code = None

    try:
        verify(request)
    except MinisealError as error:
        code = error.code

    assert code == REASONS[name]
    assert (code is not None) == name.endswith("_fail")
