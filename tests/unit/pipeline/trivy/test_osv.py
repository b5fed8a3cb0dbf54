import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.formats.errors import MinisealError
from miniseal.pipeline.trivy.osv import Advisory, Affected

VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
NAMES = ["id", "affected", "ranges", "events", "package", "severity", "aliases"]


def read(**changes: object) -> Advisory:
    advisory = {"id": "GHSA-1", "affected": [affected()]} | changes
    return Advisory.from_bytes(json.dumps(advisory).encode(), "a.json")


def affected(
    events: object = None, *, ecosystem: str = "npm", name: str = "left-pad", **more: object
) -> dict[str, object]:
    ranges = [{"type": "SEMVER", "events": events or [{"introduced": "0"}, {"fixed": "1.2.6"}]}]
    return {"package": {"ecosystem": ecosystem, "name": name}, "ranges": ranges} | more


@pytest.mark.parametrize(
    ("events", "vulnerable", "patched"),
    [
        ([{"introduced": "0"}, {"fixed": "1.2"}], ("<1.2",), ("1.2",)),
        ([{"introduced": "1.0"}, {"fixed": "1.2"}], (">=1.0, <1.2",), ("1.2",)),
        ([{"introduced": "1.0"}, {"last_affected": "1.2"}], (">=1.0, <=1.2",), ()),
        ([{"introduced": "0"}], (">=0",), ()),
        ([{"introduced": "2.0"}], (">=2.0",), ()),
        (
            [{"introduced": "0"}, {"fixed": "1"}, {"introduced": "2"}, {"fixed": "3"}],
            ("<1", ">=2, <3"),
            ("1", "3"),
        ),
        ([{"introduced": "1"}, {"introduced": "2"}, {"fixed": "3"}], (">=1", ">=2, <3"), ("3",)),
        ([{"introduced": "1"}, {"limit": "9"}], (">=1",), ()),
    ],
)
def test_events_become_constraints(
    events: object, vulnerable: tuple[str, ...], patched: tuple[str, ...]
) -> None:
    advisory = read(affected=[affected(events)])

    assert advisory.affected == (
        Affected(ecosystem="npm", package="left-pad", vulnerable=vulnerable, patched=patched),
    )


def test_a_cve_alias_names_the_vulnerability() -> None:
    assert read(aliases=["OTHER-1", "CVE-2026-2", "CVE-2026-1"]).vulnerability == "CVE-2026-1"
    assert read().vulnerability == "GHSA-1"


@pytest.mark.parametrize(
    ("ecosystem", "word"),
    [
        *(("npm", "npm"), ("PyPI", "pip"), ("crates.io", "cargo"), ("Go", "go")),
        *(("Maven", "maven"), ("Maven:https://repo.example/maven", "maven")),
    ],
)
def test_ecosystems_have_other_names_there(ecosystem: str, word: str) -> None:
    assert read(affected=[affected(ecosystem=ecosystem)]).affected[0].ecosystem == word


def test_other_ecosystems_and_commit_ranges_are_left_out() -> None:
    commits = affected()
    commits["ranges"] = [{"type": "GIT", "events": [{"introduced": "0"}]}]

    assert (
        read(affected=[affected(ecosystem="Hackage"), commits, {"versions": ["1"]}]).affected == ()
    )


def test_python_names_are_normalised() -> None:
    assert (
        read(affected=[affected(ecosystem="PyPI", name="My_Pkg")]).affected[0].package == "my-pkg"
    )


def test_versions_stand_in_where_there_are_no_ranges() -> None:
    listed = affected(ecosystem="PyPI", versions=["1.0", "1.1"])
    listed["ranges"] = []

    assert read(affected=[listed]).affected[0].vulnerable == ("==1.0", "==1.1")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"database_specific": {"severity": "MODERATE"}}, "medium"),
        ({"severity": [{"type": "CVSS_V3", "score": VECTOR}]}, "critical"),
        ({"severity": [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N"}]}, "unknown"),
        ({"database_specific": {"severity": 3}}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_severity_is_the_sources_word_or_the_score(changes: dict[str, object], word: str) -> None:
    assert read(**changes).severity == word


def test_a_withdrawn_advisory_says_so() -> None:
    assert read(withdrawn="2026-01-01T00:00:00Z").withdrawn
    assert not read().withdrawn


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": "a b"},
        {"id": "../x"},
        {"aliases": [1]},
        {"affected": "x"},
        {"affected": [affected([{"fixed": "1"}])]},
        {"affected": [affected([{"introduced": "0", "fixed": "1"}])]},
        {"affected": [affected([{"other": "0"}])]},
        {"affected": [affected([{"introduced": "0"}, {"fixed": "1, >0"}])]},
        {"affected": [affected([{"introduced": "1 || 2"}])]},
        {"affected": [{"package": {"ecosystem": "npm"}}]},
        {"affected": [{"package": {"ecosystem": "npm", "name": "a"}, "ranges": [{"type": 1}]}]},
    ],
)
def test_what_cannot_be_understood_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(MinisealError) as error:
        read(**changes)

    assert error.value.code == "advisory-malformed"
    assert "a.json" in error.value.message


JSON = st.recursive(
    st.none() | st.text() | st.integers(),
    lambda below: st.lists(below) | st.dictionaries(st.sampled_from(NAMES), below),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_advisory_or_malformed(data: bytes) -> None:
    try:
        Advisory.from_bytes(data, "a.json")
    except MinisealError as error:
        assert error.code == "advisory-malformed"  # noqa: PT017 - most inputs raise, some do not
