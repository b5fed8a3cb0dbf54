from dataclasses import fields

import pytest

from kit.packages import POLICY
from kit.policies import TRUST, WHOLE, keyless, read
from miniseal.verifier.policy import model
from miniseal.verifier.policy.explain import explain

DIGEST = "sha256:" + "ab" * 32


def words(text: str) -> dict[str, str]:
    """What is said under each title."""
    return {section.title: "\n".join(section.lines) for section in explain(read(text))}


def test_everybody_and_every_namespace_is_explained() -> None:
    assert words(WHOLE).keys() == {
        *("signer acme", "signer ci", "signer scanner", "signer store"),
        *("signer rebuilder-one", "signer rebuilder-two"),
        *("trust", "com.acme.*"),
    }


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("signer acme", "the key acme.pub"),
        ("signer ci", "https://token.actions.githubusercontent.com"),
        ("signer ci", "release.yml@refs/tags/v2"),
        ("signer ci", "repository with id 123"),
        ("signer ci", "owner with id 45"),
        ("signer ci", "at the ref refs/tags/*"),
        ("signer ci", "github-hosted"),
        ("signer ci", "started by push"),
        ("signer rebuilder-two", "any https://gitlab.example/two/*"),
        ("trust", "root.json"),
        ("com.acme.*", "acme or ci has to have signed its provenance"),
        ("com.acme.*", "https://builders.example/one@v1 (level 2, as acme signs)"),
        ("com.acme.*", "from the source https://git.example/acme/tip at the ref refs/tags/*"),
        ("com.acme.*", "listed its parts in the last 90d"),
        ("com.acme.*", "the latest scan by acme or scanner, and its database, have to be of the"),
        ("com.acme.*", "nothing high or worse"),
        ("com.acme.*", "rebuild, secrets, coverage, program"),
        ("com.acme.*", "what it can reach"),
        ("com.acme.*", "1 of rebuilder-one, rebuilder-two"),
        ("com.acme.*", "store as https://store.example/verifier"),
        ("com.acme.*", "with SLSA_BUILD_LEVEL_2"),
        ("com.acme.*", "the layout layouts/tip.json says, which acme has to have signed"),
        ("com.acme.*", "links by ci or acme"),
        ("com.acme.*", "the permissions storage; the hosts *.acme.example"),
        ("com.acme.*", "64 MiB"),
    ],
)
def test_what_a_policy_says_is_said_in_words(title: str, said: str) -> None:
    assert said in words(WHOLE)[title]


@pytest.mark.parametrize("rule", [each.name for each in fields(model.Require)])
def test_every_rule_has_words_of_its_own(rule: str) -> None:
    start = WHOLE.index(f"[namespace.require.{rule}]")
    without = WHOLE[:start] + WHOLE[WHOLE.index("\n[", start) + 1 :]

    assert len(words(without)["com.acme.*"]) < len(words(WHOLE)["com.acme.*"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('fail_on = "high"', 'fail_on = "high"\nignore_unfixed = true', "an update would mend"),
        ('fail_on = "high"', 'fail_on = "high"\nvex_signers = ["acme"]', "acme says that they do"),
        ('fail_on = "high"', 'fail_on = "critical"', "nothing critical"),
        (".sbom]", '.sbom]\ndeny_licenses = ["GPL-*"]', "no part may be under GPL-*"),
        (".sbom]", '.sbom]\nunknown_licenses = "refuse"', "a known licence"),
        ("network_hosts", "min_version_code = 7\nnetwork_hosts", "has to be 7 or more"),
        ("network_hosts", 'executable_assets = ["html"]\nnetwork_hosts', "could execute: html"),
        ("min_level = 2", 'min_level = 2\nmax_age = "9d"', "in the last 9d"),
    ],
)
def test_what_a_member_changes_is_said(old: str, new: str, said: str) -> None:
    assert said not in words(POLICY)["com.acme.*"]

    assert said in words(POLICY.replace(old, new))["com.acme.*"]


def test_several_keys_are_counted() -> None:
    two = '{file = "acme.pub"}, {file = "second.pub", not_after = 2027-01-01T00:00:00Z}]'
    one = words(POLICY.replace('{file = "acme.pub"}]', two))["signer acme"]
    both = words(POLICY.replace('{file = "acme.pub"}]', f"{two}\nthreshold = 2"))["signer acme"]

    assert one == "signs with one of the keys acme.pub, second.pub until 2027-01-01T00:00:00Z"
    assert "2 distinct ones" in both


def test_what_is_denied_is_said_with_its_reason() -> None:
    deny = '[[deny]]\napp = "com.acme.tip"\ncodes = "1..2"\nreason = "CVE-2026-1"\n'

    assert words(POLICY + deny)["denied"] == "app com.acme.tip, version codes 1..2: CVE-2026-1"


def test_trust_by_tuf_is_said() -> None:
    tuf = (
        '[trust]\nmax_age = "7d"\n[trust.tuf]\nurl = "https://tuf.example"\nroot = "1.root.json"\n'
    )

    said = words(keyless().replace(TRUST, tuf))["trust"]

    assert "trusted_root.json of https://tuf.example" in said
    assert "refreshed in the last 7d" in said


def test_policies_of_a_verification_are_said() -> None:
    text = WHOLE.replace('["SLSA_BUILD_LEVEL_2"]', f'[]\npolicies = ["{DIGEST}"]')

    assert f"by the policy {DIGEST}" in words(text)["com.acme.*"]
