from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.packages import NOW, package
from miniseal.formats.predicates.openvex import (
    Component,
    Document,
    Product,
    Statement,
    Vulnerability,
)
from miniseal.formats.predicates.vulns import Finding, Vulns
from miniseal.formats.times import to_text
from miniseal.verifier.vex import NO_FIX, Identity, Said, Suppressed, Vex, weigh

DIGEST = "sha256:" + "ab" * 32
OTHER = "cd" * 32
TIP = Identity(app_id="com.acme.tip", version="1.0.0", digest=DIGEST)
LEFT = "pkg:npm/left@1.0.0"
FINDING = Finding(
    id="CVE-1", severity="high", package=LEFT, installed="1.0.0", source="source:package-lock.json"
)


def statement(
    status: str = "not_affected", *products: Product, at: int = NOW - 60, **more: Any
) -> Statement:
    if status == "not_affected":
        more = {"justification": "vulnerable_code_not_present", **more}
    more = {"vulnerability": Vulnerability(name="CVE-1"), **more}
    return Statement(status=status, products=products, timestamp=to_text(at), **more)


def document(*statements: Statement, **more: Any) -> Document:
    parts = {"id": "https://vex.example/1", "author": "a", "version": 1, **more}
    return Document(timestamp=to_text(NOW - 3600), statements=statements, **parts)


def said(*statements: Statement, key: str = "k1", signer: str = "team", **more: Any) -> Said:
    return Said(
        document=document(*statements, **more),
        signers=frozenset({signer}),
        key=key,
        bundle=f"bundle-{key}",
    )


def judged(
    *everything: Said, finding: Finding = FINDING, identity: Identity = TIP, **thresholds: int
) -> Suppressed | None:
    vex = Vex.of(everything, identity, thresholds=thresholds or {"team": 1}, now=NOW)
    return vex.judge(finding)


def suppresses(product: Product, finding: Finding = FINDING, identity: Identity = TIP) -> bool:
    return judged(said(statement("fixed", product)), finding=finding, identity=identity) is not None


def test_what_is_suppressed_says_why_and_who_says_so() -> None:
    found = judged(said(statement("not_affected", Product(id=LEFT), impact_statement="cut out")))

    assert found == Suppressed(
        finding=FINDING,
        reason="not_affected",
        justification="vulnerable_code_not_present",
        impact_statement="cut out",
        since="2026-11-21T11:59:00Z",
        documents=("https://vex.example/1",),
        signers=("team",),
        bundles=("bundle-k1",),
    )
    assert found.to_json() == {
        "vulnerability": "CVE-1",
        "severity": "high",
        "package": LEFT,
        "source": "source:package-lock.json",
        "reason": "not_affected",
        "justification": "vulnerable_code_not_present",
        "impact_statement": "cut out",
        "since": "2026-11-21T11:59:00Z",
        "documents": ["https://vex.example/1"],
        "signers": ["team"],
        "bundles": ["bundle-k1"],
    }


@pytest.mark.parametrize(
    ("status", "suppressed"),
    [
        ("not_affected", True),
        ("fixed", True),
        ("affected", False),
        ("under_investigation", False),
    ],
)
def test_two_statuses_suppress(status: str, suppressed: bool) -> None:
    assert (judged(said(statement(status, Product(id=LEFT)))) is not None) is suppressed


@pytest.mark.parametrize(
    "vulnerability",
    [
        Vulnerability(name="CVE-1"),
        Vulnerability(name="GHSA-1", aliases=("CVE-0", "CVE-1")),
        Vulnerability(name="GHSA-1", id="CVE-1"),
    ],
)
def test_a_vulnerability_goes_by_any_of_its_names(vulnerability: Vulnerability) -> None:
    assert judged(said(statement("fixed", vulnerability=vulnerability))) is not None


@pytest.mark.parametrize("name", ["CVE-10", "CVE-", "cve-1", "CVE-1 "])
def test_another_vulnerability_is_not_it(name: str) -> None:
    assert judged(said(statement("fixed", vulnerability=Vulnerability(name=name)))) is None


@pytest.mark.parametrize(
    "product",
    [
        Product(id=LEFT),
        Product(id="pkg:npm/left"),
        Product(identifiers={"purl": LEFT}),
        Product(id="https://example.org/left", identifiers={"purl": LEFT}),
        Product(id=LEFT, hashes={"sha-256": OTHER}),
    ],
)
def test_a_component_goes_by_its_package_url(product: Product) -> None:
    assert suppresses(product)


@pytest.mark.parametrize(
    "product",
    [
        Product(id="pkg:npm/left@1.0.1"),
        Product(id="pkg:npm/left@1.0"),
        Product(id="pkg:npm/right@1.0.0"),
        Product(id="pkg:pypi/left@1.0.0"),
        Product(id="pkg:npm/%40acme/left@1.0.0"),
        Product(id="pkg:npm/left@1.0.0?arch=arm64"),
        Product(id="left"),
        Product(hashes={"sha-256": "ab" * 32}, subcomponents=(Component(id="pkg:npm/right"),)),
        Product(),
    ],
)
def test_another_component_is_not_it(product: Product) -> None:
    assert not suppresses(product)


def test_what_is_said_of_a_component_inside_another_product_is_not_about_this_one() -> None:
    inside = Product(id="pkg:npm/frame@2.0.0", subcomponents=(Component(id=LEFT),))

    assert not suppresses(inside)
    assert not suppresses(replace(inside, id=LEFT))


def test_qualifiers_of_what_was_found_do_not_matter_unless_they_are_asked_for() -> None:
    linux = replace(FINDING, package=f"{LEFT}?os=linux")

    assert suppresses(Product(id=LEFT), linux)
    assert suppresses(Product(id=f"{LEFT}?os=linux"), linux)
    assert not suppresses(Product(id=f"{LEFT}?os=wasi"), linux)


def test_the_installed_version_stands_in_for_one_that_the_package_url_lacks() -> None:
    bare = replace(FINDING, package="pkg:npm/left")

    assert suppresses(Product(id=LEFT), bare)
    assert not suppresses(Product(id=LEFT), replace(bare, installed="2.0.0"))
    assert not suppresses(Product(id=LEFT), replace(bare, installed=None))


@pytest.mark.parametrize(
    "product",
    [
        Product(id="com.acme.tip"),
        Product(id="pkg:generic/com.acme.tip"),
        Product(id="pkg:generic/com.acme.tip@1.0.0"),
        Product(id=DIGEST),
        Product(id=f"pkg:oci/tip@{DIGEST}?repository_url=registry.example/acme/tip"),
        Product(identifiers={"purl": "pkg:oci/anything@sha256%3A" + "ab" * 32}),
        Product(id="https://example.org/tip", hashes={"sha-256": "ab" * 32}),
    ],
)
def test_a_package_goes_by_its_app_id_its_version_or_its_digest(product: Product) -> None:
    left, right = Component(id=LEFT), Component(id="pkg:npm/right")

    assert suppresses(product)
    assert suppresses(replace(product, subcomponents=(right, left)))
    assert not suppresses(replace(product, subcomponents=(right,)))


@pytest.mark.parametrize(
    "product",
    [
        Product(id="com.acme.tipp"),
        Product(id="com.acme"),
        Product(id="pkg:generic/com.acme.tip@1.0.1"),
        Product(id="pkg:npm/com.acme.tip"),
        Product(id="pkg:generic/acme/com.acme.tip"),
        Product(id=f"sha256:{OTHER}"),
        Product(id=f"pkg:oci/com.acme.tip@sha256:{OTHER}"),
        Product(id="pkg:oci/com.acme.tip"),
        Product(id="com.acme.tip", hashes={"sha-256": OTHER}),
        Product(id="com.acme.tip", hashes={"sha-512": "ab" * 64}),
        Product(hashes={"md5": "ab" * 32}),
    ],
)
def test_another_package_or_another_version_is_not_it(product: Product) -> None:
    assert not suppresses(product)
    assert not suppresses(replace(product, subcomponents=(Component(id=LEFT),)))


def test_before_there_is_a_digest_no_digest_is_the_packages() -> None:
    unknown = replace(TIP, digest=None)

    assert suppresses(Product(id="com.acme.tip"), identity=unknown)
    assert not suppresses(Product(hashes={"sha-256": "ab" * 32}), identity=unknown)
    assert not suppresses(Product(id="pkg:oci/tip"), identity=unknown)
    assert not suppresses(Product(id=DIGEST), identity=unknown)


def test_a_packages_names_come_from_its_config() -> None:
    made = package()

    identity = Identity.of(made.config, made.digest)
    assert identity == Identity(app_id="com.acme.tip", version="1.0.0", digest=made.digest)


def test_without_products_a_statement_is_about_what_carries_it() -> None:
    assert judged(said(statement("fixed"))) is not None


def test_what_has_no_package_url_is_suppressed_with_the_whole_package_alone() -> None:
    nameless = replace(FINDING, package=None)

    assert suppresses(Product(id="com.acme.tip"), nameless)
    assert not suppresses(Product(id=LEFT), nameless)
    assert not suppresses(Product(id=LEFT), replace(FINDING, package="left 1.0.0"))


@pytest.mark.parametrize("status", ["affected", "under_investigation"])
def test_a_later_statement_takes_an_earlier_one_back(status: str) -> None:
    first = statement("not_affected", Product(id=LEFT), at=NOW - 60)
    whole = statement(status, Product(id="com.acme.tip"), at=NOW - 30)

    assert judged(said(first, whole)) is None
    assert judged(said(first), said(whole, key="k2", signer="other"), team=1, other=1) is None
    assert judged(said(replace(first, timestamp=to_text(NOW))), said(whole)) is not None


def test_of_two_statements_of_one_second_the_worse_decides() -> None:
    good, bad = statement("fixed"), statement("affected")

    for order in ((good, bad), (bad, good)):
        assert judged(said(*order)) is None
        assert judged(said(order[0]), said(order[1], key="k2")) is None


def test_a_statement_without_a_time_has_the_documents() -> None:
    old = replace(statement("affected"), timestamp=None)

    assert judged(said(old, statement("fixed", at=NOW - 3599))) is not None
    assert judged(said(old, statement("fixed", at=NOW - 3600))) is None


def test_the_future_suppresses_nothing_and_may_take_back() -> None:
    ahead = NOW + 301

    assert judged(said(statement("fixed", at=NOW + 300))) is not None
    assert judged(said(statement("fixed", at=ahead))) is None
    assert judged(said(statement("fixed"), statement("fixed", at=ahead))) is not None
    assert judged(said(statement("fixed"), statement("affected", at=ahead))) is None


def test_the_highest_version_of_a_document_stands_for_it() -> None:
    first = said(statement("fixed"))
    emptied = said(version=2)

    assert judged(first, emptied) is None
    assert judged(emptied, first) is None
    assert judged(first, said(version=2, id="https://vex.example/2")) is not None
    assert judged(first, said(version=2, key="k2")) is not None


def test_a_signer_without_a_say_suppresses_nothing() -> None:
    assert judged(said(statement("fixed"), signer="stranger")) is None


def test_so_many_keys_have_to_agree_as_the_signers_threshold_says() -> None:
    first, second = said(statement("fixed")), said(statement("fixed", at=NOW - 30), key="k2")
    against = said(statement("affected", at=NOW - 90), key="k2")

    assert judged(first, team=2) is None
    assert judged(first, said(statement("fixed"), id="https://vex.example/2"), team=2) is None
    assert judged(first, against, team=2) is None
    assert judged(first, replace(second, signers=frozenset({"x"})), team=2, x=2) is None
    found = judged(first, second, team=2)
    assert found is not None
    assert found.bundles == ("bundle-k1", "bundle-k2")


def scan(*findings: Finding) -> Vulns:
    time = to_text(NOW)
    return Vulns(
        scanner_uri="s", database_updated=time, findings=findings, started_on=time, finished_on=time
    )


def test_weighing_parts_what_counts_from_what_does_not() -> None:
    other = replace(FINDING, id="CVE-2")
    vex = Vex.of([said(statement("fixed"))], TIP, thresholds={"team": 1}, now=NOW)

    counted, suppressed = weigh(scan(FINDING, other), vex, fail_on="critical", ignore_unfixed=False)

    assert counted.findings == (other,)
    assert [each.finding for each in suppressed] == [FINDING]


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        pytest.param({}, False, id="no-fix"),
        pytest.param({"fixed": "1.0.1"}, True, id="a-fix"),
        pytest.param({"installed": None}, True, id="a-scanner-that-does-not-say"),
    ],
)
def test_what_nothing_mends_does_not_count_where_the_rule_says_so(
    change: dict[str, str], counts: bool
) -> None:
    finding = replace(FINDING, **change)
    silent = Vex.of([], TIP, thresholds={}, now=NOW)

    counted, suppressed = weigh(scan(finding), silent, fail_on="high", ignore_unfixed=True)

    assert bool(counted.findings) is counts
    assert [each.reason for each in suppressed] == ([] if counts else [NO_FIX])
    assert weigh(scan(finding), silent, fail_on="high", ignore_unfixed=False)[1] == ()


def test_what_has_no_fix_is_told_of_from_the_threshold_on() -> None:
    silent = Vex.of([], TIP, thresholds={}, now=NOW)

    counted, suppressed = weigh(scan(FINDING), silent, fail_on="critical", ignore_unfixed=True)

    assert (counted.findings, suppressed) == ((), ())


PRODUCTS = st.sampled_from(
    [
        *(Product(id=LEFT), Product(id="pkg:npm/right"), Product(id="com.acme.tip")),
        *(Product(id="com.acme.other"), Product()),
    ]
)
STATEMENTS = st.builds(
    statement,
    st.sampled_from(["not_affected", "affected", "fixed", "under_investigation"]),
    PRODUCTS,
    at=st.integers(NOW - 3, NOW + 400),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(STATEMENTS, max_size=6), st.randoms())
def test_the_order_of_statements_means_nothing(statements: list[Statement], rng: Any) -> None:
    before = judged(*(said(each) for each in statements))
    rng.shuffle(statements)

    after = judged(*(said(each) for each in statements))
    assert (before is None) == (after is None)


@settings(max_examples=200, deadline=None)
@given(st.lists(STATEMENTS, max_size=6))
def test_a_last_word_that_it_is_affected_holds(statements: list[Statement]) -> None:
    last = statement("affected", Product(id="com.acme.tip"), at=NOW + 500)

    assert judged(*(said(each) for each in [*statements, last])) is None
