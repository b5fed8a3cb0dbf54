import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.formats.errors import MinisealError
from miniseal.pipeline.trivy.bills import BILL_LIMIT, BILLS_MOST, bills, purls

CDX = {
    "bomFormat": "CycloneDX",
    "components": [
        {"name": "a", "purl": "pkg:npm/a@1", "components": [{"name": "b", "purl": "pkg:npm/b@1"}]},
        {"name": "nameless"},
    ],
}
SPDX = {
    "spdxVersion": "SPDX-2.3",
    "packages": [
        {
            "name": "a",
            "externalRefs": [
                {"referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a:a"},
                {"referenceType": "purl", "referenceLocator": "pkg:npm/a@1"},
            ],
        },
        {"name": "b"},
    ],
}
TAGS = """\
SPDXVersion: SPDX-2.3
PackageName: a
ExternalRef: PACKAGE-MANAGER purl pkg:npm/a@1
ExternalRef: SECURITY cpe23Type cpe:2.3:a:a
ExternalRef: PACKAGE_MANAGER purl pkg:npm/b@1
"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.cdx.json", b""),
        ("a.cdx", b""),
        ("A.SPDX.JSON", b""),
        ("a.spdx", b""),
        ("a.cdx.xml", b""),
        ("bom.json", b'{ "bomFormat" : "CycloneDX" }'),
        ("app-sbom.json", b'{"spdxVersion": "SPDX-2.3"}'),
        ("bom.xml", b'<bom xmlns="http://cyclonedx.org/schema/bom/1.6">'),
    ],
)
def test_a_bill_is_known_by_its_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / name).write_bytes(content)

    assert bills(tmp_path) == {f"deep/{name}": content}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bom.json", b'{"items": []}'),
        ("a.json", b'{"bomFormat": "CycloneDX"}'),
        ("cdx.json", b""),
        ("node_modules/a/a.cdx.json", b""),
    ],
)
def test_another_file_is_none(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(content)

    assert bills(tmp_path) == {}


def test_too_many_bills_are_refused(tmp_path: Path) -> None:
    for number in range(BILLS_MOST + 1):
        (tmp_path / f"{number}.cdx.json").touch()

    with pytest.raises(MinisealError) as error:
        bills(tmp_path)

    assert error.value.code == "scan-incomplete"


def test_a_bill_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.cdx.json").open("wb") as file:
        file.truncate(BILL_LIMIT + 1)

    with pytest.raises(MinisealError) as error:
        bills(tmp_path)

    assert error.value.code == "scan-incomplete"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (json.dumps(CDX).encode(), ["pkg:npm/a@1", "pkg:npm/b@1"]),
        (json.dumps(SPDX).encode(), ["pkg:npm/a@1"]),
        (TAGS.encode(), ["pkg:npm/a@1", "pkg:npm/b@1"]),
        (b'{"bomFormat": "CycloneDX"}', []),
        (b'{"bomFormat": "CycloneDX", "components": [1, {"purl": 2}]}', []),
    ],
)
def test_every_package_url_is_read(data: bytes, found: list[str]) -> None:
    assert purls(data, "a bill") == found


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"<bom/>", b'{"bomFormat": "Other"}', b"\xff"])
def test_what_is_no_bill_is_refused(data: bytes) -> None:
    with pytest.raises(MinisealError) as error:
        purls(data, "a bill")

    assert error.value.code == "scan-incomplete"


MEMBERS = ["bomFormat", "components", "purl", "spdxVersion", "packages", "externalRefs"]
JSON = st.recursive(
    st.none() | st.sampled_from(["CycloneDX", "purl"]) | st.integers(),
    lambda below: st.lists(below) | st.dictionaries(st.sampled_from(MEMBERS), below),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(st.binary() | st.builds(lambda value: json.dumps(value).encode(), JSON))
def test_any_bytes_are_a_bill_or_refused(data: bytes) -> None:
    try:
        found = purls(data, "a bill")
    except MinisealError as error:
        assert error.code == "scan-incomplete"  # noqa: PT017 - most inputs raise, some do not
    else:
        assert all(isinstance(url, str) for url in found)
