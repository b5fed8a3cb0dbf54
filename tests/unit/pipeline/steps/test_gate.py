import pytest

from miniseal.formats.errors import VerificationError
from miniseal.formats.predicates.vulns import Finding, Vulns
from miniseal.pipeline.steps.gate import gate
from miniseal.pipeline.trivy.run import Secret

TIME = "2026-11-21T00:00:00Z"


def _scan(*severities: str) -> Vulns:
    return Vulns(
        scanner_uri="pkg:generic/trivy@0.76.0",
        database_updated=TIME,
        started_on=TIME,
        finished_on=TIME,
        findings=tuple(
            Finding(id=f"CVE-{number}", severity=severity)
            for number, severity in enumerate(severities)
        ),
    )


def test_nothing_found_passes_every_check() -> None:
    checks = gate(_scan(), (), fail_on="high", rebuilt=True)

    assert checks.passed == ("coverage", "rebuild", "secrets")
    assert checks.warned == ()


def test_what_was_not_built_is_warned_about_and_not_passed() -> None:
    checks = gate(_scan(), (), fail_on="high", rebuilt=False)

    assert checks.passed == ("coverage", "secrets")
    assert checks.warned == ("rebuild",)


def test_findings_below_the_threshold_pass() -> None:
    assert gate(_scan("medium", "low"), (), fail_on="high", rebuilt=True).failed == ()


@pytest.mark.parametrize("severity", ["high", "critical", "unknown"])
def test_findings_at_the_threshold_or_unknown_are_refused(severity: str) -> None:
    with pytest.raises(VerificationError, match="threshold") as error:
        gate(_scan("low", severity), (), fail_on="high", rebuilt=True)

    assert error.value.code == "vulnerability-threshold"


def test_a_secret_is_refused_without_showing_it() -> None:
    secret = Secret(target="source:src/key.ts", line=3, rule="github-pat", severity="critical")

    with pytest.raises(VerificationError, match="1 possible secret") as error:
        gate(_scan(), (secret,), fail_on="high", rebuilt=True)

    assert error.value.code == "secret-found"
    assert error.value.found == "github-pat in source:src/key.ts line 3"
