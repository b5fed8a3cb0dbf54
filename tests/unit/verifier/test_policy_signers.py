from collections.abc import Mapping

import pytest

from kit.packages import POLICY
from kit.policies import FILES, GITHUB, PERSON, TRUST, WHOLE, keyless, read
from miniseal.formats.errors import MinisealError

TUF = """\
[trust]
max_age = "7d"

[trust.tuf]
url = "https://tuf.example/sigstore"
root = "1.root.json"

"""


def refusal(text: str, files: Mapping[str, bytes] | None = None) -> str:
    """What a bad policy is refused with; always under the one code."""
    with pytest.raises(MinisealError) as error:
        read(text, files)
    assert error.value.code == "policy-invalid"
    return str(error.value)


def test_a_keyless_signer_is_read_and_has_no_keys() -> None:
    policy = read(keyless())

    assert policy.keys["ci"] == ()
    assert policy.document.signer["ci"].source_repository_id == "123"
    assert policy.trusted_root == FILES["root.json"]
    assert policy.tuf_root is None


def test_a_policy_of_everything_is_read_with_its_files() -> None:
    policy = read(WHOLE)

    assert dict(policy.files).keys() == {
        *("policy.toml", "acme.pub", "keys/one.pub", "scanner.pub", "root.json"),
        "layouts/tip.json",
    }
    assert policy.layouts == {"layouts/tip.json": FILES["layouts/tip.json"]}


@pytest.mark.parametrize("name", ["root.json", "layouts/tip.json", "keys/one.pub"])
def test_every_file_is_below_the_digest(name: str) -> None:
    changed = FILES["second.pub"] if name.endswith("pub") else FILES[name] + b" "

    assert read(WHOLE, {name: changed}).digest != read(WHOLE).digest


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('issuer = "https://token.actions.githubusercontent.com"\n', "", "signer.ci.issuer"),
        ("https://token.actions.githubusercontent.com", "https://*", "signer.ci.issuer"),
        ("https://token.actions.githubusercontent.com", "token.actions", "signer.ci.issuer"),
        ("https://token.actions", "https://TOKEN.actions", "signer.ci.issuer"),
        ("https://token.actions.githubusercontent.com", "https://h.example/*", "compared exactly"),
        ("https://token.actions.githubusercontent.com", "ftp://ci.example", "signer.ci.issuer"),
        ("identity = ", 'keys = [{file = "acme.pub"}]\nidentity = ', "issuer stands beside keys"),
        ("identity = ", "threshold = 2\nidentity = ", "signer.ci.threshold"),
        ("identity = ", 'identity_pattern = "https://a/b/*"\nidentity = ', "identity_pattern"),
        ("refs/tags/v2", "refs/tags/*", "compared exactly"),
        ("refs/tags/v2", "refs/tags/v 2", "never be met"),
        ("@refs/tags/v2", "", "no workflow"),
        ("https://github.com/acme/ci", "github.com/acme/ci", "no workflow"),
        ('source_repository_id = "123"\n', "", "signer.ci.source_repository_id"),
        ('source_owner_id = "45"\n', "", "signer.ci.source_owner_id"),
        ('"123"', '"acme/tip"', "signer.ci.source_repository_id"),
        ('"123"', '"*"', "signer.ci.source_repository_id"),
        ('"45"', '""', "signer.ci.source_owner_id"),
        ("refs/tags/*", "*", "signer.ci.source_ref"),
        ("refs/tags/*", "main", "signer.ci.source_ref"),
        ("refs/tags/*", "*/tags/*", "signer.ci.source_ref"),
        ("github-hosted", "github", "signer.ci.runner_environment"),
        ('"push"', '"*"', "signer.ci.build_trigger"),
    ],
)
def test_a_bad_rule_about_github_is_named(old: str, new: str, where: str) -> None:
    assert old in GITHUB

    assert where in refusal(keyless(GITHUB.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("issuer", "identity"),
    [
        ("https://token.actions.githubusercontent.com/acme", "x@acme.example"),
        ("https://token.actions.acme.ghe.com", "https://acme.ghe.com/a/b/c@d"),
        ("https://git.acme.example/_services/token", "https://git.acme.example/a/b/c@d"),
        ("http://127.0.0.1:8790/github", "https://github.com/acme/ci/w.yml@refs/tags/v2"),
        ("https://ci.example", "https://GitHub.com/acme/ci/w.yml@refs/tags/v2"),
        ("https://ci.example", "https://h/acme/ci/.github/workflows/w.yml@refs/tags/v2"),
    ],
)
def test_github_is_known_by_issuer_and_by_workflow(issuer: str, identity: str) -> None:
    text = refusal(keyless(f'issuer = "{issuer}"\nidentity = "{identity}"\n'))

    assert "source_repository_id is missing" in text


@pytest.mark.parametrize(
    "pattern",
    [
        *("*", "**", "https://*", "https://github.com*", "https://github.com/*", "*.yml"),
        *("https://github.com/acme*", "https://*/acme/ci/x", "https://github.com/*/ci/x"),
        *("*@*", "alice@*", "alice@*.example", "*@acme*", "spiffe://*", "h*s://github.com/acme/x"),
        *("https://ci.example/acme/ x*", "https://ci.example/acme/" + "x" * 2048),
    ],
)
def test_a_pattern_that_does_not_fix_who_is_refused(pattern: str) -> None:
    signer = f'issuer = "https://accounts.example"\nidentity_pattern = "{pattern}"\n'

    assert "identity_pattern" in refusal(keyless(signer))


@pytest.mark.parametrize(
    "pattern",
    [
        *("*@acme.example", "build-*@acme.example", "alice@acme.example"),
        *("spiffe://acme.example/ns/*", "https://gitlab.example/acme/*", "https://ci.example/a/b"),
        "build-service",
    ],
)
def test_a_pattern_that_fixes_who_is_read(pattern: str) -> None:
    signer = f'issuer = "https://accounts.example"\nidentity_pattern = "{pattern}"\n'

    assert read(keyless(signer)).document.signer["ci"].identity_pattern == pattern


@pytest.mark.parametrize("member", ["source_ref", "source_owner_id", "build_trigger"])
def test_a_person_with_a_source_can_never_sign(member: str) -> None:
    assert member in refusal(keyless(f'{PERSON}{member} = "1"\n'))


def test_an_issuer_alone_is_anybody() -> None:
    assert "identity" in refusal(keyless('issuer = "https://accounts.example"\n'))


def test_a_signer_of_nothing_is_nobody() -> None:
    assert "signer.ci.keys is empty" in refusal(keyless("threshold = 1\n"))


def test_a_keyless_signer_needs_trust() -> None:
    assert "[trust]" in refusal(keyless().replace(TRUST, ""))


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("[trust.tuf]", 'trusted_root = "root.json"\n[trust.tuf]', "trust does not name one"),
        ('max_age = "7d"\n', "", "trust.max_age"),
        ('max_age = "7d"', 'max_age = "week"', "trust.max_age"),
        ("https://tuf", "http://tuf", "trust.tuf.url"),
        ("https://tuf.example", "https://user:pass@tuf.example", "trust.tuf.url"),
        ("/sigstore", "/sigstore?a=b", "trust.tuf.url"),
        ("/sigstore", "/*", "trust.tuf.url"),
        ("https://tuf.example/sigstore", "file:///etc", "trust.tuf.url"),
        ('"1.root.json"', '"../1.root.json"', "trust.tuf.root"),
        ('"1.root.json"', '"root.json"', "no TUF root"),
        ('"1.root.json"', '"acme.pub"', "not JSON"),
        ('.root.json"', '.root.json"\ntarget = "../x"', "trust.tuf.target"),
        ('.root.json"', '.root.json"\ntarget = "/x"', "trust.tuf.target"),
        ('.root.json"', '.root.json"\ntarget = "a*"', "trust.tuf.target"),
        ('.root.json"', '.root.json"\ntarget = ""', "trust.tuf.target"),
    ],
)
def test_bad_trust_by_tuf_is_named(old: str, new: str, where: str) -> None:
    assert old in TUF

    assert where in refusal(keyless().replace(TRUST, TUF.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[trust]\n", "trust does not name one"),
        (f'{TRUST.strip()}\nmax_age = "7d"\n', "trust.max_age"),
        ('[trust]\ntrusted_root = "/etc/root.json"\n', "trust.trusted_root"),
        ('[trust]\ntrusted_root = "acme.pub"\n', "not JSON"),
        ('[trust]\ntrusted_root = "1.root.json"\n', "no Sigstore trusted root"),
    ],
)
def test_bad_trust_by_a_file_is_named(text: str, where: str) -> None:
    assert where in refusal(keyless().replace(TRUST, text))


@pytest.mark.parametrize(
    ("root", "where"),
    [
        (b'{"mediaType":"application/vnd.dev.sigstore.trustedroot+json"}', "authorities"),
        (b'{"mediaType":"a","mediaType":"b"}', "duplicate"),
        (b"[]", "no JSON object"),
        (b" " * (1024 * 1024 + 1), "too large"),
    ],
)
def test_a_trusted_root_that_verifies_nothing_is_refused(root: bytes, where: str) -> None:
    assert where in refusal(keyless(), {"root.json": root})


def test_trust_by_tuf_is_read() -> None:
    policy = read(keyless().replace(TRUST, TUF))

    assert policy.tuf_root == FILES["1.root.json"]
    assert policy.trusted_root is None


def test_too_many_bytes_of_files_are_refused() -> None:
    names = [f"{index}.json" for index in range(20)]
    rules = "".join(
        f'[[namespace]]\napps = "com.x{index}"\npublishers = ["acme"]\n'
        f'[namespace.require.layout]\nfile = "{name}"\nsigners = ["acme"]\n'
        'functionaries = {aaaaaaaa = "acme"}\n'
        for index, name in enumerate(names)
    )
    layout = FILES["layouts/tip.json"] + b" " * 1_000_000

    text = POLICY.replace("[permission.storage]", f"{rules}[permission.storage]")

    assert "too many files" in refusal(text, dict.fromkeys(names, layout))


def test_a_layout_that_is_no_bundle_is_refused() -> None:
    assert "layout.file is no bundle" in refusal(WHOLE, {"layouts/tip.json": b"{}"})


@pytest.mark.parametrize("name", ["policy.toml", "keys/../policy.toml", "keys//one.pub"])
def test_a_file_is_below_the_folder_and_not_the_policy(name: str) -> None:
    assert "folder" in refusal(WHOLE.replace('"keys/one.pub"', f'"{name}"'))


@pytest.mark.parametrize("end", range(0, WHOLE.index("[host]"), 101))
def test_a_policy_that_was_cut_off_lacks_its_host(end: int) -> None:
    assert refusal(WHOLE[:end])
