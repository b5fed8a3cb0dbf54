from dataclasses import replace

import pytest

from miniseal.verifier.policy.model import KeyFile, Signer
from miniseal.verifier.policy.patterns import text_matches
from miniseal.verifier.signatures.certificate import CertificateIdentity
from miniseal.verifier.signatures.identity import matches

WORKFLOW = "https://github.com/acme/ci/.github/workflows/release.yml@refs/tags/v2"
IDENTITY = CertificateIdentity(
    issuer="https://token.actions.githubusercontent.com",
    subject=WORKFLOW,
    runner_environment="github-hosted",
    source_repository_id="1",
    source_owner_id="2",
    source_ref="refs/heads/main",
    build_trigger="push",
)
ASKED = [
    *("source_repository_id", "source_owner_id", "source_ref"),
    *("runner_environment", "build_trigger"),
]
SIGNER = Signer(
    issuer=IDENTITY.issuer,
    identity=WORKFLOW,
    source_repository_id="1",
    source_owner_id="2",
    source_ref="refs/heads/*",
    runner_environment="github-hosted",
    build_trigger="push",
)


def test_everything_that_is_stated_matches() -> None:
    assert matches(SIGNER, IDENTITY)


def test_what_is_not_stated_is_not_asked() -> None:
    assert matches(Signer(issuer=IDENTITY.issuer, identity=WORKFLOW), IDENTITY)


@pytest.mark.parametrize(
    "name",
    ["issuer", "subject", *ASKED],
)
def test_one_other_member_does_not(name: str) -> None:
    assert not matches(SIGNER, replace(IDENTITY, **{name: "other"}))


@pytest.mark.parametrize(
    "name",
    ASKED,
)
def test_a_member_that_the_certificate_lacks_does_not(name: str) -> None:
    assert not matches(SIGNER, replace(IDENTITY, **{name: None}))


def test_the_same_reusable_workflow_called_by_others_does_not() -> None:
    caller = replace(IDENTITY, source_repository_id="666", source_owner_id="667")

    assert not matches(SIGNER, caller)


@pytest.mark.parametrize("subject", [f"{WORKFLOW}-2", f"x{WORKFLOW}", WORKFLOW[:-1], ""])
def test_an_identity_is_compared_in_full(subject: str) -> None:
    assert not matches(SIGNER, replace(IDENTITY, subject=subject))


def test_an_identity_may_be_a_pattern() -> None:
    signer = replace(
        SIGNER, identity=None, identity_pattern="https://github.com/acme/*@refs/tags/*"
    )

    assert matches(signer, IDENTITY)
    assert not matches(signer, replace(IDENTITY, subject=f"https://evil.example/{WORKFLOW}"))


def test_an_exact_identity_has_no_patterns() -> None:
    assert not matches(replace(SIGNER, identity="https://github.com/acme/*"), IDENTITY)


@pytest.mark.parametrize(
    "signer",
    [
        pytest.param(Signer(keys=(KeyFile(file="a.pub"),)), id="by keys"),
        pytest.param(Signer(), id="nothing"),
        pytest.param(Signer(issuer=IDENTITY.issuer), id="no identity"),
        pytest.param(Signer(identity=WORKFLOW), id="no issuer"),
        pytest.param(replace(SIGNER, identity_pattern="*"), id="both kinds"),
    ],
)
def test_a_signer_that_is_not_a_whole_keyless_one_is_nobody(signer: Signer) -> None:
    assert not matches(signer, IDENTITY)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("a", "a", True),
        ("a", "ab", False),
        ("*", "", True),
        ("a*", "a", True),
        ("a*", "ba", False),
        ("*a", "ba", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("ab*ba", "aba", False),
        ("*ab*ab", "ab", False),
        ("a.c", "abc", False),
        ("[a]*", "a", False),
        ("*" * 50 + "b", "a" * 10_000, False),
    ],
)
def test_a_pattern_matches_all_of_a_text(pattern: str, text: str, *, expected: bool) -> None:
    assert text_matches(pattern, text) is expected
