import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniseal.formats.errors import FormatError, MinisealError, UsageError
from miniseal.formats.manifest import (
    MANIFEST_LIMIT,
    MiniAppManifest,
    Permission,
    check_app_id,
    check_permission_name,
    check_version_code,
    check_version_name,
)
from miniseal.formats.members import Members
from miniseal.formats.package import PACKAGE_MALFORMED

MINIMAL = {
    "app_id": "com.acme.tip",
    "name": "Tip",
    "version": {"code": 3, "name": "1.2.0"},
    "platform_version": {"min_code": 1},
}


def read(**members: object) -> MiniAppManifest:
    return MiniAppManifest.from_bytes(json.dumps(MINIMAL | members).encode())


def refused(**members: object) -> UsageError:
    with pytest.raises(UsageError) as error:
        read(**members)

    assert error.value.code == "manifest-invalid"
    return error.value


def test_reads_a_headless_manifest() -> None:
    manifest = read()

    assert (manifest.app_id, manifest.name) == ("com.acme.tip", "Tip")
    assert (manifest.version_code, manifest.version_name) == (3, "1.2.0")
    assert manifest.platform_min_code == 1
    assert manifest.req_permissions == ()


def test_keeps_every_member_as_the_author_wrote_it() -> None:
    window = {"navigation_bar_title_text": "Tip", "fullscreen": True}

    assert read(window=window, pages=["pages/index"]).members["window"] == window


def test_reads_permissions_in_the_authors_order() -> None:
    manifest = read(req_permissions=[{"name": "network"}, {"name": "camera", "reason": "scans"}])

    assert manifest.req_permissions == (
        Permission(name="network", reason=None),
        Permission(name="camera", reason="scans"),
    )


@pytest.mark.parametrize("name", sorted(MINIMAL))
def test_refuses_a_manifest_without(name: str) -> None:
    data = json.dumps({key: value for key, value in MINIMAL.items() if key != name}).encode()

    with pytest.raises(UsageError, match=name) as error:
        MiniAppManifest.from_bytes(data)

    assert error.value.code == "manifest-invalid"


@pytest.mark.parametrize(
    "members",
    [
        {"miniseal": {}},
        {"permissions": []},
        {"version": {"code": 1, "name": "1.0.0", "date": "today"}},
        {"platform_version": {"min_code": 1, "max_code": 2}},
        {"req_permissions": [{"name": "storage", "always": True}]},
    ],
)
def test_refuses_an_unknown_member(members: dict[str, object]) -> None:
    assert "unknown member" in refused(**members).message


@pytest.mark.parametrize(
    "members",
    [
        {"name": 1},
        {"name": ""},
        {"lang": ["en"]},
        {"pages": {}},
        {"window": []},
        {"version": "1.2.0"},
        {"platform_version": {"min_code": "1"}},
        {"platform_version": {"min_code": True}},
        {"req_permissions": ["storage"]},
        {"req_permissions": [{"name": "storage", "reason": None}]},
    ],
)
def test_refuses_a_member_of_the_wrong_kind(members: dict[str, object]) -> None:
    refused(**members)


def test_refuses_a_permission_asked_for_twice() -> None:
    assert refused(req_permissions=[{"name": "storage"}, {"name": "storage"}]).found == "storage"


@pytest.mark.parametrize("text", ["Tip\x1b[2J", "Tip\nTop", "\u202etip", "Tip\x00", "a\u2028b"])
def test_refuses_a_name_that_a_terminal_would_act_on(text: str) -> None:
    refused(name=text)
    refused(req_permissions=[{"name": "storage", "reason": text}])


@pytest.mark.parametrize("text", ["com.acme", "a.b", "com.acme-x.tip2", "c-.a-", "a." + "b" * 253])
def test_accepts_the_app_id(text: str) -> None:
    assert check_app_id(text) == text


@pytest.mark.parametrize(
    "value",
    [
        *("tip", "", ".com", "com.", "com..acme", "Com.acme", "com.1acme", "com.-acme", "com_a.b"),
        *("com.acme/../x", "com.acme\n", "com.acmé", "\u0441om.acme", "a." + "b" * 254, None, 7),
    ],
)
def test_refuses_the_app_id(value: object) -> None:
    with pytest.raises(UsageError) as error:
        check_app_id(value)

    assert error.value.code == "manifest-invalid"


@pytest.mark.parametrize(
    "text", ["1.2.3", "0.0.0", "1.0.0-rc.1", "1.0.0-wasm.1", "1.0.0-a-b", "1.0.0-" + "x" * 94]
)
def test_accepts_the_version_name(text: str) -> None:
    assert check_version_name(text) == text


@pytest.mark.parametrize(
    "value",
    [
        *("1.2.3-wasm", "1.2.3-image", "1.2.3-rc-wasm", "1.2.3+build.5", "1.2.3-rc+b", "1.2"),
        *("v1.2.3", "01.2.3", "1.2.3-01", "1.2.3-", "1.2.3\n", "1.2.٣", "", None, 1),
        "1.0.0-" + "x" * 95,
    ],
)
def test_refuses_the_version_name(value: object) -> None:
    with pytest.raises(UsageError) as error:
        check_version_name(value)

    assert error.value.code == "manifest-invalid"


@pytest.mark.parametrize("value", [1, 2**53 - 1])
def test_accepts_the_version_code(value: int) -> None:
    assert check_version_code(value) == value


@pytest.mark.parametrize("value", [0, -1, 2**53, True, "1", 1.0, None])
def test_refuses_the_version_code(value: object) -> None:
    with pytest.raises(UsageError) as error:
        check_version_code(value)

    assert error.value.code == "manifest-invalid"


@pytest.mark.parametrize("text", ["", "1storage", "a b", "a\n", "é", "a" * 129])
def test_refuses_the_permission_name(text: str) -> None:
    with pytest.raises(UsageError) as error:
        check_permission_name(text)

    assert error.value.code == "manifest-invalid"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b'{"app_id":"a.b","app_id":"a.c"}',
        b'{"version":{"code":1e400}}',
        b'{"version":{"code":' + b"9" * 5000 + b"}}",
        b"[" * 100_000,
        b" " * (MANIFEST_LIMIT + 1),
    ],
    ids=["empty", "list", "not-utf8", "twice", "float", "huge-number", "deep", "too-large"],
)
def test_refuses_what_is_not_strict_json(data: bytes) -> None:
    with pytest.raises(UsageError) as error:
        MiniAppManifest.from_bytes(data)

    assert error.value.code == "manifest-invalid"


def test_errors_carry_the_code_of_whoever_reads() -> None:
    with pytest.raises(FormatError) as error:
        MiniAppManifest.from_members(Members({"app_id": "x"}, "config", PACKAGE_MALFORMED))

    assert error.value.code == "package-malformed"


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*MINIMAL, "req_permissions", "pages", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["name", "code", "min_code", "reason"]), inner)
            ),
            max_leaves=6,
        ),
    )
)
def test_reading_ends_in_a_manifest_or_in_a_refusal(members: dict[str, object]) -> None:
    try:
        manifest = MiniAppManifest.from_bytes(json.dumps(MINIMAL | members).encode())
    except MinisealError as error:
        assert error.code == "manifest-invalid"  # noqa: PT017 - either end is right
    else:
        assert check_app_id(manifest.app_id)
