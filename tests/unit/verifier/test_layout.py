"""Layouts over links, without a store: who performed what, and whether it fits together."""

import base64
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from kit.packages import NOW, POLICY, key
from miniseal.formats.bundle import Bundle
from miniseal.formats.digest import sha256
from miniseal.formats.dsse import IN_TOTO_PAYLOAD_TYPE, Envelope, pae
from miniseal.formats.errors import MinisealError
from miniseal.formats.layout import PACKAGE, Layout, LayoutKey, LayoutStep
from miniseal.formats.predicates.link import PREDICATE_TYPE, Link
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.statement import Statement, Subject
from miniseal.formats.times import from_text
from miniseal.verifier.checks.layout import Followed, check_layout
from miniseal.verifier.evidence import SIGNATURE_INVALID, Aside, Collected, Evidence
from miniseal.verifier.policy import model
from miniseal.verifier.policy.policy import Policy
from miniseal.verifier.signatures.keys import PublicKey
from miniseal.verifier.signatures.signatory import Signatory

SOURCE, WASM, THIS, OTHER = (sha256(name) for name in (b"source", b"wasm", b"package", b"other"))
CI, BOB, EVE = "c1" * 32, "b0" * 32, "e0" * 32
DENY = ("DISALLOW", "*")
END = "2027-01-01T00:00:00Z"
SIGNERS = """
[signer.owner]
keys = [{file = "owner.pub"}]
[signer.old]
keys = [{file = "old.pub", not_after = 2026-12-24T00:00:00Z}]
[signer.ci]
keys = [{file = "ci.pub"}, {file = "ci2.pub"}]
[signer.bob]
keys = [{file = "bob.pub"}]
[signer.pair]
keys = [{file = "ci.pub"}, {file = "bob.pub"}]
threshold = 2
[signer.eve]
keys = [{file = "eve.pub"}]
"""
NAMES = ("owner", "old", "ci", "ci2", "bob", "eve", "acme", "scanner")
POLICY_FILES = {f"{name}.pub": key(name).public_pem for name in NAMES}
WHO = Policy.from_toml((POLICY + SIGNERS).encode(), POLICY_FILES.__getitem__)
RULE = model.Layout(
    file="release.layout",
    signers=("owner",),
    functionaries={CI: "ci", BOB: "bob", EVE: "eve"},
)
BUILD = LayoutStep(
    name="build",
    materials=(("REQUIRE", "source"), ("ALLOW", "source"), DENY),
    products=(("CREATE", "app.wasm"), DENY),
    functionaries=(CI, BOB),
)
PACK = LayoutStep(
    name="pack",
    materials=(("MATCH", "*", "WITH", "PRODUCTS", "FROM", "build"), DENY),
    products=(("REQUIRE", PACKAGE), ("CREATE", PACKAGE), DENY),
    functionaries=(CI, BOB),
)
LAYOUT = Layout(steps=(BUILD, PACK), expires=END)
_counter = itertools.count()


def signed(payload: bytes, by: str = "owner", payload_type: str = IN_TOTO_PAYLOAD_TYPE) -> bytes:
    signature = key(by).sign(pae(payload_type, payload))
    envelope = Envelope(payload=payload, payload_type=payload_type, signatures=(signature,))
    return Bundle(envelope=envelope).to_bytes()


def identity(name: str) -> str:
    """What tells the key of that name from others."""
    pem = key(name).public_pem
    return PublicKey.from_pem(pem, what=name, code=SIGNATURE_INVALID).digest


def link(
    step: str,
    materials: Mapping[str, str],
    products: Mapping[str, str],
    by: str = "ci",
    signers: Iterable[str] = (),
) -> Evidence[Link]:
    """A link that the key `by` has signed, as evidence."""
    return Evidence(
        bundle=sha256(str(next(_counter)).encode()),
        data=b"",
        predicate=Link(name=step, materials=tuple(_resources(materials))),
        subjects=tuple(Subject.of(digest, name) for name, digest in products.items()),
        signatory=Signatory(id=identity(by), not_after=None, times=(), certificate=None),
        signers=frozenset(signers or {by}),
    )


def _resources(named: Mapping[str, str]) -> Iterable[Resource]:
    for name, digest in named.items():
        yield Resource(name=name, digest={"sha256": digest.removeprefix("sha256:")})


def built(by: str = "ci", source: str = SOURCE, wasm: str = WASM, **more: Any) -> Evidence[Link]:
    return link("build", {"source": source}, {"app.wasm": wasm}, by, **more)


def packed(by: str = "ci", wasm: str = WASM, package: str = THIS, **more: Any) -> Evidence[Link]:
    return link("pack", {"app.wasm": wasm}, {PACKAGE: package}, by, **more)


def check(
    *links: Evidence[Link],
    layout: Layout | bytes = LAYOUT,
    rule: model.Layout = RULE,
    now: int = NOW,
    aside: tuple[Aside, ...] = (),
    policy: Policy = WHO,
) -> Followed:
    data = layout if isinstance(layout, bytes) else signed(layout.to_bytes())
    collected = Collected(evidence=links, aside=aside)
    return check_layout(rule, data, collected, policy, package=THIS, now=now)


def bundles(links: Iterable[Evidence[Link]]) -> set[str]:
    return {each.bundle for each in links}


def refusal(*links: Evidence[Link], **options: Any) -> MinisealError:
    with pytest.raises(MinisealError) as error:
        check(*links, **options)
    return error.value


def steps(**changes: Any) -> Layout:
    """The layout with other members of `build`."""
    return replace(LAYOUT, steps=(replace(BUILD, **changes), PACK))


def test_links_that_fit_together_follow_the_layout() -> None:
    links = (built(), packed())

    followed = check(*links)

    assert bundles(followed.evidence) == bundles(links)
    assert followed.end == from_text(END)


def test_an_admission_ends_with_the_key_that_signed_the_layout() -> None:
    rule = replace(RULE, signers=("owner", "old"))

    followed = check(built(), packed(), layout=signed(LAYOUT.to_bytes(), "old"), rule=rule)

    assert followed.end == from_text("2026-12-24T00:00:00Z")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(LAYOUT.to_bytes(), id="bare"),
        pytest.param(b"", id="empty"),
        pytest.param(signed(LAYOUT.to_bytes(), "eve"), id="by-a-functionary"),
        pytest.param(signed(LAYOUT.to_bytes(), payload_type="application/json"), id="other-type"),
        pytest.param(
            signed(LAYOUT.to_bytes()).replace(b'"sig":"ME', b'"sig":"MF'), id="signature-changed"
        ),
        pytest.param(
            Bundle(
                envelope=replace(
                    Bundle.from_bytes(signed(LAYOUT.to_bytes())).envelope,
                    payload=replace(LAYOUT, expires="2099-01-01T00:00:00Z").to_bytes(),
                )
            ).to_bytes(),
            id="payload-changed",
        ),
    ],
)
def test_a_layout_that_its_owner_did_not_sign_is_refused(data: bytes) -> None:
    assert refusal(built(), packed(), layout=data).code == "layout-untrusted"


def test_a_signed_statement_is_no_layout() -> None:
    statement = Statement(
        subjects=(Subject.of(THIS),), predicate_type=PREDICATE_TYPE, predicate={"name": "pack"}
    )

    assert refusal(built(), packed(), layout=signed(statement.to_bytes())).code == "layout-invalid"


def test_a_layout_by_a_key_past_its_end_is_refused() -> None:
    rule = replace(RULE, signers=("old",))
    data, now = signed(LAYOUT.to_bytes(), "old"), from_text("2026-12-24T00:00:00Z")

    assert refusal(built(), packed(), layout=data, rule=rule, now=now).code == "key-expired"


def test_a_layout_by_a_denied_signer_is_refused() -> None:
    denying = f'{POLICY + SIGNERS}\n[[deny]]\nsigner = "owner"\nreason = "stolen"\n'
    policy = Policy.from_toml(denying.encode(), POLICY_FILES.__getitem__)

    assert refusal(built(), packed(), policy=policy).code == "denied"


def test_a_layout_holds_until_its_very_end() -> None:
    assert check(built(), packed(), now=from_text(END) - 1)
    assert refusal(built(), packed(), now=from_text(END)).code == "layout-expired"


def test_a_step_without_a_link_is_refused() -> None:
    error = refusal(packed())

    assert (error.code, error.message) == (
        "link-missing",
        "no functionary of step build has left a link",
    )


def test_what_was_set_aside_is_told() -> None:
    aside = Aside(bundle=THIS, predicate_type=PREDICATE_TYPE, error=SIGNATURE_INVALID("forged"))

    assert refusal(packed(), aside=(aside,)).found == "1 set aside (signature-invalid)"


def test_a_link_by_a_functionary_of_another_step_does_not_count() -> None:
    error = refusal(built(by="eve"), packed())

    assert (error.code, error.found) == ("link-missing", "1 by others")


def test_a_link_by_a_signer_who_is_no_functionary_does_not_count() -> None:
    assert refusal(built(by="acme"), packed()).code == "link-missing"


def test_the_layout_may_accept_one_key_of_a_signer_alone() -> None:
    pem = key("ci").public_pem.decode()
    layout = replace(LAYOUT, keys={CI: LayoutKey(keytype="ecdsa", public=pem)})

    assert check(built(), packed(), layout=layout)
    error = refusal(built(by="ci2", signers=["ci"]), packed(), layout=layout)
    assert error.code == "link-missing"


def test_an_ed25519_key_of_the_layout_is_compared_too() -> None:
    signer = key("ed", ed=True)
    public = PublicKey.from_pem(signer.public_pem, what="ed", code=SIGNATURE_INVALID)
    raw = base64.b64decode(b"".join(signer.public_pem.splitlines()[1:-1]))[-32:]
    layout = replace(LAYOUT, keys={CI: LayoutKey(keytype="ed25519", public=raw.hex())})
    who = Signatory(id=public.digest, not_after=None, times=(), certificate=None)

    assert check(*(replace(each, signatory=who) for each in (built(), packed())), layout=layout)
    assert refusal(built(), packed(), layout=layout).code == "link-missing"


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(LayoutKey(keytype="ed25519", public="00"), id="short"),
        pytest.param(LayoutKey(keytype="ed25519", public="no hex"), id="not-hex"),
        pytest.param(LayoutKey(keytype="ecdsa", public="-----BEGIN"), id="not-pem"),
    ],
)
def test_a_key_of_the_layout_that_is_none_is_refused(broken: LayoutKey) -> None:
    error = refusal(built(), packed(), layout=replace(LAYOUT, keys={CI: broken}))

    assert error.code == "layout-invalid"


def test_a_key_id_that_the_policy_does_not_name_stands_for_nobody() -> None:
    rule = replace(RULE, functionaries={BOB: "bob"})

    assert refusal(built(), packed(), rule=rule).code == "link-missing"


def test_two_people_meet_a_threshold_of_two() -> None:
    links = (built(), built(by="bob"), packed())

    assert len(check(*links, layout=steps(threshold=2)).evidence) == 3


@pytest.mark.parametrize(
    ("second", "functionaries"),
    [
        pytest.param(built(), {CI: "ci", BOB: "bob"}, id="one-key-twice"),
        pytest.param(built("ci2", signers=["ci"]), {CI: "ci", BOB: "ci"}, id="two-keys-of-one"),
        pytest.param(
            built("ci2", signers=["ci", "bob"]), {CI: "ci", BOB: "bob"}, id="a-key-that-two-share"
        ),
        pytest.param(built("eve"), {CI: "ci", BOB: "bob"}, id="somebody-else"),
        pytest.param(built("bob", wasm=OTHER), {CI: "ci", BOB: "bob"}, id="another-result"),
        pytest.param(built("bob", source=OTHER), {CI: "ci", BOB: "bob"}, id="another-source"),
    ],
)
def test_a_threshold_of_two_takes_two_people_who_agree(
    second: Evidence[Link], functionaries: dict[str, str]
) -> None:
    rule = replace(RULE, functionaries=functionaries)

    error = refusal(built(), second, packed(), layout=steps(threshold=2), rule=rule)

    assert (error.code, error.found) == ("link-threshold", "1")


def test_signers_who_share_keys_in_a_row_are_one_functionary() -> None:
    links = (
        built("ci", signers=["bob", "eve"]),
        built("bob", signers=["bob", "ci"]),
        built("ci2", signers=["ci"]),
    )
    layout = steps(threshold=2, functionaries=(CI, BOB, EVE))

    error = refusal(*links, packed(), layout=layout)

    assert (error.code, error.found) == ("link-threshold", "1")


def test_a_signer_with_a_threshold_is_a_functionary_with_that_many_keys() -> None:
    rule = replace(RULE, functionaries={CI: "pair", BOB: "pair"})
    first = (built(signers=["pair"]), packed(signers=["pair"]))
    second = (built("bob", signers=["pair"]), packed("bob", signers=["pair"]))

    assert check(*first, *second, rule=rule)
    assert refusal(*first, rule=rule).code == "link-missing"


@pytest.mark.parametrize(
    "links",
    [
        pytest.param((built(wasm=OTHER), packed()), id="another-wasm-packed"),
        pytest.param((built(), packed(wasm=OTHER)), id="another-wasm-built"),
        pytest.param(
            (built(), link("pack", {"app.wasm": WASM, "extra": OTHER}, {PACKAGE: THIS})),
            id="something-more-packed",
        ),
        pytest.param(
            (link("build", {"source": SOURCE, "keys": OTHER}, {"app.wasm": WASM}), packed()),
            id="something-more-built-from",
        ),
        pytest.param((link("build", {}, {"app.wasm": WASM}), packed()), id="built-from-nothing"),
        pytest.param(
            (built(), link("pack", {"app.wasm": WASM}, {PACKAGE: THIS, "x": OTHER})),
            id="something-more-made",
        ),
        pytest.param(
            (built(), link("pack", {"app.wasm": WASM, PACKAGE: OTHER}, {PACKAGE: THIS})),
            id="a-package-from-elsewhere-changed",
        ),
    ],
)
def test_what_does_not_flow_as_the_layout_says_is_refused(links: tuple[Evidence[Link]]) -> None:
    assert refusal(*links).code == "link-rule"


def test_links_of_another_release_alone_are_refused() -> None:
    error = refusal(built(), packed(package=OTHER))

    assert (error.code, error.expected) == ("subject-mismatch", THIS)


def test_a_package_that_is_no_product_is_refused() -> None:
    assert refusal(built(), link("pack", {"app.wasm": WASM}, {"app": THIS})).code == (
        "subject-mismatch"
    )


@pytest.mark.parametrize("order", [1, -1], ids=["first", "last"])
def test_links_of_another_release_beside_the_right_ones_change_nothing(order: int) -> None:
    right = (built(), packed())
    replayed = (built(wasm=OTHER), packed(wasm=OTHER, package=OTHER))

    assert bundles(check(*(*right, *replayed)[::order]).evidence) == bundles(right)


def test_links_of_many_releases_are_told_apart_one_step_after_the_other() -> None:
    names = [f"s{index}" for index in range(8)]
    flow = ("MATCH", "*", "WITH", "PRODUCTS", "FROM")
    made = tuple(
        replace(
            BUILD,
            name=name,
            materials=(((*flow, names[index - 1]),) if index else (("ALLOW", "*"),)) + (DENY,),
            products=(("REQUIRE", PACKAGE), ("ALLOW", "*"), DENY),
        )
        for index, name in enumerate(names)
    )
    releases = [
        [link(name, {PACKAGE: release}, {PACKAGE: release}) for name in names]
        for release in (*(sha256(bytes([number])) for number in range(7)), THIS)
    ]

    followed = check(*itertools.chain(*releases), layout=Layout(steps=made, expires=END))

    assert bundles(followed.evidence) == bundles(releases[-1])


def test_links_without_a_flow_between_them_cannot_cost_more_than_a_bound() -> None:
    alone = tuple(replace(BUILD, name=f"s{index}", products=BUILD.products) for index in range(4))
    never = replace(
        PACK,
        materials=(
            *(("MATCH", "*", "WITH", "PRODUCTS", "FROM", each.name) for each in alone),
            DENY,
        ),
    )
    layout = Layout(steps=(*alone, never), expires=END)
    many = [
        link(step.name, {"source": SOURCE}, {"app.wasm": sha256(bytes([number]))})
        for step in alone
        for number in range(12)
    ]

    assert refusal(*many, packed(), layout=layout).code == "evidence-limit"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"../app.wasm": WASM}, id="traversal"),
        pytest.param({"/app.wasm": WASM}, id="absolute"),
        pytest.param({"out//app.wasm": WASM}, id="prefix-that-is-joined"),
        pytest.param({"out\\app.wasm": WASM}, id="backslash"),
        pytest.param({"app\n.wasm": WASM}, id="line-break"),
        pytest.param({f"a{index}": WASM for index in range(2000)}, id="too-many"),
    ],
)
def test_a_link_with_a_name_that_can_be_read_twice_does_not_count(wrong: dict[str, str]) -> None:
    assert refusal(link("build", {"source": SOURCE}, wrong), packed()).code == "link-malformed"
    assert refusal(link("build", wrong, {"app.wasm": WASM}), packed()).code == "link-malformed"
    assert check(link("build", wrong, {"app.wasm": WASM}), built(), packed())


@pytest.mark.parametrize(
    "digest",
    [
        pytest.param({}, id="none"),
        pytest.param({"md5": "00" * 16}, id="md5"),
        pytest.param({"sha1": "00" * 20}, id="sha1"),
        pytest.param({"sha256": "00"}, id="short"),
        pytest.param({"sha256": "AB" * 32}, id="upper-case"),
    ],
)
def test_a_link_without_a_good_digest_does_not_count(digest: dict[str, str]) -> None:
    bad = replace(built(), subjects=(Subject(name="app.wasm", digest=digest),))

    assert refusal(bad, packed()).code == "link-malformed"


@pytest.mark.parametrize("kind", ["materials", "products"])
@pytest.mark.parametrize("second", [WASM, OTHER], ids=["same", "other"])
def test_two_artifacts_of_one_name_do_not_count(kind: str, second: str) -> None:
    good = built()
    subjects = (Subject.of(WASM, "app.wasm"), Subject.of(second, "app.wasm"))
    resources = (*_resources({"source": SOURCE}), *_resources({"source": second}))
    bad = (
        replace(good, subjects=subjects)
        if kind == "products"
        else replace(good, predicate=Link(name="build", materials=resources))
    )

    assert refusal(bad, packed()).code == "link-malformed"


def test_an_artifact_without_a_name_does_not_count() -> None:
    bad = replace(built(), subjects=(Subject.of(WASM),))

    assert refusal(bad, packed()).code == "link-malformed"


def test_digests_of_one_kind_are_compared_whatever_others_there_are() -> None:
    two = {"sha512": "00" * 64, "sha256": WASM.removeprefix("sha256:")}
    first = replace(built(), subjects=(Subject(name="app.wasm", digest=two),))

    assert check(first, packed())


def test_the_rules_are_applied_in_their_order() -> None:
    late = (("CREATE", "*"), ("REQUIRE", "app.wasm"), DENY)

    assert refusal(built(), packed(), layout=steps(products=late)).code == "link-rule"


def test_a_disallow_that_is_met_is_told_with_its_step() -> None:
    rules = (("DISALLOW", "*.wasm"), ("ALLOW", "*"), DENY)

    error = refusal(built(), packed(), layout=steps(products=rules))

    assert (error.code, error.message) == ("link-rule", "the links of step build break a rule")
    assert error.found is not None
    assert "DISALLOW *.wasm" in error.found


def test_a_prefix_does_not_stretch() -> None:
    inside = ("MATCH", "*", "IN", "out", "WITH", "PRODUCTS", "IN", "in", "FROM", "build")
    layout = replace(
        LAYOUT,
        steps=(
            replace(BUILD, products=(("CREATE", "*"), DENY)),
            replace(PACK, materials=(inside, DENY)),
        ),
    )
    first = link("build", {"source": SOURCE}, {"in/app.wasm": WASM})

    assert check(first, link("pack", {"out/app.wasm": WASM}, {PACKAGE: THIS}), layout=layout)
    error = refusal(first, link("pack", {"outside/app.wasm": WASM}, {PACKAGE: THIS}), layout=layout)
    assert error.code == "link-rule"


def test_an_inspection_runs_nothing() -> None:
    value = json.loads(LAYOUT.to_bytes())
    value["inspect"] = [{"_type": "inspection", "name": "x", "run": ["touch", "/nowhere/x"]}]

    data = signed(json.dumps(value).encode())

    assert refusal(built(), packed(), layout=data).code == "layout-invalid"


@dataclass(frozen=True, slots=True)
class _Sublayout:
    """A layout in a link's place, as another kind of predicate would be."""


def test_a_layout_in_a_links_place_is_no_link() -> None:
    other = replace(built(), predicate=_Sublayout())  # type: ignore[type-var]

    assert refusal(other, packed()).code == "link-missing"
