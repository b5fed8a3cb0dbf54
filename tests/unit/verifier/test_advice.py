import pytest

from kit.packages import NOW, POLICY
from kit.policies import FILES, GITHUB, PERSON, TRUST, WHOLE, keyless, read, signed_layout
from miniseal.formats.times import from_text
from miniseal.verifier.policy.advice import warnings

SCANNED = POLICY.replace('["acme", "scanner"]', '["scanner"]')
"""In which the publisher does not scan its own work."""


def advice(text: str, now: int = NOW) -> tuple[str, ...]:
    return warnings(read(text), now=now)


def signer(text: str) -> tuple[str, ...]:
    """What is said about the keyless signer `ci`."""
    said = advice(keyless(text))
    return tuple(line.removeprefix("signer ci: ") for line in said if "signer ci" in line)


def test_a_policy_without_weak_spots_gets_no_warning() -> None:
    assert advice(SCANNED) == ()


def test_a_keyless_signer_without_weak_spots_gets_no_warning() -> None:
    assert signer(GITHUB) == ()
    assert signer(PERSON) == ()


def built(builder: str, signer: str = GITHUB) -> tuple[str, ...]:
    """What is said about a builder of level 3 for which `ci` signs."""
    text = keyless(signer).replace("[[namespace]]", f"{BUILDER.format(builder)}[[namespace]]", 1)
    said = advice(text)
    return tuple(line.removeprefix(f"builder {builder}: ") for line in said if "builder" in line)


BUILDER = '[[builder]]\nid = "{}"\nsigners = ["ci"]\nlevel = 3\n\n'
WORKFLOW = "https://github.com/acme/ci/.github/workflows/release.yml@refs/tags/v2"


def test_a_workflow_that_signs_for_itself_gets_no_warning() -> None:
    wide = GITHUB.replace("identity =", "identity_pattern =").replace("v2", "*")

    assert built(WORKFLOW) == built(WORKFLOW, wide) == ()
    assert built("https://builders.example/of-somebody@v1") == ()


def test_a_builder_that_its_signer_cannot_be_is_warned_of() -> None:
    assert built(WORKFLOW.replace("v2", "v1")) == ("ci is another, so its provenance never counts",)


def test_a_workflow_for_which_a_key_signs_is_warned_of() -> None:
    (line,) = advice(SCANNED.replace("https://builders.example/one@v1", WORKFLOW))

    assert line == f"builder {WORKFLOW}: nothing shows that acme, a key, is that workflow"


def test_an_expired_policy_is_warned_of() -> None:
    (line,) = advice(SCANNED, from_text("2027-03-01T00:00:00Z"))

    assert "expired on 2027-03-01T00:00:00Z" in line


def test_a_policy_that_is_about_to_expire_is_warned_of() -> None:
    (line,) = advice(SCANNED, from_text("2027-02-20T00:00:00Z"))

    assert "expires on 2027-03-01T00:00:00Z" in line


def test_a_policy_that_lives_for_years_is_warned_of() -> None:
    (line,) = advice(SCANNED.replace("2027-03", "2029-03"))

    assert "good until 2029-03-01T00:00:00Z" in line


def test_admissions_that_last_are_warned_of() -> None:
    (line,) = advice(SCANNED.replace('"30d"', '"91d"'))

    assert "max_admission_age" in line


def test_keys_that_have_ended_are_warned_of_and_that_too_few_are_left() -> None:
    old = '{file = "second.pub", not_after = 2026-01-01T00:00:00Z}'
    beside = SCANNED.replace('{file = "acme.pub"}', f'{{file = "acme.pub"}}, {old}')
    alone = SCANNED.replace('{file = "acme.pub"}', old)

    assert advice(beside) == (
        "signer acme: second.pub verifies nothing since 2026-01-01T00:00:00Z",
    )
    assert advice(alone)[1:] == ("signer acme: 0 keys are left, and 1 have to sign",)


def test_a_key_that_is_about_to_end_is_warned_of() -> None:
    end = SCANNED.replace('"acme.pub"', '"acme.pub", not_after = 2026-12-01T00:00:00Z')

    assert advice(end) == ("signer acme: acme.pub verifies nothing from 2026-12-01T00:00:00Z on",)


def test_a_key_under_two_names_is_warned_of() -> None:
    (line,) = advice(SCANNED.replace('"scanner.pub"', '"acme.pub"'))

    assert "acme and scanner have a key in common" in line


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        ('fail_on = "high"', 'fail_on = "high"\nignore_unfixed = true', "no update"),
        ('fail_on = "high"', 'fail_on = "high"\nvex_signers = ["scanner", "acme"]', "acme publish"),
        ('["scanner"]', '["scanner", "acme"]', "acme publishes here and scans itself"),
        ('max_age = "14d"', 'max_age = "60d"', "60d old"),
        (".sbom]", '.sbom]\ndeny_licenses = ["GPL-*"]', "unknown_licenses"),
        ("min_level = 2", "min_level = 1", "nobody rebuilds"),
        ('source = "https://git.example/acme/tip"\n', "", "names no source"),
        ('signers = ["acme"]\nmin_level', 'signers = ["acme", "scanner"]\nmin_level', "no builder"),
    ],
)
def test_what_weakens_a_namespace_is_warned_of(old: str, new: str, warning: str) -> None:
    assert old in SCANNED

    (line,) = advice(SCANNED.replace(old, new))

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
    assert advice(SCANNED.replace(old, new)) == ()


def test_a_rebuilder_stands_in_for_a_hosted_builder() -> None:
    said = advice(WHOLE.replace("min_level = 2", "min_level = 1"))

    assert not [line for line in said if "nobody rebuilds" in line]


def test_a_namespace_that_demands_no_scan_is_warned_of() -> None:
    start = SCANNED.index("[namespace.require.vulnerabilities]")
    end = SCANNED.index("[namespace.require.checks]")

    (line,) = advice(SCANNED[:start] + SCANNED[end:])

    assert "no scan is required" in line


def test_a_namespace_without_provenance_is_warned_of() -> None:
    start = SCANNED.index("[namespace.require.provenance]")
    end = SCANNED.index("[namespace.require.sbom]")

    (line,) = advice(SCANNED[:start] + SCANNED[end:])

    assert "no provenance is required" in line


def test_a_ref_of_any_repository_is_warned_of() -> None:
    said = advice(SCANNED.replace('source = "https://git.example/acme/tip"', 'ref = "refs/tags/*"'))

    assert "provenance.ref without source" in said[1]


def test_a_namespace_of_a_whole_top_level_is_warned_of() -> None:
    (line,) = advice(SCANNED.replace("com.acme.*", "com.*"))

    assert line.startswith("com.*: covers everybody")


def test_a_verification_alone_is_warned_of() -> None:
    start, end = WHOLE.index("[namespace.require.prov"), WHOLE.index("[namespace.require.verif")
    layout, permission = WHOLE.index("[namespace.require.layout"), WHOLE.index("[permission.")
    alone = WHOLE[:start] + WHOLE[end:layout] + WHOLE[permission:]

    said = [line for line in advice(alone) if line.startswith("com.acme.*")]

    assert said == [
        "com.acme.*: all is left to somebody else's verification",
        "com.acme.*: the verification may have been by any policy (verification.policies)",
    ]


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        ('max_age = "7d"', 'max_age = "31d"', "verification may be 31d old"),
        ('bbbbbbbb = "acme"', 'bbbbbbbb = "acme"', "publisher's own word"),
        ('max_age = "90d"', 'max_age = "90d"', "sbom.max_age is never met by what acme signs"),
    ],
)
def test_what_a_whole_policy_leaves_open_is_warned_of(old: str, new: str, warning: str) -> None:
    assert any(warning in line for line in advice(WHOLE.replace(old, new)))


@pytest.mark.parametrize(
    ("layout", "warning"),
    [
        (FILES["layouts/tip.json"].replace(b"Y", b"Z", 1), "nothing follows the layout"),
        (signed_layout("scanner"), "is not signed with a key that the policy accepts"),
        (signed_layout(expires="2026-01-01T00:00:00Z"), "the layout has expired"),
        (signed_layout(expires="2026-12-01T00:00:00Z"), "from 2026-12-01T00:00:00Z on"),
        (signed_layout(threshold=3), "takes 3 functionaries, and layout.functionaries has 2"),
    ],
    ids=["no layout", "a stranger's", "expired", "about to expire", "too few"],
)
def test_a_layout_that_nothing_can_follow_is_warned_of(layout: bytes, warning: str) -> None:
    said = warnings(read(WHOLE, {"layouts/tip.json": layout}), now=NOW)

    assert any(warning in line for line in said), said


def test_a_key_id_of_no_step_is_warned_of() -> None:
    said = advice(WHOLE.replace("bbbbbbbb", "dddddddd"))

    assert any("no step of layouts/tip.json is for dddddddd" in line for line in said)


def test_a_layout_that_can_be_followed_is_not_warned_of() -> None:
    assert not [line for line in advice(WHOLE) if "tip.json" in line]


def test_a_layout_by_others_than_publishers_is_not_warned_of() -> None:
    said = advice(WHOLE.replace('bbbbbbbb = "acme"', 'bbbbbbbb = "scanner"'))

    assert not [line for line in said if "own word" in line]


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        ('source_ref = "refs/tags/*"\n', "", "no source_ref"),
        ('source_ref = "refs/tags/*"', 'source_ref = "refs/heads/*"', "every branch"),
        ('source_ref = "refs/tags/*"', 'source_ref = "refs/*"', "pull requests"),
        ('runner_environment = "github-hosted"\n', "", "no runner_environment"),
        ("github-hosted", "self-hosted", "self-hosted runners sign"),
        ('"push"', '"pull_request_target"', "strangers"),
        ("@refs/tags/v2", "@refs/heads/main", "refs/heads/main changes"),
        (
            'identity = "https://github.com/acme/ci/.github/workflows/release.yml@refs/tags/v2"',
            'identity_pattern = "https://github.com/acme/ci/.github/workflows/release.yml@*"',
            "at any ref",
        ),
        (
            'identity = "https://github.com/acme/ci/.github/workflows/release.yml@refs/tags/v2"',
            'identity_pattern = "https://github.com/acme/*"',
            "every workflow that matches",
        ),
    ],
)
def test_what_a_workflow_leaves_open_is_warned_of(old: str, new: str, warning: str) -> None:
    assert old in GITHUB

    (line,) = signer(GITHUB.replace(old, new))

    assert warning in line


def test_a_pattern_of_tags_is_not_warned_of() -> None:
    pattern = GITHUB.replace("identity =", "identity_pattern =").replace("tags/v2", "tags/v2.*")

    assert signer(pattern) == ()


def test_an_issuer_without_tls_is_warned_of() -> None:
    (line,) = signer(PERSON.replace("https:", "http:"))

    assert "without TLS" in line
    assert signer(PERSON.replace("https://accounts.example", "http://127.0.0.1:8790")) == ()


def test_everybody_at_a_domain_is_warned_of() -> None:
    (line,) = signer(PERSON.replace('identity = "alice', 'identity_pattern = "*'))

    assert "everybody with an address at acme.example" in line


def test_a_configuration_that_others_include_is_warned_of() -> None:
    gitlab = 'issuer = "https://gitlab.example"\nidentity = "https://gitlab.example/a/b//c.yml@d"\n'

    assert any("no source_repository_id" in line for line in signer(gitlab))


def test_a_pod_has_no_source_to_warn_of() -> None:
    pod = "https://kubernetes.io/namespaces/ci/serviceaccounts/release"

    assert signer(f'issuer = "https://k8s.example"\nidentity = "{pod}"\n') == ()


def test_trust_for_nobody_is_warned_of() -> None:
    (line,) = advice(SCANNED.replace("[signer.scanner]", f"{TRUST}[signer.scanner]"))

    assert "no signer is keyless" in line


def test_trust_that_gets_old_is_warned_of() -> None:
    tuf = (
        '[trust]\nmax_age = "15d"\n[trust.tuf]\nurl = "https://tuf.example"\nroot = "1.root.json"\n'
    )

    assert any("15d without a refresh" in line for line in advice(keyless().replace(TRUST, tuf)))
