from dataclasses import fields

import pytest

from kit.packages import POLICY
from kit.policies import FILES, WHOLE, read
from miniseal.formats.errors import MinisealError
from miniseal.verifier.policy.model import Require

DIGEST = "sha256:" + "ab" * 32
RULES = [each.name for each in fields(Require)]


def refusal(text: str, files: dict[str, bytes] | None = None) -> str:
    """What a bad policy is refused with; always under the one code."""
    with pytest.raises(MinisealError) as error:
        read(text, files)
    assert error.value.code == "policy-invalid"
    return str(error.value)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_refuses_a_signer_that_is_not_there(rule: str) -> None:
    start = WHOLE.index(f"[namespace.require.{rule}]")
    end = WHOLE.index("\n[", start)
    for name in ("acme", "ci", "rebuilder-one", "store"):
        if f'"{name}"' in WHOLE[start:end]:
            text = WHOLE[start:end].replace(f'"{name}"', '"nobody"', 1)
            break
    else:
        pytest.fail("the rule names nobody")

    assert "names a signer that is not there" in refusal(WHOLE[:start] + text + WHOLE[end:])


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('\nref = "refs/tags/*"', '\nref = "*"', "provenance.ref"),
        ('\nref = "refs/tags/*"', '\nref = ""', "provenance.ref"),
        ('\nref = "refs/tags/*"', '\nmax_age = "soon"', "provenance.max_age"),
        ('"https://git.example/acme/tip"', '"https://git.example/*"', "provenance.source"),
        ('max_age = "90d"', 'max_age = "0d"', "sbom.max_age"),
        ('"acme", "ci"]\nmax_age', '"acme"]\nmax_age', "sbom.max_age can never be met"),
        ('signers = ["acme"]\npassed', 'signers = ["acme"]\nmax_age = "1d"\npassed', "checks.max"),
        (
            '.capabilities]\nsigners = ["acme"]',
            '.capabilities]\nsigners = ["acme"]\nmax_age = "1d"',
            "capabilities.max_age can never be met",
        ),
        ("agree = 1", "agree = 0", "rebuilders.agree"),
        ("agree = 1", "agree = 3", "rebuilders.agree"),
        ('"rebuilder-one", "rebuilder-two"]', '"rebuilder-one", "acme"]', "not independent"),
        ('"rebuilder-one", "rebuilder-two"]', '"rebuilder-one", "ci"]', "not independent"),
        ('signers = ["rebuilder-one", "rebuilder-two"]', "signers = []", "rebuilders.signers"),
        ('verifiers = [{signer = "store"', 'verifiers = [{signer = "acme"', "not independent"),
        (
            'verifiers = [{signer = "store", id = "https://store.example/verifier"}]',
            "verifiers = []",
            "verification.verifiers is empty",
        ),
        ('"https://store.example/verifier"', '"https://store.example/*"', "verifiers"),
        ('"https://store.example/verifier"', '""', "verifiers"),
        ('"https://store.example/verifier"}]', '"v"}, {signer = "store", id = "v"}]', "twice"),
        ('max_age = "7d"\n', "", "max_age"),
        ('max_age = "7d"', 'max_age = "7"', "verification.max_age"),
        ('["SLSA_BUILD_LEVEL_2"]', '[""]', "verification.levels"),
        ('["SLSA_BUILD_LEVEL_2"]', '[]\npolicies = ["sha256:12"]', "verification.policies"),
        ('["SLSA_BUILD_LEVEL_2"]', f'[]\npolicies = ["{DIGEST}", "{DIGEST}"]', "policies"),
        ('signers = ["acme"]\nfunctionaries', "signers = []\nfunctionaries", "layout.signers"),
        ('signers = ["acme"]\nfunctionaries', 'signers = ["ci"]\nfunctionaries', "layout.signers"),
        ('{aaaaaaaa = "ci", bbbbbbbb = "acme"}', "{}", "layout.functionaries"),
        ('bbbbbbbb = "acme"', '"" = "acme"', "layout.functionaries"),
        ('"layouts/tip.json"', '"../tip.json"', "layout.file"),
    ],
)
def test_a_bad_demand_is_named(old: str, new: str, where: str) -> None:
    assert WHOLE.count(old) == 1

    assert where in refusal(WHOLE.replace(old, new))


def test_a_rebuilder_with_the_publishers_key_in_another_file_is_no_rebuilder() -> None:
    text = refusal(WHOLE, {"keys/one.pub": FILES["acme.pub"]})

    assert "rebuilders.signers is not independent" in text


def test_two_rebuilders_with_one_key_are_one() -> None:
    twin = '[signer.rebuilder-two]\nkeys = [{file = "second.pub"}]\n\n[signer.store]'
    start, end = WHOLE.index("[signer.rebuilder-two]"), WHOLE.index("[signer.store]")
    text = WHOLE[:start] + twin + WHOLE[end + len("[signer.store]") :]

    assert "counts somebody twice" in refusal(text, {"second.pub": FILES["keys/one.pub"]})
    assert read(text)


SAME = (
    WHOLE.replace("https://gitlab.example/two/*", "https://github.com/acme/ci/*")
    .replace("https://gitlab.example", "https://token.actions.githubusercontent.com")
    .replace('repository_id = "7"', 'repository_id = "123"\nsource_owner_id = "45"')
)
"""In which `rebuilder-two` may be `ci`, a publisher."""


def test_a_rebuilder_whose_certificate_may_be_the_publishers_is_no_rebuilder() -> None:
    assert "rebuilders.signers is not independent" in refusal(SAME)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (".githubusercontent.com", ".githubusercontent.com/another"),
        ("github.com/acme/ci/*", "github.com/acme/another/*"),
        ("github.com/acme/ci/*", "github.com/acme/ci/*@refs/tags/v3"),
        ('"123"', '"124"'),
        ('"45"', '"46"'),
    ],
)
def test_a_rebuilder_that_cannot_be_the_publisher_is_somebody_else(old: str, new: str) -> None:
    start = SAME.index("[signer.rebuilder-two]")

    assert read(SAME[:start] + SAME[start:].replace(old, new, 1))


def of_one_issuer(publisher: str, rebuilder: str) -> str:
    """`WHOLE`, with `ci` and `rebuilder-two` of the same issuer, as these members have them."""
    issuer = 'issuer = "https://gitlab.example"\n'
    start, middle = WHOLE.index("[signer.ci]"), WHOLE.index("[signer.rebuilder-one]")
    last, end = WHOLE.index("[signer.rebuilder-two]"), WHOLE.index("[signer.store]")
    return (
        f"{WHOLE[:start]}[signer.ci]\n{issuer}{publisher}\n{WHOLE[middle:last]}"
        f"[signer.rebuilder-two]\n{issuer}{rebuilder}\n{WHOLE[end:]}"
    )


EXACT = 'identity = "https://gitlab.example/two/x//ci.yml@refs/tags/v1"'
WIDE = 'identity_pattern = "https://gitlab.example/two/*"'
OTHER = 'identity_pattern = "https://gitlab.example/three/*"'


@pytest.mark.parametrize(
    ("publisher", "rebuilder"),
    [
        (EXACT, EXACT),
        (EXACT, WIDE),
        (WIDE, EXACT),
        (WIDE, WIDE),
        (EXACT, f'{WIDE}\nsource_repository_id = "7"'),
        (f'{WIDE}\nsource_repository_id = "7"', EXACT),
        (f'{WIDE}\nsource_ref = "refs/tags/*"', f'{EXACT}\nsource_ref = "refs/heads/*"'),
    ],
)
def test_whom_one_certificate_may_name_is_one(publisher: str, rebuilder: str) -> None:
    text = refusal(of_one_issuer(publisher, rebuilder))

    assert "rebuilders.signers is not independent" in text


@pytest.mark.parametrize(
    ("publisher", "rebuilder"),
    [
        (EXACT, OTHER),
        (OTHER, EXACT),
        (WIDE, OTHER),
        (f'{WIDE}\nsource_repository_id = "7"', f'{EXACT}\nsource_repository_id = "8"'),
    ],
)
def test_whom_no_certificate_names_together_are_two(publisher: str, rebuilder: str) -> None:
    assert read(of_one_issuer(publisher, rebuilder))


TWO = '[signer.two]\nkeys = [{file = "scanner.pub"}, {file = "second.pub"}]\nthreshold = 2\n\n'


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('{signer = "store"', '{signer = "two"', "verification.verifiers takes one signature"),
        ('signers = ["acme"]\nfunct', 'signers = ["two"]\nfunct', "layout.signers takes one"),
    ],
)
def test_a_threshold_that_nobody_would_ask_is_refused(old: str, new: str, where: str) -> None:
    text = WHOLE.replace(old, new).replace("[signer.store]", f"{TWO}[signer.store]")

    assert where in refusal(text)
    assert read(text.replace("threshold = 2\n", ""))


def test_several_key_ids_may_stand_for_one_signer() -> None:
    assert read(WHOLE.replace('bbbbbbbb = "acme"', 'bbbbbbbb = "ci"'))


def test_rebuilders_without_builders_of_their_own_can_never_agree() -> None:
    shared = WHOLE.replace(
        'rebuilds/two@v1"\nsigners = ["rebuilder-two"]', 'rebuilds/two@v1"\nsigners = ["scanner"]'
    ).replace('"rebuilder-one"]\nlevel', '"rebuilder-one", "rebuilder-two"]\nlevel')

    assert "rebuilders.agree can never be met" in refusal(shared.replace("agree = 1", "agree = 2"))
    assert read(shared)
    assert read(WHOLE.replace("agree = 1", "agree = 2"))


def test_a_rebuilder_moves_to_its_other_builder() -> None:
    text = WHOLE.replace(
        'signers = ["rebuilder-two"]\nlevel', 'signers = ["rebuilder-one"]\nlevel'
    ).replace('"rebuilder-one"]\nlevel', '"rebuilder-one", "rebuilder-two"]\nlevel', 1)

    assert read(text.replace("agree = 1", "agree = 2"))


def test_a_rule_alone_is_a_demand() -> None:
    start, end = POLICY.index("[namespace.require.provenance]"), POLICY.index("[permission")
    rule = "[namespace.require.rebuilders]\nsigners = ['scanner']\n"
    text = POLICY[:start] + rule + POLICY[end:]
    text = text.replace('signers = ["acme"]\nlevel', 'signers = ["acme", "scanner"]\nlevel')

    assert read(text).namespaces[0].require.rebuilders is not None
