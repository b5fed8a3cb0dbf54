from dataclasses import replace
from itertools import permutations

import pytest

from kit.evidence import collected, policy, said
from miniseal.formats.errors import VerificationError
from miniseal.formats.predicates.provenance import Provenance
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.predicates.test_result import TestResult
from miniseal.verifier.checks.rebuilders import check_rebuilders
from miniseal.verifier.evidence import Evidence
from miniseal.verifier.policy.model import Provenance as Provenancing
from miniseal.verifier.policy.model import Rebuilders

OWN = "https://acme.example/builder"
ONE = "https://one.example/builder"
TWO = "https://two.example/builder"
SHARED = "https://shared.example/builder"
FIRST = "https://first.example/builder"
SECOND = "https://second.example/builder"
POLICY = policy(
    {
        "acme": ["acme"],
        "one": ["one"],
        "two": ["two"],
        "twin": ["acme"],
        "pair": ["left", "right"],
        "both": ["one", "other"],
        "duo": ["left", "right"],
    },
    {
        OWN: ["acme", "one"],
        ONE: ["one", "twin", "pair", "both"],
        TWO: ["two", "one", "twin", "both"],
        SHARED: ["one", "two"],
        FIRST: ["one", "duo"],
        SECOND: ["both", "duo"],
    },
    thresholds={"pair": 2},
)
NAMESPACE = POLICY.namespaces[0]


def built(builder: str, key: str, *signers: str) -> Evidence[Provenance]:
    made = Provenance(build_type="https://build.example/type", builder_id=builder)
    return said(made, key, *signers)


def failed(
    key: str, *, result: str = "FAILED", tests: tuple[str, ...] = ("rebuild",)
) -> Evidence[TestResult]:
    made = TestResult(
        result=result,
        configuration=(Resource(uri="https://one.example/rebuild"),),
        failed=tests,
    )
    return said(made, key)


def check(
    *evidence: Evidence[object], agree: int = 1, signers: tuple[str, ...] = ("one", "two")
) -> tuple[Evidence[object], ...]:
    rule = Rebuilders(signers=signers, agree=agree)
    return check_rebuilders(rule, collected(*evidence), POLICY, NAMESPACE)


def refused(
    *evidence: Evidence[object], agree: int = 1, signers: tuple[str, ...] = ("one", "two")
) -> VerificationError:
    with pytest.raises(VerificationError) as error:
        check(*evidence, agree=agree, signers=signers)
    return error.value


PUBLISHED = built(OWN, "acme")


def test_a_rebuild_by_somebody_else_is_enough() -> None:
    again = built(ONE, "one")

    assert check(PUBLISHED, again) == (again,)


def test_two_rebuilders_with_builders_of_their_own_are_two() -> None:
    evidence = (built(ONE, "one"), built(TWO, "two"))

    assert check(PUBLISHED, *evidence, agree=2) == evidence


def test_none_is_too_few() -> None:
    error = refused(PUBLISHED)

    assert error.code == "rebuilds-missing"
    assert error.found == "0"


def test_one_rebuilder_is_one_however_many_builders_it_has() -> None:
    error = refused(built(ONE, "one"), built(TWO, "one"), agree=2)

    assert error.code == "rebuilds-missing"
    assert error.found == "1"


def test_two_rebuilders_with_one_builder_are_one() -> None:
    error = refused(built(TWO, "one"), built(TWO, "two"), agree=2)

    assert error.code == "rebuilds-missing"


def test_two_names_for_one_key_are_one() -> None:
    evidence = (built(ONE, "one", "one", "both"), built(TWO, "one", "one", "both"))

    assert refused(*evidence, agree=2, signers=("one", "both")).code == "rebuilds-missing"


def test_two_names_for_one_key_are_one_also_with_a_builder_for_each() -> None:
    evidence = (built(FIRST, "one", "one", "both"), built(SECOND, "one", "one", "both"))

    error = refused(*evidence, agree=2, signers=("one", "both"))

    assert error.code == "rebuilds-missing"
    assert error.found is not None
    assert error.found.startswith("1;")


def test_two_keys_of_one_signer_are_one() -> None:
    evidence = (built(FIRST, "left", "duo"), built(SECOND, "right", "duo"))

    assert refused(*evidence, agree=2, signers=("duo",)).code == "rebuilds-missing"


@pytest.mark.parametrize("order", tuple(permutations(range(3))))
def test_what_is_joined_by_a_third_is_one(order: tuple[int, ...]) -> None:
    evidence = (built(SHARED, "one"), built(TWO, "one"), built(SHARED, "two"))

    error = refused(*(evidence[index] for index in order), agree=2)

    assert error.code == "rebuilds-missing"
    assert error.found == "1"


def test_a_publishers_key_under_another_name_is_a_publishers() -> None:
    error = refused(built(ONE, "acme", "twin"), signers=("twin",))

    assert error.code == "rebuilds-missing"
    assert error.found == "0; twin signs with a publisher's key"


def test_the_publishers_builder_is_no_rebuilders() -> None:
    error = refused(PUBLISHED, built(OWN, "one"))

    assert error.code == "rebuilds-missing"
    assert error.found == "0; one used the publisher's builder"


def test_the_policy_has_to_know_the_builder_as_that_signers() -> None:
    error = refused(built(ONE, "two"))

    assert error.code == "rebuilds-missing"
    assert error.found == f"0; the policy knows no builder {ONE} of two"


def test_nobody_else_rebuilds_for_the_rule() -> None:
    assert refused(built(ONE, "one"), signers=("two",)).code == "rebuilds-missing"


def test_a_threshold_wants_distinct_keys_for_one_builder() -> None:
    left, right = built(ONE, "left", "pair"), built(ONE, "right", "pair")

    assert refused(left, signers=("pair",)).found == "0; too few keys of pair have signed"
    assert check(left, right, signers=("pair",)) == (left, right)


def test_one_mismatch_outweighs_every_agreement() -> None:
    evidence = (built(ONE, "one"), built(TWO, "two"), failed("two"))

    error = refused(*evidence)

    assert error.code == "rebuild-mismatch"


@pytest.mark.parametrize(
    ("result", "tests"),
    [("FAILED", ()), ("WARNED", ("rebuild",)), ("FAILED", ("else", "rebuild"))],
)
def test_a_failure_that_may_be_the_rebuild_is_a_mismatch(
    result: str, tests: tuple[str, ...]
) -> None:
    evidence = (built(ONE, "one"), failed("two", result=result, tests=tests))

    assert refused(*evidence).code == "rebuild-mismatch"


def test_another_failure_is_not_a_mismatch() -> None:
    evidence = (built(ONE, "one"), failed("two", tests=("spelling",)))

    assert len(check(*evidence)) == 1


def test_a_mismatch_by_somebody_else_changes_nothing() -> None:
    again = built(ONE, "one")

    assert check(again, failed("two"), signers=("one",)) == (again,)


def test_the_builder_of_who_built_it_for_the_publisher_rebuilds_nothing() -> None:
    require = replace(NAMESPACE.require, provenance=Provenancing(signers=("two",)))
    namespace = replace(NAMESPACE, require=require)
    evidence = collected(built(SHARED, "two"), built(SHARED, "one"))
    rule = Rebuilders(signers=("one",), agree=1)

    with pytest.raises(VerificationError) as error:
        check_rebuilders(rule, evidence, POLICY, namespace)

    assert error.value.code == "rebuilds-missing"
