import pytest

from kit.packages import NOW, POLICY, key
from miniseal.formats.times import from_text
from miniseal.verifier.policy.advice import warnings
from miniseal.verifier.policy.policy import Policy

KEYS = {f"{name}.pub": key(name).public_pem for name in ("acme", "scanner", "second")}


def advice(text: str, now: int = NOW) -> tuple[str, ...]:
    return warnings(Policy.from_toml(text.encode(), KEYS.__getitem__), now=now)


def test_a_policy_without_weak_spots_gets_no_warning() -> None:
    assert advice(POLICY) == ()


def test_an_expired_policy_is_warned_of() -> None:
    (line,) = advice(POLICY, from_text("2027-03-01T00:00:00Z"))

    assert "expired on 2027-03-01T00:00:00Z" in line


def test_keys_that_have_ended_are_warned_of_and_that_too_few_are_left() -> None:
    old = '{file = "second.pub", not_after = 2026-01-01T00:00:00Z}'
    beside = POLICY.replace('{file = "acme.pub"}', f'{{file = "acme.pub"}}, {old}')
    alone = POLICY.replace('{file = "acme.pub"}', old)

    assert advice(beside) == (
        "signer acme: second.pub verifies nothing since 2026-01-01T00:00:00Z",
    )
    assert advice(alone)[1:] == ("signer acme: 0 keys are left, and 1 have to sign",)


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        ('fail_on = "high"', 'fail_on = "high"\nignore_unfixed = true', "no update"),
        ('fail_on = "high"', 'fail_on = "high"\nvex_signers = ["scanner", "acme"]', "acme publish"),
        (".sbom]", '.sbom]\ndeny_licenses = ["GPL-*"]', "unknown_licenses"),
    ],
)
def test_what_weakens_a_namespace_is_warned_of(old: str, new: str, warning: str) -> None:
    (line,) = advice(POLICY.replace(old, new))

    assert line.startswith("com.acme.*: ")
    assert warning in line


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('fail_on = "high"', 'fail_on = "high"\nvex_signers = ["scanner"]'),
        (".sbom]", '.sbom]\ndeny_licenses = ["GPL-*"]\nunknown_licenses = "refuse"'),
    ],
)
def test_what_strengthens_it_is_not(old: str, new: str) -> None:
    assert advice(POLICY.replace(old, new)) == ()


def test_a_namespace_that_demands_no_scan_is_warned_of() -> None:
    start = POLICY.index("[namespace.require.vulnerabilities]")
    end = POLICY.index("[namespace.require.checks]")

    (line,) = advice(POLICY[:start] + POLICY[end:])

    assert "no scan is required" in line
