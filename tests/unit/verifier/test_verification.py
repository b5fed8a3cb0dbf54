import pytest

from kit.evidence import collected, policy, said
from kit.packages import NOW
from miniseal.formats.errors import VerificationError
from miniseal.formats.predicates.resource import Resource
from miniseal.formats.predicates.vsa import Vsa
from miniseal.formats.times import to_text
from miniseal.verifier.checks.verification import Summarised, check_verification
from miniseal.verifier.evidence import Evidence
from miniseal.verifier.policy.model import SummaryVerifier, Verification

GATE = "https://gate.example/verifier"
OTHER = "https://other.example/verifier"
WHAT = "pkg:generic/com.acme.tip@1.0.0"
USED = "sha256:" + "ab" * 32
DAY = 86_400
POLICY = policy(
    {
        "acme": ["acme"],
        "gate": ["gate"],
        "other": ["other"],
        "twin": ["acme"],
        "pair": ["left", "right"],
        "solo": ["left", "third"],
    },
    {},
    thresholds={"pair": 2, "solo": 2},
)
RULE = Verification(
    verifiers=(
        SummaryVerifier(signer="gate", id=GATE),
        SummaryVerifier(signer="other", id=OTHER),
    ),
    max_age="7d",
    levels=("SLSA_BUILD_LEVEL_2",),
    policies=(USED,),
)


def summary(
    key: str = "gate",
    *signers: str,
    verifier: str = GATE,
    ago: int = 60,
    result: str = "PASSED",
    resource: str = WHAT,
    used: str = USED,
    levels: tuple[str, ...] = ("SLSA_BUILD_LEVEL_3",),
) -> Evidence[Vsa]:
    made = Vsa(
        verifier_id=verifier,
        verified_on=to_text(NOW - ago),
        resource_uri=resource,
        policy=Resource(digest={"sha256": used.removeprefix("sha256:")}),
        result=result,
        levels=levels if result == "PASSED" else ("FAILED",),
    )
    return said(made, key, *signers)


def check(*evidence: Evidence[object], rule: Verification = RULE) -> Summarised:
    found = collected(*evidence)
    return check_verification(rule, found, POLICY, POLICY.namespaces[0], resource=WHAT, now=NOW)


def refused(*evidence: Evidence[object], rule: Verification = RULE) -> VerificationError:
    with pytest.raises(VerificationError) as error:
        check(*evidence, rule=rule)
    return error.value


def rule_of(signer: str, *ids: str) -> Verification:
    verifiers = tuple(SummaryVerifier(signer=signer, id=each) for each in ids)
    return Verification(verifiers=verifiers, max_age="7d")


def test_a_summary_by_a_named_verifier_is_enough_until_it_is_too_old() -> None:
    said_so = summary(ago=DAY)

    assert check(said_so) == Summarised(evidence=(said_so,), end=NOW + 6 * DAY)


def test_there_has_to_be_one() -> None:
    assert refused().code == "attestation-missing"


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (summary(result="FAILED"), "summary-failed"),
        (summary(levels=("SLSA_BUILD_LEVEL_3", "FAILED")), "summary-failed"),
        (summary(ago=7 * DAY), "summary-stale"),
        (summary(ago=-301), "summary-from-future"),
        (summary(verifier=OTHER), "summary-verifier"),
        (summary("acme", "gate"), "summary-verifier"),
        (summary(resource="pkg:generic/com.acme.tip@1.0.1"), "summary-resource"),
        (summary(used="sha256:" + "cd" * 32), "summary-policy"),
        (summary(levels=("SLSA_BUILD_LEVEL_1",)), "summary-level"),
        (summary(levels=()), "summary-level"),
        (summary(levels=("SLSA_SOURCE_LEVEL_3",)), "summary-level"),
    ],
    ids=[
        "failed",
        "failed level",
        "old",
        "future",
        "another verifier",
        "a publisher's key",
        "another resource",
        "another policy",
        "level too low",
        "no level",
        "another track",
    ],
)
def test_what_does_not_meet_the_rule_is_refused(bad: Evidence[Vsa], code: str) -> None:
    assert refused(bad).code == code


def test_the_last_moment_counts_and_so_does_a_clock_a_little_ahead() -> None:
    assert check(summary(ago=7 * DAY - 1)).end == NOW + 1
    assert check(summary(ago=-300))


def test_where_the_rule_names_no_level_and_no_policy_any_will_do() -> None:
    assert check(summary(used="sha256:" + "cd" * 32, levels=()), rule=rule_of("gate", GATE))


def test_a_summary_that_names_no_digest_of_its_policy_is_by_another() -> None:
    made = Vsa(
        verifier_id=GATE,
        verified_on=to_text(NOW),
        resource_uri=WHAT,
        policy=Resource(uri="https://gate.example/policy"),
        result="PASSED",
        levels=("SLSA_BUILD_LEVEL_3",),
    )

    assert refused(said(made, "gate")).code == "summary-policy"


def test_a_later_failure_outvotes_an_earlier_pass_also_by_another_verifier() -> None:
    evidence = (summary(ago=100), summary("other", verifier=OTHER, ago=50, result="FAILED"))

    assert refused(*evidence).code == "summary-failed"


def test_a_later_pass_outvotes_an_earlier_failure() -> None:
    later = summary(ago=50)

    assert check(summary(ago=100, result="FAILED"), later).evidence == (later,)
    assert check(summary("other", verifier=OTHER, ago=100, result="FAILED"), later).evidence == (
        later,
    )


@pytest.mark.parametrize(
    "later",
    [
        summary(ago=50, resource="pkg:generic/com.acme.tip@1.0.1"),
        summary(ago=50, used="sha256:" + "cd" * 32),
        summary(ago=50, levels=("SLSA_BUILD_LEVEL_1",)),
    ],
    ids=["another resource", "another policy", "level too low"],
)
def test_a_later_pass_that_would_not_do_outvotes_no_failure(later: Evidence[Vsa]) -> None:
    good = summary("other", verifier=OTHER, ago=200)
    failure = summary(ago=100, result="FAILED")

    assert refused(good, failure, later).code == "summary-failed"


def test_an_old_failure_that_nothing_outvotes_refuses() -> None:
    evidence = summary(ago=400 * DAY, result="FAILED")

    assert refused(evidence).code == "summary-failed"


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_in_one_second_the_failure_counts(*, turned: bool) -> None:
    evidence = [summary(), summary(result="FAILED")]
    if turned:
        evidence.reverse()

    assert refused(*evidence).code == "summary-failed"


def test_a_summary_from_the_future_does_not_hide_a_failure() -> None:
    evidence = (summary(ago=-3600), summary(ago=60, result="FAILED"))

    assert refused(*evidence).code == "summary-from-future"


def test_a_key_that_failed_last_does_not_count_for_its_earlier_pass() -> None:
    evidence = (
        summary("left", "pair", ago=100),
        summary("left", "pair", ago=80, result="FAILED"),
        summary("right", "pair", ago=60),
    )

    assert refused(*evidence, rule=rule_of("pair", GATE)).code == "summary-failed"


def test_a_threshold_wants_distinct_keys() -> None:
    left, right = summary("left", "pair", ago=100), summary("right", "pair", ago=60)
    rule = rule_of("pair", GATE)

    assert refused(left, summary("left", "pair"), rule=rule).code == "threshold-unmet"
    both = check(left, right, rule=rule)
    assert len(both.evidence) == 2
    assert both.end == NOW - 100 + 7 * DAY


@pytest.mark.parametrize("turned", [False, True])
def test_of_one_key_that_said_both_in_one_second_the_failure_counts(*, turned: bool) -> None:
    left = [summary("left", "pair", ago=100), summary("left", "pair", ago=100, result="FAILED")]
    if turned:
        left.reverse()

    assert refused(*left, summary("right", "pair"), rule=rule_of("pair", GATE)).code == (
        "summary-failed"
    )


def test_a_key_of_two_signers_counts_for_the_one_whose_verifier_it_names() -> None:
    rule = Verification(
        verifiers=(
            SummaryVerifier(signer="pair", id=GATE),
            SummaryVerifier(signer="solo", id=OTHER),
        ),
        max_age="7d",
    )
    evidence = (
        summary("left", "pair", "solo", verifier=OTHER),
        summary("right", "pair", verifier=GATE),
    )

    assert refused(*evidence, rule=rule).code == "summary-verifier"


def test_a_failure_by_a_pair_that_the_rule_does_not_name_changes_nothing() -> None:
    evidence = (summary(), summary(verifier=OTHER, result="FAILED", ago=1))

    assert check(*evidence).evidence == (evidence[0],)


def test_a_publisher_under_another_name_does_not_verify_itself() -> None:
    error = refused(summary("acme", "twin"), rule=rule_of("twin", GATE))

    assert error.code == "summary-verifier"
    assert error.found == "signed with a publisher's key"


def test_one_signer_may_speak_for_several_verifiers_by_name() -> None:
    rule = rule_of("gate", GATE, OTHER)

    assert check(summary(verifier=OTHER), rule=rule)
