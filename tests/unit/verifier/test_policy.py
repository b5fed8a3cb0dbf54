import json
import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.fuzz_policy import fuzz_one
from fuzz.fuzz_policy import read as fuzzed
from fuzz.mutations import mutated
from kit.packages import APP, POLICY, key
from kit.policies import WHOLE, toml
from miniseal.formats.errors import MinisealError
from miniseal.formats.times import from_text
from miniseal.verifier.policy.policy import Policy

KEYS = {f"{name}.pub": key(name).public_pem for name in ("acme", "scanner")}
AS_JSON = json.loads(json.dumps(tomllib.loads(WHOLE), default=lambda time: time.isoformat()))
NAMESPACE = POLICY[POLICY.index("[[namespace]]") : POLICY.index("[permission.storage]")]


def policy(text: str = POLICY, files: dict[str, bytes] | None = None) -> Policy:
    return Policy.from_toml(text.encode(), {**KEYS, **(files or {})}.__getitem__)


def message(text: str, files: dict[str, bytes] | None = None) -> str:
    """What a bad policy is refused with; always under the one code."""
    with pytest.raises(MinisealError) as error:
        policy(text, files)
    assert error.value.code == "policy-invalid"
    return str(error.value)


def test_a_policy_is_read() -> None:
    read = policy()

    assert read.serial == 1
    assert read.end == from_text("2027-03-01T00:00:00Z")
    assert read.expires == "2027-03-01T00:00:00Z"
    assert read.max_admission_age == 30 * 86_400
    assert read.signers == ("acme", "scanner")
    assert [name for name, _ in read.files] == ["policy.toml", "acme.pub", "scanner.pub"]


def test_the_digest_covers_the_policy_and_every_file() -> None:
    digests = {
        policy().digest,
        policy(POLICY + "\n# a comment").digest,
        policy(files={"scanner.pub": key("stranger").public_pem}).digest,
    }

    assert len(digests) == 3
    assert policy().digest in digests


def test_whose_vex_counts_and_which_licences_do_not_is_read() -> None:
    text = POLICY.replace('fail_on = "high"', 'fail_on = "high"\nvex_signers = ["scanner"]')
    text = text.replace(".sbom]", '.sbom]\ndeny_licenses = ["GPL-*"]\nunknown_licenses = "refuse"')

    require = policy(text).namespace(APP).require

    assert require.vulnerabilities is not None
    assert require.vulnerabilities.vex_signers == ("scanner",)
    assert require.vulnerabilities.ignore_unfixed is False
    assert require.sbom is not None
    assert require.sbom.deny_licenses == ("GPL-*",)
    assert require.sbom.unknown_licenses == "refuse"


def test_a_schema_is_made() -> None:
    schema = Policy.json_schema()

    assert "serial" in schema["required"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("version = 1", "version = 2", "version"),
        ("version = 1", "version = 1\nextra = 1", "extra"),
        ("version = 1", "version = true", "version"),
        ("serial = 1", "serial = 0", "serial"),
        ("serial = 1", 'serial = "1"', "serial"),
        ("serial = 1\n", "", "serial"),
        ("2027-03-01T00:00:00Z", "2027-03-01", "expires"),
        ("2027-03-01T00:00:00Z", "2027-03-01T00:00:00", "expires"),
        ("2027-03-01T00:00:00Z", "2027-03-01T00:00:00+01:00", "expires"),
        ("2027-03-01T00:00:00Z", "2027-03-01T00:00:00.5Z", "expires"),
        ("2027-03-01T00:00:00Z", "1800000000", "expires"),
        ('"30d"', '"30"', "max_admission_age"),
        ('"30d"', '"0d"', "max_admission_age"),
        ('keys = [{file = "acme.pub"}]', "keys = []", "signer.acme.keys"),
        ('"acme.pub"}]', '"acme.pub"}, {file = "acme.pub"}]', "signer.acme.keys"),
        ('"acme.pub"}]', '"acme.pub"}]\nthreshold = 2', "signer.acme.threshold"),
        ('"acme.pub"}]', '"acme.pub"}]\nthreshold = 0', "signer.acme.threshold"),
        ('"acme.pub"}', '"acme.pub", not_after = 2027-01-01}', "signer.acme.keys"),
        ('"acme.pub"}', '"acme.pub", not_after = 2027-01-01T00:00:00+01:00}', "not_after"),
        ('"acme.pub"}]', '"acme.pub"}]\nissuer = "https://x"', "signer.acme.issuer"),
        ('file = "acme.pub"', 'file = "../acme.pub"', "signer.acme.keys"),
        ('file = "acme.pub"', 'file = "/etc/acme.pub"', "signer.acme.keys"),
        ('file = "acme.pub"', 'file = "policy.toml"', "signer.acme.keys"),
        ('file = "acme.pub"', 'file = "a\\\\b.pub"', "signer.acme.keys"),
        ('signers = ["acme"]\nlevel = 2', 'signers = ["nobody"]\nlevel = 2', "builder[0].signers"),
        ('signers = ["acme"]\nlevel = 2', "signers = []\nlevel = 2", "builder[0].signers"),
        ("level = 2\n\n", "level = 5\n\n", "builder[0].level"),
        ("min_level = 2", "min_level = 3", "namespace[0].require.provenance"),
        ("min_level = 2", 'min_level = 2\nvex = ["x"]', "vex"),
        ('apps = "com.acme.*"', 'apps = "com.ac*"', "namespace[0].apps"),
        ('apps = "com.acme.*"', 'apps = "*"', "namespace[0].apps"),
        ('apps = "com.acme.*"', 'apps = "com.*.tip"', "namespace[0].apps"),
        ('publishers = ["acme"]', "publishers = []", "namespace[0].publishers"),
        ('publishers = ["acme"]', 'publishers = ["mallory"]', "namespace[0].publishers"),
        ('["*.acme.example"]', '["acme.*"]', "namespace[0].network_hosts"),
        ('["storage"]', '["storage", "storage"]', "namespace[0].permissions"),
        ('["storage"]', '[""]', "namespace[0].permissions"),
        ("network_hosts", "limits = {fuel = 0}\nnetwork_hosts", "namespace[0].limits.fuel"),
        ("network_hosts", "min_version_code = 0\nnetwork_hosts", "min_version_code"),
        ("network_hosts", 'executable_assets = ["exe"]\nnetwork_hosts', "executable_assets"),
        ('max_age = "14d"\n', "", "max_age"),
        ('max_age = "14d"', 'max_age = "two weeks"', "vulnerabilities.max_age"),
        ('fail_on = "high"\n', "", "fail_on"),
        ('fail_on = "high"', 'fail_on = "unknown"', "fail_on"),
        ('fail_on = "high"', 'fail_on = "high"\nignore_unfixed = "no"', "ignore_unfixed"),
        ('fail_on = "high"', 'fail_on = "high"\nvex_signers = ["nobody"]', "vex_signers"),
        ('fail_on = "high"', 'fail_on = "high"\nvex_signers = ["acme", "acme"]', "vex_signers"),
        (".sbom]", '.sbom]\ndeny_licenses = ["MIT OR GPL-2.0"]', "require.sbom.deny_licenses"),
        (".sbom]", '.sbom]\ndeny_licenses = ["GPL-*", "gpl-*"]', "require.sbom.deny_licenses"),
        (".sbom]", '.sbom]\nunknown_licenses = "maybe"', "unknown_licenses"),
        ('passed = ["rebuild", "secrets", "coverage", "program"]', "passed = []", "passed"),
        ("platform_version = 12\n", "", "host.platform_version"),
        ('"host:storage/kv" = "1.2.0"', '"host:storage/kv@1" = "1.2.0"', "host.interfaces"),
    ],
)
def test_a_bad_member_is_named(old: str, new: str, where: str) -> None:
    assert POLICY.count(old) >= 1

    assert where in message(POLICY.replace(old, new, 1))


@pytest.mark.parametrize(
    ("deny", "where"),
    [
        ('signer = "acmee"\nreason = "a misspelt name"', "deny[0].signer"),
        ('reason = "x"', "one target"),
        (f'app = "{APP}"', "reason"),
        (f'reason = " "\napp = "{APP}"', "reason"),
        (f'reason = "x"\napp = "{APP}"\nsigner = "acme"', "one target"),
        ('reason = "x"\nsigner = "acme"\ncodes = "1"', "codes"),
        (f'reason = "x"\napp = "{APP}"\ncodes = "2..1"', "codes"),
        ('reason = "x"\napp = "com.ac*"', "app"),
        ('reason = "x"\npackage = "sha256:1234"', "package"),
        ('reason = "x"\nimage = "x"', "image"),
    ],
)
def test_a_bad_denial_is_named(deny: str, where: str) -> None:
    assert where in message(f"{POLICY}\n[[deny]]\n{deny}\n")


def test_a_policy_without_namespaces_is_refused() -> None:
    assert "namespace" in message(POLICY.replace(NAMESPACE, "").replace("[host]", "[host]"))


def test_a_namespace_that_demands_nothing_is_refused() -> None:
    bare = '[[namespace]]\napps = "com.acme.*"\npublishers = ["acme"]\n[namespace.require]\n'

    assert "demands nothing" in message(POLICY.replace(NAMESPACE, bare))


def test_a_namespace_without_require_is_refused() -> None:
    bare = '[[namespace]]\napps = "com.acme.*"\npublishers = ["acme"]\n'

    assert "require" in message(POLICY.replace(NAMESPACE, bare))


def test_two_equal_patterns_are_refused() -> None:
    assert "twice" in message(POLICY.replace(NAMESPACE, NAMESPACE + NAMESPACE))


def test_a_rule_of_a_later_version_is_refused_not_ignored() -> None:
    later = "[namespace.require.accessibility]\nlevel = 1\n\n[permission.storage]"

    assert "accessibility" in message(POLICY.replace("[permission.storage]", later))


@pytest.mark.parametrize("text", ["version = ", "version = 1\nversion = 1", "\ufeffversion = 1"])
def test_what_is_not_toml_is_refused(text: str) -> None:
    assert "TOML" in message(text)


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(MinisealError) as error:
        Policy.from_toml(b"\xff", KEYS.__getitem__)

    assert error.value.code == "policy-invalid"


def test_a_huge_policy_is_refused() -> None:
    assert "too large" in message("#" * (1024 * 1024 + 1))


def test_the_same_key_in_two_files_is_refused() -> None:
    text = POLICY.replace('{file = "acme.pub"}', '{file = "acme.pub"}, {file = "again.pub"}')

    assert "same key" in message(text, {"again.pub": KEYS["acme.pub"]})


def test_a_file_that_is_not_a_key_is_refused() -> None:
    assert "acme.pub" in message(POLICY, {"acme.pub": b"ssh-rsa AAAA"})


def test_the_most_specific_namespace_alone_applies() -> None:
    exact = NAMESPACE.replace("com.acme.*", "com.acme.tip").replace('["storage"]', "[]")
    wide = NAMESPACE.replace("com.acme.*", "com.*")
    read = policy(POLICY.replace(NAMESPACE, wide + NAMESPACE + exact))

    assert read.namespace("com.acme.tip").apps == "com.acme.tip"
    assert read.namespace("com.acme.tip").permissions == ()
    assert read.namespace("com.acme.tip.pro").apps == "com.acme.*"
    assert read.namespace("com.acmebank").apps == "com.*"


def test_a_program_of_no_namespace_is_refused() -> None:
    with pytest.raises(MinisealError) as error:
        policy().namespace("org.example.app")

    assert error.value.code == "namespace-unknown"


def test_a_missing_policy_is_refused(tmp_path: object) -> None:
    with pytest.raises(MinisealError) as error:
        Policy.load(f"{tmp_path}/policy.toml")

    assert error.value.code == "policy-invalid"


def test_a_path_that_no_system_has_is_refused() -> None:
    with pytest.raises(MinisealError) as error:
        Policy.load("no\0where/policy.toml")

    assert error.value.code == "policy-invalid"


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=60))
def test_no_bytes_get_another_answer_than_a_refusal(data: bytes) -> None:
    with pytest.raises(MinisealError) as error:
        Policy.from_toml(data, KEYS.__getitem__)

    assert error.value.code == "policy-invalid"


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_damaged_policy_is_whole_or_refused(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(WHOLE) - 1))
    length = data.draw(st.integers(0, 12))
    text = WHOLE[:place] + data.draw(st.text(max_size=6)) + WHOLE[place + length :]

    fuzz_one(text.encode())


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_policy_with_other_members_is_whole_or_refused(data: st.DataObject) -> None:
    fuzz_one(toml(json.loads(data.draw(mutated(AS_JSON)))))


def test_what_the_fuzzer_starts_from_is_a_policy() -> None:
    fuzz_one(WHOLE.encode())

    assert (
        Policy.from_toml(toml(AS_JSON), fuzzed).document
        == Policy.from_toml(WHOLE.encode(), fuzzed).document
    )
