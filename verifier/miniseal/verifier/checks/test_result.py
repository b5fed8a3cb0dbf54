"""Test results: everything required has passed, and nothing has failed.

A test-result carries no time, so "latest" cannot be told from what is signed, and an order that a
store gives is a stranger's. The rule is therefore one that no order changes: a FAILED result, or a
failed test, by any authorised key refuses the package for good (the remedy is a new release), and
every name the policy requires has to be among the passed tests. A warning neither passes nor fails.
"""

from collections.abc import Callable

from miniseal.formats.errors import Code, VerificationError
from miniseal.formats.predicates.test_result import TestResult
from miniseal.verifier.checks.freshness import check_age, signed_at
from miniseal.verifier.checks.signer import rely
from miniseal.verifier.evidence import Collected, Evidence
from miniseal.verifier.policy.model import Checks
from miniseal.verifier.policy.policy import Policy

__all__ = ["TEST_FAILED", "TEST_MISSING", "check_results"]

TEST_FAILED = Code(
    "test-failed",
    VerificationError,
    meaning="an authorised test result says that a test of this package has failed",
    cause="the release was tested again, or in more depth, and did not pass",
    remedy="correct the program and release a new version",
)
TEST_MISSING = Code(
    "test-missing",
    VerificationError,
    meaning="a test that the policy requires is not said to have passed",
    cause="the release pipeline did not run it, or only warned",
    remedy="run the test that the message names, and attach its result",
)


def check_results(
    rule: Checks, collected: Collected, policy: Policy, now: int
) -> tuple[Evidence[TestResult], ...]:
    """The results that the admission rests on.

    Raises:
        VerificationError: `test-failed`, `test-missing`, as `freshness.check_age`, or as
            `checks.signer.rely`.
    """
    for evidence in collected.by(TestResult, rule.signers):
        _check_failures(evidence.predicate)
    relied: dict[str, Evidence[TestResult]] = {}
    for name in rule.passed:
        accept = _passing(name, rule.max_age, now)
        for evidence in rely(collected, TestResult, rule.signers, policy, accept):
            relied[evidence.bundle] = evidence
    return tuple(relied.values())


def _check_failures(result: TestResult) -> None:
    if result.result == "FAILED" or result.failed:
        raise TEST_FAILED(
            "a test has failed",
            found=", ".join(result.failed)[:200] or result.result,
            expected="no failure",
        )


def _passing(
    name: str, max_age: str | None, now: int
) -> Callable[[Evidence[TestResult], str], None]:
    """What accepts a result that says that the test `name` has passed."""

    def accept(evidence: Evidence[TestResult], signer: str) -> None:
        if name not in evidence.predicate.passed:
            raise TEST_MISSING(
                f"no result by {signer} says that {name} has passed",
                found=", ".join(evidence.predicate.passed)[:200] or "nothing",
                expected=name,
            )
        check_age(signed_at(evidence), max_age, now)

    return accept
