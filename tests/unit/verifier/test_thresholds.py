import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.packages import NOW, scan
from miniseal.formats.errors import MinisealError
from miniseal.formats.predicates.vulns import Vulns
from miniseal.verifier.thresholds import (
    SEVERITIES,
    check_age,
    check_licenses,
    check_severity,
    exceeding,
    rank,
    scanned,
)

DAY = 86_400


def made(*findings: tuple[str, str], finished: int = NOW, updated: int | None = None) -> Vulns:
    return Vulns.from_json(scan(findings, finished=finished, updated=updated)[1])


def test_severities_are_ordered_and_the_unknown_is_critical() -> None:
    assert sorted(SEVERITIES, key=rank) == list(SEVERITIES)
    assert rank("unknown") == rank("anything") == rank("critical")


def test_what_reaches_the_threshold_is_found_worst_first() -> None:
    found = made(("C", "high"), ("A", "low"), ("B", "unknown"), ("D", "critical"))

    assert [each.id for each in exceeding(found.findings, "high")] == ["B", "D", "C"]


@pytest.mark.parametrize(("severity", "fail_on"), [("high", "high"), ("critical", "high")])
def test_the_threshold_itself_fails(severity: str, fail_on: str) -> None:
    with pytest.raises(MinisealError, match="CVE-1") as error:
        check_severity(made(("CVE-1", severity)), fail_on)

    assert error.value.code == "vulnerability-threshold"


def test_below_the_threshold_passes() -> None:
    check_severity(made(("CVE-1", "medium"), ("CVE-2", "low")), "high")


@given(st.sampled_from(SEVERITIES))
def test_an_unknown_severity_fails_at_every_threshold(fail_on: str) -> None:
    with pytest.raises(MinisealError):
        check_severity(made(("CVE-1", "unknown")), fail_on)


def test_a_scan_ages_from_the_earlier_of_its_end_and_its_database() -> None:
    assert scanned(made(finished=NOW, updated=NOW - DAY)) == NOW - DAY
    assert scanned(made(finished=NOW - DAY, updated=NOW)) == NOW - DAY


def test_a_scan_holds_until_its_age_is_reached() -> None:
    assert check_age(made(finished=NOW - DAY), 2 * DAY, NOW) == NOW + DAY
    with pytest.raises(MinisealError) as error:
        check_age(made(finished=NOW - 2 * DAY), 2 * DAY, NOW)
    assert error.value.code == "scan-stale"


@pytest.mark.parametrize("name", ["finished", "updated"])
def test_five_minutes_of_future_are_accepted_and_no_more(name: str) -> None:
    times = {"finished": NOW, "updated": NOW}

    check_age(made(**{**times, name: NOW + 300}), DAY, NOW)
    with pytest.raises(MinisealError) as error:
        check_age(made(**{**times, name: NOW + 301}), DAY, NOW)
    assert error.value.code == "scan-from-future"


def test_a_denied_licence_is_refused_with_the_part_that_has_it() -> None:
    parts = [("left", ("MIT",)), ("right", ("MIT", "Apache-2.0 AND GPL-2.0-only"))]

    with pytest.raises(MinisealError, match="right is under a denied licence") as error:
        check_licenses(parts, ("GPL-*",))

    assert error.value.code == "license-denied"
    assert error.value.found == "GPL-2.0-only in Apache-2.0 AND GPL-2.0-only"


@pytest.mark.parametrize("licenses", [(), ("NOASSERTION",), ("see the file COPYING",)])
def test_an_unknown_licence_is_refused_where_it_is_asked_for(licenses: tuple[str, ...]) -> None:
    check_licenses([("left", licenses)], ("GPL-*",))

    with pytest.raises(MinisealError, match="no known licence") as error:
        check_licenses([("left", licenses)], (), unknown=False)

    assert error.value.code == "license-denied"


def test_one_known_licence_is_enough_to_be_known() -> None:
    check_licenses([("left", ("see COPYING", "MIT"))], (), unknown=False)
